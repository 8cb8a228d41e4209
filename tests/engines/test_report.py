"""The report of a run: exact pieces of it, and the whole in Debian's Chromium."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from browser import CHROMIUM, Browser, browser
from click.testing import CliRunner
from report_example import (
    HTML,
    LOG,
    MARKDOWN,
    PIXEL,
    PLAN,
    START,
    TRAP,
    Files,
    another,
    artifact,
    example,
    record,
    task,
)

from hpc.cli.report import command
from hpc.engines.local.report import RunData, report
from hpc.engines.local.report.charts import classifications, scatter
from hpc.engines.local.report.documents import frame_of, markdown
from hpc.engines.local.report.drawing import MOST_NODES, draw
from hpc.engines.local.report.graph import read_graph
from hpc.engines.local.report.layout import Size, layout
from hpc.engines.local.report.metrics import tables
from hpc.engines.local.report.tally import Places, tally
from hpc.engines.local.report.timeline import timeline
from hpc.engines.local.store import Store
from hpc.engines.local.store.records import RunRecord, TaskRecord
from hpc.engines.task_names import shortened


def _page(*runs: RunData, files: Files | None = None) -> str:
    return report(runs or [example()], files or Files())


def _data(tasks: list[TaskRecord], plan: Any = None, **fields: Any) -> RunData:
    run = RunRecord("r", "p", "SUCCEEDED", "/f", "p.yaml", "/", "host processes", START, **fields)
    return RunData(run, {one.path: one for one in tasks}, (), plan)


# ---------------------------------------------------------------- escaping


def test_nothing_of_a_run_becomes_markup() -> None:
    text = _page()
    assert "<script>window" not in text
    assert "<img src=x" not in text
    assert text.count("<script>") == 1
    assert escape(TRAP, quote=False).replace("'", "&#39;") in text
    assert "it&#39;s &lt;done&gt; &amp; \\u0000" not in text
    assert "it&#39;s &lt;done&gt; &amp; ␀ \ufffd dusted" in text


@pytest.mark.parametrize("place", ["run", "pipeline", "mode", "error", "folder", "source"])
def test_every_text_of_the_run_is_escaped(place: str) -> None:
    data = example()
    text = _page(replace(data, run=replace(data.run, **{place: f"x{TRAP}"})))
    assert "<script>window" not in text
    assert "x&lt;script&gt;window.hit" in text


def test_names_of_tasks_ports_and_metrics_are_escaped() -> None:
    key = "a<b>&\"'\x1b[31m\udcff"
    tasks = [
        record(
            key, "FAILED", 0, 1, inputs={key: key}, outputs={key: key}, artifacts=artifact(key, "Metrics", **{key: 1})
        )
    ]
    plan = {"root": {"dag": {"tasks": {key: task("c")}}}, "components": {"c": {}}}
    text = _page(_data(tasks, plan, arguments={key: key}, outputs={key: key}))
    assert "<b>&" not in text
    assert "\x1b" not in text
    text.encode("utf-8")
    assert text.count("a&lt;b&gt;&amp;&#34;&#39;") > 10


def test_control_sequences_of_terminals_are_gone() -> None:
    text = _page()
    assert "\x1b" not in text
    assert "out of memory? &lt;script&gt;" in text
    assert " red\n" in text or " red<" in text


def test_the_policy_names_the_only_script_by_its_digest() -> None:
    import hashlib

    text = _page()
    script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)[0]
    assert f"script-src &#39;sha256-{digest}&#39;" in policy
    assert policy.startswith("default-src &#39;none&#39;; ")


# ---------------------------------------------------------------- graph


def _drawn(data: RunData) -> dict[str, Any]:
    nodes = read_graph(data.plan)
    return {shape.title: shape for shape in draw(nodes, Places(data.tasks, nodes)).shapes}


def test_a_loop_is_one_box_with_counts() -> None:
    shapes = _drawn(example())
    train = shapes["train"]
    assert (train.words, train.state, train.loop) == ("5/6 ok, 1 failed", "FAILED", True)
    assert "for each train" not in shapes


def test_the_groups_of_the_compiler_are_left_out_and_those_of_the_author_drawn_around() -> None:
    shapes = _drawn(example())
    assert " ".join(shapes) == ("fetch baseline split train select evaluate predict score plot publish explain notify")
    assert (shapes["publish"].state, shapes["publish"].words) == ("SKIPPED", "skipped")
    assert shapes["publish"].condition == "inputs.x > 0.9"
    frame, inner = shapes["evaluate"], shapes["score"]
    assert frame.cluster
    assert frame.x < inner.x < inner.x + inner.width < frame.x + frame.width
    assert frame.y < inner.y < inner.y + inner.height < frame.y + frame.height


def test_boxes_stand_below_what_they_wait_for_and_never_on_each_other() -> None:
    shapes = _drawn(example())
    for before, after in [
        ("fetch", "split"),
        ("split", "train"),
        ("train", "select"),
        ("evaluate", "publish"),
        ("publish", "notify"),
    ]:
        assert shapes[before].y + shapes[before].height < shapes[after].y
    boxes = [shape for shape in shapes.values() if not shape.cluster]
    for index, one in enumerate(boxes):
        for other in boxes[index + 1 :]:
            across = one.x + one.width <= other.x or other.x + other.width <= one.x
            assert across or one.y + one.height <= other.y or other.y + other.height <= one.y, (one.title, other.title)


def test_layout_of_a_diamond() -> None:
    made = layout(dict.fromkeys("abcd", Size(100, 40)), [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("a", "d")])
    assert made.places["a"][1] == 0
    assert made.places["b"][1] == made.places["c"][1] == 82
    assert made.places["d"][1] == 164
    assert made.height == 204
    assert len(made.routes["a", "d"]) == 4


def test_layout_takes_circles_and_nothing() -> None:
    assert layout({}, []).places == {}
    made = layout(dict.fromkeys("ab", Size(10, 10)), [("a", "b"), ("b", "a")])
    assert set(made.places) == {"a", "b"}


def test_a_long_chain_is_cut_and_that_is_said() -> None:
    keys = [f"t{number}" for number in range(1000)]
    tasks = {key: task("c", *keys[max(0, number - 1) : number]) for number, key in enumerate(keys)}
    plan = {"root": {"dag": {"tasks": tasks}}, "components": {"c": {}}}
    data = _data([record(key, "SUCCEEDED", number, 1) for number, key in enumerate(keys)], plan)
    nodes = read_graph(plan)
    drawing = draw(nodes, Places(data.tasks, nodes))
    assert (len(drawing.shapes), drawing.hidden) == (MOST_NODES, 600)
    text = _page(data)
    assert "600 tasks more are not drawn." in text
    assert "700 shorter tasks are not shown." in text


def test_a_wide_loop_is_one_box() -> None:
    tasks = [record(f"for-each--train[{index}]/train", "SUCCEEDED", index, 1) for index in range(5000)]
    data = _data(tasks, PLAN)
    assert _drawn(data)["train"].words == "5,000/5,000 ok"
    assert len(_page(data)) < 3_000_000


def test_groups_are_drawn_closed_where_there_are_too_many_tasks() -> None:
    inner = {f"t{number}": task("c") for number in range(300)}
    plan = {
        "root": {"dag": {"tasks": {"one": task("g"), "two": task("g", "one")}}},
        "components": {"g": {"dag": {"tasks": inner}}, "c": {}},
    }
    nodes = read_graph(plan)
    drawing = draw(nodes, Places({}, nodes))
    assert [shape.title for shape in drawing.shapes if shape.cluster] == ["one"]
    assert len(drawing.shapes) == 302


@pytest.mark.parametrize(
    "plan",
    [None, {}, {"root": 3}, {"root": {"dag": {"tasks": {"a": 1, "b": {"dependentTasks": "a"}}}}, "components": []}],
)
def test_a_document_that_is_none_does_not_matter(plan: Any) -> None:
    assert "<title>p: run r</title>" in _page(_data([record("a", "SUCCEEDED", 0, 1)], plan))


def test_components_that_hold_themselves_come_to_an_end() -> None:
    plan = {
        "root": {"dag": {"tasks": {"a": task("g"), "b": task("g")}}},
        "components": {"g": {"dag": {"tasks": {"a": task("g"), "b": task("g")}}}},
    }
    assert [node.key for node in read_graph(plan)] == ["a", "b"]


def test_brief_names() -> None:
    assert shortened("for-each--train[3]/train") == "train[3]"
    assert shortened("for-each--a[1]/for-each--b[2]/sub/c") == "sub[1][2]/c"
    assert shortened("sub/when--x/x") == "sub/x"
    assert shortened("for-loop-1[0]/add[2]") == "for-loop-1[0]/add[2]"


def test_tallies_count() -> None:
    found = [record("a", state, 0, 2) for state in ("SUCCEEDED", "SUCCEEDED", "CACHED", "SKIPPED")]
    counted = tally(found)
    assert (counted.state, counted.words, counted.seconds) == ("SUCCEEDED", "2/4 ok, 1 cached, 1 skipped", 4.0)
    assert tally([]).state == "WAITING"


# ---------------------------------------------------------------- timeline


def test_bars_are_shares_of_the_time() -> None:
    data = example()
    attempts = {"for-each--train[5]/train": [one for one in data.attempts if one.path == "for-each--train[5]/train"]}
    found = {row.path: row for row in timeline(data.tasks, attempts).rows}
    first = found["fetch"].bars[0]
    assert (first.left, round(first.width, 6)) == (0, round(8 / 96, 6))
    again = found["for-each--train[5]/train"]
    assert [bar.kind for bar in again.bars] == ["FAILED", "wait", "FAILED"]
    assert again.words == "failed, 19.0 s, 2 attempts"
    assert "split" not in found


def test_the_time_between_two_starts_of_a_run_is_cut() -> None:
    tasks = {one.path: one for one in [record("a", "SUCCEEDED", 0, 10), record("b", "SUCCEEDED", 100_000, 10)]}
    made = timeline(tasks, {})
    assert made.cuts == 1
    assert [round(row.bars[0].width, 3) for row in made.rows] == [0.481, 0.481]
    assert round(made.rows[1].bars[0].left, 3) == 0.519


# ---------------------------------------------------------------- metrics


def test_metrics_of_a_loop_stand_beside_what_differs_between_its_iterations() -> None:
    data = example()
    single, loop = tables(Places(data.tasks, read_graph(data.plan)))
    assert (single.values, single.rows) == (("accuracy", "f1"), (("evaluate/predict", ("0.957", "0.913")),))
    assert (loop.inputs, loop.values) == (("lr",), ("accuracy", "loss"))
    assert loop.rows[0] == ("for-each--train[0]/train", ("0.001", "0.93", "0.07"))
    assert loop.rows[4][1] == ("0.1", "0.93", "NaN")
    assert [(plot.across, plot.up, len(plot.dots), plot.is_logarithmic) for plot in loop.plots] == [
        ("lr", "accuracy", 5, True),
        ("lr", "loss", 4, True),
    ]


def test_dots_are_where_their_numbers_are() -> None:
    plot = scatter(("x", "y"), [(0, 0, "a"), (50, 1, "b"), (100, 2, "c")], False)
    assert [round(dot.x, 1) for dot in plot.dots] == [71.4, 183.0, 294.6]
    assert [round(dot.y, 1) for dot in plot.dots] == [186.1, 104.0, 21.9]
    assert [mark.words for mark in plot.x_marks] == ["0", "50", "100"]


_NAMES = [{"displayName": "a"}, {"displayName": "b"}]
FORMS: dict[str, dict[str, Any]] = {
    "files": {
        "roc": {"fpr": [0, 0.5, 1], "tpr": [0, 0.75, 1], "thresholds": ["Infinity", 0.5, 0]},
        "confusionMatrix": {"categories": ["a", "b"], "matrix": [[3, 1], [2, 4]]},
    },
    "sdk": {
        "confidenceMetrics": [{"confidenceThreshold": 0.5, "recall": 0.75, "falsePositiveRate": 0.5}],
        "confusionMatrix": {"annotationSpecs": _NAMES, "rows": [{"row": [3, 1]}, {"row": [2, 4]}]},
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_classification_in_both_forms(form: str) -> None:
    (found,) = classifications(FORMS[form])
    assert found.curve and found.matrix
    assert found.curve.points == "58.0,196.0 183.0,58.0 308.0,12.0"
    assert found.curve.area == pytest.approx(0.625)
    assert found.matrix.rows == (("a", (("3", 0.75), ("1", 0.25))), ("b", (("2", 0.333), ("4", 0.667))))
    assert found.matrix.accuracy == "70.0%"


def test_what_the_kfp_sdk_writes() -> None:
    from kfp.dsl import ClassificationMetrics, SlicedClassificationMetrics

    metrics = ClassificationMetrics(name="m", uri="/m", metadata={})
    metrics.log_confusion_matrix(["a", "b"], [[5, 0], [1, 4]])
    metrics.log_roc_curve([0, 0.5, 1], [0, 0.75, 1], [1, 0.5, 0])
    (whole,) = classifications(json.loads(json.dumps(metrics.metadata)))
    assert whole.matrix and whole.matrix.accuracy == "90.0%"
    assert whole.curve and whole.curve.points == "58.0,196.0 183.0,58.0 308.0,12.0"
    sliced = SlicedClassificationMetrics(name="m", uri="/m", metadata={})
    sliced._sliced_metrics = {"south": metrics}  # its own methods to fill this do not work in SDK 2.17
    sliced._update_metadata("south")
    (south,) = classifications(json.loads(json.dumps(sliced.metadata)))
    assert south == replace(whole, slice="south")


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"roc": 3},
        {"roc": {"fpr": ["x"], "tpr": [1]}},
        {"confusionMatrix": {"categories": ["a"], "matrix": [[1, 2]]}},
        {"confusionMatrix": {"rows": [], "annotationSpecs": []}},
        {"evaluationSlices": [1, {"slice": 2}]},
    ],
)
def test_broken_charts_are_left_out(metadata: dict[str, Any]) -> None:
    assert list(classifications(metadata)) == []


# ---------------------------------------------------------------- documents


def test_a_frame_begins_with_its_policy_and_asks_nobody() -> None:
    frame = frame_of(HTML)
    assert frame.startswith('<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Sec')
    assert frame.index("default-src 'none'") < frame.index("<title>")
    assert re.findall(r"outside\.invalid/(\w)", frame) == ["g"]  # a link waits until somebody follows it
    assert "script" not in frame
    assert "onload" not in frame
    assert PIXEL in frame
    assert "<h1>Residuals &amp; quantiles</h1>" in frame


def test_markdown_is_rendered_without_its_html() -> None:
    text = markdown(f"# Title\n\n{TRAP}\n\n[x](javascript:alert(1)) [y](https://a.b)\n\n![p](https://a.b/p.png)\n")
    assert "<h4>Title</h4>" in text
    assert "<script" not in text and "<img" not in text
    assert 'href="javascript' not in text
    assert '<a href="https://a.b" rel="noopener noreferrer">y</a>' in text
    assert "[picture: p]" in text


@pytest.mark.parametrize(
    ("uri", "trouble"),
    [
        ("/none.html", "its file is not on this machine any more"),
        ("gs://b/x.html", "its file is not on this machine any more"),
        ("/large.html", "it has more than 4.0 MB"),
    ],
)
def test_documents_that_cannot_be_shown(uri: str, trouble: str) -> None:
    files = Files({"/large.html": "x" * 4_000_001})
    text = _page(_data([record("a", "SUCCEEDED", 0, 1, artifacts=artifact("page", "HTML", uri))]), files=files)
    assert f"Not shown: {trouble}." in text
    assert "<iframe" not in text


# ---------------------------------------------------------------- tasks, sizes, states


def test_what_failed_comes_first_and_groups_around_it_do_not_count() -> None:
    text = _page()
    section = text[text.index('id="failures-1"') : text.index('id="graph-1"')]
    assert re.findall(r'data-mark="✗">([^<]+)<', section) == ["train[5]", "explain"]
    assert "137 (signal 9)" in section
    assert "<code>sh /runs/1/tasks/explain/1/run.sh</code>" in section
    assert "python3 train.py lr=0.3 &#39;name=a &amp; b&#39;" in section
    assert LOG[29] in section


def test_a_report_stays_small_and_says_what_is_missing() -> None:
    log = ["<&>" * 160] * 100
    tasks = [record(f"t{index}", "SUCCEEDED", index, 1, outputs={"big": "<" * 5000}) for index in range(1200)]
    text = _page(_data(tasks), files=Files(log=log))
    assert len(text.encode()) < 20_000_000
    assert re.search(r'id="left-out">To keep this file small, these were left out: .*log tails \(\d+\)', text)
    assert "The end of its log is left out" in text


def test_long_values_are_shortened() -> None:
    text = _page(_data([], arguments={"long": "x" * 10_000}))
    assert f"{'x' * 2000}… (10,000 characters)" in text


def test_an_interrupted_run_runs_no_more() -> None:
    data = example()
    text = _page(replace(data, run=replace(data.run, state="RUNNING"), is_interrupted=True))
    assert '<span class="state is-INTERRUPTED" data-mark="‖">interrupted</span>' in text
    assert 'is-RUNNING"' not in text


def test_no_run_is_no_report() -> None:
    with pytest.raises(ValueError, match="a report needs a run"):
        report([], Files())


# ---------------------------------------------------------------- comparison


def test_runs_side_by_side() -> None:
    text = _page(example(), another())
    text = text[: text.index('id="run-1"')]
    cells = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "|", text))
    cells = re.sub(r"( ?\| ?)+", "|", cells)
    assert "|seed|7|8|(+1)|" in cells
    assert "|rates|[0.001, 0.003, 0.01, 0.03, 0.1, 0.3]|–|" in cells
    assert "|evaluate/predict: accuracy|0.957|0.962|(+0.005)|" in cells
    assert "|explain|failed, 3.2 s|ok, 4.0 s|(+0.8 s)|" in cells
    assert "|best|0.01|0.03|(+0.02)|" in cells
    assert cells.index("|seed|") < cells.index("1 the same in all runs") < cells.index("|source|s3://&lt;bucket&gt;|")


def test_true_is_not_one_and_one_is_one_point_zero() -> None:
    first, second = _data([], arguments={"a": True, "b": 1}), _data([], arguments={"a": 1, "b": 1.0})
    text = _page(first, second)
    differing = text[text.index("Parameters that differ") : text.index("Parameters that are the same")]
    assert '<th scope="row">a</th>' in differing
    assert '<th scope="row">b</th>' not in differing


# ---------------------------------------------------------------- the command


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A root with two runs whose files are there."""
    root = tmp_path / "runs and more"
    store = Store.open(root)
    for data in (example(), another()):
        folder = root / "runs" / data.run.run
        folder.mkdir(parents=True)
        (folder / "pipeline.json").write_text(json.dumps(PLAN))
        secrets = {
            "platforms": {"local": {"deploymentSpec": {"executors": {"leaf": {"secrets": {"KEY": "env:MY_KEY"}}}}}}
        }
        (folder / "platform.json").write_text(json.dumps(secrets))
        (folder / "log.txt").write_text("first\n\x1b[32mkey is hush-hush\x1b[0m\n")
        store.save_run(replace(data.run, folder=str(folder)))
        for one in data.tasks.values():
            log = str(folder / "log.txt") if one.result.log else ""
            store.save_task(replace(one, run=data.run.run, result=replace(one.result, log=log)))
    store.close()
    return root


def test_the_command_writes_into_the_folder_of_the_run(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "hush-hush")
    done = CliRunner().invoke(command, ["abcd", "--root", str(stored)], standalone_mode=False)
    file = stored / "runs" / "2026-09-21-abcd" / "report.html"
    assert (done.output, done.exception) == (f"{file}\n", None)
    text = file.read_text("utf-8")
    assert "<title>churn: run 2026-09-21-abcd</title>" in text
    assert "key is ********" in text
    assert "hush-hush" not in text


def test_several_runs_have_a_file_of_their_own(stored: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["abcd", "efgh", "abcd", "--root", str(stored)], standalone_mode=False)
    assert done.output == f"{stored}/runs/2026-09-21-abcd/report-with-2026-09-22-efgh.html\n"
    CliRunner().invoke(command, ["efgh", "--root", str(stored), "-o", str(tmp_path / "x.html")], standalone_mode=False)
    assert "run 2026-09-22-efgh</title>" in (tmp_path / "x.html").read_text("utf-8")


# ---------------------------------------------------------------- Chromium


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium here")
    with browser(tmp_path_factory.mktemp("chromium")) as driven:
        yield driven


def _opened(chromium: Browser, file: Path, **how: Any) -> None:
    chromium.open(file.as_uri(), **how)
    chromium.value("document.querySelectorAll('details').forEach(each => each.open = true)")
    chromium.value("document.querySelectorAll('iframe').forEach(each => each.loading = 'eager')")
    chromium.settle()


@pytest.fixture
def outside() -> Iterator[tuple[str, list[str]]]:
    """Another machine: its address, and the paths that it is asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def _at(address: str) -> Files:
    elsewhere = {"/runs/1/report.html": HTML, "/runs/1/summary.md": MARKDOWN}
    return Files({path: text.replace("https://outside.invalid", address) for path, text in elsewhere.items()})


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_chromium_has_nothing_to_complain_about(
    chromium: Browser, tmp_path: Path, outside: tuple[str, list[str]], count: int, width: int, scheme: str
) -> None:
    address, asked = outside
    file = tmp_path / "report.html"
    file.write_text(_page(*[example(), another()][:count], files=_at(address)), "utf-8")
    _opened(chromium, file, width=width, scheme=scheme)
    assert chromium.complaints() == []
    assert {url for url in chromium.requests() if not url.startswith("data:")} == {file.as_uri()}
    assert asked == []
    assert chromium.value("window.hit") is None
    assert chromium.value("document.documentElement.scrollWidth") == width
    assert chromium.value("document.querySelectorAll('iframe').length") == count


def test_chromium_would_have_told(chromium: Browser, tmp_path: Path, outside: tuple[str, list[str]]) -> None:
    """The same document in a frame without any care: the checks above can fail."""
    address, asked = outside
    file = tmp_path / "careless.html"
    careless = escape(HTML.replace("https://outside.invalid", address))
    file.write_text(f'<meta charset="utf-8"><iframe sandbox srcdoc="{careless}"></iframe>', "utf-8")
    _opened(chromium, file)
    chromium.settle(1)
    assert chromium.complaints()
    assert {"/a.css", "/d.js", "/e.png"} <= set(asked)


def test_the_policy_holds_where_nothing_was_taken_out(
    chromium: Browser, tmp_path: Path, outside: tuple[str, list[str]]
) -> None:
    """A second wall: with the policies alone, nothing runs and nothing leaves."""
    address, asked = outside
    file = tmp_path / "report.html"
    careless = escape(frame_of("") + HTML.replace("https://outside.invalid", address))
    file.write_text(re.sub(r'srcdoc="[^"]*"', lambda _: f'srcdoc="{careless}"', _page()), "utf-8")
    _opened(chromium, file)
    chromium.settle(1)
    assert chromium.complaints()
    assert asked == []
    assert chromium.value("window.hit") is None


def test_tasks_can_be_filtered_and_boxes_lead_to_them(chromium: Browser, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(_page(), "utf-8")
    chromium.open(file.as_uri())
    visible = (
        "Array.from(document.querySelectorAll('.place')).filter(each => !each.hidden).map(each => each.dataset.path)"
    )
    assert len(chromium.value(visible)) == 10
    box = "document.querySelector('.filter input')"
    chromium.value(f"{box}.value = 'TRAIN'; {box}.dispatchEvent(new Event('input'))")
    assert chromium.value(visible) == ["for-each--train/train"]
    assert chromium.value("document.querySelector('.filter output').textContent") == "1 of 10"
    chromium.value("location.hash = document.querySelector('.graph a').getAttribute('href')")
    chromium.settle(0.1)
    assert chromium.value("[...document.querySelectorAll('.place[open]')].map(each => each.dataset.path)") == ["fetch"]
    assert chromium.value(visible) == ["fetch", "for-each--train/train"]


def test_it_can_be_read_without_its_program(chromium: Browser, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(re.sub(r"<script>.*?</script>", "", _page(), flags=re.DOTALL), "utf-8")
    _opened(chromium, file)
    assert chromium.complaints() == []
    assert chromium.value("document.querySelector('.filter').checkVisibility()") is False
    assert chromium.value("document.querySelectorAll('.place[open]').length") == 10
