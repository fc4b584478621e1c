"""Trains the toy network on the pool of rendered scenes.

    python -m examples.toy_depth.train --pool DIR --run DIR

Stop it at any time; the same command goes on from the last checkpoint. What happens in a step depends on the seed and the number
of the step alone (and on the pool), so an interrupted run is the same run.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from examples.losses.aligned import missed_share, relative_error
from examples.losses.scale_and_shift_invariant import scale_and_shift_invariant_loss
from model_defs.dpt import DPT

from .augment import batch, normalised
from .losses import anchor, correlation_loss
from .metrics import FARTHEST, Score, mean_score, score
from .network import fresh_network
from .pool import Pool, view
from .scenes import UNSEEN_WORLD

SMALL_SIZES = ((96, 128), (96, 128), (128, 96))
FULL_SIZES = ((160, 224), (160, 192), (160, 192), (160, 160), (192, 160))
ANCHOR_WEIGHT = 0.1
AVERAGING = 0.998
SMALL_SHARE = 0.75
"""Of the steps, at the small sizes: geometry is learned there at two fifths of the cost; the rest sharpens it."""
WAKING_SHARE = 0.7
"""Of the steps, with the correlation loss; what evaluation counts has the last word."""


@dataclass(frozen=True)
class Recipe:
    steps: int
    batch: int
    rate: float
    seed: int
    weight_decay: float = 0.05

    def rate_at(self, step: int) -> float:
        rising = min(1.0, (step + 1) / max(1, min(300, self.steps // 15)))
        return self.rate * rising * (0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * step / self.steps)))

    def sizes_at(self, step: int) -> tuple[tuple[int, int], ...]:
        return SMALL_SIZES if step < SMALL_SHARE * self.steps else FULL_SIZES


class Run:
    """A network in training, with the running average of its weights that is kept in the end."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        # In plain order, though convolutions like channels last: the group norms of the hybrid want it, and there are more of them.
        self.model = fresh_network(recipe.seed).to(device)
        self.average = fresh_network(recipe.seed).to(device).requires_grad_(False)
        decayed = [p for p in self.model.parameters() if p.ndim > 1]
        others = [p for p in self.model.parameters() if p.ndim <= 1]
        groups: list[dict[str, Any]] = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98), fused=True)
        self.step = 0

    def save(self, path: Path) -> None:
        state = {
            "step": self.step,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.rename(path)

    def load(self, path: Path) -> None:
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])

    def advance(self, pool: Pool) -> float:
        recipe = self.recipe
        random = np.random.default_rng((recipe.seed, self.step))
        sizes = recipe.sizes_at(self.step)
        height, width = sizes[random.integers(len(sizes))]
        views = [pool[index] for index in random.integers(len(pool), size=recipe.batch)]
        image, nearness = (tensor.to(self.device) for tensor in batch(views, height, width, random))
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.rate_at(self.step)
        # Processors without an arithmetic for it take twice as long in half precision, so it is for cards. For sequences this short, plain
        # attention is faster on a processor than the fused one.
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.device.type == "cuda"), sdpa_kernel(SDPBackend.MATH):
            prediction = self.model(image)
        everywhere = torch.ones_like(nearness, dtype=torch.bool)
        if self.step < WAKING_SHARE * recipe.steps:
            loss = correlation_loss(prediction.float(), nearness)
        else:
            judged = nearness > 1 / FARTHEST
            loss = scale_and_shift_invariant_loss(prediction.float(), nearness, everywhere)
            loss = loss + relative_error(prediction.float(), nearness, judged) + 0.5 * missed_share(prediction.float(), nearness, judged)
        self.optimizer.zero_grad()
        (loss + ANCHOR_WEIGHT * anchor(prediction.float(), nearness, everywhere)).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        keep = min(AVERAGING, self.step / (self.step + 10))
        with torch.no_grad():
            for mean, parameter in zip(self.average.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(parameter, 1 - keep)
        return float(loss.detach())


def validate(model: DPT, device: torch.device, scenes: int = 48) -> Score:
    """On scenes of unseen objects and textures, other ones than those of the evaluation."""
    scores = []
    for index in range(scenes):
        one = view(7, index, UNSEEN_WORLD, 160, 224)
        picture = torch.from_numpy(one.picture).permute(2, 0, 1)[None] / 255
        with torch.inference_mode():
            prediction = model(normalised(picture).to(device))[0].cpu().numpy()
        scores.append(score(prediction, one.nearness))
    return mean_score(scores)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pool", type=Path, required=True, help="what examples.toy_depth.pool rendered")
    parser.add_argument("--run", type=Path, required=True, help="folder for the checkpoint and the log")
    parser.add_argument("--steps", type=int, default=12400)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--pool-seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    recipe = Recipe(arguments.steps, arguments.batch, arguments.rate, arguments.seed)
    run = Run(recipe, device)
    arguments.run.mkdir(parents=True, exist_ok=True)
    checkpoint, log = arguments.run / "checkpoint.pt", arguments.run / "log.txt"
    if checkpoint.exists():
        run.load(checkpoint)
    losses: list[float] = []
    began, first = time.monotonic(), run.step
    while run.step < recipe.steps:
        if run.step == first or run.step % 250 == 0:
            pool = Pool(arguments.pool, arguments.pool_seed)
            if len(pool) == 0:
                parser.error(f"no scenes of seed {arguments.pool_seed} in {arguments.pool}; render them with examples.toy_depth.pool")
        losses.append(run.advance(pool))
        kept = run.step % max(1, min(500, recipe.steps // 6)) == 0 or run.step == recipe.steps
        if run.step % 50 == 0 or kept:
            rate = (run.step - first) / (time.monotonic() - began)
            left = (recipe.steps - run.step) / rate / 60
            line = f"step {run.step}/{recipe.steps}, loss {np.mean(losses[-50:]):.4f}"
            line += f", {rate * recipe.batch:.1f} images/s, {left:.0f} minutes left"
            if kept:
                run.save(checkpoint)
                validation = validate(run.average, device)
                line += f", unseen scenes: AbsRel {validation.abs_rel:.4f}, delta-1 {validation.delta1:.4f}, {len(pool)} scenes in the pool"
            print(line, flush=True)
            with log.open("a") as file:
                file.write(line + "\n")


if __name__ == "__main__":
    main()
