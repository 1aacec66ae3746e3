// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens to a bio that failed, or that met a lost sector.
 *
 * Each bio is a work item and is handled block by block. Writes run side by
 * side on io_wq; reads one after the other on isolate_wq, for a dying disk
 * takes seconds for each bad sector and is not helped by more of the same.
 *
 * Data and lost masks that enter a slot are read only after the block is BUSY
 * and the drain has ended, so no write can be under way that they miss. Only a
 * write of a whole unmapped block needs neither.
 */
#include <linux/jiffies.h>
#include <linux/sched/mm.h>

#include "dm-remap.h"

/* A part of a bio that lies within one block. */
struct piece {
	struct dmr_store *s;
	struct bio *bio;
	struct bvec_iter iter;
	u64 block;
	unsigned int first, nr;		/* sectors */
	u8 mask;
	bool failed[2];			/* this I/O failed already, on main, on the spare */
	bool single;			/* the bio lies within this block */
	bool proved;			/* main takes writes around this block */
	bool trouble;			/* some piece failed again */
	blk_opf_t flags;		/* REQ_FUA, or nothing */
	void *data;			/* 4 KiB: the piece at its place in the block */
	void *spare_page;		/* 4 KiB for salvage */
	bool weak;			/* an error of this block healed too often */
};

static void *piece_data(struct piece *p)
{
	return p->data + p->first * SECTOR_SIZE;
}

static sector_t main_sector(u64 block)
{
	return block * DMR_BLOCK_SECTORS;
}

static sector_t slot_sector(struct dmr_store *s, u64 x)
{
	return dmr_slot_sector(s->meta.sb, dmr_x_slot(x));
}

/* Copy between the piece's part of the bio and data. */
static void copy_piece(struct piece *p, bool to_bio)
{
	struct bvec_iter iter = p->iter, it;
	void *data = piece_data(p);
	struct bio_vec bv;

	if (bio_op(p->bio) == REQ_OP_WRITE_ZEROES) {
		memset(data, 0, p->nr * SECTOR_SIZE);
		return;
	}
	iter.bi_size = p->nr * SECTOR_SIZE;
	__bio_for_each_segment(bv, p->bio, it, iter) {
		void *m = kmap_local_page(bv.bv_page) + bv.bv_offset;

		if (to_bio)
			memcpy(m, data, bv.bv_len);
		else
			memcpy(data, m, bv.bv_len);
		kunmap_local(m);
		if (to_bio)
			flush_dcache_page(bv.bv_page);
		data += bv.bv_len;
	}
}

/* -- what stands in for lost sectors ------------------------------------------- */

/*
 * Once a block has lost sectors on the spare "retry" reads its slot, and there
 * the sectors lost earlier must not look like content.
 */
static const char lost_text[] = "dm-remap: this sector was lost, here is nothing\n";

static void fill_lost(void *sector)
{
	unsigned int i;

	for (i = 0; i < SECTOR_SIZE; i++)
		((char *)sector)[i] = lost_text[i % (sizeof(lost_text) - 1)];
}

static void fill_lost_sectors(void *page, u8 lost)
{
	unsigned int i;

	for (i = 0; i < DMR_BLOCK_SECTORS; i++)
		if (lost & (1 << i))
			fill_lost(page + i * SECTOR_SIZE);
}

bool dmr_stands_for_lost(const void *sector)
{
	unsigned int i;

	for (i = 0; i < SECTOR_SIZE; i++)
		if (((const char *)sector)[i] != lost_text[i % (sizeof(lost_text) - 1)])
			return false;
	return true;
}

/* -- salvage ----------------------------------------------------------------- */

/* Which sectors of a block to read, and where they are. */
struct reader {
	struct dmr_store *s;
	struct block_device *bdev;
	sector_t base;
	void *page;		/* 4 KiB, zeroed */
	unsigned int nr;	/* sectors of the block */
	u8 skip;		/* not these */
	unsigned int unit;	/* smallest read that can tell good from bad, sectors */
	bool repeat;		/* one failed read proves nothing */
	bool yields;		/* gives up when a suspend waits, */
	unsigned long patience;	/* for more than so many jiffies */
	bool all;		/* each sector is tried, however long that takes */
	unsigned long end;	/* jiffies: no second tries afterwards, without "all" */
	u8 lost;		/* could not be read, zero in page */
};

static blk_status_t read_some(struct reader *r, unsigned int first, unsigned int nr)
{
	if (r->yields && dmr_stopping(r->s, r->patience))
		return BLK_STS_AGAIN;
	return dmr_rw(r->bdev, r->base + first, r->page + first * SECTOR_SIZE,
		      nr * SECTOR_SIZE, REQ_OP_READ | REQ_SYNC);
}

/* A read of these sectors in one go has failed: find the bad ones. */
static blk_status_t read_units(struct reader *r, unsigned int first, unsigned int nr)
{
	unsigned int i, u;
	blk_status_t status;

	for (i = first; i < first + nr; i += u) {
		u = min(r->unit, first + nr - i);
		/* a read of just this was the one that failed */
		if ((u < nr || r->repeat) &&
		    (r->all || time_before(jiffies, r->end))) {
			status = read_some(r, i, u);
			if (!status)
				continue;
			if (!dmr_candidate(status))
				return status;
		}
		r->lost |= dmr_sector_mask(i, u);
		memset(r->page + i * SECTOR_SIZE, 0, u * SECTOR_SIZE);
	}
	return BLK_STS_OK;
}

/* Read what can be read. Any error but one of the medium ends this. */
static blk_status_t read_sectors(struct reader *r)
{
	unsigned int first, n;
	blk_status_t status;

	r->lost = 0;
	r->end = jiffies + msecs_to_jiffies(READ_ONCE(r->s->opt.isolate_ms));
	memset(r->page, 0, DMR_BLOCK_SIZE);
	for (first = 0; first < r->nr; first += n) {
		n = 1;
		if (r->skip & (1 << first))
			continue;
		while (first + n < r->nr && !(r->skip & (1 << (first + n))))
			n++;
		status = read_some(r, first, n);
		if (status && dmr_candidate(status))
			status = read_units(r, first, n);
		if (status)
			return status;
	}
	return BLK_STS_OK;
}

/*
 * Read a block of main that the caller owns and has drained; r says how.
 * BLK_STS_AGAIN: it had to give way to a suspend.
 */
static blk_status_t salvage(struct dmr_store *s, u64 block, void *page,
			    struct reader r, u8 *lost)
{
	unsigned int unit = s->main_pbs < DMR_BLOCK_SIZE ? s->main_lbs : DMR_BLOCK_SIZE;
	blk_status_t status;

	r.s = s;
	r.bdev = s->main;
	r.base = main_sector(block);
	r.page = page;
	r.nr = dmr_block_sectors(s, block);
	r.unit = unit / SECTOR_SIZE;
	status = read_sectors(&r);
	*lost = r.lost;
	return status;
}

/*
 * Sectors of a block of main could not be read. Can main be read around it? And
 * they still can't, after that? An outage that is over by then costs nothing.
 * What could be read now is put into page. scratch: 4 KiB.
 */
static bool confirm_lost(struct dmr_store *s, u64 block, void *page, void *scratch,
			 bool yields, u8 *lost)
{
	struct reader r = { .skip = ~*lost, .yields = yields, .patience = DMR_PATIENCE };
	unsigned int i;
	u8 still;

	if (!dmr_prove_reads(s, block, scratch) || salvage(s, block, scratch, r, &still))
		return false;
	for (i = 0; i < DMR_BLOCK_SECTORS; i++)
		if (*lost & ~still & (1 << i))
			memcpy(page + i * SECTOR_SIZE, scratch + i * SECTOR_SIZE, SECTOR_SIZE);
	*lost = still;
	return true;
}

/*
 * For the administrator, who can ask again: read what can be read of a block that
 * the caller owns and has drained. False: nothing can be said now.
 */
bool dmr_salvage(struct dmr_store *s, u64 block, void *page, void *scratch, u8 *lost)
{
	struct reader r = { .repeat = true, .yields = true };

	return !salvage(s, block, page, r, lost) &&
	       (!*lost || confirm_lost(s, block, page, scratch, true, lost));
}

/* Can anything of the spare be read? One of the superblocks may be bad itself. */
static blk_status_t read_spare(struct dmr_store *s, void *page)
{
	u64 size = s->meta.device_sectors;

	if (!dmr_rw(s->spare, dmr_sb_sector(size, 0), page, DMR_BLOCK_SIZE,
		    REQ_OP_READ | REQ_SYNC))
		return BLK_STS_OK;
	return dmr_rw(s->spare, dmr_sb_sector(size, 1), page, DMR_BLOCK_SIZE,
		      REQ_OP_READ | REQ_SYNC);
}

/*
 * Read the slot of a block that the caller owns and has drained. What can't be
 * read here is gone: not because there was no time, and not because the spare
 * was away for a moment. So it has to fail after the spare has read something
 * else, too.
 */
static blk_status_t read_whole_slot(struct dmr_store *s, u64 block, u64 x,
				    void *page, u8 skip, u8 *lost)
{
	struct reader r = {
		.s = s, .bdev = s->spare, .base = slot_sector(s, x), .page = page,
		.nr = dmr_block_sectors(s, block), .skip = skip,
		.unit = s->main_lbs / SECTOR_SIZE, .repeat = true, .all = true,
	};
	blk_status_t status = read_sectors(&r);

	if (!status && r.lost) {
		status = read_spare(s, page);
		if (!status)
			status = read_sectors(&r);
	}
	if (status)
		dmr_fault(s, DMR_SPARE_FAULT);
	*lost = r.lost;
	return status;
}

/* -- blocks that have a slot ------------------------------------------------- */

static void init_req(struct dmr_req *r, const struct piece *p,
		     enum dmr_req_kind kind)
{
	memset(r, 0, sizeof(*r));
	r->kind = kind;
	r->block = p->block;
	r->first = p->first;
	r->nr = p->nr;
	r->data = p->data;
}

/*
 * The slot can't take the write: move the block to another one, with what can
 * be read of the old slot and the piece on top. 0: done.
 */
static int move_block(struct piece *p)
{
	struct dmr_store *s = p->s;
	void *page = p->spare_page;
	struct dmr_req r;
	u8 lost, before;
	u64 x;
	int e;

	e = dmr_own(s, p->block, &x);
	if (e)
		return e;
	e = -EAGAIN;
	if (!dmr_x_mapped(x) || (x & DMR_X_FENCED))
		goto out;
	dmr_drain(s, dmr_bucket_bit(p->block));
	before = dmr_x_lost(x) & ~p->mask;
	e = -EIO;
	if (read_whole_slot(s, p->block, x, page, p->mask | before, &lost))
		goto out;
	fill_lost_sectors(page, lost | before);
	memcpy(page + p->first * SECTOR_SIZE, piece_data(p), p->nr * SECTOR_SIZE);
	init_req(&r, p, DMR_REQ_MOVE);
	r.owner = true;
	r.data = page;
	r.lost = lost | before;
	r.reason = DMR_R_MOVED;
	dmr_commit(s, &r, 1);
	if (!r.result)
		return 0;
	e = r.result == -EREMOTEIO ? -EIO : r.result;
out:
	dmr_disown(s, p->block);
	return e;
}

/* These sectors of a slot were lost on main. The flush of the commit follows. */
static blk_status_t fill_slot_sectors(struct dmr_store *s, u64 x, void *page, u8 mask)
{
	blk_status_t status;
	unsigned int i, unit = s->main_lbs / SECTOR_SIZE;

	fill_lost_sectors(page, mask);
	for (i = 0; i < DMR_BLOCK_SECTORS; i += unit) {
		if (!(mask & (1 << i)))
			continue;
		status = dmr_rw(s->spare, slot_sector(s, x) + i,
				page + i * SECTOR_SIZE, unit * SECTOR_SIZE,
				REQ_OP_WRITE | REQ_SYNC);
		if (status)
			return status;
	}
	return BLK_STS_OK;
}

/* Sectors of the slot can't be read, twice. Make that known once and for all. */
static int lose_slot_sectors(struct piece *p)
{
	struct dmr_store *s = p->s;
	struct dmr_req r;
	u8 lost, before;
	u64 x;
	int e;

	e = dmr_own(s, p->block, &x);
	if (e)
		return e;
	e = -EAGAIN;
	if (!dmr_x_mapped(x) || (x & DMR_X_FENCED))
		goto out;
	dmr_drain(s, dmr_bucket_bit(p->block));
	before = dmr_x_lost(x);
	e = -EIO;
	if (read_whole_slot(s, p->block, x, p->spare_page, before, &lost))
		goto out;
	e = -EAGAIN;
	if (!lost)
		goto out;
	e = -EIO;
	if (before && !(x & DMR_X_SLOT_LOST) &&
	    fill_slot_sectors(s, x, p->spare_page, before))
		goto out;
	init_req(&r, p, DMR_REQ_LOSE);
	r.owner = true;
	r.lost = lost;
	r.data = NULL;
	dmr_commit(s, &r, 1);
	if (!r.result)
		return 0;
	e = -EIO;
out:
	dmr_disown(s, p->block);
	return e;
}

static int update_lost(struct piece *p)
{
	struct dmr_req r;

	init_req(&r, p, DMR_REQ_UPDATE);
	dmr_commit(p->s, &r, 1);
	return r.result == -EREMOTEIO ? move_block(p) : r.result;
}

/* -- writes ------------------------------------------------------------------ */

/* Main can't take this piece. Put the block on the spare. */
static int rescue_write(struct piece *p, u64 ticket)
{
	struct dmr_store *s = p->s;
	unsigned int sectors = dmr_block_sectors(s, p->block);
	struct dmr_req r;
	blk_status_t status;
	u8 lost;
	u64 x;
	int e;

	/* an outage may have ended during the proof: the write is tried once more */
	if (!p->proved) {
		p->proved = dmr_may_remap(s) && dmr_prove_writes(s, p->block, ticket);
		return p->proved ? -EAGAIN : -EIO;
	}
	if (!dmr_may_remap(s) || !dmr_rate_allows(s))
		return -EIO;
	init_req(&r, p, DMR_REQ_MAP);
	r.reason = DMR_R_WRITE;
	if (p->nr == sectors) {
		dmr_commit(s, &r, 1);
		return r.result;
	}
	e = dmr_own(s, p->block, &x);
	if (e)
		return e;
	e = -EAGAIN;
	if (x)
		goto out;
	dmr_drain(s, dmr_bucket_bit(p->block));
	status = salvage(s, p->block, p->spare_page,
			 (struct reader){ .skip = p->mask, .repeat = true }, &lost);
	e = -EIO;
	if (status)
		goto out;
	memcpy(p->spare_page + p->first * SECTOR_SIZE, piece_data(p),
	       p->nr * SECTOR_SIZE);
	if (lost) {
		bool proved = confirm_lost(s, p->block, p->spare_page, p->data, false, &lost);

		copy_piece(p, false);	/* that was scratch for a moment */
		if (!proved)
			goto out;
	}
	r.owner = true;
	r.data = p->spare_page;
	r.lost = lost;
	dmr_commit(s, &r, 1);
	if (!r.result)
		return 0;
	e = r.result;
out:
	dmr_disown(s, p->block);
	return e;
}

/*
 * Nothing is remapped before an I/O has failed twice. True if this was the first
 * time: go round again.
 */
static bool fails_first(struct piece *p, bool spare, int *e)
{
	p->trouble = true;
	if (p->failed[spare])
		return false;
	p->failed[spare] = true;
	*e = -EAGAIN;
	return true;
}

static blk_status_t write_main(struct piece *p, struct dmr_bio *entered, int *e)
{
	struct dmr_store *s = p->s;
	blk_status_t status;

	status = dmr_rw(s->main, main_sector(p->block) + p->first, piece_data(p),
			p->nr * SECTOR_SIZE, REQ_OP_WRITE | REQ_SYNC | p->flags);
	dmr_leave(s, entered);
	*e = 0;
	if (!status) {
		if (p->failed[false] && (p->flags & REQ_FUA))
			dmr_fua_failed(s, false);
		dmr_write_worked(s, p->block);
		if (p->failed[false] && p->single && dmr_healed(s, p->block))
			p->weak = true;
		return status;
	}
	if (!dmr_candidate(status))
		return status;
	if (fails_first(p, false, e))
		return status;
	*e = rescue_write(p, atomic64_inc_return(&s->failures));
	if (!*e)
		dmr_count(s, &s->count.rescued_writes);
	return *e ? status : BLK_STS_OK;
}

static blk_status_t write_slot(struct piece *p, struct dmr_bio *entered, u64 x,
			       int *e)
{
	struct dmr_store *s = p->s;
	blk_status_t status;

	if (dmr_x_lost(x) & p->mask) {
		dmr_leave(s, entered);
		*e = update_lost(p);
		return *e ? BLK_STS_IOERR : BLK_STS_OK;
	}
	status = dmr_rw(s->spare, slot_sector(s, x) + p->first, piece_data(p),
			p->nr * SECTOR_SIZE, REQ_OP_WRITE | REQ_SYNC | p->flags);
	dmr_leave(s, entered);
	*e = 0;
	if (!status) {
		if (p->failed[true] && (p->flags & REQ_FUA))
			dmr_fua_failed(s, true);
		atomic64_inc(&s->spare_done);
		return status;
	}
	dmr_count(s, &s->count.spare_errors);
	if (!dmr_candidate(status) || fails_first(p, true, e))
		return status;
	*e = move_block(p);
	return *e ? status : BLK_STS_OK;
}

/* -- reads ------------------------------------------------------------------- */

/*
 * A piece can't be read. Read the block sector by sector, keep what can be
 * read, mark the rest lost. *status is for the piece.
 */
static int isolate_read(struct piece *p, blk_status_t *status, u8 reason)
{
	struct dmr_store *s = p->s;
	blk_status_t error;
	struct dmr_req r;
	u8 lost;
	u64 x;
	int e;

	e = dmr_own(s, p->block, &x);
	if (e)
		return e;
	e = -EAGAIN;
	if (x)
		goto out;
	dmr_drain(s, dmr_bucket_bit(p->block));
	error = salvage(s, p->block, p->data, (struct reader){
			.repeat = reason != DMR_R_READ,
			.yields = true,
			.patience = DMR_PATIENCE,
		}, &lost);
	e = 0;
	if (error) {
		if (error != BLK_STS_AGAIN)
			*status = error;
		goto out;
	}
	*status = lost & p->mask ? *status : BLK_STS_OK;
	if (!lost && reason == DMR_R_READ) {
		p->weak |= dmr_healed(s, p->block);
		goto out;
	}
	/* main must still read something, after all these failures */
	if (!dmr_may_remap(s) ||
	    (lost && !confirm_lost(s, p->block, p->data, p->spare_page, true, &lost)))
		goto out;
	*status = lost & p->mask ? *status : BLK_STS_OK;
	if ((!lost && reason == DMR_R_READ) || !dmr_rate_allows(s))
		goto out;
	init_req(&r, p, DMR_REQ_MAP);
	r.owner = true;
	r.reason = reason;
	r.lost = lost;
	dmr_commit(s, &r, 1);
	if (!r.result)
		return 0;
out:
	dmr_disown(s, p->block);
	return e;
}

static blk_status_t read_main(struct piece *p, struct dmr_bio *entered, int *e)
{
	struct dmr_store *s = p->s;
	blk_status_t status;

	dmr_leave(s, entered);	/* no drain has to wait for a slow read */
	status = dmr_rw(s->main, main_sector(p->block) + p->first, piece_data(p),
			p->nr * SECTOR_SIZE, REQ_OP_READ | REQ_SYNC);
	*e = 0;
	if (!status && p->failed[false] && p->single && dmr_healed(s, p->block))
		p->weak = true;
	if (!status || !dmr_candidate(status) || fails_first(p, false, e))
		return status;
	*e = isolate_read(p, &status, DMR_R_READ);
	return status;
}

static blk_status_t read_slot(struct piece *p, struct dmr_bio *entered, u64 x,
			      int *e)
{
	struct dmr_store *s = p->s;
	blk_status_t status;

	*e = 0;
	if (dmr_x_lost(x) & p->mask) {
		dmr_leave(s, entered);
		return BLK_STS_MEDIUM;
	}
	status = dmr_rw(s->spare, slot_sector(s, x) + p->first, piece_data(p),
			p->nr * SECTOR_SIZE, REQ_OP_READ | REQ_SYNC);
	dmr_leave(s, entered);
	if (!status)
		return status;
	dmr_count(s, &s->count.spare_errors);
	if (!dmr_candidate(status) || fails_first(p, true, e) || s->read_only)
		return status;
	/* lost now, or readable after all: the next look tells */
	*e = lose_slot_sectors(p);
	if (!*e)
		*e = -EAGAIN;
	return status;
}

/*
 * Read or write one piece where it belongs. The block is looked up anew before
 * each attempt; nothing that was learnt about it before counts.
 */
static blk_status_t do_piece(struct piece *p, bool write)
{
	struct dmr_store *s = p->s;
	struct dmr_bio entered;
	blk_status_t status;
	int e;
	u64 x;

	for (;;) {
		x = dmr_enter(s, p->block, &entered);
		if (x & DMR_X_BUSY) {
			dmr_leave(s, &entered);
			dmr_wait_busy(s, p->block);
			continue;
		}
		/* what a fenced block had in its slot can still be read */
		if ((x & DMR_X_FENCED) && (write || !dmr_x_mapped(x))) {
			dmr_leave(s, &entered);
			return BLK_STS_IOERR;
		}
		if (dmr_x_mapped(x))
			status = write ? write_slot(p, &entered, x, &e) :
					 read_slot(p, &entered, x, &e);
		else
			status = write ? write_main(p, &entered, &e) :
					 read_main(p, &entered, &e);
		if (e == -EBUSY)
			dmr_wait_busy(s, p->block);
		else if (e != -EAGAIN)
			return status;
	}
}

/* -- bios -------------------------------------------------------------------- */

/* Complete a bio whose clone we kept; ->end_io must not look at it again. */
void dmr_end(struct dmr_bio *pb, struct bio *bio, blk_status_t status)
{
	pb->flags |= DMR_B_DONE;
	bio->bi_status = status;
	bio_endio(bio);
}

/* Move a block whose errors heal again and again, before it dies for good. */
static void move_weak(struct piece *p)
{
	blk_status_t status = BLK_STS_OK;

	p->weak = false;
	p->first = 0;
	p->nr = dmr_block_sectors(p->s, p->block);
	p->mask = 0;
	if (dmr_may_remap(p->s))
		isolate_read(p, &status, DMR_R_WEAK);
}

static blk_status_t handle_piece(struct piece *p)
{
	bool write = op_is_write(bio_op(p->bio));
	blk_status_t status;

	if (write)
		copy_piece(p, false);
	status = do_piece(p, write);
	if (!write && !status)
		copy_piece(p, true);
	if (p->weak)
		move_weak(p);
	return status;
}

static bool within_block(const struct bvec_iter *iter)
{
	unsigned int first = iter->bi_sector % DMR_BLOCK_SECTORS;

	return first + iter->bi_size / SECTOR_SIZE <= DMR_BLOCK_SECTORS;
}

/*
 * A suspend waits for this bio, which would take its time. What it came back
 * with is the truth; where bios can be kept for later that is better.
 */
static blk_status_t give_way(struct dmr_store *s, const struct dmr_bio *pb)
{
	blk_status_t status = pb->error;

	mutex_lock(&s->event_lock);
	if (s->ti && dm_noflush_suspending(s->ti))
		status = BLK_STS_DM_REQUEUE;
	mutex_unlock(&s->event_lock);
	return status;
}

static bool gives_way(struct dmr_store *s, const struct bio *bio)
{
	return !op_is_write(bio_op(bio)) && dmr_stopping(s, DMR_PATIENCE);
}

static void bio_work(struct work_struct *work)
{
	struct dmr_bio *pb = container_of(work, struct dmr_bio, work);
	struct bio *bio = dm_bio_from_per_bio_data(pb, sizeof(*pb));
	unsigned int noio = memalloc_noio_save(), nr;
	struct piece p = {
		.s = pb->store,
		.bio = bio,
		.iter = pb->iter,
		.single = within_block(&pb->iter),
		.flags = op_is_write(bio->bi_opf) ? pb->opf & REQ_FUA : 0,
	};
	bool failed = pb->flags & DMR_B_FAILED;
	bool spare = pb->flags & DMR_B_SPARE;
	blk_status_t status = BLK_STS_OK;
	void *buffer = dmr_get_buffer(p.s);

	p.data = buffer;
	p.spare_page = buffer + DMR_BLOCK_SIZE;
	while (p.iter.bi_size && !status && !gives_way(p.s, bio)) {
		p.block = p.iter.bi_sector / DMR_BLOCK_SECTORS;
		p.first = p.iter.bi_sector % DMR_BLOCK_SECTORS;
		nr = min_t(unsigned int, DMR_BLOCK_SECTORS - p.first,
			   p.iter.bi_size / SECTOR_SIZE);
		p.nr = nr;
		p.mask = dmr_sector_mask(p.first, nr);
		p.failed[false] = failed && !spare;
		p.failed[true] = failed && spare;
		p.proved = false;
		status = handle_piece(&p);
		bio_advance_iter(bio, &p.iter, nr * SECTOR_SIZE);
		cond_resched();
	}
	if ((status || p.iter.bi_size) && gives_way(p.s, bio))
		status = give_way(p.s, pb);
	if (failed && !p.single && !p.trouble && !status)
		dmr_count(p.s, &p.s->count.healed);
	dmr_put_buffer(p.s, buffer);
	memalloc_noio_restore(noio);
	dmr_end(pb, bio, status);
}

/* Give a bio to the workers. Any context; the bio is not in flight any more. */
void dmr_queue(struct dmr_store *s, struct bio *bio, struct dmr_bio *pb)
{
	pb->store = s;
	INIT_WORK(&pb->work, bio_work);
	queue_work(op_is_write(bio_op(bio)) ? s->io_wq : s->isolate_wq, &pb->work);
}
