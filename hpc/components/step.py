"""A step: one use of a component, with what differs there."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictInt, StrictStr

from hpc.components.fields import Cache, Count, Duration, Env, Json, Model, Name, Retry, RunIf


class ZippedLoop(Model):
    """Several lists of equal length, walked together."""

    zip: list[StrictStr]


class Tune(Model):
    """A search over inputs of the component."""

    metric: StrictStr
    goal: Literal["maximize", "minimize"] = "maximize"
    trials: Count
    parallel: Count = 1
    algorithm: StrictStr = "bayesian"
    search: dict[Name, Any]


class StepEntry(Model):
    """What an entry of `steps` may say. Everything absent comes from the component."""

    title: StrictStr = ""
    description: StrictStr = ""
    uses: Annotated[StrictStr | None, Field(description="a component of this file; the step's own name if absent")] = (
        None
    )
    with_: Annotated[dict[str, Json], Field(alias="with", description="constants for inputs")] = {}
    overrides: dict[str, Json] = {}
    env: Env = {}
    accelerator: StrictStr | None = None
    cache: Cache | None = None
    retry: Retry | None = None
    timeout: Duration | None = None
    kfp: dict[str, Any] | None = None
    run_if: RunIf = "upstream_ok"
    for_each: Annotated[
        list[StrictStr] | ZippedLoop | None, Field(description="inputs to loop over", union_mode="left_to_right")
    ] = None
    parallel: StrictInt | None = None
    loop: Literal["runtime"] | None = None
    tune: Tune | None = None
