// SPDX-License-Identifier: GPL-2.0-only
/*
 * Status lines and messages: dm-remap(4).
 *
 * dm core holds the live table while a message runs, and a suspend waits for
 * that, so a message does at most 4096 blocks or about a second of work and says
 * where to go on. libdevmapper may send a message twice: each can be repeated.
 */
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "dm-remap.h"

#define MSG_BLOCKS	4096	/* blocks that one message may handle */
#define ADD_BATCH	32	/* blocks read and committed together */
#define STATUS_VERSION	1

/* -- status ------------------------------------------------------------------ */

static void sum_redirected(struct dmr_store *s, u64 sum[2])
{
	int cpu;

	sum[0] = 0;
	sum[1] = 0;
	for_each_possible_cpu(cpu) {
		sum[0] += READ_ONCE(per_cpu_ptr(s->pcpu, cpu)->redirected[0]);
		sum[1] += READ_ONCE(per_cpu_ptr(s->pcpu, cpu)->redirected[1]);
	}
}

static unsigned int status_info(struct dmr_store *s, char *result,
				unsigned int maxlen)
{
	const struct dmr_totals *t = &s->totals;
	const struct dmr_counters *c = &s->count;
	const struct dmr_meta *m = &s->meta;
	unsigned int sz = 0, sb_bad = READ_ONCE(m->sb_bad);
	u64 redirected[2];

	/* no lock: each number is right by itself, and that must be enough */
	sum_redirected(s, redirected);
	DMEMIT("%u %s %s %llu/%llu %llu %llu %llu", STATUS_VERSION,
	       dmr_mode_name(dmr_mode(s)), s->read_only ? "ro" : "rw",
	       READ_ONCE(t->entries), m->nr_slots, READ_ONCE(t->bad),
	       READ_ONCE(t->entries), READ_ONCE(t->lost));
	DMEMIT(" %llu %llu %llu %llu", READ_ONCE(c->main_errors[0]),
	       READ_ONCE(c->main_errors[1]), READ_ONCE(c->spare_errors),
	       READ_ONCE(c->healed));
	DMEMIT(" %llu,%llu,%llu,%llu,%llu,%llu,%llu",
	       READ_ONCE(t->by_reason[DMR_R_WRITE]),
	       READ_ONCE(t->by_reason[DMR_R_READ]),
	       READ_ONCE(t->by_reason[DMR_R_ADMIN]),
	       READ_ONCE(t->by_reason[DMR_R_SCAN]),
	       READ_ONCE(t->by_reason[DMR_R_WEAK]),
	       READ_ONCE(t->by_reason[DMR_R_MOVED]),
	       READ_ONCE(t->by_reason[DMR_R_SHIELD]));
	DMEMIT(" %u %u %llu %llu %llu %llu %llu %pUb",
	       2 - hweight32(sb_bad), READ_ONCE(m->frozen) ? 1 : 2,
	       READ_ONCE(m->frozen), READ_ONCE(m->gen), redirected[0],
	       redirected[1], READ_ONCE(m->activation), m->sb->set_uuid);
	return sz;
}

static unsigned int status_table(struct dmr_target *t, char *result,
				 unsigned int maxlen)
{
	const struct dmr_options *o = &t->opt;
	unsigned int n, sz = 0;

	n = (o->rescue != 3) + (o->isolate_ms != 60000) + (o->rate != 1024) +
	    o->paused;
	DMEMIT("%s %s", t->main->name, t->spare->name);
	if (n)
		DMEMIT(" %u", n);
	if (o->rescue != 3)
		DMEMIT(" rescue=%u", o->rescue);
	if (o->isolate_ms != 60000)
		DMEMIT(" isolate_ms=%u", o->isolate_ms);
	if (o->rate != 1024)
		DMEMIT(" rate=%u", o->rate);
	if (o->paused)
		DMEMIT(" paused");
	return sz;
}

void dmr_status(struct dm_target *ti, status_type_t type,
		unsigned int flags, char *result, unsigned int maxlen)
{
	struct dmr_target *t = ti->private;
	unsigned int sz = 0;

	switch (type) {
	case STATUSTYPE_INFO:
		status_info(t->store, result, maxlen);
		break;
	case STATUSTYPE_TABLE:
		status_table(t, result, maxlen);
		break;
	default:	/* STATUSTYPE_IMA, since 5.15 */
		DMEMIT_TARGET_NAME_VERSION(ti->type);
		DMEMIT(",main_device=%s,spare_device=%s,set_uuid=%pUb;",
		       t->main->name, t->spare->name, t->store->meta.sb->set_uuid);
		break;
	}
}

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
	struct dmr_range *r;
	unsigned int nr, at;
	u64 offset;
	unsigned int budget;		/* blocks */
	unsigned long end;		/* jiffies */
	u64 done[3];
};

static bool more(const struct cursor *c)
{
	return c->at < c->nr && c->budget && !time_after(jiffies, c->end) &&
	       !fatal_signal_pending(current);
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

/* Read what can be read of one block; false if it must be left alone. */
static bool salvage_req(struct dmr_store *s, struct dmr_req *r, void *scratch)
{
	if (dmr_salvage(s, r->block, r->data, 0, true, &r->lost))
		return false;
	return !r->lost || dmr_prove_reads(s, r->block, scratch);
}

static void add_batch(struct dmr_store *s, struct batch *b, struct cursor *c)
{
	unsigned int i, k = 0;
	u64 buckets = 0;

	own_blocks(s, b->req, b->nr);
	for (i = 0; i < b->nr; i++) {
		if (b->req[i].owner)
			buckets |= dmr_bucket_bit(b->req[i].block);
		else
			c->done[b->req[i].result == -EEXIST ? 1 : 2]++;
	}
	if (!buckets)
		return;
	dmr_drain(s, buckets);
	for (i = 0; i < b->nr; i++) {
		if (!b->req[i].owner)
			continue;
		if (!salvage_req(s, &b->req[i], b->page[ADD_BATCH])) {
			dmr_disown(s, b->req[i].block);
			c->done[2]++;
			continue;
		}
		if (i != k)
			swap(b->req[k], b->req[i]);
		k++;
	}
	if (!k)
		return;
	dmr_commit(s, b->req, k);
	for (i = 0; i < k; i++) {
		c->done[b->req[i].result ? 2 : 0]++;
		if (b->req[i].result)
			dmr_disown(s, b->req[i].block);
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
	while (more(c)) {
		for (b->nr = 0; b->nr < ADD_BATCH && c->at < c->nr && c->budget;
		     step(c)) {
			struct dmr_req *q = &b->req[b->nr];

			memset(q, 0, sizeof(*q));
			q->kind = DMR_REQ_MAP;
			q->block = peek(c);
			q->reason = reason;
			q->data = b->page[b->nr++];
		}
		add_batch(s, b, c);
	}
out:
	for (i = 0; i <= ADD_BATCH; i++)
		kfree(b->page[i]);
	kvfree(b->req);
	kvfree(b);
	return r;
}

static int msg_add(struct dmr_store *s, unsigned int argc, char **argv,
		   char *result, unsigned int maxlen)
{
	struct cursor c = { .budget = MSG_BLOCKS, .end = jiffies + HZ };
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
	    READ_ONCE(s->meta.frozen))
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
	/* what the spare once lost is never taken from main: that is old */
	if (x & DMR_X_SLOT_LOST) {
		from = s->spare;
		base = dmr_slot_sector(s->meta.sb, dmr_x_slot(x));
	}
	dmr_drain(s, dmr_bucket_bit(block));
	for (i = 0; i < sectors; i += unit) {
		if (!(dmr_x_lost(x) & dmr_sector_mask(i, unit)))
			continue;
		if (dmr_rw(from, base + i, page + i * SECTOR_SIZE,
			   unit * SECTOR_SIZE, REQ_OP_READ | REQ_SYNC)) {
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

static int msg_blocks(struct dmr_store *s, bool unmap, unsigned int argc,
		      char **argv, char *result, unsigned int maxlen)
{
	struct cursor c = { .budget = MSG_BLOCKS, .end = jiffies + HZ };
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
			retry_block(s, peek(&c), buffer, c.done);
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

/* -- list, stats ------------------------------------------------------------- */

static int msg_list(struct dmr_store *s, const char *from, char *result,
		    unsigned int maxlen)
{
	static const char letters[DMR_NR_REASONS] = {
		'-', 'w', 'r', 'a', 's', 'k', 'm', 'h'
	};
	unsigned int sz = 0;
	u64 block, x;

	if (kstrtou64(from, 10, &block))
		return -EINVAL;
	while (block < s->index.nr_blocks) {
		char flags[8], *f = flags;

		rcu_read_lock();
		x = dmr_index_next(&s->index, &block);
		rcu_read_unlock();
		if (!x)
			break;
		if (maxlen - sz < 96) {
			DMEMIT("next %llu", block);
			return 1;
		}
		if (dmr_x_mapped(x)) {
			if (x & DMR_X_SHIELD)
				*f++ = 's';
			if (x & DMR_X_SLOT_LOST)
				*f++ = 'l';
			if (x & DMR_X_BUSY)
				*f++ = 'b';
			if (x & DMR_X_FENCED)
				*f++ = 'f';
			if (f == flags)
				*f++ = '-';
			*f = '\0';
			DMEMIT("%llu %llu %02x %c %s\n", block, dmr_x_slot(x),
			       dmr_x_lost(x), letters[dmr_x_reason(x)], flags);
		}
		block++;
		cond_resched();
	}
	DMEMIT("end");
	return 1;
}

static int msg_stats(struct dmr_store *s, char *result, unsigned int maxlen)
{
	const struct dmr_counters *c = &s->count;
	unsigned int sz = 0;
	u64 redirected[2];

	sum_redirected(s, redirected);
	DMEMIT("main_read_errors=%llu\nmain_write_errors=%llu\nspare_errors=%llu\n",
	       READ_ONCE(c->main_errors[0]), READ_ONCE(c->main_errors[1]),
	       READ_ONCE(c->spare_errors));
	DMEMIT("healed=%llu\nrescued_writes=%llu\nrefused_remaps=%llu\nflush_errors=%llu\n",
	       READ_ONCE(c->healed), READ_ONCE(c->rescued_writes),
	       READ_ONCE(c->refused), READ_ONCE(c->flush_errors));
	DMEMIT("noted_errors=%llu\ncommits=%llu\nmetadata_write_errors=%llu\n",
	       READ_ONCE(c->noted), READ_ONCE(s->meta.commits),
	       READ_ONCE(s->meta.commit_errors));
	DMEMIT("redirected_reads=%llu\nredirected_writes=%llu\nfree_slots_initialised=%llu\n",
	       redirected[0], redirected[1], READ_ONCE(s->meta.free_slots));
	return 1;
}

/* -- verify, pause, rearm ---------------------------------------------------- */

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

static int msg_verify(struct dmr_store *s, const char *from, bool frozen_only,
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
		init = le64_to_cpu(s->meta.sb->table_init);
		if (index >= init) {
			end_fences(s);
			mutex_unlock(&s->commit_lock);
			break;
		}
		if (!frozen_only || s->meta.tb_flags[index] || !index)
			dmr_meta_verify(&s->meta, index, &memory, &v);
		mutex_unlock(&s->commit_lock);
		if (time_after(jiffies, end) || fatal_signal_pending(current)) {
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

static int msg_rearm(struct dmr_store *s, char *result, unsigned int maxlen)
{
	void *buffer = dmr_get_buffer(s);
	unsigned int sz = 0;

	dmr_clear_fault(s, DMR_PAUSED);
	/* one good I/O of each device; the next error proves more */
	if (!dmr_rw(s->main, 0, buffer, s->main_lbs, REQ_OP_READ | REQ_SYNC)) {
		dmr_main_dead(s, true, false);
		dmr_main_dead(s, false, false);
	}
	dmr_clear_fault(s, DMR_FULL);
	if (!dmr_rw(s->spare, 0, buffer, DMR_BLOCK_SIZE, REQ_OP_READ | REQ_SYNC))
		dmr_clear_fault(s, DMR_SPARE_FAULT);
	dmr_put_buffer(s, buffer);
	if (!s->read_only)
		msg_verify(s, "0", true, result, maxlen);
	sz = 0;
	DMEMIT("ok %s", dmr_mode_name(dmr_mode(s)));
	return 1;
}

/* -- dispatch ---------------------------------------------------------------- */

static int dispatch(struct dmr_store *s, unsigned int argc, char **argv,
		    char *result, unsigned int maxlen)
{
	const char *verb = argv[0];
	unsigned int sz = 0;

	if (!strcmp(verb, "list") && argc == 2)
		return msg_list(s, argv[1], result, maxlen);
	if (!strcmp(verb, "stats") && argc == 1)
		return msg_stats(s, result, maxlen);
	if (!strcmp(verb, "pause") && argc == 1) {
		dmr_fault(s, DMR_PAUSED);
		DMEMIT("ok");
		return 1;
	}
	if (s->read_only)
		return -EROFS;
	if (!strcmp(verb, "add"))
		return msg_add(s, argc - 1, argv + 1, result, maxlen);
	if (!strcmp(verb, "unmap") || !strcmp(verb, "retry"))
		return msg_blocks(s, verb[0] == 'u', argc - 1, argv + 1, result,
				  maxlen);
	if (!strcmp(verb, "verify") && argc <= 2)
		return msg_verify(s, argc == 2 ? argv[1] : "0", false, result,
				  maxlen);
	if (!strcmp(verb, "rearm") && argc == 1)
		return msg_rearm(s, result, maxlen);
	return -EINVAL;
}

int dmr_message(struct dm_target *ti, unsigned int argc, char **argv,
		char *result, unsigned int maxlen)
{
	struct dmr_target *t = ti->private;
	unsigned int noio;
	int r;

	if (!argc)
		return -EINVAL;
	/* before the first resume nothing may be written, while suspended neither */
	if (!READ_ONCE(t->store->ti) || dm_suspended(ti))
		return -EBUSY;
	noio = memalloc_noio_save();
	r = dispatch(t->store, argc, argv, result, maxlen);
	memalloc_noio_restore(noio);
	return r;
}
