"""A pair of pictures for two eyes."""

from __future__ import annotations

import numpy as np
import pytest

from muggle_convert.draw.relief import Pinhole, Relief
from muggle_convert.draw.stereo import GREY, WIDEST, anaglyph, eyes, side_by_side
from tests.goldens import uint8_picture

HEIGHT, WIDTH = 40, 240
HALF = int(WIDEST * WIDTH / 2 / 2)  # pixels that the nearest moves for each eye


def relief(away: np.ndarray) -> Relief:
    return Relief(away.astype(np.float32), 1.0, 10.0, "metres", Pinhole.that_sees(*away.shape, 60))


def box() -> tuple[np.ndarray, np.ndarray]:
    """A red box at the nearest before a grey wall at the farthest."""
    picture = np.full((HEIGHT, WIDTH, 3), 150, np.uint8)
    away = np.full((HEIGHT, WIDTH), 10.0)
    picture[10:30, 100:140] = (220, 30, 30)
    away[10:30, 100:140] = 1.0
    return picture, away


def columns_of_the_box(picture: np.ndarray) -> tuple[int, int]:
    red = np.flatnonzero(picture[20, :, 0].astype(int) - picture[20, :, 1] > 95)
    return int(red[0]), int(red[-1])


def test_near_things_move_towards_the_other_eye_and_stay_whole() -> None:
    assert HALF == 2
    left, right = eyes(box()[0], relief(box()[1]))
    assert columns_of_the_box(left) == (100 + HALF, 139 + HALF)
    assert columns_of_the_box(right) == (100 - HALF, 139 - HALF)


def test_what_comes_into_sight_is_filled_with_what_is_behind() -> None:
    for seen in eyes(box()[0], relief(box()[1])):
        pure = (seen == 150).all(axis=-1) | (seen == (220, 30, 30)).all(axis=-1)
        assert pure.all(), "neither black nor anything between the box and the wall"


def test_blurred_edges_leave_no_smear() -> None:
    picture, away = box()
    inverse = 1 / away
    inverse[10:30, 99], inverse[10:30, 140] = 0.55, 0.55
    for seen in eyes(picture, relief(1 / inverse)):
        assert ((seen == 150).all(axis=-1) | (seen == (220, 30, 30)).all(axis=-1)).all()


def test_what_is_in_the_middle_of_the_range_is_the_same_for_both_eyes() -> None:
    picture = uint8_picture(HEIGHT, WIDTH, 3)
    left, right = eyes(picture, relief(np.full((HEIGHT, WIDTH), 2 / (1 / 1 + 1 / 10))))
    assert np.array_equal(left, picture) and np.array_equal(right, picture)


def test_a_slope_is_stretched_without_gaps() -> None:
    picture = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8)[:, None], (HEIGHT, 1, 3))
    inverse = np.linspace(1 / 10, 1, WIDTH)[None].repeat(HEIGHT, axis=0)
    for seen in eyes(picture, relief(1 / inverse)):
        assert (np.diff(seen[0, 8:-8, 0].astype(int)) >= 0).all() and np.diff(seen[0, 8:-8, 0].astype(int)).max() <= 3


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 3)])
def test_the_smallest_pictures_have_pairs_too(shape: tuple[int, int]) -> None:
    away = np.full(shape, np.nan)
    assert side_by_side(uint8_picture(*shape, 1), relief(away)).shape == (shape[0], 2 * shape[1], 3)


def test_the_left_eye_is_on_the_left_and_sees_the_red_of_an_anaglyph() -> None:
    picture, away = box()
    left, right = eyes(picture, relief(away))
    assert np.array_equal(side_by_side(picture, relief(away)), np.concatenate([left, right], axis=1))
    seen = anaglyph(picture, relief(away))
    assert np.array_equal(seen[..., 1:], right[..., 1:])
    assert np.abs(seen[..., 0] - left @ GREY).max() <= 0.5
