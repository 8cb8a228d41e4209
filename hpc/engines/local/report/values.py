"""Values as short texts that a person reads: any value of a run enters, text of a bounded length leaves."""

from __future__ import annotations

import json
import math
import re
import time

LONGEST = 2000
_CONTROL_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_SURROGATE = re.compile("[\ud800-\udfff]")
_PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n\r"} | {0x7F: 0x2421}
_CONTROLS = {**_PICTURES, **dict.fromkeys(range(0x80, 0xA0), 0xFFFD)}
"""C0 as the pictures that Unicode has for them, C1 as the replacement character: HTML allows neither."""


def without_colors(text: str) -> str:
    """The text without the control sequences of terminals (ECMA-48)."""
    return _CONTROL_SEQUENCE.sub("", text) if "\x1b" in text else text


def printable(text: str) -> str:
    """The text with nothing in it that UTF-8 or HTML cannot hold."""
    return _SURROGATE.sub("\ufffd", text).translate(_CONTROLS)


def shown(value: object, longest: int = LONGEST) -> str:
    """Text as it is, anything else as JSON, shortened where it is too long."""
    return clipped(value if isinstance(value, str) else _json(value), longest)


def clipped(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text):,} characters)"


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (RecursionError, ValueError, TypeError):
        return str(type(value))


def number(value: object) -> float | None:
    """The value if it is a finite number; true is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def figure(value: float) -> str:
    """A number in six significant digits, whole numbers in full up to 15 digits."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.6g}"


def duration(seconds: float) -> str:
    """`0.25 s`, `12.3 s`, `3 min 05 s`, `2 h 03 min`."""
    if seconds < 0.995:
        return f"{max(seconds, 0.0):.2g} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def moment(seconds: float | None) -> str:
    """`2026-11-20 03:09:12 UTC`; empty for no time and for one that no calendar has."""
    try:
        return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return ""


def size(count: int) -> str:
    """`812 B`, `1.4 MB`."""
    for power, unit in enumerate(("B", "kB", "MB", "GB")):
        if count < 1000 ** (power + 1) or unit == "GB":
            return f"{count} B" if not power else f"{count / 1000**power:.1f} {unit}"
    return ""


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
