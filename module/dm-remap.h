/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Internal structures of the remap target.
 *
 * A store is one active set: both devices, the metadata, the map and the
 * workers. Table instances (dmr_target) of one mapped device share it, so that
 * a reload goes on with the live state.
 *
 * Lock order: registry_lock > proof_lock > commit_lock > queue_lock, defer_lock
 * (the last two are spinlocks, interrupts off). event_lock stands alone.
 *
 * commit_lock serialises everything that changes the metadata or the map. It is
 * held across I/O to the spare, never across I/O to main: a dying main must not
 * hold up the rescue of writes.
 *
 * Ownership of a block: whoever set BUSY in its entry (under commit_lock) owns
 * it until it clears the flag. The owner always runs, it never waits for
 * another owner, and it gets its memory before it takes the block.
 *
 * Memory: everything behind ->map runs in workers with WQ_MEM_RECLAIM under
 * memalloc_noio; buffers come from mempools, leaves of the map fall back to
 * PF_MEMALLOC and then to a reserve.
 */
#ifndef DM_REMAP_H
#define DM_REMAP_H

#include <linux/atomic.h>
#include <linux/device-mapper.h>
#include <linux/jiffies.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mempool.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "dm-remap-compat.h"
#include "dm-remap-meta.h"

#define DM_MSG_PREFIX "remap"

#ifndef CONFIG_64BIT
#error dm-remap needs a 64-bit kernel: map entries are read without a lock
#endif

#define DMR_BUCKETS	64	/* of regions, for draining */
#define DMR_ROUND	1024	/* requests in one round of commits */
#define DMR_SLOT_TRIES	8	/* slots tried for one block */
#define DMR_NEAR	1024	/* blocks: what holds for one holds for others so near */
#define DMR_FAR		8192	/* blocks: main has to work so near a bad block */
#define DMR_PROBES	20	/* blocks that one proof may find unwritable */
#define DMR_PROOFS	8	/* proofs that are remembered */
#define DMR_PATIENCE	(5 * HZ) /* of a suspend with the isolation of read errors */
#define DMR_WEAK	64	/* blocks whose healed errors are remembered */

enum dmr_mode {
	DMR_ACTIVE,
	DMR_PAUSED,
	DMR_FULL,
	DMR_MAIN_FAULT,
	DMR_SPARE_FAULT,
	DMR_META_FAULT,
	DMR_FAIL,
};

struct dmr_options {
	unsigned int rescue;
	unsigned int isolate_ms;
	unsigned int rate;
	bool paused;
};

/*
 * I/O in flight that a drain has to wait for, by bucket and epoch: writes to
 * main and everything that goes to a slot. Reads of main are not waited for:
 * one that is under way while its block moves is concurrent with whatever is
 * written to the slot, and what it returns was true when it was asked.
 * Incremented and decremented on whatever CPU; only the sums mean something.
 */
struct dmr_pcpu {
	u32 inflight[2 * DMR_BUCKETS];
	u64 redirected[2];
};

/* Rare events, written under queue_lock. */
struct dmr_counters {
	u64 main_errors[2];
	u64 spare_errors;
	u64 healed;
	u64 refused;		/* remaps not made: mode, rate, no proof */
	u64 rescued_writes;
	u64 flush_errors;
	u64 noted;		/* failed readahead or failfast bios */
	u64 commits;
};

struct dmr_weak {
	u64 block;
	unsigned int healed;
};

/* Failures in these blocks up to this ticket are settled; 0: none. */
struct dmr_proof {
	u64 lo, hi;
	u64 ticket;
};

struct dmr_store {
	struct list_head list;		/* registry_lock */
	struct kref kref;
	struct mapped_device *md;
	struct block_device *main;
	struct block_device *spare;
	sector_t main_sectors;
	unsigned int main_lbs;
	unsigned int main_pbs;
	bool stopping;			/* a suspend waits, */
	unsigned long stop_since;	/* since then (jiffies) */
	bool read_only;
	bool loaded;
	bool activated;

	/* hot: read by every bio */
	struct dmr_index index;
	struct dmr_pcpu __percpu *pcpu;
	u8 counter[DMR_BUCKETS];	/* into inflight: 2 * bucket + epoch */
	atomic_t drainers;

	struct mutex commit_lock;	/* from here to memory, and map changes */
	struct dmr_meta meta;
	struct dmr_totals totals;
	struct dmr_change *changes;	/* DMR_ROUND */
	u64 *updates;			/* DMR_ROUND */
	struct dmr_round *round;
	void *memory;			/* for meta */

	spinlock_t queue_lock;		/* also: count, faults, weak, rate */
	struct list_head commit_queue;

	spinlock_t defer_lock;		/* deferred */
	struct bio_list deferred;	/* bios that met a BUSY block */
	wait_queue_head_t busy_wait;

	u64 draining;			/* bit per bucket; under drain_wait.lock */
	wait_queue_head_t drain_wait;

	struct mutex proof_lock;	/* one prover of writes at a time */
	atomic64_t failures;		/* tickets of write failures */
	struct dmr_proof proof[DMR_PROOFS];	/* main takes writes there */
	struct dmr_proof dead;		/* main does not take writes there */
	unsigned int next_proof;
	bool main_dead[2];		/* it does not read, does not write, */
	u64 dead_at[2];			/* at this block; queue_lock */
	unsigned long spare_retry;	/* jiffies: when to try it again */
	void *probe_page[DMR_PROBES];	/* 4 KiB each; proof_lock */

	struct workqueue_struct *io_wq;		/* failed and held writes */
	struct workqueue_struct *isolate_wq;	/* failed reads, one by one */
	mempool_t *pages;		/* pairs of blocks, see dmr_get_buffer() */

	struct dmr_leaf *reserve[2];	/* commit_lock */

	struct dmr_options opt;
	unsigned long faults;		/* bit per mode that holds */
	struct dmr_counters count;
	struct dmr_weak weak[DMR_WEAK];
	unsigned int weak_next;
	unsigned long rate_start;
	unsigned int rate_used;

	/* spare writes completed, and of these known to be flushed */
	atomic64_t spare_done;
	atomic64_t spare_flushed;
	atomic_t flush_debt[2];	/* main, spare: a flush of ours failed, the next one of a user has to */
	atomic_t flush_failures;	/* of the spare */
	int flush_mark;		/* of these before what is to be flushed was written; commit_lock */

	struct mutex event_lock;	/* ti */
	struct dm_target *ti;		/* of the active table; event_lock */
	struct work_struct event_work;
};

struct dmr_target {
	struct dm_target *ti;
	struct dm_dev *main;
	struct dm_dev *spare;
	struct dmr_store *store;
	struct dmr_options opt;
	struct dmr_leaf __rcu **leaf;	/* for a longer main, until it is resumed */
};

/* dmr_bio.flags */
#define DMR_B_COUNTED	1	/* in pcpu->inflight */
#define DMR_B_SPARE	2	/* went to a slot */
#define DMR_B_DONE	4	/* completed by us: not to be looked at again */
#define DMR_B_FLUSH	8	/* a flush, of the spare with DMR_B_SPARE */
#define DMR_B_FAILED	16	/* came back with an error */

/* Per-bio data. iter: dm core advances the bio's own. */
struct dmr_bio {
	struct bvec_iter iter;
	u8 counter;			/* in inflight, if DMR_B_COUNTED */
	u8 flags;
	blk_opf_t opf;			/* writes: the device below may clear FUA */
	blk_status_t error;		/* what it came back with */
	u64 flush_seq;
	struct dmr_store *store;	/* set when queued */
	struct work_struct work;
};

enum dmr_req_kind {
	DMR_REQ_MAP,	/* give the block a slot with this content */
	DMR_REQ_UPDATE,	/* write sectors of the slot, clear their lost bits */
	DMR_REQ_MOVE,	/* MAP of a block that has a slot, which is bad */
	DMR_REQ_LOSE,	/* set lost bits: the slot can't be read */
	DMR_REQ_UNMAP,	/* drop the entry */
};

/*
 * One change to the map and the metadata. Lives with the caller, who waits.
 * result: 0, or
 *   -EAGAIN  the block changed its state: look it up again
 *   -EBUSY   somebody else owns the block: wait, then look it up again
 *   -ENOSPC  no free slot
 *   -EREMOTEIO  the slot or its table block is bad: MOVE the block
 *   -EIO     slots can't be written, or the table
 *   -ENOMEM, -EROFS
 */
struct dmr_req {
	struct list_head list;
	enum dmr_req_kind kind;
	bool owner;		/* the caller owns the block */
	bool keep;		/* and wants to go on owning it */
	bool done;
	u8 reason;
	u8 lost;		/* MAP, MOVE: lost mask; LOSE: bits to set */
	u8 first, nr;		/* UPDATE: sectors */
	int result;
	u64 block;
	void *data;		/* 4 KiB; NULL: nothing to write */
	/* used by the commit */
	u64 slot;
	u64 old;		/* entry before */
	u64 new;
	int error;
	bool settled;		/* the table says so, or will never */
	struct bio bio;
	struct bio_vec vec;
};

/* State of one round of commits. */
struct dmr_round {
	struct dmr_store *s;
	struct dmr_req *req[DMR_ROUND];
	unsigned int nr;
	u64 bad[DMR_SLOT_TRIES];	/* slots to retire afterwards */
	unsigned int nr_bad;
};

/* -- dm-remap-io.c: I/O, ownership, draining, memory, modes ----------------- */

extern const struct dmr_meta_ops dmr_meta_ops;
extern const struct dmr_leaf_ops dmr_leaf_ops;

blk_status_t dmr_rw(struct block_device *bdev, sector_t sector, void *buf,
		    unsigned int len, blk_opf_t opf);
bool dmr_candidate(blk_status_t status);

void dmr_mark_flush(struct dmr_store *s);
void dmr_flush_failed(struct dmr_store *s, bool spare);
void dmr_fua_failed(struct dmr_store *s, bool spare);

void *dmr_get_buffer(struct dmr_store *s);
void dmr_put_buffer(struct dmr_store *s, void *buffer);
int dmr_alloc_reserve(struct dmr_store *s);
void dmr_free_reserve(struct dmr_store *s);

u64 dmr_get(struct dmr_store *s, u64 block);
u64 dmr_enter(struct dmr_store *s, u64 block, struct dmr_bio *pb);
void dmr_wake_drainers(struct dmr_store *s);
int dmr_own(struct dmr_store *s, u64 block, u64 *x);
void dmr_disown(struct dmr_store *s, u64 block);
void dmr_wait_busy(struct dmr_store *s, u64 block);
void dmr_release_deferred(struct dmr_store *s);
bool dmr_defer(struct dmr_store *s, struct bio *bio, u64 block);
void dmr_drain(struct dmr_store *s, u64 buckets);
u64 dmr_bucket_bit(u64 block);

unsigned int dmr_block_sectors(const struct dmr_store *s, u64 block);
void dmr_count(struct dmr_store *s, u64 *counter);
void dmr_event(struct dmr_store *s);
void dmr_event_work(struct work_struct *work);
void dmr_fault(struct dmr_store *s, enum dmr_mode mode);
void dmr_clear_fault(struct dmr_store *s, enum dmr_mode mode);
void dmr_main_dead(struct dmr_store *s, bool write, bool dead);
enum dmr_mode dmr_mode(const struct dmr_store *s);
const char *dmr_mode_name(enum dmr_mode mode);

/*
 * Count I/O to a region as in flight. Before the map is looked at, and in one
 * RCU (or RCU-sched) read section with that.
 */
static inline void dmr_count_in(struct dmr_store *s, struct dmr_bio *pb, u64 region)
{
	/* pairs with dmr_drain(): who sees the new epoch sees BUSY as well */
	u8 counter = smp_load_acquire(&s->counter[region % DMR_BUCKETS]);

	pb->counter = counter;
	this_cpu_inc(s->pcpu->inflight[counter]);
}

/* Has a suspend been waiting for longer than so many jiffies? */
static inline bool dmr_stopping(const struct dmr_store *s, unsigned long patience)
{
	/* pairs with presuspend */
	return smp_load_acquire(&s->stopping) &&
	       time_after_eq(jiffies, READ_ONCE(s->stop_since) + patience);
}

/* That I/O has ended. Any context. */
static inline void dmr_leave(struct dmr_store *s, const struct dmr_bio *pb)
{
	this_cpu_dec(s->pcpu->inflight[pb->counter]);
	if (unlikely(atomic_read(&s->drainers)))
		dmr_wake_drainers(s);
}

/* -- dm-remap-commit.c: changes of map and metadata -------------------------- */

void dmr_commit(struct dmr_store *s, struct dmr_req *reqs, unsigned int n);

/* -- dm-remap-shield.c: is this the main device of the set? ------------------ */

int dmr_check_main(struct dmr_store *s, char **error);

/* -- dm-remap-prove.c: the block or the device? ------------------------------ */

bool dmr_may_remap(struct dmr_store *s);
bool dmr_rate_allows(struct dmr_store *s);
bool dmr_healed(struct dmr_store *s, u64 block);
bool dmr_prove_reads(struct dmr_store *s, u64 block, void *page);
bool dmr_prove_writes(struct dmr_store *s, u64 block, u64 ticket);
void dmr_write_worked(struct dmr_store *s, u64 block);
void dmr_retry_main(struct dmr_store *s, void *page);

/* -- dm-remap-recover.c: failed I/O ------------------------------------------ */

void dmr_queue(struct dmr_store *s, struct bio *bio, struct dmr_bio *pb);
void dmr_end(struct dmr_bio *pb, struct bio *bio, blk_status_t status);
bool dmr_stands_for_lost(const void *sector);
bool dmr_salvage(struct dmr_store *s, u64 block, void *page, void *scratch, u8 *lost);

/* -- dm-remap-message.c: what dmsetup message and status answer -------------- */

int dmr_message(struct dm_target *ti, unsigned int argc, char **argv,
		char *result, unsigned int maxlen);
void dmr_status(struct dm_target *ti, status_type_t type,
		unsigned int flags, char *result, unsigned int maxlen);

/* -- dm-remap-admin.c: messages that work on blocks -------------------------- */

int dmr_msg_add(struct dmr_store *s, unsigned int argc, char **argv,
		char *result, unsigned int maxlen);
int dmr_msg_blocks(struct dmr_store *s, bool unmap, unsigned int argc,
		   char **argv, char *result, unsigned int maxlen);
int dmr_msg_verify(struct dmr_store *s, const char *from, bool frozen_only,
		   char *result, unsigned int maxlen);
int dmr_msg_rearm(struct dmr_store *s, char *result, unsigned int maxlen);

/* -- dm-remap-store.c: registry, loading, activation ------------------------- */

int dmr_get_store(struct dm_target *ti, struct dmr_target *t);
void dmr_put_store(struct dmr_store *s);
int dmr_activate(struct dmr_target *t);

/* -- dm-remap-target.c: the I/O path, the target ----------------------------- */

void dmr_route(struct dmr_store *s, struct bio *bio);

#endif /* DM_REMAP_H */
