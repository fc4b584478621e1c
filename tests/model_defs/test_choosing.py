"""Of a kernel and the plain way, what is faster here is found out once for a shape, and taken from then on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from model_defs import fast
from model_defs.fast import choosing
from model_defs.fast.kernel import Kernel
from model_defs.fast.suiting import through_onednn

SHORT, LONG = 0.0, 0.01  # seconds


@pytest.fixture(autouse=True)
def nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "_decided", {})


@pytest.fixture(autouse=True)
def inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def work(seconds: float) -> None:
    """Keep the processor busy, as a kernel does: where one thread computes, time that it sleeps does not count."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


class Doubling(nn.Module):
    """The plain way, and how often it was taken."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.calls = 0

    def forward(self, value: Tensor) -> Tensor:
        self.calls += 1
        work(self.seconds)
        return 2 * value


def _with_kernel(module: Doubling, seconds: float, tries: bool = True, suits: bool = True) -> tuple[Doubling, list[Tensor]]:
    seen: list[Tensor] = []

    def doubled(module: Doubling, value: Tensor) -> Tensor | None:
        seen.append(value)
        work(seconds)
        return value + value if suits else None

    module.forward = Kernel(module, through_onednn, doubled, tries)  # type: ignore[method-assign]
    return module, seen


def _calls_after_the_first(module: Doubling, seen: list[Tensor]) -> tuple[int, int]:
    module(torch.ones(3))
    before = len(seen), module.calls
    module(torch.ones(3))
    return len(seen) - before[0], module.calls - before[1]


def test_a_kernel_that_is_faster_is_taken() -> None:
    assert _calls_after_the_first(*_with_kernel(Doubling(LONG), SHORT)) == (1, 0)


def test_a_kernel_that_is_slower_is_not_taken() -> None:
    assert _calls_after_the_first(*_with_kernel(Doubling(SHORT), LONG)) == (0, 1)


def test_a_pinned_kernel_is_taken_without_a_try() -> None:
    module, seen = _with_kernel(Doubling(SHORT), LONG, tries=False)
    module(torch.ones(3))
    assert (len(seen), module.calls) == (1, 0)


def test_a_kernel_that_leaves_a_call_to_the_plain_way_is_not_timed() -> None:
    module, _ = _with_kernel(Doubling(SHORT), SHORT, suits=False)
    assert module(torch.ones(3)).sum() == 6 and fast.decisions() == {}


def test_another_shape_is_another_question() -> None:
    module, _ = _with_kernel(Doubling(SHORT), LONG)
    for count in (3, 4, 3, 4):
        module(torch.ones(count))
    assert len(fast.decisions()) == 2


def test_modules_that_are_alike_share_the_answer() -> None:
    module, _ = _with_kernel(Doubling(LONG), SHORT)
    module(torch.ones(3))
    other, _ = _with_kernel(Doubling(LONG), SHORT)
    other(torch.ones(3))
    assert other.calls == 0


def test_a_decision_tells_both_times_and_what_they_are_of() -> None:
    module, _ = _with_kernel(Doubling(LONG), SHORT)
    module(torch.ones(3))
    ((case, decision),) = fast.decisions().items()
    assert case == "doubled [] of [] on [(3,)], 1 threads"
    assert decision.is_fast and decision.fast < LONG <= decision.plain


def test_what_was_found_out_before_is_not_tried_again() -> None:
    choosing.remember({"doubled [] of [] on [(3,)], 1 threads": choosing.Decision(fast=1.0, plain=2.0)})
    module, seen = _with_kernel(Doubling(SHORT), SHORT)
    module(torch.ones(3))
    assert (len(seen), module.calls) == (1, 0)


def test_a_hook_is_not_called_for_a_try() -> None:
    module, _ = _with_kernel(Doubling(SHORT), SHORT)
    called: list[Tensor] = []
    module.register_forward_hook(lambda module, inputs, output: called.append(output))
    module(torch.ones(3))
    assert len(called) == 1 and fast.decisions() == {}


def test_gradients_are_left_to_the_plain_way_without_a_try() -> None:
    module, seen = _with_kernel(Doubling(SHORT), SHORT)
    with torch.inference_mode(False), torch.enable_grad():
        module(torch.ones(3))
    assert (seen, module.calls) == ([], 1)


@pytest.mark.parametrize(("chosen", "tries"), [("auto", True), ("", True), ("fast", False)])
def test_the_switch_pins_what_is_installed(chosen: str, tries: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fast.SWITCH, chosen)
    layer = nn.Linear(2, 2)
    fast.install(layer)
    kernel: Callable[..., Tensor] = vars(layer)["forward"]
    assert isinstance(kernel, Kernel) and kernel.tries is tries


def test_a_switch_that_is_misspelt_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fast.SWITCH, "quick")
    with pytest.raises(ValueError, match=r"^MUGGLE_CONVERT_KERNELS is 'quick'; expected plain, fast or auto$"):
        fast.install(nn.Linear(2, 2))
