"""Vertex AI's pipeline API over REST on loopback, for tests: strict, with a clock of its own and faults on demand.

    with vertex_server() as server:
        client = PipelineServiceClient(transport="rest", client_options={"api_endpoint": server.endpoint}, ...)

What a test can set: `server.jobs.script`, `server.jobs.templates`, `server.faults`, `server.forbidden`, `server.now`.
What it can look at: `server.jobs.all`, `server.schedules.all`, `server.asked`.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from vertex_errors import ApiError, denied, invalid
from vertex_faults import Fault, Faults, error_of
from vertex_jobs import Job, Jobs
from vertex_lists import listed
from vertex_neighbours import Neighbours
from vertex_protos import parse, render
from vertex_schedules import Schedules
from vertex_script import Plan

Json = dict[str, Any]
START = 1_767_225_600.0  # 2026-01-01T00:00:00Z
_PATH = re.compile(
    r"/(?P<version>v1|v1beta1)/projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)"
    r"/(?P<kind>pipelineJobs|schedules|operations)(/(?P<id>[^/:]+))?(:(?P<action>[a-zA-Z]+))?"
)
_BATCH = 32
_METHODS = {
    ("POST", False, None): "create",
    ("GET", False, None): "list",
    ("GET", True, None): "get",
    ("DELETE", True, None): "delete",
    ("PATCH", True, None): "update",
    ("POST", True, "cancel"): "cancel",
    ("POST", True, "pause"): "pause",
    ("POST", True, "resume"): "resume",
    ("POST", False, "batchCancel"): "batchCancel",
    ("POST", False, "batchDelete"): "batchDelete",
}


@dataclass(frozen=True)
class Asked:
    """A request as it came. `method` is the API's name for it, e.g. `pipelineJobs.create`."""

    method: str
    verb: str
    path: str
    query: Mapping[str, str]
    body: Any
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Call:
    """A request as it is understood."""

    version: str
    kind: str
    action: str
    id: str
    query: Mapping[str, str]
    body: Any

    @property
    def method(self) -> str:
        return f"{self.kind}.{self.action}"

    @property
    def fields(self) -> Json:
        """The fields of a body that is no resource."""
        return self.body or {}


@dataclass
class Server:
    """The state behind the address."""

    project: str = "ml-dev"
    project_number: str = "123456789012"
    location: str = "us-central1"
    endpoint: str = ""
    now: float = START
    faults: Faults = field(default_factory=Faults)
    forbidden: set[str] = field(default_factory=set[str])
    needs_token: bool = False
    asked: list[Asked] = field(default_factory=list[Asked])
    broken: list[Exception] = field(default_factory=list[Exception])

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.jobs = Jobs(lambda: self.now, self.project_number, self.location)
        self.schedules = Schedules(lambda: self.now, self.jobs, self.project)
        self.neighbours = Neighbours(self.project, self.project_number, self.location)

    @property
    def parent(self) -> str:
        return f"projects/{self.project}/locations/{self.location}"

    @property
    def script(self) -> dict[str, Plan]:
        """How tasks go, by their names; for jobs that are created from now on."""
        return self.jobs.script

    def count(self, method: str) -> int:
        """How often a method was asked, whatever came of it."""
        return sum(one.method == method for one in self.asked)

    def advance(self, to: float, jobs_end: bool = True) -> list[Job]:
        """Let time pass until `to`, seconds since the epoch. The jobs that schedules started, in their order.

        `jobs_end`: jobs of a schedule run to their end before its next is due, if their script lets them.
        """
        started: list[Job] = []
        with self.lock:
            while schedule := self.schedules.due(to):
                self.now = max(self.now, schedule.next_run or 0)
                job = self.schedules.fire(schedule, jobs_end)
                started += [job] if job else []
            self.now = max(self.now, to)
        return started

    # ---- one request

    def method_of(self, verb: str, path: str) -> str:
        other = self.neighbours.method_of(verb, path)
        if other:
            return other
        match = _PATH.fullmatch(path)
        if not match:
            return "unknown"
        action = _METHODS.get((verb, match["id"] is not None, match["action"]), "unknown")
        return f"{match['kind']}.{action}"

    def answer(self, asked: Asked) -> Json:
        """Do what is asked. Raises ApiError."""
        with self.lock:
            self.now += 1.0
            self._check_token(asked)
            if self.neighbours.method_of(asked.verb, asked.path):
                self._check_allowed(asked)
                return self.neighbours.answer(asked.method, asked.path, asked.query, asked.body)
            return self._done(self._understood(asked))

    def _check_token(self, asked: Asked) -> None:
        token = asked.headers.get("Authorization", asked.headers.get("authorization", "")).removeprefix("Bearer ")
        if self.needs_token and asked.method != "oauth.token" and not self.neighbours.knows(token):
            text = "Request had invalid authentication credentials. Expected OAuth 2 access token."
            raise ApiError("UNAUTHENTICATED", text)

    def _check_allowed(self, asked: Asked) -> None:
        if asked.method in self.forbidden:
            raise ApiError("PERMISSION_DENIED", f"The caller does not have permission for {asked.method}.")

    def _understood(self, asked: Asked) -> Call:
        match = _PATH.fullmatch(asked.path)
        if not match or asked.method.endswith("unknown"):
            raise ApiError("NOT_FOUND", f"{asked.verb} {asked.path} is no method of this API.")
        action = asked.method.partition(".")[2]
        call = Call(match["version"], match["kind"], action, match["id"] or "", asked.query, asked.body)
        self._check_place(call, match["project"], match["location"])
        return call

    def _check_place(self, call: Call, project: str, location: str) -> None:
        resource = f"projects/{project}/locations/{location}" + (f"/{call.kind}/{call.id}" if call.id else "")
        if call.method in self.forbidden or project not in (self.project, self.project_number):
            raise denied(f"aiplatform.{call.method}", resource)
        if location != self.location:
            raise invalid(f"The provided location {location!r} does not match the endpoint's, {self.location!r}.")

    def _done(self, call: Call) -> Json:
        handler = getattr(self, f"_{call.kind}_{call.action}", None)
        if handler is None:
            raise ApiError("UNIMPLEMENTED", f"{call.method} is not implemented.")
        return handler(call)

    def _render(self, call: Call, kind: str, data: Mapping[str, Any]) -> Json:
        return render(call.version, kind, data, "enum-encoding=int" in call.query.get("$alt", ""))

    # ---- pipeline jobs

    def _pipelineJobs_create(self, call: Call) -> Json:  # noqa: N802
        asked = parse(call.version, "PipelineJob", call.body)
        self._check_query(call, "pipelineJobId")
        job = self.jobs.create(asked, call.query.get("pipelineJobId", ""))
        return self._render(call, "PipelineJob", job.shown())

    def _pipelineJobs_get(self, call: Call) -> Json:  # noqa: N802
        return self._render(call, "PipelineJob", self.jobs.get(call.id).shown())

    def _pipelineJobs_list(self, call: Call) -> Json:  # noqa: N802
        page = listed([job.listed() for job in self.jobs.all.values()], call.query, "pipelineJobs")
        return self._render(call, "ListPipelineJobsResponse", page)

    def _pipelineJobs_cancel(self, call: Call) -> Json:  # noqa: N802
        self.jobs.cancel(call.id)
        return {}

    def _pipelineJobs_delete(self, call: Call) -> Json:  # noqa: N802
        self.jobs.delete(call.id)
        return self._operation(call)

    def _pipelineJobs_batchCancel(self, call: Call) -> Json:  # noqa: N802
        names = self._batch(call)
        for job_id in names:
            self.jobs.cancel(job_id)
        return self._operation(call, "BatchCancelPipelineJobs", self._several(call, names))

    def _pipelineJobs_batchDelete(self, call: Call) -> Json:  # noqa: N802
        names = self._batch(call)
        deleted = self._several(call, names)
        for job_id in names:
            self.jobs.delete(job_id)
        return self._operation(call, "BatchDeletePipelineJobs", deleted)

    def _batch(self, call: Call) -> list[str]:
        names: list[str] = call.fields.get("names", [])
        if not 1 <= len(names) <= _BATCH:
            raise invalid(f"names: from 1 to {_BATCH} can be given, there are {len(names)}.")
        return [self.jobs.find(name.rpartition("/")[2]).id for name in names]

    # ---- schedules

    def _schedules_create(self, call: Call) -> Json:
        self._check_query(call)
        schedule = self.schedules.create(parse(call.version, "Schedule", call.body))
        return self._render(call, "Schedule", schedule.shown())

    def _schedules_get(self, call: Call) -> Json:
        return self._render(call, "Schedule", self.schedules.find(call.id).shown())

    def _schedules_list(self, call: Call) -> Json:
        page = listed([one.shown() for one in self.schedules.all.values()], call.query, "schedules")
        return self._render(call, "ListSchedulesResponse", page)

    def _schedules_update(self, call: Call) -> Json:
        self._check_query(call, "updateMask")
        asked = parse(call.version, "Schedule", call.body)
        schedule = self.schedules.update(call.id, asked, call.query.get("updateMask", ""))
        return self._render(call, "Schedule", schedule.shown())

    def _schedules_pause(self, call: Call) -> Json:
        self.schedules.pause(call.id)
        return {}

    def _schedules_resume(self, call: Call) -> Json:
        self.schedules.resume(call.id, bool(call.fields.get("catchUp", False)))
        return {}

    def _schedules_delete(self, call: Call) -> Json:
        self.schedules.delete(call.id)
        return self._operation(call)

    # ---- answers

    def _check_query(self, call: Call, *known: str) -> None:
        unknown = set(call.query) - {"$alt", *known}
        if unknown:
            raise invalid(f'Invalid JSON payload received. Unknown name "{min(unknown)}": Cannot bind query parameter.')

    def _several(self, call: Call, job_ids: list[str]) -> list[Json]:
        return [self._render(call, "PipelineJob", self.jobs.find(one).listed()) for one in job_ids]

    def _operation(self, call: Call, batch: str = "", jobs: list[Json] | None = None) -> Json:
        """A long-running operation that is done already: a deletion, or a batch with its jobs."""
        package = f"type.googleapis.com/google.cloud.aiplatform.{call.version}"
        response: Json = {"@type": "type.googleapis.com/google.protobuf.Empty", "value": {}}
        if batch:
            response = {"@type": f"{package}.{batch}Response", "pipelineJobs": jobs}
        metadata = {"@type": f"{package}.{batch or 'Delete'}OperationMetadata"}
        name = f"{self.jobs.parent}/operations/{int(self.now)}"
        return {"name": name, "metadata": metadata, "done": True, "response": response}


class _Handler(BaseHTTPRequestHandler):
    """HTTP around a Server: reads, asks for a fault, answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    state: Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def _serve(self) -> None:
        asked = self._read()
        self.state.asked.append(asked)
        fault = self.state.faults.next(asked.method)
        if fault is None:
            self._answer(asked)
        else:
            self._go_wrong(asked, fault)

    def _read(self) -> Asked:
        parts = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = raw.decode("utf-8", "replace")
        query = {key: ",".join(values) for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        method = self.state.method_of(self.command, parts.path)
        return Asked(method, self.command, parts.path, query, body, dict(self.headers))

    def _answer(self, asked: Asked) -> None:
        code, body = self._work(asked)
        self._send(code, json.dumps(body).encode(), "application/json; charset=UTF-8")

    def _work(self, asked: Asked) -> tuple[int, Json]:
        try:
            return 200, self.state.answer(asked)
        except ApiError as error:
            return error.http_code, error.body()
        except Exception as error:
            self.state.broken.append(error)
            raise

    def _go_wrong(self, asked: Asked, fault: Fault) -> None:
        if fault.kind == "slow":
            time.sleep(fault.seconds)
            self._answer(asked)
        elif fault.kind == "cut":
            self._hang_up(abruptly=True)
        elif fault.kind == "lost":
            self._work(asked)
            self._hang_up(abruptly=False)
        elif fault.kind == "html":
            self._send(502, b"<html><title>502 Bad Gateway</title></html>", "text/html")
        else:
            self._answer_with(asked, fault)

    def _answer_with(self, asked: Asked, fault: Fault) -> None:
        kind = fault.kind
        if kind == "late":
            self._work(asked)
            kind = "DEADLINE_EXCEEDED"
        error = error_of(kind, self.state.project_number)
        self._send(error.http_code, json.dumps(error.body()).encode(), "application/json; charset=UTF-8")

    def _send(self, code: int, content: bytes, kind: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _hang_up(self, abruptly: bool) -> None:
        """End the connection without an answer; abruptly: with a reset."""
        self.close_connection = True
        if abruptly:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


@contextlib.contextmanager
def vertex_server(
    project: str = "ml-dev", location: str = "us-central1", project_number: str = "123456789012"
) -> Generator[Server]:
    """A server of its own on a free port of 127.0.0.1, for as long as the block lasts."""
    state = Server(project, project_number, location)
    http = _Http(("127.0.0.1", 0), type("Handler", (_Handler,), {"state": state}))
    state.endpoint = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
    if state.broken:
        raise state.broken[0]
