#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which way nat-connect finds between every pair of sites.

With --write docs/connect-matrix.md is made of it, one lab at a time.
"""
import concurrent.futures
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import connect
import lab
import tap

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs",
                     "connect-matrix.md")
SITES = ["none", "eim/eif", "eim/adf", "eim/apdf", "apdm/apdf", "blocked"]
GATEWAY = "apdm/apdf,igd,natpmp,pcp"
AT_ONCE = 6       # labs side by side: most of their time goes into waiting
SETTLING = 5.0    # seconds for a relayed path to be left for a better one
HOPELESS = 8.0    # seconds until it is said that there is no way
LATE = 4.0        # seconds by which a loaded machine may be late with that


def expected(a, b, turn):
    """The ways that are right, by RFC 4787's words; none: there is no way."""
    relayed = ["relayed"] if turn else []
    if "blocked" in (a, b):
        return relayed
    if a == b == "none":
        return ["direct"]
    # A port that is another for each destination cannot be told to a peer that lets nobody else in.
    hopeless = b in ("eim/apdf", "apdm/apdf")
    if a == GATEWAY:
        return ["mapped"] if hopeless else ["mapped", "punched"]
    if (a == "apdm/apdf" and hopeless) or (a == "eim/apdf" and b == "apdm/apdf"):
        return relayed
    return ["punched"]


def attempt(turn, mapping, ways):
    """One connection from a to b: a word there and back, and how it went."""
    options = [*connect.servers(turn), *([] if mapping else ["--no-map"])]
    ours = connect.Running(*options, "--via",
                           connect.peer_command("--answer", "--exec", "cat", *options))
    start = time.monotonic()
    connected = ours.wait_for("connected", "error")
    seen = {"kind": None, "error": None}
    if connected and connected["event"] == "connected":
        # A relay is used until there is a better way.
        best = ours.wait_for("connected", "path", where=lambda e: e["kind"] in ways,
                             patience=SETTLING)
        latest = best or ours.event("path") or connected
        seen.update(kind=latest["kind"], why=latest["why"], first=connected["kind"],
                    ms=connected["timings_ms"]["connected"])
    done = ours.finish(b"a word")
    seen.update(status=done["status"], echo=done["out"].decode(errors="replace"),
                took=time.monotonic() - start)
    error = ours.event("error")
    if error:
        seen["error"] = error["message"]
    if seen["kind"] not in (ways or [None]):
        seen["story"] = ours.story()
    return seen


def cell(a, b, mapping):
    """Both attempts in one lab: without and with TURN."""
    return {str(turn): attempt(turn, mapping, expected(a, b, turn)) for turn in (False, True)}


def reason(a, b, kind):
    """A part of what is said of why the way is that."""
    if kind != "relayed":
        return {"direct": "no NAT on the way", "mapped": "mapped by"}.get(kind, "")
    if a == "blocked":
        return "no address of ours"
    return "the peer signalled no address" if b == "blocked" else "another port"


def check(t, name, ways, seen, why):
    t.check(seen["kind"] in (ways or [None]), f"{name}: {' or '.join(ways) or 'no way'}", seen)
    if ways:
        t.check(why in (seen.get("why") or ""), f"{name}: and why", seen)
        t.equal([seen["status"], seen["echo"]], [0, "a word"], f"{name}: carries a word and back")
    else:
        t.equal(seen["status"], 1, f"{name}: the status says so")
        t.check("TURN" in (seen["error"] or ""), f"{name}: and what would help", seen)
        t.check(seen["took"] < HOPELESS + LATE, f"{name}: within {HOPELESS:g} s", seen)


def shown(seen):
    if not seen["kind"]:
        return "no way"
    return f"{seen['kind']} {seen['ms']:.0f} ms"


def table(results):
    """docs/connect-matrix.md."""
    out = ["# Which way `nat-connect` finds", "",
           "Made by `tests/lab/nat_connect_matrix_test.py --write`, in labs of",
           "`nat-lab` with coturn. Rows are the side that offers, columns the side that answers; the",
           "words are RFC 4787's, as in nat-lab(1). The time is from the start of the offering",
           "program, which also starts the other one, to the first moment at which data may flow over",
           "an encrypted channel. Links without delay; a shared machine with two processors.", ""]
    for turn, title in ((False, "Without a TURN server"), (True, "With a TURN server, UDP and TCP")):
        out += [f"## {title}", "", "| | " + " | ".join(SITES) + " |",
                "|---" * (len(SITES) + 1) + "|"]
        for a in SITES:
            cells = [shown(results[(a, b, False)][str(turn)]) for b in SITES]
            out.append(f"| {a} | " + " | ".join(cells) + " |")
        out.append("")
    out += ["## The offering side's gateway maps ports (UPnP IGD, PCP, NAT-PMP)", "",
            f"The same NAT as apdm/apdf: `{GATEWAY}`.", "",
            "| | " + " | ".join(SITES) + " |", "|---" * (len(SITES) + 1) + "|"]
    for turn, title in ((False, "without TURN"), (True, "with TURN")):
        cells = [shown(results[(GATEWAY, b, True)][str(turn)]) for b in SITES]
        out.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(out) + "\n"


def main():
    pairs = [(a, b, False) for a in SITES for b in SITES]
    pairs += [(GATEWAY, b, True) for b in SITES]
    # Those that fail take longest and cost nothing: first.
    pairs.sort(key=lambda p: bool(expected(p[0], p[1], False)))
    results = {}
    write = sys.argv[1:] == ["--write"]
    workers = 1 if write else AT_ONCE
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(workers) as pool:
        running = {(a, b, mapping): pool.submit(lab.inside, ["--a", a, "--b", b], cell, a, b,
                                                mapping, timeout=110) for a, b, mapping in pairs}
        for key, future in running.items():
            a, b, _ = key
            try:
                results[key] = future.result()
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                t.check(False, f"{a} x {b}: the lab runs to its end", error)
                continue
            for turn in (False, True):
                seen = results[key][str(turn)]
                check(t, f"{a} x {b}, {'with' if turn else 'without'} TURN", expected(a, b, turn), seen,
                      reason(a, b, seen["kind"]))
        if write:
            with open(TABLE, "w", encoding="utf-8") as file:
                file.write(table(results))


if __name__ == "__main__":
    lab.serve(cell)
    main()
