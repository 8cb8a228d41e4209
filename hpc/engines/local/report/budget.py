"""How much may still be written: keeps a report at a size that a browser opens at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from markupsafe import escape

LIMITS = {"values": 4_000_000, "logs": 6_000_000, "artifacts": 9_000_000}
"""Bytes of escaped text, by what it is. What else a report holds is bounded by the number of its rows."""


@dataclass
class Budget:
    """`left` shrinks with everything that is taken; `refused` counts what found no room."""

    left: dict[str, int] = field(default_factory=lambda: dict(LIMITS))
    refused: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LIMITS, 0))

    def take(self, kind: str, text: str) -> bool:
        """Whether there is room for the text, which is then taken."""
        needed = len(str(escape(text)).encode("utf-8", "replace"))
        if needed > self.left[kind]:
            self.refused[kind] += 1
            return False
        self.left[kind] -= needed
        return True
