#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""IPv6: nat-map opens a pinhole on a real miniupnpd, and the outside gets in while it stands."""
import concurrent.futures
import json
import os
import select
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab
import tap

NAT_MAP = os.environ.get("NAT_MAP", "nat-map")
PORT = 6667
PATIENCE = 10.0
SILENCE = 0.4


def reached(protocol, expected):
    """Whether a stranger outside reaches the port on the host's IPv6 address."""
    with lab.node("outside"):
        stranger = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM if protocol == "udp"
                                 else socket.SOCK_STREAM)
    patience = PATIENCE if expected else SILENCE
    stranger.settimeout(patience)
    there = (os.environ["NATLAB_HOST6"], PORT)
    if protocol == "tcp":
        with socket.create_server(("::", PORT), family=socket.AF_INET6):
            return stranger.connect_ex(there) == 0
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as host:
        host.bind(("::", PORT))
        for _ in range(5):  # one datagram may be lost
            stranger.sendto(b"knock", there)
            if select.select([host], [], [], patience / 5)[0]:
                return True
        return False


def keep(*options):
    """What nat-map keep says of the port, and who gets in before, meanwhile and afterwards."""
    out = {"before": [reached(protocol, False) for protocol in ("udp", "tcp")]}
    keeper = subprocess.Popen([NAT_MAP, "keep", str(PORT), "both", "--json", "--timeout", "20", *options],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    rows = []
    for _ in range(2):
        rows += json.loads(keeper.stdout.readline())["mappings"]
    ours = os.environ["NATLAB_HOST6"]
    out["rows"] = sorted([row["protocol"], row["strategy"], row["reach"],
                          "host" if row["external"] == f"[{ours}]:{PORT}" else row["external"]]
                         for row in rows)
    out["open"] = [reached(protocol, True) for protocol in ("udp", "tcp")]
    keeper.send_signal(signal.SIGINT)
    _, said = keeper.communicate(timeout=20)
    out["status"] = keeper.returncode
    # A MAP request that miniupnpd 2.3.1 gets twice, as it does when it is slow, makes it forget whose
    # the IPv6 pinhole is: it refuses to delete it (NOT_AUTHORIZED), and nat-map says so.
    refused = [protocol for protocol in ("udp", "tcp")
               if f"cannot close {PORT}/{protocol}" in said and "NOT_AUTHORIZED" in said]
    out["after"] = [protocol not in refused and reached(protocol, False) for protocol in ("udp", "tcp")]
    return out


if __name__ == "__main__":
    lab.serve(keep)
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(4) as pool:
        def inside(spec, *options):
            return pool.submit(lab.inside, ["--nat", spec, "--no-servers"], keep, *options, timeout=110)
        alone = {strategy: inside("home,ipv6", "-6", "--via", strategy)
                 for strategy in ("igd", "pcp")}
        without = inside("home,ipv6,no-ipv4", "-6")
        both = inside("home,ipv6", "-4", "-6", "--via", "pcp")

        def expected(*rows):
            return {"before": [False, False], "rows": sorted(rows), "open": [True, True], "status": 0,
                    "after": [False, False]}
        for strategy, result in alone.items():
            t.equal(result.result(), expected(*([protocol, strategy, "anyone", "host"]
                                                for protocol in ("tcp", "udp"))),
                    f"{strategy}: the pinhole lets the outside in, and is closed again")
        seen = without.result()
        t.equal([seen["open"], seen["after"]], [[True, True], [False, False]],
                "a host without IPv4 opens its ports, too")
        t.equal(both.result(), expected(
            *([protocol, "pcp", "anyone", external] for protocol in ("tcp", "udp")
              for external in ("host", f"25.0.113.2:{PORT}"))),
                "-4 -6: both families by one command")
