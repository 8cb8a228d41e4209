"""A program with sacred that writes down what it was given, below the key `g`, to the file SEEN."""

import os
from pathlib import Path

from sacred import SETTINGS, Experiment

SETTINGS.CAPTURE_MODE = "no"
experiment = Experiment("probe", save_git_info=False)
experiment.add_config(g={"there": {"before": 1}})
experiment.add_named_config("variant", g={"variant": True})


@experiment.main
def take(g):
    Path(os.environ["SEEN"]).write_text(ascii({name: plain(value) for name, value in g.items()}))


def plain(value):
    """sacred hands out lists and dicts of its own, which cannot be changed."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


if __name__ == "__main__":
    experiment.run_commandline()
