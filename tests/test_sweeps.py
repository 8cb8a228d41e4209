"""Hydra sweeps in `for_each`: they compile to what the same file with the lists written out compiles to, byte for byte.

Hydra itself is asked, as `hpc compile` does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from compiling import TESTS
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser

from hpc.cli.disk import Folder
from hpc.compiler import Choice, Compiled, compile
from hpc.compiler.graph import Binding, Constant, FromStep, Gathered
from hpc.compiler.questions import Answer, Config, Question, Sweep, Swept
from hpc.compiler.sweeps import MOST_VALUES
from hpc.compiler.targets import TARGETS
from hpc.diagnostics import Diagnostic, Rejected, Source

APP = """\
hpc: 1
name: p
vars: {rates: "0.1,0.01", rate: {sweep: "choice(0.1,0.01)"}}
images: {app: repo.example/app:1.0}
components:
  fit:
    image: app
    command: [python, fit.py]
    config: {dir: conf}
    inputs:
      lr: {type: float, default: 1}
      seed: {type: int, default: 1}
      size: {type: int, default: 8, max: 64}
      net: {type: string, as: +model, default: cnn}
      word: {type: string, as: app.word, default: a}
      flag: {type: bool, default: true}
      options: {type: dict, default: {a: 0}}
      layers: {type: list<int>, default: [1]}
    outputs: {score: float, weights: Model}
  best: {image: app, command: [python, best.py], inputs: {scores: list<float>, models: list<Model>}}
"""
GATHERED = "edges: [grid.score -> best.scores, grid.weights -> best.models]\n"
ALONE = "edges: [grid]\n"


def _grid(values: dict[str, str], settings: str = "", edges: str = GATHERED) -> str:
    """A step that loops over these inputs, unless `settings` say how, with these values."""
    settings = settings or f"for_each: [{', '.join(values)}]"
    given = ", ".join(f"{name}: {value}" for name, value in values.items())
    return f"steps: {{grid: {{uses: fit, {settings}, with: {{{given}}}}}}}\n{edges}"


def _sweep(text: str) -> str:
    """The sweep as YAML."""
    quoted = text.replace("'", "''")
    return f"{{sweep: '{quoted}'}}"


class Asked(Folder):
    """The real folder, and the batches of questions about sweeps that were asked."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.batches: list[list[Question]] = []

    def ask(self, questions: Sequence[Question]) -> Sequence[Answer | None]:
        if any(isinstance(question, Sweep) for question in questions):
            self.batches.append(list(questions))
        return super().ask(questions)


class Answering(Folder):
    """Gives this answer to every question."""

    def __init__(self, answer: Swept | None) -> None:
        super().__init__(TESTS)
        self.answer = answer

    def ask(self, questions: Sequence[Question]) -> Sequence[Answer | None]:
        return [self.answer for _ in questions]


CONFIG = {
    "config": "lr: 1.0\nseed: 1\nsize: 8\nflag: true\noptions: {a: 0}\nlayers: [1]\napp: {word: a}\nscore:\nweights:\n",
    **dict.fromkeys(("model/vit", "model/cnn", "model/cnn_small"), "{depth: 3}"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Asked:
    for name, text in CONFIG.items():
        path = tmp_path / "conf" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Asked(tmp_path)


def _compiled(text: str, files: Folder, target: str = "vertex", choice: Choice | None = None) -> Compiled:
    return compile(Source("pipeline.yaml", text), TARGETS[target], files, choice)


def _found(text: str, files: Folder) -> list[Diagnostic]:
    with pytest.raises(Rejected) as caught:
        _compiled(text, files)
    return caught.value.diagnostics


def _characters(found: Diagnostic) -> str:
    return found.span.source.text[found.span.start : found.span.end]


# ---------------------------------------------------------------- what Hydra's words stand for

VALUES = [
    ("lr", "choice(0.1,0.01,1e-4)", "[0.1, 0.01, 0.0001]"),
    ("lr", "0.1, 2", "[0.1, 2.0]"),
    ("lr", "range(1,4)", "[1, 2, 3]"),
    ("lr", "range(0.1,0.5,0.1)", "[0.1, 0.2, 0.3, 0.4]"),
    ("lr", "float(range(1,3))", "[1.0, 2.0]"),
    ("lr", "choice(0.1)", "[0.1]"),
    ("seed", "range(3)", "[0, 1, 2]"),
    ("seed", "range(10,0,-3)", "[10, 7, 4, 1]"),
    ("seed", "sort(3,1,2)", "[1, 2, 3]"),
    ("seed", "tag(x,choice(1,2))", "[1, 2]"),
    ("word", "adam,'sgd m'", "[adam, sgd m]"),
    ("word", "'a,b',c", '["a,b", c]'),
    ("word", r"'it\'s',b", "[it's, b]"),
    ("word", "str(choice(1,2))", '["1", "2"]'),
    ("word", "'größe','雪'", "[größe, 雪]"),
    ("net", "glob(*)", "[cnn, cnn_small, vit]"),
    ("net", "glob([c*,v*],exclude=*_small)", "[cnn, vit]"),
    ("flag", "true,false", "[true, false]"),
    ("options", "{a:1},{a:{b:[x,2]}}", "[{a: 1}, {a: {b: [x, 2]}}]"),
    ("layers", "[1,2],[3]", "[[1, 2], [3]]"),
]


@pytest.mark.parametrize(("name", "sweep", "values"), VALUES, ids=[sweep for _, sweep, _ in VALUES])
def test_as_if_the_list_stood_there(folder: Asked, name: str, sweep: str, values: str) -> None:
    for target in TARGETS:
        swept = _compiled(APP + _grid({name: _sweep(sweep)}), folder, target)
        literal = _compiled(APP + _grid({name: values}), folder, target)
        assert swept.text == literal.text
        assert [each.fact for each in swept.diagnostics] == [each.fact for each in literal.diagnostics]
    assert len(folder.batches) == len(TARGETS)


BOTH = {"lr": "<lr>", "net": "<net>"}
PLACES = {
    "two axes": _grid(BOTH),
    "beside a list": _grid({"seed": "[1, 2]", "lr": "<lr>"}),
    "zip": _grid(BOTH, "for_each: {zip: [lr, net]}"),
    "lanes": _grid(BOTH, "parallel: 3, for_each: [net, lr]"),
    "loop: runtime": _grid(BOTH, "loop: runtime, for_each: [lr, net]", ALONE),
    "zip, loop: runtime": _grid(BOTH, "loop: runtime, for_each: {zip: [lr, net]}", ALONE),
    "a component made of edges": (
        "  sub: {steps: {grid: {uses: fit, for_each: [lr], with: {lr: <lr>}}}, edges: [grid.score -> best.scores, "
        "grid.weights -> best.models]}\nedges: [sub]\n"
    ),
    "around a component made of edges": (
        "  sub: {inputs: {lr: float}, edges: [inputs.lr -> fit.lr]}\n"
        "steps: {grid: {uses: sub, for_each: [lr], with: {lr: <lr>}}}\nedges: [grid]\n"
    ),
    "a sibling": (
        "  other: {uses: fit, env: {A: b}}\nsteps: {other: {for_each: [net], with: {net: <net>}}}\nedges: [other]\n"
    ),
    "a sibling made of edges": (
        "  sub: {steps: {grid: {uses: fit, for_each: [lr], with: {lr: <lr>}}}, edges: [grid]}\n"
        "  twin: {uses: sub, title: Twin}\nedges: [twin]\n"
    ),
    "a used pipeline": "  lib: {uses: ./lib/lib.yaml}\nedges: [lib]\n",
    "a component of a used file": "  lib: {uses: ./lib/lib.yaml#sub}\nedges: [lib]\n",
    "a component of a used file in a loop": (
        "  lib: {uses: ./lib/lib.yaml#fit}\nsteps: {lib: {for_each: [net], with: {net: <net>}}}\nedges: [lib]\n"
    ),
}
LIBRARY = """\
hpc: 1
name: lib
images: {app: repo.example/app:1.0}
components:
  fit: {image: app, command: [python, fit.py], config: {dir: ../conf}, inputs: {net: {type: string, as: +model}}}
  sub: {steps: {grid: {uses: fit, for_each: [net], with: {net: <net>}}}, edges: [grid]}
steps: {grid: {uses: fit, for_each: [net], with: {net: <net>}}}
edges: [grid]
"""
SWEEPS = {"<lr>": "{sweep: 'choice(0.1,0.01)'}", "<net>": "{sweep: 'glob(*,exclude=*_small)'}"}
LISTS = {"<lr>": "[0.1, 0.01]", "<net>": "[cnn, vit]"}


def _with(values: dict[str, str], text: str) -> str:
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text


@pytest.mark.parametrize("place", PLACES)
def test_wherever_a_list_may_stand(folder: Asked, place: str) -> None:
    texts = []
    for values in (SWEEPS, LISTS):
        (folder.path / "lib").mkdir(exist_ok=True)
        (folder.path / "lib" / "lib.yaml").write_text(_with(values, LIBRARY), encoding="utf-8")
        texts.append(_compiled(_with(values, APP + PLACES[place]), folder).text)
    assert texts[0] == texts[1]
    assert len(folder.batches) == 1


WIDE = "profiles: {wide: {steps: {grid: {with: {lr: %s}}}}}\n"
RANGE = "{sweep: 'range(3)'}"
LR = "steps.grid.with.lr"
WRITTEN = {
    "a variable in the text": (_grid({"lr": '{sweep: "choice(${{ vars.rates }})"}'}), Choice()),
    "a variable as the text": (_grid({"lr": '{sweep: "${{ vars.rates }}"}'}), Choice()),
    "a variable as the sweep": (_grid({"lr": '"${{ vars.rate }}"'}), Choice()),
    "a profile": (WIDE % _sweep("0.1,0.01") + _grid({"lr": "[1, 2, 3]"}), Choice(("wide",))),
    "a profile over a sweep": (WIDE % _sweep("0.1,0.01") + _grid({"lr": RANGE}), Choice(("wide",))),
    "a list over a sweep": (WIDE % "[0.1, 0.01]" + _grid({"lr": RANGE}), Choice(("wide",))),
    "--set": (_grid({"lr": "[1]"}), Choice((), [f"{LR}={{sweep: 'choice(0.1,0.01)'}}"])),
    "--set of the text": (_grid({"lr": RANGE}), Choice((), [f"{LR}.sweep=choice(0.1,0.01)"])),
}


@pytest.mark.parametrize("way", WRITTEN)
def test_written_in_any_way(folder: Asked, way: str) -> None:
    text, choice = WRITTEN[way]
    swept = _compiled(APP + text, folder, choice=choice)
    assert swept.text == _compiled(APP + _grid({"lr": "[0.1, 0.01]"}), folder).text


def test_the_order_of_a_product_is_that_of_hydras_own_sweeper(folder: Asked) -> None:
    sweeps = {"lr": "choice(0.1,0.01)", "seed": "range(1,4)", "word": "b,a"}
    graph = _compiled(APP + _grid({name: _sweep(text) for name, text in sweeps.items()}), folder).graph
    steps = {each.name: each for each in graph.steps}
    gathered = steps["best"].bindings["scores"]
    assert isinstance(gathered, Gathered)
    items = [steps[item.step].bindings for item in gathered.items if isinstance(item, FromStep)]
    runs = [[f"{name}={_constant(item[name])}" for name in sweeps] for item in items]
    overrides = OverridesParser.create().parse_overrides([f"{name}={text}" for name, text in sweeps.items()])
    [jobs] = BasicSweeper.split_arguments(overrides, None)
    assert runs == [list(job) for job in jobs]
    assert len(runs) == 12


def _constant(binding: Binding) -> object:
    assert isinstance(binding, Constant)
    return binding.value


# ---------------------------------------------------------------- what is asked


def test_everything_is_asked_at_once_and_once(folder: Asked) -> None:
    steps = """\
  flags: {image: app, cli: argparse, command: [a], inputs: {rate: {type: float, as: --lr}}}
  sub: {steps: {again: {uses: fit, for_each: [net], with: {net: {sweep: "glob(*)"}}}}, edges: [again]}
steps:
  grid: {uses: fit, for_each: [lr, net], with: {lr: {sweep: "1,2"}, net: {sweep: "glob(*)"}}}
  flags: {for_each: [rate], with: {rate: {sweep: "1,2"}}}
edges: [grid, sub, flags]
"""
    _compiled(APP + steps, folder)
    conf = Config("conf", "config")
    questions = [Sweep("1,2", "lr", MOST_VALUES), Sweep("glob(*)", "model", MOST_VALUES, conf)]
    assert folder.batches == [[*questions, Sweep("1,2", "rate", MOST_VALUES)]]


def test_nothing_is_asked_without_a_sweep(folder: Asked) -> None:
    not_looped = "steps: {grid: {uses: fit, with: {options: {sweep: '1,2'}}}}\n" + ALONE
    assert '"sweep"' in _compiled(APP + not_looped, folder).text.replace("\\", "")
    _compiled(APP + _grid({"lr": "[1, 2]"}), folder)
    assert folder.batches == []


# ---------------------------------------------------------------- what is refused


def test_without_hydra_one_message_says_what_to_install() -> None:
    [found] = _found(APP + _grid({"lr": _sweep("1,2"), "seed": _sweep("3,4")}), Answering(None))
    assert found.rule.code == "HPC619"
    assert _characters(found) == "'1,2'"
    assert found.fact == "`1,2` is Hydra's to read, and hydra-core is not installed beside hpc."
    assert found.fix == "pip install 'hydra-pipeline-compiler[hydra]'; or write the values as a list."


MISFITS = [
    ("lr", "adam,0.1", "HPC302: the value of `grid.lr` is a string ('adam') but the type is float.", "give a float."),
    ("seed", "1,0.5,x", "HPC302: the value of `grid.seed` is a float (0.5) but the type is int.", "give an int."),
    ("lr", "null,1", "HPC302: the value of `grid.lr` is null (None) but the type is float.", "give a float."),
    (
        "word",
        "range(1000)",
        "HPC302: the value of `grid.word` is an int (0) but the type is string.",
        "let Hydra make texts: `str(1,2)`.",
    ),
    (
        "lr",
        "1,nan",
        "HPC619: `1,nan` is no list to Hydra: nan is not a finite number.",
        "write e.g. `a,b`, `choice(a,b)` or `range(1,4)`.",
    ),
    ("size", "8,65", "HPC103: the value of `grid.size` is 65, above max 64.", "change one of them."),
]


@pytest.mark.parametrize(("name", "sweep", "said", "fix"), MISFITS, ids=[each[1] for each in MISFITS])
def test_values_fit_the_input(folder: Asked, name: str, sweep: str, said: str, fix: str) -> None:
    [found] = _found(APP + _grid({name: _sweep(sweep)}), folder)
    assert (f"{found.rule.code}: {found.fact}", found.fix) == (said, fix)
    assert _characters(found) == f"'{sweep}'"


def test_a_sweep_in_another_file_is_reported_there(folder: Asked) -> None:
    library = _with(
        {"<net>": _sweep("shuffle(a,b)")},
        LIBRARY.replace("\nsteps: ", "\nx-steps: ").replace("edges: [grid]\n", "edges: [sub]\n"),
    )
    (folder.path / "lib").mkdir()
    (folder.path / "lib" / "lib.yaml").write_text(library, encoding="utf-8")
    [found] = _found(APP + "  lib: {uses: ./lib/lib.yaml}\nedges: [lib]\n", folder)
    assert found.span.source.name == "lib/lib.yaml"
    assert _characters(found) == "'shuffle(a,b)'"


def test_later_checks_point_at_the_text_too(folder: Asked) -> None:
    app = APP.replace("    config: {dir: conf}\n", "")
    diagnostics = _compiled(app + _grid({"word": "{sweep: \"'???',a\"}"}), folder).diagnostics
    [found] = [each for each in diagnostics if each.rule.code == "HPC614"]
    assert _characters(found) == "\"'???',a\""


def test_the_product_is_bounded_like_that_of_lists(folder: Asked) -> None:
    [found] = _found(APP + _grid({"lr": _sweep("range(10)"), "seed": _sweep("range(6)")}), folder)
    assert found.rule.code == "HPC409"
    assert found.fact == "step `grid` would become 60 steps; 50 is the most that is unrolled."


def test_as_many_values_as_are_allowed(folder: Asked) -> None:
    def text(count: int) -> str:
        return APP + _grid({"seed": _sweep(f"range({count})")}, "loop: runtime, for_each: [seed]", ALONE)

    literal = text(1).replace(_sweep("range(1)"), str(list(range(MOST_VALUES))))
    assert _compiled(text(MOST_VALUES), folder).text == _compiled(literal, folder).text
    [found] = _found(text(MOST_VALUES + 1), folder)
    assert found.rule.code == "HPC619"


def test_a_sweep_for_nothing_that_is_there_is_left_to_the_linker(folder: Asked) -> None:
    steps = "steps: {grid: {uses: fit, for_each: [rate], with: {rate: {sweep: 'interval(0,1)'}}}}\nedges: [grid]\n"
    assert {each.rule.code for each in _found(APP + steps, folder)} == {"HPC203"}
    steps = "steps: {grid: {uses: fat, for_each: [lr], with: {lr: {sweep: 'interval(0,1)'}}}}\nedges: [grid]\n"
    assert [each.rule.code for each in _found(APP + steps, folder)] == ["HPC206"]
    assert folder.batches == []


def test_glob_finds_the_configuration_that_the_program_names(folder: Asked) -> None:
    text = APP.replace("    config: {dir: conf}\n", "").replace(
        "{app: repo.example/app:1.0}", "{app: {uri: repo.example/app:1.0, local: {dir: src}}}"
    )
    (folder.path / "src").mkdir()
    main = "import hydra\n@hydra.main(config_path='../conf', config_name='config')\ndef main(c): ...\n"
    (folder.path / "src" / "fit.py").write_text(main, encoding="utf-8")
    swept = _compiled(text + _grid({"net": _sweep("glob(*)")}), folder)
    assert folder.batches == [[Sweep("glob(*)", "model", MOST_VALUES, Config("conf", "config"))]]
    assert swept.text == _compiled(text + _grid({"net": "[cnn, cnn_small, vit]"}), folder).text


def test_glob_of_a_component_whose_image_is_not_declared(folder: Asked) -> None:
    text = APP.replace("image: app", "image: other").replace("    config: {dir: conf}\n", "")
    assert {each.rule.code for each in _found(text + _grid({"net": _sweep("glob(*)")}), folder)} >= {"HPC204"}


def test_an_answer_without_values_is_never_a_list() -> None:
    [found] = _found(APP + _grid({"lr": _sweep("range(5,1)")}), Answering(Swept()))
    assert found.fact == "`range(5,1)` has no values, so the step would never run."


def test_every_sweep_that_is_wrong_is_reported(folder: Asked) -> None:
    values = {"lr": _sweep("interval(0,1)"), "seed": "{sweep: 3}", "net": _sweep("shuffle(a,b)"), "size": _sweep("1,2")}
    found = _found(APP + _grid(values), folder)
    assert [(each.rule.code, _characters(each)) for each in found] == [
        ("HPC619", "'interval(0,1)'"),
        ("HPC103", "3"),
        ("HPC619", "'shuffle(a,b)'"),
    ]
