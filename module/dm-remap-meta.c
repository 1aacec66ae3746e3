// SPDX-License-Identifier: GPL-2.0-only
/*
 * Superblocks, slot allocation and commit, see dm-remap-meta.h. Pure.
 */
#include "dm-remap-meta.h"

static int fail(struct dmr_meta *m, int error, const char *problem, u64 index)
{
	m->problem = problem;
	m->problem_index = index;
	return error;
}

/* -- superblocks ---------------------------------------------------------- */

/*
 * Read both copies into the scratch area and return the newest, or an error.
 * A copy that can't be read counts as one that is not there.
 */
static int read_superblocks(struct dmr_meta *m, struct dmr_superblock **newest)
{
	struct dmr_superblock *copy[2], *valid[2] = { NULL, NULL };
	const char *why[2], *reason = NULL;
	bool readable = false;
	unsigned int c;
	int r;

	for (c = 0; c < 2; c++) {
		u64 sector = dmr_sb_sector(m->device_sectors, c);

		copy[c] = m->scratch + c * DMR_BLOCK_SIZE;
		if (m->ops->read(m->context, sector, copy[c], DMR_BLOCK_SIZE)) {
			why[c] = "unreadable";
			continue;
		}
		readable = true;
		why[c] = dmr_sb_check(copy[c], sector, m->device_sectors, c);
		if (!why[c])
			valid[c] = copy[c];
		else if (!reason && dmr_sb_has_magic(copy[c]))
			reason = why[c];
	}
	m->sb_bad = (valid[0] ? 0 : 1) | (valid[1] ? 0 : 2);
	r = dmr_sb_choose(valid[0], valid[1]);
	if (r >= 0) {
		*newest = copy[r];
		/* the older of two valid copies has to be written again */
		if (valid[0] && valid[1] && valid[0]->seq != valid[1]->seq)
			m->sb_bad |= 1u << !r;
		return 0;
	}
	if (r == -EUCLEAN)
		return fail(m, r, "the two superblocks contradict each other", 0);
	if (!readable)
		return fail(m, -EIO, "both superblocks are unreadable", 0);
	if (!reason)
		return fail(m, -ENODATA, "it is not formatted for dm-remap", 0);
	return fail(m, -EUCLEAN, reason, 0);
}

int dmr_meta_open(struct dmr_meta *m, const struct dmr_meta_ops *ops,
		  void *context, u64 device_sectors, void *memory)
{
	struct dmr_superblock *newest;
	struct dmr_geometry g;
	u64 blocks;
	unsigned int i;
	int r;

	memset(m, 0, sizeof(*m));
	m->ops = ops;
	m->context = context;
	m->device_sectors = device_sectors;
	m->sb = memory;
	for (i = 0; i < DMR_IMAGES; i++)
		m->image[i].tb = memory + (1 + i) * DMR_BLOCK_SIZE;
	m->scratch = memory + (1 + DMR_IMAGES) * DMR_BLOCK_SIZE;

	if (dmr_geometry_compute(device_sectors, &g))
		return fail(m, -ENODATA, "it is too small to be a spare", 0);
	r = read_superblocks(m, &newest);
	if (r)
		return r;
	memcpy(m->sb, newest, sizeof(*m->sb));
	m->seed = dmr_table_seed(m->sb);
	m->nr_slots = le64_to_cpu(m->sb->nr_slots);
	m->activation = le64_to_cpu(m->sb->activation);
	if (m->nr_slots > DMR_X_MAX_SLOTS)
		return fail(m, -EFBIG, "it has more slots than this kernel module can use", 0);

	blocks = le64_to_cpu(m->sb->table_blocks);
	m->tb_free = kvcalloc(blocks, 1, GFP_KERNEL);
	m->tb_flags = kvcalloc(blocks, 1, GFP_KERNEL);
	m->tb_taken = kvcalloc(blocks, 1, GFP_KERNEL);
	m->taken = kvcalloc(DMR_TABLE_ENTRIES, 1, GFP_KERNEL);
	if (!m->tb_free || !m->tb_flags || !m->tb_taken || !m->taken) {
		dmr_meta_close(m);
		return fail(m, -ENOMEM, "out of memory", 0);
	}
	return 0;
}

void dmr_meta_close(struct dmr_meta *m)
{
	kvfree(m->tb_free);
	kvfree(m->tb_flags);
	kvfree(m->tb_taken);
	kvfree(m->taken);
	kvfree(m->losers);
	m->tb_free = NULL;
	m->tb_flags = NULL;
	m->tb_taken = NULL;
	m->taken = NULL;
	m->losers = NULL;
}

static void take_over_texts(struct dmr_superblock *to,
			    const struct dmr_superblock *from)
{
	memcpy(to->label, from->label, sizeof(to->label));
	memcpy(to->main_wwn, from->main_wwn, sizeof(to->main_wwn));
	memcpy(to->main_serial, from->main_serial, sizeof(to->main_serial));
	memcpy(to->main_partuuid, from->main_partuuid, sizeof(to->main_partuuid));
	memcpy(to->options, from->options, sizeof(to->options));
}

int dmr_meta_revalidate(struct dmr_meta *m)
{
	struct dmr_superblock *now;
	u8 bad = m->sb_bad;
	int r;

	r = read_superblocks(m, &now);
	/* a copy that could not be written earlier may look fine and be old */
	m->sb_bad |= bad;
	if (r)
		return r;
	if (memcmp(now->spare_uuid, m->sb->spare_uuid, sizeof(now->spare_uuid)) ||
	    now->activation != m->sb->activation ||
	    now->state != m->sb->state || now->epoch != m->sb->epoch)
		return fail(m, -ESTALE, "the set was used elsewhere since it was loaded", 0);
	/*
	 * A write of ours that failed may have landed: of an active set memory
	 * knows best, but for the texts.
	 */
	if (le64_to_cpu(now->seq) > le64_to_cpu(m->sb->seq)) {
		if (!m->active)
			return fail(m, -ESTALE, "the set was changed since it was loaded", 0);
		m->sb->seq = now->seq;
		take_over_texts(m->sb, now);
	}
	return 0;
}

/*
 * Write both copies with a new sequence number. Returns the number of copies
 * written. After a failed flush none is tried. A failed write may have landed, so
 * the memory copy keeps the new sequence number even then.
 */
static unsigned int write_superblocks(struct dmr_meta *m)
{
	unsigned int c, written = 0;

	/* what the superblocks speak of is durable before, or neither is written */
	if (m->ops->flush(m->context))
		return 0;
	m->sb->seq = cpu_to_le64(le64_to_cpu(m->sb->seq) + 1);
	for (c = 0; c < 2; c++) {
		u64 sector = dmr_sb_sector(m->device_sectors, c);

		dmr_sb_seal(m->sb, c);
		if (m->ops->write(m->context, sector, m->sb, DMR_BLOCK_SIZE,
				  DMR_IO_FUA)) {
			m->sb_bad |= 1u << c;
			continue;
		}
		m->sb_bad &= ~(1u << c);
		written++;
	}
	return written;
}

int dmr_meta_grow(struct dmr_meta *m, u64 main_sectors)
{
	__le64 before = m->sb->main_sectors;

	m->sb->main_sectors = cpu_to_le64(main_sectors);
	if (write_superblocks(m) == 2)
		return 0;
	m->sb->main_sectors = before;
	write_superblocks(m);
	return fail(m, -EIO, "the new size of main can't be recorded in both superblocks", 0);
}

/* -- table blocks ---------------------------------------------------------- */

static u64 table_init(const struct dmr_meta *m)
{
	return le64_to_cpu(m->sb->table_init);
}

/* The last table block may describe fewer than 252 slots. */
static u32 slots_of(const struct dmr_meta *m, u64 index)
{
	u64 rest = m->nr_slots - index * DMR_TABLE_ENTRIES;

	return min_t(u64, rest, DMR_TABLE_ENTRIES);
}

static u64 table_of(u64 slot, u32 *entry)
{
	return div_u64_rem(slot, DMR_TABLE_ENTRIES, entry);
}

static void freeze(struct dmr_meta *m, u64 index, unsigned int copy)
{
	if (!m->tb_flags[index]) {
		m->frozen++;
		m->free_slots -= m->tb_free[index];
	}
	m->tb_flags[index] |= DMR_TB_BAD(copy);
}

static void thaw(struct dmr_meta *m, u64 index)
{
	if (m->tb_flags[index]) {
		m->frozen--;
		m->free_slots += m->tb_free[index];
	}
	m->tb_flags[index] = 0;
}

bool dmr_meta_frozen(const struct dmr_meta *m, u64 slot)
{
	u32 entry;

	return m->tb_flags[table_of(slot, &entry)];
}

static int read_copy(struct dmr_meta *m, u64 index, unsigned int copy,
		     struct dmr_table_block *tb)
{
	if (m->ops->read(m->context, dmr_table_sector(m->sb, index, copy), tb,
			 DMR_BLOCK_SIZE))
		return -EIO;
	if (dmr_table_check(tb, m->seed, index, copy))
		return -EUCLEAN;
	return 0;
}

static int write_copy(struct dmr_meta *m, u64 index, unsigned int copy,
		      struct dmr_table_block *tb, u64 seq, unsigned int flags)
{
	u64 sector = dmr_table_sector(m->sb, index, copy);
	int r;

	dmr_table_seal(tb, m->seed, seq, copy);
	r = m->ops->write(m->context, sector, tb, DMR_BLOCK_SIZE, flags);
	if (r) {
		/* once more: a transient error must not freeze the block */
		m->commit_errors++;
		r = m->ops->write(m->context, sector, tb, DMR_BLOCK_SIZE, flags);
	}
	return r;
}

static u64 next_seq(struct dmr_meta *m)
{
	return dmr_seq(m->activation, ++m->attempts);
}

/*
 * Does the spare read anything? If not, what it did not read is not damaged. Uses
 * the last block of scratch.
 */
static bool read_anything(struct dmr_meta *m)
{
	void *buf = m->scratch + (DMR_SCRATCH_BLOCKS - 1) * DMR_BLOCK_SIZE;
	unsigned int c;

	for (c = 0; c < 2; c++)
		if (!m->ops->read(m->context, dmr_sb_sector(m->device_sectors, c),
				  buf, DMR_BLOCK_SIZE))
			return true;
	return false;
}

/* The current content of a table block, from the cache or a good copy. */
static struct dmr_image *get_image(struct dmr_meta *m, u64 index)
{
	struct dmr_image *img = NULL;
	unsigned int i, c;

	for (i = 0; i < DMR_IMAGES; i++) {
		struct dmr_image *cand = &m->image[i];

		if (cand->valid && cand->index == index) {
			cand->used = ++m->clock;
			return cand;
		}
		if (!img || !cand->valid ||
		    (img->valid && cand->used < img->used))
			img = cand;
	}
	img->valid = false;
	for (c = 0; c < 2; c++) {
		if (m->tb_flags[index] & DMR_TB_BAD(c))
			continue;
		if (read_copy(m, index, c, img->tb))
			continue;
		img->index = index;
		img->valid = true;
		img->used = ++m->clock;
		return img;
	}
	return NULL;
}

int dmr_meta_entry(struct dmr_meta *m, u64 slot, struct dmr_mapping *out)
{
	struct dmr_image *img;
	u32 entry;
	u64 index = table_of(slot, &entry);

	img = get_image(m, index);
	if (!img)
		return -EIO;
	dmr_entry_unpack(&img->tb->entry[entry], out);
	return 0;
}

/* -- allocation ------------------------------------------------------------ */

/*
 * Initialise the next extent of the table in both copies, then record it in
 * both superblocks: only then may the blocks be used.
 */
static int extend_table(struct dmr_meta *m)
{
	u64 first = table_init(m), all = le64_to_cpu(m->sb->table_blocks);
	u64 end = min_t(u64, first + DMR_TABLE_EXTENT, all);
	u64 seq = next_seq(m), i, k;
	unsigned int c, written;

	/* what is frozen may still hold free slots */
	if (first >= all)
		return m->frozen ? -EIO : -ENOSPC;
	for (c = 0; c < 2; c++) {
		for (i = first; i < end; i += DMR_SCRATCH_BLOCKS) {
			u64 n = min_t(u64, DMR_SCRATCH_BLOCKS, end - i);

			for (k = 0; k < n; k++) {
				struct dmr_table_block *tb =
					m->scratch + k * DMR_BLOCK_SIZE;

				dmr_table_init(tb, i + k);
				dmr_table_seal(tb, m->seed, seq, c);
			}
			if (m->ops->write(m->context,
					  dmr_table_sector(m->sb, i, c),
					  m->scratch, n * DMR_BLOCK_SIZE, 0))
				return -EIO;
		}
	}
	m->sb->table_init = cpu_to_le64(end);
	written = write_superblocks(m);
	if (written < 2) {
		m->sb->table_init = cpu_to_le64(first);
		/* one copy may say otherwise now: try to take that back */
		if (written)
			write_superblocks(m);
		return -EIO;
	}
	for (i = first; i < end; i++) {
		m->tb_free[i] = slots_of(m, i);
		m->free_slots += m->tb_free[i];
	}
	return 0;
}

/*
 * Make alloc_index a table block with a free entry. -ENOSPC if there is none;
 * -EIO if the spare reads nothing.
 */
static int find_alloc_block(struct dmr_meta *m)
{
	u64 n = table_init(m), i, k = m->alloc_index;
	struct dmr_image *img;
	bool skipped = false;
	u32 e;

	m->taken_valid = false;
	for (i = 0; i < n; i++, k++) {
		if (k >= n)
			k = 0;
		if (!m->tb_free[k] || m->tb_flags[k])
			continue;
		/* which of its slots are taken but not committed is not known any more */
		if (m->tb_taken[k]) {
			skipped = true;
			continue;
		}
		img = get_image(m, k);
		if (!img) {
			if (!read_anything(m))
				return -EIO;
			freeze(m, k, 0);
			continue;
		}
		for (e = 0; e < slots_of(m, k); e++)
			m->taken[e] = img->tb->entry[e].a || img->tb->entry[e].b;
		m->alloc_index = k;
		m->taken_valid = true;
		return 0;
	}
	return skipped ? -EAGAIN : -ENOSPC;
}

/* A slot of the block that is being allocated from, or -EAGAIN: take another. */
static int alloc_here(struct dmr_meta *m, u64 *slot)
{
	u64 k = m->alloc_index;
	u32 e;

	if (!m->taken_valid || !m->tb_free[k] || m->tb_flags[k])
		return -EAGAIN;
	for (e = 0; e < slots_of(m, k); e++) {
		if (m->taken[e])
			continue;
		m->taken[e] = 1;
		m->tb_taken[k]++;
		m->tb_free[k]--;
		m->free_slots--;
		*slot = k * DMR_TABLE_ENTRIES + e;
		return 0;
	}
	/* the count was wrong: believe the entries */
	m->free_slots -= m->tb_free[k];
	m->tb_free[k] = 0;
	return -EAGAIN;
}

int dmr_meta_alloc(struct dmr_meta *m, u64 *slot)
{
	int r, found;

	while (alloc_here(m, slot)) {
		found = find_alloc_block(m);
		if (found == -EIO)
			return found;
		r = found ? extend_table(m) : 0;
		/* there is something, but it can't be had now */
		if (r == -ENOSPC && found == -EAGAIN)
			r = -EIO;
		if (r)
			return r;
	}
	return 0;
}

int dmr_meta_alloc_far(struct dmr_meta *m, u64 *slot)
{
	u64 n = table_init(m), i, k = m->alloc_index;

	/* not if that would leave nothing but the block that is taken from now */
	for (i = 1; i < n; i++) {
		k = k + 1 < n ? k + 1 : 0;
		if (!m->tb_free[k] || m->tb_flags[k] || m->tb_taken[k])
			continue;
		m->alloc_index = k;
		m->taken_valid = false;
		break;
	}
	return dmr_meta_alloc(m, slot);
}

void dmr_meta_unalloc(struct dmr_meta *m, u64 slot)
{
	u32 e;
	u64 k = table_of(slot, &e);

	if (!m->tb_taken[k])
		return;
	m->tb_taken[k]--;
	m->tb_free[k]++;
	if (!m->tb_flags[k])
		m->free_slots++;
	if (m->taken_valid && k == m->alloc_index)
		m->taken[e] = 0;
}

/* -- commit ---------------------------------------------------------------- */

u64 dmr_meta_next_gen(struct dmr_meta *m)
{
	return ++m->gen;
}

struct group {
	struct dmr_image *img;
	u64 seq;
	u64 index;
	u32 first, nr;		/* changes */
	bool changed, failed;
	int error;			/* of its changes, if it failed */
};

/* Put one change into the image of its table block. */
static void apply_change(struct dmr_meta *m, struct group *g,
			 struct dmr_change *ch, u32 e)
{
	struct dmr_entry *entry = &g->img->tb->entry[e];

	/* what was free before was taken for this commit */
	if (!entry->a && !entry->b && m->tb_taken[g->index])
		m->tb_taken[g->index]--;
	dmr_entry_pack(entry, &ch->m);
}

/*
 * Put the changes into cached images; returns the number of groups. Freeing
 * entries while the table may hold an older one of the same block (in a frozen
 * table block, or a loser) is allowed only if "losers" says that a higher
 * generation stays.
 */
static unsigned int apply_changes(struct dmr_meta *m, struct dmr_change *ch,
				  u32 n, bool losers, struct group *groups,
				  u32 *taken)
{
	unsigned int nr = 0;
	u32 i, e;

	for (i = 0; i < n; i++) {
		u64 k = table_of(ch[i].slot, &e);
		struct group *g = nr ? &groups[nr - 1] : NULL;

		if (!g || g->index != k) {
			if (nr == DMR_IMAGES)
				break;
			g = &groups[nr++];
			g->index = k;
			g->first = i;
			g->nr = 0;
			g->seq = next_seq(m);
			/* a frozen block is never written */
			g->img = m->tb_flags[k] ? NULL : get_image(m, k);
			g->failed = !g->img;
			g->changed = false;
			g->error = -EIO;
			if (!g->img && !m->tb_flags[k]) {
				if (read_anything(m))
					freeze(m, k, 0);
				else
					g->error = -EAGAIN;
			}
		}
		g->nr++;
		ch[i].error = 0;
		if (ch[i].m.state == DMR_E_FREE &&
		    (m->frozen || m->losers_left) && !losers) {
			ch[i].error = -EBUSY;
		} else if (!g->failed) {
			apply_change(m, g, &ch[i], e);
			g->changed = true;
		}
	}
	*taken = i;
	return nr;
}

static void write_groups(struct dmr_meta *m, struct group *groups,
			 unsigned int nr, unsigned int copy)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct group *g = &groups[i];

		if (g->failed || !g->changed)
			continue;
		if (write_copy(m, g->index, copy, g->img->tb, g->seq, DMR_IO_FUA)) {
			g->failed = true;
			g->img->valid = false;
			freeze(m, g->index, copy);
		}
	}
}

static u32 commit(struct dmr_meta *m, struct dmr_change *ch, u32 n, bool losers)
{
	struct group groups[DMR_IMAGES];
	unsigned int nr, i;
	u32 taken, j, e;

	if (m->ops->flush(m->context)) {
		m->commit_errors++;
		for (j = 0; j < n; j++)
			ch[j].error = -EAGAIN;
		return n;
	}
	nr = apply_changes(m, ch, n, losers, groups, &taken);
	write_groups(m, groups, nr, 0);
	write_groups(m, groups, nr, 1);
	m->commits++;
	for (i = 0; i < nr; i++) {
		struct group *g = &groups[i];

		for (j = g->first; j < g->first + g->nr; j++) {
			if (g->failed && !ch[j].error)
				ch[j].error = g->error;
			if (ch[j].error || ch[j].m.state != DMR_E_FREE)
				continue;
			table_of(ch[j].slot, &e);
			m->tb_free[g->index]++;
			m->free_slots++;
			if (m->taken_valid && m->alloc_index == g->index)
				m->taken[e] = 0;
		}
	}
	return taken;
}

u32 dmr_meta_commit(struct dmr_meta *m, struct dmr_change *ch, u32 n)
{
	return commit(m, ch, n, false);
}

/* -- activation and repair ------------------------------------------------- */

/*
 * List the copies that can't be repaired, in the superblock in memory. One may
 * hold the first half of a commit that a crash cut, with a higher sequence number
 * than the copy that is used meanwhile, and be back one day. -ENOSPC with the
 * list unchanged if there are too many.
 */
static int list_distrust(struct dmr_meta *m)
{
	struct dmr_distrust *list = m->scratch, *d = NULL;
	u64 i, n = m->frozen ? table_init(m) : 0;
	unsigned int nr = 0;

	memset(list, 0, sizeof(m->sb->distrust));
	for (i = 0; i < n; i++) {
		u32 copy = m->tb_flags[i] & DMR_TB_BAD(0) ? 0 : 1;

		/* with both bits set nobody knows which one: both are rebuilt */
		if (!m->tb_flags[i] || m->tb_flags[i] == DMR_TB_FROZEN)
			continue;
		if (d && le64_to_cpu(d->first) + le32_to_cpu(d->nr) == i &&
		    le32_to_cpu(d->copy) == copy) {
			d->nr = cpu_to_le32(le32_to_cpu(d->nr) + 1);
			continue;
		}
		if (nr == DMR_NR_DISTRUST)
			return -ENOSPC;
		d = &list[nr++];
		d->first = cpu_to_le64(i);
		d->nr = cpu_to_le32(1);
		d->copy = cpu_to_le32(copy);
	}
	memcpy(m->sb->distrust, list, sizeof(m->sb->distrust));
	m->sb->distrust_since = cpu_to_le64(m->activation);
	return 0;
}

/* When nothing is in need of repair any more. A list that says too much does no harm. */
static void shorten_distrust(struct dmr_meta *m)
{
	if (m->frozen || !m->sb->distrust[0].nr || list_distrust(m))
		return;
	write_superblocks(m);
}

/* Rewrite the bad copy of a table block from the good one. */
static void repair_block(struct dmr_meta *m, u64 index)
{
	struct dmr_image *img;
	unsigned int copy = m->tb_flags[index] & DMR_TB_BAD(0) ? 0 : 1;

	if ((m->tb_flags[index] & DMR_TB_FROZEN) == DMR_TB_FROZEN)
		return;
	img = get_image(m, index);
	if (!img)
		return;
	if (write_copy(m, index, copy, img->tb, le64_to_cpu(img->tb->seq),
		       DMR_IO_FUA)) {
		/* the image may now be that of a torn block: read it anew */
		img->valid = false;
		return;
	}
	thaw(m, index);
}

void dmr_meta_loser_left(struct dmr_meta *m)
{
	m->losers_left = true;
	m->verified = U64_MAX;
}

/* A pass over the whole table without a gap has freed all losers. */
static void note_verified(struct dmr_meta *m, u64 index)
{
	if (!index)
		m->verified = 0;
	if (m->verified == index && ++m->verified == table_init(m))
		m->losers_left = false;
}

/* Changes that fit into the scratch area. */
#define LOSERS_AT_ONCE	256

static int cmp_slot(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static void free_losers(struct dmr_meta *m)
{
	struct dmr_change *ch = m->scratch;
	u32 i = 0, n, done;

	sort(m->losers, m->nr_losers, sizeof(m->losers[0]), cmp_slot, NULL);
	while (i < m->nr_losers) {
		for (n = 0; n < LOSERS_AT_ONCE && i < m->nr_losers; i++) {
			/* in a frozen block the entry stays, and loses by generation */
			if (dmr_meta_frozen(m, m->losers[i]))
				continue;
			memset(&ch[n], 0, sizeof(ch[n]));
			ch[n++].slot = m->losers[i];
		}
		for (done = 0; done < n; ) {
			u32 more = commit(m, ch + done, n - done, true);

			for (; more; more--, done++)
				if (ch[done].error == -EAGAIN)
					dmr_meta_loser_left(m);
		}
	}
	m->nr_losers = 0;
}

/* More writes of superblocks than one activation makes. */
#define DMR_SEQ_JUMP	BIT_ULL(20)

int dmr_meta_activate(struct dmr_meta *m, u64 now)
{
	u64 i, n = table_init(m), before = m->activation;

	/* a newer superblock may be lost; its sequence numbers may not come again */
	m->activation = max_t(u64, before, m->table_activation) + 1;
	if (m->activation >= 0xffffffffu) {
		m->activation = before;
		return fail(m, -EOVERFLOW, "the activation counter is exhausted", 0);
	}
	m->sb->activation = cpu_to_le64(m->activation);
	m->sb->updated = cpu_to_le64(now);
	/*
	 * A copy that is away may be ahead by what a crash cut; if it comes back
	 * it must neither win nor carry the number of another content.
	 */
	if (m->sb_bad)
		m->sb->seq = cpu_to_le64(le64_to_cpu(m->sb->seq) + DMR_SEQ_JUMP);
	if (!write_superblocks(m)) {
		m->activation = before;
		m->sb->activation = cpu_to_le64(before);
		return fail(m, -EIO, "neither superblock can be written", 0);
	}
	m->attempts = 0;
	for (i = 0; m->frozen && i < n; i++) {
		if (m->tb_flags[i])
			repair_block(m, i);
		if (!(i & 0xffff))
			cond_resched();
	}
	/* not earlier: until now nothing was decided against the other copy */
	if (m->frozen && list_distrust(m))
		return fail(m, -ENOSPC, "one copy of the table is damaged in too many places", 0);
	if (m->frozen && !write_superblocks(m))
		return fail(m, -EIO, "neither superblock can be written", 0);
	shorten_distrust(m);
	free_losers(m);
	m->active = true;
	return 0;
}

/* Bring a table block in line with memory; true if something changed. */
static bool match_memory(struct dmr_meta *m, struct dmr_table_block *tb,
			 u64 index, const struct dmr_memory *memory)
{
	bool changed = false;
	u32 e;

	for (e = 0; e < slots_of(m, index); e++) {
		struct dmr_mapping map;
		u8 lost;

		dmr_entry_unpack(&tb->entry[e], &map);
		if (map.state != DMR_E_MAPPED)
			continue;
		if (!memory->holds(memory->context,
				   index * DMR_TABLE_ENTRIES + e, map.block,
				   &lost)) {
			map.state = DMR_E_FREE;
		} else if (map.lost != lost) {
			map.lost = lost;
			map.gen = dmr_meta_next_gen(m);
		} else {
			continue;
		}
		dmr_entry_pack(&tb->entry[e], &map);
		changed = true;
	}
	return changed;
}

/*
 * Make a table block as memory knows it. "old" (NULL: none) is a copy that is
 * valid; it tells which slots are bad, and the generations. Without it every
 * slot that holds nothing is taken for bad.
 */
static void rebuild_block(struct dmr_meta *m, struct dmr_table_block *tb,
			  const struct dmr_table_block *old, u64 index,
			  const struct dmr_memory *memory, struct dmr_verify *v)
{
	struct dmr_mapping *map = m->scratch + 4 * DMR_BLOCK_SIZE, was;
	u32 e;

	memset(map, 0, DMR_TABLE_ENTRIES * sizeof(*map));
	memory->rebuild(memory->context, index * DMR_TABLE_ENTRIES,
			dmr_meta_next_gen(m), map);
	for (e = 0; !old && e < slots_of(m, index); e++) {
		if (map[e].state == DMR_E_MAPPED)
			continue;
		map[e].state = DMR_E_BAD;
		v->retired++;
	}
	for (e = 0; old && e < DMR_TABLE_ENTRIES; e++) {
		dmr_entry_unpack(&old->entry[e], &was);
		if (was.state == DMR_E_BAD ||
		    (map[e].state == DMR_E_MAPPED && was.state == DMR_E_MAPPED &&
		     was.block == map[e].block && was.lost == map[e].lost))
			map[e] = was;
	}
	dmr_table_init(tb, index);
	for (e = 0; e < DMR_TABLE_ENTRIES; e++)
		dmr_entry_pack(&tb->entry[e], &map[e]);
}

/* After a block was rewritten: what is free in it, and that it may be used. */
static void recount(struct dmr_meta *m, struct dmr_table_block *tb, u64 index)
{
	u32 e, nr = 0;

	thaw(m, index);
	for (e = 0; e < slots_of(m, index); e++)
		nr += !tb->entry[e].a && !tb->entry[e].b;
	m->free_slots -= m->tb_free[index];
	m->tb_free[index] = nr;
	m->free_slots += nr;
	/* what failed commits had taken is free again: no commit is under way */
	m->tb_taken[index] = 0;
	if (m->alloc_index == index)
		m->taken_valid = false;
}

/* Read both superblocks; rewrite them if one is not as it should be. */
static void verify_superblocks(struct dmr_meta *m, struct dmr_verify *v)
{
	struct dmr_superblock *now;
	u8 bad = m->sb_bad;

	v->checked++;
	if (!read_superblocks(m, &now))
		m->sb_bad |= bad;
	else
		m->sb_bad = 3;
	if (!m->sb_bad)
		return;
	if (write_superblocks(m) == 2)
		v->repaired++;
	else
		v->damaged++;
}

static void drop_image(struct dmr_meta *m, u64 index)
{
	unsigned int i;

	for (i = 0; i < DMR_IMAGES; i++)
		if (m->image[i].index == index)
			m->image[i].valid = false;
}

/*
 * Read both copies of a table block. False if that says nothing: neither is
 * good, and the spare reads nothing else either.
 */
static bool read_copies(struct dmr_meta *m, u64 index,
			struct dmr_table_block *tb[2], bool ok[2])
{
	bool unreadable = false;
	unsigned int c;
	int r;

	for (c = 0; c < 2; c++) {
		r = read_copy(m, index, c, tb[c]);
		ok[c] = !r;
		unreadable |= r == -EIO;
	}
	if (ok[0] || ok[1] || !unreadable)
		return true;
	if (!read_anything(m))
		return false;
	for (c = 0; c < 2; c++)
		ok[c] = !read_copy(m, index, c, tb[c]);
	return true;
}

int dmr_meta_verify(struct dmr_meta *m, u64 index,
		    const struct dmr_memory *memory, struct dmr_verify *v)
{
	struct dmr_table_block *tb[2] = { m->scratch, m->scratch + DMR_BLOCK_SIZE };
	unsigned int c, best;
	u64 seq, retired = v->retired;
	bool ok[2], same;

	if (!index)
		verify_superblocks(m, v);
	v->checked++;
	if (!read_copies(m, index, tb, ok)) {
		m->verified = U64_MAX;
		v->damaged++;
		return -EIO;
	}
	best = ok[0] && (!ok[1] || le64_to_cpu(tb[0]->seq) >=
					   le64_to_cpu(tb[1]->seq)) ? 0 : 1;
	/* one that does not count may have the higher number */
	if (m->tb_flags[index] == DMR_TB_BAD(best) && ok[!best])
		best = !best;
	same = ok[0] && ok[1] && tb[0]->seq == tb[1]->seq;
	if (m->tb_flags[index] || (!ok[0] && !ok[1])) {
		/* a change may have failed half way: the disk can't tell */
		rebuild_block(m, tb[!best], ok[best] ? tb[best] : NULL, index,
			      memory, v);
		memcpy(tb[best], tb[!best], DMR_BLOCK_SIZE);
	} else if (!match_memory(m, tb[best], index, memory) && same) {
		note_verified(m, index);
		return 0;
	}

	/*
	 * The copy that is not good goes first, so that one good copy is left
	 * at every moment.
	 */
	drop_image(m, index);
	seq = next_seq(m);
	for (c = 0; c < 2; c++) {
		unsigned int copy = c ? best : !best;

		if (write_copy(m, index, copy, tb[best], seq,
			       DMR_IO_FUA)) {
			m->verified = U64_MAX;
			freeze(m, index, copy);
			v->damaged++;
			v->retired = retired;
			return -EIO;
		}
	}
	recount(m, tb[best], index);
	v->repaired++;
	shorten_distrust(m);
	note_verified(m, index);
	return 0;
}
