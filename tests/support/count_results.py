#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts what a run of `meson test` really did: count_results.py BUILD/meson-logs/testlog

Reads testlog.json (one line for each test program: did it end well?) and testlog.junit.xml (the cases inside it: GoogleTest
and TAP). Counts cases where there are any. A program that crashed, ran out of time or ran no case at all counts as a
failure, whatever its cases say. The last line is `N passed, N failed, N skipped`; the exit code is 0 only when something
passed and nothing failed.
"""
import json
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

GOOD = ("OK", "SKIP")


def cases_by_suite(junit):
    """{suite name: [case element]}; meson names a suite PROJECT.TEST, PROJECT.TEST.GTESTSUITE or PROJECT."""
    suites = {}
    for suite in junit.iter("testsuite"):
        suites.setdefault(suite.get("name", ""), []).extend(suite.iter("testcase"))
    return suites


def cases_of(test, suites):
    """The cases of the program that meson calls \"PROJECT:SUITE / NAME\", or \"NAME\" where there is only one suite."""
    cases = []
    for suite, members in suites.items():
        rest = suite.partition(".")[2]
        if rest == test or rest.startswith(test + "."):
            cases += members
        elif not rest:
            cases += [case for case in members if case.get("name") == test]
    return cases


def outcome(case):
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    if case.find("skipped") is not None or case.get("status") == "notrun":
        return "skipped"
    return "passed"


def count(tests, suites):
    """Returns ({outcome: number}, [lines that say what was not passed])."""
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    remarks = []
    for test in tests:
        name, result = test["name"], test["result"]
        outcomes = []
        for case in cases_of(name, suites):
            outcomes.append(outcome(case))
            if outcomes[-1] != "passed":
                remarks.append(f"{outcomes[-1]}: {name}: {case.get('name')}")
        if result not in GOOD and "failed" not in outcomes:
            # A single case may be meson's stand-in for the whole program.
            outcomes = ["failed"] if len(outcomes) < 2 else outcomes + ["failed"]
            remarks.append(f"failed: {name}: meson says {result}, exit status {test.get('returncode')}")
        elif not outcomes:
            outcomes.append("failed")
            remarks.append(f"failed: {name}: it ran no test case")
        for one in outcomes:
            totals[one] += 1
    return totals, remarks


def main(base):
    log, junit = pathlib.Path(base + ".json"), pathlib.Path(base + ".junit.xml")
    totals, remarks = {"passed": 0, "failed": 0, "skipped": 0}, []
    try:
        tests = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        totals, remarks = count(tests, cases_by_suite(ElementTree.parse(junit).getroot()))
    except (OSError, ValueError, KeyError, ElementTree.ParseError) as error:
        totals["failed"] += 1
        remarks.append(f"failed: the results cannot be read: {error}")
    if not any(totals.values()):
        remarks.append("nothing ran")
    print("\n".join(remarks + [""]), end="")
    print(f"{totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped")
    return 0 if totals["passed"] and not totals["failed"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
