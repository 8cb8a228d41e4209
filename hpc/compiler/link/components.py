"""What a component's name means in a file: the component itself, wherever it is declared, and what differs on the way.

A name of a file enters; a `Declared` leaves, or a report of why there is none.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from hpc.compiler.graph import Layer
from hpc.components import Component
from hpc.components.container import ContainerComponent
from hpc.components.foreign import ForeignContainer, ForeignPipeline, GoogleOperation
from hpc.components.importer import ImporterComponent
from hpc.components.library import component_of
from hpc.components.subpipeline import ExternalComponent, SubPipeline
from hpc.components.types import did_you_mean
from hpc.diagnostics import Diagnostic, Path, Place, Rule
from hpc.spec.merge import KEEPS_INTERFACE, UNKNOWN_USES, USES_CIRCLE
from hpc.spec.model import Pipeline
from hpc.spec.program import File, Program, address, is_library

Kind = ContainerComponent | ImporterComponent | SubPipeline | ForeignContainer | ForeignPipeline | Pipeline


@dataclass(frozen=True)
class Declared:
    """A component. `name` is its own in the compiled file, `layers` what differs on the way to it and the component.

    A pipeline file that is used whole is a `Pipeline`.
    """

    name: str
    file: File
    path: Path
    component: Kind
    layers: tuple[Layer, ...]


class Components:
    """Looks components up, each once; `found` collects what is wrong."""

    def __init__(self, program: Program, found: list[Diagnostic]) -> None:
        self.program, self.found = program, found
        self.known: dict[tuple[Path, str], Declared | None] = {}
        self.aliases = _aliases(program)

    def of(self, file: File, name: str) -> Declared | None:
        """The component that the file calls `name`; None if what it uses was reported."""
        known = (file.path, name)
        if known not in self.known:
            self.known[known] = self._declared(file, name, ())
        return self.known[known]

    def _own_name(self, file: File, name: str) -> str:
        """The name in the compiled file: that of the pipeline file, or one that says whose component it is."""
        return f"{self.aliases[str(file.path[0]).removeprefix('./')]}--uses--{name}" if file.path else name

    def _declared(self, file: File, name: str, chain: tuple[tuple[Path, str], ...]) -> Declared | None:
        path = (*file.path, "components", name)
        component: Component = file.pipeline.components[name]
        own = self._own_name(file, name)
        if not isinstance(component, ExternalComponent):
            layers = (Layer(file, path, component),) if isinstance(component, ContainerComponent) else ()
            return Declared(own, file, path, component, layers)
        if (file.path, name) in chain:
            fact = f"`{component.uses}` leads back to `{name}`: the components use each other in a circle."
            self._report(USES_CIRCLE, (*path, "uses"), fact, "let one of them say what it runs.")
            return None
        base = self._base(file, path, component, (*chain, (file.path, name)))
        if base is None or self._cannot_differ(base, component, path):
            return None
        layer = Layer(file, path, component)
        return Declared(own, base.file, base.path, base.component, (layer, *base.layers))

    def _base(
        self, file: File, path: Path, component: ExternalComponent, chain: tuple[tuple[Path, str], ...]
    ) -> Declared | None:
        uses = component.uses
        place = (*path, "uses")
        used = self.program.used[address(file, uses)]
        wanted = component_of(uses) if is_library(uses) else uses.partition("#")[2]
        if not isinstance(used, File):
            if wanted:
                fact = f"`{uses}` is not an hpc file, so it has no components to choose from."
                self._report(UNKNOWN_USES, place, fact, f"write `uses: {uses.partition('#')[0]}`.")
                return None
            return Declared("", file, path, used, ())
        if wanted:
            return self._component_of(used, uses, wanted, place, chain)
        if not used.pipeline.edges:
            fact = f"`{uses}` has no `edges`, so it is not a pipeline."
            fix = f"name a component of it: `{uses}#<component>`, one of {', '.join(used.pipeline.components)}."
            self._report(UNKNOWN_USES, place, fact, fix)
            return None
        return Declared("", used, used.path, used.pipeline, ())

    def _component_of(
        self, used: File, uses: str, wanted: str, place: Path, chain: tuple[tuple[Path, str], ...]
    ) -> Declared | None:
        if wanted in used.pipeline.components:
            return self._declared(used, wanted, chain)
        fact = f"`{uses.partition('#')[0]}` has no component `{wanted}`."
        self._report(UNKNOWN_USES, place, fact, did_you_mean(wanted, used.pipeline.components))
        return None

    def _cannot_differ(self, base: Declared, component: ExternalComponent, path: Path) -> bool:
        """Whether something differs that a component of this kind does not have."""
        allowed = {"title", "description", "uses"}
        if isinstance(base.component, ContainerComponent):
            return False
        if isinstance(base.component, GoogleOperation):
            allowed |= {"cache", "retry"}
        elif isinstance(base.component, ForeignContainer):
            allowed |= {"env", "accelerator", "cache", "retry", "timeout", "kfp"}
        wrong = sorted(component.model_fields_set - allowed)
        for key in wrong:
            what = KIND_NAMES[type(base.component)]
            fact = f"`{key}` cannot be given here: `{component.uses}` is {what}."
            self._report(KEEPS_INTERFACE, (*path, key), fact, "remove it.", on="key")
        return bool(wrong)

    def _report(self, rule: Rule, path: Path, fact: str, fix: str, *, on: str = "value") -> None:
        place = Place(path, on="key") if on == "key" else Place(path)
        self.found.append(Diagnostic(rule, place, fact, fix))


KIND_NAMES: dict[type, str] = {
    ForeignContainer: "a component file of KFP",
    GoogleOperation: "an operation of Google Cloud",
    ForeignPipeline: "a compiled pipeline",
    SubPipeline: "a component made of edges",
    ImporterComponent: "an importer",
    Pipeline: "a pipeline file",
}


def _aliases(program: Program) -> dict[str, str]:
    """A short name for every other file: its own, or the whole address where two are called alike."""
    short = {place: _slug(posixpath.basename(place).partition(".")[0]) for place in program.used}
    names = list(short.values())
    long = {place: name if names.count(name) == 1 else _slug(place.rpartition(".")[0]) for place, name in short.items()}
    taken: dict[str, int] = {}
    for place, name in long.items():
        taken[name] = taken.get(name, 0) + 1
        long[place] = name if taken[name] == 1 else f"{name}-{taken[name]}"
    return long


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "file"
