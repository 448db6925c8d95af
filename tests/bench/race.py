# SPDX-License-Identifier: MIT
"""Races between two hosts of a lab: two programs, the output of each the input of the other.

Meson hands the programs' paths over: SESSION_PEER, NICE_PEER, RAW_PEER, NAT_CONNECT.
"""
import json
import os
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import interpreter
import lab

# The servers of whoever runs this are none of the contenders'.
os.environ.update(XDG_CONFIG_HOME="/nonexistent", XDG_CONFIG_DIRS="/nonexistent")


def program(name):
    return os.environ.get(name.upper().replace("-", "_"), name)


class Racer:
    """One program on host `a` or `b`; the marks that it puts on stderr are collected."""

    def __init__(self, node, command, **popen):
        popen.setdefault("stdin", subprocess.DEVNULL)
        popen.setdefault("stdout", subprocess.DEVNULL)
        with lab.node(node):
            self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **popen)
        self.marks = {}
        self.other = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            with self._changed:
                try:
                    event = json.loads(line)
                    self.marks.setdefault(event.pop("event"), {"at": time.monotonic(), **event})
                except (ValueError, AttributeError, KeyError):
                    self.other.append(line.rstrip())
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def wait_for(self, *names, patience):
        """The first of these marks that is there; None if there will be none."""
        end = time.monotonic() + patience
        with self._changed:
            while True:
                for name in names:
                    if name in self.marks:
                        return self.marks[name]
                if not self._reader.is_alive() or time.monotonic() >= end:
                    return None
                self._changed.wait(0.1)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stderr.close()


class Race:
    """Both programs, their signalling crossed; leaving the block ends them."""

    def __init__(self, a, b, **popen):
        from_a, to_b = os.pipe()
        from_b, to_a = os.pipe()
        self.started = time.monotonic()
        self.racers = (Racer("a", a, stdin=from_b, stdout=to_b, **popen),
                       Racer("b", b, stdin=from_a, stdout=to_a, **popen))
        for end in (from_a, to_b, from_b, to_a):
            os.close(end)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for racer in self.racers:
            racer.stop()

    def begin(self):
        """From now on time counts."""
        self.started = time.monotonic()

    def milliseconds(self, mark, patience=30, by=max):
        """Until both have put this mark, or, by=min, the first of them has; None if one does not."""
        seen = [racer.wait_for(mark, "failed", "error", patience=patience) for racer in self.racers]
        if any(mark not in racer.marks for racer in self.racers):
            return None
        return (by(one["at"] for one in seen) - self.started) * 1000

    def story(self):
        return [[racer.marks, racer.other] for racer in self.racers]


def servers(turn):
    """What the lab offers: STUN, and with `turn` a relay by UDP and by TCP."""
    names = ["NATLAB_STUN", *(["NATLAB_TURN", "NATLAB_TURN_TCP"] if turn else [])]
    return [os.environ[name] for name in names]


def sessions(payload, turn, flood=False):
    """Two PeerSessions; with `flood`, a sends as much as it can."""
    ends = [[program("session-peer"), role, payload, *servers(turn)] for role in ("offer", "answer")]
    if flood:
        ends[0].append("flood")
    return Race(*ends)


def bare_libnice(settings, turn, flood=False):
    """Two agents of libnice with its `defaults`, or for `udp` only."""
    ends = [[program("nice-peer"), role, settings, *servers(turn)] for role in ("offer", "answer")]
    if flood:
        ends[0].append("flood")
    return Race(*ends)


def tools(turn):
    """Two nat-connect, signalling on their standard input and output."""
    options = ["--json", "--stun", os.environ["NATLAB_STUN"]]
    if turn:
        options += ["--turn", os.environ["NATLAB_TURN"], "--turn", os.environ["NATLAB_TURN_TCP"]]
    ends = [[program("nat-connect"), role, *options] for role in ("--offer", "--answer")]
    return Race(*ends)


def aioice(turn, tcp=False):
    """It knows one relay; `tcp`: the one that is reached by TCP."""
    begin, start = os.pipe()
    relay = [os.environ["NATLAB_TURN_TCP" if tcp else "NATLAB_TURN"]] if turn else []
    ends = [[interpreter.python_with("aioice"), os.path.join(HERE, "aioice_bench_peer.py"), role,
             str(begin), os.environ["NATLAB_STUN"], *relay] for role in ("offer", "answer")]
    race = Race(*ends, pass_fds=[begin])
    for racer in race.racers:
        racer.wait_for("ready", patience=30)
    race.begin()
    os.write(start, b"12")
    os.close(start)
    os.close(begin)
    return race
