"""Reading pictures: from a path, an open file, an image or an array to the eight-bit colours a network was trained on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeGuard, Union

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from muggle_convert.checkpoints import printable
from muggle_convert.checkpoints.regular_file import open_regular
from muggle_convert.errors import Refusal
from muggle_convert.predict.arrays import ROWS, from_array, from_tensor, is_tensor

if TYPE_CHECKING:
    from torch import Tensor

LARGEST = 1 << 28  # pixels; the largest cameras and panoramas have fewer, while a few bytes can claim any number
LARGE = 1 << 25  # pixels; above this, only one picture is held in memory at a time
MOST_BYTES = 1 << 30  # of an open file, which may have no end
SMALL, MOST_PER_BYTE = 1 << 24, 100  # pixels that any file may have, and beyond them for each of its bytes; photographs have a few

# Pillow reads many more, some by starting another program, and goes by what a file begins with, not by its name.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "TIFF", "GIF", "PPM", "JPEG2000", "AVIF", "HEIF")

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pnm", ".jp2", ".avif", ".heic"}
)

Pixels = npt.NDArray[np.uint8]  # (height, width, 3)
Picture = Union[str, os.PathLike[str], BinaryIO, bytes, Image.Image, npt.NDArray[Any], "Tensor"]
_BYTES = (bytes, bytearray, memoryview)
_ONE = (str, os.PathLike, Image.Image, *_BYTES)
KINDS = "a path, an open file, the bytes of one, a PIL image, an array (height, width, 3) or a tensor (3, height, width)"


def read_picture(picture: Picture) -> Pixels:
    """Red, green and blue of every pixel, the right way up."""
    if isinstance(picture, np.ndarray):
        return from_array(picture)
    if is_tensor(picture):
        return from_tensor(picture)
    if isinstance(picture, Image.Image):
        return _colours(ImageOps.exif_transpose(picture), "the picture")
    if isinstance(picture, (str, os.PathLike)):
        return _read_file(Path(picture))
    if isinstance(picture, _BYTES):
        return decode_picture(bytes(picture), "the picture")
    if hasattr(picture, "read"):
        return _read_open(picture)
    raise Refusal(f"a picture is {KINDS}, not {type(picture).__name__}.")


def are_several(given: object) -> TypeGuard[Iterable[Picture]]:
    """Whether these are pictures one after the other: a list, a tuple, a generator, an array or a tensor with one dimension more. An open file
    is one, although it has lines."""
    if isinstance(given, np.ndarray) or is_tensor(given):
        return given.ndim == 4
    is_one = isinstance(given, _ONE) or hasattr(given, "read")
    return isinstance(given, Iterable) and not is_one and not isinstance(given, (Mapping, Set))


@contextmanager
def opened(path: Path, content: bytes | None = None) -> Iterator[Image.Image]:
    """A file that holds a picture, or the bytes of one, of which no more than its size has been read."""
    Image.init()  # HEIF is known only where a plugin for it is
    with (
        open_regular(path) if content is None else BytesIO(content) as file,
        Image.open(file, formats=[known for known in FORMATS if known in Image.OPEN]) as image,
    ):
        length = os.fstat(file.fileno()).st_size if content is None else len(content)
        check_size(path, image.width, image.height, length)
        yield image


def largest_in(length: int) -> int:
    """How many pixels a picture may have in a file of so many bytes."""
    return min(LARGEST, SMALL + MOST_PER_BYTE * length)


def check_size(path: Path, width: int, height: int, length: int) -> None:
    """Before memory is spent on them: refuse more pixels than there may be."""
    count, most = width * height, largest_in(length)
    if count > LARGEST:
        raise Refusal(f"{printable(path.name)} is {width} x {height}, more than the limit of {LARGEST:,} pixels; scale it down.")
    if count > most:
        raise Refusal(
            f"{printable(path.name)} is {width} x {height}, and a file as small as it holds no photograph of more than {most:,} pixels; "
            "scale it down."
        )


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


def _read_open(file: Any) -> Pixels:
    """From its beginning, where it can be sent there, so that it can be given again."""
    called = getattr(file, "name", None)
    name = Path(called).name if isinstance(called, str) else "the picture"
    try:
        if file.seekable():
            file.seek(0)
        content = file.read(MOST_BYTES + 1)
    except (AttributeError, OSError, ValueError) as problem:  # such as a file that is closed
        raise Refusal(f"{printable(name)} cannot be read ({printable(problem)}); open it for reading, in binary.") from None
    if not isinstance(content, bytes):
        raise Refusal(f"{printable(name)} is open as a text; open it in binary: open(path, 'rb').")
    if len(content) > MOST_BYTES:
        raise Refusal(f"{printable(name)} holds more than the {MOST_BYTES:,} bytes that a picture may have.")
    return decode_picture(content, name)


def _read_file(path: Path, content: bytes | None = None) -> Pixels:
    with in_our_words(path), opened(path, content) as image:
        ImageOps.exif_transpose(image, in_place=True)
        return _colours(image, printable(path.name))


@contextmanager
def in_our_words(path: Path) -> Iterator[None]:
    """Whatever goes wrong as a picture is read, in a sentence that names it."""
    try:
        yield
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
