/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The metadata of one spare: superblocks, slot table, slot allocation, commit.
 * Pure: all I/O goes through struct dmr_meta_ops, so the code that runs in the
 * kernel is the code that the crash enumeration runs in user space.
 *
 * Commit: the slot data was written before (and completed); then a flush; then
 * the touched table blocks in copy 0 with FUA, then the same in copy 1. The flush
 * is a step of its own and not repeated: after one that failed nobody knows
 * whether the slot data is there, and a second one would not tell. Only then may
 * the caller publish and acknowledge. At every instant one copy of each table
 * block is valid and holds everything that was acknowledged.
 *
 * Locking: the caller serialises all calls on one dmr_meta (in the kernel:
 * dmr_store.commit_lock). Counters may be read without the lock.
 */
#ifndef DM_REMAP_META_H
#define DM_REMAP_META_H

#include "dm-remap-index.h"
#include "dm-remap-layout.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DMR_IO_FUA	1u

struct dmr_meta_ops {
	/* Synchronous; len is a multiple of 512. 0 or -errno. */
	int (*read)(void *context, u64 sector, void *buf, u32 len);
	int (*write)(void *context, u64 sector, const void *buf, u32 len,
		     unsigned int flags);
	/* All writes that have completed become durable. Never repeated. */
	int (*flush)(void *context);
};

/* One slot's new entry. After a commit, error tells what became of it. */
struct dmr_change {
	u64 slot;
	struct dmr_mapping m;
	int error;
};

/* Table blocks that one commit can touch; also the cache. */
#define DMR_IMAGES	8

/* Scratch for bulk reads and writes: 16 table blocks. */
#define DMR_SCRATCH_BLOCKS	16

/* tb_flags: copy 0 or 1 of the table block is not good, so it is frozen. */
#define DMR_TB_BAD(copy)	(1u << (copy))
#define DMR_TB_FROZEN		3u

struct dmr_image {
	u64 index;
	u64 used;		/* for LRU */
	bool valid;
	struct dmr_table_block *tb;
};

/* Entries by reason, and what else status shows. Writer: commit lock. */
struct dmr_totals {
	u64 entries;
	u64 lost;		/* sectors */
	u64 bad;		/* slots */
	u64 by_reason[DMR_NR_REASONS];
};

struct dmr_meta {
	const struct dmr_meta_ops *ops;
	void *context;
	struct dmr_superblock *sb;	/* the newest, as it is on disk */
	u32 seed;
	u64 device_sectors;
	u64 nr_slots;
	u64 activation;
	u64 table_activation;		/* highest in a sequence number of the table */
	bool active;			/* dmr_meta_activate() has succeeded */
	u32 attempts;			/* low half of the next sequence number */
	u64 gen;			/* last one given out */
	u8 sb_bad;			/* bit per copy */
	u64 frozen;			/* number of frozen table blocks */
	u8 *tb_free;			/* free entries of each table block */
	u8 *tb_flags;			/* DMR_TB_* of each table block */
	u8 *tb_taken;			/* slots taken and not committed yet */
	u64 alloc_index;		/* table block slots are taken from */
	u64 free_slots;			/* in initialised, not frozen blocks */
	u64 clock;
	u64 commits;
	u64 commit_errors;
	struct dmr_image image[DMR_IMAGES];
	u8 *taken;			/* bitmap of alloc_index: not available */
	bool taken_valid;
	void *scratch;			/* DMR_SCRATCH_BLOCKS blocks */
	/* slots that lost against a duplicate, to be freed before the first commit */
	u64 *losers;
	u32 nr_losers;
	u32 max_losers;
	bool losers_left;		/* some could not be freed */
	u64 verified;			/* the pass of verify goes on here */
	const char *problem;		/* of the last failure, for the user */
	u64 problem_index;
};

/*
 * Prepare m and read both superblocks of a device of device_sectors. "memory"
 * provides DMR_META_PAGES blocks of 4 KiB, each aligned, usable for I/O; the
 * last DMR_SCRATCH_BLOCKS of them contiguous. Fails with -ENODATA (not one of
 * ours), -EUCLEAN (damaged), -EFBIG; m->problem says why. Writes nothing.
 */
#define DMR_META_PAGES	(1 + DMR_IMAGES + DMR_SCRATCH_BLOCKS)
int dmr_meta_open(struct dmr_meta *m, const struct dmr_meta_ops *ops,
		  void *context, u64 device_sectors, void *memory);

/* Free what open and load allocated, not the memory given to open. */
void dmr_meta_close(struct dmr_meta *m);

/*
 * Read the whole table, both copies, and build the index (initialised by the
 * caller, empty). -EUCLEAN with problem and problem_index if a table block is
 * damaged in both copies or an entry is impossible. Writes nothing. May sleep.
 */
int dmr_meta_load(struct dmr_meta *m, struct dmr_index *idx,
		  struct dmr_totals *totals);

/*
 * Read the superblocks again; 0 if the newest is still the one in memory, else
 * -ESTALE (someone else has used the set) or an I/O error. Of an active set a
 * tool may have changed the texts: they are taken over.
 */
int dmr_meta_revalidate(struct dmr_meta *m);

/*
 * First write of an activation: the counter goes up durably, then stale table
 * copies are repaired and the losers of duplicates are freed. A table block
 * whose copy can't be repaired is frozen. -EIO if not even one superblock can
 * be written.
 */
int dmr_meta_activate(struct dmr_meta *m, u64 now);

/*
 * Record, durably, that main has this many sectors now; not fewer than before.
 * -EIO leaves the old size in memory and, as far as it can be written, on disk.
 */
int dmr_meta_grow(struct dmr_meta *m, u64 main_sectors);

/*
 * Take a free slot; it stays taken in memory until it is committed or given
 * back. May initialise more of the table. -ENOSPC if there is none, -EIO if
 * there may be some but the spare does not let us have it.
 */
int dmr_meta_alloc(struct dmr_meta *m, u64 *slot);
void dmr_meta_unalloc(struct dmr_meta *m, u64 slot);

/* The same, not near the slots that were taken last, if there is a choice. */
int dmr_meta_alloc_far(struct dmr_meta *m, u64 *slot);

/* A generation for the entries of the next commit. */
u64 dmr_meta_next_gen(struct dmr_meta *m);

/*
 * Make as many of the changes durable as fit in one commit, in order; returns
 * how many were dealt with (at least 1). changes must be sorted by slot. Each
 * has error 0, or -EIO: the entry may or may not be on disk, its table block is
 * frozen now, and the caller has to commit the content again in another slot
 * with a higher generation or fence the block; or -EBUSY: nothing was done, for
 * an entry can't be freed while a table block is frozen that may hold an older
 * entry of the same block, or a loser could not be freed; or -EAGAIN: the flush
 * failed, or the spare reads nothing and the table block is not in memory:
 * nothing of it was written, the contents of the slots have to be written again
 * before a new try.
 */
u32 dmr_meta_commit(struct dmr_meta *m, struct dmr_change *changes, u32 n);

/*
 * The entry that a block had before it moved stays in the table. Nothing is
 * freed from now on, until verify has gone over the whole table: the old entry
 * must not be the only one.
 */
void dmr_meta_loser_left(struct dmr_meta *m);

/* Is the entry of this slot in a frozen table block? */
bool dmr_meta_frozen(const struct dmr_meta *m, u64 slot);

/* Read the entry of a slot from the table (cache, copy 0, copy 1). */
int dmr_meta_entry(struct dmr_meta *m, u64 slot, struct dmr_mapping *out);

/* What dmr_meta_verify() found, in table blocks and superblocks. */
struct dmr_verify {
	u64 checked, repaired, damaged;
	u64 retired;		/* slots that are bad now, for want of knowledge */
};

/* What memory knows of the table, for dmr_meta_verify(). */
struct dmr_memory {
	/* Does the slot hold that block? If so *lost is its lost mask. */
	bool (*holds)(void *context, u64 slot, u64 block, u8 *lost);
	/*
	 * Fill the entries of the slots [first, first + DMR_TABLE_ENTRIES) as
	 * memory knows them; what it does not know stays FREE. gen is for all.
	 */
	void (*rebuild)(void *context, u64 first, u64 gen,
			struct dmr_mapping *entries);
	void *context;
};

/*
 * Read both copies of a table block, compare them with each other and with
 * memory, and rewrite what differs; thaws the block if both copies are good
 * afterwards. With index 0 the superblocks are checked too. Results are added
 * to v. 0, or -EIO if the block stays damaged.
 */
int dmr_meta_verify(struct dmr_meta *m, u64 index,
		    const struct dmr_memory *memory, struct dmr_verify *v);

#ifdef __cplusplus
}
#endif

#endif /* DM_REMAP_META_H */
