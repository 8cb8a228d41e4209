"""Python files that register structured configs, run for what they register.

Paths enter; what they put into Hydra's ConfigStore and among OmegaConf's resolvers stays until `kept_apart` is
left. Runs in the child process only. A file that cannot be run is told, never raised.
"""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from omegaconf.basecontainer import BaseContainer

from hpc.composing.noting import shortened, without_paths
from hpc.composing.tracing import note, traced

# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# (Hydra and OmegaConf have no public way to put their registries back.)

_Registered = tuple[dict[str, Any], dict[str, Any], list[tuple[str, str]], set[str]]
_known: dict[tuple[tuple[str, int, int], ...], _Registered] = {}


@contextlib.contextmanager
def kept_apart() -> Generator[None]:
    """Hydra's and OmegaConf's global state is the same after the block as before it."""
    Plugins.instance()  # registers Hydra's own launcher and sweeper, once in a process: they have to stay
    instances, store = dict(Singleton._instances), _branches(ConfigStore.instance().repo)
    resolvers, path, words = dict(BaseContainer._resolvers), list(sys.path), list(sys.argv)
    try:
        yield
    finally:
        Singleton._instances.clear()
        Singleton._instances.update(instances)
        ConfigStore.instance().repo = store
        BaseContainer._resolvers = resolvers
        sys.path[:], sys.argv[:] = path, words


def registered(files: Sequence[str]) -> list[tuple[str, str]]:
    """Run `files` in order; give those that fail, each with the reason in one line.

    The same files are run once in a process: a module that they import registers its configs only the first time.
    """
    key = tuple(_stamp(file) for file in files)
    if key not in _known:
        with traced() as read, _without_writing():
            failures = [(file, reason) for file in files if (reason := _run(Path(file).absolute()))]
        _forget(files)
        _known[key] = (_branches(ConfigStore.instance().repo), dict(BaseContainer._resolvers), failures, read)
    store, resolvers, failures, read = _known[key]
    note(read)
    ConfigStore.instance().repo = _branches(store)
    BaseContainer._resolvers = dict(resolvers)
    return list(failures)


@contextlib.contextmanager
def _without_writing() -> Generator[None]:
    """No byte code is left beside a user's programs: Python takes it for that of a source which changes in the same
    second and stays as long.
    """
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _run(file: Path) -> str:
    """Why the file cannot be run; nothing if it could. Its words are `--version`, at which an application that starts
    without being asked to stops again, Hydra's among them."""
    name = file.stem if file.stem not in sys.modules else f"imported_{file.stem}"
    sys.path.insert(0, str(file.parent))
    sys.argv[:] = [file.name, "--version"]
    try:
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # noqa: BLE001  it is the user's program: anything may happen
        said = without_paths(f"{type(error).__name__}: {str(error).strip()}", [str(file.parent)])
        return shortened(said.splitlines()[0])
    return ""


def _forget(files: Sequence[str]) -> None:
    """Modules from the folders of `files` go, so that another application may have modules of the same names."""
    folders = {str(Path(file).resolve().parent) for file in files}
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None)
        if origin and any(Path(origin).resolve().is_relative_to(folder) for folder in folders):
            del sys.modules[name]


def _branches(tree: dict[str, Any]) -> dict[str, Any]:
    """The tree of a ConfigStore with dictionaries of its own; its leaves are never changed by Hydra."""
    return {key: _branches(value) if isinstance(value, dict) else copy.copy(value) for key, value in tree.items()}


def _stamp(file: str) -> tuple[str, int, int]:
    try:
        about = Path(file).stat()
    except OSError:
        return str(Path(file).absolute()), 0, 0
    return str(Path(file).absolute()), about.st_mtime_ns, about.st_size
