"""Google's own clients: credentials and an address enter, clients and their messages leave.

The only module that imports them, and only when it is asked: they cost half a second of processor time and more, so
nothing but the services that are needed is named here (`google.cloud.aiplatform` itself costs three times as much).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, cast

from hpc.diagnostics import Diagnostic, Rejected, Rule, Span
from hpc.engines.service import NO_CLIENT, NO_CREDENTIALS
from hpc.engines.vertex.place import CALLED

LOGIN = "gcloud auth application-default login"
"""What makes credentials of a person."""

_INSTALL = "pip install 'hydra-pipeline-compiler[vertex]'"
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


@dataclass(frozen=True)
class Login:
    """Credentials as google-auth has them, and the project that they belong to, if they say one."""

    credentials: Any
    project: str


class Clients:
    """The clients of one address. Each is made when it is needed first."""

    def __init__(self, credentials: object, endpoint: str) -> None:
        self._credentials = credentials
        self._endpoint = endpoint

    @property
    def credentials(self) -> object:
        """What the clients show."""
        return self._credentials

    @cached_property
    def pipelines(self) -> Any:
        return self._client("aiplatform_v1", "pipeline_service", "PipelineServiceClient")

    @cached_property
    def schedules(self) -> Any:
        return self._client("aiplatform_v1", "schedule_service", "ScheduleServiceClient")

    @cached_property
    def reruns(self) -> Any:
        """Pipelines again, in the version of the API that can run a part of one again."""
        return self._client("aiplatform_v1beta1", "pipeline_service", "PipelineServiceClient")

    def _client(self, version: str, service: str, name: str) -> Any:
        client = getattr(_imported(f"google.cloud.{version}.services.{service}"), name)
        options = {"api_endpoint": self._endpoint}
        return client(credentials=self._credentials, transport="rest", client_options=options)


def login(environ: Mapping[str, str]) -> Login:
    """The credentials that google-auth finds. Raises Rejected where the library or they are missing."""
    _imported("google.cloud.aiplatform_v1.services.pipeline_service")
    auth = _imported("google.auth")
    errors = _imported("google.auth.exceptions")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found, project = _credentials(auth, environ)
        except (errors.GoogleAuthError, OSError, ValueError, AttributeError, KeyError, TypeError) as error:
            fact = f"Google's credentials are not found: {_said(error)}"
            raise rejected(NO_CREDENTIALS, fact, f"run `{LOGIN}`, or set GOOGLE_APPLICATION_CREDENTIALS") from error
    return Login(found, project or "")


def _said(error: Exception) -> str:
    """What is wrong with credentials, without the causes behind it: those may quote a part of the key."""
    if isinstance(error, OSError):
        return str(error)
    first = str(error.args[0]) if error.args else ""
    is_told = isinstance(error, _imported("google.auth.exceptions").GoogleAuthError)
    return (first.splitlines() or [""])[0] if is_told else "the file of the credentials is not in the form of one"


def _credentials(auth: Any, environ: Mapping[str, str]) -> tuple[Any, str | None]:
    file = environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    return auth.load_credentials_from_file(file, scopes=_SCOPES) if file else auth.default(scopes=_SCOPES)


def message(kind: str, document: Mapping[str, object], version: str = "v1") -> Any:
    """A message of the API, e.g. `PipelineJob`, from the JSON that the API's pages describe.

    Raises Rejected where the installed client does not know a field.
    """
    json_format = _imported("google.protobuf.json_format")
    made = getattr(_imported(f"google.cloud.aiplatform_{version}.types"), kind)()
    try:
        json_format.ParseDict(document, raw(made))
    except json_format.ParseError as error:
        fact = f"the installed client cannot say this: {error}"
        raise rejected(NO_CLIENT, fact, "pip install -U google-cloud-aiplatform") from error
    return made


def document_of(reply: Any) -> dict[str, Any]:
    """A message as JSON, with the names of fields that the API's pages use."""
    return _imported("google.protobuf.json_format").MessageToDict(raw(reply))


def raw(reply: Any) -> Any:
    """The protobuf message under a reply, which is read without the cost of its wrapper; such a message itself."""
    unwrapped = getattr(cast("object", type(reply)), "pb", None)
    return reply if unwrapped is None else unwrapped(reply)


def rejected(rule: Rule, fact: str, fix: str) -> Rejected:
    """One mistake that has no place but the service itself."""
    return Rejected([Diagnostic(rule, Span.of_word(CALLED), fact, fix)])


def _imported(module: str) -> Any:
    """The module. Google's warnings about the versions of Python are not about what is asked here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return import_module(module)
        except ImportError as error:
            fact = f"Google's client is not installed: {error}"
            raise rejected(NO_CLIENT, fact, _INSTALL) from error
