"""The choices an evaluation offers. The command line's help shows them, so this file imports nothing."""

from __future__ import annotations

from typing import Literal

DatasetName = Literal["kitti", "nyu", "plain"]
UNNAMED = {
    "kitti": "a folder in KITTI's format",
    "nyu": "a folder in NYU's format",
    "plain": "a folder of pictures",
}  # a format is not a name
Crop = Literal["garg", "eigen", "none"]
Align = Literal["none", "median", "scale-shift"]  # how predictions become metres
AlignOver = Literal["image", "set"]
