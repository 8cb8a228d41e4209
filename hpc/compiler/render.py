"""Components become component specs through Jinja: a `Graph` enters, a `ComponentSpec` for each container leaves.

What a template writes is read back by the strict reader and validated, so that a user's template is judged like any
other input.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hpc.compiler.files import Files
from hpc.compiler.graph import Gathered, Graph, Settings, Step
from hpc.components import arguments
from hpc.components.fields import SecretRef
from hpc.components.types import Plain
from hpc.components.use import Use, run_names
from hpc.diagnostics import Diagnostic, Place, Rejected, Rule, Source, Span
from hpc.spec.document import read_value

BAD_TEMPLATE = Rule(
    "HPC711",
    "argument template",
    "A template of one's own writes a YAML list of texts: the arguments of the component.",
    "Mend the template; every value goes through the `yaml` filter.",
)
RULES = (BAD_TEMPLATE,)


@dataclass(frozen=True)
class ComponentSpec:
    """The container of a component as a platform runs it.

    `use` tells for which inputs it was rendered, `settings` how it runs, `run_names` which `run.x` it gets through
    hidden inputs.
    """

    use: Use
    settings: Settings
    run_names: tuple[str, ...]
    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...]


def render(graph: Graph, files: Files) -> dict[str, ComponentSpec]:
    """Component specs by name. Raises Rejected with what is wrong in users' templates."""
    missing = list(_missing_templates(graph, files))
    if missing:
        raise Rejected(missing)
    renderer = _Renderer(files)
    specs: dict[str, ComponentSpec] = {}
    for step in graph.steps:
        name = step.spec_name
        if name not in specs:
            specs[name] = renderer.render(use_of(step), step.settings)
    renderer.finish()
    return specs


def _missing_templates(graph: Graph, files: Files) -> Iterator[Diagnostic]:
    for name, cli in sorted({(step.component_name, step.component.cli) for step in graph.steps}):
        if cli.startswith(".") and not files.has(cli):
            place = Place(("components", name, "cli"))
            yield Diagnostic(
                BAD_TEMPLATE, place, f"there is no template `{cli}`.", "correct the path; it starts at this file."
            )


def use_of(step: Step) -> Use:
    """How the step uses its component, as the argument templates need to know it."""
    gathered = {name: len(binding.items) for name, binding in step.bindings.items() if isinstance(binding, Gathered)}
    return Use(
        step.component, step.settings.overrides, frozenset(step.bindings), gathered, machine_names(step.settings)
    )


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

    def __init__(self, files: Files) -> None:
        from hpc.templates import environment

        self.environment = environment(files.read_text)
        self.template = self.environment.get_template("container.yaml.j2")
        self.found: dict[str, Diagnostic] = {}

    def render(self, use: Use, settings: Settings) -> ComponentSpec:
        cli = use.component.cli
        own = cli.startswith(".")
        values = {
            **arguments.context(use),
            "image": settings.image.pinned,
            "command": arguments.command(use),
            "env": dict(_literal_env(settings)),
            "arguments": cli if own else f"{cli}.yaml.j2",
        }
        written = self._written_by_user(values, cli) if own else self._written(values)
        return ComponentSpec(
            use=use,
            settings=settings,
            run_names=tuple(run_names(use)),
            image=written["image"],
            command=tuple(written["command"]),
            args=tuple(written["args"] or ()),
            env=tuple(sorted(written["env"].items())),
        )

    def _written(self, values: dict[str, Any]) -> dict[str, Any]:
        return read_value(self.template.render(values), "rendered component").plain()

    def _written_by_user(self, values: dict[str, Any], name: str) -> dict[str, Any]:
        try:
            args = read_value(self.environment.get_template(name).render(values), name).plain()
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
