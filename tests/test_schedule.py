"""`schedule` and `labels`: what passes, what is refused, and in which words."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest
from judging import NoFiles

from hpc.compiler import Choice, understood
from hpc.compiler.checks import labels, schedule
from hpc.compiler.targets import TARGETS
from hpc.diagnostics import Source, located
from hpc.spec.schedule import cron_problems, timezone_problem

FILE = """\
hpc: 1
name: p
images: {app: repo/app:1.0}
inputs: {lr: {type: float, default: 0.1, max: 1}, net: {type: string, default: vit, choices: [vit, cnn]}}
components:
  train: {image: app, command: [python3, train.py]}
edges: [train]
"""


def said(check: ModuleType, text: str, target: str = "vertex") -> list[str]:
    """What one check says about a file: `line:column code fact | fix`."""
    program, _ = understood(Source("p.yaml", text), NoFiles(), Choice())
    graph = cast(Any, SimpleNamespace(pipeline=program.main.pipeline, files=()))
    found = located(check.check(graph, TARGETS[target]), program.document)
    return [
        f"{one.span.position[0]}:{one.span.position[1]} {one.rule.severity} {one.rule.code} {one.fact} | {one.fix}"
        for one in found
    ]


# Cron


@pytest.mark.parametrize(
    "text",
    [
        "0 3 * * 1",
        "* * * * *",
        "*/15 * * * *",
        "5-59/10 0-23/2 1,15 JAN-MAR,dec mon-fri",
        "00 03 01 01 00",
        "59 23 31 12 6",
        "*/59 */23 */30 */11 */6",
        "0 0 29 2 *",
        "0 0 31 */2 *",
        "0 0 30 2 mon",
        "0 0 31 4,5 *",
        "  0\t3  * * SUN ",
    ],
)
def test_a_schedule_that_all_understand(text: str) -> None:
    assert cron_problems(text) == []


FIVE = "write `minute hour day month weekday`, e.g. `cron: 0 3 * * 1`."
ZONE = "the time zone does not stand in `cron`."


@pytest.mark.parametrize(
    ("text", "fact", "fix"),
    [
        ("@daily", "`@daily` is not five fields.", "write `cron: 0 0 * * *`."),
        ("@Hourly", "`@Hourly` is not five fields.", "write `cron: 0 * * * *`."),
        ("@every 90m", "`@every` is not five fields.", FIVE),
        ("0 3 * *", "`0 3 * *` has 4 fields, not five.", FIVE),
        ("daily", "`daily` has 1 field, not five.", FIVE),
        ("", "`` has 0 fields, not five.", FIVE),
        (
            "0 0 3 * * 1",
            "`0 0 3 * * 1` has six fields: a schedule counts from minutes to weekdays, without seconds and years.",
            "write `cron: 0 3 * * 1`.",
        ),
        (
            "0/5 0 3 * * 1",
            "`0/5 0 3 * * 1` has six fields: a schedule counts from minutes to weekdays, without seconds and years.",
            FIVE,
        ),
        ("TZ=Asia/Tokyo 0 3 * * *", ZONE, "remove it, and write `timezone: Asia/Tokyo`."),
        ("CRON_TZ= 0 3 * * *", ZONE, "remove it, and write `timezone: UTC`."),
        (
            "0 0 30 2 *",
            "this never happens: none of the months `2` has a day `30`.",
            "write a day up to 29, or other months.",
        ),
        (
            "0 0 31 apr,6-6 *",
            "this never happens: none of the months `apr,6-6` has a day `31`.",
            "write a day up to 30, or other months.",
        ),
    ],
)  # fmt: skip
def test_what_is_no_schedule_as_a_whole(text: str, fact: str, fix: str) -> None:
    [problem] = cron_problems(text)
    assert (problem.fact, problem.fix, problem.start) == (fact, fix, None)


FORM = "write numbers, `*`, ranges `a-b`, steps `*/n`, and lists of these with `,`."
NUMBER = {
    "minute": "a minute: 0 to 59",
    "hour": "an hour: 0 to 23",
    "day": "a day of the month: 1 to 31",
    "month": "a month: 1 to 12 or JAN to DEC",
    "weekday": "a weekday: 0 to 6 or SUN to SAT",
}


@pytest.mark.parametrize(
    ("place", "text", "fact", "fix"),
    [
        ("minute", "60", f"`60` is not {NUMBER['minute']}.", "write a minute, or `*`."),
        ("hour", "24", f"`24` is not {NUMBER['hour']}.", "write an hour, or `*`."),
        ("hour", "9-24", f"`24` is not {NUMBER['hour']}.", "write an hour, or `*`."),
        ("day", "0", f"`0` is not {NUMBER['day']}.", "write a day of the month, or `*`."),
        ("day", "L", f"`L` is not {NUMBER['day']}.", "write a day of the month, or `*`."),
        ("month", "13", f"`13` is not {NUMBER['month']}.", "write a month, or `*`."),
        ("month", "MON", f"`MON` is not {NUMBER['month']}.", "write a month, or `*`."),
        ("month", "june", f"`june` is not {NUMBER['month']}.", "write `JUN`."),
        ("weekday", "Monday", f"`Monday` is not {NUMBER['weekday']}.", "write `MON`."),
        ("weekday", "8", f"`8` is not {NUMBER['weekday']}.", "write a weekday, or `*`."),
        (
            "weekday",
            "1-7",
            "weekdays are 0 (Sunday) to 6 here, because not every target takes 7.",
            "write `0` for Sunday.",
        ),
        ("weekday", "FRI#2", "`FRI#2` is not a form that every scheduler knows (weekday).", FORM),
        ("day", "?", "`?` is not a form that every scheduler knows (day of the month).", FORM),
        ("minute", "1,,2", "`` is not a form that every scheduler knows (minute).", FORM),
        ("minute", "*5", "`*5` is not a form that every scheduler knows (minute).", FORM),
        ("minute", "/5", "`/5` is not a form that every scheduler knows (minute).", FORM),
        ("minute", "-5", "`-5` is not a form that every scheduler knows (minute).", FORM),
        ("minute", "*/x", "`*/x` is not a form that every scheduler knows (minute).", FORM),
        ("minute", "*/5/5", "`*/5/5` is not a form that every scheduler knows (minute).", FORM),
        ("minute", "٣", "`٣` is not a form that every scheduler knows (minute).", FORM),
        ("hour", "22-2", "`22-2` ends before it begins.", "write `22-23,0-2`."),
        ("hour", "23-0", "`23-0` ends before it begins.", "write `23,0`."),
        ("weekday", "FRI-MON", "`FRI-MON` ends before it begins.", "write `FRI-SAT,SUN-MON`."),
        ("weekday", "sat-sun", "`sat-sun` ends before it begins.", "write `SAT,sun`."),
        ("minute", "5/10", "`5/10` has a step but no range to step through.", "write `5-59/10`."),
        (
            "minute",
            "*/90",
            "a step of 90 does not fit: the minute goes from 0 to 59.",
            "write a step from 1 to 59; longer intervals belong to the fields behind.",
        ),
        (
            "month",
            "*/0",
            "a step of 0 does not fit: the month goes from 1 to 12.",
            "write a step from 1 to 11; longer intervals belong to the fields behind.",
        ),
    ],
)
def test_a_field_that_is_wrong(place: str, text: str, fact: str, fix: str) -> None:
    position = list(NUMBER).index(place)
    words = ["1"] * 5
    words[position] = text
    [problem] = cron_problems("  ".join(words))
    assert (problem.fact, problem.fix) == (fact, fix)
    assert (problem.start, problem.length) == (3 * position, len(text))


def test_every_field_has_its_own_message() -> None:
    text = FILE + "schedule: {cron: '60 3 * 13 8'}\n"
    assert [line.partition(" error")[0] for line in said(schedule, text)] == ["8:19", "8:26", "8:29"]


# Time zones


@pytest.mark.parametrize("name", ["UTC", "Asia/Tokyo", "America/Argentina/Buenos_Aires", "Etc/GMT+9"])
def test_a_zone_of_the_database(name: str) -> None:
    assert timezone_problem(name) is None


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """A tz database of which the test knows what is in it."""
    zones = {"UTC", "Etc/UTC", "Asia/Tokyo", "America/New_York", "US/Pacific", "Etc/GMT-9", "EST", "localtime"}
    monkeypatch.setattr(zoneinfo, "available_timezones", lambda: set(zones))
    yield zones


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("Asia/Tokio", "did you mean `Asia/Tokyo`?"),
        ("asia/tokyo", "did you mean `Asia/Tokyo`?"),
        ("Tokyo", "did you mean `Asia/Tokyo`?"),
        ("new york", "did you mean `America/New_York`?"),
        ("utc", "did you mean `UTC`?"),
        ("JST", "write the name of a place, e.g. `Asia/Tokyo`, or `UTC`."),
        ("UTC+9", "write the name of a place, e.g. `Asia/Tokyo`, or `UTC`."),
        ("Etc/GMT+99", "write the name of a place, e.g. `Asia/Tokyo`, or `UTC`."),
        ("localtime", "write the name of a place, e.g. `Asia/Tokyo`, or `UTC`."),
        ("", "write the name of a place, e.g. `Asia/Tokyo`, or `UTC`."),
        ("../etc/passwd", "write the name of a place, e.g. `Asia/Tokyo`, or `UTC`."),
    ],
)
def test_a_name_that_is_no_zone(name: str, fix: str, database: set[str]) -> None:
    del database
    problem = timezone_problem(name)
    assert problem is not None
    assert (problem.fact, problem.fix) == (f"`{name}` is not a time zone of the tz database.", fix)


def test_without_the_old_names_only_what_is_like_a_zone_is_refused(database: set[str]) -> None:
    database.remove("US/Pacific")
    assert timezone_problem("US/Eastern") is None
    assert timezone_problem("tokyo") is not None


def test_without_a_database_nothing_is_said(database: set[str]) -> None:
    database.clear()
    database.add("localtime")
    assert timezone_problem("Nowhere") is None


def test_the_zone_has_its_own_place() -> None:
    text = FILE + "schedule: {cron: 0 3 * * 1, timezone: Asia/Tokio}\n"
    assert said(schedule, text) == [
        "8:39 error HPC111 `Asia/Tokio` is not a time zone of the tz database. | did you mean `Asia/Tokyo`?"
    ]


# Inputs of scheduled runs


def test_a_schedule_that_fits() -> None:
    assert said(schedule, FILE) == []
    assert said(schedule, FILE + "schedule: {cron: 0 3 * * 1}\n") == []
    assert said(schedule, FILE + "schedule: {cron: 0 3 * * 1, inputs: {lr: 1, net: cnn}}\n") == []


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("{lrr: 1}", "8:38 error HPC112 the pipeline has no input `lrr`. | did you mean `lr`?"),
        ("{epochs: 1}", "8:38 error HPC112 the pipeline has no input `epochs`. | use one of: lr, net."),
        ("{lr: 2}", "8:42 error HPC112 the value of `lr` is 2, above max 1. | change one of them."),
        (
            "{lr: '0.5'}",
            "8:42 error HPC112 the value of `lr` is a string ('0.5') but the type is float. | "
            "write `0.5` without quotes.",
        ),
        (
            "{net: rnn}",
            "8:43 error HPC112 the value of `net` is `rnn`, not one of its choices: vit, cnn. | did you mean `cnn`?",
        ),
        ("{lr: null}", "8:42 error HPC112 the value of `lr` is null (None) but the type is float. | give a float."),
    ],
)
def test_a_value_that_does_not_fit(inputs: str, message: str) -> None:
    assert said(schedule, FILE + f"schedule: {{cron: 0 3 * * 1, inputs: {inputs}}}\n") == [message]


def test_inputs_without_a_value() -> None:
    text = FILE.replace("inputs: {", "inputs: {day: string, data: Dataset, ") + "schedule: {cron: 0 3 * * 1}\n"
    day = (
        "8:1 error HPC112 scheduled runs get no value for input `day` (string), which has no default. | "
        "add `schedule: {inputs: {day: …}}`, or give it a default."
    )
    data = (
        "8:1 error HPC112 input `data` is a Dataset, which a scheduled run cannot be given. | "
        "import it: a component with `import:` and `uri:`, then an edge."
    )
    assert said(schedule, text) == [day, data]
    text = text.replace("* 1}", "* 1, inputs: {day: monday}}")
    assert said(schedule, text) == [data.replace("8:1 ", "8:29 ")]


# Labels


def with_labels(*entries: str) -> str:
    return FILE + "labels:\n" + "".join(f"  {entry}\n" for entry in entries)


@pytest.mark.parametrize(
    ("target", "entry"),
    [
        ("vertex", "team: vision"),
        ("vertex", "a_b-c1: ''"),
        ("vertex", "équipe: 視覚"),
        ("vertex", f"{'a' * 64}: {'b' * 64}"),
        ("kfp", "Team: Vision.V1_a-b"),
        ("kfp", "example.org/team: ''"),
        ("kfp", f"{'a' * 63}: {'b' * 63}"),
        ("kfp", f"{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 61}/x: a"),
        ("local", f"'Ü b/ /': {'B' * 99}"),
    ],
)
def test_a_label_that_the_target_takes(target: str, entry: str) -> None:
    assert said(labels, with_labels(entry), target) == []


VERTEX = "cannot stand in a label of Vertex AI: lower-case letters, digits, `_` and `-`."
KUBERNETES = "cannot stand in a label of Kubernetes: `A-Z a-z 0-9 - _ .`, a letter or digit at both ends."


@pytest.mark.parametrize(
    ("target", "entry", "message"),
    [
        ("vertex", "Team: a", f"9:3 `Team` {VERTEX} | write `team`."),
        ("vertex", "team: Vision Lab", f"9:9 `Vision Lab` {VERTEX} | write `vision-lab`."),
        ("vertex", "example.org/x: a", f"9:3 `example.org/x` {VERTEX} | write `example-org-x`."),
        ("vertex", "'': a", "9:3 the key of a label is empty. | give it a name."),
        (
            "vertex",
            f"x: {'a' * 65}",
            f"9:6 `{'a' * 20}…` is 65 characters long; a label of Vertex AI takes 64. | shorten it.",
        ),
        (
            "vertex",
            "vertex-ai-pipelines-run-billing-id: a",
            "9:3 Vertex AI sets the label `vertex-ai-pipelines-run-billing-id` itself. | rename it.",
        ),
        ("kfp", "team: my team-", f"9:9 `my team-` {KUBERNETES} | write `my-team`."),
        ("kfp", "_team: a", f"9:3 `_team` {KUBERNETES} | write `team`."),
        ("kfp", "team: 視覚", f"9:9 `視覚` {KUBERNETES} | use letters and digits."),
        ("kfp", "x/: a", "9:3 the key of a label is empty. | give it a name."),
        (
            "kfp",
            "Example/x: a",
            "9:3 `Example` cannot stand before the `/` in a label of Kubernetes: it is not a DNS name. | "
            "write a name such as `example.org`, or none.",
        ),
        (
            "kfp",
            "a/b/c: a",
            "9:3 `a/b` cannot stand before the `/` in a label of Kubernetes: it is not a DNS name. | "
            "write a name such as `example.org`, or none.",
        ),
        (
            "kfp",
            f"x: {'a' * 64}",
            f"9:6 `{'a' * 20}…` is 64 characters long; a label of Kubernetes takes 63. | shorten it.",
        ),
    ],
)
def test_a_label_that_the_target_refuses(target: str, entry: str, message: str) -> None:
    assert said(labels, with_labels(entry), target) == [message.replace(" ", " error HPC517 ", 1)]


@pytest.mark.parametrize("text", ["", "-", "a", "A.", "a-b_c.1", "é", "a" * 63, "a" * 64, "a b", ".a", "x" * 62 + "-"])
def test_values_are_judged_as_kubernetes_does(text: str) -> None:
    """The expression that Kubernetes prints in its own message about a value (apimachinery, util/validation)."""
    theirs = re.fullmatch(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?", text) and len(text) <= 63
    assert (said(labels, with_labels(f"x: '{text}'"), "kfp") == []) == bool(theirs)
