from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muggle_convert.rules.operations import Assembly, Flatten, Operation, Same, Shape, ShapeError, SplitOff, Stack, uncarried


def assemble(assemblies: Sequence[Assembly], tensors: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Do with arrays what the runs say."""
    flat = [tensor.reshape(-1) for tensor in tensors]
    return [
        np.concatenate(
            [np.zeros(run.count) if run.source is None else flat[run.source][run.start : run.start + run.count] for run in made.runs]
        ).reshape(made.shape)
        for made in assemblies
    ]


def there(operation: Operation, *tensors: np.ndarray) -> list[np.ndarray]:
    return assemble(operation.forward([tensor.shape for tensor in tensors]), tensors)


def back(operation: Operation, *tensors: np.ndarray) -> list[np.ndarray]:
    return assemble(operation.backward([tensor.shape for tensor in tensors]), tensors)


def numbered(*shape: int) -> np.ndarray:
    return np.arange(1.0, 1 + np.prod(shape)).reshape(shape)


def test_splitting_off_takes_the_first_entries_of_an_axis() -> None:
    positions = numbered(1, 5, 3)
    first, rest = there(SplitOff(axis=1, first=1), positions)
    np.testing.assert_array_equal(first, positions[:, :1])
    np.testing.assert_array_equal(rest, positions[:, 1:])


def test_splitting_off_at_the_end_takes_the_last_entries() -> None:
    table = numbered(12, 2)
    patches, classes = there(SplitOff(axis=0, first=3, at_end=True), table)
    np.testing.assert_array_equal(patches, table[:-3])
    np.testing.assert_array_equal(classes, table[-3:])


def test_stacking_puts_tensors_on_top_of_each_other() -> None:
    query, key, value = (numbered(2, 3) + shift for shift in (0, 10, 20))
    (stacked,) = there(Stack((0, 1, 2)), query, key, value)
    np.testing.assert_array_equal(stacked, np.concatenate([query, key, value]))


def test_stacking_can_leave_zeros_between() -> None:
    (bias,) = there(Stack((0, None, 1)), numbered(2), numbered(2) + 10)
    np.testing.assert_array_equal(bias, [1, 2, 0, 0, 11, 12])


def test_what_a_stack_with_zeros_does_not_take_back_has_to_be_zero() -> None:
    (left,) = uncarried(Stack((0, None, 1)).backward([(6,)]), [(6,)])
    assert (left.start, left.count) == (2, 2)


def test_flattening_takes_axes_of_length_one_away() -> None:
    (flat,) = there(Flatten("n11"), numbered(4, 1, 1))
    assert flat.shape == (4,)


@pytest.mark.parametrize(
    ("operation", "shapes"),
    [
        (SplitOff(1, 1), [(2, 5, 3)]),
        (SplitOff(1, 1), [(1, 1, 3)]),
        (SplitOff(1, 1), [(5,)]),
        (Stack((0, 1)), [(2, 3), (3, 3)]),
        (Stack((0, 1)), [(), ()]),
        (Flatten("n11"), [(4, 1, 2)]),
        (Flatten("n11"), [(4, 1)]),
    ],
)
def test_shapes_an_operation_cannot_take_are_refused(operation: Operation, shapes: list[Shape]) -> None:
    with pytest.raises(ShapeError):
        operation.forward(shapes)


CASES: list[tuple[Operation, tuple[tuple[int, ...], ...]]] = [
    (Same(), ((3, 4),)),
    (SplitOff(1, 1), ((1, 6, 2),)),
    (SplitOff(0, 3, at_end=True), ((9, 2),)),
    (Stack((0, 1, 2)), ((2, 3), (2, 3), (2, 3))),
    (Stack((0, None, 1)), ((4,), (4,))),
    (Flatten("1n1"), ((1, 5, 1),)),
]


@given(st.sampled_from(CASES), st.randoms())
def test_every_operation_undoes_itself(case: tuple[Operation, tuple[tuple[int, ...], ...]], random: object) -> None:
    operation, shapes = case
    tensors = [numbered(*shape) + 100 * number for number, shape in enumerate(shapes)]
    for made, tensor in zip(back(operation, *there(operation, *tensors)), tensors, strict=True):
        np.testing.assert_array_equal(made, tensor)
