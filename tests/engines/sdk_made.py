"""Pipelines written with the KFP SDK, as its users write them. `test_sdk_made.py` compiles and runs them.

Components take no package but the SDK itself, and container components take `sh` and `python3` alone, so that the
latter run in the image of the tests too. The SDK copies the source of Python components: each brings its own imports.
"""

# ruff: noqa: B006, PTH103, PTH118, PTH123, UP006, UP035, UP045 - what the SDK's documentation teaches its users to write

from functools import partial
from typing import Dict, List, NamedTuple, Optional

from kfp import dsl
from kfp.dsl import (
    HTML,
    Artifact,
    ClassificationMetrics,
    Dataset,
    Input,
    InputPath,
    Markdown,
    Metrics,
    Model,
    Output,
    OutputPath,
    PipelineTaskFinalStatus,
)

IMAGE = "python:3.11-slim"
light = partial(dsl.component, base_image=IMAGE, install_kfp_package=False)

# ---------------------------------------------------------------- components used by several pipelines


@light
def number(value: int) -> int:
    return value


@light
def text(value: str) -> str:
    return value


@light
def broken(message: str) -> str:
    raise RuntimeError(message)


@light
def dataset(content: str, data: Output[Dataset]):
    data.metadata["length"] = len(content)
    with open(data.path, "w") as file:
        file.write(content)


@light
def content_of(data: Input[Dataset]) -> str:
    with open(data.path) as file:
        return file.read()


@dsl.container_component
def say(words: str, said: OutputPath(str)):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["sh", "-c", 'mkdir -p "$(dirname "$1")" && printf %s "$0" > "$1"'],
        args=[words, said],
    )


# ---------------------------------------------------------------- values


@light
def describe(
    name: str,
    count: int,
    share: float,
    flag: bool,
    names: List[str],
    table: Dict[str, int],
    rows: list,
    absent: Optional[str] = None,
    given: Optional[int] = None,
    size: int = 7,
    ratio: float = 0.5,
    deep: dict = {"a": [1, {"b": "c"}]},
    on: bool = True,
) -> dict:
    values = [name, count, share, flag, names, table, rows, absent, given, size, ratio, deep, on]
    return {"values": values, "kinds": [type(value).__name__ for value in values]}


@dsl.pipeline(name="values")
def values(
    name: str = 'it\'s {} ü "x"',
    count: int = 3,
    share: float = 1e-07,
    flag: bool = False,
    names: List[str] = ["a", "b c"],
    table: Dict[str, int] = {"x": 1},
    rows: list = [1, "two", [3.5]],
    absent: Optional[str] = None,
    given: Optional[int] = None,
) -> dict:
    return describe(
        name=name,
        count=count,
        share=share,
        flag=flag,
        names=names,
        table=table,
        rows=rows,
        absent=absent,
        given=given,
    ).output


@light
def several(base: int) -> NamedTuple(
    "Several",
    [("whole", int), ("half", float), ("words", str), ("small", bool), ("many", List[int]), ("table", Dict[str, str])],
):
    from collections import namedtuple

    made = namedtuple("Several", "whole half words small many table")
    return made(base, base / 2, f"n={base}", base < 10, list(range(base)), {"n": str(base)})


@light
def joined(whole: int, half: float, words: str, small: bool, many: List[int], table: Dict[str, str]) -> str:
    return repr((whole, half, words, small, many, table))


class Both(NamedTuple):
    text: str
    whole: int


@dsl.pipeline(name="named-tuple")
def named_tuple(base: int = 3) -> Both:
    made = several(base=base).outputs
    whole = joined(**{name: made[name] for name in ("whole", "half", "words", "small", "many", "table")})
    return Both(whole.output, made["whole"])


# ---------------------------------------------------------------- artifacts


@light
def train(
    data: Input[Dataset],
    model: Output[Model],
    metrics: Output[Metrics],
    classes: Output[ClassificationMetrics],
    page: Output[HTML],
    note: Output[Markdown],
):
    import os

    os.makedirs(model.path)
    with open(os.path.join(model.path, "weights"), "w") as file, open(data.path) as source:
        file.write(source.read().upper())
    model.framework = "none"
    model.metadata["layers"] = [8, 4]
    model.metadata["of"] = data.metadata["length"]
    metrics.log_metric("accuracy", 0.75)
    metrics.log_metric("rows", 3)
    classes.log_confusion_matrix(["cat", "dog"], [[3, 1], [0, 4]])
    classes.log_roc_curve([0.0, 1.0], [0.5, 1.0], [0.9, 0.1])
    with open(page.path, "w") as file:
        file.write("<p>good</p>")
    with open(note.path, "w") as file:
        file.write("# Good")


@light
def judge(model: Input[Model], metrics: Input[Metrics], note: Input[Markdown]) -> str:
    import os

    with open(os.path.join(model.path, "weights")) as weights, open(note.path) as text:
        parts = [
            weights.read(),
            model.framework,
            model.metadata["layers"],
            sorted(metrics.metadata.items()),
            text.read(),
        ]
    return f"{parts} {type(model).__name__} {type(note).__name__}"


@dsl.pipeline(name="artifacts")
def artifacts(content: str = "abc") -> str:
    trained = train(data=dataset(content=content).outputs["data"]).outputs
    return judge(model=trained["model"], metrics=trained["metrics"], note=trained["note"]).output


@light
def elsewhere(folder: str, kept: Output[Dataset], own: Output[Model], returned: Output[Artifact]) -> Dataset:
    import os

    from kfp import dsl

    kept.set_path(os.path.join(folder, "kept"))
    own.uri = "https://models.example/own"
    for artifact in (kept, returned):
        with open(artifact.path, "w") as file:
            file.write(artifact.name)
    with open(os.path.join(folder, "made"), "w") as file:
        file.write("made")
    return dsl.Dataset(name="other", uri=os.path.join(folder, "made"), metadata={"how": "returned"})


@light
def places(kept: Input[Dataset], own: Input[Model], made: Input[Dataset]) -> List[str]:
    with open(kept.path) as first, open(made.path) as second:
        return [first.read(), own.uri, second.read(), made.metadata["how"]]


@dsl.pipeline(name="own-places")
def own_places(folder: str) -> List[str]:
    made = elsewhere(folder=folder).outputs
    return places(kept=made["kept"], own=made["own"], made=made["Output"]).output


@light
def by_path(data: InputPath("Dataset"), copy: OutputPath("Dataset"), lines: OutputPath(int), table: OutputPath(dict)):
    import json

    with open(data) as source, open(copy, "w") as target:
        target.write(source.read() + "!")
    with open(lines, "w") as file:
        file.write("12")
    with open(table, "w") as file:
        json.dump({"a": 1.5}, file)


@light
def optional_artifact(data: Optional[Input[Dataset]] = None) -> str:
    return "none" if data is None else data.metadata["length"].__repr__()


class Paths(NamedTuple):
    copy: Dataset
    lines: int
    table: dict
    without: str
    with_one: str


@dsl.pipeline(name="paths")
def paths() -> Paths:
    made = dataset(content="four")
    copied = by_path(data=made.outputs["data"]).outputs
    without = optional_artifact().output
    with_one = optional_artifact(data=made.outputs["data"]).output
    return Paths(copied["copy"], copied["lines"], copied["table"], without, with_one)


# ---------------------------------------------------------------- conditions


@dsl.pipeline(name="branches")
def branches(word: str = "left", count: int = 2, share: float = 0.5, flag: bool = True) -> str:
    asked = text(value=word)
    with dsl.If(asked.output == "left"):
        one = text(value="went left")
    with dsl.Elif(asked.output == "right"):
        two = text(value="went right")
    with dsl.Else():
        three = text(value=f"went {asked.output}")
    way = dsl.OneOf(one.output, two.output, three.output)
    with dsl.If(count > 1), dsl.If(share <= 0.5), dsl.If(flag == True):  # noqa: E712 - a condition of the SDK
        text(value=way).set_display_name("all of them")
    return text(value=way).output


@dsl.pipeline(name="chosen-artifact")
def chosen_artifact(many: bool) -> Dataset:
    with dsl.If(many == True, name="many"):  # noqa: E712 - a condition of the SDK
        first = dataset(content="many rows")
    with dsl.Else(name="few"):
        second = dataset(content="few")
    chosen = dsl.OneOf(first.outputs["data"], second.outputs["data"])
    content_of(data=chosen)
    return chosen


# ---------------------------------------------------------------- loops


@light
def add_each(values: List[int]) -> List[int]:
    return [value + 10 for value in values]


@dsl.pipeline(name="conditions-in-loops")
def conditions_in_loops(limit: int = 2) -> List[int]:
    with dsl.ParallelFor([1, 2, 3], name="numbers") as item:
        with dsl.If(item >= limit, name="large"):
            big = number(value=item)
            with dsl.ParallelFor(["x", "y"]) as letter, dsl.If(letter == "y"):
                text(value=letter)
                text(value=f"number {big.output}")
        kept = number(value=item)
    return add_each(values=dsl.Collected(kept.output)).output


@light
def spans() -> List[Dict[str, int]]:
    return [{"low": 1, "high": 4}, {"low": 2, "high": 7}]


@light
def greet(who: str, where: str, whole: dict) -> str:
    return f"{who} in {where} of {sorted(whole.items())}"


@light
def width(low: int, high: int, whole: dict) -> int:
    assert whole == {"low": low, "high": high}
    return high - low


class Subfields(NamedTuple):
    greetings: List[str]
    widths: List[int]


@dsl.pipeline(name="subfields")
def subfields() -> Subfields:
    with dsl.ParallelFor([{"who": "Ann", "where": "1"}, {"who": "Bob", "where": "b'\"c"}]) as person:
        greeted = greet(who=person.who, where=person.where, whole=person)
    with dsl.ParallelFor(spans().output, parallelism=1) as span:
        wide = width(low=span.low, high=span.high, whole=span)
    return Subfields(dsl.Collected(greeted.output), add_each(values=dsl.Collected(wide.output)).output)


@dsl.container_component
def pair(letter: str, count: int, said: OutputPath(str)):
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c", 'printf %s "$0$1" > "$2"'], args=[letter, count, said])


@dsl.container_component
def listed(values: List[str], said: OutputPath(list)):
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c", 'printf %s "$0" > "$1"'], args=[values, said])


@dsl.pipeline(name="nested-loops")
def nested_loops(letters: List[str] = ["a", "b"], counts: List[int] = [1, 2]) -> list:
    with dsl.ParallelFor(letters, parallelism=2) as letter, dsl.ParallelFor(counts, parallelism=1) as count:
        made = pair(letter=letter, count=count)
    return listed(values=dsl.Collected(made.outputs["said"])).outputs["said"]


@light
def contents(parts: Input[List[Dataset]]) -> List[str]:
    found = []
    for part in parts or []:  # of no artifacts the SDK makes None
        with open(part.path) as file:
            found.append(f"{file.read()} {part.metadata['length']} {type(part).__name__}")
    return found


class Gathered(NamedTuple):
    told: List[str]
    parts: List[Dataset]
    words: List[str]


@dsl.pipeline(name="collected")
def collected(words: List[str] = ["one", "three", ""]) -> Gathered:
    with dsl.ParallelFor(words) as word:
        made = dataset(content=word)
        same = text(value=word)
    told = contents(parts=dsl.Collected(made.outputs["data"])).output
    return Gathered(told, dsl.Collected(made.outputs["data"]), dsl.Collected(same.output))


# ---------------------------------------------------------------- what runs whatever happened


@light
def last(status: PipelineTaskFinalStatus, file: str, more: str = "default"):
    import json

    seen = [status.state, status.error_code, status.error_message, status.pipeline_task_name, more]
    with open(file, "w") as target:
        json.dump([*seen, bool(status.pipeline_job_resource_name)], target)


@dsl.pipeline(name="exit-handler")
def exit_handler(file: str, fails: bool):
    with dsl.ExitHandler(last(file=file, more="given"), name="guarded"):
        before = text(value="x")
        with dsl.If(fails == True):  # noqa: E712 - a condition of the SDK
            text(value=broken(message=before.output).output)


@light
def perhaps(words: str = "nothing") -> str:
    return f"got {words}"


@dsl.pipeline(name="ignores-failure")
def ignores_failure(file: str):
    bad = broken(message="no use")
    text(value=bad.output).set_display_name("needs it")
    got = perhaps(words=bad.output).ignore_upstream_failure()
    text(value=got.output).set_display_name("goes on")
    last(file=file, more="more").after(bad).ignore_upstream_failure()


# ---------------------------------------------------------------- attempts and former results


@dsl.container_component
def third_time(file: str, tries: OutputPath(int)):
    script = 'echo >> "$0"; tries=$(wc -l < "$0"); [ "$tries" -ge 3 ] && echo "$tries" > "$1"'
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c", script], args=[file, tries])


@dsl.pipeline(name="retries")
def retries(file: str) -> int:
    return third_time(file=file).set_retry(3, backoff_duration="0s").outputs["tries"]


@dsl.container_component
def counted(file: str):
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c", 'echo "$1" >> "$0"'], args=[file, "ran"])


@dsl.pipeline(name="caching")
def caching(kept: str, anew: str, keyed: str):
    counted(file=kept)
    counted(file=anew).set_caching_options(False)
    counted(file=keyed).set_caching_options(True, cache_key="mine")


# ---------------------------------------------------------------- pipelines in pipelines


class Inner(NamedTuple):
    data: Dataset
    size: int


@light
def repeat(content: str, times: int, note: Optional[str] = "not said") -> str:
    return f"{content * times} {note}"


@dsl.pipeline(name="inner")
def inner(content: str, times: int = 2, note: Optional[str] = None) -> Inner:
    repeated = repeat(content=content, times=times, note=note)
    made = dataset(content=repeated.output)
    return Inner(made.outputs["data"], number(value=5).output)


@dsl.pipeline(name="middle")
def middle(data: Input[Dataset], word: str = "mid") -> str:
    content_of(data=data)
    return content_of(data=inner(content=word, note="noted").outputs["data"]).output


class Outer(NamedTuple):
    middle: str
    first: Dataset
    size: int


@dsl.pipeline(name="outer")
def outer(word: str = "out") -> Outer:
    first = inner(content=word, times=3)
    with dsl.If(first.outputs["size"] == 5):
        content_of(data=first.outputs["data"])
    through = middle(data=first.outputs["data"])
    return Outer(through.output, first.outputs["data"], first.outputs["size"])


# ---------------------------------------------------------------- artifacts that exist already


@light
def imported_as(data: Input[Dataset], model: Input[Model]) -> str:
    with open(data.path) as file:
        return f"{file.read()} {sorted(data.metadata.items())} {model.uri == data.uri} {model.metadata['version']}"


@dsl.pipeline(name="importers")
def importers(place: str, version: str = "v2") -> str:
    data = dsl.importer(
        artifact_uri=place,
        artifact_class=Dataset,
        reimport=False,
        metadata={"version": text(value=version).output, "fixed": "yes", "of": {"a": ["b", version]}},
    )
    model = dsl.importer(
        artifact_uri=text(value=place).output, artifact_class=Model, metadata={"version": f"<{version}>"}
    )
    return imported_as(data=data.output, model=model.output).output


# ---------------------------------------------------------------- texts


@light
def as_given(words: str, table: Dict[str, str], rows: List[str]) -> dict:
    return {"words": words, "table": table, "rows": rows}


@dsl.pipeline(name="texts")
def texts(name: str = "{{$.inputs.parameters['words']}}", count: int = 3, share: float = 1e-07) -> dict:
    made = text(value="made").output
    return as_given(
        words=f"<{name}> {count} {share} {made}", table={"a": f"{made}-{count}"}, rows=["plain", f"{made}", made]
    ).output


@light
def run_names(job: str, resource: str, uuid: str, task: str, task_uuid: str, created: str, inside: str) -> List[str]:
    return [job, resource, uuid, task, task_uuid, created, inside]


@dsl.pipeline(name="run-names")
def names_of_run() -> List[str]:
    return run_names(
        job=dsl.PIPELINE_JOB_NAME_PLACEHOLDER,
        resource=dsl.PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER,
        uuid=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
        task=dsl.PIPELINE_TASK_NAME_PLACEHOLDER,
        task_uuid=dsl.PIPELINE_TASK_ID_PLACEHOLDER,
        created=dsl.PIPELINE_JOB_CREATE_TIME_UTC_PLACEHOLDER,
        inside=f"of {dsl.PIPELINE_JOB_NAME_PLACEHOLDER}!",
    ).output


@dsl.container_component
def arguments(
    said: OutputPath(list), name: str, count: Optional[int] = None, tag: Optional[str] = None, size: float = 2.0
):
    script = "import json, sys; json.dump(sys.argv[2:], open(sys.argv[1], 'w'))"
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["python3", "-c", script, said],
        args=[
            dsl.ConcatPlaceholder(["--name=", name, "/", size]),
            dsl.IfPresentPlaceholder("count", then=["--count", count], else_=["--no-count"]),
            dsl.IfPresentPlaceholder("tag", then=dsl.ConcatPlaceholder(["--tag=", tag])),
            dsl.ConcatPlaceholder(["x", dsl.IfPresentPlaceholder("tag", then=tag, else_="none"), "y"]),
        ],
    )


class Placed(NamedTuple):
    first: list
    second: list


@dsl.pipeline(name="placeholders")
def placeholders(name: str = 'a "b"') -> Placed:
    first = arguments(name=name, count=0, tag="t")
    second = arguments(name=name)
    return Placed(first.outputs["said"], second.outputs["said"])


# ---------------------------------------------------------------- containers


@dsl.container_component
def write(rows: int, data: Output[Dataset], model: Output[Model]):
    script = 'seq "$0" > "$1"; mkdir -p "$2"; echo w > "$2/weights"'
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-ec", script], args=[rows, data.path, model.path])


@dsl.container_component
def read(data: Input[Dataset], model: Input[Model], total: OutputPath(int), rows: OutputPath(list)):
    script = """
import json, pathlib, sys
data, uri, model, total, rows = sys.argv[1:]
assert uri.endswith(data), (uri, data)
found = [int(line) for line in open(data)]
pathlib.Path(total).write_text(f" {sum(found)}\\n")
pathlib.Path(rows).write_text(json.dumps([*found, pathlib.Path(model, "weights").read_text()]))
"""
    return dsl.ContainerSpec(
        image=IMAGE, command=["python3", "-c", script], args=[data.path, data.uri, model.path, total, rows]
    )


class Read(NamedTuple):
    total: int
    rows: list


@dsl.pipeline(name="containers")
def containers(rows: int = 3) -> Read:
    made = write(rows=rows)
    found = read(data=made.outputs["data"], model=made.outputs["model"])
    return Read(found.outputs["total"], found.outputs["rows"])


@dsl.container_component
def variable(said: OutputPath(str)):
    return dsl.ContainerSpec(image=IMAGE, command=["sh", "-c", 'printf %s "$LEVEL $EMPTY$ODD" > "$0"'], args=[said])


@dsl.pipeline(name="settings")
def settings(cpu: str = "500m", memory: str = "256M", image: str = IMAGE) -> str:
    one = (
        variable().set_env_variable("LEVEL", "debug").set_env_variable("EMPTY", "").set_env_variable("ODD", "$HOME 'x'")
    )
    one.set_cpu_limit(cpu).set_memory_limit(memory).set_cpu_request("100m").set_memory_request("64M")
    two = say(words="fixed").set_cpu_limit("1").set_memory_limit("512M").after(one)
    say(words="image").set_container_image(image).set_display_name("Shown so").after(two)
    return one.outputs["said"]


# ---------------------------------------------------------------- what cannot be run here


@dsl.pipeline(name="many-datasets")
def many_datasets() -> List[Dataset]:
    with dsl.ParallelFor(["a", "b"]) as word:
        made = dataset(content=word)
    return dsl.Collected(made.outputs["data"])


@dsl.pipeline(name="loop-over-artifacts")
def loop_over_artifacts():
    with dsl.ParallelFor(many_datasets().output) as one:
        content_of(data=one)


@dsl.pipeline(name="given-artifact")
def given_artifact(data: Input[Dataset]) -> str:
    return content_of(data=data).output


@dsl.container_component
def clean():
    return dsl.ContainerSpec(image=IMAGE, command=["rm", "-r", f"{dsl.WORKSPACE_PATH_PLACEHOLDER}/old"])


@dsl.pipeline(
    name="workspace", pipeline_config=dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size="1Gi", kubernetes=None))
)
def workspace() -> str:
    clean()
    say(words=f"{dsl.WORKSPACE_PATH_PLACEHOLDER}/a")
    return text(value=dsl.WORKSPACE_PATH_PLACEHOLDER).output


@dsl.pipeline(name="quoted")
def quoted(name: str = "it's"):
    with dsl.If(name == "it's"):
        text(value=name)


@dsl.pipeline(name="text-of-inner-item")
def text_of_inner_item(names: List[str] = ["a"]):
    with dsl.ParallelFor([1, 2]) as outer_item, dsl.ParallelFor(names) as name:
        text(value=f"{name}{outer_item}")


@dsl.component(base_image=IMAGE, install_kfp_package=False, target_image="registry.example/team/own:1")
def in_its_image(value: str) -> str:
    return value


@dsl.pipeline(name="in-image")
def in_image() -> str:
    return in_its_image(value="x").output


@dsl.pipeline(name="too-long")
def too_long() -> str:
    return text(value="x" * 200_000).output


@light
def not_a_number() -> float:
    return float("nan")


@light
def says_nothing() -> NamedTuple("Said", [("words", str)]):
    return None


@dsl.pipeline(name="bad-outputs")
def bad_outputs():
    not_a_number()
    says_nothing()


# ---------------------------------------------------------------- what the SDK writes when nothing is said


@dsl.component
def as_default(value: str = "by default") -> str:
    return value


@dsl.pipeline(name="default-component")
def default_component() -> str:
    return as_default().output
