"""muggle-convert eval MODEL... --images DIR --truth DIR"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from muggle_convert.checkpoints import printable
from muggle_convert.cli.options import (
    PATH,
    ReadingCommand,
    complete_model,
    device_option,
    dtype_option,
    like_option,
    placement,
    reading_options,
    size_option,
)
from muggle_convert.errors import Refusal
from muggle_convert.evaluation.choices import UNNAMED, Align, AlignOver, Crop, DatasetName
from muggle_convert.files.target import check_target, make_folder

if TYPE_CHECKING:
    from muggle_convert.evaluation.alignment import Aligner, Alignment
    from muggle_convert.evaluation.datasets import Dataset, Pair
    from muggle_convert.evaluation.judging import Rules
    from muggle_convert.evaluation.results import Row
    from muggle_convert.evaluation.running import Evaluation, Scores
    from muggle_convert.identify.match import Match

DRAWN = "[0-9][0-9] *.png"  # drawings begin with the rank of their image


@click.command("eval", cls=ReadingCommand, short_help="Compare predictions with measured distances.")
@click.argument("models", metavar="MODEL...", shell_complete=complete_model, nargs=-1, required=True)
@click.option("--images", required=True, type=PATH, help="The folder of pictures.")
@click.option("--truth", required=True, type=PATH, help="The folder of measured distances, 16-bit .png or .npy, 0 where there is none.")
@click.option(
    "--prompts",
    type=PATH,
    metavar="DIR",
    help="The folder of maps of measured depth that Prompt-Depth-Anything is shown, .npy in metres or .png in millimetres.",
)
@reading_options
@like_option
@click.option(
    "--dataset", type=click.Choice(get_args(DatasetName)), default="plain", show_default=True,
    help="Says what a step of a .png is (kitti: 1/256 m, nyu: 1 mm), the crop and the cap; plain takes .npy in metres, all of it.",
)  # fmt: skip
@click.option(
    "--data",
    metavar="NAME",
    help="What the data is called, for the table and the card, such as 'NYU Depth v2, test split'; a format is no name.",
)
@click.option("--crop", type=click.Choice(get_args(Crop)), help="Where pixels count; by default kitti: garg, nyu: eigen.")
@click.option("--kb-crop", is_flag=True, help="Show the model KITTI's lowest 352 rows and middle 1216 columns.")
@click.option(
    "--align", type=click.Choice(get_args(Align)),
    help="How predictions become metres; by default none for metric models, scale-shift (robust, in inverse depth) for relative ones.",
)  # fmt: skip
@click.option(
    "--align-over",
    type=click.Choice(get_args(AlignOver)),
    default="image",
    show_default=True,
    help="One alignment per image or one for all.",
)
@click.option(
    "--cap", type=click.FloatRange(0, min_open=True), metavar="METRES", help="Leave out what is farther; by default kitti: 80, nyu: 10."
)
@size_option
@device_option
@dtype_option
@click.option("--worst", type=click.IntRange(min=0), default=5, show_default=True, help="How many of the worst images are named and drawn.")
@click.option("--pictures", type=PATH, metavar="DIR", help="Draw the worst images of each model into this folder.")
@click.option("--results", type=PATH, metavar="FILE", help="Write all numbers to this file; push --results puts them on the card.")
@click.option("--force", is_flag=True, help="Replace existing results and drawings.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    models: tuple[str, ...],
    images: Path,
    truth: Path,
    prompts: Path | None,
    reading: dict[str, Any],
    dataset: DatasetName,
    data: str | None,
    crop: Crop | None,
    kb_crop: bool,
    align: Align | None,
    align_over: AlignOver,
    cap: float | None,
    worst: int,
    pictures: Path | None,
    results: Path | None,
    force: bool,
    as_json: bool,
    **more: Any,
) -> None:
    """Compare each MODEL's predictions with measured distances: the nine numbers that papers report, one row per model."""
    from muggle_convert.cli.eval_tables import show
    from muggle_convert.evaluation.alignment import aligner
    from muggle_convert.evaluation.datasets import DATASETS, find_pairs
    from muggle_convert.evaluation.judging import Rules
    from muggle_convert.evaluation.results import Results
    from muggle_convert.files.atomic import replacing
    from muggle_convert.identify.read import ReadOptions, read

    if results is not None:
        check_target(results, force)
    folders = _folders(models, pictures) if pictures is not None else [None] * len(models)
    for folder in folders:
        if folder is not None and not force and any(folder.glob(DRAWN)):
            raise Refusal(f"{printable(folder)} holds drawings already; pass --force to replace them, or name another folder.")
    known = DATASETS[dataset]
    rules = Rules(dataset, crop or known.crop, kb_crop, cap or known.cap)
    pairs = find_pairs(images, truth, prompts)
    matches = [read(model, ReadOptions(**reading)) for model in models]  # a wrong one is refused at once
    _check_prompts(models, matches, prompts, kb_crop)
    aligners = [aligner(matched.config.output, align) for matched in matches]
    rows = [
        _row(
            Path(model).name,
            matched,
            _evaluation(matched, how, rules, known, **more),
            pairs,
            align_over == "set",
            worst,
            folder,
            more["dtype"],
        )
        for model, matched, how, folder in zip(models, matches, aligners, folders, strict=True)
    ]
    found = Results(dataset, data or UNNAMED[dataset], len(pairs), rules.crop, kb_crop, rules.cap, align_over, rows, data)
    if results is not None:
        with replacing(results) as part:
            part.write_text(found.to_json(), "utf-8")
        if data is None:
            click.echo(
                f"muggle-convert: the results call the data {found.called}, as nothing says what is in it; --data NAME does.", err=True
            )
    if as_json:
        click.echo(found.to_json(), nl=False)
    else:
        show(found, worst)


def _check_prompts(models: tuple[str, ...], matches: list[Match], prompts: Path | None, kb_crop: bool) -> None:
    wanted = [Path(model).name for model, matched in zip(models, matches, strict=True) if matched.config.head.kind == "prompted depth"]
    if wanted and prompts is None:
        raise Refusal(
            f"{printable(wanted[0])} is shown a map of measured depth beside each picture; name the folder of them with --prompts."
        )
    if prompts is not None and not wanted:
        raise Refusal(f"{printable(Path(models[0]).name)} is shown nothing but pictures; leave --prompts out.")
    if wanted and kb_crop:
        raise Refusal("--kb-crop shows a part of each picture, and a prompt belongs to all of it; leave --kb-crop out.")


def _folders(models: tuple[str, ...], pictures: Path) -> list[Path | None]:
    """One folder per model, named after it as far as the names differ."""
    names = [Path(model).name for model in models]
    stems = [Path(name).stem for name in names]
    called = [stem if stems.count(stem) == 1 else name for stem, name in zip(stems, names, strict=True)]
    return [pictures / (name if called.count(name) == 1 else f"{number} {name}") for number, name in enumerate(called, 1)]


def _evaluation(matched: Match, how: Aligner, rules: Rules, dataset: Dataset, *, size: int | None, **where: str | None) -> Evaluation:
    from PIL import Image

    from model_defs.fast import freeze
    from muggle_convert.building import load
    from muggle_convert.evaluation.running import Evaluation

    Image.MAX_IMAGE_PIXELS = None  # what reads pictures has its own limit
    network = load(matched, placement(**where))
    freeze(network)
    return Evaluation(network, how, rules, dataset, size)


def _row(
    name: str,
    matched: Match,
    evaluation: Evaluation,
    pairs: list[Pair],
    over_the_set: bool,
    worst: int,
    folder: Path | None,
    computed_in: str | None,
) -> Row:
    from muggle_convert.evaluation.results import Row
    from muggle_convert.files.casting import FLOAT_TYPES
    from muggle_convert.inspection import Inspection
    from muggle_convert.plan import plan

    scores = _run(evaluation, pairs, over_the_set, name)
    inspection = Inspection(plan(matched))
    row = Row(
        model=name,
        family=matched.family.name,
        fingerprint=inspection.source.get("fingerprint"),
        dtype=FLOAT_TYPES[computed_in].code if computed_in in FLOAT_TYPES else next(iter(inspection.dtypes)),
        align=evaluation.aligner.how,
        numbers=scores.mean,
        images=scores.images,
        empty=scores.empty,
    )
    if folder is not None:
        _draw(evaluation, row.worst(worst), scores.alignments, pairs, folder)
    return row


def _run(evaluation: Evaluation, pairs: list[Pair], over_the_set: bool, name: str) -> Scores:
    from rich.progress import MofNCompleteColumn, Progress

    from muggle_convert.cli.terminal import progress_bar

    with progress_bar(*Progress.get_default_columns(), MofNCompleteColumn()) as progress:
        task = progress.add_task(name, total=len(pairs) * (2 if over_the_set else 1))
        return evaluation.run(pairs, over_the_set, lambda: progress.advance(task))


def _draw(evaluation: Evaluation, names: list[str], alignments: Mapping[str, Alignment], pairs: list[Pair], folder: Path) -> None:
    from muggle_convert.evaluation.error_panels import draw_errors
    from muggle_convert.evaluation.running import read_pair
    from muggle_convert.files.atomic import replacing

    by_name = {pair.name: pair for pair in pairs}
    make_folder(folder)
    for old in folder.glob(DRAWN):
        old.unlink()
    for rank, name in enumerate(names, 1):
        picture, truth = read_pair(by_name[name], evaluation.dataset)
        with replacing(folder / f"{rank:02} {name.replace('/', ' ')}.png") as part:
            draw_errors(evaluation, picture, truth, by_name[name].prompt, alignments[name]).save(part, "PNG")
