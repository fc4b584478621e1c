"""The results of an evaluation, in a file that says what was evaluated and how."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from muggle_convert.checkpoints import printable, shown
from muggle_convert.checkpoints.regular_file import read_small
from muggle_convert.errors import Refusal
from muggle_convert.evaluation.choices import UNNAMED
from muggle_convert.evaluation.metrics import NAMES, Numbers

FORMAT = "muggle-convert evaluation"
VERSION = 1
MOST_BYTES = 64 << 20  # of a file of them; one about 100,000 pictures has 30


@dataclass(frozen=True)
class Row:
    """One model's numbers, and how to recognise the model."""

    model: str
    family: str
    fingerprint: str | None  # of the checkpoint it came from
    dtype: str
    align: str
    numbers: Mapping[str, float]
    images: Mapping[str, Numbers]
    empty: Sequence[str] = ()

    def worst(self, count: int) -> list[str]:
        """The images with the largest relative errors, the worst first."""
        return sorted(self.images, key=lambda name: -self.images[name]["abs_rel"])[:count]


@dataclass(frozen=True)
class Results:
    """All models on one data set, under the same rules."""

    dataset: str  # whose format it has
    title: str  # what it is called here
    images: int
    crop: str
    kb_crop: bool
    cap: float | None
    align_over: str
    rows: Sequence[Row]
    data: str | None = None  # what somebody said it is

    @property
    def called(self) -> str:
        """Never after its format alone, which says nothing of what is in it."""
        return self.data or UNNAMED.get(self.dataset, UNNAMED["plain"])

    def to_json(self) -> str:
        return json.dumps({"format": FORMAT, "version": VERSION, **asdict(self)}, indent=1) + "\n"


def read_results(path: Path) -> Results:
    """The file may come from anywhere, so everything in it is checked."""
    try:
        data = json.loads(read_small(path, MOST_BYTES))
        if not isinstance(data, dict) or (data.pop("format", None), data.pop("version", None)) != (FORMAT, VERSION):
            raise ValueError(f"it does not say that it is a {FORMAT} of version {VERSION}")
        rows = tuple(_row(row) for row in data.pop("rows"))
        results = Results(**data, rows=rows)
        _check(results, ("dataset", "title", "crop", "align_over"), str)
        if results.data is not None:
            _check(results, ("data",), str)
        if type(results.images) is not int or type(results.kb_crop) is not bool or type(results.cap) not in (float, int, type(None)):
            raise ValueError("images, kb_crop or cap is no number of images, no yes or no, or no number of metres")
        return results
    except OSError as problem:
        raise Refusal(f"{printable(path)} cannot be read ({problem.strerror}).") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as problem:
        raise Refusal(
            f"{printable(path)} is not a file that muggle-convert eval --results wrote ({printable(' '.join(str(problem).split()))})."
        ) from None


def _row(data: dict[str, Any]) -> Row:
    row = Row(**data)
    _check(row, ("model", "family", "dtype", "align"), str)
    if row.fingerprint is not None:
        _check(row, ("fingerprint",), str)
    if set(row.numbers) != set(NAMES) or not all(type(value) is float for value in row.numbers.values()):
        raise ValueError(f"a row has numbers other than {', '.join(NAMES)}")
    return row


def _check(value: Results | Row, names: Sequence[str], kind: type) -> None:
    for name in names:
        if type(getattr(value, name)) is not kind:
            raise ValueError(f"{name} is {shown(getattr(value, name))}")
