"""Six-field cron as github.com/robfig/cron v1.2.0 reads it: seconds first, the last field may be left out.

Five fields are therefore `second minute hour day month`, which is the trap that a client has to avoid.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
DESCRIPTORS = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
_BOUNDS = ((0, 59, ()), (0, 59, ()), (0, 23, ()), (1, 31, ()), (1, 12, MONTHS), (0, 6, DAYS))
_FURTHEST = 366 * 5


@dataclass(frozen=True)
class Field:
    numbers: frozenset[int]
    has_star: bool


@dataclass(frozen=True)
class Cron:
    second: Field
    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field

    @staticmethod
    def parse(text: str) -> Cron:
        """Raises ValueError with the words of the library."""
        if not text:
            raise ValueError("Empty spec string")
        if text.startswith("@"):
            if text not in DESCRIPTORS:
                raise ValueError(f"Unrecognized descriptor: {text}")
            return Cron.parse(DESCRIPTORS[text])
        words = text.split()
        if len(words) not in (5, 6):
            raise ValueError(f"Expected 5 to 6 fields, found {len(words)}: {text}")
        words += ["*"] * (6 - len(words))
        return Cron(*(_field(word, *bounds) for word, bounds in zip(words, _BOUNDS, strict=True)))

    def times(self, after: datetime) -> Iterator[datetime]:
        """All times after a time, without an end."""
        day = after.replace(hour=0, minute=0, second=0, microsecond=0)
        for _ in range(_FURTHEST):
            if self._is_day(day):
                yield from (time for time in self._times_of(day) if time > after)
            day += timedelta(days=1)

    def _times_of(self, day: datetime) -> Iterator[datetime]:
        for hour in sorted(self.hour.numbers):
            for minute in sorted(self.minute.numbers):
                for second in sorted(self.second.numbers):
                    yield day.replace(hour=hour, minute=minute, second=second)

    def _is_day(self, day: datetime) -> bool:
        if day.month not in self.month.numbers:
            return False
        by_day = day.day in self.day.numbers
        by_weekday = day.isoweekday() % 7 in self.weekday.numbers
        return (by_day and by_weekday) if self.day.has_star or self.weekday.has_star else (by_day or by_weekday)


def _field(text: str, low: int, high: int, names: tuple[str, ...]) -> Field:
    parts = [_range(part, low, high, names) for part in text.split(",") if part]
    return Field(frozenset(number for part in parts for number in part.numbers), any(part.has_star for part in parts))


def _range(text: str, low: int, high: int, names: tuple[str, ...]) -> Field:
    span, *steps = text.split("/")
    first, *last = span.split("-")
    if len(steps) > 1:
        raise ValueError(f"Too many slashes: {text}")
    if len(last) > 1:
        raise ValueError(f"Too many hyphens: {text}")
    star = first in ("*", "?")
    start = low if star else _number(first, low, names)
    end = high if star else _number(last[0], low, names) if last else (high if steps else start)
    step = _number(steps[0], low, ()) if steps else 1
    if start < low:
        raise ValueError(f"Beginning of range ({start}) below minimum ({low}): {text}")
    if end > high:
        raise ValueError(f"End of range ({end}) above maximum ({high}): {text}")
    if start > end:
        raise ValueError(f"Beginning of range ({start}) beyond end of range ({end}): {text}")
    if step == 0:
        raise ValueError(f"Step of range should be a positive number: {text}")
    return Field(frozenset(range(start, end + 1, step)), star)


def _number(text: str, low: int, names: tuple[str, ...]) -> int:
    if text.lower() in names:
        return low + names.index(text.lower())
    try:
        number = int(text)
    except ValueError:
        raise ValueError(f"Failed to parse int from {text}") from None
    if number < 0:
        raise ValueError(f"Negative number ({number}) not allowed: {text}")
    return number
