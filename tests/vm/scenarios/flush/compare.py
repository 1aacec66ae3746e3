#!/usr/bin/env python3
"""Compares what two boots made the disks do.

compare.py LIBRARY LINEAR-LOG LINEAR-MARKS REMAP-LOG REMAP-MARKS

The logs are those of the recorder; MARKS has lines "SECTOR NAME": a write to that sector of the
disk "marks" begins phase NAME. An emulated disk may carry out a FUA write as a write and a flush,
so that is what every FUA write counts as.
"""

import struct
import sys

sys.path.insert(0, sys.argv[1])
import replay_log  # noqa: E402  (found in LIBRARY)

STAMP = 0x726F746365732D7E  # sectorio's
JOURNAL = 0xC03B3998
DESCRIPTOR, COMMIT = 1, 2

checks, failures = 0, 0


def check(what, good):
    global checks, failures
    checks += 1
    failures += not good
    if not good:
        print(f"    FAIL  {what}")


def phases(log_path, marks_path):
    """{name: [(disk, "write" or "flush", data)]}"""
    with open(marks_path, encoding="utf-8") as f:
        names = dict(line.rstrip("\n").split(" ", 1) for line in f)
    log = replay_log.Log(log_path)
    result, now = {}, []
    for entry in log.entries:
        if entry.disk == "marks":
            if entry.sectors:
                now = result.setdefault(names[str(entry.sector)], [])
            continue
        if entry.sectors:
            now.append((entry.disk, "write", log.data(entry)))
        if entry.flags & (replay_log.FLUSH | replay_log.FUA):
            now.append((entry.disk, "flush", b""))
    return result


def kinds(phase, disk):
    return [kind for where, kind, _data in phase if where == disk]


def stamped(phase, disk, sector):
    """Every write to the disk is the block that sectorio wrote for this sector."""
    writes = [data for where, kind, data in phase if (where, kind) == (disk, "write")]
    return all(
        len(data) == 4096 and struct.unpack_from("<QQ", data) == (STAMP, sector) for data in writes
    )


def operations(linear, remap):
    for name in ("settle", "write", "flush", "idle", "fua", "dsync"):
        wanted = kinds(linear[f"linear-main {name}"], "main")
        phase = remap[f"healthy {name}"]
        check(f"healthy {name}: main {wanted}", kinds(phase, "main") == wanted)
        check(f"healthy {name}: its data", stamped(phase, "main", 60000))
        if name != "settle":
            check(f"healthy {name}: nothing on the spare", not kinds(phase, "spare"))
        wanted = kinds(linear[f"linear-spare {name}"], "spare")
        phase = remap[f"remapped {name}"]
        if name in ("settle", "idle"):
            check(f"remapped {name}: spare not flushed again", not kinds(phase, "spare"))
            check(f"remapped {name}: main flushed", kinds(phase, "main") == ["flush"])
            continue
        check(f"remapped {name}: spare {wanted}", kinds(phase, "spare") == wanted)
        check(f"remapped {name}: its data", stamped(phase, "spare", 60800))
        check(f"remapped {name}: nothing written to main", "write" not in kinds(phase, "main"))
        if name == "flush":
            check("remapped flush: main too", kinds(phase, "main") == ["flush"])
    # The comparison itself: the kernel made the disk do what the operation is about.
    wanted = {
        "write": ["write"],
        "flush": ["flush"],
        "idle": ["flush"],
        "fua": ["write", "flush"],
        "dsync": ["write", "flush"],
    }
    for name, events in wanted.items():
        for disk in ("main", "spare"):
            check(
                f"linear-{disk} {name}: {events}",
                kinds(linear[f"linear-{disk} {name}"], disk)[: len(events)] == events,
            )


def journal(phase, name, data_disk, journal_disk):
    """Data and journal are flushed on their disks before the commit block, and it after."""

    def first(disk, want, start=0):
        for i in range(start, len(phase)):
            if phase[i][0] == disk and want(phase[i]):
                return i
        return None

    def block(kind):
        return lambda event: event[1] == "write" and any(
            struct.unpack_from(">LL", event[2], at) == (JOURNAL, kind)
            for at in range(0, len(event[2]), 4096)
        )

    text = f"phase {name}\n".encode()
    data = first(data_disk, lambda event: event[1] == "write" and event[2].startswith(text))
    descriptor = first(journal_disk, block(DESCRIPTOR))
    commit = first(journal_disk, block(COMMIT))
    check(
        f"journal {name}: data on {data_disk}, journal on {journal_disk}",
        None not in (data, descriptor, commit),
    )
    if None in (data, descriptor, commit):
        for disk, kind, content in phase:
            print(f"          {disk} {kind} {content[:12]}")
        return

    def flush(disk, start):
        at = first(disk, lambda event: event[1] == "flush", start)
        return len(phase) if at is None else at

    check(f"journal {name}: data, flush, commit block", data < flush(data_disk, data) < commit)
    check(
        f"journal {name}: descriptor, flush, commit block",
        descriptor < flush(journal_disk, descriptor) < commit,
    )
    check(f"journal {name}: commit block, flush", flush(journal_disk, commit) < len(phase))


def main():
    linear = phases(*sys.argv[2:4])
    remap = phases(*sys.argv[4:6])
    operations(linear, remap)
    journal(linear["journal linear"], "linear", "main", "main")
    same = kinds(linear["journal linear"], "main")
    check(f"journal healthy: main {same}", kinds(remap["journal healthy"], "main") == same)
    check("journal healthy: nothing on the spare", not kinds(remap["journal healthy"], "spare"))
    journal(remap["journal healthy"], "healthy", "main", "main")
    journal(remap["journal journal-on-spare"], "journal-on-spare", "main", "spare")
    journal(remap["journal both-on-spare"], "both-on-spare", "spare", "spare")
    journal(remap["journal data-on-spare"], "data-on-spare", "spare", "main")
    print(f"    {checks} checks of what the disks were told, {failures} failed")
    sys.exit(failures != 0)


main()
