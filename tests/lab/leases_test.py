#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Leases outlive what happens to gateways, links and keepers: `nat-map keep` on a real miniupnpd.

    leases_test.py             TAP; the times are not judged
    leases_test.py --measure   the table of docs/leases.md
"""
import concurrent.futures
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab
import leases
import tap
from leases import PORT, Keep

CHECK = "4"  # seconds; a reboot that nobody announces is noticed within half of it


def begin(*arguments):
    """A keeper whose port the outside gets into, and the server behind it."""
    server = leases.listens()
    keeper = Keep("--check", CHECK, *arguments)
    opened = keeper.wait_for("opened")
    address, port = leases.external_of(opened)
    if not leases.gets_in(server, address, port, patience=leases.PATIENCE):
        raise RuntimeError(f"not reachable to begin with: {opened}")
    return keeper, server, address, port


def end(keeper, out):
    """Closes, and adds what is left behind a second later."""
    out["status"] = keeper.stop()
    time.sleep(1)
    out["left"] = leases.listed()
    out["events"] = [event["event"] for event in keeper.events]
    return out


def rebooted(via, *how):
    keeper, server, address, port = begin("--via", via)
    lab.change("reboot", "router-a", *how)
    came_back = time.monotonic()
    out = {"reachable after": leases.until_reachable(server, address, port, came_back)}
    out["listed"] = leases.listed()
    return end(keeper, out)


def flushed(via):
    keeper, server, address, port = begin("--via", via)
    before = leases.gets_in(server, address, port)
    lab.change("flush", "router-a")
    out = {"reachable after": leases.until_reachable(server, address, port, time.monotonic()),
           "before": before}
    return end(keeper, out)


def readdressed(via):
    keeper, server, _, port = begin("--via", via)
    lab.change("readdress", "router-a", "25.0.113.77")
    changed = time.monotonic()
    moved = keeper.wait_for("moved")
    out = {"told after": round(time.monotonic() - changed, 3),
           "external": moved and moved["mappings"][0]["external"],
           "reachable after": leases.until_reachable(server, "25.0.113.77", port, changed)}
    return end(keeper, out)


def host_moved(via, unplugged=False):
    """`unplugged`: as a laptop that is carried to another socket; else its lease by DHCP changes."""
    keeper, server, address, port = begin("--via", via)
    if unplugged:
        lab.change("link", "a", "down")
    lab.change("readdress", "a", "192.168.1.11")
    if unplugged:
        lab.change("link", "a", "up")
    changed = time.monotonic()
    moved = keeper.wait_for("moved")
    former = f"tcp {port}"
    address, port = leases.external_of(moved) if moved else (address, port)
    out = {"internal": moved and moved["mappings"][0]["internal"],
           "reachable after": leases.until_reachable(server, address, port, changed)}
    end(keeper, out)
    # miniupnpd lets nobody delete but the address that mapped: the former entry has its lease.
    out["former"] = out["left"].pop(former, None)
    return out


def killed(via):
    keeper, server, address, port = begin("--via", via)
    keeper.stop(signal.SIGKILL)
    between = leases.listed()
    started = time.monotonic()
    keeper = Keep("--check", CHECK, "--via", via)
    opened = keeper.wait_for("opened")
    out = {"between": len(between), "same": leases.external_of(opened) == (address, port),
           "reachable after": leases.until_reachable(server, address, port, started)}
    return end(keeper, out)


def orphaned():
    """A run that was killed, and a later one that wants another port."""
    keeper, _, _, _ = begin("--via", "pcp")
    keeper.stop(signal.SIGKILL)
    keeper = Keep("--via", "pcp", port=PORT + 1)
    keeper.wait_for("opened")
    host = leases.environment()["NATLAB_HOST"]
    out = {"listed": leases.settled_list({f"tcp {PORT + 1}": f"{host}:{PORT + 1}"})}
    return end(keeper, out)


def two_keepers():
    keeper, _, _, _ = begin()
    second = Keep()
    status = second.child.wait(timeout=leases.PATIENCE)
    second.stop()
    return end(keeper, {"second": status, "listed": leases.listed()})


def taken_over():
    """While the gateway is rebooting somebody else takes the port."""
    keeper, server, _, _ = begin("--via", "igd")
    lab.change("flush", "router-a")
    leases.upnpc("-e", "somebody else", "-a", leases.environment()["NATLAB_HOST"], "7000", str(PORT),
                 "tcp", "600")
    theirs = leases.listed().get(f"tcp {PORT}")
    moved = keeper.wait_for("moved")
    out = {"theirs": theirs, "moved": moved is not None}
    if moved:
        address, port = leases.external_of(moved)
        out["other port"] = port != PORT
        out["reachable after"] = leases.until_reachable(server, address, port, time.monotonic())
    return end(keeper, out)


def hooked():
    """Both protocols on one number; each change reaches a command and the service manager."""
    import socket
    import tempfile
    directory = tempfile.mkdtemp(prefix="natterjack-hook-")
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(directory + "/notify")
    manager.settimeout(leases.PATIENCE)
    os.environ["NOTIFY_SOCKET"] = directory + "/notify"
    leases.upnpc("-e", "somebody else", "-a", leases.environment()["NATLAB_HOST"], "7000", str(PORT),
                 "udp", "600")
    log = directory + "/log"
    keeper = Keep("--exec", "echo $NAT_MAP_EVENT $NAT_MAP_PROTOCOL $NAT_MAP_EXTERNAL "
                  f"$NAT_MAP_INTERNAL_PORT >> {log}; echo noise", protocol="both")
    ports = [leases.external_of(keeper.wait_for("opened"))[1] for _ in range(2)]
    out = {"ports": ports, "ready": manager.recv(4096).decode()}
    # Of one port only the latest event waits for its turn: both runs first.
    deadline = time.monotonic() + leases.PATIENCE
    while time.monotonic() < deadline and not (os.path.exists(log) and pathlib.Path(log).read_text().count("\n") == 2):
        time.sleep(0.05)
    lab.change("readdress", "router-a", "25.0.113.78")
    for _ in range(2):
        keeper.wait_for("moved")
    out = end(keeper, out)
    out["left"].pop(f"udp {PORT}")
    out["log"] = open(log, encoding="utf-8").read().splitlines()
    manager.setblocking(False)
    said = []
    try:
        while True:
            said.append(manager.recv(4096).decode())
    except BlockingIOError:
        pass
    out["said"] = said
    return out


def short_lease(*arguments):
    """A lease of a minute with a port of the gateway's choice, as VPN providers have it."""
    server = leases.listens(4711)
    keeper = Keep("--external", "0", "--lifetime", "60", "--via", "nat-pmp", *arguments,
                  protocol="both", port=4711)
    opened = [keeper.wait_for("opened") for _ in range(2)]
    address, port = leases.external_of(opened[0])
    out = {"ports": [leases.external_of(event)[1] for event in opened],
           "lifetime": opened[0]["mappings"][0]["lifetime_s"],
           "reached": leases.gets_in(server, address, port)}
    return end(keeper, out)


def dead(via="igd"):
    """The gateway lists and renews what it forwards no more; only the relay outside can tell."""
    server = leases.listens()
    keeper = Keep("--via", via, "--check", "1", "--prove", "--turn", os.environ["NATLAB_TURN_TCP"],
                  protocol="both")
    proofs = [keeper.wait_for("opened")["mappings"][0]["proof"] for _ in range(2)]
    address, port = leases.external_of(keeper.events[0])
    datagrams = leases.takes_datagrams()  # from now on UDP cannot be tried, as the port is in use
    lab.change("flush", "router-a")
    flushed_at = time.monotonic()
    out = {"proofs": proofs, "listed": sorted(leases.listed()),
           "told": [keeper.wait_for("moved")["mappings"][0]["proof"] for _ in range(2)],
           "reachable after": leases.until_reachable(server, address, port, flushed_at),
           "datagrams": leases.until_datagram(datagrams, address, port)}
    return end(keeper, out)


FUNCTIONS = (rebooted, flushed, readdressed, host_moved, killed, orphaned, two_keepers, taken_over,
             hooked, short_lease, dead)

LISTED_BUT_DEAD = "listed but dead, by igd, `--check 1 --prove`"
FAULTS = {
    # name: (function, its arguments)
    "reboot, by {}": (rebooted, ("igd", "pcp", "nat-pmp"), ()),
    "reboot with its lease file, by {}": (rebooted, ("igd", "pcp"), ("--keep-leases",)),
    # Not by IGD: miniupnpd goes on listing what it does not forward any more.
    "flushed rules, by {}": (flushed, ("pcp", "nat-pmp"), ()),
    LISTED_BUT_DEAD: (dead, ("igd",), ()),
    "another WAN address, by {}": (readdressed, ("igd", "pcp", "nat-pmp"), ()),
    "another address of the host, by {}": (host_moved, ("igd", "pcp", "nat-pmp"), ()),
    "link down, another address, link up, by {}": (host_moved, ("igd", "pcp", "nat-pmp"), (True,)),
    "keeper killed and started again, by {}": (killed, ("igd", "pcp", "nat-pmp"), ()),
}


def in_lab(function, *arguments):
    servers = [] if function is dead else ["--no-servers"]
    return lab.inside(["--nat", "home", *servers], function, *arguments, timeout=110)


def run_faults(pool):
    """{name: future} of every fault."""
    return {name.format(via): pool.submit(in_lab, function, via, *more)
            for name, (function, vias, more) in FAULTS.items() for via in vias}


def measure():
    """Three rounds, one after the other, so that the labs do not slow each other down."""
    print("| fault | reachable again after | least | most |\n|---|---|---|---|")
    for name, (function, vias, more) in FAULTS.items():
        for via in vias:
            times = sorted(in_lab(function, via, *more)["reachable after"] for _ in range(3))
            print(f"| {name.format(via)} | {times[1]:.2f} s | {times[0]:.2f} s | {times[2]:.2f} s |",
                  flush=True)


def check(t, name, seen):
    t.check(seen.get("reachable after") is not None, f"{name}: reachable again", seen)
    t.equal([seen["status"], seen["left"]], [0, {}], f"{name}: a clean end leaves nothing behind")
    t.check("lost" not in seen["events"], f"{name}: never lost", seen["events"])


if __name__ == "__main__":
    lab.serve(*FUNCTIONS)
    if sys.argv[1:] == ["--measure"]:
        measure()
        sys.exit(0)
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(4) as pool:
        faults = run_faults(pool)
        rest = {function.__name__: pool.submit(in_lab, function)
                for function in (orphaned, two_keepers, taken_over, hooked, short_lease)}
        for name, future in faults.items():
            check(t, name, future.result())
        for via in ("igd", "pcp", "nat-pmp"):
            seen = faults[f"another WAN address, by {via}"].result()
            t.equal(seen["external"], f"25.0.113.77:{PORT}", f"another WAN address, by {via}: told")
            for name in (f"another address of the host, by {via}",
                         f"link down, another address, link up, by {via}"):
                seen = faults[name].result()
                t.equal(seen["internal"], f"192.168.1.11:{PORT}", f"{name}: told")
            seen = faults[f"keeper killed and started again, by {via}"].result()
            t.equal([seen["between"], seen["same"]], [1, True],
                    f"keeper killed, by {via}: the next one takes the mapping over")

        seen = faults[LISTED_BUT_DEAD].result()
        t.equal([seen["proofs"], seen["told"]], [["proved", "proved"], ["refuted", "proved"]],
                "listed but dead: tried again from outside, made again, and told")
        t.check(seen["datagrams"], "listed but dead: so is the neighbour that cannot be tried", seen)

        seen = rest["orphaned"].result()
        t.equal(list(seen["listed"]), [f"tcp {PORT + 1}"], "orphan: the next run removes it")
        seen = rest["two_keepers"].result()
        t.equal([seen["second"], len(seen["listed"])], [2, 1],
                "two keepers of one port: the second is refused, the first keeps it")
        seen = rest["taken_over"].result()
        t.check(seen["moved"] and seen.get("other port") and seen["theirs"],
                "port taken by another program: moved to another one", seen)
        t.equal(seen["left"], {f"tcp {PORT}": seen["theirs"]}, "port taken: theirs is untouched")
        seen = rest["hooked"].result()
        t.check(seen["ports"][0] == seen["ports"][1] != PORT,
                "both: TCP and UDP have one number, although one of them was taken", seen["ports"])
        t.check(seen["ready"].startswith("READY=1\nSTATUS="), "systemd is told when all are open",
                seen["ready"])
        t.equal(sorted(line.split()[0] for line in seen["log"]),
                ["closed", "closed", "moved", "moved", "opened", "opened"],
                "--exec: runs at each change, in order of the events")
        t.check(any(f"moved tcp 25.0.113.78:{seen['ports'][0]} {PORT}" == line for line in seen["log"]),
                "--exec: the new endpoint is in the environment", seen["log"])
        t.equal([seen["said"][-1], seen["left"]], ["STOPPING=1", {}], "systemd is told of the end")
        seen = rest["short_lease"].result()
        t.equal([seen["ports"][0] == seen["ports"][1], seen["reached"], seen["left"]],
                [True, True, {}], "a minute's lease with a port of the gateway's choice")
