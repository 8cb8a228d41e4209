"""The `vertex:` extras of a machine profile: fields of a CustomJob that the language has no word of its own for.

Names are those of the API in snake_case (CustomJobSpec, Scheduling, MachineSpec, DiskSpec; aiplatform v1, revision
20261106), flat, because no two of them are alike.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictStr, WithJsonSchema, model_validator

from hpc.components.fields import Duration, Labels, Model, problem, text_schema

JOB_OUTPUT = "gcp_resources"
"""The output of every launcher: which resource it made, by which a second attempt finds the first one's job."""

BootDisk = Literal["pd-ssd", "pd-standard", "hyperdisk-balanced"]
Strategy = Literal["STANDARD", "SPOT", "FLEX_START"]


def _folder(text: str) -> str:
    if not text.startswith("gs://") or "{{$" in text:
        raise problem("HPC103", f"`{text}` is not a folder in Cloud Storage.", "write `gs://<bucket>/<folder>`.")
    return text


Text = Annotated[StrictStr, Field(min_length=1)]


class ReservationAffinity(Model):
    """Which reserved machines may be taken."""

    reservation_affinity_type: Annotated[
        Literal["NO_RESERVATION", "ANY_RESERVATION", "SPECIFIC_RESERVATION"], Field(description="which reservations")
    ]
    key: Annotated[
        Text | None, Field(description="label of a reservation, e.g. compute.googleapis.com/reservation-name")
    ] = None
    values: Annotated[
        list[Text], Field(description="reservations, projects/…/zones/…/reservations/…, for SPECIFIC_RESERVATION")
    ] = []

    @model_validator(mode="after")
    def _names_what_it_means(self) -> ReservationAffinity:
        is_specific = self.reservation_affinity_type == "SPECIFIC_RESERVATION"
        if is_specific and not (self.key and self.values):
            fact = "SPECIFIC_RESERVATION names the reservation by `key` and `values`."
            fix = "add `key: compute.googleapis.com/reservation-name, values: [<reservation>]`."
            raise problem("HPC103", fact, fix)
        if not is_specific and (self.key or self.values):
            fact = f"`key` and `values` name a reservation, but {self.reservation_affinity_type} means no certain one."
            raise problem("HPC103", fact, "write `reservation_affinity_type: SPECIFIC_RESERVATION`, or remove them.")
        return self


class NfsMount(Model):
    """A network file system that every machine sees."""

    server: Annotated[Text, Field(description="address of the NFS server")]
    path: Annotated[Text, Field(description="what it exports, an absolute path")]
    mount_point: Annotated[Text, Field(description="where it appears below /mnt/nfs")]


class VertexExtras(Model):
    """Further fields of a CustomJob. A profile that writes any of them makes its steps CustomJobs."""

    tpu_topology: Annotated[Text | None, Field(description="chips of a TPU slice, e.g. 2x4; for v5e and later")] = None
    reservation_affinity: Annotated[ReservationAffinity | None, Field(description="reserved machines")] = None
    boot_disk_type: Annotated[BootDisk | None, Field(description="pd-ssd unless the machine needs another")] = None
    nfs_mounts: Annotated[list[NfsMount], Field(description="network file systems")] = []
    strategy: Annotated[
        Strategy | None,
        Field(description="how machines are got: on demand, spot (`spot: true`), or when there are any"),
    ] = None
    max_wait_duration: Annotated[
        Duration | None, Field(description="how long to wait for machines, with FLEX_START; a day if absent")
    ] = None
    restart_job_on_worker_restart: Annotated[
        StrictBool, Field(description="start all machines anew when one was started anew")
    ] = False
    disable_retries: Annotated[StrictBool, Field(description="do not start the job anew after internal errors")] = False
    service_account: Annotated[
        Text | None, Field(description="account that the program runs as; that of the run if absent")
    ] = None
    network: Annotated[Text | None, Field(description="VPC network; that of the run if absent")] = None
    reserved_ip_ranges: Annotated[list[Text], Field(description="address ranges of `network` to take")] = []
    base_output_directory: Annotated[
        Annotated[StrictStr, AfterValidator(_folder), WithJsonSchema(text_schema("gs://.+"))] | None,
        Field(description="gs:// folder that AIP_MODEL_DIR, AIP_CHECKPOINT_DIR and AIP_TENSORBOARD_LOG_DIR lie in"),
    ] = None
    persistent_resource_id: Annotated[Text | None, Field(description="persistent resource to run on")] = None
    tensorboard: Annotated[
        Text | None, Field(description="TensorBoard that logs go to, projects/…/locations/…/tensorboards/…")
    ] = None
    enable_web_access: Annotated[StrictBool, Field(description="allow an interactive shell on the machines")] = False
    enable_dashboard_access: Annotated[StrictBool, Field(description="allow dashboards of the program")] = False
    labels: Labels = {}
    encryption_spec_key_name: Annotated[
        Text | None, Field(description="key that encrypts what the job makes; that of the run if absent")
    ] = None
