/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Geometry and validation of the on-disk format (dm-remap-format.h). Pure:
 * no I/O, no allocation, no locks. The spare is untrusted input: every field
 * that is used as a place, a count or an index is checked here, even if the
 * checksum is right.
 */
#ifndef DM_REMAP_LAYOUT_H
#define DM_REMAP_LAYOUT_H

#include "dm-remap-format.h"
#include "dm-remap-port.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An entry in memory. */
struct dmr_mapping {
	u64 block;		/* of main */
	u64 gen;
	u32 hours;		/* since sb.created */
	u8 lost;		/* bit n: sector n of the block is lost */
	u8 state;		/* DMR_E_* */
	u8 reason;		/* DMR_R_* */
	u8 flags;		/* DMR_F_* */
};

struct dmr_geometry {
	u64 spare_sectors;
	u64 nr_slots;
	u64 data_start;		/* sectors */
	u64 table_start[2];	/* sectors */
	u64 table_blocks;
};

/* Compute the layout of a spare; -ENOSPC if not even one slot fits. */
int dmr_geometry_compute(u64 spare_sectors, struct dmr_geometry *g);

/* Where superblock copy 0 or 1 of a device of that size lies, in sectors. */
u64 dmr_sb_sector(u64 spare_sectors, unsigned int copy);

/* Where table block index of that copy lies, in sectors. */
static inline u64 dmr_table_sector(const struct dmr_superblock *sb, u64 index,
				   unsigned int copy)
{
	return le64_to_cpu(sb->table_start[copy]) +
	       index * DMR_BLOCK_SECTORS;
}

static inline u64 dmr_slot_sector(const struct dmr_superblock *sb, u64 slot)
{
	return le64_to_cpu(sb->data_start) + slot * DMR_BLOCK_SECTORS;
}

/* Sequence numbers compare as plain integers. */
static inline u64 dmr_seq(u64 activation, u32 count)
{
	return activation << 32 | count;
}

/* Bits of the lost mask that the sectors [first, first + nr) of a block cover. */
static inline u8 dmr_sector_mask(unsigned int first, unsigned int nr)
{
	return (u8)(((1u << nr) - 1) << first);
}

/* Number of blocks of a main device; the last one may be short. */
static inline u64 dmr_blocks(u64 main_sectors)
{
	return main_sectors / DMR_BLOCK_SECTORS +
	       (main_sectors % DMR_BLOCK_SECTORS != 0);
}

/*
 * Check one superblock copy that was read from sector "self" of a device of
 * "device_sectors". Returns NULL if it is valid, or a phrase for the user that
 * completes "superblock copy N: ...". The format is checked, not whether this
 * program may use it: see dmr_sb_refusal().
 */
const char *dmr_sb_check(const struct dmr_superblock *sb, u64 self,
			 u64 device_sectors, unsigned int copy);

/* True if the block carries the magic, whatever else is wrong with it. */
bool dmr_sb_has_magic(const struct dmr_superblock *sb);

/* Does that copy of a table block not count, though it is valid? */
bool dmr_distrusted(const struct dmr_superblock *sb,
		    const struct dmr_table_block *tb, u64 index, unsigned int copy);

/*
 * Of two copies (NULL = not valid) the newer: 0 or 1, -ENOENT without any,
 * -EUCLEAN if both have the same seq and yet differ, or name different sets.
 */
int dmr_sb_choose(const struct dmr_superblock *c0,
		  const struct dmr_superblock *c1);

/*
 * Why a valid superblock must not be activated (state, unknown incompat
 * features), or NULL. *read_only is set if unknown ro_compat features allow
 * reading only.
 */
const char *dmr_sb_refusal(const struct dmr_superblock *sb, bool *read_only);

/* Set copy, self_sector and csum: the block is ready to be written. */
void dmr_sb_seal(struct dmr_superblock *sb, unsigned int copy);

/* Seed of the table blocks' checksums. */
u32 dmr_table_seed(const struct dmr_superblock *sb);

/*
 * Check the frame of a table block (magic, checksum, index, copy). Returns
 * NULL or a phrase. Entries are checked by dmr_entry_check().
 */
const char *dmr_table_check(const struct dmr_table_block *tb, u32 seed,
			    u64 index, unsigned int copy);

/* An initialised, empty block, not sealed. */
void dmr_table_init(struct dmr_table_block *tb, u64 index);

/* Set seq, copy and csum: the block is ready to be written to that copy. */
void dmr_table_seal(struct dmr_table_block *tb, u32 seed, u64 seq,
		    unsigned int copy);

void dmr_entry_unpack(const struct dmr_entry *e, struct dmr_mapping *m);
void dmr_entry_pack(struct dmr_entry *e, const struct dmr_mapping *m);

/* True if the sector carries the magic, whatever else is wrong with it. */
bool dmr_member_has_magic(const struct dmr_member *m);

/* Check a member header. Returns NULL or a phrase, as dmr_sb_check(). */
const char *dmr_member_check(const struct dmr_member *m);

/* Set magic, version and csum: the sector is ready to be written. */
void dmr_member_seal(struct dmr_member *m);

/*
 * Check the shield header at "at" and the data behind it, of which "room" bytes
 * (header included) can be read, as that of "block". Returns NULL or a phrase.
 * The data is not decompressed.
 */
const char *dmr_shield_check(const void *at, size_t room, u64 block);

/* Set magic, version and csum; the data of s->length bytes follows it. */
void dmr_shield_seal(struct dmr_shield *s);

/*
 * Check entry "slot" against the superblock; NULL or a phrase.
 */
const char *dmr_entry_check(const struct dmr_superblock *sb,
			    const struct dmr_entry *e, u64 slot);

#ifdef __cplusplus
}
#endif

#endif /* DM_REMAP_LAYOUT_H */
