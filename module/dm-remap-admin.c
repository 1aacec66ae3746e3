// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages that work on blocks and on the table: dm-remap(4).
 *
 * dm core holds the live table while a message runs, and a suspend waits for
 * that, so a message does at most 4096 blocks or about a second of work and says
 * where to go on; with a suspend waiting it ends after the I/O that is under
 * way. libdevmapper may send a message twice: each can be repeated.
 */
#include <linux/sched/signal.h>

#include "dm-remap.h"

#define MSG_BLOCKS	4096	/* blocks that one message may handle */
#define ADD_BATCH	32	/* blocks read and committed together */

/* -- ranges ------------------------------------------------------------------ */

struct dmr_range {
	u64 first, nr;
};

/*
 * Parse ascending, disjoint ranges of blocks. Returns a kvmalloc()ed array or
 * an ERR_PTR; nothing of a bad message is carried out.
 */
static struct dmr_range *parse_ranges(struct dmr_store *s, unsigned int argc,
				      char **argv)
{
	u64 from = 0, all = s->index.nr_blocks;
	struct dmr_range *r;
	unsigned int i;

	if (!argc)
		return ERR_PTR(-EINVAL);
	r = kvmalloc_array(argc, sizeof(*r), GFP_KERNEL);
	if (!r)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < argc; i++) {
		char *plus = strchr(argv[i], '+');

		r[i].nr = 1;
		if (plus)
			*plus = '\0';
		if (kstrtou64(argv[i], 10, &r[i].first) ||
		    (plus && kstrtou64(plus + 1, 10, &r[i].nr)))
			goto bad;
		if (plus)
			*plus = '+';
		if (!r[i].nr || r[i].first < from || r[i].first >= all ||
		    r[i].nr > all - r[i].first)
			goto bad;
		from = r[i].first + r[i].nr;
	}
	return r;
bad:
	kvfree(r);
	return ERR_PTR(-EINVAL);
}

/* Goes through the blocks of ranges. */
struct cursor {
	struct dmr_store *s;
	struct dmr_range *r;
	unsigned int nr, at;
	u64 offset;
	unsigned int budget;		/* blocks */
	unsigned long end;		/* jiffies */
	u64 done[3];
};

/* Somebody waits for this message to end. */
static bool hurry(const struct dmr_store *s)
{
	return dmr_stopping(s, 0) || fatal_signal_pending(current);
}

static bool more(const struct cursor *c)
{
	return c->at < c->nr && c->budget && !time_after(jiffies, c->end) && !hurry(c->s);
}

static u64 peek(const struct cursor *c)
{
	return c->r[c->at].first + c->offset;
}

static void step(struct cursor *c)
{
	c->budget--;
	if (++c->offset == c->r[c->at].nr) {
		c->at++;
		c->offset = 0;
	}
}

static unsigned int answer(const struct cursor *c, char *result,
			   unsigned int maxlen)
{
	unsigned int sz = 0;

	if (c->at < c->nr)
		DMEMIT("next %llu", peek(c));
	else
		DMEMIT("ok");
	DMEMIT(" %llu %llu %llu", c->done[0], c->done[1], c->done[2]);
	return sz;
}

/* -- add --------------------------------------------------------------------- */

struct batch {
	struct dmr_req *req;		/* ADD_BATCH */
	void *page[ADD_BATCH + 1];	/* the last one is scratch */
	unsigned int nr;
	u8 reason;
};

/*
 * Take the blocks of n requests that are in one region, in one go. commit_lock.
 */
static void own_region(struct dmr_store *s, struct dmr_req *reqs, unsigned int n)
{
	u64 region = reqs[0].block >> DMR_REGION_SHIFT;
	unsigned int i, k = 0;
	int r = 0;

	for (i = 0; i < n; i++) {
		u64 x = dmr_get(s, reqs[i].block);

		reqs[i].result = x & DMR_X_BUSY ? -EBUSY : x ? -EEXIST : 0;
		if (!x)
			s->updates[k++] = dmr_x_make(reqs[i].block & DMR_REGION_MASK, 0,
						     0, 0, DMR_X_BUSY | DMR_X_NOSLOT);
	}
	if (k)
		r = dmr_index_update(&s->index, region, s->updates, k);
	for (i = 0; i < n; i++) {
		if (!reqs[i].result)
			reqs[i].result = r;
		reqs[i].owner = !reqs[i].result;
	}
}

/*
 * Take the blocks of the requests, which ascend. Those that have an entry get
 * the result -EEXIST. At most DMR_ROUND requests.
 */
static void own_blocks(struct dmr_store *s, struct dmr_req *reqs, unsigned int n)
{
	unsigned int i, j;

	mutex_lock(&s->commit_lock);
	for (i = 0; i < n; i = j) {
		u64 region = reqs[i].block >> DMR_REGION_SHIFT;

		for (j = i + 1; j < n; j++)
			if (reqs[j].block >> DMR_REGION_SHIFT != region)
				break;
		own_region(s, reqs + i, j - i);
	}
	mutex_unlock(&s->commit_lock);
}

/* Blocks that become lost as they are: no reading, many at a time. */
static int add_lost(struct dmr_store *s, struct cursor *c, u8 reason)
{
	const unsigned int max = DMR_ROUND;
	struct dmr_req *reqs;
	unsigned int n, i, k;
	u64 buckets;

	reqs = kvcalloc(max, sizeof(*reqs), GFP_KERNEL);
	if (!reqs)
		return -ENOMEM;
	while (more(c)) {
		for (n = 0; n < max && c->at < c->nr && c->budget; n++, step(c)) {
			memset(&reqs[n], 0, sizeof(reqs[n]));
			reqs[n].kind = DMR_REQ_MAP;
			reqs[n].block = peek(c);
			reqs[n].reason = reason;
			reqs[n].lost = dmr_sector_mask(0, dmr_block_sectors(s, peek(c)));
		}
		own_blocks(s, reqs, n);
		for (i = 0, k = 0, buckets = 0; i < n; i++) {
			if (reqs[i].result == -EEXIST)
				c->done[1]++;
			else if (reqs[i].result)
				c->done[2]++;
			if (!reqs[i].owner)
				continue;
			buckets |= dmr_bucket_bit(reqs[i].block);
			if (i != k)
				reqs[k] = reqs[i];
			k++;
		}
		if (!k)
			continue;
		dmr_drain(s, buckets);
		dmr_commit(s, reqs, k);
		for (i = 0; i < k; i++) {
			c->done[reqs[i].result ? 2 : 0]++;
			if (reqs[i].result)
				dmr_disown(s, reqs[i].block);
		}
	}
	kvfree(reqs);
	return 0;
}

/*
 * Read what can be read of one block. -EIO if it must be left alone, -EAGAIN if
 * a suspend came between.
 */
static int salvage_req(struct dmr_store *s, struct dmr_req *r, void *scratch)
{
	if (dmr_salvage(s, r->block, r->data, scratch, &r->lost))
		return 0;
	return hurry(s) ? -EAGAIN : -EIO;
}

/*
 * Read the blocks of a batch, one by one, as long as there is time; the cursor
 * is at the first and goes along. The requests to be committed come to the
 * front; returns their number.
 */
static unsigned int read_batch(struct dmr_store *s, struct batch *b, struct cursor *c)
{
	unsigned int i, k = 0;
	int r;

	for (i = 0; i < b->nr && (!i || more(c)); i++) {
		struct dmr_req *q = &b->req[i];

		r = q->owner ? salvage_req(s, q, b->page[ADD_BATCH]) : q->result;
		if (r == -EAGAIN)
			break;
		step(c);
		if (!r) {
			if (i != k)
				swap(b->req[k], *q);
			k++;
			continue;
		}
		c->done[r == -EEXIST ? 1 : 2]++;
		if (q->owner)
			dmr_disown(s, q->block);
	}
	for (; i < b->nr; i++)
		if (b->req[i].owner)
			dmr_disown(s, b->req[i].block);
	return k;
}

static void add_batch(struct dmr_store *s, struct batch *b, struct cursor *c)
{
	unsigned int i, k;
	u64 buckets = 0;

	own_blocks(s, b->req, b->nr);
	for (i = 0; i < b->nr; i++)
		if (b->req[i].owner)
			buckets |= dmr_bucket_bit(b->req[i].block);
	if (buckets)
		dmr_drain(s, buckets);
	k = read_batch(s, b, c);
	if (!k)
		return;
	dmr_commit(s, b->req, k);
	for (i = 0; i < k; i++) {
		c->done[b->req[i].result ? 2 : 0]++;
		if (b->req[i].result)
			dmr_disown(s, b->req[i].block);
	}
}

/* Make the requests of the blocks that come next. */
static void fill_batch(struct batch *b, struct cursor ahead)
{
	for (b->nr = 0; b->nr < ADD_BATCH && ahead.at < ahead.nr && ahead.budget;
	     step(&ahead)) {
		struct dmr_req *q = &b->req[b->nr];

		memset(q, 0, sizeof(*q));
		q->kind = DMR_REQ_MAP;
		q->block = peek(&ahead);
		q->reason = b->reason;
		q->data = b->page[b->nr++];
	}
}

static int add_salvaged(struct dmr_store *s, struct cursor *c, u8 reason)
{
	struct batch *b = kvcalloc(1, sizeof(*b), GFP_KERNEL);
	int r = -ENOMEM;
	unsigned int i;

	if (!b)
		return r;
	b->req = kvcalloc(ADD_BATCH, sizeof(*b->req), GFP_KERNEL);
	if (!b->req)
		goto out;
	for (i = 0; i <= ADD_BATCH; i++) {
		b->page[i] = kmalloc(DMR_BLOCK_SIZE, GFP_KERNEL);
		if (!b->page[i])
			goto out;
	}
	r = 0;
	b->reason = reason;
	while (more(c)) {
		fill_batch(b, *c);
		add_batch(s, b, c);
	}
out:
	for (i = 0; i <= ADD_BATCH; i++)
		kfree(b->page[i]);
	kvfree(b->req);
	kvfree(b);
	return r;
}

/* "add [lost] [reason=...] RANGE...": give blocks a slot. Message context. */
int dmr_msg_add(struct dmr_store *s, unsigned int argc, char **argv,
		char *result, unsigned int maxlen)
{
	struct cursor c = { .s = s, .budget = MSG_BLOCKS, .end = jiffies + HZ };
	u8 reason = DMR_R_ADMIN;
	bool lost = false;
	int r;

	for (; argc; argc--, argv++) {
		if (!strcmp(argv[0], "lost"))
			lost = true;
		else if (!strcmp(argv[0], "reason=scan"))
			reason = DMR_R_SCAN;
		else if (strcmp(argv[0], "reason=admin"))
			break;
	}
	c.nr = argc;
	c.r = parse_ranges(s, argc, argv);
	if (IS_ERR(c.r))
		return PTR_ERR(c.r);
	r = lost ? add_lost(s, &c, reason) : add_salvaged(s, &c, reason);
	kvfree(c.r);
	if (r)
		return r;
	answer(&c, result, maxlen);
	return 1;
}

/* -- unmap, retry ------------------------------------------------------------ */

/*
 * Write a block back to main and see that it is there. 0, or an error that
 * leaves the entry as it is.
 */
static int unmap_block(struct dmr_store *s, u64 block, void *a, void *b)
{
	unsigned int len = dmr_block_sectors(s, block) * SECTOR_SIZE;
	sector_t at = block * DMR_BLOCK_SECTORS;
	struct dmr_req r = { .kind = DMR_REQ_UNMAP, .owner = true, .block = block };
	u64 x;
	int e;

	e = dmr_own(s, block, &x);
	if (e)
		return e;
	e = -ENOENT;
	if (!dmr_x_mapped(x))
		goto out;
	e = -EPERM;
	if ((x & (DMR_X_SHIELD | DMR_X_FENCED)) || dmr_x_lost(x) ||
	    READ_ONCE(s->meta.frozen) || READ_ONCE(s->meta.losers_left))
		goto out;
	dmr_drain(s, dmr_bucket_bit(block));
	e = -EIO;
	if (dmr_rw(s->spare, dmr_slot_sector(s->meta.sb, dmr_x_slot(x)), a, len,
		   REQ_OP_READ | REQ_SYNC) ||
	    dmr_rw(s->main, at, a, len, REQ_OP_WRITE | REQ_SYNC | REQ_FUA) ||
	    dmr_rw(s->main, at, b, len, REQ_OP_READ | REQ_SYNC) ||
	    memcmp(a, b, len))
		goto out;
	dmr_commit(s, &r, 1);
	e = r.result;
	if (!e)
		return 0;
out:
	dmr_disown(s, block);
	return e;
}

/* Try the lost sectors of a block once more; counts those that came back. */
static int retry_block(struct dmr_store *s, u64 block, void *page, u64 done[2])
{
	unsigned int sectors = dmr_block_sectors(s, block), i;
	unsigned int unit = s->main_lbs / SECTOR_SIZE;
	struct block_device *from = s->main;
	sector_t base = block * DMR_BLOCK_SECTORS;
	struct dmr_req r;
	u64 x;
	int e;

	e = dmr_own(s, block, &x);
	if (e)
		return e;
	if (!dmr_x_mapped(x) || (x & DMR_X_FENCED) || !dmr_x_lost(x))
		goto out;
	/* main has a header in its place */
	if ((x & DMR_X_SHIELD) && !(x & DMR_X_SLOT_LOST))
		goto out;
	/* what the spare once lost is never taken from main: that is old */
	if (x & DMR_X_SLOT_LOST) {
		from = s->spare;
		base = dmr_slot_sector(s->meta.sb, dmr_x_slot(x));
	}
	dmr_drain(s, dmr_bucket_bit(block));
	for (i = 0; i < sectors && !hurry(s); i += unit) {
		if (!(dmr_x_lost(x) & dmr_sector_mask(i, unit)))
			continue;
		if (dmr_rw(from, base + i, page + i * SECTOR_SIZE,
			   unit * SECTOR_SIZE, REQ_OP_READ | REQ_SYNC) ||
		    (from == s->spare && dmr_stands_for_lost(page + i * SECTOR_SIZE))) {
			done[1] += unit;
			continue;
		}
		memset(&r, 0, sizeof(r));
		r.kind = DMR_REQ_UPDATE;
		r.owner = true;
		r.keep = true;
		r.block = block;
		r.first = i;
		r.nr = unit;
		r.data = page;
		dmr_commit(s, &r, 1);
		done[r.result ? 1 : 0] += unit;
	}
out:
	dmr_disown(s, block);
	return 0;
}

/* "unmap RANGE...", "retry RANGE...". Message context. */
int dmr_msg_blocks(struct dmr_store *s, bool unmap, unsigned int argc,
		   char **argv, char *result, unsigned int maxlen)
{
	struct cursor c = { .s = s, .budget = MSG_BLOCKS, .end = jiffies + HZ };
	void *buffer;
	int e;

	c.nr = argc;
	c.r = parse_ranges(s, argc, argv);
	if (IS_ERR(c.r))
		return PTR_ERR(c.r);
	buffer = dmr_get_buffer(s);
	for (; more(&c); step(&c)) {
		/* healthy stretches cost nothing */
		if (!dmr_get(s, peek(&c))) {
			c.done[1] += unmap;
			continue;
		}
		if (!unmap) {
			if (retry_block(s, peek(&c), buffer, c.done))
				c.done[2]++;
			/* not all of it may have been tried */
			if (hurry(s))
				break;
			continue;
		}
		e = unmap_block(s, peek(&c), buffer, buffer + DMR_BLOCK_SIZE);
		c.done[!e ? 0 : e == -ENOENT ? 1 : 2]++;
	}
	dmr_put_buffer(s, buffer);
	kvfree(c.r);
	answer(&c, result, maxlen);
	return 1;
}

/* -- verify, rearm ---------------------------------------------------- */

static bool memory_holds(void *context, u64 slot, u64 block, u8 *lost)
{
	struct dmr_store *s = context;
	u64 x = dmr_get(s, block);

	*lost = dmr_x_lost(x);
	return dmr_x_mapped(x) && dmr_x_slot(x) == slot;
}

static void memory_rebuild(void *context, u64 first, u64 gen,
			   struct dmr_mapping *entries)
{
	struct dmr_store *s = context;
	u64 block = 0, x;

	for (;;) {
		struct dmr_mapping *m;
		u64 slot;

		rcu_read_lock();
		x = dmr_index_next(&s->index, &block);
		rcu_read_unlock();
		if (!x)
			break;
		slot = dmr_x_slot(x);
		if (dmr_x_mapped(x) && slot >= first &&
		    slot - first < DMR_TABLE_ENTRIES) {
			m = &entries[slot - first];
			m->block = block;
			m->gen = gen;
			m->lost = dmr_x_lost(x);
			m->state = DMR_E_MAPPED;
			m->reason = dmr_x_reason(x);
			m->flags = (x & DMR_X_SHIELD ? DMR_F_SHIELD : 0) |
				   (x & DMR_X_SLOT_LOST ? DMR_F_SLOT_LOST : 0);
		}
		block++;
		if (block >= s->index.nr_blocks)
			break;
		cond_resched();
	}
}

/* With every table block in order again, nothing is in doubt any more. */
static void end_fences(struct dmr_store *s)
{
	u64 block = 0, x;

	if (s->meta.frozen)
		return;
	while (block < s->index.nr_blocks) {
		rcu_read_lock();
		x = dmr_index_next(&s->index, &block);
		rcu_read_unlock();
		if (!x)
			break;
		if (x & DMR_X_FENCED)
			dmr_index_store(&s->index, block, x & ~(u64)DMR_X_FENCED);
		block++;
	}
	dmr_clear_fault(s, DMR_META_FAULT);
}

/* "verify [INDEX]": both copies of the table against memory. Message context. */
int dmr_msg_verify(struct dmr_store *s, const char *from, bool frozen_only,
		   char *result, unsigned int maxlen)
{
	const struct dmr_memory memory = {
		.holds = memory_holds, .rebuild = memory_rebuild, .context = s,
	};
	unsigned long end = jiffies + HZ;
	struct dmr_verify v = {};
	u64 index, init;
	unsigned int sz = 0;

	if (kstrtou64(from, 10, &index))
		return -EINVAL;
	if (s->read_only)
		return -EROFS;
	for (;; index++) {
		mutex_lock(&s->commit_lock);
		dmr_mark_flush(s);
		init = le64_to_cpu(s->meta.sb->table_init);
		if (index >= init) {
			end_fences(s);
			mutex_unlock(&s->commit_lock);
			break;
		}
		if (!frozen_only || s->meta.losers_left || s->meta.tb_flags[index] || !index)
			dmr_meta_verify(&s->meta, index, &memory, &v);
		s->totals.bad += v.retired;
		v.retired = 0;
		mutex_unlock(&s->commit_lock);
		if (time_after(jiffies, end) || hurry(s)) {
			index++;
			break;
		}
		cond_resched();
	}
	if (v.repaired || v.damaged)
		dmr_event(s);
	if (index < init)
		DMEMIT("next %llu", index);
	else
		DMEMIT("ok");
	DMEMIT(" %llu %llu %llu", v.checked, v.repaired, v.damaged);
	return 1;
}

/* "rearm": end the faults that are over. Message context. */
int dmr_msg_rearm(struct dmr_store *s, char *result, unsigned int maxlen)
{
	void *buffer = dmr_get_buffer(s);
	unsigned int sz = 0;

	dmr_clear_fault(s, DMR_PAUSED);
	/* one good I/O of each device; the next error proves more */
	dmr_retry_main(s, buffer);
	dmr_clear_fault(s, DMR_FULL);
	if (!dmr_rw(s->spare, 0, buffer, DMR_BLOCK_SIZE, REQ_OP_READ | REQ_SYNC))
		dmr_clear_fault(s, DMR_SPARE_FAULT);
	dmr_put_buffer(s, buffer);
	if (!s->read_only)
		dmr_msg_verify(s, "0", true, result, maxlen);
	sz = 0;
	DMEMIT("ok %s", dmr_mode_name(dmr_mode(s)));
	return 1;
}
