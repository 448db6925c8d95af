#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many runs of nat-probe on links that lose packets: nat_probe_soak.py [--write] [RUNS [SPEC...]]

Unknown is allowed, wrong is not: counts right, unknown and wrong for each fact of tests/support/probe_truth.py,
with 40 ms each way and 2 % loss each way. Each run has a lab of its own: in one lab, runs would find what others
left there, as when a carrier's block of ports is used up, or a router sends no more ICMP for a while. --write puts
the table into docs/nat-probe.md. Exits with 1 when anything was wrong.
"""
import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import document
import lab
import probe_truth

NAT_PROBE = os.environ.get("NAT_PROBE", "nat-probe")
DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "nat-probe.md"
PART = "soak"
TRUTH = probe_truth.ALL
LINK = "delay=40ms,loss=2%"
AT_ONCE = 2  # labs; most of their time goes into waiting
HEAD = ["behind", "runs", "right", "unknown", "wrong", "median", "slowest"]


def look(spec):
    truth = TRUTH[spec]
    done = subprocess.run([NAT_PROBE, "--json", "--show-addresses", *truth.arguments()], text=True,
                          capture_output=True, check=False, timeout=50)
    report = json.loads(done.stdout)
    return {"facts": probe_truth.read(report, truth.family), "ms": report["duration_ms"], "report": report}


def wrong(spec, facts, fact):
    """Whether `fact` is neither true nor an honest "unknown"."""
    said, true = facts[fact], TRUTH[spec].facts[fact]
    if fact == "services":  # no answer is no statement; an answer that nobody gave would be one
        return not set(said.split()) <= set(true.split())
    return said not in (true, *probe_truth.UNKNOWN)


def soak(spec, runs):
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        labs = [pool.submit(lab.inside, ["--nat", f"{spec},{LINK}", "--seed", str(seed)], look, spec, timeout=300)
                for seed in range(1, runs + 1)]
        return [each.result() for each in labs]


def judge(spec, found):
    """Prints what was said of each fact; returns the row of the table, and how many runs were wrong."""
    for fact in probe_truth.FACTS:
        said = collections.Counter(str(each["facts"][fact]) for each in found)
        true = TRUTH[spec].facts[fact]
        if set(said) != {str(true)}:
            count = sum(wrong(spec, each["facts"], fact) for each in found)
            print(f"  {fact}: {true} is true; {dict(said)}{f'  WRONG {count}' if count else ''}", flush=True)
    bad = 0
    for seed, each in enumerate(found, 1):
        if any(wrong(spec, each["facts"], fact) for fact in probe_truth.FACTS):
            bad += 1
            print(f"--seed {seed}: {json.dumps(each['report'])}", file=sys.stderr, flush=True)
    right = sum(each["facts"] == TRUTH[spec].facts for each in found)
    times = sorted(each["ms"] for each in found)
    return [f"`{spec}`", str(len(found)), str(right), str(len(found) - right - bad), str(bad),
            f"{times[len(times) // 2] / 1000:.1f} s", f"{times[-1] / 1000:.1f} s"], bad


def write(rows):
    """Puts the rows into the document's table, where the rows of other SPECs stay."""
    old = [document.cells_of(line) for line in document.part(DOCUMENT, PART).splitlines() if line.startswith("| `")]
    known = {row[0]: row for row in [*old, *rows]}
    ordered = [known[f"`{spec}`"] for spec in TRUTH if f"`{spec}`" in known]
    document.put(DOCUMENT, PART, "\n".join(map(document.row, [HEAD, ["---"] * len(HEAD), *ordered])))


def main(words):
    into_document = words[:1] == ["--write"]
    words = words[into_document:]
    runs = int(words[0]) if words else 100
    for spec in words[1:]:
        if spec not in TRUTH:
            sys.exit(f"what is true behind {spec} is not known; it is of {', '.join(TRUTH)}")
    rows, bad = [], 0
    for spec in words[1:] or TRUTH:
        print(spec, flush=True)
        row, count = judge(spec, soak(spec, runs))
        rows.append(row)
        bad += count
        print("  " + ", ".join(f"{name} {value}" for name, value in zip(HEAD[1:], row[1:])), flush=True)
    if into_document:
        write(rows)
    return 1 if bad else 0


if __name__ == "__main__":
    lab.serve(look)
    sys.exit(main(sys.argv[1:]))
