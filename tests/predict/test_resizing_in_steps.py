"""Pictures in steps, in eight bits: by areas where they shrink, cubically where they grow."""

from __future__ import annotations

import numpy as np
import pytest

from model_defs.config import ImageConfig
from muggle_convert.predict.resizing import resized_in_steps
from muggle_convert.predict.sizes import steps_of
from tests.goldens import uint8_picture

IMAGE = ImageConfig(3, 504, True, "longest", 14, (0.5,) * 3, (0.5,) * 3, resize="area or cubic")


@pytest.mark.parametrize(
    ("picture", "steps"),
    [
        ((1000, 1500), [(336, 504), (336, 504)]),
        ((480, 640), [(378, 504), (378, 504)]),
        ((377, 504), [(377, 504), (378, 504)]),
        ((371, 504), [(371, 504), (378, 504)]),  # halfway between 364 and 378
        ((200, 120), [(504, 302), (504, 308)]),
        ((3, 504), [(3, 504), (14, 504)]),
    ],
)
def test_the_longer_side_is_met_and_each_side_then_brought_to_the_nearest_multiple(
    picture: tuple[int, int], steps: list[tuple[int, int]]
) -> None:
    assert steps_of(IMAGE, picture) == steps


SIZES = [
    ((90, 120), (60, 77)), ((90, 120), (45, 60)), ((90, 120), (30, 40)), ((90, 120), (15, 24)), ((90, 120), (89, 120)),
    ((90, 120), (95, 119)), ((30, 50), (91, 133)),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), SIZES)
def test_every_step_is_opencvs_up_to_how_it_rounds(before: tuple[int, int], after: tuple[int, int]) -> None:
    cv2 = pytest.importorskip("cv2")
    picture = uint8_picture(*before, 3)
    kernel = cv2.INTER_CUBIC if after[0] > before[0] or after[1] > before[1] else cv2.INTER_AREA
    expected = cv2.resize(picture, after[::-1], interpolation=kernel).astype(int)
    difference = np.abs(resized_in_steps(picture, [after]).astype(int) - expected)
    assert difference.max() <= 1
    assert np.count_nonzero(difference) <= difference.size / 1000


def test_a_step_of_the_same_size_changes_nothing() -> None:
    picture = uint8_picture(30, 40, 4)
    assert np.array_equal(resized_in_steps(picture, [(30, 40), (30, 40)]), picture)


def test_means_halfway_between_two_numbers_are_rounded_up_in_blocks_of_four() -> None:
    block = np.array([[0, 1], [1, 0]], np.uint8)
    picture = np.repeat(np.tile(block, (2, 2))[:, :, None], 3, axis=2)
    assert (resized_in_steps(picture, [(2, 2)]) == 1).all()
