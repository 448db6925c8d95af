# SPDX-License-Identifier: MIT
"""Parts of our documents that a program makes, each between two comments: <!-- NAME --> and <!-- end of NAME -->."""


def row(cells):
    """A line of a table."""
    return "| " + " | ".join(cells) + " |"


def cells_of(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def part(path, name):
    """What the document has there now."""
    return _split(path, name)[1]


def put(path, name, text):
    """Puts `text` in the place of what the part had."""
    before, _, after = _split(path, name)
    path.write_text(f"{before}<!-- {name} -->\n\n{text}\n\n<!-- end of {name} -->{after}", "utf-8")


def _split(path, name):
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    old = path.read_text("utf-8")
    if begin not in old or end not in old:
        raise RuntimeError(f"{path}: there is no part {name}")
    before, rest = old.split(begin)
    return before, *rest.split(end)
