"""A Kubeflow Pipelines API server on loopback: the real rules, no cluster. REST v2beta1 over plain HTTP.

`with kfp_server() as server:` gives its `url`. `server.store` is what it keeps, `server.store.script` how runs go on,
`server.requests` what it was asked, `server.faults` what goes wrong, one request after the other.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from kfp_rules import Refused
from kfp_store import Store

API = "/apis/v2beta1"
_ID = r"([^/:]+)"
_LOGIN_PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"
_STATUSES = {"503": 503, "429": 429, "500": 500, "502": 502, "504 after": 504}


@dataclass(frozen=True)
class Fault:
    """What happens to the next request whose method and path fit.

    `kind`: a status before anything is done (503, 429, 500, 502), `cut` (the connection, before), `lost` (the
    connection, after the work was done), `504 after` (a status after the work was done), `html` (a page of a proxy).
    """

    kind: str
    method: str = ""
    path: str = ""

    def fits(self, method: str, path: str) -> bool:
        return method.startswith(self.method) and self.path in path

    @property
    def is_after_work(self) -> bool:
        return self.kind in {"lost", "504 after"}


@dataclass(frozen=True)
class Request:
    """One that was asked, with the status of its answer; 0 where the connection was cut."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]
    status: int


@dataclass
class KfpServer:
    """A server that is running. `token`: what requests must bear; `forbidden`: paths that answer 403."""

    url: str = ""
    store: Store = field(default_factory=Store)
    faults: list[Fault] = field(default_factory=list)
    chance: Callable[[str, str], Fault | None] | None = None
    requests: list[Request] = field(default_factory=list)
    token: str = ""
    forbidden: list[str] = field(default_factory=list)
    redirect: str = ""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def advance(self, to: datetime) -> list[dict[str, Any]]:
        with self.lock:
            return self.store.advance(to)

    def asked(self, method: str, path: str) -> list[Request]:
        """All requests of that method whose path ends like that."""
        return [one for one in self.requests if one.method == method and one.path.endswith(path)]

    def fault(self, method: str, path: str) -> Fault | None:
        for number, one in enumerate(self.faults):
            if one.fits(method, path):
                return self.faults.pop(number)
        return self.chance(method, path) if self.chance else None

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes, headers: dict[str, str]) -> Any:
        """The work. Raises Refused."""
        if self.token and headers.get("authorization") != f"Bearer {self.token}":
            raise Refused(401, "Unauthenticated: there is no user identity header")
        if any(part in path for part in self.forbidden):
            raise Refused(403, "PermissionDenied: User 'x' is not authorized with reason: (request: verb create)")
        if not path.startswith(API):
            raise Refused(404, "Not Found")
        for (verb, pattern), work in _ROUTES.items():
            found = re.fullmatch(pattern, path.removeprefix(API))
            if found and verb == method:
                return work(self.store, found.groups(), query, _content(path, body))
        raise Refused(404, "Not Found")


@contextmanager
def kfp_server(*, multi_user: bool = False) -> Iterator[KfpServer]:
    """A server on a free port of the loopback interface while the context is open."""
    server = KfpServer(store=Store(multi_user=multi_user))
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"kfp": server}))
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


_ROUTES: dict[tuple[str, str], Callable[[Store, tuple[str, ...], dict[str, str], Any], Any]] = {
    ("GET", "/healthz"): lambda store, _, __, ___: {"multi_user": store.multi_user},
    ("POST", "/experiments"): lambda store, _, query, body: store.create_experiment(body, query),
    ("GET", "/experiments"): lambda store, _, query, __: store.list_experiments(query),
    ("POST", "/pipelines/upload"): lambda store, _, query, body: store.upload(body, query),
    ("POST", "/pipelines/upload_version"): lambda store, _, query, body: store.upload_version(body, query),
    ("POST", "/pipelines"): lambda store, _, query, body: store.create_pipeline(body, query),
    ("GET", "/pipelines"): lambda store, _, query, __: store.list_pipelines(query),
    ("GET", f"/pipelines/{_ID}"): lambda store, ids, _, __: store.get_pipeline(*ids),
    ("GET", f"/pipelines/{_ID}/versions"): lambda store, ids, query, _: store.list_versions(*ids, query),
    ("GET", f"/pipelines/{_ID}/versions/{_ID}"): lambda store, ids, _, __: store.get_version(*ids),
    ("PATCH", f"/pipelines/{_ID}/versions/{_ID}"): lambda store, ids, _, body: store.update_version(*ids, body),
    ("POST", "/runs"): lambda store, _, query, body: store.create_run(body, query),
    ("GET", "/runs"): lambda store, _, query, __: store.list_runs(query),
    ("GET", f"/runs/{_ID}"): lambda store, ids, query, _: store.get_run(*ids, query),
    ("POST", f"/runs/{_ID}:terminate"): lambda store, ids, _, __: store.terminate(*ids),
    ("POST", f"/runs/{_ID}:retry"): lambda store, ids, _, __: store.retry(*ids),
    ("POST", "/recurringruns"): lambda store, _, query, body: store.create_schedule(body, query),
    ("GET", "/recurringruns"): lambda store, _, query, __: store.list_schedules(query),
    ("GET", f"/recurringruns/{_ID}"): lambda store, ids, _, __: store.get_schedule(*ids),
    ("DELETE", f"/recurringruns/{_ID}"): lambda store, ids, _, __: store.delete_schedule(*ids),
    ("POST", f"/recurringruns/{_ID}:enable"): lambda store, ids, _, __: store.switch(*ids, on=True),
    ("POST", f"/recurringruns/{_ID}:disable"): lambda store, ids, _, __: store.switch(*ids, on=False),
}


def _content(path: str, body: bytes) -> Any:
    if "/upload" in path:
        return body
    try:
        return json.loads(body or b"{}")
    except ValueError as error:
        raise Refused(400, f"proto: syntax error: {error}") from None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    kfp: KfpServer

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Say nothing."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.kfp.lock:
            fault = self.kfp.fault(self.command, parts.path)
            status, content = self._outcome(fault, parts.path, query, body, headers)
            shown = body if "/upload" in parts.path else _loaded(body)
            self.kfp.requests.append(Request(self.command, parts.path, query, shown, headers, status))
        if status:
            self._send(status, content)
        else:
            self._cut()

    def _outcome(
        self, fault: Fault | None, path: str, query: dict[str, str], body: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        if self.kfp.redirect:
            return 302, b""
        if fault is not None and not fault.is_after_work:
            return _said(fault)
        try:
            status, content = 200, self.kfp.answer(self.command, path, query, body, headers)
        except Refused as refused:
            status, content = refused.status, refused.body()
        if fault is not None:
            return _said(fault)
        return status, json.dumps(content).encode()

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if content.startswith(b"<") else "application/json")
        self.send_header("Content-Length", str(len(content)))
        if status == 302:
            self.send_header("Location", self.kfp.redirect)
        self.end_headers()
        self.wfile.write(content)

    def _cut(self) -> None:
        """End the connection in the way of a machine that has gone."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()


def _said(fault: Fault) -> tuple[int, bytes]:
    if fault.kind in {"cut", "lost"}:
        return 0, b""
    if fault.kind == "html":
        return 200, _LOGIN_PAGE
    status = _STATUSES[fault.kind]
    return status, json.dumps(Refused(status, f"fault {fault.kind}").body()).encode()


def _loaded(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body
