"""Constants that do not arrive as they are written, whatever hpc does, or that look like names. All are warnings.

KFP puts arguments into the command of a pod, where Kubernetes makes `$$` into `$` and `$(NAME)` into the variable of
that name ("Use environment variables to define arguments", kubernetes.io). OmegaConf reads `???` as a value that is
missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from hpc.compiler import mentions
from hpc.compiler.graph import Constant, ContainerStep, FromInput, Gathered, Graph
from hpc.compiler.targets import Target
from hpc.components.references import literal, parts_of
from hpc.components.types import scalars_in
from hpc.diagnostics import Diagnostic, Path, Place, Rule
from hpc.spec.expand import MISSING_DOLLAR

KUBERNETES_CHANGES = Rule(
    "HPC515",
    "text that Kubernetes changes",
    "In the arguments and variables of a container Kubernetes makes `$$` into `$`, and puts a variable in the place of "
    "`$(NAME)`. Nothing in the compiled file can prevent it.",
    "Write it otherwise, or let the program read it from a file.",
    severity="warning",
)
MISSING_VALUE = Rule(
    "HPC614",
    "`???` for a Hydra app",
    "OmegaConf takes `???` for a value that is missing, and an app that reads it fails.",
    "Use another text.",
    severity="warning",
)
RULES = (KUBERNETES_CHANGES, MISSING_VALUE, MISSING_DOLLAR)

_CHANGED = re.compile(r"\$\$|\$\([-._A-Za-z][-._A-Za-z0-9]*\)")


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    yield from _names(graph)
    for step in graph.steps:
        if target.name == "kfp":
            yield from _changed(step)
        if step.component.is_hydra:
            yield from _missing(step)


def _names(graph: Graph) -> Iterator[Diagnostic]:
    """Texts in `with` that are the name of an input or an output."""
    names = {f"inputs.{name}" for name in graph.pipeline.inputs}
    names |= {f"{step.name}.{port}" for step in graph.own_steps for port in step.outputs}
    for step in graph.own_steps:
        for name, binding in step.bindings.items():
            if isinstance(binding, Constant) and isinstance(binding.value, str) and "with" in binding.path:
                text = binding.value.removeprefix("${").removesuffix("}")
                if text in names:
                    fact = f"`{binding.value}` is text and arrives as it stands, but `{text}` is a name of this file."
                    fix = f"remove it here, and add `- {text} -> {step.written}.{name}`, if that is meant."
                    yield Diagnostic(MISSING_DOLLAR, Place(binding.path), fact, fix)


def _changed(step: ContainerStep) -> Iterator[Diagnostic]:
    for path, text in _texts(step):
        match = _CHANGED.search(text)
        if match:
            becomes = "`$`" if match[0] == "$$" else "the value of that variable, if there is one"
            fact = f"Kubernetes makes `{match[0]}` into {becomes}, so this text may not arrive as it is written."
            yield Diagnostic(KUBERNETES_CHANGES, Place(path), fact, "write it otherwise, or read it from a file.")


def _texts(step: ContainerStep) -> Iterator[tuple[Path, str]]:
    for path, text in mentions.texts(step):
        yield from ((path, literal(part)) for part in parts_of(text) if isinstance(part, str))
    for name, value in step.settings.env.items():
        if isinstance(value, str):
            yield mentions.variable_path(step, name), value
    for path, value in _values(step):
        yield from ((path, item) for item in scalars_in(value) if isinstance(item, str))


def _missing(step: ContainerStep) -> Iterator[Diagnostic]:
    for path, value in _values(step):
        if "???" in scalars_in(value):
            fact = f"OmegaConf takes `???` for a missing value, so step `{step.name}` fails where it reads this."
            yield Diagnostic(MISSING_VALUE, Place(path), fact, "use another text.")
    for path, text in _own_constants(step):
        if text == "???":
            fact = "OmegaConf takes `???` for a missing value, so the program fails where it reads this."
            yield Diagnostic(MISSING_VALUE, Place(path), fact, "use another text, or remove it.")


def _own_constants(step: ContainerStep) -> Iterator[tuple[Path, str]]:
    """The texts in overrides and in the lists of a sweep."""
    for place, text in mentions.walk(step.settings.overrides, ()):
        yield mentions.override_path(step, *place), text
    lists = {key: values for key, values in step.component.sweep.items() if not isinstance(values, str)}
    yield from mentions.walk(lists, (*step.component_path, "sweep"))


def _values(step: ContainerStep) -> Iterator[tuple[Path, Any]]:
    """Constants bound to inputs, and defaults of the pipeline's inputs that feed one."""
    for binding in step.bindings.values():
        for source in binding.items if isinstance(binding, Gathered) else (binding,):
            if isinstance(source, Constant):
                yield source.path, source.value
            elif isinstance(source, FromInput) and source.port.has_default:
                yield (*source.path, "default"), source.port.default
