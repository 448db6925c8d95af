#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""From the start of both programs to the first byte both ways, against bare libnice and aioice.

The contenders take turns in the same lab, so that what else the machine does meets all of them.
connect_bench.py [--quick] [--json FILE] [--write]; --write puts the tables into docs/benchmarks.md.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import page
import race
import lab

# What is between the two, the sites, and whether it works with and without a relay.
PAIRS = [("no NAT", "none", "none", [False, True]),
         ("a NAT each", "eim/apdf", "eim/apdf", [False, True]),
         ("one symmetric", "apdm/apdf", "eim/adf", [False, True]),
         ("both symmetric: relayed", "apdm/apdf", "apdm/apdf", [True]),
         ("UDP blocked: TURN by TCP", "blocked", "blocked", [True])]
DELAYS = ["0ms", "40ms"]

# Names in the order of the table: who, and the mark that ends the race.
CONTENDERS = {"plain": "first-byte", "libnice": "first-byte", "libnice's defaults": "first-byte",
              "aioice": "first-byte", "DTLS": "first-byte", "channel": "first-byte",
              "nat-connect": "connected"}


def start(name, turn, blocked):
    if name.startswith("libnice"):
        return race.bare_libnice("udp" if name == "libnice" else "defaults", turn)
    if name == "aioice":
        return race.aioice(turn, tcp=blocked)
    if name == "nat-connect":
        return race.tools(turn)
    return race.sessions({"plain": "plain", "DTLS": "secure", "channel": "channel"}[name], turn)


def races(turn, blocked, rounds):
    """Milliseconds of each contender, in each round."""
    times = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for name, mark in CONTENDERS.items():
            with start(name, turn, blocked) as one:
                times[name].append(one.milliseconds(mark))
                if times[name][-1] is None:
                    print(f"{name}: {one.story()}", file=sys.stderr)
    return times


def best(times):
    """The least, as whatever else the machine does only adds; None when one of them never arrived."""
    return None if None in times else min(times)


def measure(rounds):
    rows = []
    for delay in DELAYS:
        for pair, a, b, turns in PAIRS:
            for turn in turns:
                sites = [f"{site},delay={delay}" if delay != "0ms" else site for site in (a, b)]
                times = lab.inside(["--a", sites[0], "--b", sites[1]], races, turn,
                                   "blocked" in (a, b), rounds, timeout=rounds * 60)
                rows.append({"delay": delay, "pair": pair, "a": a, "b": b, "turn": turn,
                             "times_ms": times})
                print(table([rows[-1]], head=False), flush=True)
    return rows


def table(rows, head=True):
    """Lines of Markdown."""
    ms = page.number
    lines = [page.row(["between the two", "TURN", "libnice / ours", "aioice / ours", "ours", "libnice",
                       "libnice's defaults", "aioice", "with DTLS", "data channel", "nat-connect"]),
             page.row(["---"] * 11)] if head else []
    for one in rows:
        took = {name: best(times) for name, times in one["times_ms"].items()}
        ours = took["plain"]
        lines.append(page.row([one["pair"], "yes" if one["turn"] else "no",
                               page.ratio(took["libnice"], ours), page.ratio(took["aioice"], ours),
                               ms(ours), ms(took["libnice"]), ms(took["libnice's defaults"]), ms(took["aioice"]), ms(took["DTLS"]),
                               ms(took["channel"]), ms(took["nat-connect"])]))
    return "\n".join(lines)


def text(rows, rounds):
    parts = ["From the start of both programs until each has a byte of the other's, in milliseconds; "
             "for nat-connect, which starts in its default way, until both say `connected`. aioice's "
             "interpreter is not counted; libnice trickles, without ICE-TCP and UPnP, then with all its "
             "defaults. \"ours\" is a session with plain datagrams, what follows it to the right are encrypted "
             f"ones. The best of {rounds} rounds, the contenders taking turns: what else a machine does only "
             "adds."]
    for delay in DELAYS:
        parts.append("Links without delay:" if delay == "0ms" else
                     f"{delay.removesuffix('ms')} ms one way to each site, so 80 ms there and back to the "
                     "servers and 160 ms between the two:")
        parts.append(table([row for row in rows if row["delay"] == delay]))
    return "\n\n".join(parts)


def main():
    words = page.arguments(__doc__)
    rounds = 1 if words.quick else 5
    rows = measure(rounds)
    page.publish("connect", text(rows, rounds), rows, words)


if __name__ == "__main__":
    lab.serve(races)
    main()
