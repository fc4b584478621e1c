"""Taking turns: A B B A, so that whatever else the machine does falls on both, and neither always finds the caches as the other left them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Figure:
    """Medians over the counted runs."""

    seconds: float
    memory: float = 0.0  # MiB, the most at one time
    output: str = ""


def clock_for(threads: int, device: str = "cpu") -> Callable[[], float]:
    """The processor's time where one thread does all the work, which nothing else on the machine adds to; elsewhere the clock on the wall."""
    return time.process_time if threads == 1 and device == "cpu" else time.perf_counter


def in_turn(runs: int, *actions: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> list[Figure]:
    """Each action once to warm up, then all in turn."""
    for action in actions:
        action()
    seconds: list[list[float]] = [[] for _ in actions]
    turn = list(zip(seconds, actions, strict=True))
    for number in range(runs):
        for taken, action in turn if number % 2 == 0 else reversed(turn):
            begin = clock()
            action()
            taken.append(clock() - begin)
    return [Figure(median(taken)) for taken in seconds]


def commands_in_turn(runs: int, *commands: tuple[Callable[[], None], Sequence[object]]) -> list[Figure]:
    """Whole processes in turn, each with something to clean up before it, by the system's own account of time and memory."""
    figures: list[list[Figure]] = [[] for _ in commands]
    for number in range(runs + 1):
        for taken, (before, command) in zip(figures, commands, strict=True):
            before()
            figure = run(command)
            if number:
                taken.append(figure)
    return [Figure(median(one.seconds for one in taken), median(one.memory for one in taken), taken[-1].output) for taken in figures]


# A process counts the memory of who started it as its own until it has loaded its program, so that a small one has to start it.
STARTER = """
import os, subprocess, sys, time
begin = time.perf_counter()
process = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(process.pid, 0)
seconds = time.perf_counter() - begin
open(sys.argv[1], "w").write(f"{seconds} {usage.ru_maxrss / 1024}")
os._exit(os.waitstatus_to_exitcode(status))
"""


def run(command: Sequence[object]) -> Figure:
    """One process."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    with tempfile.NamedTemporaryFile("r") as account:
        line = [sys.executable, "-S", "-c", STARTER, account.name, *map(str, command)]
        done = subprocess.run(line, stdout=subprocess.PIPE, text=True, env=environment)
        if done.returncode:
            sys.exit(f"{' '.join(map(str, command))} failed")
        seconds, memory = map(float, account.read().split())
    return Figure(seconds, memory, done.stdout)
