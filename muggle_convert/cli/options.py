"""The options that commands share: how to read a checkpoint, and how to predict."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from muggle_convert.errors import Refusal

if TYPE_CHECKING:
    from model_defs.network import Network

Command = Callable[..., Any]

PATH = click.Path(path_type=Path)

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
    """Family, settings, state and drops; the command gets them as one `reading`, the keywords of `ReadOptions`."""

    @wraps(command)
    def gathered(*, family: str | None, settings: tuple[str, ...], state: str | None, drops: tuple[str, ...], **more: Any) -> Any:
        reading = {"family": family, "overrides": parse_settings(settings), "state": state, "drops": drops}
        return command(reading=reading, **more)

    for option in reversed(_READING):
        option(gathered)
    return gathered


size_option = click.option(
    "--size", type=click.IntRange(min=1), metavar="PIXELS", help="Predict at another resolution than the one in training."
)
device_option = click.option("--device", help="Where to predict, such as cpu or cuda; by default a graphics card where there is one.")


def parse_settings(settings: tuple[str, ...]) -> dict[str, str]:
    parsed = {}
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise Refusal(f"--set {text!r} is not KEY=VALUE, such as --set max_depth=20.")
        parsed[key] = value
    return parsed


def to_device(model: Network, device: str | None) -> Network:
    """The network on the requested device, or by default on a GPU if there is one."""
    import torch

    if device is None:
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        return model.to(device)
    except (RuntimeError, AssertionError) as problem:
        raise Refusal(f"the model cannot be moved to --device {device}: {' '.join(str(problem).split())}") from None
