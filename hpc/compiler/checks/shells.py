"""A shell in `command` hands on the arguments that hpc writes behind it.

`[sh, -c, text]` makes what follows the text `$0`, `$1` and so on (POSIX, *sh*). The text itself has to pass them on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hpc.compiler import mentions
from hpc.compiler.graph import Graph
from hpc.compiler.targets import Target
from hpc.components.command import shell_text
from hpc.components.container import ContainerComponent
from hpc.components.use import references_in
from hpc.diagnostics import Diagnostic, Path, Place, Rule

DROPPED = Rule(
    "HPC622",
    "arguments that the shell drops",
    "What stands behind the text of `sh -c` becomes `$0`, `$1` and so on, which only the text itself can pass on. "
    '`"$@"` is all of them but `$0`.',
    "Write `[sh, -c, 'python train.py \"$@\"', sh]`, or let `command` start the program.",
    severity="warning",
)
RULES = (DROPPED,)

_ALL_OR_SOME = re.compile(r"\$(?:[@*1-9]|\{[#!]?[@*1-9])|\bfor\s+\w+\s*(?:;|\n)?\s*do\b|\bgetopts\b")
"""What reads positional parameters; `for x; do` goes through them without a word of it."""
_FIRST = re.compile(r"\$0|\$\{0")
_LONGEST = 60


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    del target
    for path, component in mentions.containers(graph):
        yield from _shell(component, path, component.overrides)
    for step in graph.steps:
        if not step.component.overrides and step.settings.overrides:
            yield from _shell(step.component, step.component_path, step.settings.overrides)


def _shell(component: ContainerComponent, path: Path, overrides: Mapping[str, Any]) -> Iterator[Diagnostic]:
    index = shell_text(component.command)
    if index is None:
        return
    text, arguments = component.command[index], _arguments(component, overrides)
    has_name = index + 1 < len(component.command)
    fact = _fact(text, arguments, has_name) if arguments else ""
    if fact:
        fix = f"write `{_example(component.command, index)}`, or let `command` start the program."
        yield Diagnostic(DROPPED, Place((*path, "command", index)), fact, fix)


def _fact(text: str, arguments: Sequence[str], has_name: bool) -> str:
    """What is lost; empty if nothing is. `has_name`: a word of the command is `$0`."""
    passes_first = not has_name and _FIRST.search(text)
    if passes_first or (has_name and _ALL_OR_SOME.search(text)):
        return ""
    if _ALL_OR_SOME.search(text):
        return "the shell takes the first argument for `$0`, so the program does not get it."
    return f"the shell's text does not pass on its arguments, so the program does not get {_listed(arguments)}."


def _listed(arguments: Sequence[str]) -> str:
    return arguments[0] if len(arguments) == 1 else f"{', '.join(arguments[:-1])} and {arguments[-1]}"


def _arguments(component: ContainerComponent, overrides: Mapping[str, Any]) -> list[str]:
    """What is written behind the command, as messages name it; a port whose value the command holds anyway is not
    missed."""
    if component.cli == "none":
        return ["`args`"] if component.args else []
    blocks = {"args": component.args, "overrides": overrides, "sweep": component.is_hydra and component.sweep}
    found = [f"`{block}`" for block, said in blocks.items() if said]
    held = {(each.namespace, each.name) for each in references_in([*component.command])}
    for kind, ports in (("input", component.inputs), ("output", component.outputs)):
        passed = (name for name, port in ports.items() if port.pass_ != "none")
        found += [f"{kind} `{name}`" for name in passed if (f"{kind}s", name) not in held]
    return found


def _example(command: Sequence[str], index: int) -> str:
    """The command with its arguments passed on, as far as its text is one short program."""
    text = command[index].strip()
    is_simple = len(text) <= _LONGEST and not re.search(r"['\n#{]", text)
    if not is_simple or not (_ALL_OR_SOME.search(text) or re.fullmatch(r"([^;|&$]|&&)*", text)):
        text = '… "$@"'
    elif not _ALL_OR_SOME.search(text):
        text = f'{text} "$@"'
    return f"[{', '.join(command[:index])}, '{text}', sh]"
