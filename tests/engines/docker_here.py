"""An engine for tests that run containers, and the image that they run.

A test file takes the fixture with `docker_program = docker_here.docker_program`.

The image is made once on a machine, without a network. It is also known as `python:3.11-slim`, which the conformance
cases name, unless the machine has an image of that name already; `docker rmi python:3.11-slim` takes the name away.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from base_image import SETTINGS, TAG, write_base_image

from hpc.engines.local.work.docker import is_there

PROGRAM = "docker"
CASES_IMAGE = "python:3.11-slim"


@pytest.fixture(scope="session")
def docker_program() -> str:
    """The program `docker`, with an engine behind it that has the images TAG and CASES_IMAGE; skips without one."""
    reason = asyncio.run(is_there(PROGRAM, dict(os.environ)))
    if reason is not None:
        pytest.skip(f"no docker engine answers: {reason}")
    with (Path(tempfile.gettempdir()) / f"hpc-test-base-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _has(TAG):
            _import_base()
        if not _has(CASES_IMAGE):
            docker("tag", TAG, CASES_IMAGE)
    return PROGRAM


def docker(*words: str) -> str:
    """What the client prints; fails with its messages."""
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _has(image: str) -> bool:
    return subprocess.run([PROGRAM, "image", "inspect", image], capture_output=True, check=False).returncode == 0


def _import_base() -> None:
    changes = [word for setting in SETTINGS for word in ("--change", setting)]
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        write_base_image(file)
        file.flush()
        docker("import", *changes, file.name, TAG)
