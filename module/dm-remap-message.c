// SPDX-License-Identifier: GPL-2.0-only
/*
 * Status lines and messages: dm-remap(4). Messages that work on blocks are in
 * dm-remap-admin.c.
 */
#include <linux/sched/mm.h>

#include "dm-remap.h"

#define STATUS_VERSION	1

/* -- status ------------------------------------------------------------------ */

static void sum_redirected(struct dmr_store *s, u64 sum[2])
{
	int cpu;

	sum[0] = 0;
	sum[1] = 0;
	for_each_possible_cpu(cpu) {
		sum[0] += READ_ONCE(per_cpu_ptr(s->pcpu, cpu)->redirected[0]);
		sum[1] += READ_ONCE(per_cpu_ptr(s->pcpu, cpu)->redirected[1]);
	}
}

static unsigned int status_info(struct dmr_store *s, char *result,
				unsigned int maxlen)
{
	const struct dmr_totals *t = &s->totals;
	const struct dmr_counters *c = &s->count;
	const struct dmr_meta *m = &s->meta;
	unsigned int sz = 0, sb_bad = READ_ONCE(m->sb_bad);
	u64 redirected[2];

	/* no lock: each number is right by itself, and that must be enough */
	sum_redirected(s, redirected);
	DMEMIT("%u %s %s %llu/%llu %llu %llu %llu", STATUS_VERSION,
	       dmr_mode_name(dmr_mode(s)), s->read_only ? "ro" : "rw",
	       READ_ONCE(t->entries), m->nr_slots, READ_ONCE(t->bad),
	       READ_ONCE(t->entries), READ_ONCE(t->lost));
	DMEMIT(" %llu %llu %llu %llu", READ_ONCE(c->main_errors[0]),
	       READ_ONCE(c->main_errors[1]), READ_ONCE(c->spare_errors),
	       READ_ONCE(c->healed));
	DMEMIT(" %llu,%llu,%llu,%llu,%llu,%llu,%llu",
	       READ_ONCE(t->by_reason[DMR_R_WRITE]),
	       READ_ONCE(t->by_reason[DMR_R_READ]),
	       READ_ONCE(t->by_reason[DMR_R_ADMIN]),
	       READ_ONCE(t->by_reason[DMR_R_SCAN]),
	       READ_ONCE(t->by_reason[DMR_R_WEAK]),
	       READ_ONCE(t->by_reason[DMR_R_MOVED]),
	       READ_ONCE(t->by_reason[DMR_R_SHIELD]));
	DMEMIT(" %u %u %llu %llu %llu %llu %llu %pUb",
	       2 - hweight32(sb_bad), READ_ONCE(m->frozen) ? 1 : 2,
	       READ_ONCE(m->frozen), READ_ONCE(m->gen), redirected[0],
	       redirected[1], READ_ONCE(m->activation), m->sb->set_uuid);
	return sz;
}

static unsigned int status_table(struct dmr_target *t, char *result,
				 unsigned int maxlen)
{
	const struct dmr_options *o = &t->opt;
	unsigned int n, sz = 0;

	n = (o->rescue != 3) + (o->isolate_ms != 60000) + (o->rate != 1024) +
	    o->paused;
	DMEMIT("%s %s", t->main->name, t->spare->name);
	if (n)
		DMEMIT(" %u", n);
	if (o->rescue != 3)
		DMEMIT(" rescue=%u", o->rescue);
	if (o->isolate_ms != 60000)
		DMEMIT(" isolate_ms=%u", o->isolate_ms);
	if (o->rate != 1024)
		DMEMIT(" rate=%u", o->rate);
	if (o->paused)
		DMEMIT(" paused");
	return sz;
}

void dmr_status(struct dm_target *ti, status_type_t type,
		unsigned int flags, char *result, unsigned int maxlen)
{
	struct dmr_target *t = ti->private;
	unsigned int sz = 0;

	switch (type) {
	case STATUSTYPE_INFO:
		status_info(t->store, result, maxlen);
		break;
	case STATUSTYPE_TABLE:
		status_table(t, result, maxlen);
		break;
	default:	/* STATUSTYPE_IMA, since 5.15 */
		DMEMIT_TARGET_NAME_VERSION(ti->type);
		DMEMIT(",main_device=%s,spare_device=%s,set_uuid=%pUb;",
		       t->main->name, t->spare->name, t->store->meta.sb->set_uuid);
		break;
	}
}

/* -- list, stats ------------------------------------------------------------- */

static int msg_list(struct dmr_store *s, const char *from, char *result,
		    unsigned int maxlen)
{
	static const char letters[DMR_NR_REASONS] = {
		'-', 'w', 'r', 'a', 's', 'k', 'm', 'h'
	};
	unsigned int sz = 0;
	u64 block, x;

	if (kstrtou64(from, 10, &block))
		return -EINVAL;
	while (block < s->index.nr_blocks) {
		char flags[8], *f = flags;

		rcu_read_lock();
		x = dmr_index_next(&s->index, &block);
		rcu_read_unlock();
		if (!x)
			break;
		if (maxlen - sz < 96) {
			DMEMIT("next %llu", block);
			return 1;
		}
		if (dmr_x_mapped(x)) {
			if (x & DMR_X_SHIELD)
				*f++ = 's';
			if (x & DMR_X_SLOT_LOST)
				*f++ = 'l';
			if (x & DMR_X_BUSY)
				*f++ = 'b';
			if (x & DMR_X_FENCED)
				*f++ = 'f';
			if (f == flags)
				*f++ = '-';
			*f = '\0';
			DMEMIT("%llu %llu %02x %c %s\n", block, dmr_x_slot(x),
			       dmr_x_lost(x), letters[dmr_x_reason(x)], flags);
		}
		block++;
		cond_resched();
	}
	DMEMIT("end");
	return 1;
}

static int msg_stats(struct dmr_store *s, char *result, unsigned int maxlen)
{
	const struct dmr_counters *c = &s->count;
	unsigned int sz = 0;
	u64 redirected[2];

	sum_redirected(s, redirected);
	DMEMIT("main_read_errors=%llu\nmain_write_errors=%llu\nspare_errors=%llu\n",
	       READ_ONCE(c->main_errors[0]), READ_ONCE(c->main_errors[1]),
	       READ_ONCE(c->spare_errors));
	DMEMIT("healed=%llu\nrescued_writes=%llu\nrefused_remaps=%llu\nflush_errors=%llu\n",
	       READ_ONCE(c->healed), READ_ONCE(c->rescued_writes),
	       READ_ONCE(c->refused), READ_ONCE(c->flush_errors));
	DMEMIT("noted_errors=%llu\ncommits=%llu\nmetadata_write_errors=%llu\n",
	       READ_ONCE(c->noted), READ_ONCE(s->meta.commits),
	       READ_ONCE(s->meta.commit_errors));
	DMEMIT("redirected_reads=%llu\nredirected_writes=%llu\nfree_slots_initialised=%llu\n",
	       redirected[0], redirected[1], READ_ONCE(s->meta.free_slots));
	return 1;
}

/* -- dispatch ---------------------------------------------------------------- */

static int dispatch(struct dmr_store *s, unsigned int argc, char **argv,
		    char *result, unsigned int maxlen)
{
	const char *verb = argv[0];
	unsigned int sz = 0;

	if (!strcmp(verb, "list") && argc == 2)
		return msg_list(s, argv[1], result, maxlen);
	if (!strcmp(verb, "stats") && argc == 1)
		return msg_stats(s, result, maxlen);
	if (!strcmp(verb, "pause") && argc == 1) {
		dmr_fault(s, DMR_PAUSED);
		DMEMIT("ok");
		return 1;
	}
	if (s->read_only)
		return -EROFS;
	if (!strcmp(verb, "add"))
		return dmr_msg_add(s, argc - 1, argv + 1, result, maxlen);
	if (!strcmp(verb, "unmap") || !strcmp(verb, "retry"))
		return dmr_msg_blocks(s, verb[0] == 'u', argc - 1, argv + 1, result,
				  maxlen);
	if (!strcmp(verb, "verify") && argc <= 2)
		return dmr_msg_verify(s, argc == 2 ? argv[1] : "0", false,
				      result, maxlen);
	if (!strcmp(verb, "rearm") && argc == 1)
		return dmr_msg_rearm(s, result, maxlen);
	return -EINVAL;
}

int dmr_message(struct dm_target *ti, unsigned int argc, char **argv,
		char *result, unsigned int maxlen)
{
	struct dmr_target *t = ti->private;
	unsigned int noio;
	int r;

	if (!argc)
		return -EINVAL;
	/* before the first resume nothing may be written, while suspended neither */
	if (!READ_ONCE(t->store->ti) || dm_suspended(ti))
		return -EBUSY;
	noio = memalloc_noio_save();
	r = dispatch(t->store, argc, argv, result, maxlen);
	memalloc_noio_restore(noio);
	return r;
}
