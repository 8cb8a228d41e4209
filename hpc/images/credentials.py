"""Credentials for registries, as docker keeps them: config.json and credential helpers.

Enters: the environment. Leaves: a user and a password, or a token to be renewed, for a registry. None is ever shown.
https://docs.docker.com/reference/cli/docker/login/#credential-stores
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

_HUB_KEY = "https://index.docker.io/v1/"
_PATIENCE = 60.0


@dataclass(frozen=True)
class Login:
    """`renewal` is a token that stands for user and password."""

    user: str = ""
    password: str = field(default="", repr=False)
    renewal: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """https://www.rfc-editor.org/rfc/rfc7617"""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


class Credentials:
    """Looks up logins when they are asked for, each once. `environ` is the environment of helpers."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._found: dict[str, Login | None] = {}

    def of(self, host: str, repository: str) -> Login | None:
        """The login for a repository of a registry; None if there is none."""
        key = f"{host}/{repository}"
        if key not in self._found:
            self._found[key] = next(self._logins(host, repository), None)
        return self._found[key]

    def _logins(self, host: str, repository: str) -> Iterator[Login]:
        for path in self._files():
            config = _read(path)
            helpers: dict[str, str] = config.get("credHelpers") or {}
            for key in _keys(host):
                helper = helpers.get(key) or config.get("credsStore")
                if helper and (login := self._from_helper(helper, key)):
                    yield login
            auths: dict[str, Any] = config.get("auths") or {}
            for key in (*_narrower(host, repository), *_keys(host)):
                if login := _login(auths.get(key)):
                    yield login

    def _files(self) -> Iterator[Path]:
        """The most particular first: what is set, then docker's, then podman's.

        https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md
        """
        environ = self._environ
        if "REGISTRY_AUTH_FILE" in environ:
            yield Path(environ["REGISTRY_AUTH_FILE"])
        if folder := environ.get("DOCKER_CONFIG"):
            yield Path(folder) / "config.json"
        elif "HOME" in environ:
            yield Path(environ["HOME"]) / ".docker" / "config.json"
        if "XDG_RUNTIME_DIR" in environ:
            yield Path(environ["XDG_RUNTIME_DIR"]) / "containers" / "auth.json"
        else:
            yield Path("/run/containers") / str(os.getuid()) / "auth.json"
        if "XDG_CONFIG_HOME" in environ or "HOME" in environ:
            settings = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", ""), ".config"))
            yield settings / "containers" / "auth.json"

    def _from_helper(self, helper: str, key: str) -> Login | None:
        """https://github.com/docker/docker-credential-helpers#development"""
        try:
            done = subprocess.run(
                [f"docker-credential-{helper}", "get"],
                input=key,
                capture_output=True,
                encoding="utf-8",
                check=True,
                timeout=_PATIENCE,
                env=dict(self._environ),
            )
            found = json.loads(done.stdout)
            user, secret = str(found["Username"]), str(found["Secret"])
        except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
            return None
        if not secret:
            return None
        return Login(renewal=secret) if user == "<token>" else Login(user, secret)


def _read(path: Path) -> dict[str, Any]:
    found: Any = None
    with suppress(OSError, ValueError):
        found = json.loads(path.read_text(encoding="utf-8"))
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _keys(host: str) -> tuple[str, ...]:
    """What configuration files call a registry."""
    if host == "docker.io":
        return _HUB_KEY, "docker.io", "index.docker.io"
    return host, f"https://{host}", f"http://{host}", f"https://{host}/v2/", f"https://{host}/v1/", f"http://{host}/v2/"


def _narrower(host: str, repository: str) -> Iterator[str]:
    """podman keeps logins for parts of a registry too."""
    parts = [host, *repository.split("/")]
    yield from ("/".join(parts[:count]) for count in range(len(parts), 1, -1))


def _login(found: Any) -> Login | None:
    if not isinstance(found, dict):
        return None
    entry = cast("dict[str, Any]", found)
    if token := entry.get("identitytoken"):
        return Login(renewal=str(token))
    try:
        user, colon, password = base64.b64decode(entry.get("auth") or "").decode().partition(":")
    except (binascii.Error, ValueError, TypeError):
        return None
    if colon:
        return Login(user, password.rstrip("\0"))
    return Login(str(entry["username"]), str(entry["password"])) if {"username", "password"} <= entry.keys() else None
