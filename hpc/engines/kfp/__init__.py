"""Runs compiled pipelines on Kubeflow Pipelines, through the client library of the `kfp` extra (2.8 or later).

Settings are the fields of `targets.kfp`: host, root, namespace, experiment, service_account; absent or None where not
said. What the client reads besides, and where from:

- the address: `host`, else KF_PIPELINES_ENDPOINT, else, inside of a pod, the service of the same cluster;
- the address of the pages: KF_PIPELINES_UI_ENDPOINT, else the same;
- a token: KFP_EXISTING_TOKEN (as `kfp --existing-token`); or the file named by KF_PIPELINES_SA_TOKEN_PATH, or the one
  that a cluster puts into its pods; or one of Identity-Aware Proxy, with KF_PIPELINES_IAP_OAUTH2_CLIENT_ID and, for
  people, KF_PIPELINES_APP_OAUTH2_CLIENT_ID and _SECRET; or Google's, for a host of googleusercontent.com;
- a cookie or a header of one's own: `client_authentication_*` of ~/.config/kfp/context.json, which may hold the
  namespace too;
- certificates: SSL_CERT_FILE;
- the experiment: `experiment`, else KF_PIPELINES_OVERRIDE_EXPERIMENT_NAME or KF_PIPELINES_DEFAULT_EXPERIMENT_NAME.
"""

from __future__ import annotations

from collections.abc import Mapping

from hpc.engines.kfp.calls import Calls
from hpc.engines.kfp.client import Door
from hpc.engines.kfp.packages import KfpPackages
from hpc.engines.kfp.places import Places
from hpc.engines.kfp.runs import KfpRuns
from hpc.engines.kfp.schedules import KfpSchedules
from hpc.engines.kfp.service import KfpService
from hpc.engines.kfp.submitting import Submitting
from hpc.engines.service import Pace, Service

__all__ = ["connect"]

_CALM = Pace()


def connect(settings: Mapping[str, object], environ: Mapping[str, str], pace: Pace = _CALM) -> Service:
    """The service at the address that the settings or the environment name. Nothing is asked of it yet.

    Raises Rejected: HPC940 without the client library, HPC941 where its login fails, HPC942 without an address.
    """
    door = Door.at(settings, environ)
    calls = Calls(door, pace)
    places = Places(calls, door)
    runs = KfpRuns(calls, places)
    submitting = Submitting(calls, places, runs)
    schedules = KfpSchedules(calls, places, submitting)
    return KfpService(door.name, runs, submitting, schedules, KfpPackages(calls, places))
