"""hpc, the Hydra Pipeline Compiler: one YAML file in, KFP IR that Hydra apps understand out.

The public names are loaded when they are first used, so that `import hpc` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hpc.version import __version__

if TYPE_CHECKING:
    from hpc.compiler import Choice, Compiled, compile
    from hpc.compiler.targets import TARGETS, Target
    from hpc.diagnostics import Diagnostic, Rejected, Source

_HOMES = {
    "Choice": "hpc.compiler",
    "Compiled": "hpc.compiler",
    "Diagnostic": "hpc.diagnostics",
    "Rejected": "hpc.diagnostics",
    "Source": "hpc.diagnostics",
    "TARGETS": "hpc.compiler.targets",
    "Target": "hpc.compiler.targets",
    "compile": "hpc.compiler",
}

__all__ = ["TARGETS", "Choice", "Compiled", "Diagnostic", "Rejected", "Source", "Target", "__version__", "compile"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'hpc' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
