"""A compiled file run by the local engine's flow, with no process and no disk: what ran leaves, to be held against
`backend`.

The plan is the engine's own, and so are the decisions and the texts of commands. Programs are those of the `world`, and
know nothing but the text that they are given. What is handed out ends in an order that a seed chooses.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path as Folder
from typing import Any

from compiling import compile_text

from hpc.engines.arguments import check_arguments
from hpc.engines.findings import Findings
from hpc.engines.local.flow.execution import Ended, Execution, Leaf, LoopOpening
from hpc.engines.local.flow.inputs import Inputs, Scope
from hpc.engines.local.flow.placeholders import Context, expand, fill, fill_constant
from hpc.engines.local.plan import Constant, Container, Dag, Importer, Plan, Task
from hpc.engines.local.plan.planner import plan
from hpc.engines.outcome import Artifact, TaskResult
from simulation.backend import DONE, FAILED, FALSE, HELD, SHUT_IN, Backend, Broken, Executed, received, step_of
from simulation.documents import document
from simulation.generate import arguments as file_arguments
from simulation.generate import pipeline
from simulation.trial import written as written_file
from simulation.world import Artifact as Token
from simulation.world import Path, Run, World, digest, imported, written

Json = Mapping[str, Any]
NAMES = {
    f"pipeline_job_{name}": name for name in ("name", "uuid", "resource_name", "create_time_utc", "schedule_time_utc")
}
SEGMENT = re.compile(r"([^\[]*)(?:\[(\d+)\])?")
PLACEHOLDER = re.compile(r"\{\{\$\.(inputs|outputs)\.(?:parameters|artifacts)\['([^']+)'\](?:\.\w+)?\}\}")


@dataclass(frozen=True)
class Begun:
    """A program or importer that was started, with all that was over then."""

    path: str
    run: Run
    inputs: Inputs
    before: frozenset[Run]
    whatever: bool


@dataclass
class Course:
    """What became of one execution.

    `idle`: what was over and what had begun, each time nothing more was handed out. `failed_at`: how much had begun
    when something first failed.
    """

    begun: list[Begun] = field(default_factory=list)
    ends: dict[str, TaskResult] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    loops: dict[str, LoopOpening] = field(default_factory=dict)
    idle: list[tuple[frozenset[Run], frozenset[str]]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    result: TaskResult | None = None
    failed_at: int | None = None

    @property
    def states(self) -> dict[str, TaskResult]:
        """All ends by path, the pipeline's own under an empty one."""
        return {**self.ends, **({"": self.result} if self.result else {})}


def planned(spec: Json) -> Plan:
    """The engine's plan; Rejected where it does not run such a file."""
    return plan(spec, {}, Findings("simulated"))


def checked(one: Plan, arguments: Json) -> Inputs:
    findings = Findings("simulated")
    values = check_arguments(arguments, one.inputs, findings)
    findings.reject_if_any()
    return Inputs(values)


class Drive:
    """One execution with a number of jobs. What stands in `known` is not run again, as when a run is resumed."""

    def __init__(
        self,
        one: Plan,
        world: World,
        inputs: Inputs,
        seed: int,
        jobs: int,
        known: Mapping[str, TaskResult] | None = None,
        *,
        fail_fast: bool = False,
    ) -> None:
        self.course = Course()
        self.running: list[tuple[Leaf, Run]] = []
        self._world = world
        self._rng = random.Random(seed)
        self._jobs = jobs
        self._known = known or {}
        self._fail_fast = fail_fast
        self._over: frozenset[Run] = frozenset()
        self._open: dict[str, set[str]] = {}
        self.execution = Execution(one, Scope(inputs, NAMES), self._told, fail_fast=fail_fast)

    def go(self, most: int = -1) -> Course:
        """On to the end, or until so many more programs have ended."""
        while most:
            self._fill()
            if not self.running:
                break
            self._finish(*self.running.pop(self._rng.randrange(len(self.running))))
            most -= 1
        self.course.result = self.execution.result
        return self.course

    def _fill(self) -> None:
        while len(self.running) < self._jobs:
            leaf = self.execution.next()
            if leaf is None:
                begun = frozenset(one.path for one in self.course.begun)
                self.course.idle.append((self._over, begun))
                self._look_for_gaps()
                return
            self._begin(leaf)

    def _begin(self, leaf: Leaf) -> None:
        run = self._run_of(leaf)
        if any(leaf.path == one.path for one, _ in self.running) or leaf.path in self.course.ends:
            self.course.problems.append(f"twice: {leaf.path}")
        whatever = leaf.task.whatever or leaf.slot.group.whatever
        self.course.begun.append(Begun(leaf.path, run, leaf.inputs, self._over, whatever))
        self.course.tasks[leaf.path] = leaf.task
        for loop, iteration in _iterations(leaf.path):
            self._enter(loop, iteration)
        self.running.append((leaf, run))

    def _enter(self, loop: str, iteration: str) -> None:
        opened = self._open.setdefault(loop, set())
        opened.add(iteration)
        limit = self.course.loops[loop].task.loop
        assert limit is not None
        if limit.parallel and len(opened) > limit.parallel:
            self.course.problems.append(f"limit: {loop} has {sorted(opened)} open at once")

    def _look_for_gaps(self) -> None:
        """A loop that is still going on has as many iterations open as it may."""
        if self._fail_fast and self.course.failed_at is not None:
            return
        for path, loop in self.course.loops.items():
            if path in self.course.ends or self.execution.result is not None:
                continue  # it is over
            met = {one for one in self.course.ends if one.startswith(f"{path}[") and one.endswith("]")}
            met = {one for one in met if "/" not in one[len(path) :]} | self._open.get(path, set())
            assert loop.task.loop is not None
            limit = loop.task.loop.parallel or loop.iterations
            if len(met) < loop.iterations and len(self._open.get(path, ())) < limit:
                self.course.problems.append(f"gap: {path} opens no more iterations")

    def _finish(self, leaf: Leaf, run: Run) -> None:
        self._over |= {run}
        self.end(leaf, self._known.get(leaf.path) or self._result(leaf, run))

    def end(self, leaf: Leaf, result: TaskResult) -> None:
        """Whatever came of a task that was handed out."""
        self._end(leaf.path, leaf.task, result)
        self.execution.finish(leaf, result)

    def _told(self, event: Ended | LoopOpening) -> None:
        if isinstance(event, LoopOpening):
            self.course.loops[event.path] = event
        else:
            self._end(event.path, event.task, event.result)

    def _end(self, path: str, task: Task, result: TaskResult) -> None:
        if path in self.course.ends:
            self.course.problems.append(f"twice: {path} ends")
        if result.state == "FAILED" and self.course.failed_at is None:
            self.course.failed_at = len(self.course.begun)
        self.course.ends[path] = result
        self.course.tasks[path] = task
        if path.endswith("]"):
            self._open.get(path[: path.rindex("[")], set()).discard(path)

    # ---- programs

    def _run_of(self, leaf: Leaf) -> Run:
        path = tuple(name for name in place_of(leaf.path) if not name.startswith("#"))
        body = leaf.task.component.body
        if isinstance(body, Importer):
            return Run(path, digest([_imported(leaf, body, path)]))
        assert isinstance(body, Container)
        context = _context(leaf)
        texts = {name: fill(f"{{{{$.inputs.parameters['{name}']}}}}", context) for name in leaf.inputs.parameters}
        files = {name: fill(f"{{{{$.inputs.artifacts['{name}']}}}}", context) for name in leaf.inputs.artifacts}
        self._compare_texts(leaf, context)
        given = {name: _read(leaf.task, name, text) for name, text in texts.items()}
        given |= {name: _tokens(leaf.task, name, text) for name, text in files.items()}
        try:
            return Run(path, digest([*received(list(body.args), given)]))
        except Broken as error:
            self.course.problems.append(f"text: {leaf.path}: {error}")
            return Run(path, "")

    def _compare_texts(self, leaf: Leaf, context: Context) -> None:
        """The command as a whole holds just these texts, and what is not for this run is left out."""
        body = leaf.task.component.body
        assert isinstance(body, Container)
        present = {*leaf.inputs.parameters, *leaf.inputs.artifacts}
        expected = [text for argument in body.args for text in _parts(argument, present)]
        said = [PLACEHOLDER.sub(lambda match: fill(match[0], context), text) for text in expected]
        if said != expand(body.args, context):
            self.course.problems.append(f"text: {leaf.path}: {expand(body.args, context)} instead of {said}")

    def _result(self, leaf: Leaf, run: Run) -> TaskResult:
        body, outputs = leaf.task.component.body, leaf.task.component.outputs
        if isinstance(body, Importer):
            token = _imported(leaf, body, run.path).token
            return TaskResult("SUCCEEDED", "importer", artifacts={"artifact": (Artifact("artifact", token),)})
        made = self._world.outcome(run, [*outputs.parameters, *outputs.artifacts])
        if made is None:
            code = 1 + len(leaf.path) % 3
            return TaskResult("FAILED", error=f"the program ended with exit code {code}", exit_code=code)
        artifacts = {name: (Artifact(name, made[name].token),) for name in outputs.artifacts}
        return TaskResult("SUCCEEDED", outputs={name: made[name] for name in outputs.parameters}, artifacts=artifacts)


def _context(leaf: Leaf) -> Context:
    outputs = leaf.task.component.outputs
    files = {name: Folder("/out") / name for name in outputs.parameters}
    artifacts = {name: Artifact(name, f"/out/{name}") for name in outputs.artifacts}
    given = leaf.inputs
    return Context(given.parameters, given.artifacts, files, artifacts, Folder("/out/.json"), leaf.names)


def _parts(argument: str, present: set[str]) -> list[str]:
    if not argument.startswith('{"IfPresent"'):
        return [argument]
    choice = json.loads(argument)["IfPresent"]
    return choice["Then"] if choice["InputName"] in present else []


def _read(task: Task, name: str, text: str) -> Any:
    """A value from its text, as a program reads it."""
    kind = task.component.inputs.parameters[name].kind
    if kind == "STRING":
        return text
    value = json.loads(text)
    if kind != "TASK_FINAL_STATUS":
        return value
    return {"state": value["state"] if value["state"] in ("SUCCEEDED", "FAILED") else "NOT RUN"}


def _tokens(task: Task, name: str, text: str) -> Any:
    found = [Token(one["uri"]) for one in json.loads(text)]
    return found if task.component.inputs.artifacts[name].is_list else found[0]


def _imported(leaf: Leaf, importer: Importer, path: Path) -> Token:
    given = leaf.inputs.parameters
    where = importer.uri.value if isinstance(importer.uri, Constant) else given[importer.uri.name]
    metadata = {key: fill_constant(value, given, leaf.names) for key, value in importer.metadata.items()}
    return imported(path, {"uri": where, "metadata": metadata})


# ---- places


def place_of(path: str) -> Path:
    """`when--a/b[2]/c` as the backend's reading has it: `#2`, `b`, `c`."""
    found: list[str] = []
    for segment in path.split("/"):
        match = SEGMENT.fullmatch(segment)
        assert match is not None
        found += [f"#{match[2]}"] if match[2] else []
        found += step_of(match[1])
    return tuple(found)


def _iterations(path: str) -> Iterator[tuple[str, str]]:
    """All loops around a path, and the iteration of each."""
    for match in re.finditer(r"\[\d+\]", path):
        yield path[: match.start()], path[: match.end()]


def _is_step(path: str) -> bool:
    return bool(step_of(path.rpartition("/")[2].partition("[")[0]))


def states(course: Course) -> Counter[tuple[Path, str]]:
    """The states of steps by place, in the words of `backend`; within groups that never began, too."""
    found: Counter[tuple[Path, str]] = Counter()
    for path, result in course.ends.items():
        task = course.tasks[path]
        if result.state == "SKIPPED" and result.kind == "task":
            found.update(_skipped(task, place_of(path), FALSE if result.reason == "condition" else HELD))
        elif _is_step(path) and result.kind != "loop":
            found[place_of(path), DONE if result.is_good else FAILED] += 1
    return found


def _skipped(task: Task, place: Path, state: str) -> Iterator[tuple[Path, str]]:
    if step_of(task.key):
        yield place, state
    elif isinstance(task.component.body, Dag):
        for inner in task.component.body.tasks:
            yield from _skipped(inner, (*place, *step_of(inner.key)), SHUT_IN if state == HELD else state)


# ---- both readings


def differences(course: Course, executed: Executed) -> list[str]:
    """What the engine did otherwise than the backend's reading says; nothing where they agree."""
    return [
        *course.problems,
        *_runs(course, executed),
        *_states(course, executed),
        *_order(course, executed),
        *_waits(course, executed),
        *_results(course, executed),
    ]


def _runs(course: Course, executed: Executed) -> list[str]:
    said = Counter((run, place) for run, _, place in executed.runs)
    done = Counter((one.run, place_of(one.path)) for one in course.begun)
    return [
        *(f"does not run, and should: {'/'.join(place)} ({run.inputs})" for run, place in (said - done).elements()),
        *(f"runs, and should not: {'/'.join(place)} ({run.inputs})" for run, place in (done - said).elements()),
    ]


def _states(course: Course, executed: Executed) -> list[str]:
    said = Counter((place, state) for place, state, _ in executed.states)
    done = states(course)
    return [
        *(f"state: {'/'.join(place)} should be {state}" for place, state in (said - done).elements()),
        *(f"state: {'/'.join(place)} is {state}" for place, state in (done - said).elements()),
    ]


def _order(course: Course, executed: Executed) -> list[str]:
    before: dict[tuple[Run, Path], list[frozenset[Run]]] = {}
    for run, past, place in executed.runs:
        before.setdefault((run, place), []).append(past)
    return [
        f"order: {one.path} does not wait for all that it should"
        for one in course.begun
        if not any(past <= one.before for past in before.get((one.run, place_of(one.path)), [one.before]))
    ]


def _waits(course: Course, executed: Executed) -> list[str]:
    """What has all that it waits for is handed out: not told for limited loops and for runs that look alike."""
    limited = any(loop.task.loop and loop.task.loop.parallel for loop in course.loops.values())
    runs = {run: past for run, past, _ in executed.runs}
    if limited or len(runs) < len(executed.runs):
        return []
    names = {one.path: one.run for one in course.begun}
    found = {
        f"wait: {'/'.join(run.path)} is not begun, and could be"
        for over, begun in course.idle
        for run in runs.keys() - {names[path] for path in begun}
        if runs[run] <= over
    }
    return sorted(found)


def _results(course: Course, executed: Executed) -> list[str]:
    if course.result is None:
        return ["end: there is none"]
    if (course.result.state == "FAILED") != executed.failed:
        return [f"failed: the run is {course.result.state}, failed is {executed.failed}"]
    if executed.failed:
        return []
    made = {**course.result.outputs, **{name: _handed(found) for name, found in course.result.artifacts.items()}}
    single = {name: value[0] if _is_one(value) else value for name, value in made.items()}
    said = {name: value[0] if _is_one(value) else value for name, value in executed.outputs.items()}
    return [] if written(said) == written(single) else [f"outputs: {written(single)} instead of {written(said)}"]


def _handed(found: tuple[Artifact, ...]) -> list[Token]:
    return [Token(one.uri) for one in found]


def _is_one(value: Any) -> bool:
    """One artifact in a list is written like the artifact alone."""
    return isinstance(value, list) and len(value) == 1 and isinstance(value[0], Token)


# ---- whole trials

FAILING = (0.0, 0.12, 0.3)
JOBS = (1, 2, 4, 10**9)


@dataclass(frozen=True, eq=False)
class Case:
    """A document with its arguments; `strict` where hpc wrote it. What does not hang on the engine's flow is kept."""

    seed: int
    spec: Json
    arguments: Json
    strict: bool

    @cached_property
    def plan(self) -> Plan:
        return planned(self.spec)

    @cached_property
    def inputs(self) -> Inputs:
        return checked(self.plan, self.arguments)

    @cached_property
    def expected(self) -> list[tuple[World, Executed]]:
        """Several runs, without and with failures, as the backend's reading has them."""
        worlds = [World(self.seed + number, failing) for number, failing in enumerate(FAILING)]
        return [(world, Backend(self.spec, world, self.strict).run(self.arguments)) for world in worlds]


@dataclass(frozen=True)
class Held:
    """What came of one case; `problems` is empty where the engine and the backend's reading agree."""

    case: Case
    problems: tuple[str, ...]
    runs: int


def held_against(case: Case) -> Held:
    """Several runs of one document in both readings."""
    problems: list[str] = []
    runs = 0
    for world, executed in case.expected:
        jobs = random.Random(world.seed).choice(JOBS)
        course = Drive(case.plan, world, case.inputs, world.seed, jobs).go()
        problems += differences(course, executed)
        runs += len(course.begun)
    return Held(case, tuple(problems), runs)


def cases(seed: int) -> list[Case]:
    """A document written at random, and one compiled from a random file, unless hpc refuses that."""
    found = [Case(seed, document(seed), {}, strict=False)]
    data = pipeline(seed)
    result = compile_text(written_file(data), "local")
    if result.compiled:
        found.append(Case(seed, json.loads(result.compiled.text), file_arguments(data, seed), strict=True))
    return found
