// SPDX-License-Identifier: GPL-2.0-only
/* sectorio: commands, devices, the content of a sector. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "sectorio.h"

static const char usage[] =
	"usage:\n"
	"  sectorio fill DEV --shadow FILE [--seed N]\n"
	"      writes generation 1 to every sector and starts the shadow\n"
	"  sectorio run DEV --shadow FILE [--ops N] [--seed N] [--sizes MIN-MAX] [--align SIZE]\n"
	"      [--range SECTOR+COUNT] [--threads N] [--readers N] [--reads PERCENT] [--fua PERCENT]\n"
	"      [--flush-every N] [--near FILE] [--lost FILE] [--rescued FILE] [--seconds N]\n"
	"      random I/O; every write is entered in the shadow, every read checked against it\n"
	"      --near     half of the I/O touches these sectors\n"
	"      --lost     these sectors may be unreadable as long as they have not been written\n"
	"      --rescued  these sectors are unwritable below: the first write acknowledged in a block\n"
	"                 with one is durable at once\n"
	"      --fresh    they became so just now: it does not matter what was written before\n"
	"  sectorio verify DEV --shadow FILE [--crashed] [--lost FILE] [--list-lost FILE] [--rebase]\n"
	"      every sector against the shadow\n"
	"      --crashed   unflushed writes may be gone\n"
	"      --rebase    what is there now is what is expected from now on\n"
	"  sectorio compare DEV OTHER [--only FILE] [--lost FILE] [--list-lost FILE]\n"
	"      every sector (of those in FILE) against that of another device or file\n"
	"      --lost     these may be unreadable\n"
	"  sectorio probe DEV SECTOR COUNT r|w|fua|dsync|flush [GENERATION]\n"
	"      one direct I/O, or a flush: prints ok or the name of the error\n"
	"      what is written has seed 0 and that generation (1)\n"
	"      fua: a write with RWF_DSYNC; dsync: one to a device opened with O_DSYNC\n"
	"  sectorio show DEV SECTOR COUNT\n"
	"      one direct read: prints the generation of each sector (seed 0), or what else it holds;\n"
	"      or the name of the error\n"
	"  sectorio bios DEV --near FILE [--writes] [--max SIZE]\n"
	"      I/O of every size and alignment near these sectors against single-sector I/O\n"
	"  sectorio rand DEV COUNT SEED SIZE r|w   random I/O: prints the time taken\n"
	"FILEs of sectors have lines \"SECTOR[+COUNT]\". Exit: 0 as expected, 1 not, 2 usage.\n";

void fail(const char *format, ...)
{
	va_list args;

	fputs("sectorio: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

void *io_buffer(size_t size)
{
	size_t huge = 2u << 20;
	void *memory;

	if (posix_memalign(&memory, size >= huge ? huge : 4096, size))
		fail("out of memory");
	if (size >= huge)
		madvise(memory, size, MADV_HUGEPAGE);
	memset(memory, 0, size);
	return memory;
}

uint64_t next_random(uint64_t *state)
{
	/* splitmix64 */
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

uint64_t parse_size(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 0);

	switch (*end) {
	case 'G':
		value <<= 10; /* fall through */
	case 'M':
		value <<= 10; /* fall through */
	case 'K':
	case 'k':
		value <<= 10;
	}
	return value;
}

void open_device(struct device *dev, const char *path, bool write)
{
	off_t end;
	int bytes = SECTOR;

	dev->path = path;
	dev->fd = open(path, (write ? O_RDWR : O_RDONLY) | O_DIRECT);
	if (dev->fd < 0)
		fail("%s: %s", path, strerror(errno));
	end = lseek(dev->fd, 0, SEEK_END);
	if (end < 0)
		fail("%s: %s", path, strerror(errno));
	ioctl(dev->fd, BLKSSZGET, &bytes);
	dev->unit = (unsigned)bytes / SECTOR;
	dev->sectors = (uint64_t)end / SECTOR;
}

int read_sectors(const struct device *dev, uint64_t sector, uint64_t count, void *data)
{
	ssize_t n = pread(dev->fd, data, count * SECTOR, (off_t)(sector * SECTOR));

	if (n < 0)
		return errno;
	/* A short read ends at something unreadable. */
	return n == (ssize_t)(count * SECTOR) ? 0 : EIO;
}

int write_sectors(const struct device *dev, uint64_t sector, uint64_t count, const void *data,
		  bool fua)
{
	struct iovec io = { (void *)data, count * SECTOR };
	ssize_t n = pwritev2(dev->fd, &io, 1, (off_t)(sector * SECTOR), fua ? RWF_DSYNC : 0);

	if (n < 0)
		return errno;
	return n == (ssize_t)(count * SECTOR) ? 0 : EIO;
}

void load_set(struct sector_set *set, const char *path, uint64_t sectors)
{
	char line[256];
	FILE *f;

	set->sectors = sectors;
	set->bits = calloc(sectors / 8 + 1, 1);
	if (!set->bits)
		fail("out of memory");
	if (!path)
		return;
	f = fopen(path, "r");
	if (!f)
		fail("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		char *p = line + strcspn(line, "#0123456789\n"), *end;
		uint64_t first, count = 1;

		if (*p < '0' || *p > '9')
			continue;
		first = strtoull(p, &end, 10);
		if (*end == '+')
			count = strtoull(end + 1, NULL, 10);
		for (uint64_t s = first; s < first + count && s < sectors; s++)
			set->bits[s / 8] |= (uint8_t)(1u << s % 8);
	}
	fclose(f);
}

bool in_set(const struct sector_set *set, uint64_t sector)
{
	return sector < set->sectors && set->bits[sector / 8] & 1u << sector % 8;
}

/*
 * A sector: five words that say what it is, filler that depends on them, a checksum. So a sector torn
 * in the middle, an old one, or one of another place is told from the right one.
 */
#define STAMP_MAGIC 0x726f746365732d7eull
#define WORDS (SECTOR / 8)

static uint64_t sum_words(const uint64_t *w)
{
	uint64_t sum = 0x9ae16a3b2f90404full;

	for (unsigned i = 0; i < WORDS - 1; i++)
		sum = (sum ^ w[i]) * 0x100000001b3ull + (sum >> 32);
	return sum;
}

static void stamp_one(uint64_t *w, uint64_t sector, uint32_t generation, uint64_t seed)
{
	uint64_t state = sector * 0x100000001b3ull ^ generation ^ seed << 17;

	w[0] = STAMP_MAGIC;
	w[1] = sector;
	w[2] = generation;
	w[3] = seed;
	for (unsigned i = 4; i < WORDS - 1; i++)
		w[i] = state += 0x9e3779b97f4a7c15ull;
	w[WORDS - 1] = sum_words(w);
}

void stamp(void *data, uint64_t sector, uint64_t count, uint32_t generation, uint64_t seed)
{
	for (uint64_t i = 0; i < count; i++)
		stamp_one((uint64_t *)data + i * WORDS, sector + i, generation, seed);
}

enum content inspect(const void *data, uint64_t sector, uint64_t seed, uint64_t *detail)
{
	const uint64_t *w = data;
	bool zero = true;

	*detail = 0;
	for (unsigned i = 0; zero && i < WORDS; i++)
		zero = !w[i];
	if (zero)
		return CONTENT_ZERO;
	if (w[0] != STAMP_MAGIC || w[WORDS - 1] != sum_words(w))
		return CONTENT_NOISE;
	*detail = w[3];
	if (w[3] != seed)
		return CONTENT_OTHER_SEED;
	*detail = w[1];
	if (w[1] != sector)
		return CONTENT_OTHER_SECTOR;
	*detail = w[2];
	return CONTENT_STAMP;
}

const char *describe(enum content content, uint64_t detail, char *text, size_t size)
{
	unsigned long long d = detail;

	switch (content) {
	case CONTENT_STAMP:
		snprintf(text, size, "generation %llu", d);
		break;
	case CONTENT_ZERO:
		snprintf(text, size, "zeros");
		break;
	case CONTENT_OTHER_SECTOR:
		snprintf(text, size, "the content of sector %llu", d);
		break;
	case CONTENT_OTHER_SEED:
		snprintf(text, size, "content of another run (seed %llu)", d);
		break;
	case CONTENT_NOISE:
		snprintf(text, size, "garbage");
		break;
	}
	return text;
}

static int command_probe(int argc, char **argv)
{
	struct device dev;
	uint64_t sector, count;
	const char *what;
	int error;
	char *data;

	if (argc != 4 && argc != 5)
		return 2;
	sector = strtoull(argv[1], NULL, 0);
	count = strtoull(argv[2], NULL, 0);
	what = argv[3];
	open_device(&dev, argv[0], *what != 'r');
	if (*what == 'd') {
		/* not a flag that fcntl could set */
		close(dev.fd);
		dev.fd = open(argv[0], O_RDWR | O_DIRECT | O_DSYNC);
		if (dev.fd < 0)
			fail("%s: %s", argv[0], strerror(errno));
	}
	data = io_buffer(count * SECTOR);
	stamp(data, sector, count, argc == 5 ? (uint32_t)strtoul(argv[4], NULL, 0) : 1, 0);
	if (!strcmp(what, "r"))
		error = read_sectors(&dev, sector, count, data);
	else if (!strcmp(what, "flush"))
		error = fsync(dev.fd) ? errno : 0;
	else if (!strcmp(what, "w") || !strcmp(what, "fua") || !strcmp(what, "dsync"))
		error = write_sectors(&dev, sector, count, data, *what == 'f');
	else
		return 2;
	puts(error ? strerrorname_np(error) : "ok");
	return error != 0;
}

static int command_show(int argc, char **argv)
{
	uint64_t sector, count, detail;
	char *data, text[80];
	struct device dev;
	int error;

	if (argc != 3)
		return 2;
	sector = strtoull(argv[1], NULL, 0);
	count = strtoull(argv[2], NULL, 0);
	open_device(&dev, argv[0], false);
	data = io_buffer(count * SECTOR);
	error = read_sectors(&dev, sector, count, data);
	if (error) {
		puts(strerrorname_np(error));
		return 1;
	}
	for (uint64_t i = 0; i < count; i++) {
		enum content content = inspect(data + i * SECTOR, sector + i, 0, &detail);

		if (content == CONTENT_STAMP)
			snprintf(text, sizeof(text), "%llu", (unsigned long long)detail);
		else
			describe(content, detail, text, sizeof(text));
		printf("%s%s", i ? " " : "", text);
	}
	putchar('\n');
	return 0;
}

static int command_rand(int argc, char **argv)
{
	struct device dev;
	uint64_t count, state, sectors, errors = 0;
	double started;
	bool write;
	char *data;

	if (argc != 5)
		return 2;
	count = strtoull(argv[1], NULL, 0);
	state = strtoull(argv[2], NULL, 0);
	sectors = parse_size(argv[3]) / SECTOR;
	write = *argv[4] == 'w';
	open_device(&dev, argv[0], write);
	if (!sectors || sectors > dev.sectors)
		return 2;
	data = io_buffer(sectors * SECTOR);
	started = now();
	for (uint64_t i = 0; i < count; i++) {
		uint64_t at = next_random(&state) % (dev.sectors / sectors) * sectors;

		if (write ? write_sectors(&dev, at, sectors, data, false) :
			    read_sectors(&dev, at, sectors, data))
			errors++;
	}
	started = now() - started;
	printf("%llu I/Os in %.6f s, %.3f us each, %llu errors\n", (unsigned long long)count, started,
	       started / (double)count * 1e6, (unsigned long long)errors);
	return errors != 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} commands[] = {
		{ "fill", command_fill },   { "run", command_run },   { "verify", command_verify },
		{ "probe", command_probe }, { "bios", command_bios }, { "rand", command_rand },
		{ "compare", command_compare }, { "show", command_show },
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(argv[1], commands[i].name)) {
			int status = commands[i].run(argc - 2, argv + 2);

			if (status == 2)
				break;
			return status;
		}
	fputs(usage, stderr);
	return 2;
}
