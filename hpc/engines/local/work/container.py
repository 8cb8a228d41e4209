"""Tasks in containers of their images, through the client of docker or podman, which is a host process like any other.

A container sees the folders of all runs, to read; its own attempt's, to write; what was imported from elsewhere on this
machine, and copies of what lies on another, to read; and the folders that the user mounts. All of them at the paths
that they have here.
"""

from __future__ import annotations

import time
from pathlib import Path

from hpc.engines.events import EnvironmentBuilding, EnvironmentReady, Notice
from hpc.engines.local.flow.failure import TaskError
from hpc.engines.local.plan import Container
from hpc.engines.local.work import docker
from hpc.engines.local.work.docker import ContainerRun, Images, Mount, Origin
from hpc.engines.local.work.process import Command, Ending
from hpc.engines.local.work.surroundings import Attempt, ExecutorRun, Launch, Pinned


class ContainerExecutor:
    """`mounts` are further folders that all containers can write. Without `images`, none is fetched or built."""

    def __init__(
        self, run: ExecutorRun, engine: docker.ContainerEngine, images: Images | None, mounts: tuple[Path, ...]
    ) -> None:
        self.mode = "container"
        self._run = run
        self._engine = engine
        self._images = images
        self._mounts = mounts
        self._started: dict[Path, ContainerRun] = {}
        self._may_be_left = False

    async def pinned(self, container: Container, path: str) -> Pinned:
        """The image's content. It has to be here for that, unless this is a rehearsal."""
        if self._images is None:
            identity = await docker.image_identity(self._engine, container.image)
            return Pinned(image=identity or f"{container.image}, which is not here")
        began: list[float] = []

        def tell(log: Path) -> None:
            began.append(time.monotonic())
            self._run.listener(EnvironmentBuilding(path, container.image, str(log), what="image"))

        identity = await self._images.prepare(container.image, container.settings.build, tell)
        if began:
            self._run.listener(EnvironmentReady(path, time.monotonic() - began[0]))
        return Pinned(image=identity)

    async def prepare(self, attempt: Attempt) -> None:
        """The image is here since its identity was asked for."""

    def command(self, attempt: Attempt, launch: Launch) -> Command:
        container = attempt.container
        build = container.settings.build
        environ = {"PYTHONUNBUFFERED": "1", **launch.environ}
        self._started[attempt.folder] = run = ContainerRun(
            self._origin(attempt),
            container.image,
            launch.command,
            launch.args,
            environ=environ,
            secrets=launch.secrets,
            mounts=self._all_mounts(attempt),
            resources=container.resources,
            gpus=launch.gpus,
            platform=build.platform if build else "",
        )
        argv = docker.run_command(self._engine, run)
        return Command(argv, self._run.base, docker.client_environ(self._engine, run), keep=attempt.folder)

    def explained(self, attempt: Attempt, ending: Ending) -> str:
        return docker.ending_words(self._engine, self._started[attempt.folder], ending, attempt.log)

    async def clear(self, attempt: Attempt, *, is_well: bool) -> None:
        self._started.pop(attempt.folder, None)
        if not is_well:
            self._may_be_left = True
            await docker.remove(self._engine, self._origin(attempt).name)

    async def sweep(self, *, earlier: bool) -> None:
        """A container that came to its own end has removed itself."""
        if not (earlier or self._may_be_left):
            return
        self._may_be_left = False
        try:
            await docker.remove_containers(self._engine, self._run.run, self._run.root)
        except TaskError as error:
            text = f"{error}; containers with the label hpc.run={self._run.run} may be left"
            self._run.listener(Notice(text))

    def _origin(self, attempt: Attempt) -> Origin:
        return Origin(self._run.root, self._run.run, attempt.leaf.path, attempt.number)

    def _all_mounts(self, attempt: Attempt) -> tuple[Mount, ...]:
        runs = self._run.root / "runs"
        read = [
            Path(one.path)
            for found in attempt.leaf.inputs.artifacts.values()
            for one in found
            if not one.is_remote and not Path(one.path).is_relative_to(runs)
        ]
        read += [path for path in attempt.copies.values() if not path.is_relative_to(runs)]
        return (
            Mount(runs),
            *(Mount(path) for path in dict.fromkeys(read)),
            *(Mount(path, writable=True) for path in self._mounts),
            Mount(attempt.folder, writable=True),
        )
