# SPDX-License-Identifier: MIT
"""docs/benchmarks.md: each bench writes its own section, between two comments."""
import argparse
import datetime
import json
import os
import pathlib
import platform
import re

_PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


def machine():
    """What the figures were measured on, in a line."""
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text("ascii"))
    return (f"{os.cpu_count()} processors ({cpu.group(1) if cpu else platform.machine()}), Linux "
            f"{platform.release()}, load {os.getloadavg()[0]:.1f}, "
            f"{datetime.datetime.now().astimezone().date().isoformat()}")


def row(cells):
    return "| " + " | ".join(cells) + " |"


def number(value):
    return "-" if value is None else f"{value:.0f}"


def ratio(value, base):
    return "-" if value is None or not base else f"{value / base:.2f}"


def arguments(about):
    """What every bench understands."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="once, and less of it")
    parser.add_argument("--json", metavar="FILE", help="all that was measured")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    return parser.parse_args()


def publish(section, text, measured, words):
    """Prints the text, and does with both what the arguments want."""
    print(text, flush=True)
    if words.json:
        pathlib.Path(words.json).write_text(
            json.dumps({"machine": machine(), "measured": measured}, indent=1), "utf-8")
    if words.write:
        _write(section, text)


def _write(section, text):
    """Puts `text` in the place of what this section had."""
    begin, end = f"<!-- {section} -->", f"<!-- end of {section} -->"
    old = _PAGE.read_text("utf-8")
    if begin not in old or end not in old:
        raise RuntimeError(f"{_PAGE}: there is no section {section}")
    before, rest = old.split(begin)
    after = rest.split(end)[1]
    _PAGE.write_text(f"{before}{begin}\n\n{text}\n\nOn {machine()}.\n\n{end}{after}", "utf-8")
