"""A program with Python Fire that writes down what it was given to the file SEEN."""

import json
import os
from pathlib import Path

import fire
from fire.decorators import SetParseFns


def take(**given):
    Path(os.environ["SEEN"]).write_text(ascii(given))


@SetParseFns(flag=json.loads, text=str)
def own(flag, text):
    """What reads its own arguments gets them as they were pasted."""
    take(flag=flag, text=text)


if __name__ == "__main__":
    fire.Fire({"take": take, "own": own})
