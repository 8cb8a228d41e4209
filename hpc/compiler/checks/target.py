"""What the file asks for and the target cannot do: several machines or TPUs, names of a run, secrets, a program's name.

Only what some step uses is judged, so that one file can hold machine profiles for several targets. Language,
sections 5.31 and 5.41(a).
"""

from __future__ import annotations

from collections.abc import Iterator

from hpc.compiler import mentions
from hpc.compiler.graph import ContainerStep, Graph, GraphStep, Group, Node, RunsContainer, Status, Step, task_name
from hpc.compiler.link.levels import HANDLER
from hpc.compiler.render import NEEDS_COMMAND
from hpc.compiler.targets import CANNOT, TARGETS, Target
from hpc.components.container import ContainerComponent
from hpc.components.fields import SecretRef
from hpc.components.use import needs_bootstrap, references_in
from hpc.diagnostics import Diagnostic, Place, Rule

UNSURE_STATUS = Rule(
    "HPC516",
    "status that may be wrong",
    "The open-source backend does not reliably tell a step how another one ended (kubeflow/pipelines#11641, #13321).",
    "Do not decide anything important by it, or run on another target.",
    severity="warning",
)
RULES = (CANNOT, NEEDS_COMMAND, UNSURE_STATUS)

_SECRET_PLACES = {"vertex": "projects/…/secrets/…/versions/…", "kfp": "<name>/<key>", "local": "env:{}"}


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    if target.takes_gpus and not target.machines:
        yield from _machines(graph, target)
    if target.exit_hooks:
        for level in _levels(graph):
            yield from _hooks(level, target)
    if not target.final_status:
        yield from _statuses(graph, target)
    yield from _kept_secrets(graph, target)
    for step in graph.distinct_steps:
        yield from _references(step, target)
        if target.name == "kfp":
            yield from _program(step, target)


def _kept_secrets(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    """Secrets of every container, also of those that a file of KFP describes."""
    for step in {step.spec_name: step for step in mentions.container_runs(graph)}.values():
        yield from _secrets(step, target)
        if target.secrets == "bootstrap":
            yield from _needs_command(step)


def _machines(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    for path, accelerator in mentions.accelerators(graph).items():
        name = path[-1]
        if accelerator.nodes > 1:
            fact = f"{target.title} runs a step on one machine, but accelerator `{name}` asks for {accelerator.nodes}."
            fix = "remove `nodes`, or give the step another accelerator."
            yield Diagnostic(CANNOT, Place((*path, "nodes")), fact, fix)
        if accelerator.tpu:
            fact = f"hpc cannot ask for TPUs on {target.title}."
            fix = "give the step an accelerator with a `gpu`, or with neither."
            yield Diagnostic(CANNOT, Place((*path, "tpu")), fact, fix)


# ---------------------------------------------------------------- whatever happened


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
    hooks = {task_name(node): node for node in nodes if isinstance(node, Step) and _is_hook(node)}
    taken: dict[str, Step] = {}
    for hook in sorted(hooks.values(), key=_place_of_edge):
        for before in hook.after:
            first = taken.setdefault(before, hook)
            if first.written != hook.written:
                yield _second_hook(first, hook, target)
            elif first is not hook:
                fact = f"{target.title} runs one step whatever happened before it, but `{hook.written}` loops."
                fix = "do all of it in one step."
                yield Diagnostic(CANNOT, Place((*hook.path, "for_each"), on="key"), fact, fix)
    for node in nodes if hooks else ():
        for name in hooks.keys() & set(node.after):
            yield _after_hook(hooks[name], node, target)


def _place_of_edge(step: Step) -> tuple[str, ...]:
    """What sorts steps by their edges in the file."""
    return tuple(f"{segment:06}" if isinstance(segment, int) else segment for segment in step.edge)


def _is_hook(step: Step) -> bool:
    return step.runs_after_failure or HANDLER in step.after


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


# ---------------------------------------------------------------- texts and secrets


def _references(step: ContainerStep, target: Target) -> Iterator[Diagnostic]:
    for path, text in mentions.texts(step):
        for reference in references_in(text):
            place = Place(path, start=reference.start, length=reference.end - reference.start)
            if reference.namespace == "run" and reference.name in target.unknown_run:
                fact = f"{target.title} does not know `{reference}`."
                yield Diagnostic(CANNOT, place, fact, f"remove it; {_who_knows(reference.name)}.")
            elif reference.rest[:1] == ("metadata",) and not target.metadata:
                fact = f"{target.title} leaves `{reference}` as it stands: it knows only paths and uris of artifacts."
                yield Diagnostic(
                    CANNOT, place, fact, "let the step that makes the artifact write the value as an output."
                )


def _who_knows(name: str) -> str:
    titles = [target.title for target in TARGETS.values() if name not in target.unknown_run]
    return f"it works on {' and '.join(titles)}" if titles else "no target knows it"


def _secrets(step: RunsContainer, target: Target) -> Iterator[Diagnostic]:
    for variable, value in step.settings.env.items():
        if not isinstance(value, SecretRef):
            continue
        place = Place(mentions.variable_path(step, variable), on="key")
        if getattr(step.settings.secrets[variable], target.name) is None:
            fact = (
                f"secret `{value.secret}` does not say where {target.title} keeps it, so `{variable}` would be missing."
            )
            fix = f"add `{target.name}: {_SECRET_PLACES[target.name].format(variable)}` to secret `{value.secret}`."
            yield Diagnostic(CANNOT, place, fact, fix)


def _needs_command(step: RunsContainer) -> Iterator[Diagnostic]:
    """Secrets are fetched by a small program in front of the command."""
    component = step.component
    command = component.command if isinstance(component, ContainerComponent) else component.command_elements
    if step.settings.secrets and not command:
        why = "the image's own entrypoint is not known here"
        fact = f"a secret is fetched by a small program in front of the command; {why}."
        fix = "add `command:`, e.g. `command: [python, main.py]`."
        yield Diagnostic(NEEDS_COMMAND, Place(step.component_path, on="key"), fact, fix)


def _program(step: ContainerStep, target: Target) -> Iterator[Diagnostic]:
    """The launcher of the open-source backend replaces nothing in the first word of a command."""
    if needs_bootstrap(step.component):
        return  # the first word is then an interpreter
    for reference in references_in(step.component.command[:1]):
        if reference.namespace in ("inputs", "outputs", "run"):
            path = (*step.component_path, "command", 0)
            place = Place(path, start=reference.start, length=reference.end - reference.start)
            fact = f"{target.title} leaves `{reference}` as it stands in the first word of `command`."
            yield Diagnostic(CANNOT, place, fact, "begin with the name of a program, e.g. `command: [env, …]`.")
