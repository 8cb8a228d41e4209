"""Texts that Kubernetes takes only in one form: names, keys, labels, paths and quantities, as annotated types.

A text of another form raises HPC103, a quantity HPC107: the cluster would refuse the pod, long after compiling. The
forms are those of https://kubernetes.io/docs/concepts/overview/working-with-objects/names/, …/labels/ and
https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, StrictStr, WithJsonSchema

from hpc.components.fields import problem, text_schema
from hpc.components.types import did_you_mean


@dataclass(frozen=True)
class _Form:
    """What a text must look like, how messages call it, and what they advise."""

    pattern: str
    longest: int
    what: str
    advice: str

    def __call__(self, text: str) -> str:
        if len(text) > self.longest:
            fact = f"`{text[:20]}…` is {len(text)} characters long; {self.what} has at most {self.longest}."
            raise problem("HPC103", fact, "shorten it.")
        if not re.fullmatch(self.pattern, text):
            raise problem("HPC103", f"`{text}` is not {self.what}.", f"{self.advice}.")
        return text

    @property
    def schema(self) -> dict[str, Any]:
        return text_schema(self.pattern, maxLength=self.longest)


_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_WORD = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"

_OBJECT_NAME = _Form(
    _SUBDOMAIN, 253, "the name of a Kubernetes object", "use a-z, 0-9, `-` and `.`, a letter or digit at both ends"
)
_STORAGE_CLASS = _Form(rf"(?:{_SUBDOMAIN})?", 253, "the name of a StorageClass", _OBJECT_NAME.advice)
_VOLUME_NAME = _Form(_LABEL, 63, "the name of a volume", "use a-z, 0-9 and `-`, a letter or digit at both ends")
_DATA_KEY = _Form(r"[-._a-zA-Z0-9]+", 253, "a key of a Secret or ConfigMap", "use letters, digits, `-`, `_` and `.`")
_LABEL_KEY = _Form(
    rf"(?:{_SUBDOMAIN}/)?{_WORD}",
    317,
    "a key of a label",
    "write e.g. `team` or `example.com/team`: letters, digits, `-`, `_` and `.`, at most 63 after the `/`",
)
_LABEL_VALUE = _Form(
    rf"(?:{_WORD})?", 63, "a value of a label", "use letters, digits, `-`, `_` and `.`, a letter or digit at both ends"
)
_ENV_NAME = _Form(
    r"[-._a-zA-Z][-._a-zA-Z0-9]*",
    1024,
    "the name of an environment variable",
    "use letters, digits and `_`, a letter first",
)
_MOUNT_PATH = _Form(r"/[^:\0]*", 4096, "a path to mount at", "write an absolute path without `:`, e.g. `/mnt/data`")
_SUB_PATH = _Form(
    r"(?!/)(?!(?:[^\0]*/)?\.\.(?:/|$))[^\0]*", 4096, "a path inside a volume", "write a relative path without `..`"
)
_FIELD_PATH = _Form(
    r"metadata\.(?:name|namespace|uid)|metadata\.(?:labels|annotations)\['[^'\0]+'\]"
    r"|spec\.(?:nodeName|serviceAccountName)|status\.(?:hostIPs?|podIPs?)",
    512,
    "a field of a pod that a variable can take",
    "write e.g. `metadata.name`, `metadata.labels['team']`, `spec.nodeName` or `status.podIP`",
)
_MEDIUM = _Form(
    r"Memory|HugePages(?:-[1-9][0-9]*[KMG]i)?",
    63,
    "a medium",
    "write `Memory`, `HugePages` or `HugePages-2Mi`, or leave it out for the disk of the node",
)

ObjectName = Annotated[StrictStr, AfterValidator(_OBJECT_NAME), WithJsonSchema(_OBJECT_NAME.schema)]
VolumeName = Annotated[StrictStr, AfterValidator(_VOLUME_NAME), WithJsonSchema(_VOLUME_NAME.schema)]
StorageClass = Annotated[StrictStr, AfterValidator(_STORAGE_CLASS), WithJsonSchema(_STORAGE_CLASS.schema)]
DataKey = Annotated[StrictStr, AfterValidator(_DATA_KEY), WithJsonSchema(_DATA_KEY.schema)]
LabelKey = Annotated[StrictStr, AfterValidator(_LABEL_KEY), WithJsonSchema(_LABEL_KEY.schema)]
LabelValue = Annotated[StrictStr, AfterValidator(_LABEL_VALUE), WithJsonSchema(_LABEL_VALUE.schema)]
LABELS_SCHEMA = {
    "type": "object",
    "propertyNames": _LABEL_KEY.schema,
    "additionalProperties": _LABEL_VALUE.schema,
}
EnvName = Annotated[StrictStr, AfterValidator(_ENV_NAME), WithJsonSchema(_ENV_NAME.schema)]
MountPath = Annotated[StrictStr, AfterValidator(_MOUNT_PATH), WithJsonSchema(_MOUNT_PATH.schema)]
SubPath = Annotated[StrictStr, AfterValidator(_SUB_PATH), WithJsonSchema(_SUB_PATH.schema)]
FieldPath = Annotated[StrictStr, AfterValidator(_FIELD_PATH), WithJsonSchema(_FIELD_PATH.schema)]
Medium = Annotated[StrictStr, AfterValidator(_MEDIUM), WithJsonSchema(_MEDIUM.schema)]

_ACCESS_MODES = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")


def _access_mode(text: str) -> str:
    if text not in _ACCESS_MODES:
        raise problem("HPC103", f"`{text}` is not a way to use a volume.", did_you_mean(text, _ACCESS_MODES))
    return text


AccessMode = Annotated[
    StrictStr, AfterValidator(_access_mode), WithJsonSchema({"type": "string", "enum": [*_ACCESS_MODES]})
]

_QUANTITY = r"(?=[0-9.]*[1-9])[0-9]{1,15}(?:\.[0-9]{1,9})?(?:[KMGTPE]i|[kMGTPE])?"
_OTHER_UNITS = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kmgtpe])(i?)b?", re.ASCII | re.IGNORECASE)


def _quantity(value: object) -> str:
    text = str(value)
    if isinstance(value, str) and re.fullmatch(_QUANTITY, text):
        return text
    number = re.match(r"[1-9][0-9]*", text)
    example = f"{number[0] if number else 5}Gi"
    other = _OTHER_UNITS.fullmatch(text)
    if other and float(other[1]) > 0:
        prefix = other[2].upper() if other[3] else other[2].upper().replace("K", "k")
        example = f"{other[1]}{prefix}{other[3].lower()}"
    fix = f"write a number and a unit without a space, e.g. `{example}` (Ki, Mi, Gi, Ti or k, M, G, T)."
    raise problem("HPC107", f"`{text}` is not a size of Kubernetes.", fix)


Quantity = Annotated[str, BeforeValidator(_quantity), WithJsonSchema(text_schema(_QUANTITY))]
"""A positive number of bytes, e.g. `5Gi`. The driver of Kubeflow Pipelines stops at one that it cannot read."""
