#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nat-probe prove --no-map: a port that was forwarded by hand, and one that was not; IPv6 with pinholes and without."""
import concurrent.futures
import json
import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab
import own_server
import tap

NAT_MAP = os.environ.get("NAT_MAP", "nat-map")
PORT = 6667
OUTER = 8667


def prove(*arguments):
    """Inside a lab: nat-probe prove's exit status, and of each port the proof and the evidence."""
    done = subprocess.run([own_server.NAT_PROBE, "prove", *arguments, "--json", "--show-addresses", "--timeout", "20"], text=True,
                          capture_output=True, check=False, timeout=60)
    ports = json.loads(done.stdout)["ports"] if done.stdout else []
    return {"status": done.returncode, "stderr": done.stderr, "proofs": [port["proof"] for port in ports],
            "evidence": " / ".join(port["evidence"] for port in ports), "external": [port.get("external") for port in ports]}


def as_it_is(*arguments):
    return prove(f"{PORT}/udp", f"{PORT}/tcp", "--no-map", *arguments)


def by_lab():
    return ["--stun", os.environ["NATLAB_STUN"], "--turn", os.environ["NATLAB_TURN_TCP"]]


def forward(outer):
    """What somebody enters in the router's settings: this port outside is that one of this host, for UDP and TCP."""
    for rule in (f"prerouting iifname wan0 meta l4proto {{ tcp, udp }} th dport {outer} dnat ip to {os.environ['NATLAB_HOST']}:{PORT}",
                 "forward iifname wan0 ct status dnat accept"):
        done = lab.on("router-a", "nft", f"add rule inet natlab {rule}")
        if done.returncode != 0:
            raise RuntimeError(done.stderr)


def forwarded():
    """Nothing forwarded; one port, as itself and from another; while programs have it."""
    out = {"closed": as_it_is(*by_lab())}
    forward(PORT)
    out["open"] = as_it_is(*by_lab())
    out["mappings"] = lab.on("a", NAT_MAP, "list").stdout
    forward(OUTER)
    out["other number"] = prove(f"{PORT}/tcp", "--no-map", "--external", str(OUTER), *by_lab())
    with socket.create_server(("", PORT)) as listener, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("", PORT))
        out["in use"] = as_it_is(*by_lab())
        listener.settimeout(10)
        with listener.accept()[0] as stream:
            stream.settimeout(10)
            try:
                out["got"] = stream.recv(100).decode()
            except ConnectionResetError:
                out["got"] = ""
    out["human"] = subprocess.run([own_server.NAT_PROBE, "prove", str(PORT), "--no-map", "--stun", os.environ["NATLAB_OUTSIDE"] + ":9"],
                                  text=True, capture_output=True, check=False, timeout=60).stdout
    return out


def by_own_server():
    with own_server.served("NATLAB_OUTSIDE"):
        out = {"closed": as_it_is("--stun", os.environ["NATLAB_OUTSIDE"]),
               "other order": prove(f"{PORT}/tcp", f"{PORT}/udp", "--no-map", "--stun", os.environ["NATLAB_OUTSIDE"])}
        forward(PORT)
        out["open"] = as_it_is("--stun", os.environ["NATLAB_OUTSIDE"])
    return out


def pinholes():
    """IPv6: the router's firewall is closed; a pinhole is opened, for UDP and for TCP; and by nat-map with its own proof."""
    servers = ["--stun", os.environ["NATLAB_STUN6"], "--turn", os.environ["NATLAB_TURN6_TCP"]]
    out = {"closed": as_it_is("-6", *servers)}
    kept = [subprocess.Popen([NAT_MAP, "keep", str(PORT), protocol, "-6", "--json"], stdout=subprocess.PIPE, text=True)
            for protocol in ("udp", "tcp")]
    try:
        for process in kept:
            process.stdout.readline()
        out["open"] = as_it_is("-6", *servers)
    finally:
        for process in kept:
            process.terminate()
        for process in kept:
            process.wait(timeout=20)
    out["rules left"] = lab.on("router-a", "nft", "list", "chain", "inet", "natlab", "upnp_forward").stdout.count(str(PORT))
    out["closed again"] = as_it_is("-6", *servers)
    for protocol in ("udp", "tcp"):
        done = subprocess.run([NAT_MAP, "add", str(PORT), protocol, "-6", "--prove", "--json", "--timeout", "20", *servers], text=True,
                              capture_output=True, check=False, timeout=60)
        mappings = json.loads(done.stdout)["mappings"] if done.stdout else []
        out[protocol] = [mapping["proof"] for mapping in mappings] or done.stderr
    return out


def far_away():
    """A link by satellite: 600 ms there and back."""
    return prove(f"{PORT}/udp", f"{PORT}/tcp", *by_lab())


if __name__ == "__main__":
    lab.serve(forwarded, by_own_server, pinholes, far_away)
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(4) as pool:
        by_hand = pool.submit(lab.inside, ["--nat", "eim/apdf"], forwarded)
        own = pool.submit(lab.inside, ["--nat", "eim/apdf"], by_own_server)
        newer = pool.submit(lab.inside, ["--nat", "home,ipv6"], pinholes)
        slow = pool.submit(lab.inside, ["--nat", "home,delay=300ms"], far_away)

        seen = by_hand.result()
        t.equal([seen["closed"]["status"], seen["closed"]["proofs"]], [1, ["refuted", "refuted"]], "not forwarded: refuted")
        t.equal([seen["open"]["status"], seen["open"]["proofs"]], [0, ["proved", "proved"]], "forwarded by hand: proved")
        t.check("an address never contacted" in seen["open"]["evidence"], "from an address never contacted", seen)
        t.check(str(PORT) not in seen["mappings"], "and nothing was mapped", seen)
        t.equal([seen["other number"]["proofs"], seen["other number"]["external"]], [["proved"], [f"25.0.113.2:{OUTER}"]],
                "a port with another number outside")
        t.equal([seen["in use"]["status"], seen["in use"]["proofs"]], [4, ["claimed", "proved"]], "a port in use: TCP is proved anyway")
        t.check("the program that listens here" in seen["in use"]["evidence"], "and it says by whom it was taken", seen)
        t.check("must not be in use" in seen["in use"]["evidence"], "UDP is not, and it says what to do", seen)
        t.equal(seen["got"], "", "nothing is sent to the program")
        t.check("claimed" in seen["human"] and "nat-probe serve" in seen["human"], "where nobody can try it, it says who could", seen)

        seen = own.result()
        t.equal([seen["open"]["status"], seen["open"]["proofs"]], [0, ["proved", "proved"]], "by a server of ours: proved")
        t.equal(seen["closed"]["proofs"], ["refuted", "claimed"], "closed: it refutes UDP, and TCP not, for it may be at fault itself")
        t.equal([seen["closed"]["status"], seen["other order"]["status"]], [1, 1], "... which the exit status says, in whatever order they are")

        seen = newer.result()
        t.equal(seen["rules left"], 0, "IPv6: the pinholes are gone when nat-map has ended")
        for name in ("closed", "closed again"):
            t.equal([seen[name]["status"], seen[name]["proofs"]], [1, ["refuted", "refuted"]], f"IPv6, {name}: refuted")
        t.equal([seen["open"]["status"], seen["open"]["proofs"]], [0, ["proved", "proved"]], "IPv6, with pinholes: proved")
        t.equal([seen["udp"], seen["tcp"]], [["proved"], ["proved"]], "IPv6: nat-map proves its pinholes itself")

        seen = slow.result()
        t.equal([seen["status"], seen["proofs"]], [0, ["proved", "proved"]], "600 ms there and back: proved")
