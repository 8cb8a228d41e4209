"""A pipeline written and compiled with the KFP SDK, whose components are run by the SDK's own executor."""

import json
from pathlib import Path

import pytest
from small_pipelines import ran

dsl = pytest.importorskip("kfp.dsl")
compiler = pytest.importorskip("kfp.compiler")


def test_lightweight_python_components_run(tmp_path: Path) -> None:
    from kfp.dsl import Dataset, Input, Metrics, Output

    @dsl.component(base_image="python:3.11", install_kfp_package=False)
    def make(rows: int, scale: float, data: Output[Dataset]) -> int:  # type: ignore[valid-type]
        with open(data.path, "w") as file:  # noqa: PTH123 - the SDK copies the source of this function
            file.write("row\n" * rows)
        data.metadata["scale"] = scale
        return rows * 2

    @dsl.component(base_image="python:3.11", install_kfp_package=False)
    def measure(twice: int, names: list, data: Input[Dataset], metrics: Output[Metrics]) -> str:  # type: ignore[type-arg, valid-type]
        with open(data.path) as file:  # noqa: PTH123 - the SDK copies the source of this function
            metrics.log_metric("rows", len(file.readlines()))
        return f"{twice} {names} {data.metadata['scale']}"

    @dsl.pipeline(name="from-kfp")
    def whole(rows: int = 3, names: list = ["a", "b"]) -> str:  # type: ignore[type-arg] # noqa: B006
        made = make(rows=rows, scale=0.5)
        return measure(twice=made.outputs["Output"], names=names, data=made.outputs["data"]).outputs["Output"]

    file = tmp_path / "pipeline.json"
    with pytest.warns(DeprecationWarning):
        compiler.Compiler().compile(whole, str(file))
    outcome = ran(json.loads(file.read_text()), tmp_path, arguments={"rows": 4}).outcome
    assert outcome.outputs == {"Output": "8 ['a', 'b'] 0.5"}, [Path(t.log).read_text() for t in outcome.tasks.values()]
    assert outcome.tasks["make"].artifacts["data"][0].metadata == {"scale": 0.5}
    assert outcome.tasks["measure"].artifacts["metrics"][0].metadata == {"rows": 4}
