"""Commands and arguments whose wording depends on the inputs that have a value: read once, worded for each use.

KFP leaves `if`, `IfPresent`, `concat` and `Concat` to the platform, and no platform handles them all. hpc knows the
bound inputs when it compiles, so plain texts leave here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias, cast

from hpc.components.foreign.interface import Interface, Side
from hpc.components.foreign.node import Node, NotAComponent, shown
from hpc.components.foreign.text import json_value

PLACEHOLDER = re.compile(r"""\{\{\$\.(inputs|outputs)\.(parameters|artifacts)\[(?P<quote>['"])(.*?)(?P=quote)\]""")
_STRUCTURE = re.compile(r"""\s*\{\s*"(?:IfPresent|Concat)"\s*:""")


@dataclass(frozen=True)
class Text:
    """One text, and the inputs that it mentions."""

    text: str
    needs: tuple[str, ...]
    node: Node


@dataclass(frozen=True)
class Joined:
    """One text out of several elements."""

    parts: tuple[Element, ...]


@dataclass(frozen=True)
class IfPresent:
    """`then` where the input `port` has a value, else `otherwise`."""

    port: str
    then: tuple[Element, ...]
    otherwise: tuple[Element, ...]


Element: TypeAlias = "Text | Joined | IfPresent"


def expand(elements: tuple[Element, ...], bound: frozenset[str]) -> Iterator[str]:
    """The texts of `elements` where the inputs `bound` have a value, defaults included.

    Raises NotAComponent for a text that mentions an optional input without a value outside any condition on it: the
    KFP SDK would leave the placeholder to the platform, and the program would get `null` or the placeholder itself.
    """
    for element in elements:
        if isinstance(element, Text):
            yield _worded(element, bound)
        elif isinstance(element, Joined):
            yield "".join(expand(element.parts, bound))
        else:
            yield from expand(element.then if element.port in bound else element.otherwise, bound)


def _worded(element: Text, bound: frozenset[str]) -> str:
    for port in element.needs:
        if port not in bound:
            fact = f"takes the input `{port}` unconditionally, and it has no value here"
            raise element.node.fault(fact, f"give `{port}` a value, or put an `if` with `isPresent` around it.")
    return element.text


def text_element(node: Node, interface: Interface) -> Text:
    """A text in which KFP's own placeholders may stand; they must name ports that the file declares."""
    text = node.text()
    if "\0" in text:
        raise node.fault("holds a NUL character, which no argument can")
    mentioned = [_mentioned(match, node, interface) for match in PLACEHOLDER.finditer(text)]
    return Text(text, tuple(port for side, port in mentioned if side == "inputs"), node)


def _mentioned(match: re.Match[str], node: Node, interface: Interface) -> tuple[Side, str]:
    side, kind, ir = cast(Side, match[1]), match[2], match[4]
    port = interface.port_called(side, ir)
    if port is None:
        raise undeclared(node, side, ir)
    if interface.type_of(side, port).is_artifact != (kind == "artifacts"):
        raise node.fault(f"names `{shown(ir)}` as one of the {side}.{kind}, which it is not")
    return side, port


def undeclared(node: Node, side: Side, name: str) -> NotAComponent:
    """The complaint about a name that is no port of that side."""
    return node.fault(
        f"names the {side.removesuffix('s')} `{shown(name)}`, which the file does not declare",
        f"declare it under the {side} of the component, or correct the name.",
    )


def compiled_elements(nodes: list[Node], interface: Interface) -> tuple[Element, ...]:
    """`command` or `args` of compiled IR, where IfPresent and Concat are JSON texts."""
    return tuple(compiled_element(node, interface) for node in nodes)


def compiled_element(node: Node, interface: Interface) -> Element:
    """A text of a command, or what an IfPresent or a Concat in it stands for."""
    if not _STRUCTURE.match(node.text()):
        return text_element(node, interface)
    try:
        value = json_value(node.text())
    except ValueError:
        raise node.fault("looks like a placeholder of KFP, but is not JSON") from None
    return _structure(Node(value, node.path), interface)


def _structure(node: Node, interface: Interface) -> Element:
    if isinstance(node.value, str):
        return text_element(node, interface)
    if node.entries().keys() == {"Concat"}:
        return Joined(tuple(_structure(part, interface) for part in node.at("Concat").items()))
    if node.entries().keys() != {"IfPresent"}:
        raise node.fault("is neither text nor a `Concat` nor an `IfPresent`")
    choice = node.at("IfPresent")
    name = choice.at("InputName")
    port = interface.port_called("inputs", name.text())
    if port is None:
        raise undeclared(name, "inputs", name.text())
    return IfPresent(port, _branch(choice.at("Then"), interface), _branch(choice.get("Else"), interface))


def _branch(node: Node | None, interface: Interface) -> tuple[Element, ...]:
    """One element, or a list of them."""
    if node is None:
        return ()
    nodes = node.items() if isinstance(node.value, list) else [node]
    return tuple(_structure(part, interface) for part in nodes)
