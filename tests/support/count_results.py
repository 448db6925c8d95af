#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts what a run of `meson test` really did: count_results.py BUILD/meson-logs/testlog [options]

Reads testlog.json (one line for each test program: did it end well?) and testlog.junit.xml (the cases inside it: GoogleTest
and TAP). Counts cases where there are any. A program that crashed, ran out of time or ran no case at all counts as a
failure, whatever its cases say. The last line is `N passed, N failed, N skipped`; the exit code is 0 only when something
passed and nothing failed.

A lab is many programs in real time on whatever machine this is, beside other labs; the suites with sockets of their own are
in real time, too. --to-repeat prints those that failed, if they are few: tools/dev runs them once more, alone, and gives that
run by --again. It counts instead of the first, and what failed at first is said. --reports names a folder in which each file
is a sanitizer's report: a failure, whatever the test that it came from made of it, and no reason for a second try.
"""
import argparse
import json
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

GOOD = ("OK", "SKIP")
FOUND = ("ERROR: ", "runtime error: ", "SUMMARY: ")
REAL_TIME = ("hostile", "lab", "net")  # suites
FEW = 4  # Where more of them fail than these, something is wrong with more than the machine's pace.


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


def read(base):
    """Returns ([test], {suite: [case]}) of one run."""
    log, junit = pathlib.Path(base + ".json"), pathlib.Path(base + ".junit.xml")
    tests = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return tests, cases_by_suite(ElementTree.parse(junit).getroot())


def programs_to_repeat(base):
    if not pathlib.Path(base + ".json").exists():
        return []
    failed = [test["name"] for test in read(base)[0] if test["result"] not in GOOD]
    timed = [name.rpartition(" / ")[2] for name in failed if name.partition(" / ")[0].rpartition(":")[2] in REAL_TIME]
    return timed if len(timed) == len(failed) <= FEW else []


def count_run(base, again):
    """Counts the run, with what the second one says of the programs that are in both."""
    tests, suites = read(base)
    if again is None:
        return count(tests, suites)
    repeated, repeated_suites = read(again)
    names = {test["name"] for test in repeated}
    first = count([test for test in tests if test["name"] in names], suites)[1]
    totals, remarks = count([test for test in tests if test["name"] not in names], suites)
    second, more = count(repeated, repeated_suites)
    remarks += ["at first " + remark for remark in first if remark.startswith("failed")]
    return {key: totals[key] + second[key] for key in totals}, remarks + more


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("base")
    parser.add_argument("--to-repeat", action="store_true")
    parser.add_argument("--again")
    parser.add_argument("--reports", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.to_repeat:
        for name in programs_to_repeat(arguments.base):
            print(name)
        return 0
    totals, remarks = {"passed": 0, "failed": 0, "skipped": 0}, []
    try:
        totals, remarks = count_run(arguments.base, arguments.again)
    except (OSError, ValueError, KeyError, ElementTree.ParseError) as error:
        totals["failed"] += 1
        remarks.append(f"failed: the results cannot be read: {error}")
    for report in sorted(arguments.reports.iterdir()) if arguments.reports else []:
        text = report.read_text(encoding="utf-8", errors="replace")
        if any(sign in text for sign in FOUND):  # and not only that a killed program's symbolizer ended
            totals["failed"] += 1
            remarks += [text, f"failed: a sanitizer's report: {report}"]
    if not any(totals.values()):
        remarks.append("nothing ran")
    print("\n".join(remarks + [""]), end="")
    print(f"{totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped")
    return 0 if totals["passed"] and not totals["failed"] else 1


if __name__ == "__main__":
    sys.exit(main())
