from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from muggle_convert import convert
from tests.goldens import Golden


@dataclass(frozen=True)
class Prepared:
    """The files of one case, which several tests read and none may change."""

    original: Path
    converted: Path


Prepare = Callable[[Golden, bool], Prepared]


@pytest.fixture(scope="session")
def prepare(tmp_path_factory: pytest.TempPathFactory) -> Prepare:
    """Each case is drawn once and converted once with and once without what the network never reads."""
    known: dict[tuple[str, bool], Prepared] = {}

    def prepared(case: Golden, keep_unused: bool) -> Prepared:
        if (case.name, keep_unused) not in known:
            other = known.get((case.name, not keep_unused))
            original = other.original if other else case.save(tmp_path_factory.mktemp("case"))
            target = original.with_name(f"{'with' if keep_unused else 'without'} unused.safetensors")
            convert(original, target, **case.told, keep_unused=keep_unused, sync=False)
            known[case.name, keep_unused] = Prepared(original, target)
        return known[case.name, keep_unused]

    return prepared
