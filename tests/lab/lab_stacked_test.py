#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Routers behind routers, and the lab's own gateway: maps on a private WAN, or only says so."""
import concurrent.futures
import os
import re
import select
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab
import tap

IP_RECVERR = 11
ICMP = 2  # SO_EE_ORIGIN_ICMP


def tool(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def source_towards(gateway):
    """Our address as that gateway sees it: our own, or that of the router before it."""
    return os.environ["NATLAB_HOST"] if gateway == os.environ["NATLAB_GATEWAY"] else \
        lab.on("router-a", "ip", "-4", "-br", "addr", "show", "wan0").stdout.split()[2].split("/")[0]


def ask_pcp(gateway, protocol, port, lifetime=600):
    """A MAP request (RFC 6887 section 11.1); (result, external address, external port) or None."""
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect((gateway, 5351))
    mapped = b"\0" * 10 + b"\xff\xff"
    number = {"udp": 17, "tcp": 6}[protocol]
    request = struct.pack("!BBHI", 2, 1, 0, lifetime) + mapped + \
        socket.inet_aton(source_towards(gateway)) + b"nonce-nonce-" + \
        struct.pack("!B3xHH", number, port, port) + mapped + b"\0" * 4
    try:
        for _ in range(5):
            client.send(request)
            if select.select([client], [], [], 1)[0]:
                break
        answer = client.recv(2000)
    except OSError:
        return None
    return answer[3], socket.inet_ntoa(answer[56:60]), struct.unpack("!H", answer[42:44])[0]


def ask_natpmp(gateway, protocol, port, lifetime=600):
    """(result, external address, external port), or None without an answer."""
    said = tool("natpmpc", "-g", gateway, "-a", str(port), str(port), protocol, str(lifetime)).stdout
    address = re.search(r"Public IP address : (\S+)", said)
    mapped = re.search(r"Mapped public port (\d+)", said)
    if not address:
        return None
    return (0, address[1], int(mapped[1])) if mapped else (1, address[1], 0)


def ask_igd(gateway, protocol, port, lifetime=600):
    said = tool("upnpc", "-u", f"http://{gateway}:5000/rootDesc.xml", "-a", source_towards(gateway),
                str(port), str(port), protocol, str(lifetime)).stdout
    mapped = re.search(r"external (\S+):(\d+) \w+ is redirected", said)
    return (0, mapped[1], int(mapped[2])) if mapped else None


ASK = {"igd": ask_igd, "natpmp": ask_natpmp, "pcp": ask_pcp}


def reached(protocol, port, expected):
    """Whether a stranger outside reaches that port of the host."""
    with lab.node("outside"):
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if protocol == "udp"
                                 else socket.SOCK_STREAM)
    stranger.settimeout(lab.PATIENCE if expected else lab.SILENCE)
    there = (os.environ["NATLAB_WAN"], port)
    if protocol == "tcp":
        with socket.create_server(("", port)):
            return stranger.connect_ex(there) == 0
    host = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    host.bind(("", port))
    stranger.sendto(b"knock", there)
    return bool(select.select([host], [], [], lab.PATIENCE if expected else lab.SILENCE)[0])


def chain(inner, outer):
    """A mapping at both gateways for each protocol; what they said, and whether outside gets in."""
    out = {}
    for protocol, port in (("udp", 6667), ("tcp", 6668)):
        first = ASK[inner](os.environ["NATLAB_GATEWAY"], protocol, port)
        half = reached(protocol, port, False)
        second = ASK[outer](os.environ["NATLAB_GATEWAY2"], protocol, port)
        out[protocol] = [first, half, second, reached(protocol, port, True)]
    return out


def single(*protocols, port=6667, expected=True):
    """A mapping at the first gateway by each of those; what it said, and whether outside gets in."""
    out = {}
    for number, protocol in enumerate(protocols):
        said = ASK[protocol](os.environ["NATLAB_GATEWAY"], "udp", port + number)
        out[protocol] = [said, reached("udp", port + number, expected)]
    return out


def lies():
    return single("igd", "natpmp", "pcp", expected=False)


def listing():
    """What the lab's own gateway lists after an addition, a renewal, a deletion and an end."""
    url = f"http://{os.environ['NATLAB_GATEWAY']}:5000/rootDesc.xml"

    def listed():
        return sorted(re.findall(r"(TCP|UDP)\s+(\d+)->192.168.1.10:\d+", tool("upnpc", "-u", url,
                                                                              "-l").stdout))
    gateway = os.environ["NATLAB_GATEWAY"]
    out = []
    ask_igd(gateway, "tcp", 7000)
    ask_pcp(gateway, "udp", 7001)
    ask_pcp(gateway, "udp", 7001)
    ask_natpmp(gateway, "udp", 7002, 5)
    out.append(listed())
    ask_pcp(gateway, "udp", 7001, 0)
    for _ in range(200):  # until the third has ended
        if ("UDP", "7002") not in listed():
            break
        time.sleep(0.2)
    out.append(listed())
    tool("upnpc", "-u", url, "-d", "7000", "tcp")
    out.append(listed())
    rules = lab.on("router-a", "nft", "list", "ruleset").stdout
    out.append([port for port in ("7000", "7001", "7002") if port in rules])
    return out


def foreign():
    """Ports of another host are not given, nor opened for it."""
    url = f"http://{os.environ['NATLAB_GATEWAY']}:5000/rootDesc.xml"
    said = tool("upnpc", "-u", url, "-a", "192.168.1.99", "7000", "7000", "udp").stdout
    return "failed with code 606" in said


def hops():
    """Who says that a datagram's time is over, by how many routers it may pass."""
    out = []
    for ttl in range(1, 5):
        probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        probe.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        probe.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
        probe.connect((os.environ["NATLAB_OUTSIDE"], 33434))
        probe.send(b"probe")
        poll = select.poll()
        poll.register(probe, 0)
        if not poll.poll(lab.PATIENCE * 1000):
            out.append(None)
            continue
        _, extra, _, _ = probe.recvmsg(100, 500, socket.MSG_ERRQUEUE)
        error = extra[0][2]  # struct sock_extended_err, then the sockaddr_in of who reports
        assert error[4] == ICMP
        out.append([error[5], socket.inet_ntoa(error[20:24])])
    return out


def announced():
    """What the lab's own gateway announces to its LAN when its address changes, and when it starts."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("224.0.0.1", 5350))
    out = []
    for words in (["readdress", "router-a", "25.0.113.9"], ["reboot", "router-a"]):
        lab.change(*words)
        seen = set()
        while len(seen) < 2 and select.select([listener], [], [], lab.PATIENCE)[0]:
            heard = listener.recv(2000)
            seen.add(("pcp", heard[1]) if heard[0] == 2
                     else ("natpmp", socket.inet_ntoa(heard[8:12])))
        out.append(sorted(seen))
    return out


if __name__ == "__main__":
    lab.serve(chain, single, lies, listing, foreign, hops, announced)
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(8) as pool:
        def inside(spec, function, *arguments):
            return pool.submit(lab.inside, ["--nat", spec, "--no-servers"], function, *arguments)
        chains = {(inner, outer): inside("home>home", chain, inner, outer)
                  for inner in ASK for outer in ASK}
        alone = {spec: inside(spec, single, *protocols) for spec, protocols in {
            "home,server=own": ["igd", "natpmp", "pcp"], "cgn,pcp": ["pcp"],
            "apdm/adf,pcp,server=own": ["pcp"]}.items()}
        lying = {spec: inside(spec, lies) for spec in (
            "home,server=liar", "home>cgn", "home,server=own,external=25.0.99.9>eim/apdf",
            "home,server=miniupnpd>home")}
        rest = {"listing": inside("home,server=own", listing),
                "foreign": inside("home,server=own", foreign),
                "announced": inside("home,server=own", announced)}
        path = {spec: inside(spec, hops) for spec in ("home>cgn", "none")}

        for (inner, outer), result in chains.items():
            seen = result.result()
            for protocol, port in (("udp", 6667), ("tcp", 6668)):
                t.equal(seen[protocol], [[0, "192.168.11.2", port], False, [0, "25.0.113.2", port], True],
                        f"home>home: {inner} at the first and {outer} at the second open {protocol}")
        for spec, result in alone.items():
            for number, (protocol, seen) in enumerate(result.result().items()):
                t.equal(seen, [[0, "25.0.113.2", 6667 + number], True], f"{spec}: {protocol} opens")

        def said(address):
            return {protocol: [[0, address, 6667 + number], False]
                    for number, protocol in enumerate(ASK)}
        t.equal(lying["home,server=liar"].result(), said("25.0.113.2"),
                "liar: it says yes to all, and nothing opens")
        t.equal(lying["home>cgn"].result(), said("100.64.11.2"),
                "home>cgn: the router maps, names its address, and nothing opens")
        t.equal(lying["home,server=own,external=25.0.99.9>eim/apdf"].result(), said("25.0.99.9"),
                "external=: the router names an address that is not its own")
        refused = lying["home,server=miniupnpd>home"].result()
        t.check(refused["pcp"][0][0] == 8 and not any(opened for _, opened in refused.values()),
                "server=miniupnpd: it does not map on a private WAN", refused)

        three = [["TCP", "7000"], ["UDP", "7001"], ["UDP", "7002"]]
        t.equal(rest["listing"].result(), [three, three[:1], [], []],
                "own: mappings are listed as long as they last, and no longer opened then")
        t.equal(rest["foreign"].result(), True, "own: nobody opens ports of another host")
        told = [[["natpmp", "25.0.113.9"], ["pcp", 128]]] * 2
        t.equal(rest["announced"].result(), told, "own: a new address and a start are announced")

        t.equal(path["home>cgn"].result(), [[11, "192.168.1.1"], [11, "100.64.11.1"],
                                            [11, "25.0.113.1"], [3, "25.0.3.2"]],
                "home>cgn: each router says where a datagram's time is over")
        t.equal(path["none"].result()[:2], [[11, "25.0.113.1"], [3, "25.0.3.2"]],
                "none: so does the internet")
