"""Tasks as host processes: in the folder that the platform document names, with the interpreter made for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hpc.engines.events import Notice
from hpc.engines.local.plan import Container, Settings
from hpc.engines.local.work.digests import Digests
from hpc.engines.local.work.environment import Environments, Interpreter
from hpc.engines.local.work.gpus import VARIABLE
from hpc.engines.local.work.process import Command, Ending
from hpc.engines.local.work.strays import end_orphans, end_strays
from hpc.engines.local.work.surroundings import Attempt, ExecutorRun, Launch, Pinned

_INSTALLS = "-m pip install"
"""Part of what the KFP SDK puts in front of Lightweight Python components."""


class HostExecutor:
    """What is asked of a folder or an interpreter is asked once a run."""

    mode = "process"

    def __init__(self, run: ExecutorRun, environments: Environments, digests: Digests) -> None:
        self._base = run.base
        self._environ = run.environ
        self._listener = run.listener
        self._run_folder = run.folder
        self._environments = environments
        self._digests = digests
        self._interpreters: dict[Path, Interpreter] = {}
        self._has_told = False

    async def pinned(self, container: Container, path: str) -> Pinned:
        del path
        settings = container.settings
        environment = await self._environments.key(settings)
        if environment is None:
            python = self._environments.python(settings.python)
            environment = await self._digests.packages(python, self._folder(settings))
        return Pinned(await self._digests.source(self._folder(settings)), environment)

    async def prepare(self, attempt: Attempt) -> None:
        interpreter = await self._environments.prepare(attempt.container.settings, attempt.leaf.path, self._listener)
        self._interpreters[attempt.folder] = interpreter
        container = attempt.container
        if interpreter.home is None and _INSTALLS in " ".join(container.command + container.args):
            self._tell_of_packages(attempt.leaf.path, interpreter)

    def _tell_of_packages(self, task: str, interpreter: Interpreter) -> None:
        """Once a run: in its image that would change nothing but the container."""
        if not self._has_told:
            self._has_told = True
            text = f"{task}: its command installs packages with pip into {interpreter.bin}; in containers it would not"
            self._listener(Notice(text))

    def command(self, attempt: Attempt, launch: Launch) -> Command:
        interpreter = self._interpreters.pop(attempt.folder)
        lent = {VARIABLE: ",".join(launch.gpus)} if launch.gpus else {}
        whole = {
            **self._environ,
            **_of(interpreter, self._environ),
            **launch.environ,
            **lent,
            **launch.secrets,
        }
        folder = self._folder(attempt.container.settings)
        return Command(launch.command + launch.args, folder, whole, keep=attempt.folder)

    def explained(self, attempt: Attempt, ending: Ending) -> str:
        del attempt
        return ending.words()

    async def clear(self, attempt: Attempt, *, is_well: bool) -> None:
        del is_well
        end_strays(attempt.folder)

    async def sweep(self, *, earlier: bool) -> None:
        del earlier
        end_orphans(self._run_folder)

    def _folder(self, settings: Settings) -> Path:
        return (self._base / (settings.dir or ".")).absolute()


def _of(interpreter: Interpreter, environ: Mapping[str, str]) -> dict[str, str]:
    """What the interpreter adds. Unbuffered, so that the log shows what was printed last."""
    path = environ.get("PATH", "")
    own = {"PATH": f"{interpreter.bin}:{path}" if path else str(interpreter.bin)}
    if "PYTHONUNBUFFERED" not in environ:
        own["PYTHONUNBUFFERED"] = "1"
    if interpreter.home is not None:
        own["VIRTUAL_ENV"] = str(interpreter.home)
    return own
