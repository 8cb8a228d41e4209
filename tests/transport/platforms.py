"""What platforms put in the place of placeholders: the words of a command and a task's values enter, an argv leaves.

`launcher` and `driver` are models of the open-source backend: the launcher in the pod replaces everything; since 2.17
the driver replaces parameters before it, with Go's `%g` for numbers. `kfp_local` and `hpc_run` are the real code of
kfp.local and of `hpc run`. `TEXTS` are the models of one value each, by its kind; the tests hold them against
`hpc run`, kfp.local and what was seen on the platforms. `on_kubernetes` adds what Kubernetes does to `$`.
"""

# kfp is only partly typed, and JSON values are `Any` here.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from hpc.engines.local.flow.placeholders import Context, expand
from hpc.engines.outcome import Artifact

POD = {"KFP_POD_NAME": "pod-7", "EMPTY": "", "DOLLAR": "$$"}
"""Variables of the container, which Kubernetes knows."""


@dataclass(frozen=True)
class Task:
    """A task that starts: the ParameterType, parameter values and artifact paths by the names of its inputs."""

    words: Sequence[str]
    component: Mapping[str, Any]
    parameters: Mapping[str, Any]
    artifacts: Mapping[str, str] = field(default_factory=dict[str, str])
    root: str = "/gcs/bucket/my runs, [a]=b"

    def kind(self, name: str) -> str:
        written: str = self.component["inputDefinitions"]["parameters"][name]["parameterType"]
        return written.replace("NUMBER_", "").replace("TASK_FINAL_STATUS", "STRUCT")

    def outputs(self, kind: str) -> dict[str, str]:
        """Paths of outputs by name; `kind` is `parameters` or `artifacts`."""
        declared = self.component.get("outputDefinitions", {}).get(kind, {})
        return {name: f"{self.root}/{name}" for name in declared}


Platform = Callable[[Task], "list[str]"]


# ---------------------------------------------------------------- the text of one value


def go_number(value: float) -> str:
    """Go's FormatFloat(v, 'f', -1, 64): the shortest digits, never an exponent."""
    text = format(Decimal(repr(float(value))), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def go_json_number(value: float) -> str:
    size = abs(value)
    if size == 0 or 1e-6 <= size < 1e21:
        return go_number(value)
    mantissa, exponent = repr(float(value)).split("e")
    return f"{mantissa}e{int(exponent):+d}"


def go_json(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, (int, float)):
        return go_json_number(value)
    if isinstance(value, list):
        return "[" + ",".join(map(go_json, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{go_json(key)}:{go_json(value[key])}" for key in sorted(value)) + "}"
    return re.sub("[<>&\u2028\u2029]", lambda m: f"\\u{ord(m[0]):04x}", json.dumps(value, ensure_ascii=False))


def go_shortest(value: float) -> str:
    """Go's %g: the shortest digits, with an exponent below 1e-4 and from 1e6."""
    number = Decimal(repr(float(value))).normalize()
    if value == 0 or -4 <= number.adjusted() < 6:
        return go_number(value)
    sign, (first, *rest), _ = number.as_tuple()
    fraction = "." + "".join(map(str, rest)) if rest else ""
    return f"{'-' * sign}{first}{fraction}e{number.adjusted():+03d}"


def launcher_text(kind: str, value: Any) -> str:
    if kind in ("STRING", "PATH"):
        return value
    return go_number(value) if kind in ("INTEGER", "DOUBLE") else go_json(value)


def driver_text(kind: str, value: Any) -> str:
    if kind == "INTEGER":
        return str(value) if abs(value) < 2**63 else go_shortest(value)
    return go_shortest(value) if kind == "DOUBLE" else launcher_text(kind, value)


def local_text(kind: str, value: Any) -> str:
    if kind in ("STRING", "PATH"):
        return value
    if kind == "DOUBLE":
        return repr(float(value))
    return json.dumps(as_floats(value) if kind in ("LIST", "STRUCT") else value)


def as_floats(value: Any) -> Any:
    if isinstance(value, list):
        return [as_floats(item) for item in value]
    if isinstance(value, dict):
        return {key: as_floats(item) for key, item in value.items()}
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


Text = Callable[[str, Any], str]
TEXTS: list[Text] = [launcher_text, driver_text, local_text]


# ---------------------------------------------------------------- the words of a command

_INPUT = re.compile(r"\{\{\$\.inputs\.parameters\['([^']*)'\]\}\}")
_ARTIFACT = re.compile(r"\{\{\$\.inputs\.artifacts\['([^']*)'\]\.(?:path|uri)\}\}")
_OUTPUT = re.compile(r"\{\{\$\.outputs\.(parameters|artifacts)\['([^']*)'\]\.(?:path|uri|output_file)\}\}")


def launcher(task: Task) -> list[str]:
    """In the pod, every word but the first, which it forgets."""

    def replaced(word: str) -> str:
        word = _INPUT.sub(lambda found: launcher_text(task.kind(found[1]), task.parameters[found[1]]), word)
        word = _ARTIFACT.sub(lambda found: task.artifacts[found[1]], word)
        return _OUTPUT.sub(lambda found: task.outputs(found[1])[found[2]], word)

    return [task.words[0], *map(replaced, task.words[1:])]


def driver(task: Task) -> list[str]:
    """Parameters in every word that names no output, and then the launcher for the rest."""
    return launcher(replace(task, words=_driven(task)))


def _driven(task: Task) -> list[str]:
    def replaced(word: str) -> str:
        if "$.outputs" in word:
            return word
        return _INPUT.sub(lambda found: driver_text(task.kind(found[1]), task.parameters[found[1]]), word)

    return list(map(replaced, task.words))


def kfp_local(task: Task) -> list[str]:
    """The code of kfp.local, from the message that it makes of a task's inputs."""
    from google.protobuf import json_format
    from kfp.local.executor_input_utils import executor_input_to_dict
    from kfp.local.placeholder_utils import replace_placeholders
    from kfp.pipeline_spec import pipeline_spec_pb2 as pb

    def artifacts(paths: Mapping[str, str]) -> dict[str, Any]:
        return {name: {"artifacts": [{"uri": path}]} for name, path in paths.items()}

    files = {name: {"outputFile": path} for name, path in task.outputs("parameters").items()}
    said = {
        "inputs": {"parameterValues": dict(task.parameters), "artifacts": artifacts(task.artifacts)},
        "outputs": {"parameters": files, "artifacts": artifacts(task.outputs("artifacts")), "outputFile": "/out"},
    }
    component = json_format.ParseDict(dict(task.component), pb.ComponentSpec())
    known = executor_input_to_dict(json_format.ParseDict(said, pb.ExecutorInput()), component)
    return replace_placeholders(list(task.words), known, "pipeline", "task", task.root, "1")


def hpc_run(task: Task) -> list[str]:
    """The code of `hpc run`."""
    known = Context(
        parameters=task.parameters,
        input_artifacts={name: (Artifact(name, path, "system.Dataset"),) for name, path in task.artifacts.items()},
        output_files={name: Path(path) for name, path in task.outputs("parameters").items()},
        output_artifacts={
            name: Artifact(name, path, "system.Model") for name, path in task.outputs("artifacts").items()
        },
        output_file=Path("/out"),
        run={},
    )
    return expand(tuple(task.words), known)


PLATFORMS: dict[str, Platform] = {"kfp.local": kfp_local, "launcher": launcher, "driver": driver, "hpc run": hpc_run}


# ---------------------------------------------------------------- Vertex AI: steps that are CustomJobs

_ANY = re.compile(r"\{\{\$(.*?)(\.json_escape\[1\])?\}\}")
_PLACES = re.compile(r"\.(inputs|outputs)\.(parameters|artifacts)\['([^']*)'\](?:\.(?:path|uri|output_file))?")


def custom_job(task: Task) -> list[str]:
    """What the first machine of a CustomJob starts: a model of the service, and the launcher's own steps.

    The service replaces every placeholder in the launcher's arguments, and escapes what it puts in where that is asked
    for. The launcher reads its payload twice, first with `json.loads` (container/v1/custom_job/remote_runner.py).
    """
    [payload] = [word for flag, word in zip(task.words, task.words[1:], strict=False) if flag == "--payload"]
    job = json.loads(vertex_text(payload, task))["job_spec"]
    container = job["worker_pool_specs"][0]["container_spec"]
    return [*container.get("command", []), *container.get("args", [])]


def vertex_text(word: str, task: Task) -> str:
    """The word with values in place of placeholders."""

    def replaced(found: re.Match[str]) -> str:
        value = _vertex_value(found[1], task)
        return json.dumps(value)[1:-1] if found[2] else value

    return _ANY.sub(replaced, word)


def _vertex_value(inner: str, task: Task) -> str:
    place = _PLACES.fullmatch(inner)
    if place is None:
        return f"<{inner}>"
    side, kind, name = place.groups()
    if side == "outputs":
        return task.outputs(kind)[name]
    return task.artifacts[name] if kind == "artifacts" else launcher_text(task.kind(name), task.parameters[name])


# ---------------------------------------------------------------- Kubernetes


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """What Kubernetes makes of a word of a container's command: third_party/forked/golang/expansion, one pass.

    `$$` is `$`, `$(NAME)` the variable or, where there is none, itself; anything else stays.
    """

    def one(found: re.Match[str]) -> str:
        return "$" if found[1] is None else variables.get(found[1], found[0])

    return re.sub(r"\$(?:\$|\(([^)]*)\))", one, text, flags=re.DOTALL)


def launcher_on_kubernetes(task: Task) -> list[str]:
    """The launcher gets values as JSON in an argument, which Kubernetes has changed, as it has the words."""
    values = json.loads(expanded(json.dumps(dict(task.parameters), ensure_ascii=False), POD))
    artifacts = json.loads(expanded(json.dumps(dict(task.artifacts), ensure_ascii=False), POD))
    words = [expanded(word, POD) for word in task.words]
    return launcher(replace(task, words=words, parameters=values, artifacts=artifacts))


def driver_on_kubernetes(task: Task) -> list[str]:
    """What the driver has replaced stands in the words of the pod."""
    return launcher_on_kubernetes(replace(task, words=_driven(task)))


ON_KUBERNETES: dict[str, tuple[Platform, Platform]] = {
    "launcher": (launcher, launcher_on_kubernetes),
    "driver": (driver, driver_on_kubernetes),
}
"""A platform without and with Kubernetes."""
