"""Which pictures are for training and which for validation: in KITTI's own folders, or in folders of pairs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal
from muggle_convert.evaluation.datasets import Pair, find_pairs
from muggle_convert.predict.photographs import SUFFIXES

PARTS = ("train", "val")
DRIVE = r"(?P<drive>\d{4}_\d\d_\d\d_drive_\d{4}_sync)/"
TRUTH = re.compile(DRIVE + r"proj_depth/groundtruth/(?P<camera>image_0[23])/(?P<frame>\d{10})\.png$")
PICTURE = re.compile(DRIVE + r"(?P<camera>image_0[23])/data/(?P<frame>\d{10})\.\w+$")
TREE = "train/DRIVE/proj_depth/groundtruth/image_02/FRAME.png, the same below val/, and DRIVE/image_02/data/FRAME.png"


@dataclass(frozen=True)
class Split:
    training: list[Pair]
    validation: list[Pair]
    unmeasured: int = 0  # pictures nobody measured anything in, which are left aside


def pairs_below(root: Path) -> Split:
    """images/ and truth/ below train/ and val/, with a measurement for every picture."""
    training, validation = (find_pairs(root / part / "images", root / part / "truth") for part in PARTS)
    return Split(training, validation)


def kitti_below(root: Path) -> Split:
    """KITTI's raw drives beside the annotated depth, wherever in the folder the drives are.

    Every measurement needs its picture. Not so the other way around: KITTI measures neither the first nor the last frames of a drive.
    """
    if not root.is_dir():
        raise Refusal(f"{printable(root)} is not a folder.")
    pictures = {name: path for name, path in _named(root, PICTURE) if path.suffix.lower() in SUFFIXES}
    training, validation = (_measured(root, part, pictures) for part in PARTS)
    drives = {pair.name.partition("/")[0] for pair in (*training, *validation)}
    frames = Counter(name.partition("/")[0] for name in pictures)
    return Split(training, validation, sum(frames[drive] for drive in drives) - len(training) - len(validation))


def _measured(root: Path, part: str, pictures: dict[str, Path]) -> list[Pair]:
    truths = dict(_named(root / part, TRUTH))
    if not truths:
        raise Refusal(f"{printable(root / part)} holds no measured depth in KITTI's layout, which is {TREE}.")
    if lacking := sorted(truths.keys() - pictures.keys()):
        raise Refusal(
            f"{len(lacking)} of {len(truths)} measurements below {printable(root / part)} have no picture, the first being "
            f"{printable(lacking[0])}; put the raw drives below {printable(root)}, as in {TREE}."
        )
    return [Pair(name, pictures[name], truths[name]) for name in sorted(truths)]


def _named(folder: Path, pattern: re.Pattern[str]) -> Iterable[tuple[str, Path]]:
    """Files of a pattern as drive/camera/frame."""
    for path in folder.rglob("*.*"):
        if (match := pattern.search(path.as_posix())) is not None:
            yield f"{match['drive']}/{match['camera']}/{match['frame']}", path
