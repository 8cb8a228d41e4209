"""The pipeline that is measured, as a file of hpc and as a script that uses the KFP SDK.

Both write out every step and every edge.

N tasks: `load` makes a data set, the others are a tree below it in which each task feeds up to three. A task takes a
constant text, an input of the pipeline, a constant number and a data set, and makes a data set.
"""

from __future__ import annotations

from collections.abc import Iterator

IMAGE = "registry.example/team/work:1.0"


def parent(index: int) -> str:
    """The step that feeds step `index`, counted from 1; the first is fed by `load`."""
    return "load" if index == 1 else f"work_{(index - 2) // 3 + 1}"


def rate(index: int) -> float:
    return index / 1000


def hpc_file(size: int, distinct: bool) -> str:
    """The pipeline as hpc's YAML. `distinct`: every step has a component of its own, else all share one."""
    return "\n".join([*_head(), *(_distinct_steps(size) if distinct else _shared_steps(size)), *_edges(size), ""])


def _head() -> Iterator[str]:
    yield "hpc: 1"
    yield "name: many-tasks"
    yield "inputs: {seed: int}"
    yield f"images: {{work: {IMAGE}}}"
    yield "components:"
    yield "  load:"
    yield "    image: work"
    yield "    command: [python, load.py]"
    yield "    cli: none"
    yield '    args: ["--out=${{ outputs.made }}"]'
    yield "    outputs: {made: Dataset}"


def _component(name: str) -> Iterator[str]:
    yield f"  {name}:"
    yield "    image: work"
    yield "    command: [python, work.py]"
    yield "    cli: none"
    yield "    args:"
    for port in ("label", "seed", "rate", "data"):
        yield f"      - --{port}=${{{{ inputs.{port} }}}}"
    yield "      - --out=${{ outputs.made }}"
    yield "    inputs: {label: string, seed: int, rate: float, data: Dataset}"
    yield "    outputs: {made: Dataset}"


def _shared_steps(size: int) -> Iterator[str]:
    yield from _component("work")
    yield "steps:"
    for index in range(1, size):
        yield f"  work_{index}: {{uses: work, with: {_constants(index)}}}"


def _distinct_steps(size: int) -> Iterator[str]:
    for index in range(1, size):
        yield from _component(f"work_{index}")
    yield "steps:"
    for index in range(1, size):
        yield f"  work_{index}: {{with: {_constants(index)}}}"


def _constants(index: int) -> str:
    return f"{{label: step {index}, rate: {rate(index)}}}"


def _edges(size: int) -> Iterator[str]:
    yield "edges:"
    for index in range(1, size):
        yield f"  - inputs.seed -> work_{index}.seed"
        yield f"  - {parent(index)}.made -> work_{index}.data"


def kfp_script(size: int, distinct: bool) -> str:
    """The pipeline as a script; its argument is the file to write."""
    components = [f"work_{index}" for index in range(1, size)] if distinct else ["work"]
    lines = ["import sys", "from kfp import compiler, dsl", "from kfp.dsl import Dataset, Input, Output", "", ""]
    lines += _LOAD.splitlines()
    for name in components:
        lines += (_WORK.replace("NAME", name)).splitlines()
    lines += ["@dsl.pipeline(name='many-tasks')", "def pipeline(seed: int):", "    task_load = load()"]
    lines += [_call(index, f"work_{index}" if distinct else "work") for index in range(1, size)]
    return "\n".join([*lines, "", "", "compiler.Compiler().compile(pipeline, sys.argv[1])", ""])


def _call(index: int, component: str) -> str:
    data = f"task_{parent(index)}.outputs['made']"
    return f"    task_work_{index} = {component}(label='step {index}', seed=seed, rate={rate(index)}, data={data})"


_LOAD = f"""
@dsl.container_component
def load(made: Output[Dataset]):
    return dsl.ContainerSpec(image={IMAGE!r}, command=['python', 'load.py'], args=[f'--out={{made.path}}'])


"""
_WORK = f"""
@dsl.container_component
def NAME(label: str, seed: int, rate: float, data: Input[Dataset], made: Output[Dataset]):
    args = [f'--label={{label}}', f'--seed={{seed}}', f'--rate={{rate}}', f'--data={{data.path}}']
    args += [f'--out={{made.path}}']
    return dsl.ContainerSpec(image={IMAGE!r}, command=['python', 'work.py'], args=args)


"""
