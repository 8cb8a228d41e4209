"""`hpc publish`: pipelines kept by Artifact Registry and by Kubeflow Pipelines, with their real clients."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import kfp
import pytest
from google.oauth2 import service_account
from google_neighbours import TOKEN, Neighbours, account_file, google_neighbours
from kfp.registry import RegistryClient
from kfp_server import KfpServer, kfp_server
from vertex_here import FAST, HASTY
from vertex_server import Server, vertex_server

from hpc.cli import run_command
from hpc.diagnostics import Rejected
from hpc.engines.service import Package
from hpc.engines.vertex.templates import Kept, Repository, Templates

REPOSITORY = "https://us-central1-kfp.pkg.dev/ml-dev/pipelines"
FILE = """\
hpc: 1
name: small
inputs: {lr: {type: float, default: 0.1}}
images: {app: "registry.example/team/app:1.0"}
components:
  train:
    image: app
    cli: argparse
    command: [python, train.py]
    inputs: {lr: float}
edges:
  - inputs.lr -> train.lr
targets:
  vertex: {project: ml-dev, region: us-central1, root: "gs://bucket/root", packages: "REPOSITORY"}
""".replace("REPOSITORY", REPOSITORY)


@pytest.fixture
def vertex() -> Iterator[Server]:
    with vertex_server() as running:
        yield running


@pytest.fixture
def google(vertex: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Neighbours]:
    with google_neighbours(monkeypatch, vertex.endpoint) as neighbours:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account_file(tmp_path, neighbours)))
        yield neighbours


@pytest.fixture
def credentials(google: Neighbours, tmp_path: Path) -> service_account.Credentials:
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    return service_account.Credentials.from_service_account_file(str(account_file(tmp_path, google)), scopes=scopes)


@pytest.fixture
def templates(credentials: service_account.Credentials) -> Templates:
    return Templates(credentials, FAST)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pipeline.yaml").write_text(FILE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def text(name: str = "small", note: str = "") -> str:
    document = {"pipelineInfo": {"name": name, "description": note}, "root": {}, "schemaVersion": "2.1.0"}
    return json.dumps(document, indent=2) + "\n"


def digest(content: str) -> str:
    return f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"


def package(content: str = text(), *tags: str, repository: str | None = REPOSITORY) -> Package:
    return Package("small", content, tags, repository)


def rejection(error: pytest.ExceptionInfo[Rejected]) -> str:
    (found,) = error.value.diagnostics
    return f"{found.rule.code} {found.fact} | {found.fix}"


# ---------------------------------------------------------------- the loopback speaks the language of the real client


def test_real_registry_client_gets_on_with_the_loopback(
    google: Neighbours, credentials: service_account.Credentials, tmp_path: Path
) -> None:
    client = RegistryClient(host=REPOSITORY, auth=credentials)
    file = tmp_path / "small.yaml"
    file.write_text(text(), encoding="utf-8")
    name, version = client.upload_pipeline(str(file), tags=["v1", "latest"])
    assert (name, version) == ("small", digest(text()))
    client.create_tag("small", version, "prod")
    assert client.get_tag("small", "prod")["version"].endswith(f"/versions/{version}")
    file.write_text(text(note="second"), encoding="utf-8")
    _, second = client.upload_pipeline(str(file))
    client.update_tag("small", second, "prod")
    got = client.download_pipeline("small", tag="prod", file_name=str(tmp_path / "got.yaml"))
    assert Path(got).read_text(encoding="utf-8") == text(note="second")
    assert client.get_version("small", version)["name"].endswith(version)
    assert google.registry.packages["small"].tags == {"v1": version, "latest": version, "prod": second}


def test_what_hpc_publishes_the_real_client_downloads(
    templates: Templates, credentials: service_account.Credentials, tmp_path: Path
) -> None:
    published = templates.publish(package(text(), "v1"))
    client = RegistryClient(host=REPOSITORY, auth=credentials)
    got = client.download_pipeline("small", version=published.version, file_name=str(tmp_path / "got.yaml"))
    assert Path(got).read_text(encoding="utf-8") == text()
    assert client.get_tag("small", "v1")["version"].endswith(published.version)


# ---------------------------------------------------------------- Artifact Registry


def test_same_text_is_the_same_version_and_is_sent_once(google: Neighbours, templates: Templates) -> None:
    first, again = templates.publish(package()), templates.publish(package())
    assert first.address == f"{REPOSITORY}/small/{digest(text())}"
    assert (first.version, first.is_new, again.is_new) == (digest(text()), True, False)
    assert again.address == first.address
    assert [one for one in google.asked if one.startswith("POST us-central1-kfp")] == [
        "POST us-central1-kfp.pkg.dev/ml-dev/pipelines"
    ]


def test_tags_move(google: Neighbours, templates: Templates) -> None:
    first = templates.publish(package(text(), "v1", "latest"))
    second = templates.publish(package(text(note="second"), "v2", "latest"))
    tags = google.registry.packages["small"].tags
    assert tags == {"v1": first.version, "v2": second.version, "latest": second.version}


def test_promotion_moves_tags_and_nothing_else(google: Neighbours, templates: Templates) -> None:
    first = templates.publish(package(text(), "v1"))
    templates.publish(package(text(note="second"), "prod"))
    promoted = templates.tag(f"{REPOSITORY}/small/v1", ["prod"])
    assert (promoted.address, promoted.tags) == (first.address, ("prod",))
    assert google.registry.packages["small"].tags == {"v1": first.version, "prod": first.version}
    assert len(google.registry.packages["small"].versions) == 2
    assert templates.tag(first.address, ()).address == first.address


def test_fetch_gives_the_documents(templates: Templates) -> None:
    published = templates.publish(package(text(), "v1"))
    for address in (published.address, f"{REPOSITORY}/small/v1"):
        spec, platform = templates.fetch(address)
        assert (spec, platform) == (json.loads(text()), None)


@pytest.mark.parametrize("strict", [False, True], ids=["takes it again", "refuses it again"])
@pytest.mark.parametrize("part", ["POST us-central1-kfp", "/tags"])
@pytest.mark.parametrize("kind", ["lost", "503"])
def test_lost_answers_and_busy_services_do_no_harm(
    google: Neighbours, templates: Templates, kind: str, part: str, strict: bool
) -> None:
    google.registry.strict = strict
    google.faults += [(part, kind), (part, kind)]
    published = templates.publish(package(text(), "v1"))
    assert published.version == digest(text())
    kept = google.registry.packages["small"]
    assert (len(kept.versions), kept.tags, google.faults) == (1, {"v1": digest(text())}, [])


def test_gives_up_after_its_patience(google: Neighbours, credentials: service_account.Credentials) -> None:
    google.faults += [("pkg.dev", "503")] * 500
    with pytest.raises(Rejected) as error:
        Templates(credentials, HASTY).publish(package())
    assert rejection(error).startswith(f"HPC947 could not read {REPOSITORY}/small/sha256:")


@pytest.mark.parametrize(
    ("address", "code"),
    [
        (f"{REPOSITORY}/small/v9", "HPC944"),
        (f"{REPOSITORY}/small/{digest('x')}", "HPC944"),
        (f"{REPOSITORY}/other/v1", "HPC944"),
        (REPOSITORY, "HPC942"),
        (f"{REPOSITORY}/small/sha256:12", "HPC942"),
        ("https://example.com/small/v1/x/y", "HPC942"),
    ],
)
def test_addresses_of_nothing(templates: Templates, address: str, code: str) -> None:
    templates.publish(package(text(), "v1"))
    for ask in (templates.fetch, lambda wrong: templates.tag(wrong, ["v1"])):
        with pytest.raises(Rejected) as error:
            ask(address)
        assert rejection(error).startswith(f"{code} {address} is not")


def test_refused(google: Neighbours, templates: Templates) -> None:
    with pytest.raises(Rejected) as error:
        templates.publish(package(repository=None))
    assert rejection(error).startswith("HPC942 no repository for pipelines is said | write `targets.vertex.packages:")
    with pytest.raises(Rejected) as error:
        templates.publish(package(text(), "not a tag"))
    assert rejection(error).startswith("HPC945 `not a tag` cannot be a tag")
    with pytest.raises(Rejected) as error:
        templates.publish(package(f"{text()}---\n{{}}\n"))
    assert rejection(error).startswith("HPC949 small has a PlatformSpec")
    google.registry.formats[REPOSITORY.partition("//")[2].replace("-kfp.pkg.dev", "")] = "DOCKER"
    with pytest.raises(Rejected) as error:
        templates.publish(package())
    assert rejection(error).startswith("HPC945 could not")
    assert google.registry.packages == {}


def test_not_allowed_names_the_role(google: Neighbours, templates: Templates) -> None:
    google.forbidden.add("us-central1-kfp.pkg.dev")
    with pytest.raises(Rejected) as error:
        templates.publish(package())
    assert rejection(error).startswith("HPC943 could not read")
    assert "artifactregistry." in rejection(error)


def test_parts_of_an_address() -> None:
    kept = Kept.at(f"{REPOSITORY}/small/v1/")
    assert kept == Kept(Repository("us-central1", "ml-dev", "pipelines"), "small", "v1")
    assert kept.tag("x") == "projects/ml-dev/locations/us-central1/repositories/pipelines/packages/small/tags/x"


# ---------------------------------------------------------------- the command line, on Vertex AI


def hpc(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = run_command(list(words))
    streams = capsys.readouterr()
    return code, streams.out, streams.err


@pytest.mark.usefixtures("folder")
def test_publish_promote_and_run(google: Neighbours, vertex: Server, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = hpc(capsys, "publish", "pipeline.yaml", "--tag", "v1")
    kept = google.registry.packages["small"]
    [version] = kept.versions
    address = f"{REPOSITORY}/small/{version}"
    assert (code, out) == (0, f"{address}\n")
    assert "published as v1, in Vertex AI (project ml-dev, us-central1)" in err

    code, out, err = hpc(capsys, "publish", f"{REPOSITORY}/small/v1", "--tag", "prod", "--tag", "stable")
    assert (code, out) == (0, f"{address}\n")
    assert err == "tagged as prod, stable, in Vertex AI (project ml-dev, us-central1)\n"
    assert kept.tags == {"v1": version, "prod": version, "stable": version}

    vertex.jobs.templates[address] = json.loads(kept.versions[version])
    run = f"run {REPOSITORY}/small/prod --on vertex --detach -i lr=0.5 --root gs://bucket/root --name first"
    code, out, err = hpc(capsys, *run.split())
    assert (code, out) == (0, "first\n"), err
    [created] = [one.body for one in vertex.asked if one.verb == "POST"]
    assert created["templateUri"] == address
    assert created["runtimeConfig"]["parameterValues"] == {"lr": 0.5}


@pytest.mark.usefixtures("folder", "google")
def test_arguments_of_a_published_pipeline_are_checked(vertex: Server, capsys: pytest.CaptureFixture[str]) -> None:
    hpc(capsys, "publish", "pipeline.yaml", "--tag", "v1")
    code, out, err = hpc(capsys, "run", f"{REPOSITORY}/small/v1", "--on", "vertex", "-i", "rate=1")
    assert (code, out) == (1, "")
    assert "HPC902 the pipeline has no input `rate`" in err
    assert not [one for one in vertex.asked if one.verb == "POST"]


@pytest.mark.usefixtures("google")
def test_compiled_file_and_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compiled = folder / "small.json"
    compiled.write_text(text(), encoding="utf-8")
    code, out, _ = hpc(capsys, "publish", str(compiled), "--to", REPOSITORY, "--format", "json")
    assert code == 0
    assert json.loads(out) == {
        "address": f"{REPOSITORY}/small/{digest(text())}",
        "version": digest(text()),
        "tags": [],
        "link": "",
        "is_new": True,
    }
    code, _, err = hpc(capsys, "publish", str(compiled), "--to", REPOSITORY)
    assert (code, err) == (0, "is there already, in Vertex AI (project ml-dev, us-central1)\n")
    assert TOKEN not in out + err


@pytest.mark.usefixtures("google")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("publish", f"{REPOSITORY}/small/v1"), "say what to call it: --tag NAME."),
        (("publish", f"{REPOSITORY}/small/v1", "--tag", "a", "--to", REPOSITORY), "is published already"),
        (("publish", f"{REPOSITORY}/small/v1", "--tag", "a", "--on", "kfp"), "--on vertex."),
        (("publish", "small.json"), "say which service is meant: --on vertex or --on kfp."),
        (("publish", "small.json", "--on", "vertex", "--profile", "prod"), "but small.json is a compiled one."),
        (
            ("run", f"{REPOSITORY}/small/v1", "--on", "local"),
            "a published pipeline is run where it is kept: --on vertex.",
        ),
        (("run", "kfp://small/v1", "--on", "vertex"), "--on kfp."),
        (("run", f"{REPOSITORY}/small/v1", "--on", "vertex", "--set", "name=x"), "is a published one."),
    ],
)
def test_usage(folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str) -> None:
    (folder / "small.json").write_text(text(), encoding="utf-8")
    code, out, err = hpc(capsys, *words)
    assert (code, out) == (2, "")
    assert said in " ".join(err.split())


def test_wrong_repository_in_the_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "pipeline.yaml").write_text(FILE.replace(REPOSITORY, "us-docker.pkg.dev/p/r"), encoding="utf-8")
    code, _, err = hpc(capsys, "check", "pipeline.yaml")
    assert code == 1
    assert "HPC103 `us-docker.pkg.dev/p/r` is not a repository of pipelines in Artifact Registry." in err


# ---------------------------------------------------------------- the command line, on Kubeflow Pipelines


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[KfpServer]:
    monkeypatch.setattr(kfp.Client, "_LOCAL_KFP_CONTEXT", str(tmp_path / "context.json"))
    with kfp_server() as running:
        yield running


@pytest.mark.usefixtures("folder")
def test_kubeflow_publish_promote_and_run(cluster: KfpServer, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--on", "kfp", "--host", cluster.url]
    code, out, err = hpc(capsys, "publish", "pipeline.yaml", *where, "--tag", "v1")
    assert code == 0, err
    address = out.strip()
    assert address.startswith("kfp://small/")
    assert hpc(capsys, "publish", "pipeline.yaml", *where, "--tag", "v1")[1] == out
    assert len(cluster.store.versions) == 1

    code, out, _ = hpc(capsys, "publish", "kfp://small/v1", "--tag", "prod", "--host", cluster.url)
    assert (code, out) == (0, f"{address}\n")
    code, out, err = hpc(capsys, "run", "kfp://small/prod", *where, "--detach", "-i", "lr=0.5", "--format", "json")
    assert code == 0, err
    [created] = [one.body for one in cluster.requests if one.method == "POST" and one.path.endswith("/runs")]
    [version] = cluster.store.versions
    assert created["pipeline_version_reference"]["pipeline_version_id"] == version
    assert created["runtime_config"]["parameters"] == {"lr": 0.5}


@pytest.mark.usefixtures("folder")
def test_kubeflow_has_no_repositories(cluster: KfpServer, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--on", "kfp", "--host", cluster.url]
    code, _, err = hpc(capsys, "publish", "pipeline.yaml", *where, "--to", REPOSITORY)
    assert code == 2
    assert "--to is for Vertex AI" in err
