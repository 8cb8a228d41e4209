"""The Jinja templates of component specs, and the environment that renders them. Loops and ifs, no arithmetic.

Every value goes through the `yaml` filter; what users write is data for a template, never its source. Users' own
templates run in the same sandbox. Imported only when something is rendered.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound
from jinja2.sandbox import ImmutableSandboxedEnvironment

_FOLDER = Path(__file__).parent
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def as_yaml(value: Any) -> str:
    """The value as one line of YAML that every reader takes for exactly that value: flow style, ASCII, JSON-like."""
    text = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, width=2**31 - 1, allow_unicode=False, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")


class _Loader(BaseLoader):
    """The package's templates by name; `./x.yaml.j2` through `read_text`."""

    def __init__(self, read_text: Callable[[str], str]) -> None:
        self.read_text = read_text

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        del environment
        if template.startswith("."):
            return self.read_text(template), template, None
        path = _FOLDER / template
        if not path.is_file():
            raise TemplateNotFound(template)
        return path.read_text(encoding="utf-8"), template, None


def environment(read_text: Callable[[str], str]) -> Environment:
    """A sandboxed Jinja environment. `read_text` reads a user's template, named from the pipeline file's folder."""
    made = ImmutableSandboxedEnvironment(
        loader=_Loader(read_text), trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined, autoescape=False
    )
    made.filters["yaml"] = as_yaml
    return made
