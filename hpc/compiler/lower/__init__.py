"""The graph and its component specs as IR for one target, and what the IR has no place for.

Names in the IR are the names of the file with `-` for `_`, so that inserting a step moves nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hpc.compiler import ir
from hpc.compiler.graph import CompiledStep, ContainerStep, Graph, GraphStep, ImporterStep, RunsContainer, Step
from hpc.compiler.lower.dag import Dags, add, hidden_inputs, is_tuning_job, policies
from hpc.compiler.lower.executors import component, executor
from hpc.compiler.lower.foreign import compiled_components, compiled_executors
from hpc.compiler.lower.importers import importer_component, importer_executor
from hpc.compiler.lower.platforms import lower_platform
from hpc.compiler.lower.ports import input_definitions, output_definitions
from hpc.compiler.lower.tuning_jobs import tuning_components, tuning_executors
from hpc.compiler.render import ComponentSpec
from hpc.compiler.targets import Target
from hpc.spec.model import Pipeline

__all__ = ["lower", "lower_component", "lower_platform"]

Specs = Mapping[str, ComponentSpec]


def lower(graph: Graph, specs: Specs, target: Target) -> ir.PipelineSpec:
    """The pipeline as a PipelineSpec for `target`."""
    pipeline = graph.pipeline
    dags = Dags(graph, specs, target)
    root = dags.component()
    components: dict[str, ir.Component | ir.Json] = {**dags.components}
    executors: dict[str, ir.Executor | ir.Json] = {}
    for step in _distinct(graph):
        add(components, _components(step, specs, target))
        add(executors, _executors(step, specs, target, graph))
    return ir.PipelineSpec(
        pipeline_info=ir.PipelineInfo(pipeline.name, pipeline.title or None, pipeline.description or None),
        root=root,
        components=components,
        deployment_spec=ir.DeploymentSpec(executors),
        default_pipeline_root=_root_folder(pipeline, target),
    )


def _distinct(graph: Graph) -> Iterator[Step]:
    """One step for each component spec."""
    seen: set[str] = set()
    for step in graph.all_steps:
        if step.spec_name not in seen:
            seen.add(step.spec_name)
            yield step


def _components(step: Step, specs: Specs, target: Target) -> Mapping[str, ir.Component | ir.Json]:
    name = step.spec_name
    if isinstance(step, GraphStep):
        dags = Dags(step.graph, specs, target)
        return {f"comp-{name}": dags.component(), **dags.components}
    if isinstance(step, CompiledStep):
        return compiled_components(name, step.component)
    if isinstance(step, ImporterStep):
        return {f"comp-{name}": importer_component(name, step.component, target)}
    if isinstance(step, ContainerStep) and is_tuning_job(step, target):
        return tuning_components(step, specs[name], target, policies(step))
    return {f"comp-{name}": component(name, specs[name], target)}


def _executors(step: Step, specs: Specs, target: Target, graph: Graph) -> Mapping[str, ir.Executor | ir.Json]:
    name = step.spec_name
    if isinstance(step, CompiledStep):
        return compiled_executors(name, step.component)
    if isinstance(step, ImporterStep):
        return {f"exec-{name}": importer_executor(step.component)}
    if isinstance(step, ContainerStep) and is_tuning_job(step, target):
        return tuning_executors(step, specs[name], target, graph)
    return {f"exec-{name}": executor(name, specs[name], target, graph)} if isinstance(step, RunsContainer) else {}


def _root_folder(pipeline: Pipeline, target: Target) -> str | None:
    settings = getattr(pipeline.targets, target.name)
    return settings.root if settings and target.name != "local" else None


def lower_component(name: str, spec: ComponentSpec, target: Target, graph: Graph) -> ir.PipelineSpec:
    """One component alone, as the component file that the KFP SDK loads and uses like one of its own.

    The SDK takes the component of the pipeline's name for the whole file, hidden inputs and all, and `root` where there
    is none of that name: so one with `run.x` has another name, and is a group of one task with these inputs bound.
    """
    inner = f"{name}-run" if spec.run_names else name
    definitions = input_definitions(spec.inputs, target)
    ports = {port: ir.InputParameter(component_input_parameter=port) for port in definitions.parameters}
    inputs = ir.TaskInputs(
        parameters={**ports, **hidden_inputs(spec.run_names)},
        artifacts={port: ir.InputArtifact(component_input_artifact=port) for port in definitions.artifacts},
    )
    reference, caching = ir.ComponentRef(f"comp-{inner}"), ir.CachingOptions(True)
    task = ir.Task(ir.TaskInfo(name), reference, (), inputs, caching_options=caching)
    dag = ir.Dag({name: task}, _outputs_of_task(name, spec))
    return ir.PipelineSpec(
        pipeline_info=ir.PipelineInfo(name, spec.title or None, spec.description or None),
        root=ir.Component(definitions, output_definitions(spec.outputs), dag=dag),
        components={f"comp-{inner}": component(inner, spec, target)},
        deployment_spec=ir.DeploymentSpec({f"exec-{inner}": executor(inner, spec, target, graph)}),
    )


def _outputs_of_task(task: str, spec: ComponentSpec) -> Mapping[str, Mapping[str, Any]]:
    """Every output of the one task as an output of the whole."""
    outputs: dict[str, dict[str, Any]] = {}
    for name, port in spec.outputs.items():
        if port.type.is_artifact:
            selector = {"producerSubtask": task, "outputArtifactKey": name}
            outputs.setdefault("artifacts", {})[name] = {"artifactSelectors": [selector]}
        else:
            selector = {"producerSubtask": task, "outputParameterKey": name}
            outputs.setdefault("parameters", {})[name] = {"valueFromParameter": selector}
    return outputs
