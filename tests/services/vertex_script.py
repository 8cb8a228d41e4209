"""What a test says of the tasks of a run: how each of them ends, how long it takes, what it hands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

End = Literal["SUCCEEDED", "FAILED", "SKIPPED", "NOT_TRIGGERED"]
EXIT_CODE = (
    "The replica workerpool0-0 exited with a non-zero status of 1. To find out more about why your job exited please "
    "check the logs: https://console.cloud.google.com/logs/viewer?project={number}"
)


@dataclass(frozen=True)
class Plan:
    """How a task goes. `retries`: attempts that fail before the one that ends it; `looks`: how many Gets see it run,
    a large number for one that hangs; `iterations` of a loop; `outputs`: values of its output parameters; `metadata` of
    its output artifacts by their keys, `uris` where they lie if not where the service puts them. `code` is a name of
    google.rpc.Code.
    """

    end: End = "SUCCEEDED"
    message: str = EXIT_CODE
    code: str = "FAILED_PRECONDITION"
    retries: int = 0
    looks: int = 1
    iterations: int | None = None
    outputs: Mapping[str, object] = field(default_factory=dict[str, object])
    metadata: Mapping[str, Mapping[str, object]] = field(default_factory=dict[str, Mapping[str, object]])
    uris: Mapping[str, str] = field(default_factory=dict[str, str])


def fails(message: str = EXIT_CODE, code: str = "FAILED_PRECONDITION", retries: int = 0) -> Plan:
    return Plan("FAILED", message, code, retries)


def cached() -> Plan:
    """Taken from an earlier run."""
    return Plan("SKIPPED")


def not_triggered() -> Plan:
    """Its condition is false."""
    return Plan("NOT_TRIGGERED")


def hangs() -> Plan:
    return Plan(looks=1_000_000)


def iterates(count: int) -> Plan:
    return Plan(iterations=count)


def gives(**outputs: object) -> Plan:
    return Plan(outputs=outputs)


Script = Mapping[str, Plan]


def plan_of(script: Script, unique_name: str, name: str) -> Plan:
    """The plan for a task: by its unique name, e.g. `sub.train`, else by its name, else that all goes well."""
    return script.get(unique_name) or script.get(name) or Plan()
