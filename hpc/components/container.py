"""The kind of component that runs an image: what its YAML may say."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, StrictStr, Tag, WithJsonSchema

from hpc.components.fields import (
    AcceleratorName,
    CacheChoice,
    Description,
    Env,
    Model,
    Overrides,
    RetryChoice,
    TimeLimit,
    Title,
    problem,
    text_schema,
    without_nul,
)
from hpc.components.kubernetes import KubernetesExtras
from hpc.components.ports import Inputs, Outputs
from hpc.components.types import kind_of, with_article


def _argument_shape(value: object) -> str:
    return (
        "scalar"
        if not isinstance(value, list | dict | ArgumentGroup)
        else "list"
        if isinstance(value, list)
        else "mapping"
    )


def _is_block(value: object) -> bool:
    return value is None or isinstance(value, list | dict)


def _argument(value: object) -> str:
    if isinstance(value, str):
        return without_nul(value)
    if _is_block(value):
        fact = f"an argument is text, but this is {with_article(kind_of(value))}."
        raise problem("HPC103", fact, "write text; quote it if in doubt.")
    return str(value).lower() if isinstance(value, bool) else str(value)


Argument = Annotated[str, BeforeValidator(_argument), WithJsonSchema({"type": ["string", "number", "boolean"]})]


class ArgumentGroup(Model):
    """Arguments that stand only when an optional input has no value."""

    absent: Annotated[StrictStr, Field(description="the optional input that has no value")]
    args: Annotated[list[Argument], Field(description="what is written then")]


ArgumentItem = Annotated[
    Annotated[Argument, Tag("scalar")]
    | Annotated[list[Argument], Tag("list")]
    | Annotated[ArgumentGroup, Tag("mapping")],
    Discriminator(_argument_shape),
]


def _cli(value: object) -> str:
    if value in ("hydra", "argparse", "none"):
        return str(value)
    if isinstance(value, str) and value.endswith(".j2") and value.startswith(("./", "../")):
        return value
    raise problem(
        "HPC103",
        f"`{value}` is not a way to pass arguments.",
        "write `hydra`, `argparse`, `none` or a template such as `./ours.yaml.j2`.",
    )


def _path(path: str) -> str:
    if "\0" in path:
        raise problem("HPC103", "a path cannot hold a NUL character.", "remove it.")
    return path


def _relative_path(path: str) -> str:
    if path.startswith("/"):
        raise problem("HPC103", f"`{path}` is an absolute path.", "write a path from this file.")
    return _path(path)


class HydraConfig(Model):
    """Where the component's Hydra configuration lies, so that overrides can be checked without running it."""

    dir: Annotated[
        StrictStr, AfterValidator(_relative_path), Field(description="folder of the configuration, from this file")
    ]
    name: Annotated[
        StrictStr, AfterValidator(_path), Field(min_length=1, description="the primary config, without .yaml")
    ] = "config"
    imports: Annotated[
        list[Annotated[StrictStr, AfterValidator(_relative_path)]],
        Field(description="Python files, from this file, that register structured configs; run to know their types"),
    ] = []


Sweep = Annotated[
    dict[
        Annotated[str, AfterValidator(without_nul)],
        Annotated[Any, AfterValidator(without_nul), WithJsonSchema({"type": ["string", "array"]})],
    ],
    Field(
        description="Hydra's --multirun inside one container, by Hydra key: Hydra's own words, e.g. `range(1, 4)`, or "
        "a list of constants; every job of the sweep writes the same outputs"
    ),
]


class ContainerComponent(Model):
    """A container: an image, a command, and how values reach the program in it."""

    title: Title = ""
    description: Description = ""
    image: Annotated[StrictStr, Field(description="a name of `images`")]
    command: Annotated[list[Argument], Field(description="the image's entrypoint if absent")] = []
    args: Annotated[list[ArgumentItem], Field(description="literal arguments, before the generated ones")] = []
    cli: Annotated[
        str,
        BeforeValidator(_cli),
        WithJsonSchema(
            {"anyOf": [{"type": "string", "enum": ["hydra", "argparse", "none"]}, text_schema(r"\.{1,2}/.*\.j2")]}
        ),
        Field(description="how values are written: hydra `key=value`, argparse `--key value`, none, or a template"),
    ] = "hydra"
    quoting: Annotated[
        Literal["exact", "typed"],
        Field(description="exact: every text arrives as it is; typed: the bare command, without the bootstrap"),
    ] = "exact"
    inputs: Inputs = {}
    outputs: Outputs = {}
    overrides: Overrides = {}
    sweep: Sweep = {}
    config: Annotated[
        HydraConfig | None,
        Field(description="the Hydra configuration; what the program's `@hydra.main` says if absent"),
    ] = None
    env: Env = {}
    accelerator: AcceleratorName = None
    cache: CacheChoice = None
    retry: RetryChoice = None
    timeout: TimeLimit = None
    kfp: Annotated[KubernetesExtras | None, Field(description="fields of Kubernetes, for kfp")] = None

    @property
    def is_hydra(self) -> bool:
        return self.cli == "hydra"
