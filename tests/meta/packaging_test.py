#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a packager and a user of the library get: packaging_test.py SOURCE_ROOT BUILD_ROOT

Installs the build into a folder, compiles a small program against it by pkg-config (shared and static), looks at what the
shared library exports, and builds the same program with the source tree as a Meson subproject.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

SOURCE, BUILD = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
CONSUMER = SOURCE / "tests/meta/consumer.cpp"
CXX = os.environ.get("CXX", "c++")


def run(*command, **options):
    """Runs it and returns its output; a failure shows all that it said."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stdout}")
    return done.stdout


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = pathlib.Path(cls.folder.name)
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", cls.root)
        pc = next(cls.root.rglob("natterjack.pc"))
        prefix = re.search(r"^prefix=(.*)$", pc.read_text(), re.MULTILINE)[1]
        cls.prefix = cls.root / prefix.lstrip("/")
        pc.write_text(pc.read_text().replace(f"prefix={prefix}\n", f"prefix={cls.prefix}\n"))
        cls.libdir = pc.parent.parent
        cls.environment = {**os.environ, "PKG_CONFIG_PATH": str(pc.parent)}

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def pkg_config(self, *options):
        return run("pkg-config", *options, "natterjack", env=self.environment).split()

    def compile_and_run(self, *options):
        program = self.root / "consumer"
        run(CXX, "-std=c++20", "-Wall", "-Wextra", "-Werror", *self.pkg_config("--cflags"), CONSUMER, "-o", program,
            *options)
        output = run(program, env={**os.environ, "LD_LIBRARY_PATH": str(self.libdir)})
        self.assertEqual(output, "192.0.2.1:6667\n")
        return re.findall(r"Shared library: \[(.*)\]", run("readelf", "-d", program))

    def test_a_program_links_with_the_shared_library(self):
        self.assertIn("libnatterjack.so.0", self.compile_and_run(*self.pkg_config("--libs")))

    def test_the_program_of_the_readme_compiles(self):
        example = re.search(r"```cpp\n(.*?)```", (SOURCE / "README.md").read_text(), re.DOTALL)[1]
        program = self.root / "readme.cpp"
        program.write_text(example)
        run(CXX, "-std=c++20", "-Wall", "-Wextra", "-Werror", *self.pkg_config("--cflags"), program, "-o",
            self.root / "readme", *self.pkg_config("--libs"))

    def test_a_program_links_with_the_static_library(self):
        for library in self.libdir.glob("libnatterjack.so*"):
            library.rename(library.with_name("away-" + library.name))
        # Not --static: that would ask for every library of Debian's in its static form, down to Kerberos.
        text = (self.libdir / "pkgconfig/natterjack.pc").read_text()
        private = re.search(r"^Libs\.private:(.*)$", text, re.MULTILINE)
        required = [line.split()[0] for line in run("pkg-config", "--print-requires-private", "natterjack",
                                                    env=self.environment).splitlines()]
        try:
            needed = self.compile_and_run(*self.pkg_config("--libs"), *(private[1].split() if private else []),
                                          *run("pkg-config", "--libs", *required).split())
        finally:
            for library in self.libdir.glob("away-*"):
                library.rename(library.with_name(library.name.removeprefix("away-")))
        self.assertFalse([name for name in needed if "natterjack" in name])

    def test_every_public_header_is_installed_and_stands_alone(self):
        ours = {path.name for path in (SOURCE / "lib/include/natterjack").glob("*.hpp")}
        there = {path.name for path in (self.prefix / "include/natterjack").glob("*.hpp")}
        self.assertEqual(ours, there)
        for name in sorted(there):
            run(CXX, "-std=c++20", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c++", "-include",
                self.prefix / "include/natterjack" / name, *self.pkg_config("--cflags"), "/dev/null")

    def test_every_man_page_and_completion_is_installed(self):
        installed = {path.name for path in self.prefix.rglob("*")}
        for path in [*(SOURCE / "docs/man").glob("*.[1-9]"), *(SOURCE / "tools/completions").iterdir()]:
            self.assertIn(path.name, installed)

    def test_only_what_the_public_headers_declare_is_exported(self):
        library = next(self.libdir.glob("libnatterjack.so.*.*.*"))
        headers = "".join(path.read_text() for path in (SOURCE / "lib/include/natterjack").glob("*.hpp"))
        declared = set(re.findall(r"\w+", re.sub(r"//.*", "", headers)))
        symbols = [line.split(maxsplit=2)[2]
                   for line in run("nm", "-DC", "--defined-only", library).splitlines()]
        self.assertTrue([name for name in symbols if name.startswith("natterjack::Endpoint::parse(")])
        for symbol in symbols:
            name = re.match(r"(?:(?:typeinfo|typeinfo name|vtable) for )?natterjack::(\w+)", symbol)
            self.assertTrue(name and name[1] in declared, f"{symbol} is exported and no public header declares it")


class Subproject(unittest.TestCase):
    def test_the_tree_serves_as_a_meson_subproject(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "subprojects").mkdir()
            (root / "subprojects/natterjack").symlink_to(SOURCE)
            (root / "main.cpp").write_text(CONSUMER.read_text())
            (root / "meson.build").write_text(
                "project('consumer', 'cpp', default_options: ['cpp_std=c++20'])\n"
                "natterjack = dependency('natterjack', fallback: 'natterjack')\n"
                "executable('consumer', 'main.cpp', dependencies: natterjack)\n")
            environment = {**os.environ, "PKG_CONFIG_PATH": ""}
            run("meson", "setup", root / "build", root, "--force-fallback-for=natterjack", "-Doptimization=0",
                "-Ddebug=false", env=environment)
            run("ninja", "-C", root / "build", env=environment)
            self.assertEqual(run(root / "build/consumer"), "192.0.2.1:6667\n")
            built = [path.name for path in (root / "build").rglob("*") if path.is_file()]
            self.assertFalse([name for name in built if name.startswith("nat-") or name.endswith("_test")])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
