"""Where artifacts come from: a place or an output of a task enters, a tree of what made it and its inputs leaves.

Only the store is asked. The tree is bounded in depth, and whatever stands in it twice is followed once, so that tasks
which write what they read do no harm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from hpc.cli.history import History
from hpc.engines.local.store import UnknownRunError
from hpc.engines.local.store.records import TaskRecord
from hpc.engines.local.store.uris import plain_uri, with_folders
from hpc.engines.outcome import Artifact, Artifacts

IMPORTED = "imported from"
"""The input of an importer: what was at the place before, if a run made it."""


@dataclass(frozen=True)
class Asked:
    """A place, or an output of a task: then `maker` is known, and `value` where it is no artifact."""

    uri: str = ""
    maker: TaskRecord | None = None
    output: str = ""
    value: object = None


@dataclass(frozen=True)
class Made:
    """An artifact or a value, and what made it; no `maker` where no run is known to have done so.

    `artifact` is what lies at the uri or around it. `taken_by` is the task whose cached result led to the maker.
    `rest` tells why there are no `inputs` although the maker had some; `left_out` counts those of a port that are not
    followed. `others` made the same before.
    """

    uri: str
    value: object = None
    maker: TaskRecord | None = None
    output: str = ""
    artifact: str = ""
    pipeline: str = ""
    taken_by: TaskRecord | None = None
    inputs: Mapping[str, Sequence[Made]] = field(default_factory=dict[str, "Sequence[Made]"])
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])
    rest: Literal["", "above", "deeper"] = ""
    others: Sequence[TaskRecord] = ()


class Tracer:
    """Follows artifacts back. `depth` counts tasks; of a port, at most `most` artifacts are followed."""

    def __init__(self, history: History, depth: int, most: int | None = None) -> None:
        self._history = history
        self._depth = depth
        self._most = most
        self._seen: set[tuple[str, str, str]] = set()

    def traced(self, asked: Asked) -> Made:
        if asked.maker is None:
            return self._at(asked.uri, None, 1)
        maker = self._history.maker(asked.maker)
        taken_by = asked.maker if maker is not asked.maker else None
        return self._made(Made(asked.uri, asked.value, maker, asked.output, asked.uri, taken_by=taken_by), 1)

    def _at(self, uri: str, user: TaskRecord | None, depth: int, *, imported: bool = False) -> Made:
        """What is at a place, as the task that used it found it."""
        makers = _makers(self._history, uri, user)
        if imported:
            makers = [each for each in makers if each.result.kind == "task"]
        if not makers:
            return Made(uri)
        found = makers[0]
        maker = self._history.maker(found)
        output, artifact = _port_at(found.result.artifacts, uri)
        others = [each for each in makers[1:] if _is_own(each) and (each.run, each.path) != (maker.run, maker.path)]
        taken_by = found if maker is not found else None
        made = Made(uri, None, maker, output, artifact, taken_by=taken_by, others=others if user is None else ())
        return self._made(made, depth)

    def _made(self, made: Made, depth: int) -> Made:
        """The same with the inputs of its maker."""
        maker = made.maker
        if maker is None:
            return made
        made = replace(made, pipeline=self._pipeline(maker.run))
        mark = (maker.run, maker.path, made.output)
        has_inputs = any(maker.input_artifacts.values()) or maker.result.kind == "importer"
        if mark in self._seen and has_inputs:
            return replace(made, rest="above")
        self._seen.add(mark)
        if depth >= self._depth and has_inputs:
            return replace(made, rest="deeper")
        if maker.result.kind == "importer":
            source = self._at(made.uri, maker, depth + 1, imported=True)
            return replace(made, inputs={IMPORTED: [source]} if source.maker else {})
        return self._with_inputs(made, maker, depth + 1)

    def _with_inputs(self, made: Made, maker: TaskRecord, depth: int) -> Made:
        inputs: dict[str, list[Made]] = {}
        left_out: dict[str, int] = {}
        for name, found in maker.input_artifacts.items():
            followed = found[: self._most]
            inputs[name] = [self._at(each.uri, maker, depth) for each in followed]
            if len(followed) < len(found):
                left_out[name] = len(found) - len(followed)
        return replace(made, inputs=inputs, left_out=left_out)

    def _pipeline(self, run: str) -> str:
        try:
            return self._history.store.run(run).pipeline
        except UnknownRunError:
            return ""


@dataclass(frozen=True)
class Use:
    """A task that was given an artifact, as its input `input`."""

    run: str
    path: str
    input: str
    state: str
    start: float | None


def uses(history: History, uri: str) -> list[Use]:
    """The tasks that were given what is at the place or around it, newest first."""
    found = [task for task in history.store.users(uri) if task.result.is_leaf]
    return [
        Use(task.run, task.path, _port_at(task.input_artifacts, uri)[0], task.result.state, task.result.start)
        for task in found
    ]


def _makers(history: History, uri: str, user: TaskRecord | None) -> list[TaskRecord]:
    """Those that gave out what is there, the likeliest first.

    The nearest folder counts most. A task of the user's own run goes before those of others, of which none counts that
    began after the user; then who made it before who imported it, took it over or passed it on; then the newest.
    """
    makers = history.store.makers(uri) if uri else []
    if user is not None:
        makers = [each for each in makers if (each.run, each.path) != (user.run, user.path) and _is_before(each, user)]

    def rank(task: TaskRecord) -> tuple[int, bool, int]:
        near = user is not None and task.run == user.run and task.result.is_leaf
        return -len(_port_at(task.result.artifacts, uri)[1]), not near, _kind(task)

    return sorted(makers, key=rank)


def _is_before(task: TaskRecord, user: TaskRecord) -> bool:
    start, limit = task.result.start, user.result.start
    return task.run == user.run or start is None or limit is None or start <= limit


def _kind(task: TaskRecord) -> int:
    if _is_own(task):
        return 0
    return {"importer": 1, "task": 2}.get(task.result.kind, 3)


def _is_own(task: TaskRecord) -> bool:
    """Whether it ran itself and made what it gives out."""
    return task.result.kind == "task" and task.origin is None


def _port_at(ports: Mapping[str, Artifacts], uri: str) -> tuple[str, str]:
    """The port with what lies at the uri or nearest around it, and the place of that."""
    places = with_folders(uri)
    found = [
        (len(places) - places.index(plain_uri(artifact.uri)), name, artifact)
        for name, each in ports.items()
        for artifact in each
        if plain_uri(artifact.uri) in places
    ]
    if not found:
        return "", ""
    _, name, artifact = max(found, key=_first)
    return name, plain_uri(artifact.uri)


def _first(found: tuple[int, str, Artifact]) -> int:
    return found[0]
