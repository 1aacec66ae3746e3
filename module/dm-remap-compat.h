/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between kernels 5.10 and 7.3, all of them. Nothing else in this
 * directory tests a kernel version.
 */
#ifndef DM_REMAP_COMPAT_H
#define DM_REMAP_COMPAT_H

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/highmem.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 0, 0)
typedef unsigned int blk_opf_t;
#endif

#ifndef BLK_OPEN_WRITE		/* 6.5: fmode_t became blk_mode_t */
#define BLK_OPEN_WRITE		FMODE_WRITE
#endif

#ifndef DMEMIT_TARGET_NAME_VERSION	/* 5.15: status for IMA */
#define DMEMIT_TARGET_NAME_VERSION(y) \
	DMEMIT("target_name=%s,target_version=%u.%u.%u", \
	       (y)->name, (y)->version[0], (y)->version[1], (y)->version[2])
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 11, 0)
#define kmap_local_page(page)	kmap_atomic(page)
#define kunmap_local(addr)	kunmap_atomic(addr)
#endif

/* 5.18: bio_init() takes the device and the operation. */
static inline void dmr_bio_init(struct bio *bio, struct block_device *bdev,
				struct bio_vec *vecs, unsigned short nr_vecs,
				blk_opf_t opf)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 18, 0)
	bio_init(bio, bdev, vecs, nr_vecs, opf);
#else
	bio_init(bio, vecs, nr_vecs);
	bio_set_dev(bio, bdev);
	bio->bi_opf = opf;
#endif
}

static inline sector_t dmr_bdev_sectors(struct block_device *bdev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 18, 0)
	return bdev_nr_sectors(bdev);
#else
	return i_size_read(bdev->bd_inode) >> SECTOR_SHIFT;
#endif
}

/* 5.19 and 6.0: the queue's flags got functions. Has a cache, but no FUA for it. */
static inline bool dmr_bdev_emulates_fua(struct block_device *bdev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 0, 0)
	return bdev_write_cache(bdev) && !bdev_fua(bdev);
#else
	struct request_queue *q = bdev_get_queue(bdev);

	return test_bit(QUEUE_FLAG_WC, &q->queue_flags) &&
	       !test_bit(QUEUE_FLAG_FUA, &q->queue_flags);
#endif
}

/* 5.19: QUEUE_FLAG_DISCARD was replaced by a limit. */
static inline bool dmr_bdev_discards(struct block_device *bdev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 19, 0)
	return bdev_max_discard_sectors(bdev);
#else
	return blk_queue_discard(bdev_get_queue(bdev));
#endif
}

/*
 * 5.18: a target that keeps bios resubmits them with dm_submit_bio_remap() and
 * says so, else dm core touches the clone after ->map returned
 * DM_MAPIO_SUBMITTED.
 */
static inline void dmr_accounts_remapped_io(struct dm_target *ti)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 18, 0)
	ti->accounts_remapped_io = true;
#endif
}

static inline void dmr_resubmit(struct bio *bio)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 18, 0)
	dm_submit_bio_remap(bio, NULL);
#else
	submit_bio_noacct(bio);
#endif
}

#endif /* DM_REMAP_COMPAT_H */
