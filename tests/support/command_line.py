# SPDX-License-Identifier: MIT
"""What holds for each tool's command line."""
import contextlib
import os
import pathlib
import pty
import select
import subprocess
import tempfile
import time


@contextlib.contextmanager
def servers_conf(text):
    """A home for XDG_CONFIG_HOME whose servers.conf says `text`."""
    with tempfile.TemporaryDirectory() as home:
        settings = pathlib.Path(home, "natterjack")
        settings.mkdir()
        settings.joinpath("servers.conf").write_text(text, encoding="ascii")
        yield home


def on_terminal(command, patience, handle=lambda process, shown: None):
    """Runs `command`, whose standard error is a terminal: its exit status, what that showed, and what it put out. `handle`
    is called with what was shown so far whenever there is more."""
    ours, its = pty.openpty()
    process = subprocess.Popen(command, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=its)
    os.close(its)
    shown, until = b"", time.monotonic() + patience
    try:
        while select.select([ours], [], [], max(0.0, until - time.monotonic()))[0]:
            shown += os.read(ours, 4096)
            handle(process, shown)
    except OSError:
        pass  # the other end is closed
    said, _ = process.communicate(timeout=patience)
    os.close(ours)
    return {"status": process.returncode, "shown": shown.decode(), "said": said}


def not_refused(run, cases):
    """Of `cases`, [(arguments, word)], those that `run(*arguments)` does not refuse as it should: exit status 64, a message
    on standard error that has the word, and nothing on standard output."""
    wrong = []
    for arguments, word in cases:
        done = run(*arguments)
        if done.returncode != 64 or word not in done.stderr or done.stdout:
            wrong.append([arguments, done.returncode, done.stdout, done.stderr])
    return wrong
