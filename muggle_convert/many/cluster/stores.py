"""Where predictions go: files that mirror the pictures, webdataset shards, Parquet. Each tells what it holds already."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from muggle_convert.many.batches import Predicted
from muggle_convert.many.cluster.places import below, found_in, read_file, remove_file, write_file
from muggle_convert.many.cluster.rows import FACTS, Wanted

DONE = ".done"  # a folder of lists: which keys each part holds


class Store(ABC):
    @property
    @abstractmethod
    def ending(self) -> str:
        """Of the files that are written."""

    @abstractmethod
    def done(self) -> set[str]:
        """A mark for each picture that need not be predicted again."""

    @abstractmethod
    def mark(self, picture: Wanted) -> str: ...

    @abstractmethod
    def write(self, rows: Sequence[tuple[str, Predicted]]) -> None:
        """Twice the same, it leaves the same: a task that was killed is run again."""

    @abstractmethod
    def clear(self) -> None:
        """Before everything is predicted again."""


@dataclass(frozen=True)
class Files(Store):
    """One file for each prediction, as a local run writes them."""

    folder: str
    suffix: str

    @property
    def ending(self) -> str:
        return self.suffix

    def done(self) -> set[str]:
        return {name for name in found_in(self.folder) if name.endswith(self.suffix)}

    def mark(self, picture: Wanted) -> str:
        return picture.name

    def write(self, rows: Sequence[tuple[str, Predicted]]) -> None:
        for name, row in rows:
            if row.depth is not None:
                write_file(below(self.folder, name), row.depth)

    def clear(self) -> None:
        """Each file is replaced by its successor."""


@dataclass(frozen=True)
class Parts(Store):
    """Files of many rows. A part is named after its keys; the list of them is written before it, and counts once the part is there."""

    folder: str

    ending = ""

    @abstractmethod
    def content(self, rows: Sequence[tuple[str, Predicted]]) -> bytes: ...

    def done(self) -> set[str]:
        files = set(found_in(self.folder))
        lists = [name for name in files if name.startswith(f"{DONE}/") and self._part(PurePosixPath(name).stem) in files]
        return {key for name in lists for key in _keys(read_file(below(self.folder, name)))}

    def mark(self, picture: Wanted) -> str:
        return picture.key

    def write(self, rows: Sequence[tuple[str, Predicted]]) -> None:
        keys = json.dumps([row.key for _, row in rows])
        stem = f"part-{hashlib.sha256(keys.encode()).hexdigest()[:16]}"
        write_file(below(self.folder, f"{DONE}/{stem}.json"), keys.encode())
        write_file(below(self.folder, self._part(stem)), self.content(rows))

    def clear(self) -> None:
        for name in found_in(self.folder):
            if name.startswith("part-") and name.endswith(self.ending):
                remove_file(below(self.folder, name))

    def _part(self, stem: str) -> str:
        return stem + self.ending


@dataclass(frozen=True)
class Parquet(Parts):
    """A row for each picture."""

    ending = ".parquet"

    def content(self, rows: Sequence[tuple[str, Predicted]]) -> bytes:
        file = io.BytesIO()
        pq.write_table(pa.Table.from_pylist([asdict(row) for _, row in rows], FACTS), file)
        return file.getvalue()


@dataclass(frozen=True)
class WebDataset(Parts):
    """A sample for each picture: the prediction, and everything else of its row as JSON."""

    suffix: str

    ending = ".tar"

    def content(self, rows: Sequence[tuple[str, Predicted]]) -> bytes:
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as shard:
            for name, row in rows:
                facts = {fact: value for fact, value in asdict(row).items() if fact != "depth"}
                stem = _sample(name.removesuffix(self.suffix))
                _add(shard, f"{stem}.json", json.dumps(facts).encode())
                if row.depth is not None:
                    _add(shard, stem + self.suffix, row.depth)
        return file.getvalue()


def _keys(listed: bytes) -> list[str]:
    """None, where somebody else wrote something else: then its pictures are predicted again."""
    try:
        keys = json.loads(listed)
    except (ValueError, RecursionError):
        return []
    return [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []


def _sample(name: str) -> str:
    """In a shard, a sample's name ends at its first dot."""
    path = PurePosixPath(name)
    if "." not in path.name:
        return name
    return path.with_name(f"{path.name.replace('.', '_')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}").as_posix()


def _add(shard: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    shard.addfile(member, io.BytesIO(content))
