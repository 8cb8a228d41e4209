"""Shows what running tasks print: files that grow enter, lines of bounded width leave.

A thread looks at the files of the tasks that run. It reads in pieces and keeps of an unfinished line no more than can
be shown, so that memory does not depend on what is printed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Signal
from threading import Lock, Thread

from hpc.cli.screen import visible
from hpc.engines.events import Event, Listener, RunFinished, TaskFinished, TaskRetrying, TaskStarted

_PAUSE = 0.2
"""Seconds between two looks."""
_PIECE = 64 * 1024
_WIDEST = 2000
"""Characters of a line."""
_MOST_KEPT = 4 * _WIDEST + 4096
"""Bytes of a line: UTF-8 takes four for a character, and what is masked must be there as a whole."""
_AT_ONCE = 16
"""Pieces that are read before an end is told; a longer rest follows it, so that the engine does not wait."""

ShowLines = Callable[[str, Sequence[str]], None]


class LogFollower:
    """Hands new lines of the logs of running tasks to `show`, with the task's path. `mask` changes each line first."""

    def __init__(self, show: ShowLines, mask: Callable[[str], str]) -> None:
        self._show = show
        self._mask = mask
        self._logs: dict[str, _Log] = {}
        self._lock = Lock()
        self._stopped = Signal()
        self._thread = Thread(target=self._work, name="logs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Show what is left of all logs and end the thread. May be called again."""
        with self._lock:
            for log in self._logs.values():
                log.end()
        self._stopped.set()
        self._thread.join()

    @contextmanager
    def following(self) -> Generator[LogFollower]:
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def begin(self, task: str, log: str) -> None:
        """Follow a file, which need not exist yet."""
        self.end(task)
        with self._lock:
            self._logs[log] = _Log(task, Path(log))

    def end(self, task: str) -> None:
        """The task prints no more: its log is shown up to where it ends now."""
        with self._lock:
            for name, log in [(name, log) for name, log in self._logs.items() if log.task == task]:
                log.end()
                for _ in range(_AT_ONCE):
                    if not self._advance(name, log):
                        break

    def around(self, view: Listener) -> Listener:
        """A listener that follows tasks and has their last lines shown before `view` tells that they have ended."""

        def listen(event: Event) -> None:
            if isinstance(event, (TaskFinished, TaskRetrying)):
                self.end(event.task)
            elif isinstance(event, RunFinished):
                self.stop()
            view(event)
            if isinstance(event, TaskStarted) and event.log:
                self.begin(event.task, event.log)

        return listen

    def _work(self) -> None:
        while True:
            is_last = self._stopped.is_set()
            while self._look():
                pass
            if is_last:
                return
            self._stopped.wait(_PAUSE)

    def _look(self) -> bool:
        """Read one piece of each file; whether there was anything."""
        found = False
        with self._lock:
            logs = list(self._logs.items())
        for name, log in logs:
            with self._lock:
                found = self._advance(name, log) or found
        return found

    def _advance(self, name: str, log: _Log) -> bool:
        """Show one more piece. A log that has ended and has no more is let go."""
        if self._logs.get(name) is not log:
            return False
        piece = log.read()
        lines = log.lines.add(piece)
        if log.is_over and not piece:
            lines += log.lines.rest()
            del self._logs[name]
        if lines:
            self._show(log.task, [self._text(line) for line in lines])
        return bool(piece)

    def _text(self, line: bytes) -> str:
        text = visible(self._mask(line.decode("utf-8", "replace")))
        return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


class _Log:
    """A file and how much of it has been read."""

    def __init__(self, task: str, path: Path) -> None:
        self.task = task
        self.lines = _Lines()
        self._path = path
        self._read = 0
        self._end: int | None = None

    @property
    def is_over(self) -> bool:
        return self._end is not None

    def end(self) -> None:
        """Read no further than the file goes now: something may go on writing for ever."""
        if self._end is None:
            try:
                self._end = self._path.stat().st_size
            except OSError:
                self._end = 0

    def read(self) -> bytes:
        """The next piece, empty where there is none yet. The file is not kept open."""
        size = _PIECE if self._end is None else max(0, min(_PIECE, self._end - self._read))
        try:
            with self._path.open("rb", buffering=0) as stream:
                stream.seek(self._read, os.SEEK_SET)
                piece = stream.read(size) or b""
        except OSError:
            return b""
        self._read += len(piece)
        return piece


class _Lines:
    """Cuts pieces into lines. Of a line that is written over (a progress bar) the last state counts."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._returned = False

    def add(self, piece: bytes) -> list[bytes]:
        """The lines that are whole by now."""
        *whole, last = piece.split(b"\n")
        made: list[bytes] = []
        for part in whole:
            self._keep(part)
            made.append(self._take())
        self._keep(last)
        return made

    def rest(self) -> list[bytes]:
        """The last line, which has no end."""
        return [self._take()] if self._kept else []

    def _keep(self, part: bytes) -> None:
        if not part:
            return
        if self._returned:
            self._kept.clear()
        body = part.rstrip(b"\r")
        self._returned = len(body) < len(part)
        written_over = body.rfind(b"\r") + 1
        if written_over:
            self._kept.clear()
        self._kept += body[written_over : written_over + _MOST_KEPT - len(self._kept)]

    def _take(self) -> bytes:
        line = bytes(self._kept)
        self._kept.clear()
        self._returned = False
        return line
