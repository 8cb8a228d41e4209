"""What the compiler asks Hydra about the steps of a file, word for word, and what it makes of the answers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from hpc.cli.disk import Folder
from hpc.compiler import Choice, compile
from hpc.compiler.composition.scripts import hydra_main
from hpc.compiler.composition.words import started
from hpc.compiler.files import Files
from hpc.compiler.questions import Answer, Config, Finding, Fit, Fits, Question, Word
from hpc.compiler.targets import TARGETS
from hpc.components.command import Program, program_of
from hpc.components.hydra import BOOTSTRAP
from hpc.diagnostics import Diagnostic, Rejected, Source

HYDRA_MAIN = (
    'import hydra\n\n@hydra.main(version_base=None, config_path="conf", config_name="config")\ndef main(cfg): ...\n'
)


def main_in(folder: str) -> str:
    return HYDRA_MAIN.replace('"conf"', f'"{folder}"')


NOTHING = Fits(())


class Recorder(Files):
    """Files in memory; keeps every question, and gives each the same answer."""

    def __init__(self, files: dict[str, str], answer: Answer | None = NOTHING) -> None:
        self.files, self.answer = files, answer
        self.asked: list[Question] = []

    def read_text(self, path: str) -> str:
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path]

    def has(self, path: str) -> bool:
        return path in self.files

    def ask(self, questions: Sequence[Question]) -> Sequence[Answer | None]:
        self.asked += questions
        return [self.answer] * len(questions)


def compiled(text: str, files: Recorder) -> list[Diagnostic]:
    try:
        return compile(Source("p.yaml", text), None, files, Choice()).diagnostics
    except Rejected as error:
        return error.diagnostics


def asked(text: str, **more: str) -> list[Fit]:
    """The questions of a file that has no error."""
    files = Recorder(more)
    found = compiled(text, files)
    assert [one for one in found if one.is_error] == []
    assert all(isinstance(one, Fit) for one in files.asked)
    return [one for one in files.asked if isinstance(one, Fit)]


def one_file(component: str, *, inputs: str = "{}", edges: str = "[train]", more: str = "") -> str:
    return f"""\
hpc: 1
name: p
inputs: {inputs}
images: {{app: repo/app:1}}
components:
  train: {{image: app, {component}}}
  make: {{image: app, cli: argparse, outputs: {{data: Dataset, count: int}}}}
edges: {edges}
{more}"""


def words(component: str, *, inputs: str = "{}", edges: str = "[train]", more: str = "") -> list[Word]:
    """The words of the only question about `train`, which declares its configuration."""
    text = one_file(
        f"config: {{dir: conf}}, command: [python, t.py], {component}", inputs=inputs, edges=edges, more=more
    )
    (question,) = asked(text)
    assert question.config == Config("conf", "config")
    return list(question.words)


# ---------------------------------------------------------------- inputs and outputs


@pytest.mark.parametrize(
    ("port", "value", "text"),
    [
        ("string", "plain", "x='plain'"),
        ("string", '"it\'s"', r"x='it\'s'"),
        ("string", '"a\\\\"', r"x='a\\'"),
        ("string", '"${y}"', r"x='\${y}'"),
        ("string", '"a,b"', "x='a,b'"),
        ("string", '"null"', "x='null'"),
        ("int", "-7", "x=-7"),
        ("float", "3", "x=float(3.0)"),
        ("float", "1.0e-07", "x=float(1e-07)"),
        ("bool", "false", "x=false"),
        ("list<int>", "[1, 2]", "x=[1,2]"),
        ("list<float>", "[1, 2.5]", "x=[1,2.5]"),
        ("list<string>", '["a,b", "it\'s", "${y}"]', r"x=['a,b','it\'s','\${y}']"),
        ("list<dict>", "[{a: 1}]", r"""x=["${oc.create:'{? \"a\": 1}'}"]"""),
        ("dict", "{a: {b c: [null]}}", r'''x="${oc.create:'{? \"a\": {? \"b c\": [null]}}'}"'''),
        ("dict", '{a: "${y}"}', r'''x="${oc.create:'{? \"a\": \"\U0000005c\U00000024{y}\"}'}"'''),
    ],
)
def test_a_constant_is_known_and_exact(port: str, value: str, text: str) -> None:
    declared_type = {"list<int>": "list<int>"}.get(port, port)
    assert words(f'inputs: {{x: {{type: "{port}", default: {value}}}}}') == [Word(text, type=declared_type)]
    more = f"steps: {{train: {{with: {{x: {value}}}}}}}"
    assert words(f'inputs: {{x: "{port}"}}', more=more) == [Word(text, type=declared_type)]


def test_what_the_bootstrap_makes_of_a_word_is_what_hydra_is_asked_about() -> None:
    raw = [
        "k='it's'",
        "k='a\\'",
        r"k='\\${y}\'",
        "k=''",
        "k='''",
        "a.b='{\"x\": 1}'",
        'k=[1,2.0,1e3,1e22,"a\'b","${y}",[],null,true]',
        'k={"b": [{"c": "\\"\\\\${"}], "\\u00e9": "\\u00e9\\n"}',
        "k={}",
        "k=plain",
        "k=[not json",
        "k='",
    ]
    ended = subprocess.run(
        [sys.executable, "-c", BOOTSTRAP, "/usr/bin/printf", "%s\\n", "--", *raw[:-2]],
        capture_output=True,
        text=True,
        check=True,
    )
    assert [started(word) for word in raw[:-2]] == ended.stdout.splitlines()
    assert [started(word) for word in raw[-2:]] == raw[-2:]


@pytest.mark.parametrize(
    ("port", "text"),
    [
        ("string", "x='hpc'"),
        ("int", "x=1"),
        ("float", "x=float(0.5)"),
        ("bool", "x=true"),
        ("dict", """x="${oc.create:'{}'}\""""),
        ("list<string>", "x=[]"),
        ("list<dict>", "x=[]"),
    ],
)
def test_a_value_of_the_run_has_a_stand_in_of_its_type(port: str, text: str) -> None:
    found = words(f'inputs: {{x: "{port}"}}', inputs=f'{{v: "{port}"}}', edges="[inputs.v -> train.x]")
    assert found == [Word(text, type=port, is_known=False)]


def test_artifacts_are_paths() -> None:
    found = words(
        "inputs: {a: Dataset, b: {type: Dataset, pass: uri}, c: {type: Dataset, pass: none}}, "
        "outputs: {m: {type: Model, as: out.dir}, n: float, o: {type: Model, pass: none}}",
        edges="[make.data -> train.a, make.data -> train.b, make.data -> train.c]",
    )
    path = [Word(f"{key}='/hpc/path'", type="path", is_known=False) for key in ("a", "b", "out.dir", "n")]
    assert found == path


def test_a_default_of_the_pipeline_stands_in_and_choices_are_all_possible() -> None:
    ports = "inputs: {lr: float, model: {type: string, as: model, choices: [mlp, vit]}, name: string}"
    inputs = "{lr: {type: float, default: 0.1}, model: {type: string, choices: [vit, mlp], default: mlp}, name: string}"
    assert words(ports, inputs=inputs, edges='["inputs.{lr, model, name} -> train"]') == [
        Word("lr=float(0.1)", type="float", is_known=False),
        Word("model='vit'", others=("model='mlp'",), type="string"),
        Word("name='hpc'", type="string", is_known=False),
    ]


def test_choices_of_the_component_hold_for_whatever_comes() -> None:
    ports = "inputs: {count: {type: int, choices: [2, 3]}}"
    assert words(ports, edges="[make.count -> train.count]") == [Word("count=2", others=("count=3",), type="int")]


def test_an_optional_input_without_a_value_has_no_word() -> None:
    assert words("inputs: {a: {type: string, optional: true}}, args: [b=1]") == [Word("b=1")]


def test_a_list_put_together_is_one_word() -> None:
    found = words(
        'inputs: {xs: "list<Dataset>", ys: "list<float>", zs: "list<string>"}',
        inputs='{v: {type: float, default: 2}, w: {type: float}, s: {type: string, default: "a\'b"}}',
        edges='["make.data, make.data -> train.xs", "inputs.v, inputs.w -> train.ys", '
        '"inputs.s, inputs.s -> train.zs"]',
    )
    assert found == [
        Word("xs=['/hpc/path','/hpc/path']", type="list<path>", is_known=False),
        Word("ys=[float(2.0),float(0.5)]", type="list<float>", is_known=False),
        Word(r"zs=['a\'b','a\'b']", type="list<string>", is_known=False),
    ]


def test_typed_quoting_is_what_the_platform_pastes() -> None:
    ports = 'quoting: typed, inputs: {a: {type: string, default: "x\',\'y"}, b: {type: "list<int>", default: [1]}}'
    assert words(ports) == [Word("a='x','y'", type="string"), Word("b=[1]", type="list<int>")]


# ---------------------------------------------------------------- overrides and arguments


def test_words_stand_in_the_order_of_the_command_line() -> None:
    (question,) = asked(
        one_file(
            "config: {dir: conf, name: train}, command: [python, -u, app/t.py, first=1], "
            "args: [--config-name=other, [a=1, b=2], {absent: o, args: [c=3]}], "
            "inputs: {o: {type: string, optional: true}, n: {type: int, default: 1}, s: {type: string, default: t}}, "
            "outputs: {m: Model}, "
            'overrides: {z: "x,y", +a.b: 1.5, ~gone: null, raw: "r-${{ inputs.s }}", '
            'out: "${{ outputs.m }}/x", d: {k: [a b]}}'
        )
    )
    assert [(word.text, word.is_known) for word in question.words] == [
        ("first=1", True),
        ("--config-name=other", True),
        ("a=1", True),
        ("b=2", True),
        ("c=3", True),
        ("+a.b=1.5", True),
        ("d={k:['a b']}", True),
        ("~gone", True),
        ("out='/hpc/path/x'", False),
        ("z='x,y'", True),
        ("n=1", True),
        ("m='/hpc/path'", False),
        ("raw='r-t'", True),
        ("s='t'", True),
    ]


def test_references_in_texts() -> None:
    found = words(
        'inputs: {c: {type: string, choices: [a, b]}, r: string}, overrides: {k: "${{ inputs.c }}", '
        'j: "${{ run.id }}", g: "${{ accelerator.count }}", h: "x-${{ inputs.r }}"}, accelerator: t4, '
        'args: ["l=${{ inputs.c }}/${{ inputs.r }}"]',
        inputs="{c: {type: string, choices: [a, b]}, r: string}",
        edges='["inputs.{c, r} -> train"]',
        more="accelerators: {t4: {gpu: T4, count: 2}}",
    )
    assert found == [
        Word("l=a/hpc", others=("l=b/hpc",), is_known=False),
        Word("g=2"),
        Word("j='hpc'", is_known=False),
        Word("k='a'", others=("k='b'",)),
        Word("c='a'", others=("c='b'",), type="string"),
        Word("h='x-hpc'", is_known=False),
        Word("r='hpc'", type="string", is_known=False),
    ]


def test_a_sweep_is_words_for_multirun() -> None:
    assert words('args: [a=1], sweep: {lr: "range(1,4)", model: [mlp, "a b"]}, overrides: {z: 1}') == [
        Word("--multirun"),
        Word("a=1"),
        Word("z=1"),
        Word("lr=range(1,4)", may_sweep=True),
        Word("model=mlp,'a b'", may_sweep=True),
    ]


# ---------------------------------------------------------------- steps


def test_steps_that_get_the_same_are_one_question() -> None:
    step = "{uses: train, with: {lr: 0.5}}"
    found = asked(
        one_file(
            'command: [python, t.py], config: {dir: conf}, inputs: {lr: float}, env: {LAST: x, FIRST: "0"}',
            edges="[one, two, three]",
            more=f"steps: {{one: {step}, two: {step}, three: {{uses: train, with: {{lr: 1}}, env: {{MORE: z}}}}}}",
        )
    )
    assert found == [
        Fit(Config("conf", "config"), (Word("lr=float(0.5)", type="float"),), ("FIRST", "LAST")),
        Fit(Config("conf", "config"), (Word("lr=float(1.0)", type="float"),), ("FIRST", "LAST", "MORE")),
    ]


def test_overrides_of_a_step_lie_on_those_of_its_component() -> None:
    assert words("overrides: {a: {x: 1}, b: 1}", more="steps: {train: {overrides: {a: {y: 2}, b: 3, c: 4}}}") == [
        Word("a={x:1,y:2}"),
        Word("b=3"),
        Word("c=4"),
    ]


def test_a_loop_over_a_known_list_asks_about_each_element() -> None:
    component = "command: [python, t.py], config: {dir: conf}, inputs: {model: string}"
    more = "steps: {train: {for_each: [model], with: {model: [mlp, vit]}}}"
    assert [one.words for one in asked(one_file(component, more=more))] == [
        (Word("model='mlp'", type="string"),),
        (Word("model='vit'", type="string"),),
    ]


def test_a_loop_of_the_platform_over_a_known_list_has_all_of_its_elements() -> None:
    more = "steps: {train: {for_each: [model], loop: runtime, with: {model: [mlp, vit]}}}"
    assert words("inputs: {model: string}", more=more) == [
        Word("model='mlp'", others=("model='vit'",), type="string"),
    ]


def test_inputs_that_change_together_are_asked_about_together() -> None:
    """No combination is asked about that never comes."""
    component = "command: [python, t.py], config: {dir: conf}, inputs: {a: string, b: int}, args: ['c=${{ inputs.a }}']"
    zipped = "for_each: {zip: [a, b]}, loop: runtime, with: {a: [p, q, p], b: [1, 2, 1]}"
    assert [one.words for one in asked(one_file(component, more=f"steps: {{train: {{{zipped}}}}}"))] == [
        (Word("c=p"), Word("b=1", type="int"), Word("a='p'", type="string")),
        (Word("c=q"), Word("b=2", type="int"), Word("a='q'", type="string")),
    ]


def test_inputs_that_come_from_one_input_have_the_same_choice() -> None:
    component = "command: [python, t.py], config: {dir: conf}, inputs: {a: string, b: string, n: int}"
    inputs = "{v: {type: string, choices: [p, q]}, n: int}"
    edges = "[inputs.v -> train.a, inputs.v -> train.b, inputs.n -> train.n]"
    count = Word("n=1", type="int", is_known=False)
    assert [one.words for one in asked(one_file(component, inputs=inputs, edges=edges))] == [
        (count, *(Word(f"{name}='{value}'", type="string") for name in "ab")) for value in "pq"
    ]


SUB = """\
  inner: {image: app, command: [python, t.py], config: {dir: conf}, inputs: {model: string, n: int}}
  group:
    inputs: {model: {type: string, choices: [a, b, c]}, n: {type: int, default: 4}}
    edges: ["inputs.{model, n} -> inner"]
"""


def test_a_component_made_of_edges_passes_on_what_is_known() -> None:
    text = one_file("cli: none", edges="[one, two]", inputs="{v: int}").replace("edges: [one", f"{SUB}edges: [one")
    known = f"{text}steps: {{one: {{uses: group, with: {{model: a}}}}, two: {{uses: group, with: {{model: c, n: 5}}}}}}"
    assert [question.words for question in asked(known)] == [
        (Word("n=4", type="int"), Word("model='a'", type="string")),
        (Word("n=5", type="int"), Word("model='c'", type="string")),
    ]
    (question,) = asked(known.replace("[one, two]", "[one, two, inputs.v -> two.n]").replace(", n: 5", ""))
    assert question.words == (
        Word("n=4", type="int", is_known=False),
        Word("model='a'", others=("model='c'",), type="string"),
    )


@pytest.mark.parametrize(
    ("different", "word"),
    [
        (1, Word("model='m0'", type="string")),
        (100, Word("model='m0'", tuple(f"model='m{one}'" for one in range(1, 100)), type="string")),
        (101, Word("model='m0'", tuple(f"model='m{one}'" for one in range(1, 100)), type="string", is_known=False)),
    ],
)
def test_uses_that_pass_on_the_same_are_one_value(different: int, word: Word) -> None:
    names = [f"s{number:03}" for number in range(256)]
    steps = [f"{name}: {{uses: group, with: {{model: m{number % different}}}}}" for number, name in enumerate(names)]
    text = one_file("cli: none", edges=f"[{', '.join(names)}]").replace("edges: [s", f"{SUB}edges: [s")
    (question,) = asked(f"{text}steps: {{{', '.join(steps)}}}".replace(", choices: [a, b, c]", ""))
    assert question.words == (Word("n=4", type="int"), word)


def test_a_component_of_another_file_has_its_paths_there() -> None:
    lib = "hpc: 1\nimages: {app: repo/app:1}\ncomponents:\n  train: {image: app, command: [python, t.py], "
    main = "hpc: 1\nname: p\ncomponents: {mine: {uses: ./lib/l.yaml#train, overrides: {b: 2}}}\nedges: [mine]\n"
    files = {
        "lib/types.py": "",
        "lib/l.yaml": f"{lib}config: {{dir: ../conf, name: c.yaml, imports: [types.py]}}, overrides: {{a: 1}}}}\n",
    }
    (question,) = asked(main, **files)
    assert question == Fit(Config("conf", "c", ("lib/types.py",)), (Word("a=1"), Word("b=2")))


# ---------------------------------------------------------------- the program of a command


@pytest.mark.parametrize(
    ("command", "files", "words_"),
    [
        ("python t.py a=1", ("t.py",), ["a=1"]),
        ("python -u src/t.py", ("src/t.py",), []),
        ("torchrun --nproc_per_node=2 src/t.py a=1 -m", ("src/t.py",), ["a=1", "-m"]),
        ("python -m torch.distributed.run --nproc=2 t.py a=1", ("t.py",), ["a=1"]),
        ("python -m torch.distributed.run --nproc=2 -m pkg.t a=1", ("pkg/t.py", "pkg/t/__main__.py"), ["a=1"]),
        ("python -m pkg.t a=1", ("pkg/t.py", "pkg/t/__main__.py"), ["a=1"]),
        ("python launch.py t.py +file=x.py", ("t.py",), ["+file=x.py"]),
        ("accelerate launch --config_file=a.py t.py", ("t.py",), []),
        ("train", (), []),
        ("train a=1 b=2", (), ["a=1", "b=2"]),
        ("uv run --project=x train -m a=1,2", (), ["-m", "a=1,2"]),
        ("train --config-name=other ~a", (), ["--config-name=other", "~a"]),
        ("python -c pass a=1", (), ["a=1"]),
        ("python -c a=1", (), []),
        ("env OMP_NUM_THREADS=4 train", (), []),
        ("env -u HOME OMP_NUM_THREADS=4 uv run train lr=1", (), ["lr=1"]),
        ("/usr/bin/env python x.py a=1", ("x.py",), ["a=1"]),
        ("/usr/bin/env OMP_NUM_THREADS=4 python -m pkg.t a=1", ("pkg/t.py", "pkg/t/__main__.py"), ["a=1"]),
        ("python -m torch.distributed.run --nnodes=1 train_cli", (), []),
        ("python -m torch.distributed.run --nnodes=1 train_cli a=1 -m", (), ["a=1", "-m"]),
        ("python -m torch.distributed.launch --use_env t.py a=1", ("t.py",), ["a=1"]),
        ("python -m accelerate.commands.launch train_cli +a=1", (), ["+a=1"]),
        ("python -m deepspeed.launcher.runner --num_gpus=2 train_cli ~a", (), ["~a"]),
        ("python -m torch_tools.t a=1", ("torch_tools/t.py", "torch_tools/t/__main__.py"), ["a=1"]),
        ("accelerate launch --config_file=a.py env=prod main.py", ("main.py",), []),
        ("accelerate launch --config_file=a.py -m pkg.t", ("pkg/t.py", "pkg/t/__main__.py"), []),
        ("python tools/run.py env=prod main.py", ("main.py",), []),
        ("python tools/run.py model/file=x.py", ("tools/run.py",), ["model/file=x.py"]),
        ("torchrun --nproc_per_node=2 --no-python train_cli a=1", (), ["a=1"]),
        ("mpirun -np 4 -x NCCL_DEBUG=INFO train_cli", (), []),
        ("mpirun -np 4 python t.py a=1 b=2", ("t.py",), ["a=1", "b=2"]),
        ("uv run --with hydra-core t.py a=1", ("t.py",), ["a=1"]),
        ("poetry run train --config-name other a=1", (), ["--config-name", "other", "a=1"]),
        ("poetry run python -m pkg.t", ("pkg/t.py", "pkg/t/__main__.py"), []),
        ("conda run -n x train a=1", (), ["a=1"]),
        ("conda run -n x python t.py", ("t.py",), []),
        ("python -X dev t.py a=1", ("t.py",), ["a=1"]),
        ("python3.11 -X dev -m pkg.t -m a=1,2", ("pkg/t.py", "pkg/t/__main__.py"), ["-m", "a=1,2"]),
        ("nice -n 10 python t.py a=1", ("t.py",), ["a=1"]),
        ("nice -n 10 train --debug a=1", (), ["a=1"]),
        ("train a=1 data b=2", (), ["b=2"]),
        ("train a=1 data", (), []),
        ("sh run.sh a=1", (), ["a=1"]),
        ("sh -c t.py", (), []),
        ("bash -lc train a=1", (), []),
        ("bash -lc train-all train a=1 b=2", (), ["a=1", "b=2"]),
        ("sh -c all sh python t.py a=1", ("t.py",), ["a=1"]),
        ("env A=1 train", (), []),
        ("/usr/bin/env -i A=1 train b=2", (), ["b=2"]),
        ("env A=1 uv run t.py b=2", ("t.py",), ["b=2"]),
        ("env A=1", (), []),
        ("", (), []),
    ],
)
def test_program_of_a_command(command: str, files: tuple[str, ...], words_: list[str]) -> None:
    found = program_of(command.split())
    assert found == Program(files, len(command.split()) - len(words_))
    assert command.split()[found.end :] == words_


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (HYDRA_MAIN, ("conf", "config")),
        ("import hydra\n@hydra.main('../c', 'train.yaml')\ndef f(cfg): ...\n", ("../c", "train")),
        ("import hydra as h\n@h.main('c', config_name='n')\nasync def f(cfg): ...\n", ("c", "n")),
        ("from hydra import main\n@main(config_path='c', config_name='n')\ndef f(cfg): ...\n", ("c", "n")),
        ("from hydra import main as m\n@m(config_path='c' '/d', config_name='n')\ndef f(cfg): ...\n", ("c/d", "n")),
        ("import hydra.utils\n@other\n@hydra.main('c', 'n', '1.3')\ndef f(cfg): ...\n", ("c", "n")),
        ("def outer():\n  import hydra\n  @hydra.main('.', 'n')\n  def f(cfg): ...\n", (".", "n")),
        ("import hydra\n@hydra.main(config_path=None, config_name='n')\ndef f(cfg): ...\n", None),
        ("import hydra\n@hydra.main(config_path='c')\ndef f(cfg): ...\n", None),
        ("import hydra\n@hydra.main(config_name='n')\ndef f(cfg): ...\n", None),
        ("import hydra\n@hydra.main()\ndef f(cfg): ...\n", None),
        ("import hydra\n@hydra.main('/etc/c', 'n')\ndef f(cfg): ...\n", None),
        ("import hydra\n@hydra.main('pkg://a.b', 'n')\ndef f(cfg): ...\n", None),
        ("import hydra\nP = 'c'\n@hydra.main(P, 'n')\ndef f(cfg): ...\n", None),
        ("import hydra\n@hydra.main(f'c', 'n')\ndef f(cfg): ...\n", None),
        ("import hydra\n@hydra.main(*a)\ndef f(cfg): ...\n", None),
        ("import hydra\n@hydra.main(**a)\ndef f(cfg): ...\n", None),
        ("import hydra\n@hydra.main\ndef f(cfg): ...\n", None),
        (f"{HYDRA_MAIN}{HYDRA_MAIN}", None),
        ("import other\n@other.main('c', 'n')\ndef hydra(cfg): ...\n", None),
        ("from other import main\n@main('c', 'n')\ndef hydra(cfg): ...\n", None),
        ("import hydra\n@hydra.main('c', 'n'\n", None),
        ("hydra = '\0'\n", None),
        ("", None),
    ],
)
def test_hydra_main_is_read_where_it_is_literal(text: str, found: tuple[str, str] | None) -> None:
    assert hydra_main(text) == found


@pytest.mark.parametrize(
    ("image", "command", "files", "folder"),
    [
        ("repo/app:1", "[python, t.py]", {"t.py": HYDRA_MAIN}, "conf"),
        ("{uri: repo/app:1, build: {context: ./b}}", "[python, src/t.py]", {"b/src/t.py": HYDRA_MAIN}, "b/src/conf"),
        (
            "{uri: repo/app:1, build: {context: ./b}, local: {dir: ./here}}",
            "[python, t.py]",
            {"b/t.py": "", "here/t.py": HYDRA_MAIN},
            "here/conf",
        ),
        ("{uri: repo/app:1, build: {context: ../up}}", "[python, t.py]", {"../up/t.py": HYDRA_MAIN}, "../up/conf"),
        ("repo/app:1", "[torchrun, -m, pkg.t]", {"pkg/t.py": HYDRA_MAIN}, "pkg/conf"),
        ("repo/app:1", "[python, -m, pkg]", {"pkg/__main__.py": HYDRA_MAIN}, "pkg/conf"),
        ("repo/app:1", "[python, t.py]", {}, None),
        ("repo/app:1", "[python, /app/t.py]", {"/app/t.py": HYDRA_MAIN, "app/t.py": HYDRA_MAIN}, None),
        ("repo/app:1", "[python, t.py]", {"t.py": "import hydra\n@hydra.main('c', 'n'\n"}, None),
        ("repo/app:1", "[train]", {"train.py": HYDRA_MAIN}, None),
        ("repo/app:1", "[]", {"t.py": HYDRA_MAIN}, None),
        (
            "repo/app:1",
            "[python, t.py]",
            {"t.py": f"from hydra.core.config_store import ConfigStore\n{HYDRA_MAIN}"},
            None,
        ),
        ("repo/app:1", "[python, t.py]", {"t.py": f"import a.b\n{HYDRA_MAIN}", "a/b.py": "hydra_zen"}, None),
        (
            "repo/app:1",
            "[python, s/t.py]",
            {"s/t.py": f"from . import a\n{HYDRA_MAIN}", "s/a.py": "from x import y", "x/y.py": "ConfigStore"},
            None,
        ),
        (
            "repo/app:1",
            "[python, s/t.py]",
            {"s/t.py": f"from .. import a\n{HYDRA_MAIN}", "a.py": "import s.t", "s/a.py": "ConfigStore"},
            "s/conf",
        ),
        (
            "repo/app:1",
            "[python, t.py]",
            {"t.py": f"import os; import a  # b\n{HYDRA_MAIN}", "a.py": "ConfigStores", "b.py": "ConfigStore"},
            "conf",
        ),
        (
            "repo/app:1",
            "[python, s/t.py]",
            {"s/t.py": f"from .. import (  # x, y)\n    b,\n    a as c,\n)\n{HYDRA_MAIN}", "a.py": "ConfigStore"},
            None,
        ),
        (
            "repo/app:1",
            "[python, t.py]",
            {"t.py": f"import c, \\\n  a\n{HYDRA_MAIN}", "a/__init__.py": "hydra_zen"},
            None,
        ),
        ("repo/app:1", "[python, a/t.py]", {"a/t.py": main_in("../conf")}, "conf"),
        ("repo/app:1", "[python, a/t.py]", {"a/t.py": main_in("..")}, "."),
        ("repo/app:1", "[python, a/t.py]", {"a/t.py": main_in("../../../..")}, None),
        ("repo/app:1", "[python, ../t.py]", {"../t.py": HYDRA_MAIN}, None),
        (
            "{uri: repo/app:1, build: {context: ../up}}",
            "[python, t.py]",
            {"../up/t.py": main_in("../..")},
            None,
        ),
        (
            "{uri: repo/app:1, build: {context: ..}}",
            "[python, a/t.py]",
            {"../a/t.py": main_in("../conf")},
            "../conf",
        ),
        (
            "{uri: repo/app:1, build: {context: ..}}",
            "[python, a/t.py]",
            {"../a/t.py": main_in("../../conf")},
            None,
        ),
        ("{uri: repo/app:1, local: {dir: /srv/a}}", "[python, t.py]", {"/srv/a/t.py": HYDRA_MAIN}, "/srv/a/conf"),
        (
            "{uri: repo/app:1, local: {dir: /srv/a}}",
            "[python, t.py]",
            {"/srv/a/t.py": main_in("../b")},
            None,
        ),
    ],
)
def test_where_a_program_and_its_configuration_lie(
    image: str, command: str, files: dict[str, str], folder: str | None
) -> None:
    text = one_file(f"command: {command}, inputs: {{n: {{type: int, default: 1}}}}")
    recorder = Recorder(files)
    found = compiled(text.replace("{app: repo/app:1}", f"{{app: {image}}}"), recorder)
    assert {one.rule.code for one in found} <= {"HPC211"}
    expected = [Fit(Config(folder, "config"), (Word("n=1", type="int"),))] if folder is not None else []
    assert recorder.asked == expected


def test_the_machine_comes_before_the_image() -> None:
    recorder = Recorder({f"{folder}/t.py": HYDRA_MAIN for folder in ("machine", "image", ".")})
    text = one_file(
        "accelerator: t4, command: [python, t.py]", more="accelerators: {t4: {gpu: T4, local: {dir: machine}}}"
    )
    compiled(text.replace("{app: repo/app:1}", "{app: {uri: repo/app:1, local: {dir: image}}}"), recorder)
    assert recorder.asked == [Fit(Config("machine/conf", "config"), ())]


def test_a_folder_reads_each_program_once(tmp_path: Path) -> None:
    """However often its pipeline file is compiled."""
    read: list[str] = []

    class Watched(Folder):
        def read_text(self, path: str) -> str:
            read.append(path)
            return super().read_text(path)

        def ask(self, questions: Sequence[Question]) -> Sequence[Answer | None]:
            return [NOTHING] * len(questions)

    (tmp_path / "t.py").write_text(f"import a\n{HYDRA_MAIN}", "utf-8")
    (tmp_path / "a.py").write_text("import t, other\n", "utf-8")
    text = one_file("command: [python, t.py]", edges="[train, more]", more="steps: {more: {uses: train}}")
    folder = Watched(tmp_path)
    for target in TARGETS.values():
        compile(Source("p.yaml", text), target, folder, Choice())
    assert read == ["hpc.lock", "t.py", "a.py"]


def test_other_styles_and_components_of_the_library_ask_nothing() -> None:
    for cli in ("argparse", "none"):
        recorder = Recorder({"t.py": HYDRA_MAIN})
        compiled(one_file(f"cli: {cli}, config: {{dir: conf}}, command: [python, t.py]"), recorder)
        assert recorder.asked == []


# ---------------------------------------------------------------- what is made of the answers

PLACES = """\
hpc: 1
name: p
inputs: {model: {type: string, choices: [mlp, vit]}}
images: {app: repo/app:1}
accelerators: {t4: {gpu: T4}}
components:
  train:
    image: app
    accelerator: t4
    command: [python, t.py]
    config: {dir: conf, name: main, imports: [a.py]}
    args: ["lr=1,2"]
    inputs: {model: string, seed: {type: int, as: run.seed}}
    outputs: {out: Model}
    overrides: {trainer: {max_epoch: 1}, logger: [csv, wand]}
steps: {train: {with: {seed: 3}}, again: {uses: train, with: {seed: 3}}}
edges: [inputs.model -> train.model, inputs.model -> again.model]
"""
ARGS, LOGGER, TRAINER, SEED, OUT, MODEL = range(6)
"""The words, by index."""


def said(*findings: Finding, text: str = PLACES) -> list[str]:
    """`line:column severity code fact | fix`, and what the place shows."""
    found = compiled(text, Recorder({"t.py": HYDRA_MAIN, "a.py": ""}, Fits(findings)))
    return [
        f"{one.span.position[0]}:{one.span.position[1]} {one.rule.severity} {one.rule.code} {one.fact} | {one.fix} "
        f"<{one.span.source.text[one.span.start : one.span.end]}>"
        for one in found
        if one.rule.code.startswith("HPC6")
    ]


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (
            Finding("unknown-key", TRAINER, key="trainer.max_epoch", near=("trainer.max_epochs",)),
            "15:27 error HPC601 `trainer.max_epoch` is not a key of conf/main.yaml, so Hydra would stop at start-up. | "
            "did you mean `trainer.max_epochs`? To add a new key write `+trainer: {…}`. <max_epoch>",
        ),
        (
            Finding("unknown-key", TRAINER, key="trainer.max_epoch", said="model=cnn"),
            "15:27 error HPC601 with `model=cnn`, `trainer.max_epoch` is not a key of conf/main.yaml, so Hydra would "
            "stop at start-up. | write `overrides: {++trainer.max_epoch: …}`, which holds where there is no such key, "
            "too. <max_epoch>",
        ),
        (
            Finding("unknown-key", TRAINER, key="trainer"),
            "15:17 error HPC601 `trainer` is not a key of conf/main.yaml, so Hydra would stop at start-up. | "
            "to add a new key write `+trainer`. <trainer>",
        ),
        (
            Finding("unknown-key", SEED, key="run.seed", near=("a.run.seed", "b.run.seed", "run.seeds")),
            "13:51 error HPC601 `run.seed` is not a key of conf/main.yaml, so Hydra would stop at start-up. | "
            "did you mean `as: a.run.seed` or `as: b.run.seed`? To add a new key write `as: +run.seed`. <run.seed>",
        ),
        (
            Finding("unknown-key", OUT, key="out"),
            "14:15 error HPC601 `out` is not a key of conf/main.yaml, so Hydra would stop at start-up. | "
            "to add a new key write `as: +out`. <out>",
        ),
        (
            Finding("unknown-key", ARGS, key="lr", near=("model.lr",)),
            "12:13 error HPC601 `lr` is not a key of conf/main.yaml, so Hydra would stop at start-up. | "
            "did you mean `model.lr`? To add a new key write `+lr`. <lr>",
        ),
        (
            Finding("exists", LOGGER, key="logger"),
            "15:42 error HPC601 `+logger` adds a key, but conf/main.yaml has it already, so Hydra would stop at "
            "start-up. | write `logger`. <logger>",
        ),
        (
            Finding("not-there", TRAINER, key="trainer.max_epoch", said="42", options=("1",)),
            "15:27 error HPC601 `~trainer.max_epoch=42` deletes only the value 42, but it is 1: Hydra would stop at "
            "start-up. | to delete it whatever it is write `~trainer.max_epoch: null`. <max_epoch>",
        ),
        (
            Finding("not-there", ARGS, key="lr", said="42", options=("1",)),
            "12:13 error HPC601 `~lr=42` deletes only the value 42, but it is 1: Hydra would stop at start-up. | "
            "to delete it whatever it is write `~lr`. <lr>",
        ),
        (
            Finding("not-there", LOGGER, key="logger", said="csv"),
            "15:42 error HPC601 `~logger=csv` deletes only the option csv, which is not chosen: Hydra would stop at "
            "start-up. | to delete it whatever it is write `~logger: null`. <logger>",
        ),
        (
            Finding("not-there", LOGGER, key="logger", said="csv", options=("null",)),
            "15:42 error HPC601 `~logger` deletes nothing, because `logger` is null in conf/main.yaml: Hydra would "
            "stop. | remove it. <logger>",
        ),
        (
            Finding("not-there", LOGGER, key="logger", near=("loggers",)),
            "15:42 error HPC601 `~logger` deletes what conf/main.yaml does not have, so Hydra would stop at start-up. "
            "| did you mean `~loggers`? <logger>",
        ),
        (
            Finding("unknown-choice", LOGGER, key="logger", said="wand", near=("wandb",), options=("csv", "wandb")),
            "15:56 error HPC602 `wand` is not an option of the config group `logger` in conf. | "
            "did you mean `wandb`? It has: csv, wandb. <wand>",
        ),
        (
            Finding("unknown-choice", MODEL, 0, key="model", said="vit", options=("mlp", "resnet")),
            "3:47 error HPC602 `vit` is not an option of the config group `model` in conf. | "
            "it has: mlp, resnet. <vit>",
        ),
        (
            Finding("unknown-choice", MODEL, key="model", said="mlp", options=()),
            "3:42 error HPC602 `mlp` is not an option of the config group `model` in conf. | "
            "correct the group or the option. <mlp>",
        ),
        (
            Finding("unknown-choice", LOGGER, key="hydra/launcher", said="basicc", near=("basic",), options=("basic",)),
            "15:50 error HPC602 `basicc` is not an option of the config group `hydra/launcher`. | "
            "did you mean `basic`? It has: basic. <[csv, wand]>",
        ),
        (
            Finding("unknown-group", LOGGER, key="hydra/job_loging", near=("hydra/job_logging",)),
            "15:42 error HPC602 `hydra/job_loging` is not a config group of Hydra, so it would stop at start-up. | "
            "did you mean `hydra/job_logging`? <logger>",
        ),
        (
            Finding("no-default", SEED, key="run.seed"),
            "13:51 error HPC602 the defaults list of conf/main.yaml chooses nothing from the config group `run.seed`, "
            "so there is nothing to replace. | write `as: +run.seed`, which adds a choice. <run.seed>",
        ),
        (
            Finding("sweep", ARGS, key="lr"),
            "12:16 error HPC603 Hydra would take `lr=1,2` for a sweep of --multirun, so it would stop at start-up. | "
            "quote the value, or list `lr` under `sweep`. <1,2>",
        ),
        (
            Finding("sweep", ARGS, key="hydra.run.dir"),
            "12:16 error HPC603 Hydra would take `lr=1,2` for a sweep of --multirun, so it would stop at start-up. | "
            "quote the value; Hydra does not sweep over what belongs to itself. <1,2>",
        ),
        (
            Finding("is-cpu", key="trainer.accelerator"),
            "9:18 warning HPC605 step `again` runs on a T4, but `trainer.accelerator` composes to `cpu`. | "
            "write `trainer.accelerator: gpu` into `overrides`, or choose a machine without a GPU. <t4>",
        ),
        (
            Finding("is-cpu", key="device"),
            "9:18 warning HPC605 step `again` runs on a T4, but `device` composes to `cpu`. | "
            "write `device: cuda` into `overrides`, or choose a machine without a GPU. <t4>",
        ),
        (
            Finding("is-cpu", MODEL, key="model.device"),
            "3:42 warning HPC605 step `again` runs on a T4, but `model.device` composes to `cpu`. | "
            "write `model.device: cuda` into `overrides`, or choose a machine without a GPU. <mlp>",
        ),
        (
            Finding("syntax", ARGS, said="unexpected ','", at=4),
            "12:17 error HPC607 Hydra cannot read `lr=1,2`: unexpected ','. | "
            "write `key=value`, and quote what Hydra reads in its own way: `key='a, b'`. <,>",
        ),
        (
            Finding("syntax", LOGGER, said="no", at=4),
            "15:50 error HPC607 Hydra cannot read `logger=[csv,wand]`: no. | "
            "write `key=value`, and quote what Hydra reads in its own way: `key='a, b'`. <[csv, wand]>",
        ),
        (
            Finding("usage", said="unrecognized arguments: --x"),
            "12:11 error HPC607 Hydra would not start with these words: unrecognized arguments: --x. | "
            'correct `command` or `args`; options stand in front of the first override. <["lr=1,2"]>',
        ),
        (
            Finding("missing", LOGGER, key="logger.names[1].first"),
            "15:50 error HPC613 with `logger=[csv,wand]`, `logger.names.1.first` must be given (`???` in the "
            "configuration) and nothing gives it. | write `overrides: {logger.names.1.first: …}`, or give it by an "
            "input with `as: logger.names.1.first`. <[csv, wand]>",
        ),
        (
            Finding("missing", MODEL, 0, key="model.heads"),
            "3:47 error HPC613 with `model='vit'`, `model.heads` must be given (`???` in the configuration) and "
            "nothing gives it. | write `overrides: {++model.heads: …}`, which holds where there is no such key, too. "
            "<vit>",
        ),
        (
            Finding("missing", key="model.name"),
            "11:13 error HPC613 `model.name` must be given (`???` in the configuration) and nothing gives it. | "
            "write `overrides: {model.name: …}`, or give it by an input with `as: model.name`. "
            "<{dir: conf, name: main, imports: [a.py]}>",
        ),
        (
            Finding("no-folder"),
            "11:19 error HPC615 there is no folder conf, where the Hydra configuration is to lie. | "
            "correct `dir`; it starts at this file. <conf>",
        ),
        (
            Finding("no-config", key="main", near=("train",)),
            "11:31 error HPC615 there is no conf/main.yaml, and that is to be the primary config. | "
            "did you mean `train`? <main>",
        ),
        (
            Finding("broken", said="model/cnn.yaml, line 3: found duplicate key a"),
            "11:13 error HPC615 conf/main.yaml does not compose: conf/model/cnn.yaml, line 3: found duplicate key a. | "
            "mend it. <{dir: conf, name: main, imports: [a.py]}>",
        ),
        (
            Finding("broken", said="model/cnn.yaml, `a`: no viable alternative at input '${b'"),
            "11:13 error HPC615 conf/main.yaml does not compose: conf/model/cnn.yaml, `a`: an interpolation is not "
            "closed. | mend it. <{dir: conf, name: main, imports: [a.py]}>",
        ),
        (
            Finding("broken", said="Error resolving interpolation '${dd}'"),
            "11:13 error HPC615 conf/main.yaml does not compose: a defaults list refers to `${dd}`, which is not "
            "there. | mend it. <{dir: conf, name: main, imports: [a.py]}>",
        ),
        (
            Finding("broken", said="maximum recursion depth exceeded in comparison"),
            "11:13 error HPC615 conf/main.yaml does not compose: it includes itself, or is nested too deeply. | "
            "mend it. <{dir: conf, name: main, imports: [a.py]}>",
        ),
        (
            Finding("not-found", said="In 'main': Could not find 'a/b'\n\nAvailable options in 'a':\n\tc"),
            "11:13 error HPC615 conf/main.yaml does not compose: In 'main': Could not find 'a/b' Available options in "
            "'a': c. | mend it; if the program registers a structured config of that name, list its file under "
            "`imports`. <{dir: conf, name: main, imports: [a.py]}>",
        ),
        (
            Finding("clash", said="Multiple values for model"),
            "11:13 error HPC615 with everything that step `again` gives it, conf/main.yaml does not compose: Multiple "
            "values for model. | mend the configuration, or change what is given. "
            "<{dir: conf, name: main, imports: [a.py]}>",
        ),
        (
            Finding("interpolation", MODEL, key="a.b", said="${x}"),
            "3:42 error HPC615 with `model='mlp'`, `a.b` in conf/main.yaml refers to `${x}`, which is not there. | "
            "correct the reference, or give the key that it names. <mlp>",
        ),
        (
            Finding("interpolation", key="a.b", said="${x}"),
            "11:13 error HPC615 `a.b` in conf/main.yaml refers to `${x}`, which is not there. | "
            "correct the reference, or give the key that it names. "
            "<{dir: conf, name: main, imports: [a.py]}>",
        ),
        (
            Finding("type", SEED, key="run.seed", said="Value '3' of type 'int' could not be converted to Enum"),
            "16:30 error HPC616 the structured config of conf/main.yaml refuses this value of `run.seed` of component "
            "`train`: Value '3' of type 'int' could not be converted to Enum. | "
            "give a value of the type that it has there. <3>",
        ),
        (
            Finding("type", OUT, key="out", said="Value '/hpc/path' of type 'str' could not be converted to Integer"),
            "14:15 error HPC616 `out` has a type in the structured config, which takes no path. | "
            "change the type of the one or the other. <out>",
        ),
        (
            Finding("other-type", SEED, key="run.seed", said="string", options=("x",)),
            "16:30 warning HPC617 `run.seed` is a string (x) in conf/main.yaml, but gets an int. | "
            "change the type of one of them, unless the program takes both. <3>",
        ),
        (
            Finding("other-type", LOGGER, key="logger", said="int"),
            "15:50 warning HPC617 `logger` is an int in conf/main.yaml, but gets a list. | "
            "change the type of one of them, unless the program takes both. <[csv, wand]>",
        ),
        (
            Finding("chosen-later", MODEL, key="model", options=("mlp", "vit")),
            "13:14 note HPC618 `model` is a config group, and which of its options comes is known only in a run. | "
            "declare `choices` and each is checked; it has: mlp, vit. <model>",
        ),
        (
            Finding("not-installed", LOGGER, key="hydra/launcher", said="joblib"),
            "15:50 note HPC618 `joblib` of `hydra/launcher` is a plugin of Hydra that is not installed beside hpc, so "
            "it is not checked. | make sure that the image has it; or install it here too. <[csv, wand]>",
        ),
        (
            Finding("not-installed", key="hydra/launcher", said="joblib"),
            "11:13 note HPC618 `hydra/launcher` (joblib) in conf/main.yaml depends on the container and is not "
            "checked. | nothing needs to change; a variable that `env` sets counts as given. "
            "<{dir: conf, name: main, imports: [a.py]}>",
        ),
        (
            Finding("not-imported", key="a.py", said="ModuleNotFoundError: No module named 'torch'"),
            "11:47 note HPC618 a.py cannot be run here, so the types that it registers are not checked: "
            "ModuleNotFoundError: No module named 'torch'. | "
            "install what it imports beside hpc, or move the structured configs to a file of their own. <a.py>",
        ),
        (
            Finding("not-imported", key="a.py", said="SyntaxError: invalid syntax (a.py, line 1)"),
            "11:47 note HPC618 a.py cannot be run here, so the types that it registers are not checked: "
            "SyntaxError: invalid syntax (a.py, line 1). | "
            "mend it, or move the structured configs to a file of their own. <a.py>",
        ),
        (
            Finding("outside", ARGS, key="--config-path", said="../confff"),
            "12:16 note HPC618 `--config-path` names another folder (`../confff`), so nothing is checked against it. | "
            "if it lies here, name it in `config: {dir: …}` instead of `--config-path`. <1,2>",
        ),
        (
            Finding("outside", ARGS, key="hydra.searchpath", said="pkg://more"),
            "12:16 note HPC618 `hydra.searchpath` adds a folder (`pkg://more`), and what may lie there is not "
            "checked. | nothing needs to change. <1,2>",
        ),
        (
            Finding("outside", LOGGER, key="logger", said="${oc.env:ROOT}"),
            "15:50 note HPC618 `logger` (${oc.env:ROOT}) depends on the container and is not checked. | "
            "nothing needs to change; a variable that `env` sets counts as given. <[csv, wand]>",
        ),
        (
            Finding("outside", key="paths.root", said="${oc.env:ROOT}"),
            "11:13 note HPC618 `paths.root` (${oc.env:ROOT}) in conf/main.yaml depends on the container and is not "
            "checked. | nothing needs to change; a variable that `env` sets counts as given. "
            "<{dir: conf, name: main, imports: [a.py]}>",
        ),
        (
            Finding("no-values", ARGS, key="lr", options=("a", "b")),
            "12:16 error HPC620 the sweep of `lr` has no values, so Hydra would start no run. | "
            "correct it; it has: a, b. <1,2>",
        ),
        (
            Finding("no-sweeper", ARGS, key="lr"),
            "12:16 error HPC620 the sweep of `lr` has no end, and Hydra's own sweeper goes through values one by one. "
            "| list the values, or choose another sweeper: `overrides: {hydra/sweeper: …}`. <1,2>",
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Finding) else "",
)
def test_message_of(finding: Finding, expected: str) -> None:
    found = said(finding)
    assert found[0] == expected
    assert {line.partition(" ")[2] for line in found} == {expected.partition(" ")[2]}


def test_several_causes_outside_are_one_note() -> None:
    found = said(*(Finding("outside", key=key, said="${oc.env:A}") for key in ("a", "b", "c", "d", "e")))
    assert [line.partition(" | ")[0] for line in found] == [
        "11:13 note HPC618 `a` (${oc.env:A}), `b` (${oc.env:A}), `c` (${oc.env:A}) and 2 more in conf/main.yaml depend "
        "on the container and are not checked."
    ]


def test_a_gpu_is_only_missed_where_there_is_one() -> None:
    finding = Finding("is-cpu", key="device")
    assert said(finding, text=PLACES.replace("{t4: {gpu: T4}}", "{t4: {cpu: 4}}")) == []
    own = PLACES.replace("again: {uses: train,", "again: {uses: train, accelerator: h100,")
    assert [
        line.partition(",")[0] for line in said(finding, text=own.replace("gpu: T4}", "gpu: T4}, h100: {gpu: H100}"))
    ] == [
        "9:18 warning HPC605 step `train` runs on a T4",
        "16:69 warning HPC605 step `again` runs on an H100",
    ]


def test_a_configuration_that_was_only_found_is_not_missed() -> None:
    found = PLACES.replace("    config: {dir: conf, name: main, imports: [a.py]}\n", "")
    assert said(Finding("no-folder"), Finding("no-config", key="config"), text=found) == []
    assert [line.partition(":")[2] for line in said(Finding("broken", said="no"), text=found)] == [
        "14 error HPC615 conf/config.yaml does not compose: no. | mend it. <[python, t.py]>"
    ]
    assert [line.partition(":")[2] for line in said(Finding("not-found", said="no"), text=found)] == [
        "14 note HPC618 conf/config.yaml does not compose: no. | mend it, or declare `config`; if the program "
        "registers a structured config of that name, list its file under `imports`. <[python, t.py]>"
    ]
    (line,) = said(Finding("missing", key="a"), text=found)
    assert line.startswith("10:14 error HPC613 `a` must be given (`???` in the configuration)")


def test_a_step_is_told_about_its_own_overrides() -> None:
    own = PLACES.replace("{uses: train, with: {seed: 3}}", "{uses: train, with: {seed: 3}, overrides: {lost: 1}}")
    line = said(Finding("unknown-key", LOGGER + 1, key="lost"), text=own)[-1]
    assert line.startswith("16:85 error HPC601 `lost` is not a key")


def test_what_is_found_for_one_step_of_several_is_told_at_that_step() -> None:
    own = PLACES.replace(
        "{seed: 3}}, again: {uses: train, with: {seed: 3}}", "{seed: 3}}, again: {uses: train}"
    ).replace("seed: {type: int,", "seed: {type: int, optional: true,")
    missing = Fits((Finding("missing", key="run.seed"),))

    class Some(Recorder):
        def ask(self, questions: Sequence[Question]) -> Sequence[Answer | None]:
            return [missing if isinstance(one, Fit) and len(one.words) == 5 else NOTHING for one in questions]

    (found,) = [one for one in compiled(own, Some({"a.py": ""})) if one.is_error]
    assert (found.span.position, found.fact) == (
        (16, 35),
        "in step `again`, `run.seed` must be given (`???` in the configuration) and nothing gives it.",
    )


def test_where_there_is_no_configuration_only_that_is_told_and_once() -> None:
    broken = Finding("broken", said="no")
    found = said(broken, Finding("syntax", ARGS, said="no", at=4), Finding("sweep", ARGS, key="lr"))
    assert [line.partition(" | ")[0] for line in found] == ["11:13 error HPC615 conf/main.yaml does not compose: no."]
    other = "  other: {image: app, command: [python, t.py], config: {dir: conf, name: main}}\nsteps:"
    two = PLACES.replace("[a.py]", "[]").replace("steps:", other).replace("again.model]", "again.model, other]")
    assert [line[:5] for line in said(Finding("no-config", key="main"), text=two)] == ["11:31"]
    apart = said(Finding("no-config", key="main"), text=two.replace("name: main}}", "name: b}}"))
    assert [line[:5] for line in apart] == ["11:31", "16:74"]


@pytest.mark.parametrize(
    ("finding", "reason"),
    [
        (Finding("syntax", ARGS, said="missing EQUAL at '<EOF>'", at=6), "it has no `=`"),
        (Finding("syntax", ARGS, said="no viable alternative at input '1,,'", at=4), "unexpected ','"),
        (Finding("syntax", ARGS, said="extraneous input '}' expecting <EOF>"), "`}` is too much"),
        (Finding("syntax", ARGS, said="token recognition error at: '#'"), "`#` must stand in quotes"),
        (Finding("syntax", ARGS, said="mismatched input '=' expecting {<EOF>, ID}", at=2), "unexpected '='"),
        (Finding("syntax", ARGS, said="mismatched input '=' expecting {<EOF>, ID}"), "mismatched input '='"),
    ],
    ids=lambda value: value.said if isinstance(value, Finding) else "",
)
def test_the_words_of_a_grammar_are_said_plainly(finding: Finding, reason: str) -> None:
    assert said(finding)[0].partition(" HPC607 ")[2].startswith(f"Hydra cannot read `lr=1,2`: {reason}. | ")


@pytest.mark.parametrize(
    ("text", "at", "reason"),
    [
        ("a=[1", 4, "a bracket is not closed"),
        ("a=x(", 4, "a bracket is not closed"),
        ("a=${b", 3, "an interpolation is"),
    ],
)
def test_what_is_not_closed(text: str, at: int, reason: str) -> None:
    finding = Finding("syntax", ARGS, said="no viable alternative at input 'x'", at=at)
    assert f"Hydra cannot read `{text}`: {reason}" in said(finding, text=PLACES.replace("lr=1,2", text))[0]


def test_how_a_word_is_mended_that_is_no_override() -> None:
    def fix(text: str, word: int = ARGS) -> str:
        return said(Finding("syntax", word, said="no"), text=text)[0].partition(" | ")[2]

    assert fix(PLACES.replace('["lr=1,2"]', "[lr=1, 2]"), 1) == (
        "write `key=value`; if it belongs to the word before it, quote both: YAML splits at the comma. <2>"
    )
    assert fix(PLACES.replace('["lr=1,2"]', "[two, lr=1]")).startswith("write `key=value`, and quote what")
    typed = PLACES.replace("    config: {dir", "    quoting: typed\n    config: {dir")
    assert fix(typed, SEED) == "remove `quoting: typed`: with `quoting: exact` every text arrives as it stands. <3>"


def test_a_sweep_is_blamed_for_its_bad_value() -> None:
    text = PLACES.replace('    args: ["lr=1,2"]\n', "    sweep: {kind: [a b, vitt], hydra.run.dir: [p, q]}\n")
    text = text.replace("{trainer: {max_epoch: 1}, logger: [csv, wand]}", "{}")
    (first, *_) = asked(text, **{"a.py": ""})
    assert [word.text for word in first.words[:3]] == ["--multirun", "hydra.run.dir=p,q", "kind='a b',vitt"]
    assert said(Finding("clash", 2, key="kind", said="no", element="kind='a b'"), text=text)[0] == (
        "12:20 error HPC615 with `kind='a b'`, conf/main.yaml does not compose: no. | "
        "mend the configuration, or change what is given. <a b>"
    )
    assert said(Finding("unknown-choice", 2, key="kind", said="vitt", element="kind=vitt"), text=text)[0] == (
        "12:25 error HPC602 `vitt` is not an option of the config group `kind` in conf. | "
        "correct the group or the option. <vitt>"
    )
    assert said(Finding("sweep", 1, key="hydra.run.dir"), text=text)[0] == (
        "12:47 error HPC620 `hydra.run.dir` belongs to Hydra itself, and --multirun does not sweep over that. | "
        "put one value into `overrides`. <[p, q]>"
    )


def test_a_cpu_that_a_step_asks_for_is_shown_there() -> None:
    own = PLACES.replace(
        "{uses: train, with: {seed: 3}}", "{uses: train, with: {seed: 3}, overrides: {run.device: cpu}}"
    )
    assert said(Finding("is-cpu", LOGGER + 1, key="run.device"), text=own)[-1] == (
        "16:97 warning HPC605 step `again` runs on a T4, but `run.device` composes to `cpu`. | "
        "write `cuda`, or choose a machine without a GPU. <cpu>"
    )


def test_a_reference_is_shown_where_it_is_written() -> None:
    own = PLACES.replace("logger: [csv, wand]", "logger: '${model.nme}'")
    finding = Finding("interpolation", LOGGER, key="logger", said="${model.nme}", near=("model.name",))
    assert said(finding, text=own)[0] == (
        "15:50 error HPC615 `logger` refers to `${model.nme}`, which is not there in conf/main.yaml. | "
        "did you mean `${model.name}`? <'${model.nme}'>"
    )


def test_what_one_step_of_a_loop_lacks_names_its_element() -> None:
    looped = PLACES.replace("[inputs.model -> train.model, inputs.model -> again.model]", "[train]").replace(
        "{train: {with: {seed: 3}}, again: {uses: train, with: {seed: 3}}}",
        "{train: {for_each: [model], with: {seed: 3, model: [mlp, vit]}}}",
    )
    missing = Fits((Finding("missing", MODEL, key="model.heads"),))

    class Some(Recorder):
        def ask(self, questions: Sequence[Question]) -> Sequence[Answer | None]:
            return [
                missing if isinstance(one, Fit) and "vit" in one.words[MODEL].text else NOTHING for one in questions
            ]

    (found,) = [one for one in compiled(looped, Some({"a.py": ""})) if one.is_error]
    assert (found.fact, found.fix) == (
        "with `model='vit'`, `model.heads` must be given (`???` in the configuration) and nothing gives it.",
        "write `overrides: {++model.heads: …}`, which holds where there is no such key, too.",
    )


def test_a_text_that_the_run_brings_may_fit_a_type() -> None:
    typed = PLACES.replace("model: {type: string, choices: [mlp, vit]}", "model: string")
    finding = Finding("type", MODEL, key="model", said="Value 'hpc' of type 'str' could not be converted")
    assert said(finding, text=typed)[0] == (
        "13:21 warning HPC617 `model` has a type in the structured config, which takes no string unless OmegaConf can "
        "read it as that type. | change the type of the one or the other. <string>"
    )


def test_without_hydra_there_is_one_note() -> None:
    text = PLACES.replace("with: {seed: 3}}, again", "with: {seed: 4}}, again")
    found = compiled(text, Recorder({"a.py": ""}, None))
    assert [(one.rule.code, one.fact, one.fix, one.span.position) for one in found] == [
        (
            "HPC618",
            "overrides are not checked against conf/main.yaml, because hydra-core is not installed beside hpc.",
            "install hpc with its extra `hydra`: pip install 'hydra-pipeline-compiler[hydra]'.",
            (11, 5),
        )
    ]
    undeclared = text.replace("    config: {dir: conf, name: main, imports: [a.py]}\n", "")
    found = compiled(undeclared, Recorder({"t.py": HYDRA_MAIN}, None))
    assert [(one.rule.code, one.fact, one.span.position) for one in found] == [
        (
            "HPC618",
            "overrides are not checked against conf/config.yaml, because hydra-core is not installed beside hpc.",
            (10, 5),
        )
    ]
    assert compiled(undeclared, Recorder({}, None)) == []


def covered(text: str, files: Files) -> list[tuple[str, str, str]]:
    found = compile(Source("pipeline.yaml", text), None, files).covered
    return [(one.component, one.config, one.reason) for one in found]


def test_what_the_components_were_checked_against() -> None:
    """Programs that get no overrides need not be Hydra apps, and those of the library are not the user's."""
    more = """\
  other: {image: app, command: [python, u.py], overrides: {lr: 1}}
  plain: {image: app, command: [python, v.py]}
  flags: {image: app, cli: argparse, overrides: {lr: 1}}
"""
    text = PLACES.replace("steps:", f"{more}steps:", 1).replace("edges: [", "edges: [other, plain, flags, ")
    unknown = ("other", "", "no configuration is known; add `config:`")
    assert covered(text, Recorder({"a.py": ""})) == [("train", "conf/main.yaml", ""), unknown]
    absent = ("train", "conf/main.yaml", "hydra-core is not installed")
    assert covered(text, Recorder({"a.py": ""}, None)) == [absent, unknown]


@pytest.mark.parametrize(
    ("finding", "reason"),
    [
        (Finding("no-folder"), "conf/config.yaml is not there"),
        (Finding("no-config", key="config"), "conf/config.yaml is not there"),
        (Finding("not-found", said="no"), "conf/config.yaml does not compose"),
        (Finding("no-answer", said="no"), "conf/config.yaml cannot be composed here"),
        (Finding("outside", key="a", said="${oc.env:A}"), ""),
    ],
    ids=lambda value: value.kind if isinstance(value, Finding) else "",
)
def test_why_a_configuration_that_was_found_is_not_checked_against(finding: Finding, reason: str) -> None:
    text = PLACES.replace("    config: {dir: conf, name: main, imports: [a.py]}\n", "")
    assert covered(text, Recorder({"t.py": HYDRA_MAIN}, Fits((finding,)))) == [("train", "conf/config.yaml", reason)]


def test_answers_that_make_no_sense_break_nothing() -> None:
    strange = [
        Finding("unknown-key", 99, key="a"),
        Finding("unknown-choice", -1, 7),
        Finding("syntax", MODEL, 7, at=99),
        Finding("syntax", ARGS, at=99),
        Finding("not-imported", key="b.py"),
        Finding("type"),
        Finding("other-type"),
        Finding("sweep"),
        Finding("news", 0),  # type: ignore[arg-type]  # a kind of a later version
    ]
    assert len(said(*strange)) == 8


def test_errors_stop_with_everything_that_was_found() -> None:
    found = said(Finding("missing", key="a"), Finding("missing", key="b"), Finding("outside", key="c", said="x"))
    assert [line.split()[2] for line in found] == ["HPC613", "HPC613", "HPC618"]
