"""Runs the command line again and again, each time in a fresh process that was forked from this one.

So one case takes milliseconds, and the system itself measures its memory and time. Requests are lines of JSON:
`arguments`, and optionally `file_size` (a limit), `user`, or `event`: what to do at the n-th system event that touches a file whose path
contains some text, since that is how a source that changes, or a kill at an awkward moment, can be had on purpose.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# All that the command imports later, so that the children share it.
import muggle_convert.cli.convert
import muggle_convert.cli.inspect
import muggle_convert.cli.report
import muggle_convert.conversion
import muggle_convert.inspection  # noqa: F401
from muggle_convert.cli import main

LONGEST = 30  # seconds, after which a child is ended


def answer(request: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        child = os.fork()
        if not child:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            run(request)
        _, status, usage = os.wait4(child, 0)
        seconds = time.perf_counter() - start
        texts = [file.seek(0) or file.read().decode("utf-8", "replace") for file in (out, err)]
    code = os.waitstatus_to_exitcode(status)
    return {"status": code, "out": texts[0], "err": texts[1], "seconds": seconds, "mebibytes": usage.ru_maxrss / 1024}


def run(request: dict[str, Any]) -> None:
    code = 0
    try:
        signal.alarm(LONGEST)
        if "file_size" in request:
            resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_size"],) * 2)
        if "user" in request and not os.getuid():
            os.setuid(request["user"])
        if "event" in request:
            watch(**request["event"])
        sys.argv = ["muggle-convert", *request["arguments"]]
        main()
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def watch(path: str, number: int, action: str) -> None:
    """At the n-th event that has this text in an argument: kill this process, or change the file of that path."""
    seen = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if not event.startswith(("open", "os.", "shutil.", "mmap.")) or not any(path in str(argument) for argument in arguments):
            return
        seen += 1
        if seen != number:
            return
        file = Path(path)
        if action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif action == "touch":
            os.utime(file, ns=(1, 1))
        elif action == "shrink":
            os.truncate(file, file.stat().st_size - 100)
        elif action == "replace":
            copy = file.with_name("copy")
            copy.write_bytes(file.read_bytes())
            copy.replace(file)

    sys.addaudithook(hook)


if __name__ == "__main__":
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
