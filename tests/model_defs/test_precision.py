"""A network's own forward computes float32 as float32 on a card, and nobody's settings are changed by it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from model_defs import network as network_module
from model_defs.precision import SETTINGS, exact_float32
from tests.configurations import SMALL

NAME = "dpt_vit"
EXACT = [exact for _, _, exact in SETTINGS]


def _now() -> list[object]:
    return [getattr(backend, setting) for backend, setting, _ in SETTINGS]


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that is taken for a card."""
    monkeypatch.setattr(network_module, "rounds_float32", lambda tensor: True)


@pytest.fixture(autouse=True)
def settings_of_torch() -> Iterator[list[object]]:
    before = _now()
    assert before != EXACT, "torch has changed its default, which makes this module superfluous"
    yield before
    assert _now() == before


def _settings_in_forward(exact: bool = True) -> list[object]:
    network, seen = SMALL[NAME].network(), []
    network.exact = exact
    network.head.register_forward_hook(lambda module, inputs, output: seen.extend(_now()))
    with torch.inference_mode():
        network(SMALL[NAME].images())
    return seen


def test_products_are_exact_while_a_network_runs_on_a_card(card: None) -> None:
    assert _settings_in_forward() == EXACT


def test_who_wants_them_faster_can_ask_for_it(card: None, settings_of_torch: list[object]) -> None:
    assert _settings_in_forward(exact=False) == settings_of_torch


def test_a_processor_needs_no_settings(settings_of_torch: list[object]) -> None:
    assert _settings_in_forward() == settings_of_torch


def test_settings_come_back_after_an_input_that_is_refused(card: None) -> None:
    with pytest.raises(ValueError, match="expected images of shape"):
        SMALL[NAME].network()(torch.zeros(3))


def test_settings_come_back_when_the_last_of_several_threads_is_done(settings_of_torch: list[object]) -> None:
    entered, left = threading.Event(), threading.Event()

    def other() -> None:
        with exact_float32():
            entered.set()
            left.wait()

    thread = threading.Thread(target=other)
    with exact_float32():
        thread.start()
        entered.wait()
    assert _now() == EXACT
    left.set()
    thread.join()
    assert _now() == settings_of_torch


def test_half_precision_on_a_card_is_left_alone() -> None:
    assert not network_module.rounds_float32(torch.zeros(1, dtype=torch.float16, device="meta"))


def test_a_network_is_still_traced_and_exported(card: None) -> None:
    network, images = SMALL[NAME].network(), SMALL[NAME].images()
    exported = torch.export.export(network, (images,)).module()
    with torch.inference_mode():
        found: Tensor = exported(images)
        torch.testing.assert_close(found, network(images))
