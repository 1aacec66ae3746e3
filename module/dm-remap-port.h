/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the pure part of dm-remap (index, layout, load, plan) needs from its
 * surroundings. In the kernel that is the kernel; in user space the same
 * sources are compiled into the tools, the unit tests and the fuzzers, where
 * the RCU primitives are plain loads and stores, since one thread runs them.
 */
#ifndef DM_REMAP_PORT_H
#define DM_REMAP_PORT_H

#ifdef __KERNEL__

#include <linux/crc32c.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/types.h>

static inline u32 dmr_crc32c(u32 seed, const void *data, size_t len)
{
	return crc32c(seed, data, len);
}

#else /* user space */

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <linux/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef unsigned int gfp_t;

#define le16_to_cpu(x)	le16toh(x)
#define le32_to_cpu(x)	le32toh(x)
#define le64_to_cpu(x)	le64toh(x)
#define cpu_to_le16(x)	htole16(x)
#define cpu_to_le32(x)	htole32(x)
#define cpu_to_le64(x)	htole64(x)

#define __rcu
#define GFP_KERNEL	0u
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define BIT(n)		(1UL << (n))
#ifndef BIT_ULL
#define BIT_ULL(n)	(1ULL << (n))
#endif
#define U64_MAX		(~0ULL)
#define READ_ONCE(x)	(x)
#define WRITE_ONCE(x, v) ((x) = (v))
#define smp_store_release(p, v) (*(p) = (v))
#define min_t(t, a, b)	((t)(a) < (t)(b) ? (t)(a) : (t)(b))
#define max_t(t, a, b)	((t)(a) > (t)(b) ? (t)(a) : (t)(b))
#define cond_resched()	do { } while (0)

struct rcu_head { void *reserved[2]; };
#define rcu_dereference(p)		(p)
#define rcu_dereference_protected(p, c)	(p)
#define rcu_assign_pointer(p, v)	((p) = (v))
#define RCU_INIT_POINTER(p, v)		((p) = (v))
#define kvfree_rcu(p, field)		free(p)

static inline u64 div_u64_rem(u64 a, u32 b, u32 *rem) { *rem = a % b; return a / b; }

static inline void *kvmalloc(size_t n, gfp_t gfp) { (void)gfp; return malloc(n); }
static inline void *kvcalloc(size_t n, size_t s, gfp_t gfp) { (void)gfp; return calloc(n, s); }
static inline void kvfree(const void *p) { free((void *)p); }

static inline void sort(void *base, size_t n, size_t size,
			int (*cmp)(const void *, const void *), void *unused)
{
	(void)unused;
	/* as in the kernel, base may be NULL if there is nothing to sort */
	if (n)
		qsort(base, n, size, cmp);
}

/*
 * CRC32C without final inversion, as the kernel's crc32c(). Provided by the
 * program that links the pure part.
 */
u32 dmr_crc32c(u32 seed, const void *data, size_t len);

#ifdef __cplusplus
}
#endif

#endif /* __KERNEL__ */
#endif /* DM_REMAP_PORT_H */
