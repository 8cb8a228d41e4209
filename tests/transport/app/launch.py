"""Starts a script once for each rank, as torchrun does: `launch.py --nproc-per-node=2 script arguments...`."""

import os
import subprocess
import sys

count, script, *arguments = sys.argv[1:]
command = [sys.executable, "-u", script, *arguments]
environments = [{**os.environ, "LOCAL_RANK": str(rank)} for rank in range(int(count.partition("=")[2]))]
ranks = [subprocess.Popen(command, env=environment) for environment in environments]
sys.exit(max(rank.wait() for rank in ranks))
