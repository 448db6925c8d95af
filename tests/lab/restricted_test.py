#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who may use a port: some hosts only (`nat-map --from`), and flows that go out (`nat-map flow`)."""
import concurrent.futures
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
import tap

NAT_MAP = os.environ.get("NAT_MAP", "nat-map")
PORT = 6667
FLOW_PORT = 5000
PATIENCE = 10.0
SILENCE = 0.5       # for who is not to get in
NAT_TIMEOUT = 2.0   # of the lab's NAT, for a flow without packets


def friend():
    return os.environ["NATLAB_OUTSIDE"]


def stranger():
    return os.environ["NATLAB_OUTSIDE2"]


def outside_socket(kind, address, port=0):
    with lab.node("outside"):
        out = socket.socket(socket.AF_INET, kind)
    out.bind((address, port))
    return out


def udp_arrives(address, port=0, patience=SILENCE):
    """Whether a datagram from that address (and port) outside arrives at the host's port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as host, \
            outside_socket(socket.SOCK_DGRAM, address, port) as knocker:
        host.bind(("", PORT))
        for _ in range(5):  # one may be lost
            knocker.sendto(b"knock", (os.environ["NATLAB_WAN"], PORT))
            if select.select([host], [], [], patience / 5)[0]:
                return True
    return False


def tcp_arrives(address, patience=SILENCE):
    with socket.create_server(("", PORT)), outside_socket(socket.SOCK_STREAM, address) as knocker:
        knocker.settimeout(patience)
        return knocker.connect_ex((os.environ["NATLAB_WAN"], PORT)) == 0


def who_gets_in():
    return {"friend": [udp_arrives(friend(), patience=PATIENCE), tcp_arrives(friend(), PATIENCE)],
            "stranger": [udp_arrives(stranger()), tcp_arrives(stranger())]}


class Kept:
    """A nat-map that runs until stop()."""

    def __init__(self, *words):
        self.child = subprocess.Popen([NAT_MAP, *words, "--json", "--timeout", "20"], text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def row(self):
        return json.loads(self.child.stdout.readline())["mappings"][0]

    def stop(self):
        self.child.send_signal(signal.SIGINT)
        _, said = self.child.communicate(timeout=20)
        return self.child.returncode, said


def keep_for(only_from, strategy):
    """Kept open for them: what nat-map says, who gets in, and who does afterwards."""
    only_from = only_from.replace("FRIEND", friend()).replace("NETWORK", friend().rsplit(".", 1)[0] + ".0/24")
    kept = Kept("keep", str(PORT), "both", "--from", only_from, "--via", strategy)
    rows = [kept.row() for _ in range(2)]
    out = {"from": sorted({peers for row in rows for peers in row["from"]}) == [only_from],
           "strategies": sorted({row["strategy"] for row in rows})}
    out.update(who_gets_in())
    out["status"], _ = kept.stop()
    out["after"] = udp_arrives(friend())
    return out


def keep_for_one_port():
    kept = Kept("keep", str(PORT), "udp", "--from", f"{friend()}:7777", "--via", "pcp")
    kept.row()
    out = [udp_arrives(friend(), 7777, PATIENCE), udp_arrives(friend(), 7778)]
    kept.stop()
    return out


def refused(*words):
    """A demand that nobody here can meet: what nat-map says, and whether it opened anything."""
    words = [friend() if word == "FRIEND" else word for word in words]
    done = subprocess.run([NAT_MAP, "add", str(PORT), "udp", *words], text=True, capture_output=True,
                          check=False, timeout=60)
    return {"status": done.returncode, "says": "cannot restrict" in done.stderr,
            "friend": udp_arrives(friend()), "stranger": udp_arrives(stranger())}


def flow():
    """The remote peer answers after the NAT has forgotten flows without packets: who is heard?"""
    out = {}
    with outside_socket(socket.SOCK_DGRAM, friend(), 7000) as remote, \
            outside_socket(socket.SOCK_DGRAM, stranger(), 7000) as other:
        remote.settimeout(PATIENCE)

        def heard(port, between=lambda: None):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as host:
                host.bind(("", port))
                host.sendto(b"hello", (friend(), 7000))
                seen = remote.recvfrom(100)[1]
                between()
                time.sleep(NAT_TIMEOUT + 1.5)  # the kernel's NAT has no virtual clock
                other.sendto(b"stranger", seen)
                remote.sendto(b"late", seen)
                got = []
                while select.select([host], [], [], SILENCE)[0]:
                    got.append(host.recv(100).decode())
                return seen, got
        _, out["without"] = heard(FLOW_PORT + 1)
        kept = Kept("flow", str(FLOW_PORT), "udp", "--to", f"{friend()}:7000")
        row = kept.row()
        seen, out["with"] = heard(FLOW_PORT)
        out["external"] = row["external"] == f"{seen[0]}:{seen[1]}"
        out["remote"] = row["remote"] == f"{friend()}:7000"
        out["status"], said = kept.stop()
        out["said"] = said
    return out


if __name__ == "__main__":
    lab.serve(keep_for, keep_for_one_port, refused, flow)
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(3) as pool:
        own = "eim/apdf,server=own,timeout=2s,"

        def inside(spec, function, *arguments):
            return pool.submit(lab.inside, ["--nat", spec, "--no-servers"], function, *arguments, timeout=110)
        host = inside(own + "pcp", keep_for, "FRIEND", "pcp")
        network = inside(own + "pcp", keep_for, "NETWORK", "pcp")
        port = inside(own + "pcp", keep_for_one_port)
        own_igd = inside(own + "igd", keep_for, "FRIEND", "igd")
        by_igd = inside("home", refused, "--from", "FRIEND", "--via", "igd")
        by_pcp = inside("home", refused, "--from", "25.0.3.0/24", "--via", "pcp")
        by_any = inside("home", refused, "--from", "25.0.3.0/24")
        flows = inside(own + "pcp", flow)
        real_flows = inside("home,timeout=2s", flow)

        def expected(strategy):
            return {"from": True, "strategies": [strategy], "friend": [True, True],
                    "stranger": [False, False], "status": 0, "after": False}
        t.equal(host.result(), expected("pcp"), "PCP: one host gets in, another does not")
        t.equal(network.result(), expected("pcp"), "PCP: a network gets in, another host does not")
        t.equal(port.result(), [True, False], "PCP: from one port of a host, and no other")
        t.equal(own_igd.result(), expected("igd"), "IGD: one host gets in, another does not")
        nothing = {"status": 2, "says": True, "friend": False, "stranger": False}
        t.equal(by_pcp.result(), nothing,
                "miniupnpd, PCP: takes FILTER and does not filter, so nothing is opened")
        t.equal(by_igd.result(), nothing,
                "miniupnpd, IGD: lists for everybody what it was asked for one host, so it is taken back")
        t.equal(by_any.result(), nothing, "miniupnpd: nobody restricts to a network")
        t.equal(flows.result(),
                {"without": [], "with": ["late"], "external": True, "remote": True, "status": 0, "said": ""},
                "PEER: the remote peer is heard when the NAT has forgotten other flows, and nobody else")
        seen = real_flows.result()
        t.equal([seen["external"], seen["status"]], [True, 0],
                "miniupnpd, PEER: says as which endpoint the flow is seen")
        t.equal([seen["without"], seen["with"]], [[], []],
                "miniupnpd, PEER: but its NAT forgets the flow all the same")
