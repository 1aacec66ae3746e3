#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs remapctl as a user would, without a kernel module and without being root.

    run_test.py [options] [MODULE [TEST]]

MODULE is the file test_MODULE.py, TEST one of its methods without "test_"; without
them everything runs. --update-golden writes tests/cli/golden anew instead of
comparing: look at the difference before it is committed.
"""

import argparse
import importlib
import pathlib
import sys
import unittest

import harness

HERE = pathlib.Path(__file__).resolve().parent


def cases(module):
    """All test cases of a module, by name without "test_"."""
    found = {}
    for suite in unittest.defaultTestLoader.loadTestsFromModule(
            importlib.import_module(f"test_{module}")):
        for case in suite:
            name = case.id().rsplit(".", 1)[1].removeprefix("test_")
            if name in found:
                sys.exit(f"test_{module}.py has two tests of the name {name}")
            found[name] = case
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module", nargs="?")
    parser.add_argument("test", nargs="?")
    parser.add_argument("--remapctl", required=True)
    parser.add_argument("--world", required=True)
    parser.add_argument("--mkspare", required=True)
    parser.add_argument("--remap-probe", required=True)
    parser.add_argument("--build", required=True, help="directory of the build")
    parser.add_argument("--schema", required=True)
    parser.add_argument("--update-golden", action="store_true")
    args = parser.parse_args()
    harness.configure(args)
    modules = [args.module] if args.module else sorted(
        path.stem.removeprefix("test_") for path in HERE.glob("test_*.py"))
    suite = unittest.TestSuite()
    for module in modules:
        found = cases(module)
        if args.test and args.test not in found:
            sys.exit(f"test_{module}.py has no test {args.test}")
        suite.addTests([found[args.test]] if args.test else found.values())
    sys.exit(not unittest.TextTestRunner(verbosity=1).run(suite).wasSuccessful())


if __name__ == "__main__":
    main()
