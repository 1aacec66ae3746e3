/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * On-disk format of a dm-remap spare, version 1 (remap-metadata(5)).
 *
 * Included by the kernel module, the tools, the tests and the fuzzers. All
 * integers are little endian. A sector is 512 bytes, a block is 4096 bytes.
 *
 *   block 0            superblock, copy 0
 *   64 KiB             table copy 0: table_blocks blocks of 4 KiB
 *   data_start         slots, 4 KiB each; slot i is described by entry i % 252
 *                      of table block i / 252
 *   table_start[1]     table copy 1
 *   last whole block   superblock, copy 1
 *
 * And of a main device with a shield: what it would show of its own content is
 * in slots, in its place are
 *
 *   block 0            member header in the first sector, behind it a shield
 *                      header and the compressed content of block 0
 *   other blocks that carried a signature
 *                      a shield header and the compressed content
 *
 * A field that is not named is zero and is kept as it is.
 */
#ifndef DM_REMAP_FORMAT_H
#define DM_REMAP_FORMAT_H

#ifdef __KERNEL__
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/types.h>
#include <linux/stddef.h>
#else
#include <assert.h>
#include <linux/types.h>
#include <stddef.h>
#ifndef __packed
#define __packed __attribute__((packed))
#endif
#ifndef BIT_ULL
#define BIT_ULL(n) (1ULL << (n))
#endif
#endif

#define DMR_SECTOR_SHIFT	9
#define DMR_BLOCK_SHIFT		12
#define DMR_BLOCK_SIZE		4096
#define DMR_BLOCK_SECTORS	8

#define DMR_VERSION		1

/* 16 bytes, the last one is zero. */
#define DMR_SB_MAGIC		"dm-remap spare\n"
#define DMR_MAGIC_SIZE		16
#define DMR_TABLE_MAGIC		0x54524d44u	/* "DMRT" */

#define DMR_TABLE_HEADER	64
#define DMR_TABLE_ENTRIES	252
#define DMR_TABLE_START0	128	/* sectors: table copy 0 begins at 64 KiB */
/* The table is initialised in steps of this many blocks, see table_init. */
#define DMR_TABLE_EXTENT	256

#define DMR_LABEL_SIZE		64
#define DMR_ID_SIZE		64
#define DMR_OPTIONS_SIZE	512

/* An entry has 48 bits for the block of main and 48 bits could count slots. */
#define DMR_MAX_BLOCKS		BIT_ULL(48)
#define DMR_MAX_SLOTS		BIT_ULL(48)

/* Superblock state. The kernel activates only ACTIVE. */
#define DMR_STATE_CREATING	1
#define DMR_STATE_ACTIVE	2
#define DMR_STATE_DISSOLVING	3
#define DMR_STATE_RETIRED	4

/*
 * Feature words. A set bit that is not known here means: compat, ignore;
 * ro_compat, activate read-only; incompat, refuse.
 */
#define DMR_COMPAT_KNOWN	0ULL
#define DMR_RO_COMPAT_KNOWN	0ULL
#define DMR_INCOMPAT_SHIELD	BIT_ULL(0)	/* main carries a member header */
#define DMR_INCOMPAT_KNOWN	DMR_INCOMPAT_SHIELD

/*
 * A copy of these table blocks could not be repaired when the set was activated.
 * It may come back with what a crash had cut, and a higher sequence number: it
 * does not count unless it was written since the list was made. nr 0: not in use.
 */
struct dmr_distrust {
	__le64	first;			/* table block */
	__le32	nr;
	__le32	copy;			/* 0 or 1 */
} __packed;

#define DMR_NR_DISTRUST		64

/*
 * Two copies, at block 0 and in the last whole block of the spare. The valid
 * copy with the higher seq wins. csum is the CRC32C (initial value ~0, not
 * inverted at the end) of the 4096 bytes with csum itself zero.
 *
 * A copy is valid only where it says it is: self_sector and spare_sectors
 * must agree with the place and the device it was read from, so the tail
 * copy of the last partition is not taken for one of the whole disk.
 */
struct dmr_superblock {
	__u8	magic[DMR_MAGIC_SIZE];
	__le32	csum;
	__le16	version;
	__le16	copy;			/* 0 or 1 */
	__le64	seq;
	__le64	compat;
	__le64	ro_compat;
	__le64	incompat;
	__u8	set_uuid[16];
	__u8	spare_uuid[16];		/* new at each format */
	__le64	self_sector;		/* where this copy lies */
	__le64	spare_sectors;		/* size of the device it lies on */
	__le64	epoch;			/* set epoch: higher = newer spare of the set */
	__le64	activation;		/* counts writable activations */
	__le32	state;			/* DMR_STATE_* */
	__le32	flags;			/* zero */
	__le64	created;		/* seconds since 1970 */
	__le64	updated;
	__le64	main_sectors;
	__le32	main_lbs;		/* logical block size, bytes */
	__le32	main_pbs;		/* physical block size, bytes */
	__le64	nr_slots;
	__le64	data_start;		/* sectors */
	__le64	table_start[2];		/* sectors */
	__le64	table_blocks;
	__le64	table_init;		/* table blocks that are initialised */
	__le64	distrust_since;		/* activation that made the list below */
	__u8	pad0[40];
	__u8	label[DMR_LABEL_SIZE];	/* UTF-8, zero padded; the set's name */
	__u8	main_wwn[DMR_ID_SIZE];	/* identity of main, for people and for */
	__u8	main_serial[DMR_ID_SIZE];	/* assembly without member header */
	__u8	main_partuuid[DMR_ID_SIZE];
	__u8	options[DMR_OPTIONS_SIZE];	/* table options to use, space separated */
	struct dmr_distrust distrust[DMR_NR_DISTRUST];
	__u8	pad1[4096 - 2048];
} __packed;

/*
 * Entry of a slot.
 *   a: [47:0] block of main  [55:48] lost mask  [59:56] state  [63:60] reason
 *   b: [39:0] generation     [59:40] hours since sb.created  [63:60] flags
 * A FREE entry is all zero. The lost mask has one bit per sector of the block,
 * bit 0 = the first. Of two MAPPED entries for one block the higher generation
 * holds.
 */
struct dmr_entry {
	__le64	a;
	__le64	b;
} __packed;

#define DMR_E_FREE		0
#define DMR_E_MAPPED		1
#define DMR_E_BAD		2	/* the slot itself is bad, never use it */

#define DMR_R_NONE		0
#define DMR_R_WRITE		1	/* write error */
#define DMR_R_READ		2	/* read error */
#define DMR_R_ADMIN		3	/* added by the administrator */
#define DMR_R_SCAN		4	/* slow or found by a scan */
#define DMR_R_WEAK		5	/* errors that healed, too often */
#define DMR_R_MOVED		6	/* moved off a bad slot or a frozen table block */
#define DMR_R_SHIELD		7	/* permanent: main carries a signature here */
#define DMR_NR_REASONS		8

#define DMR_F_SHIELD		1
#define DMR_F_SLOT_LOST		2	/* content was once lost on the spare side */
#define DMR_F_KNOWN		3

#define DMR_GEN_MAX		((1ULL << 40) - 1)
#define DMR_HOURS_MAX		((1u << 20) - 1)

/*
 * 4 KiB. Written twice, in both table copies. csum is the CRC32C of the block
 * with csum zero, seeded with the CRC32C of spare_uuid, so that a block of an
 * earlier format never validates. seq: [63:32] activation counter, [31:0]
 * counts write attempts of that activation. All zero is damage.
 */
struct dmr_table_block {
	__le32	magic;
	__le32	csum;
	__le64	index;
	__le64	seq;
	__le16	copy;			/* 0 or 1 */
	__u8	pad[DMR_TABLE_HEADER - 26];
	struct dmr_entry entry[DMR_TABLE_ENTRIES];
} __packed;

/*
 * First sector of a main device with a shield: says to people and programs whose
 * it is. It never changes while the set lives, except that epoch and spare name
 * another spare after the spare was replaced. csum is the CRC32C (initial value
 * ~0, not inverted) of the sector with csum itself zero. A header with the magic
 * and a wrong checksum still makes the device a member: of no known set.
 */
#define DMR_MEMBER_MAGIC	"dm-remap main \n"	/* 16 bytes */
#define DMR_MEMBER_TEXT		192

struct dmr_member {
	__u8	text[DMR_MEMBER_TEXT];	/* for people, zero padded */
	__u8	magic[DMR_MAGIC_SIZE];
	__le32	csum;
	__le16	version;
	__le16	pad0;
	__u8	set_uuid[16];
	__u8	spare_uuid[16];
	__le64	epoch;			/* of the spare's superblock */
	__le64	main_sectors;
	__le64	created;		/* seconds since 1970 */
	__u8	label[DMR_LABEL_SIZE];	/* UTF-8, zero padded */
	__u8	spare_serial[DMR_ID_SIZE];	/* which disk to look for */
	__u8	spare_wwn[DMR_ID_SIZE];
	__u8	pad1[48];		/* no boot signature at the end */
} __packed;

/*
 * At the start of a shield block; in block 0 behind the member header. Behind it
 * are "length" bytes of raw deflate data (RFC 1951): the content that the block
 * had when it was last brought up to date, 4096 bytes, or up to the end of a main
 * whose last block is short. csum is the CRC32C of header and data with csum zero.
 */
#define DMR_SHIELD_MAGIC	"dm-remap shield"	/* 16 bytes */

struct dmr_shield {
	__u8	magic[DMR_MAGIC_SIZE];
	__le32	csum;
	__le16	version;
	__le16	length;
	__le32	orig_csum;		/* CRC32C of the original content */
	__le32	orig_length;
	__u8	set_uuid[16];
	__le64	block;			/* of main: where this is */
	__le64	epoch;			/* when it was written */
} __packed;

static_assert(sizeof(DMR_MEMBER_MAGIC) == DMR_MAGIC_SIZE, "member magic");
static_assert(sizeof(DMR_SHIELD_MAGIC) == DMR_MAGIC_SIZE, "shield magic");
static_assert(sizeof(struct dmr_member) == 512, "member header size");
static_assert(offsetof(struct dmr_member, label) == 272, "member label offset");
static_assert(sizeof(struct dmr_shield) == 64, "shield header size");
static_assert(sizeof(struct dmr_superblock) == DMR_BLOCK_SIZE, "superblock size");
static_assert(offsetof(struct dmr_superblock, label) == 256, "label offset");
static_assert(offsetof(struct dmr_superblock, options) == 512, "options offset");
static_assert(offsetof(struct dmr_superblock, distrust) == 1024, "distrust offset");
static_assert(sizeof(struct dmr_entry) == 16, "entry size");
static_assert(sizeof(struct dmr_table_block) == DMR_BLOCK_SIZE, "table block size");

#endif /* DM_REMAP_FORMAT_H */
