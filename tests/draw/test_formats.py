"""Files that other programs read."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from model_defs.config import OutputConfig
from muggle_convert.draw import deflate
from muggle_convert.draw.exr import write_exr
from muggle_convert.draw.npz import write_npz
from muggle_convert.draw.ply import write_pixels
from muggle_convert.draw.png import write_png
from muggle_convert.draw.png16 import coding, write_png16
from muggle_convert.draw.relief import Pinhole, Relief, relief_of
from muggle_convert.draw.scales import scale_of
from muggle_convert.errors import Refusal
from muggle_convert.outputs import METRES, Distance
from tests.goldens import uint8_picture

RELATIVE = OutputConfig(kind="relative inverse depth", activation="relu")
METRIC = OutputConfig(kind="metric depth", activation="sigmoid", max_depth=20.0)
RELATIVE_DISTANCE = Distance(is_inverse=True, in_metres=False)
STREETS = OutputConfig(kind="metric depth", activation="sigmoid", max_depth=80.0)
SHAPES = [(1, 1), (5, 7), (16, 16), (33, 70), (64, 100)]


def depths(shape: tuple[int, int]) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal(shape)
    return (3 + np.linspace(0, 2, shape[1]) + 0.1 * noise).astype(np.float32)


def read_exr(data: bytes) -> tuple[dict[str, bytes], np.ndarray]:
    """A reader for one channel of floats, by the format's description."""
    assert struct.unpack_from("<ii", data) == (20000630, 2)
    position, attributes = 8, {}
    while data[position]:
        name, kind, _ = data[position:].split(b"\0", 2)
        position += len(name) + len(kind) + 2
        (size,) = struct.unpack_from("<i", data, position)
        attributes[name.decode()] = data[position + 4 : position + 4 + size]
        position += 4 + size
    left, top, right, bottom = struct.unpack("<iiii", attributes["dataWindow"])
    assert (left, top) == (0, 0)
    rows = []
    for chunk in range((bottom + 16) // 16):
        (offset,) = struct.unpack_from("<Q", data, position + 1 + 8 * chunk)
        first, size = struct.unpack_from("<ii", data, offset)
        assert first == 16 * chunk
        raw_size = 4 * (right + 1) * min(16, bottom + 1 - first)
        raw = np.frombuffer(data[offset + 8 : offset + 8 + size], np.uint8)
        if size < raw_size:
            steps = np.frombuffer(zlib.decompress(raw.tobytes()), np.uint8).astype(np.int64)
            steps[1:] -= 128
            halves = np.cumsum(steps).astype(np.uint8)
            raw = np.empty(raw_size, np.uint8)
            raw[::2], raw[1::2] = halves[: (raw_size + 1) // 2], halves[(raw_size + 1) // 2 :]
        rows.append(raw.view("<f4").reshape(-1, right + 1))
    return attributes, np.concatenate(rows)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_exr_file_holds_every_number_exactly(shape: tuple[int, int]) -> None:
    for values in (depths(shape), np.zeros(shape, np.float32), np.full(shape, np.inf, np.float32)):
        file = io.BytesIO()
        write_exr(file, values, "metres")
        attributes, read = read_exr(file.getvalue())
        assert np.array_equal(read, values)
        assert attributes["comments"] == b"metres"


def test_another_program_reads_the_exr_file(tmp_path: Path) -> None:
    values = depths((33, 70))
    with open(tmp_path / "depth.exr", "wb") as file:
        write_exr(file, values, "metres")
    with av.open(str(tmp_path / "depth.exr")) as container:
        container.streams.video[0].codec_context.options = {"apply_trc": "linear"}
        read = next(container.decode(video=0)).to_ndarray(format="grayf32le")
    assert np.array_equal(read, values)


@pytest.mark.parametrize(("output", "steps"), [(METRIC, 1000), (STREETS, 256)])
def test_sixteen_bits_hold_metres_as_nyu_or_kitti_do(output: OutputConfig, steps: int) -> None:
    prediction = depths((20, 30))
    file = io.BytesIO()
    write_png16(file, prediction, output)
    image = Image.open(file)
    assert image.mode == "I;16"
    assert np.abs(np.asarray(image) / steps - prediction).max() <= 0.5 / steps + 1e-6
    assert image.text == {"unit": "metres", "offset": "0.0", "step": repr(1 / steps)}  # type: ignore[attr-defined]


def test_sixteen_bits_of_relative_depth_say_how_to_get_the_numbers_back() -> None:
    prediction = depths((20, 30))
    file = io.BytesIO()
    write_png16(file, prediction, RELATIVE)
    image = Image.open(file)
    words = image.text  # type: ignore[attr-defined]
    numbers = np.asarray(image)
    assert (numbers.min(), numbers.max()) == (0, 65535)
    assert np.abs(float(words["offset"]) + float(words["step"]) * numbers - prediction).max() < 1e-4
    assert words["unit"] == "relative inverse depth, without a unit"


def test_sixteen_bits_end_where_no_more_fits() -> None:
    file = io.BytesIO()
    write_png16(file, np.array([[1.0, 70.0, np.inf, np.nan]], np.float32), METRIC)
    assert np.asarray(Image.open(file)).tolist() == [[1000, 65535, 65535, 0]]


def test_fitted_metres_and_the_models_of_dpt_get_steps_their_range_allows() -> None:
    fitted = OutputConfig(kind="metric depth", activation="relu")
    kitti = OutputConfig(kind="metric depth", activation="relu", scale=0.00006016, shift=0.00579, invert=True)
    nyu = OutputConfig(kind="metric depth", activation="relu", scale=0.000305, shift=0.1378, invert=True)
    assert [coding(depths((2, 2)), output)[1] for output in (fitted, kitti, nyu)] == [1 / 256, 1 / 256, 0.001]


def test_classes_are_their_own_numbers() -> None:
    file = io.BytesIO()
    write_png16(file, np.array([[0, 149]]), OutputConfig(kind="classes", activation="none"))
    assert np.asarray(Image.open(file)).tolist() == [[0, 149]]


def relief(prediction: np.ndarray, distance: Distance, field_of_view: float = 60.0) -> Relief:
    return relief_of(prediction, scale_of(prediction, distance), Pinhole.that_sees(*prediction.shape, field_of_view))


def read_ply(data: bytes) -> tuple[list[str], np.ndarray]:
    header, _, body = data.partition(b"end_header\n")
    kinds = {"float": "<f4", "uchar": "u1"}
    properties = [line.split()[1:] for line in header.decode().splitlines() if line.startswith("property")]
    return header.decode().splitlines(), np.frombuffer(body, [(name, kinds[kind]) for kind, name in properties])


def test_every_pixel_is_a_coloured_point_in_front_of_the_camera() -> None:
    picture, metres = uint8_picture(20, 40, 1), depths((20, 40))
    file = io.BytesIO()
    write_pixels(file, picture, relief(metres, METRES, 90.0))
    header, points = read_ply(file.getvalue())

    assert header[:2] == ["ply", "format binary_little_endian 1.0"]
    assert "element vertex 800" in header
    assert "comment coordinates in metres" in header
    assert np.array_equal(-points["z"].reshape(20, 40), metres)
    assert np.array_equal(np.stack([points["red"], points["green"], points["blue"]], axis=1), picture.reshape(-1, 3))
    corner = points[0]  # of ninety degrees across: as far to the left as ahead, less half a pixel
    assert corner["x"] / corner["z"] == pytest.approx(19.5 / 20)
    assert corner["y"] / -corner["z"] == pytest.approx(9.5 / 20)


def test_points_of_relative_depth_say_that_they_have_no_unit() -> None:
    prediction = np.linspace(0, 7, 800, dtype=np.float32).reshape(20, 40)
    file = io.BytesIO()
    write_pixels(file, uint8_picture(20, 40, 1), relief(prediction, RELATIVE_DISTANCE))
    header, points = read_ply(file.getvalue())
    assert any("no unit" in line for line in header)
    assert points["z"].min() == pytest.approx(-10)
    assert points["z"].max() == pytest.approx(-1)


def test_points_of_relative_depth_proper_are_as_evenly_spaced_as_the_prediction() -> None:
    prediction = np.tile(np.linspace(0, 1, 40, dtype=np.float32), (20, 1))
    file = io.BytesIO()
    write_pixels(file, uint8_picture(20, 40, 1), relief(prediction, Distance(is_inverse=False, in_metres=False)))
    _, points = read_ply(file.getvalue())
    assert np.allclose(-points["z"][:40], np.linspace(1, 10, 40), atol=0.05)


def test_points_at_infinity_are_left_out() -> None:
    metres = np.array([[1.0, np.inf], [2.0, 3.0]], np.float32)
    file = io.BytesIO()
    write_pixels(file, uint8_picture(2, 2, 1), relief(metres, METRES))
    header, points = read_ply(file.getvalue())
    assert "element vertex 3" in header
    assert len(points) == 3


@pytest.mark.parametrize("shape", SHAPES)
def test_colours_and_grey_come_back_from_a_png_as_they_were(shape: tuple[int, int]) -> None:
    colours = uint8_picture(*shape, 3)
    for pixels in (colours, colours[..., 0].astype(np.uint16) * 257):
        file = io.BytesIO()
        write_png(file, pixels)
        image = Image.open(file)
        image.verify()
        assert np.array_equal(np.asarray(Image.open(file)), pixels)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_npz_holds_depth_in_half_precision_and_its_unit(shape: tuple[int, int]) -> None:
    files = [io.BytesIO(), io.BytesIO()]
    for file in files:
        write_npz(file, depths(shape), "metres")
    read = np.load(io.BytesIO(files[0].getvalue()))
    assert np.array_equal(read["depth"], depths(shape).astype(np.float16))
    assert str(read["unit"]) == "metres"
    assert files[0].getvalue() == files[1].getvalue()


def test_an_npz_refuses_what_half_precision_cannot_hold() -> None:
    with pytest.raises(Refusal, match=r"the prediction reaches 70000, and npz holds numbers up to 65504; write it with --format npy"):
        write_npz(io.BytesIO(), np.array([[7e4, np.inf]], np.float32), "metres")


def test_files_are_the_same_numbers_without_isa_l(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deflate, "_fastest", zlib)
    values = depths((33, 70))
    files = {write: io.BytesIO() for write in ("exr", "npz", "png16")}
    write_exr(files["exr"], values, "metres")
    write_npz(files["npz"], values, "metres")
    write_png16(files["png16"], values, METRIC)
    assert np.array_equal(read_exr(files["exr"].getvalue())[1], values)
    assert np.array_equal(np.load(io.BytesIO(files["npz"].getvalue()))["depth"], values.astype(np.float16))
    assert np.array_equal(np.asarray(Image.open(files["png16"])), np.rint(values * 1000))
