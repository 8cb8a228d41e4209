# ruff: noqa: T201
"""What compiling costs: `hpc compile` beside a script that uses the KFP SDK, whole processes, the same pipelines.

    python bench/compile.py [--sizes 2,100,1000,3000] [--runs 5]

Runs of the two take turns. Wall and CPU seconds and the peak of resident memory are what the kernel says (wait4).
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median

from pipelines import hpc_file, kfp_script

LARGEST_DISTINCT_KFP = 1000
SLOW_KFP = 1000
"""Above this number of tasks the SDK takes most of a minute, and is run once."""


_TASK = re.compile(r'\s*"?taskInfo"?:')


@dataclass(frozen=True)
class Cost:
    """Of one process: seconds of wall and of CPU (user + system), peak memory in MiB."""

    wall: float
    cpu: float
    memory: float


@dataclass
class Job:
    """A command that is measured; `output` is the file it writes, in which `tasks` tasks must stand."""

    command: list[str]
    runs: int
    output: Path | None = None
    tasks: int = 0
    costs: list[Cost] = field(default_factory=list[Cost])

    def run(self) -> None:
        """One more run. Raises SystemExit if the command fails or writes something else."""
        if len(self.costs) < self.runs:
            self.costs.append(measured(self.command))
            if len(self.costs) == 1:
                self._check()

    def _check(self) -> None:
        if self.output is None:
            return
        with self.output.open(encoding="utf-8") as lines:  # not at once: a child's peak starts at its parent's
            found = sum(bool(_TASK.match(line)) for line in lines)
        if found != self.tasks:
            raise SystemExit(f"{self.output} holds {found} tasks instead of {self.tasks}")

    @property
    def cost(self) -> Cost:
        """The median of each figure."""
        return Cost(*(median(getattr(cost, name) for cost in self.costs) for name in ("wall", "cpu", "memory")))


def measured(command: list[str]) -> Cost:
    """The cost of a process, from start to end."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=said, stderr=said, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"{' '.join(command)} failed:\n{said.read().decode(errors='replace')}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def hpc_command() -> list[str]:
    """The console script beside this interpreter, else the module."""
    script = Path(sys.executable).with_name("hpc")
    return [str(script)] if script.exists() else [sys.executable, "-m", "hpc"]


@dataclass(frozen=True)
class Pair:
    """One pipeline, compiled by both; `kfp` is None where it is not measured."""

    size: int
    distinct: bool
    hpc: Job
    kfp: Job | None


def pair(folder: Path, size: int, distinct: bool, runs: int) -> Pair:
    """Writes both sources into `folder`."""
    stem = f"{'distinct' if distinct else 'shared'}_{size}"
    source, result = folder / f"{stem}.yaml", folder / f"{stem}.json"
    source.write_text(hpc_file(size, distinct), encoding="utf-8")
    ours = Job([*hpc_command(), "compile", str(source), "--target", "vertex", "-o", str(result)], runs, result, size)
    if distinct and size > LARGEST_DISTINCT_KFP:
        return Pair(size, distinct, ours, None)
    script, theirs = folder / f"{stem}.py", folder / f"{stem}.kfp.yaml"
    script.write_text(kfp_script(size, distinct), encoding="utf-8")
    runs = 1 if size > SLOW_KFP else runs
    return Pair(size, distinct, ours, Job([sys.executable, str(script), str(theirs)], runs, theirs, size))


def small_jobs(folder: Path, sizes: list[int], runs: int) -> dict[str, Job]:
    """What a user waits for besides compiling, and two floors."""
    small, large = (folder / f"shared_{size}.yaml" for size in (min(sizes), max(sizes)))
    return {
        "python -c pass": Job([sys.executable, "-c", "pass"], runs),
        "hpc --help": Job([*hpc_command(), "--help"], runs),
        f"hpc check, {min(sizes)} tasks": Job([*hpc_command(), "check", str(small)], runs),
        f"hpc check, {max(sizes)} tasks": Job([*hpc_command(), "check", str(large)], runs),
        "python -c 'from kfp import compiler, dsl'": Job([sys.executable, "-c", "from kfp import compiler, dsl"], runs),
    }


def interleaved(jobs: list[Job]) -> None:
    """Runs of all jobs in turn; before that one of each of the first two, so that both have their bytecode."""
    for job in jobs[:2]:
        measured(job.command)
    for turn in range(max(job.runs for job in jobs)):
        for job in jobs:
            job.run()
        print(f"round {turn + 1} done", file=sys.stderr)


def show(pairs: list[Pair], small: dict[str, Job]) -> None:
    """Prints the tables, in Markdown."""
    print(
        f"\nPython {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs,",
        end=" ",
    )
    print(f"kfp {version('kfp')}. Medians; seconds, MiB; runs in brackets.\n")
    print("| N | components | hpc wall | CPU | memory | kfp wall | CPU | memory | wall, kfp : hpc |")
    print("|---|---|---|---|---|---|---|---|---|")
    for each in pairs:
        kind = "N different" if each.distinct else "one, reused"
        ratio = f"{each.kfp.cost.wall / each.hpc.cost.wall:.1f}" if each.kfp else "-"
        print(f"| {each.size} | {kind} | {columns(each.hpc)} | {columns(each.kfp)} | {ratio} |")
    print("\n| command | wall | CPU | memory |")
    print("|---|---|---|---|")
    for name, job in small.items():
        print(f"| {name} | {columns(job)} |")


def columns(job: Job | None) -> str:
    if job is None:
        return "- | - | -"
    cost = job.cost
    return f"{cost.wall:.2f} ({len(job.costs)}) | {cost.cpu:.2f} | {cost.memory:.0f}"


def main() -> None:
    """Generates, measures, prints."""
    parser = argparse.ArgumentParser(description="Compare the cost of compiling with hpc and with the KFP SDK.")
    parser.add_argument("--sizes", default="2,100,1000,3000", help="numbers of tasks, at least 2 each")
    parser.add_argument("--runs", type=int, default=5, help=f"runs of each; the SDK above {SLOW_KFP} tasks: one")
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.sizes.split(",")]
    with tempfile.TemporaryDirectory() as name:
        pairs = [pair(Path(name), size, distinct, arguments.runs) for distinct in (False, True) for size in sizes]
        small = small_jobs(Path(name), sizes, arguments.runs)
        jobs = [job for each in pairs for job in (each.hpc, each.kfp) if job]
        interleaved([*jobs, *small.values()])
    show(pairs, small)


if __name__ == "__main__":
    main()
