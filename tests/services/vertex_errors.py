"""Errors as Google's APIs word and shape them: a status and a message enter, the JSON of an answer leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

HTTP_CODES = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
CODE_NUMBERS = {
    "CANCELLED": 1,
    "UNKNOWN": 2,
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "UNAUTHENTICATED": 16,
}


class ApiError(Exception):
    """A request that is not done. `status` is a name of google.rpc.Code."""

    def __init__(self, status: str, message: str, details: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = list(details)

    @property
    def http_code(self) -> int:
        return HTTP_CODES[self.status]

    def body(self) -> dict[str, Any]:
        error: dict[str, Any] = {"code": self.http_code, "message": self.message, "status": self.status}
        if self.details:
            error["details"] = self.details
        return {"error": error}


def invalid(message: str) -> ApiError:
    return ApiError("INVALID_ARGUMENT", message)


def not_found(name: str) -> ApiError:
    kind = {"pipelineJobs": "PipelineJob", "schedules": "Schedule"}.get(name.split("/")[-2], "Resource")
    return ApiError("NOT_FOUND", f"The {kind} does not exist. Name: {name}.")


def already_exists(name: str) -> ApiError:
    return ApiError("ALREADY_EXISTS", f'The PipelineJob "{name}" already exists.')


def denied(permission: str, resource: str) -> ApiError:
    """As Google words it, which says neither whether the resource is there."""
    full = f"//aiplatform.googleapis.com/{resource}"
    reason = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "IAM_PERMISSION_DENIED",
        "domain": "aiplatform.googleapis.com",
        "metadata": {"permission": permission, "resource": resource},
    }
    text = f"Permission '{permission}' denied on resource '{full}' (or it may not exist)."
    return ApiError("PERMISSION_DENIED", text, [reason])
