"""A run with everything that a report can show, built by hand: failures, loops, metrics, charts, documents, traps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hpc.engines.local.report import RunData
from hpc.engines.local.store.records import AttemptRecord, RunRecord, TaskRecord
from hpc.engines.outcome import Artifact, TaskResult

START = 1_790_000_000.0
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABC"
    "AYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
TRAP = "<script>window.hit = 1</script><img src=x onerror='window.hit = 1'>"

HTML = f"""<!DOCTYPE html><html><head><title>x</title><link rel="stylesheet" href="https://outside.invalid/a.css">
<meta http-equiv="refresh" content="0; url=https://outside.invalid/">
<style>@import "https://outside.invalid/b.css";
body {{ font-family: sans-serif; background: url(https://outside.invalid/c.png) }}
td {{ padding: 4px 12px }} h1 {{ color: #1a56b0 }}</style>
<script src="https://outside.invalid/d.js"></script></head>
<body onload="window.top.hit = 1"><h1>Residuals &amp; quantiles</h1>
<p>Mean residual <b>0.013</b>, largest 1.92.</p>
<table border="1"><tr><td>5 %</td><td>-0.8</td></tr><tr><td>95 %</td><td>0.9</td></tr></table>
<img width="40" height="40" src="{PIXEL}"><img src="https://outside.invalid/e.png" alt="elsewhere">
<script>document.body.innerHTML = "a program ran"; window.top.hit = 1</script>
<iframe src="https://outside.invalid/f"></iframe><a href="https://outside.invalid/g">a link</a></body></html>"""

MARKDOWN = f"""# Summary

The model beats the baseline by **4.1 points**. {TRAP}

| split | rows | accuracy |
| --- | ---: | ---: |
| train | 48,000 | 0.981 |
| test | 12,000 | 0.957 |

- [a link](https://outside.invalid/h) and [a trap](javascript:window.hit=1)
- ![elsewhere](https://outside.invalid/i.png)
- ![inside]({PIXEL})

```python
print("<b>code</b>")
```
"""

LOG = [
    *(f"epoch {number:>2}  loss {2 / number:.4f}" for number in range(1, 31)),
    "Traceback (most recent call last):",
    '  File "train.py", line 71, in <module>',
    "    main()",
    f"ValueError: loss is not finite {TRAP} \udc80",
]


class Files:
    """The files of the example, by path."""

    def __init__(self, files: Mapping[str, str] | None = None, log: Sequence[str] = LOG) -> None:
        self.files = {"/runs/1/report.html": HTML, "/runs/1/summary.md": MARKDOWN, **(files or {})}
        self.log = log

    def read(self, path: str, limit: int) -> bytes | None:
        if path.endswith("run.sh"):
            return b"#!/bin/sh\ncd /project/train || exit 1\nexec env \\\n  python3 train.py lr=0.3 'name=a & b'\n"
        text = self.files.get(path)
        return None if text is None else text.encode("utf-8", "surrogateescape")[:limit]

    def tail(self, path: str, count: int) -> Sequence[str]:
        return self.log[-count:] if path else ()


def task(component: str, *after: str, **fields: Any) -> dict[str, Any]:
    return {"componentRef": {"name": component}, "dependentTasks": list(after), **fields}


PLAN: dict[str, Any] = {
    "pipelineInfo": {"name": "churn"},
    "root": {
        "dag": {
            "tasks": {
                "fetch": task("comp-leaf"),
                "baseline": task("comp-import"),
                "split": task("comp-leaf", "fetch"),
                "for-each--train": task(
                    "comp-loop",
                    parameterIterator={"items": {"raw": "[]"}, "itemInput": "lr"},
                    inputs={"parameters": {"data": {"taskOutputParameter": {"producerTask": "split"}}}},
                ),
                "select": task("comp-leaf", "for-each--train"),
                "evaluate": task("comp-sub", "select", "baseline"),
                "when--publish": task("comp-when", "evaluate", triggerPolicy={"condition": "inputs.x > 0.9"}),
                "explain": task("comp-leaf", "select"),
                "notify": task("comp-leaf", "when--publish", "evaluate", "fetch"),
            }
        }
    },
    "components": {
        "comp-leaf": {"executorLabel": "leaf"},
        "comp-import": {"executorLabel": "import"},
        "comp-loop": {"dag": {"tasks": {"train": task("comp-leaf")}}},
        "comp-when": {"dag": {"tasks": {"publish": task("comp-leaf")}}},
        "comp-sub": {
            "dag": {
                "tasks": {
                    "predict": task("comp-leaf"),
                    "score": task("comp-leaf", "predict"),
                    "plot": task("comp-leaf", "predict"),
                }
            }
        },
    },
    "deploymentSpec": {"executors": {"leaf": {"container": {}}, "import": {"importer": {}}}},
}


def record(path: str, state: Any, start: float, seconds: float, **fields: Any) -> TaskRecord:
    """A task that began `start` seconds after the run."""
    own = {name: fields.pop(name) for name in ("inputs", "input_artifacts", "origin") if name in fields}
    ran = state in {"SUCCEEDED", "FAILED", "CANCELLED", "RUNNING"}
    times = {"start": START + start, "end": START + start + seconds} if ran else {}
    log = f"/runs/1/tasks/{path}/1/log.txt" if ran and fields.get("kind", "task") == "task" else ""
    return TaskRecord("2026-09-21-abcd", path, TaskResult(state, log=log, **times, **fields), **own)


def artifact(name: str, kind: str, uri: str = "", **metadata: Any) -> dict[str, tuple[Artifact, ...]]:
    return {name: (Artifact(name, uri or f"/runs/1/{name}", f"system.{kind}", metadata=metadata),)}


RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
CHARTS = {
    "confusionMatrix": {"categories": ["stays", "leaves", TRAP], "matrix": [[870, 24, 6], [31, 245, 4], [3, 9, 88]]},
    "roc": {
        "fpr": [0, 0.02, 0.05, 0.12, 0.3, 0.6, 1],
        "tpr": [0, 0.45, 0.68, 0.85, 0.94, 0.99, 1],
        "thresholds": ["Infinity", 0.9, 0.8, 0.6, 0.4, 0.2, 0],
    },
}


def example() -> RunData:
    """The run; its last iteration failed after two attempts."""
    found = [
        record("fetch", "SUCCEEDED", 0, 8, outputs={"rows": 60000}, reason="source changed: fetch.py", exit_code=0),
        record(
            "baseline", "SUCCEEDED", 0, 0.1, kind="importer", artifacts=artifact("model", "Model", "gs://bucket/base")
        ),
        record("split", "CACHED", 8, 0, origin=("2026-09-20-1234", "split"), reason="nothing has changed"),
        record("for-each--train", "FAILED", 8, 64, kind="loop"),
        *[one for index, rate in enumerate(RATES) for one in iteration(index, rate)],
        record("select", "SUCCEEDED", 72, 1.5, artifacts=artifact("summary", "Markdown", "/runs/1/summary.md")),
        record("evaluate", "SUCCEEDED", 74, 20, kind="group"),
        record(
            "evaluate/predict", "SUCCEEDED", 74, 9, artifacts=artifact("metrics", "Metrics", accuracy=0.957, f1=0.913)
        ),
        record("evaluate/score", "SUCCEEDED", 83, 4, artifacts=artifact("quality", "ClassificationMetrics", **CHARTS)),
        record(
            "evaluate/plot",
            "SUCCEEDED",
            83,
            6,
            artifacts=artifact("residuals", "HTML", "/runs/1/report.html"),
            peak=412_000_000,
        ),
        record("when--publish", "SKIPPED", 0, 0, kind="group", reason="condition"),
        record(
            "explain",
            "FAILED",
            74,
            3.2,
            exit_code=137,
            error=f"killed, 137: out of memory? {TRAP} \x1b[31mred\x1b[0m",
            attempts=1,
        ),
        record("notify", "RUNNING", 94, 2, inputs={"text": "it's <done> & \x00 \ud800 dusted"}),
    ]
    attempts = [
        AttemptRecord(
            one.run, one.path, number, f"/runs/1/tasks/{one.path}/{number}", START + begin, START + end, code, error
        )
        for one, number, begin, end, code, error in tries(found)
    ]
    run = RunRecord(
        run="2026-09-21-abcd",
        pipeline="churn",
        state="FAILED",
        folder="/project/.hpc/runs/2026-09-21-abcd",
        source="pipeline.yaml",
        base="/project",
        mode="host processes",
        started=START,
        ended=START + 96,
        seconds=96.0,
        arguments={"source": "s3://<bucket>", "rates": list(RATES), "seed": 7},
        outputs={"best": 0.01},
        artifacts=artifact("model", "Model", "/runs/1/model"),
    )
    return RunData(run, {one.path: one for one in found}, attempts, PLAN)


def iteration(index: int, rate: float) -> list[TaskRecord]:
    last = index == len(RATES) - 1
    state = "FAILED" if last else "SUCCEEDED"
    accuracy = round(0.95 - 0.02 * abs(math.log10(rate / 0.01)) ** 2, 4)
    fields: dict[str, Any] = {
        "exit_code": 0,
        "artifacts": artifact(
            "metrics", "Metrics", accuracy=accuracy, loss="NaN" if rate > 0.05 else round(1 - accuracy, 4)
        ),
    }
    if last:
        fields = {"exit_code": 1, "error": "ended with exit code 1", "attempts": 2}
    begin = 8 + 16 * (index // 2)
    return [
        record(f"for-each--train[{index}]", state, begin, 14, kind="group"),
        record(
            f"for-each--train[{index}]/train",
            state,
            begin,
            14 + index,
            inputs={"lr": rate, "data": "/runs/1/split"},
            **fields,
        ),
    ]


def tries(found: Sequence[TaskRecord]) -> list[tuple[TaskRecord, int, float, float, int, str | None]]:
    rows: list[tuple[TaskRecord, int, float, float, int, str | None]] = []
    for one in found:
        if one.result.log and one.result.start is not None and one.result.end is not None:
            begin, end = one.result.start - START, one.result.end - START
            code = one.result.exit_code or 0
            if one.result.attempts == 2:
                rows.append((one, 1, begin, begin + 5, 1, "ended with exit code 1"))
                rows.append((one, 2, begin + 10, end, code, "ended with exit code 1"))
            else:
                rows.append((one, 1, begin, end, code, None))
    return rows


def another() -> RunData:
    """The same pipeline with another seed, better numbers, no failure in `explain`, and one argument less."""
    data = example()
    run = replace(
        data.run,
        run="2026-09-22-efgh",
        state="SUCCEEDED",
        arguments={"source": "s3://<bucket>", "seed": 8},
        outputs={"best": 0.03},
    )
    tasks = dict(data.tasks)
    tasks["evaluate/predict"] = record(
        "evaluate/predict", "SUCCEEDED", 70, 11, artifacts=artifact("metrics", "Metrics", accuracy=0.962, f1=0.913)
    )
    tasks["explain"] = record("explain", "SUCCEEDED", 74, 4)
    return replace(data, run=run, tasks=tasks)
