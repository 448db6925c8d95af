#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Presets are what they say, recipes can be loaded, a matrix tells what went well and what did not."""
import concurrent.futures
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab
import tap

PATIENCE = 5.0
SILENCE = 0.4
BINDING = b"\0\1\0\0\x21\x12\xa4\x42" + b"transaction!"  # RFC 8489 section 5


def stun(server, kind, expected):
    """Whether a STUN server answers there."""
    address, port = server.split(":")
    with socket.socket(socket.AF_INET, kind) as client:
        client.settimeout(PATIENCE if expected else SILENCE)
        try:
            client.connect((address, int(port)))
            client.send(BINDING)
            return client.recv(2000)[:2] == b"\1\1"
        except OSError:
            return False


def ways_out(*expected):
    """STUN over UDP and TCP at the usual port, then at 443."""
    tries = [(os.environ[name], kind) for name in ("NATLAB_STUN", "NATLAB_STUN_443")
             for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
    return [stun(*each, hope) for each, hope in zip(tries, expected)]


def vpn():
    """Where outside sees the host, and whether the router's mapping lets anybody in."""
    with lab.node("outside"):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((os.environ["NATLAB_OUTSIDE"], 0))
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    host = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    host.bind(("", 6667))
    host.sendto(b"hello", server.getsockname())
    seen = server.recvfrom(100)[1]
    server.sendto(b"answer", seen)
    answered = host.recv(100) == b"answer"
    mapped = subprocess.run(["natpmpc", "-g", os.environ["NATLAB_GATEWAY"], "-a", "6667", "6667",
                             "udp", "600"], capture_output=True, check=False, timeout=30)
    stranger.sendto(b"knock", (os.environ["NATLAB_WAN"], 6667))
    return [seen[0], answered, b"Mapped public port" in mapped.stdout,
            bool(select.select([host], [], [], SILENCE)[0])]


def loads(text):
    """Whether nft takes a recipe. Its parts are of different routers, but of one table."""
    checks = [text[start:] for start in range(len(text)) if text.startswith("table inet", start)]
    return [subprocess.run(["nft", "-f", "-"], input="flush ruleset\n" + part.split("\n}\n")[0] +
                           "\n}\n", text=True, check=False, timeout=30).returncode
            for part in checks]


def checked_by_nft(text):
    """What nft -c has against a recipe as it is printed; "": nothing."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(text)
        file.flush()
        return subprocess.run(["unshare", "-Urn", "nft", "-c", "-f", file.name], text=True, capture_output=True,
                              check=False, timeout=30).stderr


def without_namespaces(*arguments):
    """nat-lab where the kernel gives no more of them."""
    script = 'echo 0 >/proc/sys/user/max_net_namespaces; exec "$@"'
    return subprocess.run(["unshare", "-Ur", "sh", "-c", script, "sh", lab.NAT_LAB, *arguments], text=True,
                          capture_output=True, check=False, timeout=60)


def study(*arguments, timeout=100):
    return lab.run(*arguments, timeout=timeout)


def killed(number):
    """Whether a matrix that is killed leaves a lab behind."""
    mark = os.path.join(tempfile.gettempdir(), f"nat-lab-mark-{os.getpid()}-{number}")
    one = subprocess.Popen([lab.NAT_LAB, "matrix", "--nat", "none", "--no-servers", "--",
                            f"sh -c 'echo > {mark}; sleep 77'"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    for _ in range(500):
        if os.path.exists(mark):
            break
        time.sleep(0.02)
    started = os.path.exists(mark)
    one.send_signal(number)
    one.wait(30)
    for _ in range(500):
        if not alive(mark):
            break
        time.sleep(0.02)
    left = alive(mark)
    if started:
        os.remove(mark)
    return [started, left]


def alive(mark):
    """Whether any process has the mark in its command line."""
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/cmdline", "rb") as line:
                if mark.encode() in line.read() and int(process) != os.getpid():
                    return True
        except OSError:
            pass
    return False


if __name__ == "__main__":
    lab.serve(ways_out, vpn, loads)
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(6) as pool:
        selftest = pool.submit(study, "selftest", "--jobs", "6", "--json")
        out = {spec: (pool.submit(lab.inside, ["--nat", spec], ways_out, *expected), expected)
               for spec, expected in {"home": [True, True, True, True],
                                      "blocked": [False, True, False, True],
                                      "hotel": [False, False, True, True],
                                      "corporate": [False, False, False, True]}.items()}
        tunnel = pool.submit(lab.inside, ["--nat", "vpn", "--no-servers"], vpn)

        presets = json.loads(study("presets", "--json").stdout)["presets"]
        names = [preset["name"] for preset in presets]
        t.check({"home", "full-cone", "symmetric", "hotel", "cgn", "double", "corporate", "vpn",
                 "ipv6-only"} == set(names), "presets: the well-known situations", names)
        t.equal([line.split()[0] for line in study("presets").stdout.splitlines()], names,
                "presets: the same for people")
        recipes = {name: study("recipe", name) for name in
                   [*names, "adm/adf,ports=sequential,hairpin=external,ipv6", "none,firewall",
                    "home,server=own,closed=drop"]}
        done = lab.inside(["--nat", "none", "--no-servers"], loads,
                          "\n".join(recipe.stdout for recipe in recipes.values()))
        t.check(len(done) >= len(recipes) and not any(done) and
                not any(recipe.returncode for recipe in recipes.values()),
                "recipe: nft takes every one", done)
        whole = {name: checked_by_nft(recipe.stdout) for name, recipe in recipes.items()}
        t.equal(whole, dict.fromkeys(recipes, ""), "recipe: and each as one file, unprivileged")
        t.equal(study("recipe", "fullcone").returncode, 64, "recipe: a word that it does not know")

        for spec, (result, expected) in out.items():
            t.equal(result.result(), expected, f"{spec}: which ways lead out")
        t.equal(tunnel.result(), ["25.0.123.2", True, True, False],
                "vpn: outside sees the tunnel's end, and the router's mapping is for nothing")

        matrix = study("matrix", "--nats", "none,eim/apdf", "--nat", "home,delay=1ms", "--no-servers",
                       "--json", "--", "echo I am {role} and {peer} is $NATLAB_B_HOST; "
                       "[ {role} = a ] || [ $NATLAB_B_HOST != 25.0.114.2 ]")
        seen = json.loads(matrix.stdout)
        t.equal([(pair["a"], pair["b"], pair["ok"]) for pair in seen["pairs"]],
                [(a, b, b != "none") for a in seen["nats"] for b in seen["nats"]],
                "matrix: every pair, each with its own end")
        t.check(matrix.returncode == 1 and
                "a: I am a and b is 192.168.2.10" in seen["pairs"][1]["output"] and
                "b: I am b and a is" in seen["pairs"][1]["output"], "matrix: roles are filled in",
                seen["pairs"][1])
        table = study("matrix", "--nats", "none", "--no-servers", "--timeout", "1", "--",
                      "a: sleep 30", "b: true")
        t.equal((table.returncode, [line.split() for line in table.stdout.splitlines()]),
                (1, [["a", "\\", "b", "none"], ["none", "timeout"]]),
                "matrix: a pair that does not end is ended")
        t.equal(study("matrix", "--nats", "none", "--no-servers", "--", "true").returncode, 0,
                "matrix: 0 when all went well")
        for arguments in (["--", "true"], ["--nats", "none"], ["--nats", "none,", "--", "true"],
                          ["--nats", "none", "--", "a: true", "true"]):
            t.equal(study("matrix", *arguments).returncode, 64, f"matrix {' '.join(arguments)}: usage")
        failed = study("matrix", "--nats", "none", "--no-servers", "--", "echo it is {role} >&2; exit 3")
        t.check("none and none: fails 3" in failed.stderr and "a: it is a" in failed.stderr,
                "matrix: what the first failure said is shown", failed.stderr)
        for arguments in (["matrix", "--nats", "none", "--", "true"], ["selftest", "none"]):
            done = without_namespaces(*arguments)
            t.check(done.returncode == 69 and "/proc/sys/user/max_" in done.stderr and not done.stdout,
                    f"{arguments[0]} on a machine that cannot: 69, and why", [done.stdout, done.stderr])
        done = lab.run("selftest", "none", env={**os.environ, "NAT_PROBE": "/bin/false"})
        t.check(done.returncode == 1 and "/bin/false made no report" in done.stderr,
                "selftest: a judge without a report is named", done.stderr)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            t.equal(killed(number), [True, False],
                    f"matrix: nothing is left after {signal.Signals(number).name}")

        done = selftest.result()
        findings = json.loads(done.stdout)
        t.check(done.returncode == 0 and findings["ok"] and
                [finding["spec"] for finding in findings["findings"]] == names,
                "selftest: coturn's tool and nat-probe see every preset as it is", done.stdout)
        t.check("NAT_PROBE" not in os.environ or
                all("nat_probe" in finding for finding in findings["findings"]),
                "selftest: nat-probe was asked", done.stdout)
