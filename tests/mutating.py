"""Right pipeline files with one thing broken at random: the data of a file and a seed enter, other text leaves."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hpc.diagnostics import Source
from hpc.spec.document import read

Path = tuple[str | int, ...]

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PORT = re.compile(r"[a-z_]\w*\.[a-z_]\w*")
_OPERATORS = ("==", "!=", "<=", ">=", "<", ">", " in ", " and ", " or ", " not ")
_ARROWS = ("<-", "=>", "-->", "-> ->", "|", ",", " ", "- >", "->->")
_CONDITIONS = (
    " when inputs.x",
    " when true",
    " when 1 < 2",
    " else",
    " when",
    " when exit.status == 'FAILED'",
    " when not inputs.go and (load.rows > 3 or x.y in [1, 2])",
)
_SCALARS = (None, True, 0, -1, 1, 2.5, 2**53, "", " ", "a", "no such thing", [], {}, ["a"], {"a": 1}, "${{ vars.x }}")
_TYPES = ("string", "int", "float", "bool", "dict", "list<float>", "list<string>", "list<dict>", "Model", "Dataset")
_TYPES += ("Artifact", "list<Model>", "RunStatus", "google.VertexModel", "list<list<int>>", "")
_SETTINGS: tuple[tuple[str, Any], ...] = (
    ("for_each", ["x"]),
    ("for_each", {"zip": ["x", "y"]}),
    ("loop", "runtime"),
    ("parallel", 2),
    ("run_if", "upstream_done"),
    ("tune", {"metric": "acc", "trials": 2, "search": {"lr": [0.1, 0.2]}}),
    ("optional", True),
    ("default", 1),
    ("choices", ["a", "b"]),
    ("min", 1),
    ("pass", "none"),
    ("as", "Output"),
    ("image", "none_such"),
    ("uses", "train"),
    ("uses", "std/notify_slack@1"),
    ("uses", "./none.yaml"),
    ("import", "Model"),
    ("edges", ["a -> b"]),
    ("retry", 2),
    ("timeout", "5m"),
    ("cache", {"key": "k"}),
    ("env", {"TOKEN": {"secret": "token"}}),
    ("kfp", {"node_selector": {"pool": "a"}}),
    ("title", "A title"),
    ("with", {"x": 1}),
    ("overrides", {"a.b": "${{ inputs.x }}"}),
    ("args", ["${{ run.id }}", ["${{ inputs.x }}"]]),
    ("command", ["${{ inputs.x }}"]),
    ("cli", "argparse"),
    ("quoting", "typed"),
)


def plain(text: str) -> Any:
    """The data of a pipeline file, as hpc itself reads it."""
    return read(Source("pipeline.yaml", text)).root.plain()


def mutated(data: Any, text: str, seed: int) -> str:
    """The file with one thing broken: half of the time an edge, else anything in the data or in the text itself."""
    dice = random.Random(seed)
    kind = dice.random()
    if kind < 0.15:
        return dice.choice(_TEXT_CHANGES)(text, dice)
    changed = copy.deepcopy(data)
    edges = list(_edges(changed))
    if kind < 0.5:
        _rewire(changed, dice)
    elif kind < 0.7 and edges:
        _break_edges(dice.choice(edges), _names(changed), dice)
    else:
        _break_block(changed, dice)
    return json.dumps(changed, indent=1, ensure_ascii=False)


# ---------------------------------------------------------------- the text


def _lines(change: Callable[[list[str], random.Random], None]) -> Callable[[str, random.Random], str]:
    def changed(text: str, dice: random.Random) -> str:
        lines = text.splitlines(keepends=True)
        change(lines, dice)
        return "".join(lines)

    return changed


def _twice(lines: list[str], dice: random.Random) -> None:
    lines.insert(dice.randrange(len(lines)), dice.choice(lines))


def _without(lines: list[str], dice: random.Random) -> None:
    del lines[dice.randrange(len(lines))]


def _swapped(lines: list[str], dice: random.Random) -> None:
    one, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


def _character(text: str, dice: random.Random) -> str:
    at = dice.randrange(len(text))
    return text[:at] + dice.choice(["", text[at] * 2, " ", ":", "|", "->", ".", "\t", "#", "{", "'"]) + text[at + 1 :]


_TEXT_CHANGES = (_lines(_twice), _lines(_without), _lines(_swapped), _character, _character)


# ---------------------------------------------------------------- edges


def _edges(data: Any) -> Iterator[list[Any]]:
    """Every list of edges, also those of switches and sub-pipelines."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key in ("edges", "switch") and isinstance(value, list) and value:
                yield value
            yield from _edges(value)
    elif isinstance(data, list):
        for value in data:
            yield from _edges(value)


def _names(data: Any) -> list[str]:
    """Names of steps, components and ports, as they may stand in an edge."""
    found = {"inputs", "outputs", "exit", "status", "no_such", "artifact"}
    for block in ("components", "steps", "inputs", "outputs"):
        found |= {str(key) for key in data.get(block) or ()}
    for component in (data.get("components") or {}).values():
        for block in ("inputs", "outputs", "steps"):
            found |= {str(key) for key in component.get(block) or ()}
    return sorted(found)


def _break_edges(edges: list[Any], names: list[str], dice: random.Random) -> None:
    at = dice.randrange(len(edges))
    kind = dice.random()
    if kind < 0.1:
        del edges[at]
    elif kind < 0.2:
        edges.insert(dice.randrange(len(edges) + 1), edges[at])
    elif kind < 0.25:
        edges.insert(dice.randrange(len(edges)), edges.pop(at))
    elif kind < 0.32:
        edges.append(f"{dice.choice(names)}.{dice.choice(names)} -> {dice.choice(names)}.{dice.choice(names)}")
    elif kind < 0.4:
        edges.append(f"{dice.choice(names)} -> {dice.choice(names)}")
    elif isinstance(edges[at], str):
        edges[at] = _broken_edge(edges[at], names, dice)
    else:
        edges[at] = dice.choice([*_SCALARS, {**edges[at], "when": "inputs.x"}, *edges[at].values()])


def _broken_edge(line: str, names: list[str], dice: random.Random) -> str:
    return dice.choice(_EDGE_CHANGES)(line, names, dice)


def _other_name(line: str, names: list[str], dice: random.Random) -> str:
    words = list(_WORD.finditer(line)) or [re.match("", line)]
    word = dice.choice([each for each in words if each is not None])
    return line[: word.start()] + dice.choice(names) + line[word.end() :]


def _other_port(line: str, names: list[str], dice: random.Random) -> str:
    del names
    ports = [each[0] for each in _PORT.finditer(line)] or [line]
    return line.replace(dice.choice(ports), dice.choice(ports), 1)


def _turned(line: str, names: list[str], dice: random.Random) -> str:
    del names, dice
    wires, when, rest = line.partition(" when ")
    left, arrow, right = wires.partition("->")
    return f"{right.strip()} {arrow} {left.strip()}{when}{rest}"


def _other_arrow(line: str, names: list[str], dice: random.Random) -> str:
    del names
    return line.replace("->", dice.choice(_ARROWS), 1)


def _other_operator(line: str, names: list[str], dice: random.Random) -> str:
    del names
    there = [operator for operator in _OPERATORS if operator in line]
    return line.replace(dice.choice(there), dice.choice(_OPERATORS), 1) if there else line + dice.choice(_CONDITIONS)


def _with_condition(line: str, names: list[str], dice: random.Random) -> str:
    name = f"{dice.choice(names)}.{dice.choice(names)}"
    literal = dice.choice(["1", "0.5", "'a'", "true", "[1]", name])
    return line + dice.choice([*_CONDITIONS, f" when {name} {dice.choice(_OPERATORS)} {literal}"])


def _another_end(line: str, names: list[str], dice: random.Random) -> str:
    sign = dice.choice([", ", " | "])
    return f"{dice.choice(names)}.{dice.choice(names)}{sign}{line}" if dice.random() < 0.5 else f"{line}{sign}{line}"


def _other_sign(line: str, names: list[str], dice: random.Random) -> str:
    del names
    return line.translate(
        str.maketrans(dice.choice([{",": "|"}, {"|": ","}, {".": ""}, {"{": "", "}": ""}, {".": ".."}]))
    )


def _order_only(line: str, names: list[str], dice: random.Random) -> str:
    del names, dice
    return re.sub(r"\.\w+", "", line)


def _field(line: str, names: list[str], dice: random.Random) -> str:
    return line.replace(" ->", f".{dice.choice(names)} ->", 1)


_EDGE_CHANGES = (
    _other_name,
    _other_name,
    _other_port,
    _turned,
    _other_arrow,
    _other_operator,
    _with_condition,
    _with_condition,
    _another_end,
    _other_sign,
    _order_only,
    _field,
)


# ---------------------------------------------------------------- edges that could be right


def _ports(data: Any, block: str) -> dict[str, list[str]]:
    """The ports of every step of the pipeline, by the step's name."""
    components = data.get("components") or {}
    steps = {**{name: name for name in components}, **{name: name for name in data.get("steps") or {}}}
    for name, entry in (data.get("steps") or {}).items():
        steps[name] = (entry or {}).get("uses") or name
    found = {name: list(components.get(used, {}).get(block) or {}) for name, used in steps.items()}
    importers = {name for name, used in steps.items() if "import" in components.get(used, {})}
    return {name: ["artifact"] if name in importers else ports for name, ports in found.items()}


def _rewire(data: Any, dice: random.Random) -> None:
    """Names that exist, in edges, conditions, loops and switches where they were not."""
    outs = [f"{step}.{port}" for step, ports in _ports(data, "outputs").items() for port in ports]
    outs += [f"inputs.{name}" for name in data.get("inputs") or {}]
    ins = [f"{step}.{port}" for step, ports in _ports(data, "inputs").items() for port in ports]
    ins += [f"outputs.{name}" for name in data.get("outputs") or {}]
    steps = sorted(_ports(data, "inputs"))
    lists = [each for each in _edges(data) if any(isinstance(line, str) for line in each)]
    if lists and outs and ins:
        dice.choice(_REWIRINGS)(dice.choice(lists), _Names(data, steps, outs, ins), dice)


@dataclass
class _Names:
    """The file, and what can stand on either side of an edge."""

    data: Any
    steps: list[str]
    outs: list[str]
    ins: list[str]


def _condition(names: _Names, dice: random.Random) -> str:
    out = dice.choice(names.outs)
    literals = ["1", "0.5", "'a'", "true", "[1, 2]", "['a']", dice.choice(names.outs)]
    tests = [out, f"not {out}", *(f"{out} {sign.strip()} {dice.choice(literals)}" for sign in _OPERATORS[:7])]
    return dice.choice([*tests, f"{dice.choice(tests)} {dice.choice(['and', 'or'])} {dice.choice(tests)}"])


def _another_edge(edges: list[Any], names: _Names, dice: random.Random) -> None:
    edges.append(f"{dice.choice(names.outs)} -> {dice.choice(names.ins)}")


def _moved_end(edges: list[Any], names: _Names, dice: random.Random) -> None:
    at = dice.choice([index for index, line in enumerate(edges) if isinstance(line, str)])
    found = list(_PORT.finditer(edges[at]))
    if found:
        end = dice.choice(found)
        other = dice.choice(names.outs if dice.random() < 0.5 else names.ins)
        edges[at] = edges[at][: end.start()] + other + edges[at][end.end() :]


def _conditional(edges: list[Any], names: _Names, dice: random.Random) -> None:
    at = dice.choice([index for index, line in enumerate(edges) if isinstance(line, str)])
    edges[at] = f"{edges[at].partition(' when ')[0]} when {_condition(names, dice)}"


def _gate(edges: list[Any], names: _Names, dice: random.Random) -> None:
    source = dice.choice([*names.steps, "inputs"])
    edges.append(f"{source} -> {dice.choice(names.steps)} when {_condition(names, dice)}")


def _switched(edges: list[Any], names: _Names, dice: random.Random) -> None:
    source = dice.choice([*names.steps, "inputs"])
    targets = dice.sample(names.steps, min(len(names.steps), 3))
    lines = [f"{source} -> {target} when {_condition(names, dice)}" for target in targets]
    lines[-1] = f"{lines[-1].partition(' when ')[0]} else" if dice.random() < 0.8 else lines[-1]
    edges.append({"switch": lines})
    if dice.random() < 0.6:
        ends = [out for out in names.outs if out.partition(".")[0] in targets]
        edges.append(f"{' | '.join(ends[:3]) or names.outs[0]} -> {dice.choice(names.ins)}")


def _looped(edges: list[Any], names: _Names, dice: random.Random) -> None:
    del edges
    step, _, port = dice.choice(names.ins).partition(".")
    entry = names.data.setdefault("steps", {})
    loop: dict[str, Any] = {"for_each": dice.choice([[port], {"zip": [port]}])}
    if dice.random() < 0.5:
        loop["with"] = {port: dice.choice([[1, 2], ["a", "b"], [0.5], [True, False], [{"a": 1}], []])}
    if dice.random() < 0.4:
        loop["loop"] = "runtime"
    if dice.random() < 0.4:
        loop["parallel"] = dice.choice([1, 2, 10])
    if step != "outputs" and isinstance(entry, dict):
        entry[step] = {**(entry.get(step) or {}), **loop}


def _at_the_end(edges: list[Any], names: _Names, dice: random.Random) -> None:
    step = dice.choice(names.steps)
    source = dice.choice(["exit", dice.choice(names.steps)])
    edges.append(dice.choice([f"exit -> {step}", f"{source}.status -> {dice.choice(names.ins)}"]))
    if dice.random() < 0.5:
        steps = names.data.setdefault("steps", {})
        steps[step] = {**(steps.get(step) or {}), "run_if": "upstream_done"}


def _left_out(edges: list[Any], names: _Names, dice: random.Random) -> None:
    """An input of a component that need not be given, and the edges that give it."""
    del edges
    port = dice.choice(names.ins).partition(".")[2]
    for component in names.data["components"].values():
        given = component.get("inputs") or {}
        if port in given:
            kind = given[port]["type"] if isinstance(given[port], dict) else given[port]
            given[port] = {"type": kind, "optional": True}
    for lines in _edges(names.data):
        lines[:] = [line for line in lines if f".{port}" not in str(line) or dice.random() < 0.5] or lines


_REWIRINGS = (_another_edge, _moved_end, _moved_end, _conditional, _conditional, _gate, _gate, _switched, _switched)
_REWIRINGS += (_looped, _looped, _at_the_end, _left_out)


# ---------------------------------------------------------------- anything else


def _places(data: Any) -> Iterator[tuple[Any, str | int]]:
    """Every entry of every mapping and list, as its container and its key."""
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in entries:
        yield data, key
        yield from _places(value)


def _break_block(data: Any, dice: random.Random) -> None:
    places = list(_places(data))
    container, key = dice.choice(places)
    kind = dice.random()
    if kind < 0.15:
        del container[key]
    elif kind < 0.3:
        _rename(container, key, places, dice)
    elif kind < 0.45:
        block = dice.choice([each[0][each[1]] for each in places if isinstance(each[0][each[1]], dict)])
        name, value = dice.choice(_SETTINGS)
        block[name] = copy.deepcopy(value)
    elif kind < 0.6:
        other, place = dice.choice(places)
        container[key] = copy.deepcopy(other[place])
    elif kind < 0.75:
        _change_type(places, dice)
    else:
        container[key] = _other_scalar(container[key], dice)


def _rename(container: Any, key: str | int, places: list[tuple[Any, str | int]], dice: random.Random) -> None:
    if isinstance(container, list):
        container.append(container.pop())
        return
    names = [str(each) for _, each in places if isinstance(each, str)]
    new = dice.choice([dice.choice(names), f"{key}x", str(key)[:-1], f"{key}-x", str(key).upper()])
    container[new] = container.pop(key)


def _change_type(places: list[tuple[Any, str | int]], dice: random.Random) -> None:
    typed = [(container, key) for container, key in places if container[key] in _TYPES]
    if typed:
        container, key = dice.choice(typed)
        container[key] = dice.choice(_TYPES)


def _other_scalar(value: Any, dice: random.Random) -> Any:
    if isinstance(value, str) and value and dice.random() < 0.5:
        at = dice.randrange(len(value))
        return value[:at] + dice.choice(["", "x", ".", "/", "${{ inputs.x }}", "#"]) + value[at + 1 :]
    return copy.deepcopy(dice.choice(_SCALARS))
