"""How the API lists: resources and the query of a request enter, one page leaves, ApiError is raised.

A filter is of comparisons with `=`, `!=`, `<`, `<=`, `>`, `>=`, `:` (a pattern with `*`, or that a field is there),
joined by `NOT`, `AND` and `OR`; as in AIP-160, `OR` binds closer than `AND`. No parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from vertex_details import seconds_of
from vertex_errors import invalid

Json = dict[str, Any]

_COMPARISON = re.compile(r'\s*(NOT\s+)?([a-z_]+(?:\.[A-Za-z0-9_-]+)*)\s*(!=|<=|>=|=|<|>|:)\s*("[^"]*"|[^\s"]+)\s*')
_FIELDS: dict[str, Callable[[Json], Any]] = {
    "pipeline_name": lambda one: one.get("pipelineSpec", {}).get("pipelineInfo", {}).get("name"),
    "display_name": lambda one: one.get("displayName", ""),
    "pipeline_job_user_id": lambda one: one["name"].rpartition("/")[2],
    "schedule_name": lambda one: one.get("scheduleName", ""),
    "state": lambda one: one["state"],
    "create_time": lambda one: one.get("createTime"),
    "update_time": lambda one: one.get("updateTime"),
    "start_time": lambda one: one.get("startTime"),
    "end_time": lambda one: one.get("endTime"),
    "next_run_time": lambda one: one.get("nextRunTime"),
    "template_uri": lambda one: one.get("templateUri", ""),
    "template_metadata.version": lambda one: one.get("templateMetadata", {}).get("version", ""),
    "create_pipeline_job_request": lambda one: one.get("createPipelineJobRequest"),
}
_KNOWN = {
    "pipelineJobs": set(_FIELDS) - {"next_run_time", "create_pipeline_job_request"},
    "schedules": {"display_name", "state", "create_time", "start_time", "end_time", "next_run_time"}
    | {"create_pipeline_job_request"},
}
_ORDERS = {
    "pipelineJobs": ("create_time", "update_time", "end_time", "start_time"),
    "schedules": ("create_time", "start_time", "end_time", "next_run_time"),
}
_QUERY = {"filter", "pageSize", "pageToken", "orderBy", "readMask", "$alt"}
_LARGEST_PAGE = 100


def listed(resources: Sequence[Json], query: Mapping[str, str], kind: str) -> Json:
    """A page of `kind`, `pipelineJobs` or `schedules`: `{kind: [...], "nextPageToken": "..."}`."""
    unknown = set(query) - _QUERY
    if unknown:
        raise invalid(f'Invalid JSON payload received. Unknown name "{min(unknown)}": Cannot bind query parameter.')
    meets = _filter(query.get("filter", ""), kind)
    ordered = _ordered([one for one in resources if meets(one)], query.get("orderBy", ""), kind)
    start, size = _window(query)
    page: Json = {kind: [_masked(one, query.get("readMask", "")) for one in ordered[start : start + size]]}
    if start + size < len(ordered):
        page["nextPageToken"] = f"page-{start + size}"
    return page


def _window(query: Mapping[str, str]) -> tuple[int, int]:
    token = query.get("pageToken", "")
    if token and not re.fullmatch(r"page-\d+", token):
        raise invalid(f"Invalid page token: {token!r}.")
    size = int(query.get("pageSize", "0"))
    if size < 0:
        raise invalid(f"page_size must not be negative, it is {size}.")
    return int(token.removeprefix("page-") or 0), min(size or _LARGEST_PAGE, _LARGEST_PAGE)


def _masked(one: Json, mask: str) -> Json:
    """Only the fields of a read mask, at the top level."""
    if not mask or mask == "*":
        return one
    camel = {re.sub(r"_([a-z])", lambda hit: hit[1].upper(), path.split(".")[0]) for path in mask.split(",")}
    return {key: value for key, value in one.items() if key in camel}


def _ordered(resources: list[Json], order: str, kind: str) -> list[Json]:
    ordered = sorted(resources, key=lambda one: one["name"])
    for part in reversed((order or "create_time desc").split(",")):
        words = part.split()
        if words[0] not in _ORDERS[kind] or words[1:] not in ([], ["desc"], ["asc"]):
            raise invalid(f"Invalid order_by: {order!r}.")
        field = _FIELDS[words[0]]
        ordered.sort(key=lambda one, field=field: field(one) or "", reverse=words[1:] == ["desc"])
    return ordered


def _filter(text: str, kind: str) -> Callable[[Json], bool]:
    """The filter as a question: all of the ORs hold."""
    if not text.strip():
        return lambda _: True
    clauses = [
        [_comparison(one, kind) for one in re.split(r"\s+OR\s+", clause)] for clause in re.split(r"\s+AND\s+", text)
    ]
    return lambda one: all(any(meets(one) for meets in clause) for clause in clauses)


def _comparison(text: str, kind: str) -> Callable[[Json], bool]:
    match = _COMPARISON.fullmatch(text)
    if not match:
        raise invalid(f"Invalid filter: {text!r} cannot be parsed.")
    negated, name, operator, raw = match[1] is not None, match[2], match[3], match[4].strip('"')
    value = _value_of(name, kind)
    if name.endswith("_time") and raw != "*":
        wanted = _moment(raw)
        return lambda one: _is_so(_moment(value(one)), operator, wanted) != negated
    return lambda one: _holds(value(one), operator, raw) != negated


def _moment(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return seconds_of(text)
    except ValueError as error:
        raise invalid(f"Invalid filter: {text!r} is not a time of RFC 3339.") from error


def _value_of(name: str, kind: str) -> Callable[[Json], Any]:
    if name.startswith("labels.") and kind == "pipelineJobs":
        key = name.removeprefix("labels.")
        return lambda one: one.get("labels", {}).get(key)
    if name == "labels" and kind == "pipelineJobs":
        return lambda one: one.get("labels", {})
    if name not in _KNOWN[kind]:
        raise invalid(f"Invalid filter: {name!r} is not a supported field.")
    return _FIELDS[name]


def _holds(value: Any, operator: str, wanted: str) -> bool:
    if operator == ":":
        if isinstance(value, Mapping):
            return wanted == "*" or wanted in value
        return value is not None and fnmatchcase(str(value), wanted)
    return _is_so(value, operator, wanted)


def _is_so(value: Any, operator: str, wanted: Any) -> bool:
    if operator in ("=", "!="):
        return (value == wanted) == (operator == "=")
    if value is None:
        return False
    return {"<": value < wanted, "<=": value <= wanted, ">": value > wanted, ">=": value >= wanted}[operator]
