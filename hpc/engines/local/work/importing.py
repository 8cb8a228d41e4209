"""Importers: an artifact that exists already gets its type and metadata; nothing is copied.

The rules are those of backend/src/v2/component/importer_launcher.go. A path or file:// address must exist here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hpc.engines.local.flow.execution import Leaf
from hpc.engines.local.flow.failure import TaskError
from hpc.engines.local.flow.placeholders import fill_constant
from hpc.engines.local.plan import Constant, Importer
from hpc.engines.outcome import Artifact, TaskResult

OUTPUT = "artifact"


def import_artifact(leaf: Leaf, base: Path) -> TaskResult:
    """The artifact as the importer's only output. Relative paths start at `base`. Raises TaskError."""
    importer = leaf.task.component.body
    assert isinstance(importer, Importer)
    uri = _address(importer, leaf.inputs.parameters)
    if "://" not in uri.removeprefix("file://"):
        path = (base / uri.removeprefix("file://")).absolute()
        if not path.exists():
            raise TaskError(f"there is nothing to import at {path}")
        uri = str(path)
    given = leaf.inputs.parameters
    metadata = {key: fill_constant(value, given, leaf.names) for key, value in importer.metadata.items()}
    artifact = Artifact(OUTPUT, uri, importer.schema_title, importer.schema_version, metadata)
    return TaskResult("SUCCEEDED", "importer", artifacts={OUTPUT: (artifact,)})


def _address(importer: Importer, parameters: Mapping[str, object]) -> str:
    uri = importer.uri.value if isinstance(importer.uri, Constant) else parameters.get(importer.uri.name)
    if not isinstance(uri, str) or not uri:
        raise TaskError("the importer has no address")
    return uri
