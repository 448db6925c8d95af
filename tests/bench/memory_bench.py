#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What idle sessions keep: 1,000 in one process, connected in pairs over real sockets.

memory_bench.py [--quick] [--json FILE] [--write]
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import page
import race
import lab

PAYLOADS = {"plain": "plain datagrams", "secure": "DTLS datagrams", "channel": "data channel"}


def sessions(payload, count):
    done = subprocess.run([race.program("session-memory"), payload, str(count)], text=True,
                          capture_output=True, check=False, timeout=170)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def text(seen):
    rows = [page.row(["an idle session with", "KiB", "descriptors", "threads of the whole process"]),
            page.row(["---"] * 4)]
    for payload, one in seen.items():
        rows.append(page.row([PAYLOADS[payload], page.number(one["kib_each"]),
                              f"{one['descriptors_each']:.1f}", str(one["threads"])]))
    some = next(iter(seen.values()))
    return (f"{some['sessions']} sessions in one process on one thread, connected in pairs over UDP on one "
            "host; what the first two have loaded and set up for all is left out "
            f"({some['base_kib'] / 1024:.0f} MiB).\n\n" + "\n".join(rows))


def main():
    words = page.arguments(__doc__)
    count = 100 if words.quick else 1000
    seen = {payload: lab.inside(["--a", "none", "--b", "none", "--no-servers"], sessions, payload, count,
                                timeout=180) for payload in PAYLOADS}
    page.publish("memory", text(seen), seen, words)


if __name__ == "__main__":
    lab.serve(sessions)
    main()
