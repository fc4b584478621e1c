"""Reading pictures: from a path, an image or an array to the eight-bit colours a network was trained on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Union

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from muggle_convert.checkpoints import printable
from muggle_convert.checkpoints.regular_file import open_regular
from muggle_convert.errors import Refusal

LARGEST = 1 << 28  # pixels; the largest cameras and panoramas have fewer, while a few bytes can claim any number
LARGE = 1 << 25  # pixels; above this, only one picture is held in memory at a time
ROWS = 256  # converted at a time
SMALL, MOST_PER_BYTE = 1 << 24, 100  # pixels that any file may have, and beyond them for each of its bytes; photographs have a few

# Pillow reads many more, some by starting another program, and goes by what a file begins with, not by its name.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "TIFF", "GIF", "PPM", "JPEG2000", "AVIF", "HEIF")

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pnm", ".jp2", ".avif", ".heic"}
)

Pixels = npt.NDArray[np.uint8]  # (height, width, 3)
Picture = Union[str, Path, Image.Image, Pixels]


def read_picture(picture: Picture) -> Pixels:
    """Red, green and blue of every pixel, the right way up."""
    if isinstance(picture, np.ndarray):
        return _checked(picture)
    if isinstance(picture, Image.Image):
        return _colours(ImageOps.exif_transpose(picture), "the picture")
    if isinstance(picture, (str, Path)):
        return _read_file(Path(picture))
    raise Refusal(f"a picture is a path, a PIL image or a uint8 array of shape (height, width, 3), not {type(picture).__name__}.")


@contextmanager
def opened(path: Path, content: bytes | None = None) -> Iterator[Image.Image]:
    """A file that holds a picture, or the bytes of one, of which no more than its size has been read."""
    Image.init()  # HEIF is known only where a plugin for it is
    with (
        open_regular(path) if content is None else BytesIO(content) as file,
        Image.open(file, formats=[known for known in FORMATS if known in Image.OPEN]) as image,
    ):
        length = os.fstat(file.fileno()).st_size if content is None else len(content)
        count, most = image.width * image.height, min(LARGEST, SMALL + MOST_PER_BYTE * length)
        if count > LARGEST:
            raise Refusal(
                f"{printable(path.name)} is {image.width} x {image.height}, more than the limit of {LARGEST:,} pixels; scale it down."
            )
        if count > most:
            raise Refusal(
                f"{printable(path.name)} is {image.width} x {image.height}, and a file as small as it holds no photograph of more than "
                f"{most:,} pixels; scale it down."
            )
        yield image


def decode_picture(content: bytes, name: str) -> Pixels:
    """The same as `read_picture` for the bytes of a file; refusals say the name."""
    return _read_file(Path(name), content)


def is_large(path: Path, content: bytes | None = None) -> bool:
    """Going by the beginning of the file; a file that cannot be read is refused later, when it is read."""
    try:
        with opened(path, content) as image:
            return image.width * image.height > LARGE
    except Exception:  # a decoder may fail in any way on a damaged file
        return False


def _checked(array: npt.NDArray[Any]) -> Pixels:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise Refusal(
            f"an array of {array.dtype} with shape {array.shape} is not a picture; pass uint8 of shape (height, width, 3) with values from 0 to 255 "
            "in the order red, green, blue, or a PIL image."
        )
    return array


def _read_file(path: Path, content: bytes | None = None) -> Pixels:
    try:
        with opened(path, content) as image:
            ImageOps.exif_transpose(image, in_place=True)
            return _colours(image, printable(path.name))
    except Refusal:
        raise
    except FileNotFoundError:
        raise Refusal(f"{printable(path)} does not exist.") from None
    except IsADirectoryError:
        raise Refusal(f"{printable(path)} is a folder, not a picture.") from None
    except PermissionError:
        raise Refusal(f"{printable(path)} may not be read by this user; change its permissions.") from None
    except UnidentifiedImageError:
        known = ", ".join(known for known in FORMATS if known in Image.OPEN)
        raise Refusal(f"{printable(path.name)} is not a picture in a format that is read here ({known}); save it as one of them.") from None
    except Image.DecompressionBombError:
        raise Refusal(
            f"{printable(path.name)} has more pixels than Pillow opens; scale it down, or raise PIL.Image.MAX_IMAGE_PIXELS if you trust it."
        ) from None
    except Exception as problem:  # a decoder may fail in any way on a damaged file
        reason = printable(" ".join(str(problem).split()) or type(problem).__name__)
        raise Refusal(f"{printable(path.name)} is damaged and cannot be read as a picture ({reason}).") from None


def _colours(image: Image.Image, name: str) -> Pixels:
    """A few rows at a time, so that no second copy of a large picture is made."""
    convert = _BY_MODE.get(image.mode)
    if convert is None:
        raise Refusal(
            f"{name} holds {image.mode!r} pixels, which are not colours of a known range; save it as RGB or grey, with 8 or 16 bits."
        )
    colours = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, ROWS):
        bottom = min(top + ROWS, image.height)
        colours[top:bottom] = np.asarray(convert(image.crop((0, top, image.width, bottom))))
    return colours


def _sixteen_bits(image: Image.Image) -> Image.Image:
    """The same grey in eight bits; 65535 becomes 255."""
    grey = np.asarray(image).astype(np.int64)
    if grey.min() < 0 or grey.max() > 65535:
        raise Refusal(f"the picture holds whole numbers from {grey.min()} to {grey.max()}; the largest a picture may have is 65535.")
    eight = ((grey * 255 + 32767) // 65535).astype(np.uint8)
    return Image.fromarray(eight).convert("RGB")


_BY_MODE: dict[str, Callable[[Image.Image], Image.Image]] = {
    **dict.fromkeys(("RGB", "L", "1", "CMYK", "YCbCr", "HSV", "RGBX"), lambda image: image.convert("RGB")),
    # Transparency is ignored: these are the stored colours, as the original code reads them.
    **dict.fromkeys(("RGBA", "LA", "P", "PA", "RGBa", "La"), lambda image: image.convert("RGBA").convert("RGB")),
    **dict.fromkeys(("I;16", "I;16B", "I;16L", "I;16N", "I"), _sixteen_bits),
}
