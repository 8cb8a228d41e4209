"""Fields of Kubernetes where there is no Kubernetes: those of `kfp:` on a component or a step, on other targets.

What the program would miss (variables and folders from secrets, claims and config maps) is an error; what only tells a
cluster where to run it is a note. `kfp:` of a machine profile is one target's share of it, like `vertex:` and `local:`.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic.alias_generators import to_camel

from hpc.compiler import mentions
from hpc.compiler.graph import CompiledStep, Graph, RunsContainer
from hpc.compiler.targets import CANNOT, NOT_USED, Target
from hpc.diagnostics import Diagnostic, Place

RULES = (CANNOT, NOT_USED)

_MISSED = frozenset(
    {
        "secret_as_env",
        "secret_as_volume",
        "config_map_as_env",
        "config_map_as_volume",
        "field_path_as_env",
        "pvc_mount",
        "generic_ephemeral_volume",
        "empty_dir_mounts",
        "enabled_shared_memory",
    }
)


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    if target.name == "kfp":
        return
    for step in mentions.container_runs(graph):
        yield from _unwritten(step, target)
    for step in graph.all_steps:
        if isinstance(step, CompiledStep):
            yield from _compiled_away(step, target)


def _unwritten(step: RunsContainer, target: Target) -> Iterator[Diagnostic]:
    for layer in step.layers:
        extras = getattr(layer.block, "kfp", None)
        keys = sorted(extras.model_fields_set) if extras is not None else []
        for key in keys:
            place = Place((*layer.path, "kfp", key), on="key")
            if key in _MISSED:
                fact = f"{target.title} has no `{key}`, so the program would miss what it brings."
                yield Diagnostic(CANNOT, place, fact, "compile for `kfp`, or bring it in another way for this target.")
            else:
                fact = f"`{key}` writes nothing on {target.title}."
                yield Diagnostic(NOT_USED, place, fact, "nothing to do; it is written for `kfp`.")


def _compiled_away(step: CompiledStep, target: Target) -> Iterator[Diagnostic]:
    """What a compiled pipeline keeps in its second document, which other targets do not read."""
    platforms = (step.component.platform or {}).get("platforms", {})
    executors = platforms.get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {})
    written = {key for settings in executors.values() for key in settings}
    for key in sorted(written & set(map(to_camel, _MISSED))):
        fact = f"the compiled pipeline brings `{key}`, which {target.title} has no place for: programs would miss it."
        place = Place((*step.component_path, "uses"))
        yield Diagnostic(CANNOT, place, fact, "compile for `kfp`, or use a pipeline that was compiled without it.")
