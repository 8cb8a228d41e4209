"""Searches as jobs of Vertex AI: a tuned step and its component spec enter, a DAG of two tasks leaves.

`search` has Google's launcher make a HyperparameterTuningJob and wait for it, word for word as
google-cloud-pipeline-components 2.22.0 writes it; `best` reads the job and puts out what the best trial had. Both may
be cached: the launcher waits, so what is kept of `search` is the name of a job that has succeeded, and `best`, which
gets that name, is found again by it. (With a key of the user's own only `search` has it: two tasks that share one would
be taken for the same.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hpc.compiler import ir
from hpc.compiler.graph import ContainerStep, Graph
from hpc.compiler.hardware import extras_of
from hpc.compiler.lower.custom_jobs import (
    LAUNCHER_IMAGE,
    LONGEST_NAME,
    job_spec,
    launched,
    parameter_types,
    payload_text,
    without_empty,
    worker_pools,
)
from hpc.compiler.lower.executors import started
from hpc.compiler.lower.ports import input_definitions, output_definitions, with_hidden_inputs
from hpc.compiler.lower.studies import study
from hpc.compiler.render import ComponentSpec
from hpc.compiler.targets import Target
from hpc.components import placeholders
from hpc.components.arguments import tuner_flag
from hpc.components.step import Tune
from hpc.components.trials import BEST, VALUES, Searched, best_arguments, trial_folders, trial_output, with_trial
from hpc.components.tuning import BEST_METRIC
from hpc.components.types import STRING
from hpc.components.vertex import JOB_OUTPUT

SEARCH, BEST_TRIAL = "search", "best"
"""The names of the two tasks."""


def inner_name(name: str, task: str) -> str:
    """The component of a task: with a word between the hyphens that names no step, component or sub-pipeline."""
    return f"{name}--in--{task}"


# ---------------------------------------------------------------- components


def tuning_components(
    step: ContainerStep, spec: ComponentSpec, target: Target, policies: tuple[ir.CachingOptions, ir.RetryPolicy | None]
) -> dict[str, ir.Component]:
    """The DAG that a tuned step runs, and the components of its tasks, which have the step's caching and retries."""
    name = step.spec_name
    definitions = with_hidden_inputs(input_definitions(spec.inputs, target), spec.run_names)
    found = output_definitions(spec.outputs)
    job = ir.Definitions({JOB_OUTPUT: ir.ParameterSpec(STRING.parameter)})
    searching, reading = inner_name(name, SEARCH), inner_name(name, BEST_TRIAL)
    return {
        f"comp-{name}": ir.Component(definitions, found, dag=_dag(step, spec, definitions, policies)),
        f"comp-{searching}": ir.Component(definitions, job, executor_label=f"exec-{searching}"),
        f"comp-{reading}": ir.Component(job, found, executor_label=f"exec-{reading}"),
    }


def _dag(
    step: ContainerStep,
    spec: ComponentSpec,
    definitions: ir.Definitions,
    policies: tuple[ir.CachingOptions, ir.RetryPolicy | None],
) -> ir.Dag:
    caching, retry = policies
    resources = ir.InputParameter(task_output_parameter={"producerTask": SEARCH, "outputParameterKey": JOB_OUTPUT})
    name = step.spec_name
    tasks = {
        SEARCH: ir.Task(
            ir.TaskInfo(SEARCH),
            ir.ComponentRef(f"comp-{inner_name(name, SEARCH)}"),
            (),
            _passed_on(step, spec, definitions),
            caching_options=caching,
            retry_policy=retry,
        ),
        BEST_TRIAL: ir.Task(
            ir.TaskInfo(BEST_TRIAL),
            ir.ComponentRef(f"comp-{inner_name(name, BEST_TRIAL)}"),
            (SEARCH,),
            ir.TaskInputs({JOB_OUTPUT: resources}),
            caching_options=replace(caching, cache_key=None),
            retry_policy=retry,
        ),
    }
    selectors = {
        port: {"valueFromParameter": {"producerSubtask": BEST_TRIAL, "outputParameterKey": port}}
        for port in spec.outputs
    }
    return ir.Dag(tasks, {"parameters": selectors})


def _passed_on(step: ContainerStep, spec: ComponentSpec, definitions: ir.Definitions) -> ir.TaskInputs:
    """What reaches the step, as inputs of the search; an optional input without a value reaches neither."""
    bound = {written for name in step.bindings for written in spec.names[name]}
    bound.update(placeholders.run_input(name) for name in spec.run_names)
    return ir.TaskInputs(
        {name: ir.InputParameter(component_input_parameter=name) for name in definitions.parameters if name in bound},
        {name: ir.InputArtifact(component_input_artifact=name) for name in definitions.artifacts if name in bound},
    )


# ---------------------------------------------------------------- executors


def tuning_executors(step: ContainerStep, spec: ComponentSpec, target: Target, graph: Graph) -> dict[str, ir.Executor]:
    """The launcher of the search, and the program that reads its best trial. The checks have let pass the step."""
    tune, name = step.tune, step.spec_name
    assert tune is not None
    words, env = started(spec, target)
    command = _command(step, words, tune)
    pools = worker_pools(spec, command, _args(step, spec), env, graph.machines)
    payload = payload_text(_job(step, spec, pools, graph), parameter_types(spec))
    search = launched("HyperparameterTuningJob", "hyperparameter_tuning_job", payload)
    kinds = {one: str(step.component.inputs[one].type) for one in sorted(tune.search)}
    told = best_arguments(JOB_OUTPUT, tune.metric, tune.goal, kinds, BEST_METRIC)
    best = ir.Container(LAUNCHER_IMAGE, ("python3", "-c", BEST), tuple(told))
    return {
        f"exec-{inner_name(name, SEARCH)}": ir.Executor(container=search),
        f"exec-{inner_name(name, BEST_TRIAL)}": ir.Executor(container=best),
    }


def _job(step: ContainerStep, spec: ComponentSpec, pools: Sequence[Any], graph: Graph) -> dict[str, Any]:
    """The HyperparameterTuningJob. How many trials may fail is left to Vertex AI."""
    tune = step.tune
    assert tune is not None
    extras = extras_of(spec.settings.accelerator)
    folders = extras.base_output_directory or placeholders.RUN["root"]
    own = "/".join((folders.rstrip("/"), placeholders.RUN["name"], placeholders.RUN["task_id"]))
    trial = {
        **job_spec(spec, graph.pipeline.targets.vertex),
        "base_output_directory": {"output_uri_prefix": own},  # of this search alone: the folders below it are numbered
    }
    payload = {
        "display_name": (spec.title or step.spec_name)[:LONGEST_NAME],
        "study_spec": study(tune, step.component),
        "max_trial_count": tune.trials,
        "parallel_trial_count": tune.parallel,
        "max_failed_trial_count": 0,
        "trial_job_spec": {"worker_pool_specs": list(pools), **trial},
        "labels": dict(extras.labels),
        "encryption_spec": {"kms_key_name": extras.encryption_spec_key_name or placeholders.RUN_OF_JOB["kms_key"]},
    }
    return without_empty(payload)


def _command(step: ContainerStep, words: Sequence[str], tune: Tune) -> list[str]:
    component = step.component
    placed = [trial_folders(word, component.outputs) for word in words]
    searched = [
        Searched(name, str(component.inputs[name].type), tuner_flag(component, name)) for name in sorted(tune.search)
    ]
    output = trial_output(tune.metric) if tune.metric in component.outputs else ""
    return with_trial(placed, tune.metric, output, searched)


def _args(step: ContainerStep, spec: ComponentSpec) -> list[str]:
    return [*(trial_folders(word, step.component.outputs) for word in spec.args), VALUES]
