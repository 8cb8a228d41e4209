"""The house keeps its floors, and no command imports what it does not need."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest
from compiling import EXAMPLES

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "hpc").rglob("*.py"))
HEAVY = ("kfp", "google", "kubernetes", "hydra", "omegaconf", "numpy", "asyncio")


def test_floors() -> None:
    """import-linter, with the contracts of pyproject.toml."""
    script = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", script, "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def _imported_by(*arguments: str) -> set[str]:
    program = (
        "import sys\nbefore = set(sys.modules)\nfrom hpc.cli import run_command\n"
        f"code = run_command({list(arguments)!r})\n"
        "print('CODE', code, *sorted(set(sys.modules) - before), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1].split()
    assert last[:2] == ["CODE", "0"], done.stderr
    return {name.partition(".")[0] for name in last[2:]}


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("--version",), ("check", str(EXAMPLES[0])), ("compile", str(EXAMPLES[0]), "-o", "-")],
    ids=lambda arguments: arguments[0],
)
def test_nothing_heavy_is_imported(arguments: tuple[str, ...]) -> None:
    imported = _imported_by(*arguments)
    assert not imported & {*HEAVY, "rich"}
    assert "hpc" in imported


def test_help_needs_neither_pydantic_nor_jinja_nor_yaml() -> None:
    assert not _imported_by("--help") & {"pydantic", "jinja2", "yaml"}


def _functions() -> list[tuple[str, int, int]]:
    found = []
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        owners = {
            inner: f"{outer.name}."
            for outer in ast.walk(tree)
            if isinstance(outer, ast.ClassDef)
            for inner in outer.body
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
                count = sum(argument.arg not in ("self", "cls") for argument in arguments)
                name = f"{path.relative_to(ROOT)}:{owners.get(node, '')}{node.name}"
                found.append((name, (node.end_lineno or 0) - node.lineno + 1, count))
    return found


def test_functions_are_short() -> None:
    functions = _functions()
    assert median(length for _, length, _ in functions) <= 10
    assert [name for name, length, _ in functions if length > 40] == []


def test_functions_take_few_arguments() -> None:
    """The exceptions: commands of the command line take one argument for each option, and a node of a file is built
    for every value in it, tens of thousands of times, so its fields are not packed into another object first.
    """
    many = [
        name
        for name, _, count in _functions()
        if count > 5 and not (name.startswith("hpc/cli/") and name.endswith(":command"))
    ]
    many.remove("hpc/spec/nodes.py:Node.__init__")
    assert many == []


def test_only_the_command_line_prints_exits_or_reads_the_environment() -> None:
    for path in MODULES:
        if "cli" in path.parts or path.name == "__main__.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("print", "exit", "input")
            )
            read = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
            touches = read and (node.value.id, node.attr) in {
                ("os", "environ"),
                ("os", "getenv"),
                ("sys", "exit"),
                ("sys", "stdout"),
            }
            assert not (called or touches), f"{path.relative_to(ROOT)}:{node.lineno}"


def test_every_module_says_what_it_is_for() -> None:
    assert [str(path) for path in MODULES if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))] == []


def test_the_compiler_is_one_page() -> None:
    source = (ROOT / "hpc" / "compiler" / "__init__.py").read_text(encoding="utf-8")
    function = next(
        node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == "compile"
    )
    assert (function.end_lineno or 0) - function.lineno < 40
