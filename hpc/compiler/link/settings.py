"""How a container runs: the blocks that say something about it, laid on each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from hpc.compiler.graph import Layer, Settings
from hpc.compiler.link.components import Declared
from hpc.components.container import ContainerComponent
from hpc.components.fields import EnvValue, SecretRef
from hpc.components.foreign import ForeignContainer, GoogleOperation
from hpc.components.library import LIBRARY_IMAGE
from hpc.diagnostics import Path
from hpc.spec.model import Accelerator, Image, Secret
from hpc.spec.program import File, is_library


def layers_of(use: Layer, declared: Declared) -> tuple[Layer, ...]:
    """The blocks that say something about a use of a component: that use first, the `defaults` of its file at last."""
    home = declared.file
    return (use, *declared.layers, Layer(home, (*home.path, "defaults"), home.pipeline.defaults))


def settings_of(use: Layer, declared: Declared, main: File) -> Settings:
    """How a container runs where it is used like that. Raises KeyError if a block names what its file lacks."""
    layers, component = layers_of(use, declared), declared.component
    assert isinstance(component, ContainerComponent | ForeignContainer)
    image, image_path = _image(layers, component, main)
    if isinstance(component, GoogleOperation):
        return _of_task(layers, image)
    accelerator, accelerator_path = _accelerator(_machine_layers(layers, component))
    cache = _first(layers, "cache")
    env, secrets = _environment(layers)
    return Settings(
        image=image,
        image_path=image_path,
        overrides=_overrides(layers),
        env=env,
        secrets=secrets,
        accelerator=accelerator,
        accelerator_path=accelerator_path,
        cache=True if cache is None else cache,
        retry=_first(layers, "retry"),
        timeout=_first(layers, "timeout"),
        timeout_path=_own_timeout(layers),
        kfp=tuple(_kubernetes(layers, accelerator)),
    )


def _of_task(layers: Sequence[Layer], image: Image) -> Settings:
    """What holds for an operation of Google Cloud: its container stays as it is."""
    cache = _first(layers, "cache")
    return Settings(image, {}, {}, None, True if cache is None else cache, _first(layers, "retry"), None)


def _first(layers: Sequence[Layer], name: str) -> Any:
    return next((value for layer in layers if (value := getattr(layer.block, name, None)) is not None), None)


def _own_timeout(layers: Sequence[Layer]) -> Path:
    """Where something else than the defaults, which come last, says `timeout`."""
    said = (layer.path for layer in layers[:-1] if getattr(layer.block, "timeout", None))
    path = next(said, None)
    return (*path, "timeout") if path is not None else ()


def _image(layers: Sequence[Layer], component: ContainerComponent | ForeignContainer, main: File) -> tuple[Image, Path]:
    if isinstance(component, ForeignContainer):
        return Image.model_construct(uri=component.image), ()
    layer = next(layer for layer in layers if getattr(layer.block, "image", None))
    name, file = layer.block.image, layer.file
    if name == LIBRARY_IMAGE and file.path and is_library(str(file.path[0])) and name in main.pipeline.images:
        file = main
    return file.pipeline.images[name], (*file.path, "images", name)


def _machine_layers(layers: Sequence[Layer], component: ContainerComponent | ForeignContainer) -> Sequence[Layer]:
    """An operation of Google Cloud only asks for work to be done elsewhere: the usual machine is not meant for it."""
    return layers[:-1] if isinstance(component, GoogleOperation) else layers


def _accelerator(layers: Sequence[Layer]) -> tuple[Accelerator | None, Path]:
    for layer in layers:
        name = getattr(layer.block, "accelerator", None)
        if name is not None:
            return layer.file.pipeline.accelerators[name], (*layer.file.path, "accelerators", name)
    return None, ()


def _overrides(layers: Sequence[Layer]) -> Mapping[str, Any]:
    overrides: dict[str, Any] = {}
    for layer in reversed(layers):
        overrides = laid_on(overrides, getattr(layer.block, "overrides", {}))
    return overrides


def _environment(layers: Sequence[Layer]) -> tuple[Mapping[str, EnvValue], Mapping[str, Secret]]:
    env: dict[str, EnvValue] = {}
    secrets: dict[str, Secret] = {}
    for layer in reversed(layers):
        for name, value in getattr(layer.block, "env", {}).items():
            env[name] = value
            secrets.pop(name, None)
            if isinstance(value, SecretRef):
                secrets[name] = layer.file.pipeline.secrets[value.secret]
    return env, secrets


def _kubernetes(layers: Sequence[Layer], accelerator: Accelerator | None) -> Iterator[Any]:
    """Fields of Kubernetes, the least particular first: those of the machine, the component, the step."""
    if accelerator is not None and accelerator.kfp is not None:
        yield accelerator.kfp
    for layer in reversed(layers):
        extras = getattr(layer.block, "kfp", None)
        if extras:
            yield extras


_ABSENT = object()


def laid_on(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Overrides of a step on those of its component, by the rule of `hpc.spec.merge.merged`: mappings merge, anything
    else replaces, null deletes what is there.
    """
    entries = dict(base)
    for key, value in over.items():
        old = entries.pop(key, _ABSENT)
        if isinstance(old, dict) and isinstance(value, dict):
            entries[key] = laid_on(cast("dict[str, Any]", old), cast("dict[str, Any]", value))
        elif value is not None or old is _ABSENT:
            entries[key] = value
    return entries
