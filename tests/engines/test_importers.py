"""Importers: files here, and objects elsewhere that are asked for their version and copied for who reads their path."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import docker_here
import engine_process
import fsspec
import pytest
from base_image import TAG
from moto.server import ThreadedMotoServer
from small_pipelines import OUT, Ran, pipeline, ran, task
from storage_here import HOST, Objects, Relay

from hpc.cli.words import told
from hpc.engines.events import Downloaded, Downloading, Notice
from hpc.engines.local import Request, rehearse
from hpc.engines.local.work.remote import RemoteError, fetch, look
from hpc.engines.outcome import Artifact, TaskResult

docker_program = docker_here.docker_program

PATH = "{{$.inputs.artifacts['src'].path}}"
URI = "{{$.inputs.artifacts['src'].uri}}"
TREE = 'cd "$0" && find . -type f | sort | while read f; do echo "$f=$(cat "$f")"; done > "$1"'


def reader(*command: str) -> dict[str, Any]:
    return task(*command, inputs={"src": "system.Dataset"}, given={"src": "@get.artifact"}, outputs={"out": "STRING"})


def importing(uri: str, *, read: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The importer `get` and the task `read`, which prints the file. `more` are fields of the importer."""
    get = task("unused", outputs={"artifact": "system.Dataset"})
    spec = pipeline({"get": get, "read": read or reader("sh", "-c", 'cat "$0" > "$1"', PATH, OUT)}, {"out": "read.out"})
    schema = {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}
    importer = {"artifactUri": {"constant": uri}, "typeSchema": schema, **more}
    spec["deploymentSpec"]["executors"]["exec-get"] = {"importer": importer}
    return spec


def cached(spec: dict[str, Any]) -> dict[str, Any]:
    spec["root"]["dag"]["tasks"]["read"]["cachingOptions"] = {"enableCache": True}
    return spec


def artifact(result: Ran) -> Artifact:
    [found] = result.outcome.tasks["get"].artifacts["artifact"]
    return found


def state(result: Ran, path: str = "read") -> str:
    return result.outcome.tasks[path].state


def failed(result: Ran, path: str) -> str:
    found: TaskResult = result.outcome.tasks[path]
    assert found.state == "FAILED", found
    return found.error or ""


def downloads(base: Path) -> list[str]:
    """What lies in the folder of copies, but for the files that are locked."""
    root = base / ".hpc/downloads"
    return sorted(one.name for one in root.iterdir() if one.suffix != ".lock") if root.exists() else []


# ---------------------------------------------------------------- here


def test_a_path_is_taken_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("seed")
    for uri in (str(tmp_path / "data.txt"), "data.txt", f"file://{tmp_path}/data.txt"):
        result = ran(importing(uri), tmp_path)
        assert result.outcome.outputs == {"out": "seed"}
        assert artifact(result).uri == str(tmp_path / "data.txt")
        assert artifact(result).schema_title == "system.Dataset"


def test_escapes_in_a_file_address_stay_as_with_kfp(tmp_path: Path) -> None:
    (tmp_path / "a%20b").write_text("escaped")
    (tmp_path / "a b").write_text("blank")
    assert ran(importing(f"file://{tmp_path}/a%20b"), tmp_path).outcome.outputs == {"out": "escaped"}
    assert ran(importing(f"file://{tmp_path}/a b"), tmp_path).outcome.outputs == {"out": "blank"}


def test_a_missing_file_fails_the_importer(tmp_path: Path) -> None:
    result = ran(importing("none.txt"), tmp_path)
    assert failed(result, "get") == f"there is nothing to import at {tmp_path}/none.txt"
    assert state(result) == "SKIPPED"


def test_metadata_may_name_the_run_and_inputs_of_the_importer(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    metadata = {"job": "of {{$.pipeline_job_name}}", "deep": [{"v": "{{$.inputs.parameters['v']}}"}], "n": 3.0}
    spec = importing("data", metadata=metadata)
    spec["components"]["comp-get"]["inputDefinitions"] = {"parameters": {"v": {"parameterType": "NUMBER_INTEGER"}}}
    spec["root"]["dag"]["tasks"]["get"]["inputs"] = {"parameters": {"v": {"runtimeValue": {"constant": 7}}}}
    result = ran(spec, tmp_path)
    job = f"of small-{result.outcome.run}"
    assert artifact(result).metadata == {"job": job, "deep": [{"v": "7"}], "n": 3.0}


# ---------------------------------------------------------------- any file system of fsspec


@pytest.fixture
def memory() -> Iterator[Any]:
    system = fsspec.filesystem("memory")
    system.rm("/", recursive=True) if system.store else None
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def test_a_path_is_a_copy_and_a_uri_stays(tmp_path: Path, memory: Any) -> None:
    memory.pipe("/box/data.csv.gz", b"content")
    command = ("sh", "-c", 'printf "%s " "$1" "${0##*/}" > "$3"; cat "$0" >> "$3"; printf %s "$2" > seen', PATH, URI)
    result = ran(importing("memory://box/data.csv.gz", read=reader(*command, "{{$}}", OUT)), tmp_path)
    assert result.outcome.outputs == {"out": "memory://box/data.csv.gz data.csv.gz content"}
    assert artifact(result).uri == "memory://box/data.csv.gz"
    [seen] = json.loads((tmp_path / "seen").read_text())["inputs"]["artifacts"]["src"]["artifacts"]
    assert seen["uri"] == "memory://box/data.csv.gz"
    [folder] = downloads(tmp_path)
    copy = tmp_path / ".hpc/downloads" / folder / "data.csv.gz"
    assert copy.read_bytes() == b"content"
    assert copy.stat().st_mode & 0o777 == 0o444


def test_who_reads_the_uri_alone_gets_no_copy(tmp_path: Path, memory: Any) -> None:
    memory.pipe("/box/data", b"content")
    read = reader("sh", "-c", 'printf %s "$0" > "$1"', URI, OUT)
    result = ran(importing("memory://box/data", read=read), tmp_path)
    assert result.outcome.outputs == {"out": "memory://box/data"}
    assert downloads(tmp_path) == []
    assert not [event for event in result.events if isinstance(event, Downloading)]


def test_a_download_is_told_once(tmp_path: Path, memory: Any) -> None:
    memory.pipe("/box/data", b"content")
    first = ran(importing("memory://box/data"), tmp_path)
    [begun, ended] = [event for event in first.events if isinstance(event, (Downloading, Downloaded))]
    assert begun == Downloading("read", "memory://box/data", 7)
    assert isinstance(ended, Downloaded)

    class Names:
        def of(self, path: str) -> str:
            return path

    assert told(begun, Names()) == "load read: a copy of memory://box/data (7 bytes)"  # type: ignore[arg-type]
    again = ran(importing("memory://box/data"), tmp_path)
    assert again.outcome.outputs == {"out": "content"}
    assert not [event for event in again.events if isinstance(event, Downloading)]


def test_two_tasks_at_once_share_one_download(tmp_path: Path, memory: Any) -> None:
    memory.pipe("/box/data", b"content")
    spec = importing("memory://box/data")
    tasks = spec["root"]["dag"]["tasks"]
    tasks["other"] = {**tasks["read"], "taskInfo": {"name": "other"}}
    result = ran(spec, tmp_path)
    assert (state(result), state(result, "other")) == ("SUCCEEDED", "SUCCEEDED")
    assert len([event for event in result.events if isinstance(event, Downloading)]) == 1


def test_a_folder_comes_with_all_that_is_in_it(tmp_path: Path, memory: Any) -> None:
    memory.pipe({"/box/set/a": b"1", "/box/set/deep/[b]*.txt": b"2", "/box/settle": b"not this"})
    result = ran(importing("memory://box/set", read=reader("sh", "-c", TREE, PATH, OUT)), tmp_path)
    assert result.outcome.outputs == {"out": "./a=1\n./deep/[b]*.txt=2\n"}


def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, memory: Any) -> None:
    memory.pipe("/box/set/a", b"1")
    system = type(memory)
    memory.store["/box/set/../../../evil"] = system.store["/box/set/a"]
    result = ran(importing("memory://box/set", reimport=True), tmp_path)
    assert "none for a file here" in failed(result, "get")


def test_what_has_changed_makes_readers_run_again(tmp_path: Path, memory: Any) -> None:
    spec = cached(importing("memory://box/data"))
    memory.pipe("/box/data", b"one")
    assert ran(spec, tmp_path).outcome.outputs == {"out": "one"}
    assert state(ran(spec, tmp_path)) == "CACHED"
    planned = {one.task: one.what for one in rehearse(spec, None, Request(base=tmp_path, environ=dict(os.environ)))}
    assert planned == {"get": "run", "read": "cached"}
    memory.pipe("/box/data", b"two")
    again = ran(spec, tmp_path)
    assert again.outcome.outputs == {"out": "two"}
    assert (state(again), len(downloads(tmp_path))) == ("SUCCEEDED", 2)


def test_an_output_may_lie_elsewhere(tmp_path: Path, memory: Any) -> None:
    memory.pipe("/box/made", b"elsewhere")
    uri = json.dumps({"artifacts": {"artifact": {"artifacts": [{"uri": "memory://box/made"}]}}})
    spec = importing("unused")
    write = ["sh", "-c", 'printf %s "$0" > "$1"', uri, "{{$.outputs.output_file}}"]
    spec["deploymentSpec"]["executors"]["exec-get"] = {"container": {"image": "unused", "command": write}}
    assert ran(spec, tmp_path).outcome.outputs == {"out": "elsewhere"}


def test_a_container_sees_the_copy_too(tmp_path: Path, memory: Any, docker_program: str) -> None:
    memory.pipe("/box/data.csv", b"content")
    spec = importing("memory://box/data.csv")
    spec["deploymentSpec"]["executors"]["exec-read"]["container"]["image"] = TAG
    result = ran(spec, tmp_path, mode=docker_program)
    assert result.outcome.outputs == {"out": "content"}


def test_a_scheme_that_nobody_knows_can_be_handed_on_but_not_read(tmp_path: Path) -> None:
    read = reader("sh", "-c", 'printf %s "$0" > "$1"', URI, OUT)
    result = ran(importing("nowhere://a/b", read=read, reimport=True), tmp_path)
    assert result.outcome.outputs == {"out": "nowhere://a/b"}
    result = ran(importing("nowhere://a/b"), tmp_path)
    assert failed(result, "read") == "nowhere://a/b cannot be read: fsspec knows no scheme nowhere"


@pytest.mark.parametrize(("scheme", "package", "extra"), [("s3", "s3fs", "s3"), ("gs", "gcsfs", "gcs")])
def test_a_missing_package_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, package: str, extra: str
) -> None:
    for name in ("s3", "s3a", "gs", "gcs"):
        monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, name, raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    says = f"a package is not installed; pip install 'hydra-pipeline-compiler[{extra}]'"
    result = ran(importing(f"{scheme}://bucket/a"), tmp_path)
    text = f"{scheme}://bucket/a cannot be read: {says}"
    assert failed(result, "read") == text
    notes = [event.text for event in result.events if isinstance(event, Notice)]
    assert notes == [f"{text}. For what is cached, the address alone counts"]
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    assert failed(ran(importing(f"{scheme}://bucket/a", reimport=True), tmp_path), "get") == text


# ---------------------------------------------------------------- over HTTP


@pytest.fixture
def objects() -> Iterator[Objects]:
    server = Objects()
    yield server
    server.shutdown()
    server.server_close()


def test_without_an_answer_the_last_version_counts(tmp_path: Path, objects: Objects) -> None:
    objects.put("data.txt", b"one")
    address = f"{objects.address}/data.txt"
    spec = cached(importing(address))
    assert ran(spec, tmp_path).outcome.outputs == {"out": "one"}
    objects.shutdown()
    objects.server_close()
    again = ran(spec, tmp_path)
    assert state(again) == "CACHED"
    [note] = [event.text for event in again.events if isinstance(event, Notice)]
    assert note.startswith(f"{address} cannot be read: ")
    assert note.endswith("For what is cached, the version that was last seen counts")
    assert ran(spec, tmp_path, cache=False).outcome.outputs == {"out": "one"}
    assert failed(ran(importing(address, reimport=True), tmp_path), "get").startswith(f"{address} cannot be read: ")


def test_without_a_mark_of_change_every_run_has_its_own_copy(tmp_path: Path, objects: Objects) -> None:
    objects.etags = False
    objects.put("data.txt", b"one")
    spec = importing(f"{objects.address}/data.txt?x=1")
    assert ran(spec, tmp_path).outcome.outputs == {"out": "one"}
    objects.put("data.txt", b"two")
    again = ran(spec, tmp_path)
    assert again.outcome.outputs == {"out": "two"}
    assert [one.name for one in again.folder.glob("downloads/*/*")] == ["data.txt"]
    assert downloads(tmp_path) == []


def test_a_change_during_a_download_leaves_no_copy(tmp_path: Path, objects: Objects) -> None:
    objects.put("data", b"one")
    found = look(f"{objects.address}/data")
    objects.put("data", b"two")
    with pytest.raises(RemoteError, match="has changed while this run was at work; run it again"):
        fetch(found, tmp_path / "copy", threading.Event())
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_is_given_up_leaves_no_copy(tmp_path: Path, objects: Objects) -> None:
    objects.put("data", b"one")
    given_up = threading.Event()
    given_up.set()
    with pytest.raises(RemoteError, match="given up"):
        fetch(look(f"{objects.address}/data"), tmp_path / "copy", given_up)
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- GCS


def test_gcs_through_gcsfs(tmp_path: Path, objects: Objects) -> None:
    """In a process of its own: gcsfs reads once that it is to ask no further service of Google's about the bucket."""
    pytest.importorskip("gcsfs")
    environ = {"STORAGE_EMULATOR_HOST": objects.address, "FSSPEC_GCS_TOKEN": "anon"}
    environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"

    def outcome(spec: dict[str, Any]) -> dict[str, Any]:
        document = tmp_path / "pipeline.json"
        document.write_text(json.dumps(spec))
        options = {"base": str(tmp_path), "root": str(tmp_path / ".hpc")}
        out, errors = engine_process.start(document, options, environ=environ).communicate(timeout=120)
        assert out, errors
        return json.loads(out)

    objects.put("set/a", b"1")
    objects.put("set/deep/b", b"2")
    tree = importing("gs://bucket/set", read=reader("sh", "-c", TREE, PATH, OUT))
    assert outcome(tree)["outputs"] == {"out": "./a=1\n./deep/b=2\n"}
    one = cached(importing("gs://bucket/set/a"))
    assert outcome(one)["outputs"] == {"out": "1"}
    objects.put("set/a", b"3")
    assert outcome(one)["outputs"] == {"out": "3"}
    missing = outcome(importing("gs://bucket/none"))["tasks"]["get"]
    assert missing["error"].startswith("there is nothing to import at gs://bucket/none")


# ---------------------------------------------------------------- S3


@dataclass
class Bucket:
    """The bucket `bucket` behind a relay, and the environment that leads there."""

    client: Any
    relay: Relay
    environ: dict[str, str]

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket="bucket", Key=key, Body=content)


@pytest.fixture(scope="module")
def s3_port() -> Iterator[int]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(HOST, 0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture
def s3(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    relay = Relay(s3_port)
    environ = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{HOST}:{relay.port}",
        "AWS_MAX_ATTEMPTS": "1",
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    client = boto3.client("s3", endpoint_url=f"http://{HOST}:{s3_port}")
    client.create_bucket(Bucket="bucket")
    yield Bucket(client, relay, environ)
    for one in client.list_objects_v2(Bucket="bucket").get("Contents", []):
        client.delete_object(Bucket="bucket", Key=one["Key"])
    client.delete_bucket(Bucket="bucket")
    relay.close()


def test_an_object_of_s3_and_its_next_version(tmp_path: Path, s3: Bucket) -> None:
    spec = cached(importing("s3://bucket/data/one.csv"))
    s3.put("data/one.csv", b"one")
    assert ran(spec, tmp_path).outcome.outputs == {"out": "one"}
    assert state(ran(spec, tmp_path)) == "CACHED"
    assert s3.relay.gets == 1
    s3.put("data/one.csv", b"two")
    again = ran(spec, tmp_path)
    assert (state(again), again.outcome.outputs) == ("SUCCEEDED", {"out": "two"})
    assert (s3.relay.gets, len(downloads(tmp_path))) == (2, 2)


@pytest.mark.parametrize("end", ["", "/"])
def test_a_prefix_of_s3(tmp_path: Path, s3: Bucket, end: str) -> None:
    s3.put("set/", b"")  # the mark that consoles make for a folder
    s3.put("set/a", b"1")
    s3.put("set/deep/b c", b"2")
    s3.put("settle", b"not this")
    spec = cached(importing(f"s3://bucket/set{end}", read=reader("sh", "-c", TREE, PATH, OUT)))
    assert ran(spec, tmp_path).outcome.outputs == {"out": "./a=1\n./deep/b c=2\n"}
    s3.put("set/deep/b c", b"3")
    assert ran(spec, tmp_path).outcome.outputs == {"out": "./a=1\n./deep/b c=3\n"}


def test_what_is_not_there_or_forbidden_fails_the_importer(tmp_path: Path, s3: Bucket) -> None:
    assert failed(ran(importing("s3://bucket/none"), tmp_path), "get") == (
        "there is nothing to import at s3://bucket/none"
    )
    assert failed(ran(importing("s3://no-bucket/a"), tmp_path), "get") == (
        "there is nothing to import at s3://no-bucket/a (The specified bucket does not exist)"
    )
    s3.put("secret", b"1")
    deny = {"Effect": "Deny", "Principal": "*", "Action": ["s3:GetObject", "s3:HeadObject"]}
    policy = {"Version": "2012-10-17", "Statement": [{**deny, "Resource": "arn:aws:s3:::bucket/secret"}]}
    s3.client.put_bucket_policy(Bucket="bucket", Policy=json.dumps(policy))
    assert failed(ran(importing("s3://bucket/secret"), tmp_path), "get") == (
        "s3://bucket/secret may not be read with the credentials of this machine (Forbidden)"
    )


def test_a_cut_connection_leaves_no_half_copy(tmp_path: Path, s3: Bucket) -> None:
    s3.put("big", b"x" * 3_000_000)
    read = reader("sh", "-c", 'wc -c < "$0" | tr -d " \\n" > "$1"', PATH, OUT)
    s3.relay.cut_at = 1_000_000
    assert failed(ran(importing("s3://bucket/big", read=read), tmp_path), "read").startswith(
        "s3://bucket/big cannot be read: "
    )
    assert s3.relay.gets > 0
    assert downloads(tmp_path) == []
    s3.relay.cut_at = None
    assert ran(importing("s3://bucket/big", read=read), tmp_path).outcome.outputs == {"out": "3000000"}


def test_a_run_can_be_stopped_while_a_server_says_nothing(tmp_path: Path, s3: Bucket) -> None:
    s3.put("big", b"x" * 3_000_000)
    s3.relay.hold_at = 1_000_000
    document = tmp_path / "pipeline.json"
    document.write_text(json.dumps(importing("s3://bucket/big")))
    options = {"base": str(tmp_path), "root": str(tmp_path / ".hpc")}
    engine = engine_process.start(document, options, environ=s3.environ)
    assert s3.relay.held.wait(60), engine.communicate()
    engine.send_signal(signal.SIGINT)
    out, errors = engine.communicate(timeout=60)
    assert engine.returncode == 130, errors
    assert json.loads(out)["tasks"]["read"]["state"] == "CANCELLED"
    assert "Traceback" not in errors
    assert downloads(tmp_path) == []
    s3.relay.hold_at = None
    assert ran(importing("s3://bucket/big"), tmp_path).outcome.state == "SUCCEEDED"
    assert len(downloads(tmp_path)) == 1


def test_nothing_waits_for_a_download(tmp_path: Path, s3: Bucket) -> None:
    """The other task ends while the server holds the object back, and only its end lets the object go."""
    s3.put("big", b"x" * 3_000_000)
    s3.relay.hold_at = 1_000_000
    spec = importing("s3://bucket/big")
    other = pipeline({"other": task("sh", "-c", "touch done")})
    spec["components"] |= other["components"]
    spec["deploymentSpec"]["executors"] |= other["deploymentSpec"]["executors"]
    spec["root"]["dag"]["tasks"] |= other["root"]["dag"]["tasks"]
    spec["root"]["dag"]["tasks"]["other"]["dependentTasks"] = ["get"]
    document = tmp_path / "pipeline.json"
    document.write_text(json.dumps(spec))
    engine = engine_process.start(document, {"base": str(tmp_path)}, environ=s3.environ)
    assert s3.relay.held.wait(60), engine.communicate()
    while not (tmp_path / "done").exists():
        assert engine.poll() is None
        time.sleep(0.02)
    engine.send_signal(signal.SIGTERM)
    out, _ = engine.communicate(timeout=60)
    assert {path: one["state"] for path, one in json.loads(out)["tasks"].items()} == {
        "get": "SUCCEEDED",
        "read": "CANCELLED",
        "other": "SUCCEEDED",
    }
