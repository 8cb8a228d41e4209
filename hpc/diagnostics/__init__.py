"""Mistakes as values, and how they are shown. The lowest floor: it knows nothing of hpc's language."""

from hpc.diagnostics.diagnostic import Diagnostic, Path, Place, Rejected, Rule, located, reading_order
from hpc.diagnostics.source import Source, Span

__all__ = ["Diagnostic", "Path", "Place", "Rejected", "Rule", "Source", "Span", "located", "reading_order"]
