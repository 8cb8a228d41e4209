"""Fixtures: golden files, compared byte for byte as text, one file for each test."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode


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
