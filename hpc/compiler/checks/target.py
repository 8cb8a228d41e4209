"""What the file asks for and the target cannot do: several machines or TPUs, names of a run, secrets, a program's name.

Only what some step uses is judged, so that one file can hold machine profiles for several targets. Language,
sections 5.31 and 5.41(a).
"""

from __future__ import annotations

from collections.abc import Iterator

from hpc.compiler import mentions
from hpc.compiler.graph import ContainerStep, Graph, RunsContainer
from hpc.compiler.render import NEEDS_COMMAND
from hpc.compiler.targets import CANNOT, TARGETS, Target
from hpc.components.container import ContainerComponent
from hpc.components.fields import SecretRef
from hpc.components.use import needs_bootstrap, references_in
from hpc.diagnostics import Diagnostic, Place

RULES = (CANNOT, NEEDS_COMMAND)

_SECRET_PLACES = {"vertex": "projects/…/secrets/…/versions/…", "kfp": "<name>/<key>", "local": "env:{}"}


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    if target.takes_gpus and not target.makes_jobs:
        yield from _machines(graph, target)
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
