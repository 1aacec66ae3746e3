// SPDX-License-Identifier: GPL-2.0-only
/*
 * Geometry and validation of the on-disk format. Pure, see dm-remap-layout.h.
 */
#include "dm-remap-layout.h"

u64 dmr_sb_sector(u64 spare_sectors, unsigned int copy)
{
	if (!copy || spare_sectors < DMR_BLOCK_SECTORS)
		return 0;
	return (spare_sectors / DMR_BLOCK_SECTORS - 1) * DMR_BLOCK_SECTORS;
}

int dmr_geometry_compute(u64 spare_sectors, struct dmr_geometry *g)
{
	/* head (superblock and padding) and the tail superblock */
	const u64 fixed = DMR_TABLE_START0 / DMR_BLOCK_SECTORS + 1;
	u64 blocks = spare_sectors / DMR_BLOCK_SECTORS;
	u64 room, groups;
	u32 rest;

	if (blocks < fixed + 3)
		return -ENOSPC;
	room = blocks - fixed;
	/* each table block costs two blocks and serves up to 252 slots */
	groups = div_u64_rem(room, DMR_TABLE_ENTRIES + 2, &rest);
	g->nr_slots = groups * DMR_TABLE_ENTRIES + (rest > 2 ? rest - 2 : 0);
	g->table_blocks = groups + (rest > 2);
	if (g->nr_slots > DMR_MAX_SLOTS)
		return -EFBIG;
	g->spare_sectors = spare_sectors;
	g->table_start[0] = DMR_TABLE_START0;
	g->data_start = DMR_TABLE_START0 + g->table_blocks * DMR_BLOCK_SECTORS;
	g->table_start[1] = g->data_start + g->nr_slots * DMR_BLOCK_SECTORS;
	return 0;
}

bool dmr_sb_has_magic(const struct dmr_superblock *sb)
{
	return !memcmp(sb->magic, DMR_SB_MAGIC, DMR_MAGIC_SIZE);
}

/* Checksum of something whose own checksum, at "hole", counts as zero. */
static u32 csum_but(u32 seed, const void *data, size_t size, size_t hole)
{
	static const u8 zero[4];
	u32 crc;

	crc = dmr_crc32c(seed, data, hole);
	crc = dmr_crc32c(crc, zero, sizeof(zero));
	return dmr_crc32c(crc, (const u8 *)data + hole + sizeof(zero),
			  size - hole - sizeof(zero));
}

static u32 sb_csum(const struct dmr_superblock *sb)
{
	return csum_but(~0u, sb, sizeof(*sb), offsetof(struct dmr_superblock, csum));
}

static bool power_of_two(u64 v)
{
	return v && !(v & (v - 1));
}

/* Text fields end within their space and hold no control characters. */
static bool text_ok(const u8 *s, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (!s[i])
			return true;
		if (s[i] < 0x20 || s[i] == 0x7f)
			return false;
	}
	return false;
}

static const char *sb_check_geometry(const struct dmr_superblock *sb)
{
	u64 spare = le64_to_cpu(sb->spare_sectors);
	u64 main_sectors = le64_to_cpu(sb->main_sectors);
	u32 lbs = le32_to_cpu(sb->main_lbs);
	u32 pbs = le32_to_cpu(sb->main_pbs);
	struct dmr_geometry g;

	/*
	 * The layout is a function of the size, so nothing has to be believed:
	 * a field that differs is damage, and no two areas can overlap.
	 */
	if (dmr_geometry_compute(spare, &g))
		return "the recorded spare size is impossible";
	if (le64_to_cpu(sb->nr_slots) != g.nr_slots ||
	    le64_to_cpu(sb->data_start) != g.data_start ||
	    le64_to_cpu(sb->table_start[0]) != g.table_start[0] ||
	    le64_to_cpu(sb->table_start[1]) != g.table_start[1] ||
	    le64_to_cpu(sb->table_blocks) != g.table_blocks)
		return "the layout does not fit the recorded spare size";
	if (le64_to_cpu(sb->table_init) > g.table_blocks)
		return "more table blocks are in use than exist";
	if (!main_sectors || dmr_blocks(main_sectors) > DMR_MAX_BLOCKS)
		return "the recorded size of main is impossible";
	if (!power_of_two(lbs) || lbs < 512 || lbs > DMR_BLOCK_SIZE ||
	    !power_of_two(pbs) || pbs < lbs)
		return "the recorded block sizes of main are impossible";
	return NULL;
}

static const char *sb_check_distrust(const struct dmr_superblock *sb)
{
	u64 blocks = le64_to_cpu(sb->table_blocks);
	unsigned int i;

	for (i = 0; i < DMR_NR_DISTRUST; i++) {
		const struct dmr_distrust *d = &sb->distrust[i];
		u64 first = le64_to_cpu(d->first), nr = le32_to_cpu(d->nr);

		if (first > blocks || nr > blocks - first || le32_to_cpu(d->copy) > 1)
			return "the list of table copies that do not count is impossible";
	}
	return NULL;
}

bool dmr_distrusted(const struct dmr_superblock *sb,
		    const struct dmr_table_block *tb, u64 index, unsigned int copy)
{
	unsigned int i;

	if (le64_to_cpu(tb->seq) >> 32 >= le64_to_cpu(sb->distrust_since))
		return false;
	for (i = 0; i < DMR_NR_DISTRUST; i++) {
		const struct dmr_distrust *d = &sb->distrust[i];
		u64 first = le64_to_cpu(d->first);

		if (index >= first && index - first < le32_to_cpu(d->nr) &&
		    le32_to_cpu(d->copy) == copy)
			return true;
	}
	return false;
}

const char *dmr_sb_check(const struct dmr_superblock *sb, u64 self,
			 u64 device_sectors, unsigned int copy)
{
	u32 state = le32_to_cpu(sb->state);
	u64 spare = le64_to_cpu(sb->spare_sectors);
	const char *why;

	if (!dmr_sb_has_magic(sb))
		return "no dm-remap signature";
	if (le32_to_cpu(sb->csum) != sb_csum(sb))
		return "checksum mismatch";
	if (le16_to_cpu(sb->version) != DMR_VERSION)
		return "unknown format version";
	if (le16_to_cpu(sb->copy) != copy)
		return "it is the other copy";
	if (spare != device_sectors)
		return "it was written for a device of another size";
	if (le64_to_cpu(sb->self_sector) != self ||
	    self != dmr_sb_sector(spare, copy))
		return "it was written for another place";
	if (state < DMR_STATE_CREATING || state > DMR_STATE_RETIRED)
		return "unknown state";
	if (!text_ok(sb->label, sizeof(sb->label)) ||
	    !text_ok(sb->main_wwn, sizeof(sb->main_wwn)) ||
	    !text_ok(sb->main_serial, sizeof(sb->main_serial)) ||
	    !text_ok(sb->main_partuuid, sizeof(sb->main_partuuid)) ||
	    !text_ok(sb->options, sizeof(sb->options)))
		return "a text field is damaged";
	/* the activation counter is the high half of every sequence number */
	if (le64_to_cpu(sb->activation) >= 0xffffffffu)
		return "the activation counter is exhausted";
	why = sb_check_geometry(sb);
	return why ? why : sb_check_distrust(sb);
}

/* Both copies of one write are equal but for what tells them apart. */
static bool sb_same(const struct dmr_superblock *a,
		    const struct dmr_superblock *b)
{
	const size_t seq = offsetof(struct dmr_superblock, seq);
	const size_t self = offsetof(struct dmr_superblock, self_sector);
	const size_t size = offsetof(struct dmr_superblock, spare_sectors);

	return a->version == b->version &&
	       !memcmp(&a->seq, &b->seq, self - seq) &&
	       !memcmp(&a->spare_sectors, &b->spare_sectors,
		       sizeof(*a) - size);
}

int dmr_sb_choose(const struct dmr_superblock *c0,
		  const struct dmr_superblock *c1)
{
	u64 s0, s1;

	if (!c0 || !c1)
		return c0 ? 0 : c1 ? 1 : -ENOENT;
	if (memcmp(c0->spare_uuid, c1->spare_uuid, sizeof(c0->spare_uuid)) ||
	    memcmp(c0->set_uuid, c1->set_uuid, sizeof(c0->set_uuid)))
		return -EUCLEAN;
	s0 = le64_to_cpu(c0->seq);
	s1 = le64_to_cpu(c1->seq);
	if (s0 != s1)
		return s0 > s1 ? 0 : 1;
	return sb_same(c0, c1) ? 0 : -EUCLEAN;
}

const char *dmr_sb_refusal(const struct dmr_superblock *sb, bool *read_only)
{
	*read_only = le64_to_cpu(sb->ro_compat) & ~DMR_RO_COMPAT_KNOWN;
	if (le64_to_cpu(sb->incompat) & ~DMR_INCOMPAT_KNOWN)
		return "it uses features this version does not know";
	switch (le32_to_cpu(sb->state)) {
	case DMR_STATE_ACTIVE:
		return NULL;
	case DMR_STATE_CREATING:
		return "its creation was not finished";
	case DMR_STATE_DISSOLVING:
		return "it is being dissolved";
	default:
		return "it was retired: another spare has replaced it";
	}
}

void dmr_sb_seal(struct dmr_superblock *sb, unsigned int copy)
{
	u64 self = dmr_sb_sector(le64_to_cpu(sb->spare_sectors), copy);

	sb->copy = cpu_to_le16(copy);
	sb->self_sector = cpu_to_le64(self);
	sb->csum = cpu_to_le32(sb_csum(sb));
}

u32 dmr_table_seed(const struct dmr_superblock *sb)
{
	return dmr_crc32c(~0u, sb->spare_uuid, sizeof(sb->spare_uuid));
}

static u32 table_csum(const struct dmr_table_block *tb, u32 seed)
{
	return csum_but(seed, tb, sizeof(*tb), offsetof(struct dmr_table_block, csum));
}

const char *dmr_table_check(const struct dmr_table_block *tb, u32 seed,
			    u64 index, unsigned int copy)
{
	if (le32_to_cpu(tb->magic) != DMR_TABLE_MAGIC)
		return "no table block signature";
	if (le32_to_cpu(tb->csum) != table_csum(tb, seed))
		return "checksum mismatch";
	if (le64_to_cpu(tb->index) != index || le16_to_cpu(tb->copy) != copy)
		return "it was written for another place";
	return NULL;
}

void dmr_table_init(struct dmr_table_block *tb, u64 index)
{
	memset(tb, 0, sizeof(*tb));
	tb->magic = cpu_to_le32(DMR_TABLE_MAGIC);
	tb->index = cpu_to_le64(index);
}

void dmr_table_seal(struct dmr_table_block *tb, u32 seed, u64 seq,
		    unsigned int copy)
{
	tb->seq = cpu_to_le64(seq);
	tb->copy = cpu_to_le16(copy);
	tb->csum = cpu_to_le32(table_csum(tb, seed));
}

void dmr_entry_unpack(const struct dmr_entry *e, struct dmr_mapping *m)
{
	u64 a = le64_to_cpu(e->a), b = le64_to_cpu(e->b);

	m->block = a & (DMR_MAX_BLOCKS - 1);
	m->lost = (a >> 48) & 0xff;
	m->state = (a >> 56) & 0xf;
	m->reason = (a >> 60) & 0xf;
	m->gen = b & DMR_GEN_MAX;
	m->hours = (b >> 40) & DMR_HOURS_MAX;
	m->flags = (b >> 60) & 0xf;
}

void dmr_entry_pack(struct dmr_entry *e, const struct dmr_mapping *m)
{
	if (m->state == DMR_E_FREE) {
		memset(e, 0, sizeof(*e));
		return;
	}
	e->a = cpu_to_le64(m->block | (u64)m->lost << 48 |
			   (u64)m->state << 56 | (u64)m->reason << 60);
	e->b = cpu_to_le64(m->gen | (u64)m->hours << 40 |
			   (u64)m->flags << 60);
}

const char *dmr_entry_check(const struct dmr_superblock *sb,
			    const struct dmr_entry *e, u64 slot)
{
	u64 main_sectors = le64_to_cpu(sb->main_sectors);
	struct dmr_mapping m;

	dmr_entry_unpack(e, &m);
	if (m.state == DMR_E_FREE)
		return e->a || e->b ? "a free entry is not empty" : NULL;
	if (m.state > DMR_E_BAD)
		return "unknown entry state";
	if (slot >= le64_to_cpu(sb->nr_slots))
		return "an entry lies behind the last slot";
	if (m.state == DMR_E_BAD)
		return NULL;
	if (m.block >= dmr_blocks(main_sectors))
		return "an entry names a block behind the end of main";
	if (m.reason == DMR_R_NONE || m.reason >= DMR_NR_REASONS)
		return "unknown reason";
	if (m.flags & ~DMR_F_KNOWN)
		return "unknown entry flags";
	if (m.block == main_sectors / DMR_BLOCK_SECTORS &&
	    m.lost >> (main_sectors % DMR_BLOCK_SECTORS))
		return "an entry marks sectors behind the end of main as lost";
	return NULL;
}

bool dmr_member_has_magic(const struct dmr_member *m)
{
	return !memcmp(m->magic, DMR_MEMBER_MAGIC, DMR_MAGIC_SIZE);
}

static u32 member_csum(const struct dmr_member *m)
{
	return csum_but(~0u, m, sizeof(*m), offsetof(struct dmr_member, csum));
}

const char *dmr_member_check(const struct dmr_member *m)
{
	if (!dmr_member_has_magic(m))
		return "no dm-remap signature";
	if (le32_to_cpu(m->csum) != member_csum(m))
		return "checksum mismatch";
	if (le16_to_cpu(m->version) != DMR_VERSION)
		return "unknown format version";
	if (!text_ok(m->label, sizeof(m->label)) ||
	    !text_ok(m->spare_serial, sizeof(m->spare_serial)) ||
	    !text_ok(m->spare_wwn, sizeof(m->spare_wwn)))
		return "a text field is damaged";
	return NULL;
}

void dmr_member_seal(struct dmr_member *m)
{
	memcpy(m->magic, DMR_MEMBER_MAGIC, DMR_MAGIC_SIZE);
	m->version = cpu_to_le16(DMR_VERSION);
	m->csum = cpu_to_le32(member_csum(m));
}

static u32 shield_csum(const struct dmr_shield *s)
{
	return csum_but(~0u, s, sizeof(*s) + le16_to_cpu(s->length),
			offsetof(struct dmr_shield, csum));
}

const char *dmr_shield_check(const void *at, size_t room, u64 block)
{
	const struct dmr_shield *s = at;

	if (room < sizeof(*s) || memcmp(s->magic, DMR_SHIELD_MAGIC, DMR_MAGIC_SIZE))
		return "no shield header";
	if (le16_to_cpu(s->version) != DMR_VERSION)
		return "unknown format version";
	if (le16_to_cpu(s->length) > room - sizeof(*s))
		return "its length is damaged";
	if (le32_to_cpu(s->csum) != shield_csum(s))
		return "checksum mismatch";
	if (le64_to_cpu(s->block) != block)
		return "it was written for another place";
	if (!s->orig_length || le32_to_cpu(s->orig_length) > DMR_BLOCK_SIZE)
		return "its length is damaged";
	return NULL;
}

void dmr_shield_seal(struct dmr_shield *s)
{
	memcpy(s->magic, DMR_SHIELD_MAGIC, DMR_MAGIC_SIZE);
	s->version = cpu_to_le16(DMR_VERSION);
	s->csum = cpu_to_le32(shield_csum(s));
}
