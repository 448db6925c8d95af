#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each kind of NAT is what its SPEC says: seen from two outside addresses, and by coturn's tool."""
import concurrent.futures
import os
import select
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab
import tap

# What may be waited for on links without delay. Generous: the machine may be busy.
PATIENCE = 5.0
# What is known not to come is waited for a little after everything else has come.
SILENCE = 0.3


def udp(address, port=0):
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, port))
    return made


def outside_sockets():
    """Three vantage points: an endpoint, another port of it, another address."""
    with lab.node("outside"):
        first = udp(os.environ["NATLAB_OUTSIDE"], 7000)
        return {"first": first, "port": udp(os.environ["NATLAB_OUTSIDE"], 7001),
                "address": udp(os.environ["NATLAB_OUTSIDE2"], 7000)}


def source_seen(host, server):
    """Where `server` sees a datagram of `host` come from; None: it does not come."""
    host.sendto(b"hello", server.getsockname())
    if not select.select([server], [], [], PATIENCE)[0]:
        return None
    return list(server.recvfrom(100)[1])


def arrivals(host, expected):
    """The payloads that reach `host`, waiting long for `expected` of them and shortly for more."""
    seen = []
    while select.select([host], [], [], PATIENCE if len(seen) < expected else SILENCE)[0]:
        seen.append(host.recvfrom(100)[0].decode())
    return sorted(seen)


def behaviour(passing):
    """Mapping, filtering and first contact. `passing`: how many vantage points should get in."""
    servers = outside_sockets()
    own = os.environ["NATLAB_HOST"]
    mapper = udp(own, 5000)
    mapped = [source_seen(mapper, server) for server in servers.values()]

    # A socket of its own, which only ever sent to the first.
    asker = udp(own, 5001)
    target = tuple(source_seen(asker, servers["first"]))
    for name, server in servers.items():
        server.sendto(name.encode(), target)
    entered = arrivals(asker, passing)

    # A stranger knocks first, at the port that the host is going to use.
    listener = udp(own, 5002)
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
    return bool(select.select([server], [], [], PATIENCE)[0])


def tcp():
    return {"out": tcp_reaches("outside", os.environ["NATLAB_OUTSIDE"], 7000, "a"),
            "in": tcp_reaches("a", os.environ["NATLAB_WAN"], 7001, "outside")}


def udp_blocked():
    servers = outside_sockets()
    host = udp(os.environ["NATLAB_HOST"], 5000)
    host.sendto(b"hello", servers["first"].getsockname())
    servers["address"].sendto(b"knock", (os.environ["NATLAB_WAN"], 5000))
    return {"out": arrivals(servers["first"], 0), "in": arrivals(host, 0)}


KINDS = {
    # SPEC: (same mapping for all, who gets in, the words of coturn's tool)
    "eim/eif": (True, ["address", "first", "port"], "Endpoint Independent Filtering"),
    "eim/adf": (True, ["first", "port"], "Address Dependent Filtering"),
    "eim/apdf": (True, ["first"], "Address and Port Dependent Filtering"),
    "apdm/apdf": (False, ["first"], "Address and Port Dependent Filtering"),
    # The servers of a home router must not change what its NAT is.
    "home": (True, ["first"], "Address and Port Dependent Filtering"),
}

if __name__ == "__main__":
    lab.serve(behaviour, natdiscovery, tcp, udp_blocked)
    # coturn's tool waits 3 s for each datagram that does not come: all kinds wait side by side.
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor() as pool:
        verdicts = {spec: pool.submit(lab.inside, ["--nat", spec], natdiscovery)
                    for spec in [*KINDS, "none"]}
        for spec, (independent, passing, filtering) in KINDS.items():
            seen = lab.inside(["--nat", spec, "--no-servers"], behaviour, len(passing))
            t.check(all(m and m[0] == seen["wan"] for m in seen["mapped"]),
                    f"{spec}: outside sees the router's address", seen)
            ports = {m[1] for m in seen["mapped"] if m}
            if independent:
                t.equal(ports, {5000}, f"{spec}: one mapping for all, its port preserved")
            else:
                t.equal(len(ports), 3, f"{spec}: a mapping for each destination")
            t.equal(seen["entered"], passing, f"{spec}: who may answer")
            t.equal(seen["uninvited"], [], f"{spec}: nobody gets in before the host has sent")
            if independent:
                t.equal(seen["after_knock"], [seen["wan"], 5002],
                        f"{spec}: a stranger's knock does not cost the host its port")
            mapping = "Endpoint Independent" if independent else "Address and Port Dependent"
            t.equal(verdicts[spec].result(), [f"NAT with {mapping} Mapping!", f"NAT with {filtering}!"],
                    f"{spec}: coturn's tool agrees")
            t.equal(lab.inside(["--nat", spec, "--no-servers"], tcp), {"out": True, "in": False},
                    f"{spec}: TCP goes out, and nothing comes in unasked")

        seen = lab.inside(["--nat", "none", "--no-servers"], behaviour, 4)
        t.equal(seen["mapped"], [[seen["own"], 5000]] * 3, "none: the host's address is public")
        t.equal(seen["entered"], ["address", "first", "port"], "none: everybody may answer")
        t.equal(seen["uninvited"], ["knock"], "none: everybody gets in")
        t.equal(verdicts["none"].result()[0], "No NAT! (Endpoint Independent Mapping)",
                "none: coturn's tool agrees")
        t.equal(lab.inside(["--nat", "none", "--no-servers"], tcp), {"out": True, "in": True},
                "none: TCP both ways")

        t.equal(lab.inside(["--nat", "blocked", "--no-servers"], udp_blocked),
                {"out": [], "in": []}, "blocked: no UDP either way")
        t.equal(lab.inside(["--nat", "blocked", "--no-servers"], tcp), {"out": True, "in": False},
                "blocked: TCP goes out")
