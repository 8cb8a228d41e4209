"""The client library: an address and what the user is known by enter, the client's connection leaves.

kfp.Client finds the address and the credentials; its connection (kfp_server_api.ApiClient) is what is used of it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from hpc.engines.kfp.trouble import refuse
from hpc.engines.service import NO_CLIENT, NO_CREDENTIALS, NO_PLACE

_IN_CLUSTER = "http://ml-pipeline.kubeflow.svc.cluster.local:8888"
"""Where the service is for the pods of its own cluster (kfp.Client, _IN_CLUSTER_DNS_NAME)."""

_POD_TOKEN = "/var/run/secrets/kubeflow/pipelines/token"
_POD_NAMESPACE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
_DEFAULT_EXPERIMENT = "Default"


@dataclass(frozen=True)
class Door:
    """How a service is reached. `pages` is the address that links for people begin with."""

    host: str
    pages: str
    settings: Mapping[str, object]
    environ: Mapping[str, str]

    @staticmethod
    def at(settings: Mapping[str, object], environ: Mapping[str, str]) -> Door:
        """The door that settings and environment name. Raises Rejected where they name none."""
        said = str(settings.get("host") or environ.get("KF_PIPELINES_ENDPOINT") or "")
        in_pod = "KUBERNETES_SERVICE_HOST" in environ
        if not said and not in_pod:
            fact = "the address of Kubeflow Pipelines is not said"
            fix = "write `host: https://…` under `targets.kfp`, give --host, or set KF_PIPELINES_ENDPOINT"
            raise refuse(NO_PLACE, "targets.kfp", fact, fix)
        host = _with_scheme(said or _IN_CLUSTER)
        pages = _with_scheme(environ.get("KF_PIPELINES_UI_ENDPOINT") or host)
        return Door(host, pages, settings, environ)

    @property
    def name(self) -> str:
        """What people call it."""
        return f"Kubeflow Pipelines ({self.host})"

    @property
    def experiment(self) -> str:
        environ = self.environ
        found = self.settings.get("experiment") or environ.get("KF_PIPELINES_OVERRIDE_EXPERIMENT_NAME")
        return str(found or environ.get("KF_PIPELINES_DEFAULT_EXPERIMENT_NAME") or _DEFAULT_EXPERIMENT)

    def text(self, key: str) -> str | None:
        """A setting, where it says something."""
        value = self.settings.get(key)
        return str(value) if value else None

    def run_page(self, run: str) -> str:
        return f"{self.pages}/#/runs/details/{run}"

    def schedule_page(self, schedule: str) -> str:
        return f"{self.pages}/#/recurringrun/details/{schedule}"

    def open(self) -> Connection:
        """Import the library and log in. Raises Rejected."""
        try:
            library: Any = import_module("kfp.client")
            api: Any = import_module("kfp_server_api")
        except ImportError as error:
            fact = f"the client library of Kubeflow Pipelines cannot be imported: {error}"
            fix = "pip install 'hydra-pipeline-compiler[kfp]'"
            raise refuse(NO_CLIENT, "targets.kfp", fact, fix) from None
        client = self._client(library, api)
        config = client._run_api.api_client.configuration
        # Its own retries would wait as long as any answer tells them to, and would follow redirects to login pages.
        config.retries = False
        setting: Mapping[str, Any] = client._context_setting
        connection = api.ApiClient(
            config,
            cookie=setting.get("client_authentication_cookie"),
            header_name=setting.get("client_authentication_header_name"),
            header_value=setting.get("client_authentication_header_value"),
        )
        return Connection(connection, api.ApiException, self._namespace(setting))

    def _client(self, library: Any, api: Any) -> Any:
        class Silent(library.Client):
            """The client asks for the server's health while it is made, and keeps a file of what it learns."""

            def get_kfp_healthz(self, sleep_duration: int = 5) -> Any:
                del sleep_duration
                return api.V2beta1GetHealthzResponse(multi_user=False)

        environ = self.environ
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return Silent(
                    host=self.host,
                    client_id=environ.get("KF_PIPELINES_IAP_OAUTH2_CLIENT_ID"),
                    other_client_id=environ.get("KF_PIPELINES_APP_OAUTH2_CLIENT_ID"),
                    other_client_secret=environ.get("KF_PIPELINES_APP_OAUTH2_CLIENT_SECRET"),
                    existing_token=environ.get("KFP_EXISTING_TOKEN", "").strip() or None,
                    ssl_ca_cert=environ.get("SSL_CERT_FILE"),
                    credentials=self._token_file(library),
                )
        except Exception as error:  # noqa: BLE001 - Google's login and its transports raise what they like
            fact = f"the client cannot log in at {self.host}: {type(error).__name__}: {error}"
            fix = "log in anew, or set KFP_EXISTING_TOKEN to a token that is valid"
            raise refuse(NO_CREDENTIALS, self.name, fact, fix) from None

    def _token_file(self, library: Any) -> Any:
        """What reads the token of a file anew for every request; None where there is no such file."""
        path = self.environ.get("KF_PIPELINES_SA_TOKEN_PATH") or _POD_TOKEN
        return library.ServiceAccountTokenVolumeCredentials(path) if Path(path).is_file() else None

    def _namespace(self, setting: Mapping[str, Any]) -> str | None:
        said = self.text("namespace") or setting.get("namespace")
        if said:
            return str(said)
        own = Path(_POD_NAMESPACE)
        return own.read_text(encoding="utf-8").strip() if own.is_file() else None


@dataclass(frozen=True)
class Connection:
    """`api` sends requests, and raises `error` for answers that are no success. `namespace`: whose runs are meant."""

    api: Any
    error: type[Exception]
    namespace: str | None


def _with_scheme(host: str) -> str:
    return (host if host.startswith(("http://", "https://")) else f"https://{host}").rstrip("/")
