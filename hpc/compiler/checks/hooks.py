"""Steps that run whatever happened, where the target makes them hooks of what they wait for; and statuses there.

Kubeflow Pipelines compiles such a task to an exit hook of each task before it (backend/src/v2/compiler/argocompiler/
dag.go): one hook for a task, none for loops and importers, and nothing can wait for a hook.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hpc.compiler.graph import HANDLER, Graph, GraphStep, Group, ImporterStep, Node, Status, Step, task_name
from hpc.compiler.targets import CANNOT, Target
from hpc.diagnostics import Diagnostic, Place, Rule

UNSURE_STATUS = Rule(
    "HPC516",
    "status that may be wrong",
    "The open-source backend does not reliably tell a step how another one ended (kubeflow/pipelines#11641, #13321).",
    "Do not decide anything important by it, or run on another target.",
    severity="warning",
)
MAY_NOT_RUN = Rule(
    "HPC521",
    "clean-up that may not run",
    "A step that runs whatever happened is a hook of the one before it on Kubeflow Pipelines, and that has to start.",
    "Use `exit` for what must run at the end of every run.",
    severity="warning",
)
RULES = (CANNOT, UNSURE_STATUS, MAY_NOT_RUN)


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    if target.exit_hooks:
        for level in _levels(graph):
            yield from _hooks(level, target)
    if not target.final_status:
        yield from _statuses(graph, target)


def _levels(graph: Graph) -> Iterator[tuple[Node, ...]]:
    """The tasks of every DAG: of the graph, of its groups, and of sub-pipelines, each once."""
    graphs = {step.graph.name: step.graph for step in graph.all_steps if isinstance(step, GraphStep)}
    waiting = [graph.nodes, *(inner.nodes for inner in graphs.values())]
    while waiting:
        nodes = waiting.pop()
        yield nodes
        waiting += [node.children for node in nodes if isinstance(node, Group)]


def _hooks(nodes: tuple[Node, ...], target: Target) -> Iterator[Diagnostic]:
    """A task that runs whatever happened is a hook of the one before it: the last one wins, and nothing follows it."""
    tasks = {task_name(node): node for node in nodes}
    hooks = {name: node for name, node in tasks.items() if isinstance(node, Step) and node.runs_always}
    taken: dict[str, Step] = {}
    for hook in sorted(hooks.values(), key=_place_of_edge):
        yield from _before_hook(hook, tasks, target)
        for before in hook.after:
            first = taken.setdefault(before, hook)
            if first.written != hook.written:
                yield _second_hook(first, hook, target)
            elif first is not hook:
                fact = f"{target.title} runs one step whatever happened before it, but `{hook.written}` loops."
                fix = "do all of it in one step."
                yield Diagnostic(CANNOT, Place((*hook.path, "for_each"), on="key"), fact, fix)
    for node in nodes if hooks else ():
        for name in (name for name in node.after if name in hooks):
            yield _after_hook(hooks[name], node, target)


def _before_hook(hook: Step, tasks: Mapping[str, Node], target: Target) -> Iterator[Diagnostic]:
    """What a hook waits for: one task, of a kind that has hooks, which surely starts."""
    before = [tasks[name] for name in hook.after]
    if len(before) > 1:
        names = " and ".join(f"`{_first_step(node).written}`" for node in before[:2])
        fact = f"on {target.title} `{hook.written}` would run as soon as the first of {names} has ended, and again "
        fix = "wait for one step only, e.g. for the last one; or use `exit` for the end of the run."
        yield Diagnostic(CANNOT, Place(hook.edge), f"{fact}after the other.", fix)
        return
    for node in before:
        step = _first_step(node)
        if isinstance(node, ImporterStep) or (isinstance(node, Group) and node.kind == "for_each"):
            what = "is an importer" if isinstance(node, ImporterStep) else "loops"
            fact = f"`{step.written}` {what}, and {target.title} runs nothing whatever came of such a step."
            yield Diagnostic(
                CANNOT, Place(hook.edge), fact, "put it into a component made of edges, and wait for that."
            )
        elif node.after:
            fact = f"if a step before `{step.written}` fails, `{step.written}` does not start, and on {target.title} "
            fix = "use `exit` for what must run at the end of every run."
            yield Diagnostic(MAY_NOT_RUN, Place(hook.edge), f"{fact}`{hook.written}` does not run either.", fix)


def _place_of_edge(step: Step) -> tuple[str, ...]:
    """What sorts steps by their edges in the file."""
    return tuple(f"{segment:06}" if isinstance(segment, int) else segment for segment in step.edge)


def _second_hook(first: Step, second: Step, target: Target) -> Diagnostic:
    if HANDLER in second.after:
        fact = f"{target.title} runs one step after `exit`, but `{first.written}` ({{other}}) and `{second.written}` "
        fact += "follow it: only one of them would run."
    else:
        fact = f"{target.title} runs one step whatever came of the one before, but `{first.written}` ({{other}}) and "
        fact += f"`{second.written}` wait for the same one: only one of them would run."
    fix = "do both in one component, or compile for Vertex AI Pipelines."
    return Diagnostic(CANNOT, Place(second.edge), fact, fix, other=Place(first.edge))


def _after_hook(hook: Step, node: Node, target: Target) -> Diagnostic:
    step = _first_step(node)
    fact = f"`{step.written}` waits for `{hook.written}`, which runs whatever happened before it; on {target.title} "
    fix = f"remove `run_if` of `{hook.written}`, or what waits for it; or compile for Vertex AI Pipelines."
    return Diagnostic(CANNOT, Place(step.edge), f"{fact}nothing can wait for such a step.", fix)


def _first_step(node: Node) -> Step:
    return _first_step(node.children[0]) if isinstance(node, Group) else node


def _statuses(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    for step in graph.all_steps:
        for name, binding in step.bindings.items():
            if isinstance(binding, Status):
                fact = f"`{step.written}.{name}` gets `{binding.step}.status`, which {target.title} does not reliably "
                fix = "let the step work with a wrong status too, or compile for Vertex AI Pipelines."
                yield Diagnostic(UNSURE_STATUS, Place(step.edge), f"{fact}tell: a failed run may look successful.", fix)
