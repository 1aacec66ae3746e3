// SPDX-License-Identifier: GPL-2.0-only
/*
 * Direct I/O of 4 KiB to the blocks listed in a file, with the time stamp counter: under QEMU's
 * -icount shift=0 that counts instructions.
 *
 *   measure-io DEV r|w FILE   prints the cost of one I/O, for each batch of I/Os
 *   measure-io calibrate      fails unless the counter counts instructions
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>

#define BLOCK 4096
#define BATCH 100 /* I/Os: less than a tick of the timer, which so stays out of most batches */
#define MAX_BLOCKS 1000000

static int calibrate(void)
{
	const unsigned loops = 100000;
	double best = 0;

	/* the best of some: a tick of the timer may fall into one */
	for (int i = 0; i < 5; i++) {
		unsigned n = loops;
		uint64_t took = __rdtsc();
		double each;

		__asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(n));
		each = (double)(__rdtsc() - took) / loops / 2;
		if (!i || each < best)
			best = each;
	}
	printf("counter per instruction: %.4f\n", best);
	return best < 0.999 || best > 1.001;
}

static uint64_t *read_list(const char *path, unsigned *n)
{
	uint64_t *blocks = calloc(MAX_BLOCKS, sizeof(*blocks));
	FILE *f = fopen(path, "r");

	if (!blocks || !f) {
		perror(path);
		exit(1);
	}
	for (*n = 0; *n < MAX_BLOCKS && fscanf(f, "%lu", &blocks[*n]) == 1; ++*n)
		;
	fclose(f);
	return blocks;
}

int main(int argc, char **argv)
{
	uint64_t *blocks, start;
	unsigned n, i, j;
	double *cost;
	int fd, write;
	void *data;

	if (argc == 2 && !strcmp(argv[1], "calibrate"))
		return calibrate();
	if (argc != 4)
		return 2;
	write = *argv[2] == 'w';
	blocks = read_list(argv[3], &n);
	cost = calloc(n / BATCH + 1, sizeof(*cost));
	data = aligned_alloc(BLOCK, BLOCK);
	fd = open(argv[1], (write ? O_RDWR : O_RDONLY) | O_DIRECT);
	if (fd < 0 || !cost || !data) {
		perror(argv[1]);
		return 1;
	}
	memset(data, 1, BLOCK);
	/* whatever is allocated or found out at the first I/O */
	for (i = 0; i < BATCH && i < n; i++)
		if (pread(fd, data, BLOCK, (off_t)(blocks[i] * BLOCK)) != BLOCK)
			goto failed;
	for (i = 0; i + BATCH <= n; i += BATCH) {
		start = __rdtsc();
		for (j = i; j < i + BATCH; j++) {
			off_t at = (off_t)(blocks[j] * BLOCK);
			ssize_t done = write ? pwrite(fd, data, BLOCK, at) : pread(fd, data, BLOCK, at);

			if (done != BLOCK)
				goto failed;
		}
		cost[i / BATCH] = (double)(__rdtsc() - start) / BATCH;
	}
	for (i = 0; i < n / BATCH; i++)
		printf("%.2f ", cost[i]);
	putchar('\n');
	return 0;
failed:
	fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
	return 1;
}
