"""A table of measurements, and the machine they were taken on."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata


@dataclass(frozen=True)
class Row:
    """One thing measured beside another: medians, their ratio, and the most memory each took."""

    case: str
    what: str
    seconds: float
    peer: str
    peer_seconds: float
    memory: float = 0.0  # MiB
    peer_memory: float = 0.0
    remark: str = ""

    @property
    def ratio(self) -> float:
        """How many times as long the peer takes."""
        return self.peer_seconds / self.seconds


def show(title: str, rows: Iterable[Row]) -> None:
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "transformers", "numpy"))
    print(f"{title}: {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}\n")
    print(
        "| case | this project | seconds | MiB | peer | seconds | MiB | peer / this | |\n|---|---|---|---|---|---|---|---|---|", flush=True
    )
    for row in rows:
        mine, theirs = f"{row.seconds:.3f} | {row.memory:.0f}", f"{row.peer_seconds:.3f} | {row.peer_memory:.0f}"
        print(f"| {row.case} | {row.what} | {mine} | {row.peer} | {theirs} | **{row.ratio:.2f}** | {row.remark} |", flush=True)
