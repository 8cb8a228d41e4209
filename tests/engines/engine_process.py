"""Runs the local engine in a process of its own, for tests that send it signals or kill it.

engine_process.py PIPELINE OPTIONS: the outcome as JSON on stdout; exit 1 where it was refused, with the findings on
stderr, 130 where it was cancelled, 4 where it failed. OPTIONS is JSON: fields of a Request, `platform`, and `die_at`,
the number of the write to the store at which the process kills itself (even numbers: just after it).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hpc.cli.progress import watch
from hpc.diagnostics import Rejected
from hpc.engines.local import Request, run
from hpc.engines.local.store import Store

ROOT = Path(__file__).parent.parent.parent


def start(pipeline: Path, options: dict[str, Any], **more: Any) -> subprocess.Popen[str]:
    """The engine as a process; stdout and stderr are pipes unless `more` says otherwise."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **more.pop("environ", {})}
    command = [sys.executable, __file__, str(pipeline), json.dumps(options)]
    return subprocess.Popen(command, env=environ, **{**streams, **more})


def main(pipeline: str, options: str) -> int:
    given = json.loads(options)
    _die_at(given.pop("die_at", 0))
    settings = given.pop("platform", None)
    paths: dict[str, Any] = {name: Path(given[name]) for name in ("base", "root") if name in given}
    paths["mounts"] = tuple(map(Path, given.get("mounts", ())))
    request = Request(**{"jobs": 4, "environ": dict(os.environ), **given, **paths})
    try:
        with watch(sys.stderr, live=False) as listener:
            outcome = run(json.loads(Path(pipeline).read_text()), settings, request, listener)
    except Rejected as error:
        print(*(f"{one.rule.code}: {one.fact}" for one in error.diagnostics), sep="\n", file=sys.stderr)  # noqa: T201
        return 1
    print(json.dumps(outcome.as_dict()))  # noqa: T201 - the test reads it
    return {"SUCCEEDED": 0, "CANCELLED": 130}.get(outcome.state, 4)


def _die_at(number: int) -> None:
    """Have the process killed at that write to the store: twice its number after, one less than that before it."""
    if not number:
        return
    counted = [0]

    def dying(save: Callable[[Store, Any], None]) -> Callable[[Store, Any], None]:
        def saving(store: Store, record: Any) -> None:
            counted[0] += 2
            if counted[0] == number + 1:
                os.kill(os.getpid(), signal.SIGKILL)
            save(store, record)
            if counted[0] == number:
                os.kill(os.getpid(), signal.SIGKILL)

        return saving

    for name in ("save_run", "save_task", "save_attempt"):
        setattr(Store, name, dying(getattr(Store, name)))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
