"""Debian's Chromium without a window, driven through two pipes (--remote-debugging-pipe), with nothing but Python.

https://chromedevtools.github.io/devtools-protocol: messages are JSON, each ended by a NUL.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_SWITCHES = """
--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --disable-dev-shm-usage --disable-extensions --hide-scrollbars
--remote-debugging-pipe about:blank
"""
_LOADED = """
new Promise(done => document.readyState === "complete" ? done(1) : addEventListener("load", () => done(1)))
"""
_PATIENCE = 60.0


@dataclass
class Browser:
    """`events` are all that it told so far."""

    reading: Any
    writing: Any
    events: list[dict[str, Any]] = field(default_factory=list)
    session: str = ""
    _count: int = 0

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a method; AssertionError where the browser refuses."""
        number = self._send(self.session, method, parameters)
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
        raise AssertionError(f"the browser does not answer {method}")

    def value(self, expression: str) -> Any:
        """What a JavaScript expression comes to, a promise's value if it is one."""
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def open(self, url: str, width: int = 1280, scheme: str = "light") -> None:
        """A new page with everything watched, in all frames; returns once it is loaded."""
        self.session = ""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=True, flatten=True)
        self.events.clear()
        self.call("Page.navigate", url=url)
        self.value(_LOADED)

    def settle(self, seconds: float = 0.5) -> None:
        """Let frames load and answers come."""
        self.value(f"new Promise(done => setTimeout(done, {int(seconds * 1000)}))")

    def complaints(self) -> list[Any]:
        """Messages on the console and exceptions."""
        names = {"Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"}
        return [event["params"] for event in self.events if event.get("method") in names]

    def requests(self) -> list[str]:
        """The addresses that the page and its frames asked for, as far as they told."""
        sent = [event["params"] for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [one["request"]["url"] for one in sent]

    def _send(self, session: str, method: str, parameters: dict[str, Any]) -> int:
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self.writing.write(json.dumps(message).encode() + b"\0")
        self.writing.flush()
        return self._count

    def _watch(self, session: str) -> None:
        """A frame with a process of its own waits until it is watched, too."""
        for method in ("Runtime.enable", "Log.enable", "Network.enable", "Runtime.runIfWaitingForDebugger"):
            self._send(session, method, {})

    def _next(self) -> dict[str, Any]:
        text = bytearray()
        while (byte := self.reading.read(1)) != b"\0":
            assert byte, "the browser has ended"
            text += byte
        message = json.loads(text)
        if "method" in message:
            self.events.append(message)
            if message["method"] == "Target.attachedToTarget" and self.session:
                self._watch(message["params"]["sessionId"])
        return message


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Chromium with a new profile in `folder`, ended with the context."""
    assert CHROMIUM
    to_read, to_write = _pipe()
    from_read, from_write = _pipe()
    pipes = f'exec "$0" "$@" 3<&{to_read} 4>&{from_write} {to_read}<&- {from_write}>&-'
    process = subprocess.Popen(
        ["bash", "-c", pipes, CHROMIUM, *_SWITCHES.split(), f"--user-data-dir={folder}"],
        pass_fds=(to_read, from_write),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "HOME": str(folder)},
    )
    os.close(to_read)
    os.close(from_write)
    with os.fdopen(to_write, "wb") as writing, os.fdopen(from_read, "rb") as reading:
        driven = Browser(reading, writing)
        try:
            yield driven
        finally:
            driven.session = ""
            with contextlib.suppress(OSError, AssertionError):
                driven.call("Browser.close")
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _pipe() -> tuple[int, int]:
    """A pipe whose numbers are not those that the browser wants."""
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return moved[0], moved[1]
