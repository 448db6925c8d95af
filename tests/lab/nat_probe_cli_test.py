#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nat-probe's command line in labs: what cannot be meant, names of servers, a terminal, an end from outside, an output that is full."""
import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import command_line
import lab
import probe
import tap

NAT_MAP = os.environ.get("NAT_MAP", "nat-map")
BAD = {  # the word at fault, and a command line with it
    "frob": ["frob"],
    "[::1": ["--stun", "[::1"],
    "x:99999": ["--stun", "x:99999"],
    "80/sctp": ["--map", "80/sctp"],
    "mapping=cone": ["--expect", "mapping=cone"],
    "--watch": ["--watch", "0"],
    "--quick": ["--quick", "--full"],
    "--external": ["prove", "80", "--external", "90"],
    "one PORT": ["prove", "80", "81", "--no-map", "--external", "90"],
    "SERVER": ["qualify"],
    "--stun": ["qualify", "25.0.1.1", "--stun", "25.0.2.1"],
    "--ipv6": ["-6", "lifetime"],
    "--html": ["--html", "report.html", "hops"],
    "one family": ["serve", "127.0.0.1", "::1"],
    "eth7": ["--stun", "25.0.1.1", "--interface", "eth7"],
    "eth8": ["mtu", "--stun", "25.0.1.1", "--interface", "eth8"],
    "frobnicate": ["explain", "frobnicate"],
}


def nat_probe(*arguments, **options):
    return subprocess.run([probe.NAT_PROBE, *arguments], text=True, check=False, timeout=50,
                          **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options})


def servers():
    return ["--stun", os.environ["NATLAB_STUN"], "--stun", os.environ["NATLAB_STUN2"]]


def usage():
    return command_line.not_refused(nat_probe, ((arguments, word) for word, arguments in BAD.items()))


def full_output():
    """A disk that is full; a reader that has gone, with --watch; and no output at all."""
    out = {}
    with open("/dev/full", "w", encoding="ascii") as full:
        for name, arguments in {"report": servers(), "explain": ["explain", "nat"], "mtu": ["mtu", *servers()]}.items():
            done = nat_probe(*arguments, stdout=full)
            out[name] = [done.returncode, "cannot write" in done.stderr]
    reading, writing = os.pipe()
    os.close(reading)
    out["watch"] = nat_probe("--quick", "--watch", "1", *servers(), stdout=writing).returncode
    done = subprocess.run(["sh", "-c", '"$@" >&-', "sh", probe.NAT_PROBE, "--quick", *servers()], check=False, timeout=50,
                          stderr=subprocess.PIPE, text=True)
    out["closed"] = [done.returncode, "cannot write" in done.stderr]
    return out


def interrupted():
    """Ctrl-C while it has a port open and waits for what does not come, as the gateway lies: its exit status, and what is left."""
    def is_listed():
        return "6667" in subprocess.run([NAT_MAP, "list"], text=True, capture_output=True, check=False, timeout=50).stdout

    process = subprocess.Popen([probe.NAT_PROBE, "prove", "6667", *servers(), "--timeout", "60"], stdout=subprocess.DEVNULL)
    until = time.monotonic() + lab.PATIENCE
    while not is_listed() and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    return {"status": process.wait(timeout=lab.PATIENCE), "left": is_listed()}


def watch():
    """--watch, ended after two reports by each signal that may end it: its lines, and its exit status."""
    out = {}
    for ending in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen([probe.NAT_PROBE, "--json", "--quick", "--watch", "1", *servers()], stdout=subprocess.PIPE,
                              text=True) as process:
            lines = [process.stdout.readline() for _ in range(2)]
            process.send_signal(ending)
            out[ending.name] = {"classes": [json.loads(line)["verdict"]["class"] for line in lines],
                                "status": process.wait(timeout=lab.PATIENCE)}
    return out


def expect():
    """What is expected, and is so or not."""
    done = {claim: nat_probe("--quick", "--expect", claim, *servers()) for claim in ("mapping=eim", "mapping=apdm")}
    return {claim: [each.returncode, each.stderr] for claim, each in done.items()}


def commands():
    """Each once: its exit status, and what it prints."""
    done = {line: nat_probe(*line.split(), *(servers() if line in ("hops", "alloc") else []))
            for line in (f"qualify {os.environ['NATLAB_STUN']}", "hops", "alloc", "explain cgn")}
    return {line.split()[0]: [each.returncode, each.stdout] for line, each in done.items()}


def names():
    """A name with two addresses, another one of the first, one that does not resolve, and IPv6 in brackets without IPv6."""
    one, two = (os.environ[name].split(":")[0] for name in ("NATLAB_STUN", "NATLAB_STUN2"))
    hosts = pathlib.Path("/etc/hosts")
    hosts.write_text(f"{one} many.example\n{two} many.example\n{one} other.example\n", encoding="ascii")
    found = probe.run([], ["many.example", "other.example", one, f"{one}:3478", "nobody.example", "[2001:db8::1]:3478"])
    return {**probe.facts(found), "servers": [[each["name"], each["answered"], each["trouble"] != ""]
                                              for each in found["report"]["servers"]]}


def terminal():
    """What stderr shows on a terminal, with servers that are far away."""
    return command_line.on_terminal([probe.NAT_PROBE, *servers()], 50)


def nobody_answers():
    return {name: nat_probe(name, *arguments).returncode
            for name, arguments in {"hops": ["--stun", "25.0.1.1"], "alloc": ["--stun", "25.0.1.1"], "qualify": ["25.0.1.1"],
                                    "mtu": ["--stun", "25.0.1.1"], "hairpin": ["--stun", "25.0.1.1"]}.items()}


def ipv6_alone():
    return probe.run(["-6"], [os.environ["NATLAB_STUN6"], os.environ["NATLAB_STUN6_2"]])


if __name__ == "__main__":
    lab.serve(usage, full_output, interrupted, watch, expect, commands, names, terminal, nobody_answers, ipv6_alone)
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(2) as pool:
        refused = pool.submit(lab.inside, ["--nat", "eim/apdf", "--no-servers"], usage)
        full = pool.submit(lab.inside, ["--nat", "eim/apdf"], full_output, timeout=110)
        stopped = pool.submit(lab.inside, ["--nat", "home,server=liar"], interrupted)
        watched = pool.submit(lab.inside, ["--nat", "apdm/apdf"], watch)
        expected = pool.submit(lab.inside, ["--nat", "eim/apdf"], expect)
        commanded = pool.submit(lab.inside, ["--nat", "home>cgn"], commands, timeout=110)
        named = pool.submit(lab.inside, ["--nat", "eim/apdf"], names)
        far = pool.submit(lab.inside, ["--nat", "eim/apdf,delay=150ms"], terminal)
        alone = pool.submit(lab.inside, ["--nat", "eim/apdf", "--no-servers"], nobody_answers, timeout=110)
        newer = pool.submit(lab.inside, ["--nat", "home,ipv6"], ipv6_alone)

        t.equal(refused.result(), [], "what cannot be meant: exit status 64, the word at fault on stderr, nothing on stdout")
        t.equal(full.result(), {"report": [70, True], "explain": [70, True], "mtu": [70, True], "watch": 70, "closed": [70, True]},
                "what cannot be written is no success, and ends --watch")
        t.equal(stopped.result(), {"status": 130, "left": False}, "Ctrl-C while a port is open: 130, and it is closed")
        t.equal(watched.result(), {name: {"classes": ["hard", "hard"], "status": 0} for name in ("SIGINT", "SIGTERM")},
                "--watch: an object a line until it is interrupted, which is no failure")
        t.equal(expected.result(), {"mapping=eim": [0, ""],
                                    "mapping=apdm": [5, "nat-probe: expected mapping=apdm, found eim\n"]},
                "--expect: 0 if it is so, and else 5 and a line on stderr")
        for command, word in {"qualify": "rfc 5780: qualified", "hops": "2 NATs", "alloc": "block,", "explain": "Carrier-grade NAT"}.items():
            status, text = commanded.result()[command]
            t.check(status == 0 and word in text, f"{command}: it says {word}", [status, text])
        seen = named.result()
        t.equal([seen["class"], seen["filtering"]], ["good", "apdf"], "many names of one server, and dead ones: the rest tells")
        together = [row for row in seen["servers"] if row[1]]
        t.equal([sorted(row[0].split(", ")) for row in together], [["25.0.1.1", "many.example", "other.example"]],
                "one server is one row, with all its names")
        t.check(all(row[2] for row in seen["servers"] if not row[1]), "and what could not be asked says why", seen)
        shown = far.result()
        t.check(" ..." in shown["shown"] and shown["shown"].endswith("\r\x1b[K"), "on a terminal it says what it does, and cleans up", shown)
        t.equal(set(alone.result().values()), {1}, "commands that no server answers end with 1")
        report = newer.result()
        t.equal([report["exit"], report["report"]["verdict"]["class"], report["report"]["families"]["v4"]["status"]],
                [0, "good", "not-tested"], "-6: the verdict is about IPv6")
        t.equal(probe.validate([report["report"]]), "", "and its JSON is as the schema says")
