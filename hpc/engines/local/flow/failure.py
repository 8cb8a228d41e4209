"""Why a task failed, as an exception inside the engine; outside it becomes a field of the result."""

from __future__ import annotations

from pathlib import Path


class TaskError(Exception):
    """A task cannot go on. The text is shown to the user as it is.

    `again`: a new attempt may help. `log`: where to look when that is not the attempt's own log.
    """

    def __init__(
        self, text: str, *, exit_code: int | None = None, again: bool = False, log: Path | None = None
    ) -> None:
        super().__init__(text)
        self.exit_code = exit_code
        self.again = again
        self.log = log


class TaskStoppedError(Exception):
    """The task ended because the run is being stopped."""
