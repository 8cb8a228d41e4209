"""PipelineSpec document to a plan, or everything that keeps the engine from running it.

Reads the IR by its proto (pipeline_spec.proto, version 2.1.0). Parts of the language that this engine does not run
are refused by name, never skipped over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hpc.engines.findings import Findings
from hpc.engines.local.plan import Component, Container, Dag, Plan, Settings, Task
from hpc.engines.local.plan.dags import read_dag
from hpc.engines.local.plan.document import Document
from hpc.engines.local.plan.executors import executor
from hpc.engines.local.plan.nodes import Node, WrongKindError, mapping, text
from hpc.engines.local.plan.ports import interface
from hpc.engines.local.plan.rules import NO_COMMAND
from hpc.engines.local.plan.scope import Scope
from hpc.engines.local.plan.tree import ComponentKey, ComponentNode, components, is_dag
from hpc.engines.local.plan.tuning import misfits

MOST = 1_000_000
"""How many tasks a plan may have, loops counted once: shared groups in shared groups grow beyond any machine."""


def plan(spec: Node, settings: Mapping[str, Settings], findings: Findings) -> Plan:
    """The plan of a document; `settings` by executor label. Raises Rejected with everything found so far."""
    document = _document(spec, settings, findings)
    root = document.attempt("the document", lambda: _root(document, spec))
    findings.reject_if_any()
    assert root is not None
    if size(root) > MOST:
        document.refuse(f"the pipeline has {size(root)} tasks, more than {MOST}")
    findings.reject_if_any()
    return Plan(text(mapping(spec, "pipelineInfo"), "name"), root)


def leaves(plan: Plan) -> Iterator[tuple[str, Task]]:
    """All container and importer tasks in topological order, by path, with `[]` behind the key of a loop."""
    return leaves_of(plan.dag.tasks)


def leaves_of(tasks: Sequence[Task], prefix: str = "") -> Iterator[tuple[str, Task]]:
    """Those of these tasks and of all that is in them, by their paths behind a prefix."""
    waiting = [(prefix, task) for task in reversed(tasks)]
    while waiting:
        prefix, task = waiting.pop()
        path = f"{prefix}{task.key}[]" if task.repeats else f"{prefix}{task.key}"
        if isinstance(task.component.body, Dag):
            waiting.extend((f"{path}/", inner) for inner in reversed(task.component.body.tasks))
        else:
            yield path, task


def rows(plan: Plan) -> tuple[str, ...]:
    """The paths of all container and importer tasks in topological order; `a[]/b` stands in a loop."""
    return tuple(path for path, _ in leaves(plan))


def size(component: Component) -> int:
    """How many container and importer tasks the component makes, loops counted once."""
    sizes: dict[int, int] = {}

    def count(one: Component) -> int:
        if not isinstance(one.body, Dag):
            return 1
        if id(one) not in sizes:
            sizes[id(one)] = sum(count(task.component) for task in one.body.tasks)
        return sizes[id(one)]

    return count(component)


def commandless(plan: Plan) -> list[str]:
    """The tasks that only their image says how to start, as in `rows`."""
    bodies = ((path, task.component.body) for path, task in leaves(plan))
    return [path for path, body in bodies if isinstance(body, Container) and not body.command]


def require_commands(plan: Plan, findings: Findings) -> None:
    """What an executor without images asks for."""
    for path in commandless(plan):
        fact = f"task {path} has no command; its image's own is not known without a container"
        findings.add(NO_COMMAND, fact, "write command: in the component")


def _document(spec: Node, settings: Mapping[str, Settings], findings: Findings) -> Document:
    empty = Document({}, {}, settings, findings)

    def read() -> Document:
        executors = mapping(mapping(spec, "deploymentSpec"), "executors")
        return Document(mapping(spec, "components"), executors, settings, findings)

    return empty.attempt("the document", read) or empty


def _root(document: Document, spec: Node) -> Component | None:
    root = mapping(spec, "root")
    name = text(mapping(spec, "pipelineInfo"), "name")
    version = text(spec, "schemaVersion")
    if not name or version != "2.1.0" or not mapping(mapping(root, "dag"), "tasks"):
        raise WrongKindError(
            f"this is no pipeline of schema version 2.1.0 with a name and tasks (version: {version!r})"
        )
    for label in document.settings:
        if label not in document.executors:
            document.missing(f"the local settings name the executor {label}", label, document.executors)
    made: dict[ComponentKey, Component] = {}
    for place in components(document, root):
        _make(document, place, made)
    component = next(reversed(made.values()), None)
    return _without_artifacts(document, component) if component and not component.name else None


def _without_artifacts(document: Document, root: Component) -> Component:
    for wanted, port in root.inputs.artifacts.items():
        if not port.optional:
            document.refuse(f"the pipeline takes the artifact {wanted} as an input")
    return root


def _make(document: Document, place: ComponentNode, made: dict[ComponentKey, Component]) -> None:
    """Add the component to those `made`, unless something keeps it from being one. Those in it are there already."""
    component = document.attempt(f"component {place.key.name or 'root'}", lambda: _component(document, place, made))
    if component is not None:
        made[place.key] = component


def _component(document: Document, place: ComponentNode, made: Mapping[ComponentKey, Component]) -> Component | None:
    node = place.node
    inputs, outputs = interface(node, "inputDefinitions"), interface(node, "outputDefinitions")
    if is_dag(node):
        dag = mapping(node, "dag")
        inside = {task.key: made[task.component] for task in place.tasks if task.component in made}
        scope = Scope(document, place.path, inputs, mapping(dag, "tasks"), inside)
        body = read_dag(scope, dag, place.tasks, outputs)
    else:
        body = executor(document, place.path, node, inputs)
        if isinstance(body, Container) and body.settings.tuning:
            for name in misfits(body.settings.tuning, outputs):
                document.broken(f"task {place.path} puts out {name}, which its search does not find")
    return None if body is None else Component(place.key.name, inputs, outputs, body)
