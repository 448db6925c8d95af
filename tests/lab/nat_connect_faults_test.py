#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What nat-connect does when its peer, its path or its signalling misbehaves: it ends, in words."""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import connect
import lab
import tap

ECHO_PEER = os.environ.get("ECHO_PEER", "echo_peer")
NOTICED = 15.0  # seconds within which a dead peer is noticed
LATE = 3.0      # seconds by which a loaded machine may be late with it

# Stands between the two sides' signalling and changes what the peer says.
MEDDLER = r"""
import json, os, re, subprocess, sys, threading, time
how, command = sys.argv[1], sys.argv[2:]
peer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
def forth():
    for line in sys.stdin.buffer:
        peer.stdin.write(line); peer.stdin.flush()
    peer.stdin.close()
threading.Thread(target=forth, daemon=True).start()
def say(text):
    sys.stdout.write(text + "\n"); sys.stdout.flush()
lock, held = threading.Lock(), []
def release(): # when this file is there: the peer's other addresses
    global how
    while not os.path.exists(__file__ + ".release"): time.sleep(0.05)
    with lock:
        how = "honest"
        for each in held: say(each)
if how == "relay first":
    threading.Thread(target=release, daemon=True).start()
if how == "greets":
    say("Welcome to \x1b[31mDebian\nLast login: yesterday\n")
for line in peer.stdout:
    text = line.decode().rstrip("\n")
    message = json.loads(text)
    if "sdp" in message:
        if how == "relay first":
            lines = message["sdp"].split("\r\n")
            early = [l for l in lines if not re.match("a=(candidate:(?!.*typ relay)|end-of-cand)", l)]
            held += [json.dumps({"candidate": l[2:], "sdpMid": "0", "sdpMLineIndex": 0})
                     for l in lines if l not in early and l.startswith("a=candidate")]
            message["sdp"] = "\r\n".join(early)
        if how == "truncated line":
            say(text[:len(text) // 2]); continue
        if how == "truncated description":
            message["sdp"] = message["sdp"][:len(message["sdp"]) // 2]
        if how == "wrong fingerprint":
            message["sdp"] = re.sub("(a=fingerprint:sha-256 )(..:..)", r"\g<1>00:00", message["sdp"])
        if how == "no fingerprint":
            message["sdp"] = re.sub("a=fingerprint.*\r\n", "", message["sdp"])
        if how == "wrong password":
            message["sdp"] = re.sub("a=ice-pwd:.*", "a=ice-pwd:" + "x" * 24, message["sdp"])
        if how == "endless line":
            for _ in range(64): sys.stdout.write("{" + "x" * 65536)
            say("")
            how = "honest"
        if how == "replayed":
            say(json.dumps(message)); say(json.dumps(message))
        text = json.dumps(message)
    else:
        with lock:
            if how == "relay first" and " typ relay" not in message["candidate"]:
                held.append(text); continue
    if how == "garbage candidates" and "candidate" in message:
        message["candidate"] = "candidate:1 1 TCP 0 999.1.1.1 70000 typ wormhole"
        say(json.dumps(message)); say('{"candidate":'); say('{"unknown":1}')
    say(text)
if how == "status":
    sys.exit(9)
"""


@contextlib.contextmanager
def meddler(how, *options):
    """For --via: `cat` behind MEDDLER; and the file that makes it say what it holds back."""
    with tempfile.TemporaryDirectory() as place:
        program = pathlib.Path(place, "meddler.py")
        program.write_text(MEDDLER, encoding="ascii")
        peer = ["exec", sys.executable, str(program), how, lab.NAT_LAB, "exec", "b", "--",
                connect.NAT_CONNECT, "--answer", "--no-map", *options, "--exec", "cat"]
        yield shlex.join(peer), pathlib.Path(f"{program}.release")


def meddled(how, *ours):
    """A pipe to `cat` whose signalling is meddled with; how it ends."""
    with meddler(how) as (peer, _):
        start = time.monotonic()
        running = connect.Running("--no-map", *ours, "--via", peer)
        done = running.finish(b"a word", patience=40)
    error = running.event("error")
    return {"status": done["status"], "out": done["out"].decode(errors="replace"),
            "error": error and error["message"], "took": time.monotonic() - start,
            "noise": [e["line"] for e in running.events if e["event"] == "noise"],
            "story": running.story()}


def relay_first():
    """Only the peer's relay is known at first: used at once, and left for a better way."""
    servers = connect.servers(True)
    with meddler("relay first", *servers) as (peer, release):
        running = connect.Running("--no-map", *servers, "--via", peer)
        first = running.wait_for("connected", "error") or {}
        release.touch()
        later = running.wait_for("path", where=lambda e: e["kind"] == "punched") or {}
        done = running.finish(b"a word")
    return {"first": first.get("kind"), "why": first.get("why"), "later": later.get("kind"),
            "status": done["status"], "out": done["out"].decode(), "story": running.story()}


def by_command(command):
    """Signalling by a command that is no nat-connect at all."""
    start = time.monotonic()
    running = connect.Running("--no-map", "--via", command)
    done = running.finish(patience=40)
    error = running.event("error")
    return {"status": done["status"], "error": error and error["message"],
            "took": time.monotonic() - start}


def catches(pid, number):
    """Whether the process has got so far as to catch that signal."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        caught = next(line for line in file if line.startswith("SigCgt"))
    return int(caught.split()[1], 16) >> (number - 1) & 1


def swapped():
    """An answer to an answerer, and an offer to one who offers."""
    out = {}
    for role in ("--offer", "--answer"):
        running = connect.Running("--no-map", role, "--via",
                                  connect.peer_command(role, "--no-map"))
        # Two who wait for an offer wait; an offer from elsewhere ends it.
        if role == "--answer":
            while not catches(running.process.pid, signal.SIGINT):
                time.sleep(0.05)
            time.sleep(0.3)
            running.process.send_signal(signal.SIGINT)
        done = running.finish(patience=40)
        error = running.event("error")
        out[role] = [done["status"], error and error["message"]]
    return out


def killed(relay=None):
    """The peer is killed with SIGKILL while connected: how long until we know."""
    options = ["--no-map", *(connect.servers(False) if relay is None else
                             ["--relay-only", "--turn", os.environ[relay]])]
    with connect.killable_peer("--answer", *options) as (peer, kill):
        running = connect.Running(*options, "--ping", "--via", peer)
        if not running.wait_for("ping"):
            running.process.kill()
            return {"story": running.story()}
        kill(signal.SIGKILL)
        start = time.monotonic()
        error = running.wait_for("error", patience=60)
        took = time.monotonic() - start
        done = running.finish()
    return {"took": took, "status": done["status"], "error": error and error["message"]}


def killed_datagrams(payload):
    """Likewise where nothing but ICE's own checks could tell: datagrams through a relay by TCP."""
    to_us, from_them = os.pipe()
    ours = subprocess.Popen([ECHO_PEER, "offer", payload, os.environ["NATLAB_STUN"],
                             os.environ["NATLAB_TURN_TCP"]],
                            stdin=to_us, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with tempfile.TemporaryDirectory() as place:
        pid_file = os.path.join(place, "pid")
        peer = subprocess.Popen([lab.NAT_LAB, "exec", "b", "--", "sh", "-c",
                                 f"echo $$ >{pid_file}; exec {ECHO_PEER} answer {payload} "
                                 + os.environ["NATLAB_STUN"]],
                                stdin=ours.stdout, stdout=from_them, stderr=subprocess.DEVNULL)
        os.close(from_them)
        killing = threading.Timer(60, ours.kill)  # should it hang
        killing.start()
        states, start = [], None
        for line in ours.stderr:
            states.append(line.strip())
            if states[-1] == "connected":
                time.sleep(2)  # into its life: asked, and heard
                with open(pid_file, encoding="ascii") as file:
                    os.kill(int(file.read()), signal.SIGKILL)
                start = time.monotonic()
        status = ours.wait()
        took = time.monotonic() - start if start else 99
        killing.cancel()
        peer.wait()
    os.close(to_us)
    return {"took": took, "status": status, "states": states}


def terminated():
    """The peer ends in an orderly way: known at once."""
    with connect.killable_peer("--answer", "--no-map", "--exec", "sleep 60") as (peer, kill):
        running = connect.Running("--no-map", "--via", peer)
        if not running.wait_for("connected"):
            return {"story": running.story()}
        time.sleep(0.2)  # into the use of it
        kill(signal.SIGTERM)
        start = time.monotonic()
        done = running.finish()
    error = running.event("error")
    return {"took": time.monotonic() - start, "status": done["status"],
            "error": error and error["message"]}


def lossy():
    """A tenth of all packets is lost, and the transfer completes."""
    data = os.urandom(1 << 18)
    running = connect.Running("--no-map", "--via", connect.peer_command(
        "--answer", "--no-map", "--exec", "cat"))
    done = running.finish(data, patience=100)
    return {"status": done["status"], "same": done["out"] == data, "story": running.story()}


def disturbed(steps, turn=False):
    """A transfer through `cat` and back in whose middle something happens to the network.

    Steps are nat-lab's commands, and pauses in seconds while what was sent cannot arrive.
    """
    options = ["--no-map", *connect.servers(turn), *(["--relay-only"] if turn else [])]
    running = connect.Running(*options, "--via",
                              connect.peer_command("--answer", *options, "--exec", "cat"))
    if (running.wait_for("connected", "error") or {}).get("event") != "connected":
        running.process.kill()
        return {"story": running.story()}
    data = os.urandom(1 << 20)
    half = len(data) // 2
    running.process.stdin.write(data[:half])
    running.process.stdin.flush()
    first = running.process.stdout.read(half)
    changed = []

    def change():
        for step in steps:
            if isinstance(step, (int, float)):
                time.sleep(step)
            else:
                lab.on("a", lab.NAT_LAB, *step).check_returncode()
        changed.append(time.monotonic())

    changes = threading.Thread(target=change)
    changes.start()
    time.sleep(0.5)  # into the first of them
    done = running.finish(data[half:], patience=60)
    changes.join()
    return {"status": done["status"], "same": first + done["out"] == data,
            "restarts": max(e["restarts"] for e in running.events if e["event"] == "state"),
            "remote": [e["remote"] for e in running.events if e["event"] in ("connected", "path")],
            "noticed after": next((e["at"] - changed[0] for e in running.events
                                   if e["event"] == "state" and e["restarts"] > 0), None),
            "story": running.story()}


def relay_only():
    # A relay lets nobody in whose address it was not told: the peer must know its own.
    peer = connect.peer_command("--answer", "--no-map", "--exec", "cat", *connect.servers(False))
    with tempfile.NamedTemporaryFile("r") as said:
        running = connect.Running("--no-map", *connect.servers(True), "--relay-only", "--via",
                                  f"tee {said.name} | ({peer})")
        done = running.finish(b"a word")
        told = said.read()
    connected = running.event("connected") or {}
    later = [e["kind"] for e in running.events if e["event"] == "path"]
    return {"status": done["status"], "out": done["out"].decode(), "kind": connected.get("kind"),
            "later": later, "told": told, "story": running.story()}


def passwords():
    """The relay's password from the environment and from a file, and a wrong one."""
    out = {}
    server = os.environ["NATLAB_TURN"].replace("natlab:natlab@", "natlab@")
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("natlab\n")
        file.flush()
        for name, options, variable in [("file", ["--turn-password-file", file.name], None),
                                        ("environment", [], "natlab"), ("wrong", [], "wr0ng")]:
            environment = dict(os.environ)
            if variable:
                environment["NAT_CONNECT_TURN_PASSWORD"] = variable
            running = connect.Running("--no-map", "--relay-only", "--turn", server, *options,
                                      "--via", connect.peer_command("--answer", "--no-map",
                                                                    "--exec", "cat",
                                                                    *connect.servers(False)),
                                      env=environment)
            done = running.finish(b"a word", patience=40)
            said = json.dumps(running.events)
            out[name] = [done["status"], (running.event("connected") or {}).get("kind"),
                         "wr0ng" in said, (running.event("error") or {}).get("message")]
    return out


MEDDLINGS = ["greets", "truncated line", "truncated description", "wrong fingerprint",
             "no fingerprint", "wrong password", "endless line", "replayed", "garbage candidates"]
NAT = ["--a", "eim/apdf", "--b", "eim/apdf"]
PLAIN = ["--a", "none", "--b", "none", "--no-servers"]


# Another address for a host behind a NAT, on our side and on the peer's, and for a NAT's outside.
MOVES = {"a": "192.168.1.77", "b": "192.168.2.77", "router-b": "25.0.114.77"}


def check_meddled(t, seen):
    for how in ("greets", "endless line", "replayed", "garbage candidates"):
        t.equal([seen[how]["status"], seen[how]["out"]], [0, "a word"],
                f"signalling: {how}: connects all the same")
    t.equal(seen["greets"]["noise"], ["Welcome to [31mDebian", "Last login: yesterday"],
            "... and a greeting is shown, without what a terminal obeys")
    for how, word in [("truncated line", "JSON"), ("truncated description", "description"),
                      ("wrong fingerprint", "fingerprint"), ("no fingerprint", "fingerprint")]:
        t.equal(seen[how]["status"], 1, f"signalling: {how}: does not connect")
        t.check(word in (seen[how]["error"] or ""), f"... and says so ({word})", seen[how])
        t.equal(seen[how]["out"], "", "... and nothing was carried")
    t.equal([seen["wrong password"]["status"], seen["wrong password"]["out"]], [1, ""],
            "signalling: wrong password: does not connect")


def main():
    with (tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(4) as pool,
          connect.collected_events() as events):
        def submit(arguments, function, *more):
            return pool.submit(lab.inside, arguments, function, *more, timeout=110)

        dead = {how: submit(NAT, killed, relay) for how, relay in
                [("peer", None), ("peer behind a relay", "NATLAB_TURN"),
                 ("peer behind a relay by TCP", "NATLAB_TURN_TCP")]}
        unheard = {payload: submit(NAT, killed_datagrams, payload)
                   for payload in ("plain", "datagrams")}
        loss = submit(["--a", "none,loss=10%,delay=5ms", "--b", "none", "--no-servers"], lossy)
        meddlings = {how: submit(PLAIN, meddled, how) for how in MEDDLINGS}
        ended = submit(PLAIN, terminated)
        relayed = submit(NAT, relay_only)
        left = submit(NAT, relay_first)
        secret = submit(NAT, passwords)
        wrong_roles = submit(PLAIN, swapped)
        cut = submit(NAT, disturbed, [["link", "router-b", "down"], 5, ["link", "router-b", "up"]])
        moved = {who: submit(NAT, disturbed, [["readdress", who, address]])
                 for who, address in MOVES.items()}
        rebooted = submit(NAT, disturbed, [["reboot", "router-b", "--down", "2s"]])
        turn = submit(NAT, disturbed, [["reboot", "internet"]], True)
        commands = {command: submit(PLAIN, by_command, command)
                    for command in ["true", "exit 255", "echo hello", "cat", "/nonexistent",
                                    "head -c 1000000 /dev/urandom | tr -d '\\n'", "echo '{'"]}

        check_meddled(t, {how: run.result() for how, run in meddlings.items()})
        for command, run in commands.items():
            seen = run.result()
            t.check(seen["status"] in (1, 2) and seen["error"], f"--via '{command}': {seen['error']}",
                    seen)
            t.check(seen["took"] < NOTICED, "... at once", seen)
        t.check("255" in (commands["exit 255"].result()["error"] or ""),
                "--via: the command's status is told")

        seen = wrong_roles.result()
        t.check(seen["--offer"][0] in (1, 2) and seen["--offer"][1], "two who offer: refused", seen)
        t.equal(seen["--answer"][0], 130, "two who answer: wait until interrupted")

        for how, run in dead.items():
            seen = run.result()
            t.check(seen.get("took", 99) < NOTICED + LATE,
                    f"a {how} that is killed is noticed in {NOTICED:g} s", seen)
            t.equal(seen.get("status"), 1, "... and ends us with status 1")
        for payload, run in unheard.items():
            seen = run.result()
            t.check(seen["took"] < NOTICED + LATE,
                    f"a peer of {payload} through a relay by TCP that is killed is noticed in "
                    f"{NOTICED:g} s", seen)
            t.check(seen["status"] == 1 and "silent" in seen["states"][-1], "... in words", seen)
        seen = ended.result()
        t.check(seen.get("took", 99) < LATE, "a peer that ends says so", seen)
        t.equal(seen.get("status"), 1, "... and before its command ended that is a failure")

        seen = left.result()
        t.equal([seen["first"], seen["later"], seen["status"], seen["out"]], ["relayed", "punched", 0, "a word"],
                "a relay is used at once, and left for a direct way as soon as there is one")

        seen = loss.result()
        t.equal([seen["status"], seen["same"]], [0, True], "10 % loss: all arrives")

        seen = cut.result()
        t.equal([seen.get("status"), seen.get("same")], [0, True],
                "a path that is cut for five seconds: the transfer completes")
        for who, run in moved.items():
            seen = run.result()
            t.equal([seen.get("status"), seen.get("same"), seen.get("restarts")], [0, True, 1],
                    f"{who} gets another address in mid-transfer: an ICE restart, and it completes")
            t.check(len(seen.get("remote", [])) > 1, "... by another way, which is told", seen)
        # Of its own network a host hears at once; silence would tell after four seconds.
        noticed = moved["a"].result().get("noticed after")
        t.check(noticed is not None and noticed < 3, "... and soon, where the change is ours", noticed)
        t.check(any(e.startswith("25.0.114.77:") for e in moved["router-b"].result().get("remote", [])),
                "... and the peer is where it is now")
        seen = rebooted.result()
        t.equal([seen.get("status"), seen.get("same")], [0, True],
                "a router that reboots, and forgets: the transfer completes")

        seen = turn.result()
        t.equal([seen.get("status"), seen.get("same")], [0, True],
                "a TURN server that restarts, and forgets: the transfer completes by another relay")
        t.check(len(set(seen.get("remote", []))) > 1, "... which is told", seen)

        seen = relayed.result()
        t.equal([seen["status"], seen["out"], seen["kind"], seen["later"]],
                [0, "a word", "relayed", []], "--relay-only: relayed, and stays so")
        t.check("typ relay" in seen["told"] and "192.168." not in seen["told"] and
                "25.0.113." not in seen["told"], "... and the peer is told no address of ours", seen)
        seen = secret.result()
        t.equal(seen["file"][:2], [0, "relayed"], "--turn-password-file")
        t.equal(seen["environment"][:2], [0, "relayed"], "NAT_CONNECT_TURN_PASSWORD")
        t.equal(connect.judge(events), "kinds: connected error noise path ping state\n",
                "--json: all events are as the schema says")
        t.equal(seen["wrong"][:3], [1, None, False], "a wrong password: no way, and not repeated")
        t.check("password?" in (seen["wrong"][3] or ""), "... and suspected, as the server answers", seen)


if __name__ == "__main__":
    lab.serve(meddled, by_command, swapped, killed, killed_datagrams, terminated, lossy, disturbed, relay_only, relay_first,
              passwords)
    main()
