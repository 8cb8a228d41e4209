"""Runs on Kubeflow Pipelines: the real client against a strict server, with everything that a network does to it."""

from __future__ import annotations

import json
import random
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kfp_examples import FAST, ROWS, Heard, documents, job, service
from kfp_script import Script
from kfp_server import Fault, KfpServer, kfp_server

from hpc.cli.tally import Tally
from hpc.diagnostics import Rejected
from hpc.engines.events import LoopOpened, Notice, RunFinished, RunStarted, TaskFinished, TaskRetrying, TaskStarted
from hpc.engines.kfp import connect
from hpc.engines.kfp.calls import Calls
from hpc.engines.kfp.client import Door
from hpc.engines.kfp.details import Reading
from hpc.engines.kfp.plan import Plan
from hpc.engines.kfp.runs import when
from hpc.engines.outcome import Outcome
from hpc.engines.service import LeftAsking, Pace, Package


@pytest.fixture
def server() -> Iterator[KfpServer]:
    with kfp_server() as running:
        yield running


@pytest.fixture(autouse=True)
def no_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the client keeps in the home folder."""
    import kfp

    file = tmp_path / "context.json"
    monkeypatch.setattr(kfp.Client, "_LOCAL_KFP_CONTEXT", str(file))
    return file


def rule_of(caught: pytest.ExceptionInfo[Rejected]) -> str:
    codes = {found.rule.code for found in caught.value.diagnostics}
    assert len(codes) == 1, codes
    return codes.pop()


def watched(server: KfpServer, run: str, places: dict[str, str] | None = None) -> tuple[Outcome, Heard]:
    heard = Heard()
    return service(server).watch(run, places or {}, heard), heard


def ends(heard: Heard) -> dict[str, str]:
    return {event.task: event.result.state for event in heard.of(TaskFinished)}


class Counted(dict[str, Any]):
    """Counts how often it is asked."""

    asked = 0

    def get(self, key: str, default: Any = None) -> Any:
        self.asked += 1
        return super().get(key, default)


def wide(count: int) -> Plan:
    """A pipeline of that many tasks side by side."""
    tasks = {f"t{number}": {"componentRef": {"name": "comp-t"}} for number in range(count)}
    return Plan.of({"root": {"dag": {"tasks": tasks}}, "components": {"comp-t": {"executorLabel": "t"}}}, "wide")


def names(server: KfpServer) -> list[str]:
    return [run["display_name"] for run in server.store.runs.values()]


# ---------------------------------------------------------------- connecting


def test_connecting_asks_nothing(server: KfpServer, no_context: Path) -> None:
    assert service(server).where == f"Kubeflow Pipelines ({server.url})"
    assert server.requests == [] and not no_context.exists()


def test_without_an_address_nothing_is_guessed() -> None:
    with pytest.raises(Rejected) as caught:
        connect({}, {})
    assert rule_of(caught) == "HPC942" and "KF_PIPELINES_ENDPOINT" in caught.value.diagnostics[0].fix


def test_the_address_may_come_from_the_environment(server: KfpServer) -> None:
    found = connect({}, {"KF_PIPELINES_ENDPOINT": server.url, "KF_PIPELINES_UI_ENDPOINT": "ui.example"}, FAST)
    run = found.submit(job())
    assert run.link == f"https://ui.example/#/runs/details/{run.run}"


def test_without_the_library_it_says_what_to_install(server: KfpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr("hpc.engines.kfp.client.import_module", missing)
    with pytest.raises(Rejected) as caught:
        service(server)
    assert rule_of(caught) == "HPC940"
    assert caught.value.diagnostics[0].fix == "pip install 'hydra-pipeline-compiler[kfp]'"


def test_tokens_are_passed_on(server: KfpServer, tmp_path: Path) -> None:
    server.token = "secret"
    file = tmp_path / "token"
    file.write_text("secret", encoding="utf-8")
    assert service(server, KFP_EXISTING_TOKEN="secret").runs(None, 5) == []
    assert service(server, KF_PIPELINES_SA_TOKEN_PATH=str(file)).runs(None, 5) == []


def test_a_cookie_of_the_clients_own_file_is_sent(server: KfpServer, no_context: Path) -> None:
    no_context.write_text(
        json.dumps({"namespace": "", "client_authentication_cookie": "authservice_session=x"}), encoding="utf-8"
    )
    service(server).runs(None, 1)
    assert server.requests[-1].headers["cookie"] == "authservice_session=x"


def test_a_token_that_runs_out_is_taken_anew(server: KfpServer, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first", encoding="utf-8")
    server.token = "first"
    found = service(server, KF_PIPELINES_SA_TOKEN_PATH=str(file))
    assert found.runs(None, 1) == []
    server.token = "second"
    file.write_text("second", encoding="utf-8")
    assert found.runs(None, 1) == []


@pytest.mark.parametrize("token", ["secret\n", "  secret"])
def test_blanks_around_a_token_do_no_harm(server: KfpServer, token: str) -> None:
    server.token = "secret"
    assert service(server, KFP_EXISTING_TOKEN=token).runs(None, 5) == []


@pytest.mark.parametrize("token", ["sec\nret", "sec€ret"])
def test_a_token_that_cannot_be_sent_is_not_shown(server: KfpServer, token: str) -> None:
    with pytest.raises(Rejected) as caught:
        service(server, KFP_EXISTING_TOKEN=token).runs(None, 5)
    assert rule_of(caught) == "HPC941" and "sec" not in str(caught.value.diagnostics[0])
    assert server.requests == []


# ---------------------------------------------------------------- submitting


def test_a_run_is_asked_for_in_the_words_of_the_api(server: KfpServer) -> None:
    settings = {"root": "s3://b/p", "experiment": "nightly", "service_account": "runner"}
    run = service(server, **settings).submit(job(run="mine", labels={"team": "ml"}, arguments={"epochs": 3, "lr": 0.5}))
    [asked] = server.asked("POST", "/runs")
    spec, platform = documents()
    experiment = next(one for one in server.store.experiments.values() if one["display_name"] == "nightly")
    assert asked.body.pop("description").startswith("hpc: pipeline=train digest=")
    assert asked.body == {
        "display_name": "mine",
        "pipeline_spec": {"pipeline_spec": spec, "platform_spec": platform},
        "runtime_config": {"parameters": {"epochs": 3, "lr": 0.5}, "pipeline_root": "s3://b/p"},
        "service_account": "runner",
        "experiment_id": experiment["experiment_id"],
    }
    assert (run.pipeline, run.state, run.labels, run.is_new) == ("train", "PENDING", {"team": "ml"}, True)


def test_a_run_gets_a_name_of_its_own(server: KfpServer) -> None:
    found = service(server)
    assert found.submit(job()).run != found.submit(job()).run
    one, other = names(server)
    assert one != other and one.startswith("train-20") and len(one) == len("train-20261120083000-x7q2")


def test_the_same_request_is_the_same_run(server: KfpServer) -> None:
    first = service(server).submit(job(run="mine"))
    again = service(server).submit(job(run="mine"))
    assert (again.run, again.is_new, first.is_new) == (first.run, False, True)
    with pytest.raises(Rejected) as caught:
        service(server).submit(job(run="mine", arguments={"epochs": 4}))
    assert rule_of(caught) == "HPC948" and names(server) == ["mine"]


def tasks_of(spec: Any) -> list[Any]:
    components = (spec["root"], *spec["components"].values())
    return [task for one in components for task in one.get("dag", {}).get("tasks", {}).values()]


def test_without_the_cache_no_task_may_take_a_former_result(server: KfpServer) -> None:
    service(server).submit(job(cache=False))
    [run] = server.store.runs.values()
    tasks = tasks_of(run["pipeline_spec"]["pipeline_spec"])
    assert [task["cachingOptions"] for task in tasks] == [{"enableCache": False}] * 6
    assert any(task.get("cachingOptions", {}).get("enableCache") for task in tasks_of(documents()[0]))


def test_what_the_database_has_no_room_for_is_refused_before(server: KfpServer) -> None:
    """The service would start the workflow first, and fail then to keep the run."""
    labels = {f"label-{number}": "x" * 40 for number in range(4)}
    with pytest.raises(Rejected) as caught:
        service(server).submit(job(run="r" * 256, labels=labels))
    name, found = (one.fact for one in caught.value.diagnostics)
    assert name == "the name of the run has 256 characters; Kubeflow Pipelines keeps 255"
    assert found.startswith("the labels are ") and server.requests == []
    room = 255 - len("hpc: pipeline=train digest= spec= label.l=") - 2 * 32
    service(server).submit(job(run="r" * 255, labels={"l": "x" * room}))
    [run] = server.store.runs.values()
    assert len(run["description"]) == 255


def test_names_that_differ_in_case_are_different(server: KfpServer) -> None:
    """The service itself takes them for the same when it is asked for one of them."""
    found = service(server, experiment="team")
    upper = found.submit(job(run="Mine"))
    lower = found.submit(job(run="mine"))
    assert lower.is_new and lower.run != upper.run
    assert found.run("Mine").run == upper.run
    with pytest.raises(Rejected) as caught:
        found.run("MINE")
    assert rule_of(caught) == "HPC944"
    service(server, experiment="Team").submit(job())
    assert [one["display_name"] for one in server.store.experiments.values()] == ["team", "Team"]
    address = found.publish(Package("train", json.dumps(job().spec))).address
    assert found.publish(Package("Train", json.dumps(job().spec))).address != address
    assert len(server.store.pipelines) == 2


def test_whoever_stops_hpc_while_it_asks_is_told_the_name(server: KfpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    found = service(server)

    def stopped(*_: Any) -> Any:
        raise KeyboardInterrupt

    server.faults = [Fault("lost", "POST", "/runs")]
    monkeypatch.setattr("hpc.engines.kfp.calls.time.sleep", stopped)
    with pytest.raises(LeftAsking) as left:
        found.submit(job())
    assert [left.value.run] == names(server)


def test_an_experiment_is_made_once(server: KfpServer) -> None:
    server.faults = [Fault("lost", "POST", "/experiments")]
    service(server, experiment="e").submit(job())
    service(server, experiment="e").submit(job())
    assert [one["display_name"] for one in server.store.experiments.values()] == ["e"]


def test_namespaces_are_named_where_there_are_users() -> None:
    with kfp_server(multi_user=True) as server:
        found = service(server, namespace="team")
        run = found.submit(job())
        assert [one.run for one in found.runs("train", 5)] == [run.run]
        [experiment] = server.store.experiments.values()
        assert experiment["namespace"] == "team"


def test_a_service_of_one_user_is_not_told_of_namespaces(server: KfpServer) -> None:
    found = service(server, namespace="kubeflow")
    run = found.submit(job(run="mine"))
    assert found.run("mine").run == run.run


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"fail_fast": True}, "HPC949", "--fail-fast"),
        ({"arguments": {}}, "HPC903", "epochs"),
        ({"arguments": {"epochs": "3"}}, "HPC904", "whole number"),
        ({"arguments": {"epochs": 3, "lrr": 1}}, "HPC902", "lrr"),
        ({"arguments": {"epochs": 3, "tags": ["x" * 10_000]}}, "HPC945", "10,000"),
        ({"arguments": {"epochs": 2**53 + 1}}, "HPC904", "rounded"),
        ({"arguments": {"epochs": 3, "tags": ["a", 2**53 + 1]}}, "HPC904", f"{2**53 + 1} would be rounded"),
        ({"spec": {}}, "HPC900", "compiled"),
        ({"template": "train/prod", "cache": False}, "HPC949", "cache"),
    ],
)
def test_what_is_wrong_is_found_without_asking(server: KfpServer, change: Any, code: str, words: str) -> None:
    for judge in (service(server).check, service(server).submit):
        with pytest.raises(Rejected) as caught:
            judge(job(**change))
        assert rule_of(caught) == code
        assert words in caught.value.diagnostics[0].fact + caught.value.diagnostics[0].fix
    assert server.requests == []


# ---------------------------------------------------------------- publishing


def test_a_published_pipeline_is_run_by_its_address(server: KfpServer) -> None:
    found = service(server)
    text = json.dumps(documents()[0])
    server.faults = [Fault("lost", "POST", "/pipelines"), Fault("lost", "POST", "/upload_version")]
    made = found.publish(Package("train", text, ["prod"]))
    again = found.publish(Package("train", text))
    other = found.publish(Package("train", text + " "))
    assert (made.is_new, again.is_new, other.is_new) == (True, False, True)
    assert made.address == again.address != other.address and made.tags == ["prod"]
    assert found.published("train/prod") == (documents()[0], None)
    assert found.tag("train/prod", []).address == made.address
    assert found.tag(other.address, ["prod"]).tags == ["prod"]
    assert found.tag("train/prod", []).address == other.address
    assert (len(server.store.pipelines), len(server.store.versions)) == (1, 2)

    run = found.submit(job(template=made.address))
    reference = server.store.runs[run.run]["pipeline_version_reference"]
    assert server.store.versions[reference["pipeline_version_id"]]["display_name"] == made.version
    assert "pipeline_spec" not in server.store.runs[run.run]
    outcome, heard = watched(server, run.run)
    assert outcome.state == "SUCCEEDED" and heard.of(RunStarted)[0].rows == ROWS


def test_tags_are_those_that_the_service_takes(server: KfpServer) -> None:
    found, text = service(server), json.dumps(job().spec)
    for tag in ("v1.0", "a/b", "x" * 64):
        with pytest.raises(Rejected) as caught:
            found.publish(Package("train", text, [tag]))
        assert rule_of(caught) == "HPC945" and repr(tag) in caught.value.diagnostics[0].fact
    assert server.requests == []
    address = found.publish(Package("train", text, [f"t{number}" for number in range(20)])).address
    with pytest.raises(Rejected) as caught:
        found.tag(address, ["one-more"])
    assert rule_of(caught) == "HPC945" and "keeps at most 20" in caught.value.diagnostics[0].fact
    assert found.tag(address, ["t7"]).address == address


def test_arguments_of_a_published_pipeline_are_judged_too(server: KfpServer) -> None:
    found = service(server)
    made = found.publish(Package("train", json.dumps(documents()[0])))
    with pytest.raises(Rejected) as caught:
        found.submit(job(spec={}, template=made.address, arguments={"epochs": "x"}))
    assert rule_of(caught) == "HPC904"
    for address in ("nobody/prod", "train/prod"):
        with pytest.raises(Rejected) as caught:
            found.submit(job(template=address))
        assert rule_of(caught) == "HPC944"
    assert server.store.runs == {}


# ---------------------------------------------------------------- watching


def test_a_run_is_told_from_its_start_to_its_end(server: KfpServer) -> None:
    run = service(server).submit(job())
    outcome, heard = watched(server, run.run)
    first, last = heard[0], heard[-1]
    assert first == RunStarted("train", run.run, run.link, 0, "Kubeflow Pipelines", ROWS, 4)
    assert isinstance(last, RunFinished) and last.outcome is outcome
    assert (outcome.state, outcome.run, outcome.folder, outcome.error) == ("SUCCEEDED", run.run, run.link, None)
    assert outcome.seconds == 11.0
    assert ends(heard) == {
        "prepare": "SUCCEEDED",
        "fit": "SUCCEEDED",
        "for-each--score[0]/score": "SUCCEEDED",
        "for-each--score[1]/score": "SUCCEEDED",
        "when--report/report": "SUCCEEDED",
    }
    assert [event.task for event in heard.of(TaskStarted)] == list(ends(heard))
    assert heard.of(LoopOpened) == [LoopOpened("for-each--score", 1, 0), LoopOpened("for-each--score", 2, 1)]
    assert heard.of(Notice) == []


def test_a_failure_is_told_with_its_cause_and_place(server: KfpServer) -> None:
    server.store.script = Script(ends={"fit": "FAILED"}, error="exit code 137\nKilled")
    run = service(server).submit(job())
    outcome, heard = watched(server, run.run, {"fit": "pipeline.yaml:18"})
    [failed] = [event for event in heard.of(TaskFinished) if event.result.state == "FAILED"]
    assert failed.result.error == "exit code 137" and failed.result.log == run.link
    assert failed.failure.place == "pipeline.yaml:18" and failed.failure.tail == ("Killed",)
    assert outcome.state == "FAILED" and outcome.error == "exit code 137"
    rest = {"for-each--score": "SKIPPED", "when--report/report": "SKIPPED"}
    assert ends(heard) == {"prepare": "SUCCEEDED", "fit": "FAILED", **rest}
    assert outcome.tasks["when--report/report"].reason == "upstream"


def test_where_the_service_gives_no_cause_that_is_said(server: KfpServer) -> None:
    server.store.script = Script(ends={"fit": "FAILED"}, linked=False)
    outcome, _ = watched(server, service(server).submit(job()).run)
    assert outcome.tasks["fit"].error is not None and "does not say why" in outcome.tasks["fit"].error


@pytest.mark.parametrize("linked", [True, False])
def test_a_task_that_could_not_be_prepared_has_failed(server: KfpServer, linked: bool) -> None:
    server.store.script = Script(ends={"fit": "DRIVER_FAILED"}, error="no such secret", linked=linked)
    outcome, heard = watched(server, service(server).submit(job()).run)
    assert outcome.tasks["fit"].state == "FAILED" and outcome.tasks["fit"].attempts == 0
    assert str(outcome.tasks["fit"].error).startswith("before it could start: ")
    assert ("no such secret" in str(outcome.tasks["fit"].error)) == linked
    assert "fit" not in {event.task for event in heard.of(TaskStarted)}


def test_a_group_that_could_not_be_prepared_has_failed(server: KfpServer) -> None:
    server.store.script = Script(ends={"when--report": "DRIVER_FAILED"}, error="bad condition")
    outcome, heard = watched(server, service(server).submit(job()).run)
    [failed] = [event for event in heard.of(TaskFinished) if event.result.state == "FAILED"]
    assert (failed.task, failed.count, failed.result.kind) == ("when--report", 1, "group")
    assert failed.result.error == "before it could start: bad condition" and outcome.state == "FAILED"


def test_conditions_caches_and_retries_are_told(server: KfpServer) -> None:
    server.store.script = Script(ends={"when--report": "SKIPPED", "fit": "CACHED", "prepare": "RETRIED"})
    outcome, heard = watched(server, service(server).submit(job()).run)
    assert outcome.state == "SUCCEEDED"
    assert outcome.tasks["fit"].state == "CACHED"
    assert outcome.tasks["when--report"].reason == "condition"
    assert outcome.tasks["prepare"].attempts == 2
    assert [(event.task, event.attempt) for event in heard.of(TaskRetrying)] == [("prepare", 1)]
    assert [event.attempt for event in heard.of(TaskStarted) if event.task == "prepare"] == [1, 2]


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_loops_add_up_however_much_is_told(server: KfpServer, linked: bool, count: int) -> None:
    """Up to KFP 2.17 the names of tasks are all that is told; then a note says that iterations are numbered."""
    server.store.script = Script(loops={"for-each--score": count}, linked=linked)
    outcome, heard = watched(server, service(server).submit(job()).run)
    scores = sorted(path for path in outcome.tasks if path.endswith("/score"))
    assert scores == [f"for-each--score[{number}]/score" for number in range(count)]
    assert bool(heard.of(Notice)) == (not linked and count > 0)
    tally = Tally(lambda: 0.0)
    for event in heard:
        tally.take(event)
    assert (tally.done, tally.total) == ((3 + count,) * 2 if count else (4, 4))


@pytest.mark.parametrize("word", ["FAILED", "CANCELED"])
def test_a_run_that_somebody_cancels_ends_as_cancelled(server: KfpServer, word: str) -> None:
    """The service itself calls it FAILED in the end."""
    server.store.script = Script(stuck=True, cancelled_as=word)
    found = service(server)
    run = found.submit(job())
    heard = Heard()

    def look(event: Any) -> None:
        heard(event)
        if isinstance(event, TaskStarted):
            found.cancel(run.run)

    outcome = found.watch(run.run, {}, look)
    assert outcome.state == "CANCELLED" and outcome.error is None
    assert set(ends(heard).values()) == {"CANCELLED"}
    assert found.run(run.run).state == "CANCELLED"


def test_watching_goes_on_through_faults(server: KfpServer) -> None:
    run = service(server).submit(job())
    server.faults = [Fault(kind, "GET", "/runs/") for kind in ("503", "cut", "lost", "504 after", "429", "502")]
    outcome, _ = watched(server, run.run)
    assert outcome.state == "SUCCEEDED" and server.faults == []


def test_a_service_that_tells_tasks_only_when_asked_is_asked(server: KfpServer) -> None:
    server.store.tells_when_asked = True
    outcome, heard = watched(server, service(server).submit(job()).run)
    assert outcome.tasks["fit"].state == "SUCCEEDED" and heard.of(TaskStarted)


@pytest.mark.parametrize("linked", [True, False])
def test_five_thousand_tasks_are_read_in_proportion(linked: bool) -> None:
    """The work of a look grows with the tasks and not with their square."""
    reading, details = Reading(plan := wide(5000)), list[dict[str, Any]]()
    for number in range(5000):
        for name in (f"t{number}", f"t{number}-driver"):
            details.append(Counted({"task_id": name, "display_name": name, "state": "SUCCEEDED"}))
            if linked:
                details[-1]["parent_task_id"] = "root"
    assert len(reading.read(details)) == 5000
    assert sum(one.asked for one in details) < 60 * len(details)
    assert plan.inside("t4999") == 1


# ---------------------------------------------------------------- cancel, resume, list


def test_cancelling_twice_is_cancelling_once(server: KfpServer) -> None:
    server.store.script = Script(stuck=True)
    found = service(server)
    run = found.submit(job(run="mine"))
    server.faults = [Fault("lost", "POST", ":terminate")]
    assert found.cancel("mine").state in {"CANCELLING", "CANCELLED"}
    assert found.cancel(run.run).state == "CANCELLED"
    server.store.script = Script()
    done = found.submit(job())
    watched(server, done.run)
    assert found.cancel(done.run).state == "SUCCEEDED"


def test_a_failed_run_goes_on_and_no_other(server: KfpServer) -> None:
    server.store.script = Script(ends={"fit": "FAILED"})
    found = service(server)
    run = found.submit(job(run="mine"))
    with pytest.raises(Rejected) as caught:
        found.resume("mine")
    assert rule_of(caught) == "HPC949"
    watched(server, run.run)
    server.faults = [Fault("lost", "POST", ":retry")]
    assert found.resume("mine").state == "RUNNING"
    outcome, _ = watched(server, run.run)
    assert outcome.state == "SUCCEEDED" and outcome.tasks["fit"].state == "SUCCEEDED"
    with pytest.raises(Rejected) as caught:
        found.resume(run.run)
    assert rule_of(caught) == "HPC949" and len(server.store.runs) == 1


def test_runs_are_listed_newest_first(server: KfpServer) -> None:
    found = service(server)
    made = [found.submit(job(run=name)) for name in ("nightly", "train-2", "other")]
    assert [one.run for one in found.runs(None, 2)] == [made[2].run, made[1].run]
    assert [one.run for one in found.runs("train", 9)] == [one.run for one in reversed(made)]
    assert found.runs("tra", 9) == [] and found.runs("fit", 9) == []
    assert found.run("nightly").run == made[0].run


def test_long_lists_are_read_page_by_page(server: KfpServer) -> None:
    found = service(server)
    for number in range(7):
        found.submit(job(run=f"r{number}"))
    assert [one.run for one in found.runs(None, 5)] == list(reversed(server.store.runs))[:5]
    assert len(found.runs(None, 100)) == 7


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-20T08:30:00Z", 1795163400.0),
        ("2026-11-20T08:30:00.123456789Z", 1795163400.123456),
        ("2026-11-20T09:30:00.5+01:00", 1795163400.5),
        ("1970-01-01T00:00:00Z", None),
        ("soon", None),
        (None, None),
    ],
)
def test_times_are_read(text: object, seconds: float | None) -> None:
    assert when(text) == seconds


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(("kind", "code"), [("429", "HPC946"), ("503", "HPC947"), ("cut", "HPC947"), ("500", "HPC945")])
def test_storms_that_do_not_end_are_told(server: KfpServer, kind: str, code: str) -> None:
    server.chance = lambda *_: Fault(kind)
    pace = Pace(poll=0.0, first_wait=0.0005, longest_wait=0.001, patience=0.01)
    for ask in (lambda found: found.runs(None, 1), lambda found: found.submit(job())):
        with pytest.raises(Rejected) as caught:
            ask(service(server, pace))
        assert rule_of(caught) == code
    assert server.store.runs == {}


@pytest.mark.parametrize("kind", ["429", "503", "502", "cut", "lost", "504 after"])
def test_storms_that_end_do_no_harm(server: KfpServer, kind: str) -> None:
    server.faults = [Fault(kind, "POST", "/runs") for _ in range(3)]
    run = service(server).submit(job())
    assert list(server.store.runs) == [run.run] and run.is_new


def test_a_machine_that_is_not_there() -> None:
    found = connect({"host": "http://127.0.0.1:9"}, {}, replace(FAST, patience=0.002))
    with pytest.raises(Rejected) as caught:
        found.submit(job())
    assert rule_of(caught) == "HPC947"
    [said] = caught.value.diagnostics
    assert re.fullmatch(r"cannot [\w ]+: Failed to establish a new connection: \[Errno 111\] .*", said.fact)


def test_a_wrong_address_is_told_soon_and_a_service_that_has_gone_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("hpc.engines.kfp.calls.time.sleep", waits.append)
    with kfp_server() as server:
        found = service(server, Pace())
        assert found.runs(None, 1) == []
    with pytest.raises(Rejected):
        service(server, Pace()).runs(None, 1)
    assert 15 <= sum(waits) < 45
    waits.clear()
    server.faults = [Fault("cut")]  # the connection that is still open
    with pytest.raises(Rejected):
        found.runs(None, 1)
    assert 600 <= sum(waits) < 660


def test_answers_that_do_not_come_are_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("hpc.engines.kfp.calls.time.sleep", waits.append)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        door = Door.at({"host": f"http://127.0.0.1:{silent.getsockname()[1]}"}, {})
        with pytest.raises(Rejected) as caught:
            Calls(door, Pace(patience=0.35), (0.1, 0.1)).get("/healthz", "ask")
    assert rule_of(caught) == "HPC947" and "Read timed out" in caught.value.diagnostics[0].fact
    assert len(waits) == 1


def test_a_server_without_https_is_no_crash(server: KfpServer) -> None:
    """The client itself stumbles over errors of TLS."""
    found = connect({"host": server.url.replace("http:", "https:")}, {}, replace(FAST, patience=0.002))
    with pytest.raises(Rejected) as caught:
        found.runs(None, 1)
    assert rule_of(caught) == "HPC947"


def test_who_may_not_is_told_so(server: KfpServer) -> None:
    server.forbidden = ["/runs"]
    with pytest.raises(Rejected) as caught:
        service(server).submit(job())
    assert rule_of(caught) == "HPC943" and "not authorized" in caught.value.diagnostics[0].fact
    server.token = "secret"
    with pytest.raises(Rejected) as caught:
        service(server).submit(job())
    assert rule_of(caught) == "HPC941" and "KFP_EXISTING_TOKEN" in caught.value.diagnostics[0].fix


def test_login_pages_are_recognised(server: KfpServer) -> None:
    server.faults = [Fault("html")]
    with pytest.raises(Rejected) as caught:
        service(server).runs(None, 1)
    assert rule_of(caught) == "HPC941" and "web page" in caught.value.diagnostics[0].fact
    server.redirect = "https://login.example/"
    with pytest.raises(Rejected) as caught:
        service(server).runs(None, 1)
    assert rule_of(caught) == "HPC941" and "https://login.example/" in caught.value.diagnostics[0].fact


def test_a_bad_spec_is_refused_with_the_servers_words(server: KfpServer) -> None:
    spec = {**documents()[0], "typo": 1}
    with pytest.raises(Rejected) as caught:
        service(server).submit(job(spec=spec))
    assert rule_of(caught) == "HPC945" and 'no field named "typo"' in caught.value.diagnostics[0].fact
    assert len(server.asked("POST", "/runs")) == 1


def test_what_is_not_there_is_told_so(server: KfpServer) -> None:
    for name in ("nobody", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"):
        for ask in (service(server).run, service(server).cancel, service(server).resume):
            with pytest.raises(Rejected) as caught:
                ask(name)
            assert rule_of(caught) == "HPC944"


def test_a_twin_of_a_late_answer_is_ended(server: KfpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy gives a request up that the service works on all the same, later than anybody looks for its run."""
    create, late = server.store.create_run, list[Any]()

    def slow(body: Any, query: Any) -> Any:
        if not late:
            late.append((body, query))
            return {"nothing": "yet"}
        create(*late[0])
        return create(body, query)

    server.store.script = Script(stuck=True)
    monkeypatch.setattr(server.store, "create_run", slow)
    server.faults = [Fault("504 after", "POST", "/runs")]
    run = service(server).submit(job(run="mine"))
    first, second = server.store.courses.items()
    assert first[0] == run.run and first[1].state in {"PENDING", "RUNNING"}
    assert second[1].state in {"CANCELING", "FAILED"}


KINDS = ("503", "429", "502", "cut", "lost", "504 after", "500", "html")


@pytest.mark.parametrize("seed", range(200))
def test_nothing_is_lost_and_nothing_is_doubled(server: KfpServer, seed: int) -> None:
    """Whoever asks again until there is an answer has one run, sees its end, and has cancelled what he cancelled."""
    dice = random.Random(seed)
    rate = dice.choice((0.1, 0.3, 0.5))
    server.chance = lambda *_: Fault(dice.choice(KINDS)) if dice.random() < rate else None
    server.store.script = dice.choice((Script(), Script(linked=False), Script(ends={"fit": "FAILED"})))
    found = service(server, replace(FAST, patience=dice.choice((0.0, 0.0005, 0.01))))

    run = insist(lambda: found.submit(job(run="mine")))
    assert list(server.store.runs) == [run.run]
    if dice.random() < 0.3:
        assert insist(lambda: found.cancel("mine")).state in {"CANCELLING", "CANCELLED", "FAILED", "SUCCEEDED"}
    outcome = insist(lambda: found.watch(run.run, {}, Heard()))
    history = [one["state"] for one in server.store.courses[run.run].history]
    assert outcome.state == ("CANCELLED" if "CANCELING" in history else history[-1])
    if outcome.state != "SUCCEEDED":
        insist(lambda: found.resume("mine"), "only one that failed or was cancelled")
        assert insist(lambda: found.watch(run.run, {}, Heard())).state == "SUCCEEDED"
        starts = [one["state"] for one in server.store.courses[run.run].history].count("RUNNING")
        assert starts == 1 + history.count("RUNNING")
    assert names(server) == ["mine"] and len(server.store.experiments) == 1


def insist(ask: Any, enough: str = "nothing") -> Any:
    """Ask until there is an answer, as a person would do it; `enough` is a refusal that says that it has been done."""
    for _ in range(400):
        try:
            return ask()
        except Rejected as error:
            [found] = error.diagnostics
            if enough in found.fact:
                return None
            assert found.rule.code in {"HPC941", "HPC945", "HPC946", "HPC947"}, found.fact
    raise AssertionError("no answer after 400 questions")
