"""Any text and any JSON value as a text that SQLite keeps whole, and back.

SQLite takes no lone surrogates (which stand for bytes of a file name that are not UTF-8) and cuts some texts at NUL.
Both are written as DLE (U+0010) and four hexadecimal digits; so is DLE itself. All other texts stay as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from hpc.engines.local.store.errors import StoreError

_UNFIT = re.compile("[\0\x10\ud800-\udfff]")
_WRITTEN = re.compile("\x10([0-9a-f]{4})")


def kept(text: str) -> str:
    return _UNFIT.sub(_escape, text)


def told(kept_text: str) -> str:
    return _WRITTEN.sub(_unescape, kept_text) if "\x10" in kept_text else kept_text


def kept_or_none(text: str | None) -> str | None:
    return None if text is None else kept(text)


def told_or_none(kept_text: str | None) -> str | None:
    return None if kept_text is None else told(kept_text)


def kept_json(value: object) -> str:
    """Compact JSON; NaN and infinities as Python writes them. StoreError for what is nested too deep to be JSON.

    TypeError for what is no JSON value at all.
    """
    if value == {}:
        return "{}"
    try:
        return kept(_ENCODER.encode(value))
    except (ValueError, RecursionError) as error:
        raise StoreError(f"a value of a task cannot be kept as JSON: {error}") from None


def told_json(text: str) -> Any:
    return {} if text == "{}" else json.loads(told(text))


def _escape(found: re.Match[str]) -> str:
    return f"\x10{ord(found[0]):04x}"


def _unescape(found: re.Match[str]) -> str:
    return chr(int(found[1], 16))


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(cast("Mapping[object, object]", value))
    raise TypeError(f"{type(value).__name__} is not JSON")


# Not in ASCII: two surrogates that stand side by side would come back as one character.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain)
