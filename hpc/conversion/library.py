"""A container that someone else wrote as a library: one component, its image, its machine.

A ForeignContainer and the document that it was read from enter, a document of the language leaves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from hpc.components.foreign import ForeignContainer
from hpc.components.foreign.elements import Element, IfPresent, Text
from hpc.components.ports import InputPort, OutputPort
from hpc.components.types import ANY_LIST
from hpc.conversion import settings
from hpc.conversion.arguments import Arguments, Reader, Style
from hpc.conversion.lists import Elements
from hpc.conversion.names import Names, image_name, step_names
from hpc.conversion.notes import Notes
from hpc.conversion.ports import Port
from hpc.conversion.words import literal_text, reads_executor_input

__all__ = ["Style", "library_document"]

_SCRIPTS = (".py", ".sh")
_INTERPRETERS = ("sh", "bash", "ash", "dash", "zsh", "python", "python3", "perl", "node")


def library_document(found: ForeignContainer, style: Style, notes: Notes) -> dict[str, Any]:
    """The file; `style` is how the program is to get its values from now on."""
    name = step_names().new(found.title, "component")
    image = Names().new(image_name(found.image), "image")
    _refuse_placeholders(found, notes)
    profile = settings.accelerator(found.resources or {}, ("resources",), notes)
    machine = settings.profile_name(profile) if profile else ""
    component: dict[str, Any] = {
        "title": "" if found.title in (name, name.replace("_", "-")) else literal_text(found.title),
        "description": literal_text(found.description),
        "image": image,
        **_program(found, style, notes),
        "env": {key: literal_text(value) for key, value in found.env.items()},
        "accelerator": Names().new(machine) if machine else "",
    }
    document: dict[str, Any] = {"hpc": 1, "images": {image: literal_text(found.image)}}
    if profile:
        document["accelerators"] = {component["accelerator"]: profile}
    document["components"] = {name: {key: value for key, value in component.items() if value not in ("", [], {})}}
    return document


def _refuse_placeholders(found: ForeignContainer, notes: Notes) -> None:
    if "{{" in found.image:
        notes.lose(("image",), "is known only when the pipeline runs.")
    for name, value in found.env.items():
        if "{{$" in value:
            notes.lose(("env", name), "holds a placeholder, which no platform replaces in the environment.")


def _program(found: ForeignContainer, style: Style, notes: Notes) -> dict[str, Any]:
    """Command, arguments and ports. Without any flag there is nothing to convert, and all stays as it is written."""
    if _runs_a_script(found.command_elements) or _takes_everything(found):
        notes.say((), "the program is a script, or reads all of its ports as one JSON: its arguments stay as they are.")
        _refuse_renamed(found, notes)
        return _as_written(found, notes)
    trial = Notes()
    head, rest = _split(found.command_elements)
    reader = _reader(found, style, trial)
    command = _command(head, reader, trial)
    reader.read([*rest, *found.args_elements])
    arguments = reader.found
    if not arguments.keys and not arguments.overrides and (arguments.args or trial.lost):
        notes.say((), "no argument has the form `--flag value`, so all stay as they are.")
        return _as_written(found, notes)
    notes.said += trial.said
    notes.lost += trial.lost
    is_hydra = style == "hydra"
    ports = {side: _ports(found, side, arguments, notes) for side in ("inputs", "outputs")}
    return {
        "command": command,
        "cli": "" if is_hydra else style,
        "quoting": _without_command(found, notes) if is_hydra and not command else "",
        "args": arguments.args,
        **ports,
        "overrides": arguments.overrides,
    }


def _as_written(found: ForeignContainer, notes: Notes) -> dict[str, Any]:
    reader = _reader(found, None, notes)
    command = _command(found.command_elements, reader, notes)
    reader.read(found.args_elements)
    ports = {side: _ports(found, side, None, notes) for side in ("inputs", "outputs")}
    return {"command": command, "cli": "none", "args": reader.found.args, **ports}


def _reader(found: ForeignContainer, style: Style | None, notes: Notes) -> Reader:
    optional = frozenset(name for name, port in found.inputs.items() if port.optional)
    return Reader(_names(found), optional, style, notes)


def _command(elements: Sequence[Element], reader: Reader, notes: Notes) -> list[str]:
    for one in elements:
        if isinstance(one, IfPresent):
            notes.lose(("command",), f"depends on whether `{one.port}` has a value; only arguments can.")
    return [reader.word(one).text for one in elements if not isinstance(one, IfPresent)]


def _names(found: ForeignContainer) -> dict[tuple[str, str], str]:
    sides: tuple[tuple[str, Mapping[str, Any]], ...] = (("inputs", found.inputs), ("outputs", found.outputs))
    return {(side, found.ir_names[name]): name for side, ports in sides for name in ports}


def _split(command: Sequence[Element]) -> tuple[Sequence[Element], Sequence[Element]]:
    """The program, and the arguments that stand behind it in the command."""
    texts = [one.text if isinstance(one, Text) and not one.needs and "{{$" not in one.text else None for one in command]
    for index, text in enumerate(texts):
        if text is not None and text.endswith(_SCRIPTS):
            return command[: index + 1], command[index + 1 :]
        if text == "-m":
            return command[: index + 2], command[index + 2 :]
    end = next((index for index, text in enumerate(texts) if text is None), len(texts))
    while 0 < end < len(texts) and (texts[end - 1] or "").startswith("-"):
        end -= 1
    return command[:end], command[end:]


def _runs_a_script(command: Sequence[Element]) -> bool:
    """Whether the command brings its program along as text: `sh -c …`, `python3 -c …`."""
    texts = [one.text for one in command if isinstance(one, Text)]
    starts = [index for index, text in enumerate(texts) if PurePosixPath(text).name in _INTERPRETERS]
    return any(text.startswith("-") and text.endswith("c") for index in starts for text in texts[index + 1 : index + 3])


def _takes_everything(found: ForeignContainer) -> bool:
    elements = (*found.command_elements, *found.args_elements)
    return any(isinstance(one, Text) and reads_executor_input(one.text) for one in elements)


def _refuse_renamed(found: ForeignContainer, notes: Notes) -> None:
    if not _takes_everything(found):
        return
    for name, ir in found.ir_names.items():
        if name != ir:
            notes.lose(("inputs", ir), f"would be called `{name}` in what the program reads.")


def _without_command(found: ForeignContainer, notes: Notes) -> str:
    """Texts, lists and mappings reach Hydra exactly only behind a command that the file states."""
    ports = found.inputs.values()
    if not any(port.is_free_text or port.type.base == "dict" or port.type.is_list for port in ports):
        return ""
    notes.say(("command",), "is not stated, so texts and lists are quoted but not made safe (`quoting: typed`).")
    return "typed"


# ---------------------------------------------------------------- ports


def _ports(found: ForeignContainer, side: str, arguments: Arguments | None, notes: Notes) -> dict[str, Any]:
    ports: Mapping[str, InputPort | OutputPort] = found.inputs if side == "inputs" else found.outputs
    blocks: dict[str, Any] = {}
    for name, declared in ports.items():
        port = _port(name, found.ir_names[name], declared, side)
        if arguments is not None:
            _argument(port, (side, name), arguments)
        if name != found.ir_names[name]:
            notes.say((side, found.ir_names[name]), f"is called `{name}`.")
        blocks[name] = port.block(notes)
    return blocks


def _argument(port: Port, at: tuple[str, str], arguments: Arguments) -> None:
    """How the port reaches the program: under a key, or only where `args` and `overrides` mention it."""
    key = arguments.keys.get(at)
    if key is None:
        port.said["pass"] = "none"
        return
    if key != port.name:
        port.said["as"] = key
    if at in arguments.uris:
        port.said["pass"] = "uri"


def _port(name: str, ir: str, declared: InputPort | OutputPort, side: str) -> Port:
    elements = Elements() if declared.type == ANY_LIST else None
    port = Port(name, ir, declared.type, elements, (side, ir))
    if declared.description:
        port.said["description"] = declared.description
    if isinstance(declared, InputPort):
        if declared.has_default:
            port.said["default"] = declared.default
            port.learn(declared.default)
        if declared.optional and str(declared.type) != "RunStatus":
            port.said["optional"] = True
        if declared.choices:
            port.said["choices"] = declared.choices
    return port
