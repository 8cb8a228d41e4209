"""Digests of files, folders and interpreters, made on a thread of their own so that nothing else waits for them.

Folders and interpreters are asked once a run; files that have not changed since a former run are not read again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from hpc.engines.local.cache.contents import Memo, artifacts_digest
from hpc.engines.local.cache.interpreters import installed
from hpc.engines.local.cache.sources import source_files, tree_digest
from hpc.engines.local.flow.failure import TaskError
from hpc.engines.local.store import Store
from hpc.engines.outcome import Artifacts

Made = TypeVar("Made")


class Digests:
    """`root` is the folder of the store. `leave_out` are files and folders that are no source of any component."""

    def __init__(self, root: Path, leave_out: tuple[Path, ...] = ()) -> None:
        self._root = root
        self._leave_out = leave_out
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="digests")
        self._store: Store | None = None
        self._asked: dict[Hashable, asyncio.Future[str]] = {}

    async def source(self, folder: Path) -> str:
        """Of a component's source files. Which files they are is kept in the store."""
        return await self._once(("source", folder), lambda: self._tree(folder))

    async def packages(self, python: Path, folder: Path) -> str:
        """Of an interpreter with its packages, and of the files of those that are used in place, but for `folder`."""
        return await self._once(("packages", python, folder), lambda: self._installed(python, folder))

    async def artifacts(self, found: Artifacts, versions: Mapping[str, str]) -> str:
        """`versions` are those of artifacts that lie elsewhere, by uri."""
        if not found:
            return ""
        return await self._on_thread(lambda: artifacts_digest(found, self._memo(), versions))

    def close(self) -> None:
        self._thread.submit(self._close)
        self._thread.shutdown()

    async def _once(self, key: Hashable, make: Callable[[], str]) -> str:
        if key not in self._asked:
            self._asked[key] = asyncio.ensure_future(self._on_thread(make))
        return await asyncio.shield(self._asked[key])

    async def _on_thread(self, make: Callable[[], Made]) -> Made:
        return await asyncio.get_running_loop().run_in_executor(self._thread, make)

    def _memo(self) -> Store:
        """The store as this thread sees it."""
        if self._store is None:
            self._store = Store.open(self._root)
        return self._store

    def _tree(self, folder: Path) -> str:
        store = self._memo()
        files = source_files(folder, self._leave_out, store)
        digest = tree_digest(files)
        store.keep_sources(digest, files)
        return digest

    def _installed(self, python: Path, folder: Path) -> str:
        try:
            found = installed(python)
        except ValueError as error:
            raise TaskError(str(error)) from None
        memo: Memo = self._memo()
        in_place = [one for one in found.editable if one != folder]
        used = [tree_digest(source_files(one, self._leave_out, memo)) for one in in_place]
        return " ".join([found.digest, *used])

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
