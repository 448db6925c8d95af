# SPDX-License-Identifier: MIT
"""docs/benchmarks.md: each bench writes its own section, between two comments."""
import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import document
from document import row  # of the benches' tables

_PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


def machine():
    """What the figures were measured on, in a line."""
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text("ascii"))
    return (f"{os.cpu_count()} processors ({cpu.group(1) if cpu else platform.machine()}), Linux "
            f"{platform.release()}, load {os.getloadavg()[0]:.1f}, "
            f"{datetime.datetime.now().astimezone().date().isoformat()}")


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
        document.put(_PAGE, section, f"{text}\n\nOn {machine()}.")
