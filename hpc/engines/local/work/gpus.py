"""GPUs of this machine, lent to tasks that reserve some; each task sees its own alone (CUDA_VISIBLE_DEVICES).

A machine with fewer than a task asks for lends what it has: what needs four on a cluster may be tried on one here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

VARIABLE = "CUDA_VISIBLE_DEVICES"


class Gpus:
    """`names` are all that there are, as the variable names them."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.total = len(names)
        self._free = list(names)
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def lent(self, count: int) -> AsyncGenerator[tuple[str, ...]]:
        """So many, or all that there are if there are fewer, once they are free."""
        wanted = min(count, self.total)
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._free) >= wanted)
            taken, self._free = self._free[:wanted], self._free[wanted:]
        try:
            yield tuple(taken)
        finally:
            async with self._changed:
                self._free = sorted([*self._free, *taken])
                self._changed.notify_all()


def gpus_here(environ: Mapping[str, str], devices: Path = Path("/dev")) -> tuple[str, ...]:
    """Those that the environment allows, else those that the driver shows as /dev/nvidia<number>."""
    if VARIABLE in environ:
        return tuple(name.strip() for name in environ[VARIABLE].split(",") if name.strip() not in {"", "-1"})
    numbers = (file.name.removeprefix("nvidia") for file in devices.glob("nvidia[0-9]*"))
    return tuple(str(number) for number in sorted(int(text) for text in numbers if text.isdigit()))
