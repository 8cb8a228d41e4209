"""Operations of Google Cloud: where they run, texts that their requests cannot hold, the e-mail at the end, waiting.

Grounds: google-cloud-pipeline-components 2.22.0 and its launchers;
https://github.com/kubeflow/pipelines/issues/8495 (quotes), 9773 and 12204 (recipients), 7846 (waiting and caches).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from hpc.compiler.graph import Constant, ForeignStep, FromInput, Graph, GraphStep, Source, Status, sources_in
from hpc.compiler.targets import CANNOT, Target
from hpc.compiler.waits import never_cached
from hpc.components.foreign import GoogleOperation
from hpc.components.foreign.google import EMAIL
from hpc.diagnostics import Diagnostic, Path, Place, Rule

BAD_EMAIL = Rule(
    "HPC540",
    "e-mail that would not be sent",
    "Vertex AI Pipelines sends the e-mail after everything else has ended, to addresses that it reads in the compiled "
    "pipeline.",
    "Write the addresses under `with`, and `- exit.status -> <step>.pipeline_task_final_status`.",
)
BREAKS_REQUEST = Rule(
    "HPC541",
    "text that breaks the request",
    "The operation puts the text between the quotes of a JSON request as it stands, so that a quote or a backslash in "
    "it ends or garbles the request.",
    "Write the text without them; a query with them goes into `job_configuration_query: {query: …}`.",
)
NOT_REUSED = Rule(
    "HPC542",
    "never taken from a cache",
    "Where one step launches a job and another waits for it, a launch taken from a cache would have launched nothing.",
    "Remove `cache`.",
    severity="warning",
)
RULES = (CANNOT, BAD_EMAIL, BREAKS_REQUEST, NOT_REUSED)


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    if not target.google_operations:
        yield from (_elsewhere(step, operation, target) for step, operation in _operations(graph))
        return
    for step, operation in _operations(graph):
        yield from _texts(step, operation)
        if operation.name == EMAIL:
            yield from _email(step)
    yield from _caches(graph)


def _operations(graph: Graph) -> Iterator[tuple[ForeignStep, GoogleOperation]]:
    for step in graph.all_steps:
        if isinstance(step, ForeignStep) and isinstance(step.component, GoogleOperation):
            yield step, step.component


def _elsewhere(step: ForeignStep, operation: GoogleOperation, target: Target) -> Diagnostic:
    fact = f"{target.title} cannot run `google/{operation.name}`: only Vertex AI Pipelines does what it asks for."
    fix = "compile for vertex; or keep what runs elsewhere in a file of its own."
    return Diagnostic(CANNOT, Place((*step.component_path, "uses")), fact, fix)


# ---------------------------------------------------------------- texts in requests


def _texts(step: ForeignStep, operation: GoogleOperation) -> Iterator[Diagnostic]:
    for name in sorted(operation.spliced & step.bindings.keys()):
        for source in sources_in(step.bindings[name]):
            if isinstance(source, FromInput) and source.port.has_default:
                yield from _text(step, operation, name, source.port.default, (*source.path, "default"))
        binding = step.bindings[name]
        if isinstance(binding, Constant):
            yield from _text(step, operation, name, binding.value, binding.path)


def _text(step: ForeignStep, operation: GoogleOperation, name: str, value: Any, path: Path) -> Iterator[Diagnostic]:
    found = operation.breaks_request(value) if isinstance(value, str) else ""
    if not found:
        return
    fact = f"the value of `{step.written}.{name}` holds {found}, which would break the request of `{operation.name}`."
    yield Diagnostic(BREAKS_REQUEST, Place(path), fact, _way_around(operation, name))


def _way_around(operation: GoogleOperation, name: str) -> str:
    if name != "query":
        return "write it without."
    other = "write `job_configuration_query: {query: …}` in the place of `query`."
    if not operation.inputs["query"].has_default:
        other = "write `query: ''` and `job_configuration_query: {query: …}`."
    return f"use single quotes in the query; or {other}"


# ---------------------------------------------------------------- the e-mail at the end


def _email(step: ForeignStep) -> Iterator[Diagnostic]:
    if step.bindings.get("pipeline_task_final_status") != Status("exit"):
        fact = f"`{step.written}` sends an e-mail about the end of a run, so it follows `exit` and takes its status."
        fix = f"write `- exit.status -> {step.written}.pipeline_task_final_status`."
        yield Diagnostic(BAD_EMAIL, Place(step.edge), fact, fix)
    recipients = step.bindings["recipients"]
    if not isinstance(recipients, Constant):
        yield _known_late(step, next(sources_in(recipients), None))
        return
    values = cast("list[object]", recipients.value)
    wrong = [value for value in values if not isinstance(value, str) or "@" not in value]
    if wrong or not values:
        what = f"`{wrong[0]}`, which is no address" if wrong else "nobody"
        fact = f"`{step.written}.recipients` names {what}."
        yield Diagnostic(BAD_EMAIL, Place(recipients.path), fact, "list addresses, e.g. `[me@company.example]`.")


def _known_late(step: ForeignStep, source: Source | None) -> Diagnostic:
    place = Place(source.path, on="key") if isinstance(source, FromInput) else Place(step.edge)
    fact = (
        f"`{step.written}.recipients` is known only when the pipeline runs, and Vertex AI Pipelines does not look then."
    )
    return Diagnostic(BAD_EMAIL, place, fact, f"write the addresses: `{step.written}: {{with: {{recipients: […]}}}}`.")


# ---------------------------------------------------------------- launched and waited for


def _caches(graph: Graph) -> Iterator[Diagnostic]:
    names = never_cached(graph)
    for step in graph.own_steps:
        if isinstance(step, GraphStep):
            yield from _caches(step.graph)
        elif step.name in names:
            layers = [layer for layer in getattr(step, "layers", ())[:-1] if getattr(layer.block, "cache", None)]
            for layer in layers[:1]:
                fact = f"`{step.written}` is part of a launch and the wait for it, which are never taken from a cache."
                yield Diagnostic(NOT_REUSED, Place((*layer.path, "cache"), on="key"), fact, "remove `cache`.")
