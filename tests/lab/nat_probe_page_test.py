#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nat-probe's page in a headless Chromium: narrow and wide, light and dark, everything can be read and nothing sticks out."""
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import browser
import lab
import probe
import probe_truth
import tap

SPECS = ["home", "home>cgn", "corporate", "double", "vpn"]
WIDTHS = [320, 360, 641, 801, 1200]  # a small phone, a phone, where the page changes, a screen
LEAST_CONTRAST = 4.5  # WCAG 2.1, 1.4.3

# What is wrong with the page as it is shown: a list of sentences.
LOOK = """(() => {
  const wrong = [];
  const shown = each => each.getClientRects().length > 0;
  const numbers = color => color.match(/[0-9.]+/g).map(Number);
  const light = color => numbers(color).slice(0, 3).map(each => each / 255)
    .map(each => each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
    .reduce((sum, each, index) => sum + each * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = each => {
    for (; each; each = each.parentElement) {
      const color = getComputedStyle(each).backgroundColor;
      if (numbers(color)[3] !== 0) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  for (const each of document.querySelectorAll('details')) each.open = true;
  for (const each of [document.scrollingElement, ...document.querySelectorAll('section')])
    if (each.scrollWidth > each.clientWidth) wrong.push(`${each.className || each.tagName} is wider than its place`);
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let texts = 0;
  while (walk.nextNode()) {
    const each = walk.currentNode.parentElement, text = walk.currentNode.data.trim();
    if (!text || !shown(each)) continue;
    ++texts;
    const svg = each.namespaceURI.endsWith('svg');
    const box = svg && !each.classList.contains('note') ? each.previousElementSibling : null;
    const style = getComputedStyle(each);
    const pair = [svg ? style.fill : style.color, box ? getComputedStyle(box).fill : ground(each)].map(light);
    const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (contrast < %s) wrong.push(`"${text}" has a contrast of ${contrast.toFixed(1)}`);
    const range = document.createRange();
    range.selectNodeContents(walk.currentNode);
    const place = range.getBoundingClientRect();
    const around = (box || each.closest('svg, td, dd, dt, section') || document.body).getBoundingClientRect();
    if (place.left < around.left - 1 || place.right > around.right + 1 || place.bottom > around.bottom + 1)
      wrong.push(`"${text}" sticks out`);
  }
  const drawn = [...document.querySelectorAll('svg text')].filter(shown).map(each => each.getBoundingClientRect());
  drawn.forEach((a, index) => drawn.slice(index + 1).forEach(b => {
    if (a.left < b.right && b.left < a.right && a.top < b.bottom - 2 && b.top < a.bottom - 2) wrong.push('texts of the picture overlap');
  }));
  if ([...document.querySelectorAll('svg')].filter(shown).length !== 1) wrong.push('not one picture');
  return {wrong, texts, ground: light(ground(document.body)), links: document.scripts.length + performance.getEntriesByType('resource').length};
})()""" % LEAST_CONTRAST


def make(spec, path):
    servers = [os.environ[name] for name in probe_truth.ALL[spec].servers]
    return probe.run(["--html", path], servers)["exit"]


def look(folder):
    """Inside a lab, where nothing could be fetched: how each page is shown. {page: {screen: found}}."""
    out = {}
    with browser.Chromium() as chromium:
        for page in sorted(pathlib.Path(folder).iterdir()):
            chromium.open(page)
            out[page.name] = {}
            for scheme in ("light", "dark"):
                for width in WIDTHS:
                    chromium.screen(width, scheme=scheme)
                    out[page.name][f"{width} pixels, {scheme}"] = chromium.run(LOOK)
    return out


if __name__ == "__main__":
    lab.serve(make, look)
    with tap.Tap() as t, tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            runs = {spec: pool.submit(lab.inside, ["--nat", spec], make, spec, f"{folder}/{number}.html")
                    for number, spec in enumerate(SPECS)}
        t.equal({spec: run.result() for spec, run in runs.items()},
                {spec: probe_truth.ALL[spec].exit_code() for spec in SPECS}, "a page was made for each")
        # One of our own that must be found wanting, or the rest says nothing.
        page = pathlib.Path(folder, "0.html").read_text(encoding="utf-8")
        pathlib.Path(folder, "bad.html").write_text(page.replace("--soft: #5c666e", "--soft: #b0b8be").replace(
            '<text text-anchor="middle"', '<text textLength="400" text-anchor="middle"'), encoding="utf-8")
        seen = lab.inside(["--nat", "none", "--no-servers"], look, folder, timeout=90)
        bad = " ".join(seen["bad.html"]["1200 pixels, light"]["wrong"])
        t.check("contrast" in bad and "sticks out" in bad, "a page that is hard to read is found out", bad)
        for number, spec in enumerate(SPECS):
            for screen, found in seen[f"{number}.html"].items():
                t.equal(found["wrong"], [], f"{spec}, {screen}: everything can be read")
                t.check(found["texts"] > 30 and found["links"] == 0, f"{spec}, {screen}: it is all there, and nothing is fetched", found)
            grounds = {scheme: seen[f"{number}.html"][f"360 pixels, {scheme}"]["ground"] for scheme in ("light", "dark")}
            t.check(grounds["light"] > 0.8 and grounds["dark"] < 0.1, f"{spec}: light is light, and dark is dark", grounds)
