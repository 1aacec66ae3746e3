// SPDX-License-Identifier: GPL-2.0-only
/*
 * sectorio bios: large I/O of every size and alignment gives the same as one sector at a time,
 * however a bio has to be cut at the borders of healthy, remapped and lost sectors.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sectorio.h"

/* So far before and after an interesting sector I/O starts and ends. */
#define REACH 16u

static struct {
	struct device dev;
	uint64_t largest; /* sectors */
	bool writes;
	/* What single-sector reads say about the sectors [first, first + count). */
	uint64_t first, count;
	char *content;
	int *error;
	char *large; /* the buffer under test; with room to shift it */
	uint32_t generation;
	uint64_t ios, bad;
} bios = { .largest = MAX_IO / SECTOR };

static void complain(const char *what, uint64_t first, uint64_t count, uint64_t sector, int error)
{
	if (++bios.bad <= 20)
		printf("BAD %s of %llu+%llu: %s at sector %llu\n", what, (unsigned long long)first,
		       (unsigned long long)count, error ? strerrorname_np(error) : "other content",
		       (unsigned long long)sector);
}

static void learn(uint64_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i += bios.dev.unit) {
		uint64_t at = first - bios.first + i;

		bios.error[at] = read_sectors(&bios.dev, first + i, bios.dev.unit,
					      bios.content + at * SECTOR);
		for (unsigned j = 1; j < bios.dev.unit; j++)
			bios.error[at + j] = bios.error[at];
	}
}

static void try_read(uint64_t first, uint64_t count)
{
	/* The place in memory also decides how a bio is built: page borders fall differently. */
	char *data = bios.large + bios.ios % 8 * SECTOR;
	uint64_t at = first - bios.first;
	int error, want = 0;

	for (uint64_t i = 0; i < count && !want; i++)
		want = bios.error[at + i];
	bios.ios++;
	error = read_sectors(&bios.dev, first, count, data);
	if (!error != !want)
		complain("read", first, count, first, error);
	else if (!error)
		for (uint64_t i = 0; i < count; i++)
			if (memcmp(data + i * SECTOR, bios.content + (at + i) * SECTOR, SECTOR)) {
				complain("read", first, count, first + i, 0);
				break;
			}
}

/* One read within a block, which is never cut, against what must be there. */
static void read_back(uint64_t first, uint64_t count, uint64_t sector, uint64_t n)
{
	uint64_t at = sector - bios.first;
	int error, want = 0;

	for (uint64_t i = 0; i < n && !want; i++)
		want = bios.error[at + i];
	error = read_sectors(&bios.dev, sector, n, bios.large);
	if (!error != !want)
		complain("read after write", first, count, sector, error);
	else if (!error && memcmp(bios.large, bios.content + at * SECTOR, n * SECTOR))
		complain("read after write", first, count, sector, 0);
}

/*
 * A large write, then a look at it and around it: sector by sector where it begins and ends, in
 * between in blocks, for all of a block lies in one place.
 */
static void try_write(uint64_t first, uint64_t count)
{
	char *data = bios.large + bios.ios % 8 * SECTOR;
	uint64_t at = first - bios.first, end = first + count, unit = bios.dev.unit;
	int error;

	bios.ios++;
	stamp(data, first, count, ++bios.generation, 2);
	error = write_sectors(&bios.dev, first, count, data, false);
	if (error) {
		complain("write", first, count, first, error);
		learn(first, count);
		return;
	}
	memcpy(bios.content + at * SECTOR, data, count * SECTOR);
	memset(bios.error + at, 0, count * sizeof(*bios.error));
	if (first >= bios.first + unit)
		read_back(first, count, first - unit, unit);
	for (uint64_t s = first, n; s < end; s += n) {
		/* the first and the last sector, and the pieces of blocks between */
		n = s == first || s + unit == end ? unit : 8 - s % 8;
		if (s + unit < end && s + n > end - unit)
			n = end - unit - s;
		read_back(first, count, s, n);
	}
	if (end + unit <= bios.first + bios.count)
		read_back(first, count, end, unit);
}

static void try_one(uint64_t first, uint64_t count)
{
	if (first % bios.dev.unit || count % bios.dev.unit || !count || count > bios.largest ||
	    first < bios.first || first + count > bios.first + bios.count)
		return;
	if (bios.writes)
		try_write(first, count);
	else
		try_read(first, count);
}

static void around(uint64_t sector)
{
	uint64_t end = sector + 2 * bios.largest;

	bios.first = sector > bios.largest + REACH ? sector - bios.largest - REACH : 0;
	bios.first -= bios.first % 8;
	if (end > bios.dev.sectors)
		end = bios.dev.sectors;
	bios.count = end - bios.first;
	learn(bios.first, bios.count);
	/* Every small size at every alignment, from before the sector to behind it. */
	for (uint64_t count = 1; count <= 64; count++)
		for (uint64_t back = 0; back < REACH; back++)
			if (sector >= back)
				try_one(sector - back, count);
	/* Powers of two and their neighbours, starting before, ending behind, or across. */
	for (uint64_t power = 128; power <= bios.largest; power *= 2)
		for (uint64_t count = power - 1; count <= power + 1; count++)
			for (uint64_t back = 0; back < 10; back += back == 1 ? 6 : 1) {
				if (sector >= back)
					try_one(sector - back, count);
				if (sector + back + 1 >= count)
					try_one(sector + back + 1 - count, count);
				if (sector >= count / 2 + back)
					try_one(sector - count / 2 - back, count);
			}
}

int command_bios(int argc, char **argv)
{
	static const struct option options[] = {
		{ "near", required_argument, NULL, 'n' }, { "writes", no_argument, NULL, 'w' },
		{ "max", required_argument, NULL, 'm' }, { 0 },
	};
	const char *near = NULL;
	struct sector_set set;
	uint64_t room;
	double started = now();
	int c;

	optind = 0;
	argc++, argv--;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 'n': near = optarg; break;
		case 'w': bios.writes = true; break;
		case 'm': bios.largest = parse_size(optarg) / SECTOR; break;
		default: return 2;
		}
	if (optind + 1 != argc || !near || !bios.largest || bios.largest > MAX_IO / SECTOR)
		return 2;
	open_device(&bios.dev, argv[optind], bios.writes);
	load_set(&set, near, bios.dev.sectors);
	room = 3 * bios.largest + 2 * REACH + 8;
	bios.content = io_buffer(room * SECTOR);
	bios.error = calloc(room, sizeof(*bios.error));
	bios.large = io_buffer(bios.largest * SECTOR + 8 * SECTOR);
	if (!bios.error)
		fail("out of memory");
	for (uint64_t s = 0; s < bios.dev.sectors; s++)
		if (in_set(&set, s))
			around(s);
	printf("%llu I/Os in %.1f s, %llu bad\n", (unsigned long long)bios.ios, now() - started,
	       (unsigned long long)bios.bad);
	return bios.bad || !bios.ios;
}
