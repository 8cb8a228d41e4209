"""What all tasks of a run share, and what a way to run them must offer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from hpc.engines.events import Listener
from hpc.engines.local.flow.execution import Leaf
from hpc.engines.local.plan import Container
from hpc.engines.local.store import Store
from hpc.engines.local.store.records import LOG
from hpc.engines.local.work.clock import Clock
from hpc.engines.local.work.digests import Digests
from hpc.engines.local.work.downloads import Downloads
from hpc.engines.local.work.gpus import Gpus
from hpc.engines.local.work.process import Command, Ending
from hpc.engines.local.work.stopping import Stop


@dataclass(frozen=True)
class Pinned:
    """What stands behind a command apart from itself, each as a digest or a short text: files, packages, image."""

    source: str = ""
    environment: str = ""
    image: str = ""


@dataclass(frozen=True)
class Attempt:
    """One attempt of a task, and its folder. `copies` of artifacts that lie elsewhere are here, by their uris."""

    leaf: Leaf
    number: int
    folder: Path
    copies: Mapping[str, Path] = field(default_factory=dict[str, Path])

    @property
    def log(self) -> Path:
        return self.folder / LOG

    @property
    def container(self) -> Container:
        return self.leaf.container


@dataclass(frozen=True)
class Launch:
    """What is to be started, placeholders filled: `command` may be empty where an image has its own.

    `gpus` are the names of those that were lent, if any.
    """

    command: tuple[str, ...]
    args: tuple[str, ...]
    environ: Mapping[str, str]
    secrets: Mapping[str, str]
    gpus: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExecutorRun:
    """What an executor knows of the run. `base` is where relative folders start, and where tasks without one run."""

    run: str
    folder: Path
    root: Path
    base: Path
    environ: Mapping[str, str]
    listener: Listener


class Executor(Protocol):
    """A way to run a command: as a host process, in a container. Raises TaskError with a sentence for a user."""

    @property
    def mode(self) -> str:
        """For the fingerprint: results of one mode are not those of another."""
        ...

    async def pinned(self, container: Container, path: str) -> Pinned:
        """What the result of the task at `path` depends on besides its inputs. Only an image is fetched for that."""
        ...

    async def prepare(self, attempt: Attempt) -> None:
        """Make what the command needs: an environment, an image."""
        ...

    def command(self, attempt: Attempt, launch: Launch) -> Command:
        """The process to start."""
        ...

    def explained(self, attempt: Attempt, ending: Ending) -> str:
        """Why it ended badly."""
        ...

    async def clear(self, attempt: Attempt, *, is_well: bool) -> None:
        """End what is left of the attempt apart from its process group. `is_well`: it has come to a good end."""
        ...

    async def sweep(self, *, earlier: bool) -> None:
        """End what is left of the run, also of an `earlier` start of it."""
        ...


@dataclass(frozen=True)
class Surroundings:
    """`folder` is the run's own, `run` its name. Tasks and their secrets get their values from `environ`."""

    run: str
    folder: Path
    environ: Mapping[str, str]
    grace: float
    clock: Clock
    stop: Stop
    store: Store
    digests: Digests
    downloads: Downloads
    executor: Executor
    gpus: Gpus
    listener: Listener
