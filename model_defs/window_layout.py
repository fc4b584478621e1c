"""How Swin and Swin V2 cut grids of tokens into windows: sizes only, and no torch, so that what files store can be held against it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from model_defs.config import Grid, Swin2Config, SwinConfig


@dataclass(frozen=True)
class Windows:
    """One grid: the sides of its windows, and how far it is rolled up and to the left before every second block cuts it."""

    grid: Grid
    size: Grid
    shift: Grid = (0, 0)

    @property
    def unshifted(self) -> Windows:
        return Windows(self.grid, self.size)

    @property
    def tokens(self) -> int:
        """In one window."""
        return self.size[0] * self.size[1]

    @property
    def across(self) -> Grid:
        """Rows and columns of windows."""
        return self.grid[0] // self.size[0], self.grid[1] // self.size[1]

    @property
    def fit(self) -> bool:
        return all(size and side % size == 0 for side, size in zip(self.grid, self.size, strict=True))


def swin_windows(grid: Grid, side: int) -> Windows:
    """A grid that is no larger than a window, be it one way only, is cut by its shorter side and not shifted."""
    shorter = min(grid)
    if shorter <= side:
        return Windows(grid, (shorter, shorter))
    return Windows(grid, (side, side), (side // 2, side // 2))


def swin2_windows(grid: Grid, side: int) -> Windows:
    """Each way on its own: a grid that is no larger than a window is one window, and not shifted."""
    rows, columns = grid
    return Windows(grid, (min(rows, side), min(columns, side)), (side // 2 if rows > side else 0, side // 2 if columns > side else 0))


def largest_windows(encoder: SwinConfig | Swin2Config) -> tuple[int, ...]:
    """The sides of the windows that each stage has where its grid has room."""
    return encoder.windows if isinstance(encoder, SwinConfig) else (encoder.window,) * len(encoder.depths)


def window_layout(encoder: SwinConfig | Swin2Config, grid: Grid) -> list[Windows]:
    """How every stage cuts its grid, which is half as large each way as the one before."""
    rule = swin_windows if isinstance(encoder, SwinConfig) else swin2_windows
    return [rule((grid[0] >> stage, grid[1] >> stage), side) for stage, side in enumerate(largest_windows(encoder))]


def windows_fit(encoder: SwinConfig | Swin2Config, grid: Grid) -> bool:
    """Whether a grid of patches can be halved between all stages and cut in each."""
    step = 1 << (len(encoder.depths) - 1)
    return not (grid[0] % step or grid[1] % step) and all(windows.fit for windows in window_layout(encoder, grid))


def is_full(encoder: SwinConfig | Swin2Config, stage: int) -> list[bool]:
    """For each side, whether windows of the stage were as large as they can be in training."""
    return [(trained >> stage) % largest_windows(encoder)[stage] == 0 for trained in encoder.grid]


def traced_step(encoder: SwinConfig | Swin2Config) -> Grid:
    """Patches along each side, of which all multiples are cut as in training where windows were full."""
    stages = list(enumerate(largest_windows(encoder)))
    rows, columns = (
        math.lcm(1 << stages[-1][0], *(side << stage for stage, side in stages if is_full(encoder, stage)[axis])) for axis in (0, 1)
    )
    return rows, columns
