"""Containers as a platform runs them: a `ComponentSpec` enters, an ExecutorSpec leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpc.compiler import ir
from hpc.compiler.hardware import resources
from hpc.compiler.render import ComponentSpec
from hpc.compiler.targets import Target
from hpc.components.bootstrap import begins_with_python, metric_outputs, with_metrics, with_secrets


def executor(spec: ComponentSpec, target: Target) -> ir.Executor:
    asked: Any = resources(spec.settings.accelerator, target)
    if asked is None and spec.resources:
        asked = ir.Json(dict(spec.resources))
    env = dict(spec.env)
    command = list(spec.command)
    if target.secrets == "bootstrap":
        env.update({name: secret.vertex for name, secret in spec.settings.secrets.items() if secret.vertex})
        command = with_secrets(command, sorted(spec.settings.secrets))
    # Where the image may have no Python, a metric that is not shown is better than a task that cannot start.
    if not target.reads_metrics and not spec.is_foreign and begins_with_python(spec.command):
        command = with_metrics(command, metric_outputs(spec.outputs))
    container = ir.Container(spec.image, tuple(command), spec.args, _variables(env), asked)
    return ir.Executor(container=container)


def _variables(env: Mapping[str, str]) -> tuple[ir.EnvVar, ...]:
    return tuple(ir.EnvVar(name, env[name]) for name in sorted(env))
