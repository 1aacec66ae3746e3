// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading the slot table at activation, see dm-remap-meta.h. Pure.
 *
 * One pass over both copies collects the entries in chunks and counts them by
 * region; then each region's leaf is filled at its exact size and sorted.
 */
#include "dm-remap-meta.h"

#define CHUNK_ENTRIES	4096
#define MAX_LOSERS	65536

struct found {
	u64 region;
	u64 x;			/* as in the index */
};

struct chunk {
	struct chunk *next;
	u32 nr;
	struct found e[CHUNK_ENTRIES];
};

struct loader {
	struct dmr_meta *m;
	struct dmr_index *idx;
	struct dmr_totals *totals;
	struct chunk *chunks;
	u32 *count;		/* entries by region */
};

static int bad_block(struct loader *l, const char *problem, u64 index)
{
	l->m->problem = problem;
	l->m->problem_index = index;
	return -EUCLEAN;
}

static int remember(struct loader *l, u64 slot, const struct dmr_mapping *map)
{
	struct chunk *c = l->chunks;
	u64 region = map->block >> DMR_REGION_SHIFT;
	u8 flags = 0;

	if (!c || c->nr == CHUNK_ENTRIES) {
		c = kvmalloc(sizeof(*c), GFP_KERNEL);
		if (!c)
			return -ENOMEM;
		c->nr = 0;
		c->next = l->chunks;
		l->chunks = c;
	}
	if (map->flags & DMR_F_SHIELD)
		flags |= DMR_X_SHIELD;
	if (map->flags & DMR_F_SLOT_LOST)
		flags |= DMR_X_SLOT_LOST;
	c->e[c->nr].region = region;
	c->e[c->nr].x = dmr_x_make(map->block & DMR_REGION_MASK, slot, map->lost,
				   map->reason, flags);
	c->nr++;
	l->count[region]++;
	return 0;
}

static int take_entries(struct loader *l, u64 index,
			const struct dmr_table_block *tb)
{
	struct dmr_meta *m = l->m;
	u32 e, nr_free = 0;
	int r;

	for (e = 0; e < DMR_TABLE_ENTRIES; e++) {
		u64 slot = index * DMR_TABLE_ENTRIES + e;
		struct dmr_mapping map;
		const char *why;

		why = dmr_entry_check(m->sb, &tb->entry[e], slot);
		if (why)
			return bad_block(l, why, index);
		dmr_entry_unpack(&tb->entry[e], &map);
		/* it must be possible to count on for longer than any disk lives */
		if (map.gen > DMR_GEN_MAX / 2)
			return bad_block(l, "impossible generation", index);
		if (map.gen > m->gen)
			m->gen = map.gen;
		switch (map.state) {
		case DMR_E_FREE:
			nr_free += slot < m->nr_slots;
			break;
		case DMR_E_BAD:
			l->totals->bad++;
			break;
		default:
			r = remember(l, slot, &map);
			if (r)
				return r;
		}
	}
	m->tb_free[index] = nr_free;
	m->free_slots += nr_free;
	return 0;
}

/* Both copies of one table block; NULL = could not be read. */
static int take_block(struct loader *l, u64 index, struct dmr_table_block *c0,
		      struct dmr_table_block *c1)
{
	struct dmr_table_block *c[2] = { c0, c1 };
	struct dmr_meta *m = l->m;
	unsigned int i, best;
	u8 stale = 0;
	int r;

	for (i = 0; i < 2; i++)
		if (c[i] && (dmr_table_check(c[i], m->seed, index, i) ||
			     dmr_distrusted(m->sb, c[i], index, i)))
			c[i] = NULL;
	if (!c[0] && !c[1])
		return bad_block(l, "a table block is damaged in both copies", index);
	if (c[0] && c[1]) {
		u64 s0 = le64_to_cpu(c[0]->seq), s1 = le64_to_cpu(c[1]->seq);

		if (s0 == s1 && memcmp(c[0]->entry, c[1]->entry, sizeof(c[0]->entry)))
			return bad_block(l, "the copies of a table block contradict each other",
					 index);
		best = s1 > s0;
		if (s0 != s1)
			stale = DMR_TB_BAD(!best);
	} else {
		best = c[0] ? 0 : 1;
		stale = DMR_TB_BAD(!best);
	}
	m->table_activation = max_t(u64, m->table_activation,
				    le64_to_cpu(c[best]->seq) >> 32);
	r = take_entries(l, index, c[best]);
	if (!r && stale) {
		m->tb_flags[index] = stale;
		m->frozen++;
		m->free_slots -= m->tb_free[index];
	}
	return r;
}

/* Read n blocks of a copy; on error one by one. Sets a bit for each good one. */
static u32 read_blocks(struct dmr_meta *m, u64 first, u32 n, unsigned int copy,
		       void *buf)
{
	u64 sector = dmr_table_sector(m->sb, first, copy);
	u32 i, good = 0;

	if (!m->ops->read(m->context, sector, buf, n * DMR_BLOCK_SIZE))
		return (1u << n) - 1;
	for (i = 0; i < n; i++)
		if (!m->ops->read(m->context, sector + i * DMR_BLOCK_SECTORS,
				  buf + i * DMR_BLOCK_SIZE, DMR_BLOCK_SIZE))
			good |= 1u << i;
	return good;
}

static int read_table(struct loader *l, u64 init)
{
	const u32 step = DMR_SCRATCH_BLOCKS / 2;
	struct dmr_meta *m = l->m;
	void *buf0 = m->scratch, *buf1 = m->scratch + step * DMR_BLOCK_SIZE;
	u64 first;

	for (first = 0; first < init; first += step) {
		u32 n = min_t(u64, step, init - first), i;
		u32 good0 = read_blocks(m, first, n, 0, buf0);
		u32 good1 = read_blocks(m, first, n, 1, buf1);

		for (i = 0; i < n; i++) {
			int r = take_block(l, first + i,
					   good0 & (1u << i) ? buf0 + i * DMR_BLOCK_SIZE : NULL,
					   good1 & (1u << i) ? buf1 + i * DMR_BLOCK_SIZE : NULL);

			if (r)
				return r;
		}
		cond_resched();
	}
	return 0;
}

static bool is_empty(const struct dmr_table_block *tb)
{
	u32 e;

	for (e = 0; e < DMR_TABLE_ENTRIES; e++)
		if (tb->entry[e].a || tb->entry[e].b)
			return false;
	return true;
}

/*
 * A used table block behind the recorded end means that newer superblocks once
 * said so and are gone: what we hold is stale.
 */
static int check_behind_end(struct loader *l, u64 init)
{
	struct dmr_meta *m = l->m;
	u64 all = le64_to_cpu(m->sb->table_blocks);
	u64 end = min_t(u64, init + DMR_TABLE_EXTENT, all), k;
	struct dmr_table_block *tb = m->scratch;
	unsigned int c;

	for (k = init; k < end; k++) {
		for (c = 0; c < 2; c++) {
			if (m->ops->read(m->context, dmr_table_sector(m->sb, k, c),
					 tb, DMR_BLOCK_SIZE) ||
			    dmr_table_check(tb, m->seed, k, c))
				continue;
			if (!is_empty(tb))
				return bad_block(l, "the superblocks are older than the table",
						 k);
		}
	}
	return 0;
}

/* Which of two entries for one block holds? The table has to be asked again. */
static int newer(struct loader *l, u64 a, u64 b, bool *a_holds)
{
	struct dmr_mapping x, y;
	u32 e;

	if (dmr_meta_entry(l->m, dmr_x_slot(a), &x) ||
	    dmr_meta_entry(l->m, dmr_x_slot(b), &y)) {
		l->m->problem = "a table block can't be read a second time";
		l->m->problem_index = div_u64_rem(dmr_x_slot(a), DMR_TABLE_ENTRIES, &e);
		return -EIO;
	}
	if (x.gen == y.gen)
		return bad_block(l, "two entries for one block have the same generation",
				 div_u64_rem(dmr_x_slot(a), DMR_TABLE_ENTRIES, &e));
	*a_holds = x.gen > y.gen;
	return 0;
}

static int add_loser(struct loader *l, u64 slot)
{
	struct dmr_meta *m = l->m;

	/* a crash leaves one batch of them; each costs reads of the table */
	if (m->nr_losers == MAX_LOSERS)
		return bad_block(l, "more blocks have two entries than crashes can leave", 0);
	if (m->nr_losers == m->max_losers) {
		u32 max = m->max_losers ? m->max_losers * 2 : 64;
		u64 *more = kvmalloc(max * sizeof(*more), GFP_KERNEL);

		if (!more)
			return -ENOMEM;
		if (m->nr_losers)
			memcpy(more, m->losers, m->nr_losers * sizeof(*more));
		kvfree(m->losers);
		m->losers = more;
		m->max_losers = max;
	}
	m->losers[m->nr_losers++] = slot;
	return 0;
}

/* Sort a leaf; of two entries for one block keep the higher generation. */
static int finish_leaf(struct loader *l, struct dmr_leaf *leaf)
{
	u32 i, k = 0;

	dmr_leaf_sort(leaf);
	for (i = 0; i < leaf->nr; i++) {
		u64 x = leaf->e[i], loser;
		bool holds;
		int r;

		if (!k || dmr_x_offset(leaf->e[k - 1]) != dmr_x_offset(x)) {
			leaf->e[k++] = x;
			continue;
		}
		r = newer(l, x, leaf->e[k - 1], &holds);
		if (r)
			return r;
		loser = x;
		if (holds) {
			loser = leaf->e[k - 1];
			leaf->e[k - 1] = x;
		}
		r = add_loser(l, dmr_x_slot(loser));
		if (r)
			return r;
	}
	leaf->nr = k;
	for (i = 0; i < k; i++) {
		u64 x = leaf->e[i];
		u8 lost = dmr_x_lost(x);

		l->totals->entries++;
		l->totals->by_reason[dmr_x_reason(x)]++;
		for (; lost; lost &= lost - 1)
			l->totals->lost++;
	}
	return 0;
}

static int build_index(struct loader *l)
{
	struct dmr_index *idx = l->idx;
	struct dmr_leaf *leaf;
	struct chunk *c;
	u64 r;
	u32 i;
	int error;

	for (r = 0; r < idx->nr_regions; r++) {
		if (!l->count[r])
			continue;
		leaf = idx->ops->alloc(idx->context, l->count[r], false);
		if (!leaf)
			return -ENOMEM;
		leaf->nr = 0;
		RCU_INIT_POINTER(idx->leaf[r], leaf);
		if (!(r & 0xfff))
			cond_resched();
	}
	while (l->chunks) {
		c = l->chunks;
		for (i = 0; i < c->nr; i++) {
			leaf = rcu_dereference_protected(idx->leaf[c->e[i].region], true);
			leaf->e[leaf->nr++] = c->e[i].x;
		}
		l->chunks = c->next;
		kvfree(c);
		cond_resched();
	}
	for (r = 0; r < idx->nr_regions; r++) {
		leaf = rcu_dereference_protected(idx->leaf[r], true);
		if (!leaf)
			continue;
		error = finish_leaf(l, leaf);
		if (error)
			return error;
		if (!(r & 0xff))
			cond_resched();
	}
	return 0;
}

int dmr_meta_load(struct dmr_meta *m, struct dmr_index *idx,
		  struct dmr_totals *totals)
{
	u64 init = le64_to_cpu(m->sb->table_init);
	struct loader l = { .m = m, .idx = idx, .totals = totals };
	int r;

	memset(totals, 0, sizeof(*totals));
	m->problem = "out of memory";
	m->problem_index = 0;
	l.count = kvcalloc(idx->nr_regions, sizeof(*l.count), GFP_KERNEL);
	if (!l.count)
		return -ENOMEM;
	r = read_table(&l, init);
	if (!r)
		r = check_behind_end(&l, init);
	if (!r)
		r = build_index(&l);
	while (l.chunks) {
		struct chunk *c = l.chunks;

		l.chunks = c->next;
		kvfree(c);
	}
	kvfree(l.count);
	if (!r)
		m->problem = NULL;
	return r;
}
