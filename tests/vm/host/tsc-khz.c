// SPDX-License-Identifier: GPL-2.0-only
// Prints how fast the time stamp counter of this machine runs, in kHz: an emulated processor's is the
// same one. A guest measures it at boot by waiting for its timers, and where others work too it is now
// and then wrong by a factor of four; then its clock is.
#include <stdio.h>
#include <time.h>

#if defined(__x86_64__)
#include <x86intrin.h>

struct sample {
	unsigned long long ns, ticks;
};

// The best of many: nobody else ran between the two clocks.
static struct sample sample(void)
{
	struct sample best = {0, 0};
	unsigned long long shortest = ~0ULL;

	for (int i = 0; i < 1000; i++) {
		struct timespec t;
		unsigned long long before = __rdtsc(), took;

		clock_gettime(CLOCK_MONOTONIC_RAW, &t);
		took = __rdtsc() - before;
		if (took < shortest) {
			shortest = took;
			best.ns = t.tv_sec * 1000000000ULL + t.tv_nsec;
			best.ticks = before + took / 2;
		}
	}
	return best;
}

int main(void)
{
	const struct timespec pause = {0, 100000000};
	struct sample first = sample(), last;

	nanosleep(&pause, NULL);
	last = sample();
	printf("%llu\n", (last.ticks - first.ticks) * 1000000ULL / (last.ns - first.ns));
	return 0;
}
#else
// Nobody's counter: the guest has to find out.
int main(void)
{
	puts("0");
	return 0;
}
#endif
