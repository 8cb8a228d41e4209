"""A step: one use of a component, with what differs there."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import Discriminator, Field, StrictInt, StrictStr, Tag

from hpc.components.fields import (
    AcceleratorName,
    CacheChoice,
    Count,
    Description,
    Env,
    Json,
    Model,
    Name,
    Overrides,
    RetryChoice,
    RunIf,
    TimeLimit,
    Title,
)
from hpc.components.kubernetes import KubernetesExtras


class ZippedLoop(Model):
    """Several lists of equal length, walked together."""

    zip: Annotated[list[StrictStr], Field(description="inputs whose lists have equal length")]


def _form(value: object) -> str:
    return "mapping" if isinstance(value, dict | Model) else "list"


Looped = Annotated[
    Annotated[list[StrictStr], Tag("list")] | Annotated[ZippedLoop, Tag("mapping")], Discriminator(_form)
]


def sweep_text(value: Json) -> str | None:
    """The text of `{sweep: text}`, the values of a looped input in Hydra's words; None for any other value."""
    entries = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    text = entries.get("sweep")
    return text if len(entries) == 1 and isinstance(text, str) and text.strip() else None


class Tune(Model):
    """A search over inputs of the component."""

    metric: Annotated[StrictStr, Field(description="a value output, or the tag that the program reports")]
    goal: Annotated[Literal["maximize", "minimize"], Field(description="which way is better")] = "maximize"
    trials: Annotated[Count, Field(description="how many values are tried")]
    parallel: Annotated[Count, Field(description="trials at the same time")] = 1
    algorithm: Annotated[StrictStr, Field(description="how the next values are chosen")] = "bayesian"
    search: Annotated[
        dict[Name, Any], Field(description="inputs to search: a list of values, or `{min, max, scale: linear | log}`")
    ]


class StepEntry(Model):
    """What an entry of `steps` may say. Everything absent comes from the component."""

    title: Title = ""
    description: Description = ""
    uses: Annotated[StrictStr | None, Field(description="a component of this file; the step's own name if absent")] = (
        None
    )
    with_: Annotated[
        dict[str, Json],
        Field(alias="with", description="constants for inputs; a list, or `{sweep: …}`, where `for_each` names one"),
    ] = {}
    overrides: Overrides = {}
    env: Env = {}
    accelerator: AcceleratorName = None
    cache: CacheChoice = None
    retry: RetryChoice = None
    timeout: TimeLimit = None
    kfp: Annotated[KubernetesExtras | None, Field(description="fields of Kubernetes, for kfp")] = None
    run_if: Annotated[RunIf, Field(description="upstream_done: run whatever came of the steps before")] = "upstream_ok"
    for_each: Annotated[Looped | None, Field(description="inputs to loop over, once per element")] = None
    parallel: Annotated[StrictInt | None, Field(description="elements of `for_each` at the same time")] = None
    loop: Annotated[
        Literal["runtime"] | None, Field(description="runtime: the platform loops, also over a list that stands here")
    ] = None
    tune: Annotated[Tune | None, Field(description="search for the best values of inputs, in several trials")] = None

    @property
    def axes(self) -> tuple[tuple[str, ...], ...]:
        """The inputs that the step loops over, those of a `zip` together."""
        if self.for_each is None:
            return ()
        if isinstance(self.for_each, ZippedLoop):
            return (tuple(self.for_each.zip),)
        return tuple((name,) for name in self.for_each)

    @property
    def looped(self) -> tuple[str, ...]:
        return tuple(name for axis in self.axes for name in axis)


NOTHING_DIFFERS = StepEntry.model_construct()
"""The entry of a step that has none: everything comes from the component."""
