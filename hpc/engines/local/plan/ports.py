"""Interfaces: inputDefinitions or outputDefinitions of a ComponentSpec to ports."""

from __future__ import annotations

import re

from hpc.engines.arguments import ParameterPort
from hpc.engines.local.plan import ArtifactPort, Interface
from hpc.engines.local.plan.nodes import Node, WrongKindError, flag, items, mapping, mappings, text, value
from hpc.engines.values import KINDS

_KINDS = frozenset({*KINDS, "TASK_FINAL_STATUS", "TASK_CONFIG"})
_TITLE = re.compile(r"^title:[ \t]*(\S+)", re.MULTILINE)


def interface(component: Node, key: str) -> Interface:
    definitions = mapping(component, key)
    return Interface(
        parameters={name: _parameter(port) for name, port in mappings(definitions, "parameters")},
        artifacts={name: _artifact(port) for name, port in mappings(definitions, "artifacts")},
    )


def schema(node: Node) -> tuple[str, str]:
    """Title and version of an ArtifactTypeSchema; an instance schema is YAML with the title in its first lines."""
    title = text(node, "schemaTitle")
    if not title and (match := _TITLE.search(text(node, "instanceSchema"))):
        title = match[1]
    return title or "system.Artifact", text(node, "schemaVersion") or "0.0.1"


def _parameter(node: Node) -> ParameterPort:
    kind = text(node, "parameterType")
    if kind not in _KINDS:
        raise WrongKindError(f"parameterType {kind!r} is none of {', '.join(KINDS)}")
    optional, literals = flag(node, "isOptional"), items(node, "literals")
    value(literals, "literals")
    if "defaultValue" not in node:
        return ParameterPort(kind, optional=optional, literals=literals)
    return ParameterPort(kind, value(node["defaultValue"], "defaultValue"), optional, literals)


def _artifact(node: Node) -> ArtifactPort:
    return ArtifactPort(*schema(mapping(node, "artifactType")), flag(node, "isOptional"), flag(node, "isArtifactList"))
