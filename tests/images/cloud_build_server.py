"""Cloud Build and Cloud Storage on a loopback port, as far as an image is built: strict, with faults to be had.

A build takes its source from the bucket, ends after a few looks at it, and writes its log into a bucket.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

DIGEST = f"sha256:{'c' * 64}"
LOG = "Step 1/2 : FROM python\nStep 2/2 : COPY . .\n"
Answer = tuple[int, dict[str, str], bytes]


@dataclass
class CloudBuildServer:
    """`faults` are statuses for the next requests of a kind (`create`, `get`, `upload`); `lose` answers a create after
    it was done with 503. `ends` is how builds end, after `looks` looks.
    """

    host: str = ""
    ends: str = "SUCCESS"
    looks: int = 2
    lose: int = 0
    log_is_readable: bool = True
    faults: dict[str, list[int]] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    builds: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __call__(self, request: BaseHTTPRequestHandler) -> Answer:
        url = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        body = _body(request)
        if url.path == "/token":
            assert b"assertion=" in body
            return _json({"access_token": "granted", "expires_in": 3600, "token_type": "Bearer"})
        if request.headers.get("Authorization") != "Bearer granted":
            return _error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        kind, answer = self._routed(request, url.path, query, body)
        self.requests.append(kind)
        return answer

    def _routed(
        self, request: BaseHTTPRequestHandler, path: str, query: dict[str, str], body: bytes
    ) -> tuple[str, Answer]:
        if match := re.fullmatch(r"/upload/storage/v1/b/([^/]+)/o", path):
            assert request.command == "POST" and query["uploadType"] == "media" and query["ifGenerationMatch"] == "0"
            return "upload", self._fault("upload") or self._upload(f"{match[1]}/{query['name']}", body)
        if match := re.fullmatch(r"/storage/v1/b/([^/]+)/o/([^/]+)", path):
            assert query == {"alt": "media"}
            return "log", self._log(request, f"{match[1]}/{unquote(match[2])}")
        place = "/v1/projects/ml-dev/locations/us-central1/builds"
        if path == place and request.command == "POST":
            return "create", self._fault("create") or self._create(json.loads(body))
        if path == place:
            [tag] = re.fullmatch(r'tags="([^"]+)"', query["filter"]).groups()  # type: ignore[union-attr]  # else a fault
            return "list", _json(
                {"builds": found} if (found := [one for one in self.builds if tag in one["tags"]]) else {}
            )
        if path.startswith(f"{place}/") and path.endswith(":cancel"):
            self.builds[-1]["status"] = "CANCELLED"
            return "cancel", _json(self.builds[-1])
        if path.startswith(f"{place}/"):
            return "get", self._fault("get") or self._get(path.rpartition("/")[2])
        return "unknown", _error(404, "NOT_FOUND", f"nothing is at {path}")

    def _fault(self, kind: str) -> Answer | None:
        waiting = self.faults.get(kind)
        return _error(waiting.pop(0), "FAULT", "a fault that was asked for") if waiting else None

    def _upload(self, name: str, body: bytes) -> Answer:
        if name in self.objects:
            return _error(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")
        self.objects[name] = body
        return _json({"name": name})

    def _create(self, build: dict[str, Any]) -> Answer:
        unknown = build.keys() - {"source", "steps", "images", "timeout", "tags"}
        source = build["source"]["storageSource"]
        if unknown or not re.fullmatch(r"\d+s", build["timeout"]):
            return _error(400, "INVALID_ARGUMENT", f"Invalid JSON payload received. Unknown name {sorted(unknown)}")
        for arg in build["steps"][0]["args"]:
            if match := re.search(r"(?<!\$)(?:\$\$)*\$(?!\$)\{?(\w+)", arg):
                return _error(400, "INVALID_ARGUMENT", f'key "{match[1]}" in the template is not a valid substitution')
        assert f"{source['bucket']}/{source['object']}" in self.objects
        made = {**build, "id": f"b{len(self.builds)}", "status": "QUEUED", "logsBucket": "gs://logs", "looks": 0}
        self.builds.append({**made, "logUrl": f"https://console.example/{made['id']}"})
        if self.lose:
            self.lose -= 1
            return _error(503, "UNAVAILABLE", "The service is currently unavailable.")
        return _json({"name": "operations/x", "metadata": {"build": self.builds[-1]}})

    def _get(self, name: str) -> Answer:
        [build] = [one for one in self.builds if one["id"] == name]
        build["looks"] += 1
        build["status"] = self.ends if build["looks"] >= self.looks else "WORKING"
        self.objects[f"logs/log-{name}.txt"] = LOG[: len(LOG) * build["looks"] // self.looks].encode()
        if build["status"] == "SUCCESS":
            build["results"] = {"images": [{"name": image, "digest": DIGEST} for image in build["images"]]}
        elif build["status"] != "WORKING":
            build["failureInfo"] = {
                "type": "USER_BUILD_STEP",
                "detail": 'Build step failure: build step 0 failed: "1".',
            }
        return _json(build)

    def _log(self, request: BaseHTTPRequestHandler, name: str) -> Answer:
        if not self.log_is_readable:
            return _error(403, "forbidden", "no storage.objects.get access")
        start = int(str(request.headers.get("Range")).removeprefix("bytes=").removesuffix("-"))
        found = self.objects.get(name)
        if found is None:
            return _error(404, "notFound", "No such object")
        return (206, {}, found[start:]) if start < len(found) else (416, {}, b"")

    def source(self) -> dict[str, tuple[int, bytes]]:
        """Mode and contents of the files in the only source that was sent."""
        [packed] = [data for name, data in self.objects.items() if name.endswith(".tgz")]
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
            files = {one.name: (one.mode, tar.extractfile(one)) for one in tar.getmembers() if one.isfile()}
            return {name: (mode, file.read()) for name, (mode, file) in files.items() if file is not None}


def _body(request: BaseHTTPRequestHandler) -> bytes:
    return request.rfile.read(int(request.headers.get("Content-Length") or 0))


def _json(value: object) -> Answer:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def _error(code: int, status: str, message: str) -> Answer:
    body = {"error": {"code": code, "status": status, "message": message}}
    return code, {"Content-Type": "application/json"}, json.dumps(body).encode()
