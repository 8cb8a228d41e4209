"""A killed engine: the run is gone on with, nothing that had ended well runs again, and nothing is left running.

HPC_CRASHES is how often the run of thirty tasks is killed at a random moment; ten times unless it says otherwise.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from crashing import Trial, moments

_TIMES = int(os.environ.get("HPC_CRASHES", "10"))
_LONGEST = 0.8
"""Seconds: about what a run takes from its start to its end. Nothing is wrong where it takes longer."""


@pytest.mark.parametrize("number", range(_TIMES))
def test_a_run_goes_on_after_it_was_killed_at_any_moment(number: int, tmp_path: Path) -> None:
    *_, kills = moments(number + 1, _LONGEST, random.Random(20))
    trial = Trial(tmp_path / "trial")
    for moment in kills:
        trial.kill_after(moment)
    trial.end()
    assert not trial.wrong, kills


@pytest.mark.parametrize("write", [1, 2, 29, 36, 99, 150, 211])
def test_a_run_goes_on_after_it_was_killed_at_a_write_to_its_store(write: int, tmp_path: Path) -> None:
    """Before an odd one, after an even one: between the end of an attempt and that of its task, for example."""
    trial = Trial(tmp_path / "trial")
    trial.kill_at_write(write)
    trial.end()
    assert not trial.wrong


def test_a_run_that_is_killed_again_and_again_comes_to_its_end(tmp_path: Path) -> None:
    trial = Trial(tmp_path / "trial")
    for write in (40, 31, 60, 9):
        trial.kill_at_write(write)
    trial.end()
    assert not trial.wrong
