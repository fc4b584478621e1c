"""Pictures and their measured distances: which files belong together, and how a file encodes metres."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal
from muggle_convert.evaluation.choices import Crop, DatasetName
from muggle_convert.predict.measured import read_metres
from muggle_convert.predict.photographs import SUFFIXES

Truth = npt.NDArray[np.float32]  # (height, width) in metres; zero where nothing was measured


@dataclass(frozen=True)
class Dataset:
    """The conventions of a data set, which others' files may follow."""

    name: DatasetName
    steps: float | None  # per metre, in a 16-bit PNG
    crop: Crop
    cap: float | None  # metres; larger distances do not count


DATASETS: Mapping[DatasetName, Dataset] = {
    "kitti": Dataset("kitti", 256.0, "garg", 80.0),
    "nyu": Dataset("nyu", 1000.0, "eigen", 10.0),
    "plain": Dataset("plain", None, "none", None),
}


MAPS = frozenset({".png", ".npy"})


@dataclass(frozen=True)
class Pair:
    """A picture and the file of its distances."""

    name: str
    image: Path
    truth: Path
    prompt: Path | None = None  # what some networks are shown beside the picture


def find_pairs(images: Path, truths: Path, prompts: Path | None = None) -> list[Pair]:
    """Files with the same path below all folders, apart from their suffixes."""
    found = _below(images, SUFFIXES)
    measured = _below(truths, MAPS)
    shown = _below(prompts, MAPS) if prompts is not None else {}
    names = sorted(found.keys() & measured.keys())
    if not names:
        an_image, a_truth = next(iter(sorted(found)), "nothing"), next(iter(sorted(measured)), "nothing")
        raise Refusal(
            f"no picture in {printable(images)} (such as {printable(an_image)}) has a .png or .npy of the same name in {printable(truths)} "
            f"(such as {printable(a_truth)}); rename one or the other."
        )
    if lacking := sorted(found.keys() - measured.keys()):
        raise Refusal(
            f"{len(lacking)} of {len(found)} pictures in {printable(images)} have no distances in {printable(truths)}, the first being "
            f"{printable(lacking[0])}; add them or remove the pictures, because a mean over fewer images would be another number."
        )
    if prompts is not None and (lacking := sorted(found.keys() - shown.keys())):
        raise Refusal(
            f"{printable(prompts)} holds no prompt for {printable(lacking[0])}, a .npy in metres or a .png in millimetres of the same name."
        )
    return [Pair(name, found[name], measured[name], shown.get(name)) for name in names]


def read_truth(path: Path, dataset: Dataset) -> Truth:
    """Metres: a .npy holds them as they are, a 16-bit PNG in the data set's steps."""
    return np.nan_to_num(read_metres(path, dataset.steps), nan=0.0, posinf=0.0, neginf=0.0)


def _below(folder: Path, suffixes: frozenset[str]) -> dict[str, Path]:
    if not folder.is_dir():
        raise Refusal(f"{printable(folder)} is not a folder; name the one that holds the files.")
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in suffixes and path.is_file():
            name = path.relative_to(folder).with_suffix("").as_posix()
            if name in found:
                raise Refusal(f"{printable(found[name])} and {printable(path)} have the same name; remove one of them.")
            found[name] = path
    return found
