"""Which program a command starts, and which Hydra configuration that program has.

A component enters; a `Config` leaves: the one that the component declares, else what a single, literal `@hydra.main` in
the program's own text says. Only texts are read, nothing is run.
"""

from __future__ import annotations

import ast
import posixpath
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hpc.compiler.files import Files
from hpc.compiler.graph import Settings
from hpc.compiler.mentions import program_folder
from hpc.compiler.questions import Config
from hpc.components.container import ContainerComponent
from hpc.components.hydra import is_key
from hpc.spec.program import File, is_library


@dataclass(frozen=True)
class Program:
    """The Python program that a command starts: its file, one of `files`, from its own folder; none if that cannot be
    told. The words of the command from `end` on are the program's own.
    """

    files: tuple[str, ...]
    end: int


@dataclass(frozen=True)
class Found:
    """A configuration, and whether the component declares it."""

    config: Config
    is_declared: bool


# ---------------------------------------------------------------- the program

_MODULE = re.compile(r"[A-Za-z_]\w*(\.\w+)*")
_OPTIONS_OF_HYDRA = ("--multirun", "-m", "--run", "-r", "--config-name", "-cn", "--config-path", "-cp", "--config-dir")


def program_of(command: Sequence[str]) -> Program:
    """The program of a command: its last word in `.py`, else the module behind `-m`.

    Other programs (`train`, `uv run train`) have their own words from the first that Hydra could read on.
    """
    for index in reversed(range(len(command))):
        if command[index].endswith(".py") and not re.match(r"-|[^/]*=", command[index]):
            return Program((command[index],), index + 1)
    for index in reversed(range(1, len(command))):
        if command[index - 1] == "-m" and _MODULE.fullmatch(command[index]):
            path = command[index].replace(".", "/")
            return Program((f"{path}.py", f"{path}/__main__.py"), index + 1)
    if "-c" in command:
        return Program((), len(command))
    own = (index for index, word in enumerate(command) if index and _is_for_hydra(word))
    return Program((), next(own, len(command)))


def _is_for_hydra(word: str) -> bool:
    key, equals, _ = word.partition("=")
    return key in _OPTIONS_OF_HYDRA or (is_key(key) and (equals == "=" or key.startswith("~")))


# ---------------------------------------------------------------- its configuration


def configuration(component: ContainerComponent, home: File, settings: Settings, files: Files) -> Found | None:
    """The configuration of a component that the file `home` declares; None if it is no Hydra app of the user, or if
    nothing says what it has.
    """
    if not component.is_hydra or (home.path and is_library(str(home.path[0]))):
        return None
    said = component.config
    if said is not None:
        imports = tuple(home.place(path) for path in said.imports)
        return Found(Config(home.place(said.dir), said.name.removesuffix(".yaml"), imports), is_declared=True)
    config = _of_program(component, program_folder(home, settings) or "", files)
    return Found(config, is_declared=False) if config else None


def _of_program(component: ContainerComponent, folder: str, files: Files) -> Config | None:
    """What the program's own text says, as long as no part of its configuration is made by Python."""
    for name in program_of(component.command).files:
        script = posixpath.normpath(posixpath.join(folder, name))
        text = None if name.startswith("/") else _text(script, files)
        if text is not None:
            said = hydra_main(text)
            if said is None or _registers_configs(script, text, folder, files):
                return None
            return Config(posixpath.normpath(posixpath.join(posixpath.dirname(script), said[0])), said[1])
    return None


def _text(path: str, files: Files) -> str | None:
    try:
        return files.read_text(path)
    except (OSError, ValueError):
        return None


def hydra_main(text: str) -> tuple[str, str] | None:
    """`config_path` and `config_name` of the only `@hydra.main` in a Python text, if both are literal and the path is
    relative; None if not.
    """
    tree = _parsed(text) if "hydra" in text else None
    if tree is None:
        return None
    names = set(_names_of_main(tree))
    calls = [each for each in _decorators(tree) if _dotted(each.func) in names]
    return _arguments(calls[0]) if len(calls) == 1 else None


def _parsed(text: str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _names_of_main(tree: ast.Module) -> Iterator[str]:
    """What `hydra.main` is called in a program."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                if each.name == "hydra" or (each.name.startswith("hydra.") and not each.asname):
                    yield f"{each.asname or 'hydra'}.main"
        elif isinstance(node, ast.ImportFrom) and node.module in ("hydra", "hydra.main") and not node.level:
            yield from (each.asname or "main" for each in node.names if each.name == "main")


def _decorators(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from (each for each in node.decorator_list if isinstance(each, ast.Call))


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return f"{_dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else "?"


def _arguments(call: ast.Call) -> tuple[str, str] | None:
    given: dict[str | None, ast.expr] = dict(zip(("config_path", "config_name"), call.args, strict=False))
    given |= {each.arg: each.value for each in call.keywords}
    path, name = _literal(given.get("config_path")), _literal(given.get("config_name"))
    if not path or not name or path.startswith("/") or "://" in path:
        return None
    return path, name.removesuffix(".yaml")


def _literal(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


# ---------------------------------------------------------------- configurations that Python makes

_MOST_FILES = 100
_MAKES_CONFIGS = re.compile(r"\bConfigStore\b|\bhydra_zen\b")


def _registers_configs(script: str, text: str, folder: str, files: Files) -> bool:
    """Whether a program, or a module of its own that it imports, mentions what registers structured configs. Such a
    configuration is not all in files, so that without `imports` nothing can be said about it.
    """
    seen, waiting = {script}, [(script, text)]
    while waiting:
        path, text = waiting.pop()
        if _MAKES_CONFIGS.search(text):
            return True
        for module in _modules(path, text, dict.fromkeys((posixpath.dirname(script), folder))):
            if module not in seen and len(seen) < _MOST_FILES and files.has(module):
                seen.add(module)
                waiting.append((module, _text(module, files) or ""))
    return False


def _modules(path: str, text: str, roots: dict[str, None]) -> Iterator[str]:
    """Where the modules that a Python text imports would lie, if they are the user's own."""
    tree = _parsed(text) if "import" in text else None
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Import):
            yield from (file for each in node.names for file in _files_of(each.name, roots))
        elif isinstance(node, ast.ImportFrom):
            above = posixpath.normpath(posixpath.join(posixpath.dirname(path), *[".."] * (node.level - 1)))
            below = {above: None} if node.level else roots
            for name in (node.module, *(".".join(filter(None, (node.module, each.name))) for each in node.names)):
                yield from _files_of(name, below) if name else ()


def _files_of(module: str, roots: dict[str, None]) -> Iterator[str]:
    name = module.replace(".", "/")
    for root in roots:
        yield posixpath.normpath(posixpath.join(root, f"{name}.py"))
        yield posixpath.normpath(posixpath.join(root, name, "__init__.py"))
