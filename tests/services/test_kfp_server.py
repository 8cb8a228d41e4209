"""The loopback server of Kubeflow Pipelines holds the API's rules: the real client gets on with it, mistakes do not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import Any

import kfp
import kfp_server_api
import pytest
import urllib3
from compiling import compile_text
from kfp_cron import Cron
from kfp_examples import STEPS, documents
from kfp_script import Script
from kfp_server import Fault, KfpServer, kfp_server

pytestmark = pytest.mark.filterwarnings("ignore:This client only works:FutureWarning")


@pytest.fixture
def server() -> Iterator[KfpServer]:
    with kfp_server() as running:
        yield running


@pytest.fixture
def client(server: KfpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> kfp.Client:
    monkeypatch.setattr(kfp.Client, "_LOCAL_KFP_CONTEXT", str(tmp_path / "context.json"))
    return kfp.Client(host=server.url)


@pytest.fixture
def package(tmp_path: Path) -> str:
    """A file as `hpc compile --target kfp` writes it: two documents."""
    compiled = compile_text(STEPS, "kfp").compiled
    assert compiled is not None and compiled.documents == 2
    file = tmp_path / "train.yaml"
    file.write_text(compiled.text, encoding="utf-8")
    return str(file)


def post(server: KfpServer, path: str, body: Any) -> tuple[int, dict[str, Any]]:
    answer = urllib3.request("POST", f"{server.url}/apis/v2beta1{path}", json=body, retries=False)
    return answer.status, json.loads(answer.data)


def get(server: KfpServer, path: str, **query: str) -> tuple[int, dict[str, Any]]:
    answer = urllib3.request("GET", f"{server.url}/apis/v2beta1{path}", fields=query, retries=False)
    return answer.status, json.loads(answer.data)


# ---------------------------------------------------------------- the real client


def test_the_client_runs_what_hpc_compiles(client: kfp.Client, server: KfpServer, package: str) -> None:
    made = client.create_run_from_pipeline_package(
        package, arguments={"epochs": 3}, run_name="by hand", experiment_name="e"
    )
    done = client.wait_for_run_completion(made.run_id, timeout=30, sleep_duration=0)
    assert done.state == "SUCCEEDED"
    assert [one.display_name for one in client.list_runs().runs] == ["by hand"]
    kept = server.store.runs[made.run_id]["pipeline_spec"]
    assert kept["platform_spec"] == documents()[1]


def test_the_client_uploads_pipelines_and_versions(client: kfp.Client, package: str) -> None:
    pipeline = client.upload_pipeline(package, pipeline_name="train")
    version = client.upload_pipeline_version(package, "second", pipeline_id=pipeline.pipeline_id)
    assert client.get_pipeline_id("train") == pipeline.pipeline_id
    listed = client.list_pipeline_versions(pipeline.pipeline_id, sort_by="created_at desc").pipeline_versions
    assert [one.display_name for one in listed] == ["second", "train"]
    run = client.run_pipeline(
        client.create_experiment("e").experiment_id,
        "of a version",
        pipeline_id=pipeline.pipeline_id,
        version_id=version.pipeline_version_id,
        params={"epochs": 1},
    )
    assert run.state == "PENDING"


def test_the_client_makes_and_switches_recurring_runs(client: kfp.Client, server: KfpServer, package: str) -> None:
    experiment = client.create_experiment("e").experiment_id
    made = client.create_recurring_run(
        experiment, "nightly", cron_expression="0 0 3 * * *", pipeline_package_path=package, params={"epochs": 1}
    )
    client.disable_recurring_run(made.recurring_run_id)
    assert client.get_recurring_run(made.recurring_run_id).status == "DISABLED"
    assert server.advance(datetime(2026, 11, 21, 4, tzinfo=timezone.utc)) == []
    client.enable_recurring_run(made.recurring_run_id)
    fired = server.advance(datetime(2026, 11, 22, 4, tzinfo=timezone.utc))
    assert [one["display_name"] for one in fired] == ["nightly-1795316400"]
    client.delete_recurring_run(made.recurring_run_id)
    assert client.list_recurring_runs().recurring_runs is None or not client.list_recurring_runs().recurring_runs


def test_the_client_hears_of_mistakes(client: kfp.Client) -> None:
    with pytest.raises(kfp_server_api.ApiException) as caught:
        client.get_run("no-such-run")
    assert caught.value.status == 404


# ---------------------------------------------------------------- rules


def test_bad_requests_are_refused(server: KfpServer) -> None:
    spec, _ = documents()
    good: dict[str, Any] = {"display_name": "r", "pipeline_spec": spec, "runtime_config": {"parameters": {"epochs": 1}}}
    broken = deepcopy(spec)
    broken["root"]["dag"]["tasks"]["fit"]["typo"] = 1
    orphan = deepcopy(spec)
    orphan["root"]["dag"]["tasks"]["fit"]["componentRef"]["name"] = "nobody"
    cases: list[tuple[dict[str, Any], str]] = [
        ({"labels": {}}, 'unknown field "labels"'),
        ({"display_name": ""}, "Run name is empty"),
        ({"pipeline_spec": broken}, 'no field named "typo"'),
        ({"pipeline_spec": orphan}, "component spec for fit not found"),
        ({"pipeline_spec": {"pipeline_spec": spec, "platform_spec": {"x": 1}}}, 'no field named "x"'),
        ({"runtime_config": {}}, "parameter epochs is required"),
        ({"runtime_config": {"parameters": {"epochs": "1"}}}, "requires type NUMBER_INTEGER"),
        ({"runtime_config": {"parameters": {"epochs": 1, "nope": 1}}}, "nope is not an input"),
        ({"runtime_config": {"parameters": {"epochs": 1, "tags": ["x" * 10_001]}}}, "exceed maximum size"),
        ({"pipeline_version_reference": {}}, "either a pipeline spec or a pipeline version"),
        ({"experiment_id": "gone"}, "Experiment gone not found"),
    ]
    for change, message in cases:
        status, answer = post(server, "/runs", {**good, **change})
        assert status in (400, 404) and message in answer["message"], (change.keys(), answer["message"])
    assert post(server, "/runs", good)[0] == 200


def test_lists_are_filtered_sorted_and_paged(server: KfpServer) -> None:
    for name in ("b", "a", "ab"):
        assert post(server, "/experiments", {"display_name": name})[0] == 200
    found = json.dumps({"predicates": [{"operation": 9, "key": "display_name", "stringValue": "a"}]})
    status, answer = get(server, "/experiments", filter=found, sort_by="display_name desc", page_size="1")
    assert (status, [one["display_name"] for one in answer["experiments"]]) == (200, ["ab"])
    token = answer["next_page_token"]
    _, answer = get(server, "/experiments", filter=found, sort_by="display_name desc", page_size="1", page_token=token)
    assert [one["display_name"] for one in answer["experiments"]] == ["a"] and "next_page_token" not in answer
    wrong = json.dumps({"predicates": [{"operation": "EQUALS", "key": "pipeline", "string_value": "a"}]})
    assert get(server, "/experiments", filter=wrong)[0] == 400
    assert get(server, "/experiments", sort_by="pipeline")[0] == 400
    assert get(server, "/experiments", namespace="team")[0] == 400
    assert post(server, "/experiments", {"display_name": "a"})[0] == 409


def test_namespaces_are_demanded_where_there_are_users() -> None:
    with kfp_server(multi_user=True) as server:
        assert get(server, "/runs")[0] == 400
        assert get(server, "/runs", namespace="others")[0] == 403
        assert get(server, "/runs", namespace="team") == (200, {"runs": [], "total_size": 0})


def test_schedules_have_six_fields_and_limits(server: KfpServer) -> None:
    good: dict[str, Any] = {
        "display_name": "s",
        "pipeline_spec": documents()[0],
        "runtime_config": {"parameters": {"epochs": 1}},
        "trigger": {"cron_schedule": {"cron": "0 0 3 * * *"}},
        "max_concurrency": 1,
        "mode": "ENABLE",
    }
    for change in (
        {"max_concurrency": 11},
        {"mode": "ON"},
        {"trigger": {"cron_schedule": {"cron": "TZ=UTC 0 0 3 * * *"}}},
        {"trigger": {"cron_schedule": {"cron": "0 0 3 * * 7"}}},
    ):
        assert post(server, "/recurringruns", {**good, **change})[0] == 400, change
    assert post(server, "/recurringruns", good)[0] == 200


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("0 0 3 * * *", ["2026-11-21T03:00:00", "2026-11-22T03:00:00"]),
        ("0 */30 9-10 * * MON-FRI", ["2026-11-20T09:00:00", "2026-11-20T09:30:00", "2026-11-20T10:00:00"]),
        ("0 0 0 1 * 1", ["2026-11-23T00:00:00", "2026-11-30T00:00:00", "2026-12-01T00:00:00"]),
        ("0 0 0 1 * ?", ["2026-12-01T00:00:00"]),
        ("0 3 * * 1", ["2027-01-01T00:03:00", "2027-01-01T01:03:00"]),
        ("@daily", ["2026-11-21T00:00:00"]),
    ],
)
def test_cron_is_read_as_robfig_does(text: str, first: list[str]) -> None:
    times = Cron.parse(text).times(datetime(2026, 11, 20, 8, 30))
    assert [time.isoformat() for time in islice(times, len(first))] == first


@pytest.mark.parametrize("text", ["", "0 3 * *", "0 60 * * * *", "0 0 5-3 * * *", "0 0 0 0 * *", "* * * * * */0", "@x"])
def test_bad_cron_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Cron.parse(text)


def test_faults_come_in_the_order_they_are_given(server: KfpServer) -> None:
    server.faults = [Fault("503", "POST"), Fault("lost", "POST"), Fault("html", "GET", "/healthz")]
    assert post(server, "/experiments", {"display_name": "x"})[0] == 503
    with pytest.raises(urllib3.exceptions.HTTPError):
        post(server, "/experiments", {"display_name": "x"})
    assert [one["display_name"] for one in server.store.experiments.values()] == ["x"]
    page = urllib3.request("GET", f"{server.url}/apis/v2beta1/healthz")
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html")
    assert [one.status for one in server.requests] == [503, 0, 200]
    assert server.faults == []


def test_states_move_with_each_look(server: KfpServer) -> None:
    server.store.script = Script(ends={"fit": "FAILED"}, error="out of memory")
    body = {"display_name": "r", "pipeline_spec": documents()[0], "runtime_config": {"parameters": {"epochs": 1}}}
    run = post(server, "/runs", body)[1]["run_id"]
    states = [get(server, f"/runs/{run}")[1]["state"] for _ in range(6)]
    assert states == ["RUNNING"] * 4 + ["FAILED"] * 2
    answer = get(server, f"/runs/{run}")[1]
    assert [one["state"] for one in answer["state_history"]] == ["PENDING", "RUNNING", "FAILED"]
    failed = [one for one in answer["run_details"]["task_details"] if one["display_name"] == "fit"]
    assert failed[0]["error"]["message"] == "out of memory"
