"""Write the pages of docs/ that follow from the program: errors.md, cli.md and examples.md.

`python docs/generate.py` writes them; with `--check` it writes nothing, shows what is stale and exits with 1.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
CASES = ROOT / "tests" / "cases" / "bad"
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from compiling import compile_case  # noqa: E402  a neighbour of the tests, found by the line above

from hpc import cli  # noqa: E402
from hpc.cli.catalogue import catalogue  # noqa: E402
from hpc.cli.disk import Folder, read_source  # noqa: E402
from hpc.compiler import Choice, default_target, understood  # noqa: E402
from hpc.compiler.targets import TARGETS  # noqa: E402
from hpc.components.container import ContainerComponent  # noqa: E402
from hpc.components.importer import ImporterComponent  # noqa: E402
from hpc.components.subpipeline import ExternalComponent, SubPipeline  # noqa: E402
from hpc.diagnostics import Rule  # noqa: E402
from hpc.diagnostics.show import as_text  # noqa: E402
from hpc.spec.edges import parse_edges  # noqa: E402
from hpc.spec.model import Pipeline  # noqa: E402

GENERATED = "<!-- Written by docs/generate.py; change the program, not this page. -->\n"
WIDTH = 100

# ---------------------------------------------------------------- errors.md

HUNDREDS = {
    "0": "reading the file: YAML, encoding, paths",
    "1": "shape: keys, kinds of values, names, units",
    "2": "names: steps, ports, images, accelerators, secrets",
    "3": "wiring and types",
    "4": "control flow: conditions, branches, loops",
    "5": "hardware, and what a target can do",
    "6": "Hydra: keys, quoting, overrides",
    "7": "templates and `${{ }}`",
    "8": "profiles, `--set` and secrets",
    "9": "engines: running what was compiled",
}


def errors_page() -> str:
    """A section for every code, with the message of the first wrong file of the tests that has this code."""
    rules = catalogue()
    rows = "\n".join(f"| HPC{digit}xx | {meaning} |" for digit, meaning in HUNDREDS.items())
    return f"""# Messages
{GENERATED}
A message has a place, a code, the fact and the next thing to type. `hpc explain HPC301` prints what this page says.
Errors stop the compiler (exit code 1); warnings and notes do not. All mistakes of a stage are shown at once.

| codes | about |
| --- | --- |
{rows}

{"".join(_rule_section(rule) for rule in rules.values()).rstrip()}
"""


def _rule_section(rule: Rule) -> str:
    kind = "" if rule.severity == "error" else f" ({rule.severity})"
    example = _message(rule.code)
    shown = f"\n```text\n{example}```\n" if example else ""
    return f"## {rule.code}: {rule.title}{kind}\n\n{rule.why}\n\n**Fix:** {rule.fix}\n{shown}\n"


def _message(code: str) -> str:
    """What hpc says to a file that is wrong in this way; empty if the tests have none."""
    for path in sorted(CASES.glob(f"{code}-*.yaml")):
        for diagnostic in compile_case(path).diagnostics:
            if diagnostic.rule.code == code:
                return as_text([diagnostic])
    return ""


# ---------------------------------------------------------------- cli.md

EXIT_CODES = {
    cli.OK: "done; warnings do not change that",
    cli.REJECTED: "the file has errors; or `compile --check` found a difference",
    cli.USAGE: "wrong usage: an unknown option, a missing argument",
    cli.BUG: "hpc itself failed; please report it, `--debug` shows the traceback",
    cli.RUN_FAILED: "`hpc run`: the run failed",
    cli.CANCELLED: "cancelled, e.g. by Ctrl-C",
}


def cli_page() -> str:
    """The help of every command, and what holds for all of them."""
    codes = "\n".join(f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items())
    return f"""# Command line
{GENERATED}
```text
{help_of()}
```

## Exit codes

| code | meaning |
| --- | --- |
{codes}

## Streams

Results go to stdout: the compiled file with `-o -`, differences, the schema, the outputs of a run. Progress, messages
and summaries go to stderr. Messages have colours on a terminal, unless `NO_COLOR` is set.

## Names of results

`hpc compile pipeline.yaml` writes beside the file:

| compiled | written |
| --- | --- |
| for the default target, without a profile | `pipeline.json` |
| for another target | `pipeline.kfp.json` |
| with `--profile prod` | `pipeline.prod.vertex.json` |
| where the target needs a second document | `.ir.yaml` in the place of `.json`, e.g. `pipeline.local.ir.yaml` |

In general: `<stem>.json`, or `<stem>[.<profile>…].<target>.json`. The default target is the only one of `vertex` and
`kfp` that the file names under `targets`, else `vertex`. The file is written whole or not at all, and its bytes change
only if the meaning of the pipeline does.

## Shell completion

```sh
eval "$(_HPC_COMPLETE=bash_source hpc)"            # bash 4.4 or newer: in ~/.bashrc
eval "$(_HPC_COMPLETE=zsh_source hpc)"             # zsh: in ~/.zshrc
_HPC_COMPLETE=fish_source hpc | source             # fish: in ~/.config/fish/completions/hpc.fish
```

Commands, options, files, and the components of a file: `hpc hydra keys pipeline.yaml <TAB>`.

## Completion in an editor

`hpc schema` describes the keys of the language; `hpc schema pipeline.yaml` also those of the Hydra configurations of
that file: an editor then completes them under `overrides` and behind `as`, with types, defaults and the options of
config groups. The schema offers what there was when it was written, and refuses nothing else: it may be older than a
configuration.

{"".join(_command_section(*names) for name in cli.COMMANDS for names in _with_commands(name)).rstrip()}
"""


def _with_commands(name: str) -> Iterator[tuple[str, ...]]:
    """A command, and those in it."""
    yield (name,)
    command = cli.cli.get_command(click.Context(cli.cli), name)
    yield from ((name, inner) for inner in getattr(command, "commands", ()))


def _command_section(*names: str) -> str:
    return f"## hpc {' '.join(names)}\n\n```text\n{help_of(*names)}\n```\n\n"


def help_of(*names: str) -> str:
    """What `hpc --help` or `hpc NAME… --help` prints on a terminal that is 100 columns wide."""
    command: click.Command = cli.cli
    context = cli.cli.make_context("hpc", [], resilient_parsing=True, terminal_width=WIDTH)
    for name in names:
        inner = command.get_command(context, name) if isinstance(command, click.Group) else None
        if inner is None:
            raise KeyError(name)
        command, context = inner, click.Context(inner, info_name=name, parent=context)
    return command.get_help(context)


# ---------------------------------------------------------------- examples.md

FEATURES: dict[str, Callable[[Pipeline], bool]] = {
    "run parameters": lambda file: bool(file.inputs),
    "limits and choices": lambda file: any(
        (port.choices, port.pattern, port.min, port.max) != (None,) * 4 for port in file.inputs.values()
    ),
    "pipeline outputs": lambda file: bool(file.outputs),
    "value outputs": lambda file: any(
        not port.type.is_artifact for each in _containers(file) for port in each.outputs.values()
    ),
    "several sources into one list": lambda file: any(edge.kind == "gather" for edge in parse_edges(file.edges, ())[0]),
    "order edges": lambda file: any(edge.kind == "order" for edge in parse_edges(file.edges, ())[0]),
    "conditions": lambda file: any(edge.condition for edge in parse_edges(file.edges, ())[0]),
    "switches": lambda file: any(edge.branch for edge in parse_edges(file.edges, ())[0]),
    "loops": lambda file: any(step.for_each for step in file.steps.values()),
    "components made of edges": lambda file: any(isinstance(each, SubPipeline) for each in file.components.values()),
    "components of other files": lambda file: any(
        isinstance(each, ExternalComponent) for each in file.components.values()
    ),
    "importers": lambda file: any(isinstance(each, ImporterComponent) for each in file.components.values()),
    "what runs at the end": lambda file: any(
        end.node == "exit" for edge in parse_edges(file.edges, ())[0] for end in edge.sources
    ),
    "argparse": lambda file: any(each.cli == "argparse" for each in _containers(file)),
    "argument templates of one's own": lambda file: any(each.cli.startswith(".") for each in _containers(file)),
    "constant overrides": lambda file: any(each.overrides for each in _containers(file)),
    "GPUs": lambda file: any(machine.gpu for machine in file.accelerators.values()),
    "constants of the file (`vars`)": lambda file: bool(file.vars),
    "profiles": lambda file: bool(file.profiles),
    "secrets": lambda file: bool(file.secrets),
}


def examples_page() -> str:
    """An entry for every folder of examples/ with a pipeline file."""
    sections = [_example_section(path) for path in sorted(ROOT.glob("examples/*/pipeline.yaml"))]
    return f"""# Examples
{GENERATED}
Each folder of [examples/](../examples) holds a pipeline file with comments.

{"".join(sections).rstrip()}
"""


def _example_section(path: Path) -> str:
    source = read_source(path)
    program, _ = understood(source, Folder(path.parent), Choice())
    pipeline = program.main.pipeline
    named = [target.title for name, target in TARGETS.items() if getattr(pipeline.targets, name)]
    targets = ", ".join(named) or f"{default_target(pipeline.targets).title} (the default)"
    features = ", ".join(name for name, has in FEATURES.items() if has(pipeline))
    link = path.relative_to(ROOT).as_posix()
    return (
        f"## [{path.parent.name}](../{link})\n\n{_sentence(pipeline.description or _first_comment(source.text))}\n\n"
        f"- pipeline: `{pipeline.name}`, {len(pipeline.components)} components\n- targets: {targets}\n"
        f"- shows: {features}\n\n"
    )


def _containers(file: Pipeline) -> Iterator[ContainerComponent]:
    return (each for each in file.components.values() if isinstance(each, ContainerComponent))


def _first_comment(text: str) -> str:
    """The first paragraph of the comment that a file starts with."""
    lines: list[str] = []
    for line in text.splitlines():
        if not line.startswith("# "):
            break
        lines.append(line[2:])
    return " ".join(lines)


def _sentence(text: str) -> str:
    return f"{text.rstrip('.')}."


# ---------------------------------------------------------------- writing and comparing

PAGES: dict[str, Callable[[], str]] = {"errors.md": errors_page, "cli.md": cli_page, "examples.md": examples_page}


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python docs/generate.py [--check]\n")
        return 2
    stale = 0
    for name, page in PAGES.items():
        path, new = DOCS / name, page()
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        if arguments:
            lines = difflib.unified_diff(old.splitlines(True), new.splitlines(True), f"docs/{name}", "generated now")
            sys.stdout.writelines(lines)
        else:
            path.write_text(new, encoding="utf-8", newline="\n")
        stale += old != new
    if arguments and stale:
        sys.stderr.write(f"{stale} of {len(PAGES)} pages are stale; run `python docs/generate.py`\n")
    return int(bool(arguments and stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
