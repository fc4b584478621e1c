"""Row 8: safetensors files that break the format, or that try a terminal."""

from __future__ import annotations

import json
import struct

import pytest

from tests.hostile.conftest import tensors_in
from tests.hostile.forge import safetensors


def entry(begin: int, end: int, shape: list | None = None, dtype: object = "U8") -> dict:
    return {"dtype": dtype, "shape": [end - begin] if shape is None else shape, "data_offsets": [begin, end]}


def written(header: object, data: bytes = b"") -> bytes:
    return safetensors(json.dumps(header).encode(), data)


BROKEN = {
    "a header over its limit": struct.pack("<Q", 100_000_001) + b"{" + b" " * 1000,
    "a header of 16 EB": b"\xff" * 8 + b"{",
    "a header longer than the file": struct.pack("<Q", 1000) + b"{}",
    "a header that is cut off": safetensors(b'{"x": {"dtype": "U8", '),
    "a header that is a list": safetensors(b"[]"),
    "a header that is no JSON": safetensors(b"{x}"),
    "a header that is not UTF-8": safetensors(b'{"\xff": 1}'),
    "a header with two objects": safetensors(b"{}{}"),
    "a header nested without end": safetensors(b'{"a":' * 100_000),
    "a header nested without end in a list": safetensors(b'{"a":' + b"[" * 500_000),
    "a header of empty lists": safetensors(b'{"a":[' + b"[]," * 1_300_000 + b"[]]}"),
    "a number of a million digits": safetensors(b'{"x":{"dtype":"U8","shape":[' + b"1" * 1_000_000 + b'],"data_offsets":[0,1]}}', b"a"),
    "not a number": safetensors(b'{"x":{"dtype":"U8","shape":[NaN],"data_offsets":[0,1]}}', b"a"),
    "no tensors": written({}),
    "only metadata": written({"__metadata__": {"format": "pt"}}),
    "overlapping tensors": written({"a": entry(0, 4), "b": entry(2, 6)}, bytes(6)),
    "two tensors at one place": written({"a": entry(0, 4), "b": entry(0, 4)}, bytes(4)),
    "a gap between tensors": written({"a": entry(0, 4), "b": entry(5, 6)}, bytes(6)),
    "a gap before the tensors": written({"a": entry(1, 4)}, bytes(4)),
    "trailing bytes": written({"a": entry(0, 4)}, bytes(5)),
    "missing bytes": written({"a": entry(0, 4)}, bytes(3)),
    "a tensor past the end": written({"a": entry(0, 1 << 40)}, bytes(3)),
    "a name twice": safetensors(
        b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', b"ab"
    ),
    "a name twice, once as an escape": safetensors(
        b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', b"ab"
    ),
    "a name twice, at the end of three hundred thousand": safetensors(
        b"{" + b"".join(b'"%x":1,' % number for number in range(300_000)) + b'"493df":1}'
    ),
    "metadata twice": safetensors(b'{"__metadata__":{},"__metadata__":{},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"a"),
    "a byte order mark": safetensors(b'\xef\xbb\xbf{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"a"),
    "a header in UTF-16": safetensors('{"a":1}'.encode("utf-16")),
    "zeros behind the header": safetensors(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}' + bytes(100), b"a"),
    "a side in scientific notation": safetensors(b'{"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}', b"a"),
    "more sides than NumPy takes": written({"a": entry(0, 1, [1] * 40)}, b"a"),
    "nothing of an impossible shape": written({"a": entry(0, 0, [0, 1 << 61, 1 << 61])}),
    "metadata with a number that is none": safetensors(
        b'{"__metadata__":{"x":NaN},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"a"
    ),
    "a field twice": safetensors(b'{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', b"a"),
    "offsets the wrong way round": written({"a": {"dtype": "U8", "shape": [1], "data_offsets": [1, 0]}}, b"a"),
    "offsets that are negative": written({"a": {"dtype": "U8", "shape": [1], "data_offsets": [-1, 0]}}, b"a"),
    "three offsets": written({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1, 2]}}, b"a"),
    "offsets that are no numbers": written({"a": {"dtype": "U8", "shape": [1], "data_offsets": ["0", "1"]}}, b"a"),
    "offsets that are fractions": written({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1.0]}}, b"a"),
    "a shape of another size": written({"a": entry(0, 4, [5])}, bytes(4)),
    "a shape with a negative side": written({"a": entry(0, 4, [-2, -2])}, bytes(4)),
    "a shape with a bool": written({"a": entry(0, 1, [True])}, bytes(1)),
    "a shape that overflows": written({"a": entry(0, 0, [1 << 33, 1 << 33])}),
    "a shape that overflows to the right size": written({"a": entry(0, 4, [(1 << 62) + 1, 4])}, bytes(4)),
    "a shape of a thousand sides": written({"a": entry(0, 1, [1] * 1000)}, bytes(1)),
    "a shape that is a number": written({"a": {"dtype": "U8", "shape": 1, "data_offsets": [0, 1]}}, b"a"),
    "a shape that is nested": written({"a": entry(0, 1, [[[[1]]]])}, bytes(1)),
    "an unknown dtype": written({"a": entry(0, 1, dtype="X8")}, bytes(1)),
    "a dtype that is a list": written({"a": entry(0, 1, dtype=[["U8"]])}, bytes(1)),
    "a missing field": written({"a": {"dtype": "U8", "shape": [1]}}, b"a"),
    "a field too many": written({"a": {**entry(0, 1), "strides": [1]}}, b"a"),
    "a tensor that is a text": written({"a": "x"}),
    "metadata that is a list": written({"__metadata__": ["a"], "a": entry(0, 1)}, b"a"),
    "metadata that is not text": written({"__metadata__": {"a": 1}, "a": entry(0, 1)}, b"a"),
    "metadata that is nested": written({"__metadata__": {"a": {"b": "c"}}, "a": entry(0, 1)}, b"a"),
    "a hundred thousand tensors": written({str(name): {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for name in range(70_000)}),
}


@pytest.mark.parametrize("way", BROKEN)
def test_what_the_format_forbids_is_refused(hostile, way) -> None:
    hostile.refused(BROKEN[way])


@pytest.mark.parametrize(
    "name",
    [
        "../../x",
        "/etc/passwd",
        "\x1b]0;owned\x07",
        "\x1b[2J\x1b[31mred",
        "a\nb\rc",
        "\u202egnp.exe",
        "\ud800",
        "x" * 100_000,
        "",
        "\0",
        "\x9b31m",
    ],
)
def test_names_that_try_something_are_shown_harmlessly(hostile, name) -> None:
    """Such a name is nobody's tensor, so the file is refused; what matters is how it is shown on the way."""
    content = written({name: entry(0, 4)}, bytes(4))
    message = hostile.refused(content)
    assert len(message) < 2000
    hostile.source.write_bytes(content)
    for command in ("inspect", "convert"):
        outcome = hostile.command_line.run(command, hostile.source, *([] if command == "inspect" else ["--dry-run"]))
        shown = (outcome.out + outcome.err).replace("\n", "")
        assert outcome.status == 1
        assert shown.isprintable()
        assert "\u202e" not in shown


def test_a_source_whose_own_name_tries_something_is_shown_harmlessly(hostile) -> None:
    source = hostile.folder / "\x1b]0;owned\x07\n.pth"
    source.write_bytes(b"nothing")
    assert "\x1b" not in hostile.refused(source=source)


def test_a_converted_file_converts_again(hostile) -> None:
    """The header is written before the copy and again after it, so it must not grow."""
    hostile.source.write_bytes(hostile.file())
    assert hostile.convert().status == 0
    hostile.source = hostile.folder / "converted.safetensors"
    hostile.target.rename(hostile.source)
    assert hostile.convert().status == 0
    assert tensors_in(hostile.target) == hostile.reference
    assert hostile.convert(None, "--sha256", "--force").err.count("\n") == 1


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("config.encoder.depth", 10**9),
        ("config.encoder.depth", -1),
        ("config.encoder.width", 0),
        ("config.encoder.grid", [0, 0]),
        ("config.encoder.taps", [10**9] * 4),
        ("config.fusion", {}),
        ("config.family", "\x1b[31m"),
        ("source", []),
        ("source", {}),
        ("source.size", "large"),
        ("source.fingerprint", [[[[]]]]),
        ("source", {"file": "x", "size": 1}),
        ("aliases", {"a": "nothing"}),
        ("aliases", {"a": 1}),
        ("dropped", {"a": ["why", "F32", [10**30]]}),
        ("dropped", {"a": ["why", "F32", [1e308]]}),
        ("dropped", {"a": ["why", "F99", []]}),
        ("evidence", {"encoder.depth": ["hearsay", "x"]}),
        ("format", [[1]]),
    ],
    ids=str,
)
def test_a_description_that_lies_is_refused_or_does_no_harm(hostile, path, value) -> None:
    hostile.source.write_bytes(hostile.file())
    assert hostile.convert().status == 0
    content = hostile.target.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    document = here = json.loads(header["__metadata__"]["muggle_convert"])
    *parents, last = path.split(".")
    for parent in parents:
        here = here[parent]
    here[last] = value
    header["__metadata__"]["muggle_convert"] = json.dumps(document)
    hostile.source.write_bytes(written(header, content[8 + length :]))
    outcome = hostile.convert(None, "--force")
    assert outcome.status in (0, 1)
    assert outcome.err.count("\n") == outcome.status, outcome.err
    assert tensors_in(hostile.target) == hostile.reference
    for arguments in (["inspect"], ["inspect", "--json"]):
        outcome = hostile.command_line.run(arguments[0], hostile.source, *arguments[1:])
        assert outcome.status in (0, 1), outcome.err
        assert outcome.err.count("\n") == outcome.status, outcome.err


def test_the_metadata_of_a_stranger_is_no_configuration(hostile) -> None:
    """The key under which converted files describe themselves, with all kinds of nonsense in it."""
    names = {name: array.nbytes for name, array in hostile.arrays.items()}
    table, place = {}, 0
    for name, size in names.items():
        table[name] = {"dtype": "F32", "shape": list(hostile.arrays[name].shape), "data_offsets": [place, place + size]}
        place += size
    data = b"".join(array.tobytes() for array in hostile.arrays.values())
    for nonsense in ("", "{", "[]", "1", '{"family": "depth_anything_v1"}', '{"config": {"depth": 1e999}}', "[" * 100_000):
        hostile.source.write_bytes(written({"__metadata__": {"muggle_convert": nonsense, "format": "pt"}, **table}, data))
        outcome = hostile.convert(None, "--force")
        assert outcome.status in (0, 1)
        assert outcome.err.count("\n") == outcome.status, outcome.err
