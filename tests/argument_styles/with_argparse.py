"""A program with argparse that writes down what it was given, by the types that PORTS tells, to the file SEEN."""

import argparse
import json
import os
from pathlib import Path

READERS = {"int": int, "float": float, "string": str}

parser = argparse.ArgumentParser()
for name, kind in json.loads(os.environ["PORTS"]).items():
    if kind.startswith("list<Model"):
        parser.add_argument(f"--{name}", nargs="+")
    else:
        parser.add_argument(f"--{name}", type=READERS.get(kind, json.loads))
given = vars(parser.parse_args())
Path(os.environ["SEEN"]).write_text(ascii(given))
