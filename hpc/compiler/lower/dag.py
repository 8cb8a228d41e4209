"""Steps and groups as tasks and DAG components, level by level."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from hpc.compiler import ir
from hpc.compiler.cel import cel, joined, negated
from hpc.compiler.graph import (
    HANDLER,
    CompiledStep,
    Constant,
    FromItem,
    Gathered,
    Graph,
    GraphStep,
    Group,
    ImporterStep,
    Node,
    OneOf,
    RunsContainer,
    Source,
    Status,
    Step,
    Test,
    channel,
    task_name,
)
from hpc.compiler.lower.foreign import compiled_names
from hpc.compiler.lower.importers import importer_inputs
from hpc.compiler.lower.ports import bare_definitions, input_definitions, output_definitions
from hpc.compiler.lower.routes import Routes, Tasks
from hpc.compiler.render import ComponentSpec
from hpc.compiler.targets import Target
from hpc.compiler.waits import never_cached
from hpc.components import placeholders
from hpc.components.fields import Cache, CacheKey, Retry, seconds
from hpc.components.foreign import GoogleOperation
from hpc.components.ports import InputPort
from hpc.components.types import Type
from hpc.components.use import element_name
from hpc.spec.conditions import Name

T = TypeVar("T")

_AFTER_ANYTHING = "ALL_UPSTREAM_TASKS_COMPLETED"


class Dags:
    """The DAGs of one graph: its own, and those of its groups, which `components` collects by their names."""

    def __init__(self, graph: Graph, specs: Mapping[str, ComponentSpec], target: Target) -> None:
        self.graph, self.specs, self.target = graph, specs, target
        self.routes = Routes(graph)
        self.never_cached = never_cached(graph)
        self.components: dict[str, ir.Component] = {}

    def component(self) -> ir.Component:
        """The graph as a component."""
        graph = self.graph
        outputs = {port.as_ or name: port for name, port in graph.outputs.items()}
        results = {graph.outputs[name].as_ or name: source for name, source in graph.results.items()}
        dag = ir.Dag(self._tasks(graph.nodes, ()), self._outputs(results, ()))
        return ir.Component(input_definitions(_graph_inputs(graph), self.target), output_definitions(outputs), dag=dag)

    def _tasks(self, nodes: tuple[Node, ...], level: Tasks) -> dict[str, ir.Task]:
        tasks: dict[str, ir.Task] = {}
        for node in nodes:
            task = self._step(node, level) if isinstance(node, Step) else self._group(node, level)
            add(tasks, {task_name(node): task})
        return tasks

    # ------------------------------------------------------------ steps

    def _step(self, step: Step, level: Tasks) -> ir.Task:
        caching, retry = policies(step)
        if step.name in self.never_cached:
            caching = ir.CachingOptions(False)
        if is_tuning_job(step, self.target):
            caching, retry = ir.CachingOptions(caching.enable_cache), None  # its two tasks have them
        strategy = _AFTER_ANYTHING if step.runs_always else None
        return ir.Task(
            task_info=ir.TaskInfo(step.title or step.key),
            component_ref=ir.ComponentRef(f"comp-{step.spec_name}"),
            trigger_policy=ir.TriggerPolicy(strategy=strategy) if strategy else None,
            dependent_tasks=step.after,
            inputs=self._step_inputs(step, level),
            caching_options=caching,
            retry_policy=retry,
        )

    def _step_inputs(self, step: Step, level: Tasks) -> ir.TaskInputs:
        parameters: dict[str, ir.InputParameter] = {}
        artifacts: dict[str, ir.InputArtifact] = {}
        for name, binding in self._single_bindings(step):
            if isinstance(binding, Constant):
                parameters[name] = ir.InputParameter(runtime_value={"constant": binding.value})
            elif binding.type.is_artifact:
                artifacts[name] = self._artifact(binding, level)
            else:
                parameters[name] = self._parameter(binding, level)
        if isinstance(step, RunsContainer):
            parameters.update(hidden_inputs(self.specs[step.spec_name].run_names))
            parameters.update(_of_the_run(step, parameters))
        if isinstance(step, ImporterStep):
            parameters.update(importer_inputs(step.component))
        return ir.TaskInputs(parameters, artifacts)

    def _single_bindings(self, step: Step) -> Iterator[tuple[str, Constant | Source]]:
        names = _input_names(step, self.specs)
        for name, binding in step.bindings.items():
            items: tuple[Constant | Source, ...] = binding.items if isinstance(binding, Gathered) else (binding,)
            yield from zip(names[name], items, strict=True)

    # ------------------------------------------------------------ sources

    def _parameter(self, source: Source, level: Tasks) -> ir.InputParameter:
        if isinstance(source, Status):
            task = HANDLER if source.step == "exit" else self._producer(source, level)[0]
            return ir.InputParameter(task_final_status={"producerTask": task})
        whole = self._whole(source, level)
        field = source.field if isinstance(source, FromItem) else None
        return (
            replace(whole, parameter_expression_selector=f"parseJson(string_value)[{json.dumps(field)}]")
            if field
            else whole
        )

    def _artifact(self, source: Source, level: Tasks) -> ir.InputArtifact:
        found = self.routes.producer(source, level)
        if found is None:
            return ir.InputArtifact(component_input_artifact=channel(source))
        return ir.InputArtifact(task_output_artifact={"producerTask": found[0], "outputArtifactKey": found[1]})

    def _producer(self, source: Source, level: Tasks) -> tuple[str, str]:
        found = self.routes.producer(source, level)
        assert found is not None, "an output of a DAG is made in it"
        return found

    # ------------------------------------------------------------ groups

    def _group(self, group: Group, level: Tasks) -> ir.Task:
        path = (*level, group.name)
        name = group_name(group.name, self.graph.name)
        add(self.components, {f"comp-{name}": self._group_component(group, path)})
        loop = group.loop
        return ir.Task(
            task_info=ir.TaskInfo(group.name),
            component_ref=ir.ComponentRef(f"comp-{name}"),
            trigger_policy=ir.TriggerPolicy(self._condition(group.tests)) if group.tests else None,
            parameter_iterator=ir.ParameterIterator(self._items(loop.items, path), loop.item) if loop else None,
            iterator_policy=ir.IteratorPolicy(loop.limit) if loop and loop.limit else None,
            dependent_tasks=group.after,
            inputs=self._group_inputs(self._needs(group, path), level),
        )

    def _items(self, items: Source | Constant, path: Tasks) -> ir.Items:
        if isinstance(items, Constant):
            return ir.Items(raw=json.dumps(items.value, sort_keys=True, ensure_ascii=False))
        return ir.Items(input_parameter=self._items_input(items, path))

    def _items_input(self, items: Source, path: Tasks) -> str:
        """Inside of the loop this input is gone (driver/resolve.go): a list that is used there too comes in twice."""
        name = channel(items)
        return f"{name}--loop-items" if name in self.routes.inside[path] else name

    def _needs(self, group: Group, path: Tasks) -> dict[str, Source]:
        """What the group takes from outside by the names of its inputs."""
        needs = dict(self.routes.needs[path])
        if group.loop is not None and not isinstance(group.loop.items, Constant):
            needs.setdefault(self._items_input(group.loop.items, path), group.loop.items)
        return needs

    def _group_inputs(self, needs: Mapping[str, Source], level: Tasks) -> ir.TaskInputs:
        values = {name: self._whole(source, level) for name, source in needs.items() if not source.type.is_artifact}
        artifacts = {name: self._artifact(source, level) for name, source in needs.items() if source.type.is_artifact}
        return ir.TaskInputs(values, artifacts)

    def _whole(self, source: Source, level: Tasks) -> ir.InputParameter:
        """A value on its way inwards: an element of a list as it is, its fields are taken where they are used."""
        found = self.routes.producer(source, level)
        if found is None:
            return ir.InputParameter(component_input_parameter=channel(source))
        return ir.InputParameter(task_output_parameter={"producerTask": found[0], "outputParameterKey": found[1]})

    def _group_component(self, group: Group, path: Tasks) -> ir.Component:
        inputs = {name: _type_on_the_way(source) for name, source in self._needs(group, path).items()}
        if group.loop is not None:
            inputs[group.loop.item] = group.loop.item_type
        exports = self.routes.exports[path]
        return ir.Component(
            bare_definitions(inputs),
            bare_definitions({name: source.type for name, source in exports.items()}),
            dag=ir.Dag(self._tasks(group.children, path), self._outputs(exports, path)),
        )

    def _condition(self, tests: tuple[Test, ...]) -> str:
        return joined(_one_test(test) for test in tests)

    # ------------------------------------------------------------ outputs of DAGs

    def _outputs(self, results: Mapping[str, Source], level: Tasks) -> Mapping[str, Mapping[str, Any]]:
        parameters: dict[str, Any] = {}
        artifacts: dict[str, Any] = {}
        for name, source in results.items():
            selectors = list(self._selectors(source, level))
            if source.type.is_artifact:
                artifacts[name] = {"artifactSelectors": selectors}
            elif len(selectors) > 1:
                parameters[name] = {"valueFromOneof": {"parameterSelectors": selectors}}
            else:
                parameters[name] = {"valueFromParameter": selectors[0]}
        return {kind: entries for kind, entries in (("parameters", parameters), ("artifacts", artifacts)) if entries}

    def _selectors(self, source: Source, level: Tasks) -> Iterator[Mapping[str, str]]:
        """One task for most; every branch where the DAG is the switch that decides."""
        decides = isinstance(source, OneOf) and self.routes.path_of[f"group {source.switch}"] == level
        key = "outputArtifactKey" if source.type.is_artifact else "outputParameterKey"
        for one in source.sources if isinstance(source, OneOf) and decides else (source,):
            task, output = self._producer(one, level)
            yield {"producerSubtask": task, key: output}


def add(entries: dict[str, T], more: Mapping[str, T]) -> None:
    """Lays entries beside each other; two of one name would be a fault in how names are made, and one would be lost."""
    for name, entry in more.items():
        assert name not in entries, f"two entries are called {name}"
        entries[name] = entry


def hidden_inputs(run_names: tuple[str, ...]) -> dict[str, ir.InputParameter]:
    """What brings `run.x` to a container: a constant that the platform replaces."""
    return {
        placeholders.run_input(name): ir.InputParameter(runtime_value={"constant": placeholders.RUN[name]})
        for name in run_names
    }


def _of_the_run(step: RunsContainer, bound: Mapping[str, Any]) -> dict[str, ir.InputParameter]:
    """Project and region for an operation of Google Cloud, unless the file says others."""
    values = step.component.of_the_run if isinstance(step.component, GoogleOperation) else {}
    return {
        name: ir.InputParameter(runtime_value={"constant": value})
        for name, value in values.items()
        if name not in bound
    }


def group_name(name: str, graph: str) -> str:
    """The name of a group's component: `when--train`, in a sub-pipeline `when--<sub-pipeline>--train`."""
    kind, _, rest = name.partition("--")
    return "--".join(filter(None, (kind, graph, rest)))


def _input_names(step: Step, specs: Mapping[str, ComponentSpec]) -> Mapping[str, tuple[str, ...]]:
    """The names in the IR of each input of what a step runs."""
    if isinstance(step, RunsContainer):
        return specs[step.spec_name].names
    if isinstance(step, CompiledStep):
        return compiled_names(step.component)
    if isinstance(step, GraphStep):
        return {name: tuple(_element_names(step.graph, name)) for name in step.graph.inputs}
    return {name: (name,) for name in step.inputs}


def _element_names(graph: Graph, name: str) -> Iterator[str]:
    if name not in graph.counts:
        yield name
    for index in range(graph.counts.get(name, 0)):
        yield element_name(graph.inputs, name, index)


def _graph_inputs(graph: Graph) -> dict[str, tuple[InputPort, Type]]:
    """The inputs of a graph by their names in the IR: one that is put together is as many inputs."""
    return {
        written: (port, port.type.element if name in graph.counts else port.type)
        for name, port in graph.inputs.items()
        for written in _element_names(graph, name)
    }


def _type_on_the_way(source: Source) -> Type:
    return source.item_type if isinstance(source, FromItem) else source.type


def _one_test(test: Test) -> str:
    def source(name: Name) -> Source:
        return test.sources[name.node, name.port]

    text = cel(test.condition, lambda name: channel(source(name)), lambda name: source(name).type)
    return text if test.holds else negated(text)


def is_tuning_job(step: Step, target: Target) -> bool:
    """Whether a job of the service searches, so that the step is a DAG of what starts it and what reads it."""
    return target.tunes == "job" and isinstance(step, RunsContainer) and step.is_tuned


def policies(step: Step) -> tuple[ir.CachingOptions, ir.RetryPolicy | None]:
    """Whether results of a step are taken from earlier runs, and how often it is tried."""
    if isinstance(step, RunsContainer):
        return _caching(step.settings.cache), _retry(step.settings.retry)
    return ir.CachingOptions(True), _retry(step.retry) if isinstance(step, GraphStep) else None


def _caching(cache: Cache) -> ir.CachingOptions:
    return ir.CachingOptions(True, cache.key) if isinstance(cache, CacheKey) else ir.CachingOptions(cache)


def _retry(retry: Retry | None) -> ir.RetryPolicy | None:
    if retry is None or retry.max == 0:
        return None
    backoff = seconds(retry.backoff) if retry.backoff else 0
    return ir.RetryPolicy(retry.max, f"{backoff}s", float(retry.factor), f"{seconds(retry.max_backoff)}s")
