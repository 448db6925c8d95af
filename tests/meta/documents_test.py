#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the documents name is there: documents_test.py SOURCE_ROOT TOOL...

Files and headings that a document points to, and every option of the tools: in --help, in the manual, in the completion and
in the examples, which must be the same.
"""
import pathlib
import re
import subprocess
import sys
import unittest

SOURCE = pathlib.Path(sys.argv[1])
TOOLS = {path.name: path for path in map(pathlib.Path, sys.argv[2:])}
DOCUMENTS = [SOURCE / "README.md", *sorted((SOURCE / "docs").rglob("*.md"))]
# Where a path in a document may begin: "traversal/race.hpp" is said of a module, "lib/traversal/race.hpp" of the tree.
PLACES = ("", "lib", "lib/include", "tests", "docs")
EVERYWHERE = {"--help", "--version"}


def without_code(text):
    """The text without fenced and indented blocks, which are examples."""
    return re.sub(r"^(```.*?^```$|    .*?$)", "", text, flags=re.MULTILINE | re.DOTALL)


def headings(path):
    """As GitHub makes anchors of them."""
    titles = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def commands(text):
    """[(tool, options)] of the command lines in code."""
    out = []
    for line in re.split(r"[`\n]", text):
        tool, taken = None, False
        for word in re.findall(r"(?<![\w/.-])nat-[a-z]+(?![\w.(-])|(?<!\S)--(?!\S)|(?<![\w-])--[a-z][\w-]*", line):
            if word in TOOLS:
                tool, taken = word, False
            elif word == "--":
                taken = True  # what follows is another's
            elif tool and not taken and word[0] == "-":
                out.append((tool, word))
    return out


class Documents(unittest.TestCase):
    def test_files_that_are_named_exist(self):
        named = 0
        for document in DOCUMENTS:
            for path in re.findall(r"`([\w./-]+/[\w.-]*)`", without_code(document.read_text(encoding="utf-8"))):
                if "." not in path and not path.endswith("/"):
                    continue  # MAPPING/FILTERING, base/quote
                if not re.match(r"(lib|tests|tools|docs|subprojects|\.ci)/|.*\.(cpp|hpp|py)$", path):
                    continue  # of some system, not of this tree
                named += 1
                with self.subTest(document=document.name, path=path):
                    self.assertTrue(any((SOURCE / place / path).exists() for place in PLACES))
        self.assertGreater(named, 50)

    def test_links_lead_somewhere(self):
        for document in DOCUMENTS:
            for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
                if re.match(r"[a-z]+:", link):
                    continue
                path, _, heading = link.partition("#")
                target = (document.parent / path).resolve() if path else document
                with self.subTest(document=document.name, link=link):
                    self.assertTrue(target.exists())
                    if heading:
                        self.assertIn(heading, headings(target))


class Options(unittest.TestCase):
    """Of each tool and its subcommands."""

    def setUp(self):
        self.of, self.examples = {}, {}
        for name, path in TOOLS.items():
            texts = [self.help_of(path)]
            listed = re.search(r"^Subcommands:\n((?:  .*\n)+)", texts[0], re.MULTILINE)
            if listed:
                texts += [self.help_of(path, word) for word in re.findall(r"^  ([a-z]+)", listed[1], re.MULTILINE)]
            self.examples[name] = re.findall(rf"^  {name} .*", "\n".join(texts), re.MULTILINE)
            self.of[name] = set().union(*map(self.options_in, texts)) - EVERYWHERE

    @staticmethod
    def help_of(path, *words):
        return subprocess.run([path, *words, "--help"], check=True, capture_output=True, text=True, timeout=30).stdout

    @staticmethod
    def options_in(text):
        return set(re.findall(r"^  (?:-.,)? ?(--[a-z][\w-]*)", text, re.MULTILINE))

    def test_there_are_some(self):
        self.assertEqual(set(TOOLS), set(self.of))
        for name, options in self.of.items():
            self.assertGreater(len(options), 5, name)

    def test_help_has_examples(self):
        for name, examples in self.examples.items():
            with self.subTest(tool=name):
                self.assertGreaterEqual(len(examples), 3)

    def test_the_manuals_tell_of_the_same(self):
        for name, options in self.of.items():
            page = (SOURCE / "docs/man" / (name + ".1")).read_text(encoding="utf-8")
            told = {"--" + word for word in re.findall(r"Fl \\?-([a-z][\w-]*)", page)}
            with self.subTest(tool=name):
                self.assertEqual(options, told - EVERYWHERE)

    def test_the_completions_offer_the_same(self):
        for name, options in self.of.items():
            text = (SOURCE / "tools/completions" / name).read_text(encoding="utf-8")
            offered = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", text))
            with self.subTest(tool=name):
                self.assertEqual(options, offered - EVERYWHERE)

    def test_examples_take_what_there_is(self):
        found = 0
        for document in [*DOCUMENTS, *(SOURCE / "docs/man").glob("*.1")]:
            text = document.read_text(encoding="utf-8").replace("\\-", "-")
            for tool, option in commands(text):
                found += 1
                with self.subTest(document=document.name, tool=tool, option=option):
                    self.assertIn(option, self.of[tool] | EVERYWHERE)
        self.assertGreater(found, 30)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
