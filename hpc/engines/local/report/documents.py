"""HTML and Markdown artifacts as what may stand in a report: nothing of them runs and nothing asks another machine.

The frame that shows an HTML artifact is sandboxed and has a policy of its own (Content Security Policy Level 3). What
that policy would refuse is taken out before, so that a browser has nothing to complain about. That is not what keeps
the report safe, with two exceptions: `<link>` and `<base>`, of which policies do not cover all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; media-src data:"
_HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    '<meta http-equiv="x-dns-prefetch-control" content="off"><meta name="referrer" content="no-referrer"></head>'
)

_GONE = frozenset({"link", "base", "iframe", "frame", "object", "embed", "applet", "portal"})
_GONE_WITH_CONTENT = frozenset({"script"})
_ADDRESSES = frozenset(
    {
        "src",
        "srcset",
        "href",
        "xlink:href",
        "poster",
        "background",
        "data",
        "action",
        "formaction",
        "ping",
        "imagesrcset",
    }
)
_OUTSIDE_STYLE = re.compile(r"url\(\s*(?!['\"]?\s*(?:data:|#))[^)]*\)|@import[^;]*;?|image-set\([^)]*\)", re.IGNORECASE)


def frame_of(content: str) -> str:
    """An HTML artifact as the `srcdoc` of a sandboxed frame."""
    quiet = _Quiet()
    quiet.feed(content)
    quiet.close()
    return _HEAD + "".join(quiet.parts)


class _Quiet(HTMLParser):
    """Copies HTML as it is, without programs and without what stands elsewhere."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _GONE_WITH_CONTENT:
            self._inside = tag
        elif tag not in _GONE and not (tag == "meta" and any(name == "http-equiv" for name, _ in attrs)):
            kept = [(name, value) for name, value in attrs if _is_quiet(tag, name, value or "")]
            self.parts.append(_tag(tag, kept))
            self._inside = tag if tag == "style" else ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _GONE_WITH_CONTENT or tag in _GONE:
            return
        kept = [(name, value) for name, value in attrs if _is_quiet(tag, name, value or "")]
        self.parts.append(_tag(tag, kept, " /"))

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""
        if tag not in _GONE and tag not in _GONE_WITH_CONTENT:
            self.parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            data = _OUTSIDE_STYLE.sub("none", data)
        if self._inside not in _GONE_WITH_CONTENT:
            self.parts.append(data)

    def handle_entityref(self, name: str) -> None:
        self.parts.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.parts.append(f"&#{name};")


def _tag(tag: str, attributes: Sequence[tuple[str, str | None]], end: str = "") -> str:
    words = [name if value is None else f'{name}="{escape(_style(name, value))}"' for name, value in attributes]
    return f"<{' '.join([tag, *words])}{end}>"


def _style(name: str, value: str) -> str:
    return _OUTSIDE_STYLE.sub("none", value) if name == "style" else value


def _is_quiet(tag: str, name: str, value: str) -> bool:
    if name.startswith("on") or name in {"srcdoc", "nonce"}:
        return False
    if name not in _ADDRESSES:
        return True
    inside = value.strip().startswith("#") or (
        value.strip()[:5].lower() == "data:" and tag not in {"a", "area", "form"}
    )
    return inside or (tag == "a" and name == "href" and re.match(r"https?:", value.strip(), re.IGNORECASE) is not None)


def markdown(content: str) -> Markup:
    """Markdown (CommonMark and tables) as HTML. HTML in it is shown as text; pictures must be in it as `data:`."""
    reader = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    tokens = reader.parse(content)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1:]) + 3, 6)}"  # below the headings of the report
        for inner in token.children or ():
            _settle(inner)
    return Markup(reader.renderer.render(tokens, reader.options, {}))


def _settle(token: Token) -> None:
    """A picture that is elsewhere becomes its text; a link tells the other side nothing."""
    if token.type == "link_open":
        token.attrSet("rel", "noopener noreferrer")
    source = str(token.attrGet("src") or "")
    if token.type == "image" and not source.startswith("data:image/"):
        token.type, token.tag, token.children = "text", "", None
        token.content = f"[picture: {token.content or source}]"
