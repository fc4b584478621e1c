"""What can be chosen in an evaluation. The help of the command line shows it, so that nothing else is imported here."""

from __future__ import annotations

from typing import Literal

DatasetName = Literal["kitti", "nyu", "plain"]
Crop = Literal["garg", "eigen", "none"]
Align = Literal["none", "median", "scale-shift"]  # how predictions become metres
AlignOver = Literal["image", "set"]
