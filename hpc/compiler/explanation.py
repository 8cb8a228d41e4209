"""What a step becomes, in words: a step, its component spec and the file enter, rows of text leave.

What the compiled file says in the words of a platform is said here in those of the pipeline file, with the place of
everything that was decided there.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpc.compiler.command_lines import command_lines
from hpc.compiler.graph import (
    Binding,
    CompiledStep,
    Constant,
    FromInput,
    FromItem,
    FromStep,
    Gathered,
    Graph,
    GraphStep,
    Group,
    ImporterStep,
    Node,
    OneOf,
    RunsContainer,
    Settings,
    Status,
    Step,
)
from hpc.compiler.hardware import (
    LONGEST_JOB,
    Hardware,
    extras_of,
    hardware,
    job_keys,
    resources,
    runs_as_job,
)
from hpc.compiler.machines import MachineTable
from hpc.compiler.mentions import on_this_machine, variable_path
from hpc.compiler.render import ComponentSpec
from hpc.compiler.targets import Target
from hpc.compiler.waits import never_cached
from hpc.components.fields import Cache, CacheKey, Retry, seconds
from hpc.components.foreign import GoogleOperation
from hpc.components.vertex import JOB_OUTPUT
from hpc.diagnostics import Path, Place
from hpc.spec.conditions import names_in
from hpc.spec.document import Document

Row = tuple[str, tuple[str, ...]]
"""A word, and what is to be said of it, line by line."""

_LEFT_OUT = "no value: it is optional and left out"


@dataclass(frozen=True)
class Explanation:
    """`title` names the step and the target, `rows` say the rest."""

    title: str
    rows: tuple[Row, ...]


def steps_called(graph: Graph, name: str) -> list[Step]:
    """The steps that a name means: one that stands in the file, also in a component made of edges, or one of those
    that a loop made of it.
    """
    return [step for step in graph.all_steps if name in (step.name, step.written, step.key)]


def step_names(graph: Graph) -> list[str]:
    return list(dict.fromkeys(step.written for step in graph.all_steps))


@dataclass(frozen=True)
class Explainer:
    """Explains the steps of one compiled pipeline."""

    graph: Graph
    specs: Mapping[str, ComponentSpec]
    target: Target
    document: Document

    def explained(self, step: Step) -> Explanation:
        rows = [("step", tuple(self._identity(step))), ("runs", tuple(self._when(step)))]
        rows += self._container(step) if isinstance(step, RunsContainer) else self._other(step)
        title = f"{step.name}: a step for {self.target.title}"
        return Explanation(title, tuple((word, lines) for word, lines in rows if lines))

    # ------------------------------------------------------------ what and when

    def _identity(self, step: Step) -> Iterator[str]:
        yield f"`{step.written}`, first named at {self.line(step.edge)}"
        component = f"component `{step.component_name}` at {self.line(step.component_path)}"
        own = step.path != step.component_path
        yield f"{component}; what differs at {self.line(step.path)}" if own else component
        copies = sum(other.written == step.written for other in self.graph.all_steps)
        if copies > 1:
            yield f"one of {copies} that its loop makes; the others differ in their values"

    def _when(self, step: Step) -> Iterator[str]:
        if step.runs_always:
            yield "whatever came of the steps before it"
        for group in _around(self.graph, step):
            yield from self._of_group(group)

    def _of_group(self, group: Group) -> Iterator[str]:
        for test in group.tests:
            place = next(names_in(test.condition)).place
            yield f"only if the condition at {self.line(place.path)} {'holds' if test.holds else 'does not hold'}"
        if group.loop is not None:
            limit = f", {group.loop.limit} at a time" if group.loop.limit else ""
            yield f"once for each element of a list that the run knows{limit}"

    # ------------------------------------------------------------ containers

    def _container(self, step: RunsContainer) -> list[tuple[str, tuple[str, ...]]]:
        spec, settings = self.specs[step.spec_name], step.settings
        return [
            ("image", (spec.image,)),
            ("becomes", tuple(self._machine(step))),
            ("command", tuple(self._command(step, spec))),
            ("inputs", tuple(self._inputs(step))),
            ("outputs", tuple(self._outputs(step))),
            ("retry", (_retries(settings.retry),)),
            ("timeout", (self._timeout(step),)),
            ("cache", (self._cache(step),)),
            ("env", tuple(self._environment(step))),
            ("secrets", tuple(self._secrets(step))),
        ]

    def _command(self, step: RunsContainer, spec: ComponentSpec) -> Iterable[str]:
        """Google's own words are a screenful of JSON, and nobody's concern."""
        return () if isinstance(step.component, GoogleOperation) else command_lines(spec, self.target)

    def _machine(self, step: RunsContainer) -> Iterator[str]:
        settings, target = step.settings, self.target
        if step.tune:
            tune = step.tune
            yield f"a search: {tune.trials} trials, {tune.parallel} at a time, to {tune.goal} {tune.metric}"
        if isinstance(step.component, GoogleOperation):
            yield f"Google's launcher of `{step.component.name}`, word for word"
            return
        if target.name == "local":
            yield from _on_this_machine(settings)
            return
        if step.tune and target.tunes == "job":
            yield "a hyperparameter tuning job of its own; the machines of each trial:"
            yield from _job(settings, self.graph.machines)
            return
        if runs_as_job(settings, target):
            yield f"a CustomJob of its own, because of {self._reasons(job_keys(settings))}"
            yield from _job(settings, self.graph.machines)
            return
        yield f"a container step; {_chooser(target)}"
        yield from self._resources(settings)

    def _reasons(self, keys: Mapping[str, Path]) -> str:
        """The keys, those of one line together."""
        lines: dict[str, list[str]] = {}
        for key, path in keys.items():
            lines.setdefault(self.line(path), []).append(f"`{key}`")
        return " and ".join(f"{', '.join(words)} ({line})" for line, words in lines.items())

    def _resources(self, settings: Settings) -> Iterator[str]:
        found = resources(settings.accelerator, self.target, self.graph.machines)
        if found is None:
            yield "asks for nothing in particular"
            return
        asked = {"CPUs": found.resource_cpu_limit, "memory": found.resource_memory_limit}
        said = [f"{value} {what}" for what, value in asked.items() if value]
        said += [f"{found.accelerator.count} {found.accelerator.type}"] if found.accelerator else []
        where = f"accelerator `{settings.accelerator_path[-1]}`, {self.line(settings.accelerator_path)}"
        yield f"at most {', '.join(said)} ({where})"

    def _inputs(self, step: Step) -> Iterator[str]:
        is_google = isinstance(step, RunsContainer) and isinstance(step.component, GoogleOperation)
        width = max(map(len, step.inputs), default=0)
        types = max((len(str(port.type)) for port in step.inputs.values()), default=0)
        left_out = 0
        for name, port in step.inputs.items():
            binding = step.bindings.get(name)
            source = self._source(binding) if binding else self._without(step, name)
            if source == _LEFT_OUT and is_google:
                left_out += 1
            else:
                yield f"{name:<{width}}  {port.type!s:<{types}}  {source}"
        if left_out:
            yield f"and {left_out} optional ones, which are left out"

    def _without(self, step: Step, name: str) -> str:
        tune = step.tune if isinstance(step, RunsContainer) else None
        if tune and name in tune.search:
            return "searched"
        component = step.component if isinstance(step, RunsContainer) else None
        if isinstance(component, GoogleOperation) and name in component.of_the_run:
            return "that of the run"
        return _LEFT_OUT

    def _source(self, binding: Binding) -> str:
        if isinstance(binding, Constant):
            return f"{json.dumps(binding.value, ensure_ascii=False)} ({self.line(binding.path)})"
        if isinstance(binding, FromInput):
            return f"from inputs.{binding.name}"
        if isinstance(binding, FromStep):
            return f"from {binding.step}.{binding.port}"
        if isinstance(binding, FromItem):
            return f"the element of the loop{f', its field {binding.field}' if binding.field else ''}"
        if isinstance(binding, OneOf):
            return "from " + " | ".join(f"{one.step}.{one.port}" for one in binding.sources)
        if isinstance(binding, Gathered):
            return f"a list of {len(binding.items)}: " + ", ".join(
                self._source(one).removeprefix("from ") for one in binding.items
            )
        assert isinstance(binding, Status)
        return "how everything ended" if binding.step == "exit" else f"how {binding.step} ended"

    def _outputs(self, step: Step) -> Iterator[str]:
        is_job = isinstance(step, RunsContainer) and runs_as_job(step.settings, self.target) and not step.is_tuned
        names = [*step.outputs, *([JOB_OUTPUT] if is_job else [])]
        width = max(map(len, names), default=0)
        for name, port in step.outputs.items():
            users = ", ".join(_users(self.graph, step.name, name))
            yield f"{name:<{width}}  {port.type}{f', goes to {users}' if users else ''}"
        if is_job:
            yield f"{JOB_OUTPUT:<{width}}  string, the address of the job"

    def _timeout(self, step: RunsContainer) -> str:
        settings = step.settings
        where = f" ({self.line(settings.timeout_path)})" if settings.timeout_path else " (from `defaults`)"
        if self.target.makes_jobs and not runs_as_job(settings, self.target):
            return "none of its own; every task of Vertex AI Pipelines ends after 7 days"
        if settings.timeout:
            return f"{settings.timeout}{where}"
        return f"{seconds(LONGEST_JOB) // 86400} days, the most there is" if self.target.makes_jobs else "none"

    def _cache(self, step: RunsContainer) -> str:
        own = next(graph for graph in _graphs(self.graph) if any(one is step for one in graph.own_steps))
        if step.name in never_cached(own):
            return "runs every time: one step starts a job and another waits for it"
        return _reused(step.settings.cache)

    def _environment(self, step: RunsContainer) -> Iterator[str]:
        for name, value in sorted(step.settings.env.items()):
            if isinstance(value, str):
                yield f"{name}={value} ({self.line(variable_path(step, name))})"

    def _secrets(self, step: RunsContainer) -> Iterator[str]:
        how = {"bootstrap": "read with the step's own account when it starts", "kubernetes": "set by Kubernetes"}
        for name, secret in sorted(step.settings.secrets.items()):
            place = getattr(secret, self.target.name) or "nowhere"
            yield f"{name} from {place}, {how.get(self.target.secrets, 'read when the run starts')}"

    # ------------------------------------------------------------ other kinds of step

    def _other(self, step: Step) -> list[tuple[str, tuple[str, ...]]]:
        rows = [("becomes", (_kind(step),)), ("inputs", tuple(self._inputs(step)))]
        rows.append(("outputs", tuple(self._outputs(step))))
        if isinstance(step, GraphStep):
            names = ", ".join(dict.fromkeys(inner.written for inner in step.graph.own_steps))
            rows.append(("steps", (f"{names} (`hpc explain FILE <step>` tells more of each)",)))
        return rows

    def line(self, path: Path) -> str:
        """`file:line` of a place."""
        span = self.document.locate(Place(path, on="key"))
        return f"{posixpath.basename(span.source.name)}:{span.position[0]}"


# ---------------------------------------------------------------- machines


def _job(settings: Settings, machines: MachineTable) -> Iterator[str]:
    found = hardware(settings.accelerator, machines)
    named = settings.accelerator is not None and settings.accelerator.machine
    yield f"{_pools(found)}{_size(found, machines)}{'' if named else ', chosen because none is named'}"
    device = f"{found.count} {found.accelerator}" if found.accelerator else ""
    device = device or (f"a TPU slice of {found.topology}" if found.topology else "")
    if device:
        yield f"each with {device}" if found.nodes > 1 else f"with {device}"
    if found.disk_gb:
        yield f"boot disk {found.disk_gb} GB, {found.disk_type}"
    extras = extras_of(settings.accelerator)
    strategy = extras.strategy or ("SPOT" if _is_spot(settings) else None)
    if strategy:
        yield {"SPOT": "spot machines, which may be taken away", "FLEX_START": "waits until there are machines"}.get(
            strategy, "machines on demand"
        )
    yield f"runs as {extras.service_account or 'the account of the run'}"


def _is_spot(settings: Settings) -> bool:
    return settings.accelerator is not None and settings.accelerator.spot


def _pools(found: Hardware) -> str:
    if found.nodes == 1:
        return found.machine
    return f"{found.nodes} × {found.machine}: pool 0 with 1, pool 1 with {found.nodes - 1}"


def _size(found: Hardware, machines: MachineTable) -> str:
    size = machines.size(found.machine)
    return f" ({size['cpu']:g} CPUs, {size['memory_gb']:g} GB)" if "memory_gb" in size else ""


def _chooser(target: Target) -> str:
    return "Vertex AI chooses its machine" if target.makes_jobs else "the cluster chooses its machine"


def _on_this_machine(settings: Settings) -> Iterator[str]:
    yield "a process of this machine, or a container with `hpc run --mode docker`"
    folder = on_this_machine(settings, "dir") or (settings.image.build.context if settings.image.build else ".")
    yield f"in the folder {folder}"
    gpus = on_this_machine(settings, "gpus")
    if gpus:
        yield f"with {gpus} of its GPUs"


# ---------------------------------------------------------------- words


def _retries(retry: Retry | None) -> str:
    if retry is None or retry.max == 0:
        return "not tried again"
    times = f"{retry.max} more attempt{'s' if retry.max > 1 else ''} after a failure"
    wait = f", the first after {retry.backoff}" if retry.backoff else ""
    return f"{times}{wait}; each wait is {retry.factor:g} times longer, {retry.max_backoff} at most" if wait else times


def _reused(cache: Cache) -> str:
    if isinstance(cache, CacheKey):
        return f"results under the key {cache.key!r} are reused"
    return "results of an earlier run with the same inputs are reused" if cache else "runs every time"


def _kind(step: Step) -> str:
    if isinstance(step, ImporterStep):
        return f"an import of {step.component.uri or 'what its input `uri` names'}: nothing runs"
    if isinstance(step, CompiledStep):
        return "a pipeline that was compiled elsewhere, as it is"
    if not isinstance(step, GraphStep):
        return "a task"
    size = step.graph.size
    return f"a pipeline of its own with {size} step{'s' if size > 1 else ''}"


def _graphs(graph: Graph) -> Iterator[Graph]:
    """The graph and those of the components made of edges in it."""
    yield graph
    for step in graph.own_steps:
        if isinstance(step, GraphStep):
            yield from _graphs(step.graph)


def _around(graph: Graph, step: Step) -> list[Group]:
    """The groups that the step stands in, the outermost first, in whichever graph it is."""
    nothing: list[Group] = []
    return next(_paths(graph.nodes, step, nothing), nothing)


def _paths(nodes: Sequence[Node], step: Step, groups: list[Group]) -> Iterator[list[Group]]:
    for node in nodes:
        if node is step:
            yield groups
        elif isinstance(node, Group):
            yield from _paths(node.children, step, [*groups, node])
        elif isinstance(node, GraphStep):
            yield from _paths(node.graph.nodes, step, groups)


def _users(graph: Graph, step: str, port: str) -> Iterator[str]:
    """The inputs that take an output of a step."""
    for other in graph.all_steps:
        for name, binding in other.bindings.items():
            if _takes(binding, step, port):
                yield f"{other.name}.{name}"
    for name, source in graph.results.items():
        if _takes(source, step, port):
            yield f"outputs.{name}"


def _takes(binding: Any, step: str, port: str) -> bool:
    if isinstance(binding, (Gathered, OneOf)):
        parts = binding.items if isinstance(binding, Gathered) else binding.sources
        return any(_takes(part, step, port) for part in parts)
    return isinstance(binding, FromStep) and (binding.step, binding.port) == (step, port)
