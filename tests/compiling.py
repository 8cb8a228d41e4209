"""Compile a case in memory, as the command line would."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from hpc.cli.disk import Folder
from hpc.compiler import Choice, Compiled, compile
from hpc.compiler.graph import Graph, Node
from hpc.compiler.targets import TARGETS
from hpc.diagnostics import Diagnostic, Rejected
from hpc.diagnostics.show import as_text
from hpc.spec.document import decode
from hpc.spec.model import Pipeline
from hpc.spec.program import File

TESTS = Path(__file__).parent
EXAMPLES = sorted(TESTS.parent.glob("examples/*/pipeline.yaml"))


def targets_of(example: Path) -> tuple[str, ...]:
    """The targets that can run an example: all, unless its first line says `# target: vertex`."""
    only = re.match(r"# target: (\w+)\n", example.read_text(encoding="utf-8"))
    return (only[1],) if only else tuple(TARGETS)


@dataclass(frozen=True)
class Result:
    """What came of a file: the compiled text, or None; and every diagnostic."""

    compiled: Compiled | None
    diagnostics: list[Diagnostic]

    @property
    def shown(self) -> str:
        """The exact text that a terminal without colours would show."""
        return as_text(self.diagnostics)


def compile_text(text: str, target: str | None = None, choice: Choice | None = None, folder: Path = TESTS) -> Result:
    """Compile a text that stands in a file called pipeline.yaml in `folder`."""
    return compile_bytes(text.encode("utf-8", "surrogatepass"), target, choice, folder)


def compile_bytes(data: bytes, target: str | None = None, choice: Choice | None = None, folder: Path = TESTS) -> Result:
    try:
        compiled = compile(decode(data, "pipeline.yaml"), TARGETS.get(target or ""), Folder(folder), choice)
    except Rejected as error:
        return Result(None, error.diagnostics)
    return Result(compiled, compiled.diagnostics)


def compile_case(path: Path) -> Result:
    """Compile a file of tests/cases: its first comments may say `# target: kfp`, `# profile: prod`, `# set: a=b`."""
    text = path.read_text(encoding="utf-8")
    said = dict(re.findall(r"^# (target|profile|set): (.*)$", text, re.MULTILINE))
    choice = Choice(said.get("profile", "").split(), [said["set"]] if "set" in said else [])
    return compile_text(text, said.get("target"), choice, path.parent)


def compiled(file: Path, target: str) -> Compiled:
    """The pipeline file compiled for `target`; Rejected if it is wrong."""
    return compile(decode(file.read_bytes(), file.name), TARGETS[target], Folder(file.parent))


def graph_of(pipeline: Pipeline, nodes: tuple[Node, ...] = ()) -> Graph:
    """A graph of these nodes, for checks that are asked directly."""
    return Graph(
        files=(File(pipeline),),
        name="",
        inputs={},
        outputs={},
        counts={},
        nodes=nodes,
        results={},
    )
