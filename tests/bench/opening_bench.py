#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Time to an opening, and to "nothing here", against upnpc and natpmpc in the same lab.

Medians of whole-process wall times, and ratios; judges nothing. opening_bench.py [--quick] [--json FILE] [--write]
"""
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab
import page

NAT_MAP = os.environ.get("NAT_MAP", "nat-map")
ROUTER = "eim/apdf,server=own,pcp"


def wall_ms(*command):
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    return {"ms": (time.monotonic() - started) * 1000, "status": done.returncode}


def median_ms(rounds, status, *command, after=None):
    """The median over some rounds, each of which must end with `status`; `after` cleans up."""
    times = []
    for _ in range(rounds):
        measured = wall_ms(*command)
        if measured["status"] != status:
            raise RuntimeError(f"{command}: status {measured['status']}")
        times.append(measured["ms"])
        if after:
            subprocess.run(after, capture_output=True, check=False, timeout=60)
    return statistics.median(times)


def openings(rounds):
    host = os.environ["NATLAB_HOST"]
    delete = [NAT_MAP, "delete", "6667", "tcp"]
    out = {}
    for via in ("auto", "igd", "pcp", "nat-pmp"):
        out[f"nat-map --via {via}"] = median_ms(rounds, 0, NAT_MAP, "add", "6667", "tcp", "--via", via,
                                                after=delete)
    out["upnpc -a"] = median_ms(rounds, 0, "upnpc", "-a", host, "6667", "6667", "tcp", after=delete)
    out["natpmpc -a"] = median_ms(rounds, 0, "natpmpc", "-a", "6667", "6667", "tcp", "600", after=delete)
    return out


def known(rounds):
    """The first opening on a network, and one on a network that the journal knows."""
    add = [NAT_MAP, "add", "6667", "tcp", "--via", "igd"]
    delete = [NAT_MAP, "delete", "6667", "tcp", "--via", "igd"]
    journal = os.path.join(os.environ["XDG_STATE_HOME"], "natterjack", "mappings.json")
    first = []
    for _ in range(rounds):
        if os.path.exists(journal):
            os.remove(journal)
        first.append(wall_ms(*add)["ms"])
        subprocess.run(delete, capture_output=True, check=False, timeout=60)
    return {"first": statistics.median(first), "known": median_ms(rounds, 0, *add, after=delete)}


def by_pcp(rounds):
    return median_ms(rounds, 0, NAT_MAP, "add", "6667", "tcp", "--via", "pcp",
                     after=[NAT_MAP, "delete", "6667", "tcp"])


def nothing(rounds):
    return {"nat-map": median_ms(rounds, 1, NAT_MAP, "add", "6667", "tcp"),
            "upnpc -l": wall_ms("upnpc", "-l")["ms"]}


def memory():
    with subprocess.Popen([NAT_MAP, "add", "6667", "tcp"], stdout=subprocess.DEVNULL) as child:
        return os.wait4(child.pid, 0)[2].ru_maxrss


def table(times, base):
    """Markdown: each in milliseconds and as a ratio."""
    rows = [page.row(["", "ms", f"of {base}'s"]), page.row(["---"] * 3)]
    rows += [page.row([name, f"{ms:.0f}", page.ratio(ms, times[base])]) for name, ms in times.items()]
    return "\n".join(rows)


def main():
    words = page.arguments(__doc__)
    rounds = 1 if words.quick else 5
    seen = {
        "A gateway with IGD, PCP and NAT-PMP, no delay:":
            (["--nat", "home", "--no-servers"], openings, "upnpc -a"),
        "The same with 40 ms to the gateway, each way:":
            (["--nat", "home,lan-delay=40ms", "--no-servers"], openings, "upnpc -a"),
        "By IGD, the first opening on a network and one on a network that the journal knows:":
            (["--nat", "home", "--no-servers"], known, "first"),
        "No gateway, until it is said that nothing here opens ports:":
            (["--nat", "eim/apdf", "--no-servers"], nothing, "upnpc -l"),
    }
    measured = {}
    parts = [f"Whole programs, start included, against the real miniupnpd unless said otherwise; medians of {rounds} runs."]
    for title, (where, function, base) in seen.items():
        measured[title] = lab.inside(where, function, rounds, timeout=180)
        parts += [title, table(measured[title], base)]
    title = "nat-lab's own gateway, by PCP, and two of them one behind the other:"
    routers = {"one router": ROUTER, "two routers": f"{ROUTER}>{ROUTER}"}
    measured[title] = {name: lab.inside(["--nat", nat, "--no-servers"], by_pcp, rounds, timeout=180)
                       for name, nat in routers.items()}
    parts += [title, table(measured[title], "one router")]
    measured["peak_kib"] = lab.inside(["--nat", "home", "--no-servers"], memory)
    parts.append(f"Most memory that `nat-map add` ever has: {measured['peak_kib'] / 1024:.1f} MiB.")
    page.publish("opening", "\n\n".join(parts), measured, words)


if __name__ == "__main__":
    lab.serve(openings, known, by_pcp, nothing, memory)
    main()
