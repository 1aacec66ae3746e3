// SPDX-License-Identifier: GPL-2.0-only
/*
 * A linear device-mapper target that fails, delays and holds bios by rules that
 * messages make while it is in use. For tests only; tests/vm/README.md has the
 * interface.
 *
 * A bio that a rule keeps is on the list of the rule (held), then on the list of
 * what may go on (go), and goes on in the worker. A bio that has to reach the
 * disk before anything is done to it is on landing meanwhile.
 */
#include <linux/bio.h>
#include <linux/device-mapper.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#define DM_MSG_PREFIX "fault"
#define AWAIT_MS	30000	/* unless the message says otherwise */

#define OP_READ		1
#define OP_WRITE	2
#define OP_FLUSH	4
#define OP_DISCARD	8
#define OP_ZEROES	16

struct fault_rule {
	struct list_head list;
	struct list_head held;
	char name[32];
	unsigned int ops;
	sector_t first, end;
	blk_status_t error;
	unsigned int delay;	/* ms */
	bool hold;
	bool land;
	u64 times, skip;
	u64 hits;
	unsigned int nr_held;
};

struct fault {
	struct dm_dev *dev;
	sector_t start;
	spinlock_t lock;	/* everything below, but for wait and work */
	struct list_head rules;
	struct list_head landing;
	struct list_head go;
	u64 reads, writes, flushes, fua, discards;
	wait_queue_head_t wait;	/* for hits and held */
	struct workqueue_struct *wq;
	struct delayed_work work;
};

struct fault_bio {
	struct list_head list;
	struct fault_rule *rule;	/* while it is landing; NULL: dropped */
	unsigned long due;		/* jiffies */
	blk_status_t error;
	bool land;
	bool landed;
	bool done;			/* completed by us */
};

static const struct {
	const char *name;
	blk_status_t status;
} errors[] = {
	{ "medium", BLK_STS_MEDIUM },
	{ "ioerr", BLK_STS_IOERR },
	{ "target", BLK_STS_TARGET },
	{ "timeout", BLK_STS_TIMEOUT },
	{ "transport", BLK_STS_TRANSPORT },
#ifdef BLK_STS_OFFLINE		/* 5.18 */
	{ "offline", BLK_STS_OFFLINE },
#else
	{ "offline", BLK_STS_IOERR },
#endif
	{ "resource", BLK_STS_RESOURCE },
	{ "notsupp", BLK_STS_NOTSUPP },
};

static void submit(struct bio *bio)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 18, 0)
	dm_submit_bio_remap(bio, NULL);
#else
	submit_bio_noacct(bio);
#endif
}

/* -- bios -------------------------------------------------------------------- */

static unsigned int op_of(const struct bio *bio)
{
	if (bio->bi_opf & REQ_PREFLUSH)
		return OP_FLUSH;
	switch (bio_op(bio)) {
	case REQ_OP_READ:
		return OP_READ;
	case REQ_OP_WRITE:
		return OP_WRITE;
	case REQ_OP_DISCARD:
		return OP_DISCARD;
	case REQ_OP_WRITE_ZEROES:
		return OP_ZEROES;
	default:
		return 0;
	}
}

static void count_bio(struct fault *f, const struct bio *bio, unsigned int op)
{
	if (op == OP_READ)
		f->reads++;
	else if (op == OP_FLUSH)
		f->flushes++;
	else if (op == OP_DISCARD)
		f->discards++;
	else
		f->writes++;
	if (op == OP_WRITE && (bio->bi_opf & REQ_FUA))
		f->fua++;
}

/* The rule that applies, counted. */
static struct fault_rule *find_rule(struct fault *f, unsigned int op,
				    sector_t first, sector_t end)
{
	struct fault_rule *r;

	list_for_each_entry(r, &f->rules, list) {
		if (!(r->ops & op))
			continue;
		if (op != OP_FLUSH && (end <= r->first || first >= r->end))
			continue;
		if (r->skip) {
			r->skip--;
			continue;
		}
		if (r->times && r->hits == r->times)
			continue;
		r->hits++;
		return r;
	}
	return NULL;
}

/* The bio stays until its time comes or somebody releases it. */
static void keep(struct fault *f, struct fault_rule *r, struct fault_bio *pb)
{
	pb->due = jiffies + msecs_to_jiffies(r->delay);
	list_add_tail(&pb->list, &r->held);
	r->nr_held++;
	if (!r->hold)
		mod_delayed_work(f->wq, &f->work, 0);
}

static void let_go(struct fault *f, struct fault_rule *r, struct fault_bio *pb)
{
	list_move_tail(&pb->list, &f->go);
	r->nr_held--;
}

static void fail(struct bio *bio, struct fault_bio *pb)
{
	pb->done = true;
	bio->bi_status = pb->error;
	bio_endio(bio);
}

static int fault_map(struct dm_target *ti, struct bio *bio)
{
	struct fault_bio *pb = dm_per_bio_data(bio, sizeof(*pb));
	sector_t first = dm_target_offset(ti, bio->bi_iter.bi_sector);
	struct fault *f = ti->private;
	unsigned int op = op_of(bio);
	struct fault_rule *r;
	unsigned long flags;
	bool kept = false;

	memset(pb, 0, sizeof(*pb));
	bio_set_dev(bio, f->dev->bdev);
	if (bio_sectors(bio))
		bio->bi_iter.bi_sector = f->start + first;

	spin_lock_irqsave(&f->lock, flags);
	count_bio(f, bio, op);
	r = find_rule(f, op, first, first + bio_sectors(bio));
	if (r) {
		pb->error = r->error;
		pb->land = r->land;
		if (r->land) {
			pb->rule = r;
			list_add_tail(&pb->list, &f->landing);
		} else if (r->hold || r->delay) {
			keep(f, r, pb);
			kept = true;
		}
	}
	spin_unlock_irqrestore(&f->lock, flags);
	if (!r)
		return DM_MAPIO_REMAPPED;
	wake_up_all(&f->wait);
	if (kept)
		return DM_MAPIO_SUBMITTED;
	if (!pb->error || pb->land)
		return DM_MAPIO_REMAPPED;
	fail(bio, pb);
	return DM_MAPIO_SUBMITTED;
}

static int fault_end_io(struct dm_target *ti, struct bio *bio, blk_status_t *error)
{
	struct fault_bio *pb = dm_per_bio_data(bio, sizeof(*pb));
	struct fault *f = ti->private;
	bool kept = false;
	unsigned long flags;

	if (pb->done || !pb->land)
		return DM_ENDIO_DONE;
	spin_lock_irqsave(&f->lock, flags);
	list_del(&pb->list);
	/* what the disk itself says goes first */
	if (*error) {
		pb->error = *error;
	} else if (pb->rule && (pb->rule->hold || pb->rule->delay)) {
		pb->landed = true;
		keep(f, pb->rule, pb);
		kept = true;
	}
	spin_unlock_irqrestore(&f->lock, flags);
	if (kept) {
		wake_up_all(&f->wait);
		return DM_ENDIO_INCOMPLETE;
	}
	*error = pb->error;
	return DM_ENDIO_DONE;
}

static void fault_work(struct work_struct *work)
{
	struct fault *f = container_of(to_delayed_work(work), struct fault, work);
	struct fault_bio *pb, *next_pb;
	unsigned long next = 0, now = jiffies;
	struct fault_rule *r;
	LIST_HEAD(go);

	spin_lock_irq(&f->lock);
	list_for_each_entry(r, &f->rules, list) {
		if (r->hold)
			continue;
		list_for_each_entry_safe(pb, next_pb, &r->held, list) {
			if (time_after_eq(now, pb->due))
				let_go(f, r, pb);
			else if (!next || time_before(pb->due, next))
				next = pb->due;
		}
	}
	list_splice_init(&f->go, &go);
	/* never moves a work that somebody wants at once */
	if (next)
		queue_delayed_work(f->wq, &f->work, next - now);
	spin_unlock_irq(&f->lock);

	list_for_each_entry_safe(pb, next_pb, &go, list) {
		struct bio *bio = dm_bio_from_per_bio_data(pb, sizeof(*pb));

		list_del(&pb->list);
		if (pb->landed || pb->error)
			fail(bio, pb);
		else
			submit(bio);
	}
}

/* -- rules ------------------------------------------------------------------- */

static struct fault_rule *named(struct fault *f, const char *name)
{
	struct fault_rule *r;

	list_for_each_entry(r, &f->rules, list)
		if (!strcmp(r->name, name))
			return r;
	return NULL;
}

static int parse_ops(struct fault_rule *r, const char *ops)
{
	static const char letters[] = "rwfdz";
	const char *p;

	for (; *ops; ops++) {
		p = strchr(letters, *ops);
		if (!p)
			return -EINVAL;
		r->ops |= 1 << (p - letters);
	}
	return r->ops ? 0 : -EINVAL;
}

/* "all", or <first>[+<count>] */
static int parse_range(struct fault_rule *r, char *range)
{
	u64 first, count = 1;
	char *plus;

	if (!strcmp(range, "all")) {
		r->end = ~(sector_t)0;
		return 0;
	}
	plus = strchr(range, '+');
	if (plus) {
		*plus++ = '\0';
		if (kstrtou64(plus, 10, &count))
			return -EINVAL;
	}
	if (kstrtou64(range, 10, &first))
		return -EINVAL;
	r->first = first;
	r->end = first + count;
	return count ? 0 : -EINVAL;
}

static int parse_option(struct fault_rule *r, const char *option)
{
	unsigned int i;

	if (!strcmp(option, "hold"))
		r->hold = true;
	else if (!strcmp(option, "land"))
		r->land = true;
	else if (!strncmp(option, "delay=", 6))
		return kstrtouint(option + 6, 10, &r->delay);
	else if (!strncmp(option, "times=", 6))
		return kstrtou64(option + 6, 10, &r->times);
	else if (!strncmp(option, "skip=", 5))
		return kstrtou64(option + 5, 10, &r->skip);
	else if (strncmp(option, "error=", 6))
		return -EINVAL;
	else
		for (i = 0; i < ARRAY_SIZE(errors); i++)
			if (!strcmp(option + 6, errors[i].name))
				r->error = errors[i].status;
	return strncmp(option, "error=", 6) || r->error ? 0 : -EINVAL;
}

static int parse_rule(struct fault_rule *r, unsigned int argc, char **argv)
{
	unsigned int i;
	int e;

	if (argc < 3 || strscpy(r->name, argv[0], sizeof(r->name)) < 0)
		return -EINVAL;
	e = parse_ops(r, argv[1]);
	if (!e)
		e = parse_range(r, argv[2]);
	for (i = 3; !e && i < argc; i++)
		e = parse_option(r, argv[i]);
	return e || (r->hold && r->delay) ? -EINVAL : 0;
}

static int add_rule(struct fault *f, unsigned int argc, char **argv)
{
	struct fault_rule *r = kzalloc(sizeof(*r), GFP_KERNEL);
	int e;

	if (!r)
		return -ENOMEM;
	INIT_LIST_HEAD(&r->held);
	e = parse_rule(r, argc, argv);
	spin_lock_irq(&f->lock);
	if (!e && named(f, r->name))
		e = -EEXIST;
	if (!e)
		list_add_tail(&r->list, &f->rules);
	spin_unlock_irq(&f->lock);
	if (e)
		kfree(r);
	return e;
}

/* name NULL: all rules */
static int drop_rules(struct fault *f, const char *name)
{
	struct fault_rule *r, *next_r;
	struct fault_bio *pb, *next;
	int e = name ? -ENOENT : 0;

	spin_lock_irq(&f->lock);
	list_for_each_entry_safe(r, next_r, &f->rules, list) {
		if (name && strcmp(r->name, name))
			continue;
		list_for_each_entry_safe(pb, next, &r->held, list)
			let_go(f, r, pb);
		list_for_each_entry(pb, &f->landing, list)
			if (pb->rule == r)
				pb->rule = NULL;
		list_del(&r->list);
		kfree(r);
		e = 0;
	}
	spin_unlock_irq(&f->lock);
	mod_delayed_work(f->wq, &f->work, 0);
	wake_up_all(&f->wait);
	return e;
}

static int release(struct fault *f, const char *name, unsigned int n)
{
	struct fault_bio *pb, *next;
	struct fault_rule *r;

	spin_lock_irq(&f->lock);
	r = named(f, name);
	if (r)
		list_for_each_entry_safe(pb, next, &r->held, list)
			if (n) {
				let_go(f, r, pb);
				n--;
			}
	spin_unlock_irq(&f->lock);
	mod_delayed_work(f->wq, &f->work, 0);
	return r ? 0 : -ENOENT;
}

/* 0: not yet, 1: it is so; *hits gets the hits */
static int reached(struct fault *f, const char *name, bool held, u64 n, u64 *hits)
{
	struct fault_rule *r;
	int e = -ENOENT;

	spin_lock_irq(&f->lock);
	r = named(f, name);
	if (r) {
		e = (held ? r->nr_held : r->hits) >= n;
		*hits = r->hits;
	}
	spin_unlock_irq(&f->lock);
	return e;
}

static int await(struct fault *f, unsigned int argc, char **argv)
{
	unsigned int ms = AWAIT_MS;
	bool held;
	u64 n, hits;
	long left;
	int e = 0;

	if (argc < 3 || argc > 4 || kstrtou64(argv[2], 10, &n) ||
	    (argc == 4 && kstrtouint(argv[3], 10, &ms)))
		return -EINVAL;
	held = !strcmp(argv[1], "held");
	if (!held && strcmp(argv[1], "hits"))
		return -EINVAL;
	left = wait_event_killable_timeout(f->wait,
			(e = reached(f, argv[0], held, n, &hits)),
			msecs_to_jiffies(ms));
	if (left < 0)
		return left;
	return e < 0 ? e : e ? 0 : -ETIMEDOUT;
}

static int fault_message(struct dm_target *ti, unsigned int argc, char **argv,
			 char *result, unsigned int maxlen)
{
	struct fault *f = ti->private;
	unsigned int n = UINT_MAX, sz = 0;
	u64 hits;
	int e;

	if (!strcmp(argv[0], "rule"))
		return add_rule(f, argc - 1, argv + 1);
	if (!strcmp(argv[0], "await"))
		return await(f, argc - 1, argv + 1);
	if (!strcmp(argv[0], "clear") && argc == 1)
		return drop_rules(f, NULL);
	if (!strcmp(argv[0], "drop") && argc == 2)
		return drop_rules(f, argv[1]);
	if (!strcmp(argv[0], "release") && (argc == 2 || argc == 3))
		return argc == 3 && kstrtouint(argv[2], 10, &n) ? -EINVAL :
		       release(f, argv[1], n);
	if (!strcmp(argv[0], "hits") && argc == 2) {
		e = reached(f, argv[1], false, 0, &hits);
		if (e < 0)
			return e;
		DMEMIT("%llu", hits);
		return 1;
	}
	return -EINVAL;
}

/* -- the target -------------------------------------------------------------- */

static void fault_status(struct dm_target *ti, status_type_t type,
			 unsigned int status_flags, char *result, unsigned int maxlen)
{
	struct fault *f = ti->private;
	struct fault_rule *r;
	unsigned int sz = 0;

	*result = '\0';
	if (type == STATUSTYPE_TABLE)
		DMEMIT("%s %llu", f->dev->name, (unsigned long long)f->start);
	if (type != STATUSTYPE_INFO)
		return;
	spin_lock_irq(&f->lock);
	DMEMIT("%llu %llu %llu %llu %llu", f->reads, f->writes, f->flushes,
	       f->fua, f->discards);
	list_for_each_entry(r, &f->rules, list)
		DMEMIT(" %s %llu %u", r->name, r->hits, r->nr_held);
	spin_unlock_irq(&f->lock);
}

/* No bio is under way, or the table would not go. */
static void fault_dtr(struct dm_target *ti)
{
	struct fault *f = ti->private;

	drop_rules(f, NULL);
	cancel_delayed_work_sync(&f->work);
	WARN_ON(!list_empty(&f->go) || !list_empty(&f->landing));
	destroy_workqueue(f->wq);
	dm_put_device(ti, f->dev);
	kfree(f);
}

static int fault_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	unsigned long long start;
	struct fault *f;
	int r;

	if (argc != 2 || kstrtoull(argv[1], 10, &start)) {
		ti->error = "Usage: <device> <offset>";
		return -EINVAL;
	}
	f = kzalloc(sizeof(*f), GFP_KERNEL);
	if (!f)
		return -ENOMEM;
	f->start = start;
	spin_lock_init(&f->lock);
	INIT_LIST_HEAD(&f->rules);
	INIT_LIST_HEAD(&f->landing);
	INIT_LIST_HEAD(&f->go);
	init_waitqueue_head(&f->wait);
	INIT_DELAYED_WORK(&f->work, fault_work);
	f->wq = alloc_ordered_workqueue("dm-fault", WQ_MEM_RECLAIM);
	r = -ENOMEM;
	if (!f->wq)
		goto bad;
	r = dm_get_device(ti, argv[0], dm_table_get_mode(ti->table), &f->dev);
	if (r)
		goto bad;
	ti->private = f;
	ti->num_flush_bios = 1;
	ti->num_discard_bios = 1;
	ti->num_write_zeroes_bios = 1;
	ti->per_io_data_size = sizeof(struct fault_bio);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 18, 0)
	ti->accounts_remapped_io = true;
#endif
	return 0;
bad:
	ti->error = "Can't open the device, or out of memory";
	if (f->wq)
		destroy_workqueue(f->wq);
	kfree(f);
	return r;
}

static int fault_iterate_devices(struct dm_target *ti, iterate_devices_callout_fn fn,
				 void *data)
{
	struct fault *f = ti->private;

	return fn(ti, f->dev, f->start, ti->len, data);
}

static struct target_type fault_target = {
	.name = "fault",
	.version = { 1, 0, 0 },
	.module = THIS_MODULE,
	.ctr = fault_ctr,
	.dtr = fault_dtr,
	.map = fault_map,
	.end_io = fault_end_io,
	.status = fault_status,
	.message = fault_message,
	.iterate_devices = fault_iterate_devices,
};

static int __init dm_fault_init(void)
{
	return dm_register_target(&fault_target);
}

static void __exit dm_fault_exit(void)
{
	dm_unregister_target(&fault_target);
}

module_init(dm_fault_init);
module_exit(dm_fault_exit);

MODULE_DESCRIPTION(DM_NAME " target that fails, delays and holds I/O, for tests");
MODULE_AUTHOR("The dm-remap authors");
MODULE_LICENSE("GPL");
