"""What tests/engines/cases/src/verify.py calls: the local engine with the flags of the cases.

adapter.py PIPELINE --args JSON --root DIR [--cache DIR] [--resume] [--fail-fast]: the outcome as the last line of stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from hpc.cli.progress import watch
from hpc.engines.local import Request, run


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("pipeline", type=Path)
    parser.add_argument("--args", type=json.loads)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--fail-fast", action="store_true")
    parser.add_argument("--mode", default="process")
    given = parser.parse_args()
    request = Request(
        base=given.root,
        environ=dict(os.environ),
        arguments=given.args,
        root=given.cache or given.root / ".hpc",
        jobs=4,
        fail_fast=given.fail_fast,
        grace=2,
        mode=given.mode,
        cache=given.cache is not None,
        resume="last" if given.resume else None,
        mounts=tuple(Path(folder) for folder in [os.environ.get("REF_MOUNTS")] if folder),
    )
    with watch(sys.stderr, live=False) as listener:
        outcome = run(json.loads(given.pipeline.read_text()), None, request, listener)
    print(json.dumps(outcome.as_dict()))
    return {"SUCCEEDED": 0, "CANCELLED": 130}.get(outcome.state, 4)


if __name__ == "__main__":
    sys.exit(main())
