"""Published pipelines: a compiled text enters and is a version of the pipeline of its name, documents leave.

A version is called by the digest of its text, so that the same text twice is one version. A tag of a version is a key
of its `tags` (Kubeflow Pipelines 2.17 and later); its value is the time when it was given, and of several versions with
the same tag the last one has it: so a tag moves in one request, whatever becomes of the others.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from hpc.diagnostics import Rejected
from hpc.engines.kfp.calls import Answer, Calls, Creation
from hpc.engines.kfp.places import UUID, Places, said
from hpc.engines.kfp.requests import inner_spec
from hpc.engines.kfp.trouble import refuse
from hpc.engines.service import NOT_OFFERED, NOT_THERE, REFUSED, Package, Published

_LARGEST = 32 * 2**20
"""Bytes of an upload (backend/src/apiserver/server/pipeline_upload_server.go)."""

_LONGEST_TAG = 63
_MOST_TAGS = 20
"""Of a version (backend/src/apiserver/common/tag_validation.go); a dot in a tag is refused there too."""


class KfpPackages:
    """The published pipelines of one namespace."""

    def __init__(self, calls: Calls, places: Places) -> None:
        self._calls = calls
        self._places = places

    def publish(self, package: Package) -> Published:
        """Keep a compiled pipeline, once. Raises Rejected."""
        self._check(package)
        pipeline = self._places.pipeline(package.name) or self._made_pipeline(package)
        name = _version_name(package.text)
        there = self._version(pipeline, name)
        version = there or self._made_version(pipeline, name, package)
        return self._shown(self._tagged(version, package.tags), package.name, is_new=there is None)

    def tag(self, address: str, tags: Sequence[str]) -> Published:
        """Move tags to the version at an address. Raises Rejected."""
        self._check_tags(tags)
        version = self._tagged(self._places.version(address), tags)
        return self._shown(version, address.partition("/")[0], is_new=False)

    def published(self, address: str) -> tuple[Mapping[str, Any], Mapping[str, Any] | None]:
        """The documents of a published pipeline. Raises Rejected where there is none."""
        document: Mapping[str, Any] = self._places.version(address).get("pipeline_spec") or {}
        platform: Mapping[str, Any] | None = document.get("platform_spec")
        return inner_spec(document), platform

    def _check(self, package: Package) -> None:
        if package.repository is not None:
            fact = "Kubeflow Pipelines keeps published pipelines itself, and knows no repositories"
            raise refuse(NOT_OFFERED, self._calls.where, fact, "leave the repository out")
        if len(package.text.encode()) > _LARGEST:
            fact = f"the compiled pipeline is larger than the {_LARGEST:,} bytes that Kubeflow Pipelines takes"
            raise refuse(REFUSED, self._calls.where, fact, "make the pipeline smaller")
        self._check_tags(package.tags)

    def _check_tags(self, tags: Sequence[str]) -> None:
        for tag in tags:
            if UUID.fullmatch(tag) or not 0 < len(tag) <= _LONGEST_TAG or set("./") & set(tag):
                fact = f"Kubeflow Pipelines does not take {tag!r} as a tag"
                fix = f"use 1 to {_LONGEST_TAG} letters, digits and dashes, e.g. {_better(tag)}"
                raise refuse(REFUSED, self._calls.where, fact, fix)

    def _made_pipeline(self, package: Package) -> str:
        described = package.description or None
        body = said({"display_name": package.name, "description": described, "namespace": self._places.namespace})
        creation = Creation("/pipelines", body, f"publish {package.name}", lambda: self._pipeline(package.name))
        return str(self._calls.once(creation)[0]["pipeline_id"])

    def _pipeline(self, name: str) -> Answer | None:
        found = self._places.pipeline(name)
        return None if found is None else {"pipeline_id": found}

    def _version(self, pipeline: str, name: str) -> Answer | None:
        return next(iter(self._places.versions(pipeline, name)), None)

    def _made_version(self, pipeline: str, name: str, package: Package) -> Answer:
        with tempfile.TemporaryDirectory(prefix="hpc-") as folder:
            file = Path(folder, f"{package.name}.yaml")  # JSON is YAML; the server goes by the ending
            file.write_text(package.text, encoding="utf-8")
            creation = Creation(
                "/pipelines/upload_version",
                {},
                f"publish {package.name}",
                lambda: self._version(pipeline, name),
                file=str(file),
                query={"name": name, "pipelineid": pipeline, "description": package.description},
            )
            return self._calls.once(creation)[0]

    def _tagged(self, version: Answer, tags: Sequence[str]) -> Answer:
        if not tags:
            return version
        now = f"{datetime.now(timezone.utc):%Y%m%dT%H%M%S.%fZ}"
        after = {**_tags(version), **dict.fromkeys(tags, now)}
        path = f"/pipelines/{version['pipeline_id']}/versions/{version['pipeline_version_id']}"
        name = version["display_name"]
        if len(after) > _MOST_TAGS:
            fact = f"the version {name} would have {len(after)} tags; Kubeflow Pipelines keeps at most {_MOST_TAGS}"
            raise refuse(REFUSED, self._calls.where, fact, "use one of the tags that it has, or publish a new version")
        try:
            self._calls.patch(path, f"tag the version {name}", {"tags": after})
        except Rejected as error:
            if error.diagnostics[0].rule is not NOT_THERE:
                raise
            fact = f"the version {name} is published, but this Kubeflow Pipelines has no tags"
            fix = "leave --tag out; the version's own name names it too. Tags need Kubeflow Pipelines 2.17 or later"
            raise refuse(NOT_OFFERED, self._calls.where, fact, fix) from None
        return {**version, "tags": after}

    def _shown(self, version: Answer, pipeline: str, *, is_new: bool) -> Published:
        """Of its tags those that no other version was given later."""
        others = self._places.versions(str(version["pipeline_id"]))
        own, rest = _tags(version), [_tags(one) for one in others]
        tags = sorted(tag for tag, value in own.items() if all(value >= one.get(tag, "") for one in rest))
        name, page = str(version["display_name"]), f"{self._places.door.pages}/#/pipelines/details/"
        link = f"{page}{version['pipeline_id']}/version/{version['pipeline_version_id']}"
        return Published(f"{pipeline}/{name}", name, tags, link, is_new)


def _version_name(text: str) -> str:
    return f"sha256-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _better(tag: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", tag).strip("-")[:_LONGEST_TAG] or "prod"


def _tags(version: Answer) -> Mapping[str, str]:
    return version.get("tags") or {}
