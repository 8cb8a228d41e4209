"""One DAG of the IR as edges: the pipeline, or a component made of edges.

A `Flat` enters; steps, edges and ports leave, whose types are final once every scope of the file has been connected.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from hpc.components.types import Type
from hpc.conversion.cel import operands, written
from hpc.conversion.flat import AFTER_ANYTHING, Axis, Flat, Frame, Region, Step, Switch, producers
from hpc.conversion.leaves import Leaf, channel_name
from hpc.conversion.lists import Elements
from hpc.conversion.names import Names, step_names
from hpc.conversion.notes import Notes, Where
from hpc.conversion.origins import Const, Given, Item, Made, OneOf, Origins, Source, Status
from hpc.conversion.ports import KINDS, Kind, Port, artifact_port, parameter_port
from hpc.conversion.words import Unsayable

Json = Mapping[str, Any]


class Runs(Protocol):
    """What a step runs: its ports by kind and name in the IR."""

    @property
    def inputs(self) -> Mapping[tuple[Kind, str], Port]: ...
    @property
    def outputs(self) -> Mapping[tuple[Kind, str], Port]: ...


class Maker(Protocol):
    """Makes what steps run; holds what all scopes of a file share."""

    components: Mapping[str, Json]
    notes: Notes
    name: str

    def scope(self, key: str, *, is_group: bool, item: str | None) -> Scope: ...
    def leaf(self, step: Step, constants: Mapping[str, Any], bound: frozenset[str]) -> Leaf: ...


@dataclass(eq=False)
class Entry:
    """A step in the making: what it runs, its constants, its loops (ports and fields by axis)."""

    step: Step
    runs: Leaf | Scope
    constants: dict[str, tuple[Port, Any]] = field(default_factory=dict[str, "tuple[Port, Any]"])
    axes: dict[int, list[tuple[Port, str | None]]] = field(default_factory=dict[int, "list[tuple[Port, str | None]]"])

    def axis_of(self, axis: Axis) -> list[tuple[Port, str | None]]:
        return self.axes.setdefault(id(axis), [])


class Scope:
    """`is_group`: a group of the IR that stays whole, whose ports are named for people; `item` is its element."""

    def __init__(self, maker: Maker, key: str, flat: Flat, *, is_group: bool, item: str | None) -> None:
        self.maker, self.key, self.flat, self.notes = maker, key, flat, maker.notes
        self.is_group, self.item = is_group, item
        self.origins = Origins(flat)
        self.inputs: dict[tuple[Kind, str], Port] = {}
        self.fields: dict[tuple[str, str], Port] = {}
        self.outputs: dict[tuple[Kind, str], Port] = {}
        self.entries: dict[int, Entry] = {}
        self.lines: list[str | dict[str, list[str]]] = []
        self.used: set[tuple[Kind, str]] = set()
        self._names = Names()
        self._declare()
        self._name_steps()
        self._connect()

    @property
    def is_pipeline(self) -> bool:
        return self.flat.root.where == ("root",)

    # ------------------------------------------------------------ ports

    def _declare(self) -> None:
        for side, ports in (("inputs", self.inputs), ("outputs", self.outputs)):
            names = self._names if side == "inputs" else Names()
            definitions = self.flat.root.component.get(f"{side.removesuffix('s')}Definitions", {})
            for kind in KINDS:
                # The element first: it gets the better name where its list is an input too.
                for ir, spec in sorted(definitions.get(kind, {}).items(), key=lambda one: one[0] != self.item):
                    self._declare_port(ports, names, (side, kind, ir), spec)

    def _declare_port(
        self, ports: dict[tuple[Kind, str], Port], names: Names, at: tuple[str, Kind, str], spec: Json
    ) -> None:
        side, kind, ir = at
        where = (*self.flat.root.where, f"{side.removesuffix('s')}Definitions", kind, ir)
        make = parameter_port if kind == "parameters" else artifact_port
        port = make(names.new(channel_name(ir), "port"), ir, spec, where, self.notes)
        if port is None:
            return
        ports[kind, ir] = port
        if self.item is not None and side == "outputs":
            port.type = port.type.element  # the IR declares what the loop around it yields
        if self.is_group:
            return
        if side == "outputs" and port.name != ir:
            port.said["as"] = ir
        elif port.name != ir:
            self.notes.say(where, f"is called `{port.name}`.")
        if self.is_pipeline and side == "inputs" and port.said.pop("optional", None):
            self.notes.lose(where, "may stay without a value; an input of a pipeline is optional only by a default.")

    def _field_port(self, given: Given, like: Port) -> Port:
        """A field of the element becomes an input of its own: only a loop can hand out fields."""
        known = (given.name, given.field or "")
        if known not in self.fields:
            name = self._names.new(channel_name(known[1]), "field")
            self.fields[known] = Port(name, given.name, like.type, like.elements, like.where)
        return self.fields[known]

    def port_of_input(self, given: Given, like: Port) -> Port:
        if given.field is None:
            if (given.kind, given.name) not in self.inputs:
                raise Unsayable(f"takes the input `{given.name}`, which cannot be said")
            self.used.add((given.kind, given.name))
            return self.inputs[given.kind, given.name]
        if not self.is_group:
            raise Unsayable("takes a field of an input; edges take fields only of the elements of a loop")
        return self._field_port(given, like)

    @property
    def bound_inputs(self) -> Iterator[tuple[Port, Kind, str, str | None]]:
        """The inputs that a step has to bind: of a group those that something inside takes."""
        for (kind, ir), port in self.inputs.items():
            if not self.is_group or (kind, ir) in self.used:
                yield port, kind, ir, None
        for (ir, name), port in self.fields.items():
            yield port, "parameters", ir, name

    # ------------------------------------------------------------ steps

    def _name_steps(self) -> None:
        names = step_names()
        names.new(self.maker.name)
        for step in self.flat.steps:
            step.name = names.new(step.key, "step")
            if step.name.replace("_", "-") != step.key:
                self.notes.say(step.where, f"is called `{step.name}`.")

    def _connect(self) -> None:
        for step in self.flat.steps:
            self._enter(step)
        for step in self.flat.steps:
            self._fill(self.entries[id(step)])
        done: set[int] = set()
        for step in self.flat.steps:
            self._guard(step, done)
            self._exit(step)
        for frame in (self.flat.root, *self.flat.inner.values()):
            self._order(frame)
        self._yield_outputs()
        mentioned = {word for line in _texts(self.lines) for word in _ends(line)}
        self.lines += [step.name for step in self.flat.steps if step.name not in mentioned]

    def _enter(self, step: Step) -> None:
        if "dag" in step.component:
            item = step.own_axis.item if step.own_axis else None
            runs: Leaf | Scope = self.maker.scope(step.component_key, is_group=step.is_group, item=item)
        else:
            runs = self.maker.leaf(step, self._constants(step), frozenset(self._bound(step)))
        self.entries[id(step)] = Entry(step, runs)

    def _constants(self, step: Step) -> dict[str, Any]:
        """Constants that the task binds, also those that come through groups."""
        found: dict[str, Any] = {}
        for name in step.task.get("inputs", {}).get("parameters", {}):
            source = self._source(step.frame, step.task, "parameters", name, step.where)
            is_own = "runtimeValue" in step.task["inputs"]["parameters"][name]
            if isinstance(source, Const) and (is_own or "{{$" not in json.dumps(source.value)):
                found[name] = source.value
        return found

    def _bound(self, step: Step) -> Iterator[str]:
        for kind in KINDS:
            yield from step.task.get("inputs", {}).get(kind, {})
        for name, port in step.component.get("inputDefinitions", {}).get("parameters", {}).items():
            if port.get("defaultValue") is not None:
                yield name
        if step.own_axis:
            yield step.own_axis.item

    def _source(self, frame: Frame, task: Json, kind: Kind, name: str, where: Where) -> Source | None:
        try:
            return self.origins.of(frame, task, kind, name)
        except Unsayable as error:
            self.notes.lose((*where, "inputs", kind, name), f"{error}.")
            return None

    # ------------------------------------------------------------ data

    def _fill(self, entry: Entry) -> None:
        step, runs = entry.step, entry.runs
        ports: list[tuple[Port, Kind, str, str | None]]
        if isinstance(runs, Scope):
            ports = list(runs.bound_inputs)
        else:
            ports = [(port, kind, ir, None) for (kind, ir), port in runs.inputs.items()]
        for port, kind, ir, name in ports:
            source = self._source_of(step, kind, ir, name)
            if source is not None:
                self._wire(entry, port, source, (*step.where, "inputs", kind, ir))
        self._loops(entry)
        self._say_unused(entry)

    def _source_of(self, step: Step, kind: Kind, ir: str, name: str | None) -> Source | None:
        if step.own_axis is not None and kind == "parameters" and ir == step.own_axis.item:
            return Item(step.own_axis, name)
        if ir not in step.task.get("inputs", {}).get(kind, {}):
            return None
        source = self._source(step.frame, step.task, kind, ir, step.where)
        if name is None or source is None:
            return source
        try:
            return self.origins.field(source, f"parseJson(string_value)[{json.dumps(name)}]")
        except Unsayable as error:
            self.notes.lose((*step.where, "inputs", kind, ir), f"{error}.")
            return None

    def _wire(self, entry: Entry, port: Port, source: Source, where: Where) -> None:
        if isinstance(source, Const):
            self._constant(entry, port, source.value, where)
            return
        if isinstance(source, Item):
            self._close(port, source)
            entry.axis_of(source.axis).append((port, source.field))
            return
        try:
            text = self._left(source, port)
        except (Unsayable, KeyError) as error:
            self.notes.lose(where, f"{error}.")
            return
        self._data(text, f"{entry.step.name}.{port.name}")

    def _close(self, port: Port, source: Item) -> None:
        """Gives a port that is there for a text the type of the element."""
        name = source.axis.frame.tasks[source.axis.key]["componentRef"]["name"]
        declared = self.maker.components[name].get("inputDefinitions", {}).get("parameters", {})
        spec = declared.get(source.axis.item, {}) if source.field is None else {"parameterType": "STRING"}
        element = parameter_port(port.name, port.ir, spec, port.where, self.notes)
        if element is not None:
            element.connect(port)

    def _constant(self, entry: Entry, port: Port, value: Any, where: Where) -> None:
        if value is None:
            return
        if "{{$" in json.dumps(value):
            self.notes.lose(where, "is made of run-time values; only arguments of a container hold such text.")
            return
        port.learn(value)
        entry.constants[port.name] = (port, value)

    def _left(self, source: Source, target: Port) -> str:
        """The left side of an edge; connects the types of both."""
        if isinstance(source, Given):
            port = self.port_of_input(source, target)
            port.connect(target)
            return f"inputs.{port.name}"
        if isinstance(source, Made):
            return self._made(source, target)
        if isinstance(source, OneOf):
            return " | ".join(self._made(one, target) for one in source.sources)
        if isinstance(source, Status):
            return f"{source.step.name}.status" if source.step else "exit.status"
        raise Unsayable("takes an element of a list outside of its loop")

    def _made(self, source: Made, target: Port | None) -> str:
        entry = self.entries[id(source.step)]
        port = entry.runs.outputs.get((source.kind, source.name))
        if port is None:
            raise Unsayable(f"takes `{source.name}` of `{source.step.key}`, which it does not have")
        if target is not None and not source.step.axes:
            port.connect(target)
        elif target is not None and target.elements is not None:
            target.elements.learn(str(port.type) if port.elements is None else "list")
        return f"{source.step.name}.{port.name}"

    def _data(self, source: str, target: str) -> None:
        """An edge, in the line of its source if that has one."""
        for index, line in enumerate(self.lines):
            if isinstance(line, str) and line.startswith(f"{source} -> ") and " when " not in line:
                self.lines[index] = f"{line}, {target}"
                return
        self.lines.append(f"{source} -> {target}")

    def _say_unused(self, entry: Entry) -> None:
        """Bindings that the component does not declare and that no text mentions."""
        step = entry.step
        bound = step.task.get("inputs", {}).get("parameters", {})
        texts = json.dumps([one.get("runtimeValue") for one in bound.values()])
        declared = step.component.get("inputDefinitions", {}).get("parameters", {})
        for name in bound.keys() - declared.keys():
            if f"['{name}']" not in texts:
                self.notes.say((*step.where, "inputs", "parameters", name), "binds what nothing declares; left out.")

    # ------------------------------------------------------------ loops

    def _loops(self, entry: Entry) -> None:
        for axis in entry.step.axes:
            ports = entry.axis_of(axis)
            where = (*axis.frame.where, "dag", "tasks", axis.key, "parameterIterator")
            if not ports:
                self.notes.lose(where, "loops over a list whose elements nothing takes.")
            elif "raw" in axis.items:
                self._literal(entry, ports, axis, where)
            else:
                self._walk(entry, ports, axis, where)

    def _literal(self, entry: Entry, ports: list[tuple[Port, str | None]], axis: Axis, where: Where) -> None:
        rows = _rows(axis.items["raw"])
        if rows is None:
            self.notes.lose(where, "walks something that is no list in JSON.")
            return
        is_whole = [name is None for _, name in ports]
        if any(is_whole) and len(ports) > 1 and not all(is_whole):
            self.notes.lose(where, "hands out elements and their fields of a list that stands here.")
            return
        for port, name in ports:
            if name is not None and not all(isinstance(row, dict) and name in row for row in rows):
                self.notes.lose(where, f"has elements without `{name}`.")
                return
            entry.constants[port.name] = (
                _list_of(port, is_field=False),
                [row if name is None else row[name] for row in rows],
            )

    def _walk(self, entry: Entry, ports: list[tuple[Port, str | None]], axis: Axis, where: Where) -> None:
        name = axis.items["inputParameter"]
        source = self._source(axis.frame, axis.frame.tasks[axis.key], "parameters", name, where[:-1])
        for port, one in ports if source is not None else ():
            target = _list_of(port, is_field=one is not None)
            try:
                if isinstance(source, Const):
                    self._constant(entry, target, source.value, where)
                    continue
                assert source is not None, "left out above"
                text = self._left(source, target)
            except Unsayable as error:
                self.notes.lose(where, f"{error}.")
                return
            self._data(f"{text}.{one}" if one else text, f"{entry.step.name}.{port.name}")

    # ------------------------------------------------------------ conditions

    def _guard(self, step: Step, done: set[int]) -> None:
        before = self._before(step)
        for region in step.regions:
            if any(region in other.regions for other in before):
                continue
            if region.branch_of is None:
                self._when(step, region)
            elif id(region.branch_of) not in done:
                done.add(id(region.branch_of))
                self._switch(region.branch_of)

    def _before(self, step: Step) -> set[Step]:
        """The steps whose regions a step takes over: those that it takes data from or waits for by itself."""
        found: set[Step] = set()
        for kind in KINDS:
            for name in step.task.get("inputs", {}).get(kind, {}):
                try:
                    found |= set(_steps_of(self.origins.of(step.frame, step.task, kind, name)))
                except Unsayable:
                    continue
        for region in step.regions:
            found |= set(self._deciding(region))
        return found | set(self._waited_for(step))

    def _deciding(self, region: Region) -> Iterator[Step]:
        """The steps that a condition reads, and with it those before it in a switch: edges lead from them."""
        for one in region.branch_of.branches if region.branch_of else [region]:
            task = one.frame.tasks[one.key]
            for name in operands(one.test) if one.test is not None else ():
                try:
                    yield from _steps_of(self.origins.of(one.frame, task, "parameters", name))
                except Unsayable:
                    continue

    def _waited_for(self, step: Step) -> Iterator[Step]:
        """The steps that a task, or a group around it, waits for by itself."""
        frame, key = step.frame, step.key
        while True:
            for other in frame.tasks[key].get("dependentTasks", []):
                found = self.flat.step_at.get((id(frame), other))
                yield from [found] if found is not None else []
            if frame.parent is None:
                return
            frame, key = frame.parent, frame.key

    def _when(self, step: Step, region: Region) -> None:
        try:
            text, names = self._test(region)
        except Unsayable as error:
            where = (*region.frame.where, "dag", "tasks", region.key, "triggerPolicy", "condition")
            self.notes.lose(where, f"{error}.")
            return
        self.lines.append(f"{names[0] if names else 'inputs'} -> {step.name} when {text}")
        for other in names[1:]:
            self._after(other, step.name)

    def _test(self, region: Region) -> tuple[str, list[str]]:
        """The text of a condition and the steps that it reads."""
        if region.test is None:
            return "", []
        task = region.frame.tasks[region.key]
        names: dict[str, str] = {}
        steps: list[str] = []
        for name in operands(region.test):
            source = self.origins.of(region.frame, task, "parameters", name)
            if isinstance(source, Given):
                like = self._operand_port(task, name, region.frame.where)
                names[name] = f"inputs.{self.port_of_input(source, like).name}"
            elif isinstance(source, Made) and not source.step.axes:
                names[name] = self._made(source, None)
                steps += [source.step.name] if source.step.name not in steps else []
            else:
                raise Unsayable("is decided by something that is no input and no output of a step")
        return written(region.test, lambda name: names[name]), steps

    def _operand_port(self, task: Json, name: str, where: Where) -> Port:
        """What a condition reads, as the group declares it."""
        component = self.maker.components[task["componentRef"]["name"]]
        spec = component.get("inputDefinitions", {}).get("parameters", {}).get(name, {"parameterType": "STRING"})
        port = parameter_port(name, name, spec, where, self.notes)
        if port is None:
            raise Unsayable(f"reads `{name}`, which is no value")
        return port

    def _switch(self, switch: Switch) -> None:
        lines: list[str] = []
        try:
            tests = [self._test(branch) for branch in switch.branches]
        except Unsayable as error:
            self.notes.lose((*switch.frame.where, "dag"), f"{error}.")
            return
        names = [name for _, steps in tests for name in steps]
        for branch, (text, _) in zip(switch.branches, tests, strict=True):
            targets = ", ".join(step.name for step in self.flat.steps if self._begins(step, branch))
            ending = f"when {text}" if branch.test is not None else "else"
            lines.append(f"{names[0] if names else 'inputs'} -> {targets} {ending}")
        self.lines.append({"switch": lines})

    def _begins(self, step: Step, region: Region) -> bool:
        """Whether nothing before the step stands in the region that the step stands in."""
        return region in step.regions and not any(region in other.regions for other in self._before(step))

    # ------------------------------------------------------------ order

    def _exit(self, step: Step) -> None:
        """A step that runs at the end says so by its status, or by an order edge."""
        bound = step.task.get("inputs", {}).get("parameters", {}).values()
        if step.after_exit and not any("taskFinalStatus" in one for one in bound):
            self.lines.append(f"exit -> {step.name}")

    def _order(self, frame: Frame) -> None:
        """Order edges between the tasks of a DAG, where no other edge leads from the one to the other."""
        for key, task in frame.tasks.items():
            inside = self._inside(frame, key)
            for other in sorted({*task.get("dependentTasks", []), *producers(task)}):
                if inside and not inside[0].after_exit and not self._linked(self._inside(frame, other), inside):
                    self._wait((frame, key), other, inside)

    def _inside(self, frame: Frame, key: str) -> list[Step]:
        """The steps that a task is or holds."""
        step = self.flat.step_at.get((id(frame), key))
        child = self.flat.inner.get((id(frame), key))
        if step is not None or child is None:
            return [step] if step is not None else []
        return [one for one in self.flat.steps if _is_inside(one.frame, child)]

    def _linked(self, sources: list[Step], targets: list[Step]) -> bool:
        ends = {step.name for step in sources}, {step.name for step in targets}
        for line in _texts(self.lines):
            left, _, right = line.partition(" -> ")
            if ends[0] & set(_ends(left)) and ends[1] & set(_ends(right)):
                return True
        return False

    def _wait(self, at: tuple[Frame, str], other: str, inside: list[Step]) -> None:
        frame, key = at
        child = self.flat.inner.get((id(frame), key))
        for step in inside:
            if child is not None and any(_is_inside(before.frame, child) for before in self._before(step)):
                continue
            try:
                self._after(self._ran(frame, other), step.name)
            except Unsayable as error:
                self.notes.lose((*frame.where, "dag", "tasks", key, "dependentTasks"), f"{error}.")

    def _after(self, source: str, target: str) -> None:
        if not any(line.startswith(f"{source} -> {target}") for line in _texts(self.lines)):
            self._data(source, target)

    def _ran(self, frame: Frame, key: str) -> str:
        """The left side of an order edge from a task."""
        step = self.flat.step_at.get((id(frame), key))
        if step is not None:
            return step.name
        child = self.flat.inner.get((id(frame), key))
        inside = [one for one in self.flat.steps if child is not None and _is_inside(one.frame, child)]
        switch = self.origins.switch_of(frame, key)
        if switch is not None and switch.is_complete:
            ends = (
                next(one.name for one in inside if one.regions and branch in one.regions) for branch in switch.branches
            )
            return " | ".join(ends)
        if child is not None and child.axis is not None and len(inside) == 1:
            return inside[0].name
        raise Unsayable(f"waits for `{key}`, which may not run, and no edge says that")

    # ------------------------------------------------------------ outputs

    def _yield_outputs(self) -> None:
        for (kind, ir), port in self.outputs.items():
            try:
                source = self.origins.result(self.flat.root, kind, ir)
                port.is_open = self.item is not None and kind == "parameters"
                self._data(self._left(source, port), f"outputs.{port.name}")
            except Unsayable as error:
                self.notes.lose((*self.flat.root.where, "dag", "outputs", kind, ir), f"{error}.")


def runs_after_failure(step: Step) -> bool:
    return step.task.get("triggerPolicy", {}).get("strategy") == AFTER_ANYTHING and not step.after_exit


def _list_of(port: Port, *, is_field: bool) -> Port:
    """A list of what a port takes, or of mappings that have it as a field: for the constant or the edge of a loop."""
    found = Port(port.name, port.ir, Type("any", True), Elements(), port.where)
    assert found.elements is not None, "given above"
    found.elements.learn("dict" if is_field else str(port.type) if port.elements is None else "list")
    return found


def _rows(raw: str) -> list[Any] | None:
    """The elements of a list that stands in the IR as JSON text; None if it is none."""
    try:
        rows = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return cast("list[Any]", rows) if isinstance(rows, list) else None


def _steps_of(source: Source) -> Iterator[Step]:
    if isinstance(source, Made):
        yield source.step
    elif isinstance(source, OneOf):
        yield from (one.step for one in source.sources)
    elif isinstance(source, Status) and source.step is not None:
        yield source.step


def _is_inside(frame: Frame | None, group: Frame) -> bool:
    while frame is not None and frame is not group:
        frame = frame.parent
    return frame is group


def _texts(lines: list[str | dict[str, list[str]]]) -> Iterator[str]:
    for line in lines:
        if isinstance(line, str):
            yield line
        else:
            yield from line["switch"]


def _ends(line: str) -> Iterator[str]:
    """The nodes that a line names."""
    wires = line.partition(" when ")[0].removesuffix(" else")
    for side in wires.split(" -> "):
        for end in side.replace("|", ",").split(","):
            yield end.strip().partition(".")[0]
