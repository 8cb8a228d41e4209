"""Submits a compiled pipeline as the SDK's users do: `python sdk_submit.py FILE ENDPOINT JOB_ID`, for submitting.py.

The bucket is answered by an emulator (STORAGE_EMULATOR_HOST). The number of the project, which the SDK asks of an API
that cannot be played on loopback, is given to it: that is cheaper than what its users pay.
"""

from __future__ import annotations

import sys

from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform
from google.cloud.aiplatform.utils import resource_manager_utils

resource_manager_utils.get_project_number = lambda *_, **__: 1

file, endpoint, job_id = sys.argv[1:]
aiplatform.init(
    project="ml-dev",
    location="us-central1",
    credentials=AnonymousCredentials(),
    api_endpoint=endpoint,
    api_transport="rest",
)
job = aiplatform.PipelineJob(
    display_name="bench",
    template_path=file,
    job_id=job_id,
    pipeline_root="gs://bench-bucket/root",
    parameter_values={"lr": 0.5},
)
job.submit(service_account="runner@ml-dev.iam.gserviceaccount.com")
