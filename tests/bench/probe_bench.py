#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nat-probe against coturn's turnutils_natdiscovery and Debian's stun (stun-client), in the same labs.

How long each takes, and how often it is right about mapping and filtering: on links that lose nothing, and on
links that lose 2 %. Servers are 40 ms away, each way.
probe_bench.py [--quick] [--json FILE] [--write]; --write puts the tables into docs/benchmarks.md.
"""
import concurrent.futures
import os
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import page
import lab
import probe
import probe_truth

SPECS = ["none", "eim/eif", "eim/adf", "eim/apdf", "adm/apdf", "apdm/apdf"]
COTURN, STUN = "turnutils_natdiscovery -m -f", "stun"
TOOLS = ["nat-probe", COTURN, STUN]
DEAD = "25.0.1.99:3478"
# Seconds that nat-probe may take.
LIMITS = {"all servers answer": 3, "one of two is dead": 5, "--quick": 0.6, "--quick, one dead": 0.6}


def host(name):
    return os.environ[name].split(":")[0]


def timed(*command):
    started = time.monotonic()
    done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=60)
    return (time.monotonic() - started) * 1000, done.stdout


def by_nat_probe(*arguments, servers=None):
    started = time.monotonic()
    report = probe.run(arguments, servers)["report"]
    took = (time.monotonic() - started) * 1000
    facts = probe_truth.read(report)
    return {"ms": took, "mapping": facts["mapping"], "filtering": facts["filtering"]}


def by_coturn():
    took, said = timed("turnutils_natdiscovery", "-m", "-f", "-L", os.environ["NATLAB_HOST"], host("NATLAB_STUN"))
    words = {"Endpoint Independent": ("eim", "eif"), "Address Dependent": ("adm", "adf"),
             "Address and Port Dependent": ("apdm", "apdf")}
    mapping = re.findall("NAT with (.*) Mapping!", said)
    filtering = re.findall("NAT with (.*) Filtering!", said)
    return {"ms": took, "mapping": "none" if "No NAT!" in said else words[mapping[-1]][0] if mapping else "unknown",
            "filtering": words[filtering[-1]][1] if filtering else "unknown"}


def by_stun():
    """RFC 3489's words: a dependent mapping is of neither kind, and nothing is said of its filter."""
    took, said = timed("stun", host("NATLAB_STUN"))
    filters = {"Independent Filter": "eif", "Address Dependent Filter": "adf", "Port Dependent Filter": "apdf"}
    found = {"ms": took, "mapping": "unknown", "filtering": "unknown"}
    if "Primary: Open" in said:
        return {**found, "mapping": "none", "filtering": "eif"}
    if "Primary: Independent Mapping" in said:
        found["mapping"] = "eim"
        found["filtering"] = next((word for text, word in filters.items() if f", {text}" in said), "unknown")
    return found


def everybody():
    """Each tool once, one after the other."""
    return {"nat-probe": by_nat_probe(), COTURN: by_coturn(), STUN: by_stun()}


def limits():
    """How long nat-probe takes when something is missing, or little is wanted."""
    found = {"all servers answer": by_nat_probe(),
             "one of two is dead": by_nat_probe(servers=[DEAD, os.environ["NATLAB_STUN"]]),
             "--quick": by_nat_probe("--quick"),
             "--quick, one dead": by_nat_probe("--quick", servers=[DEAD, os.environ["NATLAB_STUN"]])}
    return {name: each["ms"] for name, each in found.items()}


def in_labs(link, count, function, at_once=1):
    """What `function` finds in `count` labs behind each NAT: {SPEC: [found, ...]}."""
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        labs = {spec: [pool.submit(lab.inside, ["--nat", f"{spec},{link}", "--seed", str(seed)], function)
                       for seed in range(1, count + 1)] for spec in SPECS}
        return {spec: [each.result() for each in rounds] for spec, rounds in labs.items()}


def score(found, tool):
    """Of all labs: right, unknown and wrong answers about mapping and filtering."""
    right = unknown = wrong = 0
    for spec, rounds in found.items():
        truth = dict(zip(("mapping", "filtering"), ("none/eif" if spec == "none" else spec).split("/")))
        for each in rounds:
            for fact, value in truth.items():
                said = each[tool][fact]
                right += said == value
                unknown += said == "unknown"
                wrong += said not in (value, "unknown")
    return [str(right), str(unknown), str(wrong)]


def times(spec, rounds):
    """A row of medians, and how many times nat-probe's the others' are."""
    took = {tool: statistics.median(each[tool]["ms"] for each in rounds) for tool in TOOLS}
    ours = took["nat-probe"]
    return page.row([f"`{spec}`", *(page.ratio(took[tool], ours) for tool in TOOLS[1:]), *(page.number(took[tool]) for tool in TOOLS)])


def text(exact, lossy, rounds):
    def table(head, *rows):
        return [page.row(head), page.row(["---"] * len(head)), *rows, ""]

    seconds = {name: [each[name] / 1000 for each in rounds] for name in LIMITS}
    return "\n".join([
        f"Servers are 40 ms away, each way. `{STUN}` is of Debian's stun-client; it knows RFC 3489's words only, so that of a dependent "
        "mapping it tells neither the kind nor the filter. Whole processes, in milliseconds, medians of "
        f"{len(next(iter(exact.values())))} labs:", "",
        *table(["behind", "coturn / ours", "stun / ours", "nat-probe", f"`{COTURN}`", f"`{STUN}`"],
               *(times(spec, found) for spec, found in exact.items())),
        f"Answers about mapping and filtering behind these, with no loss and with 2 % each way ({len(next(iter(lossy.values())))} labs behind each):", "",
        *table(["", "right", "unknown", "wrong", "2 %: right", "2 %: unknown", "2 %: wrong"],
               *(page.row([f"`{tool}`", *score(exact, tool), *score(lossy, tool)]) for tool in TOOLS)),
        "nat-probe behind `eim/apdf`, in seconds:", "",
        *table(["", "at most", "median", "slowest"],
               *(page.row([name, str(most), f"{statistics.median(seconds[name]):.2f}", f"{max(seconds[name]):.2f}"])
                 for name, most in LIMITS.items()))]).rstrip()


if __name__ == "__main__":
    lab.serve(everybody, limits)
    words = page.arguments(__doc__)
    few, many = (1, 1) if words.quick else (3, 10)
    exact = in_labs("delay=40ms", few, everybody)
    lossy = in_labs("delay=40ms,loss=2%", many, everybody, at_once=2)
    rounds = [lab.inside(["--nat", "eim/apdf,delay=40ms"], limits) for _ in range(few)]
    page.publish("nat-probe", text(exact, lossy, rounds), {"exact": exact, "lossy": lossy, "limits": rounds}, words)
