"""All that `kfp:` may say on an accelerator, a component or a step.

A mapping of the file enters, the JSON of one KubernetesExecutorConfig leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal, cast

from pydantic import Field, StrictInt, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import InitErrorDetails, PydanticCustomError

from hpc.components.fields import problem
from hpc.components.kubernetes.config import Config
from hpc.components.kubernetes.forms import LABELS_SCHEMA
from hpc.components.kubernetes.messages import (
    ConfigMapAsEnv,
    ConfigMapAsVolume,
    EmptyDirMount,
    EnabledSharedMemory,
    FieldPathAsEnv,
    GenericEphemeralVolume,
    ImagePullSecret,
    Message,
    NodeAffinityTerm,
    NodeSelector,
    PodAffinityTerm,
    PodMetadata,
    PvcMount,
    SecretAsEnv,
    SecretAsVolume,
    SecurityContext,
    Toleration,
)

Loc = tuple[str | int, ...]
_LONGEST_SECONDS = 2**31 - 1


def _selector_schema(schema: dict[str, Any]) -> None:
    """The mapping of labels that may stand for the message."""
    schema["anyOf"] = [LABELS_SCHEMA, *schema["anyOf"]]


class KubernetesExtras(Message):
    """Fields of Kubernetes for Kubeflow Pipelines, by their names in KubernetesExecutorConfig."""

    secret_as_env: Annotated[list[SecretAsEnv], Field(description="keys of Secrets as environment variables")] = []
    secret_as_volume: Annotated[list[SecretAsVolume], Field(description="Secrets as files")] = []
    config_map_as_env: Annotated[
        list[ConfigMapAsEnv], Field(description="keys of ConfigMaps as environment variables")
    ] = []
    config_map_as_volume: Annotated[list[ConfigMapAsVolume], Field(description="ConfigMaps as files")] = []
    field_path_as_env: Annotated[
        list[FieldPathAsEnv], Field(description="fields of the pod as environment variables")
    ] = []
    pvc_mount: Annotated[list[PvcMount], Field(description="volume claims that exist already")] = []
    generic_ephemeral_volume: Annotated[
        list[GenericEphemeralVolume], Field(description="volumes that live as long as the pod")
    ] = []
    empty_dir_mounts: Annotated[
        list[EmptyDirMount], Field(description="empty folders that live as long as the pod")
    ] = []
    enabled_shared_memory: Annotated[EnabledSharedMemory | None, Field(description="shared memory, /dev/shm")] = None
    node_selector: Annotated[
        NodeSelector | None,
        Field(description="labels that a node must have, e.g. `{pool: a100}`", json_schema_extra=_selector_schema),
    ] = None
    tolerations: Annotated[list[Toleration], Field(description="taints of nodes that the pod stands")] = []
    node_affinity: Annotated[
        list[NodeAffinityTerm], Field(description="nodes: one of the required items, and all preferences")
    ] = []
    pod_affinity: Annotated[list[PodAffinityTerm], Field(description="pods to run next to, or not")] = []
    pod_metadata: Annotated[PodMetadata | None, Field(description="labels and annotations of the pod")] = None
    image_pull_secret: Annotated[
        list[ImagePullSecret], Field(description="Secrets with which the image is pulled")
    ] = []
    image_pull_policy: Annotated[
        Literal["Always", "Never", "IfNotPresent"] | None, Field(description="when the image is pulled")
    ] = None
    active_deadline_seconds: Annotated[
        StrictInt | None,
        Field(ge=1, le=_LONGEST_SECONDS, description="the longest that the pod may run; `timeout` if absent"),
    ] = None
    security_context: Annotated[SecurityContext | None, Field(description="as whom the program runs")] = None

    @model_validator(mode="after")
    def _each_once(self) -> KubernetesExtras:
        found = [*_repeated(self._variables(), "environment variable"), *_repeated(self._folders(), "folder")]
        if found:
            raise ValidationError.from_exception_data("kfp", found)
        return self

    def executor_config(self) -> Config:
        """The KubernetesExecutorConfig in protobuf's JSON form, as the functions of `kfp.kubernetes` write it.

        Lists that the file has empty stay: laid on another list they replace it. `merged_config` then leaves them out.
        """
        emptied = [
            name for name in type(self).model_fields if name in self.model_fields_set and getattr(self, name) == []
        ]
        return {**self.written(), **{to_camel(name): [] for name in emptied}}

    def _variables(self) -> Iterator[tuple[Loc, str]]:
        for block in ("secret_as_env", "config_map_as_env"):
            for index, source in enumerate(cast("list[SecretAsEnv | ConfigMapAsEnv]", getattr(self, block))):
                for number, key in enumerate(source.key_to_env):
                    yield (block, index, "key_to_env", number, "env_var"), key.env_var
        for index, field in enumerate(self.field_path_as_env):
            yield ("field_path_as_env", index, "name"), field.name

    def _folders(self) -> Iterator[tuple[Loc, str]]:
        volumes: dict[str, Sequence[Any]] = {
            "secret_as_volume": self.secret_as_volume,
            "config_map_as_volume": self.config_map_as_volume,
            "pvc_mount": self.pvc_mount,
            "generic_ephemeral_volume": self.generic_ephemeral_volume,
            "empty_dir_mounts": self.empty_dir_mounts,
        }
        for block, mounts in volumes.items():
            for index, mount in enumerate(mounts):
                yield (block, index, "mount_path"), mount.mount_path


def _repeated(named: Iterable[tuple[Loc, str]], what: str) -> Iterator[InitErrorDetails]:
    """A mistake for each name that stood before."""
    seen: set[str] = set()
    for loc, name in named:
        if name in seen:
            yield InitErrorDetails(type=_filled_twice(what, name), loc=loc, input=name)
        seen.add(name)


def _filled_twice(what: str, name: str) -> PydanticCustomError:
    return problem("HPC106", f"{what} `{name}` is filled twice.", "keep one.")
