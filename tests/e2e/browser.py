"""Headless Chromium, driven through its debugging pipe with Python's own library alone: messages are JSON, each ended
by a zero byte, written to its file descriptor 3 and read from its 4."""
import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")


class Page:
    """One page. `problems` gathers what it writes to its console as an error, and exceptions."""

    def __init__(self, pipe_in, pipe_out):
        self.to, self.back = pipe_in, pipe_out
        self.n, self.session, self.buffer = 0, None, b""
        self.problems, self.events = [], []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def receive(self, timeout=60):
        end = time.monotonic() + timeout
        while b"\0" not in self.buffer:
            if not select.select([self.back], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError("chromium does not answer")
            data = os.read(self.back, 1 << 20)
            if not data:
                raise EOFError("chromium has ended")
            self.buffer += data
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def note(self, message):
        method, params = message.get("method"), message.get("params", {})
        self.events.append(method)
        if method == "Runtime.exceptionThrown":
            self.problems.append(params["exceptionDetails"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.problems.append(params)
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.problems.append(params["entry"])
        elif method == "Network.requestWillBeSent" and params["request"]["url"].startswith(("http", "ftp", "ws")):
            self.problems.append(f"asks the network: {params['request']['url']}")

    def call(self, method, **params):
        self.n += 1
        message = {"id": self.n, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") != self.n:
                self.note(answer)
            elif "error" in answer:
                raise RuntimeError(f"{method}: {answer['error']}")
            else:
                return answer["result"]

    def open(self, path, width, height=900, dark=False, script=True):
        """Loads a file at this size of the window."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme",
                                                           "value": "dark" if dark else "light"}])
        self.call("Emulation.setScriptExecutionDisabled", value=not script)
        self.events.clear()
        self.call("Page.navigate", url=f"file://{path}")
        end = time.monotonic() + 60
        while "Page.loadEventFired" not in self.events:
            self.note(self.receive(max(0.1, end - time.monotonic())))

    def ask(self, expression):
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def picture(self, path, height=None):
        """The whole page as PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height or size["height"], "scale": 1}
        data = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))

    def print(self, path):
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.call("Page.printToPDF")["data"]))


@contextlib.contextmanager
def page():
    profile = tempfile.mkdtemp(prefix="tfx-chromium-")
    child_in, to = os.pipe()
    back, child_out = os.pipe()

    def wire():
        # Both are moved out of the way first: either may be 3 or 4 already.
        a, b = os.dup(child_in), os.dup(child_out)
        high_in, high_out = os.dup2(a, 103), os.dup2(b, 104)
        os.dup2(high_in, 3)
        os.dup2(high_out, 4)

    process = subprocess.Popen(
        [PROGRAM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", f"--user-data-dir={profile}",
         "--remote-debugging-pipe"], close_fds=False, preexec_fn=wire, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(child_in)
    os.close(child_out)
    try:
        yield Page(to, back)
    finally:
        os.close(to)
        os.close(back)
        process.kill()
        process.wait()
        shutil.rmtree(profile, ignore_errors=True)
