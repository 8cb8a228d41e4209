"""Where runs belong, by the names that people give: experiments, namespaces, published pipelines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hpc.diagnostics import Rejected
from hpc.engines.kfp.calls import Answer, Calls, Creation
from hpc.engines.kfp.client import Door
from hpc.engines.kfp.trouble import refuse
from hpc.engines.service import NOT_THERE

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Places:
    """Names to ids. What was found once is not asked for again."""

    def __init__(self, calls: Calls, door: Door) -> None:
        self.door = door
        self._calls = calls
        self._experiment_id: str | None = None
        self._namespace: list[str | None] = []

    @property
    def namespace(self) -> str | None:
        """The namespace to ask for. A service of one user has none, and refuses every request that names one."""
        if not self._namespace:
            said = self._calls.namespace
            self._namespace.append(said if said and self._has_users() else None)
        return self._namespace[0]

    def experiment(self, *, may_make: bool) -> str | None:
        """The id of the experiment that new runs belong to; if it is not there it is made, where that is wanted."""
        if self._experiment_id is None:
            name = self.door.experiment
            found = self._experiment(name) or (self._made_experiment(name) if may_make else None)
            self._experiment_id = str(found["experiment_id"]) if found else None
        return self._experiment_id

    def version(self, address: str) -> Answer:
        """The version of a published pipeline: `pipeline/version`, ids or names or a tag; the newest if none is said.

        Raises Rejected where there is none.
        """
        name, _, version = address.partition("/")
        pipeline = self.pipeline(name)
        if pipeline is None:
            raise refuse(
                NOT_THERE, self._calls.where, f"there is no published pipeline {name}", "hpc publish makes one"
            )
        found = self.versions(pipeline, version) or self._tagged(pipeline, version)
        if not found:
            fact = f"the pipeline {name} has no version {version}" if version else f"the pipeline {name} has no version"
            raise refuse(NOT_THERE, self._calls.where, fact, "look at the list of its versions, on its page")
        return found[0]

    def pipeline(self, name: str) -> str | None:
        """The id of a published pipeline, by its name or by itself."""
        if UUID.fullmatch(name):
            return name
        doing = f"look for the pipeline {name}"
        found = self._calls.named("/pipelines", "pipelines", doing, name, namespace=self.namespace)
        return next((str(one["pipeline_id"]) for one in found), None)

    def versions(self, pipeline: str, version: str = "") -> list[Answer]:
        """The versions of that name, or all of them, the newest first."""
        path = f"/pipelines/{pipeline}/versions"
        doing = f"look for the version {version or 'published last'}"
        if UUID.fullmatch(version):
            return [self._calls.get(f"{path}/{version}", doing)]
        key, order = "pipeline_versions", "created_at desc"
        if version:
            return list(self._calls.named(path, key, doing, version, sort_by=order))
        return list(self._calls.pages(path, key, doing, sort_by=order))

    def _tagged(self, pipeline: str, tag: str) -> list[Answer]:
        """The version that was given the tag last: a tag's value is the time when it was given."""
        tagged = [one for one in self.versions(pipeline) if tag and tag in (one.get("tags") or {})]
        return sorted(tagged, key=lambda one: str(one["tags"][tag]), reverse=True)

    def _has_users(self) -> bool:
        try:
            return bool(self._calls.get("/healthz", "look whether the service has several users").get("multi_user"))
        except Rejected:
            return True  # a proxy may hide this page; the service then says itself what is wrong

    def _experiment(self, name: str) -> Answer | None:
        doing = f"look for the experiment {name}"
        return next(self._calls.named("/experiments", "experiments", doing, name, namespace=self.namespace), None)

    def _made_experiment(self, name: str) -> Answer:
        body = said({"display_name": name, "namespace": self.namespace})
        doing = f"make the experiment {name}"
        return self._calls.once(Creation("/experiments", body, doing, lambda: self._experiment(name)))[0]


def said(body: Mapping[str, Any]) -> dict[str, Any]:
    """The object without the fields that say nothing."""
    return {key: value for key, value in body.items() if value is not None}
