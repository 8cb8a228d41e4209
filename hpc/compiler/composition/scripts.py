"""Which Hydra configuration the program of a component has.

A component enters; a `Config` leaves: the one that the component declares, else what a single, literal `@hydra.main` in
the program's own text says. Only texts are read, nothing is run.
"""

from __future__ import annotations

import ast
import posixpath
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hpc.compiler.files import Files
from hpc.compiler.graph import Settings
from hpc.compiler.mentions import program_folder
from hpc.compiler.questions import Config
from hpc.components.command import program_of
from hpc.components.container import ContainerComponent
from hpc.spec.program import File, is_library


@dataclass(frozen=True)
class Found:
    """A configuration, and whether the component declares it."""

    config: Config
    is_declared: bool


# ---------------------------------------------------------------- the configuration of a program


def is_own_app(component: ContainerComponent, home: File) -> bool:
    """Whether a component that the file `home` declares is a Hydra app of the user, not of the library."""
    return component.is_hydra and not (home.path and is_library(str(home.path[0])))


def configuration(component: ContainerComponent, home: File, settings: Settings, files: Files) -> Found | None:
    """The configuration of a component that the file `home` declares; None if it is no Hydra app of the user, or if
    nothing says what it has.
    """
    if not is_own_app(component, home):
        return None
    said = component.config
    if said is not None:
        imports = tuple(home.place(path) for path in said.imports)
        return Found(Config(home.place(said.dir), said.name.removesuffix(".yaml"), imports), is_declared=True)
    scripts, folder = program_of(component.command).files, program_folder(home, settings) or ""
    config = files.once(("configuration", scripts, folder), lambda: _of_program(scripts, folder, files))
    return Found(config, is_declared=False) if config else None


def _of_program(scripts: Iterable[str], folder: str, files: Files) -> Config | None:
    """What the program's own text says, as long as no part of its configuration is made by Python.

    A configuration that lies neither below the program's folder nor below the pipeline file's is not looked at.
    """
    for name in scripts:
        script = posixpath.normpath(posixpath.join(folder, name))
        text = None if name.startswith("/") else _text(script, files)
        if text is not None:
            said = hydra_main(text)
            if said is None or _registers_configs(script, text, folder, files):
                return None
            place = posixpath.normpath(posixpath.join(posixpath.dirname(script), said[0]))
            return Config(place, said[1]) if _is_below(place, "") or _is_below(place, folder) else None
    return None


def _is_below(path: str, folder: str) -> bool:
    """Whether a normal path stays in a folder, or is that folder."""
    above, parts = _segments(posixpath.normpath(folder)), _segments(path)
    return parts[: len(above)] == above and parts[len(above) :][:1] not in ([".."], [""])


def _segments(path: str) -> list[str]:
    return [] if path == "." else path.split("/")


def _text(path: str, files: Files) -> str | None:
    try:
        return files.read_text(path)
    except (OSError, ValueError):
        return None


_MAY_BE_MAIN = re.compile(r"@.*main\s*\(|main\s+as\s")


def hydra_main(text: str) -> tuple[str, str] | None:
    """`config_path` and `config_name` of the only `@hydra.main` in a Python text, if both are literal and the path is
    relative; None if not.
    """
    tree = _parsed(text) if "hydra" in text and _MAY_BE_MAIN.search(text) else None
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
_MAKES_CONFIGS = re.compile(r"\b(ConfigStore|hydra_zen)\b")


def _registers_configs(script: str, text: str, folder: str, files: Files) -> bool:
    """Whether a program, or a module of its own that it imports, mentions what registers structured configs. Such a
    configuration is not all in files, so that without `imports` nothing can be said about it.
    """
    seen, waiting, read = {script}, [(script, text)], 1
    roots = dict.fromkeys((posixpath.dirname(script), folder))
    while waiting:
        path, text = waiting.pop()
        if ("ConfigStore" in text or "hydra_zen" in text) and _MAKES_CONFIGS.search(text):
            return True
        for module in _modules(path, text, roots):
            if module not in seen and read < _MOST_FILES:
                seen.add(module)
                if files.has(module):
                    waiting.append((module, _text(module, files) or ""))
                    read += 1
    return False


_IMPORT = re.compile(r"import\b(?:[ \t]*\(((?:#.*\n|[^)#])*)\)|((?:\\\n|[^\n;#])*))")
_BEFORE = re.compile(r"(?:.{0,200};)?\s*(?:from\b\s*(\.*)\s*([\w.]*)\s*)?")
_NO_NAME = re.compile(r"#.*|\\\n")
_NAME = re.compile(r"\s*([\w.]+)")


def _modules(path: str, text: str, roots: Iterable[str]) -> Iterator[str]:
    """Where the modules that a Python text imports would lie, if they are the user's own.

    Reads lines and not the language: a line of a text that looks like an import is one.
    """
    for found in _IMPORT.finditer(text):
        before = _BEFORE.fullmatch(text, text.rfind("\n", 0, found.start()) + 1, found.start())
        if before is None:
            continue
        said = _NO_NAME.sub("", found[1] or found[2] or "")
        names = [name[1] for each in said.split(",") if (name := _NAME.match(each))]
        dots, module = before[1] or "", before[2]
        above = posixpath.normpath(posixpath.join(posixpath.dirname(path), *[".."] * (len(dots) - 1)))
        wanted = [module, *(f"{module}.{name}" for name in names)] if module else names
        yield from _files_of(wanted, [above] if dots else roots)


def _files_of(modules: Iterable[str], roots: Iterable[str]) -> Iterator[str]:
    for module in modules:
        name = module.replace(".", "/")
        for root in roots:
            yield posixpath.normpath(posixpath.join(root, f"{name}.py"))
            yield posixpath.normpath(posixpath.join(root, name, "__init__.py"))
