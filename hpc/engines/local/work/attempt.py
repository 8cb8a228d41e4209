"""One attempt of a container task: folders, command, process, outputs. What goes wrong is a TaskError."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hpc.engines.events import Notice
from hpc.engines.local.flow.failure import TaskError, TaskStoppedError
from hpc.engines.local.flow.placeholders import Context, expand, read_by_path
from hpc.engines.local.plan import Container
from hpc.engines.local.store.records import SCRIPT
from hpc.engines.local.work.folder import write_text
from hpc.engines.local.work.logs import Masker
from hpc.engines.local.work.metric import trial_variables, with_metric
from hpc.engines.local.work.outputs import Outputs, Places, collect, places, prepare, unwritten
from hpc.engines.local.work.process import Command, Ending, run_process
from hpc.engines.local.work.strays import MARK
from hpc.engines.local.work.surroundings import Attempt, Launch, Surroundings
from hpc.engines.outcome import TaskResult

_SCRIPT = """\
#!/bin/sh
# The command of one attempt of the task {task}; run it again with: sh run.sh
cd {folder} || exit 1
exec env {assignments} \\
  {command}
"""


class Work:
    """An attempt at work. `shown` and `script` are its command for people, as far as it got."""

    def __init__(self, attempt: Attempt, around: Surroundings) -> None:
        self.shown = ""
        self.script = ""
        self.peak: int | None = None
        self._attempt = attempt
        self._around = around
        self._places = places(attempt.leaf.task.component.outputs, attempt.folder)
        self.mask = Masker(around.environ[source] for source in attempt.container.settings.secrets.values())

    async def run(self) -> Outputs:
        """What the task has made. Raises TaskError, or TaskStoppedError where the run is being stopped."""
        attempt, around = self._attempt, self._around
        prepare(self._places)
        await around.executor.prepare(attempt)
        self._attempt = replace(attempt, copies=await self._copies())
        async with around.gpus.lent(_wanted_gpus(attempt.container)) as gpus:
            if around.stop.requested.is_set():
                raise TaskStoppedError
            await self._execute(self._command(gpus))
        return self.outputs()

    async def _copies(self) -> dict[str, Path]:
        """Of the artifacts from elsewhere whose paths stand in the command; who reads a uri alone needs none."""
        attempt, around = self._attempt, self._around
        if not any(one.is_remote for found in attempt.leaf.inputs.artifacts.values() for one in found):
            return {}
        container = attempt.container
        read = read_by_path(container.command + container.args, _context(attempt, self._places))
        return {
            uri: await around.downloads.copy(uri, attempt.leaf.path)
            for uri in dict.fromkeys(one.uri for one in read if one.is_remote)
        }

    async def _execute(self, command: Command) -> None:
        attempt, around = self._attempt, self._around
        limit = attempt.container.settings.timeout
        ending: Ending | None = None
        try:
            ending = await run_process(command, attempt.log, around.stop, grace=around.grace, limit=limit)
            self.peak = ending.peak
            self._check(ending)
        finally:
            is_well = ending is not None and not ending.exit_code and not ending.stopped
            await around.executor.clear(attempt, is_well=is_well)
            self.mask.mask_file(attempt.log)

    def outputs(self) -> Outputs:
        """What an attempt that has ended well has left."""
        found = collect(self._attempt.leaf.task.component.outputs, self._places)
        for artifact in unwritten(found.artifacts):
            text = f"{self._attempt.leaf.path}: the artifact `{artifact.name}` was not written: {artifact.path}"
            self._around.listener(Notice(text))
        tuning = self._attempt.container.settings.tuning
        return found if tuning is None else with_metric(found, tuning.metric, self._attempt.folder)

    def _command(self, gpus: tuple[str, ...]) -> Command:
        attempt, around = self._attempt, self._around
        container, context = attempt.container, _context(attempt, self._places)
        launch = Launch(
            tuple(expand(container.command, context)),
            tuple(expand(container.args, context)),
            {**container.environ, **_of_trial(attempt), MARK: str(attempt.folder)},
            {name: around.environ[source] for name, source in container.settings.secrets.items()},
            gpus,
        )
        command = around.executor.command(attempt, launch)
        self.shown = self.mask(shlex.join(_without_bootstrap(launch.command + launch.args)))
        write_text(attempt.folder / SCRIPT, self._script(command, launch.environ))
        self.script = str(attempt.folder / SCRIPT)
        return command

    def _script(self, command: Command, own: Mapping[str, str]) -> str:
        """The command as a shell script. Secrets stand in it as the variables that they come from."""
        around, settings = self._around, self._attempt.container.settings
        added = {
            name: value
            for name, value in command.environ.items()
            if name not in settings.secrets and (name in own or around.environ.get(name) != value)
        }
        plain = [shlex.quote(f"{name}={value}") for name, value in added.items()]
        secret = [f'{shlex.quote(name)}="${{{source}}}"' for name, source in settings.secrets.items()]
        return _SCRIPT.format(
            task=shlex.quote(self._attempt.leaf.path),
            folder=shlex.quote(str(command.folder)),
            assignments=" ".join([*plain, *secret]),
            command=shlex.join(command.argv),
        )

    def _check(self, ending: Ending) -> None:
        if ending.stopped:
            raise TaskStoppedError
        if ending.timed_out:
            limit = self._attempt.container.settings.timeout
            raise TaskError(f"stopped after its timeout of {limit:g} s", exit_code=ending.exit_code, again=True)
        if ending.exit_code:
            words = self._around.executor.explained(self._attempt, ending)
            raise TaskError(words, exit_code=ending.exit_code, again=True)


def made(outputs: Outputs, log: Path, peak: int | None = None) -> TaskResult:
    """The result of an attempt that ended well."""
    artifacts = {name: (artifact,) for name, artifact in outputs.artifacts.items()}
    return TaskResult(
        "SUCCEEDED", exit_code=0, log=str(log), peak=peak, outputs=outputs.parameters, artifacts=artifacts
    )


def exit_on_disk(folder: Path) -> int | None:
    """The exit code that the shell around an attempt has written; None while it has not."""
    try:
        text = (folder / "exit").read_text()
    except OSError:
        return None
    return int(text) if text.endswith("\n") and text.strip().isdigit() else None


def _context(attempt: Attempt, where: Places) -> Context:
    copies = attempt.copies
    return Context(
        parameters=attempt.leaf.inputs.parameters,
        input_artifacts=attempt.leaf.inputs.artifacts,
        output_files=where.files,
        output_artifacts=where.artifacts,
        output_file=where.report,
        run=attempt.leaf.names,
        path_of=lambda artifact: str(copies.get(artifact.uri, artifact.path)),
    )


def _wanted_gpus(container: Container) -> int:
    count = container.resources.gpus
    return container.settings.gpus or (int(count) if count.isdecimal() else 0)


def _of_trial(attempt: Attempt) -> dict[str, str]:
    return trial_variables(attempt.leaf.path, attempt.folder) if attempt.container.settings.tuning else {}


def _without_bootstrap(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The command as its author knows it, without the small program that hpc puts in front; the script has it all."""
    return argv[3:] if len(argv) > 3 and argv[1] == "-c" and argv[2].startswith("# hpc ") else argv
