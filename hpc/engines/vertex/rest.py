"""Google's REST APIs beside Vertex AI: credentials enter, a session leaves; a request enters, its answer leaves.

Nothing here waits or asks again; `hpc.engines.vertex.asking` does. Google's client is imported when a session is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

TIMEOUT = (5.0, 30.0)
"""Seconds until a connection, and until the next piece of an answer."""

_TOKEN_TIMEOUT = 10.0


@dataclass(frozen=True)
class Answer:
    """`body` is the JSON of an answer, or nothing where it is not a JSON object; `text` is all of it."""

    status: int
    body: dict[str, Any]
    text: str

    @property
    def is_well(self) -> bool:
        return self.status < 300

    @property
    def said(self) -> str:
        """The message of an error, in one line; empty for a page that a proxy wrote."""
        error: Any = self.body.get("error")
        words = str(cast("dict[str, Any]", error).get("message", "")) if isinstance(error, dict) else self.text
        line = next((one.strip() for one in words.splitlines() if one.strip()), "")
        return "" if line.startswith("<") else line[:300]

    @property
    def disabled(self) -> bool:
        """Whether the API itself is not enabled in the project that is asked for."""
        return self.status == 403 and ("SERVICE_DISABLED" in self.text or "has not been used in project" in self.text)


def session(credentials: object) -> Any:
    """What sends requests with these credentials, which it renews by itself."""
    return import_module("google.auth.transport.requests").AuthorizedSession(
        credentials, refresh_timeout=_TOKEN_TIMEOUT
    )


def sent(session: Any, method: str, url: str, **what: Any) -> Any:
    """The response to one request. Redirects are not followed: an API has none, a login page has."""
    return session.request(method, url, timeout=TIMEOUT, allow_redirects=False, **what)


def answered(response: Any) -> Answer:
    """What a response says, whatever its status."""
    try:
        body: Any = response.json()
    except ValueError:
        body = None
    found = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    return Answer(int(response.status_code), found, str(response.text))


def well(response: Any) -> Answer:
    """The answer of a response that is well. Raises the API's exception for its status otherwise."""
    if response.status_code >= 300:
        raise import_module("google.api_core.exceptions").from_http_response(response)
    return answered(response)
