# SPDX-License-Identifier: MIT
"""Tables in our documents that a program makes, each between two comments that name the program."""


def table(head, rows):
    """The lines of a table; cells are text."""
    return ["| " + " | ".join(head) + " |", "|---" * len(head) + "|", *("| " + " | ".join(row) + " |" for row in rows)]


def rows_of(lines):
    """The cells of a table's rows, its head left out."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")][2:]


def made_by(path, program):
    """The lines that `program` has put into the document."""
    begin, end = _marks(program)
    return path.read_text(encoding="utf-8").split(begin)[1].split(end)[0].splitlines()


def put(path, program, lines, heading=""):
    """Puts `lines` where `program` has put its own before; else at the end, below `heading`."""
    begin, end = _marks(program)
    text = path.read_text(encoding="utf-8") if path.exists() else "# Benchmarks\n"
    if begin not in text:
        text += f"\n{heading}\n\n{begin}\n{end}\n"
    before, rest = text.split(begin)
    _, after = rest.split(end)
    path.write_text("\n".join([before + begin, *lines, end + after]), encoding="utf-8")


def _marks(program):
    return f"<!-- made by {program} -->", f"<!-- end of {program} -->"
