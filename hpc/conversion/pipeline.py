"""A compiled pipeline as a pipeline file: a PipelineSpec, perhaps with a PlatformSpec, enters; a document leaves."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from hpc.conversion import extras, settings
from hpc.conversion.flat import Flat, Step
from hpc.conversion.kept import component_file
from hpc.conversion.leaves import Leaf, Spec, container, importer
from hpc.conversion.names import Names, image_name, step_names
from hpc.conversion.notes import Notes
from hpc.conversion.programs import bare, secret_name, with_secrets
from hpc.conversion.scope import Entry, Scope, runs_after_failure
from hpc.conversion.words import literal_text

Json = Mapping[str, Any]
_SETTINGS = ("env", "accelerator", "cache", "retry", "timeout", "kfp")


class Converter:
    """Converts one file; `scopes` and `leaves` are made once for each component of the IR."""

    def __init__(self, spec: Json, platforms: Json, folder: str | None, notes: Notes) -> None:
        self.spec, self.notes, self.folder = spec, notes, folder
        self.files: dict[str, str] = {}
        self.components: Mapping[str, Json] = spec.get("components", {})
        self.executors: Mapping[str, Json] = spec["deploymentSpec"]["executors"]
        self.kubernetes: Json = platforms.get("kubernetes", {})
        self.local: Json = platforms.get("local", {})
        self.scopes: dict[tuple[str, bool], Scope] = {}
        self.leaves: dict[str, Leaf] = {}
        self.name = self._pipeline_name(spec.get("pipelineInfo", {}).get("name", ""))
        self.root = Scope(self, "root", self._flat(), is_group=False, item=None)
        for name in sorted(platforms.keys() - {"kubernetes", "local"}):
            notes.lose(("platforms", name), "is a platform that the language has no settings for.")

    def _flat(self) -> Flat:
        return Flat(self.components, self.spec["root"], ("root",), self.notes)

    # ------------------------------------------------------------ what steps run

    def scope(self, key: str, *, is_group: bool, item: str | None) -> Scope:
        known = (key, is_group)
        if known not in self.scopes:
            flat = Flat(self.components, self.components[key], ("components", key), self.notes)
            self.scopes[known] = Scope(self, key, flat, is_group=is_group, item=item)
        return self.scopes[known]

    def leaf(self, step: Step, constants: Mapping[str, Any], bound: frozenset[str]) -> Leaf:
        label = step.component["executorLabel"]
        spec = Spec(step.component_key, step.component, self.executors[label])
        texts = {name: value for name, value in constants.items() if isinstance(value, str) and "{{" in value}
        if "importer" in spec.executor:
            texts = dict(constants)
        known = json.dumps([step.component_key, texts, sorted(bound)], sort_keys=True)
        if known not in self.leaves:
            self.leaves[known] = self._leaf(spec, constants, bound)
        return self.leaves[known]

    def _leaf(self, spec: Spec, constants: Mapping[str, Any], bound: frozenset[str]) -> Leaf:
        if "importer" in spec.executor:
            return importer(spec, constants.get, self.notes)
        if "container" in spec.executor:
            return container(spec, constants, bound, self.notes)
        kinds = ", ".join(sorted(spec.executor))
        self.notes.lose(spec.executor_where, f"is of a kind ({kinds}) that the language does not have.")
        return Leaf(spec.key, spec.label)

    # ------------------------------------------------------------ the file

    def document(self) -> dict[str, Any]:
        self._say_unused()
        info = self.spec.get("pipelineInfo", {})
        written = _Written(self)
        body = written.scope_block(self.root)
        document: dict[str, Any] = {
            "hpc": 1,
            "name": self.name,
            "title": literal_text(info.get("displayName", "")),
            "description": literal_text(info.get("description", "")),
            "inputs": body["inputs"],
            "outputs": body["outputs"],
            "images": written.images,
            "accelerators": {name: block for block, name in written.profiles.values()},
            "components": written.components,
            "steps": body["steps"],
            "edges": body["edges"],
            "secrets": written.secrets,
            "targets": self._targets(),
        }
        return {key: value for key, value in document.items() if value not in ("", {}, [])}

    def _say_unused(self) -> None:
        reached: set[str] = set()
        waiting = [self.spec["root"]]
        while waiting:
            tasks = waiting.pop().get("dag", {}).get("tasks", {}).values()
            names = {task["componentRef"]["name"] for task in tasks} - reached
            reached |= names
            waiting += [self.components[name] for name in sorted(names)]
        for name in sorted(self.components.keys() - reached):
            self.notes.say(("components", name), "is run by no task; left out.")
        labels = {one.get("executorLabel") for name, one in self.components.items() if name in reached}
        for label in sorted(self.executors.keys() - labels):
            self.notes.say(("deploymentSpec", "executors", label), "runs nothing; left out.")

    def _pipeline_name(self, name: str) -> str:
        plain = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")
        plain = (plain if plain[:1].isalpha() else f"p-{plain}")[:63].strip("-")
        if plain != name:
            self.notes.say(("pipelineInfo", "name"), f"is called `{plain}`.")
        return plain

    def _targets(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        root = self.spec.get("defaultPipelineRoot", "")
        if root.startswith("gs://"):
            found = {"vertex": {"root": root}, "kfp": {"root": root}}
        elif root:
            found = {"kfp": {"root": root}}
        config = self.kubernetes.get("pipelineConfig")
        if config:
            block = extras.pipeline_config(config, ("platforms", "kubernetes", "pipelineConfig"), self.notes)
            found.setdefault("kfp", {})["pipeline"] = block
        if self.kubernetes and "kfp" not in found:
            found["kfp"] = {}
        return {"kfp": found["kfp"]} if self.kubernetes else found


class _Written:
    """The blocks of the file. What is the same has one name: images, machines, components."""

    def __init__(self, converter: Converter) -> None:
        self.converter, self.notes = converter, converter.notes
        self.images: dict[str, Any] = {}
        self.profiles: dict[str, tuple[dict[str, Any], str]] = {}
        self.components: dict[str, Any] = {}
        self.secrets: dict[str, Any] = {}
        self._image_names, self._profile_names = Names(), Names()
        self._names = step_names()
        self._names.new(converter.name)
        self._by_core: dict[str, str] = {}
        self._settings_of: dict[int, dict[str, Any]] = {}
        self._cores: dict[int, str] = {}
        self._shared = self._shared_settings()

    # ------------------------------------------------------------ settings

    def _shared_settings(self) -> dict[str, dict[str, Any]]:
        """For each container the settings that all of its steps have: those stand on the component."""
        shared: dict[str, dict[str, Any]] = {}
        for entry in self._all_entries():
            if isinstance(entry.runs, Leaf):
                found = self._settings(entry)
                core = self._core(entry.runs)
                known = shared.setdefault(core, found)
                shared[core] = {key: value for key, value in known.items() if found.get(key) == value}
        return shared

    def _all_entries(self) -> list[Entry]:
        scopes = [*self.converter.scopes.values(), self.converter.root]
        return [entry for scope in scopes for entry in scope.entries.values()]

    def _settings(self, entry: Entry) -> dict[str, Any]:
        """How a step runs, as far as it is not what hpc does by itself."""
        if id(entry) not in self._settings_of:
            task, where = entry.step.task, entry.step.where
            found: dict[str, Any] = {
                "retry": settings.retry(task.get("retryPolicy", {}), (*where, "retryPolicy"), self.notes)
            }
            if isinstance(entry.runs, Leaf) and entry.runs.kept is not None:
                found["cache"] = settings.cache(task.get("cachingOptions", {}))
                found["kfp"] = self._kubernetes(entry.runs)
            elif isinstance(entry.runs, Leaf) and entry.runs.image is not None:
                found["cache"] = settings.cache(task.get("cachingOptions", {}))
                found.update(self._executor_settings(entry.runs))
            elif isinstance(entry.runs, Leaf) and found["retry"] is not None:
                self.notes.lose((*where, "retryPolicy"), "repeats an importer, which the language does not.")
            quiet = {key: value for key, value in found.items() if value not in (None, {}) and value is not True}
            self._settings_of[id(entry)] = quiet
        return self._settings_of[id(entry)]

    def _executor_settings(self, leaf: Leaf) -> dict[str, Any]:
        where = ("deploymentSpec", "executors", leaf.executor, "container")
        content = self.converter.executors[leaf.executor]["container"]
        env = settings.environment(content.get("env", []), (*where, "env"), self.notes)
        found: dict[str, Any] = {
            "env": with_secrets(env, bare(content.get("command", [])).secrets, self.secrets, "vertex")
        }
        profile = settings.accelerator(content.get("resources", {}), (*where, "resources"), self.notes)
        if profile:
            found["accelerator"] = self._profile(profile)
        found["kfp"] = self._kubernetes(leaf)
        self._local_settings(found, self._place(leaf))
        return found

    def _kubernetes(self, leaf: Leaf) -> dict[str, Any]:
        config = self.converter.kubernetes.get("deploymentSpec", {}).get("executors", {}).get(leaf.executor, {})
        place = ("platforms", "kubernetes", "deploymentSpec", "executors", leaf.executor)
        return extras.kubernetes(config, place, self.notes)

    def _place(self, leaf: Leaf) -> Json:
        return self.converter.local.get("deploymentSpec", {}).get("executors", {}).get(leaf.executor, {})

    def _local_settings(self, found: dict[str, Any], place: Json) -> None:
        if place.get("timeout"):
            found["timeout"] = place["timeout"]
        for variable, secret in place.get("secrets", {}).items():
            name = secret_name(secret, variable, self.secrets, "local")
            found["env"] = {**found["env"], variable: {"secret": name}}

    def _profile(self, profile: dict[str, Any]) -> str:
        known = json.dumps(profile, sort_keys=True)
        if known not in self.profiles:
            self.profiles[known] = (profile, self._profile_names.new(settings.profile_name(profile)))
        return self.profiles[known][1]

    # ------------------------------------------------------------ components

    def _core(self, leaf: Leaf) -> str:
        if id(leaf) not in self._cores:
            self._cores[id(leaf)] = f"{_base(leaf.key)} {json.dumps(self._leaf_block(leaf), sort_keys=True)}"
        return self._cores[id(leaf)]

    def _leaf_block(self, leaf: Leaf) -> dict[str, Any]:
        """A container or importer without settings."""
        block: dict[str, Any] = {"image": self._image(leaf)} if leaf.image is not None else {}
        block.update(leaf.body)
        inputs = {port.name: port.block(self.notes) for port in leaf.inputs.values()}
        if "import" in block:
            inputs.pop("uri", None)
            return {**block, "inputs": inputs} if inputs else block
        if leaf.kept is not None:
            return {"uses": self._kept(leaf, leaf.kept)}
        outputs = {port.name: port.block(self.notes) for port in leaf.outputs.values()}
        return {**block, **({"inputs": inputs} if inputs else {}), **({"outputs": outputs} if outputs else {})}

    def _kept(self, leaf: Leaf, name: str) -> str:
        """The file that keeps a component as it is."""
        converter, where = self.converter, ("components", leaf.key)
        fact = "gives its program all ports by their names, which the language would change"
        if converter.folder is None:
            self.notes.lose(where, f"{fact}; with a file to write to, the component is kept in a file beside it.")
            return "./component.yaml"
        path = f"{converter.folder}/{name}.json"
        if path not in converter.files:
            self.notes.say(where, f"{fact}; it is kept as it is in `{path}`.")
            executor = converter.executors[leaf.executor]
            converter.files[path] = component_file(name, converter.components[leaf.key], executor)
        return f"./{path}"

    def _image(self, leaf: Leaf) -> str:
        said = self._place(leaf)
        place = {key: value for key, value in said.items() if key in ("dir", "python", "requirements", "gpus")}
        address = literal_text(leaf.image or "")
        parts = {"uri": address, "build": said.get("build"), "local": place}
        block = {key: value for key, value in parts.items() if value}
        block = block if len(block) > 1 else address
        for name, known in self.images.items():
            if known == block:
                return name
        name = self._image_names.new(image_name(address), "image")
        self.images[name] = block
        return name

    def component(self, entry: Entry) -> str:
        """The name of the component that a step runs."""
        runs = entry.runs
        if isinstance(runs, Scope):
            block = {key: value for key, value in self.scope_block(runs).items() if value or key == "edges"}
            return self._named(block, runs.key, f"{_base(runs.key)} {json.dumps(block, sort_keys=True)}")
        core = self._core(runs)
        block = {**self._leaf_block(runs), **self._shared[core]}
        return self._named(_ordered(block), self._shortest(runs, core), core)

    def _shortest(self, leaf: Leaf, core: str) -> str:
        keys = [one.key for one in self.converter.leaves.values() if self._core(one) == core]
        return min(keys or [leaf.key], key=lambda key: (len(key), key))

    def _named(self, block: dict[str, Any], key: str, core: str) -> str:
        if core not in self._by_core:
            name = self._names.new(key.removeprefix("comp-").partition("--without--")[0], "component")
            self._by_core[core] = name
            self.components[name] = block
        return self._by_core[core]

    # ------------------------------------------------------------ scopes

    def scope_block(self, scope: Scope) -> dict[str, Any]:
        bound = {id(port) for port, *_ in scope.bound_inputs}
        inputs = {port.name: port for port in scope.inputs.values() if not scope.is_group or id(port) in bound}
        inputs.update({port.name: port for port in scope.fields.values()})
        steps: dict[str, Any] = {}
        for entry in scope.entries.values():
            block = self._step(entry)
            if block:
                steps[entry.step.name] = block
        return {
            "inputs": {name: port.block(self.notes) for name, port in inputs.items()},
            "outputs": {port.name: port.block(self.notes) for port in scope.outputs.values()},
            "steps": steps,
            "edges": list(scope.lines),
        }

    def _step(self, entry: Entry) -> dict[str, Any]:
        step, block = entry.step, dict[str, Any]()
        name = self.component(entry)
        if name != step.name:
            block["uses"] = name
        title = step.task.get("taskInfo", {}).get("name", step.key)
        if title not in (step.key, step.name.replace("_", "-")):
            block["title"] = literal_text(title)
        block.update(self._loop(entry))
        constants = {name: port.constant(value) for name, (port, value) in entry.constants.items()}
        defaults = {port.name: port for port in entry.runs.inputs.values() if "default" in port.said}
        looped = {port.name for ports in entry.axes.values() for port, _ in ports}
        given = {
            name: value
            for name, value in constants.items()
            if name in looped
            or name not in defaults
            or not _same(defaults[name].constant(defaults[name].said["default"]), value)
        }
        if given:
            block["with"] = given
        if runs_after_failure(step):
            block["run_if"] = "upstream_done"
        own = self._settings(entry)
        shared = self._shared[self._core(entry.runs)] if isinstance(entry.runs, Leaf) else {}
        block.update({key: own[key] for key in _SETTINGS if key in own and own[key] != shared.get(key)})
        return block

    def _loop(self, entry: Entry) -> dict[str, Any]:
        axes = [[port.name for port, _ in entry.axis_of(axis)] for axis in entry.step.axes]
        if not axes:
            return {}
        if len(axes) == 1 and len(axes[0]) > 1:
            block: dict[str, Any] = {"for_each": {"zip": axes[0]}}
        else:
            block = {"for_each": [name for names in axes for name in names]}
        if len(axes) > 1 and any(len(names) > 1 for names in axes):
            where = (*entry.step.where, "parameterIterator")
            self.notes.lose(where, "hands out several values of one list inside of another loop.")
        limit = entry.step.axes[0].limit
        if limit:
            block["parallel"] = limit
        if any("raw" in axis.items for axis in entry.step.axes):
            block["loop"] = "runtime"
        return block


def _base(key: str) -> str:
    """What compilers number or mark the uses of: `comp-train-2` and `comp-train--again` are both `comp-train`."""
    return re.sub(r"-[0-9]+$", "", key.partition("--")[0])


def _same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


_ORDER = (
    "title",
    "uses",
    "image",
    "import",
    "uri",
    "cli",
    "command",
    "args",
    "metadata",
    "reimport",
    "inputs",
    "outputs",
)


def _ordered(block: dict[str, Any]) -> dict[str, Any]:
    return {key: block[key] for key in (*_ORDER, *_SETTINGS) if key in block}


def pipeline_document(
    spec: Json, platform: Json | None, folder: str | None, notes: Notes
) -> tuple[dict[str, Any], dict[str, str]]:
    """The pipeline file of compiled IR in which every reference resolves, and files beside it by their paths.

    `folder` is where such files may lie, None for nowhere. `notes` gets what was chosen and lost.
    """
    converter = Converter(spec, (platform or {}).get("platforms", {}), folder, notes)
    return converter.document(), converter.files
