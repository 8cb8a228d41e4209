"""What the file says and the compiled file does not hold, so that nothing is lost silently.

On Vertex AI only a CustomJob has a timeout, and `defaults.timeout` makes none (language, section 5.17); there are no
requests. On Kubeflow Pipelines a machine type, a disk and spot machines mean nothing (section 5.41(a)). On this machine
no profile matters, and a step without a folder runs in that of the file (section 5.41(j)). Each profile is named once,
however many steps use it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hpc.compiler import mentions
from hpc.compiler.graph import ContainerStep, Graph, RunsContainer
from hpc.compiler.hardware import runs_as_job
from hpc.compiler.targets import NOT_USED, Target
from hpc.diagnostics import Diagnostic, Path, Place, Rule
from hpc.spec.model import Accelerator, LocalPlace

DEFAULT_TIMEOUT = Rule(
    "HPC511",
    "`defaults.timeout` has no effect",
    "On Vertex AI only a CustomJob has a timeout, and a default does not make every step one.",
    "Write `timeout` on the components that need it.",
    severity="warning",
)
FILE_FOLDER = Rule(
    "HPC514",
    "no folder for a local run",
    "Without `local.dir` and `build.context` hpc does not know where the program of an image lies on this machine.",
    "Write `local: {dir: …}` on the image.",
    severity="note",
)
RULES = (DEFAULT_TIMEOUT, NOT_USED, FILE_FOLDER)


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    of_target = {"vertex": _vertex, "kfp": _kfp, "local": _local}[target.name]
    yield from of_target(graph, target)


# ---------------------------------------------------------------- Vertex AI


def _vertex(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    for path, accelerator in mentions.accelerators(graph).items():
        yield from _requests(path, accelerator, target)
    runs = list(mentions.container_runs(graph))
    without = [step for step in runs if not runs_as_job(step.settings, target)]
    if graph.pipeline.defaults.timeout and without:
        yield _no_timeout(without, target, heeded=len(without) < len(runs))


def _no_timeout(steps: Sequence[RunsContainer], target: Target, *, heeded: bool) -> Diagnostic:
    """`heeded`: other steps do have it."""
    fact = f"`defaults.timeout` has no effect on {target.title}: a container step has no timeout there."
    if heeded:
        fact = f"`defaults.timeout` has no effect on {_some(steps)}: on {target.title} only a CustomJob has a timeout."
    fix = "write `timeout` on the components that need it, or remove it."
    return Diagnostic(DEFAULT_TIMEOUT, Place(("defaults", "timeout"), on="key"), fact, fix)


def _requests(path: Path, accelerator: Accelerator, target: Target) -> Iterator[Diagnostic]:
    if accelerator.requests is not None:
        fact = f"`requests` of accelerator `{path[-1]}` writes nothing on {target.title}, which knows only limits."
        yield Diagnostic(
            NOT_USED, Place((*path, "requests"), on="key"), fact, "nothing to do; `cpu` and `memory` are written."
        )


# ---------------------------------------------------------------- Kubeflow Pipelines


def _kfp(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    for path, accelerator in mentions.accelerators(graph).items():
        left_out = [key for key in ("machine", "disk", "spot") if getattr(accelerator, key)]
        if left_out:
            verb = "write" if len(left_out) > 1 else "writes"
            fact = f"{_words(left_out)} of accelerator `{path[-1]}` {verb} nothing on {target.title}."
            fix = "nothing to do; `gpu`, `cpu` and `memory` are written."
            yield Diagnostic(NOT_USED, Place((*path, left_out[0]), on="key"), fact, fix)


# ---------------------------------------------------------------- this machine


def _local(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    unused = [
        path
        for path, accelerator in mentions.accelerators(graph).items()
        if accelerator.model_fields_set - {"description", "local"}
    ]
    if unused:
        yield _machine_profiles(unused, target)
    homeless = [step for step in graph.steps if not _has_folder(step)]
    if homeless:
        yield _in_folder_of_file(homeless)


def _machine_profiles(unused: Sequence[Path], target: Target) -> Diagnostic:
    """One note for all: it stands above every run on this machine."""
    noun = "accelerators" if len(unused) > 1 else "accelerator"
    names = _words([str(path[-1]) for path in unused])
    fact = f"steps run on {target.title} as it is: of {noun} {names} only `local` is heeded."
    return Diagnostic(NOT_USED, Place(unused[0], on="key"), fact, "nothing to do.")


def _places(step: ContainerStep) -> list[LocalPlace]:
    accelerator = step.settings.accelerator
    return [place for place in (accelerator.local if accelerator else None, step.settings.image.local) if place]


def _has_folder(step: ContainerStep) -> bool:
    return step.settings.image.build is not None or any(place.dir for place in _places(step))


def _in_folder_of_file(steps: Sequence[ContainerStep]) -> Diagnostic:
    image = steps[0].settings.image_path
    prepared = any(place.python or place.requirements for step in steps for place in _places(step))
    interpreter = "" if prepared else " with the interpreter that runs hpc"
    verb = "runs" if len({step.name for step in steps}) == 1 else "run"
    where = f"{verb} in the folder of this file{interpreter}"
    fact = f"{_some(steps)} {where}: no `local.dir` and no `build.context` says otherwise."
    fix = f"nothing to do if that is right; else add `local: {{dir: …}}` to image `{image[-1]}`."
    return Diagnostic(FILE_FOLDER, Place(image, on="key"), fact, fix)


# ---------------------------------------------------------------- words


def _words(keys: Sequence[str]) -> str:
    words = [f"`{key}`" for key in keys]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _some(steps: Sequence[RunsContainer]) -> str:
    names = list(dict.fromkeys(step.name for step in steps))
    shown = ", ".join(f"`{name}`" for name in names[:10])
    return shown + (f" and {len(names) - 10} more" if len(names) > 10 else "")
