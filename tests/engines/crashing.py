"""Kills an engine in the middle of a run of thirty tasks, goes on with the run, and says what was wrong with that.

By hand, many times: python tests/engines/crashing.py [TIMES] [SEED], with the repository on PYTHONPATH.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import engine_process
from small_pipelines import OUT, bare_python, pipeline, platform, task

OUTPUTS = {"Output": 1126, "items": 36}
_WAIT = 120


def thirty_tasks() -> dict[str, Any]:
    """A chain of ten, a diamond, a loop of eight with its sum, a task that fails once, five others, and their sum.

    Each task first adds the folder of its attempt to the file `begun` of the folder STATE.
    """
    chain = {f"chain-{n}": _sum(0.01, n, **({"x": f"@chain-{n - 1}.out"} if n else {})) for n in range(10)}
    diamond = {
        "top": _sum(0.02, 100),
        "left": _sum(0.1, 10, x="@top.out"),
        "right": _sum(0.05, 20, x="@top.out"),
        "bottom": _sum(0.01, 0, x="@left.out", y="@right.out"),
    }
    loop = {"loop": _loop(), "collect": _collect()}
    others = {f"other-{n}": _sum(0.02 * n, n, retry=0) for n in range(1, 6)}
    flaky = {"flaky": _sum(0.03, 800, retry=3)}
    ends = {"a": "@chain-9.out", "b": "@bottom.out", "c": "@collect.out", "d": "@flaky.out"}
    final = {"final": _sum(0.01, 0, **ends, **{f"o{n}": f"@other-{n}.out" for n in range(1, 6)})}
    outputs = {"Output": "final.out", "items": "collect.out"}
    return pipeline({**chain, **diamond, **loop, **others, **flaky, **final}, outputs)


def _sum(seconds: float, number: int, retry: int = 0, **inputs: str) -> dict[str, Any]:
    """A task that adds its inputs to a number; with `retry`, one that fails when it begins for the first time."""
    values = [f"{{{{$.inputs.parameters['{name}']}}}}" for name in inputs]
    fail = 'mkdir "$STATE/failed" 2>/dev/null && exit 1;' if retry else ""
    script = f'echo "$HPC_ATTEMPT" >> "$STATE/begun"; sleep {seconds}; {fail} out=$0; sum={number}'
    script += '; for x in "$@"; do sum=$((sum + x)); done; printf $sum > "$out"'
    return task(
        *("sh", "-c", script, OUT, *values),
        given=dict(inputs),
        inputs=dict.fromkeys(inputs, "NUMBER_INTEGER"),
        outputs={"out": "NUMBER_INTEGER"},
        node={"retryPolicy": {"maxRetryCount": retry, "backoffDuration": "0.02s"}} if retry else {},
    )


def _loop() -> dict[str, Any]:
    items = {"itemInput": "x", "items": {"raw": json.dumps(list(range(1, 9)))}}
    made = _sum(0.02, 0, x="")
    return {**made, "given": {}, "node": {"parameterIterator": items, "iteratorPolicy": {"parallelismLimit": 3}}}


def _collect() -> dict[str, Any]:
    script = 'echo "$HPC_ATTEMPT" >> "$STATE/begun"; sum=0; for x in $(echo "$1" | tr -c 0-9 " "); do sum=$((sum + x))'
    script += '; done; printf $sum > "$0"'
    return task(
        *("sh", "-c", script, OUT, "{{$.inputs.parameters['all']}}"),
        given={"all": "@loop.out"},
        inputs={"all": "LIST"},
        outputs={"out": "NUMBER_INTEGER"},
    )


@dataclass
class Trial:
    """One run in `folder`: started, killed, gone on with. `wrong` are sentences about what should not have been."""

    folder: Path
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("base", "state"):
            (self.folder / name).mkdir(parents=True)
        spec, python = thirty_tasks(), bare_python(self.folder / "python")
        (self.folder / "pipeline.json").write_text(json.dumps(spec))
        self._platform = platform(**{key: {"python": python} for key in spec["root"]["dag"]["tasks"]})
        self.done: dict[str, str] = {}

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def start(self, **options: Any) -> Any:
        given = {"base": str(self.folder / "base"), "root": str(self.root), "grace": 1, "platform": self._platform}
        given |= options
        if (self.root / "runs").is_dir() and any((self.root / "runs").iterdir()):
            given["resume"] = "last"
        environ = {"STATE": str(self.folder / "state")}
        return engine_process.start(self.folder / "pipeline.json", given, environ=environ)

    def kill_after(self, seconds: float) -> None:
        """Kill the engine at that moment, and note which tasks had ended well."""
        engine = self.start()
        time.sleep(seconds)
        engine.send_signal(signal.SIGKILL)
        self._killed(engine)

    def kill_at_write(self, number: int) -> None:
        """Have the engine kill itself at a write to the store."""
        self._killed(self.start(die_at=number))

    def _killed(self, engine: Any) -> None:
        _, err = engine.communicate(timeout=_WAIT)
        self._note_finished()
        if engine.returncode not in (-signal.SIGKILL, 0) and "HPC922: there is no run" not in err:
            self.wrong.append(f"the engine ended by itself with {engine.returncode}: {err[-2000:]}")

    def _note_finished(self) -> None:
        """Attempts whose exit code is on disk: task folder to attempt."""
        for file in self.root.glob("runs/*/tasks/**/exit"):
            if file.read_text() == "0\n":
                self.done.setdefault(str(file.parent.parent), file.parent.name)

    def end(self) -> None:
        """Go on to the end, and look at everything."""
        engine = self.start()
        out, err = engine.communicate(timeout=_WAIT)
        if "HPC922: there is no run" in err:  # killed before anything was written down
            shutil.rmtree(self.root)
            out, err = self.start().communicate(timeout=_WAIT)
        self.wrong += self._wrong_result(out, err)
        self.wrong += [f"{one} ran again" for one in self._again()]
        self.wrong += [f"{pid} is still running" for pid in left_running(self.root)]

    def _wrong_result(self, out: str, err: str) -> Iterator[str]:
        outcome = json.loads(out) if out.startswith("{") else {"state": None, "tasks": {}, "outputs": {}}
        if outcome["state"] != "SUCCEEDED" or outcome["outputs"] != OUTPUTS:
            yield f"it ended as {outcome['state']} with {outcome['outputs']}: {err[-2000:]}"
        yield from (
            f"{path} is {one['state']}" for path, one in outcome["tasks"].items() if one["state"] != "SUCCEEDED"
        )

    def _again(self) -> Iterator[str]:
        """Attempts that began although one of their task had ended well when an engine was killed."""
        begun = [Path(line) for line in (self.folder / "state" / "begun").read_text().splitlines()]
        for one in begun:
            if int(one.name) > int(self.done.get(str(one.parent), sys.maxsize)):
                yield str(one)
        yield from (f"{one} (twice)" for one in {str(one) for one in begun if begun.count(one) > 1})


def left_running(root: Path) -> list[int]:
    """Processes of attempts below the root that have not ended."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                marked = f"HPC_ATTEMPT={root}/".encode() in (entry / "environ").read_bytes()
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if marked and state != "Z":
                found.append(int(entry.name))
    return found


def duration(folder: Path) -> float:
    """How long one run takes here that nobody kills, in seconds."""
    trial, began = Trial(folder), time.monotonic()
    trial.end()
    assert not trial.wrong, trial.wrong
    return time.monotonic() - began


def moments(times: int, longest: float, dice: random.Random) -> Iterator[tuple[float, ...]]:
    """When to kill: some early, some late, most anywhere; every third run is killed once more."""
    for number in range(times):
        first = {0: dice.uniform(0, 0.4), 1: dice.uniform(0.8, 1.1)}.get(number % 6, dice.random()) * longest
        yield (first,) if number % 3 else (first, dice.random() * longest)


def main(times: int = 50, seed: int = 0) -> int:
    dice, bad = random.Random(seed), 0
    folder = Path(tempfile.mkdtemp(prefix="crashing-"))
    longest = duration(folder / "whole")
    for number, kills in enumerate(moments(times, longest, dice)):
        trial = Trial(folder / str(number))
        for moment in kills:
            trial.kill_after(moment)
        trial.end()
        bad += bool(trial.wrong)
        print(number, [round(one, 2) for one in kills], len(trial.done), *trial.wrong, flush=True)  # noqa: T201
        if not trial.wrong:
            shutil.rmtree(trial.folder)
    print(f"{times - bad} of {times} as they should be; {folder}", os.getpid())  # noqa: T201
    return bad


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
