"""The options that commands share: how to read a checkpoint, and how to predict."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from muggle_convert.errors import Refusal

if TYPE_CHECKING:
    from muggle_convert.checkpoints import Limits
    from muggle_convert.placement import Placement

Command = Callable[..., Any]


def complete_family(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from muggle_convert.families import BY_NAME

    return [name for name in BY_NAME if name.startswith(incomplete)]


def complete_setting(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Those of the family that was named before, or of all."""
    from muggle_convert.families import BY_NAME

    named = BY_NAME.get((context.params.get("reading") or context.params).get("family") or "")
    families = [named] if named is not None else list(BY_NAME.values())
    return sorted({f"{key}=" for family in families for key in family.settings if f"{key}=".startswith(incomplete)})


def complete_model(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Published checkpoints after `zoo:`, files otherwise."""
    if not incomplete.startswith("zoo:"):
        return [CompletionItem(incomplete, type="file")]
    from muggle_convert.hub.zoo import entries

    return [CompletionItem(f"zoo:{entry.name}") for entry in entries() if f"zoo:{entry.name}".startswith(incomplete)]


PATH = click.Path(path_type=Path)

_READING = (
    click.option("--backbone", metavar="FILE", help="The backbone, for a head that lacks it: a file, a folder, USER/REPO or zoo:NAME."),
    click.option(
        "--family", metavar="NAME", shell_complete=complete_family, help="The family, if the file cannot tell; they are listed below."
    ),
    click.option(
        "--set",
        "settings",
        metavar="KEY=VALUE",
        multiple=True,
        shell_complete=complete_setting,
        help="A setting that no tensor tells, such as max_depth=20; those of each family are listed below. Repeatable.",
    ),
    click.option(
        "--state",
        metavar="KEY",
        help="Which weights of a training checkpoint to take: an entry such as ema or checkpoint.ema, or what their names begin with, such as 'teacher.'.",
    ),
    click.option(
        "--drop",
        "drops",
        metavar="TEMPLATE",
        multiple=True,
        help="Leave out tensors with such names, as the file has them or without what is taken off their beginning: a whole name, in which {n} stands "
        "for a number and {p:weight|bias} for one of these words, such as 'aux.{n}.{p:weight|bias}'. Repeatable.",
    ),
)


class ReadingCommand(click.Command):
    """A command with these options, whose help also lists the families and their settings."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from muggle_convert.families import FAMILIES

        families = sorted(FAMILIES, key=lambda family: family.name)
        with formatter.section("Families, and what --set tells of each"):
            formatter.write_dl([(family.name, ", ".join(family.settings)) for family in families])
        meanings = {key: setting.meaning for family in families for key, setting in family.settings.items()}
        with formatter.section("Settings"):
            formatter.write_dl(sorted(meanings.items()))
        super().format_epilog(ctx, formatter)


def reading_options(command: Command) -> Command:
    """Backbone, family, settings, state and drops; the command gets them as one `reading`, the keywords of `ReadOptions`."""

    @wraps(command)
    def gathered(
        *, backbone: str | None, family: str | None, settings: tuple[str, ...], state: str | None, drops: tuple[str, ...], **more: Any
    ) -> Any:
        reading = {"backbone": backbone, "family": family, "overrides": parse_settings(settings), "state": state, "drops": drops}
        return command(reading=reading, **more)

    for option in reversed(_READING):
        option(gathered)
    return gathered


def like_option(command: Command) -> Command:
    """One more word on how to read, for commands that run networks or show them; below `reading_options`."""

    @click.option(
        "--like",
        metavar="CHECKPOINT",
        help="A checkpoint of the same model, for an ONNX graph or a saved state_dict() that does not say what it is.",
    )
    @wraps(command)
    def gathered(*, like: str | None, reading: dict[str, Any], **more: Any) -> Any:
        return command(reading={**reading, "like": like}, **more)

    return gathered


size_option = click.option(
    "--size", type=click.IntRange(min=1), metavar="PIXELS", help="Predict at another resolution than the one in training."
)
device_option = click.option("--device", help="Where to predict, such as cpu or cuda; by default a graphics card where there is one.")
dtype_option = click.option(
    "--dtype", type=click.Choice(["float32", "tf32", "float16", "bfloat16"]), help="What to compute in; by default the model's own type."
)


max_output_option = click.option(
    "--max-output", type=click.IntRange(min=1), metavar="GIB", help="Refuse to write more than this; 64 by default."
)


def limits_of(max_output: int | None) -> Limits:
    from muggle_convert.checkpoints import Limits

    return Limits() if max_output is None else Limits(output_bytes=max_output << 30)


def parse_settings(settings: tuple[str, ...]) -> dict[str, str]:
    parsed = {}
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise Refusal(f"--set {text!r} is not KEY=VALUE, such as --set max_depth=20.")
        parsed[key] = value
    return parsed


def placement(device: str | None, dtype: str | None) -> Placement:
    """Where to compute as requested, by default on a graphics card if there is one."""
    from muggle_convert.placement import Placement, best_device

    return Placement(device or best_device(), dtype)
