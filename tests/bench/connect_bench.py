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

# What is between the two, the sites, whether it works with and without a relay, and how many times
# one site's delay passes before both have a path, if nobody ever waits (docs/benchmarks.md counts).
PAIRS = [("no NAT", "none", "none", [False, True], 4),
         ("a NAT each", "eim/apdf", "eim/apdf", [False, True], 6),
         ("one symmetric", "apdm/apdf", "eim/adf", [False, True], 8),
         ("both symmetric: relayed", "apdm/apdf", "apdm/apdf", [True], 8),
         ("UDP blocked: TURN by TCP", "blocked", "blocked", [True], 10)]
DELAYS = [0, 40]  # ms

# Names in the order of the table: who, and the mark that ends the race.
CONTENDERS = {"plain": "first-byte", "libnice": "first-byte", "libnice's defaults": "first-byte",
              "aioice": "first-byte", "DTLS": "first-byte", "channel": "first-byte",
              "nat-connect": "connected"}
WITH_PATH = ["plain", "libnice", "aioice"]  # those whose way to the first byte is shown


def start(name, turn, blocked):
    if name.startswith("libnice"):
        return race.bare_libnice("udp" if name == "libnice" else "defaults", turn)
    if name == "aioice":
        return race.aioice(turn, tcp=blocked)
    if name == "nat-connect":
        return race.tools(turn)
    return race.sessions({"plain": "plain", "DTLS": "secure", "channel": "channel"}[name], turn)


def milestones(one, name):
    """Milliseconds until the race ends, and for some, until what comes before that."""
    mark = CONTENDERS[name]
    out = {"end": one.milliseconds(mark)}
    if out["end"] is None:
        print(f"{name}: {one.story()}", file=sys.stderr)
    elif name in WITH_PATH:
        out["path"] = one.milliseconds("path")
        out["one way"] = one.milliseconds(mark, by=min)
    return out


def races(turn, blocked, rounds):
    """The milestones of each contender, in each round."""
    times = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for name in CONTENDERS:
            with start(name, turn, blocked) as one:
                times[name].append(milestones(one, name))
    return times


def best(rounds, milestone="end"):
    """The least, as whatever else the machine does only adds; None when one of them never arrived."""
    times = [one.get(milestone) for one in rounds]
    return None if None in times else min(times)


def measure(rounds):
    rows = []
    for delay in DELAYS:
        for pair, a, b, turns, trips in PAIRS:
            for turn in turns:
                sites = [f"{site},delay={delay}ms" if delay else site for site in (a, b)]
                times = lab.inside(["--a", sites[0], "--b", sites[1]], races, turn,
                                   "blocked" in (a, b), rounds, timeout=rounds * 60)
                rows.append({"delay_ms": delay, "pair": pair, "a": a, "b": b, "turn": turn,
                             "trips": trips, "times_ms": times})
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


def path_table(rows):
    """What comes before the first byte both ways, in lines of Markdown."""
    ms = page.number
    lines = [page.row(["between the two", "TURN", "trips", "ours: path", "libnice: path", "aioice: path",
                       "ours: byte one way", "ours: both ways"]), page.row(["---"] * 8)]
    for one in rows:
        times = one["times_ms"]
        lines.append(page.row([one["pair"], "yes" if one["turn"] else "no", ms(one["trips"] * one["delay_ms"]),
                               *(ms(best(times[name], "path")) for name in WITH_PATH),
                               ms(best(times["plain"], "one way")), ms(best(times["plain"]))]))
    return "\n".join(lines)


def text(rows, rounds):
    parts = ["From the start of both programs until each has a byte of the other's, in milliseconds; "
             "for nat-connect, which starts in its default way, until both say `connected`. aioice's "
             "interpreter is not counted; libnice trickles, without ICE-TCP and UPnP, then with all its "
             "defaults. \"ours\" is a session with plain datagrams, what follows it to the right are encrypted "
             f"ones. The best of {rounds} rounds, the contenders taking turns: what else a machine does only "
             "adds."]
    for delay in DELAYS:
        chosen = [row for row in rows if row["delay_ms"] == delay]
        parts.append(f"{delay} ms one way to each site, so {2 * delay} ms there and back to the servers and "
                     f"{4 * delay} ms between the two:" if delay else "Links without delay:")
        parts.append(table(chosen))
        if delay:
            parts.append("The same runs until both sides have a path, until the first byte is through, and until "
                         "there is one each way; \"trips\" is the least that the links allow (see below):")
            parts.append(path_table(chosen))
    return "\n\n".join(parts)


def main():
    words = page.arguments(__doc__)
    rounds = 1 if words.quick else 5
    rows = measure(rounds)
    page.publish("connect", text(rows, rounds), rows, words)


if __name__ == "__main__":
    lab.serve(races)
    main()
