# SPDX-License-Identifier: MIT
"""Tests in nat-lab: run it, and run functions of the test script inside a lab.

    def reach(port):                        # runs on host a of the lab
        with lab.node("outside"):
            client = socket.socket(...)     # a socket of another node, in this process
        ...
        return {"answer": 42}               # anything that JSON can carry

    if __name__ == "__main__":
        lab.serve(reach)                    # does nothing unless called from inside
        with tap.Tap() as t:
            result = lab.inside(["--nat", "home"], reach, 6667)

Meson hands the program's path over in NAT_LAB.
"""
import contextlib
import ctypes
import fcntl
import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time

NAT_LAB = os.environ.get("NAT_LAB", "nat-lab")
PATIENCE = 10.0  # for what must come; the machine may be busy
SILENCE = 0.4    # for what must not come, after all else has
_CLONE_NEWNET = 0x40000000
_MARK = "--inside-lab"
_AT_ONCE = 2 * (os.cpu_count() or 1) + 1


@contextlib.contextmanager
def _turn():
    """Of all labs that this user's tests want at a time, lets in a few: where they are more than the machine can
    carry, each of them is late, and tests tell of the machine instead of what they test."""
    slots = [f"{tempfile.gettempdir()}/natterjack-labs-{os.getuid()}.{number}" for number in range(_AT_ONCE)]
    with contextlib.ExitStack() as files:
        opened = [files.enter_context(open(slot, "w", encoding="ascii")) for slot in slots]
        while not any(_locked(file) for file in opened):
            time.sleep(0.05)
        yield


def _locked(file):
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def run(*arguments, timeout=60, **options):
    """`nat-lab ARGUMENTS`; the CompletedProcess with text output. Waits for its turn before `timeout` begins."""
    options.setdefault("stdin", subprocess.DEVNULL)
    with _turn():
        return subprocess.run([NAT_LAB, *arguments], text=True, capture_output=True, check=False,
                              timeout=timeout, **options)


def inside(lab_arguments, function, *arguments, timeout=60):
    """What `function(*arguments)` returns when called on host a of a lab."""
    command = [sys.executable, os.path.abspath(sys.argv[0]), _MARK, function.__name__,
               json.dumps(arguments)]
    label = ""
    if "--a" in lab_arguments:  # two sites: commands name their node, and so does their output
        command, label = ["a: " + shlex.join(command)], "a: "
    done = run("run", *lab_arguments, "--", *command, timeout=timeout)
    if done.returncode != 0:
        raise RuntimeError(f"{function.__name__} in {lab_arguments}: status {done.returncode}\n"
                           f"{done.stdout}{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1].removeprefix(label))


def serve(*functions):
    """Inside a lab: calls the function that inside() named, prints its result and exits."""
    if sys.argv[1:2] != [_MARK]:
        return
    chosen = {function.__name__: function for function in functions}[sys.argv[2]]
    print(json.dumps(chosen(*json.loads(sys.argv[3]))), flush=True)
    sys.exit(0)


@contextlib.contextmanager
def node(name):
    """Inside a lab: sockets made in this block belong to the node `name`."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(file):
        if libc.setns(file, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {name}")

    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        enter(there)
        yield
    finally:
        enter(home)
        os.close(there)
        os.close(home)


def default_interface():
    """Inside a lab: the name of the one that IPv4's default route goes by."""
    with open("/proc/net/route", encoding="ascii") as routes:
        return next(line.split()[0] for line in routes if line.split()[1] == "00000000")


def udp(address, port=0):
    """A UDP socket of this process at `address`, which tells the family."""
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, port))
    return made


def on(name, *command, **options):
    """Inside a lab: `nat-lab exec NAME -- COMMAND`; the CompletedProcess with text output."""
    return subprocess.run([NAT_LAB, "exec", name, "--", *command], text=True, capture_output=True,
                          check=False, timeout=60, **options)


def change(*words):
    """Inside a lab: `nat-lab WORDS`, such as change("reboot", "router-a")."""
    done = subprocess.run([NAT_LAB, *words], text=True, capture_output=True, check=False, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"{words}: status {done.returncode}\n{done.stderr}")
