"""Pipeline files at random: a seed enters, the data of a file leaves, mostly of one that hpc accepts.

A graph is grown step by step. Every step stands in a region: the one of its innermost condition. It takes values from
its own region and those around it, so that regions nest. Now and then a rule is broken on purpose or by chance; such
files are refused by hpc, and nothing is learnt from them.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from typing import Any

from simulation.world import ARTIFACTS, CODES, TYPES, code_of, value_of

Data = dict[str, Any]
VALUES = ("i", "f", "s", "b")
LISTS = ("li", "ls", "lf")


@dataclass(eq=False)
class Region:
    """The steps under one condition; `taken` are the conditions of regions right inside."""

    outer: Region | None = None
    taken: dict[str, Region] = field(default_factory=dict)

    def chain(self) -> list[Region]:
        """Itself and all around it, innermost first."""
        return [self, *(self.outer.chain() if self.outer else [])]


@dataclass(frozen=True)
class Source:
    """Something to take. `form`: plain, unrolled, platform (a loop), join, optional, or end (the order alone)."""

    text: str
    code: str
    region: Region
    form: str = "plain"
    steps: frozenset[str] = frozenset()


@dataclass
class Edge:
    left: str
    right: str
    sources: list[Source]
    when: str = ""

    @property
    def line(self) -> str:
        return f"{self.left} -> {self.right}{self.when}"


class Refused(Exception):
    """There is nothing to feed an input with: this step is not made."""


def pipeline(seed: int) -> Data:
    """A whole file. The same seed makes the same file."""
    rng = random.Random(seed)
    maker = _Maker(rng)
    for _ in range(rng.randint(2, 5)):
        maker.leaf()
    if rng.random() < 0.3:
        maker.importer()
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        maker.subpipeline()
    inputs = {name: maker.spec(code_of(name), 0.8) for name in _ports(rng, (*VALUES, *LISTS), 4)}
    graph = _Graph(maker, inputs, is_top=True).grow(rng.randint(2, 12))
    used = _used(graph, maker.components)
    return {
        "hpc": 1,
        "name": f"random-{seed}",
        **{key: graph[key] for key in ("inputs", "outputs") if graph.get(key)},
        "images": {"image": "registry.example/image:1.0"},
        "components": {name: one for name, one in maker.components.items() if name in used},
        **({"steps": graph["steps"]} if graph["steps"] else {}),
        "edges": graph["edges"],
    }


def arguments(data: Data, seed: int) -> Data:
    """Values for a run: always for what has no default, now and then for the rest."""
    rng = random.Random(seed)
    inputs: Data = data.get("inputs") or {}
    given = {
        name for name, one in inputs.items() if not isinstance(one, dict) or "default" not in one or rng.random() < 0.5
    }
    return {name: value_of(code_of(name), rng) for name in inputs if name in given}


def _used(graph: Data, components: Data) -> set[str]:
    """The components that a graph runs, and those inside of them; bases of `uses` too."""
    names = {step["uses"] for step in graph["steps"].values() if "uses" in step}
    names |= {name for name in components if any(name in _words(edge) for edge in graph["edges"])}
    for name in list(names):
        one = components[name]
        names |= {one["uses"]} if "uses" in one else set()
        names |= _used({"steps": {}, **one}, components) if "edges" in one else set()
    return names


def _words(edge: Any) -> set[str]:
    lines = [edge] if isinstance(edge, str) else edge["switch"]
    return {word.split(".")[0].strip(",") for line in lines for word in line.split()}


def _ports(rng: random.Random, codes: Iterable[str], most: int, least: int = 0) -> list[str]:
    names = [f"{code}{number}" for code in codes for number in (1, 2)]
    return rng.sample(names, min(len(names), rng.randint(least, most)))


@dataclass
class _Maker:
    """The components of a file, and how more are made."""

    rng: random.Random
    components: Data = field(default_factory=dict)

    def spec(self, code: str, default: float, optional: float = 0.0) -> Any:
        """A declaration of an input with a default, optional, or neither."""
        chance = self.rng.random()
        if chance < default and code not in (*ARTIFACTS, "lm", "lr", "st"):
            return {"type": TYPES[code], "default": value_of(code, self.rng)}
        if chance > 1 - optional:
            return {"type": TYPES[code], "optional": True}
        return TYPES[code]

    def leaf(self) -> str:
        """A component that runs a program: its first argument is its name, and the other arguments all that it gets."""
        rng, name = self.rng, f"c{len(self.components) + 1}"
        codes = (*VALUES, *VALUES, *rng.sample((*LISTS, "m", "d", "a", "lm"), 3))
        names = dict.fromkeys(_ports(rng, codes, 4))
        if "li1" in names and rng.random() < 0.1:
            names["li1_0"] = None
        inputs = {
            port: self.spec(code_of(port.split("_")[0]) if "_" not in port else "i", 0.25, 0.15) for port in names
        }
        outputs = {
            port: {"type": TYPES[code_of(port)], "as": f"to_{port}"}
            for port in _ports(rng, (*VALUES, *VALUES, "li", "ls", "lr", "lr", "m", "d", "a"), 4, 1)
        }
        self.components[name] = {"image": "image", "command": ["python", "main.py"], "args": [name]}
        self.components[name] |= {"inputs": inputs} if inputs else {}
        self.components[name] |= {"outputs": outputs}
        if rng.random() < 0.2:
            self.components[f"{name}_too"] = {"uses": name, "cache": False}
        return name

    def importer(self) -> str:
        name = f"c{len(self.components) + 1}"
        one: Data = {"import": self.rng.choice(("Model", "Dataset"))}
        if self.rng.random() < 0.6:
            one["uri"] = "gs://bucket/it"
        if self.rng.random() < 0.4:
            one |= {"inputs": {"s1": "string"}, "metadata": {"k": "${{ inputs.s1 }}", "n": 3}}
        self.components[name] = one
        return name

    def watcher(self) -> str:
        name = f"c{len(self.components) + 1}"
        self.components[name] = {
            "image": "image",
            "command": ["python", "main.py"],
            "args": [name],
            "inputs": {"st1": "RunStatus"},
            "outputs": {"i1": {"type": "int", "as": "to_i1"}},
        }
        return name

    def subpipeline(self) -> str:
        rng = self.rng
        inputs = {port: self.spec(code_of(port), 0.3, 0.25) for port in _ports(rng, (*VALUES, *LISTS, "m", "lm"), 4)}
        graph = _Graph(self, inputs).grow(rng.randint(1, 5))
        name = f"sub{len(self.components) + 1}"
        self.components[name] = {key: value for key, value in graph.items() if value}
        return name

    def signature(self, name: str) -> tuple[Data, Data]:
        """Inputs and outputs of a component."""
        one = self.components[name]
        if "uses" in one:
            return self.signature(one["uses"])
        if "import" in one:
            where = {} if "uri" in one else {"uri": "string"}
            return {**where, **one.get("inputs", {})}, {"artifact": one["import"]}
        return one.get("inputs", {}), one.get("outputs", {})


@dataclass
class _Graph:
    """One list of edges while it grows."""

    maker: _Maker
    inputs: Data
    is_top: bool = False
    steps: Data = field(default_factory=dict)
    lines: list[Any] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    switches: list[list[Region]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.rng = self.maker.rng
        self.root = Region()
        for name, one in self.inputs.items():
            is_optional = isinstance(one, dict) and one.get("optional")
            self.sources.append(
                Source(f"inputs.{name}", code_of(name), self.root, "optional" if is_optional else "plain")
            )

    def grow(self, count: int) -> Data:
        actions = [self.step] * 6 + [self.conditional] * 4 + [self.switch] * 3 + [self.join] * 2
        actions += [self.loop] * 4 + [self.last, self.watch, self.several]
        for _ in range(count):
            self._try(self.rng.choice(actions))
        while not self.names:
            self._try(self.step if self.rng.random() < 0.9 else self.maker.leaf)
        outputs = self._outputs()
        if self.is_top and self.rng.random() < 0.2:
            self._try(self.exit)
        self._use_inputs()
        return {"inputs": self.inputs, "outputs": outputs, "steps": self.steps, "edges": self._shuffled()}

    def _try(self, action: Any) -> None:
        before = list(self.lines), copy.deepcopy(self.steps), set(self.names), list(self.sources)
        try:
            action()
        except Refused:
            self.lines, self.steps, self.names, self.sources = before

    def _use_inputs(self) -> None:
        """Inputs that nothing takes are left out, so that warnings stay few."""
        text = str(self.lines)
        self.inputs = {name: one for name, one in self.inputs.items() if f"inputs.{name}" in text}

    def _shuffled(self) -> list[Any]:
        """The edges in any order, some of them written as one."""
        self.rng.shuffle(self.lines)
        found: list[Any] = []
        for line in self.lines:
            at = next((at for at, other in enumerate(found) if self.rng.random() < 0.6 and _merged(other, line)), None)
            if at is None:
                found.append(line)
            else:
                found[at] = _merged(found[at], line)
        return found

    # ---- kinds of steps

    def step(self) -> None:
        name, component = self._named()
        edges = self._wired(name, component, self._home())
        self._extra_order(name, edges)
        self._add(name, component, edges, _innermost(edges, self.root))

    def conditional(self) -> None:
        name, component = self._named()
        edges = self._wired(name, component, self._home())
        self._extra_order(name, edges, always=True)
        region = _innermost(edges, self.root)
        condition = self._repeated(region) or self._condition(edges, region)
        self.rng.choice(edges).when = f" when {condition}"
        inside = region.taken.setdefault(condition, Region(region))
        self._add(name, component, edges, inside)

    def switch(self) -> None:
        """Two or three branches, all from one step or from the inputs."""
        home = self._home()
        start = self._start(home)
        around = start.region
        count, has_else = self.rng.choice((2, 2, 3)), self.rng.random() < 0.75
        branches: list[Region] = []
        lines: list[str] = []
        for index in range(count):
            name, component = self._named()
            edges = self._wired(name, component, around)
            edge = self._leading(name, start, edges)
            if index < count - 1 or not has_else:
                edge.when = f" when {self._condition([edge], around)}"
            else:
                edge.when = " else"
            lines.append(edge.line)
            branches.append(Region(around))
            self._add(name, component, [one for one in edges if one is not edge], branches[-1], {edge.left})
        self.lines.append({"switch": lines})
        if has_else:
            self.switches.append(branches)
            if self.rng.random() < 0.7:
                self._try(self.join)

    def _start(self, home: Region) -> Source:
        steps = [one for one in self._seen(home) if one.form == "end"]
        fitting = [one for one in steps if one.region in home.chain()]
        if fitting and self.rng.random() < 0.8:
            return self.rng.choice(fitting)
        return Source("inputs", "", self.root, "end")

    def _leading(self, name: str, start: Source, edges: list[Edge]) -> Edge:
        """The edge of a branch that the switch decides about: one that starts at its step, else the order alone."""
        if start.text != "inputs":
            fitting = [one for one in edges if one.left.split(".")[0] == start.text and "," not in one.left]
            if fitting and self.rng.random() < 0.7:
                return self.rng.choice(fitting)
        return Edge(start.text, name, [start])

    def join(self) -> None:
        """Whichever branch ran, as a source for what follows; and perhaps a step that takes only the order."""
        if not self.switches:
            raise Refused
        branches = self.rng.choice(self.switches)
        each = [
            [one for one in self.sources if one.region is region and one.form in ("plain", "join", "end")]
            for region in branches
        ]
        codes = set.intersection(*({one.code for one in found} for found in each))
        if not codes:
            raise Refused
        code = self.rng.choice(sorted(codes)[1 if len(codes) > 1 and self.rng.random() < 0.9 else 0 :])
        chosen = [self.rng.choice([one for one in found if one.code == code]) for found in each]
        if any(one.form == "join" for one in chosen) and self.rng.random() < 0.9:
            raise Refused
        outer = branches[0].outer or self.root
        steps = frozenset().union(*(one.steps for one in chosen))
        self.sources.append(Source(" | ".join(one.text for one in chosen), code, outer, "join", steps))
        if code == "":
            name, component = self._named()
            edges = [*self._wired(name, component, outer), Edge(self.sources[-1].text, name, [self.sources[-1]])]
            self._add(name, component, edges, _innermost(edges, self.root))

    def loop(self) -> None:
        name, component = self._named()
        inputs, _ = self.maker.signature(component)
        ports = [port for port, one in inputs.items() if _code(one) in (*VALUES, *ARTIFACTS)]
        if not ports:
            raise Refused
        home = self._home()
        axes = self.rng.sample(ports, min(len(ports), self.rng.choice((1, 1, 1, 2))))
        step: Data = {}
        form, edges = self._axes(name, component, axes, step, home)
        edges += self._wired(name, component, home, set(axes), step)
        region = _innermost(edges, self.root)
        if edges and self.rng.random() < 0.2:
            condition = self._condition(edges, region)
            self.rng.choice(edges).when = f" when {condition}"
            region = region.taken.setdefault(condition, Region(region))
        if self.rng.random() < 0.4:
            step["parallel"] = self.rng.randint(1, 3)
        self.steps.setdefault(name, {"uses": component} if name != component else {}).update(step)
        self._add(name, component, edges, region, form=form)

    def _axes(self, name: str, component: str, axes: list[str], step: Data, home: Region) -> tuple[str, list[Edge]]:
        """Lists for these inputs of a looping step: what its outputs become, and the edges that bring the lists."""
        inputs, _ = self.maker.signature(component)
        codes = [_code(inputs[port]) for port in axes]
        step["for_each"] = axes
        has_records = any(one.code == "lr" and one.form == "plain" for one in self._seen(home))
        if has_records and set(codes) in ({"s", "i"}, {"s"}, {"i"}) and len(axes) == len(set(codes)):
            return self._fields(name, axes, codes, step, home)
        if self.rng.random() < 0.45 and not set(codes) & set(ARTIFACTS):
            return self._literal(axes, codes, step), []
        if len(axes) == 2 and self.rng.random() < 0.3:
            return self._paired(name, axes, codes, step, home)
        edges, forms = [], set()
        for port, code in zip(axes, codes, strict=True):
            form, edge = self._walked(name, port, code, home)
            forms.add(form)
            edges.append(edge)
        if "platform" in forms and len(axes) == 2:
            return "cross", edges
        return forms.pop() if len(forms) == 1 else "platform", edges

    def _literal(self, axes: list[str], codes: list[str], step: Data) -> str:
        count = self.rng.randint(1, 3)
        is_zip = len(axes) == 2 and self.rng.random() < 0.4
        values = {
            port: [value_of(code, self.rng) for _ in range(count if is_zip else self.rng.randint(1, 3))]
            for port, code in zip(axes, codes, strict=True)
        }
        step |= {"for_each": {"zip": axes} if is_zip else axes, "with": values}
        if self.rng.random() < 0.35:
            step["loop"] = "runtime"
            return "platform" if len(axes) == 1 or is_zip else "cross"
        return "unrolled"

    def _fields(self, name: str, axes: list[str], codes: list[str], step: Data, home: Region) -> tuple[str, list[Edge]]:
        records = [one for one in self._seen(home) if one.code == "lr" and one.form == "plain"]
        if not records:
            raise Refused
        source = self.rng.choice(records)
        step["for_each"] = {"zip": axes} if len(axes) > 1 else axes
        fields = {"s": "title", "i": "rows"}
        edges = [
            Edge(f"{source.text}.{fields[code]}", f"{name}.{port}", [source])
            for port, code in zip(axes, codes, strict=True)
        ]
        return "platform", edges

    def _paired(self, name: str, axes: list[str], codes: list[str], step: Data, home: Region) -> tuple[str, list[Edge]]:
        """Two lists of equal length, gathered on edges, walked together."""
        edges = []
        for port, code in zip(axes, codes, strict=True):
            fitting = [one for one in self._seen(home) if one.code == code and one.form == "plain"]
            if len(fitting) < 2:
                raise Refused
            chosen = self.rng.sample(fitting, 2)
            edges.append(Edge(", ".join(one.text for one in chosen), f"{name}.{port}", chosen))
        step["for_each"] = {"zip": axes}
        return "unrolled", edges

    def _walked(self, name: str, port: str, code: str, home: Region) -> tuple[str, Edge]:
        """A list from elsewhere for one input of a loop."""
        seen = self._seen(home)
        lists = [one for one in seen if one.code == f"l{code}" and one.form in ("plain", "join")]
        unrolled = [one for one in seen if one.code == code and one.form == "unrolled"]
        singles = [
            one for one in seen if one.code == code and one.form == "plain" and not one.text.startswith("inputs")
        ]
        chosen = self.rng.choice([found for found in (lists, unrolled, singles) if found] or [None])
        if chosen is None:
            raise Refused
        if chosen is singles:
            gathered = self.rng.sample(singles, min(len(singles), self.rng.choice((2, 2, 3))))
            return "unrolled", Edge(", ".join(one.text for one in gathered), f"{name}.{port}", gathered)
        source = self.rng.choice(chosen)
        return "unrolled" if chosen is unrolled else "platform", Edge(source.text, f"{name}.{port}", [source])

    def last(self) -> None:
        """A step that runs whatever came of the steps before it."""
        home = self._home()
        before = [one for one in self._seen(home) if one.form == "end"]
        if not before:
            raise Refused
        name, component = self._named(lambda inputs: all(isinstance(one, dict) for one in inputs.values()))
        inputs, _ = self.maker.signature(component)
        edges = [
            Edge(one.text, name, [one]) for one in self.rng.sample(before, min(len(before), self.rng.choice((1, 1, 2))))
        ]
        for port, one in inputs.items():
            fitting = [source for source in self._seen(home) if source.code == _code(one) and source.form == "plain"]
            if "default" in one and fitting and self.rng.random() < 0.5:
                source = self.rng.choice(fitting)
                edges.append(Edge(source.text, f"{name}.{port}", [source]))
        self.steps.setdefault(name, {"uses": component} if name != component else {})["run_if"] = "upstream_done"
        self._add(name, component, edges, _innermost(edges, self.root), form=self.rng.choice(("last", "plain")))

    def watch(self) -> None:
        """A step that takes how another one ended."""
        ended = [one for one in self._seen(self._home()) if one.form == "end"]
        if not ended:
            raise Refused
        source, name = self.rng.choice(ended), f"step_{len(self.names) + 1}"
        self.names.add(name)
        watcher = self.maker.watcher()
        self.steps[name] = {"uses": watcher, "run_if": "upstream_done"}
        edge = Edge(f"{source.text}.status", f"{name}.st1", [source])
        self._add(name, watcher, [edge], source.region, form=self.rng.choice(("last", "plain")))

    def several(self) -> None:
        """Two steps under one edge with one condition."""
        home = self._home()
        made = [self._named() for _ in range(2)]
        edges = [self._wired(*one, self.root) for one in made]
        before = [one for one in self._seen(home) if one.form == "end"]
        if not before:
            raise Refused
        source = self.rng.choice(before)
        region = _innermost([Edge("", "", [source])], self.root)
        both = Edge(source.text, f"{made[0][0]}, {made[1][0]}", [source])
        condition = self._condition([both], region)
        both.when = f" when {condition}"
        self.lines.append(both.line)
        inside = region.taken.setdefault(condition, Region(region))
        for (name, component), own in zip(made, edges, strict=True):
            self._add(name, component, own, inside, also={source.text})

    def exit(self) -> None:
        """What runs after everything else."""
        for index in range(self.rng.choice((1, 1, 2))):
            name = f"last_{index + 1}"
            if self.rng.random() < 0.7:
                self.steps[name] = {"uses": self.maker.watcher()}
                self.lines.append(f"exit.status -> {name}.st1")
                continue
            component = self.rng.choice([*self.maker.components])
            self.steps[name] = {"uses": component}
            before, self.sources = self.sources, [one for one in self.sources if one.text.startswith("inputs")]
            edges = self._wired(name, component, self.root)
            self.sources = before
            self.lines += [f"exit -> {name}", *(edge.line for edge in edges)]

    # ---- wiring

    def _named(self, fits: Any = lambda _: True) -> tuple[str, str]:
        """A new step, and the component that it runs."""
        found = [name for name in self.maker.components if fits(self.maker.signature(name)[0])]
        if not found:
            raise Refused
        component = self.rng.choice(found)
        name = component if component not in self.names and self.rng.random() < 0.3 else f"step_{len(self.names) + 1}"
        self.names.add(name)
        if name != component:
            self.steps[name] = {"uses": component}
        return name, component

    def _home(self) -> Region:
        regions = list(dict.fromkeys(one.region for one in self.sources)) or [self.root]
        return self.rng.choice([self.root, *regions])

    def _seen(self, home: Region) -> list[Source]:
        chain = home.chain()
        return [one for one in self.sources if one.region in chain]

    def _wired(
        self, name: str, component: str, home: Region, but: Set[str] = frozenset(), step: Data | None = None
    ) -> list[Edge]:
        """Edges and constants for every input of a step, except some."""
        inputs, _ = self.maker.signature(component)
        constants: Data = {}
        edges: list[Edge] = []
        for port, one in inputs.items():
            if port in but or (isinstance(one, dict) and self.rng.random() < 0.4):
                continue
            code = _code(one)
            if code in (*VALUES, *LISTS) and self.rng.random() < 0.2:
                constants[port] = value_of(code, self.rng)
                continue
            edge = self._edge(name, port, code, isinstance(one, dict) and bool(one.get("optional")), home)
            if edge:
                edges.append(edge)
            elif code in (*VALUES, *LISTS):
                constants[port] = value_of(code, self.rng)
            elif not isinstance(one, dict):
                raise Refused
        if constants:
            own = (
                step
                if step is not None
                else self.steps.setdefault(name, {"uses": component} if name != component else {})
            )
            own["with"] = {**own.get("with", {}), **constants}
        return edges

    def _edge(self, name: str, port: str, code: str, is_optional: bool, home: Region) -> Edge | None:
        target = f"{name}.{port}"
        seen = self._seen(home)
        forms = ("plain", "plain", "join", "optional") if is_optional else ("plain", "join")
        single = [one for one in seen if one.code in _into(code) and one.form in forms]
        if code.startswith("l"):
            return self._list_edge(target, code, single, seen)
        near = [one for one in single if one.region is home] or single
        chosen = self.rng.choice(near if self.rng.random() < 0.7 else single) if single else None
        return Edge(chosen.text, target, [chosen]) if chosen else None

    def _list_edge(self, target: str, code: str, single: list[Source], seen: list[Source]) -> Edge | None:
        items = [one for one in seen if one.code == code[1:] and one.form == "plain"]
        loops = [one for one in seen if one.code == code[1:] and one.form == "unrolled"]
        ways = [way for way in (single, loops, loops, items, items) if way]
        if not ways:
            return None
        way = self.rng.choice(ways)
        if way is not items:
            source = self.rng.choice(way)
            return Edge(source.text, target, [source])
        count = min(len(items), self.rng.choice((2, 2, 3)))
        gathered = (
            self.rng.sample(items, count) if self.rng.random() < 0.8 else [self.rng.choice(items) for _ in range(2)]
        )
        return Edge(", ".join(one.text for one in gathered), target, gathered)

    def _extra_order(self, name: str, edges: list[Edge], always: bool = False) -> None:
        home = _innermost(edges, self.root)
        before = [one for one in self._seen(home) if one.form == "end"]
        if before and (self.rng.random() < 0.2 or (always and not edges)):
            source = self.rng.choice(before)
            edges.append(Edge(source.text, name, [source]))
        if always and not edges:
            edges.append(Edge("inputs", name, []))

    def _add(
        self,
        name: str,
        component: str,
        edges: list[Edge],
        region: Region,
        also: Iterable[str] = (),
        form: str = "plain",
    ) -> None:
        """The step with its edges, and what it makes as sources for the steps to come."""
        self.lines += [edge.line for edge in edges] or ([] if also else [name])
        steps = frozenset({name}).union(*(source.steps for edge in edges for source in edge.sources))
        _, outputs = self.maker.signature(component)
        end = Source(name, "", region, "end", steps)
        self.sources.append(end)
        if form in ("cross", "last"):
            return
        for port, one in outputs.items():
            code = _code(one)
            shape = "odd" if form != "plain" and code.startswith("l") else form
            if form == "platform" and f"l{code}" in LISTS:
                shape, code = "plain", f"l{code}"
            self.sources.append(Source(f"{name}.{port}", code, region, shape, steps))

    def _outputs(self) -> Data:
        fitting = [
            one
            for one in self.sources
            if one.region is self.root and one.form in ("plain", "join", "platform") and one.code
        ]
        fitting = [one for one in fitting if not one.text.startswith("inputs")]
        fitting = [one for one in fitting if one.form != "platform" or f"l{one.code}" in TYPES]
        chosen = self.rng.sample(fitting, min(len(fitting), self.rng.randint(1, 3)))
        outputs: Data = {}
        for index, source in enumerate(chosen):
            code = f"l{source.code}" if source.form == "platform" else source.code
            outputs[f"{code}{index + 1}"] = TYPES[code]
            self.lines.append(f"{source.text} -> outputs.{code}{index + 1}")
        return outputs

    # ---- conditions

    def _repeated(self, region: Region) -> str | None:
        """A condition that another step has already: both stand in one region."""
        known = [one for one in region.taken if "step" not in one and "c" not in one.replace("inputs", "")]
        return self.rng.choice(known) if known and self.rng.random() < 0.3 else None

    def _condition(self, edges: list[Edge], region: Region) -> str:
        upstream = frozenset().union(*(source.steps for edge in edges for source in edge.sources))
        names = [one for one in self._seen(region) if one.form == "plain" and one.code in (*VALUES, "li", "ls")]
        names = [one for one in names if one.text.startswith("inputs.") or one.text.split(".")[0] in upstream]
        if not names:
            raise Refused
        return self._decision(names, 2)

    def _decision(self, names: list[Source], depth: int) -> str:
        chance = self.rng.random()
        if depth == 0 or chance < 0.55:
            return self._comparison(self.rng.choice(names), names)
        if chance < 0.65:
            return f"not ({self._decision(names, depth - 1)})"
        if chance < 0.7:
            return f"({self._decision(names, depth - 1)})"
        sign = self.rng.choice((" and ", " or "))
        return sign.join(self._decision(names, depth - 1) for _ in range(2))

    def _comparison(self, source: Source, names: list[Source]) -> str:
        rng, code = self.rng, source.code
        if code == "b":
            return rng.choice((source.text, f"not {source.text}", f"{source.text} == {rng.choice(('true', 'false'))}"))
        if code.startswith("l"):
            return f"{_literal(value_of(code[1:], rng))} {rng.choice(('in', 'not in'))} {source.text}"
        if rng.random() < 0.2:
            items = ", ".join(_literal(value_of(code, rng)) for _ in range(rng.randint(1, 3)))
            return f"{source.text} {rng.choice(('in', 'not in'))} [{items}]"
        numbers = ("i", "f")
        others = [one for one in names if one.code == code or (one.code in numbers and code in numbers)]
        others = [one for one in others if one.text != source.text]
        other = rng.choice(others).text if others and rng.random() < 0.3 else _literal(value_of(code, rng))
        signs = ("==", "!=", "<", "<=", ">", ">=")
        return f"{source.text} {rng.choice(signs)} {other}"


def _literal(value: Any) -> str:
    if isinstance(value, str):
        text = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
        return f"'{text}'"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _merged(one: Any, other: Any) -> str | None:
    """Two edges as one: to several targets, or of several ports with equal names. A condition then holds for both."""
    if not isinstance(one, str) or not isinstance(other, str) or "|" in one + other:
        return None
    (one, _, when), (other, _, when_2) = one.partition(" when "), other.partition(" when ")
    (left, _, right), (left_2, _, right_2) = one.partition(" -> "), other.partition(" -> ")
    if left == left_2 and right and right_2 and not when and not when_2:
        return f"{left} -> {right}, {right_2}"
    both = _braced(left, right, left_2, right_2) if not when or not when_2 else None
    return f"{both} when {when or when_2}" if both and (when or when_2) else both


def _braced(left: str, right: str, left_2: str, right_2: str) -> str | None:
    (step, _, port), (target, _, port_2) = left_2.partition("."), right_2.partition(".")
    if not port or port != port_2 or "," in left_2 + right_2:
        return None
    if left.startswith(f"{step}.{{") and right == target:
        return f"{left[:-1]}, {port}}} -> {target}"
    first = left.partition(".")[2]
    if "," in left + right or left != f"{step}.{first}" or right != f"{target}.{first}":
        return None
    return f"{step}.{{{first}, {port}}} -> {target}"


def _into(code: str) -> tuple[str, ...]:
    """The types that a port of this type takes."""
    return {"f": ("i", "f"), "a": ARTIFACTS, "m": ("m", "a"), "d": ("d", "a")}.get(code, (code,))


def _code(one: Any) -> str:
    return CODES[one["type"] if isinstance(one, dict) else one]


def _innermost(edges: list[Edge], root: Region) -> Region:
    regions = [source.region for edge in edges for source in edge.sources]
    return max(regions, key=lambda region: len(region.chain()), default=root)
