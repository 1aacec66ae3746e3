// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is it the block that is bad, or the device? Nothing is remapped unless main
 * works near the block, on both sides of it: damage of a medium is local, and
 * what is dead around a block (a leg of a linear device, a controller, the
 * disk) is not a bad sector.
 */
#include <linux/jiffies.h>

#include "dm-remap.h"

/* May the target make new entries by itself now? */
bool dmr_may_remap(struct dmr_store *s)
{
	unsigned long hold = READ_ONCE(s->faults) & ~BIT(DMR_MAIN_FAULT);
	bool ok;

	if (time_after(jiffies, READ_ONCE(s->spare_retry)))
		hold &= ~BIT(DMR_SPARE_FAULT);
	ok = !hold && !s->read_only;

	if (!ok)
		dmr_count(s, &s->count.refused);
	return ok;
}

/* The backstop against a flood of entries. */
bool dmr_rate_allows(struct dmr_store *s)
{
	unsigned int rate = READ_ONCE(s->opt.rate);
	unsigned long flags;
	bool ok;

	spin_lock_irqsave(&s->queue_lock, flags);
	if (time_after(jiffies, s->rate_start + 10 * HZ)) {
		s->rate_start = jiffies;
		s->rate_used = 0;
	}
	ok = !rate || s->rate_used < rate;
	if (ok)
		s->rate_used++;
	else
		s->count.refused++;
	spin_unlock_irqrestore(&s->queue_lock, flags);
	if (!ok)
		DMWARN_LIMIT("%pg: more than %u bad blocks in 10 s, not remapped",
			     s->main, rate);
	return ok;
}

/*
 * An error was gone when the operation was repeated. True if that happened
 * often enough to this block to move it.
 */
bool dmr_healed(struct dmr_store *s, u64 block)
{
	unsigned int limit = READ_ONCE(s->opt.rescue), i;
	unsigned long flags;
	bool weak = false;

	spin_lock_irqsave(&s->queue_lock, flags);
	s->count.healed++;
	for (i = 0; i < DMR_WEAK; i++)
		if (s->weak[i].healed && s->weak[i].block == block)
			break;
	if (i == DMR_WEAK) {
		i = s->weak_next++ % DMR_WEAK;
		s->weak[i].block = block;
		s->weak[i].healed = 0;
	}
	if (++s->weak[i].healed >= limit && limit) {
		s->weak[i].healed = 0;
		weak = true;
	}
	spin_unlock_irqrestore(&s->queue_lock, flags);
	return weak;
}

/* -- places ------------------------------------------------------------------ */

/*
 * The n-th place to look at on one side of a block; the block itself means:
 * there is none. Not beyond 32 MiB. Not the next block at first: a defect is
 * often larger than one block, and each bad one costs seconds. So many, because
 * those that are remapped or taken can't serve.
 */
static u64 place(struct dmr_store *s, u64 block, bool below, unsigned int n)
{
	static const unsigned int distance[] = {
		16, 1024, 128, DMR_FAR, 4096, 2048, 512, 64, 4, 1
	};
	u64 other;

	if (n >= ARRAY_SIZE(distance))
		return U64_MAX;
	other = below ? block - distance[n] : block + distance[n];
	/* not the very first block: it says what is on main */
	return other && other < s->index.nr_blocks ? other : block;
}

static bool near(u64 a, u64 b)
{
	return (a > b ? a - b : b - a) <= DMR_NEAR;
}

/* What a look at one side came to. */
enum side {
	WORKS,
	DEAD,
	SILENT,		/* nothing works, but main ends so near that this says little */
	NOBODY_THERE,	/* no block that could be tried */
};

/* Does main work around the block? */
static bool works(enum side a, enum side b)
{
	return a != DEAD && b != DEAD && (a == WORKS || b == WORKS);
}

/* Was anything seen to fail? */
static bool fails(enum side a, enum side b)
{
	return a == DEAD || a == SILENT || b == DEAD || b == SILENT;
}

/*
 * Main ends close by on that side: that nothing works up to there can be damage
 * as well, and the other side decides.
 */
static bool ends_near(struct dmr_store *s, u64 block, bool below)
{
	return below ? block <= DMR_FAR : block + DMR_FAR >= s->index.nr_blocks;
}

static enum side without_success(struct dmr_store *s, u64 block, bool below,
				 unsigned int failed)
{
	if (!failed)
		return NOBODY_THERE;
	return ends_near(s, block, below) ? SILENT : DEAD;
}

/* A good I/O ends the fault only near where it was found. */
static void note_result(struct dmr_store *s, u64 block, bool write, bool ok)
{
	unsigned long flags;
	bool change;

	spin_lock_irqsave(&s->queue_lock, flags);
	change = ok ? s->main_dead[write] && near(block, s->dead_at[write]) : true;
	if (!ok)
		s->dead_at[write] = block;
	spin_unlock_irqrestore(&s->queue_lock, flags);
	if (change)
		dmr_main_dead(s, write, !ok);
}

/* -- reads ------------------------------------------------------------------- */

static enum side read_side(struct dmr_store *s, u64 block, bool below, void *page,
			   unsigned long end)
{
	unsigned int n, failed = 0;
	u64 b;

	for (n = 0; (b = place(s, block, below, n)) != U64_MAX; n++) {
		/* what is remapped is bad, its place on main says nothing */
		if (b == block || dmr_get(s, b))
			continue;
		if (!dmr_rw(s->main, b * DMR_BLOCK_SECTORS, page,
			    dmr_block_sectors(s, b) * SECTOR_SIZE,
			    REQ_OP_READ | REQ_SYNC))
			return WORKS;
		failed++;
		if (time_after_eq(jiffies, end) || dmr_stopping(s, DMR_PATIENCE))
			break;
	}
	return without_success(s, block, below, failed);
}

/*
 * Does main read anything on both sides of the block? Without that a read error
 * says nothing about the block. page is 4 KiB of scratch.
 */
bool dmr_prove_reads(struct dmr_store *s, u64 block, void *page)
{
	unsigned long time = msecs_to_jiffies(READ_ONCE(s->opt.isolate_ms)) / 2;
	enum side above = read_side(s, block, false, page, jiffies + time);
	enum side below = above == DEAD ? DEAD :
			  read_side(s, block, true, page, jiffies + time);
	bool ok = works(above, below);

	/* who was told to hurry has proved nothing, neither way */
	if (ok || (fails(above, below) && !dmr_stopping(s, DMR_PATIENCE)))
		note_result(s, block, false, ok);
	return ok;
}

/* -- writes ------------------------------------------------------------------ */

/* Blocks that a prover owns because they could be read and not be written back. */
struct collateral {
	u64 block[DMR_PROBES];
	unsigned int nr;
};

/*
 * Read a healthy block and write it back. 0 if main took the write, -EIO with
 * the block still owned and its content in buffer if it did not, -ENODATA if it
 * could not even be read, -EAGAIN if this block can't serve.
 */
static int probe_write(struct dmr_store *s, u64 block, void *buffer)
{
	unsigned int len = dmr_block_sectors(s, block) * SECTOR_SIZE;
	blk_status_t status;
	int r = -EAGAIN;
	u64 x;

	if (dmr_own(s, block, &x))
		return r;
	if (x)
		goto out;
	dmr_drain(s, dmr_bucket_bit(block));
	r = -ENODATA;
	if (dmr_rw(s->main, block * DMR_BLOCK_SECTORS, buffer, len,
		   REQ_OP_READ | REQ_SYNC))
		goto out;
	status = dmr_rw(s->main, block * DMR_BLOCK_SECTORS, buffer, len,
			REQ_OP_WRITE | REQ_SYNC | REQ_FUA);
	if (status && dmr_candidate(status))
		return -EIO;
	if (!status)
		r = 0;
out:
	dmr_disown(s, block);
	return r;
}

/* *good is where it worked; at most so many tries that fail. */
static enum side write_side(struct dmr_store *s, u64 block, bool below,
			    unsigned int tries, struct collateral *c, u64 *good)
{
	unsigned int n, failed = 0;
	u64 b;
	int r;

	for (n = 0; failed < tries && !dmr_stopping(s, DMR_PATIENCE); n++) {
		b = place(s, block, below, n);
		if (b == U64_MAX)
			break;
		if (b == block)
			continue;
		r = probe_write(s, b, s->probe_page[c->nr]);
		*good = b;
		if (!r)
			return WORKS;
		failed += r != -EAGAIN;
		if (r == -EIO)
			c->block[c->nr++] = b;
	}
	*good = block;
	return without_success(s, block, below, failed);
}

/*
 * Blocks that could be read but not be written back are bad as well, if main is
 * not; their content must not depend on what the failed write left there.
 */
static void settle_collateral(struct dmr_store *s, const struct collateral *c,
			      bool main_ok)
{
	struct dmr_req r;
	unsigned int i;

	for (i = 0; i < c->nr; i++) {
		memset(&r, 0, sizeof(r));
		r.kind = DMR_REQ_MAP;
		r.owner = true;
		r.block = c->block[i];
		r.reason = DMR_R_WRITE;
		r.data = s->probe_page[i];
		r.result = -EIO;
		/* main may be back only now */
		if (main_ok &&
		    dmr_rw(s->main, r.block * DMR_BLOCK_SECTORS, r.data,
			   dmr_block_sectors(s, r.block) * SECTOR_SIZE,
			   REQ_OP_WRITE | REQ_SYNC | REQ_FUA))
			dmr_commit(s, &r, 1);
		if (r.result)
			dmr_disown(s, c->block[i]);
	}
}

/* What proofs of others say about a failure; -EAGAIN: nothing. proof_lock. */
static int known(struct dmr_store *s, u64 block, u64 ticket)
{
	unsigned int i;

	for (i = 0; i < DMR_PROOFS; i++) {
		const struct dmr_proof *p = &s->proof[i];

		if (ticket <= p->ticket && block >= p->lo && block <= p->hi)
			return 0;
	}
	if (ticket <= s->dead.ticket && block >= s->dead.lo && block <= s->dead.hi)
		return -EIO;
	return -EAGAIN;
}

/*
 * Failed proofs make one range that grows, so that a dead device, where each
 * try may take half a minute, is not tried again for each failure there was.
 */
static void remember_dead(struct dmr_store *s, u64 block, u64 ticket)
{
	u64 lo = block > DMR_NEAR ? block - DMR_NEAR : 0, hi = block + DMR_NEAR;

	s->dead.lo = s->dead.ticket ? min(s->dead.lo, lo) : lo;
	s->dead.hi = s->dead.ticket ? max(s->dead.hi, hi) : hi;
	s->dead.ticket = ticket;
}

static void remember_proof(struct dmr_store *s, u64 lo, u64 hi, u64 ticket)
{
	struct dmr_proof *p = &s->proof[s->next_proof++ % DMR_PROOFS];

	p->lo = lo;
	p->hi = hi;
	p->ticket = ticket;
	if (s->dead.lo <= hi && lo <= s->dead.hi)
		s->dead.ticket = 0;
}

/*
 * Does main still take writes on both sides of the block? Writes issued after
 * the failure with this ticket have to succeed; one proof serves all failures
 * before it that lie between its places.
 */
bool dmr_prove_writes(struct dmr_store *s, u64 block, u64 ticket)
{
	struct collateral c = { .nr = 0 };
	enum side above, below;
	u64 lo, hi, now;
	bool ok;
	int r;

	mutex_lock(&s->proof_lock);
	r = known(s, block, ticket);
	if (r == -EAGAIN) {
		now = atomic64_read(&s->failures);
		above = write_side(s, block, false, UINT_MAX, &c, &hi);
		below = above == DEAD ? DEAD :
			write_side(s, block, true, UINT_MAX, &c, &lo);
		ok = works(above, below);
		settle_collateral(s, &c, ok);
		r = ok ? 0 : -EIO;
		if (ok) {
			remember_proof(s, lo, hi, now);
			note_result(s, block, true, true);
		} else if (fails(above, below) && !dmr_stopping(s, DMR_PATIENCE)) {
			/* also for what failed meanwhile: it costs an error at most */
			remember_dead(s, block, atomic64_read(&s->failures));
			note_result(s, block, true, false);
		}
	}
	mutex_unlock(&s->proof_lock);
	return !r;
}

/* A write of that block has succeeded on main. */
void dmr_write_worked(struct dmr_store *s, u64 block)
{
	if (READ_ONCE(s->main_dead[true]))
		note_result(s, block, true, true);
}

static bool reads_again(struct dmr_store *s, u64 block, void *page)
{
	/* no time for a second try if the first one fails */
	return read_side(s, block, false, page, jiffies) == WORKS ||
	       read_side(s, block, true, page, jiffies) == WORKS;
}

static bool writes_again(struct dmr_store *s, u64 block)
{
	struct collateral c = { .nr = 0 };
	bool ok;
	u64 b;

	/* somebody is finding out right now */
	if (!mutex_trylock(&s->proof_lock))
		return false;
	ok = write_side(s, block, false, 1, &c, &b) == WORKS ||
	     write_side(s, block, true, 1, &c, &b) == WORKS;
	settle_collateral(s, &c, ok);
	if (ok)
		s->dead.ticket = 0;
	mutex_unlock(&s->proof_lock);
	return ok;
}

/*
 * The administrator says that main is in order again. Is it, where it was not?
 * A few tries only; page is 4 KiB of scratch.
 */
void dmr_retry_main(struct dmr_store *s, void *page)
{
	if (READ_ONCE(s->main_dead[false]) &&
	    reads_again(s, READ_ONCE(s->dead_at[false]), page))
		dmr_main_dead(s, false, false);
	if (READ_ONCE(s->main_dead[true]) &&
	    writes_again(s, READ_ONCE(s->dead_at[true])))
		dmr_main_dead(s, true, false);
}
