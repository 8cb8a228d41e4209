"""Whether a converted file compiles: what the compiler says of it, before anyone else has to find out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from hpc.compiler import compile as compiled
from hpc.compiler.files import Files
from hpc.compiler.targets import KFP, LOCAL, VERTEX
from hpc.components.types import Type, parse_type
from hpc.conversion.converted import Converted
from hpc.conversion.emit import emit
from hpc.diagnostics import Diagnostic, Rejected, Source

_LIBRARY = "converted.yaml"


def objections(converted: Converted) -> list[Diagnostic]:
    """Errors and warnings of the compiler about the converted file; it is compiled for the first target that takes it.

    A component is judged in a pipeline of one step, which gives it all that it needs.
    """
    is_library = converted.kind == "component"
    text = emit(_pipeline_around(converted.document)) if is_library else converted.text
    source = Source(_LIBRARY if not is_library else "pipeline.yaml", text)
    found: list[Diagnostic] = []
    for target in (None, VERTEX, KFP, LOCAL):
        try:
            return compiled(source, target, _Files({**converted.files, _LIBRARY: converted.text})).diagnostics
        except Rejected as error:
            found = found or error.diagnostics
    return found


class _Files(Files):
    """No files but the converted ones."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts

    def read_text(self, path: str) -> str:
        if not self.has(path):
            raise FileNotFoundError(path)
        return self.texts[path.removeprefix("./")]

    def has(self, path: str) -> bool:
        return path.removeprefix("./") in self.texts


def _pipeline_around(library: Mapping[str, Any]) -> dict[str, Any]:
    name, component = next(iter(library["components"].items()))
    components: dict[str, Any] = {"subject": {"uses": f"./{_LIBRARY}#{name}"}}
    inputs: dict[str, Any] = {}
    edges: list[str] = ["subject"]
    for port, block in component.get("inputs", {}).items():
        said = cast("dict[str, Any]", block) if isinstance(block, dict) else {"type": block}
        text = str(said["type"])
        kind = parse_type(text) or Type("string")
        if "default" in said or "optional" in said:
            continue
        if text == "RunStatus":
            components["before"] = {"import": "Artifact", "uri": "gs://bucket/before"}
            edges += ["before", f"exit.status -> subject.{port}"]
        elif kind.is_artifact:
            components[f"given_{port}"] = {"import": str(kind.element), "uri": "gs://bucket/given"}
            edges.append(f"given_{port}.artifact -> subject.{port}")
        else:
            inputs[port] = {key: said[key] for key in ("type", "choices") if key in said}
            edges.append(f"inputs.{port} -> subject.{port}")
    return {"hpc": 1, "name": "check", "inputs": inputs, "components": components, "edges": edges}
