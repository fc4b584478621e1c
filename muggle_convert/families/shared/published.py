"""Where published checkpoints are, with what their authors say of them: the rows that `muggle-convert zoo` lists."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One published checkpoint: at an address, or as a file in a repository on the Hub."""

    name: str
    million_parameters: int  # as published
    licence: str  # as its card says; "unknown" where that says nothing, or what it began as forbids
    predicts: str = "relative inverse depth"
    url: str | None = None
    repository: str | None = None
    file: str | None = None
    size: int | None = None  # bytes, where known
    sha256: str | None = None  # where known
    fingerprint: str | None = None  # as `inspect` shows it, where known: tells these weights under any name


def of_midas(release: str, name: str, million_parameters: int) -> Published:
    url = f"https://github.com/isl-org/MiDaS/releases/download/{release}/{name}.pt"
    return Published(name, million_parameters, "mit", url=url)


def of_dpt(name: str, million_parameters: int, predicts: str = "relative inverse depth") -> Published:
    return Published(name, million_parameters, "mit", predicts, url=f"https://github.com/isl-org/DPT/releases/download/1_0/{name}.pt")
