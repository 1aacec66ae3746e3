// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes of the map and the metadata, in groups.
 *
 * Callers queue requests and take commit_lock; who gets it does the work of all
 * that are queued (a round), the others find theirs done. A round: look every
 * block up, make sure of its map entry, take slots, write the slots' content in
 * parallel, commit the table blocks, change the map in place. Everything that
 * can fail for want of memory comes before the first write of the table.
 */
#include <linux/completion.h>
#include <linux/sched/mm.h>
#include <linux/sort.h>

#include "dm-remap.h"

static sector_t slot_sector(struct dmr_store *s, u64 slot)
{
	return dmr_slot_sector(s->meta.sb, slot);
}

static bool takes_slot(const struct dmr_req *r)
{
	return r->kind == DMR_REQ_MAP || r->kind == DMR_REQ_MOVE;
}

static bool has_content(const struct dmr_req *r)
{
	return r->data && r->kind != DMR_REQ_UNMAP;
}

/* -- slot content ------------------------------------------------------------ */

struct slot_writes {
	atomic_t pending;
	struct completion done;
};

static void slot_write_end(struct bio *bio)
{
	struct slot_writes *w = bio->bi_private;

	if (atomic_dec_and_test(&w->pending))
		complete(&w->done);
}

static void slot_range(const struct dmr_req *r, unsigned int sectors,
		       unsigned int *first, unsigned int *nr)
{
	*first = r->kind == DMR_REQ_UPDATE ? r->first : 0;
	*nr = r->kind == DMR_REQ_UPDATE ? r->nr : sectors;
}

/* Write the content of all requests of the round at once; r->error per request. */
static void write_slots(struct dmr_round *rd)
{
	struct dmr_store *s = rd->s;
	struct slot_writes w = { .pending = ATOMIC_INIT(1) };
	unsigned int i, first, nr;

	init_completion(&w.done);
	for (i = 0; i < rd->nr; i++) {
		struct dmr_req *r = rd->req[i];
		void *data;

		if (r->result || r->settled || !has_content(r))
			continue;
		slot_range(r, dmr_block_sectors(s, r->block), &first, &nr);
		data = r->data + first * SECTOR_SIZE;
		dmr_bio_init(&r->bio, s->spare, &r->vec, 1,
			     REQ_OP_WRITE | REQ_SYNC);
		r->bio.bi_iter.bi_sector = slot_sector(s, r->slot) + first;
		r->bio.bi_private = &w;
		r->bio.bi_end_io = slot_write_end;
		if (bio_add_page(&r->bio, virt_to_page(data), nr * SECTOR_SIZE,
				 offset_in_page(data)) != nr * SECTOR_SIZE) {
			r->error = -EIO;
			continue;
		}
		atomic_inc(&w.pending);
		submit_bio(&r->bio);
	}
	if (!atomic_dec_and_test(&w.pending))
		wait_for_completion_io(&w.done);
	for (i = 0; i < rd->nr; i++) {
		struct dmr_req *r = rd->req[i];

		if (r->result || r->settled || r->error || !has_content(r))
			continue;
		r->error = blk_status_to_errno(r->bio.bi_status);
		if (r->error)
			dmr_count(s, &s->count.spare_errors);
		else
			atomic64_inc(&s->spare_done);
		bio_uninit(&r->bio);
	}
}

static blk_status_t write_slot(struct dmr_store *s, u64 slot, struct dmr_req *r)
{
	blk_status_t status;

	status = dmr_rw(s->spare, slot_sector(s, slot), r->data,
			dmr_block_sectors(s, r->block) * SECTOR_SIZE,
			REQ_OP_WRITE | REQ_SYNC);
	if (status)
		dmr_count(s, &s->count.spare_errors);
	return status;
}

/*
 * A slot write failed. Repeat it; if it fails again, try other slots. Only what
 * still fails after one of those could be written is bad: else it was the spare.
 */
static int write_slot_again(struct dmr_round *rd, struct dmr_req *r)
{
	struct dmr_store *s = rd->s;
	u64 tried[DMR_SLOT_TRIES];
	unsigned int n = 0, i;
	blk_status_t status;
	int e;

	for (;;) {
		status = write_slot(s, r->slot, r);
		if (!status)
			break;
		tried[n++] = r->slot;
		if (!dmr_candidate(status) || n == DMR_SLOT_TRIES)
			goto spare_fault;
		/* a defect is often larger than a few slots */
		e = n > DMR_SLOT_TRIES / 2 ? dmr_meta_alloc_far(&s->meta, &r->slot) :
					     dmr_meta_alloc(&s->meta, &r->slot);
		if (e)
			goto spare_fault;
	}
	atomic64_inc(&s->spare_done);
	for (i = 0; i < n; i++) {
		if (!dmr_candidate(write_slot(s, tried[i], r)))
			dmr_meta_unalloc(&s->meta, tried[i]);
		else if (rd->nr_bad < ARRAY_SIZE(rd->bad))
			rd->bad[rd->nr_bad++] = tried[i];
	}
	return 0;

spare_fault:
	for (i = 0; i < n; i++)
		dmr_meta_unalloc(&s->meta, tried[i]);
	dmr_fault(s, DMR_SPARE_FAULT);
	return -EIO;
}

/* Write the content of all requests, by themselves or to other slots. */
static void write_contents(struct dmr_round *rd)
{
	struct dmr_store *s = rd->s;
	unsigned int i;

	dmr_mark_flush(s);
	write_slots(rd);
	for (i = 0; i < rd->nr; i++) {
		struct dmr_req *r = rd->req[i];

		if (r->result || r->settled || !r->error)
			continue;
		if (takes_slot(r)) {
			r->result = write_slot_again(rd, r);
			r->error = 0;
			continue;
		}
		/* other sectors of that slot may be in use: its owner must move it */
		if (dmr_rw(s->spare, slot_sector(s, r->slot) + r->first,
			   r->data + r->first * SECTOR_SIZE,
			   r->nr * SECTOR_SIZE, REQ_OP_WRITE | REQ_SYNC))
			r->result = -EREMOTEIO;
		else
			atomic64_inc(&s->spare_done);
		r->error = 0;
	}
}

/* -- before ------------------------------------------------------------------ */

/*
 * Look the block up and decide what its entry will be. Sets r->result if the
 * request is over already.
 */
static void prepare(struct dmr_store *s, struct dmr_req *r)
{
	u64 x = dmr_get(s, r->block);
	u8 flags = 0;

	r->old = x;
	r->error = 0;
	r->settled = false;
	r->result = 0;
	if (!r->owner && (x & DMR_X_BUSY)) {
		r->result = -EBUSY;
		return;
	}
	if (x & DMR_X_FENCED) {
		r->result = -EIO;
		return;
	}
	r->slot = dmr_x_slot(x);
	switch (r->kind) {
	case DMR_REQ_MAP:
		if (dmr_x_mapped(x))
			r->result = -EAGAIN;
		break;
	case DMR_REQ_UPDATE:
		if (!dmr_x_mapped(x) ||
		    !(dmr_x_lost(x) & dmr_sector_mask(r->first, r->nr)))
			r->result = -EAGAIN;
		else if (dmr_meta_frozen(&s->meta, r->slot))
			r->result = -EREMOTEIO;
		r->new = x & ~((u64)dmr_sector_mask(r->first, r->nr) << 8);
		return;
	case DMR_REQ_LOSE:
		if (!dmr_x_mapped(x))
			r->result = -EAGAIN;
		else if (dmr_meta_frozen(&s->meta, r->slot))
			r->result = -EREMOTEIO;
		r->new = x | (u64)r->lost << 8 | DMR_X_SLOT_LOST;
		return;
	case DMR_REQ_UNMAP:
		if (!dmr_x_mapped(x))
			r->result = -EAGAIN;
		else if (s->meta.frozen)
			r->result = -EREMOTEIO;
		r->new = dmr_x_placeholder(0);
		return;
	case DMR_REQ_MOVE:
		if (!dmr_x_mapped(x))
			r->result = -EAGAIN;
		flags = x & (DMR_X_SHIELD | DMR_X_SLOT_LOST);
		/* what is lost here and was not before was lost on the spare */
		if (r->lost & ~dmr_x_lost(x))
			flags |= DMR_X_SLOT_LOST;
		break;
	}
	r->new = dmr_x_make(0, 0, r->lost, r->reason, flags);
}

static int cmp_req_block(const void *a, const void *b)
{
	const struct dmr_req *x = *(struct dmr_req *const *)a;
	const struct dmr_req *y = *(struct dmr_req *const *)b;

	return x->block < y->block ? -1 : x->block > y->block;
}

static int cmp_change(const void *a, const void *b)
{
	const struct dmr_change *x = a, *y = b;

	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

/*
 * Take requests off the queue, at most one for each block: a second one for the
 * same block waits for the next round and finds what the first one made.
 */
static void collect(struct dmr_round *rd)
{
	struct dmr_store *s = rd->s;
	struct dmr_req *r, *next;
	LIST_HEAD(again);
	unsigned int i, k;

	spin_lock_irq(&s->queue_lock);
	list_for_each_entry_safe(r, next, &s->commit_queue, list) {
		if (rd->nr == DMR_ROUND)
			break;
		list_del(&r->list);
		rd->req[rd->nr++] = r;
	}
	spin_unlock_irq(&s->queue_lock);

	sort(rd->req, rd->nr, sizeof(rd->req[0]), cmp_req_block, NULL);
	for (i = 0, k = 0; i < rd->nr; i++) {
		if (k && rd->req[k - 1]->block == rd->req[i]->block)
			list_add_tail(&rd->req[i]->list, &again);
		else
			rd->req[k++] = rd->req[i];
	}
	rd->nr = k;
	if (!list_empty(&again)) {
		spin_lock_irq(&s->queue_lock);
		list_splice(&again, &s->commit_queue);
		spin_unlock_irq(&s->queue_lock);
	}
}

/*
 * Make sure that each block to be mapped has an entry in the map, a placeholder
 * for now. The requests are sorted by block.
 */
static void reserve_entries(struct dmr_round *rd)
{
	struct dmr_store *s = rd->s;
	unsigned int i = 0, j, n;

	while (i < rd->nr) {
		u64 region = rd->req[i]->block >> DMR_REGION_SHIFT;
		int r = 0;

		for (j = i, n = 0; j < rd->nr &&
		     rd->req[j]->block >> DMR_REGION_SHIFT == region; j++) {
			struct dmr_req *req = rd->req[j];

			if (!req->result && !req->old)
				s->updates[n++] = dmr_x_placeholder(req->block & DMR_REGION_MASK);
		}
		if (n)
			r = dmr_index_update(&s->index, region, s->updates, n);
		for (; i < j; i++)
			if (r && !rd->req[i]->result && !rd->req[i]->old)
				rd->req[i]->result = r;
	}
}

static void take_slots(struct dmr_round *rd)
{
	struct dmr_store *s = rd->s;
	unsigned int i;

	for (i = 0; i < rd->nr; i++) {
		struct dmr_req *r = rd->req[i];

		if (r->result || !takes_slot(r))
			continue;
		r->result = dmr_meta_alloc(&s->meta, &r->slot);
		if (r->result)
			dmr_fault(s, r->result == -ENOSPC ? DMR_FULL : DMR_SPARE_FAULT);
	}
}

/* -- commit ------------------------------------------------------------------ */

static void make_change(struct dmr_store *s, const struct dmr_req *r, u64 gen,
			struct dmr_change *c)
{
	u64 created = le64_to_cpu(s->meta.sb->created);
	u64 now = ktime_get_real_seconds();

	memset(c, 0, sizeof(*c));
	c->slot = r->slot;
	if (r->kind == DMR_REQ_UNMAP)
		return;
	c->m.block = r->block;
	c->m.gen = gen;
	c->m.hours = now > created ?
		     min_t(u64, (now - created) / 3600, DMR_HOURS_MAX) : 0;
	c->m.lost = dmr_x_lost(r->new);
	c->m.state = DMR_E_MAPPED;
	c->m.reason = dmr_x_reason(r->new);
	if (r->new & DMR_X_SHIELD)
		c->m.flags |= DMR_F_SHIELD;
	if (r->new & DMR_X_SLOT_LOST)
		c->m.flags |= DMR_F_SLOT_LOST;
}

/* Commit one slot's state on its own; an error is remembered as a frozen block. */
static int commit_one(struct dmr_store *s, struct dmr_change *c)
{
	dmr_meta_commit(&s->meta, c, 1);
	return c->error;
}

/*
 * The table block of the new entry could not be written in both copies, so the
 * entry may or may not be on disk. Put the content into another slot whose
 * table block can be written, with a higher generation.
 */
static int commit_elsewhere(struct dmr_round *rd, struct dmr_req *r)
{
	struct dmr_store *s = rd->s;
	struct dmr_change c;
	unsigned int i;
	int error;

	if (!takes_slot(r))
		return -EIO;
	for (i = 0; i < 3; i++) {
		if (dmr_meta_alloc(&s->meta, &r->slot))
			return -EIO;
		if (r->data && write_slot_again(rd, r))
			return -EIO;
		make_change(s, r, dmr_meta_next_gen(&s->meta), &c);
		error = commit_one(s, &c);
		if (!error)
			return 0;
		/* the flush failed: this slot was not touched */
		if (error == -EAGAIN)
			dmr_meta_unalloc(&s->meta, r->slot);
	}
	return -EIO;
}

/* Nobody can tell what is on disk: no writes to the block until that is settled. */
static void fence(struct dmr_store *s, struct dmr_req *r)
{
	u64 x = (r->old ? r->old : DMR_X_NOSLOT) | DMR_X_FENCED;

	DMERR("%pg: the table can't be written, block %llu is fenced", s->spare,
	      r->block);
	/* the owner gives the block back himself */
	WARN_ON_ONCE(!dmr_index_store(&s->index, r->block, x));
	dmr_fault(s, DMR_META_FAULT);
}

/* The request whose change that is. */
static struct dmr_req *owner_of(struct dmr_round *rd, const struct dmr_change *c)
{
	unsigned int i;

	for (i = 0; i < rd->nr; i++)
		if (!rd->req[i]->result && rd->req[i]->slot == c->slot)
			return rd->req[i];
	return NULL;
}

/*
 * Commit the table entries of all requests that are left; r->error is what
 * became of each. True if a flush failed, and with it some of the contents.
 */
static bool commit_table(struct dmr_round *rd)
{
	struct dmr_store *s = rd->s;
	u64 gen = dmr_meta_next_gen(&s->meta);
	unsigned int i, n = 0, at = 0;
	bool flush_failed = false;

	for (i = 0; i < rd->nr; i++)
		if (!rd->req[i]->result && !rd->req[i]->settled)
			make_change(s, rd->req[i], gen, &s->changes[n++]);
	if (!n)
		return false;
	sort(s->changes, n, sizeof(s->changes[0]), cmp_change, NULL);
	while (at < n)
		at += dmr_meta_commit(&s->meta, s->changes + at, n - at);
	dmr_count(s, &s->count.commits);
	for (i = 0; i < rd->nr; i++)
		rd->req[i]->settled = true;
	for (i = 0; i < n; i++) {
		struct dmr_req *r;

		if (!s->changes[i].error)
			continue;
		r = owner_of(rd, &s->changes[i]);
		if (WARN_ON_ONCE(!r))
			continue;
		r->error = s->changes[i].error;
		r->settled = r->error != -EAGAIN;
		flush_failed |= !r->settled;
	}
	return flush_failed;
}

/*
 * A flush failed before the entries of these requests were written: the spare
 * may have dropped what it had taken. Write the contents again, but not for
 * ever: then nothing has happened to the blocks.
 */
static void commit_with_flush(struct dmr_round *rd)
{
	struct dmr_store *s = rd->s;
	unsigned int tries, i;

	for (tries = 0; commit_table(rd) && tries < 2; tries++) {
		for (i = 0; i < rd->nr; i++) {
			struct dmr_req *r = rd->req[i];

			if (r->settled)
				continue;
			r->error = 0;
			/* the caller has written to the slot, and knows what */
			if (r->kind == DMR_REQ_LOSE)
				r->result = -EIO;
		}
		write_contents(rd);
	}
	for (i = 0; i < rd->nr; i++) {
		struct dmr_req *r = rd->req[i];

		if (r->result || r->settled)
			continue;
		if (takes_slot(r))
			dmr_meta_unalloc(&s->meta, r->slot);
		r->result = -EIO;
		dmr_fault(s, DMR_SPARE_FAULT);
	}
}

static void commit_changes(struct dmr_round *rd)
{
	struct dmr_store *s = rd->s;
	unsigned int i;

	commit_with_flush(rd);
	for (i = 0; i < rd->nr; i++) {
		struct dmr_req *r = rd->req[i];

		if (r->result || !r->error)
			continue;
		if (r->error == -EBUSY) {
			/* nothing was done to the entry */
			r->result = -EREMOTEIO;
			continue;
		}
		r->error = 0;
		/* it may be on disk: then it has to be lost in memory as well */
		if (r->kind == DMR_REQ_LOSE || !commit_elsewhere(rd, r))
			continue;
		r->result = r->kind == DMR_REQ_UPDATE ? -EREMOTEIO : -EIO;
		/*
		 * An UPDATE that may be on disk shows the data of a write that
		 * failed, which is allowed; the others change the slot.
		 */
		if (r->result == -EIO)
			fence(s, r);
	}
}

/* -- after ------------------------------------------------------------------- */

static void count_entry(struct dmr_store *s, u64 x, int sign)
{
	if (!dmr_x_mapped(x))
		return;
	s->totals.entries += sign;
	s->totals.by_reason[dmr_x_reason(x)] += sign;
	s->totals.lost += sign * (int)hweight8(dmr_x_lost(x));
}

static int retire(struct dmr_store *s, u64 slot)
{
	struct dmr_change c = { .slot = slot, .m.state = DMR_E_BAD };
	int r;

	if (dmr_meta_frozen(&s->meta, slot))
		return 0;
	r = commit_one(s, &c);
	if (!r)
		s->totals.bad++;
	return r;
}

/*
 * A block has moved off this slot. If it can be written after all it may hold
 * another block one day, unless something in it could not be read.
 */
static void leave_slot(struct dmr_store *s, struct dmr_req *r)
{
	u64 slot = dmr_x_slot(r->old);
	struct dmr_change c = { .slot = slot };
	int error;

	/* who repairs the block drops what memory does not know */
	if (dmr_meta_frozen(&s->meta, slot))
		return;
	if ((dmr_x_lost(r->new) & ~dmr_x_lost(r->old)) ||
	    dmr_candidate(write_slot(s, slot, r)))
		error = retire(s, slot);
	else
		error = commit_one(s, &c);
	if (error)
		dmr_meta_loser_left(&s->meta);
}

static void publish(struct dmr_round *rd)
{
	struct dmr_store *s = rd->s;
	bool changed = false;
	unsigned int i;

	for (i = 0; i < rd->nr; i++) {
		struct dmr_req *r = rd->req[i];

		if (r->result)
			continue;
		if (takes_slot(r))
			r->new = dmr_x_make(0, r->slot, dmr_x_lost(r->new),
					    dmr_x_reason(r->new), r->new);
		if (r->owner && r->keep)
			r->new |= DMR_X_BUSY;
		else
			r->new &= ~(u64)DMR_X_BUSY;
		count_entry(s, r->old, -1);
		count_entry(s, r->new, 1);
		WARN_ON_ONCE(!dmr_index_store(&s->index, r->block, r->new));
		changed = true;
		if (r->kind == DMR_REQ_UNMAP)
			dmr_clear_fault(s, DMR_FULL);
		if (takes_slot(r))
			dmr_clear_fault(s, DMR_SPARE_FAULT);
		/* only now, so that a crash in between leaves two entries, not none */
		if (r->kind == DMR_REQ_MOVE)
			leave_slot(s, r);
	}
	for (i = 0; i < rd->nr_bad; i++)
		retire(s, rd->bad[i]);
	if (changed)
		dmr_event(s);
}

static void run_round(struct dmr_store *s, struct dmr_round *rd)
{
	unsigned int i;

	dmr_mark_flush(s);
	rd->s = s;
	rd->nr = 0;
	rd->nr_bad = 0;
	collect(rd);
	for (i = 0; i < rd->nr; i++) {
		if (s->read_only)
			rd->req[i]->result = -EROFS;
		else
			prepare(s, rd->req[i]);
	}
	reserve_entries(rd);
	take_slots(rd);
	write_contents(rd);
	commit_changes(rd);
	publish(rd);
	for (i = 0; i < rd->nr; i++) {
		struct dmr_req *r = rd->req[i];

		/* not earlier: this drops all placeholders of the region */
		if (r->result ? takes_slot(r) && !r->old : r->kind == DMR_REQ_UNMAP)
			dmr_index_trim(&s->index, r->block >> DMR_REGION_SHIFT);
		/* the last touch: the caller may return at once */
		smp_store_release(&r->done, true);
	}
}

static bool all_done(const struct dmr_req *reqs, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		/* pairs with run_round(): the result is there too */
		if (!smp_load_acquire(&reqs[i].done))
			return false;
	return true;
}

/*
 * Carry out n requests, each with its result. After success the block of an
 * owner is given back; after any error the owner must disown it. Sleeps; the
 * caller runs under memalloc_noio and holds no lock.
 */
void dmr_commit(struct dmr_store *s, struct dmr_req *reqs, unsigned int n)
{
	bool owner = false;
	unsigned int i;

	spin_lock_irq(&s->queue_lock);
	for (i = 0; i < n; i++) {
		reqs[i].done = false;
		owner |= reqs[i].owner;
		list_add_tail(&reqs[i].list, &s->commit_queue);
	}
	spin_unlock_irq(&s->queue_lock);

	mutex_lock(&s->commit_lock);
	while (!all_done(reqs, n))
		run_round(s, s->round);
	mutex_unlock(&s->commit_lock);
	if (owner)
		dmr_release_deferred(s);
}
