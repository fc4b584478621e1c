from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import Tensor

from examples.finetune.objective import objective
from examples.finetune.run import Recipe, Run, read_state
from examples.finetune.trainable import trainable
from muggle_convert import Refusal
from muggle_convert.predict.predictor import with_predict
from tests.configurations import SMALL
from tests.same import assert_same

SMALL_ONE = SMALL["depth_anything_v2"]
SAID = {"model": "small.safetensors", "loss": "relative"}


def fresh(recipe: Recipe) -> Run:
    return Run(trainable(with_predict(SMALL_ONE.network())), recipe, objective(SMALL_ONE.config.output, "relative", 0.5))


def crops(size: int, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches that depend on their numbers alone."""
    for number in range(first, 100):
        generator = torch.Generator().manual_seed(number)
        yield torch.randn(size, 3, 28, 28, generator=generator), 1 + 9 * torch.rand(size, 28, 28, generator=generator)


def advance(run: Run, steps: int) -> list[float]:
    coming = crops(run.recipe.batch, run.step * run.recipe.accumulate)
    return [run.advance(islice(coming, run.recipe.accumulate)) for _ in range(steps)]


@pytest.mark.parametrize(("accumulate", "ends"), [(1, None), (2, 5)])
def test_a_resumed_run_is_the_run_that_never_stopped(accumulate: int, ends: int | None, tmp_path: Path) -> None:
    recipe = Recipe(batch=2, accumulate=accumulate, ends=ends)
    whole, first, second = fresh(recipe), fresh(recipe), fresh(recipe)
    losses = advance(whole, 5)
    assert advance(first, 2) == losses[:2]
    first.save(tmp_path / "checkpoint.pt", SAID, {})
    second.resume(read_state(tmp_path / "checkpoint.pt", recipe, SAID))
    assert advance(second, 3) == losses[2:]
    assert_same(second.model.state_dict(), whole.model.state_dict())


def test_falling_rates_rise_over_a_twentieth_of_the_steps_and_reach_zero_at_the_end() -> None:
    recipe = Recipe(ends=100)
    shares = [recipe.share_of_rates(step) for step in range(101)]
    assert shares[0] == pytest.approx(1 / 5)
    assert shares[:5] == sorted(shares[:5]) and shares[4:] == sorted(shares[4:], reverse=True)
    assert shares[50] == pytest.approx(0.5) and shares[100] == pytest.approx(0)
    assert Recipe().share_of_rates(100) == 1


def test_a_run_with_falling_rates_stands_still_at_its_end() -> None:
    run = fresh(Recipe(batch=2, ends=2))
    advance(run, 2)
    before = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
    advance(run, 1)
    assert_same(run.model.state_dict(), before)


def test_accumulated_batches_are_one_larger_batch() -> None:
    together, apart = fresh(Recipe(batch=4, clip=1e9)), fresh(Recipe(batch=2, accumulate=2, clip=1e9))
    images, metres = next(crops(4))
    whole = together.advance([(images, metres)])
    assert apart.advance([(images[:2], metres[:2]), (images[2:], metres[2:])]) == pytest.approx(whole, rel=1e-5)
    for one, other in zip(together.model.parameters(), apart.model.parameters(), strict=True):
        assert one.grad is None or torch.allclose(one.grad, other.grad, rtol=1e-3, atol=1e-5)


def test_no_gradient_is_longer_than_it_may_be() -> None:
    run = fresh(Recipe(batch=2, clip=0.01))
    advance(run, 1)
    lengths = [parameter.grad.norm() for parameter in run.model.parameters() if parameter.grad is not None]
    assert torch.stack(lengths).norm().item() == pytest.approx(0.01, rel=1e-3)


def test_following_the_gradient_makes_the_loss_smaller() -> None:
    run = fresh(Recipe(batch=2, encoder_rate=1e-4, decoder_rate=1e-3))
    batch = next(crops(2))
    losses = [run.advance([batch]) for _ in range(20)]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize(
    ("recipe", "said", "why"),
    [
        (Recipe(batch=3), SAID, "batch 2, not 3"),
        (Recipe(batch=2), {**SAID, "loss": "metric"}, "loss relative, not metric"),
        (Recipe(batch=2), {**SAID, "model": "other.pt"}, "model small.safetensors, not other.pt"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(recipe: Recipe, said: dict[str, str], why: str, tmp_path: Path) -> None:
    fresh(Recipe(batch=2)).save(tmp_path / "checkpoint.pt", SAID, {})
    with pytest.raises(Refusal, match=f"checkpoint.pt is of a run with {why}"):
        read_state(tmp_path / "checkpoint.pt", recipe, said)
