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
from muggle_convert.errors import Refusal
from muggle_convert.evaluation.datasets import DATASETS
from muggle_convert.evaluation.judging import Rules
from muggle_convert.evaluation.metrics import NAMES
from muggle_convert.files.target import check_target
from muggle_convert.identify.read import ReadOptions, read

from .batches import batches
from .crops import Cropping, crop_size
from .folders import Split, kitti_below, pairs_below
from .objective import objective
from .options import parse
from .preparing import in_metres, prepared
from .run import Recipe, Run, read_state
from .saving import save
from .validation import validate

SAID_EVERY = 20  # steps


def finetune(arguments: argparse.Namespace) -> None:
    ends = arguments.steps if arguments.falling_rates else None
    rates = arguments.encoder_rate, arguments.decoder_rate
    recipe = Recipe(arguments.batch, arguments.accumulate, *rates, arguments.clip, arguments.seed, ends)
    overrides = parse_settings(tuple(arguments.settings))
    matched = read(arguments.model, ReadOptions(family=arguments.family, overrides=overrides, state=arguments.state))
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


def main() -> None:
    try:
        finetune(parse((__doc__ or "").splitlines()[0]))
    except Refusal as refusal:
        sys.exit(f"finetune: {refusal}")


if __name__ == "__main__":
    main()
