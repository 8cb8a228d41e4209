"""`hpc report`: one HTML file about a run, or about several side by side."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import click

from hpc.cli import OK
from hpc.cli.disk import write_whole
from hpc.cli.history import History, Run, reading, root_option
from hpc.engines.local import secrets_in
from hpc.engines.local.report import Json, RunData, report
from hpc.engines.local.work.logs import Masker, tail

_LONGEST_NAME = 120


@click.command("report", epilog="Example: hpc report last")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option(
    "-o",
    "output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write.  [default: report.html in the folder of the first run]",
)
@root_option
@click.option(
    "--open",
    "opening",
    type=click.Choice(["yes", "no"]),
    default="no",
    show_default=True,
    help="Show it in the browser.",
)
def command(runs: tuple[str, ...], output: Path | None, root: Path | None, opening: str) -> int:
    """Write an HTML file about RUN: its graph, timeline, parameters, metrics, documents and the ends of its logs.

    Of several runs, the file compares each with the first. It needs no server and no network. The path of the file is
    printed. RUN is the id of a run, its beginning or its end, or `last`.
    """
    with reading(root) as history:
        found = list({run.id: run for run in map(history.run, runs)}.values())
        data = [_data(history, run) for run in found]
    file = output or _place(found)
    write_whole(file, report(data, _Disk(Masker(_secrets(found)))))
    click.echo(str(file))
    if opening == "yes":
        click.launch(file.absolute().as_uri())
    return OK


def _data(history: History, run: Run) -> RunData:
    plan = _document(Path(run.record.folder) / "pipeline.json")
    is_interrupted = run.state == "INTERRUPTED"
    return RunData(run.record, history.tasks(run), history.store.attempts(run.id), plan, is_interrupted)


def _place(runs: Sequence[Run]) -> Path:
    """Several runs get a file of their own, so that the first one's report stays as it is."""
    others = "-".join(run.id for run in runs[1:])
    name = f"report-with-{others}"[:_LONGEST_NAME] if others else "report"
    return Path(runs[0].record.folder) / f"{name}.html"


def _document(file: Path) -> Json | None:
    try:
        content: Any = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return cast(Json, content) if isinstance(content, dict) else None


class _Disk:
    """The files of runs; logs with secrets masked."""

    def __init__(self, mask: Masker) -> None:
        self._mask = mask

    def read(self, path: str, limit: int) -> bytes | None:
        file = Path(path)
        try:
            if not file.is_file():  # a pipe or a device would never end
                return None
            with file.open("rb") as stream:
                return stream.read(limit)
        except (OSError, ValueError):
            return None

    def tail(self, path: str, count: int) -> Sequence[str]:
        try:
            return tail(Path(path), count, self._mask) if Path(path).is_file() else ()
        except (OSError, ValueError):  # e.g. a NUL in the path
            return ()


def _secrets(runs: Sequence[Run]) -> set[str]:
    """What the variables hold by now that tasks of the runs got their secrets from."""
    platforms = [_document(Path(run.record.folder) / "platform.json") for run in runs]
    return {secret for platform in platforms for secret in secrets_in(platform, os.environ)}
