"""Schedules on Vertex AI: Google's real client against a loopback server that holds the API's rules."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from vertex_faults import RandomFaults
from vertex_here import CHAIN, FAST, connected, job, pipeline, step
from vertex_server import Server, vertex_server

from hpc.diagnostics import Rejected
from hpc.engines.service import Timetable
from hpc.engines.vertex.timetables import cron_parts, cron_text

NIGHTLY = Timetable("nightly", job(arguments={"epochs": 3}), "0 2 * * *", "Europe/Berlin", 1, enabled=True)
OTHER = pipeline({"prepare": step(), "train": step("comp-step", "prepare")})


@pytest.fixture
def server() -> Iterator[Server]:
    with vertex_server() as running:
        yield running


def only(server: Server) -> Any:
    (schedule,) = server.schedules.all.values()
    return schedule


def rejection(error: pytest.ExceptionInfo[Rejected]) -> str:
    (found,) = error.value.diagnostics
    return f"{found.rule.code} {found.fact} | {found.fix}"


def test_a_timetable_becomes_a_schedule(server: Server, tmp_path: Path) -> None:
    schedules = connected(server, tmp_path).schedules
    assert schedules.plan(NIGHTLY).what == "create"
    assert server.schedules.all == {}
    change = schedules.apply(NIGHTLY)
    assert (change.what, change.differences) == ("create", ())
    found = change.schedule
    assert found is not None
    assert (found.name, found.cron, found.timezone, found.state) == ("nightly", "0 2 * * *", "Europe/Berlin", "ACTIVE")
    assert found.next_run == 1767229200.0  # 2026-01-01, 2 o'clock in Berlin
    assert found.runs == 0
    page = "https://console.cloud.google.com/vertex-ai/locations/us-central1/pipelines/schedules/{}?project=ml-dev"
    assert found.link == page.format(found.id)
    resource = only(server).resource
    request = resource["createPipelineJobRequest"]
    assert resource["cron"] == "TZ=Europe/Berlin 0 2 * * *"
    assert resource["maxConcurrentRunCount"] == "1"
    assert "pipelineJobId" not in request
    assert request["pipelineJob"]["pipelineSpec"] == CHAIN
    assert request["pipelineJob"]["runtimeConfig"]["parameterValues"] == {"epochs": 3}
    assert request["pipelineJob"]["labels"] == {"hpc-schedule": "nightly", "hpc-digest": found.digest}


def test_applied_twice_is_applied_once(server: Server, tmp_path: Path) -> None:
    schedules = connected(server, tmp_path).schedules
    schedules.apply(NIGHTLY)
    assert schedules.plan(NIGHTLY).what == "nothing"
    change = schedules.apply(NIGHTLY)
    assert (change.what, change.differences) == ("nothing", ())
    assert (server.count("schedules.create"), server.count("schedules.update")) == (1, 0)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (replace(NIGHTLY, cron="30 4 * * 1"), ("cron: 0 2 * * * → 30 4 * * 1",)),
        (replace(NIGHTLY, timezone="UTC"), ("time zone: Europe/Berlin → UTC",)),
        (replace(NIGHTLY, max_concurrent=3), ("runs at once: 1 → 3",)),
        (replace(NIGHTLY, job=job(arguments={"epochs": 5})), ("input epochs: 3 → 5",)),
        (
            replace(NIGHTLY, job=job(arguments={"note": "x"})),
            ("input epochs: 3 → none", "input note: none → x"),
        ),
        (
            replace(NIGHTLY, job=job(arguments={"epochs": 3}, fail_fast=True)),
            ("after a failure: go on → stop",),
        ),
        (
            replace(NIGHTLY, job=job(arguments={"epochs": 3}, labels={"team": "vision"})),
            ('labels: {} → {"team":"vision"}',),
        ),
    ],
)
def test_differences_are_told_and_applied(
    server: Server, tmp_path: Path, changed: Timetable, words: tuple[str, ...]
) -> None:
    schedules = connected(server, tmp_path).schedules
    schedules.apply(NIGHTLY)
    planned = schedules.plan(changed)
    assert (planned.what, planned.differences) == ("update", words)
    assert server.count("schedules.update") == 0
    applied = schedules.apply(changed)
    assert (applied.what, applied.differences) == ("update", words)
    assert schedules.plan(changed).what == "nothing"
    assert len(server.schedules.all) == 1


def test_another_pipeline_is_told_by_its_digest(server: Server, tmp_path: Path) -> None:
    schedules = connected(server, tmp_path).schedules
    schedules.apply(NIGHTLY)
    changed = replace(NIGHTLY, job=job(OTHER, arguments={"epochs": 3}))
    (line,) = schedules.apply(changed).differences
    assert line.startswith("pipeline: ")
    assert only(server).resource["createPipelineJobRequest"]["pipelineJob"]["pipelineSpec"] == OTHER


def test_other_settings_are_told(server: Server, tmp_path: Path) -> None:
    connected(server, tmp_path).schedules.apply(NIGHTLY)
    account = "runner@ml-dev.iam.gserviceaccount.com"
    schedules = connected(server, tmp_path, service_account=account, root="gs://other").schedules
    assert schedules.plan(NIGHTLY).differences == (
        "folder of artifacts: gs://bucket/root → gs://other",
        f"service account: none → {account}",
    )


def test_what_somebody_changed_elsewhere_is_set_right(server: Server, tmp_path: Path) -> None:
    schedules = connected(server, tmp_path).schedules
    schedules.apply(NIGHTLY)
    only(server).resource["cron"] = "0 5 * * *"
    change = schedules.apply(NIGHTLY)
    assert change.differences == ("cron: 0 5 * * * → 0 2 * * *", "time zone: UTC → Europe/Berlin")
    assert only(server).resource["cron"] == "TZ=Europe/Berlin 0 2 * * *"


def test_a_timetable_that_is_off_is_paused(server: Server, tmp_path: Path) -> None:
    schedules = connected(server, tmp_path).schedules
    off = replace(NIGHTLY, enabled=False)
    change = schedules.apply(off)
    assert change.what == "create"
    assert change.schedule is not None
    assert (change.schedule.state, change.schedule.next_run) == ("PAUSED", None)
    assert schedules.plan(off).what == "nothing"
    planned = schedules.plan(NIGHTLY)
    assert (planned.what, planned.differences) == ("resume", ("enabled: no → yes",))
    assert schedules.apply(NIGHTLY).what == "resume"
    assert only(server).state == "ACTIVE"
    paused = schedules.apply(off)
    assert (paused.what, paused.differences) == ("pause", ("enabled: yes → no",))
    both = schedules.apply(replace(NIGHTLY, cron="1 1 * * *"))
    assert both.what == "update"
    assert both.differences == ("cron: 0 2 * * * → 1 1 * * *", "enabled: no → yes")
    assert only(server).state == "ACTIVE"


def test_pause_resume_and_delete_by_name(server: Server, tmp_path: Path) -> None:
    schedules = connected(server, tmp_path).schedules
    schedules.apply(NIGHTLY)
    assert [schedules.pause("nightly").state for _ in range(2)] == ["PAUSED", "PAUSED"]
    assert [schedules.resume("nightly").state for _ in range(2)] == ["ACTIVE", "ACTIVE"]
    assert not only(server).catch_up
    schedules.delete("nightly")
    assert server.schedules.all == {}
    with pytest.raises(Rejected) as error:
        schedules.delete("nightly")
    assert rejection(error) == "HPC944 there is no schedule nightly that hpc has made | there are none"


def test_a_mistyped_name_is_met_with_the_nearest(server: Server, tmp_path: Path) -> None:
    schedules = connected(server, tmp_path).schedules
    schedules.apply(NIGHTLY)
    with pytest.raises(Rejected) as error:
        schedules.pause("nigthly")
    assert rejection(error) == "HPC944 there is no schedule nigthly that hpc has made | did you mean nightly?"


def test_schedules_of_others_are_listed_and_left_alone(server: Server, tmp_path: Path) -> None:
    schedules = connected(server, tmp_path).schedules
    schedules.apply(NIGHTLY)
    foreign = copy.deepcopy(only(server).resource)
    foreign["createPipelineJobRequest"]["pipelineJob"]["labels"] = {}
    server.now += 1
    server.schedules.create(foreign)
    schedules.apply(replace(NIGHTLY, name="weekly"))
    found = schedules.all()
    assert [(one.name, bool(one.digest)) for one in found] == [("weekly", True), ("nightly", False), ("nightly", True)]
    schedules.delete("nightly")
    schedules.delete("weekly")
    assert [one.resource for one in server.schedules.all.values()] == [foreign]
    assert schedules.apply(NIGHTLY).what == "create"


def test_a_schedule_that_has_run_out_is_made_anew(server: Server, tmp_path: Path) -> None:
    schedules = connected(server, tmp_path).schedules
    schedules.apply(NIGHTLY)
    only(server).state = "COMPLETED"
    assert schedules.apply(NIGHTLY).what == "create"
    assert [one.state for one in schedules.all()] == ["ACTIVE", "COMPLETED"]


@pytest.mark.parametrize("kind", ["lost", "late"])
def test_a_lost_answer_does_not_make_a_second_schedule(server: Server, tmp_path: Path, kind: Any) -> None:
    server.faults.add(kind, "schedules.create")
    change = connected(server, tmp_path).schedules.apply(NIGHTLY)
    assert change.schedule is not None
    assert list(server.schedules.all) == [change.schedule.id]
    assert server.count("schedules.create") == 1


def test_of_two_that_came_to_be_the_older_one_stays(server: Server, tmp_path: Path) -> None:
    schedules = connected(server, tmp_path).schedules
    first = schedules.apply(NIGHTLY).schedule
    server.now += 60
    server.schedules.create(copy.deepcopy(only(server).resource))
    assert first is not None
    assert schedules.apply(replace(NIGHTLY, cron="1 1 * * *")).what == "update"
    assert list(server.schedules.all) == [first.id]


def test_what_the_service_refuses_is_told_in_its_words(server: Server, tmp_path: Path) -> None:
    schedules = connected(server, tmp_path).schedules
    with pytest.raises(Rejected) as error:
        schedules.apply(replace(NIGHTLY, cron="61 * * * *"))
    assert rejection(error).startswith("HPC945 could not make the schedule nightly: ")
    with pytest.raises(Rejected) as error:
        schedules.plan(replace(NIGHTLY, job=job(arguments={"epoch": 1})))
    assert rejection(error) == "HPC902 the pipeline has no input epoch | did you mean epochs?"
    server.forbidden.add("schedules.create")
    with pytest.raises(Rejected) as error:
        schedules.apply(NIGHTLY)
    assert rejection(error).startswith(
        "HPC943 could not make the schedule nightly: the permission aiplatform.schedules.create is missing: "
    )


def test_runs_that_a_schedule_starts_have_its_labels(server: Server, tmp_path: Path) -> None:
    connection = connected(server, tmp_path)
    change = connection.schedules.apply(replace(NIGHTLY, job=job(labels={"team": "vision"})))
    server.schedules.fire(only(server), False)
    (run,) = connection.runs("small", 5)
    assert change.schedule is not None
    assert run.labels["team"] == "vision"
    assert run.labels["hpc-digest"] == change.schedule.digest
    assert connection.schedules.all()[0].runs == 1


@pytest.mark.parametrize("block", range(10))
def test_nothing_is_lost_and_nothing_is_doubled(tmp_path: Path, block: int) -> None:
    """Twenty sequences each: apply, change, pause, resume, delete in any order, under faults of every kind."""
    with vertex_server() as server:
        schedules = connected(server, tmp_path, FAST).schedules
        for seed in range(20 * block, 20 * block + 20):
            server.schedules.all.clear()
            chosen = random.Random(seed)
            server.faults.at_random(RandomFaults(seed, share=0.4))
            timetable = NIGHTLY
            for _ in range(3):
                epochs, cron = chosen.choice([3, 5]), chosen.choice(["0 2 * * *", "1 1 * * *"])
                there, enabled = job(arguments={"epochs": epochs}), chosen.random() < 0.5
                timetable = replace(NIGHTLY, job=there, cron=cron, enabled=enabled)
                schedules.apply(timetable)
                assert len(server.schedules.all) == 1
                resource = only(server).resource
                assert resource["cron"] == f"TZ=Europe/Berlin {cron}"
                values = resource["createPipelineJobRequest"]["pipelineJob"]["runtimeConfig"]["parameterValues"]
                assert values == {"epochs": epochs}
                assert only(server).state == ("ACTIVE" if enabled else "PAUSED")
            assert schedules.plan(timetable).what == "nothing"
            schedules.delete("nightly")
            assert server.schedules.all == {}


def test_cron_and_zone_are_one_text_there() -> None:
    assert cron_text("0  2 * * *", "UTC") == "0 2 * * *"
    assert cron_parts("0 2 * * *") == ("0 2 * * *", "UTC")
    assert cron_parts("TZ=Asia/Tokyo 0 2 * * *") == ("0 2 * * *", "Asia/Tokyo")
    assert cron_parts("CRON_TZ=Asia/Tokyo 0 2 * * *") == ("0 2 * * *", "Asia/Tokyo")


# ---------------------------------------------------------------- two at once, and lists that lag behind


def test_a_list_that_lags_behind_a_lost_answer(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    schedules = connected(server, tmp_path).schedules
    server.faults.add("UNAVAILABLE", "schedules.create")
    monkeypatch.setattr(schedules, "_ours", lambda _: [])
    assert schedules.apply(NIGHTLY).what == "create"
    assert only(server).resource["displayName"] == "nightly"


@pytest.mark.parametrize("cron", ["0 2 * * *", "30 4 * * *"])
def test_two_that_apply_at_the_same_moment(
    cron: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = connected(server, tmp_path).schedules, connected(server, tmp_path).schedules
    client = mine._clients.schedules  # pyright: ignore[reportPrivateUsage] -- somebody else comes in between
    create = client.create_schedule

    def second(*args: Any, **options: Any) -> Any:
        theirs.apply(replace(NIGHTLY, cron=cron))
        return create(*args, **options)

    monkeypatch.setattr(client, "create_schedule", second)
    change = mine.apply(NIGHTLY)
    assert change.schedule is not None
    assert change.schedule.cron == "0 2 * * *"
    assert only(server).resource["cron"] == "TZ=Europe/Berlin 0 2 * * *"
    assert mine.plan(NIGHTLY).what == "nothing"
