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
BRIEFLY = "it ends by itself in 120 s"


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
    """The router's rules that let something in, each with the number that it got when it was made."""
    return {line.strip() for line in lab.on("router-a", "nft", "-a", "list", "ruleset").stdout.splitlines()
            if f"th dport {PORT} @nh,192,128 " in line}  # an IPv6 destination, as miniupnpd writes it


def renewed():
    """Whether the router makes all of its rules again, as it does when a look at the lease renews it."""
    before, deadline = pinholes(), time.monotonic() + PATIENCE
    if len(before) < 2:
        return False
    while before & pinholes():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def keep(*options):
    """What nat-map keep says of the port, and who gets in before, meanwhile and afterwards."""
    out = {"before": [reached(protocol, False) for protocol in ("udp", "tcp")]}
    if "pcp" in options:
        options = [*options, "--check", "1"]  # a look renews
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
    out["renewed"] = "pcp" not in options or renewed()
    keeper.send_signal(signal.SIGINT)
    _, said = keeper.communicate(timeout=20)
    # miniupnpd 2.3.1 forgets whose a PCP pinhole is that was renewed. It is deleted by UPnP then, if there is UPnP.
    out["kept by the router"] = [protocol for protocol in ("udp", "tcp")
                                 if f"cannot close {PORT}/{protocol}" in said and BRIEFLY in said]
    out["status as told"] = keeper.returncode == (2 if out["kept by the router"] else 0)
    out["after"] = [protocol not in out["kept by the router"] and reached(protocol, False)
                    for protocol in ("udp", "tcp")]
    if out["kept by the router"]:
        left = nat_map("list", "--via", "pcp")[0]["mappings"]
        out["left"] = sorted([row["protocol"], row["lifetime_s"] <= 120] for row in left if row["external"].startswith("["))
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


def own_link():
    """The host's link, by the address that it has at first."""
    lines = subprocess.run(["ip", "-6", "-o", "address"], text=True, capture_output=True, check=True).stdout
    return next(line.split()[1] for line in lines.splitlines() if f" {os.environ['NATLAB_HOST6']}/" in line)


def renumber(strategy):
    """The host's address gives way to another one while its port is kept."""
    old, link = os.environ["NATLAB_HOST6"], own_link()
    new = str(ipaddress.ip_network(old + "/64", strict=False)[0x77])
    keeper = leases.Keep("-6", "--via", strategy, "--timeout", "20")
    out = {"opened": leases.external_of(keeper.wait_for("opened"))[0].strip("[]") == old}
    for words in (["add", new + "/64", "dev", link, "nodad"],
                  ["change", old + "/64", "dev", link, "preferred_lft", "0", "valid_lft", "600"]):
        subprocess.run(["ip", "address", *words], check=True)
    out["moved"] = leases.external_of(keeper.wait_for("moved"))[0].strip("[]") == new
    out["new"] = reached("tcp", True, new)
    out["old"] = strategy == "pcp" or closed("tcp", old)  # see keep()
    out["status"] = keeper.stop() == 0 or strategy == "pcp"
    out["after"] = strategy == "pcp" or closed("tcp", new)
    return out


def another_prefix(strategy):
    """The provider gives the home another prefix: the only address goes, and then another one comes."""
    old, link, new = os.environ["NATLAB_HOST6"], own_link(), "2a00:25:77::10"
    keeper = leases.Keep("-6", "--via", strategy, "--timeout", "20")
    out = {"opened": leases.external_of(keeper.wait_for("opened"))[0].strip("[]") == old}
    subprocess.run(["ip", "address", "del", old + "/64", "dev", link], check=True)
    router = os.environ["NATLAB_GATEWAY6"]
    for words in (["del", router + "/64"], ["add", "2a00:25:77::1/64", "nodad"]):
        lab.on("router-a", "ip", "address", *words, "dev", "lan0")
    lab.on("internet", "ip", "route", "add", "2a00:25:77::/64", "via", "2a00:25:113::2")
    lab.change("reboot", "router-a")  # miniupnpd looks once at which address it has
    subprocess.run(["ip", "address", "add", new + "/64", "dev", link, "nodad"], check=True)
    out["moved"] = leases.external_of(keeper.wait_for("moved"))[0].strip("[]") == new
    out["new"] = reached("tcp", True, new)
    listed, _ = nat_map("list", "--via", strategy)
    out["listed"] = [row["external"] for row in listed["mappings"] if row["ours"]]
    out["status"] = keeper.stop() == 0 or strategy == "pcp"  # see keep()
    out["events"] = [event["event"] for event in keeper.events if event["event"] != "closed"]
    out["after"] = strategy == "pcp" or closed("tcp", new)
    return out


def restricted():
    """A pinhole for one host outside, and whether another gets in."""
    friend, stranger = (os.environ[name] for name in ("NATLAB_OUTSIDE6", "NATLAB_OUTSIDE6_2"))
    out = []
    for who, expected in ((friend, True), (stranger, False)):
        added, _ = nat_map("add", str(PORT), "tcp", "-6", "--from", who)
        reach = reached("tcp", expected)
        deleted, _ = nat_map("delete", str(PORT), "tcp", "-6")
        out.append([added.get("error"), reach, deleted.get("error")])
    return out


if __name__ == "__main__":
    lab.serve(keep, list_and_delete, renumber, another_prefix, restricted)
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(2) as pool:
        def inside(spec, *options):
            return pool.submit(lab.inside, ["--nat", spec, "--no-servers"], keep, *options, timeout=110)
        without = inside("home,ipv6,no-ipv4", "-6")
        both = inside("home,ipv6", "-4", "-6", "--via", "pcp")
        no_other = inside("eim/apdf,pcp,ipv6", "-6", "--via", "pcp")

        def elsewhere(function, *arguments):
            return pool.submit(lab.inside, ["--nat", "home,ipv6", "--no-servers"], function, *arguments,
                               timeout=110)
        listed = {strategy: elsewhere(list_and_delete, strategy, *families)
                  for strategy, families in (("igd", ["-6"]), ("pcp", ["-4", "-6"]))}
        moved = {strategy: elsewhere(renumber, strategy) for strategy in ("igd", "pcp")}
        elsewhere_by = {strategy: elsewhere(another_prefix, strategy) for strategy in ("igd", "pcp")}
        narrow = elsewhere(restricted)
        alone = {strategy: inside("home,ipv6", "-6", "--via", strategy)
                 for strategy in ("igd", "pcp")}

        def expected(*rows):
            return {"before": [False, False], "rows": sorted(rows), "open": [True, True], "renewed": True,
                    "kept by the router": [], "status as told": True, "after": [False, False]}
        seen = without.result()
        t.equal([seen["open"], seen["after"]], [[True, True], [False, False]],
                "a host without IPv4 opens its ports, too")
        t.equal(both.result(), expected(
            *([protocol, "pcp", "anyone", external] for protocol in ("tcp", "udp")
              for external in ("host", f"25.0.113.2:{PORT}"))),
                "-4 -6: both families by one command")
        # miniupnpd 2.3.1 forgets whose a pinhole is that was renewed, and here speaks PCP only.
        seen = no_other.result()
        t.equal([seen["renewed"], seen["kept by the router"], seen["status as told"], seen.get("left")],
                [True, ["udp", "tcp"], True, [["tcp", True], ["udp", True]]],
                "what the router does not let go of is told, and ends in two minutes")
        for strategy, result in listed.items():
            t.equal(result.result(),
                    {"added": 0, "open": True, "listed": [["tcp", strategy, True]], "owner": True,
                     "ends": True, "other port": True, "deleted": True,
                     "after": True},
                    f"{strategy}: list and delete know the pinholes that this user has opened")
        for strategy, result in moved.items():
            t.equal(result.result(), {"opened": True, "moved": True, "new": True, "old": True, "status": True,
                                      "after": True},
                    f"{strategy}: a deprecated address gives way to the next")
        for strategy, result in elsewhere_by.items():
            t.equal(result.result(), {"opened": True, "moved": True, "new": True,
                                      "listed": [f"[2a00:25:77::10]:{PORT}"], "status": True,
                                      "events": ["opened", "moved"], "after": True},
                    f"{strategy}: another prefix, and the port goes with it")
        t.equal(narrow.result(), [[None, True, None], [None, False, None]], "a pinhole for one host lets in that one only")
        for strategy, result in alone.items():
            t.equal(result.result(), expected(*([protocol, strategy, "anyone", "host"] for protocol in ("tcp", "udp"))),
                    f"{strategy}: the pinhole lets the outside in, and is closed again")
