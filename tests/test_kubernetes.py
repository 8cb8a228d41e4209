"""`kfp:` and `targets.kfp.pipeline` judged by the KFP SDK: its Kubernetes functions, its compiler, its messages.

Each case is one executor config twice, as a mapping of the language and as calls of `kfp.kubernetes`; the JSON is the
same. What no function writes is judged by the proto alone.
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import jsonschema
import pytest
import yaml
from google.protobuf import descriptor, json_format
from kfp import compiler, dsl
from kfp import kubernetes as sdk
from kfp.kubernetes import kubernetes_executor_config_pb2 as proto
from kfp.pipeline_spec import pipeline_spec_pb2
from pydantic import Field, TypeAdapter, ValidationError

from hpc.components import kubernetes
from hpc.components.fields import Model
from hpc.components.kubernetes import merged_config, with_deadline, with_secret_env
from hpc.components.kubernetes.extras import KubernetesExtras
from hpc.components.kubernetes.messages import PARAMETERS, TEXT_NUMBERS, Message
from hpc.components.kubernetes.run import PipelineConfig
from hpc.diagnostics import Rejected, Source
from hpc.spec import load as loading
from hpc.spec.document import read

Task = dsl.PipelineTask
Json = dict[str, Any]


@dsl.container_component
def work():
    return dsl.ContainerSpec(image="example.com/a:1", command=["true"])


def _platform(folder: Path, set_up: Callable[[Task], object], config: dsl.PipelineConfig | None = None) -> Json:
    """The Kubernetes part of the platform document that the SDK compiles."""

    @dsl.pipeline(name="p", pipeline_config=config)
    def pipeline():
        set_up(work())

    file = folder / "sdk.yaml"
    compiler.Compiler().compile(pipeline, str(file))
    [_, platform] = yaml.safe_load_all(file.read_text(encoding="utf-8"))
    return platform["platforms"]["kubernetes"]


def _sdk_config(folder: Path, set_up: Callable[[Task], object]) -> Json:
    return _platform(folder, set_up)["deploymentSpec"]["executors"]["exec-work"]


def _extras(text: str) -> KubernetesExtras:
    return KubernetesExtras.model_validate(yaml.safe_load(text))


def _config(text: str) -> Json:
    return merged_config([_extras(text).executor_config()])


def _strictly(config: Json) -> proto.KubernetesExecutorConfig:
    return json_format.ParseDict(config, proto.KubernetesExecutorConfig(), ignore_unknown_fields=False)


_AFFINITY = """
  requiredDuringSchedulingIgnoredDuringExecution:
    nodeSelectorTerms:
      - {matchExpressions: [{key: zone, operator: In, values: [a, b]}]}
      - {matchFields: [{key: metadata.name, operator: NotIn, values: [node-1]}]}
  preferredDuringSchedulingIgnoredDuringExecution:
    - {weight: 7, preference: {matchExpressions: [{key: disk, operator: Exists}]}}
"""


def _both_sources(task: Task) -> None:
    sdk.use_secret_as_env(task, "tokens", {"wandb": "WANDB_API_KEY", "hub.key": "HUB_KEY"}, optional=True)
    sdk.use_secret_as_env(task, "more", {"k": "K"})
    sdk.use_config_map_as_env(task, "settings", {"level": "LEVEL"})


def _everything(task: Task) -> None:
    sdk.add_node_selector(task, "pool", "a100")
    sdk.add_toleration(task, key="gpu", operator="Exists")
    sdk.mount_pvc(task, "data", "/data")
    sdk.set_image_pull_policy(task, "IfNotPresent")
    sdk.set_timeout(task, 60)
    sdk.add_pod_label(task, "team", "vision")


CASES: dict[str, tuple[str, Callable[[Task], object]]] = {
    "secret_as_env": (
        "secret_as_env: [{secret_name: s, key_to_env: [{secret_key: password, env_var: PASSWORD}]}]",
        lambda task: sdk.use_secret_as_env(task, "s", {"password": "PASSWORD"}),
    ),
    "secret_as_env, several": (
        """
        secret_as_env:
          - secret_name: tokens
            key_to_env: [{secret_key: wandb, env_var: WANDB_API_KEY}, {secret_key: hub.key, env_var: HUB_KEY}]
            optional: true
          - {secret_name: more, key_to_env: [{secret_key: k, env_var: K}]}
        config_map_as_env: [{config_map_name: settings, key_to_env: [{config_map_key: level, env_var: LEVEL}]}]
        """,
        _both_sources,
    ),
    "secret_as_volume": (
        "secret_as_volume: [{secret_name: s, mount_path: /etc/s}]",
        lambda task: sdk.use_secret_as_volume(task, "s", "/etc/s"),
    ),
    "secret_as_volume, optional": (
        "secret_as_volume: [{secret_name: s.example, mount_path: /etc/s, optional: true}]",
        lambda task: sdk.use_secret_as_volume(task, "s.example", "/etc/s", optional=True),
    ),
    "config_map_as_env": (
        "config_map_as_env: [{config_map_name: c, key_to_env: [{config_map_key: k, env_var: K}], optional: true}]",
        lambda task: sdk.use_config_map_as_env(task, "c", {"k": "K"}, optional=True),
    ),
    "config_map_as_volume": (
        "config_map_as_volume: [{config_map_name: c, mount_path: /etc/c}]",
        lambda task: sdk.use_config_map_as_volume(task, "c", "/etc/c"),
    ),
    "config_map_as_volume, optional": (
        "config_map_as_volume: [{config_map_name: c, mount_path: /etc/c, optional: true}]",
        lambda task: sdk.use_config_map_as_volume(task, "c", "/etc/c", optional=True),
    ),
    "field_path_as_env": (
        "field_path_as_env: [{name: POD, field_path: metadata.name}]",
        lambda task: sdk.use_field_path_as_env(task, "POD", "metadata.name"),
    ),
    "field_path_as_env, of a label": (
        "field_path_as_env: [{name: TEAM, field_path: \"metadata.labels['example.com/team']\"}]",
        lambda task: sdk.use_field_path_as_env(task, "TEAM", "metadata.labels['example.com/team']"),
    ),
    "pvc_mount": (
        "pvc_mount: [{pvc_name: data, mount_path: /data}]",
        lambda task: sdk.mount_pvc(task, "data", "/data"),
    ),
    "pvc_mount, sub_path": (
        "pvc_mount: [{pvc_name: data, mount_path: /data, sub_path: train/v1}]",
        lambda task: sdk.mount_pvc(task, "data", "/data", "train/v1"),
    ),
    "generic_ephemeral_volume": (
        "generic_ephemeral_volume: [{volume_name: v, mount_path: /v, access_modes: [ReadWriteOnce], size: 5Gi}]",
        lambda task: sdk.add_ephemeral_volume(task, "v", "/v", ["ReadWriteOnce"], "5Gi"),
    ),
    "generic_ephemeral_volume, default said": (
        "generic_ephemeral_volume: [{volume_name: v, mount_path: /v, access_modes: [ReadWriteOnce], size: 5Gi, "
        "default_storage_class: true}]",
        lambda task: sdk.add_ephemeral_volume(task, "v", "/v", ["ReadWriteOnce"], "5Gi"),
    ),
    "generic_ephemeral_volume, class and metadata": (
        """
        generic_ephemeral_volume:
          - volume_name: v
            mount_path: /v
            access_modes: [ReadWriteMany, ReadWriteOncePod]
            size: 1.5Ti
            storage_class_name: fast
            metadata: {labels: {team: vision}, annotations: {note: "any text: at all"}}
        """,
        lambda task: sdk.add_ephemeral_volume(
            task,
            "v",
            "/v",
            ["ReadWriteMany", "ReadWriteOncePod"],
            "1.5Ti",
            "fast",
            labels={"team": "vision"},
            annotations={"note": "any text: at all"},
        ),
    ),
    "generic_ephemeral_volume, no class": (
        "generic_ephemeral_volume: [{volume_name: v, mount_path: /v, access_modes: [ReadWriteOnce], size: 5Gi, "
        'storage_class_name: ""}]',
        lambda task: sdk.add_ephemeral_volume(task, "v", "/v", ["ReadWriteOnce"], "5Gi", ""),
    ),
    "generic_ephemeral_volume, default refused": (
        "generic_ephemeral_volume: [{volume_name: v, mount_path: /v, access_modes: [ReadWriteOnce], size: 5Gi, "
        "default_storage_class: false}]",
        lambda task: sdk.add_ephemeral_volume(task, "v", "/v", ["ReadWriteOnce"], "5Gi", ""),
    ),
    "empty_dir_mounts": (
        "empty_dir_mounts: [{volume_name: v, mount_path: /v}]",
        lambda task: sdk.empty_dir_mount(task, "v", "/v"),
    ),
    "empty_dir_mounts, in memory": (
        "empty_dir_mounts: [{volume_name: shm, mount_path: /dev/shm, medium: Memory, size_limit: 512Mi}]",
        lambda task: sdk.empty_dir_mount(task, "shm", "/dev/shm", "Memory", "512Mi"),
    ),
    "node_selector": (
        "node_selector: {pool: a100, cloud.example.com/spot: 'true'}",
        lambda task: sdk.add_node_selector(
            sdk.add_node_selector(task, "pool", "a100"), "cloud.example.com/spot", "true"
        ),
    ),
    "node_selector, in full": (
        "node_selector: {labels: {pool: a100}}",
        lambda task: sdk.add_node_selector(task, "pool", "a100"),
    ),
    "node_selector, a label called labels": (
        "node_selector: {labels: x}",
        lambda task: sdk.add_node_selector(task, "labels", "x"),
    ),
    "tolerations": (
        "tolerations: [{key: gpu, operator: Exists}]",
        lambda task: sdk.add_toleration(task, key="gpu", operator="Exists"),
    ),
    "tolerations, several": (
        """
        tolerations:
          - {key: gpu, operator: Equal, value: a100, effect: NoExecute, toleration_seconds: 0}
          - {key: gpu, value: "", effect: PreferNoSchedule}
          - {operator: Exists, effect: NoExecute, toleration_seconds: 3600}
        """,
        lambda task: sdk.add_toleration_json(
            task,
            [
                {
                    "key": "gpu",
                    "operator": "Equal",
                    "value": "a100",
                    "effect": "NoExecute",
                    "toleration_seconds": 0,
                },
                {"key": "gpu", "value": "", "effect": "PreferNoSchedule"},
                {"operator": "Exists", "effect": "NoExecute", "toleration_seconds": 3600},
            ],
        ),
    ),
    "node_affinity": (
        """
        node_affinity:
          - match_expressions: [{key: zone, operator: In, values: [a, b]}, {key: gpus, operator: Gt, values: ["3"]}]
        """,
        lambda task: sdk.add_node_affinity(
            task,
            [
                {"key": "zone", "operator": "In", "values": ["a", "b"]},
                {"key": "gpus", "operator": "Gt", "values": ["3"]},
            ],
        ),
    ),
    "node_affinity, preferred": (
        "node_affinity: [{match_fields: [{key: metadata.name, operator: DoesNotExist}], weight: 100}]",
        lambda task: sdk.add_node_affinity(
            task, None, [{"key": "metadata.name", "operator": "DoesNotExist"}], weight=100
        ),
    ),
    "node_affinity_json": (
        f"node_affinity:\n- node_affinity_json:\n{_AFFINITY.replace(chr(10), chr(10) + '  ')}",
        lambda task: sdk.add_node_affinity_json(task, yaml.safe_load(_AFFINITY)),
    ),
    "pod_metadata, labels": (
        "pod_metadata: {labels: {team: vision, example.com/empty: ''}}",
        lambda task: sdk.add_pod_label(sdk.add_pod_label(task, "team", "vision"), "example.com/empty", ""),
    ),
    "pod_metadata, annotations": (
        "pod_metadata: {annotations: {note: 'any text, äöü'}}",
        lambda task: sdk.add_pod_annotation(task, "note", "any text, äöü"),
    ),
    "image_pull_secret": (
        "image_pull_secret: [{secret_name: a}, {secret_name: b}]",
        lambda task: sdk.set_image_pull_secrets(task, ["a", "b"]),
    ),
    "image_pull_policy": (
        "image_pull_policy: Always",
        lambda task: sdk.set_image_pull_policy(task, "Always"),
    ),
    "active_deadline_seconds": (
        "active_deadline_seconds: 3600",
        lambda task: sdk.set_timeout(task, 3600),
    ),
    "security_context": (
        "security_context: {run_as_user: 0, run_as_group: 1000, run_as_non_root: false}",
        lambda task: sdk.set_security_context(task, 0, 1000, False),
    ),
    "security_context, in part": (
        "security_context: {run_as_non_root: true}",
        lambda task: sdk.set_security_context(task, run_as_non_root=True),
    ),
    "together": (
        """
        node_selector: {pool: a100}
        tolerations: [{key: gpu, operator: Exists}]
        pvc_mount: [{pvc_name: data, mount_path: /data}]
        image_pull_policy: IfNotPresent
        active_deadline_seconds: 60
        pod_metadata: {labels: {team: vision}}
        security_context: null
        config_map_as_env: []
        """,
        _everything,
    ),
}

OUT_OF_REACH: dict[str, tuple[str, Json]] = {
    "pod_affinity": (
        """
        pod_affinity:
          - {match_pod_labels: {app: cache}, topology_key: kubernetes.io/hostname}
          - match_pod_expressions: [{key: app, operator: In, values: [train, eval]}]
            match_namespace_expressions: [{key: team, operator: Exists}]
            match_namespace_labels: {stage: prod}
            namespaces: [a, b]
            topology_key: zone
            weight: 5
            anti: true
          - {topology_key: zone, anti: false}
        """,
        {
            "podAffinity": [
                {"matchPodLabels": {"app": "cache"}, "topologyKey": "kubernetes.io/hostname"},
                {
                    "matchPodExpressions": [{"key": "app", "operator": "In", "values": ["train", "eval"]}],
                    "matchNamespaceExpressions": [{"key": "team", "operator": "Exists"}],
                    "matchNamespaceLabels": {"stage": "prod"},
                    "namespaces": ["a", "b"],
                    "topologyKey": "zone",
                    "weight": 5,
                    "anti": True,
                },
                {"topologyKey": "zone", "anti": False},
            ]
        },
    ),
    "enabled_shared_memory": (
        "enabled_shared_memory: {volume_name: shm, size: 2Gi}",
        {"enabledSharedMemory": {"volumeName": "shm", "size": "2Gi"}},
    ),
}
"""Fields that no function of the SDK writes (kfp-kubernetes 2.17)."""


@pytest.mark.parametrize("name", CASES)
def test_the_config_is_that_of_the_sdk(name: str, tmp_path: Path) -> None:
    text, set_up = CASES[name]
    assert _config(text) == _sdk_config(tmp_path, set_up)


@pytest.mark.parametrize("name", OUT_OF_REACH)
def test_what_no_function_writes(name: str) -> None:
    text, expected = OUT_OF_REACH[name]
    assert _config(text) == expected


@pytest.mark.parametrize("text", [case[0] for case in (*CASES.values(), *OUT_OF_REACH.values())])
def test_the_config_is_canonical_json_of_the_proto(text: str) -> None:
    config = _config(text)
    assert json_format.MessageToDict(_strictly(config)) == config


def test_every_function_of_the_sdk_has_a_case() -> None:
    functions = {name for name in sdk.__all__ if name[0].islower()}
    called = {name for _, set_up in CASES.values() for name in set_up.__code__.co_names}
    assert functions - called == {"add_node_selector_json"}


def test_a_constant_selector_as_json_is_said_by_labels(tmp_path: Path) -> None:
    pairs = {"pool": "a100", "zone": "b"}
    [selector] = _sdk_config(tmp_path, lambda task: sdk.add_node_selector_json(task, pairs)).values()
    constant = selector["nodeSelectorJson"]["runtimeValue"]["constant"]
    ours = KubernetesExtras.model_validate({"node_selector": pairs}).executor_config()
    assert ours == {"nodeSelector": {"labels": constant}}


# ---------------------------------------------------------------- every field of the proto

RUN_TIME = "names known at run time are not in version 1"
NOT_COVERED = {
    ("PvcMount", "task_output_parameter"): RUN_TIME,
    ("PvcMount", "component_input_parameter"): RUN_TIME,
    ("NodeSelector", "node_selector_json"): "a constant one is what `labels` say, and would silently win over them",
    ("Toleration", "toleration_json"): "a constant one is what the other fields say; the SDK writes those",
}
NOT_PART_OF_A_CONFIG = {"CreatePvc", "DeletePvc", "TypedLocalObjectReference"}
"""Messages of components, not of configs: a claim is made by a component of its own."""

_PARAMETER = "InputParameterSpec"


def _is_message(field: descriptor.FieldDescriptor) -> bool:
    kind = field.message_type
    return kind is not None and kind.file is proto.DESCRIPTOR and not kind.GetOptions().map_entry


def _pairs(
    message: descriptor.Descriptor, model: type[Message]
) -> Iterator[tuple[descriptor.Descriptor, type[Message]]]:
    """Each message of the proto with the model that writes it."""
    yield message, model
    for field in filter(_is_message, message.fields):
        if (message.name, field.name) not in NOT_COVERED:
            yield from _pairs(field.message_type, _model(model.model_fields[field.name].annotation))


def _model(annotation: Any) -> type[Message]:
    if isinstance(annotation, type) and issubclass(annotation, Message):
        return annotation
    [found] = [_model(argument) for argument in get_args(annotation) if argument is not type(None)]
    return found


PAIRS = {
    message.full_name: (message, model)
    for message, model in _pairs(proto.KubernetesExecutorConfig.DESCRIPTOR, KubernetesExtras)
}


@pytest.mark.parametrize("name", PAIRS)
def test_every_field_of_the_proto_is_covered(name: str) -> None:
    message, model = PAIRS[name]
    expected: set[str] = set()
    twins = {twin for names in PARAMETERS.values() for twin in names}
    for field in message.fields:
        if (message.name, field.name) not in NOT_COVERED:
            expected.add(field.json_name)
        is_parameter = field.message_type is not None and field.message_type.name == _PARAMETER
        is_covered = (message.name, field.name) not in NOT_COVERED
        assert not is_parameter or not is_covered or field.json_name in twins, field.name
        if field.type == field.TYPE_INT64:
            assert field.name in TEXT_NUMBERS, field.name
        elif field.name in model.model_fields:
            assert field.name not in TEXT_NUMBERS, field.name
    json_names = {field.name: field.json_name for field in message.fields}
    written = {
        json_name
        for field in model.model_fields
        for json_name in PARAMETERS.get(field, (json_names.get(field, f"no field {field}"),))
    }
    assert written == expected


def test_every_message_of_the_proto_is_covered() -> None:
    covered = {message.name for message, _ in PAIRS.values() if message.containing_type is None}
    assert set(proto.DESCRIPTOR.message_types_by_name) - covered == NOT_PART_OF_A_CONFIG
    known = {(message.name, field.name) for message, _ in PAIRS.values() for field in message.fields}
    assert NOT_COVERED.keys() <= known


# ---------------------------------------------------------------- settings of the run

RUNS: dict[str, tuple[str, dsl.PipelineConfig]] = {
    "workspace": ("workspace: {size: 5Gi}", dsl.PipelineConfig(workspace=dsl.WorkspaceConfig("5Gi"))),
    "workspace, patched": (
        "workspace: {size: 250Gi, kubernetes: {pvc_spec_patch: {storageClassName: fast, accessModes: [a], n: 3}}}",
        dsl.PipelineConfig(
            workspace=dsl.WorkspaceConfig(
                "250Gi",
                dsl.KubernetesWorkspaceConfig({"storageClassName": "fast", "accessModes": ["a"], "n": 3}),
            )
        ),
    ),
    "ttl": ("ttl: 1d", dsl.PipelineConfig(ttl_seconds_after_finished=86400)),
    "ttl by result": (
        "{ttl_on_success: 1h, ttl_on_failure: 7d}",
        dsl.PipelineConfig(ttl_seconds_after_success=3600, ttl_seconds_after_failure=604800),
    ),
    "timeout": ("timeout: 90s", dsl.PipelineConfig(active_deadline_seconds=90)),
    "together": (
        "{workspace: {size: 500M}, ttl: 1m, timeout: 2h}",
        dsl.PipelineConfig(
            workspace=dsl.WorkspaceConfig("500M"), ttl_seconds_after_finished=60, active_deadline_seconds=7200
        ),
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_the_pipeline_config_is_that_of_the_sdk(name: str, tmp_path: Path) -> None:
    text, config = RUNS[name]
    ours = PipelineConfig.model_validate(yaml.safe_load(text)).pipeline_config()
    assert ours == _platform(tmp_path, lambda task: task, config)["pipelineConfig"]
    message = json_format.ParseDict(ours, pipeline_spec_pb2.PipelineConfig(), ignore_unknown_fields=False)
    assert json_format.MessageToDict(message) == ours


def test_a_pipeline_config_that_says_nothing_is_empty() -> None:
    assert PipelineConfig().pipeline_config() == {}


def test_every_field_of_the_pipeline_config_is_covered() -> None:
    whole = "{workspace: {size: 1Gi, kubernetes: {}}, ttl: 1s, ttl_on_success: 1s, ttl_on_failure: 1s, timeout: 1s}"
    ours = PipelineConfig.model_validate(yaml.safe_load(whole)).pipeline_config()
    fields = pipeline_spec_pb2.PipelineConfig.DESCRIPTOR.fields
    assert ours.keys() == {field.json_name for field in fields}
    assert ours["workspace"].keys() == {
        field.json_name for field in pipeline_spec_pb2.WorkspaceConfig.DESCRIPTOR.fields
    }


# ---------------------------------------------------------------- several on each other


def _merged(*texts: str) -> Json:
    return merged_config([_extras(text).executor_config() for text in texts])


def test_mappings_merge_lists_and_scalars_replace() -> None:
    accelerator = """
        node_selector: {pool: a100, zone: a}
        tolerations: [{key: gpu, operator: Exists}, {key: spot, operator: Exists}]
        pod_metadata: {labels: {team: vision}, annotations: {note: x}}
        image_pull_policy: Always
        security_context: {run_as_user: 7, run_as_non_root: true}
    """
    component = """
        node_selector: {labels: {zone: b}}
        tolerations: [{key: other, operator: Exists}]
        pod_metadata: {labels: {stage: dev}}
    """
    step = "{image_pull_policy: Never, security_context: {run_as_user: 8}}"
    assert _merged(accelerator, component, "{}", step) == {
        "nodeSelector": {"labels": {"pool": "a100", "zone": "b"}},
        "tolerations": [{"key": "other", "operator": "Exists"}],
        "podMetadata": {"labels": {"team": "vision", "stage": "dev"}, "annotations": {"note": "x"}},
        "imagePullPolicy": "Never",
        "securityContext": {"runAsUser": "8", "runAsNonRoot": True},
    }


def test_an_empty_list_replaces_and_an_absent_one_does_not() -> None:
    tolerant = "{tolerations: [{operator: Exists}], image_pull_policy: Always}"
    assert _merged(tolerant, "tolerations: []") == {"imagePullPolicy": "Always"}
    assert _merged(tolerant, "{}") == _merged(tolerant)
    assert _merged() == _merged("{}") == _merged("{}", "{node_selector: {}, pod_metadata: {labels: {}}}") == {}


def test_an_empty_list_is_kept_until_configs_are_merged() -> None:
    config = _extras("{tolerations: [], pvc_mount: [], image_pull_policy: Never}").executor_config()
    assert config == {"imagePullPolicy": "Never", "tolerations": [], "pvcMount": []}
    assert _strictly(config) == _strictly({"imagePullPolicy": "Never"})


def test_merging_changes_and_shares_nothing() -> None:
    below = {"podMetadata": {"labels": {"a": "b"}}, "tolerations": [{"key": "k"}]}
    above = {"podMetadata": {"labels": {"c": "d"}}}
    before = copy.deepcopy((below, above))
    merged = merged_config([below, above])
    merged["podMetadata"]["labels"]["e"] = "f"
    merged["tolerations"][0]["key"] = "other"
    assert (below, above) == before


def test_secrets_of_the_file_are_appended_as_the_sdk_does(tmp_path: Path) -> None:
    config = _extras(CASES["secret_as_env"][0]).executor_config()
    before = copy.deepcopy(config)
    added = with_secret_env(config, [("wandb", "key", "KEY"), ("hub", "k", "HUB"), ("wandb", "user", "USER")])

    def with_sdk(task: Task) -> None:
        sdk.use_secret_as_env(task, "s", {"password": "PASSWORD"})
        sdk.use_secret_as_env(task, "wandb", {"key": "KEY", "user": "USER"})
        sdk.use_secret_as_env(task, "hub", {"k": "HUB"})

    assert added == _sdk_config(tmp_path, with_sdk)
    assert config == before
    assert with_secret_env({}, []) == {}
    assert with_secret_env(config, []) == config


def test_a_timeout_is_the_deadline_unless_there_is_one(tmp_path: Path) -> None:
    assert with_deadline({}, 21600) == _sdk_config(tmp_path, lambda task: sdk.set_timeout(task, 21600))
    own = _extras("active_deadline_seconds: 60").executor_config()
    assert with_deadline(own, 21600) == {"activeDeadlineSeconds": "60"}


# ---------------------------------------------------------------- mistakes


class _File(Model):
    """A file that holds nothing else: the models as `load` meets them."""

    kfp: Annotated[KubernetesExtras | None, Field(description="…")] = None
    pipeline: Annotated[PipelineConfig | None, Field(description="…")] = None


def _found(text: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every diagnostic: the text that it points at, the code, fact and fix."""
    monkeypatch.setattr(loading, "Pipeline", _Late)
    try:
        loading.load(read(Source("pipeline.yaml", text)), cast("Any", _Late))
    except Rejected as rejected:
        return [
            f"{each.span.source.text[each.span.start : each.span.end]} | {each.rule.code} {each.fact} | {each.fix}"
            for each in rejected.diagnostics
        ]
    return []


_SIZE = "(Ki, Mi, Gi, Ti or k, M, G, T)."
_KEY_TO_ENV = "key_to_env: [{secret_key: k, env_var: E}]"

MISTAKES = {
    "kfp: {tolerations: [], node_selectr: {pool: a}}": [
        "node_selectr | HPC102 unknown key `node_selectr` in `kfp`. | did you mean `node_selector`?"
    ],
    "kfp: {nodeSelector: {pool: a}}": [
        "nodeSelector | HPC102 unknown key `nodeSelector` in `kfp`. | did you mean `node_selector`?"
    ],
    "kfp: []": ["[] | HPC103 `kfp` must be a mapping, not a list. | write a mapping."],
    "kfp: {tolerations: {key: a}}": ["{key: a} | HPC103 `tolerations` must be a list, not a mapping. | write a list."],
    "kfp: {tolerations: [gpu]}": [
        "gpu | HPC103 item 1 of `tolerations` of `kfp` must be a mapping, not a string. | write a mapping."
    ],
    "kfp: {secret_as_env: [{secret_name: s}]}": [
        "{secret_name: s} | HPC104 `key_to_env` is missing in item 1 of `secret_as_env` of `kfp`. | add `key_to_env:`."
    ],
    "kfp: {secret_as_env: [{secret_name: s, key_to_env: []}]}": [
        "[] | HPC104 the list is empty. | add an item, or remove the key."
    ],
    "kfp: {secret_as_env: [{secret_name: s, key_to_env: {k: E}}]}": [
        "{k: E} | HPC103 `key_to_env` must be a list, not a mapping. | write `[{secret_key: k, env_var: E}]`."
    ],
    "kfp: {config_map_as_env: [{config_map_name: s, key_to_env: {k: E}}]}": [
        "{k: E} | HPC103 `key_to_env` must be a list, not a mapping. | write `[{config_map_key: k, env_var: E}]`."
    ],
    f"kfp: {{secret_as_env: [{{secretName: s, {_KEY_TO_ENV}}}]}}": [
        "secretName | HPC102 unknown key `secretName` in item 1 of `secret_as_env` of `kfp`. | "
        "did you mean `secret_name`?"
    ],
    f"kfp: {{secret_as_env: [{{secret_name_parameter: s, {_KEY_TO_ENV}}}]}}": [
        "secret_name_parameter | HPC102 unknown key `secret_name_parameter` in item 1 of `secret_as_env` of `kfp`. | "
        "did you mean `secret_name`?"
    ],
    f"kfp: {{secret_as_env: [{{secret_name: My_Secret, {_KEY_TO_ENV}}}]}}": [
        "My_Secret | HPC103 `My_Secret` is not the name of a Kubernetes object. | "
        "use a-z, 0-9, `-` and `.`, a letter or digit at both ends."
    ],
    f"kfp: {{secret_as_env: [{{secret_name: s, {_KEY_TO_ENV}, optional: 'yes'}}]}}": [
        "'yes' | HPC103 `optional` must be true or false, not a string. | write `true` or `false`."
    ],
    f"kfp: {{secret_as_env: [{{secret_name: {'a' * 300}, {_KEY_TO_ENV}}}]}}": [
        f"{'a' * 300} | HPC103 `{'a' * 20}…` is 300 characters long; "
        "the name of a Kubernetes object has at most 253. | shorten it."
    ],
    "kfp: {secret_as_env: [{secret_name: s, key_to_env: [{secret_key: a/b, env_var: 1E}]}]}": [
        "a/b | HPC103 `a/b` is not a key of a Secret or ConfigMap. | use letters, digits, `-`, `_` and `.`.",
        "1E | HPC103 `1E` is not the name of an environment variable. | use letters, digits and `_`, a letter first.",
    ],
    "kfp: {secret_as_env: [{secret_name: s, key_to_env: [{secret_key: a, env_var: E}, "
    "{secret_key: b, env_var: E}]}]}": ["E | HPC106 environment variable `E` is filled twice. | keep one."],
    f"kfp: {{secret_as_env: [{{secret_name: s, {_KEY_TO_ENV}}}], "
    "field_path_as_env: [{name: E, field_path: metadata.uid}]}": [
        "E | HPC106 environment variable `E` is filled twice. | keep one."
    ],
    "kfp: {field_path_as_env: [{name: E, field_path: metadata.labels}]}": [
        "metadata.labels | HPC103 `metadata.labels` is not a field of a pod that a variable can take. | "
        "write e.g. `metadata.name`, `metadata.labels['team']`, `spec.nodeName` or `status.podIP`."
    ],
    "kfp: {pvc_mount: [{constant: c, mount_path: /c}]}": [
        "{constant: c, mount_path: /c} | HPC104 `pvc_name` is missing in item 1 of `pvc_mount` of `kfp`. | "
        "add `pvc_name:`.",
        "constant | HPC102 unknown key `constant` in item 1 of `pvc_mount` of `kfp`. | "
        "use one of: mount_path, pvc_name, sub_path.",
    ],
    "kfp: {pvc_mount: [{pvc_name: c, mount_path: data}, {pvc_name: d, mount_path: /d, sub_path: ../x}]}": [
        "data | HPC103 `data` is not a path to mount at. | write an absolute path without `:`, e.g. `/mnt/data`.",
        "../x | HPC103 `../x` is not a path inside a volume. | write a relative path without `..`.",
    ],
    "kfp: {pvc_mount: [{pvc_name: c, mount_path: /d}], empty_dir_mounts: [{volume_name: v, mount_path: /d}]}": [
        "/d | HPC106 folder `/d` is filled twice. | keep one."
    ],
    "kfp: {empty_dir_mounts: [{volume_name: a.b, mount_path: /v, medium: memory, size_limit: 5GB}]}": [
        "a.b | HPC103 `a.b` is not the name of a volume. | use a-z, 0-9 and `-`, a letter or digit at both ends.",
        "memory | HPC103 `memory` is not a medium. | "
        "write `Memory`, `HugePages` or `HugePages-2Mi`, or leave it out for the disk of the node.",
        f"5GB | HPC107 `5GB` is not a size of Kubernetes. | "
        f"write a number and a unit without a space, e.g. `5G` {_SIZE}",
    ],
    "kfp: {enabled_shared_memory: {volume_name: shm, size: 2 kib}}": [
        "2 kib | HPC107 `2 kib` is not a size of Kubernetes. | "
        f"write a number and a unit without a space, e.g. `2Ki` {_SIZE}"
    ],
    "kfp: {enabled_shared_memory: {volume_name: shm, size: 64}}": [
        "64 | HPC107 `64` is not a size of Kubernetes. | "
        f"write a number and a unit without a space, e.g. `64Gi` {_SIZE}"
    ],
    "kfp: {generic_ephemeral_volume: [{volume_name: v, mount_path: /v, access_modes: [RWO], size: 0Gi}]}": [
        "RWO | HPC103 `RWO` is not a way to use a volume. | "
        "use one of: ReadOnlyMany, ReadWriteMany, ReadWriteOnce, ReadWriteOncePod.",
        f"0Gi | HPC107 `0Gi` is not a size of Kubernetes. | "
        f"write a number and a unit without a space, e.g. `5Gi` {_SIZE}",
    ],
    "kfp: {generic_ephemeral_volume: [{volume_name: v, mount_path: /v, access_modes: [ReadWriteOnce], size: 1Gi, "
    "default_storage_class: true, storage_class_name: fast}]}": [
        "{volume_name: v, mount_path: /v, access_modes: [ReadWriteOnce], size: 1Gi, default_storage_class: true, "
        "storage_class_name: fast} | HPC106 `storage_class_name` names a class and `default_storage_class: true` asks "
        "for the cluster's. | keep one of the two."
    ],
    "kfp: {node_selector: {pool: 3}}": ['3 | HPC103 `pool` must be text, not an int. | quote it: "3".'],
    "kfp: {node_selector: {labels: {spot: true}}}": [
        'true | HPC103 `spot` must be text, not a bool. | quote it: "true".'
    ],
    "kfp: {node_selector: {a b: c}}": [
        "a b | HPC103 `a b` is not a key of a label. | write e.g. `team` or `example.com/team`: letters, digits, `-`, "
        "`_` and `.`, at most 63 after the `/`."
    ],
    "kfp: {node_selector: a100}": ["a100 | HPC103 `node_selector` must be a mapping, not a string. | write a mapping."],
    "kfp: {node_selector: {zone: b, labels: {pool: a}}}": [
        "{pool: a} | HPC103 `labels` must be text, not a mapping. | write text."
    ],
    "kfp: {pod_metadata: {labels: {team: computer vision}}}": [
        "computer vision | HPC103 `computer vision` is not a value of a label. | "
        "use letters, digits, `-`, `_` and `.`, a letter or digit at both ends."
    ],
    "kfp: {tolerations: [{key: a, operator: Exist}]}": [
        "Exist | HPC103 `Exist` is not a value of `operator`. | did you mean `Exists`?"
    ],
    "kfp: {tolerations: [{value: a}]}": [
        "{value: a} | HPC104 a toleration without `key` is for every taint, and that is `operator: Exists`. | "
        "add `key`, or write `operator: Exists`."
    ],
    "kfp: {tolerations: [{key: a, operator: Exists, value: b}]}": [
        "{key: a, operator: Exists, value: b} | HPC106 `operator: Exists` asks for no value, but `value` gives one. | "
        "remove `value`, or write `operator: Equal`."
    ],
    "kfp: {tolerations: [{key: a, toleration_seconds: 5}]}": [
        "{key: a, toleration_seconds: 5} | HPC106 `toleration_seconds` is only for `effect: NoExecute`; Kubernetes "
        "refuses it elsewhere. | write `effect: NoExecute`, or remove it."
    ],
    "kfp: {node_affinity: [{weight: 5}]}": [
        "{weight: 5} | HPC104 this item does not say which nodes are meant. | "
        "add `match_expressions` or `match_fields`."
    ],
    "kfp: {node_affinity: [{weight: 101, match_fields: [{key: metadata.name, operator: Exists}]}]}": [
        "101 | HPC103 `weight` is 101, but must be at most 100. | change it."
    ],
    "kfp: {node_affinity: [{match_expressions: [{key: a, operator: In}, {key: a, operator: Exists, values: [b]}, "
    "{key: a, operator: Gt, values: [b]}]}]}": [
        "{key: a, operator: In} | HPC104 `operator: In` needs values. | add `values: [...]`.",
        "{key: a, operator: Exists, values: [b]} | HPC106 `operator: Exists` takes no values. | remove `values`.",
        "{key: a, operator: Gt, values: [b]} | HPC103 `operator: Gt` compares with one whole number. | "
        'write e.g. `values: ["4"]`.',
    ],
    "kfp: {node_affinity: [{node_affinity_json: {requiredDuringScheduling: {}}}]}": [
        "requiredDuringScheduling | HPC102 unknown key `requiredDuringScheduling` in `node_affinity_json` of item 1 of "
        "`node_affinity` of `kfp`. | did you mean `requiredDuringSchedulingIgnoredDuringExecution`?"
    ],
    "kfp: {node_affinity: [{weight: 5, node_affinity_json: {preferredDuringSchedulingIgnoredDuringExecution: "
    "[{weight: 1, preference: {matchFields: [{key: metadata.name, operator: Exists}]}}]}}]}": [
        "{weight: 5, node_affinity_json: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: "
        "{matchFields: [{key: metadata.name, operator: Exists}]}}]}} | HPC106 `node_affinity_json` takes the place of "
        "the other keys of this item, which would have no effect. | keep one of the two forms."
    ],
    "kfp: {pod_affinity: [{match_pod_labels: {app: a}}]}": [
        "{match_pod_labels: {app: a}} | HPC104 `topology_key` is missing in item 1 of `pod_affinity` of `kfp`. | "
        "add `topology_key:`."
    ],
    "kfp: {pod_affinity: [{topology_key: z, match_pod_expressions: [{key: a, operator: Gt, values: ['1']}]}]}": [
        "Gt | HPC103 `Gt` is not a value of `operator`. | use one of: DoesNotExist, Exists, In, NotIn."
    ],
    "kfp: {image_pull_policy: always}": [
        "always | HPC103 `always` is not a value of `image_pull_policy`. | did you mean `Always`?"
    ],
    "kfp: {image_pull_secret: [regcred]}": [
        "regcred | HPC103 item 1 of `image_pull_secret` of `kfp` must be a mapping, not a string. | write a mapping."
    ],
    "kfp: {active_deadline_seconds: 1h}": [
        "1h | HPC103 `active_deadline_seconds` must be a whole number, not a string. | write a whole number."
    ],
    "kfp: {active_deadline_seconds: 0}": [
        "0 | HPC103 `active_deadline_seconds` is 0, but must be at least 1. | change it."
    ],
    "kfp: {security_context: {}}": [
        "{} | HPC104 `security_context` does not say as whom to run. | "
        "add `run_as_user`, `run_as_group` or `run_as_non_root`."
    ],
    "kfp: {security_context: {run_as_user: -1, run_as_root: true}}": [
        "-1 | HPC103 `run_as_user` is -1, but must be at least 0. | change it.",
        "run_as_root | HPC102 unknown key `run_as_root` in `security_context` of `kfp`. | "
        "did you mean `run_as_non_root`?",
    ],
    "kfp: {security_context: {run_as_user: 0, run_as_non_root: true}}": [
        "{run_as_user: 0, run_as_non_root: true} | HPC106 user 0 is root, which `run_as_non_root: true` refuses: the "
        "container would not start. | keep one of the two."
    ],
    "pipeline: {workspace: {}}": ["workspace | HPC104 `size` is missing in `workspace` of `pipeline`. | add `size:`."],
    "pipeline: {workspace: {size: 5GiB, kubernetes: {pvcSpecPatch: {}}}}": [
        f"5GiB | HPC107 `5GiB` is not a size of Kubernetes. | "
        f"write a number and a unit without a space, e.g. `5Gi` {_SIZE}",
        "pvcSpecPatch | HPC102 unknown key `pvcSpecPatch` in `kubernetes` of `workspace` of `pipeline`. | "
        "did you mean `pvc_spec_patch`?",
    ],
    "pipeline: {ttl: 3600}": [
        "3600 | HPC107 `3600` is not a duration. | "
        "write a number and a unit without a space, e.g. `3600h` (s, m, h, d)."
    ],
}


@pytest.mark.parametrize("text", MISTAKES, ids=[text[:60] for text in MISTAKES])
def test_mistakes_are_named_at_their_place(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _found(text, monkeypatch) == MISTAKES[text]


@pytest.mark.parametrize("text", [case[0] for case in (*CASES.values(), *OUT_OF_REACH.values())])
def test_what_is_right_is_no_mistake(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _found(f"kfp: {json.dumps(yaml.safe_load(text))}", monkeypatch) == []


@pytest.mark.parametrize("size", ["1", "5Gi", "0.5Gi", "100M", "1k", "1.25Ti", "007G"])
def test_sizes_of_kubernetes(size: str) -> None:
    text = f"enabled_shared_memory: {{volume_name: v, size: '{size}'}}"
    assert _extras(text).executor_config()["enabledSharedMemory"]["size"] == size


@pytest.mark.parametrize(
    "size", ["", "0", "0.0Gi", "-1Gi", "5 Gi", "5gi", "5K", "5m", "1e3", ".5Gi", "5.Gi", "٥Gi", "5Gi\n"]
)
def test_no_sizes_of_kubernetes(size: str) -> None:
    with pytest.raises(ValidationError) as raised:
        KubernetesExtras.model_validate({"enabled_shared_memory": {"volume_name": "v", "size": size}})
    assert [(each["type"], each["loc"]) for each in raised.value.errors()] == [
        ("HPC107", ("enabled_shared_memory", "size"))
    ]


# ---------------------------------------------------------------- as a type of a field


class _Late(Model):
    """The block as the models of the language hold it."""

    kfp: Annotated[kubernetes.KubernetesExtras | None, Field(description="…")] = None
    pipeline: Annotated[kubernetes.PipelineConfig | None, Field(description="…")] = None


def _errors(model: type[Model], text: str) -> list[Any]:
    with pytest.raises(ValidationError) as raised:
        model.model_validate(yaml.safe_load(text))
    return [(each["type"], each["loc"], each.get("ctx"), each["input"]) for each in raised.value.errors()]


@pytest.mark.parametrize("text", MISTAKES, ids=[text[:60] for text in MISTAKES])
def test_the_late_type_finds_the_same(text: str) -> None:
    assert _errors(_Late, text) == _errors(_File, text)


def test_the_late_type_makes_the_models() -> None:
    late = _Late.model_validate({"kfp": {"node_selector": {"pool": "a"}}, "pipeline": {"ttl": "1s"}})
    assert late.kfp == KubernetesExtras.model_validate({"node_selector": {"pool": "a"}})
    assert late.pipeline == PipelineConfig(ttl="1s")
    assert _Late.model_validate({"kfp": late.kfp}).kfp is late.kfp
    assert _Late.model_validate({}).kfp is None


def test_the_late_type_has_the_schema_of_the_models() -> None:
    late, early = (TypeAdapter[Any](model).json_schema() for model in (_Late, _File))
    assert late["$defs"] == early["$defs"]
    untitled = {name: {**place, "title": ""} for name, place in late["properties"].items()}
    assert untitled == {name: {**place, "title": ""} for name, place in early["properties"].items()}
    assert late["$defs"].keys() >= {"KubernetesExtras", "Toleration", "SecretKey", "PipelineConfig", "Workspace"}


def test_the_models_are_imported_when_they_are_needed() -> None:
    program = """
import sys
from pydantic import BaseModel
from hpc.components.kubernetes import KubernetesExtras, merged_config
class Block(BaseModel):
    kfp: KubernetesExtras | None = None
Block.model_validate({"kfp": None})
merged_config([{}])
before = "hpc.components.kubernetes.extras" in sys.modules
Block.model_validate({"kfp": {}})
print(before, "hpc.components.kubernetes.extras" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"


# ---------------------------------------------------------------- what editors show

SCHEMA = KubernetesExtras.model_json_schema()


@pytest.mark.parametrize("text", [case[0] for case in (*CASES.values(), *OUT_OF_REACH.values())])
def test_the_schema_accepts_what_is_right(text: str) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(yaml.safe_load(text))


_RULES_BETWEEN_KEYS = ("HPC106", "HPC104 a toleration", "HPC104 this item", "HPC104 `security_context`", "needs values")


def _is_seen_by_editors(text: str) -> bool:
    return text.startswith("kfp:") and not any(rule in line for line in MISTAKES[text] for rule in _RULES_BETWEEN_KEYS)


@pytest.mark.parametrize("text", [text for text in MISTAKES if _is_seen_by_editors(text)])
def test_the_schema_refuses_what_is_wrong(text: str) -> None:
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(yaml.safe_load(text)["kfp"])


def test_every_key_of_the_schema_has_a_description() -> None:
    blocks = {**SCHEMA["$defs"], "KubernetesExtras": SCHEMA}
    bare = [
        f"{name}.{key}"
        for name, block in blocks.items()
        for key, value in block["properties"].items()
        if not value.get("description")
    ]
    assert bare == []
