# SPDX-License-Identifier: MIT
"""Finds Debian's Python modules, wherever the first python3 of PATH comes from."""
import shutil
import subprocess
import sys


def python_with(module):
    """An interpreter that has it."""
    for program in (sys.executable, shutil.which("python3"), "/usr/bin/python3"):
        if program and subprocess.run([program, "-c", f"import {module}"], check=False,
                                      capture_output=True).returncode == 0:
            return program
    raise RuntimeError(f"no python3 has {module}: run 'tools/dev setup lab'")
