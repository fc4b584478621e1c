from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import settings

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # so that tests can share tests/goldens.py
from tests.forked import Forks  # noqa: E402 - which can be found from here on

torch.set_num_threads(1)
settings.register_profile("patient", deadline=None)  # how long an example takes says more of the machine than of the code
settings.load_profile("patient")
os.environ.setdefault("MUGGLE_CONVERT_KERNELS", "fast")  # what is faster varies from run to run, and tests should not
if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # as a shell leaves it to what it starts in the background, and so to all that tests start
    signal.signal(signal.SIGINT, signal.default_int_handler)

Command = Callable[..., subprocess.CompletedProcess[str]]
Python = Callable[..., subprocess.CompletedProcess[str]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="also run the cases at released sizes")
    parser.addoption("--fuzz-minutes", type=float, help="damage files for so long in tests/hostile, instead of a few thousand times")
    parser.addoption("--fuzz-from", type=int, help="the number of the first damaged file, to damage the same files again")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--full"):
        full = [item for item in items if "full" in item.keywords]
        config.hook.pytest_deselected(items=full)
        items[:] = [item for item in items if item not in full]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A narrow Depth-Anything V2 under the name of a released one."""
    from tests.goldens import golden  # which can be found from here on

    return golden("depth_anything_v2").save(tmp_path, "depth_anything_v2_vits.pth")


def plain(text: str) -> str:
    """What a terminal shows of it, without its colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.fixture(scope="session")
def python() -> Iterator[Python]:
    """`python` with some arguments, in a process of its own. On Linux that is a fork, in which nothing has to be imported any more;
    elsewhere torch does not survive being forked."""
    forks = None

    def run(
        line: list[str], env: Mapping[str, str] | None = None, cwd: Path | None = None, patient: bool = True
    ) -> subprocess.CompletedProcess[str]:
        nonlocal forks
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
        settings_of_python = {name for name in env or {} if name.startswith("PYTHON")} - {"PYTHONIOENCODING", "PYTHONPATH"}
        if sys.platform != "linux" or settings_of_python:
            return subprocess.run([sys.executable, *line], capture_output=True, text=True, timeout=120, env=environment, cwd=cwd)
        forks = forks or Forks()
        return forks.run(line, environment, cwd, patient)

    yield run
    if forks is not None:
        forks.close()


@pytest.fixture
def muggle_convert(python: Python) -> Command:
    """The command line in a process of its own, as a user runs it."""

    def run(*arguments: object, **more: Any) -> subprocess.CompletedProcess[str]:
        return python(["-m", "muggle_convert", *map(str, arguments)], **more)

    return run


@pytest.fixture
def muggle_convert_here(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """The command line in this process, which has torch loaded already: for claims that do not depend on a process of its own."""
    from muggle_convert.cli import main

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        line = ["muggle-convert", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", line)
        capfd.readouterr()
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        return subprocess.CompletedProcess(line, int(str(code or 0)), *capfd.readouterr())

    return run
