"""What the command line may say, and what it is when nothing is said."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from muggle_convert.evaluation.datasets import DATASETS
from muggle_convert.predict.sizes import Size

from .attention import KINDS
from .objective import LOSSES
from .run import Recipe


def _size(text: str) -> Size:
    if (sides := re.fullmatch(r"(\d+)x(\d+)", text)) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not ROWSxCOLUMNS, such as 352x704")
    return int(sides[1]), int(sides[2])


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return int(text)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above zero")
    return value


def parse(description: str) -> argparse.Namespace:
    known = Recipe()
    parser = argparse.ArgumentParser(prog="python -m examples.finetune.train", description=description)
    parser.add_argument("model", help="anything load_any_dpt takes")
    parser.add_argument("--family", help="where the file cannot tell")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE", help="what no tensor tells")
    parser.add_argument("--state", metavar="KEY", help="which weights of a training checkpoint to take, such as ema")
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--kitti", type=Path, metavar="DIR", help="KITTI's raw drives, and train/ and val/ of its annotated depth")
    data.add_argument("--folder", type=Path, metavar="DIR", help="train/ and val/, each with images/ and truth/")
    parser.add_argument("--dataset", choices=DATASETS, default="plain", help="what a .png in truth/ means, as for muggle-convert eval")
    parser.add_argument("--kb-crop", action="store_true", help="only the lowest 352 rows and the middle 1216 columns")
    parser.add_argument("--cap", type=_positive, metavar="METRES", help="nothing is learned from what is farther")
    parser.add_argument("--crop", type=_size, metavar="ROWSxCOLUMNS", help="what the network sees at a time; by default its training size")
    parser.add_argument(
        "--loss", choices=LOSSES, default="relative", help="blind to scale and shift; that and what evaluation counts; in metres"
    )
    parser.add_argument(
        "--gradient-weight", type=float, default=0.5, help="of the relative and aligned losses; 0 where measurements are sparse"
    )
    parser.add_argument("--attention", choices=KINDS, help="plug this attention in first")
    parser.add_argument("--steps", type=_count, default=1000)
    parser.add_argument("--batch", type=_count, default=known.batch)
    parser.add_argument("--accumulate", type=_count, default=known.accumulate, help="batches per step")
    parser.add_argument("--encoder-rate", type=_positive, default=known.encoder_rate)
    parser.add_argument("--decoder-rate", type=_positive, default=known.decoder_rate)
    parser.add_argument("--falling-rates", action="store_true", help="rates rise over the first twentieth of the steps, then fall to zero")
    parser.add_argument("--clip", type=_positive, default=known.clip, help="the longest gradient")
    parser.add_argument("--seed", type=int, default=known.seed)
    parser.add_argument("--every", type=_count, default=200, help="steps between checkpoints and validations")
    parser.add_argument("--device", help="by default a graphics card where there is one")
    parser.add_argument("--run", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--out", type=Path, required=True, help="the file to write in the end")
    return parser.parse_args()
