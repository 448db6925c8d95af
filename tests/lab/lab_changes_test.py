#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A running lab obeys: reboot, flush, readdress, link; and what they do is what they say."""
import concurrent.futures
import os
import re
import select
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab
import tap


def wan():
    """The present address of the site, which a command would be given."""
    return lab.on("a", "sh", "-c", "echo $NATLAB_WAN").stdout.strip()


def answered(address, patience=lab.PATIENCE):
    """Whether a datagram of the host's comes back from outside, and from where it seemed to come."""
    with lab.node("outside"):
        server = lab.udp(os.environ["NATLAB_OUTSIDE"])
    host = lab.udp(address)
    host.sendto(b"hello", server.getsockname())
    if not select.select([server], [], [], patience)[0]:
        return None
    source = server.recvfrom(100)[1]
    server.sendto(b"answer", source)
    return source[0] if select.select([host], [], [], patience)[0] else None


def mapped(port):
    """Maps UDP `port` by NAT-PMP; returns a function that tells whether outside reaches it."""
    subprocess.run(["natpmpc", "-a", str(port), str(port), "udp", "600"], check=True,
                   capture_output=True, timeout=30)
    host = lab.udp(os.environ["NATLAB_HOST"], port)

    def reached(expected):
        with lab.node("outside"):
            stranger = lab.udp(os.environ["NATLAB_OUTSIDE2"])
        stranger.sendto(b"knock", (wan(), port))
        came = bool(select.select([host], [], [], lab.PATIENCE if expected else lab.SILENCE)[0])
        if came:
            host.recv(100)
        return came
    return reached


def epoch():
    said = subprocess.run(["natpmpc"], check=True, capture_output=True, text=True, timeout=30)
    return int(re.search(r"epoch = (\d+)", said.stdout)[1])


def reboot():
    reached = mapped(6667)
    before = reached(True)
    time.sleep(3.1)  # so that an epoch that starts again is told from one that goes on
    old = epoch()
    lab.change("reboot", "router-a")
    lost = reached(False)
    young = epoch()
    reached_again = mapped(7000)
    lab.change("reboot", "router-a", "--keep-leases")
    return {"before": before, "lost": not lost, "epoch starts again": young < old,
            "kept": reached_again(True)}


def flush():
    reached = mapped(6667)
    before = reached(True)
    lab.change("flush", "router-a")
    listed = subprocess.run(["upnpc", "-u", "http://192.168.1.1:5000/rootDesc.xml", "-l"],
                            capture_output=True, text=True, check=False, timeout=30).stdout
    return {"before": before, "lost": not reached(False), "listed": "6667" in listed}


def flows():
    """A flow from the same socket, before and after the router has forgotten it."""
    with lab.node("outside"):
        server = lab.udp(os.environ["NATLAB_OUTSIDE"])
    host = lab.udp(os.environ["NATLAB_HOST"])
    ports = []
    for _ in range(2):
        host.sendto(b"hello", server.getsockname())
        source = server.recvfrom(100)[1]
        ports.append(source[1])
        lab.change("flush", "router-a")
    server.sendto(b"late", source)
    return {"ports": len(set(ports)), "late": bool(select.select([host], [], [], lab.SILENCE)[0])}


def readdress():
    seen = [answered("192.168.1.10")]
    lab.change("readdress", "router-a", "25.0.113.77")
    seen.append(answered("192.168.1.10"))
    told = subprocess.run(["natpmpc"], check=True, capture_output=True, text=True, timeout=30).stdout
    reached = mapped(6667)(True)
    lab.change("readdress", "a", "192.168.1.44")
    seen.append(answered("192.168.1.44"))
    with open("/etc/hosts", encoding="ascii") as names:
        names = names.read()
    return {"seen": seen, "told": "25.0.113.77" in told, "reached": reached, "wan": wan(),
            "host": lab.on("a", "sh", "-c", "echo $NATLAB_HOST").stdout.strip(),
            "named": "192.168.1.44 a.natlab.test" in names}


def carrier(node, interface):
    return "NO-CARRIER" not in lab.on(node, "ip", "link", "show", interface).stdout


def link():
    """Each link cut and restored in turn: whether packets pass, and what the near end knows of it."""
    own = os.environ["NATLAB_HOST"]
    out = {}
    for node, interface in (("a", "eth0"), ("router-a", "wan0"), ("outside", "eth0")):
        lab.change("link", node, "down")
        cut = (answered(own, lab.SILENCE), carrier(node, interface))
        lab.change("link", node, "up")
        out[node] = [*cut, bool(answered(own)), carrier(node, interface)]
    return out


def impairment():
    own = os.environ["NATLAB_HOST"]
    out = [bool(answered(own))]
    lab.change("link", "router-a", "delay=150ms")
    start = time.monotonic()
    out += [bool(answered(own)), time.monotonic() - start >= 0.3]
    lab.change("link", "router-a", "delay=0ms,loss=100%")
    out.append(bool(answered(own, lab.SILENCE)))
    lab.change("link", "router-a", "loss=0%")
    out.append(bool(answered(own)))
    return out


def outage():
    """A router that is away for a while: it is cut off meanwhile, and back when the command ends."""
    away = subprocess.Popen([lab.NAT_LAB, "reboot", "router-a", "--down", "4s"])
    for _ in range(500):
        if not carrier("a", "eth0"):
            break
        time.sleep(0.01)
    during = carrier("a", "eth0"), answered(os.environ["NATLAB_HOST"], lab.SILENCE)
    return [away.wait(60), *during, bool(answered(os.environ["NATLAB_HOST"]))]


def servers():
    lab.change("reboot", "internet")
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    address, port = os.environ["NATLAB_STUN"].split(":")
    client.sendto(b"\0\1\0\0\x21\x12\xa4\x42" + b"transaction!", (address, int(port)))
    return client.recv(2000)[:2].hex() if select.select([client], [], [], lab.PATIENCE)[0] else None


def refusals():
    return [[done.returncode, done.stderr.strip()] for done in (
        subprocess.run([lab.NAT_LAB, *words], capture_output=True, text=True, check=False,
                       timeout=30)
        for words in (["reboot", "nobody"], ["reboot", "a"], ["flush", "internet"],
                      ["link", "internet", "down"], ["link", "a", "delay=5ms"],
                      ["link", "a", "sideways"], ["readdress", "a", "10.0.0.1"],
                      ["readdress", "a", "192.168.1.1"]))]


if __name__ == "__main__":
    lab.serve(reboot, flush, flows, readdress, link, impairment, outage, servers, refusals)
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor() as pool:
        def inside(spec, function, *options):
            return pool.submit(lab.inside, ["--nat", spec, *(options or ["--no-servers"])], function)
        runs = {function: inside("home", function)
                for function in (reboot, flush, readdress, link, outage, refusals)}
        runs |= {flows: inside("apdm/apdf", flows), servers: inside("none", servers, "--seed", "1"),
                 impairment: inside("eim/apdf,delay=0ms", impairment)}
        relayed = inside("home,delay=0ms,lan-delay=0ms", link)

        t.equal(runs[reboot].result(), {"before": True, "lost": True, "epoch starts again": True,
                                        "kept": True},
                "reboot: mappings are lost, unless the router keeps its leases")
        t.equal(runs[flush].result(), {"before": True, "lost": True, "listed": False},
                "flush: mappings are lost, and miniupnpd goes on without them")
        t.equal(runs[flows].result(), {"ports": 2, "late": False}, "flush: flows are forgotten")
        t.equal(runs[readdress].result(),
                {"seen": ["25.0.113.2", "25.0.113.77", "25.0.113.77"], "told": True,
                 "reached": True, "wan": "25.0.113.77", "host": "192.168.1.44", "named": True},
                "readdress: everybody knows the new address")
        cut = [None, False, True, True]
        expected = {"a": cut, "router-a": cut, "outside": cut}
        t.equal(runs[link].result(), expected, "link: cut, and restored")
        t.equal(relayed.result(), expected, "link: cut, and restored, also through the relay")
        t.equal(runs[impairment].result(), [True, True, True, False, True],
                "link: delay and loss can be changed")
        t.equal(runs[outage].result(), [0, False, None, True], "reboot --down: away, and back")
        t.equal(runs[servers].result(), "0101", "reboot internet: the STUN server answers again")
        for (status, words), start in zip(runs[refusals].result(), [
                "there is no node 'nobody'; nodes are", "'a' is a host of commands",
                "'internet' keeps no mappings", "'internet' has no link towards the internet",
                "the link of 'a' can only be cut", "a link can be up, down, delay=TIME",
                "the address of 'a' must be one of 192.168.1.0/24",
                "the address of 'a' must be one of 192.168.1.0/24, and not 192.168.1.1"]):
            t.check(status == 64 and words.startswith("nat-lab: " + start), f"refused: {start}",
                    words)
        done = lab.run("reboot", "router-a")
        t.check(done.returncode == 64 and "not inside a lab" in done.stderr,
                "refused outside of a lab", done.stderr)
