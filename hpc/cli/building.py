"""Shows images being built: events come in, text goes out. A terminal gets a moving picture, a file lines."""

from __future__ import annotations

import re
import signal
import sys
import time
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, cast

from hpc.cli.screen import Screen, visible
from hpc.cli.words import duration
from hpc.images.making import Event, Made

if TYPE_CHECKING:
    from rich.text import Text

_STEP = re.compile(
    r"(?:step \d+(?:/\d+)?\s*:|#\d+ \[.*\d+/\d+\]|\[\d+/\d+\] step|build \S+ in |source [\d,]+ bytes)", re.IGNORECASE
)
_LINES_SHOWN = 6
_WORDS = {"build": "build", "push": "push "}


class BuildView:
    """One line for each start, step and end. With `all_lines`, all that builders say."""

    def __init__(self, screen: Screen, total: int, *, all_lines: bool) -> None:
        self._screen = screen
        self._total = total
        self._all_lines = all_lines
        self._done = 0

    def take(self, event: Event) -> None:
        if event.what == "line":
            if self._all_lines or _STEP.match(event.text):
                self._write(f"{self._count()}       {event.text}")
        elif event.what != "look":
            by = f" ({event.text})" if event.text else ""
            self._write(f"{self._count()} {_WORDS[event.what]} {event.recipe.name}: {event.recipe.address}{by}")

    def end(self, made: Made) -> None:
        self._done += 1
        what = "up to date" if made.state == "up to date" else f"{_state(made)} in {duration(made.seconds)}"
        digest = f", {made.digest}" if made.digest else ""
        self._write(f"{self._count()} OK    {made.recipe.name}: {what}{digest}")

    def fail(self, name: str, lines: tuple[str, ...]) -> None:
        """The end of what was said; the cause follows as a message."""
        self._done += 1
        self._write("\n".join([f"{self._count()} FAIL  {name}", *(f"  | {line}" for line in lines)]))

    def skip(self, name: str) -> None:
        """Of an image whose base could not be made, which is told there."""
        self._done += 1
        self._write(f"{self._count()} SKIP  {name}: an image that it starts from could not be made")

    def _count(self) -> str:
        return f"[{self._done}/{self._total}]"

    def _write(self, text: str) -> None:
        self._screen.write(visible(text) + "\n")
        self._screen.flush()


def _state(made: Made) -> str:
    if made.state == "pushed":
        return "built and pushed" if made.was_built else "pushed"
    return "built"


class _LiveView(BuildView):
    """What happens now stands at the foot, with the last lines of the builder; what is done, above it."""

    def __init__(self, screen: Screen, total: int, *, all_lines: bool) -> None:
        from rich.console import Console
        from rich.live import Live

        super().__init__(screen, total, all_lines=all_lines)
        self._now = ""
        self._began = time.monotonic()
        self._lines: deque[str] = deque(maxlen=_LINES_SHOWN)
        self._console = Console(file=cast("IO[str]", screen), highlight=False, emoji=False)
        self._live = Live(console=self._console, get_renderable=self._picture, refresh_per_second=8, transient=True)

    def take(self, event: Event) -> None:
        if event.what != "line":
            self._lines.clear()
            self._began = time.monotonic()
            self._now = f"{event.what:<5} {event.recipe.name}: {event.recipe.address}"
        elif self._all_lines:
            self._write(event.text)
        else:
            self._lines.append(event.text)

    @contextmanager
    def shown(self) -> Generator[None]:
        with self._live:
            yield

    def _picture(self) -> Text:
        from rich.text import Text

        head = f"{self._count()} {self._now} {duration(time.monotonic() - self._began)}"
        picture = Text(no_wrap=True, overflow="ellipsis").append(visible(head), "bold")
        for line in list(self._lines):
            picture.append(f"\n  {visible(line)}", "dim")
        return picture

    def _write(self, text: str) -> None:
        from rich.text import Text

        self._console.print(Text(visible(text)), soft_wrap=True)


@contextmanager
def ended_by_signals() -> Generator[None]:
    """Have SIGTERM and SIGHUP end what is being done as Ctrl-C does, so that no builder goes on alone."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    ours = [number for number, handler in before.items() if handler == signal.SIG_DFL]
    for number in ours:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def building(total: int, *, all_lines: bool) -> Generator[BuildView]:
    """A view on stderr while the context is open."""
    screen = Screen(sys.stderr)
    if screen.isatty():
        from hpc.cli.live import can_be_live

        if can_be_live(screen):
            view = _LiveView(screen, total, all_lines=all_lines)
            with view.shown():
                yield view
            return
    yield BuildView(screen, total, all_lines=all_lines)
