"""Answers come from one process for all questions, or from what was kept under everything that they came from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from hpc.cli import disk
from hpc.compiler import Choice, compile
from hpc.compiler.questions import (
    Answer,
    Config,
    Finding,
    Fit,
    Fits,
    Group,
    Key,
    Keys,
    Listed,
    Question,
    Sweep,
    Swept,
    Word,
)
from hpc.compiler.targets import TARGETS
from hpc.composing import child, contents, kept, process
from hpc.composing.asker import Asker
from hpc.composing.contents import Contents
from hpc.composing.plain import as_answer, as_plain
from hpc.diagnostics import Rejected, Source

CONF = Config("conf", "train")
KEYS = Keys(CONF)
SWEEP = Sweep("range(1,3)", "lr", 10)
GLOB = Sweep("glob(*)", "model", 10, CONF)
FIT = Fit(CONF, (Word("lr=1"), Word("rate=2")))
FILES = {
    "train.yaml": "defaults: [{model: small}, _self_]\nlr: 0.1\n",
    "model/small.yaml": "size: 1\n",
    "model/large.yaml": "size: 2\n",
}
LISTED = Listed(
    (Key("model.size", "int", 1), Key("lr", "float", 0.1)), (Group("model", ("large", "small"), ("small",)),)
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A pipeline's folder with a configuration."""
    for name, text in FILES.items():
        _write(tmp_path / "project" / "conf" / name, text)
    return tmp_path / "project"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


Replies = Callable[[Path, Sequence[dict[str, Any]], bool], list[dict[str, Any]]]


def _counted(replies: Replies, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Answers with `replies` from now on; the number of questions of each batch."""
    counts: list[int] = []

    def counted(folder: Path, questions: Sequence[dict[str, Any]], is_again: bool = False) -> list[dict[str, Any]]:
        counts.append(len(questions))
        return replies(folder, questions, is_again)

    monkeypatch.setattr(process, "replies", counted)
    return counts


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of questions of each process that is started."""
    return _counted(process.replies, monkeypatch)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of questions in each batch that Hydra is asked: here in this process, which is quicker."""
    return _counted(_replies_from_here, monkeypatch)


def _replies_from_here(
    folder: Path, questions: Sequence[dict[str, Any]], is_again: bool = False
) -> list[dict[str, Any]]:
    del is_again
    here, asks = Path.cwd(), child._asks()
    child._contents.cache_clear()  # a process reads what there is once
    before = frozenset(sys.modules)
    os.chdir(folder)
    try:
        return [json.loads(child._reply(asks[question["ask"]], question, before)) for question in questions]
    finally:
        os.chdir(here)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def _entries(cache: Path) -> list[Path]:
    return sorted(path for path in (cache / "composed").rglob("*") if path.is_file())


# ---------------------------------------------------------------- one process


def test_one_process_answers_everything(folder: Path, processes: list[int]) -> None:
    asker = Asker(folder, None)
    wrong = Sweep("choice(1", "lr", 10)
    fits, swept, listed, again, trouble, options = asker.ask([FIT, SWEEP, KEYS, SWEEP, wrong, GLOB])
    assert isinstance(fits, Fits)
    assert [(found.kind, found.word, found.key) for found in fits.findings] == [("unknown-key", 1, "rate")]
    assert swept == again == Swept((1, 2))
    assert listed == LISTED
    assert trouble == Swept((), "syntax", "no viable alternative at input 'choice(1'")
    assert options == Swept(("large", "small"))
    assert processes == [5]
    assert asker.ask([KEYS, FIT]) == [listed, fits]
    assert processes == [5]


def test_no_questions_start_nothing(folder: Path, processes: list[int]) -> None:
    assert Asker(folder, None).ask([]) == []
    assert processes == []


def test_none_for_all_without_hydra(folder: Path, monkeypatch: pytest.MonkeyPatch, processes: list[int]) -> None:
    monkeypatch.setattr(contents, "_installed", lambda: ())
    assert Asker(folder, None).ask([SWEEP, KEYS]) == [None, None]
    assert processes == []


@pytest.mark.parametrize(
    ("hydra", "omegaconf", "is_here"),
    [
        ("__version__ = '1.1.0'", "", True),
        ('# about\n__version__ = "2.0.0.dev1"', "", True),
        ('__version__ = "1.0.7"', "", False),
        ('__version__ = "1.3.2"', None, False),
        (None, "", False),
    ],
)
def test_which_hydra_can_be_asked(tmp_path: Path, hydra: str | None, omegaconf: str | None, is_here: bool) -> None:
    for name, text in (("hydra", hydra), ("omegaconf", omegaconf)):
        (tmp_path / name).mkdir()
        if text is not None:
            _write(tmp_path / name / "__init__.py", text)
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.path[2:] = [p for p in sys.path[2:] "
    program += "if 'site-packages' not in p]; from hpc.composing.contents import hydra_is_here; print(hydra_is_here())"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(is_here)


def test_what_is_printed_does_not_disturb_the_answer(folder: Path) -> None:
    _write(folder / "app.py", "import os\nprint('hello')\nos.write(1, b'[]')\nos.system('echo hello')\n")
    question = Sweep("glob(*)", "model", 10, Config("conf", "train", ("app.py",)))
    assert Asker(folder, None).ask([question]) == [Swept(("large", "small"))]


def test_the_environment_and_the_folder_do_not_change_an_answer(
    folder: Path, monkeypatch: pytest.MonkeyPatch, processes: list[int]
) -> None:
    questions = [FIT, SWEEP, KEYS, Keys(CONF, ("model=none",))]
    plain = Asker(folder, None).ask(questions)
    for name in ("HYDRA_FULL_ERROR", "OC_CAUSE", "SELF_WARNING_AS_ERROR", "HYDRA_DEPRECATION_WARNINGS_AS_ERRORS"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("PYTHONINSPECT", "1")
    for name in ("json", "hydra", "omegaconf", "typing", "hpc"):
        _write(folder / f"{name}.py", "raise SystemExit('not this one')")
    monkeypatch.chdir(folder)
    assert Asker(Path(), None).ask(questions) == plain
    assert processes == [4, 4]


def test_modules_are_found_where_this_process_finds_them(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "from hydra.core.config_store import ConfigStore\n"
    text += "ConfigStore.instance().store(group='model', name='huge', node={})\n"
    _write(tmp_path / "elsewhere" / "our_models.py", text)
    _write(folder / "app.py", "import our_models\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("elsewhere")
    question = Sweep("glob(*)", "model", 10, Config("conf", "train", ("app.py",)))
    assert Asker(folder, None).ask([question]) == [Swept(("huge", "large", "small"))]


def test_entries_of_the_path_that_are_no_folders_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [process._settled(entry) for entry in ("", "/usr", "__editable__.x.finder.__path_hook__")] == [
        str(tmp_path),
        "/usr",
        "__editable__.x.finder.__path_hook__",
    ]


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (
            "import os, sys\nprint('out of memory', file=sys.stderr)\nos._exit(3)",
            "no answer: exit code 3: out of memory",
        ),
        ("import os\nos.kill(os.getpid(), 9)", "Hydra gave no answer: exit code -9"),
    ],
)
def test_a_process_that_dies(folder: Path, cache: Path, program: str, said: str) -> None:
    _write(folder / "app.py", program)
    ending = Keys(Config("conf", "train", ("app.py",)))
    listed, swept = Asker(folder, cache).ask([ending, SWEEP])
    assert isinstance(listed, Listed)
    assert listed.trouble.endswith(said)
    assert listed.failed
    assert swept == Swept((1, 2))
    assert len(_entries(cache)) == 1


ENDING = Config("conf", "train", ("app.py",))


def test_only_the_configuration_that_ends_its_process_has_no_answer(
    folder: Path, cache: Path, processes: list[int]
) -> None:
    """One process for everything, then one for each configuration, however many questions that has."""
    _write(folder / "app.py", "import os\nos._exit(3)")
    ending = [Keys(ENDING), Fit(ENDING, (Word("lr=1"),)), Sweep("glob(*)", "model", 10, ENDING)]
    questions = [ending[0], SWEEP, KEYS, ending[1], FIT, ending[2], GLOB]
    said = "Hydra gave no answer: exit code 3"
    expected = [
        Listed(trouble=said, failed=True),
        Swept((1, 2)),
        LISTED,
        Fits((Finding("no-answer", said=said),)),
        *Asker(folder, None).ask([FIT]),
        Swept((), "no-answer", said),
        Swept(("large", "small")),
    ]
    processes.clear()
    assert Asker(folder, cache).ask(questions) == expected
    assert processes == [7, 3, 1, 3]
    assert len(_entries(cache)) == 4


def test_only_the_configuration_that_hangs_has_no_answer(
    folder: Path, monkeypatch: pytest.MonkeyPatch, processes: list[int]
) -> None:
    monkeypatch.setattr(process, "SECONDS", 1)
    monkeypatch.setattr(process, "SECONDS_AGAIN", 9)
    program = process._PROGRAM.replace("main(given", "import time; _stay(given['questions']); main(given")
    program = f"def _stay(all):\n    while any('hang' in str(each) for each in all): pass\n{program}"
    monkeypatch.setattr(process, "_PROGRAM", program)
    hanging = Keys(Config("hang", "train"))
    listed, swept = Asker(folder, None).ask([hanging, SWEEP])
    assert listed == Listed(trouble="Hydra did not answer within 10 seconds", failed=True)
    assert swept == Swept((1, 2))
    assert processes == [2, 1, 1]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent", "no such file or directory"),
        ("conf/train.yaml", "not a directory"),
        ("a\0b", "embedded null byte"),
    ],
)
def test_a_folder_in_which_no_process_can_work(folder: Path, cache: Path, name: str, said: str) -> None:
    said = f"no process can be started for it: {said}"
    answers = Asker(folder / name, cache).ask([SWEEP, KEYS])
    assert answers == [Swept((), "no-answer", said), Listed(trouble=said, failed=True)]
    assert _entries(cache) == []


def test_a_python_that_cannot_be_started(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(folder / "none"))
    said = "no process can be started for it: no such file or directory"
    assert Asker(folder, None).ask([SWEEP]) == [Swept((), "no-answer", said)]


@pytest.mark.parametrize(
    ("text", "said"), [("\0", "ValueError: embedded null byte"), ("\ud800", "UnicodeEncodeError: 'utf-8' codec can't ")]
)
def test_names_that_no_file_can_have(folder: Path, cache: Path, asked: list[int], text: str, said: str) -> None:
    questions = [Keys(Config(text, "train")), Keys(Config("conf", text)), Keys(Config("conf", "train", (text,)))]
    no_folder, *others = _ask(folder, cache, questions)
    assert no_folder == Listed(trouble=f"Primary config directory not found: '{text}'")
    for answer in others:
        assert isinstance(answer, Listed)
        assert (answer.trouble[: len(said)], answer.failed) == (said, True)
    assert asked == [3]


def test_a_process_that_hangs_is_ended_with_all_that_it_started(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "SECONDS", 1)
    program = "import subprocess, pathlib; other = subprocess.Popen(['sleep', '600'])\n"
    program += "pathlib.Path('pid').write_text(str(other.pid)); other.wait()"
    monkeypatch.setattr(process, "_PROGRAM", program)
    assert Asker(folder, None).ask([KEYS]) == [Listed(trouble="Hydra did not answer within 2 seconds", failed=True)]
    status = Path("/proc") / (folder / "pid").read_text() / "status"
    for _ in range(100):
        if not _is_running(status):
            break
        time.sleep(0.1)
    assert not _is_running(status)


def _is_running(status: Path) -> bool:
    try:
        return "State:\tZ" not in status.read_text()
    except OSError:
        return False


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("print('hello')", "Hydra gave no answer: exit code 0"),
        ("print('[]')", "Hydra did not answer every question: exit code 0"),
        ("raise ValueError('a reason')", "Hydra gave no answer: exit code 1: ValueError: a reason"),
    ],
)
def test_an_answer_that_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch, program: str, said: str) -> None:
    monkeypatch.setattr(process, "_PROGRAM", program)
    assert Asker(folder, None).ask([SWEEP]) == [Swept((), "no-answer", said)]


def test_a_sweep_without_an_answer_is_not_called_wrong(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays an error, as there is no list to loop over."""
    monkeypatch.setattr(process, "_PROGRAM", "import os; os._exit(3)")
    monkeypatch.setattr(disk, "_cache", lambda: None)
    text = "hpc: 1\nname: p\nimages: {app: repo.example/app:1.0}\n"
    text += "components: {fit: {image: app, cli: argparse, inputs: {lr: {type: int, default: 1}}}}\n"
    text += "steps: {fit: {for_each: [lr], with: {lr: {sweep: 'range(1,3)'}}}}\nedges: [fit]\n"
    with pytest.raises(Rejected) as caught:
        compile(Source("p.yaml", text), TARGETS["kfp"], disk.Folder(folder), Choice())
    [found] = caught.value.diagnostics
    assert (found.rule.code, found.fact, found.fix) == (
        "HPC619",
        "`range(1,3)` is Hydra's to read, and Hydra could not be asked: Hydra gave no answer: exit code 3.",
        "write the values as a list.",
    )


def _broken(question: dict[str, Any]) -> dict[str, Any]:
    del question
    raise KeyError("first line\nsecond line")


def _unwritable(question: dict[str, Any]) -> dict[str, Any]:
    return {"values": [float("nan")], "asked": question}


def _exiting(question: dict[str, Any]) -> dict[str, Any]:
    raise SystemExit(question["ask"])


@pytest.mark.parametrize(
    ("question", "ask", "answer"),
    [
        (FIT, _broken, Fits((Finding("no-answer", said="KeyError: 'first line\\nsecond line'"),))),
        (FIT, _exiting, Fits((Finding("no-answer", said="SystemExit: fit"),))),
        (SWEEP, _broken, Swept((), "no-answer", "KeyError: 'first line\\nsecond line'")),
        (SWEEP, _unwritable, Swept((), "no-answer", "ValueError: Out of range float values are not JSON compliant")),
        (KEYS, _exiting, Listed(trouble="SystemExit: keys", failed=True)),
    ],
)
def test_an_exception_in_one_question_is_its_answer(
    question: Question, ask: Callable[[dict[str, Any]], dict[str, Any]], answer: Answer
) -> None:
    reply = json.loads(child._reply(ask, as_plain(question), frozenset()))
    found = as_answer(question, reply["answer"])
    if isinstance(found, Swept) and ":" in found.said:
        found = Swept((), found.trouble, found.said.removesuffix(": nan"))
    assert (found, reply["keep"]) == (answer, False)


def test_a_failure_does_not_lose_the_other_answers(folder: Path) -> None:
    _write(folder / "app.py", "import hydra._internal.defaults_list as used\nused.Overrides.is_overridden = 0\n")
    broken = Keys(Config("conf", "train", ("app.py",)))
    swept, listed = Asker(folder, None).ask([SWEEP, broken])
    assert swept == Swept((1, 2))
    assert listed == Listed(trouble="TypeError: 'int' object is not callable", failed=True)


def test_one_line_of_an_exception() -> None:
    assert child.one_line(ValueError("a\nb")) == "ValueError: a"
    assert child.one_line(ValueError()) == "ValueError"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (FIT, Fits((Finding("type", 1, 2, "a", "b", 3, ("c",), ("d", "e")), Finding("is-cpu", key="x")))),
        (SWEEP, Swept((1, 0.5, True, None, "x", [1, {"a": []}]))),
        (KEYS, LISTED),
    ],
)
def test_answers_survive_json(question: Question, answer: Answer) -> None:
    assert as_answer(question, json.loads(json.dumps(asdict(answer)))) == answer


# ---------------------------------------------------------------- what is kept


def _ask(folder: Path, cache: Path | None, questions: Sequence[Question] = (KEYS, SWEEP, GLOB)) -> list[Answer | None]:
    return Asker(folder, cache).ask(questions)


def test_a_second_time_nothing_is_asked(folder: Path, cache: Path, asked: list[int]) -> None:
    first = _ask(folder, cache, (KEYS, SWEEP, GLOB, FIT))
    assert _ask(folder, cache, (KEYS, SWEEP, GLOB, FIT)) == first
    assert asked == [4]
    names = [path.relative_to(cache / "composed").parts for path in _entries(cache)]
    assert len(names) == 4
    assert all(name == f"{name[:2]}{name[2:64]}.json" and parent == name[:2] for parent, name in names)


def test_only_what_is_not_kept_is_asked(folder: Path, cache: Path, asked: list[int]) -> None:
    _ask(folder, cache, (KEYS,))
    assert _ask(folder, cache, (SWEEP, KEYS, GLOB)) == [Swept((1, 2)), LISTED, Swept(("large", "small"))]
    assert asked == [1, 2]


def test_without_a_cache_nothing_is_kept(folder: Path, asked: list[int]) -> None:
    _ask(folder, None)
    _ask(folder, None)
    assert asked == [3, 3]


@pytest.mark.parametrize("name", [*FILES, "unused.yml", "new.yaml", "model/nested/new.yaml"])
def test_a_changed_byte_is_asked_again(folder: Path, cache: Path, asked: list[int], name: str) -> None:
    _write(folder / "conf" / "unused.yml", "a: 1\n")
    _ask(folder, cache)
    file = folder / "conf" / name
    _write(file, f"{file.read_text() if file.exists() else ''}#")
    _ask(folder, cache)
    assert asked == [3, 2]


def test_a_removed_file_and_a_new_folder_are_asked_again(folder: Path, cache: Path, asked: list[int]) -> None:
    _ask(folder, cache)
    (folder / "conf" / "model" / "large.yaml").unlink()
    assert _ask(folder, cache)[2] == Swept(("small",))
    (folder / "conf" / "group").mkdir()
    _ask(folder, cache)
    (folder / "conf").rename(folder / "moved")
    assert _ask(folder, cache)[2] == Swept((), "no-config", "there is no such folder")
    assert asked == [3, 2, 2, 2]


def test_what_hydra_does_not_read_changes_nothing(folder: Path, cache: Path, asked: list[int]) -> None:
    _ask(folder, cache)
    for name in ("about.md", "model/about.txt", ".git/a.yaml"):
        _write(folder / "conf" / name, "x")
    (folder / "conf" / "__pycache__").mkdir()
    os.utime(folder / "conf" / "train.yaml", (1, 1))
    _write(folder / "other.yaml", "x")
    _ask(folder, cache)
    assert asked == [3]


def test_what_a_search_path_names_is_neither_read_nor_in_the_key(
    folder: Path, cache: Path, asked: list[int], tmp_path: Path
) -> None:
    _write(tmp_path / "more" / "model" / "huge.yaml", "")
    _write(folder / "conf" / "train.yaml", f"hydra: {{searchpath: ['file://{tmp_path}/more']}}\n")
    assert _ask(folder, cache)[2] == Swept(("large", "small"))
    _write(tmp_path / "more" / "model" / "tiny.yaml", "")
    assert _ask(folder, cache)[2] == Swept(("large", "small"))
    assert asked == [3]


def test_a_virtual_environment_is_not_read(folder: Path, cache: Path, asked: list[int]) -> None:
    for name in ("pyvenv.cfg", "a.yaml"):
        _write(folder / "conf" / "venv" / name, "x")
    _ask(folder, cache)
    _write(folder / "conf" / "venv" / "a.yaml", "y")
    _ask(folder, cache)
    assert asked == [3]


@pytest.mark.parametrize(
    "other",
    [
        Sweep("range(1,4)", "lr", 10),
        Sweep("range(1,3)", "rate", 10),
        Sweep("range(1,3)", "lr", 11),
        Keys(CONF, ("lr=1",)),
        Keys(Config("conf", "model/small")),
    ],
)
def test_another_question_is_asked(folder: Path, cache: Path, asked: list[int], other: Question) -> None:
    _ask(folder, cache)
    _ask(folder, cache, (other,))
    assert asked == [3, 1]


def test_a_moved_folder_keeps_its_answers(folder: Path, cache: Path, asked: list[int]) -> None:
    first = _ask(folder, cache)
    moved = folder.with_name("moved")
    folder.rename(moved)
    assert _ask(moved, cache) == first
    assert asked == [3]


@pytest.mark.parametrize("name", ["version of hpc", "format", "hydra", "omegaconf", "plugins"])
def test_another_version_is_asked_again(
    folder: Path, cache: Path, asked: list[int], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    _ask(folder, cache)
    installed = contents._installed()
    changed = {
        "version of hpc": ("__version__", "9.9"),
        "format": ("FORMAT", 99),
        "hydra": ("_installed", lambda: ("x", *installed[1:])),
        "omegaconf": ("_installed", lambda: (*installed[:2], "x", installed[3])),
        "plugins": ("_plugins", lambda: ["hydra_colorlog 1"]),
    }
    monkeypatch.setattr(contents, *changed[name])
    _ask(folder, cache)
    assert asked == [3, 3]


def test_links_are_followed_and_circles_end(folder: Path, cache: Path, asked: list[int], tmp_path: Path) -> None:
    _write(tmp_path / "shared" / "one.yaml", "a: 1\n")
    (folder / "conf" / "linked").symlink_to(tmp_path / "shared")
    (folder / "conf" / "twice").symlink_to(tmp_path / "shared")
    (tmp_path / "shared" / "up").symlink_to(folder / "conf")
    (folder / "conf" / "self").symlink_to("self")
    (folder / "conf" / ".#lock.yaml").symlink_to("nowhere")
    contents_of = Contents(folder)
    assert contents_of.key(as_plain(GLOB)) == Contents(folder).key(as_plain(GLOB)) is not None
    sweeps = (GLOB, SWEEP)
    _ask(folder, cache, sweeps)
    _write(tmp_path / "shared" / "one.yaml", "a: 2\n")
    _ask(folder, cache, sweeps)
    (folder / "conf" / "twice").unlink()
    (folder / "conf" / "twice").symlink_to(folder / "conf" / "model")
    _ask(folder, cache, sweeps)
    assert asked == [2, 1, 1]


@pytest.mark.parametrize("rubbish", ["", "{", "[]", "3", "null", '{"values": 3}', '{"keys": []}', "[" * 100_000])
def test_rubbish_is_replaced(folder: Path, cache: Path, asked: list[int], rubbish: str) -> None:
    first = _ask(folder, cache)
    before = {path: path.read_text() for path in _entries(cache)}
    for path in before:
        path.write_text(rubbish)
    assert _ask(folder, cache) == first
    assert asked == [3, 3]
    assert {path: path.read_text() for path in _entries(cache)} == before


@pytest.mark.parametrize("where", ["", "composed"])
def test_a_cache_that_cannot_be_written_is_silent(
    folder: Path, cache: Path, asked: list[int], where: str, capfd: pytest.CaptureFixture[str]
) -> None:
    _write(cache / where if where else cache, "a file")
    first = _ask(folder, cache)
    assert _ask(folder, cache) == first
    assert asked == [3, 3]
    assert capfd.readouterr() == ("", "")


def test_a_disk_that_is_full_leaves_nothing_half_written(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replace(path: Path, target: Path) -> Path:
        raise OSError(28, f"No space left on device for {path}", str(target))

    monkeypatch.setattr(Path, "replace", replace)
    assert _ask(folder, cache)[1] == Swept((1, 2))
    assert _entries(cache) == []


def _filled(cache: Path, monkeypatch: pytest.MonkeyPatch) -> kept.Kept:
    """1,000 entries, as many as there may be; the higher the number, the later it was used."""
    monkeypatch.setattr(kept, "MOST_FILES", 1000)
    monkeypatch.setattr(kept, "LEFT", 900)
    store = kept.Kept(cache)
    for index in range(1000):
        store.put(f"{index:064x}", index)
        os.utime(cache / "composed" / "00" / f"{index:064x}.json", (index, index))
    return store


def test_the_cache_does_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = _filled(tmp_path, monkeypatch)
    store.trim()
    assert len(_entries(tmp_path)) == 1000
    store.put("0" * 63 + "x", "the newest")
    store.trim()
    assert len(_entries(tmp_path)) == 900
    assert [store.get(f"{index:064x}") for index in (0, 100, 101, 999)] == [None, None, 101, 999]
    assert store.get("0" * 63 + "x") == "the newest"


def test_what_is_used_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = _filled(tmp_path, monkeypatch)
    assert [store.get(f"{index:064x}") for index in (0, 50)] == [0, 50]
    store.put("0" * 63 + "x", "the newest")
    store.trim()
    assert [store.get(f"{index:064x}") for index in (0, 1, 50, 51, 102, 103)] == [0, None, 50, None, None, 103]


def test_only_a_use_of_another_day_is_written_down(tmp_path: Path) -> None:
    store = kept.Kept(tmp_path)
    store.put("a" * 64, 1)
    [file] = _entries(tmp_path)
    now = time.time()
    for age, is_touched in ((3600, False), (25 * 3600, True)):
        os.utime(file, (now - age, now - age))
        store.get("a" * 64)
        assert (file.stat().st_mtime > now - 60) is is_touched


def test_all_files_are_looked_at_only_where_a_folder_has_more_than_its_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = _filled(tmp_path, monkeypatch)
    for index in range(kept.MOST_FILES // 256):
        store.put(f"{index + 1:02x}" + "0" * 62, index)
        store.trim()
    assert len(_entries(tmp_path)) == 1003
    kept.Kept(tmp_path).trim()  # which has written nothing
    assert len(_entries(tmp_path)) == 1003


def test_room_for_large_projects(tmp_path: Path) -> None:
    """As many answers as are kept at all, none of which is asked for twice."""
    assert (kept.MOST_FILES, kept.LEFT) == (20_000, 15_000)
    store = kept.Kept(tmp_path)
    for index in range(1200):
        store.put(f"{index * 213 % 256:02x}{index:062x}", index)
    store.trim()
    assert len(_entries(tmp_path)) == 1200


@pytest.mark.parametrize(("name", "most"), [("MOST_FILES", 2), ("MOST_BYTES", 50), ("MOST_ENTRIES", 3)])
def test_a_folder_that_is_too_large_is_not_kept(
    folder: Path, cache: Path, asked: list[int], monkeypatch: pytest.MonkeyPatch, name: str, most: int
) -> None:
    monkeypatch.setattr(contents, name, most)
    assert _ask(folder, cache) == _ask(folder, cache)
    assert asked == [3, 2]
    monkeypatch.setattr(contents, name, 1000)
    _ask(folder, cache)
    _ask(folder, cache)
    assert asked == [3, 2, 2]


def test_what_changes_while_hydra_reads_is_not_kept(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def replies(folder: Path, questions: Sequence[dict[str, Any]], is_again: bool = False) -> list[dict[str, Any]]:
        found = _replies_from_here(folder, questions, is_again)
        _write(folder / "conf" / "model" / "new.yaml", "")
        return found

    monkeypatch.setattr(process, "replies", replies)
    _ask(folder, cache)
    assert len(_entries(cache)) == 1  # the sweep that no file is needed for


# ---------------------------------------------------------------- programs that are run


IMPORTING = Sweep("glob(*)", "model", 10, Config("conf", "train", ("src/app.py",)))
STORE = (
    "from hydra.core.config_store import ConfigStore\nConfigStore.instance().store(group='model', name={!r}, node={{}})"
)


def test_every_program_beside_an_import_is_in_the_key(folder: Path, cache: Path, processes: list[int]) -> None:
    _write(folder / "src" / "app.py", "import parts.models\n")
    _write(folder / "src" / "parts" / "models.py", STORE.format("huge"))
    assert _ask(folder, cache, [IMPORTING]) == _ask(folder, cache, [IMPORTING]) == [Swept(("huge", "large", "small"))]
    assert processes == [1]
    _write(folder / "src" / "parts" / "models.py", STORE.format("tiny"))
    assert _ask(folder, cache, [IMPORTING]) == [Swept(("large", "small", "tiny"))]
    _write(folder / "src" / "other.py", "")
    _ask(folder, cache, [IMPORTING])
    _write(folder / "src" / "about.yaml", "")
    _ask(folder, cache, [IMPORTING])
    assert processes == [1, 1, 1]
    assert [*folder.rglob("*.pyc")] == []


def test_an_answer_from_modules_elsewhere_is_not_kept(
    folder: Path, cache: Path, processes: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "lib" / "our_library.py", STORE.format("huge"))
    _write(folder / "src" / "app.py", "import our_library\n")
    monkeypatch.syspath_prepend(tmp_path / "lib")
    assert _ask(folder, cache, [IMPORTING, SWEEP])[0] == Swept(("huge", "large", "small"))
    _write(tmp_path / "lib" / "our_library.py", STORE.format("tiny"))
    assert _ask(folder, cache, [IMPORTING, SWEEP])[0] == Swept(("large", "small", "tiny"))
    assert processes == [2, 1]


def test_an_upgraded_package_is_asked_again_where_programs_are_imported(
    folder: Path, cache: Path, processes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(folder / "src" / "app.py", "")
    _ask(folder, cache, [IMPORTING, GLOB])
    monkeypatch.setattr(contents, "_changed", len)
    _ask(folder, cache, [IMPORTING, GLOB])
    assert processes == [2, 1]


BESIDE = """import json, pathlib
from hydra.core.config_store import ConfigStore
for name in json.loads((pathlib.Path(__file__).parent / "FILE").read_text()):
    ConfigStore.instance().store(group='model', name=name, node={})
"""


@pytest.mark.parametrize("name", ["kinds.json", "../conf/kinds.json", "../conf/.hidden/kinds.yaml", "../../kinds.json"])
def test_an_answer_from_other_files_is_not_kept(folder: Path, cache: Path, processes: list[int], name: str) -> None:
    """Nor is another one about the same import, which is run once in a process."""
    _write(folder / "src" / "app.py", BESIDE.replace("FILE", name))
    questions = [IMPORTING, Keys(Config("conf", "train", ("src/app.py",))), KEYS]
    for index, kind in enumerate(("huge", "tiny")):
        _write(folder / "src" / name, f'["{kind}"]')
        options, listed, _ = _ask(folder, cache, questions)
        assert options == Swept(tuple(sorted(("large", "small", kind))))
        assert isinstance(listed, Listed)
        assert kind in listed.groups[0].options
        assert processes == [3, 2][: index + 1]
    assert len(_entries(cache)) == 1


@pytest.mark.parametrize(
    "program",
    [
        "import pathlib; pathlib.Path('conf/train.yaml').read_text()",
        "import pathlib; pathlib.Path('src/app.py').read_text(); pathlib.Path('linked/a.yaml').read_text()",
        "import json.tool, hydra, yaml; open(yaml.__file__).close(); open(json.__file__).close()",
        "import pathlib; pathlib.Path('written').write_text('x')",
        "import os; os.close(os.open('conf', os.O_RDONLY)); open(os.devnull).close()",
    ],
)
def test_an_answer_from_what_is_in_the_key_or_installed_is_kept(
    folder: Path, cache: Path, processes: list[int], tmp_path: Path, program: str
) -> None:
    _write(tmp_path / "shared" / "a.yaml", "")
    (folder / "conf" / "shared").symlink_to(tmp_path / "shared")
    (folder / "linked").symlink_to(tmp_path / "shared")
    _write(folder / "src" / "app.py", program)
    assert _ask(folder, cache, [IMPORTING]) == _ask(folder, cache, [IMPORTING])
    assert processes == [1]


def test_a_file_that_was_not_there_counts_as_read(folder: Path, cache: Path, processes: list[int]) -> None:
    _write(folder / "src" / "app.py", "try:\n    open('more.json')\nexcept OSError:\n    pass\n")
    _ask(folder, cache, [IMPORTING])
    _ask(folder, cache, [IMPORTING])
    assert processes == [1, 1]


def test_an_answer_from_a_hidden_config_is_not_kept(folder: Path, cache: Path, asked: list[int]) -> None:
    _write(folder / "conf" / "train.yaml", "defaults: [{.own: one}]\n")
    for size in (1, 2):
        _write(folder / "conf" / ".own" / "one.yaml", f"# @package own\nsize: {size}\n")
        [listed] = _ask(folder, cache, [KEYS])
        assert isinstance(listed, Listed)
        assert listed.keys == (Key("own.size", "int", size),)
    assert asked == [1, 1]


# ---------------------------------------------------------------- folders that hold more than a configuration

WHOLE = Keys(Config(".", "train"))


@pytest.mark.parametrize(
    "name",
    [
        "outputs/2024-01-31/10-00-00/.hydra/config.yaml",
        "outputs/2024-01-31/10-00-00/hparams.yaml",
        "multirun/2024-01-31/10-00-00/multirun.yaml",
        "outputs/baseline/.hydra/config.yaml",
        ".git/config.yaml",
        "venv/lib/site-packages/hydra/conf/config.yaml",
    ],
)
def test_runs_of_hydra_and_environments_do_not_count(
    tmp_path: Path, cache: Path, asked: list[int], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "MOST_FILES", 4)
    folder = tmp_path / "project"
    for each, text in {**FILES, "venv/pyvenv.cfg": "", "outputs/default.yaml": "", "multirun/empty": ""}.items():
        _write(folder / each, text)
    [listed] = _ask(folder, cache, [WHOLE])
    assert isinstance(listed, Listed)
    assert [(group.group, group.options) for group in listed.groups] == [
        ("model", ("large", "small")),
        ("outputs", ("default",)),
    ]
    for text in ("a: 1", "a: 2"):
        _write(folder / name, text)
        _write((folder / name).with_name("another.yaml"), text)
        assert _ask(folder, cache, [WHOLE]) == [listed]
    assert asked == [1]
    child._contents.cache_clear()
    assert Asker(folder, None).ask([WHOLE]) == [listed]


def test_a_config_group_called_like_a_folder_of_runs_is_in_the_key(folder: Path, cache: Path, asked: list[int]) -> None:
    _ask(folder, cache, [KEYS])
    _write(folder / "conf" / "outputs" / "local" / "default.yaml", "")
    [listed] = _ask(folder, cache, [KEYS])
    assert isinstance(listed, Listed)
    assert [group.group for group in listed.groups] == ["model", "outputs/local"]
    assert asked == [1, 1]


# ---------------------------------------------------------------- what it costs


def _modules_after(program: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys; print(*sys.modules)"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


HEAVY = {"hydra", "omegaconf", "antlr4", "yaml", "subprocess", "importlib.metadata", "tempfile"}


def test_a_kept_answer_imports_neither_hydra_nor_subprocess(folder: Path, cache: Path) -> None:
    program = (
        "from pathlib import Path\nfrom hpc.compiler.questions import Config, Keys\n"
        "import sys\nbefore = set(sys.modules)\n"
        "from hpc.composing.asker import Asker\n"
        f"[answer] = Asker(Path({str(folder)!r}), Path({str(cache)!r})).ask([Keys(Config('conf', 'train'))])\n"
        "assert len(answer.keys) == 2\n"
        "for name in before: del sys.modules[name]\n"
    )
    assert "hpc.composing.process" in _modules_after(program)
    assert not _modules_after(program) & {*HEAVY, "hpc.composing.process", "hpc.composing.child"}


def test_a_pipeline_without_a_configuration_never_comes_here() -> None:
    example = Path(__file__).parents[2] / "examples"
    [file] = [path for path in sorted(example.rglob("pipeline.yaml")) if "config:" not in path.read_text()][:1]
    program = f"from hpc.cli import run_command\nassert run_command(['compile', {str(file)!r}, '-o', '/dev/null']) == 0"
    loaded = _modules_after(program)
    assert "hpc.compiler" in loaded
    assert not {name for name in loaded if name.startswith("hpc.composing")}
