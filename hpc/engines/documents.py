"""Compiled files as data: the text that `hpc compile` or the KFP SDK wrote enters, a PipelineSpec and perhaps a
PlatformSpec leave. And a copy of a PipelineSpec that uses no cache.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hpc.diagnostics import Diagnostic, Rejected, Source, Span
from hpc.engines.findings import NOT_A_PIPELINE

Documents = tuple[dict[str, Any], dict[str, Any] | None]

_MOST_DEPTH = 500


def documents(source: Source) -> Documents:
    """The PipelineSpec of a compiled file, and the PlatformSpec if there is one. Raises Rejected if it is neither."""
    found = _parsed(source)
    if not 1 <= len(found) <= 2 or not all(isinstance(document, dict) for document in found):
        raise _not_a_pipeline(
            source, f"it holds {len(found)} documents, not a PipelineSpec and perhaps a PlatformSpec."
        )
    return found[0], found[1] if len(found) == 2 else None


def without_cache(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A copy in which no task takes a result of another run."""
    components: Mapping[str, Any] = spec.get("components", {})
    copies = {name: _without_cache(component) for name, component in components.items()}
    return {**spec, "components": copies, "root": _without_cache(spec["root"])}


def _without_cache(component: Mapping[str, Any]) -> Mapping[str, Any]:
    if "dag" not in component:
        return component
    tasks = {
        name: {**task, "cachingOptions": {"enableCache": False}} for name, task in component["dag"]["tasks"].items()
    }
    return {**component, "dag": {**component["dag"], "tasks": tasks}}


def _parsed(source: Source) -> list[Any]:
    """What hpc writes is JSON, with a line between two documents; what the SDK writes is YAML."""
    try:
        return [json.loads(text) for text in source.text.split("\n---\n")]
    except (ValueError, RecursionError):
        return _parsed_yaml(source)


def _parsed_yaml(source: Source) -> list[Any]:
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if _is_too_deep(loader(source.text)):
            raise _not_a_pipeline(source, f"its values are nested more than {_MOST_DEPTH} deep.")
        return list(yaml.load_all(source.text, Loader=loader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = getattr(error, "problem", None) or type(error).__name__
        raise _not_a_pipeline(source, f"it is neither JSON nor YAML: {reason}.") from None


def _is_too_deep(parser: Any) -> bool:
    """Whether PyYAML's fast loader might overflow the stack of the interpreter: it would not say so, but end it."""
    depth = 0
    while depth <= _MOST_DEPTH and parser.check_event():
        event = type(parser.get_event()).__name__
        depth += event.endswith("StartEvent") - event.endswith("EndEvent")
    return depth > _MOST_DEPTH


def _not_a_pipeline(source: Source, fact: str) -> Rejected:
    fix = "name a pipeline file (with the key `hpc`), or what `hpc compile` or the KFP SDK wrote."
    return Rejected([Diagnostic(NOT_A_PIPELINE, Span(source, 0, 0), fact, fix)])
