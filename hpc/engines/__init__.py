"""What runs compiled pipelines. Takes PipelineSpec documents as plain data, gives back an `Outcome`.

An engine is a module with `run(spec, platform, request, listener) -> Outcome`. It is imported when it is asked for,
so that naming the engines costs nothing. What an engine tells while it works are the events of `hpc.engines.events`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType

from hpc.engines.outcome import Artifact, Outcome, State, TaskResult

__all__ = ["ENGINES", "Artifact", "Outcome", "State", "TaskResult", "engine"]

ENGINES: Mapping[str, str] = {"local": "hpc.engines.local"}
"""The name of every engine and the module that holds it."""


def engine(name: str) -> ModuleType:
    """The module of the engine `name`; KeyError for a name that is not in ENGINES."""
    return import_module(ENGINES[name])
