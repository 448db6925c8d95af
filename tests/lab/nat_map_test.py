#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nat-map opens ports on a real miniupnpd by each protocol, and the outside gets in."""
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
import leases
import schema
import tap

NAT_MAP = os.environ.get("NAT_MAP", "nat-map")
PORT = 6667
printed = []  # everything by --json


def nat_map(*arguments):
    """Runs nat-map with --json: exit status, the object, stderr."""
    done = subprocess.run([NAT_MAP, *arguments, "--json"], text=True, capture_output=True,
                          check=False, timeout=30)
    return {"status": done.returncode, "json": json.loads(done.stdout) if done.stdout else None,
            "stderr": done.stderr}


def reached_by_tcp(address, port):
    with socket.create_server(("", port)) as server:
        with lab.node("outside"):
            client = socket.socket()
        with client:
            client.settimeout(lab.PATIENCE if address else lab.SILENCE)
            try:
                client.connect((address, port))
            except OSError:
                return False
            if not select.select([server], [], [], lab.PATIENCE)[0]:
                return False
            with server.accept()[0] as taken:
                taken.sendall(b"hello")
                return client.recv(100) == b"hello"


def knocks(address, port, times):
    """What comes of so many datagrams from outside to that endpoint; None: nothing."""
    with lab.node("outside"):
        client = lab.udp("")
    with lab.udp(os.environ["NATLAB_HOST"], port) as server, client:
        for _ in range(times):
            client.sendto(b"knock", (address, port))
            if select.select([server], [], [], lab.SILENCE)[0]:
                return server.recvfrom(100)[0]
    return None


def reached_by_udp(address, port):
    return knocks(address, port, times=10) == b"knock"


def shut_to_tcp(address, port):
    """True when nothing outside gets in: refused, or silent for a while."""
    with socket.create_server(("", port)) as server:
        with lab.node("outside"):
            client = socket.socket()
        with client:
            client.settimeout(lab.SILENCE)
            try:
                client.connect((address, port))
            except OSError:
                return True
            return not select.select([server], [], [], lab.SILENCE)[0]


def shut_to_udp(address, port):
    return knocks(address, port, times=1) is None


def open_and_close(via, protocol, has_igd):
    out = {"added": nat_map("add", str(PORT), protocol, "--via", via)}
    reached, shut = ((reached_by_tcp, shut_to_tcp) if protocol == "tcp"
                     else (reached_by_udp, shut_to_udp))
    wan = os.environ["NATLAB_WAN"]
    out["reached"] = reached(wan, PORT)
    out["witness"] = leases.listed() if has_igd else None
    out["listed"] = nat_map("list")
    out["deleted"] = nat_map("delete", str(PORT), protocol)
    out["shut"] = shut(wan, PORT)
    out["witness after"] = leases.listed() if has_igd else None
    out["host"] = os.environ["NATLAB_HOST"]
    out["wan"] = wan
    return out


def witnessed_by_natpmpc():
    """natpmpc is told the very port that nat-map was given: the gateway knows it as ours."""
    added = nat_map("add", str(PORT), "udp", "--via", "nat-pmp")
    done = subprocess.run(["natpmpc", "-a", str(PORT), str(PORT), "udp", "60"], text=True,
                          capture_output=True, check=False, timeout=30)
    return {"added": added, "said": done.stdout}


def interrupted_keep():
    keeper = subprocess.Popen([NAT_MAP, "keep", str(PORT), "both", "--via", "igd", "--json"], text=True,
                              stdout=subprocess.PIPE)
    opened = [json.loads(keeper.stdout.readline()) for _ in range(2)]
    wan = os.environ["NATLAB_WAN"]
    out = {"opened": opened, "reached": reached_by_tcp(wan, PORT) and reached_by_udp(wan, PORT),
           "kept": leases.listed()}
    keeper.send_signal(signal.SIGINT)
    rest = keeper.stdout.read()  # communicate() would lose what readline() has read ahead
    out["status"] = keeper.wait(timeout=10)
    out["closed"] = [json.loads(line) for line in rest.splitlines()]
    out["left"] = leases.listed()
    return out


def keep_of_two_ports():
    """Each of the four may still move to IGD, where that was late."""
    host = os.environ["NATLAB_HOST"]
    keeper = subprocess.Popen([NAT_MAP, "keep", str(PORT), str(PORT + 1), "both", "--json"], text=True,
                              stdout=subprocess.PIPE)
    told = [json.loads(keeper.stdout.readline()) for _ in range(4)]
    wanted = {f"{protocol} {port}": f"{host}:{port}" for protocol in ("tcp", "udp") for port in (PORT, PORT + 1)}
    kept = leases.settled_list(wanted)
    keeper.send_signal(signal.SIGINT)
    rest = keeper.stdout.read()
    return {"told": told + [json.loads(line) for line in rest.splitlines()], "wanted": wanted, "kept": kept,
            "status": keeper.wait(timeout=10), "left": leases.listed()}


def keep_without_reader(via):
    """Whoever reads the output is gone: nobody would hear that the port moves or is lost."""
    keeper = subprocess.Popen([NAT_MAP, "keep", str(PORT), "--via", via], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
    keeper.stdout.close()
    said = keeper.stderr.read()
    return [keeper.wait(timeout=10), "cannot write" in said, leases.listed()]


def until_interrupted(*words):
    """All events from the first one on, and the exit status: Ctrl-C comes after the first."""
    kept = subprocess.Popen([NAT_MAP, *words, "--json"], stdout=subprocess.PIPE, text=True)
    first = kept.stdout.readline()
    kept.send_signal(signal.SIGINT)
    rest, _ = kept.communicate(timeout=10)
    return [[json.loads(line) for line in (first + rest).splitlines()], kept.returncode]


def catches(process, number):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        caught = next(line.split()[1] for line in status if line.startswith("SigCgt:"))
    return int(caught, 16) >> (number - 1) & 1


def keep_with_a_command_that_hangs():
    """The first Ctrl-C closes the port and waits for the command, the second does not wait."""
    keeper = subprocess.Popen([NAT_MAP, "keep", str(PORT), "--via", "pcp", "--exec", "sleep 100"],
                              stdout=subprocess.PIPE, text=True)
    keeper.stdout.readline()
    keeper.send_signal(signal.SIGINT)
    closed = keeper.stdout.readline().startswith("closed")
    while keeper.poll() is None:  # it may still be about to wait
        keeper.send_signal(signal.SIGINT)
        time.sleep(0.01)
    return [closed, keeper.returncode]


def keep_interrupted_early():
    keeper = subprocess.Popen([NAT_MAP, "keep", str(PORT), "--json"], stdout=subprocess.PIPE, text=True)
    while not catches(keeper, signal.SIGINT):
        time.sleep(0.001)
    keeper.send_signal(signal.SIGINT)
    said, _ = keeper.communicate(timeout=10)
    return [keeper.returncode, said]


def interrupted_add(via):
    """Ctrl-C at any moment: either nat-map finished, or nothing is left of it."""
    wrong = []
    for delay_ms in range(0, 100, 10):
        adder = subprocess.Popen([NAT_MAP, "add", str(PORT), "tcp", "--via", via],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay_ms / 1000)  # the moment of the interruption is what is varied
        adder.send_signal(signal.SIGINT)
        status = adder.wait(timeout=10)
        left = leases.listed()
        if (status == 0) != (f"tcp {PORT}" in left):
            wrong.append({"after ms": delay_ms, "status": status, "left": left})
        if status == 0:
            nat_map("delete", str(PORT), "tcp")
    return wrong


def ports_that_are_taken():
    """Another host's and another program's entry is never overwritten."""
    host = os.environ["NATLAB_HOST"]
    subprocess.run(["upnpc", "-u", leases.description_url(), "-e", "somebody else", "-a", host, "7000", str(PORT), "tcp", "600"],
                   check=False, capture_output=True, timeout=30)
    before = leases.listed()
    out = {"before": before,
           "exact": nat_map("add", str(PORT), "tcp", "--exact", "--via", "igd"),
           "other": nat_map("add", str(PORT), "tcp", "--via", "igd")}
    out["after"] = leases.listed()
    return out


def deletions():
    """What the journal does not know, or knows of another network or protocol, can be deleted too."""
    host, url = os.environ["NATLAB_HOST"], leases.description_url()
    out = {}

    def opened_by_upnpc():
        subprocess.run(["upnpc", "-u", url, "-a", host, str(PORT), str(PORT), "tcp", "600"], check=False,
                       capture_output=True, timeout=30)

    opened_by_upnpc()
    out["of others"] = nat_map("delete", str(PORT), "tcp")
    nat_map("add", str(PORT), "tcp", "--via", "igd")
    journal = os.path.join(os.environ["XDG_STATE_HOME"], "natterjack", "mappings.json")
    with open(journal, encoding="utf-8") as file:
        text = file.read()
    nat_map("delete", str(PORT), "tcp")
    with open(journal, "w", encoding="utf-8") as file:
        file.write(text)
    out["of what is gone"] = nat_map("delete", str(PORT), "tcp")
    with open(journal, "w", encoding="utf-8") as file:
        file.write(text.replace(os.environ["NATLAB_GATEWAY"], "10.99.99.1"))
    opened_by_upnpc()
    out["with a stale journal"] = nat_map("delete", str(PORT), "tcp")
    nat_map("add", str(PORT), "tcp", "--via", "pcp")
    out["by another protocol"] = nat_map("delete", str(PORT), "tcp", "--via", "igd")
    out["listed"] = nat_map("list")
    return out


def chain():
    out = {}
    for _ in range(4):  # IGD has a head start of 300 ms, and miniupnpd may need more on a busy machine
        out["added"] = nat_map("add", str(PORT), "tcp")
        if out["added"]["json"]["mappings"][0]["strategy"] == "igd":
            break
        nat_map("delete", str(PORT), "tcp")
    out["again"] = nat_map("add", str(PORT), "tcp")
    out["listed"] = leases.listed()
    out["external"] = nat_map("external")
    out["deleted"] = nat_map("delete", str(PORT), "tcp")
    out["nothing"] = nat_map("delete", str(PORT), "tcp")
    out["by the second"] = nat_map("add", str(PORT), "tcp", "--via", "pcp")
    out["again by any"] = nat_map("add", str(PORT), "tcp")
    out["listed again"] = leases.listed()
    return out


def simply(*arguments):
    return nat_map(*arguments)


def inside(spec, function, *arguments):
    """As lab.inside(); what nat-map printed is kept for the schema."""
    result = lab.inside(["--nat", spec, "--no-servers"], function, *arguments)
    printed.extend(schema.found_in(result, "nat-map"))
    return result


def check_cycle(t, name, via, protocol, seen):
    mapping = (seen["added"]["json"] or {}).get("mappings", [{}])
    mapping = mapping[0] if mapping else {}
    t.equal(seen["added"]["status"], 0, f"{name}: add succeeds")
    t.equal({key: mapping.get(key) for key in ("protocol", "internal", "external", "strategy",
                                               "reach", "proof", "lifetime_s", "description")},
            {"protocol": protocol, "internal": f"{seen['host']}:{PORT}",
             "external": f"{seen['wan']}:{PORT}", "strategy": via, "reach": "anyone",
             "proof": "claimed", "lifetime_s": 7200, "description": "natterjack"},
            f"{name}: the same port outside, for two hours")
    t.check(seen["reached"], f"{name}: the outside gets in", seen)
    if seen["witness"] is not None:
        t.equal(seen["witness"], {f"{protocol} {PORT}": f"{seen['host']}:{PORT}"},
                f"{name}: upnpc sees it")
        t.equal(seen["witness after"], {}, f"{name}: upnpc sees it gone")
    listed = seen["listed"]["json"]["mappings"]
    t.equal([(m["protocol"], m["external"], m["ours"], m["strategy"]) for m in listed],
            [(protocol, f"{seen['wan']}:{PORT}", True, via)], f"{name}: list marks it as ours")
    t.equal(seen["deleted"]["status"], 0, f"{name}: delete succeeds")
    t.check(seen["shut"], f"{name}: deleted, the outside stays out")


if __name__ == "__main__":
    lab.serve(open_and_close, witnessed_by_natpmpc, interrupted_keep, keep_of_two_ports, interrupted_add, keep_without_reader,
              keep_with_a_command_that_hangs, keep_interrupted_early, until_interrupted, ports_that_are_taken, deletions,
              chain, simply)
    with tap.Tap() as t:
        for via in ("igd", "pcp", "nat-pmp"):
            for protocol in ("tcp", "udp"):
                only = "eim/apdf," + via.replace("-", "")
                for spec in ("home", only):
                    name = f"{spec}: {protocol} by {via}"
                    seen = inside(spec, open_and_close, via, protocol,
                                      spec == "home" or via == "igd")
                    check_cycle(t, name, via, protocol, seen)

        seen = inside("eim/apdf,natpmp", witnessed_by_natpmpc)
        t.equal(seen["added"]["status"], 0, "nat-pmp: add succeeds beside natpmpc")
        t.check(f"Mapped public port {PORT} protocol UDP to local port {PORT}" in seen["said"],
                "nat-pmp: natpmpc gets the very same mapping", seen["said"])

        seen = inside("home", chain)
        t.equal([seen["added"]["status"], seen["added"]["json"]["mappings"][0]["strategy"]],
                [0, "igd"], "chain: prefers IGD where all three answer")
        t.equal([line["outcome"] for line in seen["added"]["json"]["story"]],
                ["opened", "spare", "spare"], "chain: the story tells who else answered")
        t.equal(seen["again"]["json"]["mappings"][0]["external"],
                seen["added"]["json"]["mappings"][0]["external"], "chain: again is the same mapping")
        t.equal(len(seen["listed"]), 1, "chain: one mapping, never two")
        t.equal({a["strategy"] for a in seen["external"]["json"]["addresses"]}, {"igd", "nat-pmp"},
                "external: IGD and NAT-PMP tell the address")
        by_any, by_pcp = (seen[run]["json"]["mappings"][0] for run in ("again by any", "by the second"))
        t.equal([by_any["strategy"], by_any["external"], len(seen["listed again"])],
                ["pcp", by_pcp["external"], 1],
                "chain: again is the same mapping also where another protocol would be preferred")
        t.equal(seen["deleted"]["status"], 0, "chain: delete succeeds")
        t.equal(seen["nothing"]["status"], 2, "delete: a port that nobody opened is an error")

        seen = inside("home", deletions)
        for what in ("of others", "with a stale journal", "by another protocol"):
            t.equal([seen[what]["status"], [m["strategy"] for m in seen[what]["json"]["mappings"]]],
                    [0, ["igd"]], f"delete {what}: IGD finds it, and it is told once")
        t.check("has no mapping" in seen["of what is gone"]["json"]["error"]["message"],
                "delete: what is gone meanwhile is called so", seen["of what is gone"])
        t.equal(seen["listed"]["json"]["mappings"], [], "delete: all is gone, also from the journal")

        for spec, strategy in (("eim/apdf,pcp", "pcp"), ("eim/apdf,natpmp", "nat-pmp"),
                               ("eim/apdf,igd", "igd"), ("none", "direct")):
            seen = inside(spec, simply, "add", str(PORT), "tcp")
            t.equal([seen["status"], [m["strategy"] for m in seen["json"]["mappings"]]],
                    [0, [strategy]], f"{spec}: the chain ends at {strategy}")

        seen = inside("eim/apdf", simply, "add", str(PORT), "tcp")
        t.equal(seen["status"], 1, "no service: nothing here opens ports")
        t.equal(seen["json"]["mappings"], [], "no service: no mapping is claimed")
        t.equal(seen["json"]["error"]["code"], "not found", "no service: the error says so")

        seen = inside("home", ports_that_are_taken)
        t.equal(seen["exact"]["status"], 2, "taken port: --exact is refused")
        t.equal(seen["other"]["status"], 0, "taken port: another one is taken without --exact")
        t.check(seen["other"]["json"]["mappings"][0]["external"].split(":")[1] != str(PORT),
                "taken port: and it is another one", seen["other"])
        t.equal({key: seen["after"].get(key) for key in seen["before"]}, seen["before"],
                "taken port: the other program's entry is untouched")

        seen = inside("home", interrupted_keep)
        t.equal(sorted(m["mappings"][0]["protocol"] for m in seen["opened"]), ["tcp", "udp"],
                "keep both: opens TCP and UDP")
        t.check(seen["reached"], "keep both: the outside gets in by both")
        t.equal(len(seen["kept"]), 2, "keep both: upnpc sees both")
        t.equal([seen["status"], [told["event"] for told in seen["closed"]]], [0, ["closed", "closed"]],
                "keep: Ctrl-C closes, and says so")
        t.equal(seen["left"], {}, "keep: Ctrl-C leaves nothing behind")

        seen = inside("home", keep_of_two_ports)
        pairs = [(protocol, f"{PORT + more}") for protocol in ("tcp", "udp") for more in (0, 1)]
        for event in ("opened", "closed"):
            mappings = [told["mappings"][0] for told in seen["told"] if told["event"] == event]
            t.equal(sorted((m["protocol"], m["internal"].rsplit(":", 1)[1]) for m in mappings), pairs,
                    f"keep of two ports by both: each of the four is {event}, and told")
        t.equal(seen["kept"], seen["wanted"], "keep of two ports by both: upnpc sees four")
        t.equal([seen["status"], seen["left"]], [0, {}], "keep of two ports by both: Ctrl-C leaves nothing behind")

        t.equal(inside("home", keep_with_a_command_that_hangs), [True, 0],
                "keep: a second Ctrl-C does not wait for the command of --exec")
        for via in ("igd", "pcp"):
            t.equal(inside("home", keep_without_reader, via),
                    [70, True, {}], f"keep by {via}: without a reader it closes, and says why")
        t.equal(inside("eim/apdf", keep_interrupted_early), [130, ""],
                "keep: Ctrl-C before the answer is told apart from Ctrl-C later")

        for via in ("igd", "pcp", "nat-pmp"):
            t.equal(inside("home", interrupted_add, via), [],
                    f"add by {via}: Ctrl-C at any moment leaves nothing behind")

        for words in (["keep", str(PORT), str(PORT), "--via", "pcp"], ["flow", str(PORT), "udp", "--to", "25.0.3.2:7000"]):
            events, status = inside("home", until_interrupted, *words)
            t.equal([status, [told["event"] for told in events]], [0, ["opened", "closed"]],
                    f"{words[0]}: a port that is named twice is one; what was opened is closed")
        seen = inside("home", simply, "add", str(PORT), "--gateway", "192.168.1.77")
        t.equal([seen["status"], seen["json"]["error"]["code"]], [1, "not found"],
                "--gateway: nobody else answers in the place of the one that was named")

        t.equal({each["command"] for each in printed}, {"add", "delete", "external", "flow", "keep", "list"},
                "--json: every command was asked")
        t.equal(schema.validate("nat-map", printed), "", "--json: all is as the schema says")
        t.check(schema.validate("nat-map", [{**printed[0], "mappings": [{}]}]), "and the schema can say no")
