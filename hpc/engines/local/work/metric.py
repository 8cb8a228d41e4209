"""How good a trial was: the folder of its attempt and its outputs enter, the outputs with the metric leave.

A program says it as it does in a tuning service: by cloudml-hypertune, which writes a line of JSON for each report into
the file that CLOUD_ML_HP_METRIC_FILE names, `{"<tag>": "<value>", "global_step": …}`. The last report counts. Without
any, the output of that name is the metric.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

from hpc.engines.local.flow.failure import TaskError
from hpc.engines.local.work.outputs import Outputs

_FILE = "metrics.jsonl"


def trial_variables(path: str, folder: Path) -> dict[str, str]:
    """What a trial finds in its environment; trials are numbered from 1 there."""
    number = int(path.rpartition("[")[2].removesuffix("]"))
    return {"CLOUD_ML_HP_METRIC_FILE": str(folder / _FILE), "CLOUD_ML_TRIAL_ID": str(number + 1)}


def with_metric(outputs: Outputs, metric: str, folder: Path) -> Outputs:
    """The outputs and the metric, by its name. Raises TaskError where there is none, or no finite number."""
    file = folder / _FILE
    reports = [*_reports(file, metric)]
    found = reports[-1] if reports else outputs.parameters.get(metric)
    if found is None:
        how = f"report `{metric}` by cloudml-hypertune, or declare `outputs: {{{metric}: float}}` and write it"
        raise TaskError(f"the trial has not said how good it was: {how} ({file})", again=True)
    value = _number(found)
    if value is None:
        raise TaskError(f"the metric `{metric}` is {found}, not a finite number", again=True)
    return replace(outputs, parameters={**outputs.parameters, metric: value})


def _reports(file: Path, metric: str) -> Iterator[object]:
    """What the lines of the file say of the metric; others, and a line that was cut off, say nothing."""
    try:
        lines = file.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            report: object = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(report, dict) and metric in report:
            yield cast("dict[str, object]", report)[metric]


def _number(found: object) -> float | None:
    if isinstance(found, bool) or not isinstance(found, (int, float, str)):
        return None
    try:
        value = float(found)
    except (ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None
