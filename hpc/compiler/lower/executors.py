"""Containers as a platform runs them: a `ComponentSpec` enters, an ExecutorSpec leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpc.compiler import ir
from hpc.compiler.graph import Graph
from hpc.compiler.hardware import resources, runs_as_job
from hpc.compiler.lower.custom_jobs import custom_job, worker_pools
from hpc.compiler.lower.ports import input_definitions, output_definitions, with_hidden_inputs
from hpc.compiler.render import ComponentSpec
from hpc.compiler.targets import Target
from hpc.components.bootstrap import begins_with_python, metric_outputs, with_metrics, with_secrets
from hpc.components.types import STRING
from hpc.components.vertex import JOB_OUTPUT


def component(name: str, spec: ComponentSpec, target: Target) -> ir.Component:
    """The interface of a container. A job puts out its own name too."""
    inputs = with_hidden_inputs(input_definitions(spec.inputs, target), spec.run_names)
    outputs = output_definitions(spec.outputs)
    if runs_as_job(spec.settings, target):
        own = {JOB_OUTPUT: ir.ParameterSpec(STRING.parameter)}
        outputs = ir.Definitions({**outputs.parameters, **own}, outputs.artifacts)
    return ir.Component(inputs, outputs, executor_label=f"exec-{name}")


def executor(name: str, spec: ComponentSpec, target: Target, graph: Graph) -> ir.Executor:
    """What runs: the container itself, or one that has a CustomJob made. `graph` tells which machines there are."""
    command, env = started(spec, target)
    if runs_as_job(spec.settings, target):
        pools = worker_pools(spec, command, spec.args, env, graph.machines)
        return ir.Executor(container=custom_job(name, spec, pools, graph.pipeline.targets.vertex))
    asked: Any = resources(spec.settings.accelerator, target, graph.machines)
    if asked is None and spec.resources:
        asked = ir.Json(dict(spec.resources))
    return ir.Executor(container=ir.Container(spec.image, tuple(command), spec.args, _variables(env), asked))


def started(spec: ComponentSpec, target: Target) -> tuple[list[str], dict[str, str]]:
    """The command with the programs in front of it that the target needs, and the environment."""
    env = dict(spec.env)
    command = list(spec.command)
    if target.secrets == "bootstrap":
        env.update({name: secret.vertex for name, secret in spec.settings.secrets.items() if secret.vertex})
        command = with_secrets(command, sorted(spec.settings.secrets))
    # Where the image may have no Python, a metric that is not shown is better than a task that cannot start.
    if not target.reads_metrics and not spec.is_foreign and begins_with_python(spec.command):
        command = with_metrics(command, metric_outputs(spec.outputs))
    return command, env


def _variables(env: Mapping[str, str]) -> tuple[ir.EnvVar, ...]:
    return tuple(ir.EnvVar(name, env[name]) for name in sorted(env))
