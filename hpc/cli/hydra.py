"""`hpc hydra`: what Hydra knows of a component."""

from __future__ import annotations

import click

from hpc.cli import keys


@click.group("hydra", epilog="Example: hpc hydra keys pipeline.yaml train")
def command() -> None:
    """Show what the Hydra configuration of a component lets you set."""


command.add_command(keys.command)
