"""The cron of schedules: text enters, times leave. Five fields, before them `TZ=` or `CRON_TZ=` with an IANA zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from vertex_errors import invalid

_ZONE = re.compile(r"(?:TZ|CRON_TZ)=(\S+)\s+(.*)")
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7))
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_PART = re.compile(r"(\*|\d+|[A-Z]{3})(?:-(\d+|[A-Z]{3}))?(?:/(\d+))?")
_YEARS = 5


@dataclass(frozen=True)
class Cron:
    """When something is due, in a zone. `either`: days of the month and of the week are both given, and one will do."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool
    zone: tzinfo

    def after(self, seconds: float) -> float | None:
        """The first time after one, in seconds since the epoch; None where there is none for years."""
        start = datetime.fromtimestamp(seconds, self.zone)
        for offset in range(_YEARS * 366):
            day = (start + timedelta(days=offset)).date()
            if not self._has_day(day.day, day.month, day.isoweekday() % 7):
                continue
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    due = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone)
                    if due.timestamp() > seconds and self._exists(due):
                        return due.timestamp()
        return None

    def _has_day(self, day: int, month: int, weekday: int) -> bool:
        by_month, by_week = day in self.days, weekday in self.weekdays
        return month in self.months and (by_month or by_week if self.either else by_month and by_week)

    def _exists(self, due: datetime) -> bool:
        """Whether clocks show this time on that day: some are left out in spring."""
        return datetime.fromtimestamp(due.timestamp(), self.zone).replace(tzinfo=None) == due.replace(tzinfo=None)


def parse_cron(text: str) -> Cron:
    """Raises ApiError."""
    match = _ZONE.fullmatch(text)
    zone = _zone(match[1]) if match else timezone.utc
    fields = (match[2] if match else text).split()
    if len(fields) != len(_FIELDS):
        raise invalid(f"Invalid cron {text!r}: five fields are needed, there are {len(fields)}.")
    sets = [_field(field.upper(), *told) for field, told in zip(fields, _FIELDS, strict=True)]
    weekdays = frozenset(day % 7 for day in sets[4])
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    return Cron(sets[0], sets[1], sets[2], sets[3], weekdays, either, zone)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise invalid(f"Invalid cron: {name!r} is not a time zone of the IANA database.") from error


def _field(text: str, name: str, least: int, most: int) -> frozenset[int]:
    return frozenset(value for part in text.split(",") for value in _part(part, name, least, most))


def _part(text: str, name: str, least: int, most: int) -> range:
    match = _PART.fullmatch(text)
    if not match:
        raise invalid(f"Invalid cron: the {name} {text!r} cannot be read.")
    step = int(match[3] or 1)
    if match[1] == "*":
        first, last = least, most
    else:
        first = _number(match[1], name)
        last = _number(match[2], name) if match[2] else most if match[3] else first
    if not (least <= first <= last <= most and step > 0) or (match[1] == "*" and match[2]):
        raise invalid(f"Invalid cron: the {name} {text!r} is not within {least} to {most}.")
    return range(first, last + 1, step)


def _number(text: str, name: str) -> int:
    names = {"month": _MONTHS, "day of week": _DAYS}.get(name, [])
    if text in names:
        return names.index(text) + (name == "month")
    if not text.isdigit():
        raise invalid(f"Invalid cron: the {name} {text!r} cannot be read.")
    return int(text)
