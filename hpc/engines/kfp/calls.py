"""Requests to the REST API: paths and JSON objects enter, JSON objects leave.

What is safe to be asked twice is asked again after growing pauses, as `Pace` says. What is not goes through `once`,
which looks whether it has been done before it asks again.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from hpc.engines.kfp.client import Door
from hpc.engines.kfp.trouble import CONFLICT, UNREACHED, Trouble, from_exception, web_page
from hpc.engines.service import Pace

API = "/apis/v2beta1"
Answer = dict[str, Any]

_TIMEOUT = (10.0, 60.0)
"""Seconds until a connection, and until the next piece of an answer. The client itself would wait for ever."""

_UNMET = 40
"""At an address where nobody has answered yet, patience lasts for that part: the address may well be a wrong one."""

_SERVER_FAULTS = 3
"""How often a service may say that it failed (500) until that is believed: most of these errors stay."""

_PAGE = 100


@dataclass(frozen=True)
class Creation:
    """What is to be made, and how it is found again. `if_lost` is what a user can do where nobody knows of it.

    `file` is sent in place of a body, `query` beside either.
    """

    path: str
    body: Mapping[str, Any]
    doing: str
    find: Callable[[], Answer | None]
    if_lost: str = ""
    file: str = ""
    query: Mapping[str, object] = field(default_factory=dict[str, object])


class Calls:
    """Asks one service. `where` is what messages call it; `door` logs in, and anew where a token has run out."""

    def __init__(self, door: Door, pace: Pace, timeout: tuple[float, float] = _TIMEOUT) -> None:
        self.where = door.name
        self.pace = pace
        self._told = pace.told
        self._timeout = timeout
        self._reopen = door.open
        self._connection = door.open()
        self._is_known = False

    @property
    def namespace(self) -> str | None:
        return self._connection.namespace

    @contextmanager
    def telling(self, told: Callable[[str], None]) -> Generator[None]:
        """Inside, `told` hears what has to be waited for, in place of whoever hears it else."""
        before, self._told = self._told, told
        try:
            yield
        finally:
            self._told = before

    def get(self, path: str, doing: str, **query: object) -> Answer:
        return self._patiently(lambda: self._ask(_Asked("GET", path, query)), doing)

    def post(self, path: str, doing: str, body: Mapping[str, Any] | None = None) -> Answer:
        """For what may be said twice."""
        return self._patiently(lambda: self._ask(_Asked("POST", path, body=body)), doing)

    def patch(self, path: str, doing: str, body: Mapping[str, Any]) -> Answer:
        return self._patiently(lambda: self._ask(_Asked("PATCH", path, body=body)), doing)

    def delete(self, path: str, doing: str) -> None:
        """Have something gone; it may be gone already."""
        try:
            self._patiently(lambda: self._ask(_Asked("DELETE", path)), doing, missing_is_fine=True)
        except _GoneError:
            return

    def pages(self, path: str, key: str, doing: str, **query: object) -> Iterator[Answer]:
        """What lists hold under `key`, page after page."""
        token = ""
        while True:
            answer = self.get(path, doing, **{"page_size": _PAGE, **query, "page_token": token})
            yield from answer.get(key) or ()
            token = answer.get("next_page_token") or ""
            if not token:
                return

    def named(self, path: str, key: str, doing: str, name: str, **query: object) -> Iterator[Answer]:
        """What a list holds of exactly that display name. The service takes `Train` and `train` for the same
        (LOWER on both sides, backend/src/apiserver/filter/filter.go).
        """
        found = self.pages(path, key, doing, filter=where_all(("display_name", "EQUALS", name)), **query)
        return (one for one in found if one.get("display_name") == name)

    def once(self, creation: Creation) -> tuple[Answer, bool]:
        """Create something, once: after an answer that was lost, or that says it is there, it is looked for.

        Gives what was created or found, and whether there was any doubt on the way.
        """
        patience = _Patience(self.pace)
        while True:
            try:
                return self._created(creation), patience.was_needed
            except Trouble as trouble:
                if trouble.outlook == "unsure":
                    trouble.fix = creation.if_lost
                if trouble.status != CONFLICT:
                    self._give_up_or_wait(trouble, patience, creation.doing)
                found = None if trouble.outlook == "again" else creation.find()
                if found is not None:
                    return found, True
                if trouble.outlook == "final":
                    raise trouble.rejected(self.where, creation.doing) from None

    def _created(self, creation: Creation) -> Answer:
        answer = self._ask(_Asked("POST", creation.path, creation.query, creation.body, creation.file))
        if not answer:
            raise Trouble(UNREACHED, "the answer is empty", "unsure")
        return answer

    def _patiently(self, ask: Callable[[], Answer], doing: str, *, missing_is_fine: bool = False) -> Answer:
        patience = _Patience(self.pace)
        while True:
            try:
                return ask()
            except Trouble as trouble:
                if missing_is_fine and trouble.status == 404:
                    raise _GoneError from None
                self._give_up_or_wait(trouble, patience, doing)

    def _give_up_or_wait(self, trouble: Trouble, patience: _Patience, doing: str) -> None:
        first = not patience.was_needed
        if trouble.outlook == "final" or not patience.may_wait_after(trouble, is_known=self._is_known):
            raise trouble.rejected(self.where, doing) from None
        if first:
            self._told(f"cannot {doing}: {trouble.text or trouble.status}; asking again")
        patience.wait()

    def _ask(self, asked: _Asked) -> Answer:
        """One request. Raises Trouble."""
        try:
            answer = self._send(asked)
        except Trouble as trouble:
            if trouble.status != 401 or not self._is_known:
                raise
            self._is_known = False  # a token that was good has run out
            self._connection = self._reopen()
            answer = self._send(asked)
        self._is_known = True
        return answer

    def _send(self, asked: _Asked) -> Answer:
        try:
            answer: object = self._connection.api.call_api(
                API + asked.path,
                asked.method,
                query_params=[(name, value) for name, value in asked.query.items() if value not in (None, "")],
                header_params={"Accept": "application/json", "Content-Type": asked.content_type},
                body=None if asked.file else asked.body,
                files={"uploadfile": asked.file} if asked.file else None,
                response_type="object",
                auth_settings=["Bearer"],
                _return_http_data_only=True,
                _request_timeout=self._timeout,
            )
        except Exception as error:
            trouble = from_exception(error, self._connection.error, self._timeout)
            if trouble is None:
                raise
            raise trouble from None
        if not isinstance(answer, dict):
            if answer:
                raise web_page()
            return {}
        return cast("Answer", answer)


@dataclass(frozen=True)
class _Asked:
    """One request."""

    method: str
    path: str
    query: Mapping[str, object] = field(default_factory=dict[str, object])
    body: Mapping[str, Any] | None = None
    file: str = ""

    @property
    def content_type(self) -> str:
        return "multipart/form-data" if self.file else "application/json"


class _GoneError(Exception):
    """What was to be deleted is not there."""


class _Patience:
    """The pauses between one question and the next. Time is counted in pauses and timeouts, not by a clock."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._waited = 0.0
        self._faults = 0
        self._next = pace.first_wait

    @property
    def was_needed(self) -> bool:
        return self._waited > 0 or self._faults > 0

    def may_wait_after(self, trouble: Trouble, *, is_known: bool) -> bool:
        """Whether it is of use to ask again. `is_known`: it has answered before."""
        self._faults += trouble.status == 500
        self._waited += trouble.seconds
        longest = self._pace.patience if is_known or not trouble.is_unmet else self._pace.patience / _UNMET
        return self._faults < _SERVER_FAULTS and self._waited < longest

    def wait(self) -> None:
        """Wait until it is time to ask again."""
        seconds = self._next * random.uniform(0.75, 1.0)  # so that many who wait do not come back together
        time.sleep(seconds)
        self._waited += max(seconds, 1e-9)
        self._next = min(self._next * 2, self._pace.longest_wait)


def where_all(*conditions: tuple[str, str, str]) -> str:
    """A filter of a list: (key, operation, text), all of which hold (filter.proto of the API)."""
    predicates = [{"key": key, "operation": operation, "string_value": text} for key, operation, text in conditions]
    return json.dumps({"predicates": predicates})


__all__ = ["API", "Answer", "Calls", "Creation", "where_all"]
