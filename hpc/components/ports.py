"""Inputs and outputs of components and pipelines: what YAML may say of a port, checked as far as the port alone can."""

from __future__ import annotations

import re
import warnings
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BeforeValidator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic.json_schema import SkipJsonSchema

from hpc.components.fields import Description, Json, Model, Name, problem, text_schema
from hpc.components.types import (
    ARTIFACTS,
    RUN_STATUS,
    VALUES,
    Plain,
    Type,
    did_you_mean,
    kind_of,
    parse_type,
    scalars_in,
    suggest_type,
    with_article,
)

LARGEST_EXACT_INTEGER = 2**53
"""Beyond this, protobuf's Value (a double) loses digits."""


def _type(value: object) -> Type:
    if isinstance(value, Type):
        return value
    found = parse_type(value) if isinstance(value, str) else None
    if found is None:
        raise problem("HPC103", f"`{value}` is not a type.", suggest_type(str(value)))
    return found


_ELEMENTS = [name for name in (*VALUES, *ARTIFACTS) if name != "RunStatus"]
_TYPE_SCHEMA = {
    "anyOf": [
        {"type": "string", "enum": [*VALUES, *ARTIFACTS, *(f"list<{name}>" for name in _ELEMENTS)]},
        text_schema(rf"list<\s*(?:{'|'.join(map(re.escape, _ELEMENTS))})\s*>"),
        text_schema(r"google\.[A-Z]\w*|list<\s*google\.[A-Z]\w*\s*>"),
    ],
}

PortType = Annotated[Type, BeforeValidator(_type), WithJsonSchema(_TYPE_SCHEMA)]


Pass = Literal["path", "uri", "none"]


class Port(Model):
    """What inputs and outputs have in common."""

    type: Annotated[PortType, Field(description="string int float bool dict list<T>, or an artifact: Dataset Model …")]
    description: Description = ""
    as_: Annotated[
        StrictStr | None, Field(alias="as", min_length=1, description="Hydra key or flag; the port's name if absent")
    ] = None
    pass_: Annotated[
        Pass,
        Field(alias="pass", description="what an artifact is passed as; `none`: not by itself"),
    ] = "path"

    @field_validator("pass_")
    @classmethod
    def _pass_needs_artifact(cls, value: str, info: ValidationInfo) -> str:
        port_type = info.data.get("type")
        if value == "uri" and port_type is not None and not port_type.is_artifact:
            fact = f"`pass: uri` is for artifacts, but this port is {with_article(port_type)}."
            raise problem("HPC106", fact, "remove it.")
        return value

    def key(self, name: str) -> str:
        """The Hydra key, or the flag, of the argument for this port, which is called `name`."""
        return self.as_ or name


def _not_a_status(value: Type) -> Type:
    if value == RUN_STATUS:
        fact = "a RunStatus comes only from `exit.status` and `<step>.status`, never from here."
        raise problem("HPC103", fact, "take another type, e.g. `string`.")
    return value


HYDRA_SUBDIR = "hydra.output_subdir"
"""Where Hydra puts what the program ran with: below the run folder, or at an absolute path."""

Written = Literal["hydra"]


class OutputPort(Port):
    """Something that a component makes: an artifact at a path, or a value written to a file.

    `from: hydra` is the folder into which Hydra itself writes the composed configuration: `config.yaml`,
    `overrides.yaml` and `hydra.yaml` (`run_job` in hydra/core/utils.py, the same in Hydra 1.1 to 1.4).
    """

    from_: Annotated[
        Written | None,
        Field(alias="from", description="hydra: Hydra writes the configuration that the program ran with; an Artifact"),
    ] = None

    _no_status = field_validator("type")(_not_a_status)

    def key(self, name: str) -> str:
        return HYDRA_SUBDIR if self.from_ else super().key(name)


class PipelineOutput(OutputPort):
    """A result of the pipeline, or of a component made of edges; `as` is its name in the compiled file."""

    MEANINGLESS: ClassVar[tuple[str, ...]] = ("pass_", "from_")

    as_: Annotated[
        StrictStr | None, Field(alias="as", min_length=1, description="name in the compiled file; this one if absent")
    ] = None
    pass_: Annotated[SkipJsonSchema[Pass], Field(alias="pass")] = "path"
    from_: Annotated[SkipJsonSchema[Written | None], Field(alias="from")] = None

    @field_validator("pass_", "from_", mode="before")
    @classmethod
    def _no_argument(cls, value: object, info: ValidationInfo) -> object:
        del value
        key = str(info.field_name).rstrip("_")
        fact = f"`{key}` has no meaning here: an output of the pipeline is no argument of a program."
        raise problem("HPC106", fact, "write it on the output of the component, or remove it.")


class InputPort(Port):
    """Something that a component takes. The limits are checked on every constant, and on the arguments of a run."""

    optional: Annotated[StrictBool, Field(description="may stay without a value; only on inputs of components")] = False
    choices: Annotated[list[Any] | None, Field(description="the values that are allowed")] = None
    min: Annotated[StrictFloat | StrictInt | None, Field(description="the smallest value, of an int or float")] = None
    max: Annotated[StrictFloat | StrictInt | None, Field(description="the largest value, of an int or float")] = None
    pattern: Annotated[
        StrictStr | None,
        Field(description="regular expression (Python's `re`, tried while compiling) that must match the whole text"),
    ] = None
    default: Annotated[Json, Field(description="value when nothing is given")] = None

    @field_validator("choices")
    @classmethod
    def _choices_fit(cls, value: list[Any] | None, info: ValidationInfo) -> list[Any] | None:
        port_type = info.data.get("type")
        if value is None or port_type is None:
            return value
        if port_type.is_artifact or port_type.is_list or port_type.base not in ("string", "int", "float"):
            raise problem("HPC106", f"`choices` cannot be given for {with_article(port_type)}.", "remove it.")
        if not value:
            raise problem(
                "HPC103", "`choices` is empty, so no value would be allowed.", "list the values, or remove it."
            )
        for choice in value:
            if not port_type.holds(choice):
                fact = f"choice {choice!r} is {with_article(kind_of(choice))}, but the type is {port_type}."
                raise problem("HPC103", fact, "change one of them.")
            found = _cannot_arrive(choice)
            if found:
                raise problem("HPC103", f"a choice {found[0]}.", found[1])
        return value

    @field_validator("min", "max")
    @classmethod
    def _range_fits(cls, value: float | None, info: ValidationInfo) -> float | None:
        port_type = info.data.get("type")
        if (
            value is not None
            and port_type is not None
            and (port_type.is_list or port_type.base not in ("int", "float"))
        ):
            raise problem(
                "HPC106",
                f"`{info.field_name}` cannot be given for {with_article(port_type)}.",
                "remove it; it is for int and float.",
            )
        least = info.data.get("min") if info.field_name == "max" else None
        if value is not None and least is not None and least > value:
            fact = f"`max` is {value}, below `min`, which is {least}: no value would be allowed."
            raise problem("HPC103", fact, "change one of them.")
        return value

    @field_validator("pattern")
    @classmethod
    def _pattern_fits(cls, value: str | None, info: ValidationInfo) -> str | None:
        port_type = info.data.get("type")
        if value is None or port_type is None:
            return value
        if str(port_type) != "string":
            fact = f"`pattern` cannot be given for {with_article(port_type)}."
            raise problem("HPC106", fact, "remove it; it is for string.")
        why = _unreadable(value)
        if why:
            raise problem("HPC103", f"`pattern` is not a regular expression: {why}.", "mend it (Python's `re` syntax).")
        return value

    @field_validator("default")
    @classmethod
    def _default_fits(cls, value: Json, info: ValidationInfo) -> Json:
        limits = info.data
        if value is None or "type" not in limits:
            return value
        if limits.get("optional"):
            raise problem("HPC106", "`{port}` has a default, so it is never without a value.", "remove `optional`.")
        found = objection(cls.model_construct(**limits), limits["type"], value)
        if found:
            raise problem(
                "HPC103", f"default of `{{port}}` {found[0]}.", found[1].replace("write `", "write `default: ")
            )
        return float(value) if limits["type"] == Type("float") and isinstance(value, int) else value

    @property
    def has_default(self) -> bool:
        return "default" in self.model_fields_set and self.default is not None

    @property
    def is_free_text(self) -> bool:
        """A string whose values are not all known to be safe inside Hydra's quotes."""
        return self.type.base == "string" and not self.type.is_list and not self.choices


class GroupInput(InputPort):
    """An input of a component made of edges. It is no argument of a program."""

    MEANINGLESS: ClassVar[tuple[str, ...]] = ("as_", "pass_")
    OWNER: ClassVar[str] = "a component made of edges"

    as_: Annotated[SkipJsonSchema[str | None], Field(alias="as")] = None
    pass_: Annotated[SkipJsonSchema[Pass], Field(alias="pass")] = "path"

    @field_validator("as_", "pass_", mode="before")
    @classmethod
    def _no_argument(cls, value: object, info: ValidationInfo) -> object:
        del value
        key = str(info.field_name).rstrip("_")
        fact = f"`{key}` has no meaning here: an input of {cls.OWNER} is no argument of a program."
        raise problem("HPC106", fact, "write it on the input of the component, or remove it.")


class PipelineInput(GroupInput):
    """A parameter of a run. It is optional only through a default."""

    MEANINGLESS: ClassVar[tuple[str, ...]] = ("as_", "pass_", "optional")
    OWNER: ClassVar[str] = "the pipeline"

    optional: SkipJsonSchema[bool] = False

    _no_status = field_validator("type")(_not_a_status)

    @field_validator("optional", mode="before")
    @classmethod
    def _only_by_default(cls, value: object) -> object:
        del value
        fact = "`optional` is for inputs of components; an input of the pipeline may be left out if it has a default."
        raise problem("HPC106", fact, "give it a default instead: `default: …`.")


Inputs = Annotated[
    dict[Name, InputPort], Field(description="what goes in, by name; `lr: float` is short for `lr: {type: float}`")
]
GroupInputs = Annotated[
    dict[Name, GroupInput], Field(description="what goes in, by name; `lr: float` is short for `lr: {type: float}`")
]
PipelineInputs = Annotated[
    dict[Name, PipelineInput], Field(description="run parameters by name; `lr: float` is short for `lr: {type: float}`")
]
PipelineOutputs = Annotated[
    dict[Name, PipelineOutput], Field(description="results by name; `model: Model` is short for `{type: Model}`")
]
Outputs = Annotated[
    dict[Name, OutputPort], Field(description="what comes out, by name; `model: Model` is short for `{type: Model}`")
]


def objection(port: InputPort, port_type: Type, value: Plain) -> tuple[str, str] | None:
    """Why `value` cannot go into the port: a predicate for messages (`is …`) and a fix. None if it can.

    `port_type` is the port's type, or a list of it where a step loops over the port.
    """
    if port_type.is_artifact:
        return (
            f"is {with_article(port_type)}; an artifact cannot be written in YAML",
            "import it: a component with `import:` and `uri:`, then an edge.",
        )
    if not port_type.holds(value):
        return _wrong_type(port_type, value)
    lost = _cannot_arrive(value)
    if lost:
        return lost
    items: list[Any] = value if port_type.is_list and isinstance(value, list) else [value]
    for item in items:
        found = _outside_limits(port, item)
        if found:
            return found
    return None


def _wrong_type(port_type: Type, value: object) -> tuple[str, str]:
    fact = f"is {with_article(kind_of(value))} ({_short(value)}) but the type is {port_type}"
    if (
        isinstance(value, str)
        and port_type.base in ("int", "float")
        and re.fullmatch(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?", value)
    ):
        return fact, f"write `{value}` without quotes."
    if port_type.base == "string" and not isinstance(value, list | dict | None):
        return fact, f'quote it: "{str(value).lower() if isinstance(value, bool) else value}".'
    return fact, f"give {with_article(port_type)}."


def _outside_limits(port: InputPort, value: Any) -> tuple[str, str] | None:
    if port.choices is not None and value not in port.choices:
        options = [str(choice) for choice in port.choices]
        return f"is `{value}`, not one of its choices: {', '.join(options)}", did_you_mean(str(value), options)
    if port.min is not None and value < port.min:
        return f"is {value}, below min {port.min}", "change one of them."
    if port.max is not None and value > port.max:
        return f"is {value}, above max {port.max}", "change one of them."
    if port.pattern is not None and not re.fullmatch(port.pattern, value):
        return f"is {_short(value)}, which does not match the pattern `{port.pattern}`", "change one of them."
    return None


def _cannot_arrive(value: Plain) -> tuple[str, str] | None:
    """What no platform can hand to a program: digits that a double loses, and characters that end an argument."""
    for item in scalars_in(value):
        verb = "is" if item is value else "holds"
        if isinstance(item, int) and not isinstance(item, bool) and abs(item) > LARGEST_EXACT_INTEGER:
            return f"{verb} {_short(item)}, beyond 2^53: KFP would lose digits", "pass it as a string."
        if isinstance(item, str) and "\0" in item:
            return "holds a NUL character, which no argument can", "remove it."
    return None


def _unreadable(pattern: str) -> str | None:
    """Why `re` cannot compile the pattern, or would read it in another way tomorrow."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            re.compile(pattern)
        except (re.error, OverflowError, Warning) as error:
            return str(error)
        except RecursionError:
            return "it is nested too deep"
    return None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
