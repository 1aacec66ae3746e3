// SPDX-License-Identifier: GPL-2.0-only
/* sectorio compare: for content that was not made by sectorio, such as a file system. */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "sectorio.h"

#define CHUNK 256u /* sectors */

static struct {
	struct device dev, other;
	struct sector_set only, lost;
	FILE *list;
	uint64_t compared, lost_seen, bad;
} cmp;

static void complain(uint64_t sector, const char *what)
{
	if (++cmp.bad <= 20)
		printf("BAD sector %llu: %s\n", (unsigned long long)sector, what);
}

static void compare_range(uint64_t first, uint64_t count, char *data, char *want)
{
	int error = read_sectors(&cmp.other, first, count, want);

	if (error)
		fail("%s, sector %llu: %s", cmp.other.path, (unsigned long long)first,
		     strerrorname_np(error));
	error = read_sectors(&cmp.dev, first, count, data);
	if (error && count > cmp.dev.unit) {
		for (uint64_t i = 0; i < count; i += cmp.dev.unit)
			compare_range(first + i, cmp.dev.unit, data, want);
		return;
	}
	for (uint64_t i = 0; i < count; i++) {
		cmp.compared++;
		if (!error) {
			if (memcmp(data + i * SECTOR, want + i * SECTOR, SECTOR))
				complain(first + i, "other content");
		} else if ((error == EIO || error == ENODATA) && in_set(&cmp.lost, first + i)) {
			cmp.lost_seen++;
			if (cmp.list)
				fprintf(cmp.list, "%llu\n", (unsigned long long)first + i);
		} else {
			complain(first + i, strerrorname_np(error));
		}
	}
}

int command_compare(int argc, char **argv)
{
	static const struct option options[] = {
		{ "only", required_argument, NULL, 'o' }, { "lost", required_argument, NULL, 'l' },
		{ "list-lost", required_argument, NULL, 'L' }, { 0 },
	};
	const char *only = NULL, *lost = NULL, *list = NULL;
	char *data = io_buffer(CHUNK * SECTOR), *want = io_buffer(CHUNK * SECTOR);
	uint64_t unit;
	int c;

	optind = 0;
	argc++, argv--;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 'o': only = optarg; break;
		case 'l': lost = optarg; break;
		case 'L': list = optarg; break;
		default: return 2;
		}
	if (optind + 2 != argc)
		return 2;
	open_device(&cmp.dev, argv[optind], false);
	open_device(&cmp.other, argv[optind + 1], false);
	if (cmp.other.sectors < cmp.dev.sectors)
		fail("%s is shorter than %s", cmp.other.path, cmp.dev.path);
	load_set(&cmp.only, only, cmp.dev.sectors);
	load_set(&cmp.lost, lost, cmp.dev.sectors);
	if (list && !(cmp.list = fopen(list, "w")))
		fail("%s: %s", list, strerror(errno));
	unit = cmp.dev.unit > cmp.other.unit ? cmp.dev.unit : cmp.other.unit;
	for (uint64_t s = 0, n; s < cmp.dev.sectors; s += n) {
		n = unit;
		if (only && s % 8 == 0 && !cmp.only.bits[s / 8]) {
			n = 8; /* a large device of which little is compared */
			continue;
		}
		if (only && !in_set(&cmp.only, s))
			continue;
		while (n < CHUNK && s + n < cmp.dev.sectors && (!only || in_set(&cmp.only, s + n)))
			n += unit;
		compare_range(s, n, data, want);
	}
	if (cmp.list)
		fclose(cmp.list);
	printf("%llu sectors compared: %llu lost, %llu bad\n", (unsigned long long)cmp.compared,
	       (unsigned long long)cmp.lost_seen, (unsigned long long)cmp.bad);
	return cmp.bad || !cmp.compared;
}
