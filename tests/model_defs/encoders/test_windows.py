from __future__ import annotations

import pytest
import torch

from model_defs.encoders.windows import WindowStage, attend, cut, join, neighbours_joined, of_each_pair, score_bias
from model_defs.window_layout import Windows, swin2_windows, swin_windows

SHIFTED = Windows((4, 6), (2, 2), (1, 1))


def numbered(rows: int, columns: int) -> torch.Tensor:
    return torch.arange(rows * columns).view(1, rows, columns, 1)


def test_windows_hold_what_lies_together() -> None:
    tokens = cut(numbered(4, 6), SHIFTED.unshifted)
    assert tokens[0, :, :, 0].tolist() == [[0, 1, 6, 7], [2, 3, 8, 9], [4, 5, 10, 11], [12, 13, 18, 19], [14, 15, 20, 21], [16, 17, 22, 23]]


def test_shifted_windows_begin_further_on_and_end_on_the_other_side() -> None:
    tokens = cut(numbered(4, 6), SHIFTED)
    assert tokens[0, 0, :, 0].tolist() == [7, 8, 13, 14]
    assert tokens[0, -1, :, 0].tolist() == [23, 18, 5, 0]


@pytest.mark.parametrize("windows", [SHIFTED, SHIFTED.unshifted, Windows((4, 6), (4, 3), (0, 1)), Windows((3, 6), (3, 6))])
def test_joining_is_the_way_back(windows: Windows) -> None:
    tokens = torch.randn(2, *windows.grid, 5)
    assert torch.equal(join(cut(tokens, windows), windows), tokens)


def test_the_entry_for_a_pair_is_the_one_of_its_distance() -> None:
    positions = torch.randn(2, 5, 7)  # windows of three rows and four columns
    pairs = of_each_pair(positions).view(2, 3, 4, 3, 4)
    for query, key in (((0, 0), (2, 3)), ((2, 3), (0, 0)), ((1, 2), (1, 1)), ((1, 1), (1, 1))):
        down, right = query[0] - key[0] + 2, query[1] - key[1] + 3
        assert torch.equal(pairs[:, query[0], query[1], key[0], key[1]], positions[:, down, right])


def test_unshifted_windows_share_one_bias() -> None:
    assert score_bias(torch.zeros(3, 3, 3), SHIFTED.unshifted).shape == (1, 3, 4, 4)


def test_what_only_rolling_brought_together_is_kept_apart() -> None:
    bias = score_bias(torch.zeros(3, 3, 3), SHIFTED)
    assert bias.shape == (6, 3, 4, 4)
    assert not bias[[0, 1, 3 - 2]].any()  # windows away from the lower and the right edge
    right, corner = bias[2, 0], bias[5, 0]
    assert right.tolist() == [[0, -100, 0, -100], [-100, 0, -100, 0], [0, -100, 0, -100], [-100, 0, -100, 0]]
    assert torch.equal(corner, 100 * torch.eye(4) - 100)


def test_where_only_columns_shift_rows_are_not_kept_apart() -> None:
    bias = score_bias(torch.zeros(1, 3, 3), Windows((2, 4), (2, 2), (0, 1)))
    assert not bias[0].any()
    assert bias[1, 0].tolist() == [[0, -100, 0, -100], [-100, 0, -100, 0], [0, -100, 0, -100], [-100, 0, -100, 0]]


@pytest.mark.parametrize("windows", [SHIFTED, SHIFTED.unshifted])
def test_attention_stays_within_each_window_of_each_image(windows: Windows) -> None:
    queries, keys, values = torch.randn(3, 2, 6, 2, 4, 8).unbind(0)  # two images, six windows, two heads, four tokens
    bias = score_bias(torch.randn(2, 3, 3), windows)
    mixed = attend(queries, keys, values, bias)
    for image in range(2):
        for window in range(6):
            scores = queries[image, window] @ keys[image, window].mT / 8**0.5 + bias[window if len(bias) > 1 else 0]
            expected = (scores.softmax(dim=-1) @ values[image, window]).transpose(0, 1).flatten(1)
            torch.testing.assert_close(mixed[image, window], expected)


def test_neighbours_are_joined_column_by_column() -> None:
    assert neighbours_joined(numbered(2, 4))[0, 0].tolist() == [[0, 4, 1, 5], [2, 6, 3, 7]]


def test_every_second_block_sees_shifted_windows() -> None:
    seen: list[Windows] = []

    class Block(torch.nn.Module):
        def forward(self, tokens: torch.Tensor, windows: Windows) -> torch.Tensor:
            seen.append(windows)
            return tokens

    WindowStage([Block() for _ in range(4)], None)(numbered(4, 6), SHIFTED)
    assert seen == [SHIFTED.unshifted, SHIFTED] * 2


@pytest.mark.parametrize(
    ("grid", "swin", "swin2"),
    [
        ((16, 16), Windows((16, 16), (8, 8), (4, 4)), Windows((16, 16), (8, 8), (4, 4))),
        ((8, 8), Windows((8, 8), (8, 8)), Windows((8, 8), (8, 8))),
        ((4, 4), Windows((4, 4), (4, 4)), Windows((4, 4), (4, 4))),
        ((8, 16), Windows((8, 16), (8, 8)), Windows((8, 16), (8, 8), (0, 4))),
        ((16, 4), Windows((16, 4), (4, 4)), Windows((16, 4), (8, 4), (4, 0))),
    ],
)
def test_grids_without_room_for_a_window_are_cut_smaller_and_not_shifted(grid: tuple[int, int], swin: Windows, swin2: Windows) -> None:
    assert swin_windows(grid, 8) == swin
    assert swin2_windows(grid, 8) == swin2


def test_windows_fit_where_they_leave_nothing_over() -> None:
    assert swin2_windows((16, 8), 8).fit
    assert swin2_windows((16, 6), 8).fit
    assert not swin2_windows((16, 12), 8).fit
    assert not swin_windows((6, 8), 8).fit
    assert not swin2_windows((0, 8), 8).fit
