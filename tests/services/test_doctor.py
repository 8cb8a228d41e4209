"""`hpc doctor`: what it looks at, and what it says of each thing that is not as it should be."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import kfp
import pytest
from google_neighbours import ACCOUNT, DEFAULT_ACCOUNT, TOKEN, Neighbours, account_file, google_neighbours
from kfp_server import KfpServer, kfp_server

from hpc.cli import run_command
from hpc.diagnostics import Diagnostic, Rejected, Span
from hpc.engines import health
from hpc.engines.health import Check, Finding, Probe, examined, ok, wrong
from hpc.engines.local import health as local
from hpc.engines.service import NOT_THERE
from hpc.engines.vertex import health as vertex

PROJECT = "ml-dev"
PLACE: dict[str, object] = {"project": PROJECT, "region": "us-central1", "root": "gs://bucket/runs"}
SECRET = f"projects/{PROJECT}/secrets/wandb/versions/1"
RUNNER = f"runner@{PROJECT}.iam.gserviceaccount.com"
REPOSITORY = "https://us-central1-kfp.pkg.dev/ml-dev/pipelines"
USES = vertex.Uses(("secretmanager",), {"wandb": SECRET}, ("us-central1", "europe-west4"), schedules=True)


def states(checks: list[Check]) -> dict[str, str]:
    return {check.title: check.state for check in checks}


# ---------------------------------------------------------------- the core


def rejected() -> Finding:
    raise Rejected([Diagnostic(NOT_THERE, Span.of_word("x"), "it is not there.", "make it.")])


def test_what_builds_on_something_wrong_is_skipped() -> None:
    probes = [
        Probe("w", "first", lambda: wrong("broken", "mend it")),
        Probe("w", "second", ok, ("first",)),
        Probe("w", "third", ok, ("second",)),
        Probe("w", "other", rejected),
        Probe("w", "last", ok),
    ]
    assert list(examined(probes)) == [
        Check("w", "first", "wrong", "broken", "mend it"),
        Check("w", "second", "skipped", "because of: first"),
        Check("w", "third", "skipped", "because of: first"),
        Check("w", "other", "wrong", "it is not there", "make it"),
        Check("w", "last", "ok"),
    ]


def test_probes_look_at_the_same_time_and_never_wait_for_each_other_in_a_circle() -> None:
    together = threading.Barrier(5, timeout=10)

    def meet() -> Finding:
        together.wait()
        return ok()

    five = [Probe("w", str(number), meet) for number in range(5)]
    chain = [Probe("w", f"after {number}", ok, (str(number % 5),)) for number in range(60)]
    assert {check.state for check in examined([*five, *chain])} == {"ok"}


def test_a_mistake_of_the_program_is_not_a_finding() -> None:
    def broken() -> Finding:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(examined([Probe("w", "broken", broken)]))


# ---------------------------------------------------------------- Vertex AI


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[Neighbours]:
    with google_neighbours(monkeypatch) as neighbours:
        yield neighbours


Look = Callable[..., list[Check]]


@pytest.fixture
def look(google: Neighbours, tmp_path: Path) -> Look:
    def looked(uses: vertex.Uses = USES, **settings: object) -> list[Check]:
        environ = {"GOOGLE_APPLICATION_CREDENTIALS": str(account_file(tmp_path, google))}
        said = {key: value for key, value in {**PLACE, **settings}.items() if value is not None}
        return list(examined(vertex.probes(said, environ, uses)))

    return looked


def found(checks: list[Check], title: str) -> str:
    """State, detail and fix of one check."""
    [check] = [one for one in checks if one.title == title]
    return f"{check.state}: {check.detail} | {check.fix}"


def test_all_is_well(google: Neighbours, look: Look) -> None:
    checks = look(service_account=RUNNER, packages=REPOSITORY)
    assert states(checks) == {
        "client library": "ok",
        "credentials": "ok",
        "project and region": "ok",
        "project": "ok",
        "APIs": "ok",
        "permissions": "ok",
        "bucket": "ok",
        "bucket access": "ok",
        "service account": "ok",
        "repository of pipelines": "ok",
        "secret wandb": "ok",
    }
    assert found(checks, "credentials") == f"ok: {ACCOUNT} | "
    assert found(checks, "bucket") == "ok: gs://bucket in us-central1 | "
    assert TOKEN not in repr(checks)
    assert not [one for one in google.asked if ":access" in one]


def test_default_account_of_the_runs(look: Look) -> None:
    assert found(look(), "service account") == f"ok: {DEFAULT_ACCOUNT}, the default one | "


def test_nothing_is_asked_without_credentials(google: Neighbours) -> None:
    missing = {"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere/key.json"}
    checks = list(examined(vertex.probes(PLACE, missing, USES)))
    assert found(checks, "credentials").startswith("wrong: Google's credentials are not found")
    assert "gcloud auth application-default login" in found(checks, "credentials")
    assert {check.state for check in checks[2:]} == {"skipped"}
    assert found(checks, "bucket access") == "skipped: because of: credentials | "
    assert google.asked == []


def test_credentials_that_are_not_good(google: Neighbours, look: Look) -> None:
    google.is_logged_in = False
    checks = look()
    assert found(checks, "credentials").startswith("wrong: could not log in: Google does not accept the credentials")
    assert {check.state for check in checks[2:]} == {"skipped"}


def test_client_library_is_missing(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "version", _no_package)
    checks = look()
    fix = "pip install 'hydra-pipeline-compiler[vertex]'"
    assert found(checks, "client library") == f"wrong: google-cloud-aiplatform is not installed | {fix}"
    assert {check.state for check in checks[1:]} == {"skipped"}


def _no_package(name: str) -> str:
    raise PackageNotFoundError(name)


Change = Callable[[Neighbours], object]
WRONG: list[tuple[str, str, Change, dict[str, object], str]] = [
    ("no region", "project and region", lambda _: None, {"region": None}, "wrong: the region is not said | write"),
    (
        "unknown region",
        "project and region",
        lambda _: None,
        {"region": "us-centra1"},
        "warning: ml-dev, us-centra1: hpc knows no region us-centra1 | --region us-central1,",
    ),
    (
        "unseen project",
        "project",
        lambda google: google.projects.clear(),
        {},
        f"warning: ml-dev is not there, or {ACCOUNT} may not see it | gcloud projects describe ml-dev",
    ),
    (
        "deleted project",
        "project",
        lambda google: google.projects.update({PROJECT: "DELETE_REQUESTED"}),
        {},
        "wrong: ml-dev is DELETE_REQUESTED | gcloud projects undelete ml-dev",
    ),
    (
        "APIs",
        "APIs",
        lambda google: google.apis.difference_update({"aiplatform", "secretmanager"}),
        {},
        "wrong: not enabled: aiplatform.googleapis.com, secretmanager.googleapis.com | gcloud services enable "
        "aiplatform.googleapis.com secretmanager.googleapis.com --project=ml-dev",
    ),
    (
        "APIs cannot be told",
        "APIs",
        lambda google: google.apis.discard("serviceusage"),
        {},
        "warning: cannot be told: the API serviceusage.googleapis.com is not enabled | gcloud services enable "
        "serviceusage.googleapis.com --project=ml-dev",
    ),
    (
        "permissions",
        "permissions",
        lambda google: google.permissions.discard("aiplatform.pipelineJobs.create"),
        {},
        f"wrong: {ACCOUNT} lacks aiplatform.pipelineJobs.create | gcloud projects add-iam-policy-binding ml-dev "
        f"--member=serviceAccount:{ACCOUNT} --role=roles/aiplatform.user",
    ),
    (
        "schedules",
        "permissions",
        lambda google: google.permissions.discard("aiplatform.schedules.create"),
        {},
        f"wrong: {ACCOUNT} lacks aiplatform.schedules.create |",
    ),
    ("no root", "bucket", lambda _: None, {"root": None}, "warning: the folder of artifacts is not said |"),
    ("not a bucket", "bucket", lambda _: None, {"root": "/tmp/x"}, "wrong: /tmp/x is not on Cloud Storage |"),
    (
        "no bucket",
        "bucket",
        lambda google: google.buckets.clear(),
        {},
        "wrong: gs://bucket is not there | gcloud storage buckets create gs://bucket --location=us-central1 "
        "--project=ml-dev",
    ),
    (
        "hidden bucket",
        "bucket",
        lambda google: google.forbidden.add("storage/v1/b/bucket"),
        {},
        f"warning: {ACCOUNT} may not look at gs://bucket |",
    ),
    (
        "far bucket",
        "bucket",
        lambda google: google.buckets.update(bucket="EUROPE-WEST4"),
        {},
        "warning: gs://bucket is in europe-west4, the runs are in us-central1: slower,",
    ),
    (
        "objects of others",
        "bucket access",
        lambda google: google.objects.discard("storage.objects.create"),
        {"service_account": RUNNER},
        f"warning: {ACCOUNT} lacks storage.objects.create on gs://bucket; the account of the runs needs them,",
    ),
    (
        "own objects",
        "bucket access",
        lambda google: (google.objects.clear(), google.accounts.update({ACCOUNT: set()})),
        {"service_account": ACCOUNT},
        f"wrong: {ACCOUNT} lacks storage.objects.create, storage.objects.get, storage.objects.list on gs://bucket | "
        f"gcloud storage buckets add-iam-policy-binding gs://bucket --member=serviceAccount:{ACCOUNT} "
        "--role=roles/storage.objectUser",
    ),
    (
        "no account",
        "service account",
        lambda _: None,
        {"service_account": f"other@{PROJECT}.iam.gserviceaccount.com"},
        f"wrong: other@{PROJECT}.iam.gserviceaccount.com is not there | gcloud iam service-accounts create other "
        "--project=ml-dev",
    ),
    (
        "no default account",
        "service account",
        lambda google: google.accounts.clear(),
        {},
        f"wrong: none is said, and there is no default one ({DEFAULT_ACCOUNT}) | write",
    ),
    (
        "account of others",
        "service account",
        lambda google: google.accounts.update({RUNNER: set()}),
        {"service_account": RUNNER},
        f"wrong: {ACCOUNT} may not start runs as {RUNNER} | gcloud iam service-accounts add-iam-policy-binding "
        f"{RUNNER} --member=serviceAccount:{ACCOUNT} --role=roles/iam.serviceAccountUser --project=ml-dev",
    ),
    (
        "no repository",
        "repository of pipelines",
        lambda google: google.registry.formats.clear(),
        {"packages": REPOSITORY},
        f"wrong: {REPOSITORY} is not there | gcloud artifacts repositories create pipelines --repository-format=kfp",
    ),
    (
        "repository of images",
        "repository of pipelines",
        lambda google: google.registry.formats.update({"us-central1/ml-dev/pipelines": "DOCKER"}),
        {"packages": REPOSITORY},
        f"wrong: {REPOSITORY} has the format DOCKER, not KFP |",
    ),
    (
        "no secret",
        "secret wandb",
        lambda google: google.secrets.clear(),
        {},
        f"wrong: {SECRET} is not there | gcloud secrets create wandb --project=ml-dev --data-file=FILE",
    ),
    (
        "disabled secret",
        "secret wandb",
        lambda google: google.secrets.update({SECRET: "DISABLED"}),
        {},
        f"wrong: {SECRET} is DISABLED | gcloud secrets versions enable 1 --secret=wandb --project=ml-dev",
    ),
    (
        "hidden secret",
        "secret wandb",
        lambda google: google.forbidden.add("secretmanager"),
        {},
        f"warning: {ACCOUNT} may not look at {SECRET} | gcloud secrets add-iam-policy-binding wandb",
    ),
    (
        "busy",
        "permissions",
        lambda google: google.faults.append((f"projects/{PROJECT}:testIamPermissions", "503")),
        {"service_account": None, "root": None},
        "warning: cannot be told (503: try again) |",
    ),
    (
        "cut",
        "project",
        lambda google: google.faults.append(("GET cloudresourcemanager", "lost")),
        {},
        "wrong: could not look at the project ml-dev: ",
    ),
]


@pytest.mark.parametrize(
    ("title", "change", "settings", "expected"),
    [case[1:] for case in WRONG],
    ids=[case[0] for case in WRONG],
)
def test_what_is_not_as_it_should_be(
    google: Neighbours, look: Look, title: str, change: Change, settings: dict[str, object], expected: str
) -> None:
    change(google)
    said = found(look(**settings), title)
    assert said.startswith(expected), said


def test_what_follows_from_something_wrong_is_not_said_again(google: Neighbours, look: Look) -> None:
    google.buckets.clear()
    checks = look()
    assert states(checks)["bucket access"] == "skipped"
    assert [check.title for check in checks if check.state == "wrong"] == ["bucket"]


# ---------------------------------------------------------------- this machine


def locally(uses: local.Uses, environ: dict[str, str] | None = None) -> list[Check]:
    return list(examined(local.probes(uses, environ or {}, "9.9")))


def test_this_machine_is_well(tmp_path: Path) -> None:
    checks = locally(local.Uses(tmp_path / "a" / ".hpc", hydra=True, optuna=True))
    assert {check.state for check in checks} == {"ok"}
    assert [check.title for check in checks] == ["Python", "hpc", "folder of runs", "Hydra", "Optuna"]
    assert not (tmp_path / "a").exists()


def test_this_machine_lacks_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setattr(local, "version", _no_package)
    uses = local.Uses(
        tmp_path / "file", hydra=True, optuna=True, engine="podman", builds=True, secrets={"key": "env:K"}
    )
    checks = locally(uses, {"PATH": str(tmp_path)})
    assert found(checks, "folder of runs").startswith(f"wrong: {tmp_path / 'file'} is no folder |")
    assert (
        found(checks, "Hydra")
        == "wrong: hydra-core is not installed here | pip install 'hydra-pipeline-compiler[hydra]'"
    )
    assert (
        found(checks, "Optuna") == "wrong: optuna is not installed here | pip install 'hydra-pipeline-compiler[tune]'"
    )
    assert states(checks)["podman"] == "wrong"
    assert found(checks, "podman").endswith("| install or start podman, or use `--mode process`")
    assert found(checks, "image builder").startswith("warning: none of docker, podman and buildah is here |")
    assert found(checks, "secret key") == "wrong: the variable K is not set | export K=…"


def test_value_of_a_secret_is_not_shown(tmp_path: Path) -> None:
    checks = locally(local.Uses(tmp_path, secrets={"key": "env:K"}), {"K": "hush"})
    assert found(checks, "secret key") == "ok: K | "
    assert "hush" not in repr(checks)


# ---------------------------------------------------------------- Kubeflow Pipelines and the command line


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of its own, and an environment in which no service is known."""
    monkeypatch.setattr(kfp.Client, "_LOCAL_KFP_CONTEXT", str(tmp_path / "context.json"))
    for name in ("KF_PIPELINES_ENDPOINT", "KFP_EXISTING_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def doctor(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = run_command(["doctor", *words, "--format", "json"])
    checks = json.loads(capsys.readouterr().out)
    return code, {check["title"]: check for check in checks}


@pytest.mark.usefixtures("clean")
def test_kubeflow_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    with kfp_server() as server:
        code, checks = doctor(capsys, "--on", "kfp", "--host", server.url)
    assert code == 0
    assert {title: check["state"] for title, check in checks.items()} == dict.fromkeys(
        ("client library", "address", "login", "service", "namespace", "experiment"), "ok"
    )
    assert "one user" in checks["service"]["detail"]
    assert checks["experiment"]["detail"] == "Default, which the first run makes"


def forbid(server: KfpServer) -> None:
    server.forbidden.append("/runs")


def want_token(server: KfpServer) -> None:
    server.token = "right"


def lead_on(server: KfpServer) -> None:
    server.redirect = "https://login.example"


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize(
    ("change", "words", "title", "said"),
    [
        (forbid, ["--namespace", "team"], "namespace", "cannot list runs"),
        (want_token, ["--namespace", "team"], "service", "cannot ask whether it is well"),
        (lead_on, ["--namespace", "team"], "service", "leads on to https://login.example"),
        (lambda _: None, [], "namespace", "none is said, and the service has several users"),
    ],
)
def test_kubeflow_is_not_well(
    capsys: pytest.CaptureFixture[str],
    change: Callable[[KfpServer], None],
    words: list[str],
    title: str,
    said: str,
) -> None:
    with kfp_server(multi_user=True) as server:
        change(server)
        code, checks = doctor(capsys, "--on", "kfp", "--host", server.url, *words)
    assert code == 1
    assert checks[title]["state"] == "wrong"
    assert said in checks[title]["detail"]
    assert checks[title]["fix"]
    assert checks["experiment"]["state"] == "skipped"


@pytest.mark.usefixtures("clean")
def test_kubeflow_without_an_address_or_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    code, checks = doctor(capsys, "--on", "kfp")
    assert (code, checks["address"]["state"], checks["service"]["state"]) == (1, "wrong", "skipped")
    code, checks = doctor(capsys, "--on", "kfp", "--host", "http://127.0.0.1:9")
    assert (code, checks["service"]["state"]) == (1, "wrong")
    assert "Connection refused" in checks["service"]["detail"]


FILE = """\
hpc: 1
name: small
inputs: {lr: {type: float, default: 0.1}}
images:
  app: {uri: "127.0.0.1:9/team/app:1.0", build: {context: .}}
components:
  train: {image: app, command: [python, train.py], inputs: {lr: float}, env: {KEY: {secret: key}}}
edges: [inputs.lr -> train.lr]
secrets: {key: {local: "env:HPC_TEST_KEY", kfp: wandb/key}}
targets:
  kfp: {host: "http://127.0.0.1:9", namespace: team}
  local: {root: runs}
"""


def test_file_says_what_to_look_at(
    clean: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (clean / "pipeline.yaml").write_text(FILE, encoding="utf-8")
    monkeypatch.setenv("HPC_TEST_KEY", "hush")
    code = run_command(["doctor"])
    out, err = capsys.readouterr()
    assert code == 1
    lines = [line.split() for line in out.splitlines()]
    assert [" ".join(line) for line in lines if line[0] in ("pipeline", "this", "Kubeflow", "Vertex")] == [
        "pipeline file",
        "this machine",
        "Kubeflow Pipelines",
    ]
    assert ["ok", "folder", "of", "runs", "runs"] in lines
    assert ["ok", "secret", "key", "HPC_TEST_KEY"] in lines
    assert ["wrong", "service"] in [line[:2] for line in lines]
    assert ["warning", "image", "app"] in [line[:3] for line in lines]
    assert "skipped  secret key" in out
    assert "kubectl get secret wandb --namespace=team" in out
    assert "hush" not in out + err
    assert err.strip().endswith("skipped")


def test_wrong_file(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clean / "pipeline.yaml").write_text(FILE.replace("inputs.lr ->", "inputs.rate ->"), encoding="utf-8")
    code, checks = doctor(capsys)
    assert (code, checks["file"]["state"], checks["file"]["fix"]) == (1, "wrong", "hpc check pipeline.yaml")
    assert checks["file"]["detail"].startswith("pipeline.yaml:8: ")
    assert checks["Python"]["state"] == "ok"


def test_image_is_looked_for_in_its_registry(
    clean: Path, google: Neighbours, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    uri = google.url.removeprefix("http://") + "/team/app:1.0"
    text = FILE.replace("127.0.0.1:9/team/app:1.0", uri).replace("  kfp:", "  vertex: {region: us-central1}\n  kfp:")
    (clean / "pipeline.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account_file(clean, google)))
    code, checks = doctor(capsys, "--on", "vertex", "--root", "gs://bucket/")
    image = checks["image app"]
    assert (code, image["state"], image["fix"]) == (1, "wrong", "hpc build --push")
    assert image["detail"] == f"`{uri}` is not in its registry"
    assert checks["bucket"]["state"] == "ok"
    assert TOKEN not in json.dumps(checks)

    google.images["/v2/team/app/manifests/1.0"] = f"sha256:{64 * 'a'}"
    code, checks = doctor(capsys, "--on", "vertex", "--root", "gs://bucket/")
    assert (code, checks["image app"]["detail"]) == (0, f"{uri}, sha256:aaaaaaaaaaaa…")


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--profile", "prod"], "--profile and --set act on a pipeline file; name it."),
        (["--root", "x"], "--root belongs to one place; say which with --on."),
        (["--on", "kfp", "--project", "x"], "--project is for Vertex AI, not for Kubeflow Pipelines."),
        (["--on", "elsewhere"], "Invalid value for '--on'"),
    ],
)
def test_usage(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert run_command(["doctor", *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.usefixtures("clean")
def test_this_machine_alone(capsys: pytest.CaptureFixture[str]) -> None:
    code, checks = doctor(capsys)
    assert (code, list(checks)) == (0, ["Python", "hpc", "folder of runs"])
