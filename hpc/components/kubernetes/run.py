"""Settings of a whole run on Kubeflow Pipelines: `targets.kfp.pipeline` as PipelineConfig of pipeline_spec.proto."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from hpc.components.fields import Duration, Model, seconds, without_nul
from hpc.components.kubernetes.forms import Quantity


class WorkspaceKubernetes(Model):
    """How the claim of the workspace is made."""

    pvc_spec_patch: Annotated[
        dict[str, Any],
        AfterValidator(without_nul),
        Field(description="fields of PersistentVolumeClaimSpec, in its own spelling, e.g. `{storageClassName: fast}`"),
    ] = {}


class Workspace(Model):
    """A folder that all steps of a run share."""

    size: Annotated[Quantity, Field(description="e.g. 5Gi")]
    kubernetes: Annotated[WorkspaceKubernetes | None, Field(description="how its claim is made")] = None

    def written(self) -> dict[str, Any]:
        """The patch is always there, as `dsl.WorkspaceConfig` writes it."""
        patch = self.kubernetes.pvc_spec_patch if self.kubernetes else {}
        return {"size": self.size, "kubernetes": {"pvcSpecPatch": patch}}


class PipelineConfig(Model):
    """Settings of the whole run on Kubeflow Pipelines."""

    workspace: Annotated[Workspace | None, Field(description="a folder that all steps of a run share")] = None
    ttl: Annotated[Duration | None, Field(description="how long a run is kept in the cluster after its end")] = None
    ttl_on_success: Annotated[Duration | None, Field(description="the same for runs that succeeded")] = None
    ttl_on_failure: Annotated[Duration | None, Field(description="the same for runs that failed")] = None
    timeout: Annotated[Duration | None, Field(description="the longest that the whole run may take")] = None

    def pipeline_config(self) -> dict[str, Any]:
        """The PipelineConfig in protobuf's JSON form, as `dsl.PipelineConfig` compiles to it."""
        durations = {
            "resourceTtlOnCompletion": self.ttl,
            "resourceTtlOnSuccess": self.ttl_on_success,
            "resourceTtlOnFailure": self.ttl_on_failure,
            "activeDeadlineSeconds": self.timeout,
        }
        workspace = {"workspace": self.workspace.written()} if self.workspace else {}
        return {**workspace, **{key: seconds(text) for key, text in durations.items() if text}}
