"""What the file says and the compiled file does not hold, so that nothing is lost silently.

On Vertex AI a machine type, a disk, spot machines, several nodes, TPUs and a timeout need a CustomJob (language,
section 5.17). Container steps are all that is written, with the machine's CPUs and memory as limits. On Kubeflow
Pipelines a machine type, a disk and spot machines mean nothing (section 5.41(a)), and the fields of `kfp:` and
timeouts are not written. On this machine no profile matters, and a step without a folder runs in that of the file
(section 5.41(j)). Each profile is named once, however many steps use it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hpc.compiler import mentions
from hpc.compiler.graph import ContainerStep, Graph
from hpc.compiler.hardware import limits_of_machine
from hpc.compiler.targets import NOT_USED, Target
from hpc.diagnostics import Diagnostic, Path, Place, Rule
from hpc.spec.model import Accelerator, LocalPlace

NOT_WRITTEN = Rule(
    "HPC510",
    "not in the compiled file",
    "This version does not write it for this target; the step runs without it.",
    "Remove it if the step can do without, or use a newer hpc.",
    severity="warning",
)
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
RULES = (NOT_WRITTEN, DEFAULT_TIMEOUT, NOT_USED, FILE_FOLDER)


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    of_target = {"vertex": _vertex, "kfp": _kfp, "local": _local}[target.name]
    yield from of_target(graph, target)


# ---------------------------------------------------------------- Vertex AI


def _vertex(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    for path, accelerator in mentions.accelerators(graph).items():
        yield from _custom_job(path, accelerator)
        yield from _requests(path, accelerator, target)
    yield from _own_timeouts(graph, target)
    defaults = graph.pipeline.defaults
    if defaults.timeout and not all(map(mentions.own_timeout, mentions.container_runs(graph))):
        fact = f"`defaults.timeout` has no effect on {target.title}: a container step has no timeout there."
        fix = "write `timeout` on the components that need it, or remove it."
        yield Diagnostic(DEFAULT_TIMEOUT, Place(("defaults", "timeout"), on="key"), fact, fix)


def _requests(path: Path, accelerator: Accelerator, target: Target) -> Iterator[Diagnostic]:
    if accelerator.requests is not None:
        fact = f"`requests` of accelerator `{path[-1]}` writes nothing on {target.title}, which knows only limits."
        yield Diagnostic(
            NOT_USED, Place((*path, "requests"), on="key"), fact, "nothing to do; `cpu` and `memory` are written."
        )


def _custom_job(path: Path, accelerator: Accelerator) -> Iterator[Diagnostic]:
    lost = _asked(accelerator, ("disk", "spot", "nodes", "tpu", "vertex"))
    limits = limits_of_machine(accelerator)
    if accelerator.machine and limits is None:
        lost = ["machine", *lost]
    if limits is not None:
        cpu, memory, cut = limits
        said = accelerator.cpu or accelerator.memory
        written = f"`cpu: {cpu}` and `memory: {memory}`" if said else f"its {cpu} CPUs and {memory}"
        written += " are written as limits" + (" (the most a step can have)" if cut else "")
        fact = (
            f"this version cannot ask for `{accelerator.machine}` itself: {written}, and Vertex AI chooses the machine"
        )
        fact += f"; {_listed(lost)} not in the compiled file." if lost else "."
        fix = f"if that is enough, write `cpu: {cpu}, memory: {memory}` and no `machine`{_removed(lost)}."
        yield Diagnostic(NOT_WRITTEN, Place((*path, "machine")), fact, fix)
    elif lost:
        why = f"this version does not write a CustomJob for accelerator `{path[-1]}`"
        fact = f"{_listed(lost)} not in the compiled file: {why}."
        place = Place((*path, lost[0]), on="key")
        yield Diagnostic(NOT_WRITTEN, place, fact, f"remove {_words(lost)} if the step can do without.")


def _asked(accelerator: Accelerator, keys: Sequence[str]) -> list[str]:
    """Those of the keys that ask for something."""
    return [key for key in keys if (accelerator.nodes > 1 if key == "nodes" else getattr(accelerator, key))]


# ---------------------------------------------------------------- Kubeflow Pipelines


def _kfp(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    for path, accelerator in mentions.accelerators(graph).items():
        left_out = _asked(accelerator, ("machine", "disk", "spot"))
        if left_out:
            verb = "write" if len(left_out) > 1 else "writes"
            fact = f"{_words(left_out)} of accelerator `{path[-1]}` {verb} nothing on {target.title}."
            fix = "nothing to do; `gpu`, `cpu` and `memory` are written."
            yield Diagnostic(NOT_USED, Place((*path, left_out[0]), on="key"), fact, fix)


def _own_timeouts(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    places = dict.fromkeys(path for step in mentions.container_runs(graph) if (path := mentions.own_timeout(step)))
    yield from (_no_timeout(Place(path, on="key"), target) for path in places)


def _no_timeout(place: Place, target: Target) -> Diagnostic:
    fact = f"`timeout` is not in the compiled file: this version does not write it for {target.title}."
    return Diagnostic(NOT_WRITTEN, place, fact, "remove it if the step can do without.")


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
    names = list(dict.fromkeys(step.name for step in steps))
    shown = ", ".join(f"`{name}`" for name in names[:10])
    shown += f" and {len(names) - 10} more" if len(names) > 10 else ""
    where = f"{'runs' if len(names) == 1 else 'run'} in the folder of this file{interpreter}"
    fact = f"{shown} {where}: no `local.dir` and no `build.context` says otherwise."
    fix = f"nothing to do if that is right; else add `local: {{dir: …}}` to image `{image[-1]}`."
    return Diagnostic(FILE_FOLDER, Place(image, on="key"), fact, fix)


# ---------------------------------------------------------------- words


def _words(keys: Sequence[str]) -> str:
    words = [f"`{key}`" for key in keys]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _listed(keys: Sequence[str]) -> str:
    return f"{_words(keys)} {'are' if len(keys) > 1 else 'is'}"


def _removed(keys: Sequence[str]) -> str:
    return f", and remove {_words(keys)}" if keys else ""
