#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each kind of NAT is what its SPEC says: seen from two outside addresses, and by coturn's tool."""
import concurrent.futures
import os
import select
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab
import tap


def outside_sockets():
    """Three vantage points: an endpoint, another port of it, another address."""
    with lab.node("outside"):
        first = lab.udp(os.environ["NATLAB_OUTSIDE"], 7000)
        return {"first": first, "port": lab.udp(os.environ["NATLAB_OUTSIDE"], 7001),
                "address": lab.udp(os.environ["NATLAB_OUTSIDE2"], 7000)}


def source_seen(host, server):
    """Where `server` sees a datagram of `host` come from; None: it does not come."""
    host.sendto(b"hello", server.getsockname())
    if not select.select([server], [], [], lab.PATIENCE)[0]:
        return None
    return list(server.recvfrom(100)[1])


def arrivals(host, expected):
    """The payloads that reach `host`, waiting long for `expected` of them and shortly for more."""
    seen = []
    while select.select([host], [], [], lab.PATIENCE if len(seen) < expected else lab.SILENCE)[0]:
        seen.append(host.recvfrom(100)[0].decode())
    return sorted(seen)


def behaviour(passing):
    """Mapping, filtering and first contact. `passing`: how many vantage points should get in."""
    servers = outside_sockets()
    own = os.environ["NATLAB_HOST"]
    mapper = lab.udp(own, 5000)
    mapped = [source_seen(mapper, server) for server in servers.values()]

    # A socket of its own, which only ever sent to the first.
    asker = lab.udp(own, 5001)
    target = tuple(source_seen(asker, servers["first"]))
    for name, server in servers.items():
        server.sendto(name.encode(), target)
    entered = arrivals(asker, passing)

    # A stranger knocks first, at the port that the host is going to use.
    listener = lab.udp(own, 5002)
    servers["address"].sendto(b"knock", (os.environ["NATLAB_WAN"], 5002))
    uninvited = arrivals(listener, 1 if passing > 3 else 0)
    after_knock = source_seen(listener, servers["first"])
    return {"mapped": mapped, "entered": entered, "uninvited": uninvited,
            "after_knock": after_knock, "own": own, "wan": os.environ["NATLAB_WAN"]}


def natdiscovery():
    server = os.environ["NATLAB_STUN"].split(":")[0]
    done = subprocess.run(["turnutils_natdiscovery", "-m", "-f", "-L", os.environ["NATLAB_HOST"],
                           server], capture_output=True, text=True, check=False, timeout=50)
    return [line for line in done.stdout.splitlines()
            if "NAT with" in line or line.startswith("No NAT")]


def tcp_reaches(server_node, address, port, client_node):
    """Whether a TCP connection from one node arrives at a listener on another."""
    with lab.node(server_node):
        server = socket.create_server(("", port))
    with lab.node(client_node):
        client = socket.socket()
    client.settimeout(1.5)
    try:
        client.connect((address, port))
    except OSError:
        return False
    return bool(select.select([server], [], [], lab.PATIENCE)[0])


def tcp():
    return {"out": tcp_reaches("outside", os.environ["NATLAB_OUTSIDE"], 7000, "a"),
            "in": tcp_reaches("a", os.environ["NATLAB_WAN"], 7001, "outside")}


def udp_blocked():
    servers = outside_sockets()
    host = lab.udp(os.environ["NATLAB_HOST"], 5000)
    host.sendto(b"hello", servers["first"].getsockname())
    servers["address"].sendto(b"knock", (os.environ["NATLAB_WAN"], 5000))
    return {"out": arrivals(servers["first"], 0), "in": arrivals(host, 0)}


def allocation(count):
    """The external ports of `count` sockets in turn, each seen by all three vantage points."""
    servers = outside_sockets().values()
    hosts = [lab.udp(os.environ["NATLAB_HOST"], 5000 + i) for i in range(count)]
    return [[source_seen(host, server)[1] for server in servers] for host in hosts]


def hairpin(expected):
    """Where a socket sees a neighbour's datagram come from that went to its external endpoint."""
    # The neighbour is this host: a system drops packets from outside that come from itself.
    with open("/proc/sys/net/ipv4/conf/all/accept_local", "w", encoding="ascii") as switch:
        switch.write("1")
    server = outside_sockets()["first"]
    owner, neighbour = (lab.udp(os.environ["NATLAB_HOST"], port) for port in (5000, 5001))
    external = {name: source_seen(host, server)
                for name, host in (("owner", owner), ("neighbour", neighbour))}
    external["host"] = [os.environ["NATLAB_HOST"], 5001]
    neighbour.sendto(b"round", tuple(external["owner"]))
    if not select.select([owner], [], [], lab.PATIENCE if expected else lab.SILENCE)[0]:
        return None
    source = list(owner.recvfrom(100)[1])
    return next((name for name, endpoint in external.items() if endpoint == source), source)


def lifetime(pause, exchanges, alive):
    """Whether a mapping lets an answer in `pause` seconds after the last of its packets."""
    server = outside_sockets()["first"]
    host = lab.udp(os.environ["NATLAB_HOST"], 5000)
    for _ in range(exchanges):
        target = source_seen(host, server)
        if exchanges > 1:
            server.sendto(b"answer", tuple(target))
            arrivals(host, 1)
            # The kernel counts a flow as used both ways only once it is two seconds old.
            time.sleep(1.1)
    time.sleep(pause)
    server.sendto(b"late", tuple(target))
    return bool(arrivals(host, 1 if alive else 0))


FILTERINGS = {
    # filtering: (who gets in, the words of coturn's tool)
    "eif": (["address", "first", "port"], "Endpoint Independent Filtering"),
    "adf": (["first", "port"], "Address Dependent Filtering"),
    "apdf": (["first"], "Address and Port Dependent Filtering"),
}
MAPPINGS = {
    # mapping: (vantage points that see the same port, in groups; the words of coturn's tool)
    "eim": ([["first", "port", "address"]], "Endpoint Independent Mapping"),
    "adm": ([["first", "port"], ["address"]], "Address Dependent Mapping"),
    "apdm": ([["first"], ["port"], ["address"]], "Address and Port Dependent Mapping"),
}
KINDS = {f"{mapping}/{filtering}": (mapping, filtering)
         for mapping in MAPPINGS for filtering in FILTERINGS}
# The servers of a home router must not change what its NAT is, nor may the choice of ports.
KINDS |= {"home": ("eim", "apdf"), "eim/adf,ports=random": ("eim", "adf"),
          "adm/eif,ports=sequential": ("adm", "eif")}
LIFETIMES = {
    # SPEC: (seconds of silence, exchanges before, whether a late answer gets in)
    "eim/apdf": (2.5, 1, True),
    "eim/apdf,timeout=1s": (2.5, 1, False),
    "eim/eif,timeout=1s": (2.5, 1, False),
    "adm/adf,timeout=1s": (2.5, 1, False),
    "eim/apdf,timeout=2s,stream-timeout=60s": (3.5, 4, True),
}


def check_kind(t, spec, seen, verdict):
    mapping, filtering = KINDS[spec]
    groups, mapping_words = MAPPINGS[mapping]
    passing, filtering_words = FILTERINGS[filtering]
    mapped = dict(zip(["first", "port", "address"], seen["mapped"]))
    t.check(all(m and m[0] == seen["wan"] for m in mapped.values()),
            f"{spec}: outside sees the router's address", seen)
    ports = [{mapped[name][1] for name in group} for group in groups]
    t.check(all(len(group) == 1 for group in ports) and len(set.union(*ports)) == len(groups),
            f"{spec}: which destinations share a mapping", mapped)
    t.equal(seen["entered"], passing, f"{spec}: who may answer")
    t.equal(seen["uninvited"], [], f"{spec}: nobody gets in before the host has sent")
    if spec in ("home", "eim/eif", "eim/adf", "eim/apdf"):
        t.equal(ports, [{5000}], f"{spec}: the port is preserved")
        t.equal(seen["after_knock"], [seen["wan"], 5002],
                f"{spec}: a stranger's knock does not cost the host its port")
    t.equal(verdict, [f"NAT with {mapping_words}!", f"NAT with {filtering_words}!"],
            f"{spec}: coturn's tool agrees")


def check_allocation(t, pool):
    eim, apdm = "eim/apdf,ports=", "apdm/apdf,ports="
    count = {eim + "sequential": 4, apdm + "sequential": 4, eim + "random": 8,
             "eim/apdf,block=30000-30007": 4, "apdm/apdf,block=30000-30063": 4}
    seen = {spec: pool.submit(lab.inside, ["--nat", spec, "--no-servers"], allocation, number)
            for spec, number in count.items()}
    seen = {spec: future.result() for spec, future in seen.items()}
    t.equal(seen[eim + "sequential"], [[40000 + i] * 3 for i in range(4)],
            "sequential, for all destinations: one port after the other")
    t.equal(sum(seen[apdm + "sequential"], []), list(range(40000, 40012)),
            "sequential, for each destination: one port after the other")
    ports = [row[0] for row in seen[eim + "random"]]
    t.check(all(len(set(row)) == 1 for row in seen[eim + "random"]) and len(set(ports)) > 4 and
            not {b - a for a, b in zip(ports, ports[1:])} <= {1},
            "random, for all destinations: one for each socket, without order", ports)
    ports = [row[0] for row in seen["eim/apdf,block=30000-30007"]]
    t.check(len(set(ports)) == 4 and all(30000 <= port <= 30007 for port in ports) and
            all(len(set(row)) == 1 for row in seen["eim/apdf,block=30000-30007"]),
            "a block, for all destinations: the ports are of it", ports)
    ports = sum(seen["apdm/apdf,block=30000-30063"], [])
    t.check(all(30000 <= port <= 30063 for port in ports) and len(set(ports)) > 4,
            "a block, for each destination: the ports are of it", ports)


if __name__ == "__main__":
    lab.serve(behaviour, natdiscovery, tcp, udp_blocked, allocation, hairpin, lifetime)
    # coturn's tool waits 3 s for each datagram that does not come: all kinds wait side by side.
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(12) as pool:
        verdicts = {spec: pool.submit(lab.inside, ["--nat", spec], natdiscovery)
                    for spec in [*KINDS, "none"]}
        seen = {spec: pool.submit(lab.inside, ["--nat", spec, "--no-servers"], behaviour,
                                  len(FILTERINGS[filtering][0]))
                for spec, (_, filtering) in KINDS.items()}
        flows = {spec: pool.submit(lab.inside, ["--nat", spec, "--no-servers"], tcp)
                 for spec in KINDS}
        rounds = {(kind, spec): pool.submit(lab.inside,
                                            ["--nat", f"{spec},hairpin={kind}", "--no-servers"],
                                            hairpin, kind != "off")
                  for kind in ("off", "internal", "external")
                  for spec in ("eim/apdf", "eim/eif,ports=random")}
        lives = {spec: pool.submit(lab.inside, ["--nat", spec, "--no-servers"], lifetime, *times)
                 for spec, times in LIFETIMES.items()}
        for spec in KINDS:
            check_kind(t, spec, seen[spec].result(), verdicts[spec].result())
            t.equal(flows[spec].result(), {"out": True, "in": False},
                    f"{spec}: TCP goes out, and nothing comes in unasked")
        check_allocation(t, pool)
        for (kind, spec), source in rounds.items():
            t.equal(source.result(), {"off": None, "internal": "host", "external": "neighbour"}[kind],
                    f"{spec}: hairpin {kind}")
        for spec, alive in lives.items():
            t.equal(alive.result(), LIFETIMES[spec][2], f"{spec}: whether a late answer gets in")

        seen = lab.inside(["--nat", "none", "--no-servers"], behaviour, 4)
        t.equal(seen["mapped"], [[seen["own"], 5000]] * 3, "none: the host's address is public")
        t.equal(seen["entered"], ["address", "first", "port"], "none: everybody may answer")
        t.equal(seen["uninvited"], ["knock"], "none: everybody gets in")
        t.equal(verdicts["none"].result()[0], "No NAT! (Endpoint Independent Mapping)",
                "none: coturn's tool agrees")
        t.equal(lab.inside(["--nat", "none", "--no-servers"], tcp), {"out": True, "in": True},
                "none: TCP both ways")

        seen = lab.inside(["--nat", "none,firewall", "--no-servers"], behaviour, 1)
        t.equal((seen["mapped"], seen["entered"], seen["uninvited"]),
                ([[seen["own"], 5000]] * 3, ["first"], []),
                "none,firewall: a public address that lets in what it has asked for")

        t.equal(lab.inside(["--nat", "blocked", "--no-servers"], udp_blocked),
                {"out": [], "in": []}, "blocked: no UDP either way")
        t.equal(lab.inside(["--nat", "blocked", "--no-servers"], tcp), {"out": True, "in": False},
                "blocked: TCP goes out")
