"""Train a classifier of handwritten digits.

Takes `train.npz` from the folder `data_dir`; leaves `model.joblib` (the fitted scikit-learn model) and `run.json`
(how it was made) in the folder `model_dir`.
"""

import json
import logging
from pathlib import Path

import hydra
import joblib
import numpy as np
import sklearn
from omegaconf import DictConfig, OmegaConf

log = logging.getLogger("train")


def load(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(folder / "train.npz") as data:
        return data["images"], data["labels"]


def describe(config: DictConfig, images: np.ndarray, accuracy: float) -> dict[str, object]:
    """What one wants to know about a model later: its settings, its seed, the versions in use."""
    return {
        "label": config.label,
        "estimator": OmegaConf.to_container(config.model.estimator, resolve=True),
        "seed": config.seed,
        "devices": config.devices,
        "images": len(images),
        "training_accuracy": accuracy,
        "scikit_learn": sklearn.__version__,
    }


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> None:
    logging.captureWarnings(True)  # scikit-learn's advice becomes part of the log
    images, labels = load(Path(config.data_dir))
    log.info("fitting %s on %d images", config.model.name, len(images))
    model = hydra.utils.instantiate(config.model.estimator)
    model.fit(images, labels)
    accuracy = float(model.score(images, labels))
    log.info("%s: accuracy on the training images %.4f", config.label, accuracy)

    folder = Path(config.model_dir)
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, folder / "model.joblib")
    (folder / "run.json").write_text(json.dumps(describe(config, images, accuracy), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
