"""A network in training: what one step does, and checkpoints from which a run goes on as if it had never stopped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model_defs.network import Network
from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal
from muggle_convert.files.atomic import replacing

from .objective import Objective
from .trainable import adam, to_training

WARMUP_SHARE = 0.05


@dataclass(frozen=True)
class Recipe:
    """What decides on the weights of a step, besides the model and the pictures."""

    batch: int = 8
    accumulate: int = 1  # batches per step
    encoder_rate: float = 1e-5
    decoder_rate: float = 1e-4
    clip: float = 1.0  # the longest gradient
    seed: int = 0
    ends: int | None = None  # the step at which rates that rise over the first twentieth have fallen to zero; None: they stay as they are

    def share_of_rates(self, step: int) -> float:
        """In a step: half a cosine, after a short rise in which Adam finds out how large the gradients are."""
        if self.ends is None:
            return 1.0
        done = min(1.0, step / self.ends)
        return min(1.0, (step + 1) / max(1.0, WARMUP_SHARE * self.ends)) * (0.5 + 0.5 * math.cos(math.pi * done))


class Run:
    """After so many steps."""

    def __init__(self, model: Network, recipe: Recipe, objective: Objective) -> None:
        self.model, self.recipe, self.objective = model, recipe, objective
        self.optimizer = adam(model, recipe.encoder_rate, recipe.decoder_rate)
        self.step = 0

    def advance(self, batches: Iterable[tuple[Tensor, Tensor]]) -> float:
        """One step on the batches given, whose gradients are added up."""
        to_training(self.model)
        device = next(self.model.parameters()).device
        self.optimizer.zero_grad()
        total = 0.0
        for images, metres in batches:
            # Half precision where there is a card that is made for it; bfloat16 has the range of single precision, so nothing is scaled.
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                prediction = self.model(images.to(device))
            loss = self.objective(prediction.float(), metres.to(device)) / self.recipe.accumulate
            torch.autograd.backward(loss)
            total += float(loss.detach())
        share = self.recipe.share_of_rates(self.step)
        for group, rate in zip(self.optimizer.param_groups, (self.recipe.encoder_rate, self.recipe.decoder_rate), strict=True):
            group["lr"] = share * rate
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self.optimizer.step()
        self.step += 1
        return total

    def save(self, path: Path, said: Mapping[str, Any], output: Mapping[str, Any]) -> None:
        """`said` has to be said again to go on; `output` is what the model's numbers mean, which was found out."""
        state = {
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "said": {**asdict(self.recipe), **said},
            "output": dict(output),
        }
        with replacing(path) as part:
            torch.save(state, part)

    def resume(self, state: Mapping[str, Any]) -> None:
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])


def read_state(path: Path, recipe: Recipe, said: Mapping[str, Any]) -> Mapping[str, Any]:
    """A checkpoint, refused where it is of another run than this one."""
    state: Mapping[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    before, now = state["said"], {**asdict(recipe), **said}
    if others := [key for key, value in now.items() if before.get(key) != value]:
        raise Refusal(
            f"{printable(path)} is of a run with {others[0]} {before.get(others[0])}, not {now[others[0]]}; repeat that command to go on, "
            "or give another folder to begin anew."
        )
    return state
