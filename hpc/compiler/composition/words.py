"""The words that a Hydra app gets, each with the places where it is written.

A step enters, with what its inputs can have; `Written` words leave, in the order of the command line. A word is made as
a run makes it: from the very arguments that are compiled, in which the platform's part is played here, and then that of
the bootstrap.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal, cast

from hpc.compiler import mentions
from hpc.compiler.composition.scripts import program_of
from hpc.compiler.composition.values import STAND_IN_PATH, STAND_IN_TEXT, Given
from hpc.compiler.graph import ContainerStep
from hpc.compiler.questions import Word
from hpc.compiler.render import use_of
from hpc.components import arguments, hydra
from hpc.components.arguments import Argument
from hpc.components.container import ArgumentGroup
from hpc.components.ports import InputPort, OutputPort
from hpc.components.types import kind_of
from hpc.components.use import Use, references_in
from hpc.diagnostics import Path, Place


@dataclass(frozen=True)
class Written:
    """A word, and what a message about it needs.

    `key` and `value` are where a problem with either is shown, `others` where one with each of the word's `others` is.
    `origin` tells who wrote it; `content` is the value as the file has it, `kind` what messages call the type of that.
    `is_literal`: the word stands in the file as the program gets it.
    """

    word: Word
    key: Place
    value: Place
    origin: Literal["text", "override", "sweep", "input", "output"]
    others: tuple[Place, ...] = ()
    content: Any = None
    kind: str = ""
    is_literal: bool = False


def words_of(step: ContainerStep, given: Mapping[str, Given]) -> list[Written]:
    """Everything behind the program, in the order in which the templates write it."""
    use = use_of(step)
    context: dict[str, Any] = arguments.context(use)
    swept = [_swept(each, step, given) for each in context["sweep"]]
    multirun = [Written(Word("--multirun"), swept[0].key, swept[0].key, "sweep")] if swept else []
    texts = [*_command(step, use, given), *multirun, *_literals(step, use, context["args"], given)]
    overrides, ports = [*_overrides(step, context, given)], [*_ports(step, context, given)]
    final = [*_only(overrides, is_raw=False), *swept, *_only(ports, is_raw=False)]
    return [*texts, *final, *_only(overrides, is_raw=True), *_only(ports, is_raw=True), *_searched(step)]


def _only(found: Iterable[tuple[bool, Written]], *, is_raw: bool) -> Iterator[Written]:
    return (written for raw, written in found if raw == is_raw)


# ---------------------------------------------------------------- texts of the user


def _command(step: ContainerStep, use: Use, given: Mapping[str, Given]) -> Iterator[Written]:
    command, path = step.component.command, (*step.component_path, "command")
    pasted = arguments.command(use)
    for index in range(program_of(command).end, len(command)):
        yield _text(command[index], pasted[index - len(command)], (*path, index), given)


def _literals(step: ContainerStep, use: Use, pasted: Sequence[str], given: Mapping[str, Given]) -> Iterator[Written]:
    places = [*_places_of_arguments(use, (*step.component_path, "args"))]
    for (path, said), text in zip(places, pasted, strict=True):
        yield _text(said, text, path, given)


def _places_of_arguments(use: Use, path: Path) -> Iterator[tuple[Path, str]]:
    """Where each literal argument that this use has is written, and what stands there."""
    for index, item in enumerate(use.component.args):
        if isinstance(item, str):
            yield (*path, index), item
        elif isinstance(item, ArgumentGroup):
            if item.absent not in use.bound:
                yield from (((*path, index, "args", inner), word) for inner, word in enumerate(item.args))
        elif not any(use.is_absent(reference) for reference in references_in(item)):
            yield from (((*path, index, inner), word) for inner, word in enumerate(item))


def _text(said: str, pasted: str, path: Path, given: Mapping[str, Given]) -> Written:
    """A word as the user wrote it. Parts of it can be pointed at where it is written as the program gets it."""
    word, _ = _word(pasted, given)
    written = Written(word, Place(path), Place(path), "text", is_literal=said == word.text)
    key, equals, value = said.partition("=")
    if not written.is_literal or not equals:
        return written
    start = len(key) + 1 if value else 0
    own = Place(path, start=start, length=max(len(value), 1))
    return replace(written, key=Place(path, start=0, length=len(key)), value=own)


# ---------------------------------------------------------------- overrides and ports


def _overrides(
    step: ContainerStep, context: Mapping[str, Any], given: Mapping[str, Given]
) -> Iterator[tuple[bool, Written]]:
    for each in context["overrides"]:
        path = mentions.override_path(step, each.key)
        word, _ = _argument_word(each, given, context["bootstrap"])
        value = step.settings.overrides[each.key]
        kind = "" if any(references_in(value)) else kind_of(value)
        yield each.raw, Written(word, Place(path, on="key"), Place(path), "override", content=value, kind=kind)


def _swept(each: Argument, step: ContainerStep, given: Mapping[str, Given]) -> Written:
    path = (*step.component_path, "sweep", each.key)
    word, _ = _argument_word(each, given, bootstrap=False)
    content = step.component.sweep[each.key]
    return Written(replace(word, may_sweep=True), Place(path, on="key"), Place(path), "sweep", content=content)


def _ports(
    step: ContainerStep, context: Mapping[str, Any], given: Mapping[str, Given]
) -> Iterator[tuple[bool, Written]]:
    inputs = [each for each in context["inputs"] if each.bound]
    for _, group in groupby(inputs, lambda each: each.name):
        yield _input(step, [*group], given, context["bootstrap"])
    for each in context["outputs"]:
        port, path = step.component.outputs[each.name], (*step.component_path, "outputs", each.name)
        word = Word(f"{each.key}={_filled(each.text, given)}", type="path", is_known=False)
        yield False, Written(word, _key_of_port(port, path), Place(path, on="key"), "output", kind="path")


def _input(
    step: ContainerStep, parts: Sequence[Argument], given: Mapping[str, Given], bootstrap: bool
) -> tuple[bool, Written]:
    """The word of an input; `parts` are several where the bootstrap puts a list together."""
    first = parts[0]
    port, path = step.component.inputs[first.name], (*step.component_path, "inputs", first.name)
    if first.raw and first.key.endswith("]"):
        word, places = _list_word(parts, given), ()
    else:
        word, places = _argument_word(first, given, bootstrap)
    word = replace(word, type=_type_of(port))
    value = Place(places[0]) if places else Place((*path, "type"))
    content = given[first.name].values[0].value if first.name in given and word.is_known else None
    others = tuple(map(Place, places[1:]))
    return first.raw, Written(word, _key_of_port(port, path), value, "input", others, content, kind=str(port.type))


def _searched(step: ContainerStep) -> Iterator[Written]:
    """What the bootstrap makes of the flags of a trial: the first value that is tried, and every other one."""
    for name, space in step.tune.search.items() if step.tune is not None else ():
        port, path = step.component.inputs[name], (*step.path, "tune", "search", name)
        is_list = isinstance(space, list)
        tried: dict[int | str, Any] = dict(enumerate(cast("list[Any]", space))) if is_list else _ends(space)
        texts = [f"{port.key(name)}={_as_override(port, value)}" for value in tried.values()]
        word = Word(texts[0], tuple(texts[1:]), _type_of(port), is_known=is_list)
        places = [Place((*path, each)) for each in tried]
        key = _key_of_port(port, (*step.component_path, "inputs", name))
        yield Written(word, key, places[0], "input", tuple(places[1:]), next(iter(tried.values())), kind=str(port.type))


def _ends(space: Mapping[str, Any]) -> dict[int | str, Any]:
    return {end: space[end] for end in ("min", "max")}


def _as_override(port: InputPort, value: Any) -> str:
    if isinstance(value, str):
        return hydra.quoted(value)
    return hydra.constant(float(value) if str(port.type) == "float" else value)


def _key_of_port(port: InputPort | OutputPort, path: Path) -> Place:
    return Place((*path, "as")) if port.as_ else Place(path, on="key")


def _type_of(port: InputPort) -> str:
    if port.type.is_artifact:
        return "list<path>" if port.type.is_list else "path"
    return "dict" if port.type.parameter == "TASK_FINAL_STATUS" else str(port.type)


# ---------------------------------------------------------------- what a run makes of an argument

_PLACEHOLDER = re.compile(r"\{\{\$[^{}]*\}\}")
_PARAMETER = re.compile(r"\{\{\$\.inputs\.parameters\['([^']*)'\]\}\}")
_ARTIFACT_LIST = re.compile(r"\{\{\$\.inputs\.artifacts\['[^']*'\]\}\}")
_PATH = re.compile(r"path\}\}$|uri\}\}$|output_file\}\}$")


def _argument_word(each: Argument, given: Mapping[str, Given], bootstrap: bool) -> tuple[Word, tuple[Path, ...]]:
    if not each.texts:
        return Word(each.key), ()
    word, places = _word(f"{each.key}={each.text}", given)
    if not (each.raw and bootstrap):
        return word, places
    return replace(word, text=started(word.text), others=tuple(map(started, word.others))), places


def _list_word(parts: Sequence[Argument], given: Mapping[str, Given]) -> Word:
    words = [_argument_word(each, given, True)[0] for each in parts]
    values = ",".join(word.text.partition("=")[2] for word in words)
    key = parts[0].key.rpartition("[")[0]
    is_known = all(word.is_known and not word.others for word in words)
    return Word(f"{key}=[{values}]", is_known=is_known)


def _word(text: str, given: Mapping[str, Given]) -> tuple[Word, tuple[Path, ...]]:
    """The text with values in the place of placeholders: the first of each, and then every other one of each. With the
    places of the values, if there are any.
    """
    names = [name for name in dict.fromkeys(_PARAMETER.findall(text)) if name in given]
    first = _filled(text, given)
    found = {first: given[names[0]].values[0].path} if names else {}
    for name in names:
        for value in given[name].values[1:]:
            filled = _filled(text, {**given, name: Given((value,), is_known=True)})
            found.setdefault(filled, value.path)
    unknown = any(not given[name].is_known for name in names) or len(_PLACEHOLDER.findall(text)) > len(names)
    others = tuple(filled for filled in found if filled != first)
    return Word(first, others, is_known=not unknown), tuple(found.values())


def _filled(text: str, given: Mapping[str, Given]) -> str:
    return _PLACEHOLDER.sub(lambda match: _pasted(match[0], given), text)


def _pasted(placeholder: str, given: Mapping[str, Given]) -> str:
    """What the platform puts in the place of a placeholder; a stand-in where only the run knows."""
    parameter = _PARAMETER.fullmatch(placeholder)
    if parameter:
        return _as_text(given[parameter[1]].values[0].value) if parameter[1] in given else STAND_IN_TEXT
    if _ARTIFACT_LIST.fullmatch(placeholder):
        return "[]"
    return STAND_IN_PATH if _PATH.search(placeholder) else STAND_IN_TEXT


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def started(word: str) -> str:
    """What the bootstrap makes of one word behind `--`."""
    key, _, value = word.partition("=")
    if len(value) > 1 and value[0] == value[-1] == "'":
        return f"{key}={hydra.quoted(value[1:-1])}"
    if value[:1] in ("[", "{"):
        try:
            return f"{key}={hydra.exact(json.loads(value, parse_float=_number, parse_int=_number))}"
        except ValueError:
            return word
    return word


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() and abs(number) <= 2**53 else number
