"""The messages of kubernetes_executor_config.proto (kfp-kubernetes 2.16 and 2.17) as blocks of the language.

A field has the snake_case name of the proto. Where the proto takes a parameter, the file names a constant, and both
forms are written, the parameter and the deprecated twin, as the functions of `kfp.kubernetes` do for constants.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictInt, StrictStr, model_validator
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

from hpc.components.fields import Model, problem, without_nul
from hpc.components.kubernetes.config import Config, constant, is_unset
from hpc.components.kubernetes.forms import (
    AccessMode,
    DataKey,
    EnvName,
    FieldPath,
    LabelKey,
    LabelValue,
    Medium,
    MountPath,
    ObjectName,
    Quantity,
    StorageClass,
    SubPath,
    VolumeName,
)

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "secret_name": ("secretNameParameter", "secretName"),
    "config_map_name": ("configMapNameParameter", "configMapName"),
    "pvc_name": ("pvcNameParameter", "constant"),
    "node_affinity_json": ("nodeAffinityJson",),
}
"""Fields of the file that the proto takes as a parameter: its JSON name, then that of the deprecated twin."""

TEXT_NUMBERS = frozenset({"active_deadline_seconds", "toleration_seconds", "run_as_user", "run_as_group"})
"""Fields of type int64, which are texts in JSON."""

_LARGEST_ID = 2**31 - 1


class Message(Model):
    """A message of the proto. `written` is its JSON; what is empty is absent there."""

    def written(self) -> Config:
        found: Config = {}
        for name in type(self).model_fields:
            value = _json(getattr(self, name))
            if not is_unset(value):
                found.update(_entries(name, value))
        return found


def _json(value: Any) -> Any:
    if isinstance(value, Message):
        return value.written()
    if isinstance(value, list):
        return [_json(item) for item in cast("list[Any]", value)]
    return value


def _entries(name: str, value: Any) -> Config:
    if name in PARAMETERS:
        parameter, *twins = PARAMETERS[name]
        return {parameter: constant(value), **dict.fromkeys(twins, value)}
    return {to_camel(name): str(value) if name in TEXT_NUMBERS else value}


# ---------------------------------------------------------------- secrets and config maps


def _not_empty(items: list[Any]) -> list[Any]:
    if not items:
        raise problem("HPC104", "the list is empty.", "add an item, or remove the key.")
    return items


def _key_list(value: object, key: str) -> object:
    """Refuses the mapping that the functions of the SDK take here."""
    if isinstance(value, dict) and value:
        name, variable = next(iter(cast("dict[object, object]", value).items()))
        fix = f"write `[{{{key}: {name}, env_var: {variable}}}]`."
        raise problem("HPC103", "`key_to_env` must be a list, not a mapping.", fix)
    return cast("object", value)


class SecretKey(Message):
    """A key of a Secret and the variable that it fills."""

    secret_key: Annotated[DataKey, Field(description="a key of the Secret")]
    env_var: Annotated[EnvName, Field(description="the environment variable")]


class ConfigMapKey(Message):
    """A key of a ConfigMap and the variable that it fills."""

    config_map_key: Annotated[DataKey, Field(description="a key of the ConfigMap")]
    env_var: Annotated[EnvName, Field(description="the environment variable")]


Optional = Annotated[StrictBool, Field(description="true: the pod starts even if it does not exist")]
SecretName = Annotated[ObjectName, Field(description="name of the Secret")]
ConfigMapName = Annotated[ObjectName, Field(description="name of the ConfigMap")]
MountedAt = Annotated[MountPath, Field(description="folder in the container, e.g. /mnt/data")]
_AT_LEAST_ONE: JsonDict = {"minItems": 1}


class SecretAsEnv(Message):
    """Keys of a Secret as environment variables."""

    secret_name: SecretName
    key_to_env: Annotated[
        list[SecretKey],
        BeforeValidator(lambda value: _key_list(value, "secret_key")),
        AfterValidator(_not_empty),
        Field(description="which key fills which variable", json_schema_extra=_AT_LEAST_ONE),
    ]
    optional: Optional = False


class SecretAsVolume(Message):
    """The keys of a Secret as files."""

    secret_name: SecretName
    mount_path: MountedAt
    optional: Optional = False


class ConfigMapAsEnv(Message):
    """Keys of a ConfigMap as environment variables."""

    config_map_name: ConfigMapName
    key_to_env: Annotated[
        list[ConfigMapKey],
        BeforeValidator(lambda value: _key_list(value, "config_map_key")),
        AfterValidator(_not_empty),
        Field(description="which key fills which variable", json_schema_extra=_AT_LEAST_ONE),
    ]
    optional: Optional = False


class ConfigMapAsVolume(Message):
    """The keys of a ConfigMap as files."""

    config_map_name: ConfigMapName
    mount_path: MountedAt
    optional: Optional = False


class FieldPathAsEnv(Message):
    """A field of the pod as an environment variable."""

    name: Annotated[EnvName, Field(description="the environment variable")]
    field_path: Annotated[FieldPath, Field(description="a field of the pod, e.g. metadata.name")]


class ImagePullSecret(Message):
    """A Secret with which the image is pulled."""

    secret_name: SecretName


# ---------------------------------------------------------------- pods


Labels = Annotated[dict[LabelKey, LabelValue], Field(description="labels: a text for each key")]
Annotations = Annotated[
    dict[LabelKey, Annotated[StrictStr, AfterValidator(without_nul)]],
    Field(description="annotations: a text for each key"),
]


class PodMetadata(Message):
    """Labels and annotations of a pod, or of a volume claim."""

    labels: Labels = {}
    annotations: Annotations = {}


class SecurityContext(Message):
    """As whom the program runs."""

    run_as_user: Annotated[StrictInt | None, Field(ge=0, le=_LARGEST_ID, description="number of the user")] = None
    run_as_group: Annotated[StrictInt | None, Field(ge=0, le=_LARGEST_ID, description="number of the group")] = None
    run_as_non_root: Annotated[StrictBool | None, Field(description="true: refuse to run as root")] = None

    @model_validator(mode="after")
    def _says_something(self) -> SecurityContext:
        if not self.written():
            fix = "add `run_as_user`, `run_as_group` or `run_as_non_root`."
            raise problem("HPC104", "`security_context` does not say as whom to run.", fix)
        if self.run_as_user == 0 and self.run_as_non_root:
            fact = "user 0 is root, which `run_as_non_root: true` refuses: the container would not start."
            raise problem("HPC106", fact, "keep one of the two.")
        return self


# ---------------------------------------------------------------- volumes


class PvcMount(Message):
    """A volume claim that exists already."""

    pvc_name: Annotated[ObjectName, Field(description="name of the PersistentVolumeClaim")]
    mount_path: MountedAt
    sub_path: Annotated[SubPath, Field(description="folder of the volume; all of it if absent")] = ""


class GenericEphemeralVolume(Message):
    """A volume that lives as long as the pod."""

    volume_name: Annotated[VolumeName, Field(description="a name for it in the pod")]
    mount_path: MountedAt
    access_modes: Annotated[
        list[AccessMode],
        AfterValidator(_not_empty),
        Field(description="who may use it at the same time", json_schema_extra=_AT_LEAST_ONE),
    ]
    size: Annotated[Quantity, Field(description="e.g. 5Gi")]
    default_storage_class: Annotated[
        StrictBool | None, Field(description="take the cluster's default class; true if no class is named")
    ] = None
    storage_class_name: Annotated[StorageClass | None, Field(description="class of storage; empty text for none")] = (
        None
    )
    metadata: Annotated[PodMetadata | None, Field(description="labels and annotations of the claim")] = None

    @model_validator(mode="after")
    def _one_class(self) -> GenericEphemeralVolume:
        if self.default_storage_class and self.storage_class_name is not None:
            fact = "`storage_class_name` names a class and `default_storage_class: true` asks for the cluster's."
            raise problem("HPC106", fact, "keep one of the two.")
        return self

    def written(self) -> Config:
        """Without a class the cluster's default is asked for, as `add_ephemeral_volume` does."""
        asked = self.default_storage_class
        is_default = self.storage_class_name is None if asked is None else asked
        rest = {key: value for key, value in super().written().items() if key != "defaultStorageClass"}
        return {**rest, "defaultStorageClass": True} if is_default else rest


class EmptyDirMount(Message):
    """An empty folder that lives as long as the pod."""

    volume_name: Annotated[VolumeName, Field(description="a name for it in the pod")]
    mount_path: MountedAt
    medium: Annotated[Medium | None, Field(description="Memory or HugePages; the disk of the node if absent")] = None
    size_limit: Annotated[Quantity | None, Field(description="e.g. 1Gi")] = None


class EnabledSharedMemory(Message):
    """Shared memory of the container, /dev/shm."""

    volume_name: Annotated[VolumeName, Field(description="a name for it in the pod")]
    size: Annotated[Quantity, Field(description="e.g. 1Gi")]


# ---------------------------------------------------------------- where pods run


def _node_selector(value: object) -> object:
    """`{pool: a100}` written out as `{labels: {pool: a100}}`."""
    if isinstance(value, dict):
        entries = cast("dict[object, object]", value)
        return entries if isinstance(entries.get("labels"), dict) and len(entries) == 1 else {"labels": entries}
    return value


class NodeSelector(Message):
    """Labels that a node must have."""

    labels: Labels = {}

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return _node_selector(value)


class Toleration(Message):
    """A taint of nodes that the pod stands; without a key every taint."""

    key: Annotated[LabelKey | None, Field(description="key of the taint; every taint if absent")] = None
    operator: Annotated[
        Literal["Equal", "Exists"] | None, Field(description="Exists: whatever the value; Equal if absent")
    ] = None
    value: Annotated[LabelValue, Field(description="value of the taint, for Equal")] = ""
    effect: Annotated[
        Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None, Field(description="every effect if absent")
    ] = None
    toleration_seconds: Annotated[
        StrictInt | None, Field(description="how long a pod stays on a node that gets the taint; needs NoExecute")
    ] = None

    @model_validator(mode="after")
    def _is_consistent(self) -> Toleration:
        if self.key is None and self.operator != "Exists":
            fact = "a toleration without `key` is for every taint, and that is `operator: Exists`."
            raise problem("HPC104", fact, "add `key`, or write `operator: Exists`.")
        if self.operator == "Exists" and self.value:
            fact = "`operator: Exists` asks for no value, but `value` gives one."
            raise problem("HPC106", fact, "remove `value`, or write `operator: Equal`.")
        if self.toleration_seconds is not None and self.effect != "NoExecute":
            fact = "`toleration_seconds` is only for `effect: NoExecute`; Kubernetes refuses it elsewhere."
            raise problem("HPC106", fact, "write `effect: NoExecute`, or remove it.")
        return self


def _check_values(operator: str, values: list[str]) -> None:
    """How many values an operator takes: apimachinery's label selectors and core's node selectors."""
    if operator in ("In", "NotIn") and not values:
        raise problem("HPC104", f"`operator: {operator}` needs values.", "add `values: [...]`.")
    if operator in ("Exists", "DoesNotExist") and values:
        raise problem("HPC106", f"`operator: {operator}` takes no values.", "remove `values`.")
    is_number = len(values) == 1 and values[0].removeprefix("-").isdecimal()
    if operator in ("Gt", "Lt") and not is_number:
        fact = f"`operator: {operator}` compares with one whole number."
        raise problem("HPC103", fact, 'write e.g. `values: ["4"]`.')


class LabelRequirement(Message):
    """What the labels of a pod or namespace must say."""

    key: Annotated[LabelKey, Field(description="key of the label")]
    operator: Annotated[Literal["In", "NotIn", "Exists", "DoesNotExist"], Field(description="how it is compared")]
    values: Annotated[list[LabelValue], Field(description="values of the label, for In and NotIn")] = []

    @model_validator(mode="after")
    def _fit(self) -> LabelRequirement:
        _check_values(self.operator, self.values)
        return self


class NodeRequirement(Message):
    """What the labels or fields of a node must say."""

    key: Annotated[LabelKey, Field(description="key of the label, or name of the field")]
    operator: Annotated[
        Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"], Field(description="how it is compared")
    ]
    values: Annotated[
        list[Annotated[StrictStr, AfterValidator(without_nul)]],
        Field(description="texts; one number as text for Gt and Lt"),
    ] = []

    @model_validator(mode="after")
    def _fit(self) -> NodeRequirement:
        _check_values(self.operator, self.values)
        return self


NodeRequirements = Annotated[list[NodeRequirement], Field(description="all of them must hold")]
LabelRequirements = Annotated[list[LabelRequirement], Field(description="all of them must hold")]
Weight = Annotated[StrictInt, Field(ge=1, le=100, description="a preference of this weight, 1 to 100")]
PreferredWeight = Annotated[
    StrictInt | None, Field(ge=1, le=100, description="a preference of this weight, 1 to 100; required if absent")
]


class NodeSelectorTerm(Message):
    """A term of Kubernetes' own node affinity, in its own spelling."""

    match_expressions: Annotated[NodeRequirements, Field(alias="matchExpressions")] = []
    match_fields: Annotated[NodeRequirements, Field(alias="matchFields")] = []


class RequiredNodes(Message):
    """The terms of which a node must meet one."""

    node_selector_terms: Annotated[
        list[NodeSelectorTerm],
        AfterValidator(_not_empty),
        Field(alias="nodeSelectorTerms", description="one of them must hold", json_schema_extra=_AT_LEAST_ONE),
    ]


class PreferredNodes(Message):
    """A term that nodes should meet."""

    weight: Weight
    preference: Annotated[NodeSelectorTerm, Field(description="what is preferred")]


class NodeAffinity(Message):
    """Kubernetes' own node affinity, in its own spelling."""

    required_during_scheduling_ignored_during_execution: Annotated[
        RequiredNodes | None,
        Field(alias="requiredDuringSchedulingIgnoredDuringExecution", description="what a node must meet"),
    ] = None
    preferred_during_scheduling_ignored_during_execution: Annotated[
        list[PreferredNodes],
        Field(alias="preferredDuringSchedulingIgnoredDuringExecution", description="what is preferred"),
    ] = []


class NodeAffinityTerm(Message):
    """Nodes on which the pod must run, or with a weight should run."""

    match_expressions: Annotated[NodeRequirements, Field(description="on labels; all of them must hold")] = []
    match_fields: Annotated[NodeRequirements, Field(description="on fields, e.g. metadata.name")] = []
    weight: PreferredWeight = None
    node_affinity_json: Annotated[
        NodeAffinity | None, Field(description="Kubernetes' own `nodeAffinity` instead of the keys above")
    ] = None

    @model_validator(mode="after")
    def _says_which(self) -> NodeAffinityTerm:
        if self.node_affinity_json is not None and len(self.written()) > 1:
            fact = "`node_affinity_json` takes the place of the other keys of this item, which would have no effect."
            raise problem("HPC106", fact, "keep one of the two forms.")
        if not {"matchExpressions", "matchFields", "nodeAffinityJson"} & self.written().keys():
            fact = "this item does not say which nodes are meant."
            raise problem("HPC104", fact, "add `match_expressions` or `match_fields`.")
        return self


class PodAffinityTerm(Message):
    """Pods next to which this one must run, or with a weight should run; with `anti` not next to them."""

    match_pod_expressions: Annotated[LabelRequirements, Field(description="on labels of pods")] = []
    match_pod_labels: Annotated[Labels, Field(description="labels that the pods have")] = {}
    topology_key: Annotated[LabelKey, Field(description="label of nodes that are next to each other")]
    namespaces: Annotated[list[ObjectName], Field(description="namespaces of the pods; its own if absent")] = []
    match_namespace_expressions: Annotated[LabelRequirements, Field(description="on labels of namespaces")] = []
    match_namespace_labels: Annotated[Labels, Field(description="labels that the namespaces have")] = {}
    weight: PreferredWeight = None
    anti: Annotated[StrictBool | None, Field(description="true: not next to them")] = None
