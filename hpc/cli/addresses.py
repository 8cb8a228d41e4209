"""What a command is told to act on: a file, or the address of a published pipeline, which is kept as it is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

_MARK = "://"
_OF_KFP = "kfp://"
_PACKAGES = re.compile(r"https://(?P<location>[a-z0-9-]+)-kfp\.pkg\.dev/(?P<project>[^/]+)/")
_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]+")


@dataclass(frozen=True)
class Address:
    """Where a service keeps a pipeline, as `hpc publish` printed it."""

    text: str

    def __str__(self) -> str:
        return self.text

    @property
    def service(self) -> str:
        """The service that keeps it: an address of Kubeflow Pipelines has a scheme of its own."""
        return "kfp" if self.text.startswith(_OF_KFP) else "vertex"

    @property
    def place(self) -> dict[str, str]:
        """The project and, where it is one, the region that the address tells."""
        found = _PACKAGES.match(self.text)
        if found is None:
            return {}
        region = {"region": found["location"]} if _REGION.fullmatch(found["location"]) else {}
        return {"project": found["project"], **region}

    @property
    def own(self) -> str:
        """What the service itself calls it."""
        return self.text.removeprefix(_OF_KFP)

    @classmethod
    def of(cls, service: str, own: str) -> Address:
        """What a service calls so, as a word of a command line."""
        return cls(f"{_OF_KFP}{own}" if service == "kfp" else own)

    def on(self, service: str | None) -> str:
        """The service that is asked. Raises UsageError for one that cannot know the address."""
        if service not in (None, self.service):
            raise click.UsageError(f"{self} is kept by the other service: --on {self.service}.")
        return self.service


class FileOrAddress(click.Path):
    """A path, or an Address for what has `://` in it: a path would make one slash of the two."""

    name = "file or address"

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and _MARK in value:
            return Address(value)
        return super().convert(value, param, ctx)
