"""The pages of docs/ and README.md are true: generated ones up to date, code blocks compile, command lines exist."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from compiling import compile_text
from lint_ir import lint
from meaning import documents, parse

from hpc.cli import COMMANDS, cli
from hpc.cli.catalogue import catalogue
from hpc.cli.schema import pipeline_schema
from hpc.compiler.targets import TARGETS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(path for path in (*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("examples/*/README.md")))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, *languages: str) -> Iterator[str]:
    for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language in languages:
            yield text


# ---------------------------------------------------------------- generated pages


def ran(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, check=False, encoding="utf-8")


def test_generated_pages_are_up_to_date() -> None:
    done = ran(sys.executable, str(DOCS / "generate.py"), "--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_generator_notices_a_stale_page(tmp_path: Path) -> None:
    page = tmp_path / "errors.md"
    page.write_text("# Old\n", encoding="utf-8")
    program = f"import sys, pathlib; sys.path.insert(0, {str(DOCS)!r}); import generate\n"
    program += f"generate.DOCS = pathlib.Path({str(tmp_path)!r}); sys.exit(generate.main(sys.argv[1:]))"
    done = ran(sys.executable, "-c", program, "--check")
    assert done.returncode == 1
    assert "-# Old\n" in done.stdout
    assert page.read_text(encoding="utf-8") == "# Old\n"
    assert ran(sys.executable, "-c", program).returncode == 0
    assert ran(sys.executable, "-c", program, "--check").returncode == 0


# ---------------------------------------------------------------- codes


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((ROOT / "hpc").rglob("*.py")):
        if "starter" not in path.parts:
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def definitions() -> list[tuple[str, str, str]]:
    """Code, name and file of every rule, as it is written."""
    return [
        (str(node.value.args[0].value), str(node.targets[0].id), path.name)
        for path, tree in sources()
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "Rule"
        and isinstance(node.value.args[0], ast.Constant)
    ]


def uses() -> tuple[set[str], set[str]]:
    """Names that are read outside lists of rules, and codes that `problem` raises."""
    nodes = [node for _, tree in sources() for node in ast.walk(tree)]
    lists = [node for node in nodes if isinstance(node, ast.Assign) and _is_list_of_rules(node)]
    listed = {id(inner) for node in lists for inner in ast.walk(node)}
    nodes = [node for node in nodes if id(node) not in listed]
    names = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    problems = [node for node in nodes if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "problem"]
    return names, {str(getattr(node.args[0], "value", "")) for node in problems}


def _is_list_of_rules(statement: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id.endswith("RULES") for target in statement.targets)


def test_every_code_belongs_to_one_rule() -> None:
    codes = [code for code, _, _ in definitions()]
    assert sorted(codes) == list(catalogue())
    assert all(re.fullmatch(r"HPC\d{3}", code) for code in codes)


def test_every_rule_is_raised_somewhere() -> None:
    names, codes = uses()
    idle = [code for code, name, _ in definitions() if name not in names and code not in codes]
    assert idle == []


PINNED_ELSEWHERE = {
    "HPC020": "test_cli.py::test_a_file_that_cannot_be_read_is_a_message",
    "HPC021": "test_cli.py::test_unwritable_output_is_a_message",
    "HPC022": "test_init.py::test_a_second_time_is_refused",
    "HPC023": "test_convert.py::test_convert_refuses_other_files",
    "HPC024": "test_convert.py::test_convert_refuses_what_cannot_be_said",
    "HPC025": "test_convert.py::test_convert_refuses_what_does_not_compile",
    "HPC513": "test_checks_limits.py::test_vertex_takes_ten_thousand_tasks",  # a file of 10,001 steps
    "HPC900": "engines/test_refusals.py::test_something_else_is_no_pipeline",
    "HPC901": "engines/test_refusals.py::test_a_part_that_is_not_run_is_named",
    "HPC902": "test_cli.py::test_run_refuses_wrong_arguments_before_anything_runs",
    "HPC903": "engines/test_refusals.py::test_arguments_are_checked_against_the_inputs",
    "HPC904": "test_cli.py::test_run_refuses_wrong_arguments_before_anything_runs",
    "HPC905": "engines/test_refusals.py::test_arguments_are_checked_against_the_inputs",
    "HPC906": "engines/test_refusals.py::test_a_component_without_command_is_refused",
    "HPC907": "test_cli.py::test_a_secret_reaches_the_program_and_nothing_else",
    "HPC908": "engines/test_refusals.py::test_settings_are_read_strictly",
    "HPC909": "engines/test_refusals.py::test_all_broken_references_are_found_at_once",
    "HPC910": "engines/test_refusals.py::test_a_root_that_cannot_be_made_is_refused",
    "HPC911": "test_cli.py::test_run_refuses_wrong_arguments_before_anything_runs",
    "HPC912": "engines/test_planner.py::test_a_selector_that_is_no_expression",
    "HPC920": "engines/test_failures.py::test_a_limit_of_file_sizes_is_a_refusal_not_a_traceback",
    "HPC921": "engines/test_failures.py::test_a_second_engine_on_the_same_run_is_refused_and_names_the_first",
    "HPC922": "engines/test_resume.py::test_a_run_that_is_not_there_is_refused_with_the_names_of_others",
    "HPC923": "engines/test_caching.py::test_a_step_that_is_not_there_is_refused_with_the_near_one",
    "HPC924": "engines/test_containers.py::test_an_engine_that_does_not_answer_is_refused_before_anything_runs",
    "HPC925": "engines/test_trials.py::test_without_optuna_nothing_begins",
    "HPC930": "test_history.py::test_no_runs",
    "HPC931": "test_history.py::test_a_store_that_cannot_be_read",
    "HPC932": "test_history.py::test_an_empty_store",
    "HPC933": "test_history.py::test_names_that_stand_for_nothing",
    "HPC934": "test_history.py::test_tasks_without_logs",
    "HPC935": "test_history.py::test_outputs_that_are_not_there",
    "HPC936": "test_history.py::test_lineage_of_what_is_not_known",
    "HPC940": "services/test_vertex_engine.py::test_without_the_library_it_says_what_to_install",
    "HPC941": "services/test_vertex_engine.py::test_without_credentials_it_says_how_to_log_in",
    "HPC942": "services/test_services_cli.py::test_compiled_files_run_too",
    "HPC943": "services/test_vertex_engine.py::test_a_permission_that_is_missing_names_its_role",
    "HPC944": "services/test_services_cli.py::test_a_run_that_is_not_there",
    "HPC945": "services/test_vertex_engine.py::test_what_the_service_refuses_is_told_in_its_words",
    "HPC946": "services/test_vertex_engine.py::test_quota_that_is_used_up",
    "HPC947": "services/test_vertex_engine.py::test_patience_ends",
    "HPC948": "services/test_services_cli.py::test_a_name_is_one_run",
    "HPC949": "services/test_vertex_engine.py::test_a_published_pipeline_is_read_by_the_service",
    "HPC950": "images/test_locks.py::test_a_lock_that_cannot_be_used",
    "HPC951": "images/test_locks.py::test_an_image_that_is_not_locked",
    "HPC952": "images/test_building.py::test_a_builder_that_is_missing",
    "HPC953": "images/test_recipe.py::test_what_is_not_there",
    "HPC954": "images/test_building.py::test_addresses_that_nothing_can_be_built_under",
    "HPC955": "images/test_building.py::test_a_step_that_fails",
    "HPC956": "images/test_building.py::test_a_registry_with_passwords",
    "HPC957": "images/test_building.py::test_a_registry_with_passwords",
    "HPC958": "images/test_building.py::test_each_image_without_an_answer_is_told_and_nothing_is_written",
    "HPC959": "images/test_building.py::test_each_image_without_an_answer_is_told_and_nothing_is_written",
    "HPC960": "images/test_registry.py::test_passwords_are_not_sent_elsewhere_in_the_clear",
    "HPC961": "images/test_cloud_build.py::test_silence",
    "HPC962": "images/test_cloud_build.py::test_no_permission",
}
"""Codes that compiling a small file cannot cause, and the test that does."""


def test_every_code_has_a_case() -> None:
    cases = {path.stem[:6] for path in (ROOT / "tests" / "cases" / "bad").glob("*.yaml")}
    assert sorted(cases | PINNED_ELSEWHERE.keys()) == list(catalogue())
    assert cases & PINNED_ELSEWHERE.keys() == set()


@pytest.mark.parametrize("code", PINNED_ELSEWHERE)
def test_a_code_without_a_case_is_pinned_by_a_test(code: str) -> None:
    """The test exists, and names the code itself or a rule that has it."""
    file, _, name = PINNED_ELSEWHERE[code].partition("::")
    text = (ROOT / "tests" / file).read_text(encoding="utf-8")
    [function] = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == name]
    decorators = [ast.unparse(each) for each in function.decorator_list]
    assert code in ast.unparse(function) + "".join(decorators)


def test_every_code_has_a_section() -> None:
    sections = re.findall(r"^## (HPC\d{3}): (.+)$", (DOCS / "errors.md").read_text(encoding="utf-8"), re.MULTILINE)
    expected = [
        (rule.code, rule.title + ("" if rule.severity == "error" else f" ({rule.severity})"))
        for rule in catalogue().values()
    ]
    assert sections == expected


def test_a_page_names_only_codes_that_exist() -> None:
    unknown = {
        f"{page.name}: {code}"
        for page in PAGES
        for code in re.findall(r"HPC\d{3}\b", page.read_text(encoding="utf-8"))
        if code not in catalogue()
    }
    assert unknown == set()


# ---------------------------------------------------------------- command lines


def command_of(name: str) -> click.Command:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None, f"there is no command {name}"
    return command


def understand(line: str) -> None:
    """Parse a command line as hpc would, without running it. Raises what click raises."""
    words = shlex.split(line, comments=True)
    ends = [index for index, word in enumerate(words) if word in ("|", ">", ">>", "&&", "||", ";", "<")]
    words = words[1 : min(ends, default=len(words))]
    context = click.Context(cli, info_name="hpc")
    if not words or words[0].startswith("-"):
        cli.make_context("hpc", words or ["--help"])
    else:
        command, first = command_of(words[0]), 1
        if isinstance(command, click.Group) and words[1:2] != ["--help"]:
            assert words[1] in command.commands, f"there is no command {' '.join(words[:2])}"
            command, first = command.commands[words[1]], 2
        command.make_context(words[first - 1], words[first:], parent=context)


def lines_of(page: Path) -> Iterator[str]:
    """Every line of a code block that calls hpc, lines that go on with a backslash joined."""
    for block in blocks(page, "sh", "bash", "console", "shell", ""):
        for line in block.replace("\\\n", " ").splitlines():
            call = re.search(r"(?:^|[\s/])(hpc [a-z-].*)", line.removeprefix("$ "))
            if call and not line.lstrip().startswith("#"):
                yield call[1]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_with_an_example_that_exists(name: str) -> None:
    example = re.fullmatch(r"Example: (hpc .+)", command_of(name).epilog or "")
    assert example is not None
    assert example[1].split()[1] == name
    understand(example[1])


def test_help_of_inner_commands_ends_with_an_example_that_exists() -> None:
    groups = {name: command for name in COMMANDS if isinstance(command := command_of(name), click.Group)}
    assert list(groups) == ["schedule", "hydra"]
    for name, inner in ((name, inner) for name, group in groups.items() for inner in group.commands.values()):
        example = re.fullmatch(r"Example: (hpc .+)", inner.epilog or "")
        assert example is not None
        assert example[1].split()[1:3] == [name, inner.name]
        understand(example[1])


def test_help_of_the_group_has_an_example() -> None:
    assert cli.epilog is not None
    understand(cli.epilog.removeprefix("Example: "))


@pytest.mark.parametrize(
    "line",
    [
        "hpc compil a.yaml",
        "hpc compile",
        "hpc compile a --targets kfp",
        "hpc run a --on x",
        "hpc hydra key a b",
        "hpc hydra keys a",
    ],
)
def test_a_command_line_can_be_wrong(line: str) -> None:
    with pytest.raises((click.UsageError, AssertionError)):
        understand(line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_command_lines_of_a_page_exist(page: Path) -> None:
    for line in lines_of(page):
        try:
            understand(line)
        except click.exceptions.Exit as done:
            assert done.exit_code == 0, line
        except (click.UsageError, AssertionError) as error:
            pytest.fail(f"{line}: {error}")


def test_readme_calls_hpc() -> None:
    assert {line.split()[1] for line in lines_of(ROOT / "README.md")} >= {"init", "check", "compile", "run"}


# ---------------------------------------------------------------- pipeline files in pages

FILE = re.compile(r"# (\S+\.(?:yaml|json))\n")
"""The first line of a block that another block uses as a file."""
ONLY = re.compile(r"# target: (\w+)\n")
"""The first line of a pipeline that one target alone can run."""


def _pipelines() -> Iterator[tuple[Path, str, str]]:
    """Every whole pipeline file of the pages, for each target that can run it."""
    for page in PAGES:
        for text in blocks(page, "yaml"):
            only = ONLY.match(text)
            if text[only.end() if only else 0 :].startswith("hpc: 1"):
                yield from ((page, text, target) for target in ([only[1]] if only else TARGETS))


WHOLE = [pytest.param(*each, id=f"{each[0].stem}-{each[2]}-{index}") for index, each in enumerate(_pipelines())]


@pytest.mark.parametrize(("page", "text", "target"), WHOLE)
def test_whole_pipelines_compile(page: Path, text: str, target: str, tmp_path: Path) -> None:
    (tmp_path / "trainer").mkdir()
    (tmp_path / "trainer" / "requirements.txt").touch()
    for block in blocks(page, "yaml"):
        file = FILE.match(block)
        if file:
            (tmp_path / file[1]).write_text(block, encoding="utf-8")
    result = compile_text(text, target, folder=tmp_path)
    assert result.compiled is not None, result.shown
    assert lint(parse(documents(result.compiled.text))) == []
    assert {one.rule.code for one in result.diagnostics} <= HARMLESS, result.shown


HARMLESS = {"HPC512", "HPC514", "HPC516", "HPC525"}
"""Notes about targets and machines, and a warning about what Kubeflow does not tell."""


def test_pipelines_for_one_target_are_refused_elsewhere() -> None:
    for _, text, target in (each for each in _pipelines() if ONLY.match(each[1])):
        for other in TARGETS.keys() - {target}:
            found = compile_text(text, other).diagnostics
            assert {one.rule.code for one in found if one.is_error} == {"HPC504"}, other


def test_the_language_has_whole_pipelines() -> None:
    assert len({text for page, text, _ in _pipelines() if page.stem == "language"}) >= 15


def test_the_language_mentions_every_key() -> None:
    schema = pipeline_schema()
    keys = {key for block in (schema, *schema["$defs"].values()) for key in block.get("properties", {})}
    text = (DOCS / "language.md").read_text(encoding="utf-8")
    assert sorted(key for key in keys if not re.search(rf"\b{re.escape(key)}\b", text)) == []


def test_links_between_pages_lead_somewhere() -> None:
    dead = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert dead == []


# ---------------------------------------------------------------- shell completion, as docs/cli.md says


def completed(shell: str, **words: str) -> str:
    scripts = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "_HPC_COMPLETE": shell, **words}
    return subprocess.run(["hpc"], env=environment, capture_output=True, check=True, encoding="utf-8").stdout


def test_completion_scripts_as_documented() -> None:
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    shells = re.findall(r"_HPC_COMPLETE=(\w+)_source hpc", page)
    assert shells == ["bash", "zsh", "fish"]
    for shell in shells:
        assert f"_HPC_COMPLETE={shell}_complete" in completed(f"{shell}_source")


def test_completion_knows_commands_and_options() -> None:
    assert completed("bash_complete", COMP_WORDS="hpc schem", COMP_CWORD="1") == "plain,schema\n"
    assert "schema" in completed("zsh_complete", COMP_WORDS="hpc schem", COMP_CWORD="1").splitlines()
    assert completed("fish_complete", COMP_WORDS="hpc schem", COMP_CWORD="schem").startswith("plain,schema")
    assert completed("bash_complete", COMP_WORDS="hpc compile --tar", COMP_CWORD="2") == "plain,--target\n"


def test_bash_takes_the_completion() -> None:
    scripts = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    line = 'eval "$(_HPC_COMPLETE=bash_source hpc)" && complete -p hpc'
    shown = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, check=True, encoding="utf-8")
    assert shown.stdout.rstrip().endswith(" hpc")
