"""An optimized network runs each size the way that is fastest here, and gives what the plain one gives."""

from __future__ import annotations

import copy
import pickle
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from model_defs import fast
from model_defs.fast import optimizing, ways
from model_defs.network import Network
from muggle_convert.predict.predictor import with_predict
from tests.configurations import SMALL

SIDE = 64


@pytest.fixture(autouse=True)
def inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture
def network() -> Network:
    with torch.inference_mode(False):
        network = SMALL["midas_v21_small"].network()
    fast.install(network)
    return with_predict(network)


def _way(changed: Callable[[Tensor], Tensor], seconds: float = 0.0) -> Callable[..., Callable[[Tensor], Tensor]]:
    def way(network: Network, inputs: tuple[Tensor, ...]) -> Callable[[Tensor], Tensor]:
        def run(image: Tensor) -> Tensor:
            time.sleep(seconds)
            return changed(network(image))

        return run

    return way


def _only(monkeypatch: pytest.MonkeyPatch, **tried: Any) -> None:
    monkeypatch.setattr(ways, "WAYS", {"cpu": tried})


def _taken(network: Network) -> list[str]:
    return [trial.way for trial in network.trials if trial.is_taken]


@pytest.mark.parametrize("name", ["dpt_hybrid", "dpt_swin2", "dpt_levit"])
def test_it_gives_what_the_plain_network_gives(name: str) -> None:
    network, images = SMALL[name].network(), SMALL[name].images()
    fast.install(with_predict(network))
    inputs = network.trial(images)
    quick = network.optimize(tuple(images.shape[2:]), batch=images.shape[0])
    torch.testing.assert_close(quick(*inputs), network(*inputs), rtol=0, atol=1e-4)


def test_every_way_on_a_processor_is_tried(network: Network) -> None:
    trials = network.optimize((SIDE, SIDE)).trials
    assert {trial.way for trial in trials} == {"plain", "constants", "channels last"}
    assert not any(trial.problem for trial in trials)


def test_a_slower_way_is_not_taken(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    _only(monkeypatch, slow=_way(torch.clone, seconds=0.05))
    assert _taken(network.optimize((SIDE, SIDE))) == ["plain"]


def test_a_way_that_gives_other_numbers_is_not_taken(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = lambda network, inputs: lambda image: torch.zeros_like(image[:, 0])  # noqa: E731
    _only(monkeypatch, wrong=wrong)
    assert _taken(network.optimize((SIDE, SIDE))) == ["plain"]


def test_a_way_that_gives_no_numbers_is_not_taken(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    _only(monkeypatch, nothing=lambda network, inputs: lambda image: torch.full_like(image[:, 0], torch.nan))
    assert _taken(network.optimize((SIDE, SIDE))) == ["plain"]


def test_a_way_that_fails_is_told_with_its_reason(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(network: Network, inputs: tuple[Tensor, ...]) -> Any:
        raise RuntimeError("no compiler\nis here")

    _only(monkeypatch, broken=broken)
    quick = network.optimize((SIDE, SIDE))
    assert str(quick.trials[0]) == "1 x 3 x 64 x 64, broken: cannot run: RuntimeError: no compiler is here"
    assert quick(torch.zeros(1, 3, SIDE, SIDE)).shape == (1, SIDE, SIDE)


def test_a_size_that_comes_again_is_prepared(network: Network) -> None:
    quick = network.optimize()
    for count in range(optimizing.OFTEN):
        assert not quick.trials, count
        quick(torch.randn(1, 3, SIDE, SIDE))
    assert quick.trials


def test_no_more_sizes_are_prepared_than_a_few(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizing, "MOST_SIZES", 1)
    quick = network.optimize((SIDE, SIDE))
    before = len(quick.trials)
    for _ in range(optimizing.OFTEN + 1):
        quick(torch.randn(1, 3, SIDE, 2 * SIDE))
    assert len(quick.trials) == before
    with pytest.raises(ValueError, match="at most 1 sizes, got 2"):
        network.optimize((SIDE, SIDE), (SIDE, 2 * SIDE))


def test_a_size_that_the_network_does_not_take_is_refused(network: Network) -> None:
    with pytest.raises(ValueError, match="multiples of 32"):
        network.optimize((SIDE, SIDE + 1))


def test_gradients_go_through_the_plain_network(network: Network) -> None:
    quick = network.optimize((SIDE, SIDE))
    with torch.inference_mode(False):
        image = torch.zeros(1, 3, SIDE, SIDE, requires_grad=True)
        quick(image).sum().backward()
        assert image.grad is not None


def test_both_hold_the_same_weights(network: Network) -> None:
    quick = network.optimize((SIDE, SIDE))
    assert [one.data_ptr() for one in quick.parameters()] == [one.data_ptr() for one in network.parameters()]
    assert quick.state_dict().keys() == network.state_dict().keys()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_a_copy_is_optimized_anew(network: Network, copied: Callable[[Network], Network]) -> None:
    with torch.inference_mode(False):
        image = torch.randn(1, 3, SIDE, SIDE)
        twin = copied(network.optimize((SIDE, SIDE)))
    torch.testing.assert_close(twin(image), network(image), rtol=0, atol=1e-4)
