"""A loopback server that holds the rules of Vertex AI's models and endpoints, as far as the library needs them.

Requests are read with the strict messages of google-cloud-aiplatform: an unknown field is INVALID_ARGUMENT.
"""

from __future__ import annotations

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from google.cloud import aiplatform_v1 as api
from google.protobuf.json_format import ParseError

PARENT = "projects/123/locations/europe-west4"
HOST = "europe-west4-aiplatform.googleapis.com"
PAGE = 2

REDIRECT = """
import os, time
from urllib.parse import urlsplit
import requests.adapters

send = requests.adapters.HTTPAdapter.send

def to_loopback(self, request, **rest):
    parts = urlsplit(request.url)
    if parts.hostname.endswith("googleapis.com"):
        assert parts.scheme == "https"
        rest_of_url = request.url.split(parts.netloc, 1)[1]
        request.url = f"http://{os.environ['GCE_METADATA_HOST']}/{parts.hostname}{rest_of_url}"
    return send(self, request, **rest)

requests.adapters.HTTPAdapter.send = to_loopback
time.sleep = lambda seconds, sleep=time.sleep: sleep(min(seconds, 0.01))
"""
"""`sitecustomize` of the programs: Google's hosts lie on the loopback, and pauses are short."""


class Refused(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class FakeVertex:
    """The state of one region. `faults` are used up in order: (method, end of the path, "503" | "lost")."""

    def __init__(self) -> None:
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.operations: dict[str, dict[str, Any]] = {}
        self.models: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.cancelled: list[str] = []
        self.faults: list[tuple[str, str, str]] = []
        self.slow_operations = 1
        self.failing: str | None = None
        handler = type("Handler", (_Handler,), {"vertex": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def add_endpoint(self, identity: str, display_name: str) -> dict[str, Any]:
        name = f"{PARENT}/endpoints/{identity}"
        self.endpoints[name] = {"name": name, "displayName": display_name}
        return self.endpoints[name]

    # ------------------------------------------------------------ the API

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any] | None) -> dict[str, Any]:
        if path == f"{PARENT}/endpoints":
            return self._create(query, body) if method == "POST" else self._page(query)
        if path in self.operations:
            return self._operation(path)
        if path.endswith(":cancel"):
            self.cancelled.append(path.removesuffix(":cancel"))
            return {}
        if path == f"{PARENT}/models:upload" and body is not None:
            return self._upload(body)
        endpoint = self.endpoints.get(path.partition(":")[0])
        if endpoint is None:
            raise Refused(404, f"{path} is not found")
        if path.endswith(":deployModel"):
            return self._deploy(endpoint, body or {})
        return endpoint if method == "GET" else self._patch(endpoint, query, body or {})

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        start = int(query.get("pageToken") or 0)
        every = [*self.endpoints.values()]
        following = {"nextPageToken": str(start + PAGE)} if len(every) > start + PAGE else {}
        return {"endpoints": every[start : start + PAGE], **following}

    def _create(self, query: dict[str, str], body: dict[str, Any] | None) -> dict[str, Any]:
        _strict(api.Endpoint, body)
        identity = query["endpointId"]
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,61}[a-z0-9]", identity):
            raise Refused(400, "the id is malformed")
        if f"{PARENT}/endpoints/{identity}" in self.endpoints:
            raise Refused(409, "the endpoint exists")
        endpoint = self.add_endpoint(identity, (body or {})["displayName"])
        return self._start(endpoint["name"], {"name": endpoint["name"]})

    def _deploy(self, endpoint: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        _strict(api.DeployModelRequest, {**body, "endpoint": endpoint["name"]})
        deployed, split = body["deployedModel"], body["trafficSplit"]
        if not re.fullmatch(r"[0-9]{1,10}", deployed["id"]) or sum(split.values()) != 100:
            raise Refused(400, "the id or the traffic is malformed")
        known = endpoint.setdefault("deployedModels", [])
        if any(each["id"] == deployed["id"] for each in known):
            raise Refused(409, "the deployed model exists")
        known.append(deployed)
        endpoint["trafficSplit"] = {deployed["id"] if key == "0" else key: share for key, share in split.items()}
        return self._start(endpoint["name"], {"deployedModel": deployed})

    def _patch(self, endpoint: dict[str, Any], query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        _strict(api.Endpoint, body)
        assert query == {"updateMask": "trafficSplit"}
        split = body["trafficSplit"]
        if sum(split.values()) != 100 or not {each["id"] for each in endpoint["deployedModels"]} >= split.keys():
            raise Refused(400, "the traffic is malformed")
        endpoint["trafficSplit"] = split
        return endpoint

    def _upload(self, body: dict[str, Any]) -> dict[str, Any]:
        _strict(api.UploadModelRequest, body)
        self.models.append(body["model"])
        result = {"model": f"{PARENT}/models/{len(self.models)}", "modelVersionId": "1"}
        return {**self._start(PARENT, result), "done": True, "response": result}

    def _start(self, owner: str, result: dict[str, Any]) -> dict[str, Any]:
        name = f"{owner}/operations/{len(self.operations) + 1}"
        self.operations[name] = {"polls": self.slow_operations, "result": result}
        return {"name": name}

    def _operation(self, name: str) -> dict[str, Any]:
        operation = self.operations[name]
        operation["polls"] -= 1
        if operation["polls"] >= 0:
            return {"name": name}
        if self.failing:
            return {"name": name, "done": True, "error": {"code": 9, "message": self.failing}}
        return {"name": name, "done": True, "response": operation["result"]}


def _strict(message: Any, body: dict[str, Any] | None) -> None:
    try:
        message.from_json(json.dumps(body), ignore_unknown_fields=False)
    except ParseError as error:
        raise Refused(400, str(error)) from None


class _Handler(BaseHTTPRequestHandler):
    vertex: FakeVertex

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size) or "null")
        if parts.path.startswith("/computeMetadata") or parts.path == "/":
            self._metadata(parts.path)
            return
        host, _, path = parts.path.removeprefix("/").partition("/v1/")
        assert (host, self.headers["Authorization"]) == (HOST, "Bearer fake-token")
        self.vertex.calls.append(f"{self.command} {path.removeprefix(PARENT)}")
        fault = self._fault(path)
        if fault == "503":
            self._reply(503, {"error": {"code": 503, "message": "try again"}})
            return
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        try:
            reply = 200, self.vertex.answer(self.command, path, query, body)
        except Refused as refused:
            reply = refused.code, {"error": {"code": refused.code, "message": refused.message}}
        if fault == "lost":
            self.close_connection = True
            self.connection.close()
        else:
            self._reply(*reply)

    do_GET = do_POST = do_PATCH = _serve  # noqa: N815

    def _fault(self, path: str) -> str | None:
        for fault in self.vertex.faults:
            if fault[0] == self.command and path.endswith(fault[1]):
                self.vertex.faults.remove(fault)
                return fault[2]
        return None

    def _metadata(self, path: str) -> None:
        """The metadata server, from which the real google-auth takes its token."""
        if path.endswith("/token"):
            self._reply(200, {"access_token": "fake-token", "expires_in": 3600, "token_type": "Bearer"})
        elif path.endswith("/project-id"):
            self._reply(200, "my-project")
        else:
            self._reply(200, {"email": "robot", "scopes": [], "aliases": []})

    def _reply(self, code: int, value: object) -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        kind = "application/text" if isinstance(value, str) else "application/json"
        self.send_response(code)
        self.send_header("Metadata-Flavor", "Google")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        del format, args
