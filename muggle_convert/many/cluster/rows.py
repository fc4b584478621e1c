"""What travels between machines: a few pictures at a time, encoded, as one row of a table, which Ray neither splits nor merges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import pyarrow as pa

from muggle_convert.many.batches import Predicted


@dataclass(frozen=True)
class Wanted:
    """A picture that is to be predicted."""

    key: str
    name: str  # of its prediction, from the folder of all of them
    content: bytes | None = None
    problem: str | None = None  # why there is no content


# Of variable length, and more than the two gigabytes that Arrow's plain binary holds.
_TYPES = {"str": pa.string(), "bytes": pa.large_binary(), "int": pa.int64(), "float": pa.float64()}
_PREDICTED = {field.name: _TYPES[str(field.type).partition(" ")[0]] for field in fields(Predicted)}
_WANTED = {field.name: _TYPES[str(field.type).partition(" ")[0]] for field in fields(Wanted)}
FACTS = pa.schema(list(_PREDICTED.items()))  # of a Parquet file of predictions


def pack(pictures: Iterable[Wanted]) -> pa.Table:
    return _packed(_WANTED, [vars(picture) for picture in pictures])


def unpack(table: pa.Table) -> list[Wanted]:
    return [Wanted(**row) for row in _unpacked(_WANTED, table)]


def pack_predicted(names: Sequence[str], rows: Sequence[Predicted]) -> pa.Table:
    return _packed({"name": pa.string(), **_PREDICTED}, [{"name": name, **vars(row)} for name, row in zip(names, rows, strict=True)])


def unpack_predicted(table: pa.Table) -> list[tuple[str, Predicted]]:
    rows = _unpacked({"name": pa.string(), **_PREDICTED}, table)
    return [(row.pop("name"), Predicted(**row)) for row in rows]


def _packed(types: dict[str, pa.DataType], rows: list[dict[str, Any]]) -> pa.Table:
    return pa.table({name: pa.array([[row[name] for row in rows]], pa.list_(kind)) for name, kind in types.items()})


def _unpacked(types: dict[str, pa.DataType], table: pa.Table) -> list[dict[str, Any]]:
    columns = {name: [value for row in table.column(name).to_pylist() for value in row] for name in types}
    return [dict(zip(types, values, strict=True)) for values in zip(*columns.values(), strict=True)]
