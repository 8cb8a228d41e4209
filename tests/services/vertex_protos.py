"""JSON against the protos of Google's own client: JSON enters, canonical JSON leaves, INVALID_ARGUMENT is raised.

Importing this costs nothing; the protos are imported when the first request comes.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from vertex_errors import invalid

Json = dict[str, Any]


@cache
def _types(version: str) -> ModuleType:
    return importlib.import_module(f"google.cloud.aiplatform_{version}.types")


def _message(version: str, kind: str) -> Any:
    return getattr(_types(version), kind).pb()()


def parse(version: str, kind: str, data: object) -> Json:
    """`data` as the message `kind` of an API version; enums by name. Raises ApiError for what is not in the proto."""
    return _canonical(data, _message(version, kind), kind)


def render(version: str, kind: str, data: Mapping[str, Any], numbers_for_enums: bool) -> Json:
    """What an API version answers. Fields that only another version knows are left out."""
    from google.protobuf import json_format

    message = json_format.ParseDict(dict(data), _message(version, kind), ignore_unknown_fields=True)
    return json_format.MessageToDict(message, use_integers_for_enums=numbers_for_enums)


def parse_spec(data: object) -> Json:
    """`data` as a PipelineSpec."""
    return _canonical(data, _spec_module().PipelineSpec(), "pipeline_spec")


def parse_deployment(data: object) -> Json:
    """`data` as a PipelineDeploymentConfig."""
    return _canonical(data, _spec_module().PipelineDeploymentConfig(), "deployment_spec")


def _canonical(data: object, message: Any, where: str) -> Json:
    from google.protobuf import json_format

    if not isinstance(data, dict):
        raise invalid(f"Invalid JSON payload received. Invalid value at '{where}': an object is needed.")
    try:
        return json_format.MessageToDict(json_format.ParseDict(cast(Json, data), message))
    except json_format.ParseError as error:
        raise invalid(f"Invalid JSON payload received. Invalid value at '{where}': {error}") from error


@cache
def _spec_module() -> ModuleType:
    """The protos of PipelineSpec without what `import kfp` does besides."""
    name = "kfp.pipeline_spec.pipeline_spec_pb2"
    if name in sys.modules:
        return sys.modules[name]
    package = importlib.util.find_spec("kfp")
    assert package and package.submodule_search_locations, "kfp is not installed"
    file = Path(package.submodule_search_locations[0], "pipeline_spec", "pipeline_spec_pb2.py")
    found = importlib.util.spec_from_file_location("pipeline_spec_pb2_alone", file)
    assert found and found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module
