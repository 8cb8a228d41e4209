"""Whether a folder lies on a disk that other machines share."""

from __future__ import annotations

import os
from pathlib import Path

_SHARED = (
    *("nfs", "cifs", "smb", "afs", "ceph", "lustre", "gpfs", "beegfs", "glusterfs", "ocfs2", "gfs2", "fuse."),
    *("9p", "virtiofs", "vboxsf"),  # a folder of the host inside a virtual machine
)
"""How the names of such file systems begin."""

_MOUNTS = Path("/proc/self/mountinfo")


def is_shared(folder: Path) -> bool:
    """True if the folder is known to be on a network file system; False where nothing is known (not Linux)."""
    try:
        device = folder.stat().st_dev
        mounts = _MOUNTS.read_text("utf-8", "surrogateescape")
    except OSError:
        return False
    return file_system(mounts, f"{os.major(device)}:{os.minor(device)}").startswith(_SHARED)


def file_system(mounts: str, device: str) -> str:
    """The type of the mounted device "major:minor", empty if it is not among the mounts (proc(5), mountinfo)."""
    for line in mounts.splitlines():
        place, _, system = line.partition(" - ")
        if place.split(" ", 3)[2] == device:
            return system.split(" ", 1)[0]
    return ""
