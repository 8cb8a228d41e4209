"""Names that hpc makes for runs of services: two runs that start in one second have two."""

from __future__ import annotations

import secrets
import time

_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


def name_tail(now: float) -> str:
    """What follows the name of a pipeline: `-20261120083000-x7q2`, of seconds since the epoch, in UTC."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(4))
    return f"-{time.strftime('%Y%m%d%H%M%S', time.gmtime(now))}-{letters}"
