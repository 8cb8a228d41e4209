"""Components become component specs through Jinja: a `Graph` enters, a `ComponentSpec` for each container leaves.

What a template writes is read back by the strict reader and validated, so that a user's template is judged like any
other input.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hpc.compiler.files import Files
from hpc.compiler.graph import ContainerStep, ForeignStep, Gathered, Graph, Settings
from hpc.compiler.targets import Target
from hpc.components import arguments
from hpc.components.fields import SecretRef
from hpc.components.foreign import NotAComponent
from hpc.components.ports import InputPort, OutputPort
from hpc.components.types import Plain, Type
from hpc.components.use import Use, element_name, run_names
from hpc.diagnostics import Diagnostic, Place, Rejected, Rule, Source, Span
from hpc.spec.document import read_value
from hpc.spec.model import Image

BAD_TEMPLATE = Rule(
    "HPC711",
    "argument template",
    "A template of one's own writes a YAML list of texts: the arguments of the component.",
    "Mend the template; every value goes through the `yaml` filter.",
)
ABSENT_INPUT = Rule(
    "HPC710",
    "an argument needs an input that has no value",
    "An optional input without a value would leave a hole in the command line.",
    'Put the words that need it into a group: `args: [[--flag, "${{ inputs.x }}"]]`.',
)
NEEDS_COMMAND = Rule(
    "HPC608",
    "`command` is missing",
    "Free texts, lists and dicts are written for Hydra by a small program in front of the command, and the entrypoint "
    "of an image is not known while compiling.",
    "State `command`.",
)
RULES = (BAD_TEMPLATE,)


@dataclass(frozen=True)
class ComponentSpec:
    """The container of a component as a platform runs it.

    `inputs` and `outputs` are by their names in the IR; `names` tells these for each input of the component, several
    where a list is gathered, and `output_names` for each output. `settings` says how it runs, `run_names` which `run.x`
    it gets through hidden inputs, `is_foreign` tells a component file of KFP, `resources` what that asks for.
    """

    title: str
    description: str
    inputs: Mapping[str, tuple[InputPort, Type]]
    outputs: Mapping[str, OutputPort]
    names: Mapping[str, tuple[str, ...]]
    output_names: Mapping[str, str]
    settings: Settings
    run_names: tuple[str, ...]
    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    resources: Mapping[str, Any] | None = None
    is_foreign: bool = False


def render(graph: Graph, files: Files, target: Target) -> dict[str, ComponentSpec]:
    """Component specs by name. Raises Rejected with what is wrong in users' templates."""
    missing = list(_missing_templates(graph, files))
    if missing:
        raise Rejected(missing)
    renderer = _Renderer(files, target)
    specs: dict[str, ComponentSpec] = {}
    for step in graph.all_steps:
        if step.spec_name in specs:
            continue
        if isinstance(step, ContainerStep):
            specs[step.spec_name] = renderer.render(step)
        elif isinstance(step, ForeignStep):
            specs[step.spec_name] = renderer.foreign(step)
    renderer.finish()
    return specs


def _missing_templates(graph: Graph, files: Files) -> Iterator[Diagnostic]:
    for path, cli, file in sorted({(step.component_path, step.component.cli, _template(step)) for step in graph.steps}):
        if file and not files.has(file):
            fix = "correct the path; it starts at this file."
            yield Diagnostic(BAD_TEMPLATE, Place((*path, "cli")), f"there is no template `{cli}`.", fix)


def _template(step: ContainerStep) -> str:
    """The user's own template, from the pipeline file's folder; empty if there is none."""
    cli, home = step.component.cli, step.layers[-1].file
    return home.place(cli) if cli.startswith(".") else ""


def use_of(step: ContainerStep) -> Use:
    """How the step uses its component, as the argument templates need to know it."""
    gathered = {name: len(binding.items) for name, binding in step.bindings.items() if isinstance(binding, Gathered)}
    return Use(
        step.component,
        step.settings.overrides,
        frozenset(step.bindings),
        gathered,
        machine_names(step.settings),
        step.is_tuned,
    )


def _names(use: Use, name: str) -> Iterator[str]:
    """The names in the IR of an input: a gathered list is one input for each element."""
    if name not in use.gathered:
        yield name
    for index in range(use.gathered.get(name, 0)):
        yield element_name(use.component.inputs, name, index)


def _declared(use: Use) -> Iterator[tuple[str, tuple[InputPort, Type]]]:
    for name, port in use.component.inputs.items():
        port_type = port.type.element if name in use.gathered else port.type
        yield from ((written, (port, port_type)) for written in _names(use, name))


def _is_searched(step: ContainerStep, name: str) -> bool:
    """Whether the value comes behind the arguments, in each trial another one."""
    return step.tune is not None and name in step.tune.search


def machine_names(settings: Settings) -> Mapping[str, Any]:
    """What `${{ accelerator.x }}` stands for."""
    accelerator = settings.accelerator
    if accelerator is None:
        return {}
    count = accelerator.count or (1 if accelerator.gpu or accelerator.tpu else None)
    values = {"machine": accelerator.machine, "gpu": accelerator.gpu, "count": count, "nodes": accelerator.nodes}
    return {name: value for name, value in values.items() if value is not None}


class _Renderer:
    """Renders with one Jinja environment; `found` collects what is wrong in users' templates, once each."""

    def __init__(self, files: Files, target: Target) -> None:
        from hpc.templates import environment

        self.environment = environment(files.read_text)
        self.template = self.environment.get_template("container.yaml.j2")
        self.target = target
        self.found: dict[str, Diagnostic] = {}

    def render(self, step: ContainerStep) -> ComponentSpec:
        use, own = use_of(step), _template(step)
        values = {
            **arguments.context(use),
            "image": _image(step.settings.image, self.target),
            "command": arguments.command(use),
            "env": dict(_literal_env(step.settings)),
            "arguments": own or f"{step.component.cli}.yaml.j2",
        }
        written = self._written_by_user(values, own) if own else self._written(values)
        return ComponentSpec(
            title=step.component.title,
            description=step.component.description,
            inputs={name: port for name, port in _declared(use) if not _is_searched(step, name)},
            outputs=step.outputs,
            names={name: tuple(_names(use, name)) for name in step.inputs},
            output_names={name: name for name in step.outputs},
            settings=step.settings,
            run_names=tuple(run_names(use)),
            image=written["image"],
            command=tuple(written["command"]),
            args=tuple(written["args"] or ()),
            env=tuple(sorted(written["env"].items())),
        )

    def foreign(self, step: ForeignStep) -> ComponentSpec:
        """A component file of KFP says everything itself."""
        component, bound = step.component, frozenset(step.bindings)
        try:
            command, args = component.command(bound), component.args(bound)
        except NotAComponent as error:
            self.found[step.spec_name] = Diagnostic(ABSENT_INPUT, Place(step.edge), error.fact, error.fix)
            command, args = (), ()
        names = component.ir_names
        env = {**component.env, **dict(_literal_env(step.settings))}
        return ComponentSpec(
            title=component.title,
            description=component.description,
            inputs={names[name]: (port, port.type) for name, port in component.inputs.items()},
            outputs={names[name]: port for name, port in component.outputs.items()},
            names={name: (names[name],) for name in component.inputs},
            output_names={name: names[name] for name in component.outputs},
            settings=step.settings,
            run_names=(),
            image=component.image,
            command=command,
            args=args,
            env=tuple(sorted(env.items())),
            resources=component.resources,
            is_foreign=True,
        )

    def _written(self, values: dict[str, Any]) -> dict[str, Any]:
        return read_value(self.template.render(values), "rendered component").plain()

    def _written_by_user(self, values: dict[str, Any], name: str) -> dict[str, Any]:
        try:
            args = read_value(self.environment.get_template(f"./{name}").render(values), name).plain()
            return {**self._written({**values, "arguments": "none.yaml.j2", "args": _texts(args)})}
        except Rejected as error:
            first = error.diagnostics[0]
            self._report(name, 0, f"what the template writes is not YAML: {first.fact}", first.fix)
        except Exception as error:  # noqa: BLE001  whatever a user's template raises is a mistake in the template
            self._report(name, getattr(error, "lineno", 0) or 0, f"the template fails: {error}.", "mend the template.")
        return self._written({**values, "arguments": "none.yaml.j2", "args": []})

    def _report(self, name: str, line: int, fact: str, fix: str) -> None:
        source = Source(name, "\n" * max(line - 1, 0))
        span = Span(source, len(source.text), len(source.text))
        self.found.setdefault(name, Diagnostic(BAD_TEMPLATE, span, fact, fix))

    def finish(self) -> None:
        if self.found:
            raise Rejected(self.found.values())


def _image(image: Image, target: Target) -> str:
    """What is built where it runs has no digest before."""
    return image.uri if image.build and target.builds_images else image.pinned


def _texts(args: Plain) -> list[str]:
    if args is None:
        return []
    if not isinstance(args, list) or not all(isinstance(arg, str) for arg in args):
        raise TypeError("it must write a list of texts; put every value through the `yaml` filter")
    return args


def _literal_env(settings: Settings) -> Iterator[tuple[str, str]]:
    for name, value in settings.env.items():
        if not isinstance(value, SecretRef):
            yield name, value
