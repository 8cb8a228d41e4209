"""Published pipelines of Vertex AI: packages in a repository of Artifact Registry that has the format KFP.

A compiled pipeline enters, an address leaves that names exactly this text; and back. The protocol is that of
kfp.registry.RegistryClient: the text is sent to the repository's own host and read from there, tags are resources of
the API of Artifact Registry. A version is called after the sha256 of its text, and never changes; tags are moved.
Vertex AI reads such an address itself (PipelineJob.templateUri).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hpc.diagnostics import Source
from hpc.engines.documents import Documents, documents
from hpc.engines.service import NO_PLACE, NOT_OFFERED, NOT_THERE, REFUSED, Pace, Package, Published
from hpc.engines.vertex.asking import Asker, Exists
from hpc.engines.vertex.clients import rejected
from hpc.engines.vertex.rest import Answer, sent, session, well
from hpc.engines.vertex.trouble import Asked

_API = "https://artifactregistry.googleapis.com/v1"
_REPOSITORY = re.compile(r"https://([a-z0-9-]+)-kfp\.pkg\.dev/([^/\s]+)/([^/\s]+)")
_FORM = "https://<region>-kfp.pkg.dev/<project>/<repository>"
_VERSION = re.compile(r"sha256:[0-9a-f]{64}")
_TAG = re.compile(r"[A-Za-z0-9_][\w.-]{0,127}")
_MISSING = (404,)


@dataclass(frozen=True)
class Repository:
    """A repository that keeps pipelines. `location` is a region, or a large place such as `us`."""

    location: str
    project: str
    name: str

    @classmethod
    def of(cls, address: str | None) -> Repository:
        """Raises Rejected for what is not the address of one."""
        found = _REPOSITORY.fullmatch((address or "").rstrip("/"))
        if found is None:
            fact = f"{address} is not a repository of pipelines" if address else "no repository for pipelines is said"
            raise rejected(NO_PLACE, fact, f"write `targets.vertex.packages: {_FORM}`, or give it with --to")
        return cls(*found.groups())

    @property
    def address(self) -> str:
        return f"https://{self.location}-kfp.pkg.dev/{self.project}/{self.name}"

    @property
    def resource(self) -> str:
        return f"projects/{self.project}/locations/{self.location}/repositories/{self.name}"


@dataclass(frozen=True)
class Kept:
    """A version of a package; `version` is its digest, or a tag."""

    repository: Repository
    package: str
    version: str

    @classmethod
    def at(cls, address: str) -> Kept:
        """Raises Rejected for what is not the address of a version."""
        rest, _, version = address.rstrip("/").rpartition("/")
        folder, _, package = rest.rpartition("/")
        if not _REPOSITORY.fullmatch(folder) or not package or not (_VERSION.fullmatch(version) or _is_tag(version)):
            fact = f"{address} is not the address of a published pipeline"
            raise rejected(NO_PLACE, fact, f"write {_FORM}/<pipeline>/<tag>, or what `hpc publish` printed")
        return cls(Repository.of(folder), package, version)

    @property
    def is_exact(self) -> bool:
        return _VERSION.fullmatch(self.version) is not None

    @property
    def address(self) -> str:
        return f"{self.repository.address}/{self.package}/{self.version}"

    @property
    def resource(self) -> str:
        return f"{self.repository.resource}/packages/{self.package}/versions/{self.version}"

    def tag(self, name: str) -> str:
        """The resource of a tag of the same package."""
        return f"{self.repository.resource}/packages/{self.package}/tags/{name}"


class Templates:
    """Publishes and reads pipelines with the credentials of one account. All of it raises Rejected."""

    def __init__(self, credentials: object, pace: Pace) -> None:
        self._credentials = credentials
        self._asker = Asker(pace)

    def publish(self, package: Package) -> Published:
        """Keep the text, and move the tags to it. The same text again is the same version."""
        repository = Repository.of(package.repository)
        _check_tags(package.tags)
        if documents(Source(package.name, package.text))[1] is not None:
            fact = f"{package.name} has a PlatformSpec beside the pipeline, which Vertex AI does not take"
            raise rejected(NOT_OFFERED, fact, "compile it for vertex")
        digest = hashlib.sha256(package.text.encode()).hexdigest()
        kept = Kept(repository, package.name, f"sha256:{digest}")
        is_new = self._text(kept) is None
        if is_new:
            kept = self._uploaded(kept, package.text)
        self._move(kept, package.tags)
        return Published(kept.address, kept.version, tuple(package.tags), is_new=is_new)

    def tag(self, address: str, tags: Sequence[str]) -> Published:
        """What is at an address, by its digest, with these tags moved to it. Without tags nothing changes."""
        _check_tags(tags)
        kept = self._exact(Kept.at(address))
        self._move(kept, tags)
        return Published(kept.address, kept.version, tuple(tags), is_new=False)

    def fetch(self, address: str) -> Documents:
        """The compiled documents at an address."""
        kept = Kept.at(address)
        text = self._text(kept)
        if text is None:
            raise _not_there(kept)
        return documents(Source(address, text))

    # ------------------------------------------------------------ requests

    def _text(self, kept: Kept) -> str | None:
        asked = Asked(f"read {kept.address}", "artifactregistry.repositories.downloadArtifacts")
        answer = self._ask(asked, "GET", kept.address, missing=True)
        return answer.text if answer else None

    def _uploaded(self, kept: Kept, text: str) -> Kept:
        """What the text is kept as. Sent again it is the same version, so a lost answer does no harm."""
        where = kept.repository.address
        permission = "artifactregistry.repositories.uploadArtifacts"
        asked = Asked(f"publish {kept.package} in {where}", permission, where, creates=True)
        files = {"content": (f"{kept.package}.yaml", text.encode(), "application/x-yaml")}
        try:
            answer = self._ask(asked, "POST", where, files=files)
        except Exists as exists:
            if self._text(kept) is not None:
                return kept
            raise exists.trouble.rejected() from None
        name, _, version = (answer.text.strip() if answer else "").rpartition("/")
        if not name or not _VERSION.fullmatch(version):
            fact = f"{where} does not answer as a repository of pipelines does"
            raise rejected(REFUSED, fact, "look whether the repository has the format KFP")
        return Kept(kept.repository, name, version)

    def _exact(self, kept: Kept) -> Kept:
        """The same by its digest."""
        resource = kept.resource if kept.is_exact else kept.tag(kept.version)
        found = self._resource(f"look for {kept.address}", "versions" if kept.is_exact else "tags", resource)
        if found is None:
            raise _not_there(kept)
        return kept if kept.is_exact else Kept(kept.repository, kept.package, _last(found["version"]))

    def _move(self, kept: Kept, tags: Sequence[str]) -> None:
        for tag in tags:
            found = self._resource(f"look for the tag {tag}", "tags", kept.tag(tag))
            if found is None:
                self._create_tag(kept, tag)
            elif _last(str(found.get("version", ""))) != kept.version:
                self._update_tag(kept, tag)

    def _create_tag(self, kept: Kept, tag: str) -> None:
        asked = Asked(f"set the tag {tag}", "artifactregistry.tags.create", kept.address, creates=True)
        folder = kept.tag(tag).rpartition("/")[0]
        body = {"name": "", "version": kept.resource}
        try:
            self._ask(asked, "POST", f"{_API}/{folder}", params={"tagId": tag}, json=body)
        except Exists:
            self._update_tag(kept, tag)

    def _update_tag(self, kept: Kept, tag: str) -> None:
        asked = Asked(f"move the tag {tag}", "artifactregistry.tags.update", kept.address)
        body = {"name": kept.tag(tag), "version": kept.resource}
        self._ask(asked, "PATCH", f"{_API}/{kept.tag(tag)}", params={"updateMask": "version"}, json=body)

    def _resource(self, what: str, kind: str, resource: str) -> Mapping[str, Any] | None:
        answer = self._ask(Asked(what, f"artifactregistry.{kind}.get"), "GET", f"{_API}/{resource}", missing=True)
        return answer.body if answer else None

    def _ask(self, asked: Asked, method: str, url: str, *, missing: bool = False, **what: Any) -> Answer | None:
        """The answer; None for what is not there, where that may be. Raises Exists for a name that is taken."""

        def send() -> Answer | None:
            response = sent(self._session, method, url, **what)
            return None if missing and response.status_code in _MISSING else well(response)

        return self._asker.ask(asked, send)

    @cached_property
    def _session(self) -> Any:
        return session(self._credentials)


def _check_tags(tags: Sequence[str]) -> None:
    for tag in tags:
        if not _is_tag(tag):
            fact = f"`{tag}` cannot be a tag: use letters, digits, `.`, `_` and `-`, at most 128"
            raise rejected(REFUSED, fact, "choose another name")


def _is_tag(text: str) -> bool:
    return _TAG.fullmatch(text) is not None


def _not_there(kept: Kept) -> Exception:
    fix = f"look at `gcloud artifacts versions list --package={kept.package} --repository={kept.repository.name} "
    fix += f"--location={kept.repository.location} --project={kept.repository.project}`"
    return rejected(NOT_THERE, f"{kept.address} is not there", fix)


def _last(resource: str) -> str:
    return resource.rpartition("/")[2]


__all__ = ["Kept", "Repository", "Templates"]
