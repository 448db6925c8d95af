#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many runs of nat-probe on links that lose packets: nat_probe_soak.py [RUNS [SPEC...]]

Unknown is allowed, wrong is not: counts right, unknown and wrong for mapping and filtering, each SPEC in a
lab of its own with 40 ms each way and 2 % loss each way. Exits with 1 when anything was wrong.
"""
import collections
import concurrent.futures
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab

NAT_PROBE = os.environ.get("NAT_PROBE", "nat-probe")
SPECS = ["none", "eim/eif", "eim/adf", "eim/apdf", "adm/apdf", "apdm/apdf", "home", "home>cgn"]
TRUTH = {"none": ("none", "eif"), "home": ("eim", "apdf"), "home>cgn": ("eim", "apdf")}
LINK = "delay=40ms,loss=2%"


def look(_):
    done = subprocess.run([NAT_PROBE, "--json", "--stun", os.environ["NATLAB_STUN"], "--stun",
                           os.environ["NATLAB_STUN2"]], text=True, capture_output=True, check=False, timeout=50)
    report = json.loads(done.stdout)
    v4 = report["families"]["v4"]
    return v4["mapping"]["value"], v4["filtering"]["value"], report["verdict"]["class"], report["duration_ms"]


def many(runs):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return list(pool.map(look, range(runs)))


def judge(spec, found):
    """Prints one row; returns how many findings were wrong."""
    expected = TRUTH.get(spec) or tuple(spec.split("/"))
    wrong, cells = 0, []
    for index, name in enumerate(("mapping", "filtering")):
        values = collections.Counter(each[index] for each in found)
        right, unknown = values.pop(expected[index], 0), values.pop("unknown", 0)
        wrong += sum(values.values())
        cells.append(f"{name} {right} right {unknown} unknown {dict(values) if values else 0} wrong")
    verdicts = dict(collections.Counter(each[2] for each in found))
    times = sorted(each[3] for each in found)
    print(f"{spec:12} {'; '.join(cells)}; verdicts {verdicts}; "
          f"ms median {times[len(times) // 2]} worst {times[-1]}", flush=True)
    return wrong


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    wrong = 0
    for spec in sys.argv[2:] or SPECS:
        wrong += judge(spec, lab.inside(["--nat", f"{spec},{LINK}", "--seed", "7"], many, runs, timeout=900))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    lab.serve(many)
    main()
