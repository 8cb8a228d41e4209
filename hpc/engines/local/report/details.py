"""What is known of each task, and what its files say: records enter, texts of a bounded size leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hpc.engines.local.report.budget import Budget
from hpc.engines.local.report.documents import frame_of, markdown
from hpc.engines.local.report.tally import MARKS, Places, Tally, tally, words_of
from hpc.engines.local.report.values import duration, moment, shown, size
from hpc.engines.local.store.records import AttemptRecord, TaskRecord
from hpc.engines.outcome import WHY_SKIPPED, Artifact, Artifacts
from hpc.engines.task_names import groups_around, shortened

MOST_ITERATIONS = 100
MOST_TASKS = 1000
TAIL = 100
_MOST_ENTRIES = 100
_MOST_ATTEMPTS = 50
_LONGEST_SCRIPT = 20_000
_LARGEST_DOCUMENT = 4_000_000
_LARGEST_MARKDOWN = 300_000
_MOST_DOCUMENTS = 60
_REASONS = {
    "condition": "its condition was false",
    "upstream": "a task before it did not succeed",
    "fail-fast": "another task had failed",
    "not chosen": "it was not chosen",
}


class Files(Protocol):
    """How a report reads what a run has left. Neither raises: a file that is not there is part of life."""

    def read(self, path: str, limit: int) -> bytes | None:
        """At most the first `limit` bytes of a file; None where there is none."""
        ...

    def tail(self, path: str, count: int) -> Sequence[str]:
        """The last `count` lines of a log, free of control codes; none where there is none."""
        ...


@dataclass(frozen=True)
class Entry:
    """`more` is shown on demand."""

    name: str
    value: str
    more: str = ""


@dataclass(frozen=True)
class Attempt:
    number: int
    words: str
    started: str


@dataclass(frozen=True)
class Detail:
    """One task. `log` is None where there is none, and where there was no room for it."""

    path: str
    state: str
    words: str
    error: str
    facts: tuple[Entry, ...]
    inputs: tuple[Entry, ...]
    outputs: tuple[Entry, ...]
    attempts: tuple[Attempt, ...]
    script: Entry | None
    log_file: str
    log: str | None
    log_left_out: bool

    @property
    def mark(self) -> str:
        return MARKS.get(self.state, "")


@dataclass(frozen=True)
class Place:
    """A task of the graph with all of its iterations; `hidden` ones are not listed."""

    path: str
    title: str
    tally: Tally
    details: tuple[Detail, ...]
    is_loop: bool
    hidden: int

    @property
    def mark(self) -> str:
        return MARKS.get(self.tally.state, "")


@dataclass(frozen=True)
class Document:
    """An HTML artifact as `frame`, a Markdown artifact as `text` (safe markup); `trouble` says why it is neither."""

    path: str
    name: str
    file: str
    frame: str = ""
    text: str = ""
    trouble: str = ""


class Clerk:
    """Collects details within a budget; failed tasks come first, so that these are complete in any case."""

    def __init__(self, attempts: Mapping[str, Sequence[AttemptRecord]], files: Files, budget: Budget) -> None:
        self._attempts = attempts
        self._files = files
        self._budget = budget
        self._left = MOST_TASKS
        self._made: dict[str, Detail] = {}

    def failures(self, tasks: Mapping[str, TaskRecord]) -> list[Detail]:
        """The failed tasks; groups and loops only where nothing in them failed."""
        failed = [path for path, record in tasks.items() if record.result.state == "FAILED"]
        around = {group for path in failed for group in groups_around(path)}
        return [self.detail(tasks[path]) for path in failed if path not in around][:MOST_ITERATIONS]

    def places(self, places: Places) -> list[Place]:
        return [self._place(place, places.records(place)) for place in places.all()]

    def _place(self, path: str, records: list[TaskRecord]) -> Place:
        ranked = sorted(records, key=lambda record: record.result.state != "FAILED")
        shown_ones = ranked[: min(MOST_ITERATIONS, self._left)]
        self._left -= len(shown_ones)
        details = tuple(self.detail(record) for record in shown_ones)
        is_loop = len(records) > 1 or records[0].path != path
        return Place(path, shortened(path), tally(records), details, is_loop, len(records) - len(details))

    def detail(self, record: TaskRecord) -> Detail:
        if record.path not in self._made:
            self._made[record.path] = self._new(record)
        return self._made[record.path]

    def _new(self, record: TaskRecord) -> Detail:
        result, attempts = record.result, self._attempts.get(record.path, ())
        log, left_out = self._log(result.log)
        return Detail(
            path=record.path,
            state=result.state,
            words=words_of(result),
            error=shown(result.error or "", 10_000),
            facts=tuple(_facts(record)),
            inputs=self._entries(record.inputs, record.input_artifacts),
            outputs=self._entries(result.outputs, result.artifacts),
            attempts=tuple(_attempt(one) for one in attempts[-_MOST_ATTEMPTS:]),
            script=self._script(attempts) if result.state == "FAILED" else None,
            log_file=result.log,
            log=log,
            log_left_out=left_out,
        )

    def _log(self, file: str) -> tuple[str | None, bool]:
        lines = self._files.tail(file, TAIL) if file else ()
        if not lines:
            return None, False
        text = "\n".join(lines)
        fits = self._budget.take("logs", text)
        return (text, False) if fits else (None, True)

    def _script(self, attempts: Sequence[AttemptRecord]) -> Entry | None:
        """The command of the last attempt as the file that runs it again."""
        if not attempts:
            return None
        file = attempts[-1].script
        content = self._files.read(file, _LONGEST_SCRIPT)
        if content is None:
            return None
        text = content.decode("utf-8", "replace")
        return Entry(f"sh {file}", text) if self._budget.take("values", text) else Entry(f"sh {file}", "")

    def _entries(self, values: Mapping[str, object], artifacts: Mapping[str, Artifacts]) -> tuple[Entry, ...]:
        listed = [*entries(values), *artifact_entries(artifacts)]
        kept = [self._fitting(entry) for entry in listed[:_MOST_ENTRIES]]
        rest = len(listed) - len(kept)
        return (*kept, Entry("…", f"{rest:,} more")) if rest else tuple(kept)

    def _fitting(self, entry: Entry) -> Entry:
        fits = self._budget.take("values", f"{entry.name}{entry.value}{entry.more}")
        return entry if fits else Entry(shown(entry.name, 200), "left out: the report would become too large")

    def documents(self, places: Places) -> tuple[list[Document], int]:
        """HTML and Markdown artifacts in the order of the graph, and how many were left out."""
        found = [
            (record.path, artifact)
            for place in places.all()
            for record in places.records(place)
            for listed in record.result.artifacts.values()
            for artifact in listed
            if artifact.schema_title in {"system.HTML", "system.Markdown"}
        ]
        made = [self._document(path, artifact) for path, artifact in found[:_MOST_DOCUMENTS]]
        return made, len(found) - len(made)

    def _document(self, path: str, artifact: Artifact) -> Document:
        is_html = artifact.schema_title == "system.HTML"
        limit = _LARGEST_DOCUMENT if is_html else _LARGEST_MARKDOWN
        content = None if "://" in artifact.path else self._files.read(artifact.path, limit + 1)
        if content is None:
            return Document(path, artifact.name, artifact.uri, trouble="its file is not on this machine any more")
        if len(content) > limit:
            return Document(path, artifact.name, artifact.uri, trouble=f"it has more than {size(limit)}")
        text = content.decode("utf-8", "replace")
        frame, rendered = (frame_of(text), "") if is_html else ("", markdown(text))
        if not self._budget.take("artifacts", frame or text):
            return Document(path, artifact.name, artifact.uri, trouble="the report would become too large")
        return Document(path, artifact.name, artifact.uri, frame, rendered)


def entries(values: Mapping[str, object]) -> Iterator[Entry]:
    return (Entry(shown(name, 200), shown(value)) for name, value in values.items())


def artifact_entries(artifacts: Mapping[str, Artifacts]) -> Iterator[Entry]:
    for name, listed in artifacts.items():
        for index, artifact in enumerate(listed):
            number = f"[{index}]" if len(listed) > 1 else ""
            more = shown(artifact.metadata) if artifact.metadata else ""
            kind = artifact.schema_title.removeprefix("system.")
            yield Entry(shown(f"{name}{number}", 200), f"{shown(artifact.uri)} ({kind})", more)


def _facts(record: TaskRecord) -> Iterator[Entry]:
    result = record.result
    if shortened(record.path) != record.path:
        yield Entry("path", shown(record.path))
    if result.reason:
        yield Entry("why", shown(WHY_SKIPPED.get(result.reason, result.reason)))
    if result.reused:
        yield Entry("reused", "its result is from an earlier start of this run")
    if record.origin:
        yield Entry("taken from", " / ".join(record.origin))
    if result.exit_code is not None:
        yield Entry("exit code", _exit(result.exit_code))
    if result.start is not None:
        yield Entry("started", moment(result.start))
    if result.peak is not None:
        yield Entry("memory at most", size(result.peak))


def _exit(code: int) -> str:
    return f"{code} (signal {code - 128})" if 128 < code <= 192 else str(code)


def _attempt(attempt: AttemptRecord) -> Attempt:
    parts = [duration(attempt.ended - attempt.started) if attempt.ended is not None else "not ended"]
    if attempt.exit_code is not None:
        parts.append(f"exit code {_exit(attempt.exit_code)}")
    if attempt.peak is not None:
        parts.append(f"memory at most {size(attempt.peak)}")
    if attempt.error:
        parts.append(shown(attempt.error, 500))
    return Attempt(attempt.number, ", ".join(parts), moment(attempt.started))
