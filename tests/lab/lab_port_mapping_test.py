#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A router offers the port-mapping protocols that its SPEC names, and no other; they really open."""
import concurrent.futures
import json
import os
import select
import socket
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab
import tap

NAT_MAP = os.environ.get("NAT_MAP", "nat-map")
PATIENCE = 5.0
SILENCE = 0.5


def ask(request, port=5351):
    """What the gateway answers to a datagram: bytes, "refused" or "silent"."""
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect((os.environ["NATLAB_GATEWAY"], port))
    client.settimeout(SILENCE)
    try:
        client.send(request)
        return client.recv(2000)
    except TimeoutError:
        return "silent"
    except ConnectionRefusedError:
        return "refused"


def pcp_announce():
    """RFC 6887 section 14.1.1: version 2, opcode 0, no lifetime, our address."""
    own = b"\0" * 10 + b"\xff\xff" + socket.inet_aton(os.environ["NATLAB_HOST"])
    return struct.pack("!BBHI", 2, 0, 0, 0) + own


def verdict(answer, version):
    """In words: how the gateway stands to that version of the protocols on port 5351."""
    if isinstance(answer, str):
        return answer
    result = answer[3]  # of a byte in PCP, of two in NAT-PMP; all small
    if result == 0 and answer[0] == version:
        return "spoken"
    return f"version {answer[0]} instead" if result == 1 else f"result {result}"


def protocols():
    search = ("M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\n"
              "MX: 1\r\nST: upnp:rootdevice\r\n\r\n").encode()
    seen = {"natpmp": verdict(ask(b"\0\0"), 0), "pcp": verdict(ask(pcp_announce()), 2),
            "natpmp again": verdict(ask(b"\0\0"), 0)}
    # miniupnpd takes up to 0.2 s.
    answer = "silent"
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind((os.environ["NATLAB_HOST"], 0))
    client.sendto(search, (os.environ["NATLAB_GATEWAY"], 1900))
    if select.select([client], [], [], 1.0)[0]:
        answer = client.recv(2000).decode()
    seen["igd"] = ("1" if "LOCATION: http://192.168.1.1:5000/" in answer else answer)
    with socket.socket() as http:
        http.settimeout(SILENCE)
        try:
            http.connect((os.environ["NATLAB_GATEWAY"], 5000))
            http.sendall(b"GET /rootDesc.xml HTTP/1.0\r\n\r\n")
            text = b""
            while chunk := http.recv(65536):
                text += chunk
            seen["description"] = text.split(b"InternetGatewayDevice:")[1][:1].decode()
        except TimeoutError:
            seen["description"] = "silent"
        except ConnectionRefusedError:
            seen["description"] = "refused"
    return seen


def opened(*command):
    """Whether outside reaches TCP 6667 before, during and after the mapping that `command` makes."""
    listener = socket.create_server((os.environ["NATLAB_HOST"], 6667))

    def reached():
        with lab.node("outside"):
            client = socket.socket()
        client.settimeout(1.0)
        try:
            client.connect((os.environ["NATLAB_WAN"], 6667))
        except OSError:
            return False
        listener.accept()[0].close()
        return True

    before = reached()
    made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return {"before": before, "status": made.returncode, "during": reached(),
            "listed": "6667" in lab.on("router-a", "nft", "list", "ruleset").stdout}


def without_firewall(strategy):
    """Whether nat-lab's own gateway maps what its firewall does not take."""
    lab.on("router-a", "nft", "delete", "table", "inet", "natlab")
    done = subprocess.run([NAT_MAP, "add", "6667", "tcp", "--via", strategy, "--json"], capture_output=True,
                          text=True, check=False, timeout=30)
    return [done.returncode != 0, json.loads(done.stdout)["mappings"]]


ALL = {"natpmp": "spoken", "pcp": "spoken", "natpmp again": "spoken", "igd": "1",
       "description": "2"}
OFFERED = {
    "home": ALL,
    "home,closed=drop": ALL,
    "eim/apdf,igd": {**ALL, "natpmp": "refused", "pcp": "refused", "natpmp again": "refused"},
    "eim/apdf,igd1": {**ALL, "natpmp": "refused", "pcp": "refused", "natpmp again": "refused",
                      "description": "1"},
    "eim/apdf,natpmp": {**ALL, "pcp": "version 0 instead", "igd": "silent",
                        "description": "refused"},
    "eim/apdf,pcp": {**ALL, "natpmp": "version 2 instead", "natpmp again": "version 2 instead",
                     "igd": "silent", "description": "refused"},
    "eim/apdf": {"natpmp": "refused", "pcp": "refused", "natpmp again": "refused",
                 "igd": "silent", "description": "refused"},
    "eim/apdf,closed=drop": {"natpmp": "silent", "pcp": "silent", "natpmp again": "silent",
                             "igd": "silent", "description": "silent"},
    "apdm/apdf,natpmp,pcp,closed=drop": {**ALL, "igd": "silent", "description": "silent"},
}

CLIENTS = [["natpmpc", "-a", "6667", "6667", "tcp", "600"],
           ["upnpc", "-u", "http://192.168.1.1:5000/rootDesc.xml", "-a", "192.168.1.10", "6667",
            "6667", "tcp", "600"]]

if __name__ == "__main__":
    lab.serve(protocols, opened, without_firewall)
    # All labs at once: most of their time goes into waiting for what does not come.
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor() as pool:
        offers = {spec: pool.submit(lab.inside, ["--nat", spec, "--no-servers"], protocols)
                  for spec in OFFERED}
        openings = {(spec, command[0]): pool.submit(
            lab.inside, ["--nat", spec, "--no-servers"], opened, *command)
                    for spec in ["eim/eif,igd,natpmp", "eim/adf,igd,natpmp", "home",
                                 "apdm/apdf,igd,natpmp"] for command in CLIENTS}
        denials = {strategy: pool.submit(
            lab.inside, ["--nat", "eim/apdf,server=own,igd,natpmp,pcp", "--no-servers"], without_firewall, strategy)
                   for strategy in ("igd", "pcp", "nat-pmp")}
        for spec, expected in OFFERED.items():
            t.equal(offers[spec].result(), expected, f"{spec}: what the gateway offers")
        for (spec, client), opening in openings.items():
            t.equal(opening.result(),
                    {"before": False, "status": 0, "during": True, "listed": True},
                    f"{spec}: {client} opens a port")
        for strategy, denial in denials.items():
            t.equal(denial.result(), [True, []],
                    f"{strategy}: a gateway whose firewall does not follow says no")
