#!/usr/bin/env python3
"""docs/reliability.md against what is there: every mutant has its row, every scenario it names exists."""

import pathlib
import re
import sys

repo = pathlib.Path(__file__).resolve().parents[2]
text = (repo / "docs/reliability.md").read_text()
rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
problems = []

wanted = []
for line in (repo / "tests/mutants/table").read_text().splitlines():
    if line and not line.startswith("#"):
        name, rule, kind, test = (cell.strip() for cell in line.split("|"))
        wanted.append([name, rule, test if kind == "unit" else f"{test} (VM)"])
start = rows.index(["mutant", "broken rule", "caught by"])
listed = rows[start + 2 :]
problems += [f"no row for the mutant {row[0]} ({row[2]})" for row in wanted if row not in listed]
problems += [f"no such mutant: {row}" for row in listed if row not in wanted]

# The tables that begin so go on as long as their rows have three cells.
header = ["what happens", "what has to follow", "scenario"]
named = set()
for start in [i for i, row in enumerate(rows) if row == header]:
    for row in rows[start + 2 :]:
        if len(row) != 3 or row in (header, ["---"] * 3):
            break
        named.update(re.split(r", *", row[2]))
problems += [f"no scenario {name}" for name in sorted(named) if not (repo / "tests/vm/scenarios" / name / "host").exists()]

print("\n".join(problems) or f"{len(wanted)} mutants, all of them in docs/reliability.md")
sys.exit(bool(problems))
