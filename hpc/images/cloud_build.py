"""Cloud Build through its REST API: the source goes to a bucket, a build is started and followed to its end.

https://cloud.google.com/build/docs/api/reference/rest/v1/projects.locations.builds. Google's client library is only
needed for credentials and is imported when a connection is made.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import secrets
import tarfile
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, cast
from urllib.parse import quote

from hpc.images.builders import Held, Tell
from hpc.images.findings import BUILD_FAILED, CLOUD_BUILD_REFUSED, NO_CLOUD_BUILD, ImageTrouble
from hpc.images.recipe import LABEL, Recipe, entries, ignore_file_names

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_DOCKER = "gcr.io/cloud-builders/docker"
_DOCKERFILE = ".hpc.Dockerfile"
_ENDED = {"SUCCESS", "FAILURE", "INTERNAL_ERROR", "TIMEOUT", "CANCELLED", "EXPIRED"}
_PASSING = {408, 429, 500, 502, 503, 504}
_LINES_KEPT = 20
_TIMEOUT = "7200s"


@dataclass(frozen=True)
class CloudPlace:
    """Where builds run and where their source goes: `folder` is `gs://bucket/path`. An empty project is that of the
    credentials.
    """

    project: str
    region: str
    folder: str


@dataclass(frozen=True)
class Endpoints:
    """Where Google's services answer."""

    builds: str = "https://cloudbuild.googleapis.com"
    storage: str = "https://storage.googleapis.com"


@dataclass(frozen=True)
class CloudPace:
    """Seconds between looks at a build; before each further try of a request; for one answer."""

    poll: float = 2.0
    waits: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0)
    timeout: float = 60.0


class CloudBuilder:
    """A builder that needs nothing on this machine. What it builds is in the registry at once."""

    name = "cloud-build"
    pushes_itself = True

    def __init__(
        self,
        session: Any,
        place: CloudPlace,
        endpoints: Endpoints | None = None,
        pace: CloudPace | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._session = session
        self._place = place
        self._endpoints = endpoints or Endpoints()
        self._pace = pace or CloudPace()
        self._sleep = sleep

    def held(self, address: str) -> Held | None:
        del address
        return None

    def push(self, address: str, tell: Tell) -> str:
        raise NotImplementedError("Cloud Build pushes what it builds")

    def build(self, recipe: Recipe, digest: str, fresh: Sequence[str], tell: Tell, *, anew: bool) -> str:
        del fresh  # nothing is kept there from build to build
        with tempfile.TemporaryFile() as file:
            name = _packed(recipe, file)
            source = self._uploaded(file, name, tell)
        request = build_request(recipe, digest, source, anew=anew)
        build = self._started(request)
        tell(f"build {build['id']} in {self._place.project}, log: {build.get('logUrl', 'none')}")
        try:
            return self._followed(recipe, build, tell)
        except KeyboardInterrupt:
            self._ask("POST", f"{self._builds}/{build['id']}:cancel", json={})
            raise

    # ------------------------------------------------------------ source

    def _uploaded(self, file: IO[bytes], name: str, tell: Tell) -> Mapping[str, str]:
        """The source in the bucket, named by its content: what is there already is not sent again."""
        bucket, _, folder = self._place.folder.removeprefix("gs://").partition("/")
        key = "/".join(part for part in (folder.strip("/"), ".hpc/build", name) if part)
        url = f"{self._endpoints.storage}/upload/storage/v1/b/{quote(bucket, safe='')}/o"
        tell(f"source {file.seek(0, io.SEEK_END):,} bytes -> gs://{bucket}/{key}")
        query = {"uploadType": "media", "name": key, "ifGenerationMatch": "0"}
        answer = self._sent(
            "POST", url, params=query, data=_Rewound(file), headers={"Content-Type": "application/gzip"}
        )
        if answer.status_code not in (200, 412):
            raise self._refusal(answer, f"the bucket gs://{bucket}")
        return {"bucket": bucket, "object": key}

    # ------------------------------------------------------------ build

    @property
    def _builds(self) -> str:
        place = f"projects/{quote(self._place.project)}/locations/{quote(self._place.region)}"
        return f"{self._endpoints.builds}/v1/{place}/builds"

    def _started(self, request: dict[str, Any]) -> dict[str, Any]:
        """One build, also where the answer to the first request was lost: a tag tells whether it is there."""
        tag = f"hpc-{secrets.token_hex(8)}"
        body = {**request, "tags": [tag]}
        for wait in (*self._pace.waits, None):
            answer = self._once("POST", self._builds, json=body)
            if answer is not None and answer.status_code not in _PASSING:
                return self._read(answer, "Cloud Build")["metadata"]["build"]
            if wait is None:
                raise self._silence(answer)
            self._sleep(wait)
            found = self._ask("GET", self._builds, params={"filter": f'tags="{tag}"'}).get("builds")
            if found:
                return found[0]
        raise AssertionError("the last wait is None")

    def _followed(self, recipe: Recipe, build: dict[str, Any], tell: Tell) -> str:
        log = _Log(self, build, tell)
        while build["status"] not in _ENDED:
            self._sleep(self._pace.poll)
            build = self._ask("GET", f"{self._builds}/{build['id']}")
            log.read(build)
        log.read(build)
        if build["status"] != "SUCCESS":
            raise _failure(recipe, build, log.end)
        results: dict[str, list[dict[str, str]]] = build.get("results") or {}
        digest = next((one["digest"] for one in results.get("images") or [] if one["name"] == recipe.address), "")
        if not digest:
            fact = f"Cloud Build does not say what it pushed as `{recipe.address}`."
            raise ImageTrouble(CLOUD_BUILD_REFUSED, fact, "run `hpc lock`.", log.end)
        return digest

    # ------------------------------------------------------------ requests

    def log_part(self, bucket: str, name: str, start: int) -> Any:
        """The bytes of a log from `start` on, as an answer; None where nobody answers."""
        url = f"{self._endpoints.storage}/storage/v1/b/{quote(bucket, safe='')}/o/{quote(name, safe='')}"
        return self._once("GET", url, params={"alt": "media"}, headers={"Range": f"bytes={start}-"})

    def _ask(self, method: str, url: str, **given: Any) -> dict[str, Any]:
        return self._read(self._sent(method, url, **given), "Cloud Build")

    def _read(self, answer: Any, what: str) -> dict[str, Any]:
        if answer.status_code != 200:
            raise self._refusal(answer, what)
        return cast("dict[str, Any]", answer.json())

    def _sent(self, method: str, url: str, **given: Any) -> Any:
        """An answer, asked for again while it may come to be another. Only for what can be asked twice."""
        answer: Any = None
        for wait in (*self._pace.waits, None):
            answer = self._once(method, url, **given)
            if answer is not None and answer.status_code not in _PASSING:
                return answer
            if wait is not None:
                self._sleep(wait)
        raise self._silence(answer)

    def _once(self, method: str, url: str, **given: Any) -> Any:
        from google.auth.exceptions import GoogleAuthError, TransportError
        from requests import RequestException

        try:
            return self._session.request(method, url, timeout=self._pace.timeout, **given)
        except (RequestException, TransportError):
            return None
        except GoogleAuthError as error:
            raise _no_credentials(str(error)) from None

    def _silence(self, answer: Any) -> ImageTrouble:
        said = f" (it answers {answer.status_code})" if answer is not None else ""
        fix = "look at the network, and at the quota of the project; then run the same command again."
        return ImageTrouble(NO_CLOUD_BUILD, f"Google Cloud was asked several times and gives no answer{said}.", fix)

    def _refusal(self, answer: Any, what: str) -> ImageTrouble:
        message = _message(answer)
        if answer.status_code in (401, 403):
            fix = "have the roles Cloud Build Editor and Storage Object Admin granted, or use another account."
        elif answer.status_code == 404:
            fix = "correct project, region or bucket: `targets.vertex` of the file says them."
        else:
            fix = "mend what it names."
        return ImageTrouble(CLOUD_BUILD_REFUSED, f"{what} answers {answer.status_code}: {message}", fix)


def connect(place: CloudPlace) -> CloudBuilder:
    """A builder with the credentials that Google's client finds. Raises ImageTrouble."""
    try:
        import google.auth as google_auth
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import AuthorizedSession
    except ImportError:
        fix = "run: pip install 'hydra-pipeline-compiler[vertex]'."
        raise ImageTrouble(NO_CLOUD_BUILD, "Google's client library is not installed.", fix) from None
    auth: Any = google_auth
    try:
        credentials, project = auth.default(scopes=[_SCOPE])
    except GoogleAuthError as error:
        raise _no_credentials(str(error)) from None
    project = place.project or project
    if not project:
        fix = "write `targets: {vertex: {project: …}}`."
        raise ImageTrouble(NO_CLOUD_BUILD, "nothing says in which project to build.", fix)
    return CloudBuilder(AuthorizedSession(credentials), CloudPlace(project, place.region, place.folder))


def _no_credentials(said: str) -> ImageTrouble:
    first = said.splitlines()[0].rstrip(".") if said else "none are found"
    return ImageTrouble(
        NO_CLOUD_BUILD, f"no credentials for Google Cloud: {first}.", "run `gcloud auth login --update-adc`."
    )


def build_request(recipe: Recipe, digest: str, source: Mapping[str, str], *, anew: bool) -> dict[str, Any]:
    """The body of `builds.create`. Cloud Build replaces `$NAME` in it, so that every `$` of a user is doubled."""
    args = ["build", "--pull", "--file", _dockerfile_name(recipe), "--tag", recipe.address]
    args += ["--label", f"{LABEL}={digest}", "--platform", recipe.platform]
    for name, value in sorted(recipe.args.items()):
        args += ["--build-arg", f"{name}={value}"]
    args += [*(["--no-cache"] if anew else []), "."]
    return {
        "source": {"storageSource": dict(source)},
        "steps": [{"name": _DOCKER, "args": [arg.replace("$", "$$") for arg in args]}],
        "images": [recipe.address],
        "timeout": _TIMEOUT,
    }


def _failure(recipe: Recipe, build: dict[str, Any], end: tuple[str, ...]) -> ImageTrouble:
    info: dict[str, str] = build.get("failureInfo") or {}
    reason = info.get("detail") or build.get("statusDetail") or f"the build ended as {build['status']}"
    fact = f"`{recipe.address}` could not be built: {str(reason).rstrip('.')}."
    return ImageTrouble(BUILD_FAILED, fact, f"mend what it says; the whole log: {build.get('logUrl', 'none')}", end)


def _message(answer: Any) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return str(answer.text)[:200] or "nothing more"


class _Log:
    """Reads the log of a build from its bucket as it grows. Who may build may not read it: then there is the link."""

    def __init__(self, builder: CloudBuilder, build: dict[str, Any], tell: Tell) -> None:
        self._builder, self._tell = builder, tell
        self._name = f"log-{build['id']}.txt"
        self._start, self._rest, self._is_open = 0, b"", True
        self._kept: deque[str] = deque(maxlen=_LINES_KEPT)

    @property
    def end(self) -> tuple[str, ...]:
        rest = self._rest.decode("utf-8", "replace").strip()
        return (*self._kept, *([rest] if rest else []))

    def read(self, build: dict[str, Any]) -> None:
        bucket, _, folder = str(build.get("logsBucket") or "").removeprefix("gs://").partition("/")
        if not bucket or not self._is_open:
            return
        answer = self._builder.log_part(bucket, f"{folder}/{self._name}".lstrip("/"), self._start)
        if answer is None or answer.status_code not in (200, 206):
            self._is_open = answer is None or answer.status_code in (404, 416, *_PASSING)
            return
        new = answer.content if answer.status_code == 206 else answer.content[self._start :]
        self._start += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        for line in lines:
            if text := line.decode("utf-8", "replace").rstrip():
                self._kept.append(text)
                self._tell(text)


class _Rewound:
    """A file that is sent from its start each time that a request is made."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __iter__(self) -> Any:
        self._file.seek(0)
        while chunk := self._file.read(1 << 20):
            yield chunk

    def __len__(self) -> int:
        return self._file.seek(0, io.SEEK_END)


# ---------------------------------------------------------------- the source as one file


def _packed(recipe: Recipe, file: IO[bytes]) -> str:
    """Write what a builder sees as a tar file, the same bytes for the same contents; its name."""
    with (
        gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|") as tar,
    ):
        names: set[str] = set()
        for entry in entries(recipe):
            tar.add(entry.path, arcname=entry.name, recursive=False, filter=_plain)
            names.add(entry.name)
        for path in ignore_file_names(recipe):
            if path.parent == recipe.context and path.name not in names:
                tar.add(path, arcname=path.name, recursive=False, filter=_plain)
        if _dockerfile_name(recipe) not in names:
            tar.add(recipe.dockerfile.resolve(), arcname=_dockerfile_name(recipe), recursive=False, filter=_plain)
    file.seek(0)
    return f"{hashlib.sha256(file.read()).hexdigest()}.tgz"


def _dockerfile_name(recipe: Recipe) -> str:
    """A Dockerfile that lies elsewhere comes along under a name of its own."""
    try:
        return recipe.dockerfile.resolve().relative_to(recipe.context.resolve()).as_posix()
    except ValueError:
        return _DOCKERFILE


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime = 0
    return info
