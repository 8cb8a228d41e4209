"""Artifacts that lie elsewhere: which version a run reads, and the copy here that a task gets as their path.

An address is asked for its version once a run, so that a run reads one version of it; what changes in between makes
its readers fail and never mixes. A copy is made when the first task that uses the path is about to run, and kept in
`<root>/downloads/<hash of address and version>/<name>` for all runs; where nothing tells a change, in the folder of
the run. It is there as a whole or not at all, and one run makes it while others wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from hpc.engines.events import Downloaded, Downloading, Listener, Notice
from hpc.engines.local.cache.contents import MISSING, Memo, storable
from hpc.engines.local.flow.failure import TaskError, TaskStoppedError
from hpc.engines.local.work.locks import locked
from hpc.engines.local.work.remote import Found, RemoteError, clear, fetch, look
from hpc.engines.local.work.stopping import Stop, first_of

Made = TypeVar("Made")

_PATIENCE = 120.0
"""Seconds to wait for a version. A machine without a network says so sooner; gcsfs may try another way after 60."""

_KNOWN = "address"


class Downloads:
    """Those of one run. `root` and `run` are its folders; `memo` keeps the last version that was seen of an address."""

    def __init__(self, root: Path, run: Path, memo: Memo, stop: Stop, listener: Listener) -> None:
        self._shared = root / "downloads"
        self._own = run / "downloads"
        self._memo = memo
        self._stop = stop
        self._listener = listener
        self._looks: dict[str, asyncio.Future[Found | RemoteError]] = {}

    async def check(self, uri: str, *, anew: bool) -> None:
        """Ask for the version for an importer. Raises TaskError where there is nothing or it may not be read.

        Where it cannot be asked, the version that was last seen counts, or the address alone if there is none; with
        `anew` that fails too. An address of a scheme that fsspec does not know can only be handed on.
        """
        found = await self._look(uri)
        if isinstance(found, Found) or found.trouble == "scheme":
            return
        if anew or found.trouble in {"missing", "denied"}:
            raise TaskError(str(found), again=found.trouble == "silence")
        counts = "the version that was last seen" if self._known(uri) else "the address alone"
        self._listener(Notice(f"{found}. For what is cached, {counts} counts"))

    async def version(self, uri: str) -> str:
        """What tells the content apart from former content; empty where nothing does. Raises only TaskStoppedError."""
        found = await self._look(uri)
        if isinstance(found, Found):
            return storable(found.version)
        return MISSING if found.trouble == "missing" else self._known(uri)

    async def copy(self, uri: str, task: str) -> Path:
        """The content as a file or folder here, for the task at that path. Raises TaskError or TaskStoppedError."""
        found = await self._look(uri)
        if isinstance(found, RemoteError):
            place = self._place(uri, self._known(uri))
            if found.trouble not in {"silence", "package"} or not place.is_dir():
                raise TaskError(str(found), again=found.trouble == "silence")
            return _content(place)
        place = self._place(uri, found.version)
        if not place.is_dir():
            place.parent.mkdir(parents=True, exist_ok=True)
            async with locked(place.with_suffix(".lock"), self._stop):
                if not place.is_dir():
                    await self._fetch(found, place, task)
        return _content(place)

    def forget(self, uris: Iterable[str]) -> None:
        """A task has written there: what was there before does not count any more."""
        for uri in uris:
            self._looks.pop(uri, None)

    async def _fetch(self, found: Found, place: Path, task: str) -> None:
        given_up = threading.Event()
        began = time.monotonic()
        self._listener(Downloading(task, found.uri, found.size))
        try:
            await self._on_thread(lambda: fetch(found, place, given_up))
        except RemoteError as error:
            raise TaskError(str(error), again=error.trouble == "silence") from None
        except OSError as error:
            text = f"{found.uri} cannot be kept at {place}: {error.strerror or error}"
            raise TaskError(text) from None
        except TaskStoppedError:
            given_up.set()
            clear(place)
            raise
        self._listener(Downloaded(task, time.monotonic() - began))

    async def _look(self, uri: str) -> Found | RemoteError:
        if uri not in self._looks:
            self._looks[uri] = asyncio.ensure_future(self._asked(uri))
        return await asyncio.shield(self._looks[uri])

    async def _asked(self, uri: str) -> Found | RemoteError:
        try:
            found = await self._on_thread(lambda: look(uri), _PATIENCE)
        except TimeoutError:
            return RemoteError("silence", f"{uri} cannot be read: no answer within {_PATIENCE:g} s")
        except RemoteError as error:
            return error
        if found.version:
            self._memo.keep_digest(storable(uri), _KNOWN, storable(found.version))
        return found

    async def _on_thread(self, work: Callable[[], Made], limit: float | None = None) -> Made:
        """Do it where it holds nothing up, and leave it behind when the run is being stopped, or after `limit` s."""
        ended = _started(work)
        done = await first_of(ended, self._stop.requested.wait(), timeout=limit)
        if 0 in done:
            return await ended
        if done:
            raise TaskStoppedError
        raise TimeoutError

    def _known(self, uri: str) -> str:
        return self._memo.kept_digest(storable(uri), _KNOWN) or ""

    def _place(self, uri: str, version: str) -> Path:
        digest = hashlib.sha256(f"{storable(uri)}\0{storable(version)}".encode()).hexdigest()[:32]
        return (self._shared if version else self._own) / digest


def _content(place: Path) -> Path:
    [content] = place.iterdir()
    return content


def _started(work: Callable[[], Made]) -> asyncio.Future[Made]:
    """Begin it on a thread of its own, which does not keep the program from ending as a pool's would."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Made] = loop.create_future()

    def finish(result: Made | None, error: BaseException | None) -> None:
        if ended.cancelled():
            return
        if error is None:
            ended.set_result(result)  # pyright: ignore[reportArgumentType] # there is one without an error
        else:
            ended.set_exception(error)
            ended.exception()  # nobody may be left who asks

    def run() -> None:
        result: Made | None = None
        failure: BaseException | None = None
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001  handed on to whoever waits
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop may be closed: the run is over
            loop.call_soon_threadsafe(finish, result, failure)

    threading.Thread(target=run, name="download", daemon=True).start()
    return ended
