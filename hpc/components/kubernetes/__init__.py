"""The `kfp:` extras: fields of Kubernetes on accelerators, components and steps, and the settings of a whole run.

Field types for the models of the language, and functions on their JSON. Few files have these blocks, so the models
behind the types (`extras.py`, `run.py`) are imported when the first one is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from hpc.components.kubernetes.config import merged_config, with_deadline, with_secret_env
from hpc.components.kubernetes.late import Late

if TYPE_CHECKING:
    from hpc.components.kubernetes.extras import KubernetesExtras
    from hpc.components.kubernetes.run import PipelineConfig
else:
    KubernetesExtras = Annotated[Any, Late(f"{__name__}.extras", "KubernetesExtras")]
    PipelineConfig = Annotated[Any, Late(f"{__name__}.run", "PipelineConfig")]

__all__ = ["KubernetesExtras", "Late", "PipelineConfig", "merged_config", "with_deadline", "with_secret_env"]
