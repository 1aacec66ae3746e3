// SPDX-License-Identifier: GPL-2.0-only
/*
 * The target: the I/O path, construction, suspend and resume. Interface:
 * dm-remap(4).
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/sched/mm.h>

#include "dm-remap.h"

/* -- the I/O path ------------------------------------------------------------ */

static void to_main(struct dmr_store *s, struct bio *bio)
{
	bio_set_dev(bio, s->main);
}

static void to_slot(struct dmr_store *s, struct bio *bio, struct dmr_bio *pb,
		    u64 x)
{
	sector_t first = bio->bi_iter.bi_sector % DMR_BLOCK_SECTORS;

	pb->flags |= DMR_B_SPARE;
	bio_set_dev(bio, s->spare);
	bio->bi_iter.bi_sector = dmr_slot_sector(s->meta.sb, dmr_x_slot(x)) + first;
	this_cpu_inc(s->pcpu->redirected[op_is_write(bio_op(bio))]);
}

static void count_bio(struct dmr_store *s, struct dmr_bio *pb, u64 region)
{
	dmr_count_in(s, pb, region);
	pb->flags |= DMR_B_COUNTED;
}

static void uncount_bio(struct dmr_store *s, struct dmr_bio *pb)
{
	if (pb->flags & DMR_B_COUNTED) {
		pb->flags &= ~DMR_B_COUNTED;
		dmr_leave(s, pb);
	}
}

/* What becomes of a bio, or of its first part. */
enum verdict {
	TO_MAIN,
	TO_SLOT,
	WAIT,		/* the block is BUSY */
	WORKER,		/* a write to lost sectors */
	ALL_DONE,	/* discard of a remapped block: nothing to do */
	MEDIUM_ERROR,
	IO_ERROR,
};

/* For a bio that touches the block with entry x, within that block. */
static enum verdict judge(const struct bio *bio, u64 x)
{
	unsigned int first = bio->bi_iter.bi_sector % DMR_BLOCK_SECTORS;
	unsigned int nr = min_t(unsigned int, bio_sectors(bio),
				DMR_BLOCK_SECTORS - first);
	bool write = op_is_write(bio_op(bio));

	if (x & DMR_X_BUSY)
		return WAIT;
	if (!dmr_x_mapped(x))
		return x & DMR_X_FENCED ? IO_ERROR : TO_MAIN;
	if (bio_op(bio) == REQ_OP_DISCARD)
		return ALL_DONE;
	if (write && (x & DMR_X_FENCED))
		return IO_ERROR;
	if (dmr_x_lost(x) & dmr_sector_mask(first, nr))
		return write ? WORKER : MEDIUM_ERROR;
	return TO_SLOT;
}

/* Can a bio go on from entry a into b, the next one? */
static bool continues(u64 a, u64 b)
{
	const u64 plain = DMR_X_BUSY | DMR_X_NOSLOT | DMR_X_FENCED;

	return dmr_x_offset(b) == dmr_x_offset(a) + 1 &&
	       dmr_x_slot(b) == dmr_x_slot(a) + 1 &&
	       !((a | b) & plain) && !dmr_x_lost(a) && !dmr_x_lost(b);
}

/*
 * Find how much of the bio shares one fate, beginning at its first sector. The
 * bio lies within one region. Returns the number of sectors; *entry is the
 * entry of the first block, 0 if it is healthy.
 */
static unsigned int find_run(const struct dmr_leaf *leaf, const struct bio *bio,
			     u64 *entry)
{
	sector_t sector = bio->bi_iter.bi_sector;
	u64 block = sector / DMR_BLOCK_SECTORS;
	u32 offset = block & DMR_REGION_MASK;
	unsigned int sectors = bio_sectors(bio), run;
	u32 i = dmr_leaf_find(leaf, offset);
	u64 x, next;

	*entry = 0;
	if (i == leaf->nr)
		return sectors;
	x = READ_ONCE(leaf->e[i]);
	run = (dmr_x_offset(x) - offset) * DMR_BLOCK_SECTORS -
	      sector % DMR_BLOCK_SECTORS;
	if (dmr_x_offset(x) != offset)
		return min(run, sectors);
	*entry = x;
	run = DMR_BLOCK_SECTORS - sector % DMR_BLOCK_SECTORS;
	while (run < sectors && ++i < leaf->nr) {
		next = READ_ONCE(leaf->e[i]);
		if (!continues(x, next))
			break;
		x = next;
		run += DMR_BLOCK_SECTORS;
	}
	return min(run, sectors);
}

/*
 * Do what was decided about a bio whose first block has the entry x, but for
 * WAIT; the caller submits if this says DM_MAPIO_REMAPPED.
 */
static int carry_out(struct dmr_store *s, struct bio *bio, struct dmr_bio *pb,
		     enum verdict v, u64 x)
{
	/* retries start from the address on main */
	pb->iter = bio->bi_iter;
	if (v == TO_SLOT) {
		to_slot(s, bio, pb, x);
		return DM_MAPIO_REMAPPED;
	}
	if (v == TO_MAIN) {
		/* no drain has to wait for a slow read */
		if (!op_is_write(bio->bi_opf))
			uncount_bio(s, pb);
		to_main(s, bio);
		return DM_MAPIO_REMAPPED;
	}
	uncount_bio(s, pb);
	if (v == WORKER)
		dmr_queue(s, bio, pb);
	else
		dmr_end(pb, bio, v == ALL_DONE ? BLK_STS_OK :
				 v == MEDIUM_ERROR ? BLK_STS_MEDIUM : BLK_STS_IOERR);
	return DM_MAPIO_SUBMITTED;
}

/*
 * Decide about a bio that a BUSY block had held up, or that was about to be. It
 * lies within one block and belongs to us.
 */
void dmr_route(struct dmr_store *s, struct bio *bio)
{
	struct dmr_bio *pb = dm_per_bio_data(bio, sizeof(*pb));
	u64 block = bio->bi_iter.bi_sector / DMR_BLOCK_SECTORS;
	enum verdict v;
	u64 x;

	for (;;) {
		rcu_read_lock();
		count_bio(s, pb, block >> DMR_REGION_SHIFT);
		x = dmr_index_get(&s->index, block);
		rcu_read_unlock();
		v = judge(bio, x);
		if (v != WAIT)
			break;
		uncount_bio(s, pb);
		if (dmr_defer(s, bio, block))
			return;
	}
	if (carry_out(s, bio, pb, v, x) == DM_MAPIO_REMAPPED)
		dmr_resubmit(bio);
}

/* The region has entries, or had some a moment ago. */
static noinline int map_region(struct dmr_store *s, struct bio *bio,
			       struct dmr_bio *pb, u64 region)
{
	sector_t sector = bio->bi_iter.bi_sector;
	const struct dmr_leaf *leaf;
	enum verdict v = TO_MAIN;
	unsigned int run;
	u64 x = 0;

	rcu_read_lock();
	if (!(pb->flags & DMR_B_COUNTED))
		count_bio(s, pb, region);
	leaf = rcu_dereference(s->index.leaf[region]);
	if (leaf) {
		run = find_run(leaf, bio, &x);
		if (run < bio_sectors(bio))
			dm_accept_partial_bio(bio, run);
		v = judge(bio, x);
	}
	rcu_read_unlock();

	if (v == WAIT) {
		uncount_bio(s, pb);
		if (!dmr_defer(s, bio, sector / DMR_BLOCK_SECTORS))
			dmr_route(s, bio);
		return DM_MAPIO_SUBMITTED;
	}
	return carry_out(s, bio, pb, v, x);
}

/* What a failed flush of ours may have lost was somebody's write: tell one. */
static bool pay_flush_debt(struct dmr_store *s, bool spare)
{
	return unlikely(atomic_read(&s->flush_debt[spare])) &&
	       atomic_xchg(&s->flush_debt[spare], 0);
}

/*
 * Flush 0 goes to main. Flush 1 goes to the spare if something was written there
 * since its last completed flush; a flush that failed proves nothing, so the
 * next one goes there again.
 */
static noinline int map_flush(struct dmr_store *s, struct bio *bio,
			      struct dmr_bio *pb)
{
	bool spare = dm_bio_get_target_bio_nr(bio);
	u64 done;

	pb->flags = DMR_B_FLUSH | (spare ? DMR_B_SPARE : 0);
	if (pay_flush_debt(s, spare)) {
		dmr_end(pb, bio, BLK_STS_IOERR);
		return DM_MAPIO_SUBMITTED;
	}
	if (!spare) {
		to_main(s, bio);
		return DM_MAPIO_REMAPPED;
	}
	done = atomic64_read(&s->spare_done);
	if (done == atomic64_read(&s->spare_flushed)) {
		dmr_end(pb, bio, BLK_STS_OK);
		return DM_MAPIO_SUBMITTED;
	}
	pb->flush_seq = done;
	bio_set_dev(bio, s->spare);
	return DM_MAPIO_REMAPPED;
}

/* Sectors of a region, as a shift. */
#define REGION_SECTORS_SHIFT (DMR_REGION_SHIFT + DMR_BLOCK_SHIFT - DMR_SECTOR_SHIFT)

/* Rare, and it keeps everything else to one region. */
static noinline void cut_at_region(struct bio *bio)
{
	sector_t mask = BIT_ULL(REGION_SECTORS_SHIFT) - 1;

	dm_accept_partial_bio(bio, (bio->bi_iter.bi_sector | mask) + 1 -
				   bio->bi_iter.bi_sector);
}

/*
 * The healthy path of every I/O: instructions count here (tests/bench). A read
 * of a region without entries takes no lock at all; a write counts itself, in
 * one RCU-sched section with the look at the map, because that is inline.
 */
static int remap_map(struct dm_target *ti, struct bio *bio)
{
	struct dmr_store *s = ((struct dmr_target *)ti->private)->store;
	struct dmr_bio *pb = dm_per_bio_data(bio, sizeof(*pb));
	sector_t sector = bio->bi_iter.bi_sector;
	u64 region = sector >> REGION_SECTORS_SHIFT;
	bool healthy;

	if (unlikely(bio->bi_opf & REQ_PREFLUSH))
		return map_flush(s, bio, pb);
	if (unlikely((sector ^ (sector + bio_sectors(bio) - 1)) >> REGION_SECTORS_SHIFT))
		cut_at_region(bio);

	if (op_is_write(bio->bi_opf)) {
		rcu_read_lock_sched();
		dmr_count_in(s, pb, region);
		healthy = !rcu_access_pointer(s->index.leaf[region]);
		rcu_read_unlock_sched();
		pb->flags = DMR_B_COUNTED;
		pb->opf = bio->bi_opf;
	} else {
		healthy = !rcu_access_pointer(s->index.leaf[region]);
		pb->flags = 0;
	}
	if (unlikely(!healthy))
		return map_region(s, bio, pb, region);
	pb->iter = bio->bi_iter;
	to_main(s, bio);
	return DM_MAPIO_REMAPPED;
}

static int end_flush(struct dmr_store *s, struct dmr_bio *pb, blk_status_t *error)
{
	bool spare = pb->flags & DMR_B_SPARE;
	u64 seen;

	if (*error) {
		dmr_count(s, &s->count.flush_errors);
		if (spare) {
			dmr_count(s, &s->count.spare_errors);
			atomic_inc(&s->flush_failures);
		}
		dmr_event(s);
		return DM_ENDIO_DONE;
	}
	/* one of ours may have failed while this one waited behind it */
	if (pay_flush_debt(s, spare)) {
		*error = BLK_STS_IOERR;
		return DM_ENDIO_DONE;
	}
	if (!spare)
		return DM_ENDIO_DONE;
	seen = atomic64_read(&s->spare_flushed);
	while (seen < pb->flush_seq) {
		u64 old = atomic64_cmpxchg(&s->spare_flushed, seen, pb->flush_seq);

		if (old == seen)
			break;
		seen = old;
	}
	return DM_ENDIO_DONE;
}

/* Only these can tell that a block is bad, and be repeated. */
static bool has_content(const struct bio *bio)
{
	return bio_op(bio) == REQ_OP_READ || bio_op(bio) == REQ_OP_WRITE ||
	       bio_op(bio) == REQ_OP_WRITE_ZEROES;
}

/* An I/O failed: the medium's fault, to be looked into, or to be passed up? */
static int end_failed(struct dmr_store *s, struct bio *bio, struct dmr_bio *pb,
		      blk_status_t error)
{
	bool write = op_is_write(bio_op(bio));

	if (pb->flags & DMR_B_SPARE)
		dmr_count(s, &s->count.spare_errors);
	if (!dmr_candidate(error) || !has_content(bio))
		return DM_ENDIO_DONE;
	if (!(pb->flags & DMR_B_SPARE))
		dmr_count(s, &s->count.main_errors[write]);
	if (bio->bi_opf & (REQ_RAHEAD | REQ_FAILFAST_MASK)) {
		dmr_count(s, &s->count.noted);
		return DM_ENDIO_DONE;
	}
	pb->flags = DMR_B_FAILED | (pb->flags & DMR_B_SPARE);
	pb->error = error;
	dmr_queue(s, bio, pb);
	return DM_ENDIO_INCOMPLETE;
}

static noinline int end_special(struct dmr_store *s, struct bio *bio,
				struct dmr_bio *pb, blk_status_t *error)
{
	if (pb->flags & DMR_B_DONE)
		return DM_ENDIO_DONE;
	uncount_bio(s, pb);
	if (pb->flags & DMR_B_FLUSH)
		return end_flush(s, pb, error);
	if (*error)
		return end_failed(s, bio, pb, *error);
	if ((pb->flags & DMR_B_SPARE) && op_is_write(bio->bi_opf))
		atomic64_inc(&s->spare_done);
	return DM_ENDIO_DONE;
}

static int remap_end_io(struct dm_target *ti, struct bio *bio,
			blk_status_t *error)
{
	struct dmr_store *s = ((struct dmr_target *)ti->private)->store;
	struct dmr_bio *pb = dm_per_bio_data(bio, sizeof(*pb));

	if (unlikely(*error || (pb->flags & ~DMR_B_COUNTED)))
		return end_special(s, bio, pb, error);
	if (pb->flags)
		dmr_leave(s, pb);
	return DM_ENDIO_DONE;
}

/* -- construction ------------------------------------------------------------ */

static int parse_number(const char *value, unsigned int min, unsigned int max,
			unsigned int *out)
{
	unsigned int v;

	if (kstrtouint(value, 10, &v) || v < min || v > max)
		return -EINVAL;
	*out = v;
	return 0;
}

static int parse_options(struct dm_target *ti, struct dm_arg_set *as,
			 struct dmr_options *o)
{
	static const struct dm_arg counts[] = {
		{ 0, 8, "Invalid number of options" },
	};
	unsigned int n = 0;
	int r = 0;

	if (as->argc)
		r = dm_read_arg_group(counts, as, &n, &ti->error);
	if (r)
		return r;
	while (n--) {
		const char *a = dm_shift_arg(as);

		if (!strncmp(a, "rescue=", 7))
			r = parse_number(a + 7, 0, 1000, &o->rescue);
		else if (!strncmp(a, "isolate_ms=", 11))
			r = parse_number(a + 11, 100, 3600000, &o->isolate_ms);
		else if (!strncmp(a, "rate=", 5))
			r = parse_number(a + 5, 0, UINT_MAX, &o->rate);
		else if (!strcmp(a, "paused"))
			o->paused = true;
		else
			r = -EINVAL;
		if (r) {
			DMERR("invalid option: %s", a);
			ti->error = "Invalid option, see the kernel log";
			return -EINVAL;
		}
	}
	if (as->argc) {
		ti->error = "Too many arguments";
		return -EINVAL;
	}
	return 0;
}

static bool overlap(struct block_device *a, struct block_device *b)
{
	sector_t a0 = get_start_sect(a), b0 = get_start_sect(b);

	return a->bd_disk == b->bd_disk && a0 < b0 + dmr_bdev_sectors(b) &&
	       b0 < a0 + dmr_bdev_sectors(a);
}

static int check_devices(struct dm_target *ti, struct dmr_target *t)
{
	struct block_device *main = t->main->bdev, *spare = t->spare->bdev;

	if (overlap(main, spare))
		ti->error = "Main and spare overlap";
	else if (bdev_is_zoned(main) || bdev_is_zoned(spare))
		ti->error = "Zoned devices are not supported";
	else if (bdev_logical_block_size(main) > DMR_BLOCK_SIZE)
		ti->error = "The logical block of the main device is larger than 4096 bytes";
	else if (bdev_logical_block_size(spare) > bdev_logical_block_size(main))
		ti->error = "The logical block of the spare is larger than that of the main device";
	else if (dmr_bdev_sectors(main) < ti->len)
		ti->error = "The main device is too small";
	else
		return 0;
	return -EINVAL;
}

static void remap_dtr(struct dm_target *ti)
{
	struct dmr_target *t = ti->private;
	struct dmr_store *s = t->store;

	if (s) {
		mutex_lock(&s->event_lock);
		if (s->ti == ti)
			s->ti = NULL;
		mutex_unlock(&s->event_lock);
		dmr_put_store(s);
	}
	kvfree(t->leaf);
	if (t->spare)
		dm_put_device(ti, t->spare);
	if (t->main)
		dm_put_device(ti, t->main);
	kfree(t);
}

static void set_features(struct dm_target *ti, struct dmr_target *t)
{
	dmr_accounts_remapped_io(ti);
	ti->num_flush_bios = 2;
	ti->flush_supported = true;
	ti->num_discard_bios = 1;
	ti->num_write_zeroes_bios = 1;
	ti->discards_supported = dmr_bdev_discards(t->main->bdev);
	ti->per_io_data_size = sizeof(struct dmr_bio);
}

/* Writes nothing; see preresume. */
static int remap_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct dm_arg_set as = { argc, argv };
	struct dmr_target *t;
	int r;

	if (argc < 2) {
		ti->error = "Usage: <main> <spare> [<#options> <option>...]";
		return -EINVAL;
	}
	t = kzalloc(sizeof(*t), GFP_KERNEL);
	if (!t) {
		ti->error = "Out of memory";
		return -ENOMEM;
	}
	ti->private = t;
	t->ti = ti;
	t->opt = (struct dmr_options){ .rescue = 3, .isolate_ms = 60000, .rate = 1024 };

	r = dm_get_device(ti, dm_shift_arg(&as), dm_table_get_mode(ti->table), &t->main);
	if (r) {
		ti->error = "Can't open the main device";
		goto bad;
	}
	r = dm_get_device(ti, dm_shift_arg(&as), dm_table_get_mode(ti->table), &t->spare);
	if (r) {
		ti->error = "Can't open the spare device";
		goto bad;
	}
	r = parse_options(ti, &as, &t->opt);
	if (r)
		goto bad;
	r = check_devices(ti, t);
	if (r)
		goto bad;
	r = dmr_get_store(ti, t);
	if (r)
		goto bad;
	set_features(ti, t);
	return 0;
bad:
	remap_dtr(ti);
	return r;
}

/* -- suspend and resume ------------------------------------------------------ */

static void apply_options(struct dmr_store *s, const struct dmr_options *o)
{
	bool was = s->opt.paused;

	s->opt = *o;
	if (o->paused)
		dmr_fault(s, DMR_PAUSED);
	else if (was)
		dmr_clear_fault(s, DMR_PAUSED);
}

/*
 * Decisions about the state on disk are made here and not in the constructor:
 * the table may have been loaded long ago.
 */
static int remap_preresume(struct dm_target *ti)
{
	struct dmr_target *t = ti->private;
	struct dmr_store *s = t->store;
	unsigned int noio = memalloc_noio_save();
	int r;

	r = dmr_activate(t);
	memalloc_noio_restore(noio);
	if (r)
		return r;
	apply_options(s, &t->opt);
	mutex_lock(&s->event_lock);
	s->ti = ti;
	mutex_unlock(&s->event_lock);
	return 0;
}

/* Long work on main gives way from now on: a suspend or a removal waits. */
static void remap_presuspend(struct dm_target *ti)
{
	struct dmr_store *s = ((struct dmr_target *)ti->private)->store;

	WRITE_ONCE(s->stop_since, jiffies);
	/* pairs with dmr_stopping() */
	smp_store_release(&s->stopping, true);
}

static void remap_resume(struct dm_target *ti)
{
	WRITE_ONCE(((struct dmr_target *)ti->private)->store->stopping, false);
}

static void remap_postsuspend(struct dm_target *ti)
{
	struct dmr_target *t = ti->private;

	/* all bios have ended, so these have nothing left but their last steps */
	flush_workqueue(t->store->io_wq);
	flush_workqueue(t->store->isolate_wq);
}

static int remap_iterate_devices(struct dm_target *ti,
				 iterate_devices_callout_fn fn, void *data)
{
	struct dmr_target *t = ti->private;
	int r;

	r = fn(ti, t->main, 0, ti->len, data);
	if (r)
		return r;
	/* whole blocks: an odd tail does not fit a main with 4 KiB sectors */
	return fn(ti, t->spare, 0,
		  round_down(dmr_bdev_sectors(t->spare->bdev), DMR_BLOCK_SECTORS), data);
}

static void remap_io_hints(struct dm_target *ti, struct queue_limits *limits)
{
	limits->physical_block_size = max_t(unsigned int, DMR_BLOCK_SIZE,
					    limits->physical_block_size);
	limits->io_min = max_t(unsigned int, DMR_BLOCK_SIZE, limits->io_min);
}

static struct target_type remap_target = {
	.name = "remap",
	.version = { 1, 0, 0 },
	.features = DM_TARGET_SINGLETON | DM_TARGET_NOWAIT,
	.module = THIS_MODULE,
	.ctr = remap_ctr,
	.dtr = remap_dtr,
	.map = remap_map,
	.end_io = remap_end_io,
	.presuspend = remap_presuspend,
	.presuspend_undo = remap_resume,
	.preresume = remap_preresume,
	.resume = remap_resume,
	.postsuspend = remap_postsuspend,
	.status = dmr_status,
	.message = dmr_message,
	.iterate_devices = remap_iterate_devices,
	.io_hints = remap_io_hints,
};

static int __init dm_remap_init(void)
{
	return dm_register_target(&remap_target);
}

static void __exit dm_remap_exit(void)
{
	dm_unregister_target(&remap_target);
}

module_init(dm_remap_init);
module_exit(dm_remap_exit);

MODULE_DESCRIPTION(DM_NAME " target that moves bad blocks to a spare device");
MODULE_AUTHOR("The dm-remap authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(DMR_MODULE_VERSION);
MODULE_SOFTDEP("pre: crc32c");
