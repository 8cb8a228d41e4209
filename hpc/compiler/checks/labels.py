"""Labels that the target takes. Vertex AI and Kubernetes have different rules, so the same file may suit only one.

- Vertex AI (labels of PipelineJob and CustomJob in the API's reference): keys and values of at most 64 characters,
  letters that are not capitals, digits, `_` and `-`; one key is the platform's own.
- Kubernetes ("Labels and Selectors", kubernetes.io): keys `[prefix/]name`, the prefix a DNS name of at most 253
  characters; names and values of at most 63 of `A-Z a-z 0-9 - _ .`, the first and the last a letter or digit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from hpc.compiler.graph import Graph
from hpc.compiler.hardware import extras_of
from hpc.compiler.mentions import profiles
from hpc.compiler.targets import Target
from hpc.diagnostics import Diagnostic, Path, Place, Rule

REFUSED_LABEL = Rule(
    "HPC517",
    "label that the target refuses",
    "A run or a job with a label that breaks the target's rules is refused as a whole, when it is submitted.",
    "Shorten or rename it as the message says.",
)
RULES = (REFUSED_LABEL,)

_Judge = Callable[[str, bool], "tuple[str, str] | None"]
"""Says of a key or value (`is_key`) what is wrong, and the way out."""

_VERTEX_LENGTH = 64
_VERTEX_OWN = "vertex-ai-pipelines-run-billing-id"
_KUBERNETES_LENGTH = 63
_KUBERNETES_NAME = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?")
_DNS_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_PREFIX = re.compile(rf"(?=.{{1,253}}\Z){_DNS_LABEL}(?:\.{_DNS_LABEL})*")


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    rules = {"vertex": _vertex, "kfp": _kubernetes}
    if target.name not in rules:
        return
    yield from _refused(("labels",), graph.pipeline.labels, rules[target.name])
    if target.makes_jobs:
        yield from _of_jobs(graph)


def _of_jobs(graph: Graph) -> Iterator[Diagnostic]:
    """Labels of machine profiles, used or not, which CustomJobs get."""
    for path, accelerator in profiles(graph):
        yield from _refused((*path, "vertex", "labels"), extras_of(accelerator).labels, _vertex)


def _refused(path: Path, labels: Mapping[str, str], rule: _Judge) -> Iterator[Diagnostic]:
    for key, value in labels.items():
        for text, is_key in ((key, True), (value, False)):
            trouble = rule(text, is_key)
            if trouble:
                place = Place((*path, key), on="key" if is_key else "value")
                yield Diagnostic(REFUSED_LABEL, place, *trouble)


def _vertex(text: str, is_key: bool) -> tuple[str, str] | None:
    if is_key and text == _VERTEX_OWN:
        return f"Vertex AI sets the label `{text}` itself.", "rename it."
    if is_key and not text:
        return "the key of a label is empty.", "give it a name."
    if len(text) > _VERTEX_LENGTH:
        return _too_long(text, _VERTEX_LENGTH, "Vertex AI")
    if not all(char in "_-" or (char.isalnum() and char == char.lower()) for char in text):
        fact = f"`{text}` cannot stand in a label of Vertex AI: lower-case letters, digits, `_` and `-`."
        fixed = "".join(char if char.isalnum() or char in "_-" else "-" for char in text.lower())
        return fact, f"write `{fixed}`."
    return None


def _kubernetes(text: str, is_key: bool) -> tuple[str, str] | None:
    prefix, slash, name = text.rpartition("/") if is_key else ("", "", text)
    if slash and not _PREFIX.fullmatch(prefix):
        fact = f"`{prefix}` cannot stand before the `/` in a label of Kubernetes: it is not a DNS name."
        return fact, "write a name such as `example.org`, or none."
    if not name:
        return ("the key of a label is empty.", "give it a name.") if is_key else None
    if len(name) > _KUBERNETES_LENGTH:
        return _too_long(name, _KUBERNETES_LENGTH, "Kubernetes")
    if not _KUBERNETES_NAME.fullmatch(name):
        fact = f"`{name}` cannot stand in a label of Kubernetes: `A-Z a-z 0-9 - _ .`, a letter or digit at both ends."
        fixed = re.sub(r"[^A-Za-z0-9_.]+", "-", name).strip("-_.")
        return fact, f"write `{fixed}`." if fixed else "use letters and digits."
    return None


def _too_long(text: str, most: int, platform: str) -> tuple[str, str]:
    return f"`{text[:20]}…` is {len(text)} characters long; a label of {platform} takes {most}.", "shorten it."
