"""Schedules on Kubeflow Pipelines: what is applied is there once, whatever happens in between."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from kfp_examples import FAST, job, service
from kfp_server import Fault, KfpServer, kfp_server
from test_kfp_engine import KINDS, insist, rule_of

from hpc.diagnostics import Rejected
from hpc.engines.kfp.schedules import KfpSchedules, five_fields, six_fields
from hpc.engines.service import Package, Timetable


@pytest.fixture
def server() -> Iterator[KfpServer]:
    with kfp_server() as running:
        yield running


@pytest.fixture(autouse=True)
def no_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import kfp

    monkeypatch.setattr(kfp.Client, "_LOCAL_KFP_CONTEXT", str(tmp_path / "context.json"))


def timetable(**fields: Any) -> Timetable:
    default: dict[str, Any] = {"name": "train", "job": job(), "cron": "0 3 * * MON", "timezone": "UTC"}
    return Timetable(**{**default, "max_concurrent": 1, "enabled": True, **fields})


def bodies(server: KfpServer) -> list[dict[str, Any]]:
    return [one.body for one in server.store.schedules.values()]


def changes(server: KfpServer) -> list[str]:
    """The requests that changed something."""
    return [f"{one.method} {one.path.rpartition('/')[2][-8:]}" for one in server.requests if one.method != "GET"]


def test_a_schedule_is_made_in_the_words_of_the_api(server: KfpServer) -> None:
    schedules = service(server, root="s3://b/p", service_account="runner").schedules
    planned = schedules.plan(timetable())
    assert planned.what == "create" and server.asked("POST", "/recurringruns") == []
    assert planned.differences == (
        "0 3 * * MON, by the clock of the service, UTC unless its administrator has set another",
    )
    done = schedules.apply(timetable())
    assert (done.what, done.differences) == (planned.what, planned.differences)
    [asked] = server.asked("POST", "/recurringruns")
    assert {key: asked.body[key] for key in ("trigger", "max_concurrency", "no_catchup", "mode", "display_name")} == {
        "trigger": {"cron_schedule": {"cron": "0 0 3 * * MON"}},
        "max_concurrency": 1,
        "no_catchup": True,
        "mode": "ENABLE",
        "display_name": "train",
    }
    assert asked.body["runtime_config"] == {"parameters": {"epochs": 3}, "pipeline_root": "s3://b/p"}
    assert asked.body["service_account"] == "runner"
    shown = done.schedule
    assert shown is not None and [shown] == schedules.all()
    assert (shown.name, shown.cron, shown.timezone, shown.state) == ("train", "0 3 * * MON", "UTC", "ACTIVE")
    assert shown.link == f"{server.url}/#/recurringrun/details/{shown.id}" and len(shown.digest) == 32


def test_planning_changes_nothing(server: KfpServer) -> None:
    schedules = service(server, experiment="nightly").schedules
    assert schedules.plan(timetable()).what == "create" and changes(server) == []
    schedules.apply(timetable())
    assert schedules.plan(timetable()).what == "nothing"
    [experiment] = server.store.experiments.values()
    assert experiment["display_name"] == "nightly"


def test_it_fires_at_its_times(server: KfpServer) -> None:
    service(server).schedules.apply(timetable())
    fired = server.advance(datetime(2026, 11, 23, 12, tzinfo=timezone.utc))
    assert [datetime.fromtimestamp(int(one["display_name"].split("-")[1]), timezone.utc) for one in fired] == [
        datetime(2026, 11, 23, 3, tzinfo=timezone.utc)
    ]
    [run] = service(server).runs("train", 5)
    assert run.pipeline == "train"


def test_applying_twice_is_applying_once(server: KfpServer) -> None:
    schedules = service(server).schedules
    schedules.apply(timetable())
    asked = len(changes(server))
    assert schedules.plan(timetable()).what == "nothing"
    assert schedules.apply(timetable()).what == "nothing"
    assert len(changes(server)) == asked and len(bodies(server)) == 1


def test_what_differs_is_told_and_replaced(server: KfpServer) -> None:
    schedules = service(server).schedules
    first = schedules.apply(timetable()).schedule
    other = timetable(job=job(arguments={"epochs": 5, "lr": 0.5}, cache=False), cron="30 4 * * *", max_concurrent=2)
    planned = schedules.plan(other)
    assert (planned.what, planned.schedule) == ("update", first)
    assert planned.differences == (
        "runs at once: 1 → 2",
        "input epochs: 3 → 5",
        "input lr: none → 0.5",
        "cron: 0 3 * * MON → 30 4 * * *",
        "the pipeline itself has changed",
    )
    done = schedules.apply(other)
    assert (done.what, done.differences) == ("update", planned.differences)
    [body] = bodies(server)
    assert done.schedule is not None and first is not None and done.schedule.id == body["recurring_run_id"] != first.id
    order = [one for one in changes(server) if "recurring" in one or "DELETE" in one]
    assert order[-1].startswith("DELETE"), "the new one is there before the old one goes"


def test_pausing_is_a_change_of_its_own(server: KfpServer) -> None:
    schedules = service(server).schedules
    made = schedules.apply(timetable()).schedule
    planned = schedules.plan(timetable(enabled=False))
    assert (planned.what, planned.differences) == ("pause", ("active → paused",))
    done = schedules.apply(timetable(enabled=False)).schedule
    assert made is not None and done is not None and (done.id, done.state) == (made.id, "PAUSED")
    assert schedules.plan(timetable()).what == "resume"
    assert schedules.apply(timetable()).what == "resume"
    assert schedules.all()[0].state == "ACTIVE" and len(server.asked("POST", "/recurringruns")) == 1


def test_pause_resume_and_delete_by_name(server: KfpServer) -> None:
    schedules = service(server).schedules
    schedules.apply(timetable())
    assert schedules.pause("train").state == "PAUSED"
    assert schedules.pause("train").state == "PAUSED"
    assert server.advance(datetime(2026, 12, 1, tzinfo=timezone.utc)) == []
    assert schedules.resume("train").state == "ACTIVE"
    assert len(server.advance(datetime(2026, 12, 8, tzinfo=timezone.utc))) == 1
    server.faults = [Fault("lost", "DELETE")]
    schedules.delete("train")
    assert bodies(server) == []
    for ask in (schedules.pause, schedules.resume, schedules.delete):
        with pytest.raises(Rejected) as caught:
            ask("train")
        assert rule_of(caught) == "HPC944"


def test_a_paused_one_stays_paused_when_it_is_replaced(server: KfpServer) -> None:
    schedules = service(server).schedules
    schedules.apply(timetable(enabled=False))
    done = schedules.apply(timetable(enabled=False, cron="0 5 * * *"))
    assert done.what == "update" and [one["status"] for one in bodies(server)] == ["DISABLED"]


def test_one_that_hpc_has_not_made_is_left_alone(server: KfpServer) -> None:
    schedules = service(server).schedules
    schedules.apply(timetable())
    bodies(server)[0]["description"] = "made by hand"
    for ask in (schedules.plan, schedules.apply):
        with pytest.raises(Rejected) as caught:
            ask(timetable())
        assert rule_of(caught) == "HPC948"
    assert schedules.all()[0].digest == ""
    schedules.delete("train")
    assert schedules.plan(timetable()).what == "create"


def test_one_whose_name_differs_in_case_is_left_alone(server: KfpServer) -> None:
    """The service itself takes both for the same when it is asked for one of them."""
    schedules = service(server).schedules
    schedules.apply(timetable(name="Train"))
    assert schedules.plan(timetable()).what == "create"
    schedules.apply(timetable(cron="0 5 * * *"))
    schedules.pause("train")
    assert {one["display_name"]: one["status"] for one in bodies(server)} == {"Train": "ENABLED", "train": "DISABLED"}
    schedules.delete("train")
    assert [one["display_name"] for one in bodies(server)] == ["Train"]


@pytest.mark.parametrize(
    ("fields", "words"), [({"timezone": "Asia/Tokyo"}, "time zone"), ({"max_concurrent": 11}, "1 to 10")]
)
def test_what_the_service_does_not_have_is_refused(server: KfpServer, fields: Any, words: str) -> None:
    schedules = service(server).schedules
    for ask in (schedules.plan, schedules.apply):
        with pytest.raises(Rejected) as caught:
            ask(timetable(**fields))
        assert rule_of(caught) == "HPC949" and words in caught.value.diagnostics[0].fact
    assert server.requests == []
    assert schedules.plan(timetable(timezone="Etc/UTC")).what == "create"


def test_jobs_of_a_schedule_are_judged_like_any_other(server: KfpServer) -> None:
    with pytest.raises(Rejected) as caught:
        service(server).schedules.apply(timetable(job=job(arguments={})))
    assert rule_of(caught) == "HPC903"
    with pytest.raises(Rejected) as caught:
        service(server).schedules.apply(timetable(cron="0 3 * * 9"))
    assert rule_of(caught) == "HPC945" and "above maximum" in caught.value.diagnostics[0].fact


def test_a_published_pipeline_can_be_scheduled(server: KfpServer) -> None:
    found = service(server)
    address = found.publish(Package("train", json.dumps(job().spec))).address
    found.schedules.apply(timetable(job=job(template=address)))
    [body] = bodies(server)
    assert "pipeline_spec" not in body and set(body["pipeline_version_reference"]) == {
        "pipeline_id",
        "pipeline_version_id",
    }


def test_five_fields_and_six() -> None:
    assert six_fields("*/5  3 * * 1-5") == "0 */5 3 * * 1-5"
    assert five_fields("0 */5 3 * * 1-5") == "*/5 3 * * 1-5"
    assert five_fields("30 0 3 * * *") == "30 0 3 * * *"


@pytest.mark.parametrize("kind", ["lost", "504 after", "503", "cut", "429"])
def test_lost_answers_never_make_two(server: KfpServer, kind: str) -> None:
    server.faults = [Fault(kind, "POST", "/recurringruns"), Fault(kind, "POST", "/recurringruns")]
    done = service(server).schedules.apply(timetable())
    assert [one["recurring_run_id"] for one in bodies(server)] == [done.schedule.id if done.schedule else None]


def test_what_a_crash_has_left_is_healed(server: KfpServer) -> None:
    """The new one is there, the old one has not gone yet."""
    schedules = service(server, replace(FAST, patience=0.0)).schedules
    schedules.apply(timetable())
    server.faults = [Fault("cut", "DELETE")]
    with pytest.raises(Rejected):
        schedules.apply(timetable(cron="0 5 * * *"))
    assert len(bodies(server)) == 2
    planned = schedules.plan(timetable(cron="0 5 * * *"))
    assert (planned.what, planned.differences) == ("update", ("1 more of that name, deleted",))
    assert schedules.apply(timetable(cron="0 5 * * *")).what == "update"
    assert [one["trigger"]["cron_schedule"]["cron"] for one in bodies(server)] == ["0 0 5 * * *"]


@pytest.mark.parametrize("hours", [(3, 3), (3, 5), (5, 3)])
def test_two_who_apply_at_once_leave_one(
    server: KfpServer, monkeypatch: pytest.MonkeyPatch, hours: tuple[int, int]
) -> None:
    """Both have made theirs before either looks what is too much."""
    own, together = KfpSchedules._own, threading.Barrier(2, timeout=30)

    def in_step(self: KfpSchedules, name: str) -> Any:
        found = own(self, name)
        together.wait()
        return found

    monkeypatch.setattr(KfpSchedules, "_own", in_step)
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(service(server).schedules.apply, timetable(cron=f"0 {hour} * * *")) for hour in hours]:
            done.result()
    assert len(bodies(server)) == 1


@pytest.mark.parametrize("seed", range(60))
def test_whatever_happens_there_is_one_in_the_end(server: KfpServer, seed: int) -> None:
    """After a first success there is always at least one, and after each success exactly the one that was asked for."""
    dice = random.Random(seed)
    schedules = service(server, replace(FAST, patience=dice.choice((0.0, 0.0005, 0.01)))).schedules
    rate = dice.choice((0.1, 0.3, 0.5))
    server.chance = lambda *_: Fault(dice.choice(KINDS)) if dice.random() < rate else None
    seen: list[int] = []

    def apply(wanted: Timetable) -> Any:
        try:
            return schedules.apply(wanted)
        finally:
            seen.append(len(bodies(server)))

    for number in range(4):
        wanted = timetable(cron=f"{dice.randrange(3)} 3 * * *", enabled=dice.random() < 0.7)
        done = insist(lambda wanted=wanted: apply(wanted))
        [body] = bodies(server)
        assert body["trigger"]["cron_schedule"]["cron"] == f"0 {wanted.cron}"
        assert body["status"] == ("ENABLED" if wanted.enabled else "DISABLED")
        assert done.schedule.id == body["recurring_run_id"]
        assert number == 0 or min(seen) >= 1
        seen = []
