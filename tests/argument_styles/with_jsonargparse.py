"""A program with jsonargparse that writes down what it was given, by the types that PORTS tells, to the file SEEN.

All parameters are those of a class, in the group `g`, as Lightning CLI makes one of a model. MODE is `yaml`, which is
what jsonargparse and Lightning CLI take if nothing is said, or `json`.
"""

import dataclasses
import json
import os
from pathlib import Path

from jsonargparse import ArgumentParser

TYPES = {
    "string": str,
    "Model": str,
    "optional": str | None,
    "int": int,
    "float": float,
    "bool": bool,
    "dict": dict,
    "list<string>": list[str],
    "list<Model>": list[str],
    "list<int>": list[int],
    "list<float>": list[float],
    "list<bool>": list[bool],
    "list<dict>": list[dict],
}

ports = json.loads(os.environ["PORTS"])
Group = dataclasses.make_dataclass("Group", [(name, TYPES[kind]) for name, kind in ports.items()])
parser = ArgumentParser(parser_mode=os.environ.get("MODE", "yaml"))
parser.add_class_arguments(Group, "g")
given = parser.parse_args().g
Path(os.environ["SEEN"]).write_text(ascii({name: getattr(given, name) for name in ports}))
