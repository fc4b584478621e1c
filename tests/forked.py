"""Commands in processes of their own, each forked from one that has imported everything already.

Python and torch take seconds to start, and hundreds of tests run the command line as a user does. A request is a line of
JSON; the answer is the exit status, and what was said lies in two files.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


class Forks:
    """The process that forks, and what the tests ask of it."""

    def __init__(self) -> None:
        self._said = tempfile.TemporaryDirectory()
        self._server = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def run(self, line: list[str], env: dict[str, str], cwd: Path | None = None, patient: bool = True) -> subprocess.CompletedProcess[str]:
        """`line` is what would follow `python`: `-m muggle_convert …` or `-c SCRIPT`. Only a `patient` client of the Hub waits
        before it tries again."""
        out, err = (Path(self._said.name) / name for name in ("out", "err"))
        request = {"line": line, "env": env, "cwd": str(cwd or Path.cwd()), "out": str(out), "err": str(err), "patient": patient}
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        status = json.loads(self._server.stdout.readline())
        return subprocess.CompletedProcess(line, status, out.read_text(errors="replace"), err.read_text(errors="replace"))

    def close(self) -> None:
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(60)
        self._server.stdout.close()
        self._said.cleanup()


LONGEST = 120  # seconds, after which a command is ended


def answer(request: dict[str, Any]) -> int:
    if "--picture" in request["line"]:
        import torch._dynamo  # noqa: F401 - which torch imports for a few seconds where it counts operations
    child = os.fork()
    if not child:
        signal.alarm(LONGEST)
        status = 70
        try:
            prepare(request)
            status = run(request["line"])
        except BaseException:
            traceback.print_exc()
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def prepare(request: dict[str, Any]) -> None:
    """The environment, the folder and the streams that a new process would have."""
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    encoding = os.environ.get("PYTHONIOENCODING", "utf-8")
    for descriptor, name, errors in ((1, "out", "strict"), (2, "err", "backslashreplace")):
        os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
        stream = io.TextIOWrapper(open(descriptor, "wb", closefd=False), encoding, errors, write_through=descriptor == 2)  # noqa: SIM115
        setattr(sys, f"std{name}", stream)
    if not request["patient"]:
        time.sleep = lambda seconds: None


def run(line: list[str]) -> int:
    from muggle_convert.cli import main

    sys.argv = ["muggle-convert", *line[2:]]
    try:
        if line[0] == "-c":
            exec(line[1], {"__name__": "__main__"})
        else:
            main()
    except SystemExit as done:
        if done.code is not None and not isinstance(done.code, int):
            print(done.code, file=sys.stderr)
            return 1
        return done.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def import_everything() -> None:
    """What commands import, but for the Hub's client, which reads its settings from the environment when it is imported."""
    import importlib
    from contextlib import suppress

    for name in (
        "filelock",
        "fsspec",
        "httpx",
        "httpx2",
        "packaging.version",
        "requests",
        "tqdm.auto",
        "typing_extensions",
        "yaml",
        "PIL.Image",
    ):
        with suppress(ImportError):  # which of them the client uses depends on its version
            importlib.import_module(name)
    for name in ("convert", "inspect", "verify", "export", "depth", "push", "zoo", "report", "inspection_tables"):
        importlib.import_module(f"muggle_convert.cli.{name}")
    for name in ("building", "converting", "exporting", "inspecting", "verifying", "draw.diagrams.model", "predict.predictor"):
        importlib.import_module(f"muggle_convert.{name}")
    importlib.import_module("torch").set_num_threads(1)  # as in the tests themselves, which run side by side


if __name__ == "__main__":
    import_everything()
    assert "huggingface_hub" not in sys.modules
    for text in sys.stdin:
        print(json.dumps(answer(json.loads(text))), file=sys.__stdout__, flush=True)
