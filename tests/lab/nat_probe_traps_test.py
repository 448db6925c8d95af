#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nat-probe where others are fooled: servers that lie or are dead, ports that are taken, filters that one's own packets open."""
import concurrent.futures
import os
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab
import lying_stun
import own_server
import probe
import tap

PATIENCE = 10.0
BINDING_REQUEST = bytes.fromhex("000100002112a442") + b"another host"
FEW_PORTS = range(40000, 40064)  # more than nat-probe has sockets


def endpoint(name):
    host, port = os.environ[name].split(":")
    return host, int(port)


def take_few_ports():
    """From now on the kernel gives this host's sockets FEW_PORTS only."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", "w", encoding="ascii") as file:
        file.write(f"{FEW_PORTS[0]} {FEW_PORTS[-1]}")


def seen_from(report, server):
    """The rows of the report in which `server` saw a socket at another port than the socket's own."""
    return [row for row in report["families"]["v4"]["seen"] if row["server"] == "%s:%d" % server
            and row["local"].split(":")[1] != row["mapped"].split(":")[1]]


def all_named():
    """Every endpoint of the server is named, so that sockets which ask for the mapping contact them all."""
    return probe.run([], [f"{endpoint(name)[0]}:{port}" for name in ("NATLAB_STUN", "NATLAB_STUN2") for port in (3478, 3479)])


def second_listener():
    """coturn's second address alone: it names itself as the other one, and does send from there."""
    return probe.run([], [os.environ["NATLAB_STUN2"]])


def neighbour():
    """Another host of the LAN has each port towards the second server, so that the NAT must give way there. (With
    the first it would give way for all destinations: Linux likes to give a socket the port that it has already.)"""
    take_few_ports()
    lab.on("a", "ip", "address", "add", "192.168.1.11/24", "dev", "eth0")
    sockets = []
    for port in FEW_PORTS:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(("192.168.1.11", port))
        made.settimeout(PATIENCE)
        made.sendto(BINDING_REQUEST, endpoint("NATLAB_STUN2"))
        made.recvfrom(2000)
        sockets.append(made)
    found = probe.run()
    return {**found, "displaced": len(seen_from(found["report"], endpoint("NATLAB_STUN2")))}


def clash():
    """A router that takes in what nobody asked for, and has heard from the second server already: its own
    connection tracking then has each port towards that server."""
    take_few_ports()
    lab.on("router-a", "nft", "flush", "chain", "inet", "natlab", "input")
    host, port = endpoint("NATLAB_STUN2")
    with lab.node("internet"):
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    wan = os.environ["NATLAB_WAN"]
    for each in FEW_PORTS:
        datagram = struct.pack("!HHHH", port, each, 8, 0)  # no checksum: UDP over IPv4 may do without
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0, socket.inet_aton(host),
                             socket.inet_aton(wan))
        raw.sendto(header + datagram, (wan, 0))
    found = probe.run()
    return {**found, "displaced": len(seen_from(found["report"], (host, port)))}


def one_dead(order):
    """One of two servers does not exist: nothing answers there, not even with ICMP."""
    servers = ["25.0.1.99:3478", os.environ["NATLAB_STUN"]]
    return probe.run([], servers[::order])


def lie(fault):
    """A server at the second outside address, with a fault, asked alone."""
    with lying_stun.Server(fault) as server:
        return probe.run([], [server.name])


def one_lies():
    """One that tells a wrong address, named first, beside the lab's two."""
    with lying_stun.Server(lying_stun.WRONG_ADDRESS) as server:
        return probe.run([], [server.name, os.environ["NATLAB_STUN"], os.environ["NATLAB_STUN2"]])


def next_door():
    """A server on this side of the NAT, which sees the host as it is: named first, beside the lab's two, and alone."""
    near = os.environ["NATLAB_GATEWAY"] + ":3478"
    with own_server.served("NATLAB_GATEWAY", node="router-a"):
        return {"beside": probe.run([], [near, os.environ["NATLAB_STUN"], os.environ["NATLAB_STUN2"]]),
                "alone": probe.run([], [near])}


if __name__ == "__main__":
    lab.serve(all_named, second_listener, neighbour, clash, one_dead, lie, one_lies, next_door)
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(2) as pool:
        own_packets = {spec: pool.submit(lab.inside, ["--nat", spec], all_named) for spec in ("eim/adf", "eim/apdf")}
        second = pool.submit(lab.inside, ["--nat", "eim/adf"], second_listener)
        taken = {"another host has the port": pool.submit(lab.inside, ["--nat", "eim/apdf"], neighbour),
                 "the router has the port": pool.submit(lab.inside, ["--nat", "eim/apdf"], clash)}
        dead = {name: pool.submit(lab.inside, ["--nat", "eim/adf"], one_dead, order)
                for name, order in (("first", 1), ("second", -1))}
        lies = {fault: pool.submit(lab.inside, ["--nat", "eim/apdf", "--no-servers"], lie, fault)
                for fault in lying_stun.FAULTS}
        open_lies = {fault: pool.submit(lab.inside, ["--nat", "eim/eif", "--no-servers"], lie, fault)
                     for fault in lying_stun.FAULTS}
        outvoted = pool.submit(lab.inside, ["--nat", "eim/adf"], one_lies)
        near = pool.submit(lab.inside, ["--nat", "eim/adf,ports=random"], next_door)
        rewritten = {fault: pool.submit(lab.inside, ["--nat", "eim/apdf", "--no-servers"], lie, fault)
                     for fault in (lying_stun.REWRITTEN, lying_stun.REWRITTEN_ALONE)}

        for spec, run in own_packets.items():
            mapping, filtering = spec.split("/")
            t.equal(probe.facts(run.result()), {"exit": 0, "class": "good", "mapping": mapping, "filtering": filtering},
                    f"{spec}: nat-probe's own packets do not open the filter that it tests")
        found = second.result()
        t.equal([found["report"]["families"]["v4"]["filtering"]["value"], found["report"]["servers"][0]["rfc5780"]],
                ["unknown", "same-address"], "coturn's second address is not believed to be another one")
        for what, run in taken.items():
            found = run.result()
            t.check(found["displaced"] > 1, f"{what}: the second server sees other ports", found["report"])
            t.equal(probe.facts(found), {"exit": 0, "class": "good", "mapping": "eim", "filtering": "apdf"},
                    f"{what}: that is no dependence on the destination")
        for which, run in dead.items():
            found = run.result()
            t.equal(probe.facts(found), {"exit": 0, "class": "good", "mapping": "eim", "filtering": "adf"},
                    f"the {which} of two servers is dead: that costs nothing but time")
            t.equal([each["answered"] for each in found["report"]["servers"]],
                    [which == "second", which == "first"], "and is named")
        for behind, runs in (("eim/apdf", lies), ("eim/eif", open_lies)):
            for fault, run in runs.items():
                report = run.result()["report"]
                called = lying_stun.FAULTS[fault][behind]
                t.equal([report["families"]["v4"]["filtering"]["value"], report["servers"][0]["rfc5780"]],
                        ["unknown", called], f"behind {behind}, a server that {fault} is not believed")
                # Those that name a true other address are asked there, whoever answers from where.
                t.equal(report["families"]["v4"]["mapping"]["value"], "unknown" if called == "same-address" else "eim",
                        f"behind {behind}, a server that {fault}: the mapping is known where it can be")
        found = outvoted.result()
        t.equal(probe.facts(found), {"exit": 0, "class": "good", "mapping": "eim", "filtering": "adf"},
                "a server that tells a wrong address is outvoted")
        t.equal([each["trouble"] != "" for each in found["report"]["servers"]], [True, False, False], "and is named")
        seen = near.result()
        t.equal(probe.facts(seen["beside"]), {"exit": 0, "class": "good", "mapping": "eim", "filtering": "adf"},
                "a server on this side of the NAT is left out")
        t.equal([seen["beside"]["report"]["families"]["v4"]["ports"]["value"],
                 ["this side" in each["trouble"] for each in seen["beside"]["report"]["servers"]]],
                ["random", [True, False, False]], "and is named")
        t.equal([seen["alone"]["exit"], seen["alone"]["report"]["verdict"]["class"]], [4, "unknown"],
                "and alone is no witness of what the internet sees")
        for fault, run in rewritten.items():
            report = run.result()["report"]
            t.equal([report["families"]["v4"]["alg"]["value"], report["servers"][0]["rfc5780"]],
                    ["rewrites", "no" if fault == lying_stun.REWRITTEN_ALONE else "claims"],
                    f"a server that {fault}: alg tells")
        everything = [second, outvoted, *rewritten.values(), *own_packets.values(), *taken.values(), *dead.values(), *lies.values(),
                      *open_lies.values()]
        t.equal(probe.validate([run.result()["report"] for run in everything]), "", "all JSON is as the schema says")
