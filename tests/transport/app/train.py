"""A Hydra application. It writes its configuration to the file $SEEN.RANK, and fails where a value is missing.

$RANKS starts it a second time as rank 1 in the ways of Lightning: `hydra` adds what Lightning adds for a Hydra
application, `script` is what it does for any other. With $WAIT it waits for a signal.
"""

# pyright: basic, reportArgumentType=false, reportCallIssue=false, reportOptionalSubscript=false

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import hydra
from omegaconf import OmegaConf

FOLDER, SCRIPT = Path.cwd(), Path(sys.argv[0]).absolute()


@hydra.main(config_path="conf", config_name="main")
def main(config):
    seen = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    place, rank = os.environ["SEEN"], os.environ.get("LOCAL_RANK", "0")
    Path(f"{place}.{rank}").write_text(json.dumps(seen))
    if "WAIT" in os.environ:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(43))
        Path(f"{place}.waits").touch()
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
        command += [f'hydra.run.dir="{HydraConfig.get().run.dir}"']
        command += ["hydra.job.name=train_ddp_process_1", "hydra.output_subdir=null"]
    else:
        command, folder = [sys.executable, str(SCRIPT), *sys.argv[1:]], FOLDER
    subprocess.check_call(command, env={**os.environ, "LOCAL_RANK": "1"}, cwd=folder)


if __name__ == "__main__":
    main()
