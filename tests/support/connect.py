# SPDX-License-Identifier: MIT
"""nat-connect in a lab of two sites: we are on host a, the peer is on host b.

Meson hands the program's path over in NAT_CONNECT.
"""
import contextlib
import json
import os
import pathlib
import shlex
import subprocess
import tempfile
import threading
import time

import lab

# The servers of whoever runs the tests are none of theirs. Peers inherit it.
os.environ.update(XDG_CONFIG_HOME="/nonexistent", XDG_CONFIG_DIRS="/nonexistent")

_SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "docs" / "nat-connect.schema.json"
_EVENTS = "NAT_CONNECT_TEST_EVENTS"  # names a file to which every event is added
# Debian's python3-jsonschema, wherever the first python3 of PATH comes from.
_VALIDATE = """
import json, sys, jsonschema
validator = jsonschema.Draft7Validator(json.load(open(sys.argv[1])))
seen = set()
for line in open(sys.argv[2]):
    seen.add(json.loads(line)["event"])
    for error in validator.iter_errors(json.loads(line)):
        print(line, error.message)
print("kinds:", *sorted(seen))
"""

NAT_CONNECT = os.environ.get("NAT_CONNECT", "nat-connect")
PATIENCE = 20.0  # for what must come; the machine may be busy


def servers(turn):
    """Options that name the lab's servers."""
    options = ["--stun", os.environ["NATLAB_STUN"]]
    if turn:
        options += ["--turn", os.environ["NATLAB_TURN"], "--turn", os.environ["NATLAB_TURN_TCP"]]
    return options


def peer_command(*options):
    """For --via: nat-connect on host b."""
    return "exec " + shlex.join([lab.NAT_LAB, "exec", "b", "--", NAT_CONNECT, *options])


@contextlib.contextmanager
def killable_peer(*options):
    """As peer_command(), and a function that sends it a signal."""
    with tempfile.TemporaryDirectory() as place:
        pid = pathlib.Path(place, "pid")
        script = f"echo $$ >{pid}; exec {shlex.join([NAT_CONNECT, *options])}"
        yield ("exec " + shlex.join([lab.NAT_LAB, "exec", "b", "--", "sh", "-c", script]),
               lambda number: os.kill(int(pid.read_text(encoding="ascii")), number))


def judge(path):
    """What is wrong with the events in this file, one a line, and at the end which kinds there are."""
    return subprocess.run(["/usr/bin/python3", "-c", _VALIDATE, str(_SCHEMA), path], check=False,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


@contextlib.contextmanager
def collected_events():
    """All events of the block, as the path of a file for judge()."""
    with tempfile.NamedTemporaryFile() as file:
        os.environ[_EVENTS] = file.name
        yield file.name


def sanitized():
    """Whether nat-connect was built with AddressSanitizer."""
    return b"__asan_init" in pathlib.Path(NAT_CONNECT).read_bytes()


def resident(pid):
    """MiB of memory in use, without AddressSanitizer's: 256 of freed memory, and up to 96 of shadow and red zones."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    size = int(next(l for l in status.splitlines() if l.startswith("VmRSS")).split()[1]) // 1024
    return size - (352 if sanitized() else 0)


class Running:
    """A nat-connect under way; what it says on stderr (by --json) is collected."""

    def __init__(self, *options, **popen):
        popen.setdefault("stdin", subprocess.PIPE)
        popen.setdefault("stdout", subprocess.PIPE)
        self.process = subprocess.Popen([NAT_CONNECT, "--json", *options], stderr=subprocess.PIPE,
                                        **popen)
        self.events = []
        self.other = []  # lines on stderr that are not ours: the peer's, by way of --via
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            text = line.decode(errors="replace").strip()
            try:
                event = json.loads(text)
            except ValueError:
                event = None
            with self._changed:
                if isinstance(event, dict) and str(event.get("schema")).startswith("nat-connect"):
                    self._collect(line)
                    self.events.append({**event, "at": time.monotonic()})
                else:
                    self.other.append(text)
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    @staticmethod
    def _collect(line):
        if name := os.environ.get(_EVENTS):
            with open(name, "ab", buffering=0) as file:
                file.write(line)

    def wait_for(self, *names, where=lambda event: True, patience=PATIENCE):
        """The first event with one of these names for which `where` holds; None if none came."""
        def found():
            return next((e for e in self.events if e["event"] in names and where(e)), None)

        end = time.monotonic() + patience
        with self._changed:
            while not found() and self._reader.is_alive() and time.monotonic() < end:
                self._changed.wait(0.1)
            return found()

    def finish(self, data=b"", patience=PATIENCE):
        """Gives it `data` and the end of input; its status and all that it still wrote."""
        try:
            out, _ = self._communicate(data, patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return {"status": "hung", "out": b""}
        self._reader.join(PATIENCE)
        return {"status": self.process.returncode, "out": out}

    def _communicate(self, data, patience):
        # Not Popen.communicate(): it would read stderr, too.
        out = []
        reading = threading.Thread(target=lambda: out.append(self.process.stdout.read()),
                                   daemon=True)
        if self.process.stdout:
            reading.start()
        if self.process.stdin:
            try:
                self.process.stdin.write(data)
                self.process.stdin.close()
            except BrokenPipeError:
                pass
        self.process.wait(patience)
        if self.process.stdout:
            reading.join(PATIENCE)
        return (out[0] if out else b""), None

    def event(self, name):
        return next((e for e in reversed(self.events) if e["event"] == name), None)

    def story(self):
        """All that it said, for a failed check."""
        return {"events": self.events, "stderr": self.other}
