"""Trains a model further: anything `load_any_dpt` takes, on KITTI or on any folder of pictures and measurements.

    python -m examples.finetune.train MODEL --folder DIR --run DIR --out tuned.safetensors

Stop it at any time; the same command goes on from the last checkpoint.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

from model_defs.config import OutputConfig
from muggle_convert.cli.options import parse_settings
from muggle_convert.conversion import Options, read
from muggle_convert.errors import Refusal
from muggle_convert.evaluation.datasets import DATASETS
from muggle_convert.evaluation.judging import Rules
from muggle_convert.evaluation.metrics import NAMES
from muggle_convert.images.sizes import Size
from muggle_convert.target import check_target

from .attention import KINDS
from .batches import batches
from .crops import Cropping, crop_size
from .folders import Split, kitti_below, pairs_below
from .objective import LOSSES, objective
from .preparing import in_metres, prepared
from .run import Recipe, Run, read_state
from .saving import save
from .validation import validate

SAID_EVERY = 20  # steps


def finetune(arguments: argparse.Namespace) -> None:
    recipe = Recipe(arguments.batch, arguments.accumulate, arguments.encoder_rate, arguments.decoder_rate, arguments.clip, arguments.seed)
    matched = read(arguments.model, Options(family=arguments.family, overrides=parse_settings(tuple(arguments.settings))))
    split = _split(arguments)
    _make_room(arguments.run, arguments.out)
    dataset = DATASETS["kitti" if arguments.kitti else arguments.dataset]
    learned = Rules(dataset.name, "none", arguments.kb_crop, arguments.cap or dataset.cap)
    judged = replace(learned, crop=dataset.crop)
    said = {"model": matched.checkpoint.name, "pictures": len(split.training), "loss": arguments.loss, "attention": arguments.attention}
    checkpoint = arguments.run / "checkpoint.pt"
    state = read_state(checkpoint, recipe, said) if checkpoint.exists() else None

    ready = prepared(matched, arguments.attention, recipe.seed, arguments.device)
    if arguments.loss == "metric" and matched.config.output.kind != "metric depth":
        ready = in_metres(ready, split.training, learned, dataset, OutputConfig(**state["output"]) if state else None)
    config = ready.model.config
    cropping = Cropping(config.image, learned, dataset, crop_size(config.image, split.training, arguments.kb_crop, arguments.crop))
    run = Run(ready.model, recipe, objective(config.output, arguments.loss, arguments.gradient_weight))

    def say_how_good() -> None:
        numbers = validate(run.model, split.validation, judged, dataset)
        print(f"step {run.step}: " + ", ".join(f"{title} {numbers[name]:.4f}" for name, (title, _) in NAMES.items()), flush=True)

    if state is not None:
        run.resume(state)
    say_how_good()
    coming = batches(split.training, cropping, recipe.batch, recipe.seed, run.step * recipe.accumulate)
    while run.step < arguments.steps:
        loss = run.advance(islice(coming, recipe.accumulate))
        if run.step % SAID_EVERY == 0:
            print(f"step {run.step}/{arguments.steps}, loss {loss:.4f}", flush=True)
        if run.step % arguments.every == 0 or run.step == arguments.steps:
            run.save(checkpoint, said, asdict(config.output))
            say_how_good()
    training = (
        f"{run.step} steps of {recipe.batch * recipe.accumulate} crops with the {arguments.loss} loss, from {len(split.training)} pictures"
    )
    save(run.model, matched, training, ready.changes, arguments.out)
    print(f"{arguments.out}: {training}")


def _split(arguments: argparse.Namespace) -> Split:
    split = kitti_below(arguments.kitti) if arguments.kitti else pairs_below(arguments.folder)
    aside = f"; {split.unmeasured} pictures without measurements are left aside" if split.unmeasured else ""
    print(f"{len(split.training)} pictures for training, {len(split.validation)} for validation{aside}")
    return split


def _make_room(folder: Path, target: Path) -> None:
    """Better before a long run than after it."""
    if target.suffix != ".safetensors":
        raise Refusal(f"{target} does not end in .safetensors, by which other programs know such files.")
    check_target(target, force=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise Refusal(f"{folder} cannot be made ({problem.strerror}); give a folder for the checkpoint with --run.") from None


def _size(text: str) -> Size:
    rows, _, columns = text.partition("x")
    return int(rows), int(columns)


def parse(line: list[str] | None = None) -> argparse.Namespace:
    known = Recipe()
    parser = argparse.ArgumentParser(prog="python -m examples.finetune.train", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="anything load_any_dpt takes")
    parser.add_argument("--family", help="where the file cannot tell")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE", help="what no tensor tells")
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--kitti", type=Path, metavar="DIR", help="KITTI's raw drives, and train/ and val/ of its annotated depth")
    data.add_argument("--folder", type=Path, metavar="DIR", help="train/ and val/, each with images/ and truth/")
    parser.add_argument("--dataset", choices=DATASETS, default="plain", help="what a .png in truth/ means, as for muggle-convert eval")
    parser.add_argument("--kb-crop", action="store_true", help="only the lowest 352 rows and the middle 1216 columns")
    parser.add_argument("--cap", type=float, metavar="METRES", help="nothing is learned from what is farther")
    parser.add_argument("--crop", type=_size, metavar="ROWSxCOLUMNS", help="what the network sees at a time; by default its training size")
    parser.add_argument("--loss", choices=LOSSES, default="relative", help="blind to scale and shift, or in metres")
    parser.add_argument("--gradient-weight", type=float, default=0.5, help="of the relative loss; 0 where measurements are sparse")
    parser.add_argument("--attention", choices=KINDS, help="plug this attention in first")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=known.batch)
    parser.add_argument("--accumulate", type=int, default=known.accumulate, help="batches to a step")
    parser.add_argument("--encoder-rate", type=float, default=known.encoder_rate)
    parser.add_argument("--decoder-rate", type=float, default=known.decoder_rate)
    parser.add_argument("--clip", type=float, default=known.clip, help="the longest gradient")
    parser.add_argument("--seed", type=int, default=known.seed)
    parser.add_argument("--every", type=int, default=200, help="steps between checkpoints and validations")
    parser.add_argument("--device", help="by default a graphics card where there is one")
    parser.add_argument("--run", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--out", type=Path, required=True, help="the file to write in the end")
    return parser.parse_args(line)


def main() -> None:
    try:
        finetune(parse())
    except Refusal as refusal:
        sys.exit(f"finetune: {refusal}")


if __name__ == "__main__":
    main()
