"""How a run goes on: one step at each look. What a test wants to happen enters, states and task details leave.

The details have the form that the real service gives them (its workflow engine's nodes): of a task `train` there are
`train-driver`, `train` and `executor`; of a loop its iterations. KFP up to 2.17 leaves out which node stands in which,
pod names and errors; `linked` puts them in.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hpc.engines.kfp.plan import Plan

NEVER = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class Script:
    """`ends`: how tasks end that do not succeed, by path: FAILED, DRIVER_FAILED, SKIPPED, CACHED, RETRIED.

    `loops`: how many iterations a loop has, by path without `[]`; 2 where not said. `error`: what a failed task says.
    `stuck`: the run goes no further than to its first task.
    """

    ends: Mapping[str, str] = field(default_factory=dict)
    loops: Mapping[str, int] = field(default_factory=dict)
    linked: bool = True
    error: str = ""
    stuck: bool = False
    cancelled_as: str = "FAILED"


@dataclass
class Course:
    """One run going on. `step` counts looks."""

    spec: Mapping[str, Any]
    script: Script
    step: int = 0
    state: str = "PENDING"
    history: list[dict[str, Any]] = field(default_factory=list)
    details: list[dict[str, Any]] = field(default_factory=list)
    ended_at: str = NEVER

    def __post_init__(self) -> None:
        plan = Plan.of(self.spec, "")
        self._leaves = [path for row in plan.rows for path in self._expanded(row)]
        self._done: set[str] = set()

    @property
    def has_ended(self) -> bool:
        return self.state in {"SUCCEEDED", "FAILED", "CANCELED", "SKIPPED"}

    def begin(self, now: str) -> None:
        self._enter("PENDING", now)

    def terminate(self, now: str) -> None:
        self._enter("CANCELING", now)

    def retry(self, now: str) -> None:
        """What failed runs again, and now it succeeds."""
        self.script = Script(loops=self.script.loops, linked=self.script.linked)
        gone = {one["display_name"] for one in self.details if one["state"] != "SUCCEEDED"}
        self.details = [one for one in self.details if one["display_name"] not in gone]
        self.ended_at = NEVER
        self._enter("RUNNING", now)

    def look(self, now: str) -> None:
        """Go one step on."""
        self.step += 1
        if self.has_ended:
            return
        if self.state == "CANCELING":
            self._stop(now)
        elif self.state == "PENDING":
            self._enter("RUNNING", now)
        elif not (self.script.stuck and self._running()):
            self._go_on(now)

    def _go_on(self, now: str) -> None:
        running = self._running()
        if running:
            self._end(running, now)
            return
        waiting = [path for path in self._leaves if path not in self._done]
        if not waiting:
            self._finish("SUCCEEDED", now)
        else:
            self._start(waiting[0], now)

    def _start(self, path: str, now: str) -> None:
        if self._skip_group(path, now):
            return
        around = self._groups(path, now)
        key = path.rpartition("/")[2].partition("[")[0]
        end = self.script.ends.get(path)
        if end == "DRIVER_FAILED":
            self._node(f"{key}-driver", "FAILED", now, around, error=self.script.error)
            self._node(key, "RUNTIME_STATE_UNSPECIFIED", now, around)
            self._finish("FAILED", now)
            return
        self._node(f"{key}-driver", "SUCCEEDED", now, around)
        node = self._node(key, "SKIPPED" if end == "SKIPPED" else "RUNNING", now, around)
        if end == "SKIPPED":
            self._done.add(path)
            return
        node["_path"] = path
        executor = self._node("executor", "SKIPPED" if end == "CACHED" else "RUNNING", now, node)
        node["child_tasks"] = [{"pod_name": executor.get("pod_name", f"pod-{executor['task_id']}")}]

    def _skip_group(self, path: str, now: str) -> bool:
        """A group whose condition is false has no tasks, and a node of its own."""
        group = next((one for one in self.script.ends if path.startswith(f"{one}/")), None)
        if group is None:
            return False
        around, name = self._groups(group, now), group.rpartition("/")[2]
        if self.script.ends[group] == "DRIVER_FAILED":
            self._node(f"{name}-driver", "FAILED", now, around, error=self.script.error)
            self._finish("FAILED", now)
            return True
        self._done.update(one for one in self._leaves if one.startswith(f"{group}/"))
        self._node(name, "SKIPPED", now, around)
        return True

    def _end(self, node: dict[str, Any], now: str) -> None:
        end = self.script.ends.get(node["_path"], "SUCCEEDED")
        if end == "RETRIED" and "executor_detail" not in node:
            node["executor_detail"] = {"failed_main_jobs": ["train-pod-0"]}
            return
        state = "FAILED" if end == "FAILED" else "SUCCEEDED"
        path = node.pop("_path")
        if state == "SUCCEEDED":
            self._done.add(path)
        for one in (node, *(other for other in self.details if other["_of"] == node["task_id"])):
            if one["state"] == "RUNNING":
                one.update(state=state, end_time=now)
        if state == "FAILED":
            if self.script.linked and self.script.error:
                node["error"] = {"code": 2, "message": self.script.error}
            self._finish("FAILED", now)

    def _stop(self, now: str) -> None:
        for one in self.details:
            if one["state"] == "RUNNING":
                one.pop("_path", None)
                one.update(state="FAILED", end_time=now)
        self._finish(self.script.cancelled_as, now)

    def _finish(self, state: str, now: str) -> None:
        for one in self.details:
            if one["state"] == "RUNNING":
                one.update(state=state, end_time=now)
        self.ended_at = now
        self._enter(state, now)

    def _enter(self, state: str, now: str) -> None:
        self.state = state
        self.history.append({"update_time": now, "state": state})

    def _running(self) -> dict[str, Any] | None:
        return next((one for one in self.details if "_path" in one), None)

    # ------------------------------------------------------------ nodes

    def _groups(self, path: str, now: str) -> dict[str, Any] | None:
        """The nodes of the groups around a task, the innermost being the result."""
        around, so_far = None, ""
        for segment in path.split("/")[:-1]:
            key, _, number = segment.partition("[")
            so_far = f"{so_far}/{key}"
            around = self._group(so_far, key, now, around)
            if number:
                so_far += f"[{number}"
                name = f"iteration-iterations({number.removesuffix(']')}:{number.removesuffix(']')})"
                around = self._group(so_far, name, now, around)
        return around

    def _group(self, path: str, name: str, now: str, around: dict[str, Any] | None) -> dict[str, Any]:
        for one in self.details:
            if one["_group"] == path:
                return one
        made = self._node(name, "RUNNING", now, around)
        made["_group"] = path
        return made

    def _node(self, name: str, state: str, now: str, around: dict[str, Any] | None, error: str = "") -> dict[str, Any]:
        own = str(uuid.uuid4())
        ended = state in {"SUCCEEDED", "FAILED", "SKIPPED"}
        node: dict[str, Any] = {
            "task_id": own,
            "display_name": name,
            "state": state,
            "create_time": now,
            "start_time": now,
            "end_time": now if ended else NEVER,
            "_of": around["task_id"] if around else "",
            "_group": "",
        }
        if self.script.linked:
            node["pod_name"] = f"pod-{own}"
            if around is not None:
                node["parent_task_id"] = around["task_id"]
            if error:
                node["error"] = {"code": 2, "message": error}
        self.details.append(node)
        return node

    def _expanded(self, row: str) -> Iterator[str]:
        before, bracket, rest = row.partition("[]")
        if not bracket:
            yield row
            return
        for number in range(self.script.loops.get(before, 2)):
            yield from self._expanded(f"{before}[{number}]{rest}")


def shown(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As the API gives them."""
    return [{key: value for key, value in one.items() if not key.startswith("_")} for one in details]
