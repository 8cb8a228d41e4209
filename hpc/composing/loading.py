"""A Hydra configuration, opened: a folder enters, and what its configs compose to can be asked.

Runs in the child process only. What comes out does not depend on the machine: environment variables are not read, a
Hydra plugin that is not installed is left out and noted, and nothing beyond the folder and Python's packages of Hydra
itself is searched. Works with hydra-core 1.1 and later.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import io
import re
import warnings
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra import initialize_config_dir
from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.default_element import GroupDefault
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, Node, OmegaConf, open_dict
from omegaconf.errors import GrammarParseError

from hpc.composing.importing import kept_apart, registered

# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# (What is asked here has no public name in Hydra; the names are the same from 1.1 to 1.4.)

_NO_DEFAULT = object()
_MOST_PHANTOMS = 8


class OutsideError(Exception):
    """A value that only the container knows. `text` is the interpolation, `key` the node it stands in."""

    def __init__(self, text: str, key: str, is_told: bool = True) -> None:
        super().__init__(text)
        self.text, self.key, self.is_told = text, key, is_told


class Sources(ConfigRepository):
    """Hydra's search path, read once: each config file is parsed a single time, however often it is composed.

    `absent` are the plugins' configs that are not installed here, as (group, name); an empty config stands in for them.
    `elsewhere` are entries of `hydra.searchpath`, which are folders of the container. `unreadable` are files with
    the key of an interpolation that OmegaConf cannot read.
    """

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        self.cache: dict[str, ConfigResult | None] = {}
        self.absent: dict[str, str] = {}
        self.elsewhere: dict[str, None] = {}
        self.phantoms: dict[str, None] = {}
        self.unreadable: dict[str, str] = {}
        self.primary = ""
        super().__init__(config_search_path=config_search_path)

    def __deepcopy__(self, memo: dict[int, Any]) -> Sources:
        twin = copy.copy(self)  # Hydra copies before each composition, for fear of a changed list of sources
        twin.sources = list(self.sources)
        return twin

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:
        """Hydra's own, without what `hydra.searchpath` adds: that would import packages, and is not in the folder."""
        entries = config_search_path.get_path()
        for entry in list(entries):
            if (entry.provider or "").startswith("hydra.searchpath"):
                self.elsewhere[str(entry.path)] = None
                entries.remove(entry)
        super().initialize_sources(config_search_path)

    def load_config(self, config_path: str) -> ConfigResult | None:
        if config_path not in self.cache:
            loaded = self._loaded(config_path)
            if loaded is not None and config_path == self.primary:
                self._without_search_path(loaded.config)
            self.cache[config_path] = loaded
        found = self.cache[config_path]
        if found is None and re.fullmatch(r"hydra/.+/(?!None$)[^?]*", config_path):
            return self._stand_in(config_path)
        return copy.deepcopy(found)

    def _loaded(self, config_path: str) -> ConfigResult | None:
        try:
            return super().load_config(config_path)
        except GrammarParseError as error:  # Hydra loses where it is
            self.unreadable[f"{config_path.removesuffix('.yaml')}.yaml"] = str(error.full_key)
            raise

    def _without_search_path(self, config: Any) -> None:
        """Interpolations in the list would be resolved by Hydra before anything is composed."""
        hydra = _child(config, "hydra")
        entries = _child(hydra, "searchpath")
        content: Any = entries._content if isinstance(entries, ListConfig) else None
        if isinstance(content, list):
            self.elsewhere.update((str(node._value()), None) for node in content)
            hydra["searchpath"] = []

    def _stand_in(self, config_path: str) -> ConfigResult:
        group, _, name = config_path.rpartition("/")
        if not any(group.startswith(f"{known}/") for known in self.absent):
            self.absent[group] = name
        below = [path.removeprefix(f"{group}/") for path in self.phantoms if path.startswith(f"{group}/")]
        chosen = [GroupDefault(group=path, value=None) for path in below]
        empty = OmegaConf.create({})
        return ConfigResult(
            provider="absent", path=config_path, config=empty, header={"package": None}, defaults_list=[*chosen]
        )


def _child(node: Any, name: str) -> Any:
    """The node of a key, unresolved; None where there is none, which a structured config would refuse to say."""
    content: Any = node._content if isinstance(node, DictConfig) else None
    return content.get(name) if isinstance(content, dict) else None


@dataclass
class Opened:
    """`failures` are the imports that cannot be run, as (file, reason). `outside` grows by what was asked of the
    container; OmegaConf wraps the exception, and may lose it.
    """

    loader: Any
    sources: Sources
    failures: list[tuple[str, str]]
    outside: list[OutsideError]
    parser: OverridesParser = field(init=False)

    def __post_init__(self) -> None:
        self.parser = OverridesParser.create(config_loader=self.loader)

    def has(self, name: str) -> bool:
        """Whether there is a config of that path, e.g. `model/resnet`."""
        return self.sources.config_exists(name)

    def has_group(self, group: str) -> bool:
        return self.sources.group_exists(group)

    def options(self, group: str) -> list[str]:
        """The configs of a group; of the folder itself for the empty text."""
        names = self.sources.get_group_options(group, ObjectType.CONFIG)
        return [name for name in names if name != "_dummy_empty_config_"]

    def groups(self, below: str = "") -> list[str]:
        """All groups with their full paths, those of Hydra itself included."""
        names = self.sources.get_group_options(below, ObjectType.GROUP)
        paths = [f"{below}/{name}" if below else name for name in names]
        return [one for path in paths for one in (path, *self.groups(path))]

    def compose(self, name: str, overrides: Sequence[str] = ()) -> DictConfig:
        """The whole config with its `hydra` node, as for a single run. Raises OutsideError where a defaults list asks
        the container, else whatever Hydra and OmegaConf raise.
        """
        before = len(self.outside)
        try:
            return self._compose(name, overrides)
        except Exception as error:
            if len(self.outside) > before:
                raise self.outside[-1] from error
            raise

    def enter(self, name: str) -> None:
        """Take `name` for the primary config, whose search path is then known. Raises what is wrong with its file."""
        self.sources.primary = name
        self.sources.load_config(name)

    def _compose(self, name: str, overrides: Sequence[str]) -> DictConfig:
        self.sources.primary = name
        self.sources.absent.clear()
        whole = [*overrides, "hydra.job.env_copy=[]"]  # which would read the environment of this machine
        for _ in range(_MOST_PHANTOMS):
            try:
                return self._load(name, whole)
            except ConfigCompositionException as error:
                if not self._explains(str(error)):
                    raise
        return self._load(name, whole)

    def _load(self, name: str, overrides: list[str]) -> DictConfig:
        config = self.loader.load_configuration(
            config_name=name, overrides=overrides, run_mode=RunMode.RUN, from_shell=False
        )
        runtime = config.hydra.runtime
        if "output_dir" in runtime or OmegaConf.is_missing(runtime, "output_dir"):
            with open_dict(runtime):
                runtime.output_dir = "outputs"  # Hydra itself knows it only when the job starts
        return config

    def _explains(self, message: str) -> bool:
        """Whether a missing plugin is why a group below it is not in the defaults list; if so, it will be there."""
        found = re.search(r"(?:Could not|Defaults List) override '/?(hydra/[^'@: ]+)", message)
        group = found[1] if found else ""
        is_new = group not in self.sources.phantoms
        if group and is_new and any(group.startswith(f"{known}/") for known in self.sources.absent):
            self.sources.phantoms[group] = None
            return True
        return False


@contextlib.contextmanager
def opened(
    folder: str, imports: Sequence[str] = (), env: Sequence[str] = (), base: str | None = None
) -> Generator[Opened]:
    """The configuration in `folder` after running `imports`.

    `env` names variables that the container has. `base` is Hydra's `version_base`, for versions that know it; None:
    that of the version installed. Hydra's global state is as before afterwards, and nothing is printed.
    """
    with kept_apart(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        GlobalHydra.instance().clear()
        failures = registered(imports)
        GlobalHydra.instance().clear()
        known = inspect.signature(initialize_config_dir.__init__).parameters
        more: dict[str, Any] = {"version_base": base} if "version_base" in known else {}
        initialize_config_dir(str(Path(folder).absolute()), job_name="app", **more)
        loader: Any = GlobalHydra.instance().config_loader()
        loader.repository = Sources(loader.config_search_path)
        outside: list[OutsideError] = []
        _replace_environment(frozenset(env), outside)
        try:
            yield Opened(loader, loader.repository, failures, outside)
        finally:
            GlobalHydra.instance().clear()


def resolvable(config: DictConfig) -> DictConfig:
    """A copy of a composed config in which `${hydra:…}` resolves, until the configuration is closed."""
    twin = config.copy()
    HydraConfig.instance().set_config(twin)
    return twin


def _replace_environment(given: frozenset[str], outside: list[OutsideError]) -> None:
    """`${oc.env:X}` is its default, or outside. So is a variable that the container gets, but that is not told."""

    def env(key: str, default: Any = _NO_DEFAULT, *, _node_: Node) -> str | None:
        if key in given or default is _NO_DEFAULT:
            where = str(_node_._get_full_key(None))
            outside.append(OutsideError(f"${{oc.env:{key}}}", where, key not in given))
            raise outside[-1]
        return None if default is None else str(default)

    for name in ("oc.env", "env"):
        if OmegaConf.has_resolver(name):
            OmegaConf.register_new_resolver(name, env, replace=True)


def unknown_resolver(text: str) -> str:
    """The first resolver that an interpolation names and OmegaConf does not know, as `${name:…}`; nothing if none."""
    names = re.findall(r"\$\{\s*([A-Za-z_][\w.]*)\s*:", text)
    return next((f"${{{name}:…}}" for name in names if not OmegaConf.has_resolver(name)), "")
