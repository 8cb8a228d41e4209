"""CustomJobs of Vertex AI: their machines where the profile names none, their disks, TPUs and fields, and their output.

Profiles are judged used or not, as in `hardware.py`, when Vertex AI is compiled for. Language, sections 5.17 and
5.41(b). A disk out of bounds and a TPU slice that is not offered are refused: Google's tables are certain there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hpc.compiler.graph import Graph, RunsContainer
from hpc.compiler.hardware import (
    LONGEST_JOB,
    SMALLEST_DISK_GB,
    chosen_machine,
    extras_of,
    google_gb,
    job_keys,
    runs_as_job,
    topology,
)
from hpc.compiler.machines import DEFAULT_MACHINE, MachineTable
from hpc.compiler.mentions import container_runs, profiles
from hpc.compiler.targets import CANNOT, Target
from hpc.components.fields import seconds
from hpc.components.vertex import JOB_OUTPUT, VertexExtras
from hpc.diagnostics import Diagnostic, Path, Place, Rule
from hpc.spec.model import Accelerator

DISK = Rule(
    "HPC522",
    "boot disk that is not offered",
    "Boot disks of Vertex AI have 100 GB at least and 64,000 at most, and some machines take one type only.",
    "Ask for another size or type.",
)
TAKEN_OUTPUT = Rule(
    "HPC523",
    f"an output called `{JOB_OUTPUT}`",
    "A CustomJob has an output of that name, by which a second attempt finds the job of the first one.",
    "Give the output another name.",
)
NO_RETRY = Rule(
    "HPC524",
    "spot machines, and nothing tries again",
    "Spot machines can be taken away at any time; Vertex AI then starts the job anew, unless `disable_retries` is set.",
    "Remove `disable_retries`, or add `retry`.",
    severity="warning",
)
CHOSEN = Rule(
    "HPC525",
    "machine that hpc chose",
    "A CustomJob runs on a machine of a named type, and the profile names none.",
    "Nothing to do, or name one.",
    severity="note",
)
NO_MACHINE = Rule(
    "HPC526",
    "no machine has that",
    "A CustomJob runs on a machine of a named type, and none of Vertex AI's has all that the profile asks for.",
    "Ask for less, or name a machine.",
)
SLICE = Rule(
    "HPC527",
    "TPU slice that is not offered",
    "Vertex AI trains on TPUs in one worker pool; how many chips and machines a slice has is its topology.",
    "Write a topology that the machine has.",
)
CROSSED = Rule(
    "HPC528",
    "fields of `vertex:` that contradict the profile",
    "Of two keys that cannot both hold, hpc would have to guess which one is meant.",
    "Keep one, or make them agree.",
)
RULES = (DISK, TAKEN_OUTPUT, NO_RETRY, CHOSEN, NO_MACHINE, SLICE, CROSSED)

LARGEST_DISK_GB = 64_000
_CHIPS_OF_A_MACHINE, _CHIPS_OF_A_POD = 8, 32


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    if not target.makes_jobs:
        return
    for path, accelerator in profiles(graph):
        yield from _profile(_Profile(accelerator, path, graph.machines))
    jobs = [step for step in container_runs(graph) if runs_as_job(step.settings, target)]
    yield from _machines(jobs, graph.machines)
    yield from _timeouts(jobs, target)
    for step in jobs:
        yield from _output(step)
        yield from _spot(step)


@dataclass(frozen=True)
class _Profile:
    """A machine profile while it is judged."""

    accelerator: Accelerator
    path: Path
    machines: MachineTable

    @property
    def extras(self) -> VertexExtras:
        return extras_of(self.accelerator)

    @property
    def machine(self) -> str:
        return self.accelerator.machine or chosen_machine(self.accelerator, self.machines) or ""

    def at(self, *keys: str) -> Place:
        return Place((*self.path, *keys))


def _profile(profile: _Profile) -> Iterator[Diagnostic]:
    yield from _disk(profile)
    yield from _scheduling(profile)
    yield from _slice(profile)


# ---------------------------------------------------------------- disks and scheduling


def _disk(profile: _Profile) -> Iterator[Diagnostic]:
    disk, kind = profile.accelerator.disk, profile.extras.boot_disk_type
    if disk and not SMALLEST_DISK_GB <= google_gb(disk) <= LARGEST_DISK_GB:
        small = google_gb(disk) < SMALLEST_DISK_GB
        fact = f"a boot disk of Vertex AI has {SMALLEST_DISK_GB} GB at least and {LARGEST_DISK_GB:,} at most, "
        fix = f"`disk: {SMALLEST_DISK_GB if small else LARGEST_DISK_GB}GB`."
        yield Diagnostic(DISK, profile.at("disk"), f"{fact}not {disk}.", fix)
    needs = profile.machines.boot_disk(profile.machine)
    if kind and profile.machine in profile.machines.machines and needs.startswith("hyperdisk") and kind != needs:
        fact = f"`{profile.machine}` takes {needs}, not {kind}."
        yield Diagnostic(DISK, profile.at("vertex", "boot_disk_type"), fact, "remove it.")


def _scheduling(profile: _Profile) -> Iterator[Diagnostic]:
    extras = profile.extras
    if profile.accelerator.spot and extras.strategy not in (None, "SPOT"):
        fact = f"`spot: true` ({{other}}) asks for spot machines, `strategy: {extras.strategy}` for others."
        other = profile.at("spot")
        yield Diagnostic(CROSSED, profile.at("vertex", "strategy"), fact, "remove one.", other=other)
    if extras.max_wait_duration and extras.strategy != "FLEX_START":
        fact = "`max_wait_duration` means something with `strategy: FLEX_START` only."
        fix = "add `strategy: FLEX_START`, or remove it."
        yield Diagnostic(CROSSED, Place((*profile.path, "vertex", "max_wait_duration"), on="key"), fact, fix)
    if extras.persistent_resource_id and profile.accelerator.spot:
        fact = "the machines of a persistent resource are there already; `spot` ({other}) asks for new ones."
        place = Place((*profile.path, "vertex", "persistent_resource_id"), on="key")
        yield Diagnostic(CROSSED, place, fact, "remove one.", other=profile.at("spot"))


# ---------------------------------------------------------------- TPUs


def _slice(profile: _Profile) -> Iterator[Diagnostic]:
    accelerator, machine = profile.accelerator, profile.machine
    if machine not in profile.machines.tpu_machines:
        if profile.extras.tpu_topology and not accelerator.tpu:
            place = Place((*profile.path, "vertex", "tpu_topology"), on="key")
            fact = "`tpu_topology` lays out the chips of a TPU, but the profile has none."
            yield Diagnostic(CROSSED, place, fact, "add `tpu`, e.g. `tpu: v5e`, or remove it.")
        return
    if accelerator.nodes > 1:
        fact = f"a TPU is one pool on Vertex AI, but `nodes` is {accelerator.nodes}."
        fix = "remove `nodes`; more machines are a larger slice: `vertex: {tpu_topology: …}`."
        yield Diagnostic(SLICE, profile.at("nodes"), fact, fix)
    known = profile.machines.topologies(machine)
    if known:
        yield from _laid_out(profile, known)
    else:
        yield from _counted(profile)


def _laid_out(profile: _Profile, known: Mapping[str, int]) -> Iterator[Diagnostic]:
    accelerator, machine = profile.accelerator, profile.machine
    said = topology(accelerator, machine, profile.machines)
    if accelerator.spot and known.get(said, 1) > 1:
        yield _spot_pod(profile)
    if said not in known:
        fact = f"`{machine}` is not offered as a slice of {said}."
        place = profile.at("vertex", "tpu_topology")
        yield Diagnostic(SLICE, place, fact, f"use one of: {', '.join(known)}.")
    chips = profile.machines.size(machine).get("chips")
    if accelerator.count and accelerator.tpu and chips and accelerator.count != chips:
        fact = f"`{machine}` has {chips} chip{'s' if chips > 1 else ''}, but `count` is {accelerator.count}."
        sizes = ", ".join(f"{name} ({count * chips})" for name, count in known.items())
        fix = f"`count: {chips}`; a slice of more chips is `vertex: {{tpu_topology: …}}`: {sizes}."
        yield Diagnostic(SLICE, profile.at("count"), fact, fix)


def _counted(profile: _Profile) -> Iterator[Diagnostic]:
    """TPUs of the first generations: 8 chips on one machine, or pods."""
    accelerator = profile.accelerator
    count = accelerator.count or 1
    if not accelerator.tpu:
        names = ", ".join(f"`tpu: {one}`" for one in profile.machines.tpus_of(profile.machine))
        fact = f"`{profile.machine}` does not say which TPU."
        yield Diagnostic(SLICE, profile.at("machine"), fact, f"add one of: {names}, with `count: 8`.")
    elif count != _CHIPS_OF_A_MACHINE and count % _CHIPS_OF_A_POD:
        but = f"but `count` is {count}" if accelerator.count else "but without `count` it is 1"
        fact = f"TPU {accelerator.tpu} comes with 8 chips, or with a multiple of {_CHIPS_OF_A_POD}, {but}."
        yield Diagnostic(SLICE, profile.at("count" if accelerator.count else "tpu"), fact, "`count: 8`.")
    elif accelerator.spot and count > _CHIPS_OF_A_MACHINE:
        yield _spot_pod(profile)
    if profile.extras.tpu_topology:
        place = Place((*profile.path, "vertex", "tpu_topology"), on="key")
        fact = f"TPUs on `{profile.machine}` are counted, not laid out."
        yield Diagnostic(SLICE, place, fact, "remove it; a pod is `count: 32`.")


def _spot_pod(profile: _Profile) -> Diagnostic:
    """ "Use Spot VMs with training": pods are not supported."""
    fact = "a TPU slice of several machines cannot be had as spot machines."
    return Diagnostic(SLICE, profile.at("spot"), fact, "remove `spot`, or take a slice of one machine.")


# ---------------------------------------------------------------- steps


def _machines(jobs: list[RunsContainer], machines: MachineTable) -> Iterator[Diagnostic]:
    """What is chosen for a profile without `machine`, once for each: where it is no more than the usual, nothing."""
    first = {step.settings.accelerator_path: step for step in reversed(jobs) if _is_free(step)}
    for path, step in first.items():
        accelerator = step.settings.accelerator
        assert accelerator is not None, "a step without a profile asks for no machine"
        reason, place = next(iter(job_keys(step.settings).items()))
        machine = chosen_machine(accelerator, machines)
        whose = f"accelerator `{path[-1]}`"
        why = f"`{reason}` makes this a CustomJob, which needs a machine"
        if machine is None and not _is_refused_elsewhere(accelerator, machines):
            fact = f"{why}, and none of Vertex AI's has all that {whose} asks for."
            where = Place((*path, "count")) if _is_odd_slice(accelerator, machines) else Place(place, on="key")
            yield Diagnostic(NO_MACHINE, where, fact, _what_there_is(accelerator, machines))
        elif machine and machine != DEFAULT_MACHINE:
            fact = f"{why}: `{machine}` for {whose}."
            yield Diagnostic(CHOSEN, Place(place, on="key"), fact, f"nothing to do, or add `machine` to {whose}.")


def _what_there_is(accelerator: Accelerator, machines: MachineTable) -> str:
    tpu = accelerator.tpu
    if tpu is None or chosen_machine(_of_any_size(accelerator), machines):
        return "ask for less."
    having = [name for name in machines.tpu_machines if tpu in machines.tpus_of(name)]
    slices = dict.fromkeys(slice_ for name in having for slice_ in machines.topologies(name))
    if _is_odd_slice(accelerator, machines):
        chips = ", ".join(str(machines.size(name).get("chips")) for name in having)
        return f"a machine has so many chips: {chips}; a larger slice is `vertex: {{tpu_topology: …}}`."
    return f"TPU {tpu} comes as {', '.join(slices)}."


def _is_odd_slice(accelerator: Accelerator, machines: MachineTable) -> bool:
    """Whether no machine has that many chips of a TPU, however small it may be."""
    is_counted = bool(accelerator.tpu and accelerator.count)
    is_laid_out = extras_of(accelerator).tpu_topology is not None
    return is_counted and not is_laid_out and chosen_machine(_of_any_size(accelerator), machines) is None


def _of_any_size(accelerator: Accelerator) -> Accelerator:
    return accelerator.model_copy(update={"cpu": None, "memory": None})


def _is_free(step: RunsContainer) -> bool:
    accelerator = step.settings.accelerator
    return accelerator is not None and accelerator.machine is None


def _is_refused_elsewhere(accelerator: Accelerator, machines: MachineTable) -> bool:
    """Whether no machine has such a GPU or TPU, or not that number."""
    if accelerator.tpu:
        return accelerator.tpu not in machines.tpus
    gpu = machines.gpu_names.get(accelerator.gpu or "", "")
    return bool(accelerator.gpu) and (accelerator.count or 1) not in machines.offered_counts(gpu)


def _timeouts(jobs: list[RunsContainer], target: Target) -> Iterator[Diagnostic]:
    """Time limits that never come, each once."""
    said = {step.settings.timeout_path or ("defaults", "timeout"): step.settings.timeout for step in jobs}
    for path, timeout in said.items():
        if timeout and seconds(timeout) > seconds(LONGEST_JOB):
            days = seconds(LONGEST_JOB) // 86400
            fact = f"`timeout: {timeout}` cannot be had: {target.title} ends every task after {days} days."
            yield Diagnostic(CANNOT, Place(path), fact, f"`{days}d` at most.")


def _output(step: RunsContainer) -> Iterator[Diagnostic]:
    ir_names: Mapping[str, str] = getattr(step.component, "ir_names", {})
    names = {ir_names.get(name, name): name for name in step.outputs}
    if JOB_OUTPUT in names:
        reason = next(iter(job_keys(step.settings)))
        fact = f"`{reason}` makes this a CustomJob, which has an output `{JOB_OUTPUT}` of its own."
        place = Place((*step.component_path, "outputs", names[JOB_OUTPUT]), on="key")
        yield Diagnostic(TAKEN_OUTPUT, place, fact, "give the output another name.")


def _spot(step: RunsContainer) -> Iterator[Diagnostic]:
    settings, accelerator = step.settings, step.settings.accelerator
    tried_again = settings.retry is not None and settings.retry.max > 0
    if accelerator and accelerator.spot and extras_of(accelerator).disable_retries and not tried_again:
        fact = f"step `{step.written}` runs on spot machines, and nothing tries again when they are taken away."
        place = Place((*settings.accelerator_path, "vertex", "disable_retries"), on="key")
        yield Diagnostic(NO_RETRY, place, fact, "remove `disable_retries`, or add `retry` to the step.")
