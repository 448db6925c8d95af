#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The counter of test results, against what meson really writes: each way in which a test program can go wrong."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

COUNTER = pathlib.Path(__file__).parents[1] / "support" / "count_results.py"

# Test programs by what they do; a GoogleTest program is asked for its report by an argument.
PROGRAM = '''
import os, signal, sys, time
kind, report = sys.argv[1], next((a.split(":", 1)[1] for a in sys.argv if a.startswith("--gtest_output=xml:")), None)
def gtest(*cases):
    with open(report, "w") as out:
        out.write('<testsuites><testsuite name="Suite">')
        for name, inside in cases:
            out.write(f'<testcase name="{name}" status="run" result="completed">{inside}</testcase>')
        out.write("</testsuite></testsuites>")
if kind == "two-pass": gtest(("A", ""), ("B", ""))
if kind == "one-of-three-fails": gtest(("A", ""), ("B", "<failure/>"), ("C", "<skipped/>")); sys.exit(1)
if kind == "no-case": open(report, "w").write("<testsuites/>")
if kind == "crashes": os.kill(os.getpid(), signal.SIGSEGV)
if kind == "crashes-after-report": gtest(("A", ""), ("B", "")); os.kill(os.getpid(), signal.SIGSEGV)
if kind == "hangs": time.sleep(60)
if kind == "tap": print("1..3\\nok 1 - a\\nnot ok 2 - b\\nok 3 - c # SKIP no")
if kind == "tap-good": print("1..1\\nok 1 - a")
if kind == "tap-short": print("1..3\\nok 1 - a\\nok 2 - b")
if kind == "tap-second-time":
    try:
        open("been-here", "x")
        print("1..2\\nok 1 - a\\nnot ok 2 - b")
    except FileExistsError:
        print("1..2\\nok 1 - a\\nok 2 - b")
if kind == "exit-0": pass
if kind == "exit-1": sys.exit(1)
if kind == "exit-77": sys.exit(77)
'''


class CountResults(unittest.TestCase):
    def count(self, tests):
        """Runs {kind: protocol} under meson and counts. Returns (last line, exit code)."""
        with tempfile.TemporaryDirectory() as name:
            source = pathlib.Path(name)
            lines = ["project('p')", "python = find_program('python3')"]
            for kind, protocol in tests.items():
                lines.append(f"test('{kind}', python, args: [files('program.py'), '{kind}'], protocol: '{protocol}', "
                             f"suite: 'unit', timeout: 4)")
            (source / "meson.build").write_text("\n".join(lines))
            (source / "program.py").write_text(PROGRAM)
            subprocess.run(["meson", "setup", source / "build", source], check=True, stdout=subprocess.DEVNULL)
            subprocess.run(["meson", "test", "-C", source / "build"], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=False)
            return self.run_counter(source / "build/meson-logs/testlog")

    def run_counter(self, *arguments):
        done = self.counter(*arguments)
        return done.stdout.splitlines()[-1], done.returncode

    def counter(self, *arguments):
        return subprocess.run([sys.executable, COUNTER, *arguments], stdout=subprocess.PIPE, text=True, check=False)

    def repeat(self, labs, others=("tap-good",)):
        """Runs {lab: 'tap'} and, of what the counter wants repeated, a second run. Returns (repeated, what it then says)."""
        with tempfile.TemporaryDirectory() as name:
            source = pathlib.Path(name)
            lines = ["project('p')", "python = find_program('python3')"]
            for suite, kinds in (("lab", labs), ("unit", others)):
                lines += [f"test('{suite}-{kind}', python, args: [files('program.py'), '{kind}'], protocol: 'tap', "
                          f"suite: '{suite}', workdir: meson.project_build_root())" for kind in kinds]
            (source / "meson.build").write_text("\n".join(lines))
            (source / "program.py").write_text(PROGRAM)
            subprocess.run(["meson", "setup", source / "build", source], check=True, stdout=subprocess.DEVNULL)
            test = ["meson", "test", "-C", source / "build"]
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": False}
            base = str(source / "build/meson-logs/testlog")
            subprocess.run(test, **quiet)
            again = self.counter(base, "--to-repeat").stdout.split()
            if not again:
                return again, self.counter(base).stdout.splitlines()
            subprocess.run([*test, "--logbase", "testlog-again", *again], **quiet)
            return again, self.counter(base, "--again", base + "-again").stdout.splitlines()

    def test_counts_cases_and_not_programs(self):
        self.assertEqual(self.count({"two-pass": "gtest", "exit-0": "exitcode"}), ("3 passed, 0 failed, 0 skipped", 0))

    def test_counts_failed_and_skipped_cases(self):
        self.assertEqual(self.count({"one-of-three-fails": "gtest"}), ("1 passed, 1 failed, 1 skipped", 1))
        self.assertEqual(self.count({"tap": "tap"}), ("1 passed, 1 failed, 1 skipped", 1))
        self.assertEqual(self.count({"exit-0": "exitcode", "exit-1": "exitcode", "exit-77": "exitcode"}),
                         ("1 passed, 1 failed, 1 skipped", 1))

    def test_a_crash_is_a_failure(self):
        self.assertEqual(self.count({"two-pass": "gtest", "crashes": "gtest"}), ("2 passed, 1 failed, 0 skipped", 1))
        self.assertEqual(self.count({"crashes-after-report": "gtest"}), ("2 passed, 1 failed, 0 skipped", 1))

    def test_a_timeout_is_a_failure(self):
        self.assertEqual(self.count({"hangs": "gtest"}), ("0 passed, 1 failed, 0 skipped", 1))
        self.assertEqual(self.count({"hangs": "exitcode"}), ("0 passed, 1 failed, 0 skipped", 1))

    def test_a_program_without_cases_is_a_failure(self):
        self.assertEqual(self.count({"two-pass": "gtest", "no-case": "gtest"}), ("2 passed, 1 failed, 0 skipped", 1))

    def test_a_broken_tap_plan_is_a_failure(self):
        self.assertEqual(self.count({"tap-short": "tap"}), ("2 passed, 1 failed, 0 skipped", 1))

    def test_nothing_but_skips_is_no_success(self):
        self.assertEqual(self.count({"exit-77": "exitcode"}), ("0 passed, 0 failed, 1 skipped", 1))

    def test_a_lab_has_a_second_try_and_the_first_is_not_hidden(self):
        again, said = self.repeat(["tap-second-time", "tap-good"])
        self.assertEqual(again, ["lab-tap-second-time"])
        self.assertEqual(said[-1], "4 passed, 0 failed, 0 skipped")
        self.assertIn("at first failed: p:lab / lab-tap-second-time: 2 - b", said)

    def test_a_lab_that_fails_twice_has_failed(self):
        again, said = self.repeat(["tap"])
        self.assertEqual((again, said[-1]), (["lab-tap"], "2 passed, 1 failed, 1 skipped"))

    def test_only_labs_and_only_a_few_are_repeated(self):
        again, said = self.repeat(["tap"], ["tap-short"])
        self.assertEqual((again, said[-1]), ([], "3 passed, 2 failed, 1 skipped"))
        self.assertEqual(self.repeat(["tap", "tap-short", "exit-1", "crashes", "tap-second-time"])[0], [])  # too many

    def test_a_sanitizers_report_is_a_failure(self):
        with tempfile.TemporaryDirectory() as name:
            base, reports = pathlib.Path(name, "testlog"), pathlib.Path(name, "reports")
            reports.mkdir()
            base.with_suffix(".json").write_text(json.dumps({"name": "a", "result": "OK", "returncode": 0}))
            base.with_suffix(".junit.xml").write_text(
                '<testsuites><testsuite name="p.a"><testcase name="x"/></testsuite></testsuites>')
            self.assertEqual(self.run_counter(base, "--reports", reports), ("1 passed, 0 failed, 0 skipped", 0))
            (reports / "ubsan.1").write_text("==1==WARNING: Can't read from symbolizer at fd 5")
            self.assertEqual(self.run_counter(base, "--reports", reports), ("1 passed, 0 failed, 0 skipped", 0))
            (reports / "asan.1").write_text("==1==ERROR: AddressSanitizer: heap-use-after-free")
            self.assertEqual(self.run_counter(base, "--reports", reports), ("1 passed, 1 failed, 0 skipped", 1))
            self.assertIn("heap-use-after-free", self.counter(base, "--reports", reports).stdout)

    def test_nothing_to_read_is_a_failure(self):
        self.assertEqual(self.run_counter("/nonexistent/testlog"), ("0 passed, 1 failed, 0 skipped", 1))


if __name__ == "__main__":
    unittest.main()
