"""The graph and its component specs as IR for one target, and what the IR has no place for.

Names in the IR are the names of the file with `-` for `_`, so that inserting a step moves nothing else.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hpc.compiler import ir
from hpc.compiler.files import Files
from hpc.compiler.graph import Binding, Constant, FromInput, FromStep, Gathered, Graph, Settings, Step
from hpc.compiler.hardware import resources
from hpc.compiler.render import ComponentSpec
from hpc.compiler.targets import Target
from hpc.components import placeholders
from hpc.components.fields import CacheKey, Retry, SecretRef, seconds
from hpc.components.ports import InputPort, OutputPort, Port
from hpc.components.types import STRING, Type
from hpc.components.use import Use, element_name
from hpc.spec.model import LocalPlace, Pipeline


def lower(graph: Graph, specs: Mapping[str, ComponentSpec], target: Target) -> ir.PipelineSpec:
    """The pipeline as a PipelineSpec for `target`."""
    pipeline = graph.pipeline
    return ir.PipelineSpec(
        pipeline_info=ir.PipelineInfo(pipeline.name, pipeline.title or None, pipeline.description or None),
        root=_root(graph, specs, target),
        components={f"comp-{name}": _component(name, spec, target) for name, spec in specs.items()},
        deployment_spec=ir.DeploymentSpec({f"exec-{name}": _executor(spec, target) for name, spec in specs.items()}),
        default_pipeline_root=_root_folder(pipeline, target),
    )


def lower_component(name: str, spec: ComponentSpec, target: Target) -> ir.PipelineSpec:
    """One component alone, as the component file that the KFP SDK loads and uses like one of its own.

    The SDK takes the component of the pipeline's name for the whole file, hidden inputs and all, and `root` where there
    is none of that name: so one with `run.x` has another name, and is a group of one task with these inputs bound.
    """
    inner = f"{name}-run" if spec.run_names else name
    definitions = _definitions(_declared(spec.use), target)
    ports = {port: ir.InputParameter(component_input_parameter=port) for port in definitions.parameters}
    inputs = ir.TaskInputs(
        parameters={**ports, **_hidden_inputs(spec)},
        artifacts={port: ir.InputArtifact(component_input_artifact=port) for port in definitions.artifacts},
    )
    task = ir.Task(ir.TaskInfo(name), ir.ComponentRef(f"comp-{inner}"), (), inputs, ir.CachingOptions(True))
    outputs = spec.use.component.outputs
    dag = ir.Dag(
        {name: task}, _dag_outputs({port: FromStep(name, port, value.type) for port, value in outputs.items()})
    )
    return ir.PipelineSpec(
        pipeline_info=ir.PipelineInfo(name, spec.use.component.title or None, spec.use.component.description or None),
        root=ir.Component(definitions, _outputs(outputs), dag=dag),
        components={f"comp-{inner}": _component(inner, spec, target)},
        deployment_spec=ir.DeploymentSpec({f"exec-{inner}": _executor(spec, target)}),
    )


def _key(name: str) -> str:
    return name.replace("_", "-")


def _root_folder(pipeline: Pipeline, target: Target) -> str | None:
    settings = getattr(pipeline.targets, target.name)
    return settings.root if settings and target.name != "local" else None


# ---------------------------------------------------------------- ports


def _root(graph: Graph, specs: Mapping[str, ComponentSpec], target: Target) -> ir.Component:
    pipeline = graph.pipeline
    return ir.Component(
        input_definitions=_definitions(((name, port, port.type) for name, port in pipeline.inputs.items()), target),
        output_definitions=_outputs({port.as_ or name: port for name, port in pipeline.outputs.items()}),
        dag=ir.Dag(
            tasks={_key(step.name): _task(step, specs[step.spec_name]) for step in graph.steps},
            outputs=_dag_outputs({pipeline.outputs[name].as_ or name: one for name, one in graph.outputs.items()}),
        ),
    )


def _component(name: str, spec: ComponentSpec, target: Target) -> ir.Component:
    return ir.Component(_inputs(spec, target), _outputs(spec.use.component.outputs), executor_label=f"exec-{name}")


def _inputs(spec: ComponentSpec, target: Target) -> ir.Definitions:
    hidden = {placeholders.run_input(name): ir.ParameterSpec(STRING.parameter) for name in spec.run_names}
    definitions = _definitions(_declared(spec.use), target)
    return ir.Definitions({**definitions.parameters, **hidden}, definitions.artifacts)


def _definitions(ports: Iterable[tuple[str, InputPort, Type]], target: Target) -> ir.Definitions:
    parameters: dict[str, ir.ParameterSpec] = {}
    artifacts: dict[str, ir.ArtifactSpec] = {}
    for name, port, port_type in ports:
        if port_type.is_artifact:
            artifacts[name] = _artifact(port, port_type, optional=port.optional)
        else:
            parameters[name] = _parameter(port, port_type, target)
    return ir.Definitions(parameters, artifacts)


def _declared(use: Use) -> Iterator[tuple[str, InputPort, Type]]:
    """Inputs as the IR has them: a gathered list is one input for each element."""
    for name, port in use.component.inputs.items():
        if name not in use.gathered:
            yield name, port, port.type
        for index in range(use.gathered.get(name, 0)):
            yield element_name(use, name, index), port, port.type.element


def _parameter(port: InputPort, port_type: Type, target: Target) -> ir.ParameterSpec:
    has_default = port.has_default and port_type == port.type
    return ir.ParameterSpec(
        parameter_type=port_type.parameter,
        description=port.description or None,
        default_value=ir.Json(port.default) if has_default else None,
        is_optional=True if has_default or port.optional else None,
        literals=tuple(port.choices or ()) if target.literals else (),
    )


def _artifact(port: Port, port_type: Type, *, optional: bool = False) -> ir.ArtifactSpec:
    return ir.ArtifactSpec(
        artifact_type=ir.ArtifactTypeSchema(port_type.schema_title),
        description=port.description or None,
        is_optional=optional or None,
        is_artifact_list=port_type.is_list or None,
    )


def _outputs(ports: Mapping[str, OutputPort]) -> ir.Definitions:
    values = {name: port for name, port in ports.items() if not port.type.is_artifact}
    return ir.Definitions(
        {name: ir.ParameterSpec(port.type.parameter, port.description or None) for name, port in values.items()},
        {name: _artifact(port, port.type) for name, port in ports.items() if port.type.is_artifact},
    )


def _dag_outputs(sources: Mapping[str, FromStep]) -> Mapping[str, Mapping[str, Any]]:
    parameters: dict[str, Any] = {}
    artifacts: dict[str, Any] = {}
    for name, source in sources.items():
        producer = {"producerSubtask": _key(source.step)}
        if source.type.is_artifact:
            artifacts[name] = {"artifactSelectors": [{**producer, "outputArtifactKey": source.port}]}
        else:
            parameters[name] = {"valueFromParameter": {**producer, "outputParameterKey": source.port}}
    return {kind: entries for kind, entries in (("parameters", parameters), ("artifacts", artifacts)) if entries}


# ---------------------------------------------------------------- tasks


def _task(step: Step, spec: ComponentSpec) -> ir.Task:
    return ir.Task(
        task_info=ir.TaskInfo(step.title or _key(step.name)),
        component_ref=ir.ComponentRef(f"comp-{step.spec_name}"),
        dependent_tasks=tuple(sorted(map(_key, step.after))),
        inputs=_task_inputs(step, spec),
        caching_options=_caching(step.settings),
        retry_policy=_retry(step.settings.retry),
    )


def _task_inputs(step: Step, spec: ComponentSpec) -> ir.TaskInputs:
    parameters: dict[str, ir.InputParameter] = {}
    artifacts: dict[str, ir.InputArtifact] = {}
    for name, binding in _single_bindings(step, spec.use):
        if isinstance(binding, Constant):
            parameters[name] = ir.InputParameter(runtime_value={"constant": binding.value})
        elif binding.type.is_artifact:
            artifacts[name] = _artifact_source(binding)
        else:
            parameters[name] = _parameter_source(binding)
    return ir.TaskInputs({**parameters, **_hidden_inputs(spec)}, artifacts)


def _hidden_inputs(spec: ComponentSpec) -> dict[str, ir.InputParameter]:
    """What brings `run.x` to a container: a constant that the platform replaces."""
    return {
        placeholders.run_input(name): ir.InputParameter(runtime_value={"constant": placeholders.RUN[name]})
        for name in spec.run_names
    }


def _single_bindings(step: Step, use: Use) -> Iterator[tuple[str, Constant | FromInput | FromStep]]:
    binding: Binding
    for name, binding in step.bindings.items():
        if isinstance(binding, Gathered):
            yield from ((element_name(use, name, index), source) for index, source in enumerate(binding.items))
        else:
            yield name, binding


def _parameter_source(source: FromInput | FromStep) -> ir.InputParameter:
    if isinstance(source, FromInput):
        return ir.InputParameter(component_input_parameter=source.name)
    return ir.InputParameter(
        task_output_parameter={"producerTask": _key(source.step), "outputParameterKey": source.port}
    )


def _artifact_source(source: FromInput | FromStep) -> ir.InputArtifact:
    if isinstance(source, FromInput):
        return ir.InputArtifact(component_input_artifact=source.name)
    return ir.InputArtifact(task_output_artifact={"producerTask": _key(source.step), "outputArtifactKey": source.port})


def _caching(settings: Settings) -> ir.CachingOptions:
    if isinstance(settings.cache, CacheKey):
        return ir.CachingOptions(True, settings.cache.key)
    return ir.CachingOptions(settings.cache)


def _retry(retry: Retry | None) -> ir.RetryPolicy | None:
    if retry is None or retry.max == 0:
        return None
    backoff = seconds(retry.backoff) if retry.backoff else 0
    return ir.RetryPolicy(retry.max, f"{backoff}s", float(retry.factor), f"{seconds(retry.max_backoff)}s")


def _executor(spec: ComponentSpec, target: Target) -> ir.Executor:
    env = tuple(ir.EnvVar(name, value) for name, value in spec.env)
    asked = resources(spec.settings.accelerator, target)
    return ir.Executor(ir.Container(spec.image, spec.command, spec.args, env, asked))


# ---------------------------------------------------------------- what the local engine needs besides


def lower_local(graph: Graph, files: Files) -> ir.PlatformSpec | None:
    """`platforms.local`: how each executor runs without its image. None where there is nothing to say.

    Paths start at the pipeline file's folder.
    """
    secrets = graph.pipeline.secrets
    steps = graph.distinct_steps
    executors = {f"exec-{step.spec_name}": _local_executor(step.settings, secrets, files) for step in steps}
    executors = {label: entry for label, entry in executors.items() if entry}
    return ir.PlatformSpec({"local": {"deploymentSpec": {"executors": executors}}}) if executors else None


def _local_executor(settings: Settings, secrets: Mapping[str, Any], files: Files) -> dict[str, Any]:
    image, accelerator = settings.image, settings.accelerator
    places = [place for place in (accelerator.local if accelerator else None, image.local) if place]
    folder = _first(places, "dir") or (image.build.context if image.build else None)
    entry = {
        "dir": posixpath.normpath(folder) if folder else None,
        "python": _first(places, "python"),
        "requirements": _first(places, "requirements") or _requirements(folder, files),
        "timeout": settings.timeout,
        "gpus": _first(places, "gpus"),
        "secrets": {
            name: secrets[value.secret].local
            for name, value in sorted(settings.env.items())
            if isinstance(value, SecretRef)
        },
    }
    return {key: value for key, value in entry.items() if value}


def _first(places: list[LocalPlace], key: str) -> Any:
    return next((value for place in places if (value := getattr(place, key)) is not None), None)


def _requirements(folder: str | None, files: Files) -> str | None:
    """The file in a component's folder that says what it needs."""
    if folder is None:
        return None
    names = (posixpath.normpath(posixpath.join(folder, name)) for name in ("pyproject.toml", "requirements.txt"))
    return next((name for name in names if files.has(name)), None)
