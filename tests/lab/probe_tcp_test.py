#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nat-probe and TCP: what a connection from outside meets that nobody asked for, told by a server of ours and by a relay."""
import concurrent.futures
import contextlib
import json
import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab
import own_server
import tap

BINDING_REQUEST = bytes.fromhex("000100002112a442") + b"hole puncher"
# What is before all else that the lab's router does with a TCP connection to a port that is not the host's.
REFUSE = "chain syn { type filter hook input priority -10; iifname wan0 tcp flags syn / syn,ack reject with %s; }"
SITES = {  # name: (SPEC, rules)
    "drop": ("eim/apdf", ""),  # which it does by itself
    "reset": ("eim/apdf", REFUSE % "tcp reset"),
    "icmp": ("eim/apdf", REFUSE % "icmp port-unreachable"),
    "let in": ("eim/eif", ""),
}


def change_rules(rules):
    if not rules:
        return
    done = lab.on("router-a", "nft", f"table ip syn {{\n{rules}\n}}")
    if done.returncode != 0:
        raise RuntimeError(done.stderr)


def syn(*arguments):
    done = subprocess.run([own_server.NAT_PROBE, "--json", "-4", *arguments], text=True, capture_output=True, check=False, timeout=50)
    return json.loads(done.stdout)["families"]["v4"]["tcp"]["unsolicited_syn"]


def by_serve(rules):
    """Told by a server of ours; the lab's own servers are asked, too."""
    change_rules(rules)
    with own_server.served("NATLAB_OUTSIDE", "NATLAB_OUTSIDE2"):
        return syn("--stun", os.environ["NATLAB_STUN"], "--stun", os.environ["NATLAB_OUTSIDE"])


def by_serve_alone():
    """No other server helps, neither with TCP's mapping: what it says over TCP, and the whole report."""
    with own_server.served("NATLAB_OUTSIDE", "NATLAB_OUTSIDE2"):
        done = subprocess.run([own_server.NAT_PROBE, "--json", "-4", "--stun", os.environ["NATLAB_OUTSIDE"]], text=True,
                              capture_output=True, check=False, timeout=50)
    return json.loads(done.stdout)["families"]["v4"]["tcp"]


def too_many():
    """Many connections from one address, and one that says nothing STUN-like: who is one too many, and whether UDP goes on."""
    with own_server.served("NATLAB_OUTSIDE"):
        at = (os.environ["NATLAB_OUTSIDE"], 3478)
        with contextlib.ExitStack() as held:
            guests = [held.enter_context(socket.create_connection(at, timeout=10)) for _ in range(20)]
            answers = []
            for guest in guests:
                try:
                    guest.sendall(BINDING_REQUEST)
                    answers.append(len(guest.recv(500)) > 20)
                except OSError:
                    answers.append(False)
        with socket.create_connection(at, timeout=10) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\nHost: 25.0.3.2\r\n\r\n")
            try:
                web = stranger.recv(500).decode("latin-1")
            except ConnectionResetError:
                web = ""
        return {"answered": sum(answers), "web": web, "afterwards": syn("--stun", os.environ["NATLAB_OUTSIDE"])["value"]}


def by_turn(rules):
    change_rules(rules)
    return syn("--stun", os.environ["NATLAB_STUN"], "--turn", os.environ["NATLAB_TURN_TCP"])


def by_nobody():
    return syn("--stun", os.environ["NATLAB_STUN"])


def said(run):
    finding = run.result()
    return [finding["value"], finding["confidence"]]


if __name__ == "__main__":
    lab.serve(by_serve, by_serve_alone, by_turn, by_nobody, too_many)
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(3) as pool:
        runs = {(way.__name__, name): pool.submit(lab.inside, ["--nat", spec], way, rules)
                for way in (by_serve, by_turn) for name, (spec, rules) in SITES.items()}
        public = pool.submit(lab.inside, ["--nat", "none"], by_serve, "")
        alone = pool.submit(lab.inside, ["--nat", "apdm/apdf"], by_serve_alone)
        crowd = pool.submit(lab.inside, ["--nat", "none"], too_many)
        nobody = pool.submit(lab.inside, ["--nat", "eim/apdf"], by_nobody)

        for name, expected in (("drop", ["silent", "likely"]), ("reset", ["reset", "likely"]),
                               ("icmp", ["unreachable", "likely"]), ("let in", ["accepted", "proved"])):
            t.equal(said(runs["by_serve", name]), expected, f"a server of ours tells: {name}")
        for name, expected in (("drop", ["silent", "likely"]), ("reset", ["refused", "likely"]),
                               ("icmp", ["refused", "likely"]), ("let in", ["accepted", "proved"])):
            t.equal(said(runs["by_turn", name]), expected, f"a relay tells: {name}")
        t.equal(said(public), ["accepted", "proved"], "without a NAT it gets in")
        t.equal(said(nobody), ["unknown", "unsupported-by-server"], "servers that connect to nobody tell nothing")
        seen = alone.result()
        t.equal([seen["mapping"]["value"], seen["unsolicited_syn"]["value"]], ["apdm", "silent"],
                "a server of ours alone is enough: it answers over TCP at all four endpoints")
        seen = crowd.result()
        t.equal([seen["answered"], seen["web"], seen["afterwards"]], [16, "", "accepted"],
                "it takes 16 connections of one address, hangs up on who speaks something else, and goes on")
