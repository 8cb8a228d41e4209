# ruff: noqa: T201
"""What submitting costs: `hpc run --on vertex` beside the SDK's `PipelineJob(...).submit()`, whole processes.

    python bench/submitting.py [--runs 5]

Both talk to the server that the tests use for Vertex AI, on loopback, with REST, and start one run of one pipeline.
hpc is given the pipeline file and compiles it too; the SDK is given the compiled one. CPU seconds are what counts.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from statistics import median

from compile import Cost, hpc_command, measured

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "services"))

from vertex_server import Server, vertex_server  # noqa: E402  a neighbour of the tests, found by the line above

PIPELINE = """\
hpc: 1
name: bench
inputs: {{lr: {{type: float, default: 0.1}}}}
images: {{trainer: "registry.example/team/trainer:1.0"}}
targets: {{vertex: {{project: ml-dev, region: us-central1, root: "gs://bench-bucket/root",
  service_account: runner@ml-dev.iam.gserviceaccount.com, endpoint: "{endpoint}"}}}}
components:
  train:
    image: trainer
    command: [python, train.py]
    inputs: {{lr: float}}
    outputs: {{model: Model}}
  test:
    image: trainer
    command: [python, test.py]
    inputs: {{model: Model}}
    outputs: {{accuracy: float}}
edges: [inputs.lr -> train.lr, train.model -> test.model]
"""


class _Bucket(BaseHTTPRequestHandler):
    """A bucket that is there, with a policy: all that the SDK asks before it submits."""

    def do_GET(self) -> None:
        self._answer({"bindings": []} if "/iam" in self.path else {"name": "bench-bucket", "projectNumber": "1"})

    def do_PUT(self) -> None:
        self._answer({"bindings": []})

    def _answer(self, body: Mapping[str, object]) -> None:
        content = json.dumps(body).encode()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def buckets() -> Iterator[str]:
    """The address of something that answers for Cloud Storage."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Bucket)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def key_file(folder: Path) -> Path:
    """A service account's key that nobody has given."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {
        "type": "service_account",
        "project_id": "ml-dev",
        "private_key_id": "1",
        "private_key": key.decode(),
        "client_email": "bench@ml-dev.iam.gserviceaccount.com",
        "token_uri": "http://127.0.0.1:9/token",
    }
    file = folder / "key.json"
    file.write_text(json.dumps(account), encoding="utf-8")
    return file


def commands(folder: Path, server: Server) -> dict[str, list[str]]:
    """What is measured; the last word of each is the name of the run, which is another one each time."""
    source, compiled = folder / "pipeline.yaml", folder / "pipeline.json"
    source.write_text(PIPELINE.format(endpoint=server.endpoint), encoding="utf-8")
    measured([*hpc_command(), "compile", str(source), "-o", str(compiled)])
    ours = [*hpc_command(), "run", str(source), "--on", "vertex", "--detach", "-i", "lr=0.5", "--name"]
    return {"hpc": ours, "SDK": [sys.executable, str(HERE / "sdk_submit.py"), str(compiled), server.endpoint]}


def costs(folder: Path, server: Server, runs: int) -> dict[str, list[Cost]]:
    """Runs in turn, the first of each thrown away: it writes bytecode."""
    found: dict[str, list[Cost]] = {"hpc": [], "SDK": []}
    numbers = itertools.count()
    for turn in range(runs + 1):
        for name, command in commands(folder, server).items():
            cost = measured([*command, f"bench-{next(numbers)}"])
            if turn:
                found[name].append(cost)
        print(f"round {turn} done", file=sys.stderr)
    if len(server.jobs.all) != 2 * (runs + 1):
        raise SystemExit(f"{len(server.jobs.all)} runs were made")
    return found


def main() -> None:
    """Measures and prints a table in Markdown."""
    parser = argparse.ArgumentParser(description="Compare the cost of submitting with hpc and with the SDK.")
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name, vertex_server() as server, buckets() as storage:
        os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(key_file(Path(name)))
        os.environ["STORAGE_EMULATOR_HOST"] = storage
        found = costs(Path(name), server, runs)
    print(f"\nPython {platform.python_version()}, google-cloud-aiplatform {version('google-cloud-aiplatform')}.\n")
    print("| | wall s | CPU s | memory MiB |\n|---|---|---|---|")
    for name, each in found.items():
        figures = [median(getattr(cost, figure) for cost in each) for figure in ("wall", "cpu", "memory")]
        print(f"| {name} | {figures[0]:.2f} | {figures[1]:.2f} | {figures[2]:.0f} |")
    cpu = {name: [cost.cpu for cost in each] for name, each in found.items()}
    print(f"\nCPU, hpc : SDK, medians {median(cpu['hpc']) / median(cpu['SDK']):.2f}", end="")
    print(f", least {min(cpu['hpc']) / min(cpu['SDK']):.2f}")


if __name__ == "__main__":
    main()
