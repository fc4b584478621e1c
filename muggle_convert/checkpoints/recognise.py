"""What a file is, judged by its content. Its name and extension do not matter."""

from __future__ import annotations

import re
from collections.abc import Callable

from muggle_convert.checkpoints.graphs.onnx_file import read_onnx
from muggle_convert.checkpoints.limits import Limits
from muggle_convert.checkpoints.pickle_values import FileContents
from muggle_convert.checkpoints.safetensors_file import read_safetensors
from muggle_convert.checkpoints.source_file import SourceFile
from muggle_convert.checkpoints.torch_legacy import OPENING, read_torch_legacy
from muggle_convert.checkpoints.torch_zip import read_torch_zip
from muggle_convert.errors import Refusal

Reader = Callable[[SourceFile, Limits], FileContents]

LONGEST_OPENING = 512
ONNX = re.compile(rb"\x08[\x01-\x20][\x12\x1a\x22\x28\x32\x3a\x42]")  # a small version, and then one of the fields that come next

STRANGERS: tuple[tuple[str, str], ...] = (
    (r"version https://git-lfs", "is a Git LFS pointer, a placeholder for the real file; fetch that with `git lfs pull`"),
    (r"\s*<(?i:!doctype|html|head|body)", "is an HTML page, probably an error page that was saved instead of the file; download it again"),
    (r"\s*<\?xml", "is an XML document, probably an error message that was saved instead of the file; download it again"),
    (r"PK\x05\x06", "is an empty zip archive"),
    (r"PK\x07\x08", "is one part of a zip archive in several parts"),
    (r"\x1f\x8b", "is compressed with gzip; unpack it first"),
    (r"BZh[1-9]", "is compressed with bzip2; unpack it first"),
    (r"\xfd7zXZ", "is compressed with xz; unpack it first"),
    (r"\x28\xb5\x2f\xfd", "is compressed with zstd; unpack it first"),
    (r"7z\xbc\xaf", "is a 7z archive; unpack it and give the checkpoint in it"),
    (r"Rar!", "is a rar archive; unpack it and give the checkpoint in it"),
    (
        r".{257}ustar",
        "is a tar archive, as written by torch before 0.1.10 or packed for a download; "
        "unpack it and give the checkpoint in it, or, if you trust it, load it with an old torch and save it again",
    ),
    (r"\x89HDF", "is an HDF5 file, as Keras writes them; only checkpoints of torch are read"),
    (r"GGUF", "is a GGUF file; only checkpoints of torch and safetensors files are read"),
    (r"\x93NUMPY", "is a NumPy array; only checkpoints of torch and safetensors files are read"),
    (r".{4}TFL3", "is a TensorFlow Lite model; only checkpoints of torch are read"),
    (
        r"\x80[\x02-\x05]",
        "is a Python pickle but not one that torch.save wrote; load it if you trust it and save its state dict with torch.save",
    ),
    (r"\s*[{\[]", "is JSON, not a checkpoint; give the file with the weights, or the folder that holds both"),
)


def reader_of(file: SourceFile) -> Reader:
    """The reader for this file; a `Refusal` says what else it is."""
    if not file.size:
        raise Refusal("is empty; download it again")
    opening = file.read(0, min(LONGEST_OPENING, file.size))
    if opening.startswith(b"PK\x03\x04"):
        return read_torch_zip
    if OPENING.match(opening):
        return read_torch_legacy
    if opening[4:9] == b"\0\0\0\0{":  # before the strangers, as the first bytes of a length can look like any of them
        return read_safetensors
    if ONNX.match(opening):
        return read_onnx
    for pattern, words in STRANGERS:
        if re.match(pattern.encode("latin-1"), opening, re.DOTALL):
            raise Refusal(words)
    if opening[8:9] == b"{":
        return read_safetensors
    raise Refusal("is neither a checkpoint of torch nor a safetensors file; it begins with " + opening[:8].hex(" "))
