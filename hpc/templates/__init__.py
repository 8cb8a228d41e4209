"""The Jinja templates of component specs, and the environment that renders them. Loops and ifs, no arithmetic.

Every value goes through the `yaml` filter; what users write is data for a template, never its source. Users' own
templates run in the same sandbox. Imported only when something is rendered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound
from jinja2.sandbox import ImmutableSandboxedEnvironment

_FOLDER = Path(__file__).parent


def as_yaml(value: Any) -> str:
    """The value as one line of YAML that every reader takes for exactly that value: JSON in ASCII.

    Text is always quoted, so that none is taken for a number; an emoji is one escape, because YAML does not join two.
    """
    return _HALVES.sub(_whole, json.dumps(value).replace("\x7f", "\\x7f"))


_HALVES = re.compile(r"\\u(d[89ab]..)\\u(d[c-f]..)")


def _whole(halves: re.Match[str]) -> str:
    return f"\\U{0x10000 + (int(halves[1], 16) - 0xD800) * 0x400 + int(halves[2], 16) - 0xDC00:08x}"


class _Loader(BaseLoader):
    """The package's templates by name; users' own, whose names start with a dot, through `read_text`."""

    def __init__(self, read_text: Callable[[str], str]) -> None:
        self.read_text = read_text

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        del environment
        if template.startswith("."):
            return self.read_text(template.removeprefix("./")), template, None
        path = _FOLDER / template
        if not path.is_file():
            raise TemplateNotFound(template)
        return path.read_text(encoding="utf-8"), template, None


def _fail(reason: str) -> None:
    """For a template that meets what its style has no words for."""
    raise ValueError(reason)


def environment(read_text: Callable[[str], str]) -> Environment:
    """A sandboxed Jinja environment. `read_text` reads a user's template, named from the pipeline file's folder."""
    made = ImmutableSandboxedEnvironment(
        loader=_Loader(read_text), trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined, autoescape=False
    )
    made.filters["yaml"] = as_yaml
    cast("dict[str, Any]", made.globals)["fail"] = _fail  # Jinja types the names that it has itself
    return made
