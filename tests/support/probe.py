# SPDX-License-Identifier: MIT
"""nat-probe in labs, for their tests: run it, and hold what it says against its schema."""
import json
import os
import subprocess

import schema

NAT_PROBE = os.environ.get("NAT_PROBE", "nat-probe")


def run(arguments=(), servers=None):
    """Inside a lab: nat-probe's exit code and report. `servers`: None for the lab's own two."""
    if servers is None:
        servers = [os.environ["NATLAB_STUN"], os.environ["NATLAB_STUN2"]]
    named = [word for server in servers for word in ("--stun", server)]
    done = subprocess.run([NAT_PROBE, "--json", "--show-addresses", *named, *arguments], text=True,
                          capture_output=True, check=False, timeout=50)
    report = json.loads(done.stdout) if done.stdout.strip() else None
    return {"exit": done.returncode, "report": report, "errors": done.stderr}


def validate(reports):
    """What is wrong with them by the schema; "": nothing."""
    return schema.validate("nat-probe", reports)


def facts(found):
    """Of what run() gave: the exit code and what is said of IPv4 in the words of RFC 4787."""
    v4 = found["report"]["families"]["v4"]
    return {"exit": found["exit"], "class": found["report"]["verdict"]["class"],
            "mapping": v4["mapping"]["value"], "filtering": v4["filtering"]["value"]}
