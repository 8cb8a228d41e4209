"""Artifact Registry with repositories of the format KFP, as kfp.registry.RegistryClient knows it.

Rules: a version is called by the sha256 of what was uploaded; a package by `pipelineInfo.name`; a tag names one version
of a package and can be moved (https://github.com/kubeflow/pipelines/issues/7382, and the API's discovery document).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any

import yaml
from vertex_errors import ApiError, invalid

_HOST = re.compile(r"([a-z0-9-]+)-kfp\.pkg\.dev")
_RESOURCE = re.compile(r"/v1/projects/([^/]+)/locations/([^/]+)/repositories/([^/]+)(/.*)?")
_VERSION = re.compile(
    r"projects/[^/]+/locations/[^/]+/repositories/[^/]+/packages/([^/]+)/versions/(sha256:[0-9a-f]{64})"
)


@dataclass
class Kept:
    """A package: texts by digest, and digests by tag."""

    versions: dict[str, bytes] = field(default_factory=dict[str, bytes])
    tags: dict[str, str] = field(default_factory=dict[str, str])


@dataclass
class ArtifactRegistry:
    """Repositories by `location/project/name`, with their formats. `strict`: what is there cannot be uploaded again."""

    formats: dict[str, str] = field(default_factory=lambda: {"us-central1/ml-dev/pipelines": "KFP"})
    packages: dict[str, Kept] = field(default_factory=dict[str, Kept])
    strict: bool = False

    def knows(self, host: str) -> bool:
        return bool(_HOST.fullmatch(host)) or host == "artifactregistry.googleapis.com"

    def answer(self, method: str, host: str, path: str, query: dict[str, str], content: Any) -> Any:
        """JSON, or bytes that are not. `content` is (content type, body). Raises ApiError."""
        found = _HOST.fullmatch(host)
        if found:
            return self._files(method, found[1], path.strip("/").split("/"), *content)
        resource = _RESOURCE.fullmatch(path)
        if resource is None:
            raise ApiError("NOT_FOUND", "no such method")
        project, location, name, rest = resource.groups()
        form = self._format(f"{location}/{project}/{name}")
        start = f"projects/{project}/locations/{location}/repositories/{name}"
        if not rest:
            return {"name": start, "format": form}
        return self._resource(method, start, rest, query, content[1])

    def _format(self, repository: str) -> str:
        if repository not in self.formats:
            raise ApiError("NOT_FOUND", f"Requested entity was not found: {repository}")
        return self.formats[repository]

    # ------------------------------------------------------------ the host of the files

    def _files(self, method: str, location: str, parts: list[str], kind: str, body: bytes) -> bytes:
        if self._format(f"{location}/{parts[0]}/{parts[1]}") != "KFP":
            raise invalid("the repository has another format")
        if method == "POST" and len(parts) == 2:
            return self._upload(kind, body)
        if method == "GET" and len(parts) == 4:
            kept = self.packages.get(parts[2], Kept())
            digest = kept.tags.get(parts[3], parts[3])
            if digest not in kept.versions:
                raise ApiError("NOT_FOUND", f"version {parts[3]} was not found")
            return kept.versions[digest]
        raise invalid("no such method")

    def _upload(self, kind: str, body: bytes) -> bytes:
        message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
        parts = {str(part.get_param("name", header="content-disposition")): part for part in message.get_payload()}
        unknown = parts.keys() - {"content", "tags"}
        if unknown or "content" not in parts:
            raise invalid(f"the form has the fields {sorted(parts)}")
        content = parts["content"].get_payload(decode=True)
        documents = list(yaml.safe_load_all(content))
        if len(documents) != 1 or "pipelineInfo" not in documents[0]:
            raise invalid("content is not one PipelineSpec")
        name, digest = documents[0]["pipelineInfo"]["name"], f"sha256:{hashlib.sha256(content).hexdigest()}"
        kept = self.packages.setdefault(name, Kept())
        if self.strict and digest in kept.versions:
            raise ApiError("ALREADY_EXISTS", f"the version {digest} already exists")
        kept.versions[digest] = content
        tags = parts["tags"].get_payload(decode=True).decode().split(",") if "tags" in parts else []
        kept.tags.update(dict.fromkeys(tags, digest))
        return f"{name}/{digest}".encode()

    # ------------------------------------------------------------ the API

    def _resource(self, method: str, start: str, path: str, query: dict[str, str], body: Any) -> Any:
        kind, name, *rest = [*path.strip("/").split("/"), ""]
        if kind != "packages" or name not in self.packages:
            raise ApiError("NOT_FOUND", f"Requested entity was not found: {path}")
        kept, full = self.packages[name], f"{start}/packages/{name}"
        collection, key = rest[0], rest[1] if len(rest) > 1 else ""
        if method == "GET" and collection == "versions" and key in kept.versions:
            return {"name": f"{full}/versions/{key}"}
        if collection != "tags":
            raise ApiError("NOT_FOUND", f"Requested entity was not found: {path}")
        if method == "POST" and not key:
            return self._create(kept, full, query.get("tagId", ""), body)
        if key not in kept.tags:
            raise ApiError("NOT_FOUND", f"Requested entity was not found: {path}")
        if method == "PATCH":
            if query.get("updateMask") != "version":
                raise invalid("updateMask must be version")
            kept.tags[key] = self._meant(kept, body)
        return {"name": f"{full}/tags/{key}", "version": f"{full}/versions/{kept.tags[key]}"}

    def _create(self, kept: Kept, full: str, tag: str, body: Any) -> Any:
        if not tag:
            raise invalid("tagId is missing")
        if tag in kept.tags:
            raise ApiError("ALREADY_EXISTS", f"the tag {tag} already exists")
        kept.tags[tag] = self._meant(kept, body)
        return {"name": f"{full}/tags/{tag}", "version": f"{full}/versions/{kept.tags[tag]}"}

    def _meant(self, kept: Kept, body: Any) -> str:
        found = _VERSION.fullmatch(str(body.get("version", "")))
        if found is None or found[2] not in kept.versions:
            raise invalid(f"{body.get('version')!r} is not a version of this package")
        return found[2]
