#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What gets through from one host to the other, against plain sockets and bare libnice.

The contenders take turns; each sends for as long as the receiver measures (two seconds after half a
second). throughput_bench.py [--quick] [--json FILE] [--write]
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import page
import race
import lab

PORT = 4000
DATAGRAMS = ["UDP socket", "libnice", "plain datagrams", "DTLS datagrams"]
STREAMS = ["TCP socket", "data channel"]


def raw(kind):
    """A plain socket's marks; the receiver is on b."""
    place = [kind, os.environ["NATLAB_B_HOST"], str(PORT)]
    receiver = race.Racer("b", [race.program("raw-peer"), *place])
    receiver.wait_for("ready", patience=20)
    sender = race.Racer("a", [race.program("raw-peer"), *place, "flood"])
    try:
        return receiver.wait_for("received", patience=30)
    finally:
        sender.stop()
        receiver.stop()


def session(payload):
    one = race.sessions(payload, turn=False, flood=True)
    with one:
        return one.racers[1].wait_for("received", "failed", patience=30)


def libnice():
    one = race.bare_libnice("udp", turn=False, flood=True)
    with one:
        return one.racers[1].wait_for("received", patience=30)


RUNS = {"UDP socket": lambda: raw("udp"), "TCP socket": lambda: raw("tcp"), "libnice": libnice,
        "plain datagrams": lambda: session("plain"), "DTLS datagrams": lambda: session("secure"),
        "data channel": lambda: session("channel")}


def floods(rounds):
    """What each contender's receiver counted, in each round; None when it got nothing."""
    out = {name: [] for name in RUNS}
    for _ in range(rounds):
        for name, run in RUNS.items():
            seen = run()
            out[name].append({key: seen.get(key) for key in ("per_second", "mbit")} if seen else None)
    return out


def span(seen, key):
    """The least and the most; None when something did not get through."""
    got = [one[key] if one else None for one in seen]
    return None if None in got else (min(got), max(got))


def text(seen, rounds):
    """Markdown: datagrams as packets, streams as bits."""
    lines = [f"From one host of a lab to the other through a router, no NAT, datagrams of 1100 bytes, "
             f"messages of 16 KiB; what was received. The best of {rounds} rounds, and the worst: far apart "
             "where the machine has other things to do, and then the ratios say little.", ""]
    for names, key, unit in ((DATAGRAMS, "per_second", "datagrams/s"), (STREAMS, "mbit", "Mbit/s")):
        base = span(seen[names[0]], key)
        lines += [page.row(["", f"of the {names[0]}'s", unit, "worst round"]), page.row(["---"] * 4)]
        for name in names:
            least, most = span(seen[name], key) or (None, None)
            lines.append(page.row([name, page.ratio(most, base[1] if base else None), page.number(most),
                                   page.number(least)]))
        lines.append("")
    return "\n".join(lines[:-1])


def main():
    words = page.arguments(__doc__)
    rounds = 1 if words.quick else 5
    seen = lab.inside(["--a", "none", "--b", "none"], floods, rounds, timeout=60 * rounds)
    page.publish("throughput", text(seen, rounds), seen, words)


if __name__ == "__main__":
    lab.serve(floods)
    main()
