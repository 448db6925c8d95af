#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Ports are proved from outside, by a real coturn, through a real miniupnpd; what lets nobody in is refuted."""
import json
import os
import select
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab
import tap

NAT_MAP = os.environ.get("NAT_MAP", "nat-map")
NAT_PROBE = os.environ.get("NAT_PROBE", "nat-probe")
PORT = 6667
PATIENCE = 10.0  # for what must come; the machine may be busy
BINDING_REQUEST = bytes.fromhex("000100002112a442") + b"hole puncher"


def nat_map(*arguments):
    """`nat-map add PORT ... --prove --json`: exit status, the only mapping, stderr."""
    os.environ.setdefault("XDG_STATE_HOME", tempfile.mkdtemp(prefix="natterjack-state-"))
    done = subprocess.run([NAT_MAP, "add", str(PORT), *arguments, "--prove", "--json", "--timeout", "20"],
                          text=True, capture_output=True, check=False, timeout=60)
    out = json.loads(done.stdout) if done.stdout else {}
    mapping = (out.get("mappings") or [{}])[0]
    return {"status": done.returncode, "stderr": done.stderr, "story": out.get("story"), "strategy": mapping.get("strategy"),
            "proof": mapping.get("proof"), "level": mapping.get("proof_level"), "evidence": mapping.get("proof_evidence", "")}


def delete(protocol):
    return subprocess.run([NAT_MAP, "delete", str(PORT), protocol], check=False, capture_output=True, timeout=30).returncode


def by_stun():
    return ["--stun", os.environ["NATLAB_STUN"]]


def by_turn(transport="tcp"):
    return ["--turn", os.environ["NATLAB_TURN_TCP" if transport == "tcp" else "NATLAB_TURN"]]


def each_way(*arguments):
    """UDP by STUN, by the relay over UDP and over TCP; TCP by the relay, free and in use."""
    out = {}
    for name, servers in (("stun", by_stun()), ("turn", by_turn("udp")), ("turn over tcp", by_turn("tcp"))):
        out[f"udp by {name}"] = nat_map("udp", *arguments, *servers)
        delete("udp")
    out["tcp by turn"] = nat_map("tcp", *arguments, *by_turn())
    delete("tcp")
    with socket.create_server(("", PORT)) as server:
        out["tcp, application listens"] = nat_map("tcp", *arguments, *by_turn())
        out["what the application got"] = taken(server)
    delete("tcp")
    return out


def taken(server):
    """What came through the first connection that a listener took."""
    server.settimeout(PATIENCE)
    with server.accept()[0] as stream:
        stream.settimeout(PATIENCE)
        try:
            return stream.recv(100).decode()
        except ConnectionResetError:
            return ""


def udp_and_tcp(*arguments):
    return {"udp": nat_map("udp", *arguments, *by_stun()), "tcp": nat_map("tcp", *arguments, *by_turn())}


def bound_at_once():
    """The port is free again when nat-map has ended, and another program may take it."""
    nat_map("both", "--via", "igd", *by_stun(), *by_turn())
    with socket.socket() as listener, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        listener.bind(("", PORT))
        datagrams.bind(("", PORT))
    return True


def in_use():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("", PORT))
        return nat_map("udp", "--via", "igd", *by_stun())


def with_hole():
    """The port sends to all four endpoints of the server a moment before: their answers now get in."""
    host, port = os.environ["NATLAB_STUN"].split(":")
    other = os.environ["NATLAB_STUN2"].split(":")[0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as puncher:
        puncher.bind((os.environ["NATLAB_HOST"], PORT))
        for address in (host, other):
            for each in (int(port), int(port) + 1):
                puncher.sendto(BINDING_REQUEST, (address, each))
                if not select.select([puncher], [], [], PATIENCE)[0]:
                    raise RuntimeError(f"{address}:{each} does not answer")
                puncher.recvfrom(2000)
    return nat_map("udp", *by_stun())


def rfc5780_off():
    """A coturn that does not do RFC 5780: it ignores RESPONSE-PORT and answers the port that asked."""
    outside = os.environ["NATLAB_OUTSIDE"]
    folder = tempfile.mkdtemp(prefix="natterjack-coturn-")
    server = subprocess.Popen([os.environ["NATLAB"], "exec", "outside", "--", "turnserver", "-n", "--no-cli", "--no-tls", "--no-dtls",
                               "--no-rfc5780", "--stun-only", "--listening-ip=" + outside, "--relay-ip=" + outside, "--listening-port=3478",
                               f"--userdb={folder}/db", f"--pidfile={folder}/pid", "--log-file=stdout"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            for _ in range(100):
                asker.sendto(BINDING_REQUEST, (outside, 3478))
                if select.select([asker], [], [], 0.1)[0]:
                    break
        return nat_map("udp", "--via", "igd", "--stun", outside + ":3478")
    finally:
        server.terminate()
        server.wait(timeout=10)


def own_server(*addresses):
    """Everything that a server of ours, with one address or two, proves; and nat-probe prove."""
    server = subprocess.Popen([os.environ["NATLAB"], "exec", "outside", "--", NAT_PROBE, "serve", *(os.environ[a] for a in addresses)],
                              stdout=subprocess.PIPE, text=True)
    stun = ["--stun", os.environ[addresses[0]]]
    try:
        out = {"said": server.stdout.readline()}
        for protocol in ("udp", "tcp"):
            out[protocol] = nat_map(protocol, "--via", "igd", *stun)
            delete(protocol)
        with socket.create_server(("", PORT)) as listener:
            out["in use"] = nat_map("tcp", "--via", "igd", *stun)
            out["got"] = taken(listener)
        delete("tcp")
        done = subprocess.run([NAT_PROBE, "prove", f"{PORT}/udp", f"{PORT}/tcp", "--json", "--timeout", "20", *stun], text=True,
                              capture_output=True, check=False, timeout=60)
        out["prove"] = [done.returncode, [port["proof"] for port in json.loads(done.stdout)["ports"]]]
        out["addresses"] = os.environ["NATLAB_WAN"] in done.stdout
        return out
    finally:
        server.terminate()
        out["ended"] = server.wait(timeout=10)


def no_server():
    return {"none": nat_map("udp", "--via", "igd"),
            "dead": nat_map("udp", "--via", "igd", "--stun", os.environ["NATLAB_OUTSIDE"] + ":9"),
            "password": nat_map("tcp", "--via", "igd", "--turn", os.environ["NATLAB_TURN_TCP"].replace("@", "x@", 1))}


def expect_proved(t, name, seen, level):
    t.equal([seen["status"], seen["proof"], seen["level"]], [0, "proved", level], f"{name}: proved")


if __name__ == "__main__":
    lab.serve(each_way, udp_and_tcp, own_server, bound_at_once, in_use, with_hole, rfc5780_off, no_server)
    with tap.Tap() as t:
        seen = lab.inside(["--nat", "home"], each_way, "--via", "igd")
        expect_proved(t, "igd, udp by stun", seen["udp by stun"], "new-address")
        expect_proved(t, "igd, udp by turn", seen["udp by turn"], "new-port")
        expect_proved(t, "igd, udp by turn over tcp", seen["udp by turn over tcp"], "new-port")
        expect_proved(t, "igd, tcp by turn", seen["tcp by turn"], "new-port")
        expect_proved(t, "igd, tcp where the application listens", seen["tcp, application listens"], "new-port")
        t.equal(seen["what the application got"], "", "the application gets a connection and not a byte")
        t.check("an address never contacted" in seen["udp by stun"]["story"][0]["message"], "the story has the evidence", seen)

        for via in ("pcp", "nat-pmp"):
            seen = lab.inside(["--nat", "home"], udp_and_tcp, "--via", via)
            expect_proved(t, f"{via}, udp", seen["udp"], "new-address")
            expect_proved(t, f"{via}, tcp", seen["tcp"], "new-port")

        seen = lab.inside(["--nat", "none"], udp_and_tcp)
        for protocol, level in (("udp", "new-address"), ("tcp", "new-port")):
            expect_proved(t, f"none, {protocol}", seen[protocol], level)
            t.equal(seen[protocol]["strategy"], "direct", f"none, {protocol}: nothing needs to be mapped")

        seen = lab.inside(["--nat", "eim/apdf,igd,server=liar"], udp_and_tcp)
        for protocol in ("udp", "tcp"):
            t.equal([seen[protocol]["status"], seen[protocol]["proof"]], [1, "refuted"], f"liar, {protocol}: refuted")
            t.check("closed 6667" in seen[protocol]["stderr"], f"liar, {protocol}: and taken back", seen)

        for nat in ("eim/apdf", "eim/eif"):
            seen = lab.inside(["--nat", f"{nat},igd,server=liar"], with_hole)
            t.equal([seen["status"], seen["proof"]], [0, "claimed"], f"liar, {nat}: a hole punched a moment before proves nothing")
            t.check("before there was this mapping" in seen["evidence"], f"liar, {nat}: and is seen for what it is", seen)

        t.check(lab.inside(["--nat", "home"], bound_at_once), "the port is free once nat-map has ended")
        seen = lab.inside(["--nat", "home"], in_use)
        t.equal([seen["status"], seen["proof"]], [0, "claimed"], "a UDP port in use is only claimed")
        t.check("must not be in use" in seen["evidence"], "and it says why", seen)

        seen = lab.inside(["--nat", "home"], rfc5780_off)
        t.equal([seen["status"], seen["proof"]], [0, "claimed"], "RFC 5780 switched off: neither proved nor refuted")
        t.check("ignores RESPONSE-PORT" in seen["evidence"], "and it says why", seen)

        for addresses, udp, tcp in ((["NATLAB_OUTSIDE"], "new-port", "new-port"),
                                    (["NATLAB_OUTSIDE", "NATLAB_OUTSIDE2"], "new-address", "new-address")):
            name = f"nat-probe serve with {len(addresses)}"
            seen = lab.inside(["--nat", "home"], own_server, *addresses)
            expect_proved(t, f"{name}, udp", seen["udp"], udp)
            expect_proved(t, f"{name}, tcp", seen["tcp"], tcp)
            expect_proved(t, f"{name}, tcp in use", seen["in use"], tcp)
            t.equal(seen["got"], "", f"{name}: sends nothing to an application")
            t.equal(seen["prove"], [0, ["proved", "proved"]], f"{name}: nat-probe prove")
            t.check(not seen["addresses"], f"{name}: and shows no address", seen)
            t.equal(seen["ended"], 0, f"{name}: ends on SIGTERM")

        seen = lab.inside(["--nat", "home"], no_server)
        t.equal({name: [each["status"], each["proof"]] for name, each in seen.items()},
                {name: [0, "claimed"] for name in ("none", "dead", "password")}, "no server, a dead one, a wrong password: claimed")
        t.check("user and password" in seen["password"]["evidence"], "a wrong password is named as the reason", seen)
