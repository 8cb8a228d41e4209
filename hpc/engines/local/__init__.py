"""Runs compiled pipelines on this machine: PipelineSpec 2.1.0 as plain data in, an `Outcome` out.

Tasks are host processes, run in dependency order and in parallel, with the meaning that they have on a cluster. The
engine reads nothing but the compiled documents; `platforms.local` of the second one says what a container image
would have said: folder, interpreter, requirements.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hpc.engines.events import Event, Listener, Notice, RunFinished, RunStarted, Stopping, TaskFinished
from hpc.engines.local.flow.inputs import Scope
from hpc.engines.local.flow.scheduler import Ended, Scheduler
from hpc.engines.local.plan import Plan, Task
from hpc.engines.local.plan.arguments import check_arguments, parse_argument
from hpc.engines.local.plan.planner import plan as make_plan
from hpc.engines.local.plan.rules import NO_RUN_FOLDER, RULES, Findings
from hpc.engines.local.plan.settings import check_places, read_settings
from hpc.engines.local.work.attempt import Surroundings, TaskRunner
from hpc.engines.local.work.environment import Environments
from hpc.engines.local.work.folder import Clock, folder_name, make_run_folder, write_json
from hpc.engines.local.work.process import Stop
from hpc.engines.outcome import Artifact, Outcome, TaskResult
from hpc.engines.request import Request

__all__ = ["RULES", "Request", "parse_argument", "run"]


def run(
    spec: Mapping[str, object],
    platform: Mapping[str, object] | None,
    request: Request,
    listener: Listener,
) -> Outcome:
    """Run a pipeline to its end. SIGINT or SIGTERM stops it, once politely, twice at once.

    Raises Rejected with every finding before anything runs; a task that fails is part of the outcome.
    """
    findings = Findings(request.source)
    settings = read_settings(platform, request.environ, findings)
    check_places(settings, request.base, request.environ, findings)
    made = make_plan(spec, settings, findings)
    arguments = check_arguments(request.arguments, made.inputs, findings)
    findings.reject_if_any()
    clock = Clock()
    folder = _prepared_folder(spec, platform, request, clock)
    return asyncio.run(_Run(made, arguments, request, folder, clock, listener).go())


def _prepared_folder(
    spec: Mapping[str, object], platform: Mapping[str, object] | None, request: Request, clock: Clock
) -> Path:
    """A new run folder with the documents in it."""
    try:
        folder = make_run_folder(request.root_folder, clock.now())
        write_json(folder / "pipeline.json", spec)
        if platform:
            write_json(folder / "platform.json", platform)
    except OSError as error:
        findings = Findings(request.source)
        fact = f"{error.strerror}: {error.filename or request.root_folder}"
        findings.add(NO_RUN_FOLDER, fact, "choose another root folder, or free some space")
        findings.reject_if_any()
        raise
    return folder


@dataclass
class _Run:
    """One run of a plan, from its first event to its last."""

    plan: Plan
    arguments: Mapping[str, object]
    request: Request
    folder: Path
    clock: Clock
    listener: Listener

    async def go(self) -> Outcome:
        began = self.clock.now()
        stop = Stop()
        jobs = self.request.parallel
        scheduler = Scheduler(self.plan, jobs, stop, self._tell, fail_fast=self.request.fail_fast)
        scope = Scope(self.arguments, scheduler.finished, self._names(began))
        around = self._surroundings(stop)

        async def start(task: Task) -> Ended:
            return await TaskRunner(task, scope, around).run()

        tasks = tuple(task.path for task in self.plan.tasks)
        self._tell(RunStarted(self.plan.name, self.folder.name, str(self.folder), jobs, "host processes", tasks))
        self._record("run.json", {"state": "RUNNING", "arguments": dict(self.arguments), **self._times(began, None)})
        with _stopping_on_signals(lambda: self._stop(stop, scheduler)):
            state = await scheduler.run(start)
        seconds = self.clock.now() - began
        outputs = self._outputs(scheduler.finished)
        outcome = Outcome(state, outputs, scheduler.finished, self.folder.name, str(self.folder), seconds)
        self._record("run.json", {**outcome.as_dict(), **self._times(began, self.clock.now())})
        self._tell(RunFinished(outcome))
        return outcome

    def _surroundings(self, stop: Stop) -> Surroundings:
        request = self.request
        base = request.base.absolute()
        environments = Environments(base, request.root_folder, request.environ, stop, request.grace)
        return Surroundings(
            base, self.folder, request.environ, request.grace, self.clock, stop, environments, self._tell
        )

    def _names(self, began: float) -> dict[str, str]:
        """The placeholders of the run (facts of the KFP backend: driver/resolve.go)."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began))
        return {
            "pipeline_job_name": f"{self.plan.name}-{self.folder.name}",
            "pipeline_job_uuid": os.urandom(16).hex(),
            "pipeline_job_resource_name": f"runs/{self.folder.name}",
            "pipeline_job_create_time_utc": moment,
            "pipeline_job_schedule_time_utc": moment,
            "pipeline_root": str(self.folder),
        }

    def _times(self, began: float, ended: float | None) -> dict[str, object]:
        return {"pipeline": self.plan.name, "run": self.folder.name, "start": began, "end": ended}

    def _stop(self, stop: Stop, scheduler: Scheduler) -> None:
        stop.ask()
        self._tell(Stopping(len(scheduler.running), self.request.grace, stop.forced.is_set()))

    def _outputs(self, finished: Mapping[str, TaskResult]) -> dict[str, object]:
        """Outputs whose tasks have succeeded."""
        outputs: dict[str, object] = {}
        for name, source in self.plan.output_parameters.items():
            if source.key in finished[source.task].outputs:
                outputs[name] = finished[source.task].outputs[source.key]
        for name, source in self.plan.output_artifacts.items():
            artifact: Artifact | None = finished[source.task].artifacts.get(source.key)
            if artifact is not None:
                outputs[name] = artifact
        return outputs

    def _tell(self, event: Event) -> None:
        if isinstance(event, TaskFinished) and event.result.attempts:
            self._record(f"{folder_name(event.task)}/task.json", event.result.as_dict())
        self.listener(event)

    def _record(self, name: str, value: object) -> None:
        """Keep a result on disk. A full disk must not take the run down, but it is told."""
        try:
            write_json(self.folder / name, value)
        except OSError as error:
            self.listener(Notice(f"{name} could not be written: {error.strerror or error}"))


@contextmanager
def _stopping_on_signals(stop: Callable[[], None]) -> Generator[None]:
    """Have SIGINT and SIGTERM call `stop`, where this is the main thread; elsewhere signals are not ours."""
    loop = asyncio.get_running_loop()
    handled: list[signal.Signals] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(ValueError, RuntimeError):
            loop.add_signal_handler(number, stop)
            handled.append(number)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
