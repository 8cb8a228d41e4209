"""The other services that a client of pipelines asks, as far as it does: tokens, projects, enabled services, buckets.

Each has a prefix of its own at the same address: `/token`, `/resourcemanager`, `/serviceusage`, `/storage`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from vertex_errors import ApiError, invalid

if TYPE_CHECKING:
    from vertex_server import Server

Json = dict[str, Any]
_PATHS = {
    "oauth.token": ("POST", re.compile(r"/token")),
    "projects.get": ("GET", re.compile(r"/resourcemanager/v[13]/projects/([^/]+)")),
    "services.list": ("GET", re.compile(r"/serviceusage/v1/projects/([^/]+)/services")),
    "services.get": ("GET", re.compile(r"/serviceusage/v1/projects/([^/]+)/services/([^/]+)")),
    "buckets.get": ("GET", re.compile(r"/storage/v1/b/([^/]+)")),
    "buckets.testIamPermissions": ("GET", re.compile(r"/storage/v1/b/([^/]+)/iam/testPermissions")),
}
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass
class Neighbours:
    """What they know. `buckets` has the permissions on each bucket; `accounts` may ask for tokens."""

    project: str
    project_number: str
    location: str
    services: set[str] = field(default_factory=lambda: {"aiplatform.googleapis.com", "storage.googleapis.com"})
    buckets: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    accounts: set[str] = field(default_factory=set[str])
    tokens: set[str] = field(default_factory=set[str])

    def method_of(self, verb: str, path: str) -> str | None:
        """The method that a path asks for; None where it is none of them."""
        return next((name for name, (wanted, form) in _PATHS.items() if wanted == verb and form.fullmatch(path)), None)

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Json:
        """Raises ApiError."""
        match = _PATHS[method][1].fullmatch(path)
        assert match
        if method == "oauth.token":
            return self._token(str(body))
        if method.startswith("buckets."):
            return self._bucket(method, match[1], query)
        if match[1] not in (self.project, self.project_number):
            text = f"The caller does not have permission on project {match[1]!r} (or it may not exist)."
            raise ApiError("PERMISSION_DENIED", text)
        return self._project() if method == "projects.get" else self._service(*match.groups()[1:])

    def _token(self, body: str) -> Json:
        """A token for a service account that shows a signed statement of who it is."""
        form = {key: values[0] for key, values in parse_qs(body).items()}
        if form.get("grant_type") != _GRANT or form.get("assertion", "").count(".") != 2:
            raise invalid("invalid_grant: a signed JWT is needed.")
        issuer = _issuer(form["assertion"])
        if issuer not in self.accounts:
            raise ApiError("UNAUTHENTICATED", f"invalid_grant: account {issuer!r} is not known.")
        token = f"token-{len(self.tokens) + 1}"
        self.tokens.add(token)
        return {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}

    def knows(self, token: str) -> bool:
        """Whether a token was given here, or is the signed statement of a known account, as Google's clients send."""
        return token in self.tokens or (token.count(".") == 2 and _issuer(token) in self.accounts)

    def _project(self) -> Json:
        own = {"projectId": self.project, "displayName": self.project, "state": "ACTIVE"}
        return {**own, "name": f"projects/{self.project_number}", "projectNumber": self.project_number}

    def _service(self, name: str | None = None) -> Json:
        if name is None:
            return {"services": [self._enabled(one, True) for one in sorted(self.services)]}
        return self._enabled(name, name in self.services)

    def _enabled(self, name: str, is_enabled: bool) -> Json:
        full = f"projects/{self.project_number}/services/{name}"
        return {"name": full, "config": {"name": name}, "state": "ENABLED" if is_enabled else "DISABLED"}

    def _bucket(self, method: str, name: str, query: Mapping[str, str]) -> Json:
        if name not in self.buckets:
            raise ApiError("NOT_FOUND", "The specified bucket does not exist.")
        if method == "buckets.get":
            own = {"name": name, "id": name, "projectNumber": self.project_number}
            return {"kind": "storage#bucket", **own, "location": self.location.upper(), "locationType": "region"}
        asked = query.get("permissions", "").split(",")
        granted = [one for one in asked if one in self.buckets[name]]
        return {"kind": "storage#testIamPermissionsResponse", **({"permissions": granted} if granted else {})}


def _issuer(statement: str) -> str:
    """Who a JWT says it is of; its signature is not looked at."""
    claims = statement.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))).get("iss", "")


def service_account_file(folder: Path, server: Server, name: str = "runner") -> Path:
    """A key file of a made-up service account whose tokens the server gives."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    email = f"{name}@{server.project}.iam.gserviceaccount.com"
    content = {
        "type": "service_account",
        "project_id": server.project,
        "private_key_id": "0123456789abcdef",
        "private_key": pem,
        "client_email": email,
        "client_id": "1",
        "token_uri": f"{server.endpoint}/token",
    }
    server.neighbours.accounts.add(email)
    file = folder / f"{name}.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return file
