// SPDX-License-Identifier: GPL-2.0-only
/*
 * Synchronous I/O, ownership of blocks, draining, memory and modes of a store.
 * Lock order and memory rules: dm-remap.h.
 */
#include <linux/sched/mm.h>

#include "dm-remap.h"

/*
 * One synchronous I/O. buf is lowmem (kmalloc or pages), at most 64 KiB.
 * Sleeps; allocates nothing.
 */
blk_status_t dmr_rw(struct block_device *bdev, sector_t sector, void *buf,
		    unsigned int len, blk_opf_t opf)
{
	struct bio_vec vecs[DMR_SCRATCH_BLOCKS];
	struct bio bio;
	blk_status_t status;

	dmr_bio_init(&bio, bdev, vecs, ARRAY_SIZE(vecs), opf);
	bio.bi_iter.bi_sector = sector;
	while (len) {
		unsigned int n = min_t(unsigned int, len,
				       PAGE_SIZE - offset_in_page(buf));

		if (bio_add_page(&bio, virt_to_page(buf), n,
				 offset_in_page(buf)) != n)
			return BLK_STS_IOERR;
		buf += n;
		len -= n;
	}
	submit_bio_wait(&bio);
	status = bio.bi_status;
	bio_uninit(&bio);
	return status;
}

/*
 * May this error mean that the medium is bad here? Everything else is the
 * device's or the transport's trouble and never creates an entry.
 */
bool dmr_candidate(blk_status_t status)
{
	return status == BLK_STS_MEDIUM || status == BLK_STS_IOERR ||
	       status == BLK_STS_TARGET;
}

static int meta_read(void *context, u64 sector, void *buf, u32 len)
{
	struct dmr_store *s = context;
	blk_status_t status;

	status = dmr_rw(s->spare, sector, buf, len, REQ_OP_READ | REQ_META);
	if (status)
		dmr_count(s, &s->count.spare_errors);
	return blk_status_to_errno(status);
}

/* What is flushed from now on is written after this. commit_lock. */
void dmr_mark_flush(struct dmr_store *s)
{
	s->flush_mark = atomic_read(&s->flush_failures);
}

/*
 * A flush failed, and with it perhaps somebody's write that had been taken: the
 * next flush of a user must not say that all is well. Any context.
 */
void dmr_flush_failed(struct dmr_store *s, bool spare)
{
	if (spare)
		atomic_inc(&s->flush_failures);
	atomic_set(&s->flush_debt[spare], 1);
}

/*
 * A write with FUA failed. Without FUA of its own the device was asked to write
 * and then to flush, and nobody knows which of the two it was.
 */
void dmr_fua_failed(struct dmr_store *s, bool spare)
{
	if (dmr_bdev_emulates_fua(spare ? s->spare : s->main))
		dmr_flush_failed(s, spare);
}

static int meta_flush(void *context)
{
	struct dmr_store *s = context;
	struct bio bio;
	blk_status_t status;

	dmr_bio_init(&bio, s->spare, NULL, 0, REQ_OP_WRITE | REQ_PREFLUSH);
	submit_bio_wait(&bio);
	status = bio.bi_status;
	bio_uninit(&bio);
	if (status) {
		dmr_count(s, &s->count.spare_errors);
		dmr_count(s, &s->count.flush_errors);
		dmr_flush_failed(s, true);
		return blk_status_to_errno(status);
	}
	/* one that failed meanwhile, of a user, may have dropped what is ours */
	return atomic_read(&s->flush_failures) == s->flush_mark ? 0 : -EIO;
}

static int meta_write(void *context, u64 sector, const void *buf, u32 len,
		      unsigned int flags)
{
	struct dmr_store *s = context;
	blk_opf_t opf = REQ_OP_WRITE | REQ_META | REQ_SYNC;
	blk_status_t status;

	if (flags & DMR_IO_FUA)
		opf |= REQ_FUA;
	status = dmr_rw(s->spare, sector, (void *)buf, len, opf);
	if (status) {
		dmr_count(s, &s->count.spare_errors);
		if (flags & DMR_IO_FUA)
			dmr_fua_failed(s, true);
	}
	return blk_status_to_errno(status);
}

const struct dmr_meta_ops dmr_meta_ops = {
	.read = meta_read,
	.write = meta_write,
	.flush = meta_flush,
};

/* -- memory ------------------------------------------------------------------ */

/* A buffer is two blocks of 4 KiB; never wait for a second one while holding one. */
void *dmr_get_buffer(struct dmr_store *s)
{
	return page_address(mempool_alloc(s->pages, GFP_NOIO));
}

void dmr_put_buffer(struct dmr_store *s, void *buffer)
{
	mempool_free(virt_to_page(buffer), s->pages);
}

static struct dmr_leaf *leaf_alloc(void *context, u32 nr, bool optional)
{
	struct dmr_store *s = context;
	size_t bytes = dmr_leaf_bytes(nr);
	struct dmr_leaf *leaf;
	unsigned int flags, i;

	leaf = kvmalloc(bytes, GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY);
	if (!leaf && !optional) {
		flags = memalloc_noreclaim_save();
		leaf = kmalloc(bytes, GFP_NOIO | __GFP_NOWARN);
		memalloc_noreclaim_restore(flags);
	}
	if (leaf) {
		leaf->reserve = 0;
		return leaf;
	}
	if (optional || nr > DMR_REGION_BLOCKS)
		return NULL;
	for (i = 0; i < ARRAY_SIZE(s->reserve); i++) {
		leaf = s->reserve[i];
		if (!leaf)
			continue;
		s->reserve[i] = NULL;
		leaf->reserve = i + 1;
		return leaf;
	}
	return NULL;
}

static void leaf_release(void *context, struct dmr_leaf *leaf)
{
	struct dmr_store *s = context;

	if (leaf->reserve) {
		synchronize_rcu_expedited();
		s->reserve[leaf->reserve - 1] = leaf;
		return;
	}
	kvfree_rcu(leaf, rcu);
}

const struct dmr_leaf_ops dmr_leaf_ops = {
	.alloc = leaf_alloc,
	.release = leaf_release,
};

int dmr_alloc_reserve(struct dmr_store *s)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(s->reserve); i++) {
		s->reserve[i] = kvmalloc(dmr_leaf_bytes(DMR_REGION_BLOCKS), GFP_KERNEL);
		if (!s->reserve[i])
			return -ENOMEM;
	}
	return 0;
}

void dmr_free_reserve(struct dmr_store *s)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(s->reserve); i++)
		kvfree(s->reserve[i]);
}

/* -- blocks and who may touch them ------------------------------------------- */

/* Sectors of a block; the last block of main may be short. */
unsigned int dmr_block_sectors(const struct dmr_store *s, u64 block)
{
	return min_t(u64, DMR_BLOCK_SECTORS,
		     s->main_sectors - block * DMR_BLOCK_SECTORS);
}

u64 dmr_bucket_bit(u64 block)
{
	return BIT_ULL((block >> DMR_REGION_SHIFT) % DMR_BUCKETS);
}

/* The entry of a block, 0 if none. */
u64 dmr_get(struct dmr_store *s, u64 block)
{
	u64 x;

	rcu_read_lock();
	x = dmr_index_get(&s->index, block);
	rcu_read_unlock();
	return x;
}

/*
 * Look a block up for I/O that a worker does itself: like a bio in ->map, the
 * I/O counts as in flight until dmr_leave(). If the entry is BUSY the caller
 * must leave at once and wait.
 */
u64 dmr_enter(struct dmr_store *s, u64 block, struct dmr_bio *pb)
{
	u64 x;

	rcu_read_lock();
	dmr_count_in(s, pb, block >> DMR_REGION_SHIFT);
	x = dmr_index_get(&s->index, block);
	rcu_read_unlock();
	return x;
}

void dmr_wake_drainers(struct dmr_store *s)
{
	wake_up_all(&s->drain_wait);
}

/*
 * Take a block: new bios to it wait from now on. *x is the entry it had. Those
 * that are under way are waited for with dmr_drain(). -EBUSY if somebody else
 * owns it, -ENOMEM.
 */
int dmr_own(struct dmr_store *s, u64 block, u64 *x)
{
	u64 busy;
	int r = 0;

	mutex_lock(&s->commit_lock);
	*x = dmr_get(s, block);
	if (*x & DMR_X_BUSY) {
		r = -EBUSY;
	} else if (*x) {
		dmr_index_store(&s->index, block, *x | DMR_X_BUSY);
	} else {
		busy = dmr_x_make(block & DMR_REGION_MASK, 0, 0, 0,
				  DMR_X_BUSY | DMR_X_NOSLOT);
		r = dmr_index_update(&s->index, block >> DMR_REGION_SHIFT, &busy, 1);
	}
	mutex_unlock(&s->commit_lock);
	return r;
}

/* Give a block back as it is and let its bios go on. */
void dmr_disown(struct dmr_store *s, u64 block)
{
	u64 x;

	mutex_lock(&s->commit_lock);
	x = dmr_get(s, block);
	if (!WARN_ON_ONCE(!(x & DMR_X_BUSY))) {
		x &= ~(u64)DMR_X_BUSY;
		dmr_index_store(&s->index, block, x);
		if (dmr_x_is_placeholder(x))
			dmr_index_trim(&s->index, block >> DMR_REGION_SHIFT);
	}
	mutex_unlock(&s->commit_lock);
	dmr_release_deferred(s);
}

/*
 * Wait until nobody owns the block. TASK_IDLE: isolating a block of a dying
 * disk may take longer than the hung task detector likes.
 */
void dmr_wait_busy(struct dmr_store *s, u64 block)
{
	wait_event_idle(s->busy_wait, !(dmr_get(s, block) & DMR_X_BUSY));
}

/*
 * Keep a bio until its block is given back. False if it is not BUSY any more:
 * look again. The entry is read under the lock that dmr_release_deferred()
 * takes after it was changed, so no bio is left behind.
 */
bool dmr_defer(struct dmr_store *s, struct bio *bio, u64 block)
{
	unsigned long flags;
	bool busy;

	spin_lock_irqsave(&s->defer_lock, flags);
	busy = dmr_get(s, block) & DMR_X_BUSY;
	if (busy)
		bio_list_add(&s->deferred, bio);
	spin_unlock_irqrestore(&s->defer_lock, flags);
	return busy;
}

/* Send kept bios on their way; those whose block is still BUSY come back. */
void dmr_release_deferred(struct dmr_store *s)
{
	struct bio_list bios;
	struct bio *bio;

	bio_list_init(&bios);
	spin_lock_irq(&s->defer_lock);
	bio_list_merge(&bios, &s->deferred);
	bio_list_init(&s->deferred);
	spin_unlock_irq(&s->defer_lock);
	wake_up_all(&s->busy_wait);
	while ((bio = bio_list_pop(&bios)))
		dmr_route(s, bio);
}

static u32 inflight(struct dmr_store *s, unsigned int counter)
{
	u32 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(s->pcpu, cpu)->inflight[counter]);
	return sum;
}

/*
 * Wait for the I/O that was under way in these buckets (bit mask) when the
 * caller had marked its blocks BUSY.
 *
 * Two epochs per bucket: I/O counts in the epoch it finds. After the epoch was
 * switched and a grace period has passed, every ->map that found the old epoch
 * has counted itself, and every later one sees BUSY. So the old counter only
 * falls, and zero means done. New I/O is not held up.
 */
void dmr_drain(struct dmr_store *s, u64 buckets)
{
	unsigned int b;

	spin_lock_irq(&s->drain_wait.lock);
	while (s->draining & buckets) {
		spin_unlock_irq(&s->drain_wait.lock);
		wait_event_idle(s->drain_wait, !(READ_ONCE(s->draining) & buckets));
		spin_lock_irq(&s->drain_wait.lock);
	}
	s->draining |= buckets;
	spin_unlock_irq(&s->drain_wait.lock);

	atomic_inc(&s->drainers);
	for (b = 0; b < DMR_BUCKETS; b++)
		if (buckets >> b & 1)
			/* pairs with dmr_count_in() */
			smp_store_release(&s->counter[b], s->counter[b] ^ 1);
	synchronize_rcu_expedited();
	for (b = 0; b < DMR_BUCKETS; b++) {
		unsigned int old = s->counter[b] ^ 1;

		if (!(buckets >> b & 1))
			continue;
		/*
		 * The one who counts down to zero wakes us, but reads
		 * "drainers" without a barrier: look again now and then.
		 */
		while (!wait_event_idle_timeout(s->drain_wait,
						!inflight(s, old), HZ / 50))
			;
	}
	atomic_dec(&s->drainers);

	spin_lock_irq(&s->drain_wait.lock);
	s->draining &= ~buckets;
	spin_unlock_irq(&s->drain_wait.lock);
	wake_up_all(&s->drain_wait);
}

/* -- counters, modes, events ------------------------------------------------- */

void dmr_count(struct dmr_store *s, u64 *counter)
{
	unsigned long flags;

	spin_lock_irqsave(&s->queue_lock, flags);
	(*counter)++;
	spin_unlock_irqrestore(&s->queue_lock, flags);
}

/* Tell whoever waits for a device-mapper event that something changed. */
void dmr_event(struct dmr_store *s)
{
	schedule_work(&s->event_work);
}

void dmr_event_work(struct work_struct *work)
{
	struct dmr_store *s = container_of(work, struct dmr_store, event_work);

	mutex_lock(&s->event_lock);
	if (s->ti)
		dm_table_event(s->ti->table);
	mutex_unlock(&s->event_lock);
}

const char *dmr_mode_name(enum dmr_mode mode)
{
	static const char *const names[] = {
		[DMR_ACTIVE] = "active",
		[DMR_PAUSED] = "paused",
		[DMR_FULL] = "full",
		[DMR_MAIN_FAULT] = "main-fault",
		[DMR_SPARE_FAULT] = "spare-fault",
		[DMR_META_FAULT] = "meta-fault",
		[DMR_FAIL] = "fail",
	};

	return names[mode];
}

/* The gravest of what holds. */
enum dmr_mode dmr_mode(const struct dmr_store *s)
{
	unsigned long faults = READ_ONCE(s->faults);

	return faults ? __fls(faults) : DMR_ACTIVE;
}

static void change_fault(struct dmr_store *s, enum dmr_mode mode, bool set)
{
	enum dmr_mode before, after;
	unsigned long flags;

	spin_lock_irqsave(&s->queue_lock, flags);
	before = dmr_mode(s);
	if (set)
		WRITE_ONCE(s->faults, s->faults | BIT(mode));
	else
		WRITE_ONCE(s->faults, s->faults & ~BIT(mode));
	after = dmr_mode(s);
	spin_unlock_irqrestore(&s->queue_lock, flags);
	if (before == after)
		return;
	DMWARN("%pg: mode %s -> %s", s->main, dmr_mode_name(before),
	       dmr_mode_name(after));
	dmr_event(s);
}

void dmr_fault(struct dmr_store *s, enum dmr_mode mode)
{
	/* what is wrong with the spare may pass: look again after a while */
	if (mode == DMR_SPARE_FAULT)
		WRITE_ONCE(s->spare_retry, jiffies + 10 * HZ);
	change_fault(s, mode, true);
}

/*
 * Main was seen to read or write, or not to. A disk gone read-only reads well,
 * so one does not speak for the other.
 */
void dmr_main_dead(struct dmr_store *s, bool write, bool dead)
{
	WRITE_ONCE(s->main_dead[write], dead);
	if (dead)
		dmr_fault(s, DMR_MAIN_FAULT);
	else if (!READ_ONCE(s->main_dead[!write]))
		dmr_clear_fault(s, DMR_MAIN_FAULT);
}

void dmr_clear_fault(struct dmr_store *s, enum dmr_mode mode)
{
	if (READ_ONCE(s->faults) & BIT(mode))
		change_fault(s, mode, false);
}
