"""What an engine offers that hands pipelines to a service and watches them there: Vertex AI, Kubeflow Pipelines.

Values enter and leave; everything that goes wrong on the way is Rejected with one of the rules below, so that the
command line says it like any other mistake. A service is reached by `connect(settings, environ, pace)` of its module;
nothing imports the client library before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from hpc.diagnostics import Rule
from hpc.engines.events import Listener
from hpc.engines.outcome import Outcome, RunState

NO_CLIENT = Rule(
    "HPC940",
    "client library is not installed",
    "The clients of Vertex AI and Kubeflow are large, so only who uses them installs them.",
    "Install the extra of that name.",
)
NO_CREDENTIALS = Rule(
    "HPC941",
    "no credentials",
    "A service wants to know who asks; hpc uses the credentials that its client finds, and keeps none itself.",
    "Log in, as the message says.",
)
NO_PLACE = Rule(
    "HPC942",
    "where to run is not said",
    "A run is handed to one project and region, or to one address, and its artifacts go to one folder.",
    "Write it under `targets`, or give the option that the message names.",
)
NOT_ALLOWED = Rule(
    "HPC943",
    "not allowed",
    "The account that asks lacks a permission.",
    "Have the role granted that the message names, or use another account.",
)
NOT_THERE = Rule(
    "HPC944",
    "not found",
    "What is named must be there, in this project and region or at this address.",
    "Look at the list, and at the project and region that are asked.",
)
REFUSED = Rule(
    "HPC945",
    "refused by the service",
    "The service read the request and does not accept it.",
    "Mend what it names.",
)
QUOTA = Rule(
    "HPC946",
    "quota is used up",
    "The service takes only so many requests, runs or machines of a project; it was asked again for a while.",
    "Wait, or ask for a larger quota.",
)
UNREACHABLE = Rule(
    "HPC947",
    "the service does not answer",
    "It was asked again and again, with growing pauses. A run that has a name is never started twice under it.",
    "Look at the network and the address, and run the same command again.",
)
TAKEN = Rule(
    "HPC948",
    "name is taken",
    "A name belongs to one run. The same request under the same name is the same run; another one needs another name.",
    "Choose another name, or leave it out.",
)
NOT_OFFERED = Rule(
    "HPC949",
    "not offered by the service",
    "Services differ; what one of them cannot do is said and not imitated.",
    "Do it in the way that the message names.",
)
RULES = (
    NO_CLIENT,
    NO_CREDENTIALS,
    NO_PLACE,
    NOT_ALLOWED,
    NOT_THERE,
    REFUSED,
    QUOTA,
    UNREACHABLE,
    TAKEN,
    NOT_OFFERED,
)

RemoteState = Literal["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLING", "CANCELLED", "PAUSED"]
ENDS: Mapping[RemoteState, RunState] = {"SUCCEEDED": "SUCCEEDED", "FAILED": "FAILED", "CANCELLED": "CANCELLED"}
"""The states that stay, as an Outcome has them."""


def _nobody(text: str) -> None:
    """Is told what nobody wants to know."""
    del text


@dataclass(frozen=True)
class Pace:
    """How patiently a service is asked, in seconds: between looks at a run; the first and the longest wait after an
    answer that may come to be another one later; how long in all before giving up. `told` hears, once for each
    request, why it is waited; a run that is watched tells that by its events.
    """

    poll: float = 5.0
    first_wait: float = 1.0
    longest_wait: float = 30.0
    patience: float = 600.0
    told: Callable[[str], None] = _nobody


@dataclass(frozen=True)
class Job:
    """A pipeline to be run by a service.

    `spec` and `platform` are the compiled documents; `template` the address of a published pipeline which the service
    reads itself. `arguments` are typed values of its inputs, without defaults. `run` is the name that the run is to
    have; the service's client makes one of the pipeline's name if None. `cache`: False takes no results of former runs,
    True leaves it to the tasks. `source` is how messages call the file, `places` where in it a task stands, as
    `file:line`, by the row of the task (see `hpc.engines.rows`).
    """

    name: str
    spec: Mapping[str, Any]
    platform: Mapping[str, Any] | None = None
    arguments: Mapping[str, object] = field(default_factory=dict[str, object])
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    cache: bool = True
    fail_fast: bool = False
    run: str | None = None
    template: str | None = None
    source: str = "pipeline"
    places: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class RemoteRun:
    """A run as its service tells it. `run` names it; times are seconds since the epoch; `link` is a page for people.

    `name`: what it was called when it was started, where `run` is another name that the service has given it.
    `is_new`: False where the service had this very run already.
    """

    run: str
    pipeline: str
    state: RemoteState
    created: float | None = None
    started: float | None = None
    ended: float | None = None
    link: str = ""
    error: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    is_new: bool = True
    name: str = ""

    @property
    def has_ended(self) -> bool:
        return self.state in ENDS


class LeftAsking(KeyboardInterrupt):
    """Somebody has stopped hpc while it asked a service for a run: `run` may have been started all the same."""

    def __init__(self, run: str) -> None:
        super().__init__(run)
        self.run = run


@dataclass(frozen=True)
class Timetable:
    """When a job is to be run: five cron fields, read in a time zone of the tz database."""

    name: str
    job: Job
    cron: str
    timezone: str
    max_concurrent: int
    enabled: bool


@dataclass(frozen=True)
class RemoteSchedule:
    """A schedule as its service tells it. `digest` is of the timetable that hpc applied last; empty if it was not hpc.

    `id` is the service's own name for it, `next_run` seconds since the epoch.
    """

    name: str
    id: str
    cron: str
    timezone: str
    state: Literal["ACTIVE", "PAUSED", "COMPLETED"]
    digest: str = ""
    next_run: float | None = None
    runs: int | None = None
    link: str = ""


@dataclass(frozen=True)
class Change:
    """What applying a timetable does: to the service, and in words, one line for each difference."""

    what: Literal["create", "update", "pause", "resume", "nothing"]
    differences: tuple[str, ...] = ()
    schedule: RemoteSchedule | None = None


@dataclass(frozen=True)
class Package:
    """A compiled pipeline to be kept by a service. `text` is the compiled file; `tags` are names of this version.

    `repository` is the address of the place that holds packages; the service knows its own if None.
    """

    name: str
    text: str
    tags: Sequence[str] = ()
    repository: str | None = None
    description: str = ""


@dataclass(frozen=True)
class Published:
    """A kept package. `address` names exactly this version, for `hpc run`; `is_new`: False if it was there already."""

    address: str
    version: str
    tags: Sequence[str] = ()
    link: str = ""
    is_new: bool = True


class Schedules(Protocol):
    """The schedules of a service, by the names of their timetables. All of it raises Rejected."""

    def plan(self, timetable: Timetable) -> Change:
        """What `apply` would do. Changes nothing."""
        ...

    def apply(self, timetable: Timetable) -> Change:
        """Make the service's schedule of that name say what the timetable says; twice is once."""
        ...

    def all(self) -> Sequence[RemoteSchedule]: ...

    def pause(self, name: str) -> RemoteSchedule: ...

    def resume(self, name: str) -> RemoteSchedule: ...

    def delete(self, name: str) -> None: ...


class Service(Protocol):
    """A connection to a service. All of it raises Rejected."""

    @property
    def where(self) -> str:
        """What people call it, e.g. `Vertex AI (project ml-dev, us-central1)`."""
        ...

    @property
    def schedules(self) -> Schedules: ...

    def check(self, job: Job) -> None:
        """Judge a job without asking the service: what is found here costs nothing."""
        ...

    def submit(self, job: Job) -> RemoteRun:
        """Start a run, once: whatever happens to the connection, no second one is made. Raises LeftAsking too."""
        ...

    def watch(self, run: str, places: Mapping[str, str], listener: Listener) -> Outcome:
        """Tell what happens to a run until it has ended. Leaving it, e.g. by Ctrl-C, leaves the run alone."""
        ...

    def run(self, name: str) -> RemoteRun: ...

    def runs(self, pipeline: str | None, limit: int) -> Sequence[RemoteRun]:
        """The newest runs first."""
        ...

    def cancel(self, name: str) -> RemoteRun:
        """Ask for the end of a run; one that has ended stays as it is."""
        ...

    def resume(self, name: str) -> RemoteRun:
        """Run again what did not succeed in a run that has ended."""
        ...

    def publish(self, package: Package) -> Published:
        """Keep a compiled pipeline; the same text twice is one version. Tags move to it from other versions."""
        ...

    def tag(self, address: str, tags: Sequence[str]) -> Published:
        """What is at an address, as its exact address, with these tags moved to it. Without tags nothing changes."""
        ...

    def published(self, address: str) -> tuple[Mapping[str, Any], Mapping[str, Any] | None]:
        """The compiled documents at an address that `publish` gave, or that names a tag."""
        ...
