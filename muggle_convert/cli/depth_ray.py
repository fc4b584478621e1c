"""muggle-convert depth SOURCE -m MODEL -o TARGET --ray [ADDRESS]"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal
from muggle_convert.outputs import FORMATS

if TYPE_CHECKING:
    from muggle_convert.many.batches import BatchPredictor
    from muggle_convert.many.cluster.stores import Store
    from muggle_convert.many.recipe import Recipe

CONTAINERS = ("webdataset", "parquet")
INSIDE = "npz"
BATCH = 64
HERE = ""  # a cluster of this machine alone

OPTIONS = (
    click.option(
        "--ray",
        is_flag=False,
        flag_value=HERE,
        metavar="[ADDRESS]",
        help="Predict on a Ray cluster, or on one of this machine. Sources and OUT may be URLs (s3://…), shards (.tar) and Parquet.",
    ),
    click.option("--inside", type=click.Choice(list(FORMATS)), help=f"What webdataset and parquet hold; by default {INSIDE}."),
    click.option(
        "--column", metavar="NAME", help="With --ray: the column of Parquet with pictures or URLs, or the ending of pictures in shards."
    ),
    click.option("--key", metavar="COLUMN", help="With --ray: the column of Parquet that names its pictures; by default file and row."),
    click.option(
        "--batch", type=click.IntRange(1), help=f"With --ray: pictures that travel, and are written, together; {BATCH} by default."
    ),
    click.option(
        "--share",
        type=click.FloatRange(0, min_open=True),
        help="With --ray: what each model takes of the cards, or of the processors where there is no card; by default 1 card.",
    ),
)


def ray_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True)
class RayOptions:
    ray: str | None
    inside: str | None
    column: str | None
    key: str | None
    batch: int | None
    share: float | None

    @classmethod
    def taken_from(cls, more: dict[str, Any]) -> RayOptions:
        return cls(**{name: more.pop(name) for name in cls.__dataclass_fields__})


def refuse_without_ray(inputs: tuple[str, ...], out: str, form: str | None, options: RayOptions) -> None:
    """What only --ray can do."""
    for name, value in vars(options).items():
        if value is not None:
            raise Refusal(f"--{name} belongs to --ray, which is not given; leave it out or add --ray.")
    if form in CONTAINERS:
        raise Refusal(f"--format {form} belongs to --ray, which is not given; add it, or write single files ({', '.join(FORMATS)}).")
    for given in (*inputs, out):
        if "://" in given:
            raise Refusal(
                f"{printable(given)} is a URL, and those are for --ray (a cluster of this machine alone will do); add it, or name a path."
            )


def predict_there(
    inputs: tuple[str, ...],
    out: str,
    form: str | None,
    options: RayOptions,
    force: bool,
    unused: Mapping[str, object],
    predictor_for: Callable[[str], tuple[BatchPredictor, Recipe]],
) -> None:
    """`predictor_for` makes the predictor for a format, and the note on how predictions are made."""
    for name, value in unused.items():
        if value not in (None, (), False):
            raise Refusal(f"{name} is not for --ray; leave one of the two out.")
    inside = (options.inside or INSIDE) if form in CONTAINERS else form or "png"
    if options.inside and form not in CONTAINERS:
        raise Refusal("--inside is for --format webdataset and parquet; name the format of single files with --format.")
    try:
        import fsspec  # noqa: F401
        import pyarrow  # noqa: F401
        import ray  # noqa: F401
    except ImportError as problem:
        raise Refusal(f'--ray needs {problem.name}, which is not installed; pip install "muggle-convert[ray]".') from None
    from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn

    from muggle_convert.cli.depth_progress import Rate
    from muggle_convert.cli.terminal import progress_bar
    from muggle_convert.many.cluster.on_ray import Share, connect, predict_on_ray
    from muggle_convert.many.cluster.places import below, read_file, write_file
    from muggle_convert.many.cluster.sources import source_of
    from muggle_convert.many.inputs import is_list
    from muggle_convert.many.recipe import note_of, note_of_ending, refuse_other_note

    suffix = FORMATS[inside].suffix
    store = _store(out, form, suffix)
    source = source_of(
        [name[1:] if is_list(name) else name for name in inputs], out, suffix, options.batch or BATCH, options.column, options.key
    )
    if source.videos:
        click.echo(f"{source.videos} videos are left out: --ray is for pictures.", err=True)
    predictor, recipe = predictor_for(inside)
    if form in CONTAINERS:
        recipe = {**recipe, "--format": f"{form} of {inside}"}
    if force:
        store.clear()
    done = set() if force else store.done()
    ending = store.ending
    refuse_other_note(out, len(done), ending, lambda name: read_file(below(out, name)), recipe)
    connect(options.ray or None)
    share = Share.of_cluster(options.share, predictor.device)
    write_file(below(out, note_of_ending(ending)), note_of(recipe))
    begun, count = time.monotonic(), 0
    failures: list[tuple[str, str]] = []
    left = TimeRemainingColumn(elapsed_when_finished=True)
    bar = progress_bar("{task.description}", BarColumn(), MofNCompleteColumn(), Rate(), left)
    try:
        with bar:
            task = bar.add_task("pictures", total=source.total)
            for key, error in predict_on_ray(predictor, source, store, done, share):
                count += 1
                bar.advance(task)
                if error is not None:
                    failures.append((key, error))
    except KeyboardInterrupt:
        click.echo("muggle-convert: interrupted; finished predictions are kept, and the same command resumes from there.", err=True)
        sys.exit(130)
    kept = f"; {len(done)} were already there (--force predicts them again)" if done else ""
    click.echo(f"{printable(out)}: {count - len(failures)} written in {time.monotonic() - begun:.1f} s{kept}")
    for key, error in sorted(failures):
        click.echo(f"failed: {printable(key)}: {error}", err=True)
    sys.exit(1 if failures else 0)


def _store(out: str, form: str | None, suffix: str) -> Store:
    from muggle_convert.many.cluster.stores import Files, Parquet, WebDataset

    match form:
        case "webdataset":
            return WebDataset(out, suffix)
        case "parquet":
            return Parquet(out)
        case _:
            return Files(out, suffix)
