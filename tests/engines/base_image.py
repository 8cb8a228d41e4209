"""A small image made from this machine alone, with no network: Python, a shell, coreutils and what they load.

Enters: nothing but the machine. Leaves: a tar stream for `docker import`, and the settings to import it with.
Everything lies where it lies here, so that the loader and Python find their files.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

TAG = "hpc-test-base:1"
SETTINGS = ("ENV PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "ENV LANG=C.UTF-8", 'CMD ["python3"]')

_PROGRAMS = (
    "[ basename cat chmod cp cut date dd dirname du echo env expr false head id ln ls mkdir mktemp mv nproc printf pwd "
    "readlink rm rmdir seq sha256sum sleep sort stat tail tee test timeout touch tr true uname uniq wc whoami yes "
    "grep sed"
)
_LEFT_OUT = {"site-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip"}
_PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
_GROUP = "root:x:0:\nnogroup:x:65534:\n"
_FOLDERS = {"tmp": 0o1777, "root": 0o755, "var/tmp": 0o1777, "proc": 0o755, "sys": 0o755, "dev": 0o755}


def write_base_image(stream: IO[bytes]) -> None:
    """Write the image's files as a tar stream. Fails with OSError or CalledProcessError where a file is missing."""
    with tarfile.open(fileobj=stream, mode="w|") as tar:
        for name, mode in _FOLDERS.items():
            _add_folder(tar, name, mode)
        _add_text(tar, "etc/passwd", _PASSWD)
        _add_text(tar, "etc/group", _GROUP)
        for path, source in _files().items():
            tar.add(source, arcname=path.lstrip("/"), recursive=False, filter=_owned_by_root)
        for path, target in _links().items():
            _add_link(tar, path.lstrip("/"), target)


def _files() -> dict[str, Path]:
    """Path in the image -> the file here. Links are followed: the image has the file at every name."""
    files: dict[str, Path] = {f"/usr/bin/{name}": _program(name) for name in _PROGRAMS.split()}
    files["/bin/sh"] = _program("dash")
    python = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    files[str(python)] = python.resolve()
    for folder in _library_folders():
        files |= {str(file): file.resolve() for file in _library(folder)}
    programs = [file for path, file in files.items() if "/bin/" in path or path.endswith(".so")]
    files |= {name: Path(name).resolve() for name in _shared_libraries(programs)}
    further = (Path("/etc/ld.so.cache"), *Path("/usr/lib/locale/C.utf8").rglob("*"))
    return files | {str(file): file for file in further if file.is_file()}


def _links() -> dict[str, str]:
    python = f"{sys.base_prefix}/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    names = [f"/usr/local/bin/{name}" for name in ("python", "python3", Path(python).name)]
    return {name: python for name in names if name != python}


def _program(name: str) -> Path:
    found = shutil.which(name, path="/usr/bin:/bin")
    if found is None:
        raise FileNotFoundError(f"there is no program {name} here")
    return Path(found).resolve()


def _library_folders() -> set[Path]:
    """Those of the interpreter itself, not of a virtual environment made from it."""
    base = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}
    return {Path(sysconfig.get_path(name, vars=base)) for name in ("stdlib", "platstdlib")}


def _library(folder: Path) -> Iterator[Path]:
    for item in sorted(folder.iterdir()):
        if item.is_dir():
            if item.name not in _LEFT_OUT and not item.name.startswith("config-"):
                yield from _library(item)
        elif item.suffix != ".pyc" or item.name.removesuffix(".pyc").endswith(sys.implementation.cache_tag):
            yield item


def _shared_libraries(programs: list[Path]) -> set[str]:
    """What ldd names for any of them, the loader included. What is not a dynamic program is passed over."""
    done = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=False)
    return set(re.findall(r"(?:=>\s+|^\s+)(/\S+) \(0x", done.stdout, re.MULTILINE))


def _owned_by_root(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    info.mode |= 0o555 if info.mode & 0o100 else 0o444
    return info


def _add_folder(tar: tarfile.TarFile, name: str, mode: int) -> None:
    info = tarfile.TarInfo(name)
    info.type, info.mode = tarfile.DIRTYPE, mode
    tar.addfile(info)


def _add_text(tar: tarfile.TarFile, name: str, text: str) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(text.encode()), 0o644
    tar.addfile(info, io.BytesIO(text.encode()))


def _add_link(tar: tarfile.TarFile, name: str, target: str) -> None:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    tar.addfile(info)
