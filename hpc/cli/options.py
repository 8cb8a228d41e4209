"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from hpc.compiler import Choice

_Function = TypeVar("_Function", bound=Callable[..., Any])

source_argument = click.argument("file", type=click.Path(path_type=Path))
target_option = click.option(
    "--target",
    type=click.Choice(["vertex", "kfp", "local"]),
    help="Where the pipeline will run.  [default: the only one of vertex and kfp in `targets`, else vertex]",
)


def choice_options(function: _Function) -> _Function:
    """`--profile` and `--set`, which become a Choice by `chosen`."""
    function = click.option(
        "--set",
        "settings",
        metavar="PATH=VALUE",
        multiple=True,
        help="Change one value, e.g. vars.tag=2.0. May be repeated.",
    )(function)
    return click.option(
        "--profile", "profiles", metavar="NAME", multiple=True, help="Lay a profile of the file on it. May be repeated."
    )(function)


def chosen(profiles: tuple[str, ...], settings: tuple[str, ...]) -> Choice:
    """The choice that the options say."""
    from hpc.compiler import Choice

    return Choice(profiles, settings)


def no_choices(profiles: tuple[str, ...], settings: tuple[str, ...], what: str) -> None:
    """Raises UsageError where one was given; `what` says what they act on, and what is there in its place."""
    if profiles or settings:
        raise click.UsageError(f"--profile and --set act on {what}.")
