#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""IPv6: nat-map opens a pinhole on a real miniupnpd, and the outside gets in while it stands."""
import concurrent.futures
import ipaddress
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab
import leases
import tap

NAT_MAP = os.environ.get("NAT_MAP", "nat-map")
PORT = 6667
PATIENCE = 10.0
SILENCE = 0.4


def reached(protocol, expected, address=None):
    """Whether a stranger outside reaches the port on the host's IPv6 address (or on that one)."""
    with lab.node("outside"):
        stranger = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM if protocol == "udp"
                                 else socket.SOCK_STREAM)
    patience = PATIENCE if expected else SILENCE
    stranger.settimeout(patience)
    there = (address or os.environ["NATLAB_HOST6"], PORT)
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


def closed(protocol, address=None):
    """Whether nobody outside gets in any more, soon."""
    deadline = time.monotonic() + PATIENCE
    while reached(protocol, False, address):
        if time.monotonic() > deadline:
            return False
    return True


def pinholes():
    """The router's rules that let something in."""
    return {line.strip() for line in lab.on("router-a", "nft", "list", "ruleset").stdout.splitlines()
            if "pinhole-" in line}


def renewed():
    """Whether the router makes all of its rules again, as it does when a look at the lease renews it."""
    before, deadline = pinholes(), time.monotonic() + PATIENCE
    while before & pinholes():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def keep(*options):
    """What nat-map keep says of the port, and who gets in before, meanwhile and afterwards."""
    out = {"before": [reached(protocol, False) for protocol in ("udp", "tcp")]}
    keeper = subprocess.Popen([NAT_MAP, "keep", str(PORT), "both", "--json", "--timeout", "20", "--check", "1",
                               *options],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    rows = []
    for _ in range(2):
        rows += json.loads(keeper.stdout.readline())["mappings"]
    ours = os.environ["NATLAB_HOST6"]
    out["rows"] = sorted([row["protocol"], row["strategy"], row["reach"],
                          "host" if row["external"] == f"[{ours}]:{PORT}" else row["external"]]
                         for row in rows)
    out["open"] = [reached(protocol, True) for protocol in ("udp", "tcp")]
    out["renewed"] = "pcp" not in options or renewed()
    keeper.send_signal(signal.SIGINT)
    _, said = keeper.communicate(timeout=20)
    out["said"] = said
    out["status"] = keeper.returncode
    out["after"] = [reached(protocol, False) for protocol in ("udp", "tcp")]
    return out


def nat_map(*words):
    """The object that nat-map prints, and its exit status."""
    done = subprocess.run([NAT_MAP, *words, "--json", "--timeout", "20"], text=True,
                          capture_output=True, check=False, timeout=60)
    return json.loads(done.stdout), done.returncode


def pinholes_of(answer):
    return [[row["protocol"], row["strategy"], row["ours"]] for row in answer["mappings"]
            if row["external"].startswith("[")]


def list_and_delete(strategy, *families):
    """What list tells of pinholes that an earlier run has left, and what delete leaves of them."""
    added, status = nat_map("add", str(PORT), "tcp", "--via", strategy, *families)
    out = {"added": status, "open": reached("tcp", True)}
    listed, _ = nat_map("list", "--via", strategy)
    out["listed"] = pinholes_of(listed)
    row = next(row for row in listed["mappings"] if row["external"].startswith("["))
    out["owner"] = row["owner"].startswith("nobody any more (")
    out["ends"] = 7000 < row["lifetime_s"] <= 7200
    out["other port"] = nat_map("delete", str(PORT + 1), "tcp", "--via", strategy)[1] != 0
    nat_map("add", str(PORT), "tcp", "--via", strategy, *families)  # which renews it
    deleted, status = nat_map("delete", str(PORT), "tcp", "--via", strategy)
    out["deleted"] = status == 0 and len(deleted["mappings"]) == len(added["mappings"])
    out["after"] = closed("tcp") and pinholes_of(nat_map("list", "--via", strategy)[0]) == []
    return out


def renumber(strategy):
    """The host's address gives way to another one while its port is kept."""
    old = os.environ["NATLAB_HOST6"]
    new = str(ipaddress.ip_network(old + "/64", strict=False)[0x77])
    link = next(line.split()[1] for line in subprocess.run(
        ["ip", "-6", "-o", "address"], text=True, capture_output=True, check=True).stdout.splitlines()
        if f" {old}/" in line)
    keeper = leases.Keep("-6", "--via", strategy, "--timeout", "20")
    out = {"opened": leases.external_of(keeper.wait_for("opened"))[0].strip("[]") == old}
    for words in (["add", new + "/64", "dev", link, "nodad"],
                  ["change", old + "/64", "dev", link, "preferred_lft", "0", "valid_lft", "600"]):
        subprocess.run(["ip", "address", *words], check=True)
    out["moved"] = leases.external_of(keeper.wait_for("moved"))[0].strip("[]") == new
    out["new"] = reached("tcp", True, new)
    out["old"] = closed("tcp", old)
    out["status"] = keeper.stop()
    out["after"] = closed("tcp", new)
    return out


def restricted():
    """A pinhole for one host outside, and whether another gets in."""
    friend, stranger = (os.environ[name] for name in ("NATLAB_OUTSIDE6", "NATLAB_OUTSIDE6_2"))
    out = []
    for who, expected in ((friend, True), (stranger, False)):
        out.append(nat_map("add", str(PORT), "tcp", "-6", "--from", who)[1])
        out.append(reached("tcp", expected))
        nat_map("delete", str(PORT), "tcp", "-6")
    return out


if __name__ == "__main__":
    lab.serve(keep, list_and_delete, renumber, restricted)
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(4) as pool:
        def inside(spec, *options):
            return pool.submit(lab.inside, ["--nat", spec, "--no-servers"], keep, *options, timeout=110)
        alone = {strategy: inside("home,ipv6", "-6", "--via", strategy)
                 for strategy in ("igd", "pcp")}
        without = inside("home,ipv6,no-ipv4", "-6")
        both = inside("home,ipv6", "-4", "-6", "--via", "pcp")
        no_other = inside("eim/apdf,pcp,ipv6", "-6", "--via", "pcp")

        def elsewhere(function, *arguments):
            return pool.submit(lab.inside, ["--nat", "home,ipv6", "--no-servers"], function, *arguments,
                               timeout=110)
        listed = {strategy: elsewhere(list_and_delete, strategy, *families)
                  for strategy, families in (("igd", ["-6"]), ("pcp", ["-4", "-6"]))}
        moved = {strategy: elsewhere(renumber, strategy) for strategy in ("igd", "pcp")}
        narrow = elsewhere(restricted)

        def expected(*rows):
            return {"before": [False, False], "rows": sorted(rows), "open": [True, True], "renewed": True,
                    "said": "", "status": 0, "after": [False, False]}
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
        # miniupnpd 2.3.1 forgets whose a pinhole is that was renewed, and here speaks PCP only.
        seen = no_other.result()
        told = [f"cannot close {PORT}/{protocol}" in seen["said"] for protocol in ("udp", "tcp")]
        t.equal([seen["status"], told, seen["said"].count("it ends by itself in 120 s")],
                [2, [True, True], 2], "what the router does not let go of is told, and ends in two minutes")
        for strategy, result in listed.items():
            t.equal(result.result(),
                    {"added": 0, "open": True, "listed": [["tcp", strategy, True]], "owner": True,
                     "ends": True, "other port": True, "deleted": True,
                     "after": True},
                    f"{strategy}: list and delete know the pinholes that this user has opened")
        for strategy, result in moved.items():
            t.equal(result.result(), {"opened": True, "moved": True, "new": True, "old": True, "status": 0,
                                      "after": True},
                    f"{strategy}: a deprecated address gives way to the next")
        t.equal(narrow.result(), [0, True, 0, False], "a pinhole for one host lets in that one only")
