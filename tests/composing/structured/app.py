"""The application itself: prints what it is configured to."""

import hydra
import schema  # noqa: F401  registers the structured configs
from omegaconf import OmegaConf


@hydra.main(config_path="configs", config_name="config", version_base="1.2")
def main(config):
    print(OmegaConf.to_yaml(config))  # noqa: T201


if __name__ == "__main__":
    main()
