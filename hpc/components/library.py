"""The library: hpc files that come with hpc, one component each, named `std/<name>@<version>`.

What is published under a version keeps its ports for good; a change of ports is a new version.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "std"
_PREFIX = "std/"

LIBRARY_IMAGE = "std"
"""The image that entries run in; one of this name in the pipeline file takes the place of their own."""


@cache
def library_names() -> tuple[str, ...]:
    """What `uses` may say, e.g. `std/notify_slack@1`."""
    return tuple(sorted(f"{_PREFIX}{file.stem}" for file in _FOLDER.glob("*.yaml")))


def library_text(name: str) -> str | None:
    """The file of an entry; None if there is none of that name."""
    if name not in library_names():
        return None
    return (_FOLDER / f"{name.removeprefix(_PREFIX)}.yaml").read_text(encoding="utf-8")


def component_of(name: str) -> str:
    """The component in the file of an entry: `notify_slack` for `std/notify_slack@1`."""
    return name.removeprefix(_PREFIX).partition("@")[0]
