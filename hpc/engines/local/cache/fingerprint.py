"""What a task's result depends on, to a fingerprint: two tasks with the same one have the same result.

How often it is tried, how long it may take and what it may use of the machine are not part of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from hpc.engines.local.cache.contents import storable
from hpc.engines.local.plan import Container, Interface
from hpc.engines.values import as_json

_LONGEST = 200
_BEGINNING = 60
_SECRET = b"secret of a task\0"


@dataclass(frozen=True)
class Ingredients:
    """All that goes into a result. `outputs` is the component's interface; its name alone changes nothing.

    `artifacts` are digests of what the inputs hold (`contents.artifacts_digest`), `secrets` the values themselves by
    the task's variables, `source` the digest of its source tree, `environment` a text for interpreter and packages,
    `image` one for the image; the last is empty where the task runs as a process.
    """

    component: str
    container: Container
    outputs: Interface
    inputs: Mapping[str, object] = field(default_factory=dict[str, object])
    artifacts: Mapping[str, str] = field(default_factory=dict[str, str])
    secrets: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    source: str = ""
    environment: str = ""
    image: str = ""
    mode: str = "process"


def parts(of: Ingredients, key: str = "") -> dict[str, str]:
    """Each ingredient by its name, as a short text or a digest: "input lr" to "0.1".

    No secret is in it, and no lone surrogate. A custom `key` takes the place of everything but the component's name.
    """
    if key:
        return {"component": storable(of.component), "key": storable(key)}
    found = {
        "mode": of.mode,
        "command": _short([of.container.command, of.container.args]),
        "outputs": _short(_types(of.outputs)),
        **({"metric": _short(of.container.settings.tuning.metric)} if of.container.settings.tuning else {}),
        **{f"input {name}": _short(value) for name, value in sorted(of.inputs.items())},
        **{f"artifact {name}": digest for name, digest in sorted(of.artifacts.items())},
        **{f"env {name}": _short(value) for name, value in sorted(of.container.environ.items())},
        **{f"secret {name}": _secret(value) for name, value in sorted(of.secrets.items())},
        "source": of.source,
        "environment": of.environment,
        "image": of.image,
    }
    return {storable(name): storable(text) for name, text in found.items()}


def fingerprint(of: Mapping[str, str]) -> str:
    """One digest of all parts, 64 hex digits; their order does not matter."""
    return hashlib.sha256(json.dumps(dict(of), sort_keys=True).encode()).hexdigest()


def _types(outputs: Interface) -> list[object]:
    return [
        {name: port.kind for name, port in outputs.parameters.items()},
        {name: [port.schema_title, port.is_list] for name, port in outputs.artifacts.items()},
    ]


def _short(value: object) -> str:
    """JSON as a task would see it: 1 and 1.0 are the same there. A long one is its digest and its beginning."""
    text = storable(as_json(value))
    if len(text) <= _LONGEST:
        return text
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()} {text[:_BEGINNING]}"


def _secret(value: str) -> str:
    """The prefix keeps it from being found in a list of digests of common passwords."""
    return hashlib.sha256(_SECRET + value.encode("utf-8", "surrogatepass")).hexdigest()[:16]
