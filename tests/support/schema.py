# SPDX-License-Identifier: MIT
"""The JSON that our programs print, held against its schema in docs/."""
import json
import pathlib
import subprocess
import tempfile

_DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"


def validate(program, objects):
    """What Debian's python3-jsonschema finds wrong with what `program` printed; "": nothing."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = []
        for number, each in enumerate(objects):
            path = pathlib.Path(folder, f"{number}.json")
            path.write_text(json.dumps(each), encoding="utf-8")
            arguments += ["-i", str(path)]
        done = subprocess.run(["/usr/bin/python3", "-m", "jsonschema", *arguments, str(_DOCS / f"{program}.schema.json")],
                              text=True, capture_output=True, check=False, timeout=50)
    return done.stderr + ("" if done.returncode == 0 else f"status {done.returncode}")


def found_in(result, program):
    """Every object of `program` in what a test brought back from its lab."""
    if isinstance(result, dict) and str(result.get("schema")).startswith(f"{program}/"):
        return [result]
    inner = result.values() if isinstance(result, dict) else result if isinstance(result, list) else []
    return [each for item in inner for each in found_in(item, program)]
