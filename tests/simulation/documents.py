"""PipelineSpec documents at random, with what hpc never writes: a seed enters, a document leaves.

Conditions that cannot be evaluated, items of the wrong type, tasks that run whatever happened anywhere, outputs that
nobody may have made, loops in loops whose results are one flat list. Such a task fails; the rest goes on.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any

from simulation.world import ARTIFACTS, code_of, value_of

Json = dict[str, Any]
VALUES = ("i", "f", "s", "b")
KINDS = {"i": "NUMBER_INTEGER", "f": "NUMBER_DOUBLE", "s": "STRING", "b": "BOOLEAN", "st": "TASK_FINAL_STATUS"}
PORTS = (*VALUES, *VALUES, "li", "ls", "m", "lm", "st")
MADE = (*VALUES, *VALUES, "li", "ls", "m", "a")
DEEPEST = 3
WHATEVER = "ALL_UPSTREAM_TASKS_COMPLETED"


@dataclass(frozen=True)
class Source:
    code: str
    node: Json
    name: str = ""
    is_item: bool = False


@dataclass
class _Writer:
    rng: random.Random
    components: Json = field(default_factory=dict)
    executors: Json = field(default_factory=dict)
    names: int = 0

    def name(self, head: str) -> str:
        self.names += 1
        return f"{head}{self.names}"

    # ---- components

    def leaf(self) -> str:
        rng, name = self.rng, self.name("c")
        inputs = {port: _declared(port, rng) for port in _ports(rng, PORTS, 4)}
        outputs = {port: _typed(port) for port in _ports(rng, MADE, 3, 1)}
        args = [name, *(_argument(port, "isOptional" in one) for port, one in inputs.items())]
        self.executors[f"exec-{name}"] = {"container": {"image": "image", "command": ["python"], "args": args}}
        self.components[name] = {**_definitions(inputs, outputs), "executorLabel": f"exec-{name}"}
        return name

    def dag(self, depth: int, item: str = "") -> str:
        """`item` is the code of an element: the inputs it9 and li9 are for a loop."""
        rng, name = self.rng, self.name("d")
        inputs = {port: _declared(port, rng) for port in _ports(rng, (*VALUES, "li", "ls", "m"), 4)}
        inputs |= {f"{item}9": _typed(item), f"l{item}9": _typed(f"l{item}")} if item else {}
        level = _Level(self, depth, {port: one for port, one in inputs.items() if port != f"l{item}9"})
        self.components[name] = {**_definitions(inputs, level.outputs()), "dag": level.written()}
        return name

    def component(self, depth: int) -> str:
        known = list(self.components)
        if known and self.rng.random() < 0.3:
            return self.rng.choice([one for one in known if self._height(one) + depth <= DEEPEST] or [self.leaf()])
        return self.dag(depth + 1) if depth < DEEPEST and self.rng.random() < 0.35 else self.leaf()

    def _height(self, name: str) -> int:
        inner = self.components[name].get("dag", {}).get("tasks", {})
        return max((1 + self._height(one["componentRef"]["name"]) for one in inner.values()), default=0)


def document(seed: int) -> Json:
    writer = _Writer(random.Random(seed))
    inputs = {port: _declared(port, writer.rng, required=0.0) for port in _ports(writer.rng, (*VALUES, "li", "ls"), 4)}
    level = _Level(writer, 0, inputs)
    if writer.rng.random() < 0.4:
        level.last()
    return {
        "pipelineInfo": {"name": f"random-{seed}"},
        "schemaVersion": "2.1.0",
        "root": {**_definitions(inputs, level.outputs()), "dag": level.written()},
        "components": writer.components,
        "deploymentSpec": {"executors": writer.executors},
    }


class _Level:
    """The tasks of one DAG while it grows."""

    def __init__(self, writer: _Writer, depth: int, inputs: Json) -> None:
        self.writer = writer
        self.rng = writer.rng
        self.depth = depth
        self.tasks: Json = {}
        self.sources = [Source(code_of(port), {_parent(port): port}, is_item=port.endswith("9")) for port in inputs]
        self.made: list[Source] = []
        self._chosen: Json = {}
        for _ in range(self.rng.randint(1, 6)):
            self.task()
        while not self.tasks:
            self.task()

    def task(self) -> None:
        rng = self.rng
        item = rng.choice(VALUES) if rng.random() < 0.3 and self.depth < DEEPEST else ""
        component = self.writer.dag(self.depth + 1, item) if item else self.writer.component(self.depth)
        declared = self.writer.components[component].get("inputDefinitions", {})
        name = self.writer.name(rng.choice(("s", "s", "when--" if "dag" in self.writer.components[component] else "s")))
        task: Json = {"componentRef": {"name": component}, "taskInfo": {"name": name}}
        loop = self._loop(item) if item else {}
        given = self._given(declared, {f"{item}9", f"l{item}9"} if item else set())
        if given is None:
            return
        if loop and "inputParameter" in loop["parameterIterator"]["items"]:
            given["parameters"][f"l{item}9"] = self._list(item)
        elif loop:
            given["parameters"][f"l{item}9"] = {"runtimeValue": {"constant": []}}
        task |= {"inputs": given, **loop, **self._policy(given, declared)}
        if before := rng.sample(list(self.tasks), min(len(self.tasks), rng.choice((0, 0, 0, 1, 2)))):
            task["dependentTasks"] = before
        self.tasks[name] = task
        self._hand_out(name, component, bool(item))

    def last(self) -> None:
        """A task after all others, with how one of them ended."""
        component = self.writer.leaf()
        self.writer.components[component]["inputDefinitions"] = {"parameters": {"st1": _declared("st1", self.rng)}}
        self.writer.executors[f"exec-{component}"]["container"]["args"] = [component, _argument("st1", True)]
        task: Json = {"componentRef": {"name": component}, "dependentTasks": list(self.tasks)}
        task["triggerPolicy"] = {"strategy": WHATEVER}
        watched = {"taskFinalStatus": {"producerTask": self.rng.choice(list(self.tasks))}}
        self.tasks[self.writer.name("last")] = {**task, "inputs": {"parameters": {"st1": watched}}}

    # ---- parts of a task

    def _loop(self, item: str) -> Json:
        rng = self.rng
        items = [value_of(item, rng) for _ in range(rng.randint(0, 3))]
        if rng.random() < 0.08 and item != "s":
            items.append("no such type")
        source = {"raw": json.dumps(items)} if rng.random() < 0.4 else {"inputParameter": f"l{item}9"}
        limit = {"iteratorPolicy": {"parallelismLimit": rng.randint(1, 2)}} if rng.random() < 0.5 else {}
        return {"parameterIterator": {"items": source, "itemInput": f"{item}9"}, **limit}

    def _list(self, item: str) -> Json:
        found = [one.node for one in self.sources if one.code == f"l{item}" and "runtimeValue" not in one.node]
        if found and self.rng.random() < 0.8:
            return self.rng.choice(found)
        return {"runtimeValue": {"constant": [value_of(item, self.rng) for _ in range(self.rng.randint(0, 3))]}}

    def _given(self, declared: Json, but: set[str]) -> Json | None:
        """Sources for the inputs of a task; None where one that it needs has none."""
        given: Json = {"parameters": {}, "artifacts": {}}
        for side, ports in declared.items():
            for port, one in ports.items():
                if port in but or ("isOptional" in one and self.rng.random() < 0.4):
                    continue
                node = self._source(code_of(port))
                if node is None and "isOptional" not in one:
                    return None
                if node is not None:
                    given[side][port] = node
        return given

    def _source(self, code: str) -> Json | None:
        if code == "st":
            ended = list(self.tasks)
            return {"taskFinalStatus": {"producerTask": self.rng.choice(ended)}} if ended else None
        found = [one.node for one in self.sources if one.code == code]
        items = [one.node for one in self.sources if one.code == code and one.is_item]
        if items and self.rng.random() < 0.5:
            return items[0]
        if found and (self.rng.random() < 0.75 or code in ("m", "a", "lm")):
            return self.rng.choice(found)
        if code in ("m", "a", "lm"):
            return None
        return {"runtimeValue": {"constant": value_of(code, self.rng)}}

    def _policy(self, given: Json, declared: Json) -> Json:
        policy: Json = {}
        if self.rng.random() < 0.15:
            policy["strategy"] = WHATEVER
        ports = [port for port in declared.get("parameters", {}) if code_of(port) in VALUES and not port.endswith("9")]
        bound = [port for port in ports if port in given["parameters"]]
        if ports and self.rng.random() < 0.3:
            port = self.rng.choice(ports if self.rng.random() < 0.3 or not bound else bound)
            policy["condition"] = _condition(port, self.rng)
        return {"triggerPolicy": policy} if policy else {}

    def _hand_out(self, name: str, component: str, is_loop: bool) -> None:
        for side, ports in self.writer.components[component].get("outputDefinitions", {}).items():
            for port in ports:
                code = code_of(port)
                code = f"l{code}" if is_loop and not code.startswith("l") else code
                kind, key = _OUTPUT[side]
                node = {kind: {"producerTask": name, key: port}}
                self.sources.append(Source(code, node))
                self.made.append(Source(code, {"producerSubtask": name, key: port}, name))

    # ---- what leaves

    def outputs(self) -> Json:
        """The ports that the DAG hands out, by name."""
        rng, found = self.rng, {}
        for number in range(rng.choice((0, 1, 2, 3)) if self.depth == 0 else rng.choice((1, 2, 3))):
            if not self.made:
                break
            one = rng.choice(self.made)
            port = f"{one.code}{number + 1}"
            others = [other.node for other in self.made if other.code == one.code and other.name != one.name]
            several = rng.sample(others, min(len(others), rng.randint(1, 2))) if rng.random() < 0.5 else []
            found[port] = _typed(port)
            self._chosen[port] = [one.node, *several]
        return found

    def written(self) -> Json:
        parameters, artifacts = {}, {}
        for port, selectors in self._chosen.items():
            if code_of(port) in (*ARTIFACTS, "lm", "la"):
                artifacts[port] = {"artifactSelectors": selectors}
            elif len(selectors) > 1:
                parameters[port] = {"valueFromOneof": {"parameterSelectors": selectors}}
            else:
                parameters[port] = {"valueFromParameter": selectors[0]}
        tasks = list(self.tasks.items())
        self.rng.shuffle(tasks)
        return {"tasks": dict(tasks), "outputs": {"parameters": parameters, "artifacts": artifacts}}


_OUTPUT = {
    "parameters": ("taskOutputParameter", "outputParameterKey"),
    "artifacts": ("taskOutputArtifact", "outputArtifactKey"),
}


def _parent(port: str) -> str:
    return "componentInputArtifact" if _is_artifact(port) else "componentInputParameter"


def _is_artifact(port: str) -> bool:
    return code_of(port) in (*ARTIFACTS, "lm", "la")


def _ports(rng: random.Random, codes: tuple[str, ...], most: int, least: int = 0) -> list[str]:
    names = [f"{code}{number}" for code in dict.fromkeys(codes) for number in (1, 2)]
    return rng.sample(names, rng.randint(least, most))


def _typed(port: str) -> Json:
    code = code_of(port)
    if _is_artifact(port):
        kind = {"artifactType": {"schemaTitle": "system.Model", "schemaVersion": "0.0.1"}}
        return {**kind, "isArtifactList": True} if code.startswith("l") else kind
    return {"parameterType": KINDS.get(code, "LIST")}


def _declared(port: str, rng: random.Random, required: float = 0.5) -> Json:
    code = code_of(port)
    if code != "st" and rng.random() < required:
        return _typed(port)
    with_default = not _is_artifact(port) and code != "st" and rng.random() < 0.5
    default = {"defaultValue": value_of(code, rng)} if with_default else {}
    return {**_typed(port), "isOptional": True, **default}


def _definitions(inputs: Json, outputs: Json) -> Json:
    return {"inputDefinitions": _sides(inputs), "outputDefinitions": _sides(outputs)}


def _sides(ports: Json) -> Json:
    return {
        "parameters": {port: one for port, one in ports.items() if not _is_artifact(port)},
        "artifacts": {port: one for port, one in ports.items() if _is_artifact(port)},
    }


def _argument(port: str, optional: bool) -> str:
    side = "artifacts" if _is_artifact(port) else "parameters"
    text = f"{port}={{{{$.inputs.{side}['{port}']}}}}"
    return json.dumps({"IfPresent": {"InputName": port, "Then": [text]}}) if optional else text


def _condition(port: str, rng: random.Random) -> str:
    value = f"inputs.parameter_values['{port}']"
    choices = {"i": f"{value} > 1", "f": f"double({value}) < 1.0", "s": f"{value} != 'aa'", "b": value}
    cannot = {"s": f"int({value}) == 10"}
    code = code_of(port)
    return cannot[code] if code in cannot and rng.random() < 0.3 else choices[code]
