"""A folder as transformers.js and optimum read it: onnx/model.onnx, with config.json and preprocessor_config.json beside that folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal
from muggle_convert.exporting.export import transformers_json
from muggle_convert.exporting.file_formats import write_files
from muggle_convert.exporting.onnx.export import GraphOptions, WrittenGraph, export_onnx
from muggle_convert.files.target import make_folder
from muggle_convert.identify.read import ReadOptions, read
from muggle_convert.onnx.description import Precision

NAMES: Mapping[Precision, str] = {"float32": "model.onnx", "float16": "model_fp16.onnx", "int8": "model_int8.onnx"}
KNOWN = ("depth_anything", "dpt")  # models for depth that transformers.js has, by the names of config.json


def export_for_transformers_js(
    source: str | Path, folder: str | Path, options: GraphOptions = GraphOptions(), reading: ReadOptions = ReadOptions()
) -> WrittenGraph:
    """One graph in such a folder; called again with another precision, it puts that beside the first."""
    folder = Path(folder)
    if options.with_preprocessing:
        raise Refusal("transformers.js prepares pictures itself; leave --with-preprocessing out.")
    matched = read(source, reading)
    family = matched.family
    files = transformers_json(matched, folder) if family.transformers else {}
    model_type = family.transformers.config(matched.config, matched.config.encoder)["model_type"] if family.transformers else None
    if model_type not in KNOWN:
        raise Refusal(f"transformers.js has no model for {family.name}; leave --layout out, and run the graph with ONNX Runtime itself.")
    if folder.suffix == ".onnx":
        raise Refusal(
            f"transformers.js loads a folder, but {printable(folder)} is named like a file; name a folder, such as {printable(folder.stem)}."
        )
    make_folder(folder / "onnx")
    written = export_onnx(source, folder / "onnx" / NAMES[options.precision], options, reading)
    write_files(files, force=True, sync=options.sync)
    return replace(written, files=(*written.files, *files))
