#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nat-probe behind a captive portal: a router that answers for all names and pages, and lets nothing else through."""
import concurrent.futures
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import command_line
import lab
import tap

NAT_PROBE = os.environ.get("NAT_PROBE", "nat-probe")
CAUGHT = """table ip portal {
    chain in { type nat hook prerouting priority -110; iifname lan0 tcp dport 80 redirect to :8080; }
    chain out { type filter hook forward priority -10; policy drop; }
}"""
NAME = b"\x05check\x07example\x00"


def serve_pages(node, port, answer):
    """HTTP on a node: every request gets `answer(request)`. Until this program ends."""
    with lab.node(node):
        listener = socket.create_server(("", port))

    def work():
        while True:
            stream = listener.accept()[0]
            with stream:
                stream.settimeout(10)
                stream.sendall(answer(stream.recv(4000).decode("latin-1")))

    threading.Thread(target=work, daemon=True).start()


def serve_names(node, address):
    """DNS on a node: every name has this one address. The host asks there."""
    with lab.node(node):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("", 53))

    def work():
        while True:
            question, asker = server.recvfrom(2000)
            end = question.index(b"\x00", 12) + 5
            wants_v4 = question[end - 4:end - 2] == b"\x00\x01"
            record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04" + socket.inet_aton(address)
            server.sendto(question[:2] + b"\x81\x80\x00\x01" + (b"\x00\x01" if wants_v4 else b"\x00\x00") + bytes(4)
                          + question[12:end] + (record if wants_v4 else b""), asker)

    threading.Thread(target=work, daemon=True).start()
    pathlib.Path("/etc/resolv.conf").write_text(f"nameserver {os.environ['NATLAB_GATEWAY']}\n", encoding="ascii")


def probe(servers, check="", *arguments):
    """nat-probe with these STUN servers, and with `check` in its settings."""
    with command_line.servers_conf(check) as home:
        named = [word for server in servers for word in ("--stun", server)]
        return subprocess.run([NAT_PROBE, *named, *arguments], text=True, capture_output=True, check=False, timeout=50,
                              env={**os.environ, "XDG_CONFIG_HOME": home})


def report(servers, check=""):
    done = probe(servers, check, "--json")
    out = json.loads(done.stdout)
    return {"exit": done.returncode, "class": out["verdict"]["class"], "summary": out["verdict"]["summary"],
            "advice": [each["code"] for each in out["verdict"]["advice"]],
            "portal": [out["captive_portal"]["value"], out["captive_portal"]["confidence"]], "took": out["duration_ms"]}


def in_hotel():
    """Caught: as nat-probe sees it by a page, by names alone, and in words."""
    asked = []

    def to_login(request):
        asked.append(request)
        return b"HTTP/1.1 302 Found\r\nLocation: http://192.168.1.1/login\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    done = lab.on("router-a", "nft", CAUGHT)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    serve_pages("router-a", 8080, to_login)
    serve_names("router-a", os.environ["NATLAB_GATEWAY"])
    stun = [os.environ["NATLAB_STUN"]]
    return {"page": report(stun, "check http://check.example/generate_204"),
            "number": report(stun, "check http://25.0.1.9/generate_204"),
            "words": probe(stun, "check http://check.example/").stdout,
            "asked": asked[0],
            "names": report(["stun.one.example", "stun.two.example"]),
            "nothing": report(stun)}


def at_home():
    """Not caught: the page comes as it should, as status 204 or with the right words; then with others, and never."""
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nyes online"

    def answer(request):
        if "\r\nHost: check.example:8000\r\n" not in request:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        return page if "/page" in request else b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"

    serve_pages("outside", 8000, answer)
    serve_names("router-a", os.environ["NATLAB_OUTSIDE"])
    stun = [os.environ["NATLAB_STUN"]]
    return {"204": report(stun, "check http://check.example:8000/"),
            "words": report(stun, "check http://check.example:8000/page yes"),
            "other words": report(stun, "check http://check.example:8000/page no"),
            "silent": report(stun, "check http://25.0.1.99/"),
            "not named": report(stun),
            "broken": probe([], "check https://check.example/").returncode}


if __name__ == "__main__":
    lab.serve(in_hotel, at_home)
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(2) as pool:
        hotel = pool.submit(lab.inside, ["--nat", "eim/apdf"], in_hotel)
        home = pool.submit(lab.inside, ["--nat", "eim/apdf"], at_home)

        seen = hotel.result()
        for name in ("page", "number"):
            t.equal([seen[name]["portal"], seen[name]["exit"], seen[name]["class"]], [["yes", "proved"], 4, "unknown"],
                    f"caught, seen by a page ({name})")
            t.check("sign in" in seen[name]["summary"].lower(), f"the verdict says what to do ({name})", seen)
            t.equal(seen[name]["advice"][0], "CAPTIVE-PORTAL", f"and so does the first advice ({name})")
        t.check("web page" in seen["words"].splitlines()[0], "in words, in the first line", seen["words"])
        t.check("GET /generate_204 HTTP/1.1" in seen["asked"] and "\r\nHost: check.example\r\n" in seen["asked"],
                "the page is asked for by its name", seen["asked"])
        t.equal(seen["names"]["portal"], ["suspected", "likely"], "names that all lead to the router make one suspect it")
        t.equal(seen["nothing"]["portal"], ["unknown", "not-tested"], "where nothing was named, nothing is said")

        seen = home.result()
        for name in ("204", "words"):
            t.equal([seen[name]["portal"], seen[name]["class"]], [["no", "proved"], "good"], f"not caught ({name})")
        t.equal([seen["other words"]["portal"], seen["other words"]["class"]], [["suspected", "likely"], "good"],
                "another page than the expected one is suspect, and no verdict")
        t.equal([seen["silent"]["portal"], seen["silent"]["class"]], [["unknown", "inconclusive"], "good"], "no page is no verdict")
        t.equal([seen["not named"]["portal"], seen["not named"]["class"]], [["unknown", "not-tested"], "good"], "no page was named")
        t.equal(seen["broken"], 64, "a setting that cannot be read is said to be so")
