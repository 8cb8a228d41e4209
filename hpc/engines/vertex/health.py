"""Whether Vertex AI can run a pipeline: settings, the environment and what a file uses enter, probes leave.

Google's REST APIs are asked, each question once and briefly; nothing is changed, and no secret is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from typing import Any
from urllib.parse import quote

from hpc.engines.health import Finding, Probe, client_library, ok, skipped, warning, wrong
from hpc.engines.vertex.clients import login
from hpc.engines.vertex.place import Place, place_of
from hpc.engines.vertex.rest import Answer, answered, sent, session
from hpc.engines.vertex.templates import Repository
from hpc.engines.vertex.trouble import Asked, all_kinds, judged

WHERE = "vertex"

_RESOURCES = "https://cloudresourcemanager.googleapis.com/v1/projects/"
_SERVICES = "https://serviceusage.googleapis.com/v1/projects/"
_STORAGE = "https://storage.googleapis.com/storage/v1/b/"
_ACCOUNTS = "https://iam.googleapis.com/v1/projects/-/serviceAccounts/"
_PACKAGES = "https://artifactregistry.googleapis.com/v1/"
_SECRETS = "https://secretmanager.googleapis.com/v1/"
_USER = "https://openidconnect.googleapis.com/v1/userinfo"

_ALWAYS_NEEDED = ("aiplatform", "storage")
_PERMISSIONS = ("create", "get", "list", "cancel")
_SCHEDULES = "aiplatform.schedules.create"
_ACT_AS = "iam.serviceAccounts.actAs"
_OBJECTS = ("storage.objects.create", "storage.objects.get", "storage.objects.list")
_CONTINENTS = {"US": "us-", "EU": "europe-", "ASIA": "asia-"}
"""Large places of Cloud Storage, and how the names of their regions begin."""

_SECRET = re.compile(r"projects/([^/]+)/secrets/([^/]+)/versions/([^/]+)")


@dataclass(frozen=True)
class Uses:
    """What a pipeline uses of Google Cloud. `apis` are short names, e.g. `secretmanager`; `secrets` resources by name.

    `regions` are those that are known, `schedules` tells whether it is to run by itself.
    """

    apis: tuple[str, ...] = ()
    secrets: Mapping[str, str] | None = None
    regions: Sequence[str] = ()
    schedules: bool = False


def probes(settings: Mapping[str, object], environ: Mapping[str, str], uses: Uses) -> list[Probe]:
    """What to look at, in an order that people can follow."""
    visit = _Visit(settings, environ, uses)
    found: list[Probe] = []

    def add(title: str, look: Callable[[], Finding], *after: str) -> None:
        found.append(Probe(WHERE, title, look, after))

    add("client library", partial(client_library, "google-cloud-aiplatform", "vertex"))
    add("credentials", visit.credentials, "client library")
    add("project and region", visit.place, "credentials")
    there = ("project and region",)
    add("project", visit.project, *there)
    add("APIs", visit.apis, *there)
    add("permissions", visit.permissions, *there)
    add("bucket", visit.bucket, *there)
    add("bucket access", visit.bucket_access, "bucket")
    add("service account", visit.account, "project")
    if settings.get("packages"):
        add("repository of pipelines", visit.packages, *there)
    for name, resource in (uses.secrets or {}).items():
        add(f"secret {name}", partial(visit.secret, resource), "credentials")
    return found


class _Visit:
    """One look around. What a probe learns, those after it use."""

    def __init__(self, settings: Mapping[str, object], environ: Mapping[str, str], uses: Uses) -> None:
        self._settings = settings
        self._environ = environ
        self._uses = uses
        self._session: Any = None
        self._own_project = ""
        self._member = ""
        self._number = ""
        self._place: Place | None = None

    # ------------------------------------------------------------ who, and where

    def credentials(self) -> Finding:
        found = login(self._environ)
        self._own_project = found.project
        self._session = session(found.credentials)
        email = str(getattr(found.credentials, "service_account_email", "") or "")
        self._renew(found.credentials)
        if email:
            email = str(found.credentials.service_account_email)  # a machine's own account is known only now
            self._member = f"serviceAccount:{email}"
            return ok(email)
        email = str(getattr(found.credentials, "account", "") or "") or self._user()
        self._member = f"user:{email}" if email else ""
        return ok(email or "a person's, who is not told")

    def _renew(self, credentials: Any) -> None:
        """Ask for a token, which shows whether the credentials are good."""
        try:
            credentials.refresh(import_module("google.auth.transport.requests").Request())
        except all_kinds() as error:
            raise judged(error, Asked("log in", "")).rejected() from None

    def _user(self) -> str:
        """The address of a person, as far as the credentials may tell it."""
        answer = self._ask("GET", _USER, "ask who is logged in")
        return str(answer.body.get("email", "")) if answer.is_well else ""

    def place(self) -> Finding:
        place = place_of(self._settings, self._environ, self._own_project)
        self._place = place
        said = f"{place.project}, {place.region}"
        if self._uses.regions and place.region not in self._uses.regions:
            close = get_close_matches(place.region, self._uses.regions, n=1)
            fix = f"--region {close[0]}, or write it as `targets.vertex.region`" if close else "look at --region"
            return warning(f"{said}: hpc knows no region {place.region}", fix)
        return ok(said)

    @property
    def _project(self) -> str:
        return self._at.project

    @property
    def _at(self) -> Place:
        if self._place is None:
            raise AssertionError("this probe comes after the one that finds the place")
        return self._place

    def project(self) -> Finding:
        answer = self._ask("GET", f"{_RESOURCES}{self._project}", f"look at the project {self._project}")
        if answer.status in (403, 404):
            if answer.disabled:
                return self._unclear(answer, "cloudresourcemanager")
            said = f"{self._project} is not there, or {self._who} may not see it"
            return warning(said, f"gcloud projects describe {self._project}")
        if not answer.is_well:
            return self._unclear(answer)
        self._number = str(answer.body.get("projectNumber", ""))
        state = str(answer.body.get("lifecycleState", "ACTIVE"))
        if state != "ACTIVE":
            return wrong(f"{self._project} is {state}", f"gcloud projects undelete {self._project}")
        return ok(f"{self._project}, number {self._number}")

    # ------------------------------------------------------------ what the project allows

    def apis(self) -> Finding:
        wanted = [f"{name}.googleapis.com" for name in dict.fromkeys((*_ALWAYS_NEEDED, *self._uses.apis))]
        names = [("names", f"projects/{self._project}/services/{name}") for name in wanted]
        url = f"{_SERVICES}{self._project}/services:batchGet"
        answer = self._ask("GET", url, "ask which APIs are enabled", params=names)
        if not answer.is_well:
            return self._unclear(answer, "serviceusage")
        enabled = {
            str(one.get("name", "")).rpartition("/")[2]
            for one in answer.body.get("services", ())
            if one.get("state") == "ENABLED"
        }
        missing = [name for name in wanted if name not in enabled]
        if missing:
            fix = f"gcloud services enable {' '.join(missing)} --project={self._project}"
            return wrong(f"not enabled: {', '.join(missing)}", fix)
        return ok(", ".join(name.partition(".")[0] for name in wanted))

    def permissions(self) -> Finding:
        wanted = [f"aiplatform.pipelineJobs.{name}" for name in _PERMISSIONS]
        wanted += [_SCHEDULES] if self._uses.schedules else []
        url = f"{_RESOURCES}{self._project}:testIamPermissions"
        answer = self._ask("POST", url, "ask for permissions", json={"permissions": wanted})
        if not answer.is_well:
            return self._unclear(answer, "cloudresourcemanager")
        missing = [name for name in wanted if name not in answer.body.get("permissions", ())]
        if missing:
            fix = f"gcloud projects add-iam-policy-binding {self._project} --member={self._member_or_form} "
            return wrong(f"{self._who} lacks {', '.join(missing)}", f"{fix}--role=roles/aiplatform.user")
        return ok("pipelines can be started, seen and cancelled")

    def packages(self) -> Finding:
        repository = Repository.of(str(self._settings["packages"]))
        answer = self._ask("GET", f"{_PACKAGES}{repository.resource}", "look at the repository")
        place = f"--location={repository.location} --project={repository.project}"
        if answer.status == 404:
            fix = f"gcloud artifacts repositories create {repository.name} --repository-format=kfp {place}"
            return wrong(f"{repository.address} is not there", fix)
        if not answer.is_well:
            return self._unclear(answer, "artifactregistry")
        form = answer.body.get("format")
        if form != "KFP":
            fix = f"gcloud artifacts repositories create pipelines --repository-format=kfp {place}"
            return wrong(f"{repository.address} has the format {form}, not KFP", fix)
        return ok(repository.address)

    # ------------------------------------------------------------ the bucket

    def bucket(self) -> Finding:
        root = self._at.runs.root
        if not root:
            return warning("the folder of artifacts is not said", "write `targets.vertex.root: gs://…`, or give --root")
        if not root.startswith("gs://"):
            return wrong(f"{root} is not on Cloud Storage", "write `targets.vertex.root: gs://…`")
        name = self._bucket_name
        answer = self._ask(
            "GET", f"{_STORAGE}{quote(name)}", f"look at the bucket {name}", params={"fields": "location,locationType"}
        )
        if answer.status == 404:
            fix = f"gcloud storage buckets create gs://{name} --location={self._at.region} --project={self._project}"
            return wrong(f"gs://{name} is not there", fix)
        if answer.status == 403:
            fix = f"gcloud storage buckets describe gs://{name}, with an account that may"
            return warning(f"{self._who} may not look at gs://{name}", fix)
        if not answer.is_well:
            return self._unclear(answer)
        return self._judged_location(name, str(answer.body.get("location", "")))

    def _judged_location(self, name: str, location: str) -> Finding:
        region = self._at.region
        start = _CONTINENTS.get(location.upper())
        if location.lower() == region or (start and region.startswith(start)):
            return ok(f"gs://{name} in {location.lower()}")
        said = f"gs://{name} is in {location.lower()}, the runs are in {region}: slower, and every byte is paid for"
        fix = f"gcloud storage buckets create gs://{name}-{region} --location={region} --project={self._project}"
        return warning(said, fix)

    def bucket_access(self) -> Finding:
        name = self._bucket_name
        if not name:
            return skipped("because of: bucket")
        wanted = [("permissions", one) for one in _OBJECTS]
        url = f"{_STORAGE}{quote(name)}/iam/testPermissions"
        answer = self._ask("GET", url, f"ask for access to gs://{name}", params=wanted)
        if answer.status == 403:
            missing = list(_OBJECTS)
        elif not answer.is_well:
            return self._unclear(answer)
        else:
            missing = [one for one in _OBJECTS if one not in answer.body.get("permissions", ())]
        if not missing:
            return ok(f"{self._who} can read and write objects")
        fix = f"gcloud storage buckets add-iam-policy-binding gs://{name} --member={self._member_or_form} "
        fix += "--role=roles/storage.objectUser"
        said = f"{self._who} lacks {', '.join(missing)} on gs://{name}"
        if self._member == f"serviceAccount:{self._at.runs.service_account}":
            return wrong(said, fix)
        return warning(f"{said}; the account of the runs needs them, which cannot be looked at from here", fix)

    @property
    def _bucket_name(self) -> str:
        return self._at.runs.root.removeprefix("gs://").partition("/")[0]

    # ------------------------------------------------------------ accounts and secrets

    def account(self) -> Finding:
        said = self._at.runs.service_account
        email = said or (f"{self._number}-compute@developer.gserviceaccount.com" if self._number else "")
        if not email:
            return skipped("none is said, and the default one is known by the project's number")
        url = f"{_ACCOUNTS}{quote(email, safe='@')}:testIamPermissions"
        answer = self._ask("POST", url, f"ask for {email}", json={"permissions": [_ACT_AS]})
        if answer.status == 404:
            return self._no_account(email, is_default=not said)
        if not answer.is_well:
            return self._unclear(answer, "iam")
        if _ACT_AS not in answer.body.get("permissions", ()):
            fix = f"gcloud iam service-accounts add-iam-policy-binding {email} --member={self._member_or_form} "
            fix += f"--role=roles/iam.serviceAccountUser --project={self._project}"
            return wrong(f"{self._who} may not start runs as {email}", fix)
        return ok(email if said else f"{email}, the default one")

    def _no_account(self, email: str, *, is_default: bool) -> Finding:
        if is_default:
            fix = "write `targets.vertex.service_account: <e-mail address>`"
            return wrong(f"none is said, and there is no default one ({email})", fix)
        fix = f"gcloud iam service-accounts create {email.partition('@')[0]} --project={self._project}"
        return wrong(f"{email} is not there", fix)

    def secret(self, resource: str) -> Finding:
        """Whether a version of a secret can be used. Its value is not asked for."""
        found = _SECRET.fullmatch(resource)
        if found is None:
            return wrong(f"{resource} is no version of a secret", "write `projects/…/secrets/…/versions/…`")
        project, name, number = found.groups()
        answer = self._ask("GET", f"{_SECRETS}{resource}", f"look at {resource}")
        if answer.status == 404:
            fix = f"gcloud secrets create {name} --project={project} --data-file=FILE"
            return wrong(f"{resource} is not there", fix)
        if answer.status == 403 and not answer.disabled:
            fix = f"gcloud secrets add-iam-policy-binding {name} --project={project} --member={self._member_or_form} "
            return warning(f"{self._who} may not look at {resource}", f"{fix}--role=roles/secretmanager.viewer")
        if not answer.is_well:
            return self._unclear(answer, "secretmanager")
        state = answer.body.get("state")
        if state != "ENABLED":
            fix = f"gcloud secrets versions enable {number} --secret={name} --project={project}"
            return wrong(f"{resource} is {state}", fix)
        return ok(resource)

    # ------------------------------------------------------------ asking

    def _ask(self, method: str, url: str, what: str, **given: Any) -> Answer:
        """One answer, whatever it says. Raises Rejected where there is none."""
        try:
            return answered(sent(self._session, method, url, **given))
        except all_kinds() as error:
            raise judged(error, Asked(what, "")).rejected() from None

    @property
    def _who(self) -> str:
        return self._member.partition(":")[2] or "your account"

    @property
    def _member_or_form(self) -> str:
        return self._member or "user:<your e-mail address>"

    def _unclear(self, answer: Answer, api: str = "") -> Finding:
        """What an answer leaves open. `api`: the short name of the API that was asked, where it may be disabled."""
        if api and answer.disabled:
            named = re.search(r"\b([a-z]+)\.googleapis\.com", answer.text)
            name = named.group(1) if named else api
            fix = f"gcloud services enable {name}.googleapis.com --project={self._project}"
            return warning(f"cannot be told: the API {name}.googleapis.com is not enabled", fix)
        said = f": {answer.said}" if answer.said else ""
        return warning(f"cannot be told ({answer.status}{said})", "try again, or ask who looks after the project")
