"""What can go wrong with a request: exceptions and answers of the client enter, a Trouble or a Rejected leaves.

Statuses are those of the API's gateway (google.rpc.Code over HTTP); a proxy before it has its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from hpc.diagnostics import Diagnostic, Rejected, Rule, Span
from hpc.engines.service import (
    NO_CREDENTIALS,
    NOT_ALLOWED,
    NOT_THERE,
    QUOTA,
    REFUSED,
    TAKEN,
    UNREACHABLE,
)

UNREACHED = 0
CONFLICT = 409

_LOGIN = (
    "log in and set KFP_EXISTING_TOKEN, or name the token's file in KF_PIPELINES_SA_TOKEN_PATH, "
    "or write the cookie into ~/.config/kfp/context.json as client_authentication_cookie"
)
_OTHER_ADDRESS = (
    "look at `host` of `targets.kfp`: the address that the pages have, e.g. https://kubeflow.example/pipeline"
)
_LOOK = "look at the network and at `host` of `targets.kfp`, and run the same command again"
_OBJECT = re.compile(r"^(<[^>]*>|\w+\([^)]*\)): ")
"""How messages of urllib3 begin: with what it has tried it on."""

_LONGEST = 600

Outlook = Literal["final", "again", "unsure"]
"""final: asking again gives the same; again: nothing was done, ask later; unsure: it may have been done."""


@dataclass
class Trouble(Exception):
    """A request that was not answered as it should be. `status` is 0 where there was no answer.

    `is_unmet`: nobody listens at the address; `seconds`: how long an answer was waited for in vain.
    """

    status: int
    text: str
    outlook: Outlook
    fix: str = ""
    is_unmet: bool = False
    seconds: float = 0.0

    def rejected(self, where: str, doing: str) -> Rejected:
        """The same as a message; `doing` is what was asked for, e.g. `start the run x`."""
        rule, fix = _rule(self.status)
        fact = f"cannot {doing}: {self.text or f'status {self.status}'}"
        return refuse(rule, where, fact, self.fix or fix)


def from_exception(error: Exception, api_error: type[Exception], timeout: tuple[float, float]) -> Trouble | None:
    """The trouble that an exception of the client tells of; None for one that is a mistake of this program.

    `timeout`: the seconds that a connection and an answer were waited for.
    """
    if isinstance(error, AttributeError) and isinstance(error.__context__, api_error):
        error = error.__context__  # the client stumbles over an error without a body
    if isinstance(error, api_error):
        return _from_answer(error)
    if isinstance(error, UnicodeError) or (isinstance(error, ValueError) and "header" in str(error)):
        return Trouble(401, "the token or the cookie has a character that a header cannot have", "final")
    return _unanswered(error, timeout)


def _unanswered(error: Exception, timeout: tuple[float, float]) -> Trouble | None:
    """What a connection has come to on which there was no answer."""
    from urllib3 import exceptions

    if isinstance(error, exceptions.LocationValueError):
        return Trouble(UNREACHED, f"{error}", "final", _OTHER_ADDRESS)
    said = _OBJECT.sub("", _first_line(f"{error}"))
    if isinstance(error, exceptions.NewConnectionError):
        return Trouble(UNREACHED, said, "again", _LOOK, is_unmet=True)
    if isinstance(error, exceptions.ConnectTimeoutError):  # in urllib3 1.26 the error above is one of these
        return Trouble(UNREACHED, said, "again", _LOOK, is_unmet=True, seconds=timeout[0])
    if isinstance(error, exceptions.ReadTimeoutError):
        return Trouble(UNREACHED, said, "unsure", seconds=timeout[1])
    if isinstance(error, (exceptions.HTTPError, OSError)):
        return Trouble(UNREACHED, said, "unsure")
    return None


def web_page() -> Trouble:
    """An answer that is no JSON object: something between here and the service has written it."""
    text = "the address answers with a web page and not with the API"
    return Trouble(401, text, "final", f"{_LOGIN}; or {_OTHER_ADDRESS}")


def _from_answer(error: Any) -> Trouble:
    status = int(error.status or 0)
    text = _message(error.body) or str(error.reason or "")
    if status == UNREACHED:
        return Trouble(status, _first_line(text.replace("\n", ": ")), "final")
    if 300 <= status < 400:
        headers: Mapping[str, str] = error.headers or {}
        there = headers.get("Location", "").partition("?")[0]  # what follows is of a login, and may be secret
        return Trouble(
            401, f"the address leads on to {there or 'another one'}", "final", f"{_LOGIN}; or {_OTHER_ADDRESS}"
        )
    if status == 429:
        return Trouble(status, text, "again")
    return Trouble(status, text, "unsure" if status >= 500 or status == 408 else "final")


def _rule(status: int) -> tuple[Rule, str]:
    rules: dict[int, tuple[Rule, str]] = {
        401: (NO_CREDENTIALS, _LOGIN),
        403: (
            NOT_ALLOWED,
            "have this account made a contributor of the namespace, or use another account or namespace",
        ),
        404: (NOT_THERE, "hpc runs --on kfp lists the runs; look at `host` and `namespace` of `targets.kfp` too"),
        408: (UNREACHABLE, UNREACHABLE.fix),
        CONFLICT: (TAKEN, "choose another name"),
        429: (QUOTA, QUOTA.fix),
        500: (REFUSED, "the service itself failed; its log (deployment ml-pipeline) says more"),
    }
    if status == UNREACHED or status > 500:
        return UNREACHABLE, UNREACHABLE.fix
    return rules.get(status, (REFUSED, "mend what it names"))


def _message(body: object) -> str:
    """What the body of an answer says, in one line."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "")
    try:
        content: Any = json.loads(text)
    except ValueError:
        return "" if text.lstrip().startswith("<") else _first_line(text)
    if not isinstance(content, dict):
        return _first_line(text)
    found = cast("dict[str, Any]", content)
    return _first_line(str(found.get("message") or found.get("error") or text))


def _first_line(text: str) -> str:
    line = next((one.strip() for one in text.splitlines() if one.strip()), "")
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def refuse(rule: Rule, where: str, fact: str, fix: str) -> Rejected:
    """A refusal of hpc itself."""
    return Rejected([Diagnostic(rule, Span.of_word(where), fact, fix)])


__all__ = ["CONFLICT", "Outlook", "Trouble", "from_exception", "refuse", "web_page"]
