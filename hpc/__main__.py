"""`python -m hpc` and the console script: hand over to the command line."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the command line with the arguments of this process, and end the process with its exit code."""
    gc.disable()  # a command is over before collecting pays; `hpc run`, which is not, turns it on again
    from hpc.cli import run_command

    sys.exit(run_command(sys.argv[1:]))


if __name__ == "__main__":
    main()
