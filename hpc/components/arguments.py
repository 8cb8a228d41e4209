"""What the argument templates see: every argument of one use of a container component, in the style of its `cli`.

A `Use` enters; texts leave, in which what the platform pastes is a placeholder. The checks of the compiler have refused
before what cannot be written here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from hpc.components import hydra
from hpc.components.bootstrap import interpreter
from hpc.components.container import ArgumentGroup, ContainerComponent
from hpc.components.ports import Port
from hpc.components.references import Reference, literal, mentions_reference, parts_of
from hpc.components.types import STRING, Plain
from hpc.components.use import (
    Pasted,
    Use,
    elements,
    input_value,
    json_list,
    needs_bootstrap,
    needs_small_bootstrap,
    output_value,
    references_in,
    resolved,
    takes_flags,
)


@dataclass(frozen=True)
class Argument:
    """A port or an override as a template sees it.

    `key` is the Hydra key or the flag; `texts` what follows it, one or several words; `raw` tells a Hydra override
    that only the bootstrap can write exactly. For programs that are no Hydra apps, `type` is `constant` where an
    override pastes nothing, and `value` is what it says then; `elements` are the texts of a list put together from
    several sources, each as it is pasted.
    """

    name: str
    key: str
    type: str
    texts: tuple[str, ...]
    bound: bool = True
    raw: bool = False
    value: Any = None
    elements: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return self.texts[0] if self.texts else ""


def command(use: Use) -> list[str]:
    """The command with its placeholders, behind the program that writes raw values for Hydra where it needs one.

    What else stands in front of it depends on the target: `bootstrap.py`.
    """
    words = [_pasted_text(use, word) for word in use.component.command]
    program = _bootstrap(use)
    return [interpreter(words), "-c", program, *words] if program and words else words


def _bootstrap(use: Use) -> str:
    """The program in front of the command; empty if it needs none."""
    if takes_flags(use):
        return hydra.BOOTSTRAP
    if not needs_bootstrap(use.component):
        return ""
    return hydra.SMALL_BOOTSTRAP if needs_small_bootstrap(use.component) else hydra.BOOTSTRAP


def context(use: Use) -> dict[str, Any]:
    """The names that a template can use."""
    return {
        "args": list(_literal_arguments(use)),
        "overrides": [*_overrides(use)],
        "sweep": [*_sweep(use)],
        "inputs": [*_inputs(use)],
        "outputs": [*_outputs(use)],
        "component": use.component,
        "bootstrap": bool(_bootstrap(use)),
    }


# ---------------------------------------------------------------- literal arguments


def _literal_arguments(use: Use) -> Iterator[str]:
    for item in use.component.args:
        if isinstance(item, str):
            yield _pasted_text(use, item)
        elif isinstance(item, ArgumentGroup):
            if item.absent not in use.bound:
                yield from (_pasted_text(use, word) for word in item.args)
        elif not any(use.is_absent(reference) for reference in references_in(item)):
            yield from (_pasted_text(use, word) for word in item)


def _pasted_text(use: Use, text: str) -> str:
    """A word in which every reference has become its placeholder, without any quoting."""
    pieces = [_bare(resolved(use, part)) if isinstance(part, Reference) else literal(part) for part in parts_of(text)]
    return "".join(pieces)


def _bare(value: Pasted | Any) -> str:
    return value.placeholder if isinstance(value, Pasted) else _plain(value)


def _plain(value: Any) -> str:
    """A constant as one word for a program that is not Hydra: JSON, but text as it is."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


# ---------------------------------------------------------------- overrides


def _overrides(use: Use) -> Iterator[Argument]:
    for key in sorted(use.overrides, key=_by_bare_key):
        value = use.overrides[key]
        if any(use.is_absent(reference) for reference in references_in(value)):
            continue
        yield _hydra_override(use, key, value) if use.component.is_hydra else _flag_override(use, key, value)


def _sweep(use: Use) -> Iterator[Argument]:
    """What Hydra's --multirun goes through: Hydra's own words as they are, or constants one by one."""
    for key in sorted(use.component.sweep, key=_by_bare_key):
        values = use.component.sweep[key]
        text = _pasted_text(use, values) if isinstance(values, str) else ",".join(_swept(use, one) for one in values)
        yield Argument(key, key, "sweep", (text,))


def _swept(use: Use, value: Plain) -> str:
    """A constant of a sweep; of names it holds at most those of the machine."""
    return hydra.constant(_Marks(use, value).mark(value))


def _by_bare_key(key: str) -> tuple[str, str]:
    """A mapping has no order, so the compiled file must not depend on one. A parent stands before its children."""
    return hydra.bare_key(key), key


def _flag_override(use: Use, key: str, value: Any) -> Argument:
    if isinstance(value, str) and (type_name := _pasted_type(use, value)):
        return Argument(key, flag(key), type_name, (_pasted_text(use, value),))
    constant = _constant(use, value)
    return Argument(key, flag(key), "constant", () if value is None else (_plain(constant),), value=constant)


def _pasted_type(use: Use, text: str) -> str:
    """The type of the input that the whole text names; `string` if the platform pastes into it; else empty."""
    references = [*references_in(text)]
    if not any(isinstance(resolved(use, reference), Pasted) for reference in references):
        return ""
    name = references[0].name if references[0].namespace == "inputs" and len(parts_of(text)) == 1 else ""
    port_type = use.component.inputs[name].type if name else STRING
    return "string" if port_type.is_artifact and not port_type.is_list else str(port_type)


def _constant(use: Use, value: Plain) -> Any:
    """What an override says into which nothing is pasted."""
    if not isinstance(value, str) or not mentions_reference(value):
        return _literal(value)
    pieces = [resolved(use, part) if isinstance(part, Reference) else literal(part) for part in parts_of(value)]
    return pieces[0] if len(pieces) == 1 else "".join(map(_plain, pieces))


def _literal(value: Plain) -> Any:
    """A list or mapping without references (the checks refuse them here), its escapes undone."""
    if isinstance(value, str):
        return literal(value)
    if isinstance(value, list):
        return [_literal(item) for item in value]
    return {key: _literal(value[key]) for key in sorted(value)} if isinstance(value, dict) else value


def _hydra_override(use: Use, key: str, value: Any) -> Argument:
    """An override whose references stand as marks while Hydra's quotes are put, and become placeholders after."""
    marks = _Marks(use, value)
    marked = marks.mark(value)
    if marks.raw and use.component.quoting == "exact":
        return Argument(key, key, "constant", (marks.as_raw(marked),), raw=True)
    if value is None and key.startswith("~"):
        return Argument(key, key, "constant", ())
    return Argument(key, key, "constant", (marks.as_final(hydra.constant(marked)),))


class _Marks:
    """Marks stand in for references, so that these survive quoting: a character of Unicode's private use area that the
    text does not hold, and a number."""

    def __init__(self, use: Use, value: Any) -> None:
        self.use = use
        self.sign = next(
            char for char in map(chr, range(0xE000, 0xF8FF)) if char not in json.dumps(value, ensure_ascii=False)
        )
        self.found: dict[str, Pasted] = {}

    @property
    def raw(self) -> bool:
        return any(value.raw for value in self.found.values())

    def mark(self, value: Plain) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            return [self.mark(item) for item in value]
        if isinstance(value, dict):
            return {key: self.mark(value[key]) for key in sorted(value)}
        return value

    def _text(self, text: str) -> Any:
        if not mentions_reference(text):
            return literal(text)
        pieces = [self._piece(part) if isinstance(part, Reference) else literal(part) for part in parts_of(text)]
        return (
            pieces[0]
            if len(pieces) == 1
            else "".join(piece if isinstance(piece, str) else _plain(piece) for piece in pieces)
        )

    def _piece(self, reference: Reference) -> Any:
        value = resolved(self.use, reference)
        if not isinstance(value, Pasted):
            return value
        if reference.name in self.use.gathered and reference.namespace == "inputs":
            value = replace(value, placeholder=_hydra_list(self.use, reference.name))
        mark = f"{self.sign}{len(self.found)}{self.sign}"
        self.found[mark] = value
        return mark

    def as_raw(self, text: str) -> str:
        """For the bootstrap, which takes all between the outer quotes as it stands."""
        value = self.found.get(text)
        return hydra.pasted(value.kind, value.placeholder) if value else f"'{self._placed(text)}'"

    def as_final(self, text: str) -> str:
        """For Hydra itself: a mark that is a whole value stands in quotes, and its own form replaces both."""
        for mark, value in self.found.items():
            text = text.replace(f"'{mark}'", hydra.pasted(value.kind, value.placeholder))
        return self._placed(text)

    def _placed(self, text: str) -> str:
        for mark, value in self.found.items():
            text = text.replace(mark, value.placeholder)
        return text


# ---------------------------------------------------------------- ports


def _inputs(use: Use) -> Iterator[Argument]:
    for name, port in sorted(use.component.inputs.items()):
        if port.pass_ == "none":
            continue
        key = _key(use, name, port)
        if name not in use.bound:
            yield Argument(name, key, str(port.type), (), bound=False)
        elif name in use.gathered:
            yield from _gathered(use, name, key)
        else:
            value = input_value(name, port)
            yield Argument(name, key, str(port.type), (_form(use, value),), raw=value.raw)


def _outputs(use: Use) -> Iterator[Argument]:
    for name, port in sorted(use.component.outputs.items()):
        if port.pass_ != "none":
            yield Argument(name, _key(use, name, port), str(port.type), (_form(use, output_value(name, port)),))


def _key(use: Use, name: str, port: Port) -> str:
    key = port.key(name)
    return key if use.component.is_hydra else flag(key)


def tuner_flag(component: ContainerComponent, name: str) -> str:
    """The flag by which a tuning service hands over a value of an input; for Hydra the bootstrap reads it."""
    key = component.inputs[name].key(name)
    return f"--{key}" if component.is_hydra else flag(key)


def flag(key: str) -> str:
    """The flag of an argparse-style program for a key."""
    return key if key.startswith("-") else f"--{key}"


def _form(use: Use, value: Pasted) -> str:
    return hydra.pasted(value.kind, value.placeholder) if use.component.is_hydra else value.placeholder


def _gathered(use: Use, name: str, key: str) -> Iterator[Argument]:
    """A list put together from several sources."""
    values = elements(use, name)
    port_type = use.component.inputs[name].type
    forms = tuple(_form(use, value) for value in values)
    argument = Argument(name, key, str(port_type), forms, elements=forms)
    if use.component.is_hydra:
        if any(value.raw for value in values) and use.component.quoting == "exact":
            yield from (
                replace(argument, key=f"{key}[{index}]", texts=(form,), raw=True) for index, form in enumerate(forms)
            )
        else:
            yield replace(argument, texts=(_hydra_list(use, name),))
    elif port_type.is_artifact:
        yield argument
    else:
        yield replace(argument, texts=(json_list(use, name),))


def _hydra_list(use: Use, name: str) -> str:
    return f"[{','.join(_form(use, value) for value in elements(use, name))}]"
