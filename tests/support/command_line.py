# SPDX-License-Identifier: MIT
"""What holds for each tool's command line."""


def not_refused(run, cases):
    """Of `cases`, [(arguments, word)], those that `run(*arguments)` does not refuse as it should: exit status 64, a message
    on standard error that has the word, and nothing on standard output."""
    wrong = []
    for arguments, word in cases:
        done = run(*arguments)
        if done.returncode != 64 or word not in done.stderr or done.stdout:
            wrong.append([arguments, done.returncode, done.stdout, done.stderr])
    return wrong
