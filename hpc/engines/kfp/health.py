"""Whether a Kubeflow Pipelines can run a pipeline: settings, the environment and names of secrets enter, probes leave.

Everything is asked through the client library, briefly; nothing is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial

from hpc.engines.health import Finding, Probe, client_library, ok, skipped, wrong
from hpc.engines.kfp.calls import Calls
from hpc.engines.kfp.client import Door
from hpc.engines.service import Pace

WHERE = "kfp"

_BRIEFLY = Pace(first_wait=0.5, longest_wait=1.0, patience=1.5)
_TIMEOUT = (5.0, 10.0)
"""Seconds until a connection, and until an answer."""


def probes(settings: Mapping[str, object], environ: Mapping[str, str], secrets: Mapping[str, str]) -> list[Probe]:
    """What to look at, in order. `secrets`: by name, as `secret/key` of Kubernetes."""
    visit = _Visit(settings, environ)
    found = [
        Probe(WHERE, "client library", partial(client_library, "kfp", "kfp")),
        Probe(WHERE, "address", visit.address, ("client library",)),
        Probe(WHERE, "login", visit.login, ("address",)),
        Probe(WHERE, "service", visit.service, ("login",)),
        Probe(WHERE, "namespace", visit.namespace, ("service",)),
        Probe(WHERE, "experiment", visit.experiment, ("namespace",)),
    ]
    looks = {f"secret {name}": partial(visit.secret, key) for name, key in secrets.items()}
    return [*found, *(Probe(WHERE, title, look) for title, look in looks.items())]


class _Visit:
    """One look around. What a probe learns, those after it use."""

    def __init__(self, settings: Mapping[str, object], environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ
        self._has_users = False

    @cached_property
    def _door(self) -> Door:
        return Door.at(self._settings, self._environ)

    @cached_property
    def _calls(self) -> Calls:
        return Calls(self._door, _BRIEFLY, _TIMEOUT)

    def address(self) -> Finding:
        return ok(self._door.host)

    def login(self) -> Finding:
        """Whether the client has what it needs. Whether the service accepts it is seen when it is asked."""
        named = [name for name in ("KFP_EXISTING_TOKEN", "KF_PIPELINES_SA_TOKEN_PATH") if self._environ.get(name)]
        namespace = f", namespace {self._calls.namespace}" if self._calls.namespace else ""
        return ok(f"{named[0]}{namespace}" if named else f"what the client finds{namespace}")

    def service(self) -> Finding:
        health = self._calls.get("/healthz", "ask whether it is well")
        self._has_users = bool(health.get("multi_user"))
        name = health.get("tag_name") or str(health.get("commit_sha") or "")[:12] or "unknown"
        return ok(f"version {name}, {'several users' if self._has_users else 'one user'}")

    def namespace(self) -> Finding:
        """Whether the runs of the namespace may be seen, which is what every command begins with."""
        said = self._calls.namespace
        if self._has_users and not said:
            return wrong("none is said, and the service has several users", "write `targets.kfp.namespace: <name>`")
        asked = said if self._has_users else None
        self._calls.get("/runs", "list runs", page_size=1, namespace=asked)
        if said and not self._has_users:
            return ok(f"{said}, which a service of one user does not ask for")
        return ok(said or "not needed")

    def experiment(self) -> Finding:
        name = self._door.experiment
        namespace = self._calls.namespace if self._has_users else None
        doing = f"look for the experiment {name}"
        found = self._calls.named("/experiments", "experiments", doing, name, namespace=namespace)
        return ok(name if next(found, None) else f"{name}, which the first run makes")

    def secret(self, key: str) -> Finding:
        namespace = self._door.text("namespace")
        where = f" --namespace={namespace}" if namespace else ""
        return skipped(f"Kubernetes tells: kubectl get secret {key.partition('/')[0]}{where}")
