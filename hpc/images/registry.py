"""What a registry holds: an address enters, the digest of its manifest and the labels of its image leave.

https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md, with tokens as
https://distribution.github.io/distribution/spec/auth/token/ has them. Only the standard library is needed.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException
from typing import Any, cast

from hpc.images.address import Address, is_loopback, parsed
from hpc.images.credentials import Credentials, Login
from hpc.images.findings import BAD_ANSWER, NOT_ALLOWED, NOT_THERE, UNREACHABLE, ImageTrouble

_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CHALLENGE = re.compile(r"""(\w+)=(?:"([^"]*)"|([^\s,]+))""")
_PASSING = {408, 429, 500, 502, 503, 504}
_REDIRECTIONS = {301, 302, 303, 307, 308}
_MOST_REDIRECTIONS = 6
_LARGEST = 32 << 20
_AGENT = "hpc"


@dataclass(frozen=True)
class Pace:
    """How patiently a registry is asked: seconds to wait for an answer, and before each further try."""

    timeout: float = 20.0
    waits: tuple[float, ...] = (0.5, 2.0)


BRIEF = Pace(timeout=5.0, waits=())
"""For what can be done without."""


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Message
    body: bytes


@dataclass(frozen=True)
class _Question:
    """A request; what is not known without credentials gets them in `authorization`."""

    method: str
    url: str
    authorization: str | None = None
    body: bytes | None = None


class Registries:
    """All registries, asked with the logins that are given. What was granted is kept for the next question.

    Every method raises ImageTrouble: refused, not there, not to be reached, or an answer that cannot be understood.
    """

    def __init__(
        self, credentials: Credentials, pace: Pace | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._credentials = credentials
        self._pace = pace or Pace()
        self._sleep = sleep
        self._granted: dict[str, str] = {}

    def digest(self, address: str, pace: Pace | None = None) -> str:
        """The digest of what an address holds now, e.g. `sha256:…`."""
        at = parsed(address)
        answer = self._asked("HEAD", at, f"manifests/{at.reference}", pace)
        found = answer.headers.get("Docker-Content-Digest", "")
        if _DIGEST.fullmatch(found):
            return found
        body = self._asked("GET", at, f"manifests/{at.reference}", pace).body
        return f"sha256:{hashlib.sha256(body).hexdigest()}"

    def labels(self, address: str, platform: str) -> tuple[str, Mapping[str, str]]:
        """The digest of what an address holds, and the labels of its image for a platform."""
        at = parsed(address)
        body = self._asked("GET", at, f"manifests/{at.reference}").body
        manifest = _object(at, body)
        if "manifests" in manifest:
            manifest = self._of_platform(at, manifest, platform)
        described: dict[str, Any] = manifest.get("config") or {}
        blob = str(described.get("digest") or "")
        if not _DIGEST.fullmatch(blob):
            return f"sha256:{hashlib.sha256(body).hexdigest()}", {}
        config: dict[str, Any] = _object(at, self._asked("GET", at, f"blobs/{blob}").body).get("config") or {}
        return f"sha256:{hashlib.sha256(body).hexdigest()}", config.get("Labels") or {}

    def _of_platform(self, at: Address, index: dict[str, Any], platform: str) -> dict[str, Any]:
        system, _, machine = platform.partition("/")
        entries: list[dict[str, Any]] = index["manifests"]
        for entry in entries:
            of: dict[str, Any] = entry.get("platform") or {}
            if (of.get("os"), of.get("architecture")) == (system, machine.partition("/")[0]):
                return _object(at, self._asked("GET", at, f"manifests/{entry['digest']}").body)
        return {}

    # ------------------------------------------------------------ asking

    def _asked(self, method: str, at: Address, path: str, pace: Pace | None = None) -> _Answer:
        url = f"{at.api}/v2/{at.repository}/{path}"
        pace = pace or self._pace
        answer = self._sent(_Question(method, url, self._granted.get(_scope(at))), at, pace)
        if answer.status == 401:
            self._granted[_scope(at)] = self._authorization(at, answer, pace)
            answer = self._sent(_Question(method, url, self._granted[_scope(at)]), at, pace)
        if answer.status != 200:
            raise _refusal(at, answer)
        return answer

    def _authorization(self, at: Address, answer: _Answer, pace: Pace) -> str:
        """What is to be sent after a registry wants to know who asks. Raises ImageTrouble if there is nothing."""
        login = self._credentials.of(at.host, at.repository) or (google_login() if at.is_google else None)
        kinds = {value.partition(" ")[0].lower(): value for value in answer.headers.get_all("WWW-Authenticate") or []}
        if "bearer" in kinds:
            said = {name: quoted or plain for name, quoted, plain in _CHALLENGE.findall(kinds["bearer"])}
            return f"Bearer {self._token(at, said, login, pace)}"
        if login is None or "basic" not in kinds:
            raise _refusal(at, answer)
        return login.basic

    def _token(self, at: Address, said: Mapping[str, str], login: Login | None, pace: Pace) -> str:
        realm = urllib.parse.urlsplit(said.get("realm", ""))
        if realm.scheme != "https" and not (realm.scheme == "http" and at.is_loopback and is_loopback(realm.netloc)):
            fact = f"the registry {at.host} sends askers to `{realm.geturl()}`, where nothing is safe."
            raise ImageTrouble(BAD_ANSWER, fact, "look whether the address names the right registry.")
        given = {"service": said.get("service", ""), "scope": said.get("scope") or _scope(at).partition(" ")[2]}
        body = None
        if login and login.renewal:
            renewal = {"grant_type": "refresh_token", "refresh_token": login.renewal, "client_id": _AGENT}
            body = urllib.parse.urlencode({**given, **renewal}).encode()
        query = "" if body else f"?{urllib.parse.urlencode({name: value for name, value in given.items() if value})}"
        basic = login.basic if login and not login.renewal else None
        answer = self._sent(_Question("POST" if body else "GET", f"{realm.geturl()}{query}", basic, body), at, pace)
        if answer.status != 200:
            raise _refusal(at, answer)
        found = _object(at, answer.body)
        return str(found.get("token") or found.get("access_token") or "")

    def _sent(self, question: _Question, at: Address, pace: Pace) -> _Answer:
        """One answer, whatever it says; what may pass is asked again."""
        reason = ""
        for wait in (*pace.waits, None):
            try:
                answer = _followed(question, pace.timeout)
            except (OSError, HTTPException) as error:
                reason = _reason(error)
            else:
                if answer.status not in _PASSING:
                    return answer
                reason = f"it answers {answer.status}"
            if wait is not None:
                self._sleep(wait)
        fact = f"the registry {at.host} cannot be asked: {reason}."
        raise ImageTrouble(UNREACHABLE, fact, "look at the network and the address, and try again.")


def _scope(at: Address) -> str:
    return f"{at.host} repository:{at.repository}:pull"


def _followed(question: _Question, timeout: float) -> _Answer:
    """The answer at the end of redirections: blobs often lie elsewhere. Credentials stay with the host that they are
    for, and what was asked for over TLS is not fetched in the clear.
    """
    for _ in range(_MOST_REDIRECTIONS):
        answer = _opened(question, timeout)
        location = answer.headers.get("Location") if answer.status in _REDIRECTIONS else None
        if location is None:
            return answer
        url = urllib.parse.urljoin(question.url, location)
        before, after = urllib.parse.urlsplit(question.url), urllib.parse.urlsplit(url)
        if after.scheme not in ("http", "https") or (before.scheme, after.scheme) == ("https", "http"):
            raise OSError(f"it sends askers to {after.scheme}://{after.netloc}")
        authorization = question.authorization if before.netloc == after.netloc else None
        question = _Question(question.method, url, authorization)
    raise OSError("it sends askers round in a circle")


def _opened(question: _Question, timeout: float) -> _Answer:
    request = urllib.request.Request(question.url, data=question.body, method=question.method)
    request.add_header("User-Agent", _AGENT)
    request.add_header("Accept", ", ".join(_MANIFESTS) if "/manifests/" in question.url else "application/json, */*")
    if question.authorization:
        request.add_header("Authorization", question.authorization)
    is_here = is_loopback(urllib.parse.urlsplit(question.url).netloc)
    opener = urllib.request.OpenerDirector()  # every status is an answer; nothing is followed
    for handler in (
        urllib.request.ProxyHandler({} if is_here else None),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
    ):
        opener.add_handler(handler)
    with opener.open(request, timeout=timeout) as response:
        return _Answer(response.status, response.headers, response.read(_LARGEST))


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    return str(getattr(cause, "strerror", None) or cause or type(error).__name__).lower()


def _refusal(at: Address, answer: _Answer) -> ImageTrouble:
    name = f"{at.host}/{at.repository}:{at.tag}"
    said = _said(answer.body)
    if answer.status in (401, 403):
        fact = f"the registry {at.host} does not show `{at.repository}` to this user{said}."
        fix = f"log in with `docker login {at.host}`, or correct the address: many say this of what is not there, too."
        return ImageTrouble(NOT_ALLOWED, fact, fix)
    if answer.status == 404:
        return ImageTrouble(NOT_THERE, f"`{name}` is not in its registry{said}.", "push it, or correct the address.")
    fact = f"the registry {at.host} answers {answer.status} to the question for `{at.repository}`{said}."
    return ImageTrouble(BAD_ANSWER, fact, "look whether the address names a registry.")


def _said(body: bytes) -> str:
    """The message of an answer that follows the specification."""
    try:
        first = json.loads(body)["errors"][0]
        return f" ({str(first.get('message') or first['code']).rstrip('.')})"
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return ""


def _object(at: Address, body: bytes) -> dict[str, Any]:
    found: Any = None
    with suppress(ValueError):
        found = json.loads(body)
    if not isinstance(found, dict):
        fact = f"what the registry {at.host} tells of `{at.repository}` is not JSON."
        raise ImageTrouble(BAD_ANSWER, fact, "look whether the address names a registry.")
    return cast("dict[str, Any]", found)


def google_login() -> Login | None:
    """The credentials that Google's client finds here, where it is installed. Artifact Registry takes such a token."""
    try:
        import google.auth as google_auth
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import Request
    except ImportError:
        return None
    auth: Any = google_auth
    try:
        credentials, _ = auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
        credentials.refresh(Request())
    except GoogleAuthError:
        return None
    return Login("oauth2accesstoken", credentials.token)
