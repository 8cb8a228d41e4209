"""When a pipeline runs by itself: what is wrong with a cron text or the name of a time zone.

Texts of the file enter, problems leave. The form is the common part of what schedulers understand: unix-cron with five
fields as Vertex AI takes it (https://cloud.google.com/scheduler/docs/configuring/cron-job-schedules), and what
github.com/robfig/cron v1.2.0 makes of the last five of its six, which Kubeflow Pipelines uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from hpc.components.types import nearest


@dataclass(frozen=True)
class Problem:
    """A fact and a fix, for `length` characters from `start` of the text, or for all of it."""

    fact: str
    fix: str
    start: int | None = None
    length: int = 1


@dataclass(frozen=True)
class _Field:
    """One of the five: `low` to `high` are its numbers, `names` those of the numbers from `low` on."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = field(default=())

    @property
    def range(self) -> str:
        names = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
        return f"{self.low} to {self.high}{names}"

    def number(self, text: str) -> int | None:
        """The number that `text` stands for, if the field has it."""
        if text.upper() in self.names:
            return self.low + self.names.index(text.upper())
        number = int(text) if re.fullmatch(r"[0-9]{1,4}", text) else -1
        return number if self.low <= number <= self.high else None


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")),
    _Field("weekday", 0, 6, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")),
)
_WORDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FIVE = "write `minute hour day month weekday`, e.g. `cron: 0 3 * * 1`."
_NO_FORM = "write numbers, `*`, ranges `a-b`, steps `*/n`, and lists of these with `,`."
_ITEM = re.compile(r"(?P<all>\*)?(?:(?P<first>[0-9A-Za-z]+)(?:-(?P<last>[0-9A-Za-z]+))?)?(?:/(?P<step>[0-9]+))?")


def cron_problems(text: str) -> list[Problem]:
    """What keeps `text` from being a schedule that every target understands alike; at most one problem a field."""
    words = list(re.finditer(r"\S+", text))
    shape = _shape_problem(text, [word[0] for word in words])
    if shape:
        return [shape]
    found: list[Problem] = []
    for cron_field, word in zip(_FIELDS, words, strict=True):
        trouble = _field_problem(cron_field, word[0])
        if trouble:
            found.append(Problem(*trouble, start=word.start(), length=len(word[0])))
    return found or list(_never(*(word[0] for word in words[2:])))


def _shape_problem(text: str, words: list[str]) -> Problem | None:
    first = words[0] if words else ""
    zone = re.fullmatch(r"(?:CRON_)?TZ=(.*)", first)
    if zone:
        return Problem(
            "the time zone does not stand in `cron`.", f"remove it, and write `timezone: {zone[1] or 'UTC'}`."
        )
    if first.startswith("@"):
        same = _WORDS.get(first.lower())
        return Problem(f"`{first}` is not five fields.", f"write `cron: {same}`." if same else _FIVE)
    if len(words) == len(_FIELDS) + 1:
        fact = f"`{text}` has six fields: a schedule counts from minutes to weekdays, without seconds and years."
        fix = f"write `cron: {' '.join(words[1:])}`." if first == "0" else _FIVE
        return Problem(fact, fix)
    if len(words) != len(_FIELDS):
        return Problem(f"`{text}` has {len(words)} field{'s' if len(words) != 1 else ''}, not five.", _FIVE)
    return None


def _field_problem(cron_field: _Field, text: str) -> tuple[str, str] | None:
    return next(filter(None, (_item_problem(cron_field, item) for item in text.split(","))), None)


def _item_problem(cron_field: _Field, item: str) -> tuple[str, str] | None:
    match = _ITEM.fullmatch(item)
    if not item or match is None or bool(match["all"]) == bool(match["first"]):
        return f"`{item}` is not a form that every scheduler knows ({cron_field.name}).", _NO_FORM
    for value in (match["first"], match["last"]):
        if value is not None and cron_field.number(value) is None:
            return _value_problem(cron_field, value)
    return _range_problem(cron_field, match) or _step_problem(cron_field, match)


def _value_problem(cron_field: _Field, text: str) -> tuple[str, str]:
    if cron_field.name == "weekday" and text == "7":
        return "weekdays are 0 (Sunday) to 6 here, because not every target takes 7.", "write `0` for Sunday."
    if text[:3].upper() in cron_field.names:
        return f"`{text}` is not a {cron_field.name}: {cron_field.range}.", f"write `{text[:3].upper()}`."
    return f"`{text}` is not {_an(cron_field.name)}: {cron_field.range}.", f"write {_an(cron_field.name)}, or `*`."


def _an(name: str) -> str:
    return f"an {name}" if name == "hour" else f"a {name}"


def _range_problem(cron_field: _Field, match: re.Match[str]) -> tuple[str, str] | None:
    first, last = match["first"], match["last"]
    if last is None or (cron_field.number(first) or 0) <= (cron_field.number(last) or 0):
        return None
    high = cron_field.names[-1] if first.upper() in cron_field.names else str(cron_field.high)
    low = cron_field.names[0] if last.upper() in cron_field.names else str(cron_field.low)
    halves = [
        end if cron_field.number(start) == cron_field.number(end) else f"{start}-{end}"
        for start, end in ((first, high), (low, last))
    ]
    return f"`{first}-{last}` ends before it begins.", f"write `{','.join(halves)}`."


def _step_problem(cron_field: _Field, match: re.Match[str]) -> tuple[str, str] | None:
    step = match["step"]
    if step is None:
        return None
    if match["first"] and not match["last"]:
        item = f"{match['first']}-{cron_field.high}/{step}"
        return f"`{match[0]}` has a step but no range to step through.", f"write `{item}`."
    span = cron_field.high - cron_field.low
    if not 1 <= int(step[:9]) <= span:
        fact = f"a step of {step} does not fit: the {cron_field.name} goes from {cron_field.low} to {cron_field.high}."
        return fact, f"write a step from 1 to {span}; longer intervals belong to the fields behind."
    return None


def _never(days: str, months: str, weekdays: str) -> Iterator[Problem]:
    """A day that none of the months has. With a weekday as well, either of both is enough."""
    longest = max(_LONGEST_MONTHS[month - 1] for month in _numbers(_FIELDS[3], months))
    if weekdays == "*" and min(_numbers(_FIELDS[2], days)) > longest:
        fact = f"this never happens: none of the months `{months}` has a day `{days}`."
        yield Problem(fact, f"write a day up to {longest}, or other months.")


def _numbers(cron_field: _Field, text: str) -> set[int]:
    found: set[int] = set()
    for match in filter(None, map(_ITEM.fullmatch, text.split(","))):
        first = cron_field.number(match["first"]) if match["first"] else cron_field.low
        last = cron_field.number(match["last"]) if match["last"] else (first if match["first"] else cron_field.high)
        found |= set(range(first or 0, (last or 0) + 1, int(match["step"] or 1)))
    return found


def timezone_problem(name: str) -> Problem | None:
    """What is wrong with the name of a time zone; None where this machine has no tz database to look it up in."""
    import zoneinfo

    known = zoneinfo.available_timezones() - {"localtime", "Factory"}
    if name in known or not known:
        return None
    like = _like(name, known)
    if like is None and "US/Pacific" not in known:
        return None  # systems leave out the old names, which targets know
    fix = f"did you mean `{like}`?" if like else "write the name of a place, e.g. `Asia/Tokyo`, or `UTC`."
    return Problem(f"`{name}` is not a time zone of the tz database.", fix)


def _like(name: str, known: set[str]) -> str | None:
    """The zone that is written alike but for case and blanks, or has this place; else the nearest of long names."""
    wanted = name.strip().replace(" ", "_").lower()
    zones = sorted(known)
    for alike in ([zone.lower() for zone in zones], [zone.rpartition("/")[2].lower() for zone in zones]):
        if wanted in alike:
            return zones[alike.index(wanted)]
    return nearest(name, zones) if re.fullmatch(r"[A-Za-z]+/[A-Za-z_/-]+", name) else None
