"""Every kernel that is there for speed: installed on a finished network from outside, and removed again.

A network is complete without this package, and its classes, parameters and numbers stay what they are: `install` gives modules another
`forward`, which computes the same in less time, and otherwise calls the one of the module's class. Which of the two is faster depends on
processor and shape, and is found out when a shape is first seen (`choosing`).

Most of it is for inference in float32 on a CPU. There torch leaves matrix products to MKL, which on some AMD processors reaches half of
what oneDNN does: 95 against 200 GFLOP/s on one core for 1370 tokens of width 384; on others the two are equal, and plain torch wins.
"""

from model_defs.fast.choosing import SWITCH, Decision, decisions
from model_defs.fast.freezing import freeze, thaw
from model_defs.fast.installing import install, remove

__all__ = ["SWITCH", "Decision", "decisions", "freeze", "install", "remove", "thaw"]
