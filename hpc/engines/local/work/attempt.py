"""One container task from its inputs to its result: attempts, waits between them, and what each leaves on disk."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hpc.engines.events import Failure, Listener, Notice, TaskRetrying, TaskStarted
from hpc.engines.local.flow.failure import TaskError, TaskStoppedError
from hpc.engines.local.flow.inputs import Scope, resolve
from hpc.engines.local.flow.placeholders import Context, expand
from hpc.engines.local.plan import Task
from hpc.engines.local.work.environment import Environments, Interpreter
from hpc.engines.local.work.folder import Clock, folder_name, write_text
from hpc.engines.local.work.logs import Masker, tail
from hpc.engines.local.work.outputs import Places, collect, places, prepare, unwritten
from hpc.engines.local.work.process import Command, Ending, Stop, run_process
from hpc.engines.outcome import TaskResult

_TAIL = 20
_SCRIPT = """\
#!/bin/sh
# The command of one attempt of the task {task}; run it again with: sh run.sh
cd {folder} || exit 1
exec env {assignments} \\
  {command}
"""


@dataclass(frozen=True)
class Surroundings:
    """What all tasks of a run share."""

    base: Path
    folder: Path
    environ: Mapping[str, str]
    grace: float
    clock: Clock
    stop: Stop
    environments: Environments
    listener: Listener


class TaskRunner:
    """Runs one task. The object holds what is known so far, so that a failure can be told at any point."""

    def __init__(self, task: Task, scope: Scope, around: Surroundings) -> None:
        self._task = task
        self._scope = scope
        self._around = around
        self._mask = Masker(around.environ[source] for source in task.settings.secrets.values())
        self._command = ""
        self._script = ""

    async def run(self) -> tuple[TaskResult, Failure | None]:
        """The result of the last attempt; a failure also says where to look. Never raises for what a task does."""
        started = self._around.clock.now()
        attempt = 0
        while True:
            attempt += 1
            result, failure, again = await self._try(attempt)
            result = replace(result, attempts=attempt, start=started, end=self._around.clock.now())
            if failure is None or not again or attempt > self._task.retry.count:
                return result, failure
            wait = self._task.retry.wait(attempt)
            self._around.listener(TaskRetrying(self._task.path, attempt, wait, result.error or ""))
            await self._around.stop.pause(wait)
            if self._around.stop.requested.is_set():
                return replace(result, state="CANCELLED"), None

    async def _try(self, attempt: int) -> tuple[TaskResult, Failure | None, bool]:
        folder = self._around.folder / folder_name(self._task.path) / str(attempt)
        log = folder / "log.txt"
        try:
            return await self._attempt(attempt, folder, log), None, False
        except TaskStoppedError:
            return TaskResult("CANCELLED", error="stopped", log=str(log)), None, False
        except TaskError as error:
            return *self._failed(str(error), error.exit_code, error.log or log), error.again
        except OSError as error:
            # A full disk, a folder that somebody took away: the run goes on, and says so at the end.
            return *self._failed(f"{error.strerror or error}: {error.filename or folder}", None, log), False

    async def _attempt(self, attempt: int, folder: Path, log: Path) -> TaskResult:
        where = places(self._task.outputs, folder)
        folder.mkdir(parents=True)
        prepare(where)
        log.touch()
        self._around.listener(TaskStarted(self._task.path, attempt, str(log)))
        interpreter = await self._around.environments.prepare(self._task, self._around.listener)
        command = self._ready_command(where, interpreter, folder)
        limit = self._task.settings.timeout
        ending = await run_process(command, log, self._around.stop, grace=self._around.grace, limit=limit)
        _check_ending(ending, limit)
        outputs = collect(self._task.outputs, where)
        for artifact in unwritten(outputs.artifacts):
            text = f"{self._task.path}: the artifact `{artifact.name}` was not written: {artifact.path}"
            self._around.listener(Notice(text))
        return TaskResult(
            "SUCCEEDED", exit_code=0, log=str(log), outputs=outputs.parameters, artifacts=outputs.artifacts
        )

    def _ready_command(self, where: Places, interpreter: Interpreter, folder: Path) -> Command:
        inputs = resolve(self._task, self._scope)
        context = Context(
            parameters=inputs.parameters,
            input_artifacts=inputs.artifacts,
            output_files=where.files,
            output_artifacts=where.artifacts,
            output_file=where.report,
            run={**self._scope.run, "pipeline_task_name": self._task.path},
        )
        container = self._task.container
        argv = tuple(expand(container.command + container.args, context))
        working = (self._around.base / (self._task.settings.dir or ".")).absolute()
        added = _own_environ(self._task, interpreter, self._around.environ)
        secrets = {name: self._around.environ[source] for name, source in self._task.settings.secrets.items()}
        self._command = self._mask(shlex.join(_without_bootstrap(argv)))
        write_text(folder / "run.sh", _script(self._task, argv, working, added))
        self._script = str(folder / "run.sh")
        return Command(argv, working, {**self._around.environ, **added, **secrets})

    def _failed(self, text: str, exit_code: int | None, log: Path) -> tuple[TaskResult, Failure]:
        result = TaskResult("FAILED", error=self._mask(text), exit_code=exit_code, log=str(log))
        return result, Failure(self._command, self._script, tail(log, _TAIL, self._mask))


def _without_bootstrap(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The command as its author knows it, without the small program that hpc puts in front; the script has it all."""
    return argv[3:] if len(argv) > 3 and argv[1] == "-c" and argv[2].startswith("# hpc ") else argv


def _check_ending(ending: Ending, limit: float | None) -> None:
    if ending.stopped:
        raise TaskStoppedError
    if ending.timed_out:
        raise TaskError(f"stopped after its timeout of {limit:g} s", exit_code=ending.exit_code, again=True)
    if ending.code:
        raise TaskError(ending.words(), exit_code=ending.exit_code, again=True)


def _own_environ(task: Task, interpreter: Interpreter, environ: Mapping[str, str]) -> dict[str, str]:
    """What the task's environment has over the engine's. Unbuffered, so that the log shows what was printed last."""
    path = environ.get("PATH", "")
    own = {"PATH": f"{interpreter.bin}:{path}" if path else str(interpreter.bin)}
    if "PYTHONUNBUFFERED" not in environ:
        own["PYTHONUNBUFFERED"] = "1"
    if interpreter.home is not None:
        own["VIRTUAL_ENV"] = str(interpreter.home)
    return {**own, **task.container.environ}


def _script(task: Task, argv: tuple[str, ...], folder: Path, added: Mapping[str, str]) -> str:
    """The command as a shell script. Secrets stand in it as the variables that they come from."""
    plain = [shlex.quote(f"{name}={value}") for name, value in added.items()]
    secret = [f'{shlex.quote(name)}="${{{source}}}"' for name, source in task.settings.secrets.items()]
    return _SCRIPT.format(
        task=folder_name(task.path),
        folder=shlex.quote(str(folder)),
        assignments=" ".join([*plain, *secret]),
        command=shlex.join(argv),
    )
