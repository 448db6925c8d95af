#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What nat-connect carries: pipes, commands, forwarded ports, pings; and how it is set up."""
import concurrent.futures
import contextlib
import hashlib
import os
import pathlib
import pty
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import command_line
import connect
import lab
import tap

PATIENCE = connect.PATIENCE
MIB = 1 << 20


def start(ours=(), theirs=(), **popen):
    return connect.Running("--no-map", *ours, "--via",
                           connect.peer_command("--answer", "--no-map", *theirs), **popen)


def digest(data):
    return hashlib.sha256(data).hexdigest()


def both_ways(size):
    """A command over there reads all that we send, while it sends as much to us."""
    data = os.urandom(size)
    # Reads and writes at once, and tells what it read.
    script = ("import hashlib,os,sys,threading\n"
              "h=hashlib.sha256()\n"
              "def read():\n"
              "    while d:=sys.stdin.buffer.read(65536): h.update(d)\n"
              "t=threading.Thread(target=read); t.start()\n"
              f"b=bytes(range(256))*256\n"
              f"for _ in range({size}//65536): sys.stdout.buffer.write(b)\n"
              "t.join()\n"
              "sys.stdout.buffer.write(h.hexdigest().encode())\n")
    with tempfile.NamedTemporaryFile("w", suffix=".py") as program:
        program.write(script)
        program.flush()
        ours = start(theirs=["--exec", f"{sys.executable} {program.name}"])
        done = ours.finish(data, patience=60)
    expected = bytes(range(256)) * (size // 256)
    return {"status": done["status"], "there": done["out"][size:].decode() == digest(data),
            "here": done["out"][:size] == expected, "story": ours.story()}


def pipe_to_pipe():
    """Both sides' standard streams, without a command: signalling by pasting."""
    command = [connect.NAT_CONNECT, "--json", "--no-map"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
             "start_new_session": True}  # no terminal to ask on
    offer = subprocess.Popen([*command, "offer"], **pipes)
    answer = subprocess.Popen([lab.NAT_LAB, "exec", "b", "--", *command, "answer"], **pipes)
    line = offer.stdout.readline()
    answer.stdin.write(line + b"from b\n")  # the first line is the peer's, the rest is data
    answer.stdin.flush()
    reply = answer.stdout.readline()
    offer.stdin.write(reply + b"from a\n")
    offer.stdin.flush()
    out = {"at a": offer.stdout.readline().decode(), "at b": answer.stdout.readline().decode(),
           "complete": b"candidate:" in line and b"end-of-candidates" in line}
    # One direction ends; the other goes on.
    offer.stdin.close()
    out["eof at b"] = answer.stdout.read().decode()
    answer.stdin.write(b"still there\n")
    answer.stdin.close()
    out["afterwards at a"] = offer.stdout.read().decode()
    out["status"] = [offer.wait(PATIENCE), answer.wait(PATIENCE)]
    return out


def terminal():
    """`offer` on a terminal, whose line is longer than a terminal's usual one; data by pipes."""
    main, side = pty.openpty()
    offer = subprocess.Popen(
        ["setsid", "--ctty", "--wait", "sh", "-c",
         f"{connect.NAT_CONNECT} --no-map offer 3<&0 </dev/null 2>/dev/null"],
        stdin=side, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    answer = subprocess.Popen([lab.NAT_LAB, "exec", "b", "--", connect.NAT_CONNECT, "--no-map",
                               "answer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, start_new_session=True)
    seen = b""
    while b"\n" not in seen and select.select([main], [], [], PATIENCE)[0]:
        seen += os.read(main, 65536)
    answer.stdin.write(seen.split(b"\n")[0].strip() + b"\n")
    answer.stdin.flush()
    reply = answer.stdout.readline().strip()
    os.write(main, reply[:-1] + b" " * 5000 + reply[-1:] + b"\n")
    answer.stdin.write(b"by the pipe")
    answer.stdin.close()
    out = {"at a": offer.stdout.read().decode(), "status": offer.wait(PATIENCE),
           "at b": answer.stdout.read().decode(), "answer status": answer.wait(PATIENCE)}
    os.close(main)
    os.close(side)
    return out


def commands():
    """--exec: status, half-closing, a command that does not read, one that is not there."""
    out = {}
    for name, command, data in [
            ("status", "cat >/dev/null; echo read; exit 7", b"x" * 100000),
            ("does not read", "echo early; exit 3", b""),
            ("counts", "wc -c", b"x" * 300000),
            ("killed", "kill -TERM $$", b""),
            ("not there", "/nonexistent/program 2>/dev/null", b"")]:
        ours = start(theirs=["--exec", command])
        done = ours.finish(data)
        out[name] = [done["status"], done["out"].decode().strip()]
    # Ends although our input does not.
    ours = start(theirs=["--exec", "echo over; exit 4"])
    try:
        out["input open"] = [ours.process.wait(PATIENCE), ours.process.stdout.read().decode()]
    except subprocess.TimeoutExpired:
        ours.process.kill()
        out["input open"] = ours.story()
    # Our side runs the command, the peer is the pipe's other end.
    ours = connect.Running("--no-map", "--answer", "--exec", "cat; exit 5", "--via",
                           connect.peer_command("--offer", "--no-map", "--exec", "echo hello"))
    out["both exec"] = ours.finish()["status"]
    ours = start()
    done = ours.finish(b"")
    out["nothing there"] = [done["status"], (ours.event("error") or {}).get("message")]
    return out


def tcp_server(address, handle):
    server = socket.create_server((address, 0))

    def serve():
        while True:
            try:
                connection = server.accept()[0]
            except OSError:
                return
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return server


def echo_until_eof(connection):
    """Answers only after the end of the request: needs half-closing."""
    with connection:
        data = b""
        while chunk := connection.recv(65536):
            data += chunk
        connection.sendall(data[::-1])


def ask(port, data):
    with socket.create_connection(("127.0.0.1", port), timeout=3 * PATIENCE) as client:  # the answer comes after the last byte
        threading.Thread(target=lambda: (client.sendall(data), client.shutdown(socket.SHUT_WR)),
                         daemon=True).start()
        answer = b""
        while chunk := client.recv(65536):
            answer += chunk
    return answer


def listening_port(running, where=lambda e: True):
    event = running.wait_for("listening", "error", where=where)
    return int(event["address"].rsplit(":", 1)[1])


def forward_tcp():
    with lab.node("b"):
        server = tcp_server("127.0.0.1", echo_until_eof)
    target = f"127.0.0.1:{server.getsockname()[1]}"
    data = os.urandom(2 * MIB)
    ours = start(["--forward", f"tcp:0:{target}"], ["--allow", target])
    port = listening_port(ours)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda i: ask(port, data[i:]) == data[i:][::-1], range(6)))
    out = {"answers": answers}
    ours.process.send_signal(signal.SIGINT)
    out["status"] = ours.process.wait(PATIENCE)
    return out


def push(most, ready, send):
    """How much is taken, up to `most` bytes, before half a second passes in which nothing more is."""
    pushed = 0
    while pushed < most and select.select([], [ready], [], 0.5)[1]:
        with contextlib.suppress(BlockingIOError):
            pushed += send(b"x" * 65536)
    return pushed


def stalled_command():
    """--exec: a command that does not read yet holds our input up."""
    with tempfile.TemporaryDirectory() as place:
        gate = os.path.join(place, "gate")
        os.mkfifo(gate)
        ours = start(theirs=["--exec", f"read go <{gate}; wc -c"])
        ours.wait_for("connected", "error")
        stdin = ours.process.stdin.fileno()
        os.set_blocking(stdin, False)
        pushed = push(64 * MIB, stdin, lambda data: os.write(stdin, data))
        with open(gate, "w", encoding="ascii") as file:
            file.write("\n")
        done = ours.finish()
        return {"pushed MiB": pushed // MIB, "lost": pushed - int(done["out"] or 0),
                "status": done["status"]}


def stalled_reader():
    """What a stopped reader costs: the sender is held, the memory bounded, the others go on."""
    stop = threading.Event()

    def stall(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stop.wait(PATIENCE)
        connection.close()

    with lab.node("b"):
        stalling = tcp_server("127.0.0.1", stall)
        working = tcp_server("127.0.0.1", echo_until_eof)
    targets = [f"127.0.0.1:{s.getsockname()[1]}" for s in (stalling, working)]
    ours = start([w for t in targets for w in ("--forward", f"tcp:0:{t}")],
                 [w for t in targets for w in ("--allow", t)])
    ports = [listening_port(ours, where=lambda e, t=t: e.get("target") == t) for t in targets]
    with socket.create_connection(("127.0.0.1", ports[0])) as client:
        client.setblocking(False)
        pushed = push(64 * MIB, client, client.send)
        beside = ask(ports[1], b"abc" * 100000) == b"cba" * 100000
    resident = connect.resident(ours.process.pid)
    stop.set()
    ours.process.send_signal(signal.SIGINT)
    return {"pushed MiB": pushed // MIB, "beside it": beside, "resident MiB": resident,
            "status": ours.process.wait(PATIENCE)}


def forward_reverse():
    server = tcp_server("127.0.0.1", echo_until_eof)
    ours = start(["--reverse", f"tcp:0:127.0.0.1:{server.getsockname()[1]}"],
                 ["--allow-listen", "*"])
    port = listening_port(ours)
    with lab.node("b"):
        client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    with client:
        client.sendall(b"abc" * 1000)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := client.recv(65536):
            answer += chunk
    ours.process.send_signal(signal.SIGTERM)
    return {"answer": answer == b"cba" * 1000, "status": ours.process.wait(PATIENCE)}


def forward_udp():
    with lab.node("b"):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.settimeout(PATIENCE)
    target = f"127.0.0.1:{server.getsockname()[1]}"
    ours = start(["--forward", f"udp:0:{target}"], ["--allow", f"udp:{target}"])
    port = listening_port(ours)
    out = {}
    for name in ("one", "two"):  # two clients are told apart
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(PATIENCE)
            client.sendto(name.encode(), ("127.0.0.1", port))
            data, source = server.recvfrom(100)
            server.sendto(b"back " + data, source)
            out[name] = client.recv(100).decode()
            out[name + " source"] = source[1]
            # as long as a datagram of a video call, and as long as they get
            for size in (1200, 8000):
                client.sendto(b"x" * size, ("127.0.0.1", port))
                out[f"{name} {size}"] = len(server.recvfrom(65536)[0])
    ours.process.send_signal(signal.SIGINT)
    ours.process.wait(PATIENCE)
    return out


def reverse_udp():
    """A client over there reaches a server here, which is named as people do."""
    out = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(PATIENCE)
        ours = start(["--reverse", f"udp:0:localhost:{server.getsockname()[1]}"], ["--allow-listen", "udp:*"])
        port = listening_port(ours)
        with lab.node("b"):
            client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with client:
            client.settimeout(PATIENCE)
            client.sendto(b"from there", ("127.0.0.1", port))
            data, source = server.recvfrom(100)
            server.sendto(b"back " + data, source)
            out["answer"] = client.recv(100).decode()
    ours.process.send_signal(signal.SIGINT)
    out["status"] = ours.process.wait(PATIENCE)
    return out


def refusals():
    out = {}
    ours = start(["--forward", "tcp:0:127.0.0.1:22"], ["--allow", "127.0.0.1:23"])
    port = listening_port(ours)
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        out["closed"] = client.recv(100) == b""
    out["forward"] = (ours.wait_for("problem") or {}).get("message")
    ours.process.send_signal(signal.SIGINT)
    out["goes on"] = ours.process.wait(PATIENCE)
    ours = start(["--reverse", "tcp:8080:127.0.0.1:22"], ["--allow-listen", "8081"])
    out["reverse status"] = ours.finish()["status"]
    out["reverse"] = (ours.event("error") or {}).get("message")
    ours = start(["--forward", "tcp:25.0.1.1:80:127.0.0.1:22"])
    out["not ours status"] = ours.finish()["status"]
    out["not ours"] = (ours.event("error") or {}).get("message")
    return out


def pings():
    ours = start(["--ping", "--count", "2"])
    done = ours.finish()
    return {"status": done["status"], "pings": [e for e in ours.events if e["event"] == "ping"],
            "summary": ours.event("pings"), "story": ours.story()}


def catches(process, number):
    """Whether the process has a handler for this signal."""
    try:
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return False
    caught = next((line for line in status.splitlines() if line.startswith("SigCgt:")), "SigCgt: 0")
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def interrupted():
    """Ctrl-C at any moment ends it, and leaves no process of ours behind."""
    out = []
    for delay_ms in (None, 0, 5, 20, 50, 100, 300):
        with tempfile.NamedTemporaryFile() as mark:
            ours = connect.Running("--no-map", "--via", connect.peer_command(
                "--answer", "--no-map", "--exec", f"exec tail -f {mark.name}"))
            if delay_ms is not None:  # else it may not even be the program yet
                end = time.monotonic() + PATIENCE
                while not catches(ours.process, signal.SIGINT) and time.monotonic() < end:
                    time.sleep(0.001)
                time.sleep(delay_ms / 1000)  # the moment of the interruption is what is varied
            ours.process.send_signal(signal.SIGINT)
            try:
                status = ours.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                ours.process.kill()
                status = "hung"
            if delay_ms is None and status == -signal.SIGINT:
                status = 130  # by the kernel, before there was anything to clean up
            end = time.monotonic() + PATIENCE
            while (left := subprocess.run(["pgrep", "-f", mark.name], check=False,
                                          capture_output=True).stdout) and time.monotonic() < end:
                time.sleep(0.05)
            out.append([status, left.decode()])
    return out


def broken_pipe():
    """`nat-connect ... | head -c 10` ends, as any program does."""
    ours = start(theirs=["--exec", "yes"])
    taken = ours.process.stdout.read(10)
    ours.process.stdout.close()
    return {"taken": taken.decode(), "status": ours.process.wait(PATIENCE)}


def usage():
    """Words that make no sense: status 64 and a hint; no password is ever repeated."""
    cases = [[], ["offer", "answer"], ["--offer", "--answer"], ["offer", "--via", "true"],
             ["offer", "--forward", "tcp:80"], ["offer", "--allow", "x"],
             ["offer", "--ping", "--exec", "true"], ["offer", "--count", "1"],
             ["offer", "--relay-only"], ["offer", "--turn", "turn:ann@127.0.0.1"],
             ["offer", "--turn", "turn:ann:s3cret@:0"],
             ["offer", "--turn", "turns:ann:s3cret@relay.test:5349"], ["offer", "--timeout", "0"],
             ["offer", "--stun", "a b c"], ["offer", "--interface", "nonesuch0"]]
    out = []
    for case in cases:
        done = subprocess.run([connect.NAT_CONNECT, *case], stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, check=False, timeout=PATIENCE,
                              start_new_session=True)
        out.append([" ".join(case), done.returncode, done.stderr])
    return out


def ping_to_nobody():
    """`nat-connect --ping | head -1` ends, too."""
    ours = subprocess.Popen([connect.NAT_CONNECT, "--no-map", "--ping", "--via",
                             connect.peer_command("--answer", "--no-map")], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    line = ours.stdout.readline().decode()
    ours.stdout.close()
    return {"line": line, "status": ours.wait(PATIENCE)}


def peer_ends():
    """Forwards whose other end goes away come to nothing: said, and a failure."""
    with connect.killable_peer("--answer", "--no-map", "--allow", "*:*") as (peer, kill):
        ours = connect.Running("--no-map", "--forward", "tcp:0:127.0.0.1:9", "--via", peer)
        ours.wait_for("listening", "error")
        kill(signal.SIGTERM)
        status = ours.finish()["status"]
    return {"status": status, "error": (ours.event("error") or {}).get("message")}


def without_streams():
    """Standard streams that are closed: no input, and an output that fails; none is another's."""
    out = {}
    ours = start(theirs=["--exec", "cat; echo over; exit 3"], stdin=None,
                 preexec_fn=lambda: os.close(0))
    done = ours.finish()
    out["input"] = [done["status"], done["out"].decode()]
    ours = start(theirs=["--exec", "echo over"], stdout=None, preexec_fn=lambda: os.close(1))
    out["output"] = [ours.finish()["status"], (ours.event("error") or {}).get("message")]
    return out


def hung_up():
    """SIGHUP ends it, but not where nohup had it ignored: how many pings it still got."""
    out = {}
    for name, before in [("as usual", lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL)),
                         ("nohup", lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))]:
        ours = start(["--ping", "--count", "4"], preexec_fn=before)
        ours.wait_for("ping")
        ours.process.send_signal(signal.SIGHUP)
        out[name] = [ours.finish()["status"], (ours.event("pings") or {}).get("received")]
    return out


def few_files():
    """More connections than there may be open files: the rest is turned away, and it goes on after."""
    with lab.node("b"):
        server = tcp_server("127.0.0.1", echo_until_eof)
    target = f"127.0.0.1:{server.getsockname()[1]}"
    ours = start(["--forward", f"tcp:0:{target}"], ["--allow", target],
                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60)))
    port = listening_port(ours)
    clients = [socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) for _ in range(60)]
    turned = ours.wait_for("problem", where=lambda e: "too many open files" in e["message"])
    before = cpu_time(ours.process.pid)
    time.sleep(0.5)
    used = cpu_time(ours.process.pid) - before
    for client in clients:
        client.close()
    end = time.monotonic() + PATIENCE
    answer = b""
    while answer != b"cba" and time.monotonic() < end:
        try:
            answer = ask(port, b"abc")
        except OSError:
            time.sleep(0.05)
    ours.process.send_signal(signal.SIGINT)
    return {"turned away": bool(turned), "cpu": used, "after": answer.decode(),
            "status": ours.process.wait(PATIENCE)}


def cpu_time(pid):
    """Seconds that a process has computed."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def on_a_terminal(command, typed=b"", until=None):
    """Runs it on a terminal of its own: what it showed, its status, and whether the modes are as before."""
    main, side = pty.openpty()
    before = termios.tcgetattr(side)
    process = subprocess.Popen(["setsid", "--ctty", "--wait", *command], stdin=side, stdout=side,
                               stderr=side)
    seen = b""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        if select.select([main], [], [], 0.05)[0]:
            seen += os.read(main, 65536)
        if until and until in seen:
            until = None
            os.write(main, typed)
    while select.select([main], [], [], 0.1)[0]:
        seen += os.read(main, 65536)
    if process.poll() is None:
        process.kill()
    status = process.wait()
    same = termios.tcgetattr(side) == before
    os.close(main)
    os.close(side)
    return {"seen": seen.decode(errors="replace"), "status": status, "modes": same}


def terminals():
    """A word when it takes long, wiped away after; Ctrl-C in the midst of pasting."""
    late = ("sleep 1.5; " + connect.peer_command("--answer", "--no-map", "--exec", "true") +
            " 2>/dev/null")
    return {"progress": on_a_terminal([connect.NAT_CONNECT, "--no-map", "--via", late]),
            "pasting": on_a_terminal([connect.NAT_CONNECT, "--no-map", "offer"], b"\x03",
                                     b"Paste the line")}


def settings_file():
    """servers.conf: named once for all tools; what is given on the command line goes before it."""
    out = {}
    for name, text, options in [
            ("used", "# mine\nstun " + os.environ["NATLAB_STUN"] + "\n", []),
            ("overruled", "stun 25.0.113.99:9\n", ["--stun", os.environ["NATLAB_STUN"]]),
            ("broken", "stun\nfish\n", [])]:
        with command_line.servers_conf(text) as place:
            ours = connect.Running("--no-map", *options, "--via", connect.peer_command(
                "--answer", "--no-map", "--exec", "echo hello", *options),
                env={**os.environ, "XDG_CONFIG_HOME": place})
            done = ours.finish()
            out[name] = [done["status"], done["out"].decode(),
                         (ours.event("connected") or ours.event("error") or {})]
    return out


def interface():
    """--interface: what the other interfaces have is not shown; -v and --json tell what happens."""
    name = lab.default_interface()
    out = {}
    for word in (name, "lo"):
        ours = connect.Running("-v", "--no-map", "--interface", word, "--via",
                               connect.peer_command("--answer", "--no-map", "--exec", "echo hello"))
        out["right" if word == name else "wrong"] = [ours.finish()["status"], ours.event("error")]
        if word == name:
            out["events"] = ours.events
    return out


def patience():
    """--timeout: when there is no way, it is said so after that time, and why."""
    start = time.monotonic()
    ours = connect.Running("--no-map", "--timeout", "1.5", "--via",
                           connect.peer_command("--answer", "--no-map", "--timeout", "1.5"))
    status = ours.finish()["status"]
    return {"status": status, "took": time.monotonic() - start,
            "error": (ours.event("error") or {}).get("message")}


def words():
    """What people read: which way, why, how long each phase took; nothing else without -v."""
    run = subprocess.run([connect.NAT_CONNECT, "--no-map", "--via",
                          connect.peer_command("--answer", "--no-map", "--json", "--exec", "true")],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                         timeout=PATIENCE)
    return {"status": run.returncode, "out": run.stdout,
            "lines": [line for line in run.stderr.splitlines() if not line.startswith("{")]}


SITES = {"direct": ["--a", "none", "--b", "none", "--no-servers"],
         "NATs": ["--a", "eim/apdf", "--b", "eim/apdf"]}
CASES = [both_ways, pipe_to_pipe, terminal, commands, forward_tcp, stalled_command, stalled_reader,
         forward_reverse, forward_udp, reverse_udp, refusals, pings, interrupted, broken_pipe, usage, interface, words,
         ping_to_nobody, peer_ends, few_files, without_streams, hung_up, terminals]
BEHIND_NATS = [settings_file, patience]


def main():
    with (tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(3) as pool,
          connect.collected_events() as events):
        runs = {case.__name__: pool.submit(lab.inside, SITES["direct"], case,
                                           *([4 * MIB] if case is both_ways else []), timeout=120)
                for case in CASES}
        runs |= {case.__name__: pool.submit(lab.inside, SITES["NATs"], case)
                 for case in BEHIND_NATS}
        seen = runs["both_ways"].result()
        t.equal([seen["status"], seen["there"], seen["here"]], [0, True, True],
                "4 MiB each way at the same time arrive unharmed")

        seen = runs["pipe_to_pipe"].result()
        t.equal(seen, {"at a": "from b\n", "at b": "from a\n", "complete": True, "eof at b": "",
                       "afterwards at a": "still there\n", "status": [0, 0]},
                "offer and answer: a line each, then a pipe whose directions end one by one")

        seen = runs["terminal"].result()
        t.equal(seen, {"at a": "by the pipe", "at b": "", "status": 0, "answer status": 0},
                "offer on a terminal takes a line of any length from it, and data by the pipe")

        seen = runs["commands"].result()
        t.equal(seen["status"], [7, "read"], "--exec: its status is ours")
        t.equal(seen["does not read"], [3, "early"], "--exec: a command that does not read")
        t.equal(seen["counts"], [0, "300000"], "--exec: a command that waits for the end of input")
        t.equal(seen["killed"], [143, ""], "--exec: killed, as a shell says it")
        t.equal(seen["not there"], [127, ""], "--exec: not there, as a shell says it")
        t.equal(seen["input open"], [4, "over\n"], "--exec: its end is the end, input or not")
        t.equal(seen["both exec"], 5, "--exec on both sides: each has its own command's status")
        t.equal(seen["nothing there"][0], 2, "a pipe to nothing is refused")
        t.check("--exec" in (seen["nothing there"][1] or ""), "... with what would help", seen)

        seen = runs["forward_tcp"].result()
        t.equal([seen["answers"], seen["status"]], [[True] * 6, 0],
                "--forward tcp: six connections at once, each closed by halves; Ctrl-C ends it")

        seen = runs["stalled_command"].result()
        t.check(seen["pushed MiB"] < 16, "--exec: a command that does not read holds our input up", seen)
        t.equal([seen["lost"], seen["status"]], [0, 0], "... until it does, and nothing is lost")

        seen = runs["stalled_reader"].result()
        t.check(seen["pushed MiB"] < 40, "a reader that has stopped stops its sender", seen)
        t.check(seen["beside it"], "... but no other connection", seen)
        t.check(seen["resident MiB"] < 100, "... and fills no memory", seen)

        seen = runs["forward_reverse"].result()
        t.equal(seen, {"answer": True, "status": 0}, "--reverse tcp; SIGTERM ends it")

        seen = runs["forward_udp"].result()
        t.equal([seen["one"], seen["two"]], ["back one", "back two"], "--forward udp, both ways")
        t.check(seen["one source"] != seen["two source"], "... clients are told apart")
        t.equal([seen[f"one {size}"] for size in (1200, 8000)], [1200, 8000],
                "... datagrams keep their size")

        seen = runs["reverse_udp"].result()
        t.equal(seen, {"answer": "back from there", "status": 0}, "--reverse udp, to a target by name")

        seen = runs["refusals"].result()
        t.check(seen["closed"] and "127.0.0.1:22 is not allowed" in (seen["forward"] or ""),
                "a target that the peer does not allow is refused in words", seen)
        t.equal(seen["goes on"], 0, "... and the rest goes on")
        t.equal(seen["reverse status"], 2, "listening that is not allowed: status 2")
        t.check("127.0.0.1:8080 is not allowed" in (seen["reverse"] or ""), "... in words", seen)
        t.check(seen["not ours status"] == 69 and
                "cannot listen at tcp 25.0.1.1:80" in (seen["not ours"] or ""),
                "an address that is not ours: said", seen)

        seen = runs["pings"].result()
        t.equal([seen["status"], [p["number"] for p in seen["pings"]],
                 {p["kind"] for p in seen["pings"]} == {"direct"}], [0, [1, 2], True],
                "--ping: numbered, and which way")

        for status, left in runs["interrupted"].result():
            t.equal([status, left], [130, ""], "Ctrl-C: nothing is left running")

        t.equal(runs["broken_pipe"].result(), {"taken": "y\ny\ny\ny\ny\n", "status": 141},
                "nobody reads our output: the end, as by SIGPIPE")

        seen = runs["ping_to_nobody"].result()
        t.check(seen["status"] == 141 and seen["line"].endswith(" direct\n"),
                "--ping ends when nobody reads it, too", seen)

        seen = runs["peer_ends"].result()
        t.equal(seen["status"], 1, "a peer that ends is the end of forwards")
        t.check("the peer ended" in (seen["error"] or ""), "... which is said", seen)

        seen = runs["few_files"].result()
        t.check(seen["turned away"] and seen["cpu"] < 0.4,
                "connections beyond the limit of open files are turned away, in peace", seen)
        t.equal([seen["after"], seen["status"]], ["cba", 0], "... and when some have ended it goes on")

        seen = runs["terminals"].result()
        shown = seen["progress"]["seen"]
        t.check(seen["progress"]["status"] == 0 and
                "waiting for the peer ...\r\x1b[K" in shown and "connected to" in shown,
                "on a terminal: what is waited for, after a second, and wiped away", seen)
        t.check(seen["pasting"]["status"] == 130 and seen["pasting"]["modes"],
                "Ctrl-C while a line is pasted: the terminal is as it was", seen)

        seen = runs["settings_file"].result()
        t.equal([seen["used"][:2], seen["used"][2].get("kind")], [[0, "hello\n"], "punched"],
                "servers.conf names the servers of both sides")
        t.equal([seen["overruled"][:2], seen["overruled"][2].get("kind")], [[0, "hello\n"], "punched"],
                "... and --stun goes before it")
        t.check(seen["broken"][0] == 1 and "servers.conf, line 1" in seen["broken"][2].get("message", ""),
                "... and what is wrong with it is said", seen["broken"])

        seen = runs["patience"].result()
        t.equal(seen["status"], 1, "--timeout: no way, and said so")
        t.check(1.5 <= seen["took"] < PATIENCE and "no STUN server was named" in (seen["error"] or ""),
                "... after that time, and why", seen)

        seen = runs["interface"].result()
        t.equal(seen["right"], [0, None], "--interface: the right one")
        t.check(seen["wrong"][0] == 69 and seen["wrong"][1], "--interface: one that leads nowhere", seen)
        states = [e["state"] for e in seen["events"] if e["event"] == "state"]
        t.equal(states, ["checking", "connected", "closed"], "--json: each state is an event")
        connected = next(e for e in seen["events"] if e["event"] == "connected")
        t.check(set(connected) >= {"schema", "kind", "why", "local", "local_kind", "remote",
                                   "remote_kind", "timings_ms", "rtt_ms", "notes"} and
                set(connected["timings_ms"]) == {"described", "answered", "gathered", "path",
                                                 "secured", "connected"},
                "... with the way, why it is that, and when each phase was done", connected)

        seen = runs["words"].result()
        t.check(seen["status"] == 0 and seen["out"] == "" and len(seen["lines"]) == 2 and
                "direct, no NAT on the way" in seen["lines"][0] and "described" in seen["lines"][1] and
                all(line.startswith("nat-connect: ") and "\x1b" not in line for line in seen["lines"]),
                "in words: two lines, without colours where there is no terminal", seen)

        t.equal(connect.judge(events), "kinds: connected error listening ping pings problem state\n",
                "--json: all events are as the schema says")
        with tempfile.NamedTemporaryFile("w") as bad:
            bad.write('{"schema":"nat-connect/1","event":"ping","number":0}\n')
            bad.flush()
            t.check(connect.judge(bad.name) != "kinds: ping\n", "... which can say no")

        seen = runs["without_streams"].result()
        t.equal(seen["input"], [3, "over\n"], "a standard input that is closed is an empty one")
        t.equal(seen["output"][0], 1, "... a standard output that is closed is an error")
        t.check("cannot write" in (seen["output"][1] or ""), "... and says so", seen)
        seen = runs["hung_up"].result()
        t.equal(seen["nohup"], [0, 4], "what nohup started goes on when the terminal goes")
        t.check(seen["as usual"][0] == 0 and seen["as usual"][1] < 4, "... and else ends then", seen)

        for typed, status, said in runs["usage"].result():
            # Something that could be there, and is not, is no slip of the keyboard.
            unsupported = "turns:" in typed
            t.equal(status, 2 if unsupported else 64, f"nat-connect {typed}: usage")
            t.check(said.startswith("nat-connect: ") and "s3cret" not in said,
                    "... said without secrets", said)
            t.check(not unsupported or "TURN over TLS" in said, "... and by its name", said)


if __name__ == "__main__":
    lab.serve(*CASES, *BEHIND_NATS)
    main()
