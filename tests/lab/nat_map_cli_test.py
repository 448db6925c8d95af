#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nat-map's command line: what it refuses, in which words and with which exit status."""
import json
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import command_line
import lab
import tap

NAT_MAP = os.environ.get("NAT_MAP", "nat-map")

USAGE = {
    # arguments: a word that the message must have
    (): "subcommand",
    ("open", "6667"): "open",
    ("add",): "PORT",
    ("add", "0"): "\"0\"",
    ("add", "65536"): "65536",
    ("add", "-1"): "-1",
    ("add", "6667", "sctp"): "sctp",
    ("add", "tcp"): "tcp",
    ("add", "6667", "tcp", "udp"): "tcp",
    ("add", "6667", "6668"): "one port",
    ("add", "6667", "--via", "upnp"): "upnp",
    ("flow", "6667", "udp", "--to", "192.0.2.1:1", "--via", "igd"): "--via",
    ("add", "6667", "--lifetime", "0"): "--lifetime",
    ("add", "6667", "--lifetime", "4294967296"): "--lifetime",
    ("add", "6667", "--external", "70000"): "--external",
    ("add", "6667", "--to", "printer:80"): "printer:80",
    ("add", "6667", "--gateway", "router.lan"): "router.lan",
    ("add", "6667", "--timeout", "0"): "--timeout",
    ("list", "--timeout", "nan"): "--timeout",
    ("add", "6667", "--interface", "no-such"): "no-such",
    ("add", "6667", "--source", "9.9.9.9"): "9.9.9.9",
    ("add", "6667", "--description", "a\nb"): "description",
    ("add", "6667", "--description", "x" * 64): "description",
    ("add", "6667", "--to", "127.0.0.1:80"): "127.0.0.1",
    ("list", "6667"): "6667",
    ("delete",): "PORT",
}


def nat_map(*arguments):
    return subprocess.run([NAT_MAP, *arguments], text=True, capture_output=True, check=False,
                          timeout=30)


def usage():
    return command_line.not_refused(nat_map, USAGE.items())


def without_network():
    subprocess.run(["ip", "route", "flush", "default"], check=True)
    out = {}
    for arguments in (["add", "6667"], ["list"], ["delete", "6667"], ["external"], ["keep", "6667"]):
        done = nat_map(*arguments, "--json")
        out[arguments[0]] = [done.returncode,
                             json.loads(done.stdout).get("error", {}).get("code")]
    return out


def closed_stdout():
    done = subprocess.run([NAT_MAP, "external"], stdout=open("/dev/full", "w", encoding="ascii"),
                          stderr=subprocess.PIPE, check=False, timeout=30, text=True)
    return [done.returncode, "cannot write" in done.stderr]


def long_lease():
    """A day and more: the end's date is told. And a transport is one in capitals, too."""
    done = nat_map("add", "6667", "TCP", "--lifetime", "604800", "--via", "pcp")
    return [done.returncode, bool(re.search(r"86400 s \(until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\)",
                                            done.stdout))]


def terminal(*ports):
    """What `keep` shows on a terminal until its line was renewed once and Ctrl-C comes."""
    interrupted = []

    def interrupt(keeper, shown):
        if shown.count(b"kept for") > 1 and not interrupted:
            keeper.send_signal(signal.SIGINT)
            interrupted.append(True)

    seen = command_line.on_terminal([NAT_MAP, "keep", *ports, "--via", "pcp"], lab.PATIENCE, interrupt)
    return {**seen, "wan": os.environ["NATLAB_WAN"]}


if __name__ == "__main__":
    lab.serve(usage, without_network, closed_stdout, long_lease, terminal)
    with tap.Tap() as t:
        t.equal(lab.inside(["--nat", "eim/apdf", "--no-servers"], usage), [],
                "bad arguments: exit status 64, the word at fault on stderr, nothing on stdout")
        t.equal(lab.inside(["--nat", "eim/apdf", "--no-servers"], without_network),
                {name: [69, "no network"] for name in ("add", "list", "delete", "external", "keep")},
                "no network: exit status 69 and the error in the JSON")
        t.equal(lab.inside(["--nat", "home", "--no-servers"], closed_stdout), [70, True],
                "a full disk behind stdout is not silently ignored")
        t.equal(lab.inside(["--nat", "eim/apdf,pcp", "--no-servers"], long_lease), [0, True],
                "a long lease: its end has a date")
        seen = lab.inside(["--nat", "eim/apdf,pcp", "--no-servers"], terminal, "6667")
        times = re.findall(rf"\r\x1b\[K6667/tcp {seen['wan']}:6667  kept for 0:00:(\d\d)", seen["shown"])
        t.check(len(times) > 1 and int(times[0]) < int(times[1]),
                "keep on a terminal: its line says what is open, and for how long", seen)
        t.equal([seen["status"], seen["shown"].endswith("\r\x1b[K"), "\x1b" in seen["said"]], [0, True, False],
                "keep on a terminal: it takes its line away, and puts nothing of it into the output")
        seen = lab.inside(["--nat", "eim/apdf,pcp", "--no-servers"], terminal, "6667", "6668", "both")
        t.check("\r\x1b[K4 ports  kept for 0:00:0" in seen["shown"] and "6667" not in seen["shown"],
                "keep on a terminal: of many ports it says how many", seen)
        for command in ("", "add", "list", "delete", "external", "keep"):
            done = nat_map(*command.split(), "--help")
            t.check(done.returncode == 0 and "nat-map add 6667 tcp" in done.stdout and not done.stderr,
                    f"--help of '{command}' has examples, on stdout", done)
        done = nat_map("--version")
        t.check(done.returncode == 0 and done.stdout.startswith("nat-map "), "--version", done)
