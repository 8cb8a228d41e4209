"""Registries and their credentials: a real registry, and small servers for what it cannot be made to do."""

from __future__ import annotations

import base64
import json
import shutil
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import registry_here
from registry_here import OCI_INDEX, OCI_MANIFEST, Registry, ran, running_registry, served

from hpc.images.address import Address, is_loopback, parsed
from hpc.images.credentials import Credentials, Login
from hpc.images.findings import BAD_ANSWER, NOT_ALLOWED, NOT_THERE, UNREACHABLE, ImageTrouble
from hpc.images.registry import Pace, Registries

registry = registry_here.registry
DIGEST = f"sha256:{'a' * 64}"
QUICK = Pace(timeout=10, waits=(0.0, 0.0))
NOBODY = Credentials({})


def test_addresses() -> None:
    assert parsed("python:3.11-slim") == Address("docker.io", "library/python", "3.11-slim")
    assert parsed("team/app") == Address("docker.io", "team/app", "latest")
    assert parsed("registry.example:5000/app:1") == Address("registry.example:5000", "app", "1")
    assert parsed("localhost/a/b") == Address("localhost", "a/b", "latest")
    assert parsed(f"gcr.io/p/i:1@{DIGEST}") == Address("gcr.io", "p/i", "1", DIGEST)
    assert parsed(f"gcr.io/p/i:1@{DIGEST}").reference == DIGEST
    assert parsed("python").api == "https://registry-1.docker.io"
    assert parsed("127.0.0.1:5000/a").api == "http://127.0.0.1:5000"
    assert parsed("10.0.0.1:5000/a").api == "https://10.0.0.1:5000"


def test_only_this_machine_is_spoken_to_in_the_clear() -> None:
    assert [is_loopback(host) for host in ("localhost:1", "127.3.2.1", "[::1]:5")] == [True] * 3
    assert [is_loopback(host) for host in ("localhost.evil.example", "128.0.0.1", "127.0.0.1.example")] == [False] * 3


def test_digest_and_labels(registry: Registry) -> None:
    digest = registry.put("team/app", "v1", Labels={"hpc.build": "x"})
    asked = Registries(NOBODY, QUICK)
    assert asked.digest(f"{registry.host}/team/app:v1") == digest
    assert asked.digest(f"{registry.host}/team/app:v7@{digest}") == digest
    assert asked.labels(f"{registry.host}/team/app:v1", "linux/amd64") == (digest, {"hpc.build": "x"})


def test_an_image_of_several_platforms(registry: Registry) -> None:
    entries = []
    for machine in ("amd64", "arm64"):
        digest = registry.put("many/app", machine, Labels={"for": machine})
        entries.append(
            {
                "mediaType": OCI_MANIFEST,
                "digest": digest,
                "size": 1,
                "platform": {"os": "linux", "architecture": machine},
            }
        )
    index = registry.put_manifest("many/app", "v1", {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    asked = Registries(NOBODY, QUICK)
    assert asked.digest(f"{registry.host}/many/app:v1") == index
    assert asked.labels(f"{registry.host}/many/app:v1", "linux/arm64") == (index, {"for": "arm64"})
    assert asked.labels(f"{registry.host}/many/app:v1", "linux/s390x") == (index, {})


def test_what_is_not_there(registry: Registry) -> None:
    with pytest.raises(ImageTrouble) as caught:
        Registries(NOBODY, QUICK).digest(f"{registry.host}/team/none:v1")
    assert (caught.value.rule, NOT_THERE.code) == (NOT_THERE, "HPC958")
    assert caught.value.fact == f"`{registry.host}/team/none:v1` is not in its registry."


def test_a_registry_that_does_not_answer() -> None:
    waits: list[float] = []
    with pytest.raises(ImageTrouble) as caught:
        Registries(NOBODY, Pace(timeout=5, waits=(1.0, 2.0)), waits.append).digest("127.0.0.1:1/team/app:v1")
    assert (caught.value.rule, UNREACHABLE.code) == (UNREACHABLE, "HPC959")
    assert caught.value.fact == "the registry 127.0.0.1:1 cannot be asked: connection refused."
    assert waits == [1.0, 2.0]


# ---------------------------------------------------------------- credentials


def config(folder: Path, **content: object) -> Credentials:
    (folder / "config.json").write_text(json.dumps(content), "utf-8")
    return Credentials({"DOCKER_CONFIG": str(folder), "PATH": str(folder)})


def auth(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def helper(folder: Path, name: str, script: str) -> None:
    path = folder / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    path.chmod(0o755)


def test_logins_of_docker(tmp_path: Path) -> None:
    found = config(tmp_path, auths={"r.example": auth("me", "p:w"), "https://index.docker.io/v1/": auth("hub", "x")})
    assert found.of("r.example", "a") == Login("me", "p:w")
    assert found.of("docker.io", "library/python") == Login("hub", "x")
    assert found.of("other.example", "a") is None
    token = config(tmp_path, auths={"https://r.example/v2/": {"identitytoken": "t"}})
    assert token.of("r.example", "a") == Login(renewal="t")


def test_logins_of_podman(tmp_path: Path) -> None:
    for place, user in (("run", "passing"), ("config", "lasting")):
        (tmp_path / place / "containers").mkdir(parents=True)
        content = json.dumps({"auths": {f"{user}.example": auth(user, "p")}})
        (tmp_path / place / "containers" / "auth.json").write_text(content, "utf-8")
    found = Credentials({"XDG_RUNTIME_DIR": f"{tmp_path}/run", "XDG_CONFIG_HOME": f"{tmp_path}/config"})
    assert found.of("passing.example", "a") == Login("passing", "p")
    assert found.of("lasting.example", "a") == Login("lasting", "p")


def test_the_narrower_login_wins(tmp_path: Path) -> None:
    found = config(tmp_path, auths={"r.example": auth("wide", "1"), "r.example/team": auth("narrow", "2")})
    assert found.of("r.example", "team/app") == Login("narrow", "2")
    assert found.of("r.example", "other/app") == Login("wide", "1")


def test_helpers(tmp_path: Path) -> None:
    helper(tmp_path, "one", """read -r host; echo "{\\"Username\\": \\"u\\", \\"Secret\\": \\"$host!\\"}\"""")
    helper(tmp_path, "two", """echo '{"Username": "<token>", "Secret": "renew"}'""")
    helper(tmp_path, "bad", "echo nothing is here; exit 1")
    found = config(
        tmp_path, credsStore="bad", credHelpers={"a.example": "one", "b.example": "two", "c.example": "none"}
    )
    assert found.of("a.example", "x") == Login("u", "a.example!")
    assert found.of("b.example", "x") == Login(renewal="renew")
    assert found.of("c.example", "x") is None
    assert found.of("d.example", "x") is None


def test_files_that_are_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[]", "utf-8")
    assert Credentials({"DOCKER_CONFIG": str(tmp_path)}).of("a.example", "x") is None
    assert config(tmp_path, auths={"a.example": {"auth": "%%"}, "b.example": 1}).of("a.example", "x") is None


def test_a_password_is_not_shown() -> None:
    assert "hush" not in repr(Login("me", "hush", "hush"))


def test_a_registry_with_passwords(tmp_path: Path) -> None:
    if shutil.which("htpasswd") is None:
        pytest.skip("there is no program htpasswd here; Debian's package apache2-utils has it")
    (tmp_path / "passwords").write_text(ran("htpasswd", "-Bbn", "me", "hush"), "utf-8")
    with running_registry(tmp_path, f"auth: {{htpasswd: {{realm: here, path: {tmp_path}/passwords}}}}\n") as locked:
        address = f"{locked.host}/team/app:v1"
        with pytest.raises(ImageTrouble) as caught:
            Registries(NOBODY, QUICK).digest(address)
        assert (caught.value.rule, NOT_ALLOWED.code) == (NOT_ALLOWED, "HPC957")
        assert f"docker login {locked.host}" in caught.value.fix
        wrong = config(tmp_path, auths={locked.host: auth("me", "other")})
        with pytest.raises(ImageTrouble) as caught:
            Registries(wrong, QUICK).digest(address)
        assert caught.value.rule is NOT_ALLOWED
        right = config(tmp_path, auths={locked.host: auth("me", "hush")})
        with pytest.raises(ImageTrouble) as caught:
            Registries(right, QUICK).digest(address)
        assert caught.value.rule is NOT_THERE


class Tokens:
    """A registry that wants tokens, and the server that gives them."""

    def __init__(self) -> None:
        self.host = ""
        self.realm = ""
        self.granted: list[tuple[str, dict[str, list[str]], str]] = []
        self.answers: list[int] = []

    def __call__(self, request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        if request.path.startswith("/token"):
            return self._token(request)
        if self.answers:
            return self.answers.pop(0), {}, b""
        if request.headers.get("Authorization") != "Bearer good":
            scope = "repository:team/app:pull"
            challenge = f'Bearer realm="{self.realm or f"http://{self.host}/token"}",service="s",scope="{scope}"'
            return 401, {"WWW-Authenticate": challenge}, b""
        return 200, {"Docker-Content-Digest": DIGEST}, b"{}"

    def _token(self, request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        given = request.rfile.read(int(request.headers.get("Content-Length") or 0)).decode()
        query = parse_qs(urlsplit(request.path).query or given)
        self.granted.append((request.command, query, request.headers.get("Authorization", "")))
        return 200, {}, json.dumps({"token": "good"}).encode()


def asked_with(tokens: Tokens, credentials: Credentials | None = None, **given: object) -> str:
    with served(tokens) as tokens.host:
        if given:
            folder = given.pop("folder")
            assert isinstance(folder, Path)
            credentials = config(folder, auths={tokens.host: given})
        return Registries(credentials or NOBODY, QUICK).digest(f"{tokens.host}/team/app:v1")


def test_a_token_for_anybody() -> None:
    tokens = Tokens()
    assert asked_with(tokens) == DIGEST
    assert tokens.granted == [("GET", {"service": ["s"], "scope": ["repository:team/app:pull"]}, "")]


def test_a_token_for_a_user(tmp_path: Path) -> None:
    tokens = Tokens()
    assert asked_with(tokens, folder=tmp_path, **auth("me", "hush")) == DIGEST
    assert tokens.granted[0][2] == Login("me", "hush").basic


def test_a_token_that_is_renewed(tmp_path: Path) -> None:
    tokens = Tokens()
    assert asked_with(tokens, folder=tmp_path, identitytoken="long") == DIGEST
    [(method, query, authorization)] = tokens.granted
    assert (method, authorization) == ("POST", "")
    assert (query["grant_type"], query["refresh_token"]) == (["refresh_token"], ["long"])


def test_a_token_is_asked_for_once() -> None:
    tokens = Tokens()
    with served(tokens) as tokens.host:
        asked = Registries(NOBODY, QUICK)
        assert {asked.digest(f"{tokens.host}/team/app:v{number}") for number in range(3)} == {DIGEST}
    assert len(tokens.granted) == 1


def test_passwords_are_not_sent_elsewhere_in_the_clear() -> None:
    tokens = Tokens()
    tokens.realm = "http://192.0.2.1/token"
    with pytest.raises(ImageTrouble) as caught:
        asked_with(tokens)
    assert (caught.value.rule, BAD_ANSWER.code) == (BAD_ANSWER, "HPC960")
    assert "192.0.2.1" in caught.value.fact


def test_what_passes_is_asked_again() -> None:
    tokens = Tokens()
    tokens.answers = [503, 429]
    assert asked_with(tokens) == DIGEST
    tokens.answers = [500, 500, 500]
    with pytest.raises(ImageTrouble) as caught:
        asked_with(tokens)
    assert caught.value.fact.endswith("it answers 500.")


def test_credentials_do_not_follow_to_another_host(tmp_path: Path) -> None:
    seen: list[tuple[str, str | None]] = []

    def elsewhere(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        seen.append((request.command, request.headers.get("Authorization")))
        return 200, {"Docker-Content-Digest": DIGEST}, b""

    def first(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        if "Authorization" not in request.headers:
            return 401, {"WWW-Authenticate": 'Basic realm="x"'}, b""
        return 307, {"Location": f"http://{other}/blob"}, b""

    with served(elsewhere) as other, served(first) as host:
        credentials = config(tmp_path, auths={host: auth("me", "hush")})
        assert Registries(credentials, QUICK).digest(f"{host}/team/app:v1") == DIGEST
    assert seen == [("HEAD", None)]


def test_a_server_that_is_no_registry() -> None:
    def page(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        return (418, {}, b"tea") if request.command == "HEAD" else (200, {}, b"<html>")

    with served(page) as host:
        with pytest.raises(ImageTrouble) as caught:
            Registries(NOBODY, QUICK).digest(f"{host}/team/app:v1")
        assert caught.value.fact == f"the registry {host} answers 418 to the question for `team/app`."
        with pytest.raises(ImageTrouble) as caught:
            Registries(NOBODY, QUICK).labels(f"{host}/team/app:v1", "linux/amd64")
        assert caught.value.fact == f"what the registry {host} tells of `team/app` is not JSON."
