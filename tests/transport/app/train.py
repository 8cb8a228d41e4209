"""A Hydra application. It writes its configuration to the file $SEEN.RANK, and fails where a value is missing.

$RANKS starts it a second time as rank 1 in the ways of Lightning: `hydra` adds what Lightning adds for a Hydra
application, `script` is what it does for any other. With $WAIT it waits for a signal.
"""

import json
import os
import signal
import subprocess
import sys

import hydra
from omegaconf import OmegaConf

FOLDER, SCRIPT = os.getcwd(), os.path.abspath(sys.argv[0])


@hydra.main(config_path="conf", config_name="main")
def main(config):
    seen = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    rank = os.environ.get("LOCAL_RANK", "0")
    with open(os.environ["SEEN"] + "." + rank, "w") as file:
        json.dump(seen, file)
    if "WAIT" in os.environ:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(43))
        open(os.environ["SEEN"] + ".waits", "w").close()
        while True:
            signal.pause()
    if "RANKS" in os.environ and "LOCAL_RANK" not in os.environ:
        second()
    if seen["exit"]:
        sys.exit(seen["exit"])


def second():
    if os.environ["RANKS"] == "hydra":
        from hydra.core.hydra_config import HydraConfig
        from hydra.utils import get_original_cwd, to_absolute_path

        command, folder = [sys.executable, to_absolute_path(sys.argv[0]), *sys.argv[1:]], get_original_cwd()
        command += ['hydra.run.dir="{}"'.format(HydraConfig.get().run.dir)]
        command += ["hydra.job.name=train_ddp_process_1", "hydra.output_subdir=null"]
    else:
        command, folder = [sys.executable, SCRIPT, *sys.argv[1:]], FOLDER
    subprocess.check_call(command, env={**os.environ, "LOCAL_RANK": "1"}, cwd=folder)


if __name__ == "__main__":
    main()
