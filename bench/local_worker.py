# ruff: noqa: T201
"""One run of a compiled pipeline in a fresh process; seconds of the run alone and memory are its last line, as JSON.

    python bench/local_worker.py hpc|kfp MODE FILE ROOT [--cache]
    python bench/local_worker.py lightweight FILE SIZE

MODE is process or docker for hpc, docker or subprocess for kfp. Imports, and the reading of FILE, are not timed. With
`lightweight` nothing is run: FILE becomes a chain of Lightweight Python tasks, compiled by the SDK.
"""

import contextlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

_PAGE = os.sysconf("SC_PAGE_SIZE") / 1024
_WARM = 100
"""Tasks after which the growth of memory is counted."""


def main() -> None:
    kind, *rest = sys.argv[1:]
    if kind == "lightweight":
        _write_lightweight(Path(rest[0]), int(rest[1]))
        return
    mode, file, root = rest[0], Path(rest[1]), Path(rest[2])
    measured = _with_hpc(mode, file, root, "--cache" in rest) if kind == "hpc" else _with_kfp(mode, file, root)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("\n" + json.dumps({**measured, "peak": peak}))


def _with_hpc(mode: Any, file: Path, root: Path, cache: bool) -> dict[str, float]:
    from hpc.cli.progress import watch
    from hpc.engines.events import Event, TaskFinished
    from hpc.engines.local import Request, run

    document = json.loads(file.read_text("utf-8"))
    request = Request(base=root, environ=dict(os.environ), mode=mode, cache=cache)
    sizes: list[float] = []
    with watch(sys.stderr, live=False) as view:

        def listen(event: Event) -> None:
            view(event)
            if isinstance(event, TaskFinished):
                sizes.append(_resident())

        seconds, outcome = _timed(lambda: run(document, None, request, listen))
    if outcome.state != "SUCCEEDED":
        raise SystemExit(f"the run ended {outcome.state}: {outcome.error}")
    grown = (sizes[-1] - sizes[_WARM]) / (len(sizes) - _WARM) if len(sizes) > _WARM else 0.0
    return {"seconds": seconds, "grown": grown}


def _resident() -> float:
    """KiB of this process now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def _with_kfp(mode: str, file: Path, root: Path) -> dict[str, float]:
    components, local = (import_module(f"kfp.{name}") for name in ("components", "local"))
    runner = local.DockerRunner() if mode == "docker" else local.SubprocessRunner(use_venv=False)
    local.init(runner, pipeline_root=str(root), workspace_root=str(root / "workspace"))
    pipeline = components.load_component_from_file(str(file))
    (root / "workspace").mkdir(parents=True, exist_ok=True)
    with contextlib.redirect_stdout(sys.stderr):
        seconds, _ = _timed(pipeline)
    return {"seconds": seconds}


def _timed(act: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = act()
    return time.perf_counter() - start, result


def _write_lightweight(file: Path, size: int) -> None:
    compiler, dsl = (import_module(f"kfp.{name}") for name in ("compiler", "dsl"))

    @dsl.component(base_image="python:3.11-slim", install_kfp_package=False)
    def nothing() -> None:
        pass

    @dsl.pipeline(name="lightweight")
    def pipeline() -> None:
        before: Any = None
        for _ in range(size):
            task: Any = nothing()
            before = task.after(before) if before is not None else task

    compiler.Compiler().compile(pipeline, str(file))


if __name__ == "__main__":
    main()
