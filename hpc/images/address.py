"""Addresses of images, taken apart as docker does: `registry/repository:tag@digest`."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

_HUB = "docker.io"
_HUB_API = "registry-1.docker.io"


@dataclass(frozen=True)
class Address:
    """`host` with its port; `repository` is the path in the registry. An address without a tag means `latest`."""

    host: str
    repository: str
    tag: str
    digest: str = ""

    @property
    def reference(self) -> str:
        """What the registry is asked for."""
        return self.digest or self.tag

    @property
    def api(self) -> str:
        """Where the registry answers: in the clear only on this machine."""
        host = _HUB_API if self.host == _HUB else self.host
        return f"{'http' if self.is_loopback else 'https'}://{host}"

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.host)

    @property
    def is_google(self) -> bool:
        """Whether Google's own credentials are good there."""
        return self.host.endswith(".pkg.dev") or self.host == "gcr.io" or self.host.endswith(".gcr.io")


def parsed(text: str) -> Address:
    """https://pkg.go.dev/github.com/distribution/reference#ParseNormalizedNamed"""
    name, _, digest = text.partition("@")
    first, slash, rest = name.partition("/")
    has_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    host, path = (first, rest) if has_host else (_HUB, name)
    if host == "index.docker.io":
        host = _HUB
    folder, slash, last = path.rpartition("/")
    last, _, tag = last.partition(":")
    repository = f"{folder}{slash}{last}"
    if host == _HUB and "/" not in repository:
        repository = f"library/{repository}"
    return Address(host, repository, tag or "latest", digest)


def is_loopback(host: str) -> bool:
    """Whether a host, perhaps with a port, is this machine."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
