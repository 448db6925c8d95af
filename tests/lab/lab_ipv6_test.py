#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""IPv6 in a lab: it routes, the routers' firewalls hold, PCP and UPnP open pinholes in them."""
import concurrent.futures
import os
import re
import select
import socket
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab
import tap


def arrives(host, expected):
    came = bool(select.select([host], [], [], lab.PATIENCE if expected else lab.SILENCE)[0])
    if came:
        host.recv(100)
    return came


class Site:
    """The host's socket, a server outside, and a stranger at another address there."""

    def __init__(self):
        self.host = lab.udp(os.environ["NATLAB_HOST6"], 5000)
        with lab.node("outside"):
            self.server = lab.udp(os.environ["NATLAB_OUTSIDE6"], 7000)
            self.stranger = lab.udp(os.environ["NATLAB_OUTSIDE6_2"], 7000)

    def asks(self, expected=True):
        """Whether the server gets a datagram, from the host's own endpoint, and can answer."""
        self.host.sendto(b"hello", self.server.getsockname()[:2])
        if not select.select([self.server], [], [], lab.PATIENCE if expected else lab.SILENCE)[0]:
            return False
        source = self.server.recvfrom(100)[1]
        self.server.sendto(b"answer", source)
        return source[:2] == self.host.getsockname()[:2] and arrives(self.host, True)

    def enters(self, expected):
        """Whether the stranger gets in."""
        self.stranger.sendto(b"knock", self.host.getsockname()[:2])
        return arrives(self.host, expected)


def firewall(open_to_all):
    site = Site()
    return [site.enters(open_to_all), site.asks(), site.enters(open_to_all)]


def pcp(gateway, lifetime):
    """MAP for UDP port 5000 (RFC 6887 section 11.1): the result."""
    client = lab.udp(os.environ["NATLAB_HOST6"])
    own = socket.inet_pton(socket.AF_INET6, os.environ["NATLAB_HOST6"])
    client.sendto(struct.pack("!BBHI", 2, 1, 0, lifetime) + own + b"nonce-nonce-" +
                  struct.pack("!B3xHH", 17, 5000, 5000) + b"\0" * 16, gateway)
    return client.recv(2000)[3] if select.select([client], [], [], lab.PATIENCE)[0] else None


def pcp_pinhole():
    """Opened and closed, asked at the gateway's global address and at its link-local one."""
    out, site = [], Site()
    for gateway in ((os.environ["NATLAB_GATEWAY6"], 5351),
                    ("fe80::1", 5351, 0, socket.if_nametoindex("eth0"))):
        out += [pcp(gateway, 600), site.enters(True), pcp(gateway, 0), site.enters(False)]
    return out


def soap(action, arguments):
    """One action of WANIPv6FirewallControl, over IPv6 from the address that the pinhole is for."""
    service = "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1"
    body = f"""<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"
s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:{action} xmlns:u="{service}">{
    "".join(f"<{name}>{value}</{name}>" for name, value in arguments.items())
}</u:{action}></s:Body></s:Envelope>"""
    gateway = os.environ["NATLAB_GATEWAY6"]
    with socket.create_connection((gateway, 5000), lab.PATIENCE,
                                  (os.environ["NATLAB_HOST6"], 0)) as http:
        http.sendall(f"POST /ctl/IP6FCtl HTTP/1.1\r\nHost: [{gateway}]:5000\r\n"
                     f"SOAPAction: \"{service}#{action}\"\r\nContent-Type: text/xml\r\n"
                     f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        answer = b""
        while chunk := http.recv(65536):
            answer += chunk
    return answer.decode()


def igd_pinhole():
    site = Site()
    added = soap("AddPinhole", {"RemoteHost": "", "RemotePort": 0,
                                "InternalClient": os.environ["NATLAB_HOST6"], "InternalPort": 5000,
                                "Protocol": 17, "LeaseTime": 600})
    number = re.search(r"<UniqueID>(\d+)</UniqueID>", added)
    out = [bool(number), site.enters(True)]
    removed = soap("DeletePinhole", {"UniqueID": number[1] if number else 0})
    return [*out, " 200 " in removed.splitlines()[0], site.enters(False)]


def cut():
    site = Site()
    out = []
    for node in ("a", "router-a", "outside"):
        lab.change("link", node, "down")
        down = site.asks(False)
        lab.change("link", node, "up")
        out.append([down, site.asks()])
    return out


def families():
    """The addresses of the host, and whether IPv4 leads out."""
    shown = lab.on("a", "ip", "-br", "addr", "show", "eth0").stdout
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    return [re.findall(r"\b\d+\.\d+\.\d+\.\d+|2a00:\S+", shown),
            client.connect_ex((os.environ["NATLAB_OUTSIDE"], 9)) == 0,
            "NATLAB_HOST" in os.environ]


def natdiscovery():
    verdicts = []
    for own, server in (("NATLAB_HOST", "25.0.1.1"), ("NATLAB_HOST6", "2a00:25:1::1")):
        said = subprocess.run(["turnutils_natdiscovery", "-m", "-f", "-L", os.environ[own], server],
                              capture_output=True, text=True, check=False, timeout=50).stdout
        verdicts.append([line for line in said.splitlines() if "NAT with" in line or "No NAT" in line])
    return verdicts


if __name__ == "__main__":
    lab.serve(firewall, pcp_pinhole, igd_pinhole, cut, families, natdiscovery)
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(8) as pool:
        def inside(spec, function, *arguments, options=("--no-servers",)):
            return pool.submit(lab.inside, ["--nat", spec, *options], function, *arguments)
        verdict = inside("eim/eif,ipv6", natdiscovery, options=())
        shut = {spec: inside(spec, firewall, False) for spec in (
            "eim/eif,ipv6", "adm/adf,ports=random,ipv6", "home,ipv6>cgn", "none,ipv6,firewall",
            "eim/apdf,ipv6,delay=1ms,lan-delay=1ms")}
        open_ = inside("none,ipv6", firewall, True)
        pinholes = {"pcp": inside("eim/eif,pcp,ipv6", pcp_pinhole),
                    "igd": inside("eim/apdf,igd,ipv6", igd_pinhole),
                    "no-ipv4": inside("eim/apdf,pcp,ipv6,no-ipv4", pcp_pinhole)}
        rest = {function: inside(spec, function)
                for function, spec in ((cut, "home,ipv6"), (families, "home,ipv6,no-ipv4"))}
        both = inside("home,ipv6", families)

        for spec, result in shut.items():
            t.equal(result.result(), [False, True, False],
                    f"{spec}: the host's own address outside, and nobody gets in unasked")
        t.equal(open_.result(), [True, True, True], "none,ipv6: everybody gets in")
        for name in ("pcp", "no-ipv4"):
            t.equal(pinholes[name].result(), [0, True, 0, False] * 2, f"{name}: a pinhole by PCP")
        t.equal(pinholes["igd"].result(), [True, True, True, False],
                "igd: a pinhole by WANIPv6FirewallControl")
        t.equal(rest[cut].result(), [[False, True]] * 3, "a link that was cut has its addresses again")
        t.equal(both.result(), [["192.168.1.10", "2a00:25:a1::10/64"], True, True],
                "ipv6: a host of both families")
        t.equal(rest[families].result(), [["2a00:25:a1::10/64"], False, False],
                "no-ipv4: a host of IPv6 only")
        v4, v6 = verdict.result()
        t.equal(v4, ["NAT with Endpoint Independent Mapping!",
                     "NAT with Endpoint Independent Filtering!"], "coturn's tool over IPv4")
        # Its second test always says "NAT": it compares with nothing.
        t.equal(v6[0], "No NAT! (Endpoint Independent Mapping)", "coturn's tool over IPv6: no NAT")
        t.equal(v6[-1], "NAT with Address and Port Dependent Filtering!",
                "coturn's tool over IPv6: a firewall")
