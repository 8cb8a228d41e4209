"""What any engine demands of a pipeline and its arguments before it starts anything, and the collector of findings."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from hpc.diagnostics import Diagnostic, Rejected, Rule, Span

NOT_A_PIPELINE = Rule(
    "HPC900",
    "not a compiled pipeline",
    "The engine runs PipelineSpec documents, version 2.1.0, as hpc compile or the KFP SDK write them.",
    "Compile the pipeline again, or give the compiled file itself.",
)
UNKNOWN_ARGUMENT = Rule(
    "HPC902",
    "unknown argument",
    "An argument must be named as an input of the pipeline; a mistyped one would silently leave the default.",
    "Use one of the names of the pipeline's inputs.",
)
MISSING_ARGUMENT = Rule(
    "HPC903",
    "missing argument",
    "An input without a default must be given.",
    "Add -i name=value.",
)
WRONG_ARGUMENT = Rule(
    "HPC904",
    "argument of the wrong type",
    "An argument is read as the tasks will read it: 5 is an integer, 5.0 and 1_000 are not.",
    "Write the value in the form of the input's type.",
)
NOT_A_CHOICE = Rule(
    "HPC905",
    "argument is not a choice",
    "The input lists the values that it accepts.",
    "Use one of the listed values.",
)
RULES = (NOT_A_PIPELINE, UNKNOWN_ARGUMENT, MISSING_ARGUMENT, WRONG_ARGUMENT, NOT_A_CHOICE)

_COMPARED = 300
_LISTED = 30


class Findings:
    """Everything found in one document, called `source` in messages, before a run may begin."""

    def __init__(self, source: str, *, is_file: bool = True) -> None:
        self._where = Span.of_file(source) if is_file else Span.of_word(source)
        self._found: dict[tuple[str, str], Diagnostic] = {}

    def add(self, rule: Rule, fact: str, fix: str) -> None:
        """The same fact is told once, however many ways lead to it."""
        self._found.setdefault((rule.code, fact), Diagnostic(rule, self._where, fact, fix))

    def reject_if_any(self) -> None:
        if self._found:
            raise Rejected(self._found.values())


def nearest(name: str, names: Iterable[str]) -> str:
    """`did you mean x?`, or the names there are, of many the first ones."""
    known = sorted(names)
    close = get_close_matches(name, known, n=1) if len(known) <= _COMPARED else []
    if close:
        return f"did you mean {close[0]}?"
    if len(known) > _LISTED:
        return f"there are {len(known)}: {', '.join(known[:_LISTED])}, …"
    return f"there are: {', '.join(known)}" if known else "there are none"
