"""Judge a classifier of handwritten digits by images it has not seen.

Takes `test.npz` from the folder `data_dir` and the model from the folder `model_dir`. Leaves
- at `accuracy_file` one number from 0 to 1, as text;
- at `metrics_file` a JSON object of numbers;
- in the folder `figures_dir` the picture `confusion_matrix.png` and `summary.json`;
- at `report_file` one HTML page that holds all of it.
"""

import base64
import html
import json
import logging
from pathlib import Path

import hydra
import joblib
import matplotlib
import numpy as np
from matplotlib.figure import Figure
from omegaconf import DictConfig
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score, f1_score, recall_score

log = logging.getLogger("evaluate")
matplotlib.use("Agg")  # draws into files: no display needed

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{name}</title>
<body style="font-family: sans-serif; color: {ink}; background: {paper}">
<h1>{name}</h1><p>{label}</p>
<table>{rows}</table>
<img alt="confusion matrix" src="data:image/png;base64,{picture}">
</body></html>
"""


def score(labels: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
        "f1_macro": float(f1_score(labels, predicted, average="macro")),
        "recall_of_worst_digit": float(min(recall_score(labels, predicted, average=None))),
        "test_images": len(labels),
    }


def draw(labels: np.ndarray, predicted: np.ndarray, style: DictConfig, path: Path) -> None:
    figure = Figure(figsize=(6, 6), dpi=style.dpi, layout="constrained")
    axes = figure.add_subplot(title="Confusion matrix")
    ConfusionMatrixDisplay.from_predictions(labels, predicted, ax=axes, cmap=style.colours, colorbar=False)
    figure.savefig(path)


def page(summary: dict[str, object], metrics: dict[str, float], picture: Path, style: DictConfig) -> str:
    rows = "".join(f"<tr><td>{name}</td><td>{value:.4g}</td></tr>" for name, value in metrics.items())
    name, label = html.escape(str(summary["run_name"])), html.escape(str(summary["label"]))
    encoded = base64.b64encode(picture.read_bytes()).decode()
    return PAGE.format(name=name, label=label, rows=rows, picture=encoded, ink=style.ink, paper=style.paper)


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> None:
    model = joblib.load(Path(config.model_dir) / "model.joblib")  # made by our own train step: never load a stranger's
    run = json.loads((Path(config.model_dir) / "run.json").read_text(encoding="utf-8"))
    with np.load(Path(config.data_dir) / "test.npz") as data:
        images, labels = data["images"], data["labels"]
    predicted = model.predict(images)
    metrics = score(labels, predicted)
    summary: dict[str, object] = {"run_name": config.run_name, "label": run["label"], **metrics}

    figures = Path(config.figures_dir)
    figures.mkdir(parents=True, exist_ok=True)
    picture = figures / "confusion_matrix.png"
    draw(labels, predicted, config.report, picture)
    (figures / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    Path(config.report_file).write_text(page(summary, metrics, picture, config.report), encoding="utf-8")
    Path(config.metrics_file).write_text(json.dumps(metrics), encoding="utf-8")
    Path(config.accuracy_file).write_text(str(metrics["accuracy"]), encoding="utf-8")
    log.info(
        "%s (%s): accuracy %.4f on %d test images", config.run_name, run["label"], metrics["accuracy"], len(labels)
    )


if __name__ == "__main__":
    main()
