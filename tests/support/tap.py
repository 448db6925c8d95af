# SPDX-License-Identifier: MIT
"""The Test Anything Protocol for our Python tests (meson: protocol: 'tap')."""
import sys
import traceback


class Tap:
    """Counts and prints checks; leaving the `with` block prints the plan and sets the exit status."""

    def __init__(self):
        self._count = 0
        self._failed = 0

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            self._report(False, f"ran to its end ({kind.__name__})",
                         "".join(traceback.format_exception(kind, error, trace)))
        print(f"1..{self._count}", flush=True)
        sys.exit(1 if self._failed else 0)

    def check(self, ok, claim, detail=""):
        """One claim, and what to show when it is false."""
        self._report(bool(ok), claim, detail)
        return bool(ok)

    def equal(self, actual, expected, claim):
        return self.check(actual == expected, claim, f"expected {expected!r}\ngot      {actual!r}")

    def _report(self, ok, claim, detail):
        self._count += 1
        self._failed += not ok
        claim = " ".join(str(claim).split()).replace("#", "no. ")
        line = f"{'ok' if ok else 'not ok'} {self._count} - {claim}"
        print(line, flush=True)
        if not ok and detail:  # meson shows what a failed test prints there
            print(line, detail, sep="\n", file=sys.stderr, flush=True)
