"""Pictures of all kinds become the colours that a viewer shows."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from muggle_convert import Refusal
from muggle_convert.predict.photographs import read_picture
from tests.goldens import uint8_picture

RED, BLUE = (200, 10, 30), (20, 40, 220)


def two_pixels() -> np.ndarray:
    """Red on the left, blue on the right."""
    return np.array([[RED, BLUE]], np.uint8)


def test_a_path_a_string_an_image_and_an_array_are_the_same_picture(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(two_pixels()).save(path)
    for picture in (path, str(path), Image.open(path), two_pixels()):
        assert np.array_equal(read_picture(picture), two_pixels())


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [(1, [[RED, BLUE]]), (2, [[BLUE, RED]]), (3, [[BLUE, RED]]), (4, [[RED, BLUE]]), (5, [[RED], [BLUE]]), (6, [[RED], [BLUE]]), (7, [[BLUE], [RED]]), (8, [[BLUE], [RED]])],
)  # fmt: skip
def test_a_picture_is_turned_upright_as_its_exif_data_says(tmp_path: Path, orientation: int, expected: Any) -> None:
    path = tmp_path / "turned.png"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(two_pixels()).save(path, exif=exif)
    assert read_picture(path).tolist() == [[list(pixel) for pixel in row] for row in expected]


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK", "HSV", "YCbCr"])
def test_every_usual_kind_of_pixel_becomes_red_green_and_blue(mode: str) -> None:
    image = Image.fromarray(np.full((4, 5, 3), 255, np.uint8)).convert(mode)
    picture = read_picture(image)
    assert picture.shape == (4, 5, 3)
    assert picture.dtype == np.uint8
    assert picture.min() > 250


def test_transparent_pixels_keep_the_colour_that_is_stored() -> None:
    pixels = np.array([[[*RED, 0], [*BLUE, 128]]], np.uint8)
    assert np.array_equal(read_picture(Image.fromarray(pixels, "RGBA")), two_pixels())


def test_a_palette_with_a_transparent_entry_keeps_its_colours(tmp_path: Path) -> None:
    path = tmp_path / "palette.png"
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    image.putpalette([*RED, *BLUE])
    image.save(path, transparency=bytes([0, 255]))
    assert np.array_equal(read_picture(path), two_pixels())


def test_sixteen_bits_of_grey_are_scaled_to_eight(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    Image.fromarray(np.array([[0, 257, 32896, 65535]], np.uint16)).save(path)
    assert read_picture(path)[0, :, 0].tolist() == [0, 1, 128, 255]


def test_whole_numbers_beyond_sixteen_bits_are_refused() -> None:
    with pytest.raises(Refusal, match=r"from 0 to 70000; the largest a picture may have is 65535"):
        read_picture(Image.fromarray(np.array([[0, 70000]], np.int32)))


def test_floating_point_pixels_are_refused_for_their_range_is_unknown() -> None:
    with pytest.raises(Refusal, match="holds 'F' pixels"):
        read_picture(Image.fromarray(np.zeros((2, 2), np.float32)))


def test_something_else_is_refused_by_its_type() -> None:
    with pytest.raises(Refusal, match="not dict"):
        read_picture({})  # type: ignore[arg-type]


def test_a_file_that_ends_early_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "half.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(Refusal, match=r"half\.jpg is damaged"):
        read_picture(path)


@pytest.mark.parametrize("damage", range(40))
def test_a_damaged_file_never_ends_in_another_exception(tmp_path: Path, damage: int) -> None:
    path = tmp_path / "damaged.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(path)
    data = bytearray(path.read_bytes())
    for place in np.random.default_rng(damage).integers(0, len(data), 5):
        data[place] ^= 0x5A
    path.write_bytes(data)
    try:
        assert read_picture(path).ndim == 3
    except Refusal as refusal:
        assert "damaged.png" in str(refusal)


def test_a_text_file_is_not_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "notes.png"
    path.write_text("not a picture")
    with pytest.raises(Refusal, match=r"notes\.png is not a picture"):
        read_picture(path)


def test_a_missing_file_and_a_folder_are_refused_as_such(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="does not exist"):
        read_picture(tmp_path / "nothing.png")
    with pytest.raises(Refusal, match="is a folder"):
        read_picture(tmp_path)


def test_a_file_that_claims_to_be_huge_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    header = struct.pack(">II5B", 1 << 15, (1 << 13) + 1, 1, 0, 0, 0, 0)  # one bit of grey
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(9))), (b"IEND", b"")]
    framed = (struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks)
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(framed))
    tracemalloc.start()
    with pytest.raises(Refusal, match=r"bomb\.png is 32768 x 8193, more than the limit of 268,435,456 pixels"):
        read_picture(tmp_path / "bomb.png")
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "1"])
def test_a_picture_of_many_rows_is_read_to_the_last_one(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(uint8_picture(700, 9, 1)).convert(mode)
    image.save(tmp_path / "tall.png")
    assert np.array_equal(read_picture(tmp_path / "tall.png"), np.asarray(image.convert("RGB")))


def test_an_image_in_memory_is_not_turned_in_place() -> None:
    image = Image.fromarray(two_pixels())
    image.getexif()[0x0112] = 6
    assert read_picture(image).shape == (2, 1, 3)
    assert image.size == (2, 1)
