"""What is remembered of runs: one SQLite file for each root folder."""

from hpc.engines.local.store.errors import StoreError, UnknownRunError
from hpc.engines.local.store.writing import Store

__all__ = ["Store", "StoreError", "UnknownRunError"]
