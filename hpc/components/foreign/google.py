"""Operations of Google Cloud: `google/ModelUploadOp` enters, a container that runs on Vertex AI Pipelines leaves.

The files in hpc/components/google are what google-cloud-pipeline-components 2.22.0 compiles, written from that package
by tools/google_components.py. Image, command and arguments stay as they are there, byte for byte: Vertex AI knows many
of these containers and does their work without starting them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hpc.components.foreign.compiled import ports_of
from hpc.components.foreign.containers import ForeignContainer
from hpc.components.foreign.elements import PLACEHOLDER, Text, compiled_elements, expand
from hpc.components.foreign.interface import Interface
from hpc.components.foreign.node import Node
from hpc.components.placeholders import RUN
from hpc.components.types import STRING, nearest

_FOLDER = Path(__file__).parents[1] / "google"
PREFIX = "google/"
EMAIL = "VertexNotificationEmailOp"
WAIT = "WaitGcpResourcesOp"

_ONE_LINE = frozenset({"CustomTrainingJobOp", "HyperparameterTuningJobRunOp", "ModelBatchPredictOp"})
"""Their launchers read the request with `json.loads(payload)`, which takes no line break in a text; the launchers of
the others with `strict=False` (container/v1/*/remote_runner.py of the package)."""
_OF_THE_RUN = ("location", "project")


@dataclass(frozen=True)
class GoogleOperation(ForeignContainer):
    """`name` is that of the package, e.g. `ModelUploadOp`.

    `spliced` are the inputs whose text is put between the quotes of a JSON request as it stands. `takes_lines` tells
    whether such a text may hold line breaks.
    """

    name: str
    spliced: frozenset[str]
    takes_lines: bool

    @property
    def of_the_run(self) -> dict[str, str]:
        """What inputs without a value get: project and region of the run. The package's own region is us-central1."""
        return {name: RUN[name] for name in _OF_THE_RUN if name in self.inputs}

    def breaks_request(self, text: str) -> str:
        """What in a text for a `spliced` input the request cannot hold, in words; empty if it arrives."""
        found = [word for sign, word in (('"', "double quote"), ("\\", "backslash")) if sign in text]
        if not self.takes_lines and re.search(r"[\x00-\x1f]", text):
            found.append("line break or another control character")
        return f"a {' and a '.join(found)}" if found else ""


@cache
def google_names() -> tuple[str, ...]:
    """What `uses` may say, e.g. `google/ModelUploadOp`."""
    return tuple(sorted(f"{PREFIX}{file.stem}" for file in _FOLDER.glob("*.json")))


def google_description(name: str) -> str:
    """What an operation does, in half a sentence."""
    return _content(name)["description"]


def google_operation(name: str) -> GoogleOperation | None:
    """The operation that `uses: name` means; None if there is none of that name."""
    return _read(name) if name in google_names() else None


def nearest_google_name(name: str) -> str | None:
    """The operation that `name` is probably a slip of, be it without `Op`, in snake case or with a version."""
    plain = {_plain(known): known for known in google_names()}
    near = nearest(_plain(name), plain)
    return plain[near] if near else None


def _plain(name: str) -> str:
    words = name.removeprefix(PREFIX).partition("@")[0]
    return re.sub(r"[^a-z0-9]", "", words.lower()).removesuffix("op")


def _content(name: str) -> dict[str, Any]:
    return json.loads((_FOLDER / f"{name.removeprefix(PREFIX)}.json").read_text(encoding="utf-8"))


@cache
def _read(name: str) -> GoogleOperation:
    document = Node(_content(name))
    container, ports = document.at("executor", "container"), ports_of(document.at("component"))
    own = name.removeprefix(PREFIX)
    return GoogleOperation(
        title="",
        description=google_description(name),
        inputs=ports.inputs,
        outputs=ports.outputs,
        ir_names=ports.ir_names,
        image=container.at("image").text(),
        env={},
        resources=None,
        command_elements=_verbatim(container.items_at("command")),
        args_elements=_verbatim(container.items_at("args")),
        name=own,
        spliced=frozenset(_spliced(container.items_at("args"), ports)),
        takes_lines=own not in _ONE_LINE,
    )


def _verbatim(nodes: list[Node]) -> tuple[Text, ...]:
    """IfPresent and Concat stay: Vertex AI words them, and compares the whole with what it knows."""
    return tuple(Text(node.text(), (), node) for node in nodes)


def _spliced(args: list[Node], ports: Interface) -> Iterator[str]:
    for text in expand(compiled_elements(args, ports), frozenset(ports.inputs)):
        if text.startswith("{") and not text.startswith("{{"):
            for match in PLACEHOLDER.finditer(text):
                port = ports.port_called("inputs", match[4]) if match[1] == "inputs" else None
                if port is not None and ports.inputs[port].type == STRING:
                    yield port
