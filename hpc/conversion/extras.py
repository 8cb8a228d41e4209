"""Settings of Kubernetes as `kfp:` has them: a KubernetesExecutorConfig or PipelineConfig as JSON enters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from hpc.components.kubernetes.messages import PARAMETERS, TEXT_NUMBERS
from hpc.conversion.notes import Notes, Where
from hpc.conversion.settings import duration

_FREE = ("labels", "annotations", "matchPodLabels", "matchNamespaceLabels")
_NAMES = {forms[0]: name for name, forms in PARAMETERS.items()}
_TWINS = {forms[1]: (name, forms[0]) for name, forms in PARAMETERS.items() if len(forms) > 1}
_DEPRECATED = ("taskOutputParameter", "componentInputParameter")


def kubernetes(config: Mapping[str, Any], where: Where, notes: Notes) -> dict[str, Any]:
    """The block `kfp:` of a component or step."""
    found = _message(config, where, notes)
    selector = found.get("node_selector")
    if isinstance(selector, dict) and "labels" in selector:
        found["node_selector"] = cast("dict[str, Any]", selector)["labels"]
    return found


def _message(config: Mapping[str, Any], where: Where, notes: Notes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in config.items():
        here = (*where, key)
        if key in _FREE:
            found[_snake(key)] = value
        elif key in _TWINS or key in _DEPRECATED:
            _take_deprecated(found, key, config, here, notes)
        elif key in _NAMES:
            _take_parameter(found, _NAMES[key], value, here, notes)
        elif key in ("nodeSelectorJson", "tolerationJson"):
            _take_json(found, key, value, here, notes)
        else:
            found[_snake(key)] = _value(_snake(key), value, here, notes)
    return {name: value for name, value in found.items() if value not in (None, [], {})}


def _snake(key: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", key).lower()


def _value(name: str, value: Any, where: Where, notes: Notes) -> Any:
    if isinstance(value, dict):
        return _message(cast("dict[str, Any]", value), where, notes)
    if isinstance(value, list):
        return [_value(name, item, (*where, index), notes) for index, item in enumerate(cast("list[Any]", value))]
    return int(value) if name in TEXT_NUMBERS and str(value).isdecimal() else value


def _entry(value: Any, key: str) -> Any:
    return cast("dict[str, Any]", value).get(key) if isinstance(value, dict) else None


def _constant(parameter: Any, where: Where, notes: Notes) -> Any:
    """The constant of an InputParameterSpec; None after a report."""
    source = _entry(parameter, "runtimeValue")
    constant = _entry(source, "constant")
    if constant is None or (isinstance(constant, str) and "{{" in constant):
        notes.lose(where, "is known only when the pipeline runs; settings of Kubernetes are fixed in the file.")
        return None
    return constant


def _take_parameter(found: dict[str, Any], name: str, value: Any, where: Where, notes: Notes) -> None:
    constant = _constant(value, where, notes)
    if constant is not None:
        found[name] = constant


def _take_deprecated(found: dict[str, Any], key: str, config: Mapping[str, Any], where: Where, notes: Notes) -> None:
    """The older field beside a parameter says the same; where it stands alone it counts."""
    name, present = _TWINS.get(key, ("", "pvcNameParameter"))
    if present in config:
        return
    if name:
        found[name] = config[key]
    else:
        notes.lose(where, "is known only when the pipeline runs; names of Kubernetes are fixed in the file.")


def _take_json(found: dict[str, Any], key: str, value: Any, where: Where, notes: Notes) -> None:
    constant = _constant(value, where, notes)
    if key == "nodeSelectorJson" and isinstance(constant, dict):
        found["labels"] = constant
    elif isinstance(constant, dict):
        found.update(_message(cast("dict[str, Any]", constant), where, notes))
    elif constant is not None:
        notes.lose(where, "is a list in one setting; write its items out.")


def pipeline_config(config: Mapping[str, Any], where: Where, notes: Notes) -> dict[str, Any]:
    """The block `targets.kfp.pipeline`."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if key == "workspace":
            found["workspace"] = _workspace(value)
        elif key in _TIMES and duration(float(value)):
            found[_TIMES[key]] = duration(float(value))
        else:
            notes.lose((*where, key), "is no setting of a run that the language knows.")
    return found


_TIMES = {
    "resourceTtlOnCompletion": "ttl",
    "resourceTtlOnSuccess": "ttl_on_success",
    "resourceTtlOnFailure": "ttl_on_failure",
    "activeDeadlineSeconds": "timeout",
}


def _workspace(value: Mapping[str, Any]) -> dict[str, Any]:
    patch = value.get("kubernetes", {}).get("pvcSpecPatch")
    return {"size": value.get("size", ""), **({"kubernetes": {"pvc_spec_patch": patch}} if patch else {})}
