#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nat-probe behind every preset of nat-lab, every cell of RFC 4787 and more: each is called what it is made of."""
import concurrent.futures
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import command_line
import lab
import probe
import probe_truth
import tap


def look(spec):
    return probe.run([], [os.environ[name] for name in probe_truth.ALL[spec].servers])


def usual_port():
    """Only where the web is does a packet get out, and the servers are asked at the usual port."""
    return probe.run()


def quick():
    """One server's two addresses are enough."""
    return probe.run(["--quick"], [os.environ["NATLAB_STUN"]])


def silent():
    return probe.run([], ["25.0.1.1:3478"])


def no_network():
    subprocess.run(["ip", "route", "flush", "table", "all"], check=False, capture_output=True)
    return silent()


def far_home():
    """At home, with servers that are far away: by the routing table, by the interface's name, and by servers.conf."""
    out = {"gateway": os.environ["NATLAB_GATEWAY"], "stun": os.environ["NATLAB_STUN"], "plain": probe.run()}
    out["interface"] = lab.default_interface()
    out["named"] = probe.run(["--interface", out["interface"]])
    with command_line.servers_conf(f"stun {out['stun']}\n") as place:
        os.environ["XDG_CONFIG_HOME"] = place
        out["configured"] = probe.run([], [])
    return out


if __name__ == "__main__":
    lab.serve(look, usual_port, quick, silent, no_network, far_home)
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = {spec: pool.submit(lab.inside, ["--nat", spec], look, spec) for spec in probe_truth.ALL}
        blocked = pool.submit(lab.inside, ["--nat", "blocked"], usual_port)
        shut = {spec: pool.submit(lab.inside, ["--nat", spec], usual_port) for spec in ("hotel", "corporate")}
        fast = pool.submit(lab.inside, ["--nat", "eim/apdf"], quick)
        unanswered = pool.submit(lab.inside, ["--nat", "eim/apdf", "--no-servers"], silent)
        far = pool.submit(lab.inside, ["--nat", "home,delay=40ms"], far_home)
        nothing = pool.submit(lab.inside, ["--nat", "eim/apdf", "--no-servers"], no_network)

        names = [each["name"] for each in json.loads(lab.run("presets", "--json").stdout)["presets"]]
        t.equal(sorted(names), sorted(probe_truth.PRESETS), "the table of what is true has every preset")
        for spec, run in runs.items():
            found, truth = run.result(), probe_truth.ALL[spec]
            report = found["report"]
            t.equal(probe_truth.read(report, truth.family), truth.facts, f"{spec} is called what it is")
            t.equal(found["exit"], truth.exit_code(), f"{spec}: {truth.facts['verdict']} is exit code {truth.exit_code()}")
            seen = report["families"][truth.family]
            if truth.facts["filtering"] != "unknown":
                t.equal([seen["mapping"]["confidence"], seen["filtering"]["confidence"]], ["proved", "proved"],
                        f"{spec}: and that is proved")
            t.equal(report["portmap"], [], f"{spec}: no port was mapped")

        found = runs["hotel"].result()["report"]["families"]["v4"]
        t.check(found["mapping"]["depends_on_destination"], "hotel: the mapping depends on the destination", found)
        t.equal(found["filtering"]["confidence"], "unsupported-by-server", "hotel: nobody there can be asked for the filter")
        t.equal(runs["ipv6-only"].result()["report"]["families"]["v4"]["status"], "no-address", "ipv6-only: no IPv4")

        found = blocked.result()
        t.equal([found["exit"], found["report"]["verdict"]["class"], found["report"]["families"]["v4"]["status"]],
                [3, "blocked", "blocked"], "UDP blocked is seen by TCP getting through")
        for name, run in {**shut, "servers that are all dead": unanswered}.items():
            found = run.result()
            t.equal([found["exit"], found["report"]["verdict"]["class"], found["report"]["families"]["v4"]["status"]],
                    [4, "unknown", "silent"], f"{name}: silence on UDP and TCP is no verdict")
        found = fast.result()
        t.equal([found["exit"], found["report"]["families"]["v4"]["mapping"]["value"],
                 found["report"]["families"]["v4"]["filtering"]["confidence"]], [0, "eim", "not-tested"],
                "--quick finds out the mapping")

        found = far.result()
        for how in ("plain", "named", "configured"):
            report, truth = found[how]["report"], probe_truth.ALL["home"]
            t.equal([found[how]["exit"], probe_truth.read(report)], [0, truth.facts], f"home, far away, {how}: it is called what it is")
            t.equal(report["gateway"]["interface"], found["interface"], "and the interface is named")
        report = found["plain"]["report"]
        t.check(all(each["rtt_ms"] >= 80 for each in report["servers"]), "a delay of 40 ms each way is seen", report["servers"])
        t.check(any("MiniUPnPd" in each["product"] for each in report["gateway"]["services"]), "the gateway's product is named",
                report["gateway"])
        t.equal(report["layers"]["hops"][:1], [{"distance": 1, "address": found["gateway"]}], "the first hop is the gateway")
        t.equal([[each["endpoint"], each["answered"]] for each in found["configured"]["report"]["servers"]], [[found["stun"], True]],
                "servers.conf names the server where the command line does not")

        everything = [*runs.values(), *shut.values(), blocked, fast, unanswered]
        t.equal(probe.validate([*(run.result()["report"] for run in everything), report]), "", "all JSON is as the schema says")
        broken = json.loads(json.dumps(runs["home"].result()["report"]))
        broken["families"]["v4"]["mapping"]["value"] = "cone"
        t.check(probe.validate([broken]), "and the schema can say no")
        found = nothing.result()
        t.equal([found["exit"], found["report"]], [69, None], "no network is no report")
