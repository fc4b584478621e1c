"""Runs the command line on what it is told to, one file after the other, in one process without torch.

Each answer is the exit status, what was said, the seconds and the largest memory of this process so far. What converts is
looked at as well, as a table and as JSON, so that showing a stranger's words is part of the trial.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import re
import sys
import time
import traceback
from pathlib import Path

from muggle_convert.cli import main

LONGEST = 15  # seconds, after which the process says where it hangs and ends


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


if __name__ == "__main__":
    for line in sys.stdin:
        source, target, *options = json.loads(line)
        faulthandler.dump_traceback_later(LONGEST, exit=True)
        start = time.perf_counter()
        status, message = run("convert", source, "-o", target, "--force", "--no-sync", *options)
        seconds = time.perf_counter() - start
        for look in (["inspect", source, *options], ["inspect", "--json", target]) if status == 0 else ():
            if status == 0:
                status, message = run(*look)
        faulthandler.cancel_dump_traceback_later()
        peak = int(re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024  # type: ignore[index]
        print(json.dumps([status, message, seconds, peak]), flush=True)
