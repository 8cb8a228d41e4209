"""Runs the local engine in a process of its own, for tests that send it signals.

engine_process.py PIPELINE ARGUMENTS_JSON BASE GRACE: the outcome as JSON on stdout; exit 130 where it was cancelled.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from hpc.cli.progress import watch
from hpc.engines.local import Request, run


def main(pipeline: str, arguments: str, base: str, grace: str) -> int:
    request = Request(
        base=Path(base), environ=dict(os.environ), arguments=json.loads(arguments), jobs=4, grace=float(grace)
    )
    with watch(sys.stderr, live=False) as listener:
        outcome = run(json.loads(Path(pipeline).read_text()), None, request, listener)
    print(json.dumps(outcome.as_dict()))  # noqa: T201 - the test reads it
    return {"SUCCEEDED": 0, "CANCELLED": 130}.get(outcome.state, 4)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
