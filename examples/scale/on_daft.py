"""A column of depth beside a column of pictures, by Daft: python examples/scale/on_daft.py MODEL FOLDER OUT.parquet"""

from __future__ import annotations

import sys
from dataclasses import asdict

import daft

from muggle_convert import BatchPredictor

ROW = daft.DataType.struct(
    {name: daft.DataType.string() for name in ("key", "unit", "model", "error")}
    | {name: daft.DataType.int64() for name in ("height", "width")}
    | {name: daft.DataType.float64() for name in ("scale", "offset")}
    | {"depth": daft.DataType.binary()}
)


@daft.cls
class Depth:
    def __init__(self, model: str) -> None:
        self.predictor = BatchPredictor(model, form="npz")

    @daft.method.batch(return_dtype=ROW, batch_size=64)
    def rows(self, keys: daft.Series, contents: daft.Series) -> list[dict[str, object]]:
        return [asdict(row) for row in self.predictor(zip(keys.to_pylist(), contents.to_pylist(), strict=True))]


if __name__ == "__main__":
    model, folder, out = sys.argv[1:]
    pictures = daft.from_glob_path(f"{folder}/**").with_column("content", daft.col("path").download())
    pictures.select(Depth(model).rows(daft.col("path"), daft.col("content")).alias("row")).write_parquet(out)
