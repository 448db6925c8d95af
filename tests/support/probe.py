# SPDX-License-Identifier: MIT
"""nat-probe in labs, for their tests: run it, and hold what it says against its schema."""
import json
import os
import pathlib
import subprocess
import tempfile

NAT_PROBE = os.environ.get("NAT_PROBE", "nat-probe")
SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "docs" / "nat-probe.schema.json"


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
    """What Debian's python3-jsonschema finds wrong with them; "": nothing."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = []
        for number, report in enumerate(reports):
            path = pathlib.Path(folder, f"{number}.json")
            path.write_text(json.dumps(report), encoding="utf-8")
            arguments += ["-i", str(path)]
        done = subprocess.run(["/usr/bin/python3", "-m", "jsonschema", *arguments, str(SCHEMA)], text=True,
                              capture_output=True, check=False, timeout=50)
    return done.stderr + ("" if done.returncode == 0 else f"status {done.returncode}")


def facts(found):
    """Of what run() gave: the exit code and what is said of IPv4 in the words of RFC 4787."""
    v4 = found["report"]["families"]["v4"]
    return {"exit": found["exit"], "class": found["report"]["verdict"]["class"],
            "mapping": v4["mapping"]["value"], "filtering": v4["filtering"]["value"]}
