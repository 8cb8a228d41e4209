"""The application of this tree: prints its configuration, every value resolved."""

import hydra
from omegaconf import OmegaConf


@hydra.main(config_path="configs", config_name="train", version_base="1.2")
def main(config):
    print(OmegaConf.to_container(config, resolve=True, throw_on_missing=True))  # noqa: T201


if __name__ == "__main__":
    main()
