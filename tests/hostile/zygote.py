"""Runs the command line again and again, each time in a fresh process that was forked from this one.

So one case takes milliseconds, and the system itself measures its memory and time. Requests are lines of JSON:
`arguments`, and optionally `file_size` (a limit), `user`, `kill_after` (seconds), or `event`: what to do at the n-th system event that touches one of some
paths, since that is how a source that changes, or a kill at an awkward moment, can be had on purpose.
"""

from __future__ import annotations

import builtins
import difflib  # noqa: F401
import errno
import io
import json
import os
import resource
import shutil  # noqa: F401
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

# All that the command imports later, so that the children share it.
import muggle_convert.cli.convert
import muggle_convert.cli.inspect
import muggle_convert.cli.report
import muggle_convert.converting
import muggle_convert.inspecting  # noqa: F401
from muggle_convert.cli import main

PER_MEBIBYTE = 1 << 20 if sys.platform == "darwin" else 1 << 10  # macOS counts bytes, Linux kibibytes
LONGEST = 120  # seconds by the clock, which also counts what the disk takes, after which a child is ended


def answer(request: dict[str, Any]) -> dict[str, Any]:
    pipes = [os.pipe() for _ in range(2)]  # not files, whose size some requests limit
    start = time.perf_counter()
    child = os.fork()
    if not child:
        for place, (_, end) in enumerate(pipes, 1):
            os.dup2(end, place)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")  # the old ones remember whether what they wrote to could seek
        run(request)
    for _, end in pipes:
        os.close(end)
    if "kill_after" in request:
        time.sleep(request["kill_after"])
        os.kill(child, signal.SIGKILL)
    with ThreadPoolExecutor(2) as pool:
        texts = list(pool.map(everything, (begin for begin, _ in pipes)))
    _, status, usage = os.wait4(child, 0)
    seconds, busy = time.perf_counter() - start, usage.ru_utime + usage.ru_stime
    code = os.waitstatus_to_exitcode(status)
    return {"status": code, "out": texts[0], "err": texts[1], "seconds": seconds, "busy": busy, "mebibytes": usage.ru_maxrss / PER_MEBIBYTE}


def everything(descriptor: int) -> str:
    with open(descriptor, "rb") as pipe:
        return pipe.read().decode("utf-8", "replace")


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


def watch(paths: list[str], number: int, action: str) -> None:
    """At the n-th event with an argument that ends like one of these paths: kill or interrupt this process, or change the first path's file."""
    seen = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if not event.startswith(("open", "os.", "shutil.", "mmap.")) or not any(
            str(argument).endswith(tuple(paths)) for argument in arguments
        ):
            return
        seen += 1
        if seen != number:
            return
        file = Path(paths[0])
        if action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif action == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
        elif action == "touch":
            os.utime(file, ns=(1, 1))
        elif action == "shrink":
            os.truncate(file, file.stat().st_size - 100)
        elif action == "grow":
            with open(file, "ab") as grown:
                grown.write(bytes(100))
        elif action == "remove":
            file.unlink()
        elif action == "fail":
            fail_reading(file)
        elif action == "replace":
            copy = file.with_name("copy")
            copy.write_bytes(file.read_bytes())
            copy.replace(file)

    sys.addaudithook(hook)


def fail_reading(file: Path) -> None:
    """From now on a disk cannot read what lies behind the first 100,000 bytes of this file, as a worn one does."""
    system_open = builtins.open

    class Worn(io.FileIO):
        def readinto(self, buffer: Any) -> int:
            if self.tell() + len(buffer) > 100_000:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().readinto(buffer) or 0

    def worn(path: Any, *arguments: Any, **more: Any) -> Any:
        return Worn(path) if path == file else system_open(path, *arguments, **more)

    builtins.open = worn


if __name__ == "__main__":
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
