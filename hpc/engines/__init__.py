"""What runs compiled pipelines. Takes PipelineSpec documents as plain data, gives back an `Outcome`.

An engine is a module with the functions of `Engine`. It is imported when it is asked for, so that naming the engines
costs nothing. What an engine tells while it works are the events of `hpc.engines.events`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from hpc.engines.events import Listener
from hpc.engines.outcome import Artifact, Outcome, Planned, State, TaskResult
from hpc.engines.request import FormerRun, Mode, Request
from hpc.engines.service import Pace, Service

__all__ = [
    "ENGINES",
    "SERVICES",
    "Artifact",
    "Engine",
    "FormerRun",
    "Mode",
    "Outcome",
    "Planned",
    "Request",
    "State",
    "TaskResult",
    "connect",
    "engine",
]

ENGINES: Mapping[str, str] = {"local": "hpc.engines.local"}
"""The name of every engine that runs pipelines itself, and the module that holds it."""

SERVICES: Mapping[str, str] = {"vertex": "hpc.engines.vertex", "kfp": "hpc.engines.kfp"}
"""The name of every service that runs pipelines, and the module whose `connect` reaches it."""


class Engine(Protocol):
    """What the module of an engine offers."""

    @staticmethod
    def run(
        spec: Mapping[str, object], platform: Mapping[str, object] | None, request: Request, listener: Listener
    ) -> Outcome:
        """Run a pipeline to its end. Raises Rejected with every finding before anything runs."""
        ...

    @staticmethod
    def rehearse(spec: Mapping[str, object], platform: Mapping[str, object] | None, request: Request) -> list[Planned]:
        """What `run` would do, as far as it can be told. Raises Rejected as `run` does."""
        ...

    @staticmethod
    def former_run(root: Path, name: str, asked_by: str) -> FormerRun:
        """What a run of that root was given, by its name or "last". Raises Rejected where there is none."""
        ...

    @staticmethod
    def masker(platform: Mapping[str, object] | None, environ: Mapping[str, str]) -> Callable[[str], str]:
        """What hides the secrets of a pipeline in any text."""
        ...


def connect(
    name: str, settings: Mapping[str, object], environ: Mapping[str, str], told: Callable[[str], None]
) -> Service:
    """The service `name`, reached as the settings of `targets.<name>` say. Raises Rejected where it cannot be.

    Nothing is asked yet; the client library is imported now. `told` hears why a request has to wait.
    """
    return import_module(SERVICES[name]).connect(settings, environ, Pace(told=told))


def engine(name: str) -> Engine:
    """The engine `name`; KeyError for a name that is not in ENGINES."""
    return cast("Engine", import_module(ENGINES[name]))
