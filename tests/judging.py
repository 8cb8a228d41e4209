"""A pipeline file in, what the compiler says about it out: `line:column severity code fact | fix`, in reading order."""

from __future__ import annotations

from hpc.compiler import Choice, compile
from hpc.compiler.files import Files
from hpc.compiler.targets import TARGETS
from hpc.diagnostics import Diagnostic, Rejected, Source

SMALL = """\
hpc: 1
name: small
images: {app: repo/app:1.0}
components:
  train: {image: app, command: [python3, train.py]}
edges: [train]
"""


class NoFiles(Files):
    """No pipeline file here names another file."""

    def read_text(self, path: str) -> str:
        raise FileNotFoundError(path)

    def has(self, path: str) -> bool:
        del path
        return False


def judged(text: str, target: str = "vertex", *profiles: str) -> list[Diagnostic]:
    """Everything that compiling `text` for the target says, whether it is refused or not."""
    try:
        return compile(Source("p.yaml", text), TARGETS[target], NoFiles(), Choice(profiles)).diagnostics
    except Rejected as error:
        return error.diagnostics


def messages(text: str, target: str = "vertex", *profiles: str, only: str = "") -> list[str]:
    """`only` keeps the codes that it names; without it all are kept."""
    found = judged(text, target, *profiles)
    return [_line(one) for one in found if not only or one.rule.code in only.split()]


def codes(text: str, target: str = "vertex", *profiles: str) -> list[str]:
    return [one.rule.code for one in judged(text, target, *profiles)]


def _line(one: Diagnostic) -> str:
    line, column = one.span.position
    return f"{line}:{column} {one.rule.severity} {one.rule.code} {one.fact} | {one.fix}"
