"""Tasks as processes: what they see, what they leave, how they fail."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from engine_process import start
from small_pipelines import OUT, Ran, pipeline, platform, ran, task

from hpc.diagnostics import Rejected
from hpc.engines.events import Failure, Notice, RunStarted, TaskFinished, TaskRetrying, TaskStarted
from hpc.engines.local.work.folder import folder_name, make_run_folder
from hpc.engines.local.work.logs import Masker
from hpc.engines.outcome import TaskResult


def _alone(base: Path, *command: str, settings: dict[str, object] | None = None, **more: object) -> Ran:
    """A run of one task, called a."""
    environ = more.pop("environ", None)
    spec = pipeline({"a": task(*command, **more)})  # type: ignore[arg-type]
    return ran(spec, base, platform(a=settings) if settings else None, environ)  # type: ignore[arg-type]


def _a(result: Ran) -> TaskResult:
    return result.outcome.tasks["a"]


def _failure(result: Ran) -> Failure:
    [found] = [event.failure for event in result.events if isinstance(event, TaskFinished) and event.failure]
    return found


def _printed(result: Ran) -> str:
    return Path(_a(result).log).read_text()


def test_a_diamond_runs_in_parallel_and_in_order(tmp_path: Path) -> None:
    """Each branch waits for a file that the other one writes, so one after the other would never end."""
    meet = 'touch "$0.$1"; until [ -e "$0.$2" ]; do sleep 0.02; done'
    where = str(tmp_path / "met")
    join = task(
        "sh", "-c", 'printf "$1-$2" > "$0"', OUT, "{{$.inputs.parameters['x']}}", "{{$.inputs.parameters['y']}}"
    )
    spec = pipeline(
        {
            "join": {**join, "given": {"x": "@left.out", "y": "@right.out"}, "outputs": {"out": "STRING"}},
            "left": task(
                "sh", "-c", meet + '; printf l > "$3"', where, "l", "r", OUT, outputs={"out": "STRING"}, after=("top",)
            ),
            "right": task(
                "sh", "-c", meet + '; printf r > "$3"', where, "r", "l", OUT, outputs={"out": "STRING"}, after=("top",)
            ),
            "top": task("true"),
        },
        outputs={"Output": "join.out"},
    )
    result = ran(spec, tmp_path, platform(left={"timeout": 20}, right={"timeout": 20}), jobs=2)
    assert result.outcome.outputs == {"Output": "l-r"}
    tasks = result.outcome.tasks
    assert max(tasks["left"].start or 0, tasks["right"].start or 0) < min(
        tasks["left"].end or 0, tasks["right"].end or 0
    )
    started = [event.task for event in result.events if isinstance(event, TaskStarted)]
    assert (started[0], started[-1]) == ("top", "join")


def test_no_more_tasks_than_jobs_run_at_once(tmp_path: Path) -> None:
    alone = "mkdir lock && sleep 0.02 && rmdir lock"
    result = ran(pipeline({f"t{n}": task("sh", "-c", alone) for n in range(8)}), tmp_path, jobs=1)
    assert result.outcome.state == "SUCCEEDED"


def test_a_chain_of_a_hundred_tasks(tmp_path: Path) -> None:
    tasks = {"t0": task("sh", "-c", 'printf 0 > "$0"', OUT, outputs={"out": "NUMBER_INTEGER"})}
    for number in range(1, 100):
        tasks[f"t{number}"] = task(
            "sh",
            "-c",
            'printf $(($1 + 1)) > "$0"',
            OUT,
            "{{$.inputs.parameters['n']}}",
            given={"n": f"@t{number - 1}.out"},
            inputs={"n": "NUMBER_INTEGER"},
            outputs={"out": "NUMBER_INTEGER"},
        )
    backwards = dict(reversed(tasks.items()))
    assert ran(pipeline(backwards, {"Output": "t99.out"}), tmp_path).outcome.outputs == {"Output": 99}


def test_a_failure_far_up_skips_a_long_chain(tmp_path: Path) -> None:
    tasks = {"t0": task("false")} | {f"t{n}": task("true", after=(f"t{n - 1}",)) for n in range(1, 2000)}
    outcome = ran(pipeline(tasks), tmp_path).outcome
    assert [outcome.tasks["t0"].state, outcome.tasks["t1999"].state] == ["FAILED", "SKIPPED"]


def test_a_task_sees_its_folder_its_environment_and_no_terminal(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    script = 'pwd; echo "$LEVEL $HPC_TEST"; cat; echo end'
    result = _alone(
        tmp_path,
        *("sh", "-c", script),
        settings={"dir": "src"},
        env={"LEVEL": "{{$.x}}"},
        environ={"HPC_TEST": "inherited", "LEVEL": "outer"},
    )
    assert _printed(result) == f"{tmp_path}/src\n{{{{$.x}}}} inherited\nend\n"


def test_python_is_the_engine_s_own_unless_another_is_named(tmp_path: Path) -> None:
    show = "import sys; print(sys.executable, sys.prefix)"
    spec = pipeline({"a": task("python", "-c", show), "b": task("python3", "-c", show)})
    logs = [
        Path(one.log).read_text() for one in ran(spec, tmp_path, environ={"PATH": "/nowhere"}).outcome.tasks.values()
    ]
    assert [log.split()[1] for log in logs] == [sys.prefix, sys.prefix]


def test_a_named_interpreter_is_python_too(tmp_path: Path) -> None:
    other = tmp_path / "bin with blank" / "python-x"
    other.parent.mkdir()
    other.write_text(f'#!/bin/sh\necho "other $#"\nexec {sys.executable} "$@"\n')
    other.chmod(0o755)
    result = _alone(tmp_path, "python", "-c", "print(1)", settings={"python": "bin with blank/python-x"})
    assert _printed(result) == "other 2\n1\n"
    with pytest.raises(Rejected, match=r"there is no interpreter `python9\.99` on PATH"):
        _alone(tmp_path, "python", settings={"python": "python9.99"})


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (("hpc-no-such",), "there is no program hpc-no-such in any folder of PATH"),
        (("./hpc-no-such",), "there is no program ./hpc-no-such in {base}"),
        (("./plain",), "./plain is not executable; chmod +x it, or run it through its interpreter"),
        (("./lost",), "./lost is there, but the interpreter in its first line (#!) is not"),
        (("./data",), "./data is neither a program nor a script with a first line like #!/bin/sh"),
        (("sh", "a\0b"), "the command cannot be passed to a program: embedded null byte"),
        (("sh", "-c", "exit 7"), "exit code 7"),
        (("sh", "-c", "kill -9 $$"), "killed by signal 9 (SIGKILL): out of memory?"),
        (("sh", "-c", "kill -TERM $$"), "killed by signal 15 (SIGTERM)"),
    ],
)
def test_a_failure_says_what_happened(command: tuple[str, ...], error: str, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    for name, text in {"lost": "#!/hpc/no/such\n", "data": "\x7f nothing to run"}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    result = _alone(tmp_path, *command)
    assert (result.outcome.state, _a(result).error) == ("FAILED", error.format(base=tmp_path))


def test_a_value_that_is_too_long_names_the_way_out(tmp_path: Path) -> None:
    error = _a(_alone(tmp_path, "true", "x" * 200_000)).error
    assert error is not None
    assert "its longest argument has 200,000 bytes" in error
    assert error.endswith("pass large values as an artifact")


def test_a_missing_working_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=f"there is no folder `{tmp_path}/gone`"):
        _alone(tmp_path, "true", settings={"dir": "gone"})
    assert not (tmp_path / ".hpc").exists()


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("true", "the output `out` is not written: the program must write its value to {file}"),
        ('mkdir "$0"', "the output `out` is a folder, not a file: {file}"),
        (
            'ln -s /hpc/nowhere "$0"',
            "the output `out` is a link to nothing: the program must write its value to {file}",
        ),
        ('printf "\\377" > "$0"', "the output `out` is not UTF-8 text: invalid start byte ({file})"),
        ('printf "5.0" > "$0"', 'the output `out`: "5.0" is not a whole number ({file})'),
    ],
)
def test_a_bad_output_is_a_failure(script: str, error: str, tmp_path: Path) -> None:
    result = _alone(tmp_path, "sh", "-c", script, OUT, outputs={"out": "NUMBER_INTEGER"})
    assert _a(result).error == error.format(file=result.folder / "tasks" / "a" / "1" / "parameters" / "out")
    assert _a(result).exit_code is None


def test_the_executor_output_wins_and_describes_artifacts(tmp_path: Path) -> None:
    report = {
        "parameterValues": {"out": 5.0},
        "artifacts": {"m": {"artifacts": [{"uri": "gs://elsewhere/m", "metadata": {"k": 1}}, {"uri": "ignored"}]}},
    }
    script = f"printf 3 > $0; printf '%s' '{json.dumps(report)}' > $1"
    command = ("sh", "-c", script, OUT, "{{$.outputs.output_file}}")
    found = _a(_alone(tmp_path, *command, outputs={"out": "NUMBER_INTEGER", "m": "system.Model"}))
    assert found.outputs == {"out": 5}
    assert found.artifacts["m"][0].as_dict() == {"uri": "gs://elsewhere/m", "metadata": {"k": 1}}


def test_a_file_of_numbers_is_the_metadata_of_metrics(tmp_path: Path) -> None:
    place = "{{$.outputs.artifacts['m'].path}}"
    schemas = {
        "system.Metrics": ('{"acc": 0.5, "n": 3}', {"acc": 0.5, "n": 3}),
        "system.ClassificationMetrics": (
            '{"confusionMatrix": {"rows": []}, "x": 1}',
            {"confusionMatrix": {"rows": []}},
        ),
        "system.SlicedMetrics": ('{"loss": NaN}', {"loss": "NaN"}),
        "system.Dataset": ('{"acc": 0.5}', {}),
    }
    for schema, (text, metadata) in schemas.items():
        command = ("sh", "-c", f"printf '%s' '{text}' > $0", place)
        [made] = _a(_alone(tmp_path, *command, outputs={"m": schema})).artifacts["m"]
        assert (made.metadata, Path(made.uri).read_text()) == (metadata, text)
    not_numbers = ("sh", "-c", "echo 'acc: 0.5' > $0", place)
    assert _a(_alone(tmp_path, *not_numbers, outputs={"m": "system.Metrics"})).artifacts["m"][0].metadata == {}


def test_an_artifact_that_was_never_written_is_no_failure(tmp_path: Path) -> None:
    found = _a(_alone(tmp_path, "true", outputs={"m": "system.Model"}))
    assert (found.state, Path(found.artifacts["m"][0].uri).exists()) == ("SUCCEEDED", False)


def test_a_value_that_is_no_choice_is_refused(tmp_path: Path) -> None:
    spec = pipeline({"a": task("true", given={"mode": "fats"}, inputs={"mode": "STRING"})})
    spec["components"]["comp-a"]["inputDefinitions"]["parameters"]["mode"]["literals"] = ["fast", "slow"]
    assert ran(spec, tmp_path).outcome.tasks["a"].error == 'the input mode: "fats" is none of "fast", "slow"'


def test_null_for_an_input_that_needs_a_value_fails_the_task(tmp_path: Path) -> None:
    spec = pipeline(
        {"a": task("true", given={"x": "$x"}, inputs={"x": "STRING"})},
        x={"parameterType": "STRING", "isOptional": True},
    )
    assert ran(spec, tmp_path).outcome.tasks["a"].error == "the input x has no value"


def test_every_attempt_has_a_folder_of_its_own_and_waits_before(tmp_path: Path) -> None:
    script = 'mkdir "$1" && [ -e ok ] || { touch ok; exit 1; }; printf 1 > "$0"'
    retry = {"retryPolicy": {"maxRetryCount": 2, "backoffDuration": "0.1s", "backoffFactor": 2.0}}
    place = "{{$.outputs.artifacts['m'].path}}"
    result = _alone(
        tmp_path, "sh", "-c", script, OUT, place, outputs={"out": "BOOLEAN", "m": "system.Model"}, node=retry
    )
    assert (_a(result).attempts, _a(result).outputs) == (2, {"out": True})
    assert [event for event in result.events if isinstance(event, TaskRetrying)] == [
        TaskRetrying("a", 1, 0.1, "exit code 1")
    ]
    assert sorted(path.name for path in (result.folder / "tasks" / "a").iterdir()) == ["1", "2"]


def test_a_task_over_its_time_is_ended_with_its_children(tmp_path: Path) -> None:
    script = "trap 'echo asked; exit 0' TERM; sleep 300 & echo $! > child; wait"
    result = _alone(tmp_path, "sh", "-c", script, settings={"timeout": 0.3})
    assert _a(result).error == "stopped after its timeout of 0.3 s"
    assert _printed(result) == "asked\n"
    _wait_for_the_end_of(int((tmp_path / "child").read_text()))


def test_a_child_that_keeps_the_log_open_holds_nothing_up(tmp_path: Path) -> None:
    result = _alone(tmp_path, "sh", "-c", "sleep 300 & echo $! > child")
    assert result.outcome.state == "SUCCEEDED"
    _wait_for_the_end_of(int((tmp_path / "child").read_text()))


def _wait_for_the_end_of(pid: int) -> None:
    """It has been killed; the operating system may take a moment to carry that out."""
    for _ in range(200):
        if not _runs(pid):
            return
        time.sleep(0.05)
    raise AssertionError(f"{pid} is still there")


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_a_secret_reaches_the_task_and_is_masked_everywhere_else(tmp_path: Path) -> None:
    settings = {"secrets": {"API_KEY": "env:HPC_TEST_KEY"}}
    script = 'echo "key $API_KEY"; exit 1'
    result = _alone(tmp_path, "sh", "-c", script, settings=settings, environ={"HPC_TEST_KEY": "s3cr3t"})
    assert _printed(result) == "key ******\n"
    assert _failure(result).tail == ("key ******",)
    assert "s3cr3t" not in repr(result.events)
    kept = [path for path in result.folder.rglob("*") if path.is_file()]
    assert not [path for path in kept if "s3cr3t" in path.read_text()]


def test_the_script_runs_the_same_command_again(tmp_path: Path) -> None:
    settings = {"secrets": {"API_KEY": "env:HPC_TEST_KEY"}}
    command = ("sh", "-c", 'echo "$1|$API_KEY|$ODD"; exit 3', "x", 'it\'s "$HOME" \n{}')
    result = _alone(tmp_path, *command, settings=settings, env={"ODD": "a b'c"}, environ={"HPC_TEST_KEY": "s3cr3t"})
    environ = {**os.environ, "HPC_TEST_KEY": "s3cr3t"}
    again = subprocess.run(
        ["sh", _failure(result).script], capture_output=True, text=True, cwd="/", env=environ, check=False
    )
    assert (again.returncode, again.stdout.replace("s3cr3t", "******")) == (3, _printed(result))


def test_the_end_of_a_log_is_fit_for_a_terminal(tmp_path: Path) -> None:
    script = r"""printf 'a\033[31mred\033[0m\033]0;title\007\n10%%\r90%%\n\n\377\000\n'; exit 1"""
    assert _failure(_alone(tmp_path, "sh", "-c", script)).tail == ("ared", "90%", "�\\x00")


def test_the_log_s_end_has_twenty_lines_of_bounded_width(tmp_path: Path) -> None:
    script = "print('\\n'.join(map(str, range(100)))); print('x' * 100_000); raise SystemExit(1)"
    lines = _failure(_alone(tmp_path, "python", "-c", script)).tail
    assert (len(lines), lines[0], len(lines[-1])) == (20, "81", 501)


def test_the_run_folder_holds_the_documents_and_the_attempts(tmp_path: Path) -> None:
    spec = pipeline({"a": task("true")})
    result = ran(spec, tmp_path, platform(a={"dir": "."}))
    [started] = [event for event in result.events if isinstance(event, RunStarted)]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-[0-9a-z]{4}", started.run)
    assert Path(started.folder) == tmp_path / ".hpc" / "runs" / started.run
    assert json.loads((result.folder / "pipeline.json").read_text()) == spec
    assert json.loads((result.folder / "platform.json").read_text()) == platform(a={"dir": "."})
    assert {path.name for path in (result.folder / "tasks" / "a" / "1").iterdir()} >= {"log.txt", "run.sh", "exit"}
    assert (tmp_path / ".hpc" / ".gitignore").read_text() == "*\n"


def test_run_folders_are_new_and_sort_by_time(tmp_path: Path) -> None:
    moments = [1.7e9, 1.7e9, 1.7e9 + 1, 1.7e9 + 4000, 1.7e9 + 86_400]
    names = [make_run_folder(tmp_path, moment).name for moment in moments]
    assert names == sorted(names)
    assert len(set(names)) == len(names)


def test_folder_names_are_bounded_and_differ_where_names_do() -> None:
    assert folder_name("train-2") == "train-2"
    names = ["Train", "train", "a/b", "a_b", "..", "for[1]/x", "é", "x" * 300, "x" * 301]
    made = [folder_name(name) for name in names]
    assert len({name.lower() for name in made}) == len(names)
    assert all(re.fullmatch(r"[a-z0-9_][a-z0-9._-]{0,90}", name) for name in made), made


def test_a_run_folder_with_blanks_works(tmp_path: Path) -> None:
    base = tmp_path / "my päth's folder"
    base.mkdir()
    result = _alone(base, "sh", "-c", 'printf 1 > "$0"', OUT, outputs={"out": "BOOLEAN"})
    assert _a(result).outputs == {"out": True}


def test_the_engine_imports_nothing_heavy() -> None:
    heavy = {"kfp", "google.protobuf", "google.cloud", "kubernetes", "hydra", "rich", "pydantic", "jinja2", "yaml"}
    before = _modules("import sys")
    assert heavy & (_modules("import sys, hpc.engines.local") - before) == set()
    assert "rich" not in _modules("import sys, hpc.cli.progress")


def _modules(statement: str) -> set[str]:
    command = [sys.executable, "-c", f"{statement}; print(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_an_artifact_that_is_not_there_is_said(tmp_path: Path) -> None:
    """KFP allows it, so the task has succeeded; whoever reads the artifact will want to know."""
    result = _alone(tmp_path, "true", outputs={"model": "system.Model"})
    assert _a(result).state == "SUCCEEDED"
    notices = [event.text for event in result.events if isinstance(event, Notice)]
    assert notices == [f"a: the artifact `model` was not written: {result.folder}/tasks/a/1/outputs/model"]


def test_a_failure_shows_the_command_without_the_bootstrap(tmp_path: Path) -> None:
    program = "# hpc values 2: anything\nimport os, sys\nos.execvp(sys.argv[1], sys.argv[1:])"
    result = _alone(tmp_path, "python", "-c", program, "sh", "-c", "exit 7")
    failure = _failure(result)
    assert failure.command == "sh -c 'exit 7'"
    assert "hpc values 2" in Path(failure.script).read_text()


@pytest.mark.parametrize("block", [1, 25, 1000])
def test_secrets_in_a_file_are_masked_wherever_they_stand(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also across the blocks that are read, and without changing the file's length."""
    monkeypatch.setattr("hpc.engines.local.work.logs._READ", block)
    file = tmp_path / "log.txt"
    for before in range(20):
        file.write_bytes(b"\xff" * before + b"s3cr3t, s3cr3ts3cr3t; key=\nlines\0")
        Masker(["s3cr3t", "key=\nlines"]).mask_file(file)
        assert file.read_bytes().replace(b"\n", b"*") == b"\xff" * before + b"******, ************; **********\0"


def test_a_small_task_is_not_said_to_use_the_memory_of_the_engine(tmp_path: Path) -> None:
    """In a process of its own: a child of a large one is thought to be large."""
    greedy = "x = b'.' * 300_000_000"
    (tmp_path / "small.json").write_text(
        json.dumps(pipeline({"a": task("true"), "b": task(sys.executable, "-c", greedy)}))
    )
    with start(tmp_path / "small.json", {"base": str(tmp_path)}) as engine:
        tasks = json.loads(engine.communicate()[0])["tasks"]
    assert tasks["a"]["peak"] is None
    assert tasks["b"]["peak"] > 300_000_000


def test_packages_that_a_command_installs_here_are_told_of_once(tmp_path: Path) -> None:
    script = "echo python3 -m pip install --quiet kfp"
    done = ran(pipeline({"a": task("sh", "-c", script), "b": task("sh", "-c", script, after=("a",))}), tmp_path)
    told = [event.text for event in done.events if isinstance(event, Notice)]
    bin_folder = Path(sys.executable).parent
    assert told == [f"a: its command installs packages with pip into {bin_folder}; in containers it would not"]
