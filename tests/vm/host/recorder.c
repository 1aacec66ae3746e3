// SPDX-License-Identifier: GPL-2.0-only
/*
 * recorder: serves disk images to QEMU over NBD and records every write in one log.
 *
 *   recorder --socket PATH --log LOG NAME=FILE...
 *
 * Each NAME is an NBD export. All exports share one log, in dm-log-writes format, so that the order
 * of writes to different disks is known; in it the disks lie one behind the other, each at a
 * multiple of 1 MiB. LOG.disks says where: "NAME FIRST-SECTOR SECTORS" a line. A flush entry has its
 * disk's first sector in the sector field, where the format has no use for it.
 *
 * Why not QEMU's own blklogwrites: it turns a FUA write into a write and a flush of everything, and
 * a flush into one of no particular disk. With that a log can't show a lost FUA or a lost preflush.
 *
 * An existing log is appended to. The recorder ends on SIGTERM; entries are in the log when the
 * request is answered, so killing QEMU at any time leaves a valid log.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SECTOR 512u
#define MAX_DISKS 64
#define MAX_REQUEST (64u << 20)

/* dm-log-writes */
#define LOG_MAGIC 0x6a736677736872ull
#define LOG_FLUSH 1u
#define LOG_FUA 2u
#define LOG_DISCARD 4u

struct log_super {
	uint64_t magic, version, entries;
	uint32_t sector_size;
} __attribute__((packed));

struct log_entry {
	uint64_t sector, sectors, flags, data_length;
};

/* NBD, "fixed newstyle" handshake, simple replies */
#define NBD_MAGIC 0x4e42444d41474943ull
#define NBD_OPT_MAGIC 0x49484156454f5054ull
#define NBD_REPLY_OPT_MAGIC 0x3e889045565a9ull
#define NBD_REQUEST_MAGIC 0x25609513u
#define NBD_REPLY_MAGIC 0x67446698u
enum { OPT_EXPORT_NAME = 1, OPT_ABORT = 2, OPT_INFO = 6, OPT_GO = 7 };
enum { REP_ACK = 1, REP_INFO = 3, REP_ERR_UNSUP = (1u << 31) + 1, REP_ERR_UNKNOWN = (1u << 31) + 6 };
enum { INFO_EXPORT = 0, INFO_BLOCK_SIZE = 3 };
enum { CMD_READ, CMD_WRITE, CMD_DISC, CMD_FLUSH, CMD_TRIM };
#define CMD_FLAG_FUA 1u
/* has flags, send flush, send FUA, send trim */
#define EXPORT_FLAGS (1u | 4u | 8u | 32u)

struct disk {
	const char *name;
	int fd;
	uint64_t base, size; /* bytes */
};

static struct disk disks[MAX_DISKS];
static int disk_count;
static int log_fd;
static uint64_t log_end, log_entries;
/* Also makes a write and its log entry one step, so the log has the order in which things happened. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char *format, ...)
{
	va_list args;

	fputs("recorder: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static int read_all(int fd, void *buffer, size_t length)
{
	for (char *p = buffer; length;) {
		ssize_t n = read(fd, p, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		length -= (size_t)n;
	}
	return 0;
}

static int write_all(int fd, const void *buffer, size_t length)
{
	for (const char *p = buffer; length;) {
		ssize_t n = write(fd, p, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		length -= (size_t)n;
	}
	return 0;
}

static int pwrite_all(int fd, const void *buffer, size_t length, uint64_t offset)
{
	for (const char *p = buffer; length;) {
		ssize_t n = pwrite(fd, p, length, (off_t)offset);

		if (n <= 0)
			return -1;
		p += n;
		length -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static int write_super(void)
{
	struct log_super super = {
		htole64(LOG_MAGIC), htole64(1), htole64(log_entries), htole32(SECTOR),
	};

	return pwrite_all(log_fd, &super, sizeof(super), 0);
}

static int append(uint64_t sector, uint64_t sectors, uint64_t flags, const void *data, size_t length)
{
	char header[SECTOR] = { 0 };
	struct log_entry entry = { htole64(sector), htole64(sectors), htole64(flags), 0 };

	memcpy(header, &entry, sizeof(entry));
	if (pwrite_all(log_fd, header, SECTOR, log_end) ||
	    pwrite_all(log_fd, data, length, log_end + SECTOR))
		return -1;
	log_end += SECTOR + length;
	log_entries++;
	return write_super();
}

/* Returns an errno. */
static int perform(const struct disk *d, unsigned command, unsigned flags, uint64_t offset,
		   uint32_t length, char *data)
{
	uint64_t log_flags = flags & CMD_FLAG_FUA ? LOG_FUA : 0;
	uint64_t sector = (d->base + offset) / SECTOR;
	int error = 0;

	if (command != CMD_FLUSH &&
	    (offset % SECTOR || length % SECTOR || offset + length > d->size))
		return EINVAL;
	if (command == CMD_READ)
		return pread(d->fd, data, length, (off_t)offset) == (ssize_t)length ? 0 : EIO;
	pthread_mutex_lock(&lock);
	switch (command) {
	case CMD_WRITE:
		if (pwrite_all(d->fd, data, length, offset) ||
		    append(sector, length / SECTOR, log_flags, data, length))
			error = EIO;
		break;
	case CMD_FLUSH:
		if (append(d->base / SECTOR, 0, LOG_FLUSH, NULL, 0))
			error = EIO;
		break;
	case CMD_TRIM:
		if (fallocate(d->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
			      length) ||
		    append(sector, length / SECTOR, LOG_DISCARD | log_flags, NULL, 0))
			error = EIO;
		break;
	default:
		error = EINVAL;
	}
	pthread_mutex_unlock(&lock);
	return error;
}

static int option_reply(int fd, uint32_t option, uint32_t type, const void *data, uint32_t length)
{
	struct {
		uint64_t magic;
		uint32_t option, type, length;
	} __attribute__((packed)) reply = {
		htobe64(NBD_REPLY_OPT_MAGIC), htobe32(option), htobe32(type), htobe32(length),
	};

	return write_all(fd, &reply, sizeof(reply)) || write_all(fd, data, length);
}

static const struct disk *find_disk(const char *name, size_t length)
{
	for (int i = 0; i < disk_count; i++)
		if (strlen(disks[i].name) == length && !memcmp(disks[i].name, name, length))
			return &disks[i];
	return NULL;
}

static int send_info(int fd, uint32_t option, const struct disk *d)
{
	struct {
		uint16_t type;
		uint64_t size;
		uint16_t flags;
	} __attribute__((packed)) export = {
		htobe16(INFO_EXPORT), htobe64(d->size), htobe16(EXPORT_FLAGS),
	};
	struct {
		uint16_t type;
		uint32_t minimum, preferred, maximum;
	} __attribute__((packed)) sizes = {
		htobe16(INFO_BLOCK_SIZE), htobe32(SECTOR), htobe32(4096), htobe32(MAX_REQUEST),
	};

	return option_reply(fd, option, REP_INFO, &export, sizeof(export)) ||
	       option_reply(fd, option, REP_INFO, &sizes, sizeof(sizes)) ||
	       option_reply(fd, option, REP_ACK, NULL, 0);
}

/* Returns the export the client chose, NULL if it left. */
static const struct disk *handshake(int fd)
{
	struct {
		uint64_t magic, option_magic;
		uint16_t flags;
	} __attribute__((packed)) hello = {
		htobe64(NBD_MAGIC), htobe64(NBD_OPT_MAGIC), htobe16(3), /* fixed newstyle, no zeroes */
	};
	struct {
		uint64_t magic;
		uint32_t option, length;
	} __attribute__((packed)) request;
	char data[4096];
	uint32_t client_flags;

	if (write_all(fd, &hello, sizeof(hello)) || read_all(fd, &client_flags, 4))
		return NULL;
	for (;;) {
		const struct disk *d;
		uint32_t option, length, name_length;

		if (read_all(fd, &request, sizeof(request)))
			return NULL;
		option = be32toh(request.option);
		length = be32toh(request.length);
		if (length > sizeof(data) || read_all(fd, data, length))
			return NULL;
		switch (option) {
		case OPT_INFO:
		case OPT_GO:
			memcpy(&name_length, data, 4);
			name_length = be32toh(name_length);
			if (length < 6 || name_length > length - 6)
				return NULL;
			d = find_disk(data + 4, name_length);
			if (!d) {
				if (option_reply(fd, option, REP_ERR_UNKNOWN, NULL, 0))
					return NULL;
				break;
			}
			if (send_info(fd, option, d))
				return NULL;
			if (option == OPT_GO)
				return d;
			break;
		case OPT_ABORT:
			option_reply(fd, option, REP_ACK, NULL, 0);
			return NULL;
		default:
			if (option_reply(fd, option, REP_ERR_UNSUP, NULL, 0))
				return NULL;
		}
	}
}

static void *serve(void *argument)
{
	int fd = (int)(intptr_t)argument;
	const struct disk *d = handshake(fd);
	char *data = NULL;
	size_t capacity = 0;

	while (d) {
		struct {
			uint32_t magic;
			uint16_t flags, command;
			uint64_t cookie, offset;
			uint32_t length;
		} __attribute__((packed)) request;
		struct {
			uint32_t magic, error;
			uint64_t cookie;
		} __attribute__((packed)) reply;
		unsigned command;
		uint32_t length;
		int error;

		if (read_all(fd, &request, sizeof(request)) ||
		    be32toh(request.magic) != NBD_REQUEST_MAGIC)
			break;
		command = be16toh(request.command);
		length = be32toh(request.length);
		if (command == CMD_DISC)
			break;
		if (command <= CMD_WRITE && length > MAX_REQUEST)
			break;
		if (command <= CMD_WRITE && length > capacity) {
			data = realloc(data, length);
			if (!data)
				fail("out of memory");
			capacity = length;
		}
		if (command == CMD_WRITE && read_all(fd, data, length))
			break;
		error = perform(d, command, be16toh(request.flags), be64toh(request.offset), length,
				data);
		if (error)
			fprintf(stderr, "recorder: %s: command %u failed: %s\n", d->name, command,
				strerror(error));
		reply.magic = htobe32(NBD_REPLY_MAGIC);
		reply.error = htobe32((uint32_t)error);
		reply.cookie = request.cookie;
		if (write_all(fd, &reply, sizeof(reply)))
			break;
		if (command == CMD_READ && !error && write_all(fd, data, length))
			break;
	}
	free(data);
	close(fd);
	return NULL;
}

/* Goes to the end of a log from an earlier boot. */
static void open_log(const char *path)
{
	struct log_super super;

	log_fd = open(path, O_RDWR | O_CREAT, 0666);
	if (log_fd < 0)
		fail("%s: %s", path, strerror(errno));
	log_end = SECTOR;
	if (pread(log_fd, &super, sizeof(super), 0) == sizeof(super)) {
		if (le64toh(super.magic) != LOG_MAGIC || le32toh(super.sector_size) != SECTOR)
			fail("%s: not a log of mine", path);
		for (log_entries = 0; log_entries < le64toh(super.entries); log_entries++) {
			struct log_entry entry;

			if (pread(log_fd, &entry, sizeof(entry), (off_t)log_end) != sizeof(entry))
				fail("%s: entry %llu is missing", path,
				     (unsigned long long)log_entries);
			log_end += SECTOR;
			if (!(le64toh(entry.flags) & LOG_DISCARD))
				log_end += le64toh(entry.sectors) * SECTOR;
		}
	}
	if (write_super())
		fail("%s: %s", path, strerror(errno));
}

static void add_disk(char *argument, uint64_t *next)
{
	struct disk *d = &disks[disk_count];
	char *file = strchr(argument, '=');
	struct stat st;

	if (!file || disk_count++ == MAX_DISKS)
		fail("bad or too many disks: %s", argument);
	*file++ = 0;
	d->name = argument;
	d->fd = open(file, O_RDWR | O_CLOEXEC);
	if (d->fd < 0 || fstat(d->fd, &st))
		fail("%s: %s", file, strerror(errno));
	d->size = (uint64_t)st.st_size / SECTOR * SECTOR;
	d->base = *next;
	*next = (d->base + d->size + (1u << 20) - 1) >> 20 << 20;
}

static void write_layout(const char *log)
{
	char *path;
	FILE *f;

	if (asprintf(&path, "%s.disks", log) < 0 || !(f = fopen(path, "w")))
		fail("%s.disks: %s", log, strerror(errno));
	for (int i = 0; i < disk_count; i++)
		fprintf(f, "%s %llu %llu\n", disks[i].name,
			(unsigned long long)(disks[i].base / SECTOR),
			(unsigned long long)(disks[i].size / SECTOR));
	fclose(f);
	free(path);
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *log = NULL, *path = NULL;
	uint64_t next = 0;
	int listener;

	signal(SIGPIPE, SIG_IGN);
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--socket") && i + 1 < argc)
			path = argv[++i];
		else if (!strcmp(argv[i], "--log") && i + 1 < argc)
			log = argv[++i];
		else
			add_disk(argv[i], &next);
	}
	if (!log || !path || !disk_count)
		fail("usage: recorder --socket PATH --log LOG NAME=FILE...");
	open_log(log);
	write_layout(log);
	/*
	 * The socket appears under its name only when it takes connections: the name is what the
	 * harness waits for.
	 */
	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s.new", path) >=
	    (int)sizeof(address.sun_path))
		fail("%s: too long for a socket", path);
	unlink(address.sun_path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, MAX_DISKS) || rename(address.sun_path, path))
		fail("%s: %s", path, strerror(errno));
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		pthread_t thread;

		if (fd < 0)
			continue;
		if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd))
			fail("no thread");
		pthread_detach(thread);
	}
}
