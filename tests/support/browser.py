# SPDX-License-Identifier: MIT
"""A headless Chromium, driven over a pipe by the DevTools protocol: no port, no driver program.

    with browser.Chromium(lab.node_command("b")) as chromium:
        chromium.run("window.answer = 6 * 7")
        chromium.run("new Promise(done => setTimeout(() => done(answer), 1))")   # 42
        chromium.run("tell('a word')"); chromium.told(PATIENCE)                  # "a word"
"""
import base64
import json
import os
import pathlib
import queue
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading

PROGRAM = "chromium"
# Nothing that looks for the internet; host candidates with their addresses instead of names that only
# multicast DNS resolves, unless the test is about those.
_FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
          "--disable-background-networking", "--disable-component-update", "--disable-sync",
          "--disable-dev-shm-usage", "--remote-debugging-pipe"]
_NUMERIC_HOSTS = "--disable-features=WebRtcHideLocalIpsWithMdns"
PATIENCE = 30.0  # to start, on a busy machine, and for what a page computes


class Chromium:
    """One page. Leaving the `with` block ends the browser and removes what it wrote."""

    def __init__(self, prefix=(), hide_addresses=False):
        if not shutil.which(PROGRAM):
            raise RuntimeError(f"there is no {PROGRAM}: run 'tools/dev setup lab'")
        self._profile = tempfile.mkdtemp()
        there, self._to = os.pipe()
        self._from, here = os.pipe()
        flags = [*_FLAGS, f"--user-data-dir={self._profile}", "about:blank"]
        if not hide_addresses:
            flags.insert(0, _NUMERIC_HOSTS)
        # Chromium reads commands from descriptor 3 and writes answers to 4.
        script = f"exec {shlex.join([PROGRAM, *flags])} 3<&{there} 4>&{here}"
        self._process = subprocess.Popen([*prefix, "sh", "-c", script], pass_fds=(there, here),
                                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(there)
        os.close(here)
        self._answers = {}
        self._changed = threading.Condition()
        self._told = queue.Queue()
        self._last = 0
        self._ended = False
        self._session = None
        threading.Thread(target=self._read, daemon=True).start()
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target,
                                  flatten=True)["sessionId"]
        self._ask("Runtime.enable")
        self._ask("Runtime.addBinding", name="tell")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        os.close(self._to)
        shutil.rmtree(self._profile, ignore_errors=True)

    def run(self, expression):
        """The value of a JavaScript expression; a promise is waited for."""
        answer = self._ask("Runtime.evaluate", expression=expression, awaitPromise=True,
                           returnByValue=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description") or details["text"])
        return answer["result"].get("value")

    def open(self, path):
        """Shows a file instead of the present page; returns when all of it is there."""
        self._ask("Page.navigate", url=pathlib.Path(path).resolve().as_uri())
        self.run("new Promise(done => document.readyState == 'complete' ? done() : addEventListener('load', () => done()))")

    def screen(self, width, height=900, scheme="light"):
        """What the page is shown on, in pixels, and whether its owner likes it "light" or "dark"."""
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self._ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self):
        """The whole page as a PNG file's bytes."""
        return base64.b64decode(self._ask("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def told(self, patience=PATIENCE):
        """The next text that the page gave to tell(); None if none came."""
        try:
            return self._told.get(timeout=patience)
        except queue.Empty:
            return None

    def forget_told(self):
        """What the page told so far, and nobody asked for."""
        while self.told(0) is not None:
            pass

    def _ask(self, method, **parameters):
        with self._changed:
            self._last += 1
            number = self._last
            message = {"id": number, "method": method, "params": parameters}
            if self._session:
                message["sessionId"] = self._session
            data = json.dumps(message).encode() + b"\0"
            while data:
                data = data[os.write(self._to, data):]
            if not self._changed.wait_for(lambda: number in self._answers or self._ended, PATIENCE):
                raise RuntimeError(f"{PROGRAM} does not answer {method}")
            if number not in self._answers:
                raise RuntimeError(f"{PROGRAM} ended")
            answer = self._answers.pop(number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _read(self):
        rest = b""
        while chunk := os.read(self._from, 65536):
            *messages, rest = (rest + chunk).split(b"\0")
            for message in map(json.loads, messages):
                if message.get("method") == "Runtime.bindingCalled":
                    self._told.put(message["params"]["payload"])
                elif "id" in message:
                    with self._changed:
                        self._answers[message["id"]] = message
                        self._changed.notify_all()
        os.close(self._from)
        with self._changed:
            self._ended = True
            self._changed.notify_all()
