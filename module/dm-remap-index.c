// SPDX-License-Identifier: GPL-2.0-only
/*
 * The map of remapped blocks, see dm-remap-index.h. Pure: compiled into the
 * module and into user-space tests.
 */
#include "dm-remap-index.h"

/* Only the writer calls this, and it is the one who changes the pointer. */
static struct dmr_leaf *leaf_of(const struct dmr_index *idx, u64 region)
{
	return rcu_dereference_protected(idx->leaf[region], true);
}

int dmr_index_init(struct dmr_index *idx, u64 nr_blocks,
		   const struct dmr_leaf_ops *ops, void *context)
{
	u64 regions = dmr_regions(nr_blocks);

	if (regions > SIZE_MAX / sizeof(void *) / 2)
		return -EFBIG;
	idx->leaf = kvcalloc(regions, sizeof(*idx->leaf), GFP_KERNEL);
	if (!idx->leaf)
		return -ENOMEM;
	idx->nr_blocks = nr_blocks;
	idx->nr_regions = regions;
	idx->ops = ops;
	idx->context = context;
	return 0;
}

struct dmr_leaf __rcu **dmr_index_grow(struct dmr_index *idx,
				       struct dmr_leaf __rcu **leaf, u64 nr_blocks)
{
	struct dmr_leaf __rcu **old = idx->leaf;

	memcpy(leaf, old, idx->nr_regions * sizeof(*leaf));
	/* readers that do not take part in I/O (status, list) see either one */
	smp_store_release(&idx->leaf, leaf);
	idx->nr_regions = dmr_regions(nr_blocks);
	/* and never a block without a leaf pointer of its own */
	smp_store_release(&idx->nr_blocks, nr_blocks);
	return old;
}

void dmr_index_exit(struct dmr_index *idx)
{
	u64 r;

	if (!idx->leaf)
		return;
	for (r = 0; r < idx->nr_regions; r++) {
		struct dmr_leaf *leaf = leaf_of(idx, r);

		if (leaf)
			idx->ops->release(idx->context, leaf);
		if (!(r & 0xffff))
			cond_resched();
	}
	kvfree(idx->leaf);
	idx->leaf = NULL;
}

u64 dmr_index_get(const struct dmr_index *idx, u64 block)
{
	const struct dmr_leaf *leaf;
	u32 offset = block & DMR_REGION_MASK;
	u64 x;
	u32 i;

	leaf = rcu_dereference(idx->leaf[block >> DMR_REGION_SHIFT]);
	if (!leaf)
		return 0;
	i = dmr_leaf_find(leaf, offset);
	if (i == leaf->nr)
		return 0;
	x = READ_ONCE(leaf->e[i]);
	return dmr_x_offset(x) == offset && !dmr_x_is_placeholder(x) ? x : 0;
}

u64 dmr_index_next(const struct dmr_index *idx, u64 *block)
{
	u64 region = *block >> DMR_REGION_SHIFT;
	u32 offset = *block & DMR_REGION_MASK;

	for (; region < idx->nr_regions; region++, offset = 0) {
		const struct dmr_leaf *leaf;
		u32 i;

		leaf = rcu_dereference(idx->leaf[region]);
		if (!leaf)
			continue;
		for (i = dmr_leaf_find(leaf, offset); i < leaf->nr; i++) {
			u64 x = READ_ONCE(leaf->e[i]);

			if (dmr_x_is_placeholder(x))
				continue;
			*block = (region << DMR_REGION_SHIFT) + dmr_x_offset(x);
			return x;
		}
	}
	return 0;
}

/* Merge old entries and updates into out (may be NULL); returns their number. */
static u32 merge(const struct dmr_leaf *old, const u64 *up, u32 n, u64 *out)
{
	u32 i = 0, j = 0, k = 0;
	u32 nr = old ? old->nr : 0;

	while (i < nr || j < n) {
		u32 a = i < nr ? dmr_x_offset(old->e[i]) : DMR_REGION_BLOCKS;
		u32 b = j < n ? dmr_x_offset(up[j]) : DMR_REGION_BLOCKS;
		u64 x;

		if (a < b) {
			x = old->e[i++];
			if (dmr_x_is_placeholder(x))
				continue;
		} else {
			i += a == b;
			x = up[j++];
		}
		if (out)
			out[k] = x;
		k++;
	}
	return k;
}

static int update(struct dmr_index *idx, u64 region, const u64 *updates, u32 n,
		  bool optional)
{
	struct dmr_leaf *old = leaf_of(idx, region);
	struct dmr_leaf *new = NULL;
	u32 nr = merge(old, updates, n, NULL);

	if (nr) {
		new = idx->ops->alloc(idx->context, nr, optional);
		if (!new)
			return -ENOMEM;
		new->nr = merge(old, updates, n, new->e);
	}
	rcu_assign_pointer(idx->leaf[region], new);
	if (old)
		idx->ops->release(idx->context, old);
	return 0;
}

int dmr_index_update(struct dmr_index *idx, u64 region, const u64 *updates,
		     u32 n)
{
	return update(idx, region, updates, n, false);
}

bool dmr_index_store(struct dmr_index *idx, u64 block, u64 x)
{
	struct dmr_leaf *leaf = leaf_of(idx, block >> DMR_REGION_SHIFT);
	u32 offset = block & DMR_REGION_MASK;
	u32 i;

	if (!leaf)
		return false;
	i = dmr_leaf_find(leaf, offset);
	if (i == leaf->nr || dmr_x_offset(leaf->e[i]) != offset)
		return false;
	x = (x & ~(~0ULL << 50)) | (u64)offset << 50;
	/* what the new entry points to was made before it can be seen */
	smp_store_release(&leaf->e[i], x);
	return true;
}

void dmr_index_trim(struct dmr_index *idx, u64 region)
{
	struct dmr_leaf *leaf = leaf_of(idx, region);
	u32 i, kept = 0;

	if (!leaf)
		return;
	for (i = 0; i < leaf->nr; i++)
		kept += !dmr_x_is_placeholder(leaf->e[i]);
	if (kept < leaf->nr)
		update(idx, region, NULL, 0, true);
}

static int cmp_x(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

void dmr_leaf_sort(struct dmr_leaf *leaf)
{
	sort(leaf->e, leaf->nr, sizeof(leaf->e[0]), cmp_x, NULL);
}
