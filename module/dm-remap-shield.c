// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is this the main device of the set? Of a set with a shield, main says so
 * itself: in its first sector and at the start of every other shield block
 * (struct dmr_member, struct dmr_shield). Called by the constructor, before
 * anything was written; sleeps, no locks.
 */
#include <linux/slab.h>

#include "dm-remap.h"

/* Of a sane set there are a few; a hostile spare may name any number. */
#define MAX_TRIES	64

enum verdict {
	OURS,
	UNKNOWN,	/* can't be read, or torn */
	FOREIGN,
};

static enum verdict look_at_member(struct dmr_store *s, const struct dmr_member *m,
				   char **error)
{
	const struct dmr_superblock *sb = s->meta.sb;
	const char *why = dmr_member_check(m);

	if (why) {
		DMWARN("main %pg: member header: %s", s->main, why);
		if (dmr_member_has_magic(m))
			return UNKNOWN;
		*error = "The main device does not carry the header of the set";
		return FOREIGN;
	}
	if (memcmp(m->set_uuid, sb->set_uuid, sizeof(m->set_uuid))) {
		*error = "The main device belongs to another set";
		return FOREIGN;
	}
	if (le64_to_cpu(m->epoch) > le64_to_cpu(sb->epoch)) {
		*error = "The spare is an old one: the set has been given another since";
		return FOREIGN;
	}
	return OURS;
}

static enum verdict look_at_shield(struct dmr_store *s, const void *page, u64 block,
				   char **error)
{
	const struct dmr_superblock *sb = s->meta.sb;
	size_t room = dmr_block_sectors(s, block) * SECTOR_SIZE;
	const struct dmr_shield *h = page;

	if (memcmp(h->magic, DMR_SHIELD_MAGIC, DMR_MAGIC_SIZE)) {
		DMWARN("main %pg: block %llu of the shield is overwritten", s->main, block);
		*error = "The main device does not carry the header of the set";
		return FOREIGN;
	}
	if (dmr_shield_check(page, room, block))
		return UNKNOWN;
	if (memcmp(h->set_uuid, sb->set_uuid, sizeof(h->set_uuid))) {
		*error = "The main device belongs to another set";
		return FOREIGN;
	}
	return OURS;
}

static enum verdict look_at_block(struct dmr_store *s, void *page, u64 block, char **error)
{
	unsigned int len = block ? dmr_block_sectors(s, block) * SECTOR_SIZE : s->main_lbs;

	if (dmr_rw(s->main, block * DMR_BLOCK_SECTORS, page, len, REQ_OP_READ | REQ_META)) {
		DMWARN("main %pg: block %llu of the shield can't be read", s->main, block);
		return UNKNOWN;
	}
	return block ? look_at_shield(s, page, block, error) : look_at_member(s, page, error);
}

/*
 * 0 if main carries the header of the set, or if the disk can't say any more:
 * then who assembled the set has to know. Otherwise an errno, and *error says
 * why. The map is loaded.
 */
int dmr_check_main(struct dmr_store *s, char **error)
{
	enum verdict v;
	unsigned int tries;
	void *page;
	u64 block;

	if (!(le64_to_cpu(s->meta.sb->incompat) & DMR_INCOMPAT_SHIELD))
		return 0;
	page = kmalloc(DMR_BLOCK_SIZE, GFP_KERNEL);
	if (!page) {
		*error = "Out of memory";
		return -ENOMEM;
	}
	v = look_at_block(s, page, 0, error);
	block = 1;
	for (tries = 0; v == UNKNOWN && tries < MAX_TRIES; block++) {
		u64 x;

		rcu_read_lock();
		x = dmr_index_next(&s->index, &block);
		rcu_read_unlock();
		if (!x)
			break;
		if (!(x & DMR_X_SHIELD))
			continue;
		v = look_at_block(s, page, block, error);
		tries++;
	}
	kfree(page);
	if (v == UNKNOWN)
		DMWARN("main %pg: no header of its set can be read", s->main);
	return v == FOREIGN ? -EINVAL : 0;
}
