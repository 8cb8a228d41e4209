"""Servers on this machine that hold objects, for tests: S3 (moto, behind a relay that can fail), and a little of GCS.

The relay hands on what comes and goes; it can be told to hold the answer to a GET after so many bytes, or to cut it and
to answer no GET any more.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

HOST = "127.0.0.1"


class Relay:
    """Between a client and the server at `port`. `cut_at`, `hold_at`: bytes of an answer to a GET of an object.

    `held` is set once an answer is held; `gets` counts the GETs of objects.
    """

    def __init__(self, port: int) -> None:
        self.cut_at: int | None = None
        self.hold_at: int | None = None
        self.held = threading.Event()
        self.gets = 0
        self._server = port
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """One connection; what is asked decides what becomes of the answer."""
        fails = threading.Event()
        with client, socket.create_connection((HOST, self._server)) as server:
            threading.Thread(target=self._ask, args=(client, server, fails), daemon=True).start()
            sent = 0
            while data := self._received(server):
                limit = self.cut_at if self.cut_at is not None else self.hold_at
                if fails.is_set() and limit is not None and sent + len(data) > limit:
                    client.sendall(data[: max(0, limit - sent)])
                    if self.cut_at is None:
                        self.held.set()
                        threading.Event().wait()
                    self.cut_at = 0
                    client.shutdown(socket.SHUT_RDWR)
                    return
                sent += len(data)
                try:
                    client.sendall(data)
                except OSError:
                    return

    def _ask(self, client: socket.socket, server: socket.socket, fails: threading.Event) -> None:
        while data := self._received(client):
            if data.startswith(b"GET ") and b"list-type" not in data.split(b"\r\n")[0]:
                fails.set()
                self.gets += 1
            try:
                server.sendall(data)
            except OSError:
                return
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def _received(self, side: socket.socket) -> bytes:
        try:
            return side.recv(1 << 16)
        except OSError:
            return b""


class Objects(ThreadingHTTPServer):
    """Objects by their names, each with a generation; as files over HTTP, and as GCS's JSON of the bucket `bucket`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Answers)
        self.objects: dict[str, tuple[bytes, int]] = {}
        self.etags = True
        self.gets = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def put(self, name: str, content: bytes) -> None:
        self.objects[name] = (content, self.objects.get(name, (b"", 0))[1] + 1)

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.server_port}"


class _Answers(BaseHTTPRequestHandler):
    server: Objects

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        del format, args

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path)
        marker = "/storage/v1/b/bucket/o"
        if marker not in path:
            self._content(path.lstrip("/"))
            return
        name = path.partition(marker)[2].lstrip("/")
        query = parse_qs(url.query)
        if not name:
            prefix = query.get("prefix", [""])[0]
            items = [self._item(one) for one in sorted(self.server.objects) if one.startswith(prefix)]
            self._send(200, json.dumps({"kind": "storage#objects", "items": items}).encode())
        elif query.get("alt") == ["media"]:
            self._content(name)
        elif name in self.server.objects:
            self._send(200, json.dumps(self._item(name)).encode())
        else:
            self._send(404, b'{"error": {"code": 404, "message": "No such object"}}')

    def _content(self, name: str) -> None:
        if name not in self.server.objects:
            self._send(404, b"nothing")
            return
        content, generation = self.server.objects[name]
        self.server.gets += self.command == "GET"
        self._send(200, content, **({"ETag": f'"{generation}"'} if self.server.etags else {}))

    def _item(self, name: str) -> dict[str, Any]:
        content, generation = self.server.objects[name]
        return {
            "kind": "storage#object",
            "name": name,
            "bucket": "bucket",
            "size": str(len(content)),
            "generation": str(generation),
            "etag": f"e{generation}",
            "contentType": "text/plain",
        }

    def _send(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)
