"""What may go wrong with a request: an exception of Google's client enters, its meaning for a person leaves.

Codes are those of https://cloud.google.com/apis/design/errors, as HTTP carries them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import Any

from hpc.diagnostics import Rejected, Rule
from hpc.engines.service import NO_CREDENTIALS, NOT_ALLOWED, NOT_THERE, QUOTA, REFUSED, UNREACHABLE
from hpc.engines.vertex.clients import LOGIN, rejected

_ROLES = {
    "iam.serviceAccounts.": "roles/iam.serviceAccountUser",
    "aiplatform.": "roles/aiplatform.user",
    "storage.": "roles/storage.objectUser",
    "artifactregistry.": "roles/artifactregistry.reader",
    "compute.": "roles/compute.networkUser",
    "cloudkms.": "roles/cloudkms.cryptoKeyEncrypterDecrypter",
    "serviceusage.": "roles/serviceusage.serviceUsageConsumer",
}
"""A role that has each permission, by how the permission begins."""

_PERMISSION = re.compile(r"\b(?:" + "|".join(re.escape(start) for start in _ROLES) + r")[A-Za-z.]*[A-Za-z]")
_API = re.compile(r"\b[a-z]+\.googleapis\.com\b(?!/)")
_ACT_AS = "permission to act as service_account"
_PAGE = re.compile(r"\s*<(!doctype|html)", re.IGNORECASE)
_PASSING = frozenset({408, 429, 499, 500, 502, 503, 504})
_BRIEFLY = 0.1
"""The share of the patience for what is seldom mended by waiting."""
_LATER = "look at https://status.cloud.google.com, and run the same command again"
_LONGEST = 600
_LONGEST_WAIT = 300.0
_OF_ADDRESSES = ("requests.", "urllib3.", "urllib.")
"""Where addresses are taken apart."""


@dataclass(frozen=True)
class Asked:
    """What a request is for: `start the run x`; the permission that it takes; where to look for what it names.

    `creates`: that its name is taken is to be told apart. `may_be_late`: what it asks may have come about before.
    `is_known`: what it names was there a moment ago, so it may only not be seen everywhere yet. `if_lost`: what to do
    where it may have been carried out although no answer came; if nothing is said, asking again does no harm.
    """

    what: str
    permission: str
    elsewhere: str = "hpc runs --on vertex"
    creates: bool = False
    may_be_late: bool = False
    is_known: bool = False
    if_lost: str = ""


@dataclass(frozen=True)
class Trouble:
    """Why a request did not come back with what was asked.

    `patience`: for which share of the patience the same is worth asking again; 0 for never. `taken`: the name is one
    that exists already. `ended`: it is not in a state for that. `answered`: the service itself said so. `not_before`:
    for how many seconds the service does not want to be asked.
    """

    rule: Rule
    fact: str
    fix: str
    patience: float = 0.0
    taken: bool = False
    ended: bool = False
    answered: bool = True
    not_before: float = 0.0

    def rejected(self) -> Rejected:
        return rejected(self.rule, self.fact, self.fix)


@dataclass(frozen=True)
class _Kinds:
    """The exceptions of the client and of what it stands on."""

    answer: type[Exception]
    login: type[Exception]
    transport: type[Exception]
    request: type[Exception]
    broken: tuple[type[Exception], ...]
    certificate: type[Exception]


class ForeignAnswerError(Exception):
    """JSON of something else, which the client reads as a message that says nothing."""


def all_kinds() -> tuple[type[Exception], ...]:
    """What a request may raise. The last ones are how the client stumbles over what is no answer or address."""
    kinds = _kinds()
    return (kinds.answer, kinds.login, kinds.request, *kinds.broken, ForeignAnswerError)


def judged(error: Exception, asked: Asked) -> Trouble:
    """What it means. An error of which the client is not the cause is raised again."""
    kinds = _kinds()
    if isinstance(error, ForeignAnswerError):
        return _foreign(asked)
    if isinstance(error, kinds.answer):
        return _of_answer(error, asked)
    if isinstance(error, kinds.login) and not isinstance(error, kinds.transport):
        fact = f"could not {asked.what}: Google does not accept the credentials: {_first_line(error)}"
        patience = 1.0 if getattr(error, "retryable", False) else 0.0
        return Trouble(NO_CREDENTIALS, fact, f"run `{LOGIN}`, and try again", patience)
    if isinstance(error, kinds.request) or not isinstance(error, kinds.broken):
        return _of_connection(error, asked, kinds)
    origin = _origin(error)
    if origin.startswith("google."):
        return _foreign(asked)
    if origin.startswith(_OF_ADDRESSES):
        return _no_address(error, asked)
    raise error


@cache
def _kinds() -> _Kinds:
    requests = import_module("requests.exceptions")
    login = import_module("google.auth.exceptions")
    return _Kinds(
        answer=import_module("google.api_core.exceptions").GoogleAPICallError,
        login=login.GoogleAuthError,
        transport=login.TransportError,
        request=requests.RequestException,
        broken=(import_module("google.protobuf.json_format").ParseError, AttributeError, TypeError, ValueError),
        certificate=requests.SSLError,
    )


def is_missing(error: Rejected) -> bool:
    """Whether all that is wrong is that something is not there."""
    return all(found.rule is NOT_THERE for found in error.diagnostics)


# ---------------------------------------------------------------- answers


def _of_answer(error: Any, asked: Asked) -> Trouble:
    code, said, status = _answer(error)
    trouble = _of_code(code, said, status, asked)
    return replace(trouble, not_before=_not_before(error)) if trouble.patience else trouble


def _of_code(code: int, said: str, status: str, asked: Asked) -> Trouble:
    if _PAGE.match(said):
        share = 1.0 if code in _PASSING else _BRIEFLY
        return _unreachable(asked, f"a proxy answers instead of the service ({code})", share)
    if code == 429:
        fact = f"could not {asked.what}: {said}"
        return Trouble(QUOTA, fact, "wait a while, or ask for a larger quota in the console", 1.0)
    if code in _PASSING or status == "ABORTED":
        return Trouble(UNREACHABLE, f"could not {asked.what}: {said} ({code})", _LATER, 1.0)
    if code == 401:
        return Trouble(NO_CREDENTIALS, f"could not {asked.what}: {said}", f"run `{LOGIN}`, and try again")
    if code == 403 or _ACT_AS in said:
        return _denied(said, asked) if status or _names_a_permission(said) else _kept_out(said, asked)
    if code == 404:
        fix = f"look at `{asked.elsewhere}`, and at the project and the region"
        patience = _BRIEFLY if asked.is_known else 0.0
        return Trouble(NOT_THERE, f"could not {asked.what}: {said}", fix, patience)
    ended = code == 412 or status == "FAILED_PRECONDITION" or (code == 400 and not status)
    taken = code == 409
    return Trouble(REFUSED, f"could not {asked.what}: {said}", "mend what it names", taken=taken, ended=ended)


def _not_before(error: Any) -> float:
    """The seconds of a Retry-After, within reason. A date is not read: Google's APIs write seconds."""
    headers: Any = getattr(getattr(error, "response", None), "headers", None)
    said = str(headers.get("Retry-After", "")) if headers else ""
    return min(float(said), _LONGEST_WAIT) if said.isdecimal() else 0.0


def _denied(said: str, asked: Asked) -> Trouble:
    if "SERVICE_DISABLED" in said or "has not been used in project" in said:
        api = _API.search(said)
        fix = f"`gcloud services enable {api.group() if api else 'aiplatform.googleapis.com'}`"
        fact = f"could not {asked.what}: {said}"
        return Trouble(NOT_ALLOWED, fact, fix)
    named = _PERMISSION.search(said)
    own = "iam.serviceAccounts.actAs" if _ACT_AS in said else asked.permission
    permission = named.group() if named else own
    role = next((role for start, role in _ROLES.items() if permission.startswith(start)), "")
    fact = f"could not {asked.what}: the permission {permission} is missing: {said}"
    return Trouble(NOT_ALLOWED, fact, f"have {role or 'a role with it'} granted to the account that asks")


def _names_a_permission(said: str) -> bool:
    return _ACT_AS in said or _PERMISSION.search(said) is not None or "has not been used in project" in said


def _kept_out(said: str, asked: Asked) -> Trouble:
    """A refusal that is not in the words of an API: of the service's front, or of something before it."""
    fact = f"could not {asked.what}: it is forbidden (403): {said}"
    fix = f"look whether a proxy is in between; if not, have a role with {asked.permission} granted"
    return Trouble(NOT_ALLOWED, fact, fix)


def _answer(error: Any) -> tuple[int, str, str]:
    """Code, message and the name of the status, as the service wrote them where it can still be read."""
    code, said, status = int(error.code or 0), str(error.message), ""
    try:
        body = error.response.json()["error"]
        said, status = str(body["message"]), str(body.get("status", ""))
    except (AttributeError, KeyError, TypeError, ValueError):
        said = re.sub(r"^(?:\d+ )?(?:GET|POST|PATCH|DELETE) \S+: ", "", said)
    return code, said[:_LONGEST], status


# ---------------------------------------------------------------- connections


def _of_connection(error: Exception, asked: Asked, kinds: _Kinds) -> Trouble:
    reason = _reason(error)
    if isinstance(error, kinds.certificate):
        return _unreachable(asked, f"the connection is not safe: {reason}", 0.0)
    if isinstance(error, ValueError):
        return _no_address(error, asked)
    return _unreachable(asked, reason, 1.0)


def _foreign(asked: Asked) -> Trouble:
    return _unreachable(asked, "the answer is not one of the API; is a proxy in between?", 1.0)


def _no_address(error: Exception, asked: Asked) -> Trouble:
    return _unreachable(asked, f"the address is none: {_first_line(error)}", 0.0)


def _unreachable(asked: Asked, reason: str, patience: float) -> Trouble:
    fix = "look at the network, the region and the address, and run the same command again"
    return Trouble(UNREACHABLE, f"could not {asked.what}: {reason}", fix, patience, answered=False)


def _reason(error: BaseException) -> str:
    """The innermost cause, which says it in a few words: `Connection refused`."""
    seen = {id(error)}
    while (inner := _inner(error)) is not None and id(inner) not in seen:
        seen.add(id(inner))
        error = inner
    return (error.strerror if isinstance(error, OSError) and error.strerror else _first_line(error)) or "no answer"


def _inner(error: BaseException) -> BaseException | None:
    wrapped = next((one for one in error.args if isinstance(one, BaseException)), None)
    return wrapped or getattr(error, "reason", None) or error.__cause__ or error.__context__


def _origin(error: Exception) -> str:
    """The name of the module that raised it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else str(trace.tb_frame.f_globals.get("__name__", ""))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:_LONGEST]
