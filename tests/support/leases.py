# SPDX-License-Identifier: MIT
"""Inside a lab: a `nat-map keep` under faults, and what the outside can reach meanwhile."""
import json
import os
import queue
import select
import signal
import socket
import subprocess
import threading
import time

import lab

NAT_MAP = os.environ.get("NAT_MAP", "nat-map")
PORT = 6667
PATIENCE = 30.0  # against a hang only
KNOCK = 0.05     # between two attempts of the outside


def environment(node="a"):
    """The lab's addresses as they are now."""
    lines = lab.on(node, "env").stdout.splitlines()
    return dict(line.split("=", 1) for line in lines if line.startswith("NATLAB_"))


class Keep:
    """A running `nat-map keep PORT tcp --json`, its events as they come."""

    def __init__(self, *arguments, protocol="tcp", port=PORT):
        self.child = subprocess.Popen([NAT_MAP, "keep", str(port), protocol, "--json", *arguments],
                                      text=True, stdout=subprocess.PIPE)
        self.events = []
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.child.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def wait_for(self, event, patience=PATIENCE):
        """The next event of that name, as an object; None if it does not come."""
        deadline = time.monotonic() + patience
        while True:
            try:
                told = self.lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return None
            if told is None:
                return None
            self.events.append(told)
            if told["event"] == event:
                return told

    def stop(self, number=signal.SIGINT):
        if self.child.poll() is None:
            self.child.send_signal(number)
        status = self.child.wait(timeout=PATIENCE)
        self.reader.join(PATIENCE)
        while not self.lines.empty():
            told = self.lines.get()
            if told is not None:
                self.events.append(told)
        return status


def external_of(event):
    address, port = event["mappings"][0]["external"].rsplit(":", 1)
    return address, int(port)


def listens(port=PORT):
    """A server on every address of this host."""
    server = socket.create_server(("", port), backlog=64)
    server.setblocking(False)
    return server


def gets_in(server, address, port, patience=1.0):
    """True when a connection from outside arrives at `server`."""
    with lab.node("outside"):
        client = socket.socket()
    with client:
        client.settimeout(patience)
        try:
            client.connect((address, port))
        except OSError:
            return False
        if not select.select([server], [], [], patience)[0]:
            return False
        server.accept()[0].close()
        return True


def until_reachable(server, address, port, since, patience=PATIENCE):
    """Seconds from `since` to the first connection that gets in; None if none does."""
    while time.monotonic() < since + patience:
        if gets_in(server, address, port, patience=0.3):
            return round(time.monotonic() - since, 3)
        time.sleep(KNOCK)
    return None


def takes_datagrams(port=PORT):
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("", port))
    return receiver


def until_datagram(receiver, address, port, patience=PATIENCE):
    """True once a datagram from outside arrives at `receiver`."""
    with lab.node("outside"):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sender:
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            sender.sendto(b"knock", (address, port))
            if select.select([receiver], [], [], 0.2)[0]:
                return True
    return False


def description_url():
    """Where the gateway describes itself; None while it does not answer."""
    search = ("M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\n"
              "MX: 1\r\nST: upnp:rootdevice\r\n\r\n").encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        for _ in range(10):
            asker.sendto(search, (environment()["NATLAB_GATEWAY"], 1900))
            if select.select([asker], [], [], 0.5)[0]:
                answer = asker.recvfrom(2000)[0].decode()
                return next(line.split(":", 1)[1].strip() for line in answer.splitlines()
                            if line.lower().startswith("location:"))
    return None


def upnpc(*arguments):
    done = subprocess.run(["upnpc", "-u", description_url(), *arguments], text=True,
                          capture_output=True, check=False, timeout=30)
    return done.stdout


def listed():
    """What an independent client sees: {"protocol external-port": internal endpoint}."""
    table = {}
    for line in upnpc("-l").splitlines():
        words = line.replace("->", " ").split()
        if len(words) > 3 and words[0].isdigit() and words[1] in ("TCP", "UDP"):
            table[f"{words[1].lower()} {words[2]}"] = words[3]
    return table


def settled_list(wanted, patience=PATIENCE):
    """What upnpc lists, once that is `wanted` or the time is over."""
    deadline = time.monotonic() + patience
    while True:
        table = listed()
        if table == wanted or time.monotonic() > deadline:
            return table
        time.sleep(KNOCK)
