"""Scalar fields and small blocks that several kinds of component share: names, durations, sizes, retry, cache, env.

Pydantic models and annotated types; a value that is wrong raises a PydanticCustomError whose type is the code of a rule
and whose context holds `fact` and `fix`. No model reads a file or knows another object.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    Tag,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from hpc.components.types import kind_of, scalars_in, with_article

if TYPE_CHECKING:
    from typing_extensions import LiteralString

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
NAME_LENGTH = 63
_WORDS_OF_CONDITIONS = ("when", "else", "switch", "and", "or", "not", "in")
_NAMESPACES = ("inputs", "outputs", "exit", "vars", "run", "accelerator", "images")
_WORDS_OF_NAMES = ("for_each", "without", "uses")
"""What stands between two hyphens and two in names of the compiled file."""
RESERVED = frozenset({*_WORDS_OF_CONDITIONS, *_NAMESPACES, *_WORDS_OF_NAMES})


def problem(code: LiteralString, fact: str, fix: str) -> PydanticCustomError:
    """What a validator raises: `code` of the rule, the fact and the fix for this value."""
    return PydanticCustomError(code, "{fact}", {"fact": fact, "fix": fix})


class Model(BaseModel):
    """An immutable mapping of the language: unknown keys are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", defer_build=True, populate_by_name=False, protected_namespaces=()
    )

    MEANINGLESS: ClassVar[tuple[str, ...]] = ()
    """Fields that a model shares with its base and that a file may not write here; a validator says why."""
    TITLE: ClassVar[str] = "the pipeline file"
    """How messages call a whole file of this model."""


def text_schema(pattern: str, **more: int) -> dict[str, Any]:
    """JSON schema of a text that matches the whole of `pattern`, as WithJsonSchema takes it."""
    return {"type": "string", "pattern": f"^(?:{pattern})$", **more}


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        fixed = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
        fixed = fixed if fixed[:1].isalpha() else f"x_{fixed}".rstrip("_")
        hyphen = " (a hyphen is ambiguous next to `->`)" if "-" in text else ""
        fact = f"`{text}` is not a name: use a-z, 0-9 and `_`{hyphen}."
        if re.fullmatch(r"[a-z0-9_]+", text):
            fact = f"`{text}` is not a name: it starts with a letter, and `_` stands only between letters or digits."
        raise problem("HPC105", fact, f"rename it `{fixed}`.")
    if len(text) > NAME_LENGTH:
        fact = f"`{text[:20]}…` is {len(text)} characters long; a name has at most {NAME_LENGTH}."
        raise problem("HPC105", fact, "shorten it.")
    return text


def _free_name(text: str) -> str:
    if text in RESERVED:
        fact = f"`{text}` is a word of the language and cannot name a step or a component."
        raise problem("HPC207", fact, f"rename it, e.g. `{text}_step`.")
    return _name(text)


_DURATION = re.compile(r"[1-9][0-9]*[smhd]")
_LONGEST_NUMBER = 20
MOST_DAYS = 365
MOST_RETRIES = 100


def _duration(value: object) -> str:
    text = str(value)
    if isinstance(value, str) and _DURATION.fullmatch(text):
        if len(text) > _LONGEST_NUMBER or seconds(text) > MOST_DAYS * _UNIT_SECONDS["d"]:
            raise problem("HPC107", f"`{text}` is more than {MOST_DAYS} days.", f"write `{MOST_DAYS}d` at most.")
        return text
    number = re.match(r"[1-9][0-9]*", text)
    combined = re.fullmatch(r"(?:(\d+)h)(\d+)m", text)
    example = f"{int(combined[1]) * 60 + int(combined[2])}m" if combined else f"{number[0] if number else 2}h"
    raise problem(
        "HPC107",
        f"`{text}` is not a duration.",
        f"write a number and a unit without a space, e.g. `{example}` (s, m, h, d).",
    )


_SIZE = re.compile(r"(\d+(?:\.\d+)?)(MB|GB|MiB|GiB)", re.ASCII)
UNIT_BYTES = {"MB": 10**6, "GB": 10**9, "MiB": 2**20, "GiB": 2**30}
_MOST_BYTES = 10**15


def split_size(size: str) -> tuple[float, str]:
    """`7.5GB` -> (7.5, "GB")."""
    unit = size.lstrip("0123456789.")
    return float(size.removesuffix(unit)), unit


def in_bytes(size: str) -> float:
    """Bytes of a size of the language."""
    number, unit = split_size(size)
    return number * UNIT_BYTES[unit]


def cpus(text: str) -> float:
    """CPUs of a number of the language: 0.5 for `0.5` and `500m`."""
    return int(text[:-1]) / 1000 if text.endswith("m") else float(text)


def _size(value: object) -> str:
    text = str(value)
    if isinstance(value, str) and _SIZE.fullmatch(text):
        if not UNIT_BYTES["MB"] <= in_bytes(text) <= _MOST_BYTES:
            raise problem("HPC107", f"`{text}` is out of range.", "write `1MB` at least, and `1000000GB` at most.")
        return text
    number = re.match(r"[0-9]+(\.[0-9]+)?", text)
    raise problem(
        "HPC107",
        f"`{text}` is not a size.",
        f"write a number and a unit without a space, e.g. `{number[0] if number else 15}GB` (MB, GB, MiB, GiB).",
    )


_THOUSANDTHS = re.compile(r"[1-9][0-9]*m")
_LEAST_CPU = 0.001
_MOST_CPUS = 100_000


def _cpu(value: object) -> str:
    text = str(value)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number or (isinstance(value, str) and _THOUSANDTHS.fullmatch(text)):
        if len(text) > _LONGEST_NUMBER or not _LEAST_CPU <= cpus(text) <= _MOST_CPUS:
            raise problem("HPC107", f"`{text}` CPUs are out of range.", f"write `1m` at least, `{_MOST_CPUS}` at most.")
        return text
    raise problem("HPC107", f"`{text}` is not a number of CPUs.", "write e.g. `4`, `0.5` or `500m` (thousandths).")


_NOT_RESERVED = f"(?!(?:{'|'.join((*_WORDS_OF_CONDITIONS, *_NAMESPACES, *_WORDS_OF_NAMES))})$)"

Name = Annotated[StrictStr, AfterValidator(_name), WithJsonSchema(text_schema(NAME.pattern, maxLength=NAME_LENGTH))]
FreeName = Annotated[
    StrictStr,
    AfterValidator(_free_name),
    WithJsonSchema(text_schema(_NOT_RESERVED + NAME.pattern, maxLength=NAME_LENGTH)),
]
Duration = Annotated[str, BeforeValidator(_duration), WithJsonSchema(text_schema(_DURATION.pattern))]
Size = Annotated[str, BeforeValidator(_size), WithJsonSchema(text_schema(_SIZE.pattern))]
Cpu = Annotated[
    str,
    BeforeValidator(_cpu),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, text_schema(_THOUSANDTHS.pattern)]}),
]
Count = Annotated[StrictInt, Field(ge=1)]
Json = Any
"""Any value that YAML can hold."""


def without_nul(value: Any) -> Any:
    """The value, if no text in it holds a NUL character: nothing that becomes an argument can."""
    if any(isinstance(item, str) and "\0" in item for item in scalars_in(value)):
        raise problem("HPC103", "an argument cannot hold a NUL character.", "remove it.")
    return value


_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(duration: str) -> int:
    """Seconds of a duration of the language, e.g. 7200 for `2h`."""
    return int(duration[:-1]) * _UNIT_SECONDS[duration[-1]]


class Retry(Model):
    """Extra attempts after a failure; RetryPolicy in pipeline_spec.proto."""

    max: Annotated[StrictInt, Field(ge=0, le=MOST_RETRIES, description="extra attempts after the first")]
    backoff: Annotated[Duration | None, Field(description="wait before the second attempt")] = None
    factor: Annotated[StrictFloat, Field(ge=1, description="each further wait is this many times longer")] = 2.0
    max_backoff: Annotated[Duration, Field(description="the longest wait")] = "1h"


class CacheKey(Model):
    """Caching with a key of one's own."""

    key: Annotated[StrictStr, Field(min_length=1, description="results are shared under this key")]


class SecretRef(Model):
    """A value that is not in the file: the name of an entry of `secrets`."""

    secret: Annotated[StrictStr, Field(description="a name of `secrets`")]


def _shape(value: object) -> str:
    return "mapping" if isinstance(value, dict | Model) else "scalar"


def _env_text(value: object) -> str:
    if isinstance(value, str):
        if "\0" in value:
            raise problem("HPC103", "an environment variable cannot hold a NUL character.", "remove it.")
        return value
    raise problem(
        "HPC103",
        f"environment variables are text, but this is {with_article(kind_of(value))}.",
        f'quote it: "{str(value).lower() if isinstance(value, bool) else value}".',
    )


EnvValue = Annotated[
    Annotated[str, BeforeValidator(_env_text), Tag("scalar")] | Annotated[SecretRef, Tag("mapping")],
    Discriminator(_shape),
]


def _env_name(text: str) -> str:
    if "=" in text or "\0" in text or not text:
        raise problem("HPC105", f"`{text}` cannot name an environment variable.", "use letters, digits and `_`.")
    return text


Env = Annotated[
    dict[Annotated[StrictStr, AfterValidator(_env_name), WithJsonSchema(text_schema(r"[^=\0]+"))], EnvValue],
    Field(description="environment variables: text, or `{secret: name}`; fixed when the pipeline is compiled"),
]

Cache = Annotated[
    Annotated[StrictBool, Tag("scalar")] | Annotated[CacheKey, Tag("mapping")],
    Discriminator(_shape),
]
RunIf = Literal["upstream_ok", "upstream_done"]

# Fields that several kinds of component share, with the description that editors show.
Title = Annotated[StrictStr, Field(description="name that is shown instead of the name in the file")]
Description = Annotated[StrictStr, Field(description="what it is for, in a sentence")]
Labels = Annotated[dict[str, StrictStr], Field(description="a text for each key")]
Overrides = Annotated[
    dict[Annotated[str, AfterValidator(without_nul)], Annotated[Json, AfterValidator(without_nul)]],
    Field(description="constants by Hydra key, e.g. `trainer.max_epochs: 3`; `+key` adds, `~key: null` deletes"),
]
AcceleratorName = Annotated[
    StrictStr | None, Field(description="a name of `accelerators`; `defaults` say it if absent")
]
CacheChoice = Annotated[
    Cache | None, Field(description="whether results of an earlier run are reused: true, false or `{key: text}`")
]
RetryChoice = Annotated[Retry | None, Field(description="extra attempts after a failure; a number for short")]
TimeLimit = Annotated[Duration | None, Field(description="the longest that one attempt may run, e.g. `30m`, `6h`")]
