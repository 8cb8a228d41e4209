"""What stands around Vertex AI, on one loopback address: tokens, Resource Manager, Service Usage, IAM, Cloud Storage,
Secret Manager and Artifact Registry.

Every request that Google's client sends through `requests` is led here, with its real host kept in a header: the code
that is tested speaks of the real hosts and nothing else.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from artifact_registry import ArtifactRegistry
from vertex_errors import ApiError, invalid

PROJECT = "ml-dev"
NUMBER = "123456789012"
ACCOUNT = f"tests@{PROJECT}.iam.gserviceaccount.com"
DEFAULT_ACCOUNT = f"{NUMBER}-compute@developer.gserviceaccount.com"
TOKEN = "secret-token-of-the-tests"
_HOST_HEADER = "X-Real-Host"
_ACT_AS = "iam.serviceAccounts.actAs"
_ALL = ("create", "get", "list", "cancel")


@dataclass
class Neighbours:
    """What they know and allow. `faults`: (part of host and path) -> kinds of what goes wrong next: 503, lost, cut."""

    url: str = ""
    registry: ArtifactRegistry = field(default_factory=ArtifactRegistry)
    projects: dict[str, str] = field(default_factory=lambda: {PROJECT: "ACTIVE"})
    apis: set[str] = field(
        default_factory=lambda: (
            {"aiplatform", "storage", "artifactregistry", "secretmanager", "iam", "serviceusage"}
            | {"cloudresourcemanager"}
        )
    )
    permissions: set[str] = field(
        default_factory=lambda: {*(f"aiplatform.pipelineJobs.{one}" for one in _ALL), "aiplatform.schedules.create"}
    )
    buckets: dict[str, str] = field(default_factory=lambda: {"bucket": "US-CENTRAL1"})
    objects: set[str] = field(default_factory=lambda: {f"storage.objects.{one}" for one in ("create", "get", "list")})
    accounts: dict[str, set[str]] = field(
        default_factory=lambda: {DEFAULT_ACCOUNT: {_ACT_AS}, f"runner@{PROJECT}.iam.gserviceaccount.com": {_ACT_AS}}
    )
    secrets: dict[str, str] = field(default_factory=lambda: {f"projects/{PROJECT}/secrets/wandb/versions/1": "ENABLED"})
    forbidden: set[str] = field(default_factory=set[str])
    is_logged_in: bool = True
    faults: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    images: dict[str, str] = field(default_factory=dict[str, str])
    asked: list[str] = field(default_factory=list[str])

    def fault(self, what: str) -> str:
        for number, (part, kind) in enumerate(self.faults):
            if part in what:
                del self.faults[number]
                return kind
        return ""

    def answer(self, method: str, host: str, path: str, query: list[tuple[str, str]], content: Any) -> Any:
        """Raises ApiError."""
        if path == "/token":
            if not self.is_logged_in:
                raise invalid("invalid_grant: the account was deleted")
            return {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}
        if any(part in f"{host}{path}" for part in self.forbidden):
            raise ApiError("PERMISSION_DENIED", "The caller does not have permission")
        api = host.partition(".")[0]
        if host.endswith(".googleapis.com") and api not in self.apis:
            raise _not_enabled(api)
        if self.registry.knows(host):
            kind, body = content
            return self.registry.answer(method, host, path, dict(query), (kind, _read(kind, body)))
        return _WORK[api](self, path, query, _read(*content))

    # ------------------------------------------------------------ one service each

    def project(self, path: str, _: Any, body: Any) -> Any:
        name, _colon, verb = path.removeprefix("/v1/projects/").partition(":")
        if verb == "testIamPermissions":
            granted = [one for one in body["permissions"] if one in self.permissions]
            return {"permissions": granted} if granted else {}
        if name not in self.projects:
            raise ApiError("PERMISSION_DENIED", "The caller does not have permission")
        return {"projectId": name, "projectNumber": NUMBER, "lifecycleState": self.projects[name]}

    def enabled(self, path: str, query: list[tuple[str, str]], _: Any) -> Any:
        if path != f"/v1/projects/{PROJECT}/services:batchGet":
            raise ApiError("NOT_FOUND", path)
        names = [value for key, value in query if key == "names"]
        return {"services": [self._service(name) for name in names]}

    def _service(self, name: str) -> dict[str, str]:
        found = re.fullmatch(rf"projects/{PROJECT}/services/([a-z]+)\.googleapis\.com", name)
        if found is None:
            raise invalid(name)
        state = "ENABLED" if found[1] in self.apis else "DISABLED"
        return {"name": f"projects/{NUMBER}/services/{found[1]}.googleapis.com", "state": state}

    def bucket(self, path: str, query: list[tuple[str, str]], _: Any) -> Any:
        name, _slash, rest = path.removeprefix("/storage/v1/b/").partition("/")
        if name not in self.buckets:
            raise ApiError("NOT_FOUND", "The specified bucket does not exist.")
        if rest == "iam/testPermissions":
            granted = [value for key, value in query if key == "permissions" and value in self.objects]
            return {"kind": "storage#testIamPermissionsResponse", **({"permissions": granted} if granted else {})}
        return {"location": self.buckets[name], "locationType": "region"}

    def account(self, path: str, _: Any, body: Any) -> Any:
        email, _colon, verb = path.removeprefix("/v1/projects/-/serviceAccounts/").partition(":")
        if email not in self.accounts or verb != "testIamPermissions":
            raise ApiError("NOT_FOUND", f"Unknown service account: {email}")
        granted = [one for one in body["permissions"] if one in self.accounts[email]]
        return {"permissions": granted} if granted else {}

    def secret(self, path: str, _: Any, __: Any) -> Any:
        name = path.removeprefix("/v1/")
        if name not in self.secrets:
            raise ApiError("NOT_FOUND", f"Secret Version [{name}] not found.")
        return {"name": name, "state": self.secrets[name]}


_WORK = {
    "cloudresourcemanager": Neighbours.project,
    "serviceusage": Neighbours.enabled,
    "storage": Neighbours.bucket,
    "iam": Neighbours.account,
    "secretmanager": Neighbours.secret,
}


def _read(kind: str, body: bytes) -> Any:
    return json.loads(body) if kind.startswith("application/json") and body else body


def _not_enabled(api: str) -> ApiError:
    text = f"API {api}.googleapis.com has not been used in project {NUMBER} before or it is disabled."
    return ApiError("PERMISSION_DENIED", text, [{"reason": "SERVICE_DISABLED"}])


class _Handler(BaseHTTPRequestHandler):
    neighbours: Neighbours
    protocol_version = "HTTP/1.1"

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts, host = urlsplit(self.path), self.headers.get(_HOST_HEADER, "")
        what = f"{self.command} {host}{parts.path}"
        self.neighbours.asked.append(what)
        fault = self.neighbours.fault(what)
        if fault == "503":
            return self._send(503, ApiError("UNAVAILABLE", "try again").body())
        if parts.path.startswith("/v2/"):
            return self._image(parts.path)
        if parts.path != "/token" and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._send(401, ApiError("UNAUTHENTICATED", "who are you?").body())
        try:
            content = (self.headers.get("Content-Type", ""), body)
            answer = self.neighbours.answer(self.command, host, parts.path, parse_qsl(parts.query), content)
            status = 200
        except ApiError as error:
            status, answer = error.http_code, error.body()
        if fault == "lost":
            self.close_connection = True
            return None
        return self._send(status, answer)

    def _image(self, path: str) -> None:
        """A registry for everybody, which knows the digests of some tags: `/v2/team/app/manifests/1.0`."""
        digest = self.neighbours.images.get(path)
        self.send_response(200 if digest else 404)
        self.send_header("Content-Length", "0")
        self.send_header("Docker-Content-Digest", digest or "")
        self.end_headers()

    def _send(self, status: int, answer: Any) -> None:
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(answer, bytes) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_HEAD = do_POST = do_PATCH = do_DELETE = _do  # noqa: N815 - names that the server looks for

    def log_message(self, *_: object) -> None:
        """Nothing: tests look at `asked`."""


@contextmanager
def google_neighbours(patch: pytest.MonkeyPatch, vertex: str = "") -> Iterator[Neighbours]:
    """They answer while the context is open, and every request of `requests` is led to them; those to Vertex AI itself
    are led to the address `vertex`.
    """
    neighbours = Neighbours()
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"neighbours": neighbours}))
    http.daemon_threads = True
    neighbours.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    _lead_here(patch, neighbours.url, vertex)
    try:
        yield neighbours
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def _lead_here(patch: pytest.MonkeyPatch, url: str, vertex: str) -> None:
    from requests.adapters import HTTPAdapter

    send = HTTPAdapter.send

    def led(self: HTTPAdapter, request: Any, *args: Any, **kwargs: Any) -> Any:
        parts = urlsplit(request.url)
        if parts.hostname != "127.0.0.1":
            request.headers[_HOST_HEADER] = parts.netloc
            there = vertex if parts.netloc.endswith("-aiplatform.googleapis.com") else url
            request.url = f"{there}{parts.path}{'?' if parts.query else ''}{parts.query}"
        return send(self, request, *args, **kwargs)

    patch.setattr(HTTPAdapter, "send", led)


@cache
def _key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


def account_file(folder: Path, neighbours: Neighbours) -> Path:
    """A key of a made-up service account, whose tokens the neighbours give."""
    content = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "1",
        "private_key": _key(),
        "client_email": ACCOUNT,
        "client_id": "1",
        "token_uri": f"{neighbours.url}/token",
    }
    file = folder / "account.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return file
