"""A table of depth from a folder of pictures, by Spark: python examples/scale/on_spark.py MODEL FOLDER OUT.parquet"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict

import pyarrow as pa
from pyspark.sql import SparkSession

from muggle_convert import BatchPredictor

ROW = "key string, depth binary, height int, width int, unit string, scale double, offset double, model string, error string"


class Depth:
    def __init__(self, model: str) -> None:
        self.predictor = BatchPredictor(model, form="npz")

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            pictures = zip(batch.column("path").to_pylist(), batch.column("content").to_pylist(), strict=True)
            yield pa.RecordBatch.from_pylist([asdict(row) for row in self.predictor(pictures)], SCHEMA)


TYPES = {"string": pa.string(), "binary": pa.binary(), "int": pa.int32(), "double": pa.float64()}
SCHEMA = pa.schema([(name, TYPES[kind]) for name, kind in (field.split() for field in ROW.split(", "))])


if __name__ == "__main__":
    model, folder, out = sys.argv[1:]
    spark = SparkSession.builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", 64).getOrCreate()
    pictures = spark.read.format("binaryFile").option("recursiveFileLookup", True).load(folder)
    pictures.select("path", "content").mapInArrow(Depth(model), ROW).write.mode("overwrite").parquet(out)
