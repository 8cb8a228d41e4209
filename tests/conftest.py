"""Fixtures: golden files, compared byte for byte as text, one file for each test; a cache for the session."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode


@pytest.fixture(scope="session", autouse=True)
def _answers_are_kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What Hydra answers is kept for the session, apart from what the user's own hpc keeps."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield


class _Text(SingleFileSnapshotExtension):
    _write_mode = WriteMode.TEXT
    file_extension = "txt"


class _Json(_Text):
    file_extension = "json"


class _Yaml(_Text):
    file_extension = "ir.yaml"


_KINDS = {kind.file_extension: kind for kind in (_Text, _Json, _Yaml)}


@pytest.fixture
def matches_golden(snapshot: SnapshotAssertion) -> Callable[..., None]:
    """`matches_golden(text)` fails unless the golden file of this test holds exactly this text."""

    def compare(text: str, extension: str = "txt") -> None:
        assert text == snapshot(extension_class=_KINDS[extension])

    return compare
