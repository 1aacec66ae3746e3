/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The map: which blocks of main live in which slot.
 *
 * Main is cut into regions of 2^14 blocks (64 MiB). A region without entries
 * costs one NULL pointer; any other points to a leaf, a sorted array of 8-byte
 * entries. Readers hold rcu_read_lock() and write nothing. A new block needs a
 * new leaf: the writer builds it, publishes it and lets the old one go after a
 * grace period. An entry that is there is changed in place by one 64-bit store,
 * which can't fail; so what must not fail first makes sure of its entries
 * (a placeholder means the same as no entry) and later stores them. Writers
 * exclude each other (in the kernel: dmr_store.commit_lock).
 */
#ifndef DM_REMAP_INDEX_H
#define DM_REMAP_INDEX_H

#include "dm-remap-port.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DMR_REGION_SHIFT	14
#define DMR_REGION_BLOCKS	16384u
#define DMR_REGION_MASK		(DMR_REGION_BLOCKS - 1)

/*
 * Packed entry:
 *   [63:50] block within the region  [49:16] slot  [15:8] lost mask
 *   [7:5] reason  [4:0] flags
 * The block comes first, so comparing entries compares blocks.
 */
#define DMR_X_BUSY	0x01	/* being changed: new bios wait */
#define DMR_X_NOSLOT	0x02	/* no slot (yet): the block is still on main */
#define DMR_X_FENCED	0x04	/* the table may or may not hold this: no writes */
#define DMR_X_SHIELD	0x08
#define DMR_X_SLOT_LOST	0x10
#define DMR_X_FLAGS	0x1f

#define DMR_X_SLOT_BITS	34
#define DMR_X_MAX_SLOTS	BIT_ULL(DMR_X_SLOT_BITS)

static inline u64 dmr_x_make(u32 offset, u64 slot, u8 lost, u8 reason, u8 flags)
{
	return (u64)offset << 50 | slot << 16 | (u64)lost << 8 |
	       (u64)(reason & 7) << 5 | (flags & DMR_X_FLAGS);
}

static inline u32 dmr_x_offset(u64 x)
{
	return x >> 50;
}

static inline u64 dmr_x_slot(u64 x)
{
	return (x >> 16) & (DMR_X_MAX_SLOTS - 1);
}

static inline u8 dmr_x_lost(u64 x)
{
	return (x >> 8) & 0xff;
}

static inline u8 dmr_x_reason(u64 x)
{
	return (x >> 5) & 7;
}

/* The block has content in a slot. */
static inline bool dmr_x_mapped(u64 x)
{
	return x && !(x & DMR_X_NOSLOT);
}

/*
 * An entry without a slot and without a flag that holds I/O back. It means the
 * same as no entry and goes away when its leaf is next rebuilt.
 */
static inline u64 dmr_x_placeholder(u32 offset)
{
	return dmr_x_make(offset, 0, 0, 0, DMR_X_NOSLOT);
}

static inline bool dmr_x_is_placeholder(u64 x)
{
	return (x & DMR_X_FLAGS) == DMR_X_NOSLOT;
}

struct dmr_leaf {
	struct rcu_head rcu;
	u32 nr;
	u32 reserve;		/* not zero: memory of the emergency reserve */
	u64 e[];
};

static inline size_t dmr_leaf_bytes(u32 nr)
{
	return sizeof(struct dmr_leaf) + (size_t)nr * sizeof(u64);
}

/* Where leaves come from and go to; release must respect current readers. */
struct dmr_leaf_ops {
	/* optional: not worth a reserve */
	struct dmr_leaf *(*alloc)(void *context, u32 nr, bool optional);
	void (*release)(void *context, struct dmr_leaf *leaf);
};

struct dmr_index {
	struct dmr_leaf __rcu **leaf;
	u64 nr_blocks;
	u64 nr_regions;
	const struct dmr_leaf_ops *ops;
	void *context;
};

/*
 * Prepare an empty index over nr_blocks blocks; -ENOMEM, or -EFBIG if the
 * machine can't address that many regions. May sleep.
 */
int dmr_index_init(struct dmr_index *idx, u64 nr_blocks,
		   const struct dmr_leaf_ops *ops, void *context);

/* Free everything. No reader may be left. */
void dmr_index_exit(struct dmr_index *idx);

/*
 * Position of the first entry at or after offset; leaf->nr if there is none.
 * Under rcu_read_lock() or as the writer.
 */
static inline u32 dmr_leaf_find(const struct dmr_leaf *leaf, u32 offset)
{
	const u64 key = (u64)offset << 50;
	const u64 *base = leaf->e;
	u32 n = leaf->nr;

	while (n > 1) {
		u32 half = n / 2;

		if (READ_ONCE(base[half - 1]) < key)
			base += half;
		n -= half;
	}
	return (u32)(base - leaf->e) + (n && READ_ONCE(*base) < key);
}

/*
 * Make room for more blocks: move the map into "leaf", an array for nr_blocks
 * that the caller allocated, zeroed. Returns the old array, to be freed with
 * kvfree() after a grace period. Writer only, and no I/O may be under way.
 */
struct dmr_leaf __rcu **dmr_index_grow(struct dmr_index *idx,
				       struct dmr_leaf __rcu **leaf, u64 nr_blocks);

/* Regions that nr_blocks make. */
static inline u64 dmr_regions(u64 nr_blocks)
{
	return (nr_blocks >> DMR_REGION_SHIFT) + ((nr_blocks & DMR_REGION_MASK) != 0);
}

/* The entry of a block, or 0. Context as above. */
u64 dmr_index_get(const struct dmr_index *idx, u64 block);

/*
 * Apply n updates to one region: sorted by offset, no two for one block. An
 * update adds or replaces the entry of its block. Placeholders that are not
 * among the updates are dropped. Writer only. -ENOMEM leaves everything as it
 * was.
 */
int dmr_index_update(struct dmr_index *idx, u64 region, const u64 *updates,
		     u32 n);

/*
 * Change the entry of a block in place; it must exist (false if not, and
 * nothing was done). Writer only, never fails otherwise. The offset of x is
 * set here.
 */
bool dmr_index_store(struct dmr_index *idx, u64 block, u64 x);

/* Rebuild a leaf without its placeholders, if there is memory for it. */
void dmr_index_trim(struct dmr_index *idx, u64 region);

/*
 * Entry at or after *block, or 0; *block is set to the entry's block.
 * Placeholders are skipped. Context as for dmr_leaf_find().
 */
u64 dmr_index_next(const struct dmr_index *idx, u64 *block);

/* Sort a leaf that was filled without order. */
void dmr_leaf_sort(struct dmr_leaf *leaf);

#ifdef __cplusplus
}
#endif

#endif /* DM_REMAP_INDEX_H */
