"""A picture of 1920 x 1080 from a file to a file: every step beside how it was done before, and all of them beside the network alone."""

from __future__ import annotations

import argparse
import io
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image

from benchmarks.cases import chosen, drawn
from benchmarks.measure import in_turn
from benchmarks.table import Row
from model_defs.config import ImageConfig, OutputConfig
from muggle_convert import BatchPredictor
from muggle_convert.draw import colours, exr
from muggle_convert.draw.npz import write_npz
from muggle_convert.draw.panels import Panel, arrange
from muggle_convert.draw.ply import write_pixels
from muggle_convert.draw.png import write_png
from muggle_convert.draw.png16 import coding, write_png16
from muggle_convert.draw.predictions import distance_legend, panel
from muggle_convert.draw.relief import Pinhole, relief_of
from muggle_convert.draw.scales import Scale, scale_of
from muggle_convert.many.jobs import ABSENT, Events, Job
from muggle_convert.many.pipeline import predict_all
from muggle_convert.outputs import Distance, Prediction
from muggle_convert.predict import resizing
from muggle_convert.predict.formats import SaveOptions
from muggle_convert.predict.photographs import Pixels, read_picture
from muggle_convert.predict.sizes import input_size
from muggle_convert.predict.tensors import normalised, prepare, restore

HEIGHT, WIDTH = 1080, 1920
PEERS = {"restore": "before, the same", "write npy": "before, the same", "write npz": "np.savez_compressed", "read": "Pillow alone"}
INVERSE = Distance(is_inverse=True, in_metres=False)
PICTURES = {"cpu": 4}  # and 96 on a card


def pictures(arguments: argparse.Namespace) -> Iterator[Row]:
    """Targets for all but the network, on one core: 60 ms to 16-bit PNG, 40 to .npy, 150 to coloured PNG."""
    torch.set_num_threads(arguments.threads)
    (case, *_) = chosen(arguments, ("v2.vits",))
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        paths = _photographs(Path(folder), PICTURES.get(arguments.device, 96))
        predictor = BatchPredictor(drawn(case, arguments.folder), device=arguments.device, dtype=arguments.dtype, legend=True)
        viewer = predictor.viewer
        image, output = viewer.models[0].config.image, viewer.models[0].config.output
        picture = read_picture(paths[0])
        maps = viewer.ways[0].run([viewer.ways[0].show(picture)])[0][viewer.models[0].outputs[0]].take()[0].float().cpu()
        prediction = restore(maps[None], output, (HEIGHT, WIDTH))[0].numpy()
        steps: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "read": (lambda: read_picture(paths[0]), lambda: np.asarray(Image.open(paths[0]).convert("RGB"))),
            "prepare": (lambda: prepare(picture, image), lambda: _prepared_before(picture, image)),
            "restore": (
                lambda: restore(maps[None], output, (HEIGHT, WIDTH))[0].numpy(),
                lambda: restore(maps[None], output, (HEIGHT, WIDTH))[0].numpy(),
            ),
            "write npy": (lambda: np.save(io.BytesIO(), prediction), lambda: np.save(io.BytesIO(), prediction)),
            "write png16": (lambda: write_png16(io.BytesIO(), prediction, output), lambda: _png16_before(prediction, output)),
            "write png": (
                lambda: write_png(io.BytesIO(), np.asarray(arrange([panel(prediction, output)]))),
                lambda: _png_before(prediction),
            ),
            "write npz": (
                lambda: write_npz(io.BytesIO(), prediction, "metres"),
                lambda: np.savez_compressed(io.BytesIO(), depth=prediction.astype(np.float16)),
            ),
            "write exr": (
                lambda: exr.write_exr(io.BytesIO(), prediction, "metres"),
                lambda: _exr_before(prediction),
            ),
            "write ply": (
                lambda: write_pixels(
                    io.BytesIO(), picture, relief_of(prediction, scale_of(prediction, INVERSE), Pinhole.that_sees(HEIGHT, WIDTH, 60))
                ),
                lambda: _ply_before(picture, prediction),
            ),
        }
        before, after = {}, {}
        for name, (now, then) in steps.items():
            one, other = in_turn(arguments.runs, now, then)
            after[name], before[name] = one.seconds, other.seconds
            yield Row(name, "now", one.seconds, PEERS.get(name, "before"), other.seconds)
        for form, target in (("npy", 0.040), ("png16", 0.060), ("png", 0.150)):
            parts = ("read", "prepare", "restore", f"write {form}")
            totals = [sum(taken[part] for part in parts) for taken in (after, before)]
            yield Row(f"all but the network, {form}", "now", totals[0], "before", totals[1], remark=f"target {1000 * target:.0f} ms")
        yield from _throughput(predictor, case.name, paths, Path(folder), arguments.runs)


def _throughput(predictor: BatchPredictor, name: str, paths: list[Path], folder: Path, runs: int) -> Iterator[Row]:
    """A folder through everything, beside the network alone on as many inputs, which lie on its device already."""
    viewer = predictor.viewer
    (way,) = viewer.ways
    shown = way.show(read_picture(paths[0]))

    def alone() -> None:
        for first in range(0, len(paths), way.together):
            way.run([shown] * len(paths[first : first + way.together]))
        if way.place.type == "cuda":
            torch.cuda.synchronize(way.place)

    for form, ending in (("npy", ".npy"), ("png16", ".png")):

        def everything(form: str = form, ending: str = ending) -> None:
            jobs = [Job(str(path), str(folder / f"{path.stem}{ending}"), ABSENT, None) for path in paths]
            predict_all(viewer, jobs, SaveOptions(form, 60.0, None), Events(lambda _: None, lambda: None, _refuse_failure))

        one, other = in_turn(1 if way.place.type == "cpu" else runs, everything, alone)
        rate = f"{len(paths) / one.seconds:.1f} pictures a second, {other.seconds / one.seconds:.2f} of the network alone"
        yield Row(f"{len(paths)} pictures, {name}, {form}", "files to files", one.seconds, "network alone", other.seconds, remark=rate)


def _refuse_failure(job: Job, problem: str | None) -> None:
    assert problem is None, problem


def _photographs(folder: Path, count: int) -> list[Path]:
    """Smooth surfaces with some grain, as JPEG compresses photographs; drawn once and linked."""
    generator = np.random.default_rng(0)
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH]
    surfaces = [128 + 80 * np.sin(across / 200 + channel) + 40 * np.cos(down / 90 * (channel + 1)) for channel in range(3)]
    grain = generator.normal(0, 6, (HEIGHT, WIDTH, 1)) + generator.normal(0, 3, (HEIGHT, WIDTH, 3))
    first = folder / "0.jpg"
    Image.fromarray(np.clip(np.stack(surfaces, axis=-1) + grain, 0, 255).astype(np.uint8)).save(first, quality=90)
    paths = [first, *(folder / f"{number}.jpg" for number in range(1, count))]
    for path in paths[1:]:
        path.hardlink_to(first)
    return paths


def _prepared_before(picture: Pixels, image: ImageConfig) -> torch.Tensor:
    """One sample after the other, in NumPy."""
    size = input_size(image, (picture.shape[0], picture.shape[1]))
    tall = np.zeros((size[0], picture.shape[1], 3), np.float32)
    for rows, shares in zip(*resizing.TAPS["cubic"](picture.shape[0], size[0]), strict=True):
        tall += picture[rows] * shares[:, None, None]
    samples = np.zeros((*size, 3), np.float32)
    for columns, shares in zip(*resizing.TAPS["cubic"](picture.shape[1], size[1]), strict=True):
        samples += tall[:, columns] * shares[:, None]
    return normalised(samples, image)


def _png16_before(prediction: Prediction, output: OutputConfig) -> None:
    offset, step = coding(prediction, output)
    shown = np.clip(np.nan_to_num(prediction, nan=offset), offset, offset + step * 65535)
    Image.fromarray(np.rint((shown - offset) / step).astype(np.uint16)).save(io.BytesIO(), "PNG")


def _exr_before(prediction: Prediction) -> None:
    with patch.object(exr, "deflated", lambda data: zlib.compress(data, 4)):
        exr.write_exr(io.BytesIO(), prediction, "metres")


def _png_before(prediction: Prediction) -> None:
    scale = scale_of(prediction, INVERSE)
    drawn = Panel(_painted_before(scale, prediction), "", distance_legend(scale, "relative inverse depth, without a unit"))
    arrange([drawn]).save(io.BytesIO(), "PNG", compress_level=4)


def _painted_before(scale: Scale, prediction: Prediction) -> colours.Colours:
    table = colours.near_and_far(np.linspace(0, 1, 1024))
    painted = np.full((*prediction.shape, 3), 128, np.uint8)
    for first in range(0, len(prediction), 64):
        shares = scale.share(prediction[first : first + 64])
        known = np.isfinite(shares)
        places = np.clip(np.nan_to_num(shares[known]), 0, 1) * (len(table) - 1)
        painted[first : first + 64][known] = table[np.rint(places).astype(np.intp)]
    return painted


def _ply_before(picture: Pixels, prediction: Prediction) -> None:
    scale = scale_of(prediction, INVERSE)
    near = np.clip(scale.share(prediction), 0, 1)
    away = np.float32(1) / (0.1 + near * np.float32(0.9))
    across, down = (np.arange(count, dtype=np.float32) + 0.5 - count / 2 for count in (WIDTH, HEIGHT))
    kept = np.isfinite(away)
    points = np.stack([away * across, -away * down[:, None], -away], axis=-1)[kept]
    rows = np.empty(len(points), [("points", "<f4", 3), ("colours", "u1", 3)])
    rows["points"], rows["colours"] = points, picture[kept]
    io.BytesIO().write(rows.tobytes())
