"""Names that malicious pickles call. Nothing is ever called here; the names only make warnings specific."""

from __future__ import annotations

import re

from muggle_convert.checkpoints.pickle_values import Global

_HARMFUL = re.compile(
    r"(os|posix|nt|subprocess|pty|runpy|socket|shutil|ctypes|importlib|webbrowser|code|pip|sys)(\..*)?"
    r"|(__builtin__|builtins)\.(eval|exec|execfile|compile|__import__|open|input|breakpoint)"
)


def is_harmful(name: Global) -> bool:
    return _HARMFUL.fullmatch(str(name)) is not None
