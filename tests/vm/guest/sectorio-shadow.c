// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shadow: for each sector the generations it may hold, kept in a journal that is written as the
 * I/O goes on, so that it is right at whatever moment the machine dies. The journal is a file or a
 * disk that no power cut is played on; if it is recorded in the same log as the disk under test, the
 * journal of any cut tells what was known at that cut.
 *
 * Layout: a header sector; the checkpoint, one struct shadow_sector per sector; records of one sector
 * each. A record belongs to the header's epoch and has the next sequence number, or it is not there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sectorio.h"

#define HEADER_MAGIC 0x776f646168735344ull
#define RECORD_MAGIC 0x64726f6365525344ull

enum record_type { RECORD_INTENT = 1, RECORD_ACK, RECORD_FAILED, RECORD_FLUSH_BEGIN, RECORD_FLUSH_END };

struct header {
	uint64_t magic, epoch, seed, sectors;
	uint32_t fill, generation;
};

/* Which sectors of a write are durable without a flush: all of a FUA write, else one bit per 4 KiB. */
#define DURABLE_BYTES 136

struct record {
	uint64_t magic, epoch, sequence, sector, count, mark;
	uint32_t type, generation;
	uint8_t durable[DURABLE_BYTES];
	uint64_t check;
};

struct pending {
	uint32_t generation;
	uint64_t sector, count;
};

static uint64_t checksum(const struct record *r)
{
	const uint8_t *p = (const uint8_t *)r;
	uint64_t sum = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < offsetof(struct record, check); i++)
		sum = (sum ^ p[i]) * 0x100000001b3ull;
	return sum;
}

static void put(struct shadow *s, const void *data, size_t size, uint64_t offset)
{
	if (pwrite(s->fd, data, size, (off_t)offset) != (ssize_t)size)
		fail("shadow: write at %llu: %s", (unsigned long long)offset, strerror(errno));
}

static uint64_t checkpoint_bytes(const struct shadow *s)
{
	return (s->sectors * sizeof(struct shadow_sector) + 4095) / 4096 * 4096;
}

static void open_shadow(struct shadow *s, const char *path, int flags)
{
	struct stat st;

	/* A journal that is a disk must not lag behind in the page cache. */
	if (!stat(path, &st) && S_ISBLK(st.st_mode))
		flags |= O_DIRECT;
	s->fd = open(path, O_RDWR | flags, 0666);
	if (s->fd < 0)
		fail("shadow %s: %s", path, strerror(errno));
}

static void allocate(struct shadow *s)
{
	s->sector = io_buffer(checkpoint_bytes(s));
	s->records_at = 4096 + checkpoint_bytes(s);
	s->pending = NULL;
	s->pending_count = s->pending_durable = s->pending_size = 0;
	s->sequence = 0;
}

void checkpoint_shadow(struct shadow *s)
{
	struct header *header = io_buffer(4096);

	s->epoch++;
	s->sequence = 0;
	s->pending_count = s->pending_durable = 0;
	put(s, s->sector, checkpoint_bytes(s), 4096);
	header->magic = HEADER_MAGIC;
	header->epoch = s->epoch;
	header->seed = s->seed;
	header->sectors = s->sectors;
	header->fill = s->fill;
	header->generation = s->generation;
	put(s, header, 4096, 0);
	free(header);
	if (fsync(s->fd))
		fail("shadow: %s", strerror(errno));
}

void create_shadow(struct shadow *s, const char *path, uint64_t sectors, uint64_t seed)
{
	struct header *old = io_buffer(4096);

	memset(s, 0, sizeof(*s));
	open_shadow(s, path, O_CREAT);
	/* Never an epoch that is there already: its records would count. */
	if (pread(s->fd, old, 4096, 0) == 4096 && old->magic == HEADER_MAGIC)
		s->epoch = old->epoch;
	free(old);
	s->sectors = sectors;
	s->seed = seed;
	s->fill = s->generation = 1;
	allocate(s);
	for (uint64_t i = 0; i < sectors; i++)
		s->sector[i] = (struct shadow_sector){ 1, 1, 1 };
	checkpoint_shadow(s);
}

static void add_pending(struct shadow *s, uint32_t generation, uint64_t sector, uint64_t count)
{
	if (s->pending_count == s->pending_size) {
		s->pending_size = s->pending_size ? 2 * s->pending_size : 1024;
		s->pending = realloc(s->pending, s->pending_size * sizeof(*s->pending));
		if (!s->pending)
			fail("out of memory");
	}
	s->pending[s->pending_count++] = (struct pending){ generation, sector, count };
}

/* What a record means; the same when it is made and when it is read back. */
static void apply(struct shadow *s, const struct record *r)
{
	switch (r->type) {
	case RECORD_INTENT:
		if (s->generation < r->generation)
			s->generation = r->generation;
		for (uint64_t i = 0; i < r->count; i++)
			s->sector[r->sector + i].issued = r->generation;
		break;
	case RECORD_ACK: {
		uint64_t first = r->sector / 8;

		for (uint64_t i = 0; i < r->count; i++) {
			uint64_t chunk = (r->sector + i) / 8 - first;
			struct shadow_sector *at = &s->sector[r->sector + i];

			at->acked = r->generation;
			if (r->mark || r->durable[chunk / 8] & 1u << chunk % 8)
				at->durable = r->generation;
		}
		if (!r->mark)
			add_pending(s, r->generation, r->sector, r->count);
		break;
	}
	case RECORD_FLUSH_END:
		for (size_t p = s->pending_durable; p < r->mark && p < s->pending_count; p++)
			for (uint64_t i = 0; i < s->pending[p].count; i++) {
				struct shadow_sector *at = &s->sector[s->pending[p].sector + i];

				if (at->durable < s->pending[p].generation)
					at->durable = s->pending[p].generation;
			}
		if (s->pending_durable < r->mark)
			s->pending_durable = r->mark;
		break;
	default:
		break;
	}
}

static void append(struct shadow *s, struct record *r)
{
	static char *block;

	if (!block)
		block = io_buffer(SECTOR);
	r->magic = RECORD_MAGIC;
	r->epoch = s->epoch;
	r->sequence = ++s->sequence;
	r->check = checksum(r);
	memcpy(block, r, sizeof(*r));
	put(s, block, SECTOR, s->records_at + (s->sequence - 1) * SECTOR);
	apply(s, r);
}

void load_shadow(struct shadow *s, const char *path, uint64_t sectors)
{
	struct header *header = io_buffer(4096);
	char *block = io_buffer(SECTOR);
	struct record r;

	memset(s, 0, sizeof(*s));
	open_shadow(s, path, 0);
	if (pread(s->fd, header, 4096, 0) != 4096 || header->magic != HEADER_MAGIC)
		fail("%s is not a shadow", path);
	if (header->sectors != sectors)
		fail("%s is of a device with %llu sectors, not %llu", path,
		     (unsigned long long)header->sectors, (unsigned long long)sectors);
	s->sectors = sectors;
	s->epoch = header->epoch;
	s->seed = header->seed;
	s->fill = header->fill;
	s->generation = header->generation;
	allocate(s);
	if (pread(s->fd, s->sector, checkpoint_bytes(s), 4096) != (ssize_t)checkpoint_bytes(s))
		fail("%s: short checkpoint", path);
	for (;;) {
		if (pread(s->fd, block, SECTOR, (off_t)(s->records_at + s->sequence * SECTOR)) != SECTOR)
			break;
		memcpy(&r, block, sizeof(r));
		if (r.magic != RECORD_MAGIC || r.epoch != s->epoch ||
		    r.sequence != s->sequence + 1 || r.check != checksum(&r))
			break;
		s->sequence++;
		apply(s, &r);
	}
	free(block);
	free(header);
}

uint32_t shadow_intent(struct shadow *s, uint64_t sector, uint64_t count)
{
	struct record r = { .type = RECORD_INTENT, .sector = sector, .count = count };

	r.generation = s->generation + 1;
	append(s, &r);
	return r.generation;
}

void shadow_ack(struct shadow *s, uint32_t generation, uint64_t sector, uint64_t count, bool fua,
		const bool *durable)
{
	struct record r = { .type = RECORD_ACK, .generation = generation, .sector = sector,
			    .count = count, .mark = fua };

	for (uint64_t i = 0; durable && i < count; i++) {
		uint64_t chunk = (sector + i) / 8 - sector / 8;

		if (durable[i] && chunk / 8 < DURABLE_BYTES)
			r.durable[chunk / 8] |= (uint8_t)(1u << chunk % 8);
	}
	append(s, &r);
}

void shadow_failed(struct shadow *s, uint32_t generation, uint64_t sector, uint64_t count)
{
	struct record r = { .type = RECORD_FAILED, .generation = generation, .sector = sector,
			    .count = count };

	append(s, &r);
}

size_t shadow_flush_begin(struct shadow *s)
{
	struct record r = { .type = RECORD_FLUSH_BEGIN, .mark = s->pending_count };

	append(s, &r);
	return r.mark;
}

void shadow_flush_end(struct shadow *s, size_t mark)
{
	struct record r = { .type = RECORD_FLUSH_END, .mark = mark };

	append(s, &r);
}
