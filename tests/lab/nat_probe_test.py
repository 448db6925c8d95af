#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nat-probe in labs: each kind of NAT by its name, dead and lying servers, no way out, and the schema of its JSON."""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab
import lying_stun
import tap

NAT_PROBE = os.environ.get("NAT_PROBE", "nat-probe")
SCHEMA = pathlib.Path(__file__).parents[2] / "docs" / "nat-probe.schema.json"


def probe(arguments, servers=None):
    """Inside a lab: nat-probe's exit code and report. `servers`: None for the lab's own two."""
    if servers is None:
        servers = [os.environ["NATLAB_STUN"], os.environ["NATLAB_STUN2"]]
    named = [word for server in servers for word in ("--stun", server)]
    done = subprocess.run([NAT_PROBE, "--json", "--show-addresses", *named, *arguments], text=True,
                          capture_output=True, check=False, timeout=50)
    report = json.loads(done.stdout) if done.stdout.strip() else None
    return {"exit": done.returncode, "report": report, "errors": done.stderr}


def probe6():
    """The same by the lab's IPv6 servers."""
    return probe([], [os.environ["NATLAB_STUN6"], os.environ["NATLAB_STUN6_2"]])


def one_dead():
    """The first of two servers does not exist: nothing answers there, not even with ICMP."""
    return probe([], ["25.0.1.99:3478", os.environ["NATLAB_STUN"]])


def lie(fault):
    """A server at the second outside address, with a fault, asked alone."""
    with lying_stun.Server(fault) as server:
        return probe([], [server.name])


def measure(*arguments):
    """Inside a lab: what `nat-probe lifetime` or `hairpin` says."""
    done = subprocess.run([NAT_PROBE, *arguments, "--json", "--stun", os.environ["NATLAB_STUN"]], text=True,
                          capture_output=True, check=False, timeout=58)
    return json.loads(done.stdout) if done.stdout.strip() else done.stderr


def small_packets():
    """Inside a lab: nat-probe mtu, with a link that takes no more than 1400 bytes."""
    subprocess.run([lab.NAT_LAB, "exec", "router-a", "--", "ip", "link", "set", "wan0", "mtu", "1400"], check=True)
    return measure("mtu")


def no_network():
    subprocess.run(["ip", "route", "flush", "table", "all"], check=False, capture_output=True)
    return probe([])


def validate(reports):
    """What Debian's python3-jsonschema finds wrong with them; "": nothing."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = []
        for number, report in enumerate(reports):
            path = pathlib.Path(folder, f"{number}.json")
            path.write_text(json.dumps(report), encoding="utf-8")
            arguments += ["-i", str(path)]
        done = subprocess.run(["/usr/bin/python3", "-m", "jsonschema", *arguments, str(SCHEMA)], text=True,
                              capture_output=True, check=False, timeout=50)
    return done.stderr + ("" if done.returncode == 0 else f"status {done.returncode}")


def facts(found):
    v4 = found["report"]["families"]["v4"]
    return {"exit": found["exit"], "class": found["report"]["verdict"]["class"],
            "mapping": v4["mapping"]["value"], "filtering": v4["filtering"]["value"]}


CELLS = {  # SPEC: (exit code, verdict)
    "eim/eif": (0, "good"), "eim/adf": (0, "good"), "eim/apdf": (0, "good"),
    "adm/eif": (1, "limited"), "adm/adf": (2, "hard"), "adm/apdf": (2, "hard"),
    "apdm/eif": (1, "limited"), "apdm/adf": (2, "hard"), "apdm/apdf": (2, "hard"),
}

STACKS = {  # SPEC: (exit code, verdict, carrier's NAT)
    "home>cgn": (1, "limited", "yes"), "home>home": (0, "good", "unknown"), "eim/apdf>apdm/apdf": (2, "hard", "unknown"),
}

if __name__ == "__main__":
    lab.serve(probe, probe6, one_dead, lie, measure, small_packets, no_network)
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(4) as pool:
        runs = {spec: pool.submit(lab.inside, ["--nat", spec], probe, [])
                for spec in [*CELLS, *STACKS, "none", "home", "none,firewall", "blocked"]}
        quick = pool.submit(lab.inside, ["--nat", "eim/apdf"], probe, ["--quick"])
        full = pool.submit(lab.inside, ["--nat", "eim/eif,hairpin=external"], probe, ["--full"])
        dead = pool.submit(lab.inside, ["--nat", "eim/adf"], one_dead)
        silent = pool.submit(lab.inside, ["--nat", "eim/apdf", "--no-servers"], probe, [], ["25.0.1.1:3478"])
        lies = {fault: pool.submit(lab.inside, ["--nat", "eim/apdf", "--no-servers"], lie, fault)
                for fault in lying_stun.FAULTS}
        newer = {spec: pool.submit(lab.inside, ["--nat", spec], probe6)
                 for spec in ("none,ipv6,no-ipv4", "eim/apdf,ipv6,no-ipv4")}
        mapped = {spec: pool.submit(lab.inside, ["--nat", spec], probe, ["--map", "6667"])
                  for spec in ("home", "home,server=liar")}
        forgetful = pool.submit(lab.inside, ["--nat", "eim/apdf,timeout=3s,stream-timeout=6s"], measure, "lifetime",
                                "--longest", "8")
        loops = {kind: pool.submit(lab.inside, ["--nat", f"eim/eif,hairpin={kind}"], measure, "hairpin")
                 for kind in ("off", "external")}
        sizes = {"1500": pool.submit(lab.inside, ["--nat", "eim/apdf"], measure, "mtu"),
                 "1400": pool.submit(lab.inside, ["--nat", "eim/apdf"], small_packets)}
        nothing = pool.submit(lab.inside, ["--nat", "eim/apdf"], no_network)

        for spec, (code, verdict) in CELLS.items():
            found = runs[spec].result()
            mapping, filtering = spec.split("/")
            t.equal(facts(found), {"exit": code, "class": verdict, "mapping": mapping, "filtering": filtering},
                    f"{spec} is called what it is, {verdict}")
            v4 = found["report"]["families"]["v4"]
            t.equal([v4["mapping"]["confidence"], v4["filtering"]["confidence"]], ["proved", "proved"],
                    f"{spec}: and that is proved")

        for spec, expected in STACKS.items():
            found = runs[spec].result()
            layers = found["report"]["layers"]
            t.equal((found["exit"], found["report"]["verdict"]["class"], layers["cgn"]["value"]), expected,
                    f"{spec}: the verdict and the carrier's NAT")
            t.equal(layers["count"]["value"], 2, f"{spec}: two NATs")
        found = runs["none,firewall"].result()
        t.equal(facts(found), {"exit": 0, "class": "good", "mapping": "none", "filtering": "apdf"},
                "a firewall without a NAT is called that")

        found = runs["none"].result()
        t.equal(facts(found), {"exit": 0, "class": "open", "mapping": "none", "filtering": "eif"},
                "without a NAT the host is open")
        found = runs["home"].result()
        services = {each["protocol"]: each for each in found["report"]["gateway"]["services"]}
        t.equal(sorted(name for name, each in services.items() if each["answers"]), ["igd", "nat-pmp", "pcp"],
                "home: all three protocols are found")
        t.equal(found["report"]["layers"]["count"]["value"], 1, "home: one NAT")
        t.equal(found["report"]["layers"]["cgn"]["value"], "no", "home: no carrier's NAT")
        t.equal(found["report"]["portmap"], [], "home: no port was mapped")

        found = runs["blocked"].result()
        t.equal([found["exit"], found["report"]["verdict"]["class"], found["report"]["families"]["v4"]["status"]],
                [3, "blocked", "blocked"], "UDP blocked is seen by TCP getting through")
        found = silent.result()
        t.equal([found["exit"], found["report"]["families"]["v4"]["status"]], [4, "silent"],
                "servers that are all dead are no verdict")

        found = quick.result()
        t.equal([found["exit"], found["report"]["families"]["v4"]["mapping"]["value"],
                 found["report"]["families"]["v4"]["filtering"]["confidence"]], [0, "eim", "not-tested"],
                "--quick finds out the mapping")
        found = full.result()["report"]
        more = found["measured"]
        t.equal([more["hairpin"]["value"], more["mtu"]["value"], more["fragments_out"]["value"],
                 more["fragments_in"]["value"]], ["external-source", 1500, "yes", "yes"],
                "--full measures hairpinning, packet sizes and fragments, too")
        t.equal(len(found["families"]["v4"]["ports"]["samples"]), 32, "... and looks at more ports")
        found = dead.result()
        t.equal(facts(found), {"exit": 0, "class": "good", "mapping": "eim", "filtering": "adf"},
                "one dead server of two costs nothing but time")
        t.equal([each["answered"] for each in found["report"]["servers"]], [False, True], "and is named")

        for fault, run in lies.items():
            found = run.result()
            filtering = found["report"]["families"]["v4"]["filtering"]
            t.equal(filtering["value"], "unknown", f"a server that {fault} is not believed")
            t.equal(found["report"]["servers"][0]["rfc5780"], lying_stun.FAULTS[fault], f"and is called that: {fault}")

        for spec, expected in (("none,ipv6,no-ipv4", ["open", "no-address", "none", "eif"]),
                               ("eim/apdf,ipv6,no-ipv4", ["good", "no-address", "none", "apdf"])):
            report = newer[spec].result()["report"]
            v6 = report["families"]["v6"]
            t.equal([report["verdict"]["class"], report["families"]["v4"]["status"], v6["mapping"]["value"],
                     v6["filtering"]["value"]], expected, f"{spec}: IPv6 alone, and its firewall")

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
        t.equal({spec: runs[spec].result()["report"]["families"]["v4"]["tcp"]["mapping"]["value"]
                 for spec in ("none", "eim/apdf", "adm/apdf", "apdm/apdf")},
                {"none": "none", "eim/apdf": "eim", "adm/apdf": "adm", "apdm/apdf": "apdm"}, "TCP's mapping")

        everything = [*runs.values(), *lies.values(), *mapped.values(), *newer.values(), quick, full, dead, silent]
        t.equal(validate([run.result()["report"] for run in everything]), "", "all JSON is as the schema says")
        broken = json.loads(json.dumps(runs["home"].result()["report"]))
        broken["families"]["v4"]["mapping"]["value"] = "cone"
        t.check(validate([broken]), "and the schema can say no")
        found = nothing.result()
        t.equal([found["exit"], found["report"]], [69, None], "no network is no report")
