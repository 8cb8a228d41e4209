"""Write hpc/components/google/*.json: operations of google-cloud-pipeline-components, as that package defines them.

`python tools/google_components.py` writes the files from the installed package; with `--check` it writes nothing, names
the files that differ and exits with 1. What goes in is the component and the executor that the KFP SDK compiles for an
operation, without descriptions. Takes some ten seconds: the operation for tuning imports the client of Vertex AI.
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "hpc" / "components" / "google"
PACKAGE = "google_cloud_pipeline_components"
VERSION = "2.22.0"

OPERATIONS = {
    "v1.model": {
        "ModelUploadOp": "registers a model in Vertex AI Model Registry",
        "ModelGetOp": "finds a model of the registry by its name",
        "ModelExportOp": "writes a model of the registry to Cloud Storage or Artifact Registry",
        "ModelDeleteOp": "deletes a model from the registry",
    },
    "v1.endpoint": {
        "EndpointCreateOp": "creates an endpoint for online predictions",
        "EndpointDeleteOp": "deletes an endpoint",
        "ModelDeployOp": "deploys a model of the registry to an endpoint",
        "ModelUndeployOp": "removes a model from an endpoint",
    },
    "v1.batch_predict_job": {
        "ModelBatchPredictOp": "predicts every instance of files or of a BigQuery table",
    },
    "v1.bigquery": {
        "BigqueryQueryJobOp": "runs a query in BigQuery",
        "BigqueryCreateModelJobOp": "trains a BigQuery ML model with a `CREATE MODEL` query",
        "BigqueryEvaluateModelJobOp": "evaluates a BigQuery ML model",
        "BigqueryPredictModelJobOp": "predicts with a BigQuery ML model",
        "BigqueryExportModelJobOp": "exports a BigQuery ML model to Cloud Storage",
    },
    "v1.custom_job": {
        "CustomTrainingJobOp": "runs a CustomJob that is written out in full",
    },
    "v1.hyperparameter_tuning_job": {
        "HyperparameterTuningJobRunOp": "runs a HyperparameterTuningJob that is written out in full",
    },
    "v1.vertex_notification_email": {
        "VertexNotificationEmailOp": "sends an e-mail that says how the run ended",
    },
    "v1.wait_gcp_resources": {
        "WaitGcpResourcesOp": "waits for a job that another step launched, without a container",
    },
}
"""By module, with what each does: the package leaves that out of what it compiles."""


def files() -> Iterator[tuple[str, str]]:
    """The name and the text of every file."""
    from google.protobuf import json_format

    for module, operations in OPERATIONS.items():
        loaded = importlib.import_module(f"{PACKAGE}.{module}")
        for name, description in operations.items():
            compiled = json_format.MessageToDict(getattr(loaded, name).pipeline_spec)
            yield f"{name}.json", _text(compiled, description)


def _text(compiled: dict[str, Any], description: str) -> str:
    (component,) = compiled["components"].values()
    (executor,) = compiled["deploymentSpec"]["executors"].values()
    for side in ("inputDefinitions", "outputDefinitions"):
        for ports in component.get(side, {}).values():
            for port in ports.values():
                port.pop("description", None)
    del component["executorLabel"]
    content = {"description": description, "component": component, "executor": executor}
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def main(words: list[str]) -> int:
    found = version(PACKAGE.replace("_", "-"))
    if found != VERSION:
        sys.stderr.write(f"{PACKAGE} {found} is installed, but the files are those of {VERSION}.\n")
        return 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = dict(files())
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    stale = sorted(name for name in {*wanted, *there} if wanted.get(name) != there.get(name))
    for name in stale:
        sys.stdout.write(f"{name}\n")
        if "--check" not in words:
            (FOLDER / name).unlink(missing_ok=True)
            if name in wanted:
                (FOLDER / name).write_text(wanted[name], encoding="utf-8")
    return 1 if stale and "--check" in words else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
