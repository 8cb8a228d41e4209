"""An output `from: hydra`: the folder into which Hydra writes the configuration that the program ran with.

The platform's path goes into `hydra.output_subdir`, and Hydra writes three files there when a job starts. So it is a
folder, an artifact; Hydra alone makes it, once in a container.
"""

from __future__ import annotations

from collections.abc import Iterator

from hpc.compiler import mentions
from hpc.compiler.graph import Graph
from hpc.compiler.targets import Target
from hpc.components.container import ContainerComponent
from hpc.components.ports import HYDRA_SUBDIR, OutputPort
from hpc.components.types import with_article
from hpc.diagnostics import Diagnostic, Path, Place, Rule

NOT_FROM_HYDRA = Rule(
    "HPC621",
    "Hydra does not write this output",
    "With `from: hydra` Hydra itself writes the configuration that the program ran with into an artifact, a folder, "
    "once for each job.",
    "Declare it as `{type: Artifact, from: hydra}` on a component with `cli: hydra` and without `sweep`.",
)
RULES = (NOT_FROM_HYDRA,)


def check(graph: Graph, target: Target) -> Iterator[Diagnostic]:
    del target
    for path, component in mentions.containers(graph):
        for name, port in component.outputs.items():
            if port.from_:
                yield from _output(name, port, component, (*path, "outputs", name))


def _output(name: str, port: OutputPort, component: ContainerComponent, path: Path) -> Iterator[Diagnostic]:
    if not port.type.is_artifact or port.type.is_list:
        fact = f"output `{name}` is {with_article(port.type)}, but Hydra writes a folder of files."
        yield Diagnostic(NOT_FROM_HYDRA, Place((*path, "type")), fact, "write `type: Artifact`.")
    for key in ("as", "pass"):
        if f"{key}_" in port.model_fields_set:
            fact = f"`{key}` has no meaning with `from: hydra`: the path goes to `{HYDRA_SUBDIR}`."
            yield Diagnostic(NOT_FROM_HYDRA, Place((*path, key), on="key"), fact, f"remove `{key}`.")
    if not component.is_hydra:
        fact = f"Hydra cannot write output `{name}`: the component says `cli: {component.cli}`."
        yield Diagnostic(NOT_FROM_HYDRA, Place((*path, "from")), fact, "remove `from`, and let the program write it.")
    elif component.sweep:
        fact = f"each job of the sweep would write output `{name}` again, and the last one would stay."
        fix = "remove `from`; Hydra keeps what each job ran with below `hydra.sweep.dir`."
        yield Diagnostic(NOT_FROM_HYDRA, Place((*path, "from")), fact, fix)
