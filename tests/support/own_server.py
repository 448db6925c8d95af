# SPDX-License-Identifier: MIT
"""`nat-probe serve` on a lab's node, for the length of a block."""
import contextlib
import os
import subprocess

NAT_PROBE = os.environ.get("NAT_PROBE", "nat-probe")


@contextlib.contextmanager
def served(*addresses, node="outside"):
    """At the addresses that these variables of the lab hold, the first one's port 3478; gives the process, listening."""
    server = subprocess.Popen([os.environ["NATLAB"], "exec", node, "--", NAT_PROBE, "serve",
                               *(os.environ[a] for a in addresses)],
                              stdout=subprocess.PIPE, text=True)
    try:
        if not server.stdout.readline().startswith("listening at "):
            raise RuntimeError("nat-probe serve does not listen")
        yield server
    finally:
        server.terminate()
        server.wait(timeout=10)
