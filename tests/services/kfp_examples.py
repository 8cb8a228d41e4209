"""Pipelines for the tests of Kubeflow Pipelines, compiled by hpc for it, and what the tests do with a service."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import yaml
from compiling import compile_text
from kfp_server import KfpServer

from hpc.engines.events import Event
from hpc.engines.kfp import connect
from hpc.engines.service import Job, Pace, Service

FAST = Pace(poll=0.0, first_wait=0.0005, longest_wait=0.002, patience=0.1)

STEPS = """\
hpc: 1
name: train
inputs:
  lr: {type: float, default: 0.1}
  epochs: int
  tags: {type: list<string>, default: []}
images: {app: example.invalid/app:1.0}
components:
  prepare:
    image: app
    command: [prepare]
    outputs: {rows: int, parts: list<int>}
    retry: 2
    kfp: {node_selector: {disk: ssd}}
  fit: {image: app, command: [fit], inputs: {rows: int, lr: float, epochs: int}, outputs: {loss: float}}
  score: {image: app, command: [score], inputs: {part: int}, outputs: {value: float}}
  report: {image: app, command: [report], inputs: {loss: float}}
steps:
  score: {for_each: [part]}
edges:
  - inputs.{lr, epochs} -> fit
  - prepare.rows -> fit.rows
  - prepare.parts -> score.part
  - fit.loss -> report.loss when fit.loss < 0.5
"""
ROWS = ("prepare", "fit", "for-each--score[]/score", "when--report/report")


@functools.cache
def documents(text: str = STEPS) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The two documents of a compiled pipeline."""
    result = compile_text(text, "kfp")
    assert result.compiled is not None, result.shown
    spec, *more = yaml.safe_load_all(result.compiled.text)
    return spec, more[0] if more else None


def job(**fields: Any) -> Job:
    spec, platform = documents()
    arguments: Mapping[str, object] = {"epochs": 3}
    return Job(**{"name": "train", "spec": spec, "platform": platform, "arguments": arguments, **fields})


def service(server: KfpServer, pace: Pace = FAST, **more: Any) -> Service:
    """A connection to a server: settings of `targets.kfp`, in capitals variables of the environment."""
    environ = {name: value for name, value in more.items() if name.isupper()}
    settings = {name: value for name, value in more.items() if not name.isupper()}
    return connect({"host": server.url, "namespace": None, **settings}, environ, pace)


class Heard(list[Event]):
    """A listener that keeps what it is told."""

    def __call__(self, event: Event) -> None:
        self.append(event)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self if isinstance(event, kind)]
