// SPDX-License-Identifier: GPL-2.0-only
/* sectorio fill, run, verify */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sectorio.h"

#define MAX_THREADS 64
#define MAX_REPORTS 20

static struct {
	struct device dev;
	struct shadow shadow;
	struct sector_set lost, rescued;
	uint8_t *block_rescued; /* per 4 KiB block: a write to it was rescued before */
	uint64_t *near;
	size_t near_count;
	uint64_t first, count; /* the sectors to use */
	uint64_t smallest, largest, align; /* in sectors */
	unsigned reads, fua, flush_every, threads, readers;
	uint64_t ops, seed;
	double deadline;

	pthread_mutex_t lock; /* shadow, and everything below */
	pthread_cond_t range_free;
	struct range {
		uint64_t first, end;
	} busy[MAX_THREADS];
	uint64_t started, written, read, flushed, lost_seen, bad;
} job = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.range_free = PTHREAD_COND_INITIALIZER,
	.smallest = 1, .largest = 128, .align = 1,
	.reads = 30, .threads = 4, .ops = 1000, .seed = 1,
};

__attribute__((format(printf, 2, 3))) static void report(uint64_t sector, const char *format, ...)
{
	va_list args;

	if (++job.bad > MAX_REPORTS)
		return;
	printf("BAD sector %llu: ", (unsigned long long)sector);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	if (job.bad == MAX_REPORTS)
		puts("(further ones are only counted)");
}

/* Checks one sector that was read well; low and high are the generations it may hold. */
static void check_content(const void *data, uint64_t sector, uint32_t low, uint32_t high)
{
	char text[64];
	uint64_t detail;
	enum content content = inspect(data, sector, job.shadow.seed, &detail);

	if (content == CONTENT_STAMP && detail >= low && detail <= high)
		return;
	report(sector, "found %s, may be generation %u to %u",
	       describe(content, detail, text, sizeof(text)), low, high);
}

/* A sector may be unreadable if it is on the list and all that was written there since may be gone. */
static void check_error(int error, uint64_t sector, uint32_t low, FILE *list)
{
	if ((error == EIO || error == ENODATA) && in_set(&job.lost, sector) &&
	    low <= job.shadow.fill) {
		job.lost_seen++;
		if (list)
			fprintf(list, "%llu\n", (unsigned long long)sector);
		return;
	}
	report(sector, "%s, but it should be readable", strerrorname_np(error));
}

/* --- fill ------------------------------------------------------------------------------------ */

int command_fill(int argc, char **argv)
{
	static const struct option options[] = {
		{ "shadow", required_argument, NULL, 's' }, { "seed", required_argument, NULL, 'r' }, { 0 },
	};
	const char *shadow = NULL;
	uint64_t seed = 1;
	char *data = io_buffer(1u << 20);
	int c;

	optind = 0;
	argc++, argv--; /* getopt skips a program name */
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (c == 's')
			shadow = optarg;
		else if (c == 'r')
			seed = strtoull(optarg, NULL, 0);
		else
			return 2;
	if (optind + 1 != argc || !shadow)
		return 2;
	open_device(&job.dev, argv[optind], true);
	for (uint64_t at = 0, n; at < job.dev.sectors; at += n) {
		int error;

		n = job.dev.sectors - at < 2048 ? job.dev.sectors - at : 2048;
		stamp(data, at, n, 1, seed);
		error = write_sectors(&job.dev, at, n, data, false);
		if (error)
			fail("write at sector %llu: %s", (unsigned long long)at, strerrorname_np(error));
	}
	if (fsync(job.dev.fd))
		fail("flush: %s", strerror(errno));
	create_shadow(&job.shadow, shadow, job.dev.sectors, seed);
	printf("filled %llu sectors\n", (unsigned long long)job.dev.sectors);
	return 0;
}

/* --- run ------------------------------------------------------------------------------------- */

static void take_range(struct range *mine, uint64_t first, uint64_t count)
{
	bool free;

	do {
		free = true;
		for (unsigned i = 0; i < MAX_THREADS; i++)
			if (job.busy[i].first < first + count && first < job.busy[i].end)
				free = false;
		if (!free)
			pthread_cond_wait(&job.range_free, &job.lock);
	} while (!free);
	*mine = (struct range){ first, first + count };
}

static void release_range(struct range *mine)
{
	*mine = (struct range){ 0, 0 };
	pthread_cond_broadcast(&job.range_free);
}

static void choose(uint64_t *state, uint64_t *first, uint64_t *count)
{
	uint64_t span = job.largest - job.smallest + 1, unit = job.dev.unit, at;

	if (job.align > unit)
		unit = job.align;
	/* Small sizes are as likely as large ones. */
	*count = next_random(state) % span;
	if (next_random(state) % 2)
		*count %= 17;
	*count = (*count + job.smallest + unit - 1) / unit * unit;
	if (*count > job.count)
		*count = job.count / unit * unit;
	at = job.first + next_random(state) % job.count;
	if (job.near_count && next_random(state) % 2) {
		at = job.near[next_random(state) % job.near_count];
		at -= at < *count ? at : next_random(state) % *count;
	}
	at = at / unit * unit;
	if (at < job.first)
		at = job.first;
	if (at + *count > job.first + job.count)
		at = (job.first + job.count - *count) / unit * unit;
	*first = at;
}

/*
 * Reads without keeping writers out: each sector may hold anything between what was acknowledged
 * before and what had been issued after.
 */
static void read_and_check(uint64_t first, uint64_t count, void *data, uint32_t *low)
{
	int error;

	pthread_mutex_lock(&job.lock);
	for (uint64_t i = 0; i < count; i++)
		low[i] = job.shadow.sector[first + i].acked;
	pthread_mutex_unlock(&job.lock);
	error = read_sectors(&job.dev, first, count, data);
	if (error && count > job.dev.unit) {
		/* One unreadable sector fails the whole read: which? */
		for (uint64_t i = 0; i < count; i += job.dev.unit)
			read_and_check(first + i, job.dev.unit, data, low);
		return;
	}
	pthread_mutex_lock(&job.lock);
	for (uint64_t i = 0; i < count; i++)
		if (error)
			check_error(error, first + i, low[i], NULL);
		else
			check_content((char *)data + i * SECTOR, first + i, low[i],
				      job.shadow.sector[first + i].issued);
	pthread_mutex_unlock(&job.lock);
}

static void acknowledge(uint32_t generation, uint64_t first, uint64_t count, bool fua, bool *durable)
{
	memset(durable, 0, count);
	for (uint64_t block = first / 8; block <= (first + count - 1) / 8; block++) {
		uint64_t from = block * 8 > first ? block * 8 : first;
		uint64_t end = block * 8 + 8 < first + count ? block * 8 + 8 : first + count;
		bool bad = false;

		for (uint64_t s = from; s < end; s++)
			bad |= in_set(&job.rescued, s);
		if (!bad || job.block_rescued[block])
			continue;
		job.block_rescued[block] = 1;
		memset(durable + (from - first), 1, end - from);
	}
	shadow_ack(&job.shadow, generation, first, count, fua, durable);
}

static void write_and_record(struct range *mine, uint64_t first, uint64_t count, void *data, bool fua,
			     bool *durable)
{
	uint32_t generation;
	int error;

	pthread_mutex_lock(&job.lock);
	take_range(mine, first, count);
	generation = shadow_intent(&job.shadow, first, count);
	pthread_mutex_unlock(&job.lock);
	stamp(data, first, count, generation, job.shadow.seed);
	error = write_sectors(&job.dev, first, count, data, fua);
	pthread_mutex_lock(&job.lock);
	if (error) {
		shadow_failed(&job.shadow, generation, first, count);
		report(first, "write of %llu sectors: %s", (unsigned long long)count,
		       strerrorname_np(error));
	} else {
		acknowledge(generation, first, count, fua, durable);
	}
	release_range(mine);
	pthread_mutex_unlock(&job.lock);
}

static void flush_device(void)
{
	size_t mark;

	pthread_mutex_lock(&job.lock);
	mark = shadow_flush_begin(&job.shadow);
	pthread_mutex_unlock(&job.lock);
	if (fsync(job.dev.fd))
		fail("flush: %s", strerror(errno));
	pthread_mutex_lock(&job.lock);
	shadow_flush_end(&job.shadow, mark);
	job.flushed++;
	pthread_mutex_unlock(&job.lock);
}

static void *worker(void *argument)
{
	unsigned self = (unsigned)(uintptr_t)argument;
	bool reader = self >= job.threads;
	uint64_t state = job.seed * 1000003 + self, op, first, count;
	void *data = io_buffer(job.largest * SECTOR + 4096);
	uint32_t *low = calloc(job.largest + 8, sizeof(*low));
	bool *durable = calloc(job.largest + 8, 1);

	if (!low || !durable)
		fail("out of memory");
	for (;;) {
		pthread_mutex_lock(&job.lock);
		/* Readers go on as long as there are writers. */
		op = reader ? job.started : ++job.started;
		pthread_mutex_unlock(&job.lock);
		if (op > job.ops || (reader && op == job.ops) || (job.deadline && now() > job.deadline))
			break;
		choose(&state, &first, &count);
		if (reader || next_random(&state) % 100 < job.reads) {
			read_and_check(first, count, data, low);
			__atomic_add_fetch(&job.read, 1, __ATOMIC_RELAXED);
		} else {
			bool fua = next_random(&state) % 100 < job.fua;

			write_and_record(&job.busy[self], first, count, data, fua, durable);
			__atomic_add_fetch(&job.written, 1, __ATOMIC_RELAXED);
		}
		if (!reader && job.flush_every && op % job.flush_every == 0)
			flush_device();
	}
	free(data);
	free(low);
	free(durable);
	return NULL;
}

static void load_near(const char *path)
{
	struct sector_set set;

	load_set(&set, path, job.dev.sectors);
	for (uint64_t s = 0; s < job.dev.sectors; s++)
		if (in_set(&set, s))
			job.near_count++;
	job.near = calloc(job.near_count + 1, sizeof(*job.near));
	if (!job.near)
		fail("out of memory");
	job.near_count = 0;
	for (uint64_t s = 0; s < job.dev.sectors; s++)
		if (in_set(&set, s))
			job.near[job.near_count++] = s;
	free(set.bits);
}

int command_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "shadow", required_argument, NULL, 's' },  { "ops", required_argument, NULL, 'o' },
		{ "seed", required_argument, NULL, 'r' },    { "sizes", required_argument, NULL, 'z' },
		{ "align", required_argument, NULL, 'a' },   { "range", required_argument, NULL, 'g' },
		{ "threads", required_argument, NULL, 't' }, { "readers", required_argument, NULL, 'e' },
		{ "reads", required_argument, NULL, 'p' },   { "fua", required_argument, NULL, 'f' },
		{ "flush-every", required_argument, NULL, 'k' }, { "near", required_argument, NULL, 'n' },
		{ "lost", required_argument, NULL, 'l' },    { "rescued", required_argument, NULL, 'u' },
		{ "seconds", required_argument, NULL, 'd' }, { "fresh", no_argument, NULL, 'h' }, { 0 },
	};
	const char *shadow = NULL, *near = NULL, *lost = NULL, *rescued = NULL;
	pthread_t threads[MAX_THREADS];
	bool fresh = false;
	double started;
	char *end;
	int c;

	optind = 0;
	argc++, argv--;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 's': shadow = optarg; break;
		case 'o': job.ops = strtoull(optarg, NULL, 0); break;
		case 'r': job.seed = strtoull(optarg, NULL, 0); break;
		case 'z':
			end = strchr(optarg, '-');
			job.smallest = parse_size(optarg) / SECTOR;
			job.largest = parse_size(end ? end + 1 : optarg) / SECTOR;
			break;
		case 'a': job.align = parse_size(optarg) / SECTOR; break;
		case 'g':
			job.first = strtoull(optarg, &end, 0);
			job.count = *end == '+' ? strtoull(end + 1, NULL, 0) : 0;
			break;
		case 't': job.threads = (unsigned)atoi(optarg); break;
		case 'e': job.readers = (unsigned)atoi(optarg); break;
		case 'p': job.reads = (unsigned)atoi(optarg); break;
		case 'f': job.fua = (unsigned)atoi(optarg); break;
		case 'k': job.flush_every = (unsigned)atoi(optarg); break;
		case 'n': near = optarg; break;
		case 'l': lost = optarg; break;
		case 'u': rescued = optarg; break;
		case 'd': job.deadline = now() + atof(optarg); break;
		case 'h': fresh = true; break;
		default: return 2;
		}
	if (optind + 1 != argc || !shadow || !job.smallest || job.largest < job.smallest ||
	    job.largest > MAX_IO / SECTOR || !job.align || !job.threads ||
	    job.threads + job.readers > MAX_THREADS)
		return 2;
	open_device(&job.dev, argv[optind], true);
	if (!job.count)
		job.count = job.dev.sectors - job.first;
	if (job.first + job.count > job.dev.sectors)
		return 2;
	load_shadow(&job.shadow, shadow, job.dev.sectors);
	load_set(&job.lost, lost, job.dev.sectors);
	load_set(&job.rescued, rescued, job.dev.sectors);
	job.block_rescued = calloc(job.dev.sectors / 8 + 1, 1);
	if (!job.block_rescued)
		fail("out of memory");
	/* Blocks written before, perhaps: no promise about their first rescue any more. */
	for (uint64_t s = 0; s < job.dev.sectors; s++)
		if (!fresh && job.shadow.sector[s].issued > job.shadow.fill)
			job.block_rescued[s / 8] = 1;
	if (near)
		load_near(near);
	started = now();
	for (unsigned i = 0; i < job.threads + job.readers; i++)
		if (pthread_create(&threads[i], NULL, worker, (void *)(uintptr_t)i))
			fail("no thread");
	for (unsigned i = 0; i < job.threads + job.readers; i++)
		pthread_join(threads[i], NULL);
	printf("%llu writes, %llu reads, %llu flushes in %.1f s; %llu reads of lost sectors, %llu bad\n",
	       (unsigned long long)job.written, (unsigned long long)job.read,
	       (unsigned long long)job.flushed, now() - started, (unsigned long long)job.lost_seen,
	       (unsigned long long)job.bad);
	return job.bad != 0;
}

/* --- verify ---------------------------------------------------------------------------------- */

static void verify_range(uint64_t first, uint64_t count, void *data, bool crashed, bool rebase,
			 FILE *list)
{
	int error = read_sectors(&job.dev, first, count, data);

	if (error && count > job.dev.unit) {
		uint64_t half = (count / 2 + job.dev.unit - 1) / job.dev.unit * job.dev.unit;

		verify_range(first, half, data, crashed, rebase, list);
		verify_range(first + half, count - half, data, crashed, rebase, list);
		return;
	}
	for (uint64_t i = 0; i < count; i++) {
		struct shadow_sector *at = &job.shadow.sector[first + i];
		uint32_t low = crashed ? at->durable : at->acked;
		const char *content = (char *)data + i * SECTOR;
		uint64_t generation;

		if (error)
			check_error(error, first + i, low, list);
		else
			check_content(content, first + i, low, at->issued);
		if (!rebase)
			continue;
		if (!error && inspect(content, first + i, job.shadow.seed, &generation) == CONTENT_STAMP)
			*at = (struct shadow_sector){ (uint32_t)generation, (uint32_t)generation,
						      (uint32_t)generation };
		else
			*at = (struct shadow_sector){ low, low, low };
	}
}

int command_verify(int argc, char **argv)
{
	static const struct option options[] = {
		{ "shadow", required_argument, NULL, 's' }, { "lost", required_argument, NULL, 'l' },
		{ "list-lost", required_argument, NULL, 'L' }, { "crashed", no_argument, NULL, 'c' },
		{ "rebase", no_argument, NULL, 'b' }, { 0 },
	};
	const char *shadow = NULL, *lost = NULL, *list_path = NULL;
	bool crashed = false, rebase = false;
	FILE *list = NULL;
	char *data = io_buffer(1u << 20);
	int c;

	optind = 0;
	argc++, argv--;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 's': shadow = optarg; break;
		case 'l': lost = optarg; break;
		case 'L': list_path = optarg; break;
		case 'c': crashed = true; break;
		case 'b': rebase = true; break;
		default: return 2;
		}
	if (optind + 1 != argc || !shadow)
		return 2;
	open_device(&job.dev, argv[optind], false);
	load_shadow(&job.shadow, shadow, job.dev.sectors);
	load_set(&job.lost, lost, job.dev.sectors);
	if (list_path && !(list = fopen(list_path, "w")))
		fail("%s: %s", list_path, strerror(errno));
	for (uint64_t at = 0, n; at < job.dev.sectors; at += n) {
		n = job.dev.sectors - at < 2048 ? job.dev.sectors - at : 2048;
		verify_range(at, n, data, crashed, rebase, list);
	}
	if (list)
		fclose(list);
	if (rebase)
		checkpoint_shadow(&job.shadow);
	printf("%llu sectors: %llu lost, %llu bad\n", (unsigned long long)job.dev.sectors,
	       (unsigned long long)job.lost_seen, (unsigned long long)job.bad);
	return job.bad != 0;
}
