"""Debian's Chromium without a window, driven through two pipes (--remote-debugging-pipe), with nothing but Python.

https://chromedevtools.github.io/devtools-protocol: messages are JSON, each ended by a NUL.
"""

from __future__ import annotations

import contextlib
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
_FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --disable-extensions --hide-scrollbars "
    "--remote-debugging-pipe about:blank"
).split()
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
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.writing.write(json.dumps(message).encode() + b"\0")
        self.writing.flush()
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            answer = self._next()
            if answer.get("id") == self._count:
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
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events.clear()
        self.call("Page.navigate", url=url)
        self.value("new Promise(done => document.readyState === 'complete' ? done(1) : addEventListener('load', () => done(1)))")

    def settle(self, seconds: float = 0.5) -> None:
        """Let frames load and answers come."""
        self.value(f"new Promise(done => setTimeout(done, {int(seconds * 1000)}))")

    def complaints(self) -> list[Any]:
        """Messages on the console and exceptions."""
        names = {"Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"}
        return [event["params"] for event in self.events if event.get("method") in names]

    def requests(self) -> list[str]:
        return [
            event["params"]["request"]["url"] for event in self.events if event.get("method") == "Network.requestWillBeSent"
        ]

    def _next(self) -> dict[str, Any]:
        text = bytearray()
        while (byte := self.reading.read(1)) != b"\0":
            assert byte, "the browser has ended"
            text += byte
        message = json.loads(text)
        if "method" in message:
            self.events.append(message)
        return message


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Chromium with a new profile in `folder`, ended with the context."""
    assert CHROMIUM
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    command = ["sh", "-c", f'exec "$0" "$@" 3<&{to_read} 4>&{from_write}', CHROMIUM, *_FLAGS, f"--user-data-dir={folder}"]
    process = subprocess.Popen(
        command, pass_fds=(to_read, from_write), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True, env={**os.environ, "HOME": str(folder)},
    )  # fmt: skip
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
