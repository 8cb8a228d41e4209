"""Runs compiled pipelines on this machine: PipelineSpec 2.1.0 as plain data in, an `Outcome` out.

Tasks are host processes or containers, run in dependency order and in parallel, with the meaning that they have on a
cluster. The engine reads nothing but the compiled documents; `platforms.local` of the second one says what a container
image would have said: folder, interpreter, requirements. All that happens is kept in the store of the root folder, so
that a run which was cut off can be gone on with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from hpc.engines.events import Listener
from hpc.engines.local.flow.choice import Choice
from hpc.engines.local.flow.inputs import Inputs
from hpc.engines.local.plan import Plan
from hpc.engines.local.plan.arguments import check_arguments, parse_argument
from hpc.engines.local.plan.planner import plan as make_plan
from hpc.engines.local.plan.planner import require_commands
from hpc.engines.local.plan.rules import RULES, STORE_TROUBLE, UNKNOWN_STEP, Findings, nearest
from hpc.engines.local.plan.settings import check_places, read_settings
from hpc.engines.local.store import Store, StoreError
from hpc.engines.local.store.records import TaskRecord
from hpc.engines.local.work.digests import Digests
from hpc.engines.local.work.environment import Environments
from hpc.engines.local.work.folder import Clock
from hpc.engines.local.work.host import HostExecutor
from hpc.engines.local.work.opening import Documents, Opened, named_run, open_run
from hpc.engines.local.work.process import Stop
from hpc.engines.local.work.running import Running, Terms
from hpc.engines.local.work.strays import adopt
from hpc.engines.local.work.surroundings import Executor, Surroundings
from hpc.engines.outcome import Outcome
from hpc.engines.request import Request

__all__ = ["RULES", "Request", "parse_argument", "run"]


def run(
    spec: Mapping[str, object],
    platform: Mapping[str, object] | None,
    request: Request,
    listener: Listener,
) -> Outcome:
    """Run a pipeline to its end. SIGINT or SIGTERM stops it, once politely, twice at once.

    Raises Rejected with every finding before anything runs; a task that fails is part of the outcome.
    """
    findings = Findings(request.source)
    made = _plan(spec, platform, request, findings)
    arguments = check_arguments(request.arguments, made.inputs, findings)
    choice = _choice(made, request, findings)
    findings.reject_if_any()
    try:
        store = Store.open(request.root_folder)
        try:
            terms = Terms(made, Inputs(arguments), request, choice, _taken(store, made, request, findings))
            opened = open_run(store, Documents(made.name, spec, platform), request, Clock(), findings)
            return asyncio.run(_run(store, opened, terms, listener))
        finally:
            store.close()
    except StoreError as error:
        findings.add(STORE_TROUBLE, str(error), "free some space, or choose another root folder")
        findings.reject_if_any()
        raise


def _plan(
    spec: Mapping[str, object], platform: Mapping[str, object] | None, request: Request, findings: Findings
) -> Plan:
    settings = read_settings(platform, request.environ, findings)
    containers = request.mode != "process"
    check_places(settings, request.base, request.environ, findings, docker=containers)
    made = make_plan(spec, settings, findings)
    if not containers:
        require_commands(made, findings)
    return made


def _choice(plan: Plan, request: Request, findings: Findings) -> Choice:
    choice = Choice(plan, request.only, request.start_at)
    for name in choice.unknown:
        findings.add(UNKNOWN_STEP, f"the pipeline has no step {name}", nearest(name, choice.names))
    return choice


def _taken(store: Store, plan: Plan, request: Request, findings: Findings) -> dict[str, TaskRecord]:
    """The records of the run that steps which were not chosen take their results from."""
    if not request.is_partial:
        return {}
    return store.tasks(named_run(store, plan.name, request.resume or "last", findings).run)


async def _run(store: Store, opened: Opened, terms: Terms, listener: Listener) -> Outcome:
    request, clock, stop = terms.request, Clock(), Stop()
    adopt()
    digests = Digests(request.root_folder)
    executor = _executor(request, stop, digests, listener)
    around = Surroundings(
        opened.record.run,
        opened.folder,
        request.environ,
        request.grace,
        clock,
        stop,
        store,
        digests,
        executor,
        listener,
    )
    try:
        return await Running(terms, opened, around).go()
    finally:
        digests.close()


def _executor(request: Request, stop: Stop, digests: Digests, listener: Listener) -> Executor:
    base = request.base.absolute()
    environments = Environments(base, request.root_folder, request.environ, stop, request.grace)
    return HostExecutor(base, request.environ, environments, digests, listener)
