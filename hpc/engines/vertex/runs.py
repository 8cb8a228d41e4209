"""Runs of one place: names and bodies enter, the service's messages leave. What is asked here may be asked again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hpc.diagnostics import Rejected
from hpc.engines.service import NOT_THERE
from hpc.engines.vertex.asking import TIMEOUT, Asker, Said
from hpc.engines.vertex.clients import Clients, message, raw, rejected
from hpc.engines.vertex.naming import ANY_RUN
from hpc.engines.vertex.place import Place
from hpc.engines.vertex.trouble import Asked, ForeignAnswerError, is_missing

_LISTED = (
    "name",
    "state",
    "display_name",
    "pipeline_spec.pipeline_info",
    "create_time",
    "start_time",
    "end_time",
    "error",
    "labels",
)
_PAGE = 100
_MAYBE = (
    "look at the network, the region and the address; it may have been started all the same, and the same command with "
    "`--name {run}` starts no second one"
)


class Runs:
    """What can be asked of runs."""

    def __init__(self, place: Place, asker: Asker, clients: Clients) -> None:
        self._place = place
        self._asker = asker
        self._clients = clients

    def get(self, run: str, said: Said | None = None, *, is_known: bool = False) -> Any:
        """The run. One that was made a moment ago `is_known`, though not everybody may see it yet."""
        if not ANY_RUN.fullmatch(run):
            raise rejected(NOT_THERE, f"{run!r} is not the name of a run", "look at `hpc runs --on vertex`")
        asked = Asked(f"look at the run {run}", "aiplatform.pipelineJobs.get", is_known=is_known)
        request = {"name": self._place.job(run)}
        return self._asker.ask(
            asked, lambda: _whole(self._clients.pipelines.get_pipeline_job(request=request, timeout=TIMEOUT)), said
        )

    def find(self, run: str) -> Any | None:
        """The run, or None where there is none of that name."""
        try:
            return self.get(run)
        except Rejected as error:
            if is_missing(error):
                return None
            raise

    def create(self, run: str, body: Mapping[str, Any], version: str = "v1") -> Any:
        """A new run. Raises Exists where the name is one that there is."""
        is_again = version != "v1"
        if_lost = "" if is_again else _MAYBE.format(run=run)
        asked = Asked(f"start the run {run}", "aiplatform.pipelineJobs.create", creates=True, if_lost=if_lost)
        client = self._clients.reruns if is_again else self._clients.pipelines
        job = message("PipelineJob", body, version)
        request = {"parent": self._place.parent, "pipeline_job": job, "pipeline_job_id": run}
        return self._asker.ask(asked, lambda: _whole(client.create_pipeline_job(request=request, timeout=TIMEOUT)))

    def cancel(self, run: str) -> None:
        """Ask for the end of it. Raises Ended where it has come already."""
        asked = Asked(f"cancel the run {run}", "aiplatform.pipelineJobs.cancel", may_be_late=True)
        request = {"name": self._place.job(run)}
        self._asker.ask(asked, lambda: self._clients.pipelines.cancel_pipeline_job(request=request, timeout=TIMEOUT))

    def newest(self, pipeline: str | None) -> Iterator[Any]:
        """Runs without their tasks, page after page."""
        request: dict[str, Any] = {
            "parent": self._place.parent,
            "filter": f"pipeline_name={json.dumps(pipeline)}" if pipeline else "",
            "order_by": "create_time desc",
            "page_size": _PAGE,
            "read_mask": {"paths": list(_LISTED)},
            "page_token": "",
        }
        while True:
            page = self._page(request)
            yield from page.pipeline_jobs
            request = {**request, "page_token": page.next_page_token}
            if not page.next_page_token:
                return

    def _page(self, request: Mapping[str, Any]) -> Any:
        asked = Asked("list the runs", "aiplatform.pipelineJobs.list", elsewhere="hpc doctor")
        pages = self._asker.ask(
            asked, lambda: self._clients.pipelines.list_pipeline_jobs(request=dict(request), timeout=TIMEOUT)
        )
        return raw(next(iter(pages.pages)))


def _whole(job: Any) -> Any:
    """The reply. Raises ForeignAnswerError where it names no run."""
    if not raw(job).name:
        raise ForeignAnswerError
    return job
