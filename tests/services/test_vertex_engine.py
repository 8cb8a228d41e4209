"""Runs on Vertex AI: Google's real clients against a loopback server that holds the API's rules."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from vertex_faults import RandomFaults
from vertex_here import (
    CHAIN,
    FAST,
    HASTY,
    ROOT,
    connected,
    container,
    credentials_file,
    group,
    job,
    over,
    pipeline,
    step,
    watched,
)
from vertex_script import Plan, cached, fails, hangs, iterates, not_triggered
from vertex_server import Server, vertex_server

from hpc.diagnostics import Rejected
from hpc.engines.events import (
    Event,
    LoopOpened,
    Notice,
    RunFinished,
    RunStarted,
    TaskFinished,
    TaskRetrying,
    TaskStarted,
)
from hpc.engines.service import LeftAsking, Pace, RemoteRun
from hpc.engines.vertex import Connection, connect
from hpc.engines.vertex.asking import Asker
from hpc.engines.vertex.clients import message, raw
from hpc.engines.vertex.naming import digest_of, label_value, name_again, numbered, run_name
from hpc.engines.vertex.place import Place, RunSettings
from hpc.engines.vertex.reading import TaskSeen
from hpc.engines.vertex.spots import spots
from hpc.engines.vertex.telling import Teller, Told
from hpc.engines.vertex.trouble import Asked, judged


@pytest.fixture
def server() -> Iterator[Server]:
    with vertex_server() as running:
        yield running


def rejection(error: pytest.ExceptionInfo[Rejected]) -> str:
    """Code, fact and fix of the only finding."""
    (found,) = error.value.diagnostics
    return f"{found.rule.code} {found.fact} | {found.fix}"


def ends(events: list[Event]) -> list[tuple[str, str, str | None, int]]:
    return [
        (one.task, one.result.state, one.result.reason, one.count) for one in events if isinstance(one, TaskFinished)
    ]


# ---------------------------------------------------------------- connecting


def test_a_place_that_is_not_said_is_asked_for(tmp_path: Path) -> None:
    file = credentials_file(tmp_path)
    content = {**json.loads(file.read_text()), "project_id": None}
    file.write_text(json.dumps(content))
    with pytest.raises(Rejected) as error:
        connect({"project": None}, {"GOOGLE_APPLICATION_CREDENTIALS": str(file)})
    assert [found.fact for found in error.value.diagnostics] == ["the project is not said", "the region is not said"]
    assert {found.rule.code for found in error.value.diagnostics} == {"HPC942"}


def test_the_environment_and_the_credentials_know_the_place(tmp_path: Path) -> None:
    environ = {"GOOGLE_APPLICATION_CREDENTIALS": str(credentials_file(tmp_path))}
    found = connect({}, {**environ, "GOOGLE_CLOUD_LOCATION": "europe-west4"})
    assert found.where == "Vertex AI (project ml-dev, europe-west4)"
    found = connect({"region": "us-east1"}, {**environ, "GOOGLE_CLOUD_PROJECT": "other"})
    assert found.where == "Vertex AI (project other, us-east1)"


def test_without_credentials_it_says_how_to_log_in(tmp_path: Path) -> None:
    missing = tmp_path / "none.json"
    with pytest.raises(Rejected) as error:
        connect({"region": "us-central1"}, {"GOOGLE_APPLICATION_CREDENTIALS": str(missing)})
    assert rejection(error).startswith("HPC941 Google's credentials are not found: ")
    assert "gcloud auth application-default login" in rejection(error)


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.cloud.aiplatform_v1.services.pipeline_service", None)
    with pytest.raises(Rejected) as error:
        connect({"region": "us-central1"}, {})
    assert rejection(error).startswith("HPC940 Google's client is not installed")
    assert "pip install 'hydra-pipeline-compiler[vertex]'" in rejection(error)


def test_the_whole_sdk_is_never_imported(server: Server, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from vertex_here import connected, job; from vertex_server import Server\n"
        f"server = Server(endpoint={server.endpoint!r}); connection = connected(server, Path({str(tmp_path)!r}))\n"
        "connection.submit(job(run='one'))\n"
        "found = [one for one in sys.modules if one in ('google.cloud.aiplatform', 'kfp', 'google.cloud.storage')]\n"
        "sys.exit(f'imported: {found}' if found else 0)"
    )
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        env={"PYTHONPATH": ":".join(folders)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert list(server.jobs.all) == ["one"]


# ---------------------------------------------------------------- submitting


def test_a_run_gets_all_that_was_said(server: Server, tmp_path: Path) -> None:
    connection = connected(
        server,
        tmp_path,
        service_account="runner@ml-dev.iam.gserviceaccount.com",
        network="projects/123/global/networks/own",
        reserved_ip_ranges=["range-a", "range-b"],
        kms_key="projects/ml-dev/locations/us-central1/keyRings/ring/cryptoKeys/key",
        failure_policy="fast",
    )
    run = connection.submit(job(arguments={"epochs": 5, "note": "x"}, labels={"team": "vision"}, run="first"))
    resource = server.jobs.all["first"].resource
    digest = resource["labels"].pop("hpc-digest")
    assert re.fullmatch("[0-9a-f]{32}", digest)
    assert resource["labels"].pop("vertex-ai-pipelines-run-billing-id")
    assert resource == {
        "displayName": "small",
        "pipelineSpec": CHAIN,
        "runtimeConfig": {
            "gcsOutputDirectory": ROOT,
            "parameterValues": {"epochs": 5, "note": "x"},
            "failurePolicy": "PIPELINE_FAILURE_POLICY_FAIL_FAST",
        },
        "labels": {"team": "vision"},
        "serviceAccount": "runner@ml-dev.iam.gserviceaccount.com",
        "network": "projects/123/global/networks/own",
        "reservedIpRanges": ["range-a", "range-b"],
        "encryptionSpec": {"kmsKeyName": "projects/ml-dev/locations/us-central1/keyRings/ring/cryptoKeys/key"},
    }
    page = "https://console.cloud.google.com/vertex-ai/locations/us-central1/pipelines/runs/first?project=ml-dev"
    assert (run.run, run.pipeline, run.state, run.is_new, run.link) == ("first", "small", "PENDING", True, page)


def test_a_network_attachment_instead_of_a_network(server: Server, tmp_path: Path) -> None:
    attachment = "projects/ml-dev/regions/us-central1/networkAttachments/own"
    connected(server, tmp_path, network_attachment=attachment).submit(job(run="one"))
    assert server.jobs.all["one"].resource["pscInterfaceConfig"] == {"networkAttachment": attachment}


def test_the_root_of_the_pipeline_is_taken_where_the_target_has_none(server: Server, tmp_path: Path) -> None:
    spec = {**CHAIN, "defaultPipelineRoot": "gs://other/place/"}
    connected(server, tmp_path, root=None).submit(job(spec, run="one"))
    assert server.jobs.all["one"].resource["runtimeConfig"]["gcsOutputDirectory"] == "gs://other/place"


def test_without_cache_every_task_is_told_so(server: Server, tmp_path: Path) -> None:
    spec = pipeline({"sub": step("comp-sub")}, comp_sub=group({"train": step()}))
    before = json.dumps(spec)
    connected(server, tmp_path).submit(job(spec, run="one", cache=False))
    sent = server.jobs.all["one"].resource["pipelineSpec"]
    tasks = [sent["root"]["dag"]["tasks"]["sub"], sent["components"]["comp-sub"]["dag"]["tasks"]["train"]]
    assert [task["cachingOptions"] for task in tasks] == [{"enableCache": False}] * 2
    assert json.dumps(spec) == before


def test_a_published_pipeline_is_read_by_the_service(server: Server, tmp_path: Path) -> None:
    address = "https://us-kfp.pkg.dev/ml-dev/pipelines/small/v1"
    server.jobs.templates[address] = CHAIN
    connection = connected(server, tmp_path)
    connection.submit(job(run="one", template=address))
    asked = next(one for one in server.asked if one.method == "pipelineJobs.create")
    assert asked.body["templateUri"] == address
    assert "pipelineSpec" not in asked.body
    outcome, events = watched(connection, "one")
    assert outcome.state == "SUCCEEDED"
    assert next(one.rows for one in events if isinstance(one, RunStarted)) == ("prepare", "train", "report")
    with pytest.raises(Rejected) as error:
        connection.submit(job({}, template=address, cache=False))
    assert rejection(error).startswith("HPC949 ")


def test_names_that_hpc_makes_are_all_different(server: Server, tmp_path: Path) -> None:
    connection = connected(server, tmp_path)
    names = {connection.submit(job()).run for _ in range(5)}
    assert len(names) == 5
    assert all(re.fullmatch(r"small-\d{14}-[a-z0-9]{4}", name) for name in names)


def test_the_same_again_is_the_same_run(server: Server, tmp_path: Path) -> None:
    connection = connected(server, tmp_path)
    first = connection.submit(job(run="nightly", arguments={"epochs": 5}))
    second = connection.submit(job(run="nightly", arguments={"epochs": 5}))
    assert (first.is_new, second.is_new) == (True, False)
    assert server.count("pipelineJobs.create") == 1


def test_a_name_that_another_run_has_is_refused(server: Server, tmp_path: Path) -> None:
    connection = connected(server, tmp_path)
    connection.submit(job(run="nightly"))
    with pytest.raises(Rejected) as error:
        connection.submit(job(run="nightly", arguments={"epochs": 5}))
    fact = "there is a run nightly already, and it is of another pipeline, other inputs or other settings"
    assert rejection(error) == f"HPC948 {fact} | choose another name, or leave it out"


@pytest.mark.parametrize("kind", ["lost", "late"])
@pytest.mark.parametrize("name", [None, "nightly"])
def test_an_answer_that_was_lost_does_not_make_a_second_run(
    server: Server, tmp_path: Path, kind: Any, name: str | None
) -> None:
    server.faults.add(kind, "pipelineJobs.create")
    run = connected(server, tmp_path).submit(job(run=name))
    assert run.is_new
    assert list(server.jobs.all) == [run.run]
    assert server.count("pipelineJobs.create") == 2


def test_an_answer_that_was_lost_does_not_make_an_old_run_new(server: Server, tmp_path: Path) -> None:
    connection = connected(server, tmp_path)
    connection.submit(job(run="nightly"))
    server.faults.add("UNAVAILABLE", times=3)
    assert not connection.submit(job(run="nightly")).is_new


def test_a_storm_of_faults_is_sat_out(server: Server, tmp_path: Path) -> None:
    for kind in ("UNAVAILABLE", "RESOURCE_EXHAUSTED", "INTERNAL", "DEADLINE_EXCEEDED", "cut", "html"):
        server.faults.add(kind, "pipelineJobs.create", times=3)
    run = connected(server, tmp_path).submit(job())
    assert list(server.jobs.all) == [run.run]
    assert server.count("pipelineJobs.create") == 19


def test_patience_ends(server: Server, tmp_path: Path) -> None:
    server.faults.add("UNAVAILABLE", times=1000)
    with pytest.raises(Rejected) as error:
        connected(server, tmp_path, HASTY).submit(job(run="one"))
    text = r"HPC947 could not look at the run one: The service is currently unavailable\. \(503\) \(asked \d+ times in "
    assert re.match(text, rejection(error))
    assert not server.jobs.all


def test_quota_that_is_used_up(server: Server, tmp_path: Path) -> None:
    server.faults.add("RESOURCE_EXHAUSTED", "pipelineJobs.create", times=1000)
    with pytest.raises(Rejected) as error:
        connected(server, tmp_path, HASTY).submit(job())
    assert rejection(error).startswith("HPC946 could not start the run small-")
    assert "Pipeline job submission requests per minute" in rejection(error)


def test_nobody_there(tmp_path: Path) -> None:
    with vertex_server() as gone:
        endpoint = gone.endpoint
    connection = connected(Server(endpoint=endpoint), tmp_path, HASTY)
    with pytest.raises(Rejected) as error:
        connection.runs(None, 5)
    assert rejection(error).startswith("HPC947 could not list the runs: Connection refused")


def test_an_address_that_is_none_is_said_at_once(tmp_path: Path) -> None:
    connection = connected(Server(endpoint="http://[nowhere"), tmp_path, Pace())
    with pytest.raises(Rejected) as error:
        connection.runs(None, 5)
    assert rejection(error).startswith("HPC947 could not list the runs: the address is none: ")


def test_a_permission_that_is_missing_names_its_role(server: Server, tmp_path: Path) -> None:
    server.forbidden.add("pipelineJobs.create")
    with pytest.raises(Rejected) as error:
        connected(server, tmp_path).submit(job(run="one"))
    assert rejection(error).startswith(
        "HPC943 could not start the run one: the permission aiplatform.pipelineJobs.create is missing: "
    )
    assert rejection(error).endswith("| have roles/aiplatform.user granted to the account that asks")
    assert server.count("pipelineJobs.create") == 1


def test_what_the_service_refuses_is_told_in_its_words(server: Server, tmp_path: Path) -> None:
    spec = {**CHAIN, "schemaVersion": "1.0.0"}
    with pytest.raises(Rejected) as error:
        connected(server, tmp_path).submit(job(spec, run="one"))
    assert rejection(error).startswith("HPC945 could not start the run one: ")
    assert "schema_version" in rejection(error)
    assert not server.jobs.all


# ---------------------------------------------------------------- judged before anybody is asked

WIDE = container()
WIDE["outputDefinitions"]["artifacts"] = {f"a{number}": {} for number in range(101)}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"arguments": {"epoch": 5}}, "HPC902 the pipeline has no input epoch | did you mean epochs?"),
        ({"arguments": {"epochs": "many"}}, 'HPC904 the input epochs: "many" is not a whole number'),
        ({"arguments": {"epochs": 2**53 + 1}}, "HPC904 the input epochs: 9007199254740993 is not carried exactly"),
        ({"run": "Nightly"}, "HPC945 'Nightly' cannot name a run"),
        ({"run": "a" * 128}, "HPC945 'aaa"),
        ({"labels": {"Team": "x"}}, "HPC945 the name of the label Team has other characters"),
        ({"labels": {"team": "x" * 64}}, "HPC945 the value of the label team is longer than 63"),
        ({"labels": {"hpc-digest": "x"}}, "HPC945 the label hpc-digest is not yours to set"),
        ({"labels": {"1st": "x"}}, "HPC945 the name of the label 1st does not begin with a letter"),
        ({"spec": {"root": {}}}, "HPC900 this is not a compiled pipeline"),
        (
            {"spec": pipeline({"many": step("comp-step", **over(*range(10_001)))})},
            "HPC945 there are 10,001 tasks, 10,000 are allowed",
        ),
        (
            {"spec": pipeline({"wide": step("comp-wide")}, comp_wide=WIDE)},
            "HPC945 comp-wide has 101 artifacts, 100 are allowed",
        ),
    ],
)
def test_what_can_be_known_is_refused_without_asking(
    server: Server, tmp_path: Path, wrong: dict[str, Any], said: str
) -> None:
    connection = connected(server, tmp_path)
    for judge in (connection.check, connection.submit):
        with pytest.raises(Rejected) as error:
            judge(job(**wrong))
        assert rejection(error).startswith(said)
        assert error.value.diagnostics[0].span.source.name == "small.yaml"
    assert server.asked == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"root": None}, "HPC942 the folder of the artifacts is not said | write `targets.vertex.root: gs://…`"),
        ({"root": "s3://bucket"}, "HPC942 s3://bucket is not a folder on Cloud Storage | write `gs://bucket/folder`"),
        ({"root": "gs://Bucket"}, "HPC942 gs://Bucket is not a folder on Cloud Storage"),
        ({"network": "default"}, "HPC945 default does not name a network"),
        ({"network_attachment": "a/b"}, "HPC945 a/b does not name a network attachment"),
        ({"reserved_ip_ranges": ["a"]}, "HPC945 there are reserved address ranges, and no network"),
        ({"service_account": "runner"}, "HPC945 runner is not the e-mail address of an account"),
        ({"kms_key": "key"}, "HPC945 key does not name a key"),
        (
            {"kms_key": "projects/p/locations/europe-west4/keyRings/r/cryptoKeys/k"},
            "HPC945 the key is in europe-west4, the runs are in us-central1",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(
    server: Server, tmp_path: Path, settings: dict[str, object], said: str
) -> None:
    with pytest.raises(Rejected) as error:
        connected(server, tmp_path, **settings).check(job())
    assert rejection(error).startswith(said)


# ---------------------------------------------------------------- watching


def test_a_run_is_told_from_its_start_to_its_end(server: Server, tmp_path: Path) -> None:
    connection = connected(server, tmp_path)
    run = connection.submit(job(run="one"))
    outcome, events = watched(connection, "one")
    first, last = events[0], events[-1]
    mode = "on Vertex AI, us-central1"
    assert first == RunStarted("small", "one", run.link, 0, mode, ("prepare", "train", "report"), 3)
    assert last == RunFinished(outcome)
    told = [one.task for one in events if isinstance(one, (TaskStarted, TaskFinished))]
    assert told == ["prepare", "prepare", "train", "train", "report", "report"]
    assert ends(events) == [(name, "SUCCEEDED", None, 1) for name in ("prepare", "train", "report")]
    assert (outcome.state, outcome.run, outcome.folder, outcome.error) == ("SUCCEEDED", "one", run.link, None)
    assert outcome.seconds > 0


def test_outputs_of_tasks_and_of_the_pipeline_are_told(server: Server, tmp_path: Path) -> None:
    spec = pipeline({"train": step()})
    chosen = [{"producerSubtask": "train", "outputArtifactKey": "model"}]
    spec["root"]["dag"]["outputs"] = {
        "parameters": {"score": {"valueFromParameter": {"producerSubtask": "train", "outputParameterKey": "score"}}},
        "artifacts": {"best": {"artifactSelectors": chosen}},
    }
    spec["root"]["outputDefinitions"] = {
        "parameters": {"score": {"parameterType": "NUMBER_DOUBLE"}},
        "artifacts": {"best": container()["outputDefinitions"]["artifacts"]["model"]},
    }
    server.script["train"] = Plan(outputs={"score": 0.75}, metadata={"model": {"framework": "sklearn", "layers": 3}})
    connection = connected(server, tmp_path)
    connection.submit(job(spec, run="one"))
    outcome, _ = watched(connection, "one")
    (model,) = outcome.tasks["train"].artifacts["model"]
    assert outcome.tasks["train"].outputs == {"score": 0.75}
    assert (model.name, model.schema_title) == ("model", "system.Model")
    assert model.uri.startswith(f"{ROOT}/123456789012/one/train_")
    assert model.metadata == {"framework": "sklearn", "layers": 3}
    assert outcome.outputs == {"score": 0.75}
    assert [one.uri for one in outcome.artifacts["best"]] == [model.uri]


def test_a_failure_is_told_with_its_cause(server: Server, tmp_path: Path) -> None:
    server.script["train"] = fails()
    connection = connected(server, tmp_path)
    connection.submit(job(run="one"))
    outcome, events = watched(connection, "one", train="small.yaml:12")
    (failed,) = [one for one in events if isinstance(one, TaskFinished) and one.result.state == "FAILED"]
    assert (failed.task, failed.failure and failed.failure.place) == ("train", "small.yaml:12")
    assert failed.result.exit_code == 1
    assert (failed.result.error or "").startswith("The replica workerpool0-0 exited with a non-zero status of 1.")
    number = server.jobs.all["one"].run.tasks[2].jobs[-1].rpartition("/")[2]
    log = "https://console.cloud.google.com/logs/query;query=resource.labels.job_id%3D%22{}%22?project=ml-dev"
    assert failed.result.log == log.format(number)
    assert outcome.state == "FAILED"
    assert outcome.error == failed.result.error
    assert ends(events)[-1] == ("report", "SKIPPED", "upstream", 1)


def test_attempts_are_told(server: Server, tmp_path: Path) -> None:
    server.script["train"] = Plan(retries=2, message="The node was taken away.")
    connection = connected(server, tmp_path)
    connection.submit(job(run="one"))
    outcome, events = watched(connection, "one")
    told = [one for one in events if isinstance(one, (TaskStarted, TaskRetrying, TaskFinished)) and one.task == "train"]
    assert [type(one).__name__ for one in told] == [
        "TaskStarted",
        "TaskRetrying",
        "TaskStarted",
        "TaskRetrying",
        "TaskStarted",
        "TaskFinished",
    ]
    assert [one.attempt for one in told if isinstance(one, TaskStarted)] == [1, 2, 3]
    assert {one.error for one in told if isinstance(one, TaskRetrying)} == {"The node was taken away."}
    assert outcome.tasks["train"].attempts == 3


WHEN = {"triggerPolicy": {"condition": "1 == 2"}}


def test_results_of_other_runs_and_false_conditions_are_told(server: Server, tmp_path: Path) -> None:
    tasks = {"prepare": step(), "deploy": step("comp-step", "prepare", **WHEN), "after": step("comp-step", "deploy")}
    server.script.update(prepare=cached(), deploy=not_triggered())
    connection = connected(server, tmp_path)
    connection.submit(job(pipeline(tasks), run="one"))
    outcome, events = watched(connection, "one")
    assert ends(events) == [
        ("prepare", "CACHED", None, 1),
        ("deploy", "SKIPPED", "condition", 1),
        ("after", "SKIPPED", "upstream", 1),
    ]
    assert not [one for one in events if isinstance(one, TaskStarted)]
    assert outcome.state == "SUCCEEDED"


LOOPED = pipeline(
    {"each": step("comp-each", **over("a", "b", "c")), "last": step("comp-step", "each")},
    comp_each=group({"train": step(), "test": step("comp-step", "train")}, item="STRING"),
)


@pytest.mark.parametrize("name", ["{task}-iteration-{index}", "{task}-{index}", "{task}"])
def test_iterations_have_paths(server: Server, tmp_path: Path, name: str) -> None:
    server.jobs.iteration_name = name
    server.script["each.each-iteration-1.train"] = fails("exit code: 3")
    connection = connected(server, tmp_path)
    connection.submit(job(LOOPED, run="one"))
    outcome, events = watched(connection, "one", **{"each[]/train": "small.yaml:7"})
    rows = next(one.rows for one in events if isinstance(one, RunStarted))
    assert rows == ("each[]/train", "each[]/test", "last")
    assert [one for one in events if isinstance(one, LoopOpened)] == [LoopOpened("each", 3, 4)]
    leaves = {path: one.state for path, one in outcome.tasks.items() if one.kind == "task"}
    expected = {f"each[{turn}]/{task}": "SUCCEEDED" for turn in range(3) for task in ("train", "test")}
    if name == "{task}-iteration-{index}":
        expected |= {"each[1]/train": "FAILED", "each[1]/test": "SKIPPED", "last": "SKIPPED"}
        (failed,) = [one for one in events if isinstance(one, TaskFinished) and one.failure]
        assert (failed.task, failed.failure and failed.failure.place) == ("each[1]/train", "small.yaml:7")
        assert failed.result.exit_code == 3
    else:
        expected |= {"last": "SUCCEEDED"}
    assert leaves == expected
    assert sum(count for *_, count in ends(events)) == 7
    kinds = {path: one.kind for path, one in outcome.tasks.items() if one.kind != "task"}
    assert kinds == {"each": "loop", "each[0]": "group", "each[1]": "group", "each[2]": "group"}


def seen(number: int, parent: int, name: str) -> TaskSeen:
    return TaskSeen(number, parent, name, "SUCCEEDED")


def test_a_loop_over_a_container_has_its_iterations_as_tasks() -> None:
    spec = pipeline({"train-2": step("comp-step", **over("a", "b"))})
    around = [seen(1, 0, "small"), seen(2, 1, "train-2")]
    for names in (("train-2-iteration-1", "train-2-iteration-0"), ("train-2", "train-2")):
        found = spots(spec, [*around, seen(3, 2, names[0]), seen(4, 2, names[1])], "one")
        numbers = ("1", "0") if names[0] != names[1] else ("0", "1")
        assert [(one.path, one.kind) for one in found.all] == [
            ("train-2", "loop"),
            *((f"train-2[{number}]", "task") for number in numbers),
        ]


def test_iterations_that_are_not_told_themselves_are_counted() -> None:
    around = [seen(2, 0, "each")]
    tasks = [seen(3, 2, "train"), seen(4, 2, "train"), seen(5, 2, "test"), seen(6, 2, "test")]
    found = spots(LOOPED, [*around, *tasks], "one")
    assert [one.path for one in found.all] == ["each", "each[0]/train", "each[1]/train", "each[0]/test", "each[1]/test"]
    assert {one.around for one in found.all} == {"", "each[0]", "each[1]"}


def test_what_is_in_no_pipeline_is_shown_as_it_comes() -> None:
    found = spots({}, [seen(1, 0, "one"), seen(2, 1, "sub"), seen(3, 2, "train"), seen(4, 1, "test")], "one")
    assert [(one.path, one.kind) for one in found.all] == [("sub", "group"), ("sub/train", "task"), ("test", "task")]


def test_a_loop_over_nothing_takes_its_tasks_back(server: Server, tmp_path: Path) -> None:
    server.script["each"] = iterates(0)
    spec = {**LOOPED, "root": json.loads(json.dumps(LOOPED["root"]))}
    spec["root"]["dag"]["tasks"]["each"]["parameterIterator"]["items"] = {"inputParameter": "list"}
    spec["root"]["dag"]["tasks"]["each"]["inputs"] = {"parameters": {"list": {"runtimeValue": {"constant": []}}}}
    spec["components"]["comp-each"]["inputDefinitions"]["parameters"]["list"] = {"parameterType": "LIST"}
    connection = connected(server, tmp_path)
    connection.submit(job(spec, run="one"))
    _, events = watched(connection, "one")
    assert [one for one in events if isinstance(one, LoopOpened)] == [LoopOpened("each", 0, -2)]
    assert sum(count for *_, count in ends(events)) == 1


def test_a_group_that_is_skipped_counts_with_all_its_tasks(server: Server, tmp_path: Path) -> None:
    server.script["sub"] = not_triggered()
    spec = pipeline(
        {"sub": step("comp-sub", **WHEN)},
        comp_sub=group({"train": step(), "test": step("comp-step", "train")}),
    )
    connection = connected(server, tmp_path)
    connection.submit(job(spec, run="one"))
    _, events = watched(connection, "one")
    assert ends(events) == [("sub", "SKIPPED", "condition", 2)]


def test_tasks_that_never_came_to_be_are_told_at_the_end(server: Server, tmp_path: Path) -> None:
    server.script["prepare"] = fails()
    spec = pipeline(
        {"prepare": step(), "other": step(), "sub": step("comp-sub", "other"), "last": step("comp-step", "sub")},
        comp_sub=group({"train": step(), "test": step("comp-step", "train")}),
    )
    connection = connected(server, tmp_path, failure_policy="fast")
    connection.submit(job(spec, run="one"))
    outcome, events = watched(connection, "one")
    assert ends(events)[-2:] == [("sub", "SKIPPED", "fail-fast", 2), ("last", "SKIPPED", "fail-fast", 1)]
    assert sum(count for *_, count in ends(events)) == 5
    assert outcome.state == "FAILED"


def test_an_outage_is_told_once_and_its_end_too(server: Server, tmp_path: Path) -> None:
    connection = connected(server, tmp_path)
    connection.submit(job(run="one"))
    events: list[Event] = []

    def hear(event: Event) -> None:
        events.append(event)
        if isinstance(event, TaskStarted) and event.task == "train":
            server.faults.add("UNAVAILABLE", "pipelineJobs.get", times=4)

    assert connection.watch("one", {}, hear).state == "SUCCEEDED"
    notices = [one.text for one in events if isinstance(one, Notice)]
    assert notices == [
        "could not look at the run one: The service is currently unavailable. (503); the run goes on, Vertex AI is "
        "asked again",
        "Vertex AI answers again",
    ]


def test_a_watch_that_gives_up_says_that_the_run_goes_on(server: Server, tmp_path: Path) -> None:
    connection = connected(server, tmp_path, HASTY)
    connection.submit(job(run="one"))

    def cut(event: Event) -> None:
        if isinstance(event, RunStarted):
            server.faults.add("UNAVAILABLE", "pipelineJobs.get", times=10_000)

    with pytest.raises(Rejected) as error:
        connection.watch("one", {}, cut)
    assert rejection(error).startswith("HPC947 could not look at the run one: ")
    assert "; the run goes on without being watched | " in rejection(error)
    assert not server.jobs.all["one"].has_ended


def test_a_run_that_is_not_there(server: Server, tmp_path: Path) -> None:
    connection = connected(server, tmp_path)
    for ask in (connection.run, connection.cancel, connection.resume, lambda name: watched(connection, name)):
        with pytest.raises(Rejected) as error:
            ask("nowhere")
        assert rejection(error).startswith("HPC944 could not look at the run nowhere: The PipelineJob does not exist.")


# ---------------------------------------------------------------- lists, ends, resumptions


def test_the_newest_runs_come_first(server: Server, tmp_path: Path) -> None:
    connection = connected(server, tmp_path)
    other = {**CHAIN, "pipelineInfo": {"name": "other"}}
    for number in range(105):
        connection.submit(job(other if number % 35 == 0 else CHAIN, run=f"run-{number}"))
    assert [one.run for one in connection.runs("other", 2)] == ["run-70", "run-35"]
    found = connection.runs(None, 103)
    assert [one.run for one in found] == [f"run-{number}" for number in range(104, 1, -1)]
    assert {one.pipeline for one in found} == {"small", "other"}
    assert connection.runs("small", 0) == []


def test_a_run_is_cancelled_once_and_for_all(server: Server, tmp_path: Path) -> None:
    server.script["train"] = hangs()
    connection = connected(server, tmp_path)
    connection.submit(job(run="one"))
    for _ in range(6):
        connection.run("one")
    assert connection.cancel("one").state in {"CANCELLING", "CANCELLED"}
    connection.cancel("one")
    outcome, events = watched(connection, "one")
    assert outcome.state == "CANCELLED"
    assert ends(events) == [
        ("prepare", "SUCCEEDED", None, 1),
        ("train", "CANCELLED", None, 1),
        ("report", "CANCELLED", None, 1),
    ]
    assert connection.cancel("one").state == "CANCELLED"
    assert server.count("pipelineJobs.cancel") == 1


@pytest.mark.parametrize("kind", ["lost", "late", "cut", "UNAVAILABLE"])
def test_a_lost_answer_to_a_cancel_is_no_failure(server: Server, tmp_path: Path, kind: Any) -> None:
    server.script["prepare"] = hangs()
    connection = connected(server, tmp_path)
    connection.submit(job(run="one"))
    server.faults.add(kind, "pipelineJobs.cancel")
    assert connection.cancel("one").state in {"CANCELLING", "CANCELLED"}


def test_a_run_that_has_ended_stays_as_it_is(server: Server, tmp_path: Path) -> None:
    connection = connected(server, tmp_path)
    connection.submit(job(run="one"))
    watched(connection, "one")
    assert connection.cancel("one").state == "SUCCEEDED"
    assert server.count("pipelineJobs.cancel") == 0


def test_a_run_is_resumed_without_what_has_succeeded(server: Server, tmp_path: Path) -> None:
    server.script["train"] = fails()
    connection = connected(server, tmp_path)
    connection.submit(job(run="one", arguments={"epochs": 5}, labels={"team": "vision"}))
    watched(connection, "one")
    server.script.clear()
    again = connection.resume("one")
    assert (again.run, again.is_new) == ("one-r1", True)
    asked = [one for one in server.asked if one.method == "pipelineJobs.create"][-1]
    assert asked.path.startswith("/v1beta1/")
    skipped = {one["taskName"]: one.get("skipTask", False) for one in asked.body["pipelineTaskRerunConfigs"]}
    assert {name: skipped[name] for name in ("prepare", "train", "report")} == {
        "prepare": True,
        "train": False,
        "report": False,
    }
    old = server.jobs.all["one"]
    assert asked.body["originalPipelineJobId"] == str(old.number)
    assert asked.body["runtimeConfig"] == old.resource["runtimeConfig"]
    assert asked.body["labels"]["team"] == "vision"
    assert not connection.resume("one").is_new
    assert list(server.jobs.all) == ["one", "one-r1"]


def test_resumptions_are_numbered(server: Server, tmp_path: Path) -> None:
    server.script["train"] = fails()
    connection = connected(server, tmp_path)
    connection.submit(job(run="one"))
    watched(connection, "one")
    for number in (1, 2):
        assert connection.resume("one").run == f"one-r{number}"
        watched(connection, f"one-r{number}")
    assert connection.resume("one-r2").run == "one-r3"


@pytest.mark.parametrize("kind", ["lost", "late"])
def test_a_lost_answer_does_not_resume_twice(server: Server, tmp_path: Path, kind: Any) -> None:
    server.script["train"] = fails()
    connection = connected(server, tmp_path)
    connection.submit(job(run="one"))
    watched(connection, "one")
    server.faults.add(kind, "pipelineJobs.create")
    again = connection.resume("one")
    assert (again.run, again.is_new) == ("one-r1", True)
    assert list(server.jobs.all) == ["one", "one-r1"]


def test_what_cannot_be_resumed_is_said(server: Server, tmp_path: Path) -> None:
    connection = connected(server, tmp_path)
    connection.submit(job(run="one"))
    with pytest.raises(Rejected) as error:
        connection.resume("one")
    fact = "the run one has not ended, it is pending"
    assert rejection(error) == f"HPC949 {fact} | wait for its end, or `hpc cancel one` first"
    watched(connection, "one")
    with pytest.raises(Rejected) as error:
        connection.resume("one")
    assert rejection(error).startswith("HPC949 the run one has succeeded, nothing of it is left to do")


# ---------------------------------------------------------------- faults at random


@pytest.mark.parametrize("block", range(10))
def test_nothing_is_lost_and_nothing_is_doubled(tmp_path: Path, block: int) -> None:
    """Twenty sequences each: submit, the same again, watch or cancel, under faults of every kind."""
    with vertex_server() as server:
        connection = connected(server, tmp_path, FAST)
        for seed in range(20 * block, 20 * block + 20):
            server.jobs.all.clear()
            server.script["train"] = hangs() if seed % 3 == 0 else fails() if seed % 3 == 1 else Plan()
            server.faults.at_random(RandomFaults(seed, share=0.4))
            name = f"run-{seed}" if seed % 2 else None
            first = connection.submit(job(run=name))
            again = connection.submit(job(run=first.run))
            assert (first.is_new, again.is_new, again.run) == (True, False, first.run)
            if seed % 3 == 0:
                connection.cancel(first.run)
            outcome, events = watched(connection, first.run)
            server.faults.clear()
            assert outcome.state == ("CANCELLED", "FAILED", "SUCCEEDED")[seed % 3]
            assert list(server.jobs.all) == [first.run]
            assert sum(count for *_, count in ends(events)) == 3
            assert len({path for path, *_ in ends(events)}) == 3
            if seed % 3 == 1:
                assert (outcome.error or "").startswith("The replica workerpool0-0 exited")
                assert connection.resume(first.run).run == f"{first.run}-r1"
                assert len(server.jobs.all) == 2


# ---------------------------------------------------------------- answers that no service gives


def proxy(kind: str) -> None:
    """Raise what Google's client raises at the page of a proxy."""
    from google.api_core.exceptions import format_http_response_error
    from google.protobuf import json_format, struct_pb2

    if kind == "page":
        json_format.Parse("<html>", struct_pb2.Struct())
    raise format_http_response_error(None, "GET", "http://there", {"error": "bad gateway"})


@pytest.mark.parametrize("kind", ["page", "other JSON"])
def test_an_answer_that_is_none_is_asked_for_again(kind: str) -> None:
    tries: list[str] = []

    def send() -> str:
        tries.append(kind)
        if len(tries) < 3:
            proxy(kind)
        return "well"

    assert Asker(FAST).ask(Asked("look", "a.b.c"), send) == "well"
    with pytest.raises(Rejected) as error:
        Asker(HASTY).ask(Asked("look", "a.b.c"), lambda: proxy(kind))
    assert rejection(error).startswith(
        "HPC947 could not look: the answer is not one of the API; is a proxy in between?"
    )


def test_a_mistake_of_our_own_is_not_hidden() -> None:
    with pytest.raises(TypeError):
        Asker(FAST).ask(Asked("look", "a.b.c"), lambda: len(5))  # type: ignore[arg-type] -- that is the mistake


def answer(code: int, message: str, status: str = "") -> Exception:
    from google.api_core.exceptions import from_http_status

    class Response:
        def json(self) -> object:
            return {"error": {"message": message, "status": status}}

    return from_http_status(code, message, response=Response())


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            answer(400, "You do not have permission to act as service_account: a@b.", "FAILED_PRECONDITION"),
            ("HPC943", "iam.serviceAccounts.actAs", "roles/iam.serviceAccountUser"),
        ),
        (
            answer(403, "Permission 'storage.objects.get' denied.", "PERMISSION_DENIED"),
            ("HPC943", "storage.objects.get", "roles/storage.objectUser"),
        ),
        (
            answer(403, "Vertex AI API has not been used in project 5 before or it is disabled."),
            ("HPC943", "has not been used", "gcloud services enable aiplatform.googleapis.com"),
        ),
        (answer(401, "Request had invalid authentication credentials."), ("HPC941", "invalid", "gcloud auth")),
        (answer(403, "<html>no</html>"), ("HPC947", "a proxy answers instead of the service (403)", "network")),
    ],
)
def test_troubles_have_a_meaning_and_a_way_out(error: Exception, said: tuple[str, str, str]) -> None:
    trouble = judged(error, Asked("look", "aiplatform.pipelineJobs.get"))
    assert (trouble.rule.code, said[1] in trouble.fact, said[2] in trouble.fix) == (said[0], True, True)


def test_credentials_that_are_not_accepted() -> None:
    from google.auth.exceptions import RefreshError, TransportError

    trouble = judged(RefreshError("invalid_grant: Token has been revoked."), Asked("look", "a.b.c"))
    assert (trouble.rule.code, trouble.patience) == ("HPC941", 0)
    assert judged(TransportError(OSError(111, "Connection refused")), Asked("look", "a.b.c")).patience == 1


# ---------------------------------------------------------------- names


def test_names_of_runs_fit() -> None:
    assert re.fullmatch(r"small-19700101000000-[a-z0-9]{4}", run_name("small", 0))
    assert re.fullmatch(r"run-1st-x-19700101000000-[a-z0-9]{4}", run_name("1st x", 0))
    assert len(run_name("a" * 200, 0)) == 127
    assert numbered("a-r12") == ("a", 13)
    assert numbered("a") == ("a", 1)
    assert name_again("a" * 127, 3) == "a" * 124 + "-r3"
    assert label_value("Über Nacht!") == "-ber-nacht-"


def test_digests_are_of_meaning() -> None:
    assert digest_of({"a": 1, "b": [2.0]}) == digest_of({"b": [2], "a": 1.0})
    assert digest_of({"a": 1}) != digest_of({"a": "1"})
    assert digest_of({"a": True}) != digest_of({"a": 1})


# ---------------------------------------------------------------- seen late, and left early


def unseen(connection: Connection, times: int) -> list[str]:
    """Let the next looks at runs answer that there is none. The names that were asked for come into the list."""
    from google.api_core.exceptions import NotFound

    client = connection._clients.pipelines  # pyright: ignore[reportPrivateUsage] -- the real one, a little behind
    real, asked = client.get_pipeline_job, list[str]()

    def get(request: dict[str, str], timeout: float) -> Any:
        asked.append(request["name"].rpartition("/")[2])
        if len(asked) <= times:
            raise NotFound("The PipelineJob does not exist.")
        return real(request=request, timeout=timeout)

    client.get_pipeline_job = get
    return asked


def test_a_run_that_was_just_made_may_be_seen_late(server: Server, tmp_path: Path) -> None:
    connection = connected(server, tmp_path)
    run = connection.submit(job()).run
    unseen(connection, 3)
    outcome, events = watched(connection, run)
    assert outcome.state == "SUCCEEDED"
    assert [one for one in events if isinstance(one, Notice)] == []


def test_a_name_that_is_taken_may_be_seen_late(server: Server, tmp_path: Path) -> None:
    connection = connected(server, tmp_path)
    connection.submit(job(run="one"))
    asked = unseen(connection, 3)
    assert connection.submit(job(run="one")).is_new is False
    assert (asked, len(server.jobs.all)) == (["one"] * 4, 1)


def test_a_run_that_nobody_made_is_not_waited_for(server: Server, tmp_path: Path) -> None:
    connection = connected(server, tmp_path)
    asked = unseen(connection, 0)
    with pytest.raises(Rejected) as error:
        watched(connection, "none")
    assert (rejection(error)[:6], asked) == ("HPC944", ["none"])


@pytest.mark.parametrize("name", ["", "../x", "a b", "a?b"])
def test_what_names_no_run_is_not_asked_for(name: str, server: Server, tmp_path: Path) -> None:
    connection = connected(server, tmp_path)
    asked = unseen(connection, 0)
    with pytest.raises(Rejected) as error:
        watched(connection, name)
    fix = "look at `hpc runs --on vertex`"
    assert (rejection(error), asked) == (f"HPC944 {name!r} is not the name of a run | {fix}", [])


def test_a_run_that_is_deleted_meanwhile(server: Server, tmp_path: Path) -> None:
    server.script["train"] = hangs()
    connection = connected(server, tmp_path)
    run = connection.submit(job()).run

    def listen(event: Event) -> None:
        if isinstance(event, TaskStarted) and event.task == "train":
            server.jobs.all.clear()

    with pytest.raises(Rejected) as error:
        connection.watch(run, {}, listen)
    assert rejection(error).startswith(f"HPC944 could not look at the run {run}: ")
    assert "; it was there before, so it has been deleted | start a new run with `hpc run`" in rejection(error)


def test_credentials_that_end_while_a_run_is_watched(server: Server, tmp_path: Path) -> None:
    from google.auth.exceptions import RefreshError

    server.script["train"] = hangs()
    connection = connected(server, tmp_path)
    run = connection.submit(job()).run
    client = connection._clients.pipelines  # pyright: ignore[reportPrivateUsage] -- its credentials end

    def get(**_: object) -> None:
        raise RefreshError("invalid_grant: Token has expired.")

    def listen(event: Event) -> None:
        if isinstance(event, TaskStarted) and event.task == "train":
            client.get_pipeline_job = get

    with pytest.raises(Rejected) as error:
        connection.watch(run, {}, listen)
    assert rejection(error).startswith("HPC941 ")
    assert "; the run goes on without being watched | run `gcloud auth application-default login`" in rejection(error)
    assert rejection(error).endswith("and watch it again with `hpc watch`")


def test_a_run_that_may_have_been_started_is_named(server: Server, tmp_path: Path) -> None:
    connection = connected(server, tmp_path, HASTY)
    connection.runs(None, 1)
    server.faults.add("lost", "pipelineJobs.create")
    server.faults.add("UNAVAILABLE", "pipelineJobs.create", times=1000)
    with pytest.raises(Rejected) as error:
        connection.submit(job())
    (run,) = server.jobs.all
    assert rejection(error).startswith(f"HPC947 could not start the run {run}: ")
    assert f"it may have been started all the same, and the same command with `--name {run}`" in rejection(error)
    server.faults.clear()
    assert connected(server, tmp_path).submit(job(run=run)).is_new is False
    assert len(server.jobs.all) == 1


def test_what_was_surely_not_started_is_not_said_to_be(server: Server, tmp_path: Path) -> None:
    with pytest.raises(Rejected) as error:
        connected(server, tmp_path, HASTY, endpoint="http://[::1").submit(job())
    assert rejection(error).startswith("HPC947 ")
    assert "may have been started" not in rejection(error)


def test_leaving_while_a_run_is_asked_for_tells_its_name(server: Server, tmp_path: Path) -> None:
    connection = connected(server, tmp_path)
    client = connection._clients.pipelines  # pyright: ignore[reportPrivateUsage] -- left in the middle of it
    real = client.create_pipeline_job

    def create(request: object, timeout: float) -> None:
        real(request=request, timeout=timeout)
        raise KeyboardInterrupt

    client.create_pipeline_job = create
    with pytest.raises(LeftAsking) as left:
        connection.submit(job())
    assert [left.value.run] == list(server.jobs.all)


def test_a_pause_is_told(server: Server, tmp_path: Path) -> None:
    server.script["train"] = hangs()
    connection = connected(server, tmp_path)
    run = connection.submit(job()).run
    real = connection._clients.pipelines.get_pipeline_job  # pyright: ignore[reportPrivateUsage]
    looks: list[int] = []

    def get(request: object, timeout: float) -> Any:
        looks.append(1)
        found = real(request=request, timeout=timeout)
        if 5 < len(looks) < 9:
            found.state = 8  # PIPELINE_STATE_PAUSED
        if len(looks) == 10:
            connection.cancel(run)
        return found

    connection._clients.pipelines.get_pipeline_job = get  # pyright: ignore[reportPrivateUsage]
    _, events = watched(connection, run)
    told = [one.text for one in events if isinstance(one, Notice)]
    assert told[0] == "the run is paused, and goes on when somebody resumes it in the console"


def test_a_page_in_another_encoding_is_no_answer() -> None:
    from google.protobuf import json_format, struct_pb2

    with pytest.raises(Rejected) as error:
        Asker(HASTY).ask(Asked("look", "a.b.c"), lambda: json_format.Parse(b"<html>caf\xe9", struct_pb2.Struct()))
    assert rejection(error).startswith("HPC947 could not look: the answer is not one of the API")


@pytest.mark.parametrize("endpoint", [f"http://{'x' * 70}.y", "::::", "http://[::1"])
def test_an_address_that_is_none(endpoint: str, server: Server, tmp_path: Path) -> None:
    with pytest.raises(Rejected) as error:
        connected(server, tmp_path, endpoint=endpoint).run("one")
    assert rejection(error).startswith("HPC947 could not look at the run one: the address is none: Failed to parse: ")


def test_a_refusal_in_foreign_words_is_no_missing_permission() -> None:
    from google.api_core.exceptions import Forbidden

    trouble = judged(Forbidden("blocked by policy"), Asked("look", "aiplatform.pipelineJobs.get"))
    assert (trouble.rule.code, trouble.fact) == ("HPC943", "could not look: it is forbidden (403): blocked by policy")
    assert trouble.fix.startswith("look whether a proxy is in between; if not, have a role with aiplatform.")


def test_the_service_says_how_long_to_wait() -> None:
    from google.api_core.exceptions import from_http_status

    class Response:
        headers = {"Retry-After": "7"}  # noqa: RUF012 - never changed

        def json(self) -> object:
            return {"error": {"message": "too many", "status": "RESOURCE_EXHAUSTED"}}

    error = from_http_status(429, "too many", response=Response())
    assert judged(error, Asked("look", "a.b.c")).not_before == 7
    with pytest.raises(Rejected) as rejected:
        Asker(Pace(first_wait=0.001, longest_wait=0.001, patience=5.0)).ask(Asked("look", "a.b.c"), raising(error))
    assert (
        rejection(rejected)
        == "HPC946 could not look: too many | wait a while, or ask for a larger quota in the console"
    )


def raising(error: Exception) -> Any:
    def send() -> None:
        raise error

    return send


def test_credentials_that_can_be_renewed_later_are_tried_again() -> None:
    from google.auth.exceptions import RefreshError

    assert judged(RefreshError("internal_failure", retryable=True), Asked("look", "a.b.c")).patience == 1


@pytest.mark.parametrize(
    "content", ["[]", "null", '"x"', '{"type": "impersonated_service_account"}', "rubbish", "\udcff"]
)
def test_a_file_of_credentials_that_is_none(content: str, tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(Rejected) as error:
        connect({"region": "us-central1"}, {"GOOGLE_APPLICATION_CREDENTIALS": str(file)})
    assert rejection(error).startswith("HPC941 Google's credentials are not found: ")
    assert "Error" not in rejection(error)


def test_a_key_is_never_quoted(tmp_path: Path) -> None:
    file = credentials_file(tmp_path)
    lines = ["-----BEGIN PRIVATE KEY-----", "c2VjcmV0"]
    file.write_text(json.dumps({**json.loads(file.read_text()), "private_key": lines}))
    with pytest.raises(Rejected) as error:
        connect({"region": "us-central1"}, {"GOOGLE_APPLICATION_CREDENTIALS": str(file)})
    assert "c2VjcmV0" not in rejection(error)


# ---------------------------------------------------------------- large runs


NEVER = {"triggerPolicy": {"condition": "false"}}


def skipped(tasks: dict[str, Any]) -> dict[str, str | None]:
    """Why each task was skipped, in a run in which none is triggered."""
    spec = pipeline(tasks)
    place = Place("p", "us-central1", "there", RunSettings())
    events: list[Event] = []
    teller = Teller(Told(RemoteRun("run", "small", "RUNNING"), spec, place, {}), events.append)
    detail = raw(message("PipelineTaskDetail", {}))
    seen = [TaskSeen(number, 0, name, "NOT_TRIGGERED", raw=detail) for number, name in enumerate(tasks, 1)]
    teller.take(spots(spec, seen, "run"))
    return {one.task: one.result.reason for one in events if isinstance(one, TaskFinished)}


def test_a_long_chain_of_skipped_tasks() -> None:
    tasks = {f"t{n}": step("comp-step", *([f"t{n - 1}"] if n else [])) for n in range(1500)}
    tasks["t0"].update(NEVER)
    found = skipped(tasks)
    assert found.pop("t0") == "condition"
    assert set(found.values()) == {"upstream"}


def test_conditions_behind_conditions_are_looked_at_once() -> None:
    names = [(f"t{n}a", f"t{n}b") for n in range(60)]
    tasks = {
        name: step("comp-step", *(names[n - 1] if n else ()), **NEVER) for n, pair in enumerate(names) for name in pair
    }
    assert set(skipped(tasks).values()) == {"condition"}


def test_json_of_something_else_is_no_run(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that answers 200 with JSON of its own, where the work was done: the run is found by its name."""
    connection, answer = connected(server, tmp_path), server.answer
    answers = iter([{"status": "ok"}, []])

    def first_the_proxy(asked: Any) -> Any:
        found = answer(asked)
        return next(answers, found) if asked.method.startswith("pipelineJobs.") else found

    monkeypatch.setattr(server, "answer", first_the_proxy)
    run = connection.submit(job(run="release"))
    assert (run.run, list(server.jobs.all)) == ("release", ["release"])
