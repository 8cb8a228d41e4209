"""Names and digests: of runs, of labels, of requests."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, cast

from hpc.engines.run_names import name_tail

DIGEST_LABEL = "hpc-digest"
SCHEDULE_LABEL = "hpc-schedule"
BILLING_LABEL = "vertex-ai-pipelines-run-billing-id"
"""Set by Vertex AI itself; a run that is to be run again is named by it."""

RESERVED_LABELS = (DIGEST_LABEL, SCHEDULE_LABEL, BILLING_LABEL)

RUN_NAME = re.compile(r"[a-z][-a-z0-9]{0,126}")
ANY_RUN = re.compile(r"[A-Za-z0-9][\w-]*", re.ASCII)
"""What may name a run that somebody else has made; with anything else the address would be another one."""

PIPELINE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")

_LONGEST_NAME = 127
_LONGEST_LABEL = 63
_DIGEST = 32
_AGAIN = re.compile(r"-r(\d+)$")


def run_name(pipeline: str, now: float) -> str:
    """The name of a pipeline as a run may have it, with a tail of its own."""
    tail = name_tail(now)
    start = re.sub(r"[^a-z0-9-]+", "-", pipeline.lower()).strip("-")
    start = start if start[:1].isalpha() else f"run-{start}".rstrip("-")
    return start[: _LONGEST_NAME - len(tail)] + tail


def numbered(run: str) -> tuple[str, int]:
    """The name without `-r<n>`, and the number that the next one may have."""
    found = _AGAIN.search(run)
    return (run[: found.start()], int(found.group(1)) + 1) if found else (run, 1)


def name_again(base: str, number: int) -> str:
    tail = f"-r{number}"
    return base[: _LONGEST_NAME - len(tail)] + tail


def label_value(text: str) -> str:
    """The text as a label may hold it."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower())[:_LONGEST_LABEL]


def label_trouble(name: str, value: str) -> str:
    """What is wrong with a label, or nothing."""
    if name in RESERVED_LABELS:
        return f"the label {name} is not yours to set"
    for text, what in ((name, "name"), (value, "value")):
        if len(text) > _LONGEST_LABEL:
            return f"the {what} of the label {name} is longer than {_LONGEST_LABEL}"
        if text != text.lower() or not re.fullmatch(r"[\w-]*", text):
            return f"the {what} of the label {name} has other characters than lowercase letters, digits, _ and -"
    return "" if name[:1].isalpha() else f"the name of the label {name or repr(name)} does not begin with a letter"


def digest_of(document: object) -> str:
    """The same for documents that mean the same: 5 and 5.0 are one number to the service."""
    text = json.dumps(plain(document), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]


def plain(value: object) -> object:
    """The value as it comes back from the service: whole numbers are integers."""
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in cast("Mapping[Any, object]", value).items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in cast("list[object]", value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value
