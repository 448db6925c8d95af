#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nat-probe and TCP: what a connection from outside meets that nobody asked for, told by a server of ours and by a relay."""
import concurrent.futures
import contextlib
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab
import tap

NAT_PROBE = os.environ.get("NAT_PROBE", "nat-probe")
# What is before all else that the lab's router does with a TCP connection to a port that is not the host's.
REFUSE = "chain syn { type filter hook input priority -10; iifname wan0 tcp flags syn / syn,ack reject with %s; }"
SITES = {  # name: (SPEC, rules)
    "drop": ("eim/apdf", ""),  # which it does by itself
    "reset": ("eim/apdf", REFUSE % "tcp reset"),
    "icmp": ("eim/apdf", REFUSE % "icmp port-unreachable"),
    "let in": ("eim/eif", ""),
}


@contextlib.contextmanager
def served(*addresses):
    """nat-probe serve on the node outside, listening."""
    server = subprocess.Popen([os.environ["NATLAB"], "exec", "outside", "--", NAT_PROBE, "serve", *(os.environ[a] for a in addresses)],
                              stdout=subprocess.PIPE, text=True)
    try:
        server.stdout.readline()
        yield os.environ[addresses[0]] + ":3478"
    finally:
        server.terminate()
        server.wait(timeout=10)


def change_rules(rules):
    if not rules:
        return
    done = lab.on("router-a", "nft", f"table ip syn {{\n{rules}\n}}")
    if done.returncode != 0:
        raise RuntimeError(done.stderr)


def syn(*arguments):
    done = subprocess.run([NAT_PROBE, "--json", "-4", *arguments], text=True, capture_output=True, check=False, timeout=50)
    return json.loads(done.stdout)["families"]["v4"]["tcp"]["unsolicited_syn"]


def by_serve(rules):
    """Told by a server of ours; the lab's own servers are asked, too."""
    change_rules(rules)
    with served("NATLAB_OUTSIDE", "NATLAB_OUTSIDE2") as name:
        return syn("--stun", os.environ["NATLAB_STUN"], "--stun", name)


def by_turn(rules):
    change_rules(rules)
    return syn("--stun", os.environ["NATLAB_STUN"], "--turn", os.environ["NATLAB_TURN_TCP"])


def by_nobody():
    return syn("--stun", os.environ["NATLAB_STUN"])


def said(run):
    finding = run.result()
    return [finding["value"], finding["confidence"]]


if __name__ == "__main__":
    lab.serve(by_serve, by_turn, by_nobody)
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(3) as pool:
        runs = {(way.__name__, name): pool.submit(lab.inside, ["--nat", spec], way, rules)
                for way in (by_serve, by_turn) for name, (spec, rules) in SITES.items()}
        public = pool.submit(lab.inside, ["--nat", "none"], by_serve, "")
        nobody = pool.submit(lab.inside, ["--nat", "eim/apdf"], by_nobody)

        for name, expected in (("drop", ["silent", "likely"]), ("reset", ["reset", "likely"]),
                               ("icmp", ["unreachable", "likely"]), ("let in", ["accepted", "proved"])):
            t.equal(said(runs["by_serve", name]), expected, f"a server of ours tells: {name}")
        for name, expected in (("drop", ["silent", "likely"]), ("reset", ["refused", "likely"]),
                               ("icmp", ["refused", "likely"]), ("let in", ["accepted", "proved"])):
            t.equal(said(runs["by_turn", name]), expected, f"a relay tells: {name}")
        t.equal(said(public), ["accepted", "proved"], "without a NAT it gets in")
        t.equal(said(nobody), ["unknown", "unsupported-by-server"], "servers that connect to nobody tell nothing")
