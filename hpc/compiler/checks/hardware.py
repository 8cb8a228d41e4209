"""Machine profiles that Vertex AI does not offer: machine, GPU and count are held against Google's tables.

Every profile of `accelerators` is judged, used or not. One with a `machine` is judged on every target, since only
Vertex AI reads `machine` and what is wrong with it is wrong in the file; one without only when Vertex AI is compiled
for, because other clusters have GPUs of their own and no such limits. Language, sections 5.17 and 5.25.

What the tables say for certain is refused. What they leave open is a warning: the n1 rows from which empty cells were
lost, sizes that Google does not publish with the machine, and machines of a family that the tables do not have, since
families appear more often than releases of hpc. A machine of a known family that is not in the table is refused.
`cpu` and `memory` may be less than the machine's: a node of Kubernetes never has all of its machine to give.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hpc.compiler.graph import Graph
from hpc.compiler.hardware import LARGEST_STEP_CPU, LARGEST_STEP_MEMORY, google_gb, job_keys
from hpc.compiler.machines import MachineTable, family, series
from hpc.compiler.mentions import container_runs, profiles
from hpc.compiler.targets import Target
from hpc.components.fields import cpus, in_bytes
from hpc.components.types import did_you_mean, nearest
from hpc.diagnostics import Diagnostic, Path, Place, Rule
from hpc.spec.model import Accelerator

CANNOT_ATTACH = Rule(
    "HPC501",
    "GPU or TPU that the machine does not take",
    "Vertex AI attaches each kind of GPU and TPU to certain machines only; a job that asks for others is refused.",
    "Take a machine that has it, or the GPU that the machine has.",
)
WRONG_COUNT = Rule(
    "HPC502",
    "GPU, TPU or count that is not offered",
    "Machines come with fixed numbers of GPUs; any other number is refused when the job starts.",
    "Write a number that is offered.",
)
UNKNOWN_MACHINE = Rule(
    "HPC503", "no such machine", "Vertex AI does not list this machine type for training.", "Correct the name."
)
CONFLICT = Rule(
    "HPC505",
    "keys of an accelerator that contradict each other",
    "Of two keys that cannot both hold, hpc would have to guess which one is meant.",
    "Keep one, or make them agree.",
)
UNCERTAIN = Rule(
    "HPC507",
    "machine that may not be offered so",
    "Google's table can be read in two ways here, so hpc does not refuse it.",
    "Compare it with the tables of Vertex AI, or take what hpc proposes.",
    severity="warning",
)
NEW_MACHINE = Rule(
    "HPC508",
    "machine that hpc does not know",
    "New families of machines appear; what hpc does not know it cannot check, and neither its size.",
    "Make sure that the name is right.",
    severity="warning",
)
TOO_LARGE = Rule(
    "HPC509",
    "more than a step can have",
    "A container step of Vertex AI takes at most 96 CPUs and 624 GB.",
    "Ask for less.",
)
WITH_A_CATCH = Rule(
    "HPC535",
    "GPU with a condition",
    "Some GPUs are being withdrawn, and some are given only to who has reserved them; the job waits or is refused.",
    "Take another GPU, or see to what the message names.",
    severity="warning",
)
RULES = (WITH_A_CATCH, CANNOT_ATTACH, WRONG_COUNT, UNKNOWN_MACHINE, CONFLICT, UNCERTAIN, NEW_MACHINE, TOO_LARGE)

_SHAPE = re.compile(r"[a-z]+[0-9]+[a-z]*(-[a-z]+)+-[0-9]+[a-z]*")
# Facts: these exist for serving, and whether training takes them is not said; the sizes are not in Google's own table.
_ONLY_SEEN_SERVING = ("a3-edgegpu-8g",)
_SIZE_NOT_PUBLISHED = ("a3-megagpu-8g", "m1-ultramem-40", "m1-ultramem-80", "m1-ultramem-160", "m1-megamem-96")


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    for path, accelerator in profiles(graph):
        yield from _contradictions(accelerator, path)
        if accelerator.machine is not None or target.makes_jobs:
            yield from _on_vertex(_Asked(accelerator, path, graph.machines, _is_for_containers(graph, path)))


def _is_for_containers(graph: Graph, path: Path) -> bool:
    """Whether a step that is no CustomJob may run on the profile: that no step runs on it is no excuse."""
    runs = [step.settings for step in container_runs(graph) if step.settings.accelerator_path == path]
    return not runs or not all(map(job_keys, runs))


def _contradictions(accelerator: Accelerator, path: Path) -> Iterator[Diagnostic]:
    if accelerator.gpu and accelerator.tpu:
        fact = "`tpu` stands beside `gpu` ({other}); a machine has one or the other."
        yield Diagnostic(CONFLICT, Place((*path, "tpu"), on="key"), fact, "remove one.", other=Place((*path, "gpu")))
    if accelerator.count is not None and not (accelerator.gpu or accelerator.tpu):
        fact = "`count` counts GPUs or TPUs, but there is neither `gpu` nor `tpu`."
        fix = "add `gpu`, or remove `count`; several machines are `nodes`."
        yield Diagnostic(CONFLICT, Place((*path, "count"), on="key"), fact, fix)
    requests = accelerator.requests
    if requests and requests.cpu and accelerator.cpu and cpus(requests.cpu) > cpus(accelerator.cpu):
        yield _request_above_limit(path, "cpu", requests.cpu, accelerator.cpu)
    if requests and requests.memory and accelerator.memory and in_bytes(requests.memory) > in_bytes(accelerator.memory):
        yield _request_above_limit(path, "memory", requests.memory, accelerator.memory)


def _request_above_limit(path: Path, key: str, request: str, limit: str) -> Diagnostic:
    fact = f"`requests` asks for {key} {request}, but the limit is `{key}: {limit}`; Kubernetes refuses that."
    return Diagnostic(CONFLICT, Place((*path, "requests", key)), fact, f"`{key}: {limit}` at most in `requests`.")


# ---------------------------------------------------------------- what is asked for, and what there is


@dataclass(frozen=True)
class _Asked:
    """A machine profile while it is judged."""

    accelerator: Accelerator
    path: Path
    machines: MachineTable
    is_for_containers: bool

    @property
    def gpu(self) -> str:
        return self.accelerator.gpu or ""

    @property
    def api_name(self) -> str:
        return self.machines.gpu_names[self.gpu]

    @property
    def count(self) -> int:
        return self.accelerator.count or 1

    @property
    def but_count(self) -> str:
        """How a message says which number is asked for."""
        return f"but `count` is {self.count}" if self.accelerator.count else "but without `count` it is 1"

    def at(self, *keys: str) -> Place:
        """The first of these keys that the profile has."""
        return Place((*self.path, next(key for key in keys if key in self.accelerator.model_fields_set)))


# ---------------------------------------------------------------- the machine


def _on_vertex(asked: _Asked) -> Iterator[Diagnostic]:
    found = [*_judged(asked)]
    yield from found or _catch(asked)


def _judged(asked: _Asked) -> Iterator[Diagnostic]:
    machine = asked.accelerator.machine
    unknown = [*_unknown_devices(asked)]
    yield from unknown
    if machine is None:
        yield from () if unknown else _count_anywhere(asked)
        yield from _within_step(asked) if asked.is_for_containers else ()
    elif machine not in asked.machines.machines and machine not in asked.machines.tpu_machines:
        yield _unknown_machine(asked, machine)
    else:
        yield from () if unknown else _devices(asked, machine)
        yield from _within_machine(asked, machine)


def _unknown_devices(asked: _Asked) -> Iterator[Diagnostic]:
    gpus = sorted(short for short, name in asked.machines.gpu_names.items() if asked.machines.offered_counts(name))
    if asked.gpu and asked.gpu not in gpus:
        gone = asked.gpu in asked.machines.gpu_names
        fact = f"{asked.gpu} is not offered on Vertex AI any more."
        fact = fact if gone else f"`{asked.gpu}` is not a GPU of Vertex AI."
        fix = f"use one of: {', '.join(gpus)}." if gone else did_you_mean(asked.gpu, gpus)
        yield Diagnostic(WRONG_COUNT, asked.at("gpu"), fact, fix)
    tpus = asked.machines.tpus
    tpu = asked.accelerator.tpu
    if tpu and tpu not in tpus:
        fact = f"`{tpu}` is not a TPU that Vertex AI trains on."
        yield Diagnostic(WRONG_COUNT, asked.at("tpu"), fact, did_you_mean(tpu, tpus))


def _catch(asked: _Asked) -> Iterator[Diagnostic]:
    warning = asked.machines.accelerators[asked.api_name].get("warning") if asked.gpu else None
    if warning:
        fix = "take another GPU if that does not hold for you."
        yield Diagnostic(WITH_A_CATCH, asked.at("gpu"), f"{asked.gpu}: {warning}.", fix)


def _count_anywhere(asked: _Asked) -> Iterator[Diagnostic]:
    if not asked.gpu:
        return
    counts = asked.machines.offered_counts(asked.api_name)
    if asked.count not in counts:
        fact = f"machines of Vertex AI have {_or(counts)} {asked.gpu}, {asked.but_count}."
        yield Diagnostic(WRONG_COUNT, asked.at("count", "gpu"), fact, f"`count: {_next(asked.count, counts)}`.")


def _unknown_machine(asked: _Asked, machine: str) -> Diagnostic:
    families = {family(name) for name in (*asked.machines.machines, *asked.machines.tpu_machines)}
    if machine in _ONLY_SEEN_SERVING or (_SHAPE.fullmatch(machine) and family(machine) not in families):
        fact = f"hpc does not know the machine `{machine}`, so neither its GPUs nor its size are checked."
        near = _near_machine(asked, machine)
        fix = f"make sure that the name is right{f'; did you mean `{near}`?' if near else '.'}"
        return Diagnostic(NEW_MACHINE, asked.at("machine"), fact, fix)
    near = _near_machine(asked, machine)
    every = (*asked.machines.machines, *asked.machines.tpu_machines)
    siblings = [name for name in every if family(name) == family(machine)]
    fix = f"did you mean `{near}`?" if near else did_you_mean(machine, siblings or [*asked.machines.machines])
    fact = f"`{machine}` is not a machine that Vertex AI trains on."
    return Diagnostic(UNKNOWN_MACHINE, asked.at("machine"), fact, fix)


def _near_machine(asked: _Asked, machine: str) -> str | None:
    """The size nearest to it of its own series, else the name that looks most like it."""
    size = re.search(r"\d+", machine.rpartition("-")[2])
    same = [name for name in asked.machines.machines if series(name) == series(machine)]
    if size and same:
        return min(same, key=lambda name: abs(int(re.findall(r"\d+", name)[-1]) - int(size[0])))
    return nearest(machine, [*asked.machines.machines, *asked.machines.tpu_machines])


# ---------------------------------------------------------------- GPUs and TPUs of the machine


def _devices(asked: _Asked, machine: str) -> Iterator[Diagnostic]:
    tpu = asked.accelerator.tpu
    if tpu and (machine not in asked.machines.tpu_machines or tpu not in asked.machines.tpus_of(machine)):
        needs = sorted(name for name in asked.machines.tpu_machines if tpu in asked.machines.tpus_of(name))
        kinds = _or(sorted({series(name) for name in needs}))
        fact = f"TPU {tpu} cannot be attached to `{machine}`: it needs {kinds} machines."
        yield Diagnostic(CANNOT_ATTACH, asked.at("tpu"), fact, f"`machine: {needs[0]}`.")
    if asked.gpu:
        yield from _gpu(asked, machine)
    elif machine in asked.machines.machines and not tpu:
        yield from _unnamed_gpu(asked, machine)


def _unnamed_gpu(asked: _Asked, machine: str) -> Iterator[Diagnostic]:
    """A machine that brings its GPUs, and a profile that does not say so."""
    if asked.machines.brings(machine):
        gpu, count = asked.machines.brought(machine)
        fact = f"`{machine}` always has {count} {gpu}, and Vertex AI wants the GPU named."
        yield Diagnostic(CONFLICT, asked.at("machine"), fact, f"add `gpu: {gpu}, count: {count}`.")


def _gpu(asked: _Asked, machine: str) -> Iterator[Diagnostic]:
    counts = asked.machines.counts(machine, asked.api_name) if machine in asked.machines.machines else ()
    if asked.count in counts:
        return
    if _is_uncertain(asked, machine):
        yield _uncertain_gpu(asked, machine, counts)
    elif counts:
        yield _wrong_count(asked, machine, counts)
    else:
        fix = f"`{_fitting_machine(asked, machine)}`{_own_gpus(asked, machine)}."
        yield Diagnostic(CANNOT_ATTACH, asked.at("gpu"), _why_not(asked, machine), fix)


def _is_uncertain(asked: _Asked, machine: str) -> bool:
    """Whether empty cells may hide this pair: an n1 row of three values, and a number offered on another n1 machine."""
    if not asked.machines.takes_any(machine) or len(asked.machines.shorts(machine)) != 3:
        return False
    others = (name for name in asked.machines.machines if asked.machines.takes_any(name))
    return any(asked.count in asked.machines.counts(name, asked.api_name) for name in others)


def _uncertain_gpu(asked: _Asked, machine: str, counts: Sequence[int]) -> Diagnostic:
    listed = f"is not listed with {asked.gpu}"
    if counts:
        listed = f"is listed with {_or(counts)} {asked.gpu}, {asked.but_count}"
    fact = f"`{machine}` {listed}; this row of Google's table is not certain."
    fix = f"if Vertex AI refuses it: `{_fitting_machine(asked, machine)}`."
    return Diagnostic(UNCERTAIN, asked.at("count", "gpu") if counts else asked.at("gpu"), fact, fix)


def _wrong_count(asked: _Asked, machine: str, counts: Sequence[int]) -> Diagnostic:
    has = f"takes {_or(counts)} {asked.gpu}"
    if asked.machines.brings(machine):
        has = f"always has {counts[0]} GPU{'s' if counts[0] > 1 else ''}"
    fix = f"`count: {_next(asked.count, counts)}`"
    if asked.count in asked.machines.offered_counts(asked.api_name):
        fix += f", or `{_fitting_machine(asked, machine)}`"
    return Diagnostic(WRONG_COUNT, asked.at("count", "gpu"), f"`{machine}` {has}, {asked.but_count}.", f"{fix}.")


def _why_not(asked: _Asked, machine: str) -> str:
    having = asked.machines.having(asked.api_name)
    group = series if family(machine) in map(family, having) else family
    needs = f"{asked.gpu} needs {_or(sorted({group(name) for name in having}))} machines"
    has = f"{group(machine)} machines {_what_it_has(asked, machine)}"
    return f"{asked.gpu} cannot be attached to `{machine}`: {needs}, and {has}."


def _what_it_has(asked: _Asked, machine: str) -> str:
    if machine in asked.machines.tpu_machines:
        return f"bring TPU {_or(asked.machines.tpus_of(machine))}"
    shorts = asked.machines.shorts(machine)
    if not shorts:
        return "take no GPU"
    return f"{'bring' if asked.machines.brings(machine) else 'take'} {_or(shorts)}"


def _own_gpus(asked: _Asked, machine: str) -> str:
    """The rest of a fix: the GPUs that the machine does have."""
    shorts = asked.machines.shorts(machine) if machine in asked.machines.machines else []
    if len(shorts) > 1:
        return f", or one of its own GPUs: {', '.join(shorts)}"
    if not asked.machines.brings(machine):
        return f", or `gpu: {shorts[0]}`" if shorts else ""
    gpu, count = asked.machines.brought(machine)
    return f", or `gpu: {gpu}`" if count == asked.count else f", or `gpu: {gpu}, count: {count}`"


def _fitting_machine(asked: _Asked, machine: str) -> str:
    """`machine: x` for the machine nearest in CPUs that has the GPUs asked for, or another number of them."""
    having = asked.machines.having(asked.api_name)
    exact = [name for name in having if asked.count in asked.machines.counts(name, asked.api_name)]
    cpu = asked.machines.size(machine).get("cpu", 0)
    found = min(exact or having, key=lambda name: abs(asked.machines.machines[name]["cpu"] - cpu))
    count = _next(asked.count, asked.machines.counts(found, asked.api_name))
    return f"machine: {found}" if exact else f"machine: {found}, count: {count}"


# ---------------------------------------------------------------- CPUs and memory


def _within_machine(asked: _Asked, machine: str) -> Iterator[Diagnostic]:
    facts = asked.machines.size(machine)
    sure = machine not in _SIZE_NOT_PUBLISHED
    for key, asks, has, text in _sizes(asked, facts.get("cpu"), facts.get("memory_gb")):
        if asks > has:
            fact = f"`{key}: {getattr(asked.accelerator, key)}` is more than `{machine}` has ({text})."
            fix = f"remove `{key}`, or take a larger machine."
            yield Diagnostic(CONFLICT if sure else UNCERTAIN, asked.at(key), fact, fix)


def _within_step(asked: _Asked) -> Iterator[Diagnostic]:
    for key, asks, has, text in _sizes(asked, LARGEST_STEP_CPU, LARGEST_STEP_MEMORY / 10**9):
        if asks > has:
            fact = f"`{key}: {getattr(asked.accelerator, key)}` is more than a step of Vertex AI can have ({text})."
            yield Diagnostic(TOO_LARGE, asked.at(key), fact, f"`{key}: {text.replace(' ', '')}` at most.")


def _sizes(asked: _Asked, cpu: float | None, memory_gb: float | None) -> Iterator[tuple[str, float, float, str]]:
    """Key, what is asked for, what there is, and that as text; CPUs, and memory in 10^9 bytes."""
    accelerator = asked.accelerator
    if accelerator.cpu and cpu is not None:
        yield "cpu", cpus(accelerator.cpu), cpu, f"{cpu:g}"
    if accelerator.memory and memory_gb is not None:
        yield "memory", google_gb(accelerator.memory), memory_gb, f"{memory_gb:g} GB"


# ---------------------------------------------------------------- words


def _or(options: Sequence[object]) -> str:
    words = [str(option) for option in options]
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _next(count: int, counts: Sequence[int]) -> int:
    """The number offered that is at least `count`, else the largest."""
    return min((one for one in counts if one >= count), default=max(counts))
