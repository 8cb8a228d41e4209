"""Cloud Build: Google's own credentials and session, against a server on loopback that holds the API's rules."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cloud_build_server import DIGEST, CloudBuildServer
from registry_here import served

from hpc.images import cloud_build
from hpc.images.cloud_build import CloudBuilder, CloudPace, CloudPlace, Endpoints, build_request
from hpc.images.findings import BUILD_FAILED, CLOUD_BUILD_REFUSED, NO_CLOUD_BUILD, ImageTrouble
from hpc.images.recipe import Recipe

QUICK = CloudPace(poll=0.0, waits=(0.0, 0.0), timeout=10)
LABEL = f"sha256:{'d' * 64}"


@pytest.fixture
def server() -> Iterator[CloudBuildServer]:
    one = CloudBuildServer()
    with served(one) as one.host:
        yield one


@pytest.fixture(scope="session")
def key() -> str:
    """A private key of nobody."""
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    from cryptography.hazmat.primitives import serialization as form

    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return made.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()).decode()


@pytest.fixture
def builder(server: CloudBuildServer, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CloudBuilder:
    """A builder with the session that hpc itself makes of a service account's file."""
    pytest.importorskip("google.auth")
    account = {
        "type": "service_account",
        "project_id": "ml-dev",
        "private_key_id": "1",
        "private_key": key,
        "client_email": "build@ml-dev.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": f"http://{server.host}/token",
    }
    (tmp_path / "account.json").write_text(json.dumps(account), "utf-8")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
    made: Any = cloud_build.connect(CloudPlace("", "us-central1", "gs://bucket/runs"))
    place, session = made._place, made._session
    assert place.project == "ml-dev"
    here = Endpoints(f"http://{server.host}", f"http://{server.host}")
    return CloudBuilder(session, place, here, QUICK, lambda _: None)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    app = tmp_path / "app"
    app.mkdir()
    (app / "Dockerfile").write_text("FROM python\nCOPY . .\n", "utf-8")
    (app / "run.sh").write_text("exit\n", "utf-8")
    (app / "run.sh").chmod(0o755)
    (app / "notes.txt").write_text("no\n", "utf-8")
    (app / ".dockerignore").write_text("*.txt\n", "utf-8")
    return Recipe("app", "us-docker.pkg.dev/ml-dev/r/app:1", app, app / "Dockerfile", {"PRICE": "5$HOME"})


def built(builder: CloudBuilder, recipe: Recipe, tell: Callable[[str], None] = lambda _: None) -> str:
    return builder.build(recipe, LABEL, [], tell, anew=False)


def test_a_build(builder: CloudBuilder, recipe: Recipe, server: CloudBuildServer) -> None:
    lines: list[str] = []
    assert built(builder, recipe, lines.append) == DIGEST
    source = server.source()
    assert sorted(source) == [".dockerignore", "Dockerfile", "run.sh"]
    assert source["run.sh"] == (0o755, b"exit\n")
    assert lines[0].startswith("source ")
    assert lines[1:] == [
        "build b0 in ml-dev, log: https://console.example/b0",
        "Step 1/2 : FROM python",
        "Step 2/2 : COPY . .",
    ]
    assert server.builds[0]["source"]["storageSource"]["object"].startswith("runs/.hpc/build/")


def test_the_request(recipe: Recipe) -> None:
    source = {"bucket": "b", "object": "o"}
    assert build_request(recipe, LABEL, source, anew=True) == {
        "source": {"storageSource": source},
        "steps": [
            {
                "name": "gcr.io/cloud-builders/docker",
                "args": [
                    *("build", "--pull", "--file", "Dockerfile", "--tag", recipe.address),
                    *("--label", f"hpc.build={LABEL}", "--platform", "linux/amd64"),
                    *("--build-arg", "PRICE=5$$HOME", "--no-cache", "."),
                ],
            }
        ],
        "images": [recipe.address],
        "timeout": "7200s",
    }


def test_a_source_that_is_there_is_not_kept_twice(
    builder: CloudBuilder, recipe: Recipe, server: CloudBuildServer
) -> None:
    assert built(builder, recipe) == built(builder, recipe) == DIGEST
    assert len(server.source()) == 3
    assert len(server.builds) == 2


def test_a_dockerfile_elsewhere_comes_along(builder: CloudBuilder, recipe: Recipe, server: CloudBuildServer) -> None:
    other = recipe.context.parent / "Other"
    other.write_text("FROM scratch\n", "utf-8")
    built(builder, Recipe("app", recipe.address, recipe.context, other))
    assert server.source()[".hpc.Dockerfile"][1] == b"FROM scratch\n"
    assert server.builds[0]["steps"][0]["args"][3] == ".hpc.Dockerfile"


def test_a_lost_answer_starts_no_second_build(builder: CloudBuilder, recipe: Recipe, server: CloudBuildServer) -> None:
    server.lose = 1
    assert built(builder, recipe) == DIGEST
    assert len(server.builds) == 1


def test_what_passes_is_asked_again(builder: CloudBuilder, recipe: Recipe, server: CloudBuildServer) -> None:
    server.faults = {"upload": [503], "create": [429], "get": [500, 502]}
    assert built(builder, recipe) == DIGEST
    assert len(server.builds) == 1


def test_a_failed_build(builder: CloudBuilder, recipe: Recipe, server: CloudBuildServer) -> None:
    server.ends = "FAILURE"
    with pytest.raises(ImageTrouble) as caught:
        built(builder, recipe)
    assert caught.value.rule is BUILD_FAILED
    assert caught.value.fact.endswith('could not be built: Build step failure: build step 0 failed: "1".')
    assert caught.value.fix == "mend what it says; the whole log: https://console.example/b0"
    assert caught.value.lines == ("Step 1/2 : FROM python", "Step 2/2 : COPY . .")


def test_a_log_that_may_not_be_read(builder: CloudBuilder, recipe: Recipe, server: CloudBuildServer) -> None:
    server.log_is_readable = False
    assert built(builder, recipe) == DIGEST
    assert server.requests.count("log") == 1


def test_no_permission(builder: CloudBuilder, recipe: Recipe, server: CloudBuildServer) -> None:
    server.faults = {"create": [403]}
    with pytest.raises(ImageTrouble) as caught:
        built(builder, recipe)
    assert (caught.value.rule, CLOUD_BUILD_REFUSED.code) == (CLOUD_BUILD_REFUSED, "HPC962")
    assert caught.value.fact == "Cloud Build answers 403: a fault that was asked for"
    assert "Cloud Build Editor" in caught.value.fix
    server.faults = {"upload": [404]}
    with pytest.raises(ImageTrouble) as caught:
        built(builder, recipe)
    assert caught.value.fact == "the bucket gs://bucket answers 404: a fault that was asked for"


def test_silence(builder: CloudBuilder, recipe: Recipe, server: CloudBuildServer) -> None:
    server.faults = {"get": [503, 503, 503]}
    with pytest.raises(ImageTrouble) as caught:
        built(builder, recipe)
    assert (caught.value.rule, NO_CLOUD_BUILD.code) == (NO_CLOUD_BUILD, "HPC961")
    assert "it answers 503" in caught.value.fact


def test_ctrl_c_ends_the_build(
    builder: CloudBuilder, recipe: Recipe, server: CloudBuildServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt(seconds)

    monkeypatch.setattr(builder, "_sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        built(builder, recipe)
    assert server.builds[0]["status"] == "CANCELLED"


def test_without_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("google.auth")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(ImageTrouble) as caught:
        cloud_build.connect(CloudPlace("p", "global", "gs://b"))
    assert caught.value.rule is NO_CLOUD_BUILD
    assert caught.value.fact.startswith("no credentials for Google Cloud: ")


def test_google_is_imported_only_there() -> None:
    import sys

    code = "import sys, hpc.images.cloud_build, hpc.cli.build, hpc.cli.lock; print('google.auth' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
