"""Where the boxes of a network's drawing stand."""

from __future__ import annotations

TOP, ROW, BOX = 148.0, 116.0, 84.0  # top of the first row, and the heights of rows and boxes
HEADING = TOP - 32  # above the columns
LEFT, ENCODER, REASSEMBLE, FUSION, RIGHT = 30.0, 260.0, 512.0, 752.0, 992.0  # left edge of each column
WIDTH, SLIM = 184.0, 140.0  # of boxes, and of the encoder


def spread(count: int, levels: int) -> list[float]:
    """Heights for some boxes, evenly from the first row to the last."""
    return [TOP + ROW * (levels - 1) * number / (count - 1) for number in range(count)]
