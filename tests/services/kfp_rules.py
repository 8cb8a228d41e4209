"""What the API demands of a request: JSON enters, Refused is raised, with the status that the gateway gives."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

LARGEST_PARAMETER = 10_000
LONGEST_TEXT = 255
MOST_TAGS = 20
LONGEST_TAG = 63

RUN_FIELDS = {
    *("experiment_id", "display_name", "description", "pipeline_spec", "pipeline_version_reference"),
    *("runtime_config", "service_account"),
}
SCHEDULE_FIELDS = {*RUN_FIELDS, "max_concurrency", "trigger", "mode", "no_catchup", "namespace"}
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 429: 8, 500: 13, 503: 14}


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    def body(self) -> dict[str, Any]:
        return {"error": str(self), "code": _CODES.get(self.status, 2), "message": str(self), "details": []}


def only(found: Mapping[str, Any], allowed: Iterable[str], where: str) -> None:
    unknown = sorted(found.keys() - set(allowed))
    if unknown:
        raise Refused(400, f'proto: (line 1:2): unknown field "{unknown[0]}" in {where}')


def text(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key, "")
    if not isinstance(value, str):
        raise Refused(400, f"proto: invalid value for string field {key}: {value!r}")
    return value


def check_lengths(body: Mapping[str, Any], kind: str) -> None:
    """The database refuses what its columns have no room for."""
    for key, column in (("display_name", "DisplayName"), ("description", "Description")):
        if len(text(body, key)) > LONGEST_TEXT:
            raise Refused(500, f"InternalServerError: Failed to store {kind}: Data too long for column '{column}'")


def check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > MOST_TAGS:
        raise Refused(400, f"Invalid input error: number of tags ({len(tags)}) exceeds maximum of {MOST_TAGS}")
    for key, value in tags.items():
        if not key or "." in key:
            raise Refused(400, f"Invalid input error: tag key {key!r} must not be empty or contain '.'")
        if max(len(key), len(value)) > LONGEST_TAG:
            raise Refused(400, f"Invalid input error: tag {key!r} exceeds maximum length of {LONGEST_TAG} characters")


def spec_of(document: Any) -> pipeline_spec_pb2.PipelineSpec:
    """The PipelineSpec, with a PlatformSpec beside it or without, read as the official messages."""
    if not isinstance(document, dict):
        raise Refused(400, "Invalid input error: pipeline_spec is not an object")
    whole = document if "pipeline_spec" in document else {"pipeline_spec": document}
    only(whole, ("pipeline_spec", "platform_spec"), "pipeline_spec")
    spec = pipeline_spec_pb2.PipelineSpec()
    try:
        json_format.ParseDict(whole["pipeline_spec"], spec)
        json_format.ParseDict(
            json_format.MessageToDict(spec.deployment_spec), pipeline_spec_pb2.PipelineDeploymentConfig()
        )
        json_format.ParseDict(whole.get("platform_spec", {}), pipeline_spec_pb2.PlatformSpec())
    except json_format.ParseError as error:
        raise Refused(400, f"Invalid input error: Invalid IR spec format: {error}") from None
    if not spec.pipeline_info.name:
        raise Refused(400, "Invalid input error: pipeline's name cannot be empty")
    if not spec.schema_version.startswith("2."):
        raise Refused(400, f"Invalid input error: schema version {spec.schema_version} is not supported")
    _check_references(spec)
    return spec


def _check_references(spec: pipeline_spec_pb2.PipelineSpec) -> None:
    executors = json_format.MessageToDict(spec.deployment_spec).get("executors", {})
    for component in (spec.root, *spec.components.values()):
        if component.executor_label and component.executor_label not in executors:
            raise Refused(400, f"Invalid input error: executor {component.executor_label} is not there")
        for key, task in component.dag.tasks.items():
            if task.component_ref.name not in spec.components:
                raise Refused(400, f"Invalid input error: component spec for {key} not found")
            for before in task.dependent_tasks:
                if before not in component.dag.tasks:
                    raise Refused(400, f"Invalid input error: {key} depends on {before}, which is not there")


def check_config(config: Mapping[str, Any], spec: pipeline_spec_pb2.PipelineSpec) -> None:
    only(config, ("parameters", "pipeline_root"), "runtime_config")
    text(config, "pipeline_root")
    given: Mapping[str, Any] = config.get("parameters", {})
    ports = spec.root.input_definitions.parameters
    for name, value in given.items():
        if name not in ports:
            raise Refused(400, f"Invalid input error: parameter {name} is not an input of the pipeline")
        if len(json.dumps(value).encode()) > LARGEST_PARAMETER + 2:
            raise Refused(
                400, f"Invalid input error: The input parameter length exceed maximum size of {LARGEST_PARAMETER}"
            )
        kind = pipeline_spec_pb2.ParameterType.ParameterTypeEnum.Name(ports[name].parameter_type)
        if not _is_of(value, kind):
            raise Refused(
                400, f"Invalid input error: input parameter {name} requires type {kind}, but {value!r} was given"
            )
    for name, port in ports.items():
        if name not in given and not port.is_optional and not port.HasField("default_value"):
            raise Refused(400, f"Invalid input error: parameter {name} is required but was not given")


def _is_of(value: Any, kind: str) -> bool:
    if kind in {"NUMBER_INTEGER", "NUMBER_DOUBLE"}:
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        return number and (kind == "NUMBER_DOUBLE" or float(value).is_integer())
    types: dict[str, type] = {"STRING": str, "BOOLEAN": bool, "LIST": list, "STRUCT": dict}
    return isinstance(value, types[kind])


# ---------------------------------------------------------------- lists

_OPERATIONS = {
    1: "EQUALS",
    2: "NOT_EQUALS",
    3: "GREATER_THAN",
    5: "GREATER_THAN_EQUALS",
    6: "LESS_THAN",
    7: "LESS_THAN_EQUALS",
    8: "IN",
    9: "IS_SUBSTRING",
}
_VALUES = {"string_value": str, "stringValue": str, "int_value": int, "intValue": int, "timestamp_value": str}


def chosen(items: list[dict[str, Any]], query: Mapping[str, str], keys: set[str], result: str) -> dict[str, Any]:
    """One page of a list: filter, sort_by, page_size and page_token are those of the API."""
    for condition in _conditions(query.get("filter", ""), keys):
        items = [item for item in items if _holds(item, *condition)]
    key, direction = _order(query.get("sort_by", ""), keys)
    items = sorted(items, key=lambda item: (str(item.get(key, "")), str(next(iter(item.values())))))
    if direction == "desc":
        items.reverse()
    size = int(query.get("page_size") or 20)
    if size < 0:
        raise Refused(400, "Invalid input error: The page size should be greater than 0")
    size = min(size or 20, 200)
    start = _offset(query.get("page_token", ""))
    page = {result: items[start : start + size], "total_size": len(items)}
    if start + size < len(items):
        page["next_page_token"] = f"from-{start + size}"
    return page


def _conditions(text_: str, keys: set[str]) -> list[tuple[str, str, Any]]:
    if not text_:
        return []
    try:
        found = json.loads(text_)
    except ValueError:
        raise Refused(400, "Invalid input error: failed to parse filter") from None
    only(found, ("predicates",), "filter")
    return [_condition(one, keys) for one in found.get("predicates", [])]


def _condition(predicate: Mapping[str, Any], keys: set[str]) -> tuple[str, str, Any]:
    only(predicate, ("operation", "key", *_VALUES), "predicate")
    operation = _OPERATIONS.get(predicate["operation"], predicate["operation"])
    if operation not in _OPERATIONS.values():
        raise Refused(400, f"Invalid input error: invalid predicate operation {operation}")
    if predicate["key"] not in keys:
        raise Refused(400, f"Invalid input error: no support for filtering on unrecognized field {predicate['key']!r}")
    values = [predicate[key] for key in _VALUES if key in predicate]
    if len(values) != 1:
        raise Refused(400, "Invalid input error: a predicate has one value")
    return predicate["key"], operation, values[0]


def _holds(item: Mapping[str, Any], key: str, operation: str, value: Any) -> bool:
    """Texts are compared by LOWER(…), substrings by LIKE with all its wildcards."""
    found = item.get(key, "")
    if isinstance(value, str) and operation in {"EQUALS", "NOT_EQUALS", "IS_SUBSTRING"}:
        found, value = str(found).lower(), value.lower()
    if operation == "IS_SUBSTRING":
        pattern = "".join({"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in value)
        return re.search(pattern, found, re.DOTALL) is not None
    return {
        "EQUALS": found == value,
        "NOT_EQUALS": found != value,
        "GREATER_THAN": found > value,
        "LESS_THAN": found < value,
    }[operation]


def _order(text_: str, keys: set[str]) -> tuple[str, str]:
    key, _, direction = (text_ or "created_at").partition(" ")
    if key not in keys or direction not in ("", "asc", "desc"):
        raise Refused(400, f"Invalid input error: Invalid sorting field: {text_!r}")
    return key, direction


def _offset(token: str) -> int:
    if token and not token.startswith("from-"):
        raise Refused(400, "Invalid input error: Invalid package token")
    return int(token.removeprefix("from-") or 0)
