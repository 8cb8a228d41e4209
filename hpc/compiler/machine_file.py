"""A machine table of the user's own, `targets.vertex.machines`: its text enters, the whole table leaves.

It is laid over the shipped one entry by entry: an entry replaces that of its name, null takes it away (a GPU or TPU
from every machine), `regions` are all there are. Google adds machines more often than hpc is released.
"""

from __future__ import annotations

import posixpath
from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from hpc.compiler.files import Files
from hpc.compiler.machines import MachineTable, shipped
from hpc.components.fields import Model
from hpc.diagnostics import Diagnostic, Path, Place, Rejected, Rule, Source, Span
from hpc.spec.document import Document, read_value
from hpc.spec.load import validated
from hpc.spec.program import Program

if TYPE_CHECKING:
    from hpc.components.machine_table import MachineFile

BAD_TABLE = Rule(
    "HPC529",
    "machine table cannot be read",
    "`targets.vertex.machines` names a file with machines; without it, hpc would check against other machines than "
    "those that are meant.",
    "Correct the path, or the file.",
)
RULES = (BAD_TABLE,)


def machine_table(program: Program, files: Files) -> MachineTable:
    """The machines for a pipeline file. Raises Rejected with what is wrong in its table."""
    target = program.main.pipeline.targets.vertex
    path = target.machines if target else None
    if path is None:
        return shipped()
    place = Place(("targets", "vertex", "machines"))
    try:
        text = files.read_text(posixpath.normpath(path))
    except FileNotFoundError:
        fact, fix = f"there is no file `{path}`.", "correct the path; it starts at this file."
        raise Rejected([Diagnostic(BAD_TABLE, place, fact, fix)]) from None
    except (OSError, ValueError):
        fact, fix = f"`{path}` cannot be read as text.", "name a YAML or JSON file."
        raise Rejected([Diagnostic(BAD_TABLE, place, fact, fix)]) from None
    folder = posixpath.dirname(program.document.root.source.name)
    return laid_over(shipped(), read_machine_file(text, posixpath.normpath(posixpath.join(folder, path))))


def read_machine_file(text: str, name: str) -> MachineFile:
    """The file, which messages call `name`. Raises Rejected with every mistake, at its place."""
    from hpc.components.machine_table import MachineFile

    root = read_value(text, name)
    if not isinstance(root.value, dict):
        fact = "the machine table is no mapping."
        span = Span(Source(name, text), root.start, min(root.start + 1, len(text)))
        raise Rejected([Diagnostic(BAD_TABLE, span, fact, "write `machines:` and their facts.")])
    document = Document(root)
    found = validated(document, MachineFile)
    odd = [*_unknown_devices(found), *_half_described(found)]
    if odd:
        raise Rejected([_located(one, document) for one in odd])
    return found


def _located(found: Diagnostic, document: Document) -> Diagnostic:
    assert isinstance(found.where, Place)
    return Diagnostic(found.rule, document.locate(found.where), found.fact, found.fix)


def _unknown_devices(found: MachineFile) -> Sequence[Diagnostic]:
    known = {**shipped().accelerators, **found.accelerators}
    used: list[tuple[Path, str]] = [
        (("machines", name, "gpu", gpu), gpu)
        for name, machine in found.machines.items()
        for gpu in (machine.gpu if machine else {})
    ]
    used += [
        (("tpu_machines", name, "accelerators"), tpu)
        for name, machine in found.tpu_machines.items()
        for tpu in (machine.accelerators if machine else [])
    ]
    return [_unknown_device(path, device) for path, device in used if not known.get(device)]


def _unknown_device(path: Path, device: str) -> Diagnostic:
    kind = "gpu" if path[0] == "machines" else "tpu"
    fix = f"write its name in the API, or add it: `accelerators: {{{device}: {{kind: {kind}}}}}`."
    return Diagnostic(BAD_TABLE, Place(path, on="key"), f"the table knows no GPU or TPU `{device}`.", fix)


def _half_described(found: MachineFile) -> Sequence[Diagnostic]:
    """TPU machines are laid out (a generation, chips and topologies) or counted (accelerators)."""
    return [
        Diagnostic(
            BAD_TABLE,
            Place(("tpu_machines", name), on="key"),
            f"TPU machine `{name}` says neither which chips it has nor which TPUs are counted on it.",
            "write `generation`, `chips` and `topologies`, or `accelerators`.",
        )
        for name, one in found.tpu_machines.items()
        if one and not one.accelerators and not (one.generation and one.chips and one.topologies)
    ]


def laid_over(table: MachineTable, found: MachineFile) -> MachineTable:
    """The table with the entries of the file in place of its own."""
    gone = {name for name, device in found.accelerators.items() if device is None}
    return MachineTable(
        version=found.version or table.version,
        accelerators=_laid(table.accelerators, found.accelerators),
        machines={name: _without(one, gone) for name, one in _laid(table.machines, found.machines).items()},
        tpu_machines={name: _without(one, gone) for name, one in _laid(table.tpu_machines, found.tpu_machines).items()},
        regions=table.regions if found.regions is None else found.regions,
    )


def _without(machine: Mapping[str, Any], gone: Container[str]) -> Mapping[str, Any]:
    """The facts of a machine but for the GPUs and TPUs that there are no more."""
    facts = dict(machine)
    if "gpu" in facts:
        facts["gpu"] = {name: counts for name, counts in facts["gpu"].items() if name not in gone}
    if "accelerators" in facts:
        facts["accelerators"] = [name for name in facts["accelerators"] if name not in gone]
    return facts


Entry = TypeVar("Entry", bound=Model)


def _laid(entries: Mapping[str, Any], over: Mapping[str, Entry | None]) -> Mapping[str, Any]:
    written = {name: one.model_dump(exclude_defaults=True) if one else None for name, one in over.items()}
    return {name: one for name, one in {**entries, **written}.items() if one is not None}
