"""Configs of Kubernetes in protobuf's JSON form laid on each other, and what hpc itself adds to them.

A config is the JSON of one KubernetesExecutorConfig (kubernetes_executor_config.proto). Every function is pure.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, cast

Config: TypeAlias = "dict[str, Any]"


def is_unset(value: object) -> bool:
    """Whether a value says nothing: absent or empty. False and 0 are said."""
    return value is None or value in ("", [], {})


def constant(value: object) -> Config:
    """A constant as an InputParameterSpec of pipeline_spec.proto."""
    return {"runtimeValue": {"constant": value}}


def merged_config(configs: Iterable[Mapping[str, Any]]) -> Config:
    """The config that those of accelerator, component and step make together, the last one strongest.

    Mappings merge, lists and scalars replace, an empty list too (language, section 5.14); what is empty then is left
    out. Empty if none of them says anything.
    """
    merged: Config = {}
    for config in configs:
        merged = _laid_on(merged, config)
    return copy.deepcopy({key: value for key, value in merged.items() if not is_unset(value)})


def _laid_on(below: Config, above: Mapping[str, Any]) -> Config:
    changed: Config = {}
    for key, value in above.items():
        lower: object = below.get(key)
        is_both = isinstance(lower, dict) and isinstance(value, dict)
        changed[key] = _laid_on(cast("Config", lower), cast("Config", value)) if is_both else value
    return {**below, **changed}


def with_secret_env(config: Mapping[str, Any], secrets: Iterable[tuple[str, str, str]]) -> Config:
    """The config with Secrets behind those that it has: (name of the Secret, key, environment variable) each.

    One entry for each Secret, in the order in which they come first, as `use_secret_as_env` writes it.
    """
    keys: dict[str, list[dict[str, str]]] = {}
    for name, key, variable in secrets:
        keys.setdefault(name, []).append({"secretKey": key, "envVar": variable})
    if not keys:
        return dict(config)
    added = [
        {"secretName": name, "secretNameParameter": constant(name), "keyToEnv": pairs, "optional": False}
        for name, pairs in keys.items()
    ]
    return {**config, "secretAsEnv": [*config.get("secretAsEnv", []), *added]}


def with_deadline(config: Mapping[str, Any], seconds: int) -> Config:
    """The config with `timeout` in seconds as the deadline of the pod, unless it has one of its own."""
    return {"activeDeadlineSeconds": str(seconds), **config}
