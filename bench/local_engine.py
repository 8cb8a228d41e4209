# ruff: noqa: T201
"""What running costs: the local engine beside kfp.local on the same compiled pipelines, and the engine alone.

    python bench/local_engine.py [--runs 5] [--container-runs 3] [--most 5000] [--no-containers]

Tasks do nothing (`sh -c true`), so that time is the engine's. Every figure is of a fresh process, runs take turns.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import store_cost
from compile import hpc_command, measured
from local_documents import IMAGE, Document, chain, diamond, independent, loop

WORKER = Path(__file__).with_name("local_worker.py")
SMALL = (10, 100)
SLEEP = 0.5
RUNNERS = "kfp.local: its DockerRunner; for Lightweight Python its SubprocessRunner, without a new environment."


@dataclass
class Job:
    """A pipeline that is run by one engine in one way. `warm`: once before, for its cache; `grown`: KiB a task."""

    name: str
    engine: str
    mode: str
    file: Path
    tasks: int
    runs: int
    warm: bool = False
    seconds: list[float] = field(default_factory=list[float])
    peaks: list[float] = field(default_factory=list[float])
    grown: list[float] = field(default_factory=list[float])

    def run(self) -> None:
        """One more run, in a new folder. Raises SystemExit if it does not end well."""
        if len(self.seconds) == self.runs:
            return
        with tempfile.TemporaryDirectory(prefix="hpc-bench-") as root:
            if self.warm:
                self._once(root)
            said = self._once(root)
        self.seconds.append(said["seconds"])
        self.peaks.append(said["peak"])
        self.grown.append(said.get("grown", 0.0))

    def each(self, pick: Callable[[list[float]], float]) -> float:
        """Milliseconds for each task, `pick` being min or median."""
        return pick(self.seconds) / self.tasks * 1000

    def _once(self, root: str) -> dict[str, float]:
        command = [sys.executable, str(WORKER), self.engine, self.mode, str(self.file), root]
        command += ["--cache"] if self.warm else []
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return json.loads(done.stdout.splitlines()[-1])


@dataclass(frozen=True)
class Group:
    """Ways to run one pipeline."""

    process: Job
    container: Job | None = None
    kfp: Job | None = None

    @property
    def jobs(self) -> list[Job]:
        return [job for job in (self.process, self.container, self.kfp) if job]


def no_containers() -> str:
    """Why containers cannot be measured here; empty if they can."""
    if shutil.which("docker") is None:
        return "there is no program docker"
    if importlib.util.find_spec("docker") is None:
        return "kfp's runner needs the Python package docker, which is not installed"
    for question, fact in (
        (["version"], "no docker engine answers"),
        (["image", "inspect", IMAGE], f"no {IMAGE} here"),
    ):
        if subprocess.run(["docker", *question], capture_output=True, check=False).returncode:
            return fact
    return ""


def side_by_side(folder: Path, runs: int, container_runs: int) -> list[Group]:
    """Chains and independent tasks of both sizes; without `container_runs` only as host processes."""
    groups: list[Group] = []
    for size in SMALL:
        for shape in (chain, independent):
            name = f"{shape.__name__}, {size} tasks"
            file = written(folder / f"{shape.__name__}_{size}.json", shape(size))
            ours = Job(name, "hpc", "process", file, size, runs)
            if not container_runs:
                groups.append(Group(ours))
                continue
            both = [Job(name, engine, "docker", file, size, container_runs) for engine in ("hpc", "kfp")]
            groups.append(Group(ours, *both))
    return groups


def lightweight(folder: Path, runs: int) -> Group:
    """A chain of Lightweight Python tasks: the only kind that the SDK's subprocess runner takes."""
    file, size = folder / "lightweight.json", SMALL[0]
    subprocess.run([sys.executable, str(WORKER), "lightweight", str(file), str(size)], check=True, capture_output=True)
    name = f"chain, {size} Lightweight Python tasks"
    ours, theirs = Job(name, "hpc", "process", file, size, runs), Job(name, "kfp", "subprocess", file, size, runs)
    return Group(ours, kfp=theirs)


def alone(folder: Path, runs: int, most: int) -> list[Job]:
    """Of the engine by itself, as host processes; what has thousands of tasks is run at most three times."""
    documents: list[tuple[str, Document, int]] = [
        ("independent, 500 tasks", independent(500), 500),
        ("chain of 1000", chain(1000), 1000),
        ("loop, 500 wide", loop(500), 500),
        (f"independent, {most} tasks", independent(most), most),
        (f"loop, {most} wide", loop(most), most),
    ]
    jobs = [
        Job(name, "hpc", "process", written(folder / f"alone_{number}.json", document), size, min(runs, 3))
        for number, (name, document, size) in enumerate(documents)
    ]
    cached = Job("independent, 500 tasks, all cached", "hpc", "process", jobs[0].file, 500, min(runs, 3), warm=True)
    return [*jobs, cached]


def written(file: Path, document: Document) -> Path:
    file.write_text(json.dumps(document), "utf-8")
    return file


def in_turns(jobs: Sequence[Job]) -> None:
    """One run of each before another of any, so that a busy minute meets all of them."""
    for turn in range(max(job.runs for job in jobs)):
        for job in jobs:
            job.run()
        print(f"round {turn + 1} of {len(jobs)} jobs done", file=sys.stderr)


def show_sides(groups: Sequence[Group]) -> None:
    print("\n| pipeline | hpc process | hpc docker | kfp.local | kfp : hpc process | kfp : hpc docker |")
    print("|---|---|---|---|---|---|")
    for group in groups:
        columns = [cost(group.process), cost(group.container), cost(group.kfp)]
        ratios = [ratio(group.kfp, group.process), ratio(group.kfp, group.container)]
        print(f"| {group.process.name} | {' | '.join(columns + ratios)} |")


def cost(job: Job | None) -> str:
    return f"{job.each(min):.1f} / {job.each(median):.1f} ({len(job.seconds)})" if job else "-"


def ratio(one: Job | None, other: Job | None) -> str:
    if one is None or other is None:
        return "-"
    return f"{one.each(min) / other.each(min):.2f} / {one.each(median) / other.each(median):.2f}"


def show_alone(jobs: Sequence[Job]) -> None:
    print("\n| pipeline, hpc process | ms a task | seconds | peak MiB | growth, KiB a task |\n|---|---|---|---|---|")
    for job in jobs:
        memory = f"{median(job.peaks):.0f} | {median(job.grown):.2f}"
        print(f"| {job.name} | {cost(job)} | {median(job.seconds):.2f} | {memory} |")


def show_diamond(job: Job) -> None:
    print(f"\n- diamond with two branches of {SLEEP:g} s: {min(job.seconds):.2f} / {median(job.seconds):.2f} s in all")


def show_store() -> None:
    costs = store_cost.measured(2000, None)
    for name in ("a bare commit of one row", "a task: 2 x save_task, 2 x save_attempt"):
        print(f"- store, {name}: {costs[name]:.3f} ms")


def show_starts(folder: Path, runs: int) -> None:
    """Whole processes, from start to end."""
    file = written(folder / "one.json", independent(1))
    run = [*hpc_command(), "run", str(file), "--no-cache", "--root", str(folder / "root")]
    commands = {
        "hpc run, one task": run,
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -c 'from kfp import dsl, local'": [sys.executable, "-c", "from kfp import dsl, local"],
    }
    costs = [{name: measured(command) for name, command in commands.items()} for _ in range(runs + 1)][1:]
    print("\n| whole process | wall, ms | CPU, ms | peak MiB |\n|---|---|---|---|")
    for name in commands:
        walls, cpus = ([getattr(turn[name], kind) * 1000 for turn in costs] for kind in ("wall", "cpu"))
        memory = median(turn[name].memory for turn in costs)
        print(f"| {name} | {min(walls):.0f} / {median(walls):.0f} | {median(cpus):.0f} | {memory:.0f} |")


def main() -> None:
    """Generates, measures, prints."""
    parser = argparse.ArgumentParser(description="Compare the cost of running with hpc and with kfp.local.")
    parser.add_argument("--runs", type=int, default=5, help="runs of each; of thousands of tasks at most three")
    parser.add_argument("--container-runs", type=int, default=3, help="runs of each that starts containers")
    parser.add_argument("--most", type=int, default=5000, help="tasks of the largest pipelines")
    parser.add_argument("--no-containers", action="store_true", help="measure host processes only")
    options = parser.parse_args()
    reason = "asked for" if options.no_containers else no_containers()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        groups = side_by_side(folder, options.runs, 0 if reason else options.container_runs)
        groups.append(lightweight(folder, options.runs))
        diamonds = Job("diamond", "hpc", "process", written(folder / "diamond.json", diamond(SLEEP)), 4, options.runs)
        by_itself = alone(folder, options.runs, options.most)
        in_turns([*(job for group in groups for job in group.jobs), diamonds])
        in_turns(by_itself)
        print(f"\n{os.cpu_count()} CPUs. Milliseconds a task, min / median, runs in brackets.")
        show_sides(groups)
        print(f"\nNo containers: {reason}.\n" if reason else f"\n{RUNNERS}\n")
        show_alone(by_itself)
        show_diamond(diamonds)
        show_store()
        show_starts(folder, options.runs)


if __name__ == "__main__":
    main()
