"""Importers: an artifact that exists already gets its type and metadata; nothing is copied.

The rules are those of backend/src/v2/component/importer_launcher.go. A path or file:// address must exist here, and is
taken as it stands: as with KFP, `%20` is no blank. Any other address is kept; it is asked for its version, which says
when tasks that read it have to run again, and it is copied only for a task whose command holds its path (downloads.py).

`reimport`: the version is asked in every run either way, so content that has changed is always seen. Where nobody
answers, an importer goes by the version that was last seen, or by the address alone; one with `reimport` fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hpc.engines.local.flow.execution import Leaf
from hpc.engines.local.flow.failure import TaskError
from hpc.engines.local.flow.placeholders import fill_constant
from hpc.engines.local.plan import Constant, Importer
from hpc.engines.local.work.downloads import Downloads
from hpc.engines.outcome import Artifact, TaskResult

OUTPUT = "artifact"


async def import_artifact(leaf: Leaf, base: Path, downloads: Downloads) -> TaskResult:
    """The artifact as the importer's only output. Relative paths start at `base`.

    Raises TaskError, or TaskStoppedError where the run is being stopped.
    """
    importer = leaf.task.component.body
    assert isinstance(importer, Importer)
    uri = _address(importer, leaf.inputs.parameters)
    if "://" in uri.removeprefix("file://"):
        await downloads.check(uri, anew=importer.reimport)
    else:
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
