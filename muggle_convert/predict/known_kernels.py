"""Which kernels are faster on this processor, remembered from one process to the next, so that only the first one tries them."""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import platform
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import torch

from model_defs.fast import Decision, choosing, decisions
from muggle_convert.errors import Refusal
from muggle_convert.files.atomic import replacing
from muggle_convert.files.target import make_folder
from muggle_convert.hub.cache import cache_folder, read_notes

LONGEST = 3600  # seconds of one layer
MOST = 10_000  # cases, of which a network of many shapes has a hundred


@cache
def recall() -> None:
    """Begin with what was found out before, and when the process ends keep what it found out."""
    notes = _notes()
    choosing.remember(_read(notes))
    atexit.register(_keep, notes, len(decisions()))


def _notes() -> Path:
    """One file for each processor and torch, as a folder may be shared by several machines."""
    capabilities: dict[str, Any] = dict(getattr(torch.cpu, "get_capabilities", dict)())
    machine = json.dumps([platform.machine(), platform.processor(), capabilities, os.cpu_count(), torch.__version__], sort_keys=True)
    return cache_folder() / f"kernels-{hashlib.sha256(machine.encode()).hexdigest()[:12]}.json"


def _read(notes: Path) -> dict[str, Decision]:
    """What cannot be read, or is no time that anything takes, is found out again."""
    return {case: Decision(*map(float, times)) for case, times in read_notes(notes).items() if _are_times(times)}


def _are_times(times: Any) -> bool:
    return isinstance(times, list) and len(times) == 2 and all(type(time) in (int, float) and 0 < time < LONGEST for time in times)


def _keep(notes: Path, before: int) -> None:
    if len(decisions()) == before:
        return
    known = {case: [decision.fast, decision.plain] for case, decision in decisions().items()}
    with suppress(Refusal, OSError):
        make_folder(notes.parent)
        with replacing(notes) as partial:
            partial.write_text(json.dumps(dict(list(known.items())[-MOST:]), indent=0))
