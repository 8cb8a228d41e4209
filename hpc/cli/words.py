"""What is said of a run, as text: events and outcomes enter, lines for people leave. Nothing is written here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from hpc.engines.events import (
    Downloaded,
    Downloading,
    EnvironmentBuilding,
    EnvironmentReady,
    Event,
    Notice,
    RunStarted,
    Stopping,
    TaskFinished,
    TaskRetrying,
    TaskStarted,
)
from hpc.engines.outcome import WHY_SKIPPED, Outcome, TaskResult
from hpc.engines.task_names import Names, groups_around, row_of

RESUME = "hpc run --resume {run}"
"""How a run is gone on with."""

_WORDS = {"SUCCEEDED": "OK", "CACHED": "SAME", "FAILED": "FAIL", "SKIPPED": "SKIP", "CANCELLED": "STOP"}
_TOTALS = {
    "SUCCEEDED": "OK",
    "KEPT": "kept",
    "CACHED": "cached",
    "SKIPPED": "skipped",
    "FAILED": "failed",
    "CANCELLED": "stopped",
    "RUNNING": "interrupted",
}
_MOST_ARTIFACTS = 12
_MOST_FAILED = 10
_SLOWEST = 3
_LONG_RUN = 10.0
_SHORT_WAIT = 0.05
_MUCH_MEMORY = 100e6


def duration(seconds: float) -> str:
    """`1.2 s`, `3 min 05 s`, `2 h 03 min`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


# ---------------------------------------------------------------- events


def headline(event: RunStarted) -> str:
    jobs = [counted(event.jobs, "job")] if event.jobs else []
    again = " goes on" if event.resumed else ""
    said = [counted(event.total, "task"), *jobs, event.mode, event.folder]
    return f"{event.pipeline}: run {event.run}{again}, {', '.join(said)}"


def end_word(result: TaskResult) -> str:
    """One word of at most four letters; KEPT is what an earlier start of the same run has left."""
    return "KEPT" if _is_kept(result) else _WORDS.get(result.state, result.state)


def why_ended(result: TaskResult) -> str:
    """Why a task was skipped or where its result is from; empty for one that ran."""
    if _is_kept(result):
        return ""
    if result.state == "CACHED":
        return result.reason or ""
    if result.state != "SKIPPED":
        return ""
    if result.reason == "condition" and result.error:
        return f"condition: {result.error}"
    return WHY_SKIPPED.get(result.reason or "", result.reason or "")


def start_remark(event: TaskStarted) -> str:
    parts = [f"attempt {event.attempt}" if event.attempt > 1 else "", event.reason]
    return _bracketed(parts)


def end_remark(result: TaskResult) -> str:
    ran = bool(result.attempts) and result.state != "CACHED" and not _is_kept(result)
    took = duration(result.seconds) if ran else ""
    attempts = f"attempt {result.attempts}" if ran and result.attempts > 1 else ""
    return _bracketed([took, attempts, why_ended(result)])


def told(event: Event, names: Names) -> str:
    """Events that are one line in every view; empty for all others."""
    if isinstance(event, EnvironmentBuilding):
        made = f"the image {event.source}" if event.what == "image" else f"an {event.what} from {event.source}"
        return f"make {names.of(event.task)}: {made} ({event.log})"
    if isinstance(event, EnvironmentReady):
        return f"make {names.of(event.task)}: ready ({duration(event.seconds)})"
    if isinstance(event, Downloading):
        size = "" if event.size is None else f" ({event.size:,} bytes)"
        return f"load {names.of(event.task)}: a copy of {event.uri}{size}"
    if isinstance(event, Downloaded):
        return f"load {names.of(event.task)}: ready ({duration(event.seconds)})"
    if isinstance(event, TaskRetrying):
        failed = f"attempt {event.attempt} failed ({event.error})"
        again = f"in {duration(event.wait)}" if event.wait >= _SHORT_WAIT else "at once"
        return f"wait {names.of(event.task)}: {failed}, again {again}"
    if isinstance(event, Stopping):
        return _stopping(event)
    return f"note {event.text}" if isinstance(event, Notice) else ""


def failure_block(event: TaskFinished, name: str = "") -> str:
    """What went wrong, the command to try again, the end of the log and where all of it is."""
    result, failure = event.result, event.failure
    attempts = f" after {result.attempts} attempts" if result.attempts > 1 else ""
    lines = [f"{name or event.task} failed{attempts}: {result.error}"]
    if name not in ("", event.task):
        lines.append(f"  task:    {event.task}")
    if failure and failure.place:
        lines.append(f"  in:      {failure.place}")
    if failure and failure.command:
        lines += _indented("command:", [_shortened(failure.command)])
    if failure and failure.script:
        lines.append(f"  again:   sh {failure.script}")
    if failure and failure.tail:
        lines += _indented("log:", list(failure.tail))
    lines.append(f"  {_log(result.log)}" if result.log else "  no log")
    return "\n".join(lines) + "\n"


def failure_line(event: TaskFinished, name: str) -> str:
    """The same in one line, for the many that fail like those before."""
    log = f" ({_log(event.result.log)})" if event.result.log else ""
    return f"{name} failed: {event.result.error}{log}\n"


def _log(where: str) -> str:
    return f"log:     {where}" if "://" in where else f"log file: {where}"


def _stopping(event: Stopping) -> str:
    running = counted(event.running, "running task")
    if event.forced:
        return f"stop killing {running}"
    return f"stop no new tasks; {running} asked to end, killed after {event.grace:g} s or at the next Ctrl-C"


# ---------------------------------------------------------------- the end


class Totals:
    """How many tasks ended in which way."""

    def __init__(self) -> None:
        self.ends: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()
        self._saved = 0.0

    def add(self, result: TaskResult, count: int = 1) -> None:
        self.ends[end_of(result)] += count
        if result.state == "SKIPPED":
            self._skipped[result.reason or "unknown"] += count
        elif result.state == "CACHED" and not result.reused:
            self._saved += result.seconds

    def text(self) -> str:
        """`2 OK, 1 cached (saved 3 min 05 s), 2 skipped (1 condition, 1 upstream), 1 failed`."""
        parts = [f"{self.ends[end]} {word}{self._more(end)}" for end, word in _TOTALS.items() if self.ends[end]]
        return ", ".join(parts) or "nothing to do"

    def _more(self, end: str) -> str:
        if end == "CACHED" and self._saved >= 1:
            return f" (saved {duration(self._saved)})"
        if end != "SKIPPED":
            return ""
        if len(self._skipped) == 1:
            return f" ({next(iter(self._skipped))})"
        return f" ({', '.join(f'{count} {reason}' for reason, count in sorted(self._skipped.items()))})"


def end_of(result: TaskResult) -> str:
    """The state, or KEPT for a good result of an earlier start of the same run."""
    return "KEPT" if _is_kept(result) else result.state


def summary(outcome: Outcome, totals: Totals | None = None, resume: str = RESUME) -> str:
    """The last lines: totals, wall time, where the artifacts are. Values of outputs are not in it.

    `totals` are what a view has counted: an outcome does not tell how many tasks a skipped group has.
    """
    names = Names(dict.fromkeys(row_of(path) for path, _ in _tasks(outcome)))
    counts = (totals or _totals(outcome)).text()
    lines = [f"{outcome.state.lower()}: {counts} in {duration(outcome.seconds)}"]
    lines += _error(outcome)
    lines += _costs(outcome, names)
    lines += _indented("artifacts:", _artifact_lines(outcome, names))
    lines += _failed(outcome, names)
    if outcome.folder:
        lines.append(f"  {'page' if '://' in outcome.folder else 'run folder'}: {outcome.folder}")
    if outcome.state in {"FAILED", "CANCELLED"} and outcome.run:
        lines.append(f"  go on with: {resume.replace('{run}', outcome.run)}")
    return "\n".join(lines) + "\n"


def output_rows(outcome: Outcome) -> list[tuple[str, object]]:
    """The pipeline's outputs: name and value, the path of an artifact, or the paths of a list of them."""
    paths = {name: [one.path for one in found] for name, found in outcome.artifacts.items()}
    return [*outcome.outputs.items(), *((name, all_[0] if len(all_) == 1 else all_) for name, all_ in paths.items())]


def _tasks(outcome: Outcome) -> Iterator[tuple[str, TaskResult]]:
    """Groups and loops are left out: their tasks are there."""
    return ((path, result) for path, result in outcome.tasks.items() if result.is_leaf)


def _totals(outcome: Outcome) -> Totals:
    """A group of which no task is told counts as one."""
    around = {group for path in outcome.tasks for group in groups_around(path)}
    totals = Totals()
    for path, result in outcome.tasks.items():
        if result.is_leaf or (path not in around and not result.is_good):
            totals.add(result)
    return totals


def _error(outcome: Outcome) -> list[str]:
    """What ended the run, unless it is what is told of a task anyway."""
    known = any(result.error and (outcome.error or "").endswith(result.error) for result in outcome.tasks.values())
    return [f"  {outcome.error}"] if outcome.error and not known else []


def _costs(outcome: Outcome, names: Names) -> list[str]:
    """The slowest tasks of a long run, and the one that took the most memory if that is much."""
    ran = [(path, one) for path, one in _tasks(outcome) if one.attempts and one.state != "CACHED" and not one.reused]
    lines: list[str] = []
    if outcome.seconds > _LONG_RUN and ran:
        slowest = sorted(ran, key=lambda pair: -pair[1].seconds)[:_SLOWEST]
        lines.append(f"  slowest: {', '.join(f'{names.of(path)} {duration(one.seconds)}' for path, one in slowest)}")
    peak, path = max(((one.peak or 0, path) for path, one in ran), default=(0, ""))
    if peak > _MUCH_MEMORY:
        lines.append(f"  most memory: {names.of(path)} {_memory(peak)}")
    return lines


def _memory(count: int) -> str:
    """Bytes, in units of 1024."""
    amount = count / 2**20
    return f"{amount:.0f} MiB" if amount < 1000 else f"{amount / 1024:.1f} GiB"


def _artifact_lines(outcome: Outcome, names: Names) -> list[str]:
    """Those of loops come last, and of all iterations the first stands for the others."""
    lines: dict[str, list[tuple[str, str]]] = {}
    for path, result in sorted(_tasks(outcome), key=lambda pair: "[" in pair[0]):
        for name, artifacts in result.artifacts.items():
            for number, artifact in enumerate(artifacts):
                own = f".{name}[{number}]" if len(artifacts) > 1 else f".{name}"
                key = row_of(path) + own if "[" in path else path + own
                lines.setdefault(key, []).append((names.of(path) + own, artifact.path))
    shown = list(lines.values())[:_MOST_ARTIFACTS]
    width = max((len(found[0][0]) for found in shown), default=0)
    text = [f"{found[0][0]:<{width}}  {found[0][1]}{_and_more(len(found) - 1)}" for found in shown]
    return [*text, f"and {len(lines) - len(shown)} more"] if len(lines) > len(shown) else text


def _and_more(count: int) -> str:
    return f" (and {count} more)" if count else ""


def _failed(outcome: Outcome, names: Names) -> list[str]:
    """Groups are named only where no task in them has failed."""
    failed = [path for path, result in outcome.tasks.items() if result.state == "FAILED"]
    around = {group for path in failed for group in groups_around(path)}
    shown = [names.of(path) for path in failed if path not in around]
    more = f" and {len(shown) - _MOST_FAILED} more" if len(shown) > _MOST_FAILED else ""
    return [f"  failed: {', '.join(shown[:_MOST_FAILED])}{more}"] if shown else []


def _is_kept(result: TaskResult) -> bool:
    return result.reused and result.is_good


def _bracketed(parts: Iterable[str]) -> str:
    kept = ", ".join(part for part in parts if part)
    return f" ({kept})" if kept else ""


def _indented(title: str, lines: list[str]) -> list[str]:
    return [f"  {title}", *(f"    {line}" for line in lines)] if lines else []


def _shortened(command: str, most: int = 2000) -> str:
    return command if len(command) <= most else f"{command[:most]} … ({len(command):,} characters; all in the script)"
