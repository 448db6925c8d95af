#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs clang-tidy over our own files of a compile database, as many at a time as there are cores: tidy.py BUILD FOLDER...

What was clean is remembered by the content of the file, of our headers that it includes, of the settings and of the
compiler's arguments, under $XDG_CACHE_HOME/natterjack/tidy: what has not changed is not looked at again.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys

TIDY = "clang-tidy-14"
OURS = ("lib", "tools", "tests")


def headers_by_object(build):
    """{object file: [dependency]} as ninja recorded them when it compiled."""
    output = subprocess.run(["ninja", "-C", build, "-t", "deps"], check=True, stdout=subprocess.PIPE, text=True).stdout
    table, current = {}, None
    for line in output.splitlines():
        if line.startswith("    "):
            table[current].append(line.strip())
        elif ": #deps" in line:
            current = line.split(": #deps")[0]
            table[current] = []
    return table


def below(path, root, folders):
    return path.is_relative_to(root) and path.relative_to(root).parts[0] in folders


class Job:
    def __init__(self, entry, dependencies, root, settings):
        self.file = (pathlib.Path(entry["directory"]) / entry["file"]).resolve()
        self.name = str(self.file.relative_to(root))
        digest = hashlib.sha256(settings)
        digest.update(entry["command"].encode())
        paths = {(pathlib.Path(entry["directory"]) / name).resolve() for name in dependencies} | {self.file}
        for path in sorted(path for path in paths if below(path, root, OURS)):
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
        self.key = digest.hexdigest()

    def run(self, build, options):
        return subprocess.run([TIDY, "-p", build, "--quiet", *options, self.file], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)


def main(build, *folders, thorough=False):
    # The analyzer takes two thirds of the time, and what it finds the sanitizers find too.
    options = [] if thorough else ["--checks=-clang-analyzer-*"]
    root = pathlib.Path(__file__).resolve().parents[2]
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "natterjack/tidy"
    cache.mkdir(parents=True, exist_ok=True)
    version = subprocess.run([TIDY, "--version"], check=True, stdout=subprocess.PIPE).stdout
    settings = version + " ".join(options).encode() + b"".join((root / name).read_bytes() for name in (".clang-tidy", "tests/.clang-tidy"))
    dependencies = headers_by_object(build)
    jobs = {}
    for entry in json.loads(pathlib.Path(build, "compile_commands.json").read_text(encoding="utf-8")):
        if below((pathlib.Path(entry["directory"]) / entry["file"]).resolve(), root, folders):
            job = Job(entry, dependencies.get(entry["output"], []), root, settings)
            jobs.setdefault(job.file, job)
    due = [job for job in jobs.values() if not (cache / job.key).exists()]
    print(f"clang-tidy: {len(jobs)} files, {len(due)} to look at", file=sys.stderr)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = {pool.submit(job.run, build, options): job for job in due}
        for future in concurrent.futures.as_completed(futures):
            job, done = futures[future], future.result()
            if done.returncode == 0:
                (cache / job.key).touch()
            else:
                failed += 1
                print(f"{job.name}:\n{done.stdout}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--thorough"]
    sys.exit(main(*arguments, thorough="--thorough" in sys.argv))
