#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What nat-probe measures on request: lifetimes, hairpinning, packet sizes, --full, and --map's ports tried from outside."""
import concurrent.futures
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab
import probe
import tap


def report(*arguments):
    return probe.run(arguments)


def measure(*arguments):
    """Inside a lab: what `nat-probe lifetime` or `hairpin` says."""
    done = subprocess.run([probe.NAT_PROBE, *arguments, "--json", "--stun", os.environ["NATLAB_STUN"]], text=True,
                          capture_output=True, check=False, timeout=58)
    return json.loads(done.stdout) if done.stdout.strip() else done.stderr


def small_packets():
    """Inside a lab: nat-probe mtu, with a link that takes no more than 1400 bytes."""
    subprocess.run([lab.NAT_LAB, "exec", "router-a", "--", "ip", "link", "set", "wan0", "mtu", "1400"], check=True)
    return measure("mtu")


if __name__ == "__main__":
    lab.serve(report, measure, small_packets)
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(2) as pool:
        # The one that takes longest begins first.
        forgetful = pool.submit(lab.inside, ["--nat", "eim/apdf,timeout=3s,stream-timeout=6s"], measure, "lifetime",
                                "--longest", "8")
        full = pool.submit(lab.inside, ["--nat", "eim/eif,hairpin=external"], report, "--full")
        mapped = {spec: pool.submit(lab.inside, ["--nat", spec], report, "--map", "6667")
                  for spec in ("home", "home,server=liar")}
        loops = {kind: pool.submit(lab.inside, ["--nat", f"eim/eif,hairpin={kind}"], measure, "hairpin")
                 for kind in ("off", "external")}
        sizes = {"1500": pool.submit(lab.inside, ["--nat", "eim/apdf"], measure, "mtu"),
                 "1400": pool.submit(lab.inside, ["--nat", "eim/apdf"], small_packets)}

        found = full.result()["report"]
        more = found["measured"]
        t.equal([more["hairpin"]["value"], more["mtu"]["value"], more["fragments_out"]["value"],
                 more["fragments_in"]["value"]], ["external-source", 1500, "yes", "yes"],
                "--full measures hairpinning, packet sizes and fragments, too")
        t.equal(len(found["families"]["v4"]["ports"]["samples"]), 32, "... and looks at more ports")

        seen = {spec: (run.result()["report"]["portmap"][0]["reachable"], run.result()["report"]["verdict"]["class"])
                for spec, run in mapped.items()}
        t.equal(seen, {"home": ("proved", "open"), "home,server=liar": ("refuted", "good")},
                "--map: a port that works is proved, a gateway's empty yes is refuted")

        # The kernel looks for mappings that ended only now and then.
        found = forgetful.result()
        t.check(found["single_exchange"]["at_least_s"] in (2, 3) and found["single_exchange"]["less_than_s"] in (3, 4, 5),
                "lifetime after one exchange", found)
        t.check(found["active_flow"]["at_least_s"] in (5, 6) and found["active_flow"]["less_than_s"] in (6, 7, 8),
                "lifetime of an active flow", found)
        t.equal({kind: run.result()["value"] for kind, run in loops.items()},
                {"off": "no", "external": "external-source"}, "hairpin")

        t.equal({name: str(run.result()["mtu"]["value"]) for name, run in sizes.items()}, {"1500": "1500", "1400": "1400"},
                "mtu: the largest packet that gets through")
        t.equal(sizes["1500"].result()["fragments_in"]["value"], "yes", "and fragments come in")

        everything = [full, *mapped.values()]
        t.equal(probe.validate([run.result()["report"] for run in everything]), "", "all JSON is as the schema says")
