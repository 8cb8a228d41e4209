"""Google's metadata server and APIs on loopback, for programs that ask them with urllib.

Whatever address a program names, the loopback server is asked, with the address as its path; pauses are written down
and not made.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

META = "/http/metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"
_TOKEN = '{"access_token": "the-token", "expires_in": 3599, "token_type": "Bearer"}'
_SITECUSTOMIZE = """
import os, time, urllib.request
opened = urllib.request.OpenerDirector.open
def loopback(self, request, *args, **more):
    request.full_url = os.environ["LOOPBACK"] + "/" + request.full_url.replace("://", "/")
    return opened(self, request, *args, **more)
def sleep(seconds):
    with open(os.environ["WAITS"], "a") as file:
        file.write("%s\\n" % seconds)
urllib.request.OpenerDirector.open, time.sleep = loopback, sleep
"""


@dataclass
class LoopbackCloud:
    """What the server answers by path, the last answer again and again, a status of 0 being a cut connection; and what
    it was asked. `environment` is that of the programs that are to ask it.
    """

    folder: Path
    answers: dict[str, list[tuple[int, str | bytes]]] = field(default_factory=lambda: {META: [(200, _TOKEN)]})
    asked: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    def answer(self, path: str, headers: Any) -> tuple[int, str | bytes]:
        self.asked.append(path)
        path = path.removeprefix(self.environment["LOOPBACK"])
        wanted = ("Metadata-Flavor", "Google") if path == META else ("Authorization", "Bearer the-token")
        if headers.get(wanted[0]) != wanted[1]:
            return 401, "wrong header"
        left = self.answers.get(path, [(404, "<html>")])
        return left.pop(0) if len(left) > 1 else left[0]

    @property
    def waits(self) -> list[str]:
        """The pauses that were to be made, in seconds."""
        file = Path(self.environment["WAITS"])
        return file.read_text().split() if file.exists() else []

    @contextmanager
    def running(self) -> Iterator[None]:
        """A server on a free port, while the block lasts."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self.environment = self._environment(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def _environment(self, address: str) -> dict[str, str]:
        site = self.folder / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(_SITECUSTOMIZE)
        usual = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        return {**usual, "LOOPBACK": address, "WAITS": str(self.folder / "waits"), "PYTHONPATH": str(site)}


def _handler_for(cloud: LoopbackCloud) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, said = cloud.answer(self.path, self.headers)
            if not status:
                self.connection.close()
                return
            body = said if isinstance(said, bytes) else said.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name that the base class gives it
            del format, args

    return Handler
