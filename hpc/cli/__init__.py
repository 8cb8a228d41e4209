"""The command line: the only room that prints, exits and reads the environment. One file a command, loaded when called.

Exit codes: 0 ok, 1 rejected (or a difference, for `--check`), 2 wrong usage, 3 a bug in hpc, 4 the run failed,
130 cancelled. Results go to stdout; progress, diagnostics and summaries to stderr.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from hpc.diagnostics import Rejected
from hpc.version import __version__

OK, REJECTED, USAGE, BUG, RUN_FAILED, CANCELLED = 0, 1, 2, 3, 4, 130

COMMANDS = {
    "init": "Make a new project that compiles, runs and tests at once.",
    "compile": "Compile a pipeline file to KFP IR.",
    "check": "Check a pipeline file for every target and profile it names.",
    "run": "Run a pipeline file, or a compiled one, on this machine or on a service.",
    "watch": "Show a run of a service until it has ended.",
    "cancel": "End a run of a service.",
    "resume": "Run again what did not succeed in a run of a service.",
    "runs": "List the runs of this machine, or of a service.",
    "schedule": "Keep the schedule of a pipeline on a service.",
    "publish": "Keep a compiled pipeline on a service, under a name that can be run.",
    "doctor": "Look whether what a pipeline needs is there, and say what to do.",
    "show": "Show a run, or a task of it.",
    "logs": "Print what a task printed, also while it runs.",
    "outputs": "Print the outputs of a run.",
    "lineage": "Tell which run and inputs made an artifact.",
    "report": "Write an HTML file about a run, or about several side by side.",
    "build": "Build the images of a pipeline file, and push them.",
    "lock": "Write down which content the images of a pipeline file have.",
    "render": "Write the components of a pipeline as KFP component files.",
    "convert": "Convert a KFP component or a compiled pipeline to a file of hpc.",
    "hydra": "Show what the Hydra configuration of a component lets you set.",
    "explain": "Explain a code such as HPC301.",
    "schema": "Print the JSON schema of pipeline files, for editors.",
}
"""Name and one-line help of every command, in the order of a first use; the module `hpc.cli.<name>` holds it."""


class _Commands(click.Group):
    """A group that imports a command only when it is called: `--help` of the group needs none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        return import_module(f"hpc.cli.{cmd_name}").command if cmd_name in COMMANDS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: hpc compile pipeline.yaml --target kfp",
)
@click.version_option(__version__, prog_name="hpc", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback when hpc itself fails.")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Describe Hydra components and their wiring in one YAML file; compile it to KFP IR; run it anywhere."""
    ctx.obj = {"debug": debug}


def run_command(arguments: Sequence[str]) -> int:
    """Run one command line and return the exit code. Nothing but the text of the command reaches the streams."""
    try:
        code = _invoke(arguments)
        click.echo(nl=False)  # flushes: what stdout cannot take is found here, not at exit
        return code
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("hpc: cancelled", err=True)
        return CANCELLED
    except Rejected as error:
        from hpc.cli.messages import report

        report(error.diagnostics)
        return REJECTED
    except OSError as error:
        return _stream_lost(error)
    except Exception as error:  # noqa: BLE001  whatever arrives here is a bug, and is said to be one
        return _apologise(error, arguments)


def _invoke(arguments: Sequence[str]) -> int:
    if "_HPC_COMPLETE" in os.environ:
        cli.main(prog_name="hpc")  # a shell that asks for completions; click answers and ends the process
    with cli.make_context("hpc", list(arguments)) as context:
        result = cli.invoke(context)
    return result if isinstance(result, int) else OK


def _stream_lost(error: OSError) -> int:
    """Stdout cannot take the result. A reader that has left (`| head`) has what it wants; a full disk has not."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return OK
    with contextlib.suppress(OSError):
        click.echo(f"hpc: the result cannot be written: {(error.strerror or str(error)).lower()}", err=True)
    return REJECTED


def _apologise(error: Exception, arguments: Sequence[str]) -> int:
    if "--debug" in arguments:
        import traceback

        traceback.print_exception(error)
    click.echo(f"hpc {__version__} failed: {type(error).__name__}: {error}", err=True)
    click.echo("This is a bug in hpc, and none of yours. Please report it with the file and the output of", err=True)
    click.echo(f"  hpc --debug {' '.join(argument for argument in arguments if argument != '--debug')}", err=True)
    return BUG
