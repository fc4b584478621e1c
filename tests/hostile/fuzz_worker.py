"""Runs the command line as it is told to, again and again, in one process without torch.

A request is a line of JSON with commands, of which each runs where the one before it succeeded. The answer is the last exit status,
what was said, the seconds that the processor was busy and the largest memory of this process so far.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import io
import json
import re
import resource
import sys
import time
import traceback
from pathlib import Path

from muggle_convert.cli import main


def run(*arguments: str) -> tuple[int | None, str]:
    """Exit status and standard error; None where something else than an exit escaped."""
    sys.argv = ["muggle-convert", *arguments]
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        try:
            main()
        except SystemExit as done:
            return done.code if isinstance(done.code, int) else 1 if done.code else 0, said.getvalue()
        except BaseException:
            return None, traceback.format_exc()
    return 0, said.getvalue()


def largest() -> float:
    """Mebibytes that this process had at once. On Linux `ru_maxrss` begins with what the parent had."""
    if sys.platform == "linux":
        return int(re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024  # type: ignore[index]
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)


if __name__ == "__main__":
    gc.freeze()  # what was imported stays; looking through it again and again would take a tenth of the time
    faulthandler.enable()  # so that whoever ends this process with SIGABRT learns where it was
    for line in sys.stdin:
        start = time.process_time()
        status, message = 0, ""
        for arguments in json.loads(line):
            if status == 0:
                status, message = run(*arguments)
        seconds = time.process_time() - start
        print(json.dumps([status, message, seconds, largest()]), flush=True)
