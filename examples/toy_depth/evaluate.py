"""Measures a checkpoint on scenes it has not seen: new ones of the training kind, unseen objects, unseen textures, and both.

    python -m examples.toy_depth.evaluate fixtures/toy_dpt_hybrid_160.pt

The file goes through the converter like anybody's. The baseline knows how inverse depth usually runs over a picture - the plane that
fits the training scenes' mean best - and is aligned to every scene exactly as the network is.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from muggle_convert import load_any_dpt

from .augment import normalised
from .metrics import FARTHEST, mean_score, score
from .pool import view
from .scenes import TRAINING_WORLD, UNSEEN_WORLD, World, outdoors, room, table_top

HEIGHT, WIDTH = 160, 224
TRAINING_SEED, EVALUATION_SEED = 1, 1000
WORLDS = {
    "new scenes": TRAINING_WORLD,
    "unseen objects": replace(TRAINING_WORLD, objects=UNSEEN_WORLD.objects),
    "unseen textures": replace(TRAINING_WORLD, patterns=UNSEEN_WORLD.patterns),
    "unseen objects and textures": UNSEEN_WORLD,
}
PLACES = {"rooms": room, "outdoors": outdoors, "table tops": table_top}


def mean_plane(scenes: int = 300) -> NDArray[np.float64]:
    """The plane through the mean of the training scenes' inverse depth, each brought to mean 0 and deviation 1 first."""
    maps = []
    for index in range(scenes):
        nearness = view(TRAINING_SEED, index, TRAINING_WORLD, HEIGHT, WIDTH).nearness.astype(np.float64)
        maps.append((nearness - nearness.mean()) / max(nearness.std(), 1e-6))
    row, column = np.mgrid[0:HEIGHT, 0:WIDTH]
    columns = np.stack([row.ravel(), column.ravel(), np.ones(HEIGHT * WIDTH)], axis=1)
    solution, *_ = np.linalg.lstsq(columns, np.mean(maps, axis=0).ravel(), rcond=None)
    return np.asarray((columns @ solution).reshape(HEIGHT, WIDTH))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="anything load_any_dpt takes")
    parser.add_argument("--scenes", type=int, default=400, help="for each row")
    arguments = parser.parse_args()
    model = load_any_dpt(arguments.model).eval()
    plane = mean_plane()
    print(f"{arguments.scenes} scenes a row at {WIDTH} x {HEIGHT}, to {FARTHEST:.0f} m, aligned by least squares in inverse depth\n")
    print("| scenes | mean plane: AbsRel | delta-1 | network: AbsRel | delta-1 |\n|---|---|---|---|---|")
    for name, world in WORLDS.items():
        _row(name, world, arguments.scenes, model, plane)
    for name, place in PLACES.items():
        _row(f"unseen objects and textures, {name}", replace(UNSEEN_WORLD, places=(place,)), arguments.scenes, model, plane)


def _row(name: str, world: World, scenes: int, model: torch.nn.Module, plane: NDArray[np.float64]) -> None:
    baseline, network = [], []
    for index in range(scenes):
        one = view(EVALUATION_SEED, index, world, HEIGHT, WIDTH)
        picture = normalised(torch.from_numpy(one.picture).permute(2, 0, 1)[None] / 255)
        with torch.inference_mode():
            prediction = model(picture.to(next(model.parameters()).dtype))[0].float().numpy()
        baseline.append(score(plane, one.nearness))
        network.append(score(prediction, one.nearness))
    flat, seen = mean_score(baseline), mean_score(network)
    print(f"| {name} | {flat.abs_rel:.4f} | {flat.delta1:.4f} | {seen.abs_rel:.4f} | {seen.delta1:.4f} |", flush=True)


if __name__ == "__main__":
    main()
