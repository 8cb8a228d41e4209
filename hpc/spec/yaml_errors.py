"""Why a text is not YAML: takes the text and what PyYAML says, gives one diagnostic that names the likely cause.

PyYAML says what its parser wanted next. A user needs to know what was typed wrong, so the text around the place is
looked at, most telling sign first. Both of PyYAML's parsers are understood: they agree on places, not on words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from yaml import MarkedYAMLError

from hpc.diagnostics import Diagnostic, Rule, Source, Span

NOT_YAML = Rule(
    "HPC001",
    "not valid YAML",
    "The file cannot be read as YAML 1.2, so nothing after this place can be judged.",
    "Quote the value if it holds `: `, ` #` or starts with one of @ ` % & * ! | > [ ] { }; close what is open.",
)
TAB = Rule(
    "HPC002",
    "tab used for indentation",
    "YAML forbids tabs in indentation, because their width is not the same in every editor.",
    "Replace tabs with spaces, 2 per level.",
)
INDENTATION = Rule(
    "HPC003",
    "indentation",
    "Keys of one mapping and items of one list start in the same column; that is how YAML knows what belongs together.",
    "Move the line to the column of its block.",
)
BRACES = Rule(
    "HPC007",
    "`{{` without a dollar sign",
    "`{{` at the start of a value opens a YAML mapping inside a mapping. hpc expressions are `${{ … }}`.",
    "Write `${{`, or quote the value if the braces are meant as text.",
)
UNQUOTED_EXPRESSION = Rule(
    "HPC008",
    "unquoted expression inside brackets",
    "Inside `[ ]` and `{ }` YAML reads the braces of `${{ … }}` as a mapping.",
    "Put the whole value in double quotes.",
)
CHARACTERS = Rule(
    "HPC014",
    "encoding or forbidden character",
    "A pipeline file is UTF-8 text. YAML allows no control characters but tab and line ends.",
    "Save the file as UTF-8; write control characters as escapes inside double quotes.",
)
DIRECTIVE = Rule(
    "HPC016",
    "directive",
    "`%TAG` changes what tags mean, and `%YAML` other than 1.2 changes what values mean; hpc reads one language.",
    "Remove the line that starts with `%`.",
)

BRACES_FACT = "`{{` at the start of a value opens a YAML mapping, not an expression."
BRACES_FIX = "hpc expressions are `${{ … }}`; write `${{` with the dollar sign."

RULES = (NOT_YAML, TAB, INDENTATION, BRACES, UNQUOTED_EXPRESSION, CHARACTERS, DIRECTIVE)

_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_INDENT = re.compile(r"[ \t]*")
_REST_OF_LINE = re.compile(r"[^\r\n]*")
_BRACES = re.compile(r"(?:^|(?<=[\s\[,(]))\{\{")
_ITEM_START = re.compile(r"(?:[^\s,\[\]{}:]|:(?!\s)|[ \t](?=[^\s,\[\]{}]))*\Z")
_ITEM_REST = re.compile(r"(?:\$?\{\{[^{}\r\n]*\}\}|:(?![\s,\]}])|[^:,\[\]{}\r\n])*")
_CONTENT_LINE = re.compile(r"^(?!\ufeff?[ \t]*(?:#|$|---|%))[^\r\n]+", re.M)
_KEY_COLUMN = re.compile(r"(?:- +)*")
_COLON_WITHOUT_SPACE = re.compile(r"[ \t]*(?:- +)*[\w.+~/-]+(:)(?=[^\s:/])")
_WORD = re.compile(r"[^\s,\[\]{}]{1,40}")
_UNKNOWN_ESCAPE = re.compile(r"\\(?:[uU][0-9a-fA-F]*|.)", re.S)


# How far back a cause is looked for with patterns whose cost is not linear.
_NEAR = 2000


@dataclass(frozen=True)
class _Trouble:
    """What the parser reports: `at` is where it stopped, `since` where the thing that it was reading began."""

    source: Source
    problem: str
    at: int
    since: int | None

    @property
    def text(self) -> str:
        return self.source.text

    @property
    def char(self) -> str:
        return self.text[self.at : self.at + 1]

    @property
    def before(self) -> str:
        """The line up to the place."""
        return self.text[_line_start(self.text, self.at) : self.at]

    @property
    def starts_line(self) -> bool:
        return not self.before.strip()

    def column(self, at: int) -> int:
        return self.source.position(at)[1]

    def report(self, rule: Rule, extent: tuple[int, int], fact: str, fix: str) -> Diagnostic:
        return Diagnostic(rule, Span(self.source, *extent), fact, fix)

    def not_yaml(self, at: int, fact: str, fix: str) -> Diagnostic:
        return self.report(NOT_YAML, (at, min(at + 1, len(self.text))), fact, fix)


def explain(source: Source, error: Exception, reached: int) -> Diagnostic:
    """The likely cause of what PyYAML raised for the text of `source`; `reached` is the end of what could be read."""
    forbidden = forbidden_character(source)
    if forbidden:
        return forbidden
    trouble = _trouble(source, error, reached)
    for guess in _GUESSES:
        found = guess(trouble)
        if found:
            return found
    fix = "quote the value if it starts with one of @ ` % & * ! | > [ ] { }."
    return trouble.not_yaml(trouble.at, f"this is not valid YAML: {trouble.problem}.", fix)


def _trouble(source: Source, error: Exception, reached: int) -> _Trouble:
    if not isinstance(error, MarkedYAMLError):
        return _Trouble(source, str(error), reached, None)
    at, since = error.problem_mark, error.context_mark
    problem = " ".join(part for part in (error.context, error.problem) if part)
    return _Trouble(source, problem, at.index if at else reached, since.index if since else None)


def forbidden_character(source: Source) -> Diagnostic | None:
    """The refusal of the first character that YAML forbids, or None."""
    found = _FORBIDDEN.search(source.text)
    if not found:
        return None
    number = ord(found[0])
    escape = f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
    fix = f'remove it; inside double quotes it can be written "{escape}".'
    if number == 0xFEFF or 0xD800 <= number < 0xE000:
        fix = "remove it."
    return Diagnostic(
        CHARACTERS, Span(source, *found.span()), f"YAML does not allow the character U+{number:04X}.", fix
    )


def _tab(trouble: _Trouble) -> Diagnostic | None:
    problem = trouble.problem
    if "',' or" in problem or "quoted scalar" in problem:
        return None
    line = trouble.at - len(trouble.before)
    indent = _INDENT.match(trouble.text, line)
    tab = line + indent[0].index("\t") if indent and "\t" in indent[0] else trouble.at
    if trouble.text[tab : tab + 1] != "\t":
        return None
    fact = "a tab is used for indentation; YAML allows only spaces."
    return trouble.report(TAB, (tab, tab + 1), fact, "replace it with spaces (2 per level).")


def _unquoted_expression(trouble: _Trouble) -> Diagnostic | None:
    text, at = trouble.text, trouble.at
    if "',' or" not in trouble.problem or text[at - 1 : at + 2] != "${{":
        return None
    head = _ITEM_START.search(trouble.before[-_NEAR:])
    start = at - len(head[0].lstrip()) if head else at - 1
    rest = _ITEM_REST.match(text, at - 1)
    end = at - 1 + len(rest[0].rstrip()) if rest else at + 2
    written = text[start:end]
    quoted = f"'{written}'" if '"' in written else f'"{written}"'
    fact = "`${{ … }}` inside `[ ]` or `{ }` must be quoted: YAML reads its braces as a mapping."
    return trouble.report(UNQUOTED_EXPRESSION, (start, end), fact, f"write {quoted}.")


def _braces(trouble: _Trouble) -> Diagnostic | None:
    if "quoted scalar" in trouble.problem:
        return None
    text, since = trouble.text, trouble.since or 0
    opened = since - 1 if text[since - 1 : since + 1] == "{{" and since else since
    first = min(trouble.at - len(trouble.before), opened if "flow" in trouble.problem else trouble.at)
    found = _BRACES.search(text, first, trouble.at + 2)
    if not found or text.count('"', first, found.start()) % 2:
        return None
    return trouble.report(BRACES, found.span(), BRACES_FACT, BRACES_FIX)


def _directive(trouble: _Trouble) -> Diagnostic | None:
    problem = trouble.problem
    if not ("directive" in problem or "incompatible" in problem or "<document start>" in problem):
        return None
    line = trouble.text.rfind("\n%", 0, trouble.at + 1) + 1
    if trouble.text[line : line + 1] != "%":
        return None
    return directive(trouble.source, line)


def directive(source: Source, at: int) -> Diagnostic:
    """The refusal of the directive (`%…`) that starts at the character offset `at`."""
    rest = _REST_OF_LINE.match(source.text, at)
    written = rest[0].split("#")[0].rstrip() if rest else "%"
    fix = "remove this line; text that starts with `%` needs quotes."
    span = Span(source, at, at + len(written))
    return Diagnostic(DIRECTIVE, span, f"the directive `{written[:40]}` is not part of hpc.", fix)


def _quotes(trouble: _Trouble) -> Diagnostic | None:
    problem, since = trouble.problem, trouble.since
    if "quoted scalar" not in problem or since is None:
        return None
    quote = trouble.text[since]
    if "unexpected" in problem:
        return trouble.not_yaml(since, f"the quote {quote} opened here is never closed.", f"close it with {quote}.")
    if "escape" not in problem:
        return None
    return _escape(trouble, trouble.text.rfind("\\", since, trouble.at + 1))


def _escape(trouble: _Trouble, at: int) -> Diagnostic:
    found = _UNKNOWN_ESCAPE.match(trouble.text, at)
    written = found[0] if found else "\\"
    if written[1:2] in ("u", "U"):
        return surrogate(trouble.source, at, at + len(written))
    fact = f'`{written.strip()}` is not an escape sequence of "…".'
    return trouble.not_yaml(at, fact, "write `\\\\` for a backslash, or use single quotes: '…'.")


def surrogate(source: Source, start: int, end: int) -> Diagnostic:
    """The refusal of an escape that stands for half a character (JSON's way) or for none at all."""
    written = source.text[start:end]
    reason = "; YAML does not join two halves as JSON does" if written.startswith("\\u") else ""
    fact = f"`{written}` is not a character{reason}."
    fix = "write the character itself, or `\\U` with eight hexadecimal digits."
    return Diagnostic(NOT_YAML, Span(source, start, end), fact, fix)


_STARTS = {
    "alias": "`*` at the start of a value stands for an alias",
    "anchor": "`&` at the start of a value stands for an anchor",
    "tag": "`!` at the start of a value stands for a tag",
    "block scalar": "`{}` at the start of a value stands for a block of text on the lines below",
}


def _special_start(trouble: _Trouble) -> Diagnostic | None:
    """Text that starts with a character that means something to YAML."""
    for what, fact in _STARTS.items():
        if trouble.since is not None and f"ing a {what}" in trouble.problem.replace("an ", "a "):
            return _quote_it(trouble, trouble.since, fact.format(trouble.text[trouble.since]))
    alias = re.search(r"\*[0-9A-Za-z_-]+[ \t]+\Z", trouble.before)
    if alias and "expected" in trouble.problem:
        at = trouble.at - len(alias[0])
        return _quote_it(trouble, at, _STARTS["alias"])
    forbidden = trouble.char in ("@", "`", "%") or "mapping keys are not allowed" in trouble.problem
    if forbidden or ("content" in trouble.problem and trouble.char in (",", "]", "}")):
        char = "a backtick" if trouble.char == "`" else f"`{trouble.char}`"
        return _quote_it(trouble, trouble.at, f"unquoted text cannot start with {char}")
    return None


def _quote_it(trouble: _Trouble, at: int, fact: str) -> Diagnostic:
    rest = _REST_OF_LINE.match(trouble.text, at)
    written = rest[0].split(" #")[0].rstrip() if rest else ""
    return trouble.not_yaml(at, f"{fact}.", f"quote the value: {_quoted(written)}.")


def _quoted(written: str) -> str:
    if len(written) > 60 or '"' in written or "\\" in written:
        return "'…'"
    return f'"{written}"'


def _colon_in_text(trouble: _Trouble) -> Diagnostic | None:
    if "mapping values are not allowed" not in trouble.problem:
        return None
    if re.search(r":[ \t]", trouble.before):
        fact = "`: ` inside unquoted text; YAML reads it as a second key on the line."
        return trouble.not_yaml(trouble.at, fact, "quote the whole value.")
    line = trouble.at - len(trouble.before)
    key = line + len(trouble.before) - len(trouble.before.lstrip())
    above = _line_above(trouble.text, line)
    return _missing_space(trouble, above) or _too_deep(trouble, key, above)


def _line_start(text: str, at: int) -> int:
    return max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1


def _line_above(text: str, line: int) -> tuple[int, str]:
    """Offset and text of the last line with content before the one that starts at offset `line`."""
    first = _line_start(text, max(0, line - _NEAR))
    found = [(first + match.start(), match[0]) for match in _CONTENT_LINE.finditer(text[first:line])]
    return found[-1] if found else (0, "")


def _missing_space(trouble: _Trouble, line: tuple[int, str]) -> Diagnostic | None:
    start, text = line
    found = _COLON_WITHOUT_SPACE.match(text)
    if not found or re.search(r":(?:[ \t]|$)", text):
        return None
    at = start + found.start(1)
    return trouble.not_yaml(at, "a space is missing after this `:`.", "write `key: value`.")


def _too_deep(trouble: _Trouble, key: int, above: tuple[int, str]) -> Diagnostic | None:
    start, text = above
    indent = len(text) - len(text.lstrip(" "))
    dashes = _KEY_COLUMN.match(text, indent)
    block = start + (dashes.end() if dashes else indent)
    if trouble.column(key) <= trouble.column(block):
        return None
    return _move(trouble, key, [trouble.column(block)])


def _move(trouble: _Trouble, at: int, columns: list[int]) -> Diagnostic:
    here = trouble.column(at)
    if len(columns) == 1:
        fact = f"this line starts in column {here}, but its block starts in column {columns[0]}."
    else:
        fact = f"this line starts in column {here}, but the blocks around it start in columns {_list(columns, 'and')}."
    rest = _REST_OF_LINE.match(trouble.text, at)
    end = at + max(1, len(rest[0].rstrip()) if rest else 1)
    return trouble.report(
        INDENTATION, (at, end), fact, f"move it to column {_list(columns, 'or')} (2 spaces per level)."
    )


def _list(columns: list[int], joint: str) -> str:
    return f" {joint} ".join(map(str, columns))


def _no_key(trouble: _Trouble) -> Diagnostic | None:
    at_line_start = trouble.starts_line and "',' or" not in trouble.problem
    if trouble.char != ":" or not (at_line_start or "node content" in trouble.problem):
        return None
    return trouble.not_yaml(trouble.at, "no key stands before this `:`.", "write `key: value`.")


def _indentation(trouble: _Trouble) -> Diagnostic | None:
    """A line whose column fits no block that is open."""
    if not ("block" in trouble.problem or "<document start>" in trouble.problem) or not trouble.starts_line:
        return None
    since = _first_content(trouble.text) if trouble.since is None else trouble.since
    block, here = trouble.column(since), trouble.column(trouble.at)
    if block == here:
        return _mixed(trouble)
    lines = (match[0] for match in _CONTENT_LINE.finditer(trouble.text[since : trouble.at]))
    deeper = [column for column in map(_columns, lines) if column > here]
    return _move(trouble, trouble.at, [block, min(deeper)] if deeper and block < here else [block])


def _first_content(text: str) -> int:
    found = _CONTENT_LINE.search(text)
    return found.start() + len(found[0]) - len(found[0].lstrip()) if found else 0


def _columns(line: str) -> int:
    return len(line) - len(line.lstrip(" ")) + 1


def _mixed(trouble: _Trouble) -> Diagnostic | None:
    if trouble.since is None or "-" not in (trouble.char, trouble.text[trouble.since]):
        return None
    fact = "list items (`- `) and keys are mixed in one block."
    return trouble.not_yaml(
        trouble.at, fact, "indent the items under a key of their own, or write all lines with `- `."
    )


def _after_closed(trouble: _Trouble) -> Diagnostic | None:
    """More text on the line after a value that has ended."""
    before = trouble.before.rstrip()
    if "',' or" in trouble.problem or not before:
        return None
    if trouble.char in ("]", "}"):
        fix = "remove it, or quote the whole value."
        return trouble.not_yaml(trouble.at, f"`{trouble.char}` closes a bracket that is not open.", fix)
    if before[-1] in ("]", "}"):
        fix = "an edge with several sources needs no brackets: `a.x, b.x -> c.xs`; otherwise quote the whole value."
        return trouble.not_yaml(trouble.at, f"text follows a closed `{before[-1]}`.", fix)
    if before[-1] in ("'", '"'):
        inner = "''" if before[-1] == "'" else '\\"'
        fix = f"put the whole value in one pair of quotes; a {before[-1]} inside it is written {inner}."
        return trouble.not_yaml(trouble.at, f"text follows a closed {before[-1]}.", fix)
    return None


def _list_here(trouble: _Trouble) -> Diagnostic | None:
    if "sequence entries are not allowed" not in trouble.problem:
        return None
    fact = "a list item cannot start here." if trouble.starts_line else "a list cannot start on the line of its key."
    return trouble.not_yaml(trouble.at, fact, "start it on the next line: `- item`; or quote the value if it is text.")


def _key_without_colon(trouble: _Trouble) -> Diagnostic | None:
    if "could not find expected ':'" not in trouble.problem or trouble.since is None:
        return None
    since = trouble.since
    rest = _REST_OF_LINE.match(trouble.text, since)
    line = rest[0] if rest else ""
    word = _WORD.match(line)
    fact = f"`{word[0] if word else line[:40]}` stands where a key should, but no `: ` follows."
    fix = "write `key: value`, `- item`, or indent the line if it continues the text above."
    return _missing_space(trouble, (since, line)) or trouble.not_yaml(since, fact, fix)


def _no_value(trouble: _Trouble) -> Diagnostic | None:
    """Something inside brackets where a value should be."""
    if "flow node" not in trouble.problem:
        return None
    if not trouble.char:
        return trouble.not_yaml(trouble.at, "the file ends inside `[ ]` or `{ }`.", "close the bracket.")
    if trouble.char == ",":
        return trouble.not_yaml(trouble.at, "a value is missing before this `,`.", "remove the `,`, or write `null`.")
    return None


def _brackets(trouble: _Trouble) -> Diagnostic | None:
    if "',' or" not in trouble.problem or trouble.since is None:
        return None
    text, at, since = trouble.text, trouble.at, trouble.since
    opened = text[since]
    if not text[at:].strip():
        closing = "]" if opened == "[" else "}"
        return trouble.not_yaml(since, f"the `{opened}` opened here is never closed.", f"close it with `{closing}`.")
    if trouble.char in ("{", "[") and trouble.before[-1:].strip():
        fact = f"unquoted text inside `[ ]` or `{{ }}` ends at `{trouble.char}`."
        return trouble.not_yaml(at, fact, "quote the whole text.")
    line = trouble.source.position(since)[0]
    fact = f"a `,` is missing here, or the `{opened}` opened on line {line} is not closed."
    return trouble.not_yaml(at, fact, "separate values with `, `, close the bracket, or quote text that holds `: `.")


_GUESSES: tuple[Callable[[_Trouble], Diagnostic | None], ...] = (
    _tab,
    _unquoted_expression,
    _braces,
    _directive,
    _quotes,
    _no_value,
    _special_start,
    _no_key,
    _colon_in_text,
    _indentation,
    _after_closed,
    _list_here,
    _key_without_colon,
    _brackets,
)
