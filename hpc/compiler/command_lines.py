"""The command of a container as the pipeline file would write it: a component spec enters, lines of text leave.

The programs of hpc that stand in front of it are named and not shown; placeholders of the IR become `${{ … }}` again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from hpc.compiler.lower.executors import started
from hpc.compiler.render import ComponentSpec
from hpc.compiler.targets import Target
from hpc.components import placeholders

_PLACEHOLDER = re.compile(r"\{\{\$(.*?)\}\}")
_PORT = re.compile(r"\.(inputs|outputs)\.(?:parameters|artifacts)\['([^']*)'\](?:\.(path|uri|output_file|metadata.*))?")
_OWN_PROGRAM = re.compile(r"# hpc (\w+) \d+:")
_ENTRYPOINT = "<entrypoint>"
_PROGRAMS = {
    "metrics": "reports what its Metrics files hold",
    "secrets": "fetches its secrets",
    "values": "writes values in Hydra's grammar",
    "strings": "quotes texts for Hydra",
}


def command_lines(spec: ComponentSpec, target: Target) -> Iterator[str]:
    """The program in the first line and an argument in each other, in the words that it finds on the target."""
    command, programs = _without_programs(started(spec, target)[0])
    args = list(spec.args)
    if {"values", "strings"} & {*programs} and "--" in args:
        del args[len(args) - 1 - args[::-1].index("--")]
    own = _Words(spec)
    words = [own.readable(word) for word in [*command, *args]]
    yield from _laid_out(words) if command else _laid_out([_ENTRYPOINT, *words])
    if programs:
        yield f"before it, programs of hpc: {'; '.join(_PROGRAMS.get(name, name) for name in programs)}"


class _Words:
    """Words of a command with placeholders as the pipeline file would write them."""

    def __init__(self, spec: ComponentSpec) -> None:
        self.inputs = {ir: name for name, names in spec.names.items() for ir in names}
        self.outputs = {ir: name for name, ir in spec.output_names.items()}
        self.run = {placeholders.run_input(name): name for name in placeholders.RUN}
        self.run_in_text = {text: name for name, text in {**placeholders.RUN, **placeholders.RUN_IN_TEXT}.items()}

    def readable(self, word: str) -> str:
        return _PLACEHOLDER.sub(self._reference, word)

    def _reference(self, found: re.Match[str]) -> str:
        if found[0] in self.run_in_text:
            return f"${{{{ run.{self.run_in_text[found[0]]} }}}}"
        port = _PORT.fullmatch(found[1])
        if port is None:
            return found[0]
        if port[2] in self.run:
            return f"${{{{ run.{self.run[port[2]]} }}}}"
        names = self.inputs if port[1] == "inputs" else self.outputs
        rest = f".{port[3]}" if port[3] and port[3] not in ("path", "output_file") else ""
        return f"${{{{ {port[1]}.{names.get(port[2], port[2])}{rest} }}}}"


def _without_programs(command: Sequence[str]) -> tuple[list[str], list[str]]:
    """The command behind hpc's own programs, and the names of these."""
    words, programs = list(command), list[str]()
    while words[1:2] == ["-c"] and (found := _OWN_PROGRAM.match("".join(words[2:3]))):
        programs.append(found[1])
        ends_in_dashes = found[1] in ("metrics", "secrets")
        words = words[words.index("--") + 1 :] if ends_in_dashes else words[3:]
    return words, programs


def _laid_out(words: Sequence[str]) -> Iterator[str]:
    """The program in the first line, an argument in each other."""
    first = next((index for index, word in enumerate(words) if "=" in word or word.startswith("--")), len(words))
    yield " ".join(map(_quoted, words[:first]))
    yield from (f"  {_quoted(word)}" for word in words[first:])


def _quoted(word: str) -> str:
    if "\n" in word:
        return f"<a text of {word.count(chr(10)) + 1} lines>"
    is_plain = word == _ENTRYPOINT or (word and not re.search(r"\s", re.sub(r"\$\{\{.*?\}\}", "", word)))
    return word if is_plain else json.dumps(word, ensure_ascii=False)
