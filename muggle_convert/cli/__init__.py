"""The command line: one file for each command, imported only when needed."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from importlib import import_module
from io import TextIOWrapper
from typing import TextIO

import click
from click_default_group import DefaultGroup

from muggle_convert.checkpoints.safe_text import printable
from muggle_convert.cli.ending import Ended, ending_in_order
from muggle_convert.errors import Notice, Refusal
from muggle_convert.version import VERSION

COMMANDS = ("convert", "inspect", "verify", "export", "depth", "view", "eval", "push", "zoo")


class LazyGroup(DefaultGroup):  # type: ignore[misc]  # the package has no types
    """Knows its commands by name and imports a command only when it runs."""

    def parse_args(self, context: click.Context, arguments: list[str]) -> list[str]:
        """Whoever gives nothing wants to know what there is, which is no wrong usage."""
        parsed: list[str] = super().parse_args(context, arguments or ["--help"])
        return parsed

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            super().get_command(context, name)  # remembers the word, which is the default command's first argument
            name = self.default_cmd_name
        command: click.Command = import_module(f"muggle_convert.cli.{name}").command
        return command


@click.group(cls=LazyGroup, default="convert", default_if_no_args=False, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="muggle-convert")
def muggle_convert() -> None:
    """Convert depth checkpoints (MiDaS, DPT, Depth-Anything) to safe files with readable names.

    \b
    muggle-convert CHECKPOINT -o OUT.safetensors

    Every CHECKPOINT, MODEL, ORIGINAL or CONVERTED is a file, a folder, a repository on the Hugging Face Hub (USER/REPO) or a published
    checkpoint (zoo:NAME).
    """


def main() -> None:
    """Run a command; a refusal is one line on standard error and exit status 1, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # None if it was closed
            stream.reconfigure(errors="backslashreplace")  # for terminals that cannot show every character
    warnings.showwarning = _show
    logging.getLogger("PIL").setLevel(logging.CRITICAL)  # what is wrong with a picture is said in our sentence
    try:
        if os.name != "posix":
            raise Refusal("this needs Linux or macOS; on Windows, run it in WSL.")
        if sys.stdout is None:
            raise Refusal("standard output is closed; send it to a file or to /dev/null.")
        if sys.stderr is None or not sys.stderr.isatty():
            os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # the Hub's client would also draw them into files and pipes
        try:
            with ending_in_order():
                muggle_convert(standalone_mode=False, complete_var="_MUGGLE_CONVERT_COMPLETE")
        finally:
            sys.stdout.flush()
    except Refusal as refusal:
        print(f"muggle-convert: {refusal}", file=sys.stderr)
        sys.exit(1)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as usage:
        usage.show()
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        print("muggle-convert: interrupted.", file=sys.stderr)
        sys.exit(130)
    except Ended as signal:
        print(f"muggle-convert: ended by {signal}.", file=sys.stderr)
        sys.exit(signal.status)
    except BrokenPipeError:
        _write_no_more()
        sys.exit(141)
    except OSError as problem:
        where = f"{printable(problem.filename)}: " if problem.filename else ""
        print(f"muggle-convert: {where}{problem.strerror or ' '.join(str(problem).split())}.", file=sys.stderr)
        _write_no_more()
        sys.exit(1)
    except MemoryError:
        print("muggle-convert: there is not enough memory for this file.", file=sys.stderr)
        sys.exit(1)


def _show(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None, line: str | None = None
) -> None:
    """What was decided for the user is said in one line; other warnings are for programmers."""
    if issubclass(category, Notice):
        print(f"muggle-convert: {message}.", file=sys.stderr)


def _write_no_more() -> None:
    """Let Python flush to nowhere at exit, as it would complain about output that cannot be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
