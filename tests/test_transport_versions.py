"""The same values in Hydra 1.1, 1.2 and 1.4, by interpreters that have them; the tests themselves run Hydra 1.3.

Every value of the corpus goes through a real application, many in one command, and all commands through the parser;
random texts and JSON with a fixed seed besides.
"""

# JSON values are `Any` here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import hydra
import pytest
from transport import packed
from transport.corpus import Drawn, expected, same
from transport.interpreters import VERSIONS, Unavailable, python_with
from transport.pipelines import APP, LARGE, LISTS, SINGLE, SMALL, Case, single
from transport.platforms import PLATFORMS

SEED = 20260114


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def python(version: str) -> Path:
    try:
        return python_with(version)
    except Unavailable as why:
        pytest.skip(f"Hydra {version}: {why}")


def answers(python: Path, how: str, commands: list[list[str]], version: str) -> list[dict[str, Any]]:
    """What was seen of each command, by the Hydra that was asked for."""
    request = json.dumps({"folder": str(APP), "how": how, "commands": commands})
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(python), "-I", str(packed.__file__)],
        input=request,
        capture_output=True,
        encoding="utf-8",
        env={**environment, "PYTHONUTF8": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(done.stdout)
    assert answer["versions"][1:] == [package.partition("==")[2] for package in VERSIONS[version].packages]
    assert len(answer["seen"]) == len(commands)
    return answer["seen"]


def wrong(cases: Iterable[tuple[Case, str]], python: Path, how: str, version: str) -> list[str]:
    """What does not arrive as it is: cases, each with the platform that starts it. Equal commands run once."""
    pairs = [(case, platform, tuple(case.command(PLATFORMS[platform]))) for case, platform in cases]
    commands = list(dict.fromkeys(command for _, _, command in pairs))
    seen = dict(zip(commands, answers(python, how, list(map(list, commands)), version), strict=True))
    return list(_wrong(pairs, seen))


def _wrong(pairs: list[tuple[Case, str, tuple[str, ...]]], seen: dict[tuple[str, ...], Any]) -> Iterator[str]:
    for case, platform, command in pairs:
        config = seen[command].get("config", {})
        if not all(name in config and same(config[name], value) for name, value in case.config.items()):
            yield f"{case.kind} on {platform}: {str(case.values)[:300]} became {str(seen[command])[-600:]}"


def test_the_version_that_runs_everywhere_else() -> None:
    assert hydra.__version__.startswith("1.3.")


def drawn(texts: int, documents: int) -> Iterator[Case]:
    """Random texts, twelve in a command, half of them gathered into a list; and JSON."""
    source = Drawn(SEED)
    for turn in range(texts // 12):
        values = {f"string_{number}": text for number, text in enumerate(source.texts(12))}
        yield (
            Case("TEXTS", "strings", values, {"v": [*values.values()]})
            if turn % 2
            else Case("TEXTS", "small", values, {**values, "name": f"run-{values['string_0']}'\\"})
        )
    for _ in range(documents // 3):
        inputs = {f"dict_{number}": {"": source.json()} for number in range(3)}
        yield Case("JSON", "dicts", inputs, {"v": [expected("STRUCT", value) for value in inputs.values()]})


def test_every_value_arrives_exactly_in_a_real_application(python: Path, version: str) -> None:
    """Many values in each command, and the platforms in turn."""
    assert wrong(zip(LARGE, cycle(PLATFORMS)), python, "run", version) == []


def test_every_command_is_read_exactly(python: Path, version: str) -> None:
    """Every value on every platform; and random ones, each on one of the platforms in turn."""
    every = ((case, platform) for case in [*SINGLE, *LISTS, *SMALL] for platform in PLATFORMS)
    assert wrong([*every, *zip(drawn(1800, 600), cycle(PLATFORMS))], python, "read", version) == []


def test_the_mark_of_a_missing_value_fails_where_it_is_read(python: Path, version: str) -> None:
    cases = [single("STRING", "???"), single("LIST", ["???"]), single("STRUCT", {"a": "???"})]
    for seen in answers(python, "run", [case.command(PLATFORMS["launcher"]) for case in cases], version):
        assert "MissingMandatoryValue" in seen["failed"]
