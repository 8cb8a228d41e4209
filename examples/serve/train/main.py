"""Train a classifier of irises.

Leaves `model.joblib`, the fitted scikit-learn model under the name that Vertex AI's serving image looks for, in the
folder `model_dir`; the accuracy on flowers that it has not seen in `accuracy_file`; and `model_uri`, the address of the
folder, in `address_file`.
"""

import logging
from pathlib import Path

import hydra
import joblib
from omegaconf import DictConfig
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split

log = logging.getLogger("train")


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> None:
    flowers, kinds = load_iris(return_X_y=True)
    known, unseen, kinds_known, kinds_unseen = train_test_split(flowers, kinds, random_state=config.seed)
    model = hydra.utils.instantiate(config.estimator).fit(known, kinds_known)
    accuracy = float(model.score(unseen, kinds_unseen))
    log.info("accuracy %.3f", accuracy)

    folder = Path(config.model_dir)
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, folder / "model.joblib")
    write(config.accuracy_file, str(accuracy))
    write(config.address_file, config.model_uri)


if __name__ == "__main__":
    main()
