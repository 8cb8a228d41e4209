"""The folder that holds all runs and the store."""

from __future__ import annotations

from pathlib import Path


def make_root(root: Path) -> None:
    """Make `<root>` and `<root>/runs`, which git ignores. OSError if that cannot be."""
    if not root.exists():  # another run may be making it in this very moment
        root.mkdir(parents=True, exist_ok=True)
        (root / ".gitignore").write_text("*\n", "utf-8")
    (root / "runs").mkdir(exist_ok=True)
