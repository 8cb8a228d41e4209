"""Tasks as host processes: in the folder that the platform document names, with the interpreter made for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hpc.engines.events import Listener
from hpc.engines.local.plan import Container, Settings
from hpc.engines.local.work.digests import Digests
from hpc.engines.local.work.environment import Environments, Interpreter
from hpc.engines.local.work.process import Command, Ending
from hpc.engines.local.work.strays import end_strays
from hpc.engines.local.work.surroundings import Attempt, Pinned


class HostExecutor:
    """`base` is where relative folders start, and where tasks without a folder run."""

    mode = "process"

    def __init__(
        self, base: Path, environ: Mapping[str, str], environments: Environments, digests: Digests, listener: Listener
    ) -> None:
        self._base = base
        self._environ = environ
        self._environments = environments
        self._digests = digests
        self._listener = listener
        self._interpreters: dict[Path, Interpreter] = {}

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

    def command(self, attempt: Attempt, argv: tuple[str, ...], environ: Mapping[str, str]) -> Command:
        interpreter = self._interpreters.pop(attempt.folder)
        whole = {**self._environ, **_of(interpreter, self._environ), **environ}
        return Command(argv, self._folder(attempt.container.settings), whole, keep=attempt.folder)

    def explained(self, attempt: Attempt, ending: Ending) -> str:
        del attempt
        return ending.words()

    async def clear(self, attempt: Attempt, *, ended: bool) -> None:
        del ended
        end_strays(attempt.folder)

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
