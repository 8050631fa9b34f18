"""A real browser, driven over a pipe by the DevTools protocol: messages of JSON that a zero byte ends. No network.

    python tests/pipeline/browser.py out/demo/report.html docs/report.png

makes the picture of a report that the documentation shows: its head, the funnel, and a threshold that has been moved.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    *(
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--disable-breakpad",
        "--disable-crash-reporter",
    ),
    *("--disable-background-networking", "--disable-component-update", "--no-first-run", "--remote-debugging-pipe"),
)
SECONDS = 120
"""After so much silence the browser is taken for dead."""
KEYS = {"Tab": 9, "Enter": 13, "Home": 36, "ArrowLeft": 37, "ArrowRight": 39, " ": 32}


def find_browser() -> str | None:
    """The path of a browser of this machine."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """The browser's process, and what it says."""

    def __init__(self, binary: str, profile: str) -> None:
        hears, self._write = os.pipe()
        self._read, says = os.pipe()
        # Above the numbers that the browser hears and says by, so that putting one there closes no other.
        ours = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (hears, says)]
        silent = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in range(3)]
        moved = [(os.POSIX_SPAWN_DUP2, fd, number) for fd, number in zip(ours, (3, 4), strict=True)]
        command = [binary, *FLAGS, f"--user-data-dir={profile}"]
        self._pid = os.posix_spawn(binary, command, os.environ, file_actions=[*silent, *moved], setpgroup=0)
        for fd in (hears, says, *ours):
            os.close(fd)
        self._buffer, self._number = b"", 0
        self.events: list[dict] = []

    def ask(self, method: str, session: str | None = None, **parameters: object) -> dict:
        """What a method answers; what happens meanwhile is kept in `events`."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        os.write(self._write, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def wait(self, method: str) -> None:
        """Until an event has come."""
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self._next())

    def _next(self) -> dict:
        while b"\0" not in self._buffer:
            if not select.select([self._read], [], [], SECONDS)[0]:
                raise TimeoutError("the browser says nothing")
            if not (read := os.read(self._read, 1 << 20)):
                raise EOFError("the browser has ended")
            self._buffer += read
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def end(self) -> None:
        """Kill it with all its processes."""
        with suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._read)
        os.close(self._write)


class Page:
    """A page that is open, offline from its beginning."""

    def __init__(self, browser: Browser, url: str, *, width: int = 1200, dark: bool = False, script: bool = True):
        target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = browser.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._browser, self._target = browser, target
        browser.events.clear()
        for domain in ("Page", "Runtime", "Log", "Network", "DOM", "Accessibility"):
            self.ask(f"{domain}.enable")
        self.ask("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.ask("Emulation.setScriptExecutionDisabled", value=not script)
        self.ask("Page.navigate", url=url)
        browser.wait("Page.loadEventFired")

    def ask(self, method: str, **parameters: object) -> dict:
        """What a method answers about this page."""
        return self._browser.ask(method, self._session, **parameters)

    def run(self, expression: str) -> object:
        """The value of a script's expression."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"]["exception"].get("description"))
        return found["result"].get("value")

    def press(self, *keys: str) -> None:
        """Keys, one after the other."""
        for key in keys:
            for kind in ("rawKeyDown", "keyUp"):
                code = {"windowsVirtualKeyCode": KEYS[key], "key": key, "code": "Space" if key == " " else key}
                self.ask("Input.dispatchKeyEvent", type=kind, **code)
            if key == "Enter" or key == " ":
                self.ask("Input.dispatchKeyEvent", type="char", text="\r" if key == "Enter" else " ")

    def accessible(self) -> list[dict]:
        """What assistive technology is told: role, name, and properties of each node, in the page's order."""
        nodes = self.ask("Accessibility.getFullAXTree")["nodes"]
        return [
            {
                name: node[name]["value"]
                for name in ("role", "name", "value", "description")
                if "value" in node.get(name, {})
            }
            | {item["name"]: item["value"].get("value") for item in node.get("properties", ())}
            for node in nodes
            if not node["ignored"]
        ]

    def said(self, method: str) -> list[dict]:
        """Parameters of the events of one kind, so far."""
        self.run("0")  # What was said before this answer has been heard.
        return [event["params"] for event in self._browser.events if event.get("method") == method]

    def picture(self, path: Path) -> None:
        """A picture of all the page."""
        content = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(content))

    def close(self) -> None:
        """Close it."""
        self._browser.ask("Target.closeTarget", targetId=self._target)


@contextmanager
def open_browser(binary: str) -> Iterator[Browser]:
    """A browser with a profile of its own, which is surely gone in the end."""
    with tempfile.TemporaryDirectory(prefix="tokenmill-browser-", ignore_cleanup_errors=True) as profile:
        browser = Browser(binary, profile)
        try:
            yield browser
        finally:
            browser.end()


SHOWN = "header, #funnel, #funnel + figure, #thresholds, #explorer form, #explorer .scroll"
"""What of the report its picture shows."""


def main(report: str, picture: str) -> None:
    """Make the picture."""
    binary = find_browser()
    if binary is None:
        raise SystemExit(f"install one of {', '.join(NAMES)}")
    with open_browser(binary) as browser:
        page = Page(browser, Path(report).resolve().as_uri(), width=900)
        page.run("document.getElementById('cut-2').focus()")
        page.press(*["ArrowRight"] * 12)
        page.run("document.activeElement.blur()")
        page.run(f"""document.querySelectorAll("main *").forEach(part => {{
            if (!part.closest({json.dumps(SHOWN)}) && !part.querySelector({json.dumps(SHOWN)})) part.remove();
        }}); document.querySelectorAll("section:not(:has(h2))").forEach(part => part.remove())""")
        page.picture(Path(picture))


if __name__ == "__main__":
    main(*sys.argv[1:])
