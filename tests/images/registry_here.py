"""A registry of Debian's docker-registry on a loopback port, and what stands in for others. Skipped where it is absent.

A test file takes the fixtures with `registry = registry_here.registry` and so on.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import tarfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

PROGRAM = "docker-registry"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True)
class Registry:
    """`host` with its port. What is put there by `put` is a manifest with a config and no layers."""

    host: str

    def put(self, repository: str, tag: str, **config: object) -> str:
        """The digest of a new image whose config holds these fields."""
        blob = json.dumps({"architecture": "amd64", "os": "linux", "config": config}).encode()
        manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [], "config": self._blob(repository, blob)}
        return self.put_manifest(repository, tag, manifest)

    def put_manifest(self, repository: str, tag: str, manifest: dict[str, object]) -> str:
        url = f"http://{self.host}/v2/{repository}/manifests/{tag}"
        return _sent("PUT", url, json.dumps(manifest).encode(), str(manifest["mediaType"]))["Docker-Content-Digest"]

    def _blob(self, repository: str, data: bytes) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        location = _sent("POST", f"http://{self.host}/v2/{repository}/blobs/uploads/", b"")["Location"]
        mark = "&" if "?" in location else "?"
        _sent("PUT", f"{location}{mark}digest={digest}", data, "application/octet-stream")
        return {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(data)}


def _sent(method: str, url: str, data: bytes, kind: str = "") -> dict[str, str]:
    headers = {"Content-Type": kind} if kind else {}
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as response:
        return dict(response.headers)


@contextmanager
def running_registry(folder: Path, auth: str = "") -> Iterator[Registry]:
    """A registry that keeps its images in `folder`; `auth` is a block of its configuration. Skips without it."""
    if shutil.which(PROGRAM) is None:
        pytest.skip(f"there is no program {PROGRAM} here; Debian's package of that name has it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    settings = f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/images}}}}\n"
    (folder / "registry.yml").write_text(f"{settings}http: {{addr: '{host}'}}\n{auth}", "utf-8")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    with (folder / "registry.log").open("w") as log:
        command = [PROGRAM, "serve", str(folder / "registry.yml")]
        with subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environ) as program:
            try:
                _until_it_answers(program, host, folder / "registry.log")
                yield Registry(host)
            finally:
                program.terminate()


def _until_it_answers(program: subprocess.Popen[bytes], host: str, log: Path) -> None:
    name, port = host.split(":")
    while True:
        assert program.poll() is None, log.read_text("utf-8")
        try:
            socket.create_connection((name, int(port)), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that takes everything from everybody, for the tests of one file."""
    with running_registry(tmp_path_factory.mktemp("registry")) as one:
        yield one


@pytest.fixture(scope="module")
def base(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a base image in the registry, with a shell."""
    needs_buildah()
    address, folder = f"{registry.host}/base/shell:1", tmp_path_factory.mktemp("base")
    with tarfile.open(folder / "base.tar", "w") as tar:
        for path, source in sorted(_shell().items()):
            tar.add(source, arcname=path.lstrip("/"))
    (folder / "Dockerfile").write_text("FROM scratch\nADD base.tar /\nENV PATH=/usr/bin:/bin\n", "utf-8")
    environ = buildah_environ(folder)
    ran("buildah", "build", "--file", str(folder / "Dockerfile"), "--tag", "base", str(folder), environ=environ)
    ran("buildah", "push", "--tls-verify=false", "base", f"docker://{address}", environ=environ)
    return address


def _shell() -> dict[str, Path]:
    """A shell, `cat` and what they load, where they lie here: small, so that builders have little to copy."""
    programs = {name: Path(name).resolve() for name in ("/bin/sh", "/bin/cat")}
    listed = ran("ldd", *map(str, programs.values()))
    return programs | {name: Path(name).resolve() for name in re.findall(r"(/\S+) \(0x", listed)}


def needs_buildah() -> None:
    if shutil.which("buildah") is None:
        pytest.skip("there is no program buildah here; Debian's package of that name has it")


def buildah_environ(folder: Path) -> dict[str, str]:
    """An environment in which buildah works in a container too, with a storage of its own."""
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\nrunroot = "{folder}/run"\ngraphroot = "{folder}/graph"\n', "utf-8"
    )
    further = {
        "BUILDAH_ISOLATION": "chroot",
        "STORAGE_DRIVER": "vfs",
        "CONTAINERS_STORAGE_CONF": f"{folder}/storage.conf",
    }
    return {**os.environ, **further}


def ran(*command: str, environ: dict[str, str] | None = None) -> str:
    """What a program prints; fails with all that it says."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# ---------------------------------------------------------------- servers that are written here


Handler = Callable[[BaseHTTPRequestHandler], tuple[int, dict[str, str], bytes]]


@contextmanager
def served(answer: Handler) -> Iterator[str]:
    """A server on a loopback port; `answer` gives status, headers and body of each request. Yields its host."""

    class Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            status, headers, body = answer(self)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = _answer  # noqa: N815  names of the standard library

        def log_message(self, *given: object) -> None:
            del given

    server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()  # looks so often for its end
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
