"""The options that commands share: how to read a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from muggle_convert.errors import Refusal

Command = TypeVar("Command", bound=Callable[..., Any])

_READING = (
    click.option("--family", metavar="NAME", help="The family, if the file cannot tell."),
    click.option(
        "--set", "settings", metavar="KEY=VALUE", multiple=True, help="A setting that no tensor tells, such as max_depth=20; repeatable."
    ),
    click.option("--state", metavar="KEY", help="Which weights of a training checkpoint to take, such as ema."),
    click.option(
        "--drop",
        "drops",
        metavar="TEMPLATE",
        multiple=True,
        help="Leave out tensors with such names, for example 'aux.{n}.weight'; repeatable.",
    ),
)


def reading_options(command: Command) -> Command:
    """Family, settings, state and drops."""
    for option in reversed(_READING):
        command = option(command)
    return command


def parse_settings(settings: tuple[str, ...]) -> dict[str, str]:
    parsed = {}
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise Refusal(f"--set {text!r} is not KEY=VALUE, such as --set max_depth=20.")
        parsed[key] = value
    return parsed
