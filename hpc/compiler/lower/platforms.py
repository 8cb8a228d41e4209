"""The second document: what the IR of a target has no place for, by the label of the executor."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any

from hpc.compiler import ir
from hpc.compiler.files import Files
from hpc.compiler.graph import CompiledStep, ContainerStep, Graph, RunsContainer
from hpc.compiler.lower.foreign import compiled_platform
from hpc.compiler.lower.searches import search
from hpc.compiler.mentions import container_runs, on_this_machine, program_folder
from hpc.compiler.targets import Target
from hpc.components.fields import seconds
from hpc.components.kubernetes import merged_config, with_deadline, with_secret_env
from hpc.spec.model import Build


def lower_platform(graph: Graph, target: Target, files: Files) -> ir.PlatformSpec | None:
    """The settings for the target's platform; None where there is nothing to say. Paths start at the pipeline file's
    folder.
    """
    if target.platform is None:
        return None
    executors = {
        f"exec-{step.spec_name}": _kubernetes(step) if target.name == "kfp" else _local(step, files)
        for step in container_runs(graph)
    }
    for step in graph.all_steps:
        if isinstance(step, CompiledStep):
            executors.update(compiled_platform(step.spec_name, step.component, target.platform))
    platform: dict[str, Any] = {"deploymentSpec": {"executors": {name: one for name, one in executors.items() if one}}}
    platform = platform if platform["deploymentSpec"]["executors"] else {}
    settings = graph.pipeline.targets.kfp if target.name == "kfp" else None
    whole_run = settings.pipeline.pipeline_config() if settings is not None and settings.pipeline is not None else {}
    if whole_run:
        platform["pipelineConfig"] = whole_run
    return ir.PlatformSpec({target.platform: platform}) if platform else None


# ---------------------------------------------------------------- Kubernetes


def _kubernetes(step: RunsContainer) -> dict[str, Any]:
    """KubernetesExecutorConfig: what the file says, and what secrets and time limits become."""
    settings = step.settings
    config = merged_config([extras.executor_config() for extras in settings.kfp])
    config = with_secret_env(config, list(_secrets(step)))
    return with_deadline(config, seconds(settings.timeout)) if settings.timeout else config


def _secrets(step: RunsContainer) -> Iterator[tuple[str, str, str]]:
    """Secret, key and variable of what a container reads from its environment."""
    for variable, secret in sorted(step.settings.secrets.items()):
        if secret.kfp is not None:
            name, _, key = secret.kfp.partition("/")
            yield name, key, variable


# ---------------------------------------------------------------- this machine


def _local(step: RunsContainer, files: Files) -> dict[str, Any]:
    """How an executor runs without its image."""
    settings = step.settings
    folder, requirements = _folders(step, files) if isinstance(step, ContainerStep) else (None, None)
    entry = {
        "dir": folder,
        "python": on_this_machine(settings, "python"),
        "requirements": requirements,
        "timeout": settings.timeout,
        "gpus": on_this_machine(settings, "gpus"),
        "build": _build(step) if isinstance(step, ContainerStep) else None,
        "secrets": {name: secret.local for name, secret in sorted(settings.secrets.items()) if secret.local},
        "tune": search(step.tune, step.component) if isinstance(step, ContainerStep) and step.tune else None,
    }
    return {key: value for key, value in entry.items() if value}


def _folders(step: ContainerStep, files: Files) -> tuple[str | None, str | None]:
    """The working folder and the file that says what it needs."""
    home, settings = step.layers[-1].file, step.settings
    folder = program_folder(home, settings)
    needs = on_this_machine(settings, "requirements")
    return folder, home.place(needs) if needs else _requirements(folder, files)


def _build(step: ContainerStep) -> dict[str, Any] | None:
    """How the image is made, for a machine that runs containers and cannot pull it."""
    home, build = step.layers[-1].file, step.settings.image.build
    if build is None:
        return None
    usual = Build(context=build.context)
    entry = {"context": home.place(build.context), "args": dict(build.args)}
    for key in ("dockerfile", "platform"):
        if getattr(build, key) != getattr(usual, key):
            entry[key] = getattr(build, key)
    return {key: value for key, value in entry.items() if value}


def _requirements(folder: str | None, files: Files) -> str | None:
    """The file in a component's folder that says what it needs."""
    if folder is None:
        return None
    names = (posixpath.normpath(posixpath.join(folder, name)) for name in ("pyproject.toml", "requirements.txt"))
    return next((name for name in names if files.has(name)), None)
