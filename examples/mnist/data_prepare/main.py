"""Prepare images of handwritten digits for training.

Takes nothing but its configuration; leaves `train.npz` and `test.npz` in the folder `data_dir`. Each holds `images`
(rows of pixels from 0 to 1) and `labels` (0 to 9). The same seed always gives the same split.
"""

import logging
from pathlib import Path

import hydra
import numpy as np
from omegaconf import DictConfig
from sklearn.model_selection import train_test_split

log = logging.getLogger("data_prepare")


def load(source: DictConfig) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels from the loader that the config group `data` names."""
    pixels, labels = hydra.utils.instantiate(source.loader)
    images = np.asarray(pixels, dtype=np.float32) / source.brightest
    return images, np.asarray(labels).astype(np.int64)  # OpenML hands the labels out as text


def save(folder: Path, part: str, images: np.ndarray, labels: np.ndarray) -> None:
    np.savez_compressed(folder / f"{part}.npz", images=images, labels=labels)
    log.info("%s.npz: %d images of %d pixels", part, *images.shape)


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> None:
    images, labels = load(config.data)
    log.info("read %d images from %s", len(images), config.data.name)
    train_images, test_images, train_labels, test_labels = train_test_split(
        images, labels, test_size=config.test_share, random_state=config.seed, stratify=labels
    )
    folder = Path(config.data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    save(folder, "train", train_images, train_labels)
    save(folder, "test", test_images, test_labels)


if __name__ == "__main__":
    main()
