"""Diagnostics as text with a caret, as JSON and as GitHub annotations. Takes located diagnostics, returns text."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hpc.diagnostics.diagnostic import Diagnostic

_COLORS = {"error": "31", "warning": "33", "note": "36", "fix": "32"}
_WIDEST = 200


def as_text(diagnostics: Sequence[Diagnostic], *, color: bool = False) -> str:
    """One block per diagnostic: place, code and fact; the line with a caret; the fix."""
    return "\n".join(_block(diagnostic, color) for diagnostic in diagnostics)


def as_json(diagnostics: Sequence[Diagnostic]) -> str:
    """A JSON array, one object per diagnostic. Lines and columns count from 1, `end` is excluded."""
    return json.dumps([_record(diagnostic) for diagnostic in diagnostics], indent=2, ensure_ascii=False) + "\n"


def as_github(diagnostics: Sequence[Diagnostic]) -> str:
    """GitHub workflow commands: https://docs.github.com/actions/reference/workflow-commands-for-github-actions."""
    return "".join(_annotation(_record(diagnostic)) for diagnostic in diagnostics)


def counted(diagnostics: Sequence[Diagnostic]) -> str:
    """The closing line: `2 errors, 1 warning`."""
    counts = [(sum(d.rule.severity == word for d in diagnostics), word) for word in ("error", "warning", "note")]
    return ", ".join(f"{count} {word}{'s' if count > 1 else ''}" for count, word in counts if count)


def _record(diagnostic: Diagnostic) -> dict[str, object]:
    span = diagnostic.span
    line, column = span.position
    end_line, end_column = span.source.position(max(span.start, span.end))
    return {
        "file": span.source.name,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "severity": diagnostic.rule.severity,
        "code": diagnostic.rule.code,
        "message": diagnostic.fact,
        "fix": diagnostic.fix,
    }


def _block(diagnostic: Diagnostic, color: bool) -> str:
    severity = diagnostic.rule.severity
    source, (line, column) = diagnostic.span.source, diagnostic.span.position
    place = f":{line}:{column}" if source.has_lines else ""
    head = f"{_plain(source.name)}{place}: "
    mark = _painted(f"{severity} {diagnostic.rule.code}", severity, color)
    fix = _painted("fix:", "fix", color)
    return f"{head}{mark} {_plain(diagnostic.fact)}\n{_excerpt(diagnostic, color)}  {fix} {_plain(diagnostic.fix)}\n"


def _excerpt(diagnostic: Diagnostic, color: bool) -> str:
    span = diagnostic.span
    if not span.source.text:
        return ""
    number, column = span.position
    line = span.source.line(number)
    width = max(1, min(span.end - span.start, len(line) - column + 1))
    first = max(0, column + width - _WIDEST) if column + width > _WIDEST else 0
    shown = _plain(line[first : first + _WIDEST])
    indent = "".join("\t" if char == "\t" else " " for char in line[first : column - 1])
    caret = _painted("^" * min(width, _WIDEST), diagnostic.rule.severity, color)
    return f"{number:5d} | {shown}\n      | {indent}{caret}\n"


def _annotation(record: dict[str, object]) -> str:
    place = ",".join(
        f"{name}={_property(record[key])}"
        for name, key in (
            ("file", "file"),
            ("line", "line"),
            ("col", "column"),
            ("endLine", "end_line"),
            ("title", "code"),
        )
    )
    message = f"{record['message']} Fix: {record['fix']}"
    level = {"note": "notice"}.get(str(record["severity"]), record["severity"])
    return f"::{level} {place}::{_escaped(message)}\n"


def _escaped(text: object) -> str:
    return str(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: object) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def _painted(text: str, role: str, color: bool) -> str:
    return f"\x1b[{_COLORS[role]}m{text}\x1b[0m" if color else text


def _plain(text: str) -> str:
    """The text with control characters made visible: a file must not be able to steer the terminal."""
    return "".join(char if char.isprintable() or char == "\t" else _visible(char) for char in text)


def _visible(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 0x100 else f"\\u{ord(char):04x}"
