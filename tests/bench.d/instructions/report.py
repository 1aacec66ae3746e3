#!/usr/bin/env python3
"""Prints what measure.sh found; fails if dm-remap without entries costs too much over dm-linear."""
import argparse
import collections
import statistics
import sys

NAMES = {
    "raw": "null_blk",
    "linear": "dm-linear",
    "remap-0": "dm-remap, no entries",
    "remap-1000": "dm-remap, 1000 entries",
    "remap-1000000": "dm-remap, 1 000 000 entries",
}
# What has a limit. Over null_blk's bio mode a figure repeats to the instruction; under the request
# layer the same module differs by a dozen from boot to boot, so that is printed for information.
GATED = ("bio", "remap-0")


def read_samples(path):
    """{(mode, device, direction): [one figure a sample]}: the median batch, which has no timer tick."""
    samples = collections.defaultdict(list)
    with open(path, encoding="ascii") as f:
        for line in f:
            mode, device, direction, *batches = line.split()
            samples[mode, device, direction].append(statistics.median(map(float, batches)))
    return samples


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("samples")
    parser.add_argument("--limit", type=float, required=True)
    args = parser.parse_args()

    samples = read_samples(args.samples)
    median = {key: statistics.median(values) for key, values in samples.items()}
    excess = []
    count = min(map(len, samples.values()))
    print(f"instructions per 4 KiB of direct I/O, random healthy blocks of 1 TiB (median of {count} samples,")
    print("largest difference between samples, difference to dm-linear)")
    for mode in ("bio", "mq"):
        title = f"null_blk, {mode}"
        print(f"\n{title:28} {'read':>8} {'spread':>7} {'-linear':>8}   {'write':>8} {'spread':>7} {'-linear':>8}")
        for device, name in NAMES.items():
            row = f"{name:28}"
            for direction in "rw":
                values = samples[mode, device, direction]
                over = median[mode, device, direction] - median[mode, "linear", direction]
                row += f" {median[mode, device, direction]:8.0f} {max(values) - min(values):7.1f} {over:+8.1f}  "
                if (mode, device) == GATED and over > args.limit:
                    excess.append(f"{mode}, {'read' if direction == 'r' else 'write'}: {over:+.1f}")
            print(row.rstrip())
    print()
    if excess:
        print(f"TOO MUCH: without entries at most +{args.limit:.0f} is allowed: {'; '.join(excess)}")
        return 1
    print(f"ok: without entries at most +{args.limit:.0f} over bio mode")
    return 0


sys.exit(main())
