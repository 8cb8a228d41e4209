"""Print, as JSON, what the KFP SDK makes of operations of google-cloud-pipeline-components: component, executor, task,
each in a pipeline of one such step. A process of its own, because one of the modules imports all of Vertex AI.

Argument: JSON, a list of `[module, operation, constants, artifacts]`; artifacts are their classes by input.
"""

import importlib
import json
import sys
import warnings

warnings.simplefilter("ignore")

from google.protobuf import json_format  # noqa: E402
from google_cloud_pipeline_components.types import artifact_types  # noqa: E402
from kfp import dsl  # noqa: E402

PACKAGE = "google_cloud_pipeline_components"


def compiled(operation, constants, artifacts):
    @dsl.component
    def work():
        pass

    @dsl.pipeline(name="one")
    def pipeline():
        given = {
            name: dsl.importer(artifact_uri=f"gs://b/{name}", artifact_class=getattr(artifact_types, kind)).output
            for name, kind in artifacts.items()
        }
        if operation.name == "vertex-pipelines-notification-email":
            with dsl.ExitHandler(operation(**constants)):
                work()
        else:
            operation(**constants, **given)

    return json_format.MessageToDict(pipeline.pipeline_spec)


def parts(spec, operation):
    task = next(task for task in spec["root"]["dag"]["tasks"].values() if task["taskInfo"]["name"] == operation.name)
    component = spec["components"][task["componentRef"]["name"]]
    return {
        "component": component,
        "executor": spec["deploymentSpec"]["executors"][component["executorLabel"]],
        "task": task,
    }


def main(uses):
    found = []
    for module, name, constants, artifacts in uses:
        operation = getattr(importlib.import_module(f"{PACKAGE}.{module}"), name)
        found.append(parts(compiled(operation, constants, artifacts), operation))
    sys.stdout.write(json.dumps(found))


main(json.loads(sys.argv[1]))
