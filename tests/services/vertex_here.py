"""A connection to a loopback server, with Google's real clients and the credentials of an account that nobody has."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from vertex_server import Server

from hpc.engines.events import Event
from hpc.engines.service import Job, Pace
from hpc.engines.vertex import Connection, connect

FAST = Pace(poll=0.001, first_wait=0.001, longest_wait=0.004, patience=20.0)
"""Waits of milliseconds, and patience that no test uses up."""

HASTY = Pace(poll=0.001, first_wait=0.001, longest_wait=0.004, patience=0.05)
"""Gives up soon."""

ROOT = "gs://bucket/root"
OUT = "{{$.outputs.parameters['score'].output_file}}"


@cache
def _key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


def credentials_file(folder: Path) -> Path:
    """A key of a service account. Its tokens are made here, and in a universe of its own google-auth asks nobody."""
    file = folder / "account.json"
    content = {
        "type": "service_account",
        "project_id": "ml-dev",
        "private_key_id": "1",
        "private_key": _key(),
        "client_email": "tests@ml-dev.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": "http://127.0.0.1:9/token",
        "universe_domain": "loopback.test",
    }
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def connected(server: Server, folder: Path, pace: Pace = FAST, **settings: object) -> Connection:
    """A connection to this server, `settings` added to what is needed."""
    said: dict[str, object] = {"region": server.location, "root": ROOT, "endpoint": server.endpoint, **settings}
    return connect(said, {"GOOGLE_APPLICATION_CREDENTIALS": str(credentials_file(folder))}, pace)


def watched(connection: Connection, run: str, **places: str) -> tuple[Any, list[Event]]:
    """The outcome of a run and all that was told of it."""
    events: list[Event] = []
    return connection.watch(run, places, events.append), events


# ---------------------------------------------------------------- pipelines


def container(**more: Any) -> dict[str, Any]:
    """A component with a parameter and an artifact as outputs."""
    outputs = {
        "parameters": {"score": {"parameterType": "NUMBER_DOUBLE"}},
        "artifacts": {"model": {"artifactType": {"schemaTitle": "system.Model", "schemaVersion": "0.0.1"}}},
    }
    return {"executorLabel": "exec-step", "outputDefinitions": outputs, **more}


def step(component: str = "comp-step", *after: str, **more: Any) -> dict[str, Any]:
    return {
        "taskInfo": {"name": "step"},
        "componentRef": {"name": component},
        "cachingOptions": {"enableCache": True},
        **({"dependentTasks": list(after)} if after else {}),
        **more,
    }


def pipeline(tasks: dict[str, Any], **components: Any) -> dict[str, Any]:
    """A document with these tasks; `components` are more than `comp-step`, with `_` for `-` in their names."""
    named = {name.replace("_", "-"): one for name, one in components.items()}
    return {
        "pipelineInfo": {"name": "small"},
        "schemaVersion": "2.1.0",
        "sdkVersion": "hpc",
        "components": {"comp-step": container(), **named},
        "deploymentSpec": {"executors": {"exec-step": {"container": {"image": "python:3.12", "command": ["train"]}}}},
        "root": {
            "dag": {"tasks": tasks},
            "inputDefinitions": {
                "parameters": {
                    "epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 3},
                    "note": {"parameterType": "STRING", "isOptional": True},
                }
            },
        },
    }


def group(tasks: dict[str, Any], **inputs: str) -> dict[str, Any]:
    """A component that is a DAG; `inputs`: name to parameterType."""
    given = {name: {"parameterType": kind} for name, kind in inputs.items()}
    return {"dag": {"tasks": tasks}, **({"inputDefinitions": {"parameters": given}} if given else {})}


def over(*items: object) -> dict[str, Any]:
    """What makes a task a loop over constants."""
    return {"parameterIterator": {"itemInput": "item", "items": {"raw": json.dumps(items)}}}


CHAIN = pipeline({"prepare": step(), "train": step("comp-step", "prepare"), "report": step("comp-step", "train")})


def job(spec: dict[str, Any] = CHAIN, **more: Any) -> Job:
    return Job(**{"name": "small", "spec": spec, "source": "small.yaml", **more})
