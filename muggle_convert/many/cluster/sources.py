"""Where pictures come from: folders, lists of URLs, webdataset shards, Parquet.

A source makes units on the machine that commands, each a description as JSON of what one task reads; and reads one wherever the task runs.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice, product
from pathlib import PurePosixPath
from typing import Any, Protocol, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal
from muggle_convert.many.cluster.places import below, found_in, in_full, is_folder, located, matching, name_of, read_file
from muggle_convert.many.cluster.rows import Wanted
from muggle_convert.many.jobs import names_of
from muggle_convert.predict import video
from muggle_convert.predict.photographs import SUFFIXES

MOST_BYTES = 1 << 30  # of an encoded picture
MOST_NAMED = 1_000_000  # files, by one argument
READERS = 8  # files of one task that are waited for at the same time

IsDone = Callable[[Wanted], bool]
Thing = TypeVar("Thing")


class Source(Protocol):
    @property
    def total(self) -> int | None:
        """Pictures, where that can be told without reading them."""

    @property
    def videos(self) -> int:
        """That are left out."""

    def units(self, is_done: IsDone, done: Iterable[str]) -> Iterator[str]: ...

    def read(self, unit: str) -> Iterator[list[Wanted]]:
        """The pictures of a unit, a batch at a time."""
        ...


def source_of(inputs: Iterable[str], out: str, suffix: str, batch: int, column: str | None, key: str | None) -> Source:
    urls = [url for given in inputs for url in _urls(given)]
    kinds = {_kind(url) for url in urls}
    if len(kinds) != 1:
        raise Refusal(f"the inputs are of several kinds, {' and '.join(sorted(kinds))}; give those of one kind at a time.")
    kind = kinds.pop()
    if key is not None and kind != "Parquet":
        raise Refusal(f"--key names a column of Parquet, and the inputs are {kind}; leave it out.")
    if column is not None and kind == "pictures":
        raise Refusal("--column is for Parquet and webdataset shards, and the inputs are pictures; leave it out.")
    if kind == "shards":
        return Shards(tuple(_named(urls)), suffix, batch, column)
    if kind == "Parquet":
        return Tables(tuple(_named(urls)), suffix, batch, _column(urls[0], column), key)
    return Pictures.found(urls, out, suffix, batch)


@dataclass(frozen=True)
class Pictures:
    """Files, each one picture."""

    pictures: tuple[tuple[str, str, str], ...]  # key, name of the prediction, URL
    batch: int
    videos: int = 0

    @classmethod
    def found(cls, urls: list[str], out: str, suffix: str, batch: int) -> Pictures:
        found = dict.fromkeys(pair for url in urls for pair in _found(in_full(url), in_full(out)))
        keys = [key for key, _ in found if PurePosixPath(key).suffix.lower() not in video.SUFFIXES]
        if not keys:
            raise Refusal(f"there is no picture in {', '.join(map(printable, urls))}; pictures end in {', '.join(sorted(SUFFIXES))}.")
        addresses = [address for key, address in found if PurePosixPath(key).suffix.lower() not in video.SUFFIXES]
        names = names_of([(key, suffix) for key in keys])
        if own := next(iter({below(in_full(out), name) for name in names} & set(addresses)), None):
            raise Refusal(f"{printable(own)} is one of the pictures themselves; write to another folder.")
        return cls(tuple(zip(keys, names, addresses, strict=True)), batch, len(found) - len(keys))

    @property
    def total(self) -> int:
        return len(self.pictures)

    def units(self, is_done: IsDone, done: Iterable[str]) -> Iterator[str]:
        left = (picture for picture in self.pictures if not is_done(Wanted(*picture[:2])))
        return (json.dumps(some) for some in _batches(left, self.batch))

    def read(self, unit: str) -> Iterator[list[Wanted]]:
        yield within(_fetched([(Wanted(key, name), url) for key, name, url in json.loads(unit)]))

    def __reduce__(self) -> tuple[Any, ...]:  # what a task reads is in its unit; the list of all pictures stays where it is
        return Pictures, ((), self.batch)


@dataclass(frozen=True)
class Shards:
    """Tar files of samples, as webdataset writes them."""

    shards: tuple[tuple[str, str], ...]  # by name
    suffix: str
    batch: int
    ending: str | None  # which of a sample's files is the picture
    total: None = None
    videos: int = 0

    def units(self, is_done: IsDone, done: Iterable[str]) -> Iterator[str]:
        by_shard = _by_file(done, [_stem(name) for name, _ in self.shards])
        return (json.dumps([name, url, by_shard[_stem(name)]]) for name, url in self.shards)

    def read(self, unit: str) -> Iterator[list[Wanted]]:
        name, url, done = json.loads(unit)
        return map(within, _batches(self._members(name, url, set(done)), self.batch))

    def _members(self, shard: str, url: str, done: set[str]) -> Iterator[Wanted]:
        system, path = located(url)
        seen: set[str] = set()
        try:
            with system.open(path, "rb") as file, tarfile.open(fileobj=file, mode="r|*") as members:
                for member in members:
                    if not member.isfile() or not self._is_picture(member.name):
                        continue
                    inside = PurePosixPath(member.name)
                    stem, _, _ = inside.name.partition(".")  # webdataset: a sample's files agree up to the first dot
                    wanted = Wanted(f"{shard}/{member.name}", f"{_stem(shard)}/{inside.with_name(stem + self.suffix).as_posix()}")
                    if wanted.name in seen:
                        wanted = replace(wanted, name=f"{_stem(shard)}/{inside.as_posix()}{self.suffix}")
                    seen.add(wanted.name)
                    if wanted.key not in done and wanted.name not in done:
                        if member.size > MOST_BYTES:
                            yield replace(wanted, problem=f"{printable(wanted.key)} takes {member.size:,} bytes, more than any picture.")
                            continue
                        content = members.extractfile(member)
                        assert content is not None  # of a file
                        yield replace(wanted, content=content.read())
        except (OSError, tarfile.TarError, EOFError, zlib.error, ValueError, OverflowError) as problem:
            yield Wanted(
                shard, f"{_stem(shard)}{self.suffix}", problem=f"{printable(shard)} cannot be read to its end ({_reason(problem)})."
            )

    def _is_picture(self, name: str) -> bool:
        if self.ending is not None:
            return PurePosixPath(name).name.partition(".")[2].lower() == self.ending.lower().lstrip(".")
        return PurePosixPath(name).suffix.lower() in SUFFIXES


@dataclass(frozen=True)
class Tables:
    """Parquet with a column of encoded pictures, or of their URLs."""

    files: tuple[tuple[str, str], ...]  # by name
    suffix: str
    batch: int
    column: str
    key: str | None
    total: None = None
    videos: int = 0

    def units(self, is_done: IsDone, done: Iterable[str]) -> Iterator[str]:
        by_file = _by_file(done, [_stem(name) for name, _ in self.files]) if self.key is None else {}
        everything = list(done) if self.key is not None else []  # a column's keys do not tell which file they are of
        for name, url in self.files:
            with _parquet(url) as file:
                first = 0
                for group in range(file.num_row_groups):
                    yield json.dumps([name, url, group, first, everything or by_file.get(_stem(name), [])])
                    first += file.metadata.row_group(group).num_rows

    def read(self, unit: str) -> Iterator[list[Wanted]]:
        name, url, group, first, done = json.loads(unit)
        columns, seen = [self.column, *([self.key] if self.key else [])], 0
        try:
            with _parquet(url) as file:
                for table in file.iter_batches(self.batch, [group], columns):  # a column of a few bytes may stand for gigabytes
                    yield within(self._fetched(list(self._rows(table, _stem(name), first + seen, set(done)))))
                    seen += table.num_rows
        except (OSError, pa.ArrowException) as problem:
            key = f"{_stem(name)}/{first + seen:08}"
            yield [Wanted(key, f"{key}{self.suffix}", problem=f"{printable(name)} cannot be read from there on ({_reason(problem)}).")]

    def _fetched(self, rows: list[tuple[Wanted, Any]]) -> list[Wanted]:
        fetched = {wanted.key: wanted for wanted in _fetched([(wanted, value) for wanted, value in rows if isinstance(value, str)])}
        return [fetched.get(wanted.key) or _held(wanted, value) for wanted, value in rows]

    def _rows(self, table: pa.RecordBatch, stem: str, first: int, done: set[str]) -> Iterator[tuple[Wanted, Any]]:
        for number in range(table.num_rows):
            key = f"{stem}/{first + number:08}" if self.key is None else str(table.column(self.key)[number].as_py())
            wanted = Wanted(key, f"{key}{self.suffix}" if self.key is None else self._named(PurePosixPath(key)))
            if wanted.key not in done and wanted.name not in done:
                value = table.column(self.column)[number].as_py()
                yield wanted, value.get("bytes") if isinstance(value, dict) else value  # a picture of the datasets library

    def _named(self, key: PurePosixPath) -> str:
        return (key.with_suffix(self.suffix) if key.name not in ("", "..") else key).as_posix()


def within(pictures: list[Wanted]) -> list[Wanted]:
    """The same, but for those whose names, which a stranger may have chosen, lead out of the folder of predictions."""
    return [replace(wanted, **_harmless(wanted)) if _leads_out(wanted.name) else wanted for wanted in pictures]


def _leads_out(name: str) -> bool:
    path = PurePosixPath(name)
    return ".." in path.parts or not path.name or "\0" in name


def _harmless(wanted: Wanted) -> dict[str, Any]:
    name = f"nameless-{hashlib.sha256(wanted.name.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
    return {"name": name, "content": None, "problem": f"{printable(wanted.key)} is no name for a file in the folder of predictions."}


def _urls(given: str) -> list[str]:
    """Braces as shells and webdataset expand them, then stars."""
    parts = re.split(r"\{([^{}]*)\}", given)
    choices = [_choices(part) if place % 2 else [part] for place, part in enumerate(parts)]
    if math.prod(map(len, choices)) > MOST_NAMED:
        raise Refusal(f"{printable(given)} stands for more than {MOST_NAMED:,} files; give them in parts.")
    urls = ["".join(chosen) for chosen in product(*choices)]
    found = [url for one in urls for url in (matching(one) if "*" in one else [one])]
    if not found:
        raise Refusal(f"nothing is called {printable(given)}.")
    return found


def _choices(inside: str) -> list[str]:
    if span := re.fullmatch(r"(\d{1,18})\.\.(\d{1,18})", inside):
        begin, end = span.groups()
        return [f"{number:0{len(begin)}}" for number in islice(range(int(begin), int(end) + 1), MOST_NAMED + 1)]
    return inside.split(",")


def _kind(url: str) -> str:
    name = name_of(url).lower()
    if name.endswith((".tar", ".tar.gz", ".tgz")):
        return "shards"
    return "Parquet" if name.endswith(".parquet") else "pictures"


def _stem(name: str) -> str:
    """Of a shard or a Parquet file."""
    return re.sub(r"\.(tar|tar\.gz|tgz|parquet)$", "", name, flags=re.IGNORECASE)


def _named(urls: list[str]) -> Iterator[tuple[str, str]]:
    named = [(name_of(url), url) for url in urls]
    if len({_stem(name) for name, _ in named}) < len(named):
        raise Refusal("two of the inputs have one name, and their pictures could not be told apart; give those of one folder at a time.")
    yield from named


def _found(url: str, out: str) -> Iterator[tuple[str, str]]:
    """Pictures and videos, each by its path below the folder it was found in."""
    if name_of(url).lower().endswith(".txt"):
        for line in read_file(url).decode("utf-8", "replace").splitlines():
            if line.strip():
                key = re.sub(r"^\w+://", "", line.strip())
                if _leads_out(key):
                    raise Refusal(
                        f"{printable(name_of(url))} names {printable(line.strip())}, which is no name for a picture; leave it out."
                    )
                yield key, in_full(line.strip())
    elif not is_folder(url):
        yield name_of(url), url
    else:
        for name in found_in(url):
            is_hidden = any(part.startswith(".") for part in name.split("/"))
            is_result = below(url, name).startswith(below(out, "")) and url.rstrip("/") != out.rstrip("/")
            if not is_hidden and not is_result and PurePosixPath(name).suffix.lower() in SUFFIXES | video.SUFFIXES:
                yield name, below(url, name)


def _fetched(pictures: list[tuple[Wanted, str]]) -> list[Wanted]:
    with ThreadPoolExecutor(READERS) as threads:
        return list(threads.map(_fetch, pictures))


def _fetch(picture: tuple[Wanted, str]) -> Wanted:
    wanted, url = picture
    try:
        return replace(wanted, content=read_file(url))
    except FileNotFoundError:
        return replace(wanted, problem=f"{printable(url)} does not exist.")
    except Exception as problem:  # a library for each kind of place, and as many kinds of failure
        return replace(wanted, problem=f"{printable(url)} cannot be read ({_reason(problem)}).")


def _held(wanted: Wanted, value: Any) -> Wanted:
    if isinstance(value, bytes):
        return replace(wanted, content=value)
    return replace(wanted, problem=f"{printable(wanted.key)} holds no picture but {type(value).__name__}.")


def _reason(problem: Exception) -> str:
    return printable(" ".join(str(problem).split()) or type(problem).__name__)


def _by_file(done: Iterable[str], stems: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {stem: [] for stem in stems}
    for mark in done:
        stem = _stem(mark.partition("/")[0])
        if stem in found:
            found[stem].append(mark)
    return found


def _column(url: str, column: str | None) -> str:
    with _parquet(url) as file:
        schema = file.schema_arrow
    if column is not None:
        if column not in schema.names:
            raise Refusal(f"{printable(url)} has no column {printable(column)}; its columns are {', '.join(map(printable, schema.names))}.")
        return column
    held = [field.name for field in schema if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type)]
    if len(held) != 1:
        raise Refusal(
            f"{printable(url)} has {len(held)} columns of bytes; say with --column which holds the pictures or their URLs: "
            f"{', '.join(map(printable, schema.names))}."
        )
    return str(held[0])


def _parquet(url: str) -> Any:
    system, path = located(url)
    try:
        return pq.ParquetFile(path, filesystem=system)
    except (OSError, pa.ArrowException) as problem:
        raise Refusal(f"{printable(url)} cannot be read as Parquet ({_reason(problem)}).") from None


def _batches(things: Iterable[Thing], size: int) -> Iterator[list[Thing]]:
    left = iter(things)
    while some := list(islice(left, size)):
        yield some
