"""Runs compiled pipelines on this machine: PipelineSpec 2.1.0 as plain data in, an `Outcome` out.

Tasks are host processes or containers, run in dependency order and in parallel, with the meaning that they have on a
cluster. The engine reads nothing but the compiled documents; `platforms.local` of the second one says what a container
image would have said: folder, interpreter, requirements. All that happens is kept in the store of the root folder, so
that a run which was cut off can be gone on with.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

from hpc.engines.arguments import check_arguments
from hpc.engines.events import Event, Listener
from hpc.engines.findings import Findings, nearest
from hpc.engines.local.flow.choice import Choice
from hpc.engines.local.flow.failure import TaskError
from hpc.engines.local.flow.inputs import Inputs
from hpc.engines.local.plan.planner import plan, require_commands
from hpc.engines.local.plan.rules import CANNOT_RESUME, NO_CONTAINERS, NO_RUN_FOLDER, RULES, STORE_TROUBLE, UNKNOWN_STEP
from hpc.engines.local.plan.settings import check_places, read_settings
from hpc.engines.local.store import Store, StoreError, UnknownRunError
from hpc.engines.local.store.records import RunRecord, TaskRecord
from hpc.engines.local.store.root import make_root
from hpc.engines.local.work import docker
from hpc.engines.local.work.clock import Clock
from hpc.engines.local.work.container import ContainerExecutor
from hpc.engines.local.work.digests import Digests
from hpc.engines.local.work.docker import Images
from hpc.engines.local.work.downloads import Downloads
from hpc.engines.local.work.environment import Environments
from hpc.engines.local.work.former import Former
from hpc.engines.local.work.gpus import Gpus, gpus_here
from hpc.engines.local.work.host import HostExecutor
from hpc.engines.local.work.logs import Masker
from hpc.engines.local.work.opening import Documents, Opened, made_up, named_run, open_run, recall
from hpc.engines.local.work.rehearsal import Rehearsal
from hpc.engines.local.work.running import Running
from hpc.engines.local.work.sampling import check_sampler
from hpc.engines.local.work.stopping import Stop
from hpc.engines.local.work.strays import adopt
from hpc.engines.local.work.surroundings import Executor, ExecutorRun, Surroundings
from hpc.engines.local.work.terms import Terms
from hpc.engines.outcome import Outcome, Planned
from hpc.engines.request import FormerRun, Request

__all__ = ["RULES", "Request", "former_run", "masker", "rehearse", "run", "secrets_in"]

Document = Mapping[str, object]


def run(spec: Document, platform: Document | None, request: Request, listener: Listener) -> Outcome:
    """Run a pipeline to its end. SIGINT or SIGTERM stops it, once politely, twice at once.

    Raises Rejected with every finding before anything runs; a task that fails is part of the outcome.
    """
    findings = Findings(request.source)
    terms = _terms(spec, platform, request, findings)
    _make_root(request, findings)
    with _told(findings), contextlib.closing(Store.open(request.root_folder)) as store:
        terms = replace(terms, taken=_taken(store, terms, findings))
        opened = open_run(store, Documents(terms.plan.name, spec, platform), request, Clock(), findings)
        with opened.lock:
            return asyncio.run(_run(store, opened, terms, listener))


def rehearse(spec: Document, platform: Document | None, request: Request) -> list[Planned]:
    """What `run` would do, task by task, as far as it can be told. Starts no task, keeps nothing.

    Raises Rejected as `run` does.
    """
    findings = Findings(request.source)
    terms = _terms(spec, platform, request, findings)
    with _told(findings), _store_or_nothing(request.root_folder) as (store, root):
        terms = replace(terms, taken=_taken(store, terms, findings))
        documents = Documents(terms.plan.name, spec, platform)
        resumed = request.resume is not None and not request.is_partial
        record = made_up(documents, request, Clock())
        if resumed:
            record = named_run(store, terms.plan.name, request.resume or "last", findings)
        return asyncio.run(_rehearse(store, record, root, terms))


def former_run(root: Path, name: str, asked_by: str) -> FormerRun:
    """What a run of that root was given, by its name or "last". Raises Rejected where there is none.

    `asked_by` is the option that names it.
    """
    findings = Findings(asked_by, is_file=False)
    with _told(findings):
        store = Store.existing(root)
        if store is None:
            raise UnknownRunError(f"there are no runs in {root}")
        with contextlib.closing(store):
            record = store.run(name)
        try:
            return recall(record)
        except (OSError, ValueError) as error:
            fact = f"the folder of the run {record.run} is not whole: {error}"
            raise UnknownRunError(fact) from None


def masker(platform: Document | None, environ: Mapping[str, str]) -> Callable[[str], str]:
    """What puts asterisks in the place of the pipeline's secrets in any text."""
    return Masker(secrets_in(platform, environ))


def secrets_in(platform: Document | None, environ: Mapping[str, str]) -> set[str]:
    """What the variables hold that the pipeline's secrets are read from, as far as they are set."""
    settings = read_settings(platform, environ, Findings("")).values()
    return {environ[source] for one in settings for source in one.secrets.values() if source in environ}


# ---------------------------------------------------------------- what is run


def _terms(spec: Document, platform: Document | None, request: Request, findings: Findings) -> Terms:
    """Everything about the documents and the arguments that can be wrong is found here."""
    settings = read_settings(platform, request.environ, findings)
    in_containers = request.mode != "process"
    check_places(settings, request.base, request.environ, findings, docker=in_containers)
    check_sampler(settings, findings)
    made = plan(spec, settings, findings)
    containers = _connected(request, findings) if in_containers else None
    if not in_containers:
        require_commands(made, findings)
    arguments = check_arguments(request.arguments, made.inputs, findings)
    choice = Choice(made, request.only, request.start_at)
    for name in choice.unknown:
        findings.add(UNKNOWN_STEP, f"the pipeline has no step {name}", nearest(name, choice.names))
    findings.reject_if_any()
    return Terms(made, Inputs(arguments), request, choice, containers)


def _connected(request: Request, findings: Findings) -> docker.ContainerEngine | None:
    try:
        return asyncio.run(docker.connect(request.mode, request.environ))
    except TaskError as error:
        findings.add(NO_CONTAINERS, str(error), "start the container engine, or leave --mode out")
        return None


def _taken(store: Store, terms: Terms, findings: Findings) -> Mapping[str, TaskRecord]:
    """The records of the run that steps which were not chosen take their results from."""
    if not terms.request.is_partial:
        return {}
    return store.tasks(named_run(store, terms.plan.name, terms.request.resume or "last", findings).run)


# ---------------------------------------------------------------- the store


def _make_root(request: Request, findings: Findings) -> None:
    try:
        make_root(request.root_folder)
    except OSError as error:
        fact = f"{error.strerror}: {error.filename or request.root_folder}"
        findings.add(NO_RUN_FOLDER, fact, "choose another root folder, or free some space")
        findings.reject_if_any()


@contextmanager
def _told(findings: Findings) -> Generator[None]:
    """What the store says becomes a finding."""
    try:
        yield
    except UnknownRunError as error:
        findings.add(CANNOT_RESUME, str(error), "hpc runs lists them")
        findings.reject_if_any()
    except StoreError as error:
        findings.add(STORE_TROUBLE, str(error), "free some space, or choose another root folder")
        findings.reject_if_any()


@contextmanager
def _store_or_nothing(root: Path) -> Generator[tuple[Store, Path]]:
    """The store of the root; where there is none, an empty one that nobody will miss."""
    with tempfile.TemporaryDirectory(prefix="hpc-") as elsewhere:
        place = root if (root / "hpc.db").exists() else Path(elsewhere)
        with contextlib.closing(Store.open(place)) as store:
            yield store, place


# ---------------------------------------------------------------- running it


async def _run(store: Store, opened: Opened, terms: Terms, listener: Listener) -> Outcome:
    adopt()
    async with _around(store, opened.record, terms, listener) as around:
        return await Running(terms, opened, around).go()


async def _rehearse(store: Store, record: RunRecord, root: Path, terms: Terms) -> list[Planned]:
    former = Former(store, record.run, terms.plan.name, terms.request.cache, store.tasks(record.run))
    async with _around(store, record, terms, None, root) as around:
        return await Rehearsal(terms, record, former, around).go()


@asynccontextmanager
async def _around(
    store: Store, record: RunRecord, terms: Terms, listener: Listener | None, root: Path | None = None
) -> AsyncGenerator[Surroundings]:
    """What tasks share. Without a listener nothing is to happen; `root` is then where the store is."""
    request, stop = terms.request, Stop()
    place, tell = root or request.root_folder, listener or _nobody
    digests = Digests(place, _no_source(request))
    try:
        yield Surroundings(
            run=record.run,
            folder=Path(record.folder),
            environ=request.environ,
            grace=request.grace,
            clock=Clock(),
            stop=stop,
            store=store,
            digests=digests,
            downloads=Downloads(place, Path(record.folder), store, stop, tell),
            executor=_executor(record, terms, stop, digests, listener),
            gpus=Gpus(gpus_here(request.environ)),
            listener=tell,
        )
    finally:
        digests.close()


def _executor(record: RunRecord, terms: Terms, stop: Stop, digests: Digests, listener: Listener | None) -> Executor:
    request = terms.request
    base, root = request.base.absolute(), request.root_folder
    of_run = ExecutorRun(record.run, Path(record.folder), root, base, request.environ, listener or _nobody)
    if terms.containers is None:
        environments = Environments(base, root, request.environ, stop, request.grace)
        return HostExecutor(of_run, environments, digests)
    images = Images(terms.containers, base, Path(record.folder), stop, request.grace) if listener else None
    return ContainerExecutor(of_run, terms.containers, images, request.mounts)


def _no_source(request: Request) -> tuple[Path, ...]:
    """The runs, and the pipeline file itself, compiled or not: what it says to a task is compared by itself."""
    file = request.base.absolute() / Path(request.source).name
    return (request.root_folder, file, file.with_suffix(".json"))


def _nobody(event: Event) -> None:
    """Listens to what nobody wants to know."""
    del event
