"""Many things through three steps at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from muggle_convert import Refusal
from muggle_convert.predict.flow import Steps, flow

PLAIN: Steps[Any, Any, Any, Any] = Steps(
    prepare=lambda item: item, alike=lambda _: None, together=1, pass_on=list, finish=lambda item, ready, passed: passed
)


def test_each_item_comes_out_once_with_what_became_of_it() -> None:
    steps = replace(PLAIN, prepare=lambda item: item + 1, together=4, pass_on=lambda batch: [10 * ready for ready in batch])
    assert sorted(flow(range(100), steps)) == [(item, 10 * (item + 1)) for item in range(100)]


def test_only_what_is_alike_shares_a_batch_and_no_batch_is_larger_than_allowed() -> None:
    batches: list[Sequence[int]] = []

    def pass_on(batch: Sequence[int]) -> Sequence[int]:
        batches.append(batch)
        return batch

    list(flow(range(40), replace(PLAIN, alike=lambda ready: ready % 3, together=4, pass_on=pass_on)))
    assert sorted(item for batch in batches for item in batch) == list(range(40))
    assert max(map(len, batches)) > 1
    assert all(len({item % 3 for item in batch}) == 1 and len(batch) <= 4 for batch in batches)


def fails_at(number: int) -> Callable[..., Any]:
    def step(*arguments: Any) -> Any:
        if arguments[0] == number:
            raise Refusal("it is seven")
        return arguments[-1]

    return step


def all_fail_with(number: int) -> Callable[[Sequence[int]], Sequence[int]]:
    """As when there is not enough memory for one of a batch."""

    def pass_on(batch: Sequence[int]) -> Sequence[int]:
        if number in batch:
            raise Refusal("it is seven")
        return batch

    return pass_on


@pytest.mark.parametrize(
    "broken", [{"prepare": fails_at(7)}, {"pass_on": all_fail_with(7)}, {"finish": fails_at(7)}], ids=lambda one: next(iter(one))
)
def test_what_fails_at_any_step_takes_no_other_down(broken: dict[str, Any]) -> None:
    found = dict(flow(range(20), replace(PLAIN, together=4, **broken)))
    assert str(found.pop(7)) == "it is seven."
    assert found == {item: item for item in range(20) if item != 7}


def test_a_mistake_of_ours_is_no_failure_of_an_item() -> None:
    def mistaken(item: int) -> int:
        raise KeyError(item)

    with pytest.raises(KeyError):
        list(flow(range(3), replace(PLAIN, prepare=mistaken)))


def test_what_is_under_way_stays_bounded_however_many_there_are() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for taken in range(1, 10_001):  # noqa: UP028 - counted on the way
            yield taken

    most = max(taken - done for done, _ in enumerate(flow(items(), replace(PLAIN, together=4), workers=2), 1))
    assert most <= 2 * 2 + 4 * 4


def test_large_ones_go_one_at_a_time_and_hold_nothing_up() -> None:
    large, at_once, lock = [0, 1, 2], [], threading.Lock()
    under_way: set[int] = set()

    def prepare(item: int) -> int:
        with lock:
            under_way.add(item)
            at_once.append(len(under_way & set(large)))
        time.sleep(0.2 if item in large else 0)
        return item

    def finish(item: int, ready: int, passed: int) -> int:
        with lock:
            under_way.discard(item)
        return passed

    steps = replace(PLAIN, prepare=prepare, finish=finish, is_large=lambda item: item in large)
    done = [item for item, _ in flow(range(30), steps, workers=2)]
    assert sorted(done) == list(range(30))
    assert max(at_once) == 1
    assert done.index(1) > 20  # the others did not wait for it


def test_who_stops_listening_stops_the_work() -> None:
    running = flow(range(10_000), replace(PLAIN, finish=lambda item, *_: time.sleep(0.01)))
    next(running)
    running.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("prepare", "finish"))]
