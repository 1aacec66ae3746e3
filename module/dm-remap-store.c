// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stores: what the tables of one set share, the registry of all that are
 * active, loading and activation. Lock order and memory rules: dm-remap.h.
 */
#include <linux/sched/mm.h>

#include "dm-remap.h"

#define DMR_POOL	64	/* buffers kept for the workers */

static LIST_HEAD(stores);
static DEFINE_MUTEX(registry_lock);

static void free_store(struct dmr_store *s)
{
	unsigned int i;

	if (s->io_wq)
		destroy_workqueue(s->io_wq);
	if (s->isolate_wq)
		destroy_workqueue(s->isolate_wq);
	cancel_work_sync(&s->event_work);
	if (s->index.leaf)
		dmr_index_exit(&s->index);
	dmr_meta_close(&s->meta);
	dmr_free_reserve(s);
	mempool_destroy(s->pages);
	free_percpu(s->pcpu);
	for (i = 0; i < DMR_PROBES; i++)
		kfree(s->probe_page[i]);
	if (s->memory)
		free_pages_exact(s->memory, DMR_META_PAGES * DMR_BLOCK_SIZE);
	kvfree(s->changes);
	kvfree(s->updates);
	kvfree(s->round);
	kfree(s);
}

static void release_store(struct kref *kref)
{
	struct dmr_store *s = container_of(kref, struct dmr_store, kref);

	list_del(&s->list);
}

/* Give a store back; the last one ends its workers. Sleeps. */
void dmr_put_store(struct dmr_store *s)
{
	bool last;

	mutex_lock(&registry_lock);
	last = kref_put(&s->kref, release_store);
	mutex_unlock(&registry_lock);
	if (last)
		free_store(s);
}

static int alloc_buffers(struct dmr_store *s)
{
	unsigned int i;

	s->pcpu = alloc_percpu(struct dmr_pcpu);
	s->memory = alloc_pages_exact(DMR_META_PAGES * DMR_BLOCK_SIZE, GFP_KERNEL);
	s->changes = kvcalloc(DMR_ROUND, sizeof(*s->changes), GFP_KERNEL);
	s->updates = kvcalloc(DMR_ROUND, sizeof(*s->updates), GFP_KERNEL);
	s->round = kvmalloc(sizeof(*s->round), GFP_KERNEL);
	s->pages = mempool_create_page_pool(DMR_POOL, get_order(2 * DMR_BLOCK_SIZE));
	if (!s->pcpu || !s->memory || !s->changes || !s->updates || !s->round ||
	    !s->pages || dmr_alloc_reserve(s))
		return -ENOMEM;
	for (i = 0; i < DMR_PROBES; i++) {
		s->probe_page[i] = kmalloc(DMR_BLOCK_SIZE, GFP_KERNEL);
		if (!s->probe_page[i])
			return -ENOMEM;
	}
	s->io_wq = alloc_workqueue("dm-remap-io", WQ_MEM_RECLAIM | WQ_UNBOUND, DMR_POOL / 2);
	s->isolate_wq = alloc_ordered_workqueue("dm-remap-isolate", WQ_MEM_RECLAIM);
	return s->io_wq && s->isolate_wq ? 0 : -ENOMEM;
}

static struct dmr_store *alloc_store(void)
{
	struct dmr_store *s = kzalloc(sizeof(*s), GFP_KERNEL);
	unsigned int i;

	if (!s)
		return NULL;
	INIT_LIST_HEAD(&s->list);
	kref_init(&s->kref);
	for (i = 0; i < DMR_BUCKETS; i++)
		s->counter[i] = 2 * i;
	mutex_init(&s->commit_lock);
	mutex_init(&s->proof_lock);
	mutex_init(&s->event_lock);
	spin_lock_init(&s->queue_lock);
	spin_lock_init(&s->defer_lock);
	INIT_LIST_HEAD(&s->commit_queue);
	bio_list_init(&s->deferred);
	init_waitqueue_head(&s->busy_wait);
	init_waitqueue_head(&s->drain_wait);
	INIT_WORK(&s->event_work, dmr_event_work);
	if (alloc_buffers(s)) {
		free_store(s);
		return NULL;
	}
	return s;
}

/* The store of this mapped device, or what stands in the way. registry_lock. */
static int find_store(struct dm_target *ti, struct block_device *main,
		      struct block_device *spare, struct dmr_store **found)
{
	struct mapped_device *md = dm_table_get_md(ti->table);
	struct dmr_store *s;

	*found = NULL;
	list_for_each_entry(s, &stores, list) {
		if (s->md == md && s->main == main && s->spare == spare) {
			if (!s->loaded) {
				ti->error = "The set is being loaded";
				return -EBUSY;
			}
			*found = s;
			return 0;
		}
		if (s->main == main || s->spare == main) {
			ti->error = "The main device is in use by another remap device";
			return -EBUSY;
		}
		if (s->spare == spare || s->main == spare) {
			ti->error = "The spare device is in use by another remap device";
			return -EBUSY;
		}
	}
	return 0;
}

/* A copy of a spare: the same set on other devices. */
static int refuse_twin(struct dm_target *ti, struct dmr_store *s)
{
	struct dmr_store *o;
	int r = 0;

	mutex_lock(&registry_lock);
	list_for_each_entry(o, &stores, list) {
		if (o == s || !o->loaded)
			continue;
		if (!memcmp(o->meta.sb->set_uuid, s->meta.sb->set_uuid, 16) ||
		    !memcmp(o->meta.sb->spare_uuid, s->meta.sb->spare_uuid, 16)) {
			ti->error = "The set is in use already, on other devices";
			r = -EBUSY;
		}
	}
	if (!r)
		s->loaded = true;
	mutex_unlock(&registry_lock);
	return r;
}

static int check_set(struct dm_target *ti, struct dmr_store *s)
{
	const struct dmr_superblock *sb = s->meta.sb;
	const char *why;
	bool ro;

	why = dmr_sb_refusal(sb, &ro);
	if (why) {
		DMERR("spare %pg: %s", s->spare, why);
		ti->error = "The set can't be activated, see the kernel log";
		return -EINVAL;
	}
	if (ro && !s->read_only) {
		ti->error = "The set has features that allow reading only: load a read-only table";
		return -EROFS;
	}
	if (le64_to_cpu(sb->main_sectors) != ti->len) {
		DMERR("spare %pg belongs to a main device of %llu sectors",
		      s->spare, le64_to_cpu(sb->main_sectors));
		ti->error = "The spare belongs to a main device of another size";
		return -EINVAL;
	}
	if (le32_to_cpu(sb->main_lbs) != bdev_logical_block_size(s->main)) {
		ti->error = "The spare belongs to a main device with another logical block size";
		return -EINVAL;
	}
	return 0;
}

static int load_store(struct dm_target *ti, struct dmr_store *s)
{
	int r;

	r = dmr_meta_open(&s->meta, &dmr_meta_ops, s, dmr_bdev_sectors(s->spare),
			  s->memory);
	if (r) {
		DMERR("spare %pg: %s", s->spare, s->meta.problem);
		ti->error = r == -ENODATA ? "The spare is not formatted for dm-remap" :
			    "The metadata of the spare can't be used, see the kernel log";
		return r;
	}
	r = check_set(ti, s);
	if (r)
		return r;
	r = dmr_index_init(&s->index, dmr_blocks(s->main_sectors), &dmr_leaf_ops, s);
	if (r) {
		ti->error = "Out of memory for the map";
		return r;
	}
	r = dmr_meta_load(&s->meta, &s->index, &s->totals);
	if (r) {
		DMERR("spare %pg: %s (table block %llu)", s->spare,
		      s->meta.problem, s->meta.problem_index);
		ti->error = "The slot table of the spare is damaged, see the kernel log";
		return r;
	}
	r = dmr_check_main(s, &ti->error);
	if (r)
		return r;
	return refuse_twin(ti, s);
}

static bool writable(struct dm_target *ti)
{
	return dm_table_get_mode(ti->table) & BLK_OPEN_WRITE;
}

/* Can main become that long? The last block may be there in part only. */
static int check_growth(struct dmr_store *s, sector_t sectors, char **error)
{
	u64 last = s->main_sectors / DMR_BLOCK_SECTORS;

	if (sectors < s->main_sectors) {
		*error = "The main device of an active set can't become shorter";
		return -EINVAL;
	}
	if (sectors > s->main_sectors && s->main_sectors % DMR_BLOCK_SECTORS &&
	    dmr_get(s, last)) {
		*error = "The last block of main is remapped and not a whole one: unmap it first";
		return -EBUSY;
	}
	return 0;
}

/* A table for a set that is active already. */
static int join_store(struct dm_target *ti, struct dmr_target *t)
{
	struct dmr_store *s = t->store;
	u64 regions = dmr_regions(dmr_blocks(ti->len));
	int r;

	if (s->read_only == writable(ti)) {
		ti->error = "An active set can't change between read-only and read-write";
		return -EINVAL;
	}
	r = check_growth(s, ti->len, &ti->error);
	if (r || ti->len == s->main_sectors)
		return r;
	if (s->read_only) {
		ti->error = "The main device of a read-only set can't change its size";
		return -EROFS;
	}
	/* memory that can't be had at resume, when it is needed */
	t->leaf = kvcalloc(regions, sizeof(*t->leaf), GFP_KERNEL);
	if (!t->leaf) {
		ti->error = "Out of memory for the map";
		return -ENOMEM;
	}
	return 0;
}

/*
 * Find or make the store of a new table; ti->error says why not. Writes
 * nothing. A table that finds one may bring a longer main along.
 */
int dmr_get_store(struct dm_target *ti, struct dmr_target *t)
{
	struct dmr_store *s, *found;
	int r;

	s = alloc_store();
	if (!s) {
		ti->error = "Out of memory";
		return -ENOMEM;
	}
	s->md = dm_table_get_md(ti->table);
	s->main = t->main->bdev;
	s->spare = t->spare->bdev;
	s->main_sectors = ti->len;
	s->main_lbs = bdev_logical_block_size(s->main);
	s->main_pbs = bdev_physical_block_size(s->main);
	s->read_only = !writable(ti);
	s->opt = t->opt;

	mutex_lock(&registry_lock);
	r = find_store(ti, s->main, s->spare, &found);
	if (found)
		kref_get(&found->kref);
	else if (!r)
		list_add(&s->list, &stores);
	mutex_unlock(&registry_lock);

	if (r || found) {
		free_store(s);
		t->store = found;	/* the destructor puts it */
		return r ? r : join_store(ti, t);
	}
	r = load_store(ti, s);
	if (r) {
		dmr_put_store(s);
		return r;
	}
	t->store = s;
	return 0;
}

/* -- activation -------------------------------------------------------------- */

/* Main is longer from now on. No bio is under way. commit_lock. */
static int grow(struct dmr_target *t)
{
	struct dmr_leaf __rcu **old;
	struct dmr_store *s = t->store;
	char *why;
	int r;

	r = check_growth(s, t->ti->len, &why);
	if (r) {
		s->meta.problem = why;
		return r;
	}
	if (t->ti->len == s->main_sectors)
		return 0;
	if (!t->leaf) {
		s->meta.problem = "main has another size than when the table was loaded";
		return -ESTALE;
	}
	r = dmr_meta_grow(&s->meta, t->ti->len);
	if (r)
		return r;
	old = dmr_index_grow(&s->index, t->leaf, dmr_blocks(t->ti->len));
	t->leaf = NULL;
	s->main_sectors = t->ti->len;
	/* status and list may be looking */
	synchronize_rcu();
	kvfree(old);
	return 0;
}

/*
 * See that the set on disk is the one in memory and make it ours: the first
 * writes. At each resume; no bio is under way. Under memalloc_noio.
 */
int dmr_activate(struct dmr_target *t)
{
	struct dmr_store *s = t->store;
	int r;

	mutex_lock(&s->commit_lock);
	dmr_mark_flush(s);
	r = dmr_meta_revalidate(&s->meta);
	/* an unreadable spare must not keep healthy blocks from working */
	if (r == -EIO && s->activated)
		r = 0;
	else if (r && s->activated)
		dmr_fault(s, DMR_FAIL);
	if (!r && !s->activated) {
		if (!s->read_only)
			r = dmr_meta_activate(&s->meta, ktime_get_real_seconds());
		s->activated = !r;
	}
	if (!r)
		r = grow(t);
	if (r)
		DMERR("spare %pg: %s", s->spare, s->meta.problem);
	else
		dmr_clear_fault(s, DMR_FAIL);
	mutex_unlock(&s->commit_lock);
	return r;
}
