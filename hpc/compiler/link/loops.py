"""Loops: a step that runs once for each element of its lists, as steps of their own or as a loop of the platform.

If every list is known while compiling it is unrolled into named steps; a list that is only known when the pipeline runs
makes a ParallelFor (language, 5.3 and 5.36).
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpc.compiler.graph import Binding, Constant, FromInput, FromItem, FromStep, Gathered, Loop, Source, channel
from hpc.compiler.graph import key as ir_key
from hpc.compiler.link.ends import UNKNOWN_INPUT
from hpc.compiler.link.nodes import Node
from hpc.components.fields import NAME_LENGTH
from hpc.components.types import Type, did_you_mean
from hpc.diagnostics import Diagnostic, Place, Rule

BAD_LOOP = Rule(
    "HPC408",
    "not a loop",
    "`for_each` names inputs of the step that get lists; the step runs once for each element.",
    "Name inputs, and give each a list.",
)
TOO_MANY = Rule(
    "HPC409",
    "too many steps in one loop",
    "Each element of a literal list becomes a step of its own in the compiled file.",
    "Write `loop: runtime` on the step, and the platform makes the loop.",
)
NESTED_RESULT = Rule(
    "HPC410",
    "a loop's results that cannot be one list",
    "Platforms disagree about the results of loops in loops, and put one path in the place of a list of artifacts.",
    "Gather inside, in a component made of edges, and pass one value on.",
)
RULES = (BAD_LOOP, TOO_MANY, NESTED_RESULT)

MOST_UNROLLED = 50
_MOST_AT_ONCE = 2**31 - 1  # parallelismLimit is an int32
_SLUG = 30


@dataclass(frozen=True)
class Element:
    """One run of an unrolled step: its name, and what its looped inputs get."""

    name: str
    bindings: Mapping[str, Source | Constant]


@dataclass(frozen=True)
class Axis:
    """One loop of the platform: what its inputs get from each element."""

    loop: Loop
    bindings: Mapping[str, FromItem]


def check_loop(node: Node, found: list[Diagnostic]) -> None:
    """Reports what is wrong with `for_each` and its companions, whatever the lists are."""
    entry = node.entry
    for key in ("parallel", "loop"):
        if getattr(entry, key) is not None and entry.for_each is None:
            place = Place((*node.path, key), on="key")
            fix = "add `for_each: [<input>]`, or remove it."
            found.append(Diagnostic(BAD_LOOP, place, f"`{key}` without `for_each` means nothing.", fix))
    if entry.for_each is None:
        return
    place = Place((*node.path, "for_each"))
    if not node.looped:
        found.append(Diagnostic(BAD_LOOP, place, "`for_each` names no input.", "name one: `for_each: [lr]`."))
    if entry.tune is not None:
        fix = "keep one; `tune` has `parallel` of its own."
        found.append(Diagnostic(BAD_LOOP, place, "a step either loops or is tuned.", fix))
    if entry.parallel is not None and entry.parallel < 1:
        fact = f"`parallel` is {entry.parallel}, so nothing could ever run."
        found.append(Diagnostic(BAD_LOOP, Place((*node.path, "parallel")), fact, "write 1 or more."))
    if entry.parallel is not None and entry.parallel > _MOST_AT_ONCE:
        fact = f"`parallel` is {entry.parallel}, which is more than a compiled file can say ({_MOST_AT_ONCE})."
        fix = "leave it out, and all run at the same time."
        found.append(Diagnostic(BAD_LOOP, Place((*node.path, "parallel")), fact, fix))
    found += _wrong_names(node, place)


def _wrong_names(node: Node, place: Place) -> Iterator[Diagnostic]:
    for index, name in enumerate(node.looped):
        if name not in node.inputs:
            fact = f"step `{node.name}` has no input `{name}` to loop over."
            yield Diagnostic(UNKNOWN_INPUT, place, fact, did_you_mean(name, node.inputs))
        elif name in node.looped[:index]:
            yield Diagnostic(BAD_LOOP, place, f"`for_each` names `{name}` twice.", "name it once.")


# ---------------------------------------------------------------- unrolled


def elements(node: Node, bindings: Mapping[str, Binding], found: list[Diagnostic]) -> list[Element] | None:
    """The runs of a step whose lists are all known; None if one is not, or if the platform is to loop."""
    lists = [[_items(node, name, bindings[name]) for name in axis] for axis in node.axes]
    if node.entry.loop == "runtime" or any(items is None for axis in lists for items in axis):
        return None
    known = [
        _zipped(node, axis, [items or [] for items in lists[index]], found) for index, axis in enumerate(node.axes)
    ]
    runs = [dict(itertools.chain.from_iterable(each)) for each in itertools.product(*known)]
    if len(runs) > MOST_UNROLLED:
        place = Place((*node.path, "for_each"))
        fact = f"step `{node.name}` would become {len(runs)} steps; {MOST_UNROLLED} is the most that is unrolled."
        found.append(Diagnostic(TOO_MANY, place, fact, "add `loop: runtime`, and the platform makes the loop."))
        return []
    names = _names(node.name, runs)
    for name in names:
        if len(name) > NAME_LENGTH:
            place = Place((*node.path, "for_each"))
            fact = f"the step would be called `{name}`; a name has at most {NAME_LENGTH} characters."
            found.append(Diagnostic(BAD_LOOP, place, fact, f"shorten the name of `{node.name}`."))
            return []
    return [Element(name, run) for name, run in zip(names, runs, strict=True)]


def _items(node: Node, name: str, binding: Binding) -> list[Source | Constant] | None:
    """The elements of a list that is known; None if only the run knows them."""
    if node.wires[name].field is not None:
        return None
    if isinstance(binding, Gathered):
        return list(binding.items)
    if isinstance(binding, Constant):
        return [Constant(value, (*binding.path, index)) for index, value in enumerate(binding.value)]
    return None


def _zipped(
    node: Node, axis: Sequence[str], lists: list[list[Source | Constant]], found: list[Diagnostic]
) -> list[list[tuple[str, Source | Constant]]]:
    lengths = [len(items) for items in lists]
    if len(set(lengths)) > 1:
        place = Place((*node.path, "for_each"))
        said = ", ".join(f"`{name}` has {length}" for name, length in zip(axis, lengths, strict=True))
        found.append(
            Diagnostic(BAD_LOOP, place, f"the lists of `zip` differ in length: {said}.", "make them equally long.")
        )
    return [list(zip(axis, items, strict=True)) for items in zip(*lists, strict=False)]


def _names(step: str, runs: list[dict[str, Source | Constant]]) -> list[str]:
    """A name for each run that tells its values; the hash of the values where that would not be clear."""
    slugs = ["-".join(map(_slug, run.values())) for run in runs]
    unclear = {slug for slug in slugs if slugs.count(slug) > 1 or not slug or len(slug) > _SLUG}
    blocks = [any(_is_block(value) for value in run.values()) for run in runs]
    taken: dict[str, int] = {}
    names: list[str] = []
    for slug, is_block, run in zip(slugs, blocks, runs, strict=True):
        short = _digest(run) if is_block or slug in unclear else slug
        taken[short] = taken.get(short, 0) + 1
        again = f"-{taken[short]}" if taken[short] > 1 else ""
        names.append(f"{step}--{short}{again}")
    return names


def _slug(value: Source | Constant) -> str:
    if isinstance(value, Constant):
        return re.sub(r"[^a-z0-9]+", "-", json.dumps(value.value, ensure_ascii=False).lower()).strip("-")
    if isinstance(value, FromStep):
        return ir_key(value.step.partition("--")[2] or value.step)
    return ir_key(value.name) if isinstance(value, FromInput) else ""


def _is_block(value: Source | Constant) -> bool:
    return isinstance(value, Constant) and isinstance(value.value, list | dict)


def _digest(run: Mapping[str, Source | Constant]) -> str:
    said = [value.value if isinstance(value, Constant) else channel(value) for value in run.values()]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:8]


# ---------------------------------------------------------------- loops of the platform


def axes(node: Node, bindings: Mapping[str, Binding], found: list[Diagnostic]) -> list[Axis]:
    """The loops of a step, outermost first. The outermost heeds `parallel`; those inside then run one by one."""
    made: list[Axis] = []
    for index, names in enumerate(node.axes):
        limit = 0 if node.entry.parallel is None else node.entry.parallel if index == 0 else 1
        loop = _loop(node, names, bindings, found, limit)
        if loop is not None:
            made.append(loop)
    return made


def _loop(
    node: Node, names: Sequence[str], bindings: Mapping[str, Binding], found: list[Diagnostic], limit: int
) -> Axis | None:
    item = f"{ir_key(node.name)}--{names[0]}--loop-item"
    fields: dict[str, str | None] = {name: node.wires[name].field for name in names}
    items = _run_time_items(node, names, bindings, found)
    if items is None:
        return None
    if isinstance(items, Constant) and len(names) > 1:
        fields = {name: name for name in names}
    is_record = any(fields.values())
    item_type = Type("dict") if is_record else node.inputs[names[0]].type
    source_type = getattr(items, "type", None)
    item_type = source_type.element if isinstance(source_type, Type) else item_type
    given = {
        name: FromItem(item, node.inputs[name].type, item_type, fields[name], isinstance(items, Constant))
        for name in names
    }
    return Axis(Loop(items, item, item_type, limit), given)


def _run_time_items(
    node: Node, names: Sequence[str], bindings: Mapping[str, Binding], found: list[Diagnostic]
) -> Source | Constant | None:
    """The one list that the platform walks; None after a report."""
    given = [bindings[name] for name in names]
    first = given[0]
    for name, binding in zip(names, given, strict=True):
        if node.inputs[name].type.is_artifact:
            fact = f"the list for `{node.name}.{name}` is known only when the pipeline runs, and platforms do not loop "
            fix = "gather artifacts of named steps: `a.x, b.x -> c.x`."
            _report(node, name, f"{fact}over artifacts.", fix, found)
            return None
        if isinstance(binding, Gathered):
            fact = f"the list for `{node.name}.{name}` is put together from several sources, and another list of this "
            fix = "loop over it in a step of its own, or in a component made of edges."
            _report(node, name, f"{fact}loop is known only when the pipeline runs.", fix, found)
            return None
    if all(isinstance(binding, Constant) for binding in given):
        return _zipped_constant(node, names, [binding for binding in given if isinstance(binding, Constant)], found)
    if any(binding != first for binding in given) or isinstance(first, Gathered):
        fact = "`zip` pairs lists that are known only when the pipeline runs, which platforms cannot."
        fix = "make one list<dict> of them, and hand out its fields: `records.out.title -> say.title`."
        _report(node, names[-1], fact, fix, found)
        return None
    return first


def _zipped_constant(node: Node, names: Sequence[str], lists: list[Constant], found: list[Diagnostic]) -> Constant:
    if len(names) == 1:
        return lists[0]
    columns: list[list[Any]] = [constant.value for constant in lists]
    _zipped(node, names, [[Constant(value, ()) for value in column] for column in columns], found)
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=False)]
    return Constant(rows, lists[0].path)


def _report(node: Node, name: str, fact: str, fix: str, found: list[Diagnostic]) -> None:
    found.append(Diagnostic(BAD_LOOP, node.wires[name].place, fact, fix))
