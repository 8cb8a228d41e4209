"""The store: what goes in comes out, whatever happens to the processes and the disk around it."""

from __future__ import annotations

import math
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hpc
from hpc.engines.local.store import Store, StoreError, UnknownRunError, opening, schema
from hpc.engines.local.store.file_systems import file_system, is_shared
from hpc.engines.local.store.records import AttemptRecord, RunRecord, TaskRecord
from hpc.engines.local.store.uris import plain_uri, with_folders
from hpc.engines.outcome import Artifact, TaskResult

BASE = Path(hpc.__file__).parent.parent
NOBODY = 65534


def a_run(run: str = "r1", started: float = 1.0, pipeline: str = "p", **others: Any) -> RunRecord:
    return RunRecord(run, pipeline, "RUNNING", "folder", "p.yaml", "base", "process", started, **others)


def a_task(
    path: str, run: str = "r1", state: Any = "SUCCEEDED", start: float | None = 1.0, **others: Any
) -> TaskRecord:
    return TaskRecord(run, path, TaskResult(state, start=start), **others)


def an_attempt(path: str, number: int, run: str = "r1") -> AttemptRecord:
    return AttemptRecord(run, path, number, f"{path}/{number}", 1.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store.open(tmp_path / "root")) as opened:
        yield opened


def existing(root: Path) -> Store:
    found = Store.existing(root)
    assert found is not None
    return found


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


# -- what goes in comes out -------------------------------------------------------------------------------------------

TEXTS = st.text(st.one_of(st.characters(), st.characters(categories=["Cs"]), st.sampled_from("\0\x10'\"%_\\"))) | (
    st.sampled_from(["\ud800\udc00", "\x100000", "ab\0cd", os.fsdecode(b"caf\xe9")])
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
MAPPINGS = st.dictionaries(TEXTS, VALUES, max_size=4)
TIMES = st.floats(min_value=0, allow_nan=False)
MAYBE_TEXT, MAYBE_TIME = st.none() | TEXTS, st.none() | TIMES
COUNTS = st.integers(0, 2**63 - 1)
ARTIFACTS = st.dictionaries(
    TEXTS,
    st.lists(st.builds(Artifact, TEXTS, TEXTS, TEXTS, TEXTS, MAPPINGS), max_size=3).map(tuple),
    max_size=3,
)
RUN_FIELDS: dict[str, Any] = {
    **dict.fromkeys(("run", "pipeline", "folder", "source", "base", "mode", "engine"), TEXTS),
    "state": st.sampled_from(["RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"]),
    "started": TIMES,
    "ended": MAYBE_TIME,
    "seconds": TIMES,
    "error": MAYBE_TEXT,
    "arguments": MAPPINGS,
    "names": st.dictionaries(TEXTS, TEXTS, max_size=3),
    "outputs": MAPPINGS,
    "artifacts": ARTIFACTS,
}
RESULT_FIELDS: dict[str, Any] = {
    "state": st.sampled_from(["RUNNING", "SUCCEEDED", "CACHED", "FAILED", "SKIPPED", "CANCELLED"]),
    "kind": st.sampled_from(["task", "importer", "group", "loop"]),
    "reason": MAYBE_TEXT,
    "attempts": COUNTS,
    "reused": st.booleans(),
    "exit_code": st.none() | st.integers(0, 255),
    "error": MAYBE_TEXT,
    "start": MAYBE_TIME,
    "end": MAYBE_TIME,
    "peak": st.none() | COUNTS,
    "log": TEXTS,
    "outputs": MAPPINGS,
    "artifacts": ARTIFACTS,
}
TASK_FIELDS: dict[str, Any] = {
    **dict.fromkeys(("run", "path", "component", "fingerprint"), TEXTS),
    "result": st.builds(TaskResult, **RESULT_FIELDS),
    "inputs": MAPPINGS,
    "input_artifacts": ARTIFACTS,
    "parts": st.dictionaries(TEXTS, TEXTS, max_size=3),
    "origin": st.none() | st.tuples(TEXTS, TEXTS),
}
ATTEMPT_FIELDS: dict[str, Any] = {
    **dict.fromkeys(("run", "path", "folder"), TEXTS),
    "number": COUNTS,
    "started": TIMES,
    "ended": MAYBE_TIME,
    "exit_code": st.none() | st.integers(0, 255),
    "error": MAYBE_TEXT,
    "peak": st.none() | COUNTS,
}
ANY = settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize(
    ("record", "covered"),
    [(RunRecord, RUN_FIELDS), (TaskResult, RESULT_FIELDS), (TaskRecord, TASK_FIELDS), (AttemptRecord, ATTEMPT_FIELDS)],
)
def test_all_fields_are_covered_by_the_tests_below(record: Any, covered: dict[str, Any]) -> None:
    assert {field.name for field in fields(record)} == set(covered)


# A repr tells NaN, -0.0, 1 and True apart, and an order from another.


@ANY
@given(record=st.builds(RunRecord, **RUN_FIELDS))
def test_a_run_comes_back_as_it_was(record: RunRecord, store: Store) -> None:
    store.save_run(record)
    assert repr(store.run(record.run)) == repr(record)


@ANY
@given(record=st.builds(TaskRecord, **TASK_FIELDS))
def test_a_task_comes_back_as_it_was(record: TaskRecord, store: Store) -> None:
    store.save_task(record)
    assert repr(store.task(record.run, record.path)) == repr(record)
    assert repr(store.tasks(record.run)[record.path]) == repr(record)
    for artifact in (artifact for found in record.result.artifacts.values() for artifact in found if artifact.uri):
        assert repr(record) in map(repr, store.makers(artifact.uri))


@ANY
@given(record=st.builds(AttemptRecord, **ATTEMPT_FIELDS))
def test_an_attempt_comes_back_as_it_was(record: AttemptRecord, store: Store) -> None:
    store.save_attempt(record)
    assert record in store.attempts(record.run)
    assert record in store.attempts(record.run, record.path)


@ANY
@given(path=TEXTS, signature=TEXTS, digest=TEXTS, files=st.dictionaries(TEXTS, TEXTS, max_size=5))
def test_digests_and_sources_come_back_as_they_were(
    path: str, signature: str, digest: str, files: dict[str, str], store: Store
) -> None:
    store.keep_digest(path, signature, digest)
    assert store.kept_digest(path, signature) == digest
    assert store.kept_digest(path, signature + "x") is None
    store.keep_sources(digest + repr(files), files)
    assert store.sources(digest + repr(files)) == files
    assert store.kept_digest(path, signature) == digest  # now from the file


def test_mappings_that_are_no_dicts_are_kept(store: Store) -> None:
    from types import MappingProxyType

    store.save_run(a_run(arguments=MappingProxyType({"a": MappingProxyType({"b": math.inf})})))
    assert store.run("r1").arguments == {"a": {"b": math.inf}}


def test_a_value_nested_too_deep_is_refused_in_words(store: Store) -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(StoreError, match="cannot be kept as JSON"):
        store.save_run(a_run(outputs={"x": value}))


def test_a_second_save_changes_the_record_and_keeps_its_place(store: Store) -> None:
    paths = ["b", "a", "c[2]", "c[10]"]
    for path in paths:
        store.save_task(a_task(path, state="RUNNING"))
    store.save_task(a_task("b", component="later"))
    assert list(store.tasks("r1")) == paths
    assert store.task("r1", "b") == a_task("b", component="later")
    assert store.task("r1", "d") is None
    assert store.task("r2", "b") is None
    assert store.tasks("r2") == {}


def test_attempts_are_in_order(store: Store) -> None:
    for path, number in (("b", 1), ("a", 1), ("b", 2), ("b", 10)):
        store.save_attempt(an_attempt(path, number))
    store.save_attempt(replace(an_attempt("b", 1), exit_code=3))
    assert [(one.path, one.number, one.exit_code) for one in store.attempts("r1")] == [
        ("b", 1, 3),
        ("a", 1, None),
        ("b", 2, None),
        ("b", 10, None),
    ]
    assert [one.number for one in store.attempts("r1", "b")] == [1, 2, 10]
    assert store.attempts("r2") == []


# -- questions --------------------------------------------------------------------------------------------------------


@pytest.fixture
def runs(store: Store) -> Store:
    for number, (run, pipeline) in enumerate(
        [("2026-11-19-a1b2", "p"), ("2026-11-20-b3c4", "q"), ("2026-11-20-d5c4", "p"), ("2026-11-20-d5zz", "p")]
    ):
        store.save_run(a_run(run, float(number), pipeline))
    return store


def test_runs_are_listed_newest_first(runs: Store) -> None:
    assert [run.run[-4:] for run in runs.runs()] == ["d5zz", "d5c4", "b3c4", "a1b2"]
    assert [run.run[-4:] for run in runs.runs("p")] == ["d5zz", "d5c4", "a1b2"]
    assert [run.run[-4:] for run in runs.runs("p", limit=1)] == ["d5zz"]
    assert runs.runs("no%") == []


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("last", "2026-11-20-d5zz"),
        ("2026-11-20-b3c4", "2026-11-20-b3c4"),
        ("2026-11-19", "2026-11-19-a1b2"),
        ("a1b2", "2026-11-19-a1b2"),
        ("5zz", "2026-11-20-d5zz"),
    ],
)
def test_a_run_is_found_by_a_part_of_its_name(runs: Store, name: str, meant: str) -> None:
    assert runs.run(name).run == meant


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("zz", "there is no run 'zz' in {}; the newest: 2026-11-20-d5zz, 2026-11-20-d5c4, 2026-11-20-b3c4 and 1 more"),
        ("", "there is no run '' in {}; the newest: 2026-11-20-d5zz, 2026-11-20-d5c4, 2026-11-20-b3c4 and 1 more"),
        (
            "%1b2",
            "there is no run '%1b2' in {}; the newest: 2026-11-20-d5zz, 2026-11-20-d5c4, 2026-11-20-b3c4 and 1 more",
        ),
        ("2026-11-19-a1b1", "there is no run '2026-11-19-a1b1' in {}; near to it: 2026-11-19-a1b2, "),
        ("2026-11-20", "3 runs in {} are called '2026-11-20' in short: "),
        ("c4", "there is no run 'c4' in {}"),
    ],
)
def test_an_unknown_run_is_refused_with_those_that_there_are(runs: Store, name: str, said: str) -> None:
    with pytest.raises(UnknownRunError) as refused:
        runs.run(name)
    assert str(refused.value).startswith(said.format(runs.file.parent))


def test_no_runs_at_all(store: Store) -> None:
    with pytest.raises(UnknownRunError, match=f"^there are no runs in {store.file.parent} yet$"):
        store.run("last")


def test_cached_is_the_newest_task_that_itself_succeeded(store: Store) -> None:
    for run, state, start in (
        ("r1", "SUCCEEDED", 1.0),
        ("r2", "SUCCEEDED", 5.0),
        ("r3", "SUCCEEDED", 3.0),
        ("r4", "CACHED", 9.0),
        ("r5", "FAILED", 9.0),
        ("r6", "RUNNING", 9.0),
    ):
        store.save_task(a_task("t", run, state, start, fingerprint="f"))
    store.save_task(a_task("u", "r7"))
    assert store.cached("f") == a_task("t", "r2", "SUCCEEDED", 5.0, fingerprint="f")
    assert store.cached("g") is None
    assert store.cached("") is None
    store.save_task(a_task("t", "r2", "FAILED", 5.0, fingerprint="f"))
    found = store.cached("f")
    assert found is not None
    assert found.run == "r3"


def test_previous_is_the_newest_with_parts_of_another_run_of_the_pipeline(store: Store) -> None:
    for run, pipeline in (("r1", "p"), ("r2", "p"), ("r3", "p"), ("r4", "q"), ("r5", "p")):
        store.save_run(a_run(run, pipeline=pipeline))
    store.save_task(a_task("t", "r1", start=8.0, parts={"a": "1"}))  # resumed after the second
    store.save_task(a_task("t", "r2", start=2.0, parts={"a": "2"}))
    store.save_task(a_task("t", "r3", start=9.0))
    store.save_task(a_task("t", "r4", start=9.0, parts={"a": "4"}))
    store.save_task(a_task("t", "r5", start=9.0, parts={"a": "5"}))
    found = store.previous("p", "t", "r5")
    assert found is not None
    assert found.parts == {"a": "1"}
    assert store.previous("p", "u", "r5") is None
    assert store.previous("q", "t", "r4") is None


def _with_artifacts(run: str, start: float, given: list[str], made: list[str]) -> TaskRecord:
    task = a_task("t", run, start=start, input_artifacts={"data": tuple(Artifact("data", uri) for uri in given)})
    ports = {"model": tuple(Artifact("model", uri) for uri in made)}
    return replace(task, result=replace(task.result, artifacts=ports))


def test_lineage(store: Store) -> None:
    store.save_task(_with_artifacts("r1", 1.0, [], ["/r/a", "file:///r/b"]))
    store.save_task(_with_artifacts("r2", 2.0, ["/r/a", "/r/b", "gs://bucket/x"], ["/r/a/"]))
    store.save_task(_with_artifacts("r3", 3.0, ["file:///r/a"], ["gs://bucket/x/y"]))

    def runs_of(found: list[TaskRecord]) -> list[str]:
        return [task.run for task in found]

    assert runs_of(store.makers("/r/a")) == ["r2", "r1"]
    assert runs_of(store.makers("file:///r/b/")) == ["r1"]
    assert runs_of(store.makers("/r/a/weights/1.bin")) == ["r2", "r1"]
    assert runs_of(store.users("/r/a")) == ["r3", "r2"]
    assert runs_of(store.users("gs://bucket/x/y/z")) == ["r2"]
    assert runs_of(store.makers("gs://bucket/x/y/z")) == ["r3"]
    assert [runs_of(store.makers(uri)) for uri in ("/r", "/r/ab", "/", "", "bucket/x/y")] == [[], [], [], [], []]
    store.save_task(_with_artifacts("r2", 2.0, [], []))
    assert runs_of(store.makers("/r/a")) == ["r1"]
    assert runs_of(store.users("/r/b")) == []


def test_uris_in_one_form() -> None:
    assert [plain_uri(uri) for uri in ("file:///a/b/", "/a", "/", "gs://b/c/", "a b%20", "")] == [
        "/a/b",
        "/a",
        "/",
        "gs://b/c",
        "a b%20",
        "",
    ]
    assert with_folders("file:///a/b/") == ["/a/b", "/a"]
    assert with_folders("gs://b/c/d") == ["gs://b/c/d", "gs://b/c", "gs://b"]


def test_counts_leave_groups_and_loops_out(store: Store) -> None:
    kinds: list[tuple[str, Any, Any]] = [
        ("a", "SUCCEEDED", "task"),
        ("b", "SUCCEEDED", "importer"),
        ("c", "FAILED", "task"),
        ("d", "FAILED", "loop"),
        ("e", "SKIPPED", "group"),
    ]
    for path, state, kind in kinds:
        store.save_task(TaskRecord("r1", path, TaskResult(state, kind)))
    assert store.counts("r1") == {"SUCCEEDED": 2, "FAILED": 1}
    assert store.counts("r2") == {}


# -- together, digests ------------------------------------------------------------------------------------------------


def test_together_is_one_commit_or_nothing(store: Store) -> None:
    with closing(existing(store.file.parent)) as reader:
        with store.together():
            store.save_run(a_run())
            store.save_task(a_task("t"))
            assert reader.runs() == []
        assert [run.run for run in reader.runs()] == ["r1"]
        with pytest.raises(KeyError), store.together():
            store.save_task(a_task("u"))
            raise KeyError
        store.save_task(a_task("v"))
        assert list(reader.tasks("r1")) == ["t", "v"]


def test_digests_are_written_with_the_next_record_or_at_the_close(store: Store) -> None:
    root = store.file.parent
    with closing(existing(root)) as reader:
        store.keep_digest("/a", "10 2.5", "d1")
        assert reader.kept_digest("/a", "10 2.5") is None
        store.save_run(a_run())
        assert reader.kept_digest("/a", "10 2.5") == "d1"
        store.keep_digest("/a", "11 3.5", "d2")
        store.close()
        assert reader.kept_digest("/a", "11 3.5") == "d2"
        assert reader.kept_digest("/a", "10 2.5") is None


def test_very_many_digests_do_not_wait_for_a_record(store: Store) -> None:
    with closing(existing(store.file.parent)) as reader:
        for number in range(2500):
            store.keep_digest(f"/{number}", "s", "d")
        assert reader.kept_digest("/1999", "s") == "d"
        assert reader.kept_digest("/2000", "s") is None


def test_sources_are_kept_once(store: Store) -> None:
    store.keep_sources("d", {"a.py": "1"})
    store.keep_sources("d", {"a.py": "2"})
    assert store.sources("d") == {"a.py": "1"}
    assert store.sources("e") is None


# -- opening ----------------------------------------------------------------------------------------------------------


def test_a_root_is_made_with_all_that_it_needs(tmp_path: Path) -> None:
    root = tmp_path / "a" / "b"
    assert Store.existing(root) is None
    assert not root.exists()
    Store.open(root).close()
    assert names_in(root) == [".gitignore", "hpc.db", "runs"]
    assert (root / ".gitignore").read_text() == "*\n"
    Store.open(root).close()


@pytest.mark.parametrize(
    "name", ["with blanks", "Ünïcödé 目", "50% #1 ?mode=ro&x=y", os.fsdecode(b"caf\xe9"), "a\nb'\""]
)
def test_any_folder_will_do(tmp_path: Path, name: str) -> None:
    with closing(Store.open(tmp_path / name)) as store:
        assert store.journal == "wal"
        store.save_run(a_run())
        with closing(existing(tmp_path / name)) as reader:
            assert reader.run("last") == a_run()
    assert (tmp_path / name / "hpc.db").is_file()
    assert names_in(tmp_path) == [name]


def test_a_relative_root_does_not_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(Store.open(Path(".hpc"))) as store:
        monkeypatch.chdir("/")
        store.save_run(a_run())
    assert existing(tmp_path / ".hpc").run("last") == a_run()


def test_a_symlinked_root_is_the_folder_that_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "root").symlink_to("disk")
    with closing(Store.open(tmp_path / "root")) as one, closing(Store.open(tmp_path / "disk")) as other:
        one.save_task(a_task("a"))
        other.save_task(a_task("b"))
        assert list(one.tasks("r1")) == ["a", "b"]


def test_a_root_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file/root: the folder of the runs cannot be made: Not a directory"):
        Store.open(tmp_path / "file" / "root")
    assert Store.existing(tmp_path / "file" / "root") is None


@pytest.mark.parametrize("how", [Store.open, Store.existing])
def test_a_file_that_is_no_database(tmp_path: Path, how: Callable[[Path], object]) -> None:
    (tmp_path / "hpc.db").write_text("these are my notes, not a database\n" * 100)
    with pytest.raises(StoreError) as refused:
        how(tmp_path)
    assert str(refused.value) == (f"{tmp_path}/hpc.db: is not a database; move it away, or use another root folder")
    assert (tmp_path / "hpc.db").read_text().startswith("these are my notes")


@pytest.mark.parametrize("how", [Store.open, Store.existing])
def test_the_database_of_another_program(tmp_path: Path, how: Callable[[Path], object]) -> None:
    with closing(sqlite3.connect(tmp_path / "hpc.db")) as other:
        other.execute("CREATE TABLE things (x)")
    before = (tmp_path / "hpc.db").read_bytes()
    with pytest.raises(StoreError, match=r"hpc\.db: is a database of another program; move it away"):
        how(tmp_path)
    assert (tmp_path / "hpc.db").read_bytes() == before


@pytest.mark.parametrize("how", [Store.open, Store.existing])
def test_a_folder_in_the_place_of_the_file(tmp_path: Path, how: Callable[[Path], object]) -> None:
    (tmp_path / "hpc.db").mkdir()
    with pytest.raises(StoreError, match=r"hpc\.db: cannot be opened"):
        how(tmp_path)


@pytest.mark.parametrize("how", [Store.open, Store.existing])
def test_a_damaged_file(tmp_path: Path, how: Callable[[Path], Store]) -> None:
    with closing(Store.open(tmp_path)) as store:
        for number in range(200):
            store.save_task(a_task(f"t{number}"))
    with (tmp_path / "hpc.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (4096 * 20))
    with pytest.raises(StoreError, match=r"hpc\.db: is damaged"), closing(how(tmp_path)) as store:
        store.tasks("r1")
        store.runs()


def test_nothing_in_the_file_is_no_store_yet(tmp_path: Path) -> None:
    (tmp_path / "hpc.db").write_bytes(b"")
    assert Store.existing(tmp_path) is None
    with closing(Store.open(tmp_path)) as store:
        store.save_run(a_run())


@pytest.mark.parametrize("how", [Store.open, Store.existing])
def test_a_newer_version_is_refused(tmp_path: Path, how: Callable[[Path], object]) -> None:
    Store.open(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "hpc.db")) as newer:
        newer.execute("PRAGMA user_version = 7")
    with pytest.raises(StoreError) as refused:
        how(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path}/hpc.db: made by a newer hpc (version 7 of the store, this one knows {len(schema.STEPS)}); "
        "use that hpc, or another root folder"
    )


def test_an_older_version_is_brought_up_to_date_by_a_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Store.open(tmp_path)) as store:
        store.save_run(a_run())
    added = ("ALTER TABLE runs ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm'",)
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, added))
    with pytest.raises(StoreError, match="made by an older hpc; the next run in this root folder brings it up to date"):
        Store.existing(tmp_path)
    with closing(Store.open(tmp_path)) as store:
        assert store.runs() == [a_run()]
    with closing(sqlite3.connect(tmp_path / "hpc.db")) as raw:
        assert raw.execute("SELECT mood FROM runs").fetchall() == [("calm",)]
        assert raw.execute("PRAGMA user_version").fetchall() == [(len(schema.STEPS),)]


def test_a_step_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store.open(tmp_path).close()
    with monkeypatch.context() as patched:
        patched.setattr(schema, "STEPS", (*schema.STEPS, ("ALTER TABLE runs ADD COLUMN mood", "no SQL")))
        with pytest.raises(StoreError, match="SQLite says: near"):
            Store.open(tmp_path)
    with closing(Store.open(tmp_path)) as store:
        store.save_run(a_run())
    with closing(sqlite3.connect(tmp_path / "hpc.db")) as raw:
        assert "mood" not in str(raw.execute("PRAGMA table_info(runs)").fetchall())


def test_a_reader_cannot_write(store: Store) -> None:
    with closing(existing(store.file.parent)) as reader:
        with pytest.raises(StoreError, match="cannot be written"):
            reader.save_run(a_run())
        reader.keep_digest("/a", "s", "d")  # may be lost
    assert store.runs() == []


def test_a_lock_that_is_not_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "PATIENCE", 0.05)
    with closing(Store.open(tmp_path)) as store, closing(Store.open(tmp_path)) as other:
        with other.together():
            with pytest.raises(StoreError, match=r"hpc\.db: another process has kept it locked for too long"):
                store.save_run(a_run())
            other.save_run(a_run("r2"))
        store.save_run(a_run())
        assert {run.run for run in store.runs()} == {"r1", "r2"}


# -- network file systems ---------------------------------------------------------------------------------------------

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
36 22 0:48 / /home rw,relatime shared:2 master:1 - nfs4 server:/home rw,vers=4.2
37 22 0:49 / /mnt/my\\040disk rw - fuse.sshfs me@there:/ rw
38 22 8:1 / /usb rw - fuseblk /dev/sda1 rw
"""


def test_file_systems_that_machines_share() -> None:
    found = {device: file_system(MOUNTS, device) for device in ("254:0", "0:48", "0:49", "8:1", "9:9")}
    assert found == {"254:0": "ext4", "0:48": "nfs4", "0:49": "fuse.sshfs", "8:1": "fuseblk", "9:9": ""}


def test_what_is_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = tmp_path.stat().st_dev
    from hpc.engines.local.store import file_systems

    for system, shared in {"nfs": True, "cifs": True, "fuse.gcsfuse": True, "xfs": False, "fuseblk": False}.items():
        (tmp_path / "mounts").write_text(f"1 0 {os.major(device)}:{os.minor(device)} / / rw - {system} x rw\n")
        monkeypatch.setattr(file_systems, "_MOUNTS", tmp_path / "mounts")
        assert is_shared(tmp_path) is shared, system
    monkeypatch.setattr(file_systems, "_MOUNTS", tmp_path / "none")
    assert not is_shared(tmp_path)


def test_without_shared_memory_the_older_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "is_shared", lambda _: True)
    with closing(Store.open(tmp_path)) as store, closing(existing(tmp_path)) as reader:
        assert (store.journal, reader.journal) == ("delete", "delete")
        store.save_run(a_run())
        assert reader.runs() == [a_run()]
    assert names_in(tmp_path) == ["hpc.db", "runs"]


# -- other processes --------------------------------------------------------------------------------------------------

HEADER = """\
import os, resource, signal, sys
from pathlib import Path
from hpc.engines.local.store import Store, StoreError, opening
from hpc.engines.local.store.records import AttemptRecord, RunRecord, TaskRecord
from hpc.engines.outcome import Artifact, TaskResult
root, name = Path(sys.argv[1]), sys.argv[2]
def task(number, run=name, size=300):
    artifacts = {"model": (Artifact("model", f"/{run}/{number}"),)}
    return TaskRecord(run, f"t{number}", TaskResult("SUCCEEDED", outputs={"x": "x" * size}, artifacts=artifacts))
def tell(what):
    sys.stdout.write(f"{what}\\n")
    sys.stdout.flush()
"""
WRITE = """
store = Store.open(root)
for number in range(int(sys.argv[3])):
    store.save_task(task(number))
    tell(number)
store.close()
"""
IN_THREES = """
store = Store.open(root)
number = 0
while True:
    with store.together():
        for _ in range(3):
            store.save_task(task(number))
            number += 1
    tell(number)
"""


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HEADER + program, *map(str, arguments)]
    return subprocess.Popen(command, cwd=BASE, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ended_well(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    return out


def test_four_processes_write_at_once(tmp_path: Path) -> None:
    root = tmp_path / "new"
    for writer in [start(WRITE, root, f"r{number}", 200) for number in range(4)]:
        ended_well(writer)
    with closing(existing(root)) as store:
        for number in range(4):
            assert list(store.tasks(f"r{number}")) == [f"t{index}" for index in range(200)]
            assert [task.run for task in store.makers(f"/r{number}/199")] == [f"r{number}"]


def test_a_reader_reads_while_a_writer_writes(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    writer = start(WRITE, tmp_path, "r1", 2000)
    seen = [0]
    with closing(existing(tmp_path)) as reader:
        while writer.poll() is None:
            tasks = list(reader.tasks("r1"))
            assert tasks == [f"t{index}" for index in range(len(tasks))]
            assert len(tasks) >= seen[-1]
            seen.append(len(tasks))
            with closing(existing(tmp_path)) as another:
                assert len(another.tasks("r1")) >= len(tasks)
        ended_well(writer)
        assert len(reader.tasks("r1")) == 2000
    assert any(0 < count < 2000 for count in seen)


def test_a_killed_writer_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    moments = random.Random(5)
    for number in range(12):
        writer = start(IN_THREES, tmp_path, f"r{number}")
        assert writer.stdout is not None
        told = [writer.stdout.readline()]
        time.sleep(moments.random() / 10)
        writer.kill()
        told += writer.stdout.read().splitlines()
        writer.wait()
        with closing(existing(tmp_path)) as reader:
            found = len(reader.tasks(f"r{number}"))
            assert found - int(told[-1]) in {0, 3}  # the last one may have been killed before it told
            assert list(reader.tasks(f"r{number}")) == [f"t{index}" for index in range(found)]
    with closing(Store.open(tmp_path)) as store:
        assert all(store.tasks(f"r{number}") for number in range(12))
        [(sound,)] = store._ask("PRAGMA integrity_check")
        assert sound == "ok"


HALF_A_COMMIT = """
opening.is_shared = lambda _: True
store = Store.open(root)
store.save_task(task(0))
store._connection.execute("PRAGMA cache_size = 2")
with store.together():
    for number in range(1, 100):
        store.save_task(task(number, size=5000))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_half_a_commit_in_the_older_journal_is_undone(tmp_path: Path) -> None:
    writer = start(HALF_A_COMMIT, tmp_path, "r1")
    writer.communicate(timeout=60)
    assert writer.returncode == -signal.SIGKILL
    assert (tmp_path / "hpc.db-journal").stat().st_size > 0
    with closing(existing(tmp_path)) as reader:
        assert list(reader.tasks("r1")) == ["t0"]


# -- rights and room --------------------------------------------------------------------------------------------------


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A folder that all users reach."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def as_anybody(ask: Callable[[], str]) -> str:
    """What the function returns, or the error's text, in a process that has no special rights."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            said = ask()
        except BaseException as error:  # noqa: BLE001 - told to the parent
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        return pipe.read()


@contextmanager
def read_only(root: Path) -> Iterator[None]:
    files = [root, *root.iterdir()]
    for file in files:
        file.chmod(0o555 if file.is_dir() else 0o444)
    yield
    for file in files:
        file.chmod(0o755 if file.is_dir() else 0o644)


def _last_run(root: Path) -> str:
    with closing(existing(root)) as reader:
        return reader.run("last").run


def test_a_read_only_folder_can_be_read_but_not_written(open_path: Path) -> None:
    root = open_path / "root"
    with closing(Store.open(root)) as store:
        store.save_run(a_run())
    before = names_in(root)
    with read_only(root):
        assert as_anybody(lambda: _last_run(root)) == "r1"
        assert as_anybody(lambda: str(Store.open(root))) == (
            f"StoreError: {root}/hpc.db: cannot be written: the file, its folder or the disk is read-only"
        )
    assert names_in(root) == before


def test_a_read_only_folder_in_which_an_engine_writes(open_path: Path) -> None:
    root = open_path / "root"
    with closing(Store.open(root)) as store:
        store.save_run(a_run())
        with read_only(root):
            assert as_anybody(lambda: _last_run(root)) == "r1"


@pytest.mark.parametrize("complete", [True, False])
def test_a_read_only_copy_of_what_a_killed_engine_left(open_path: Path, complete: bool) -> None:
    root, copy = open_path / "root", open_path / "copy"
    with closing(Store.open(root)) as store:
        store.save_run(a_run())
        shutil.copytree(root, copy)
    if not complete:
        (copy / "hpc.db-shm").unlink()
    with read_only(copy):
        said = as_anybody(lambda: _last_run(copy))
    waiting = (
        f"StoreError: {copy}/hpc.db: the last changes wait in hpc.db-wal, which cannot be read where the folder is "
        "read-only; copy the folder to a place that can be written"
    )
    assert said == ("r1" if complete else waiting)


def test_a_folder_that_may_not_be_entered(open_path: Path) -> None:
    root = open_path / "root"
    Store.open(root).close()
    root.chmod(0)
    assert as_anybody(lambda: _last_run(root)) == f"StoreError: {root}/hpc.db: cannot be opened: Permission denied"
    root.chmod(0o755)


FULL = """
store = Store.open(root)
number = 0
try:
    while number < 5000:
        store.save_task(task(number))
        number += 1
except StoreError as error:
    tell(error)
tell(number)
try:
    store.save_task(task(number, size=100000))
except StoreError as error:
    tell(error)
if len(sys.argv) > 3:
    os.system(sys.argv[3])
    store.save_task(task(number, size=100000))
store.close()
"""


def test_a_limit_of_file_sizes(tmp_path: Path) -> None:
    limited = f"resource.setrlimit(resource.RLIMIT_FSIZE, ({300_000}, {300_000}))" + FULL
    first, count, second = ended_well(start(limited, tmp_path, "r1")).splitlines()
    reason = "the disk may be full or gone, or a limit of file sizes reached"
    assert first == second == f"{tmp_path}/hpc.db: cannot be read or written: {reason}"
    assert int(count) > 0
    with closing(existing(tmp_path)) as reader:
        assert list(reader.tasks("r1")) == [f"t{index}" for index in range(int(count))]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("only root can mount a small disk")
    command = [mount, "-t", "tmpfs", "-o", "size=300k", "hpc", disk]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    more = f"mount -o remount,size=3m {small_disk}"
    first, count, second = ended_well(start(FULL, small_disk / "root", "r1", more)).splitlines()
    assert first == second == f"{small_disk}/root/hpc.db: the disk is full; make room, then resume the run"
    assert int(count) > 0
    with closing(existing(small_disk / "root")) as reader:  # the last one was saved when there was room again
        assert list(reader.tasks("r1")) == [f"t{index}" for index in range(int(count) + 1)]


def test_a_disk_that_is_full_from_the_start(small_disk: Path) -> None:
    with (small_disk / "big").open("wb", buffering=0) as big, pytest.raises(OSError, match="No space"):
        while True:
            big.write(b"x" * 4096)
    with pytest.raises(StoreError, match=r"cannot be made|the disk is full|cannot be read or written"):
        Store.open(small_disk / "root")
