/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sectorio: I/O whose every sector says what it is, checked against a shadow that survives crashes.
 */
#ifndef SECTORIO_H
#define SECTORIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECTOR 512u
#define MAX_IO (4u << 20)

__attribute__((format(printf, 1, 2), noreturn)) void fail(const char *format, ...);
/* Aligned, zeroed memory in which a large direct I/O is few bios. */
void *io_buffer(size_t size);
uint64_t next_random(uint64_t *state);
double now(void);
/* "512", "4K", "1M" to bytes */
uint64_t parse_size(const char *text);

struct device {
	const char *path;
	int fd;
	uint64_t sectors;
	unsigned unit; /* sectors of a logical block: the smallest I/O */
};

void open_device(struct device *dev, const char *path, bool write);
/* One direct I/O; 0 or an errno. */
int read_sectors(const struct device *dev, uint64_t sector, uint64_t count, void *data);
int write_sectors(const struct device *dev, uint64_t sector, uint64_t count, const void *data,
		  bool fua);

/* A set of sectors, read from a file with "SECTOR[+COUNT]" lines; other words are skipped. */
struct sector_set {
	uint8_t *bits;
	uint64_t sectors;
};

void load_set(struct sector_set *set, const char *path, uint64_t sectors);
bool in_set(const struct sector_set *set, uint64_t sector);

/* --- content of a sector ------------------------------------------------------------------- */

void stamp(void *data, uint64_t sector, uint64_t count, uint32_t generation, uint64_t seed);

enum content { CONTENT_STAMP, CONTENT_ZERO, CONTENT_OTHER_SECTOR, CONTENT_OTHER_SEED, CONTENT_NOISE };
/* What one sector holds; the generation of a stamp, or which sector it belongs to. */
enum content inspect(const void *data, uint64_t sector, uint64_t seed, uint64_t *detail);
const char *describe(enum content content, uint64_t detail, char *text, size_t size);

/* --- shadow: what each sector may hold ------------------------------------------------------- */

/*
 * Generations number the writes in the order they are issued; writes under way never overlap.
 * A sector holds a generation in [acked, issued]; after a crash in [durable, issued].
 */
struct shadow_sector {
	uint32_t durable, acked, issued;
};

struct shadow {
	int fd;
	uint64_t seed, sectors;
	uint32_t fill; /* the newest generation that is the initial content */
	uint32_t generation;
	struct shadow_sector *sector;
	/* private */
	uint64_t epoch, sequence, records_at;
	struct pending *pending; /* acknowledged, not yet flushed */
	size_t pending_count, pending_durable, pending_size;
};

/* Starts anew: every sector holds generation 1, which the caller writes. */
void create_shadow(struct shadow *s, const char *path, uint64_t sectors, uint64_t seed);
void load_shadow(struct shadow *s, const char *path, uint64_t sectors);
/* Makes the state in memory the start of a new journal. */
void checkpoint_shadow(struct shadow *s);

/* Before a write is issued; returns its generation. After it, one of the next two. */
uint32_t shadow_intent(struct shadow *s, uint64_t sector, uint64_t count);
/* durable, if not NULL, says for each sector whether its content needs no flush */
void shadow_ack(struct shadow *s, uint32_t generation, uint64_t sector, uint64_t count, bool fua,
		const bool *durable);
void shadow_failed(struct shadow *s, uint32_t generation, uint64_t sector, uint64_t count);
/* The writes acknowledged before begin are durable after end, which gets what begin returned. */
size_t shadow_flush_begin(struct shadow *s);
void shadow_flush_end(struct shadow *s, size_t mark);

int command_fill(int argc, char **argv);
int command_run(int argc, char **argv);
int command_verify(int argc, char **argv);
int command_bios(int argc, char **argv);
int command_compare(int argc, char **argv);

#endif
