"""KFP component YAML, version 1 (`implementation.container`): a document enters, a container leaves.

What types, names and defaults become is what kfp 2.17 makes of them on loading (kfp/dsl/structures.py,
`from_v1_component_spec`); the placeholders are those of kfp/dsl/v1_structures.py. Where the SDK loses or garbles
something (defaults that do not fit, two names that become one, outputs at fixed paths), the file is refused; where it
merely fails (a single placeholder after `else`, a plain condition, a list as default), the file is read.
"""

from __future__ import annotations

import math
import re
from typing import Any

from hpc.components.foreign.containers import ForeignContainer
from hpc.components.foreign.elements import Element, IfPresent, Joined, Text, compiled_element, text_element, undeclared
from hpc.components.foreign.interface import Declared, Interface, Side, as_value, interface
from hpc.components.foreign.node import Node, NotAComponent, shown
from hpc.components.placeholders import RUN_IN_TEXT, input_artifact, output_artifact, output_file, parameter
from hpc.components.types import ANY_LIST, RUN_STATUS, Type, did_you_mean

_VALUES = {
    **dict.fromkeys(("integer", "int"), Type("int")),
    **dict.fromkeys(("double", "float"), Type("float")),
    **dict.fromkeys(("string", "str", "text"), Type("string")),
    **dict.fromkeys(("bool", "boolean"), Type("bool")),
    **dict.fromkeys(("dict", "jsonobject"), Type("dict")),
    **dict.fromkeys(("list", "jsonarray"), ANY_LIST),
}
_ARTIFACTS = {
    name.lower(): Type(name)
    for name in (
        "Artifact",
        "Model",
        "Dataset",
        "Metrics",
        "ClassificationMetrics",
        "SlicedClassificationMetrics",
        "HTML",
        "Markdown",
    )
}
_GOOGLE = re.compile(r"google\.[A-Za-z]+")
_TRUTH = {
    **dict.fromkeys(("y", "yes", "t", "true", "on", "1"), True),
    **dict.fromkeys(("n", "no", "f", "false", "off", "0"), False),
}
_CONTAINER_KEYS = ("image", "command", "args", "env")


def read_v1(document: Node) -> ForeignContainer:
    """The container that a component of version 1 describes. Raises NotAComponent."""
    container = _container(document)
    ports = interface(_declared(document, "inputs"), _declared(document, "outputs"))
    image = container.at("image")
    if not image.text().strip():
        raise image.fault("is empty", "name the image.")
    return ForeignContainer(
        title=document.text_at("name"),
        description=document.text_at("description"),
        inputs=ports.inputs,
        outputs=ports.outputs,
        ir_names=ports.ir_names,
        image=text_element(image, ports).text,
        env={name: text_element(value, ports).text for name, value in container.entries_at("env").items()},
        resources=None,
        command_elements=_elements(container.items_at("command"), ports),
        args_elements=_elements(container.items_at("args"), ports),
    )


def _container(document: Node) -> Node:
    implementation = document.at("implementation")
    if "graph" in implementation.entries():
        raise implementation.fault("is a graph of components", "use compiled IR of that pipeline instead.")
    container = implementation.at("container")
    if container.entries_at("fileOutputs"):
        fact = "states paths at which the program writes its outputs; KFP 2 reads none of them"
        raise container.at("fileOutputs").fault(
            fact, "pass the paths to the program, with `{outputPath: …}` in `args`."
        )
    for key, node in container.entries().items():
        if key not in _CONTAINER_KEYS and node.value not in (None, {}):
            raise container.fault(
                f"has the key `{shown(key)}`, which no component has", did_you_mean(key, _CONTAINER_KEYS)
            )
    return container


def _declared(document: Node, side: Side) -> list[Declared]:
    return [_port(node, side) for node in document.items_at(side)]


def _port(node: Node, side: Side) -> Declared:
    name = node.at("name").text()
    port_type = _type(node, side)
    default = node.get("default") if side == "inputs" else None
    is_optional = node.get("optional")
    # The SDK's own sanitize_input_name; unlike snake_case it keeps runs of `_` and digits in front.
    ir = re.sub("[^_0-9a-z]+", "_", name.lower()).strip("_")
    return Declared(
        name,
        ir,
        node,
        port_type,
        optional=default is not None or port_type == RUN_STATUS or bool(is_optional and is_optional.flag()),
        default=None if default is None or port_type == RUN_STATUS else _default(default, port_type),
    )


def _type(node: Node, side: Side) -> Type:
    """A type is a name, or a mapping of it to its properties, which KFP 2 no longer reads."""
    written = node.get("type")
    if written is None or isinstance(written.value, dict):
        return Type("Artifact")
    name = written.text()
    if side == "inputs" and name == "PipelineTaskFinalStatus":
        return RUN_STATUS
    name = name.removeprefix("typing.")
    outer = name.split("[")[0].lower() if name.lower().startswith(("list", "dict")) else name.lower()
    if _GOOGLE.fullmatch(name):
        return Type(name)
    return _VALUES.get(outer) or _ARTIFACTS.get(outer) or Type("Artifact")


def _default(node: Node, port_type: Type) -> Any:
    """Defaults of version 1 are mostly texts, whatever the type."""
    value = node.value
    if port_type == Type("string"):
        return str(value) if isinstance(value, bool | int | float) else value
    if port_type.base in ("int", "float", "bool") and isinstance(value, str):
        return _read_scalar(port_type.base, value)
    return as_value(port_type, value)


def _read_scalar(base: str, text: str) -> Any:
    try:
        if base == "bool":
            return _TRUTH.get(text.lower(), text)
        number = int(text) if base == "int" else float(text)
        return number if math.isfinite(number) else text
    except (ValueError, OverflowError):
        return text


def _elements(nodes: list[Node], ports: Interface) -> tuple[Element, ...]:
    return tuple(element for node in nodes for element in _spliced(node, ports))


def _spliced(node: Node, ports: Interface) -> tuple[Element, ...]:
    """What an element stands for: one, or those of the branch that a plain condition takes."""
    if not isinstance(node.value, dict):
        return (compiled_element(node, ports),)
    if len(node.entries()) != 1:
        raise node.fault("is not one placeholder, e.g. `{inputValue: x}`", "write one key for each placeholder.")
    key = next(iter(node.entries()))
    if key == "if":
        return _condition(node.at("if"), ports)
    if key == "concat":
        return (Joined(_elements(node.at("concat").items(), ports)),)
    if key == "executorInput":
        return (Text(RUN_IN_TEXT["executor_input"], (), node),)
    if key not in _PORT_PLACEHOLDERS:
        raise node.fault(
            f"holds `{shown(key)}`, which is not a placeholder of KFP 2",
            did_you_mean(key, [*_PORT_PLACEHOLDERS, "concat", "if", "executorInput"]),
        )
    return (_port_placeholder(key, node.at(key), ports),)


_PORT_PLACEHOLDERS: dict[str, tuple[Side, str]] = {
    "inputValue": ("inputs", "value"),
    "inputPath": ("inputs", "path"),
    "inputUri": ("inputs", "uri"),
    "outputPath": ("outputs", "path"),
    "outputUri": ("outputs", "uri"),
}


def _port_placeholder(key: str, node: Node, ports: Interface) -> Text:
    side, field = _PORT_PLACEHOLDERS[key]
    port = _port_named(node, side, ports)
    ir = ports.ir_names[port]
    if side == "outputs" and field == "path" and not ports.type_of(side, port).is_artifact:
        return Text(output_file(ir), (), node)
    if ports.type_of(side, port).is_artifact == (field == "value"):
        raise _wrong_kind(key, node, ports.type_of(side, port))
    if side == "outputs":
        return Text(output_artifact(ir, field), (), node)
    return Text(parameter(ir) if field == "value" else input_artifact(ir, field), (port,), node)


def _wrong_kind(key: str, node: Node, port_type: Type) -> NotAComponent:
    """KFP 2 refuses these pairs too: an artifact has no value in an argument, and a value lies at no path."""
    if port_type.is_artifact:
        fix = "write `inputPath`, or give the input a type such as `String`."
    elif key == "outputUri":
        fix = "write `outputPath`, or give the output a type such as `Dataset`."
    else:
        fix = "write `inputValue`, or give the input a type such as `Dataset`."
    return node.fault(f"takes `{shown(node.value)}`, whose type is {port_type}, through `{key}`", fix)


def _port_named(node: Node, side: Side, ports: Interface) -> str:
    known = ports.inputs_by_name if side == "inputs" else ports.outputs_by_name
    port = known.get(node.text())
    if port is None:
        raise undeclared(node, side, node.text())
    return port


def _condition(node: Node, ports: Interface) -> tuple[Element, ...]:
    condition = node.at("cond")
    then, otherwise = _branch(node.at("then"), ports), _branch(node.get("else"), ports)
    if isinstance(condition.value, dict):
        return (IfPresent(_port_named(_asked(condition), "inputs", ports), then, otherwise),)
    truth = condition.value if isinstance(condition.value, bool) else _TRUTH.get(condition.text().lower())
    if truth is None:
        fact = f"is `{shown(condition.value)}`, which is neither true nor false"
        raise condition.fault(fact, "write `{isPresent: …}` with the name of an input.")
    return then if truth else otherwise


def _asked(condition: Node) -> Node:
    """The name of the input whose presence a condition asks for."""
    if condition.entries().keys() == {"isPresent"}:
        return condition.at("isPresent")
    if "inputValue" in condition.entries():
        fact = "asks for the value of an input, which is known only when the task runs"
        raise condition.fault(fact, "ask for its presence: `{isPresent: …}`.")
    raise condition.fault("is not a condition", "write `{isPresent: …}` with the name of an input.")


def _branch(node: Node | None, ports: Interface) -> tuple[Element, ...]:
    """One element, or a list of them."""
    if node is None:
        return ()
    return _elements(node.items() if isinstance(node.value, list) else [node], ports)
