"""ONNX files that break the format, name files elsewhere, or cost more than they should: inspected, which never runs a graph."""

from __future__ import annotations

import os

import numpy as np
import pytest

from muggle_convert.checkpoints.opening import open_checkpoint
from muggle_convert.errors import Refusal
from muggle_convert.identify.graphs import runnable
from tests.hostile import onnx_forge as forge
from tests.hostile.conftest import MOST_MEBIBYTES, MOST_SECONDS, Hostile, Outcome

WEIGHT = forge.tensor("weight", np.zeros((3, 4), np.float32))


def of_tensors(*each: bytes) -> bytes:
    return forge.model(forge.graph(forge.initializers(*each)))


def in_attribute(content: bytes) -> bytes:
    """A node with an attribute."""
    return forge.model(forge.graph(forge.nodes(forge.node("If", [], [], forge.stretch(1, "then_branch") + content))))


def nested(depth: int) -> bytes:
    inner = forge.graph(forge.nodes(forge.node("Relu", [], [])))
    for _ in range(depth):
        inner = forge.graph(forge.nodes(forge.node("If", [], [], forge.stretch(6, inner))))
    return forge.model(inner)


def shaped(sides: list[int], content: bytes = b"", kind: int = 1) -> bytes:
    return (
        b"".join(forge.number(1, side) for side in sides) + forge.number(2, kind) + forge.stretch(8, "weight") + forge.stretch(9, content)
    )


PLAIN = forge.model(forge.mean_graph())
START = forge.number(1, 8) + forge.stretch(2, "forge")

BROKEN = {
    "cut off in a field": (PLAIN[:60], "reaches beyond"),
    "cut off in a number": (PLAIN + b"\x80", "does not end"),
    "a number without end": (PLAIN + b"\xff" * 20, "does not end"),
    "a number of more than 64 bits": (PLAIN + b"\x28" + b"\xff" * 9 + b"\x7f", "does not end"),
    "a field without a number": (PLAIN + b"\x02\x00", "number 0"),
    "a kind of field long out of use": (PLAIN + b"\x0b", "no kind of field 3"),
    "a length of 16 EB": (START + b"\x3a" + b"\xff" * 9 + b"\x01", "reaches beyond"),
    "no graph": (START + forge.stretch(3, "2.0"), "holds no graph"),
    "two graphs": (PLAIN + forge.stretch(7, forge.mean_graph()), "two graphs"),
    "a graph that is a number": (START + forge.number(7, 3), "where text or a message belongs"),
    "a name that is no text": (forge.model(forge.graph(forge.nodes(forge.stretch(4, b"\xff\xfe")))), "not in UTF-8"),
    "a name of a megabyte": (of_tensors(forge.tensor("a" * 1_000_000, np.zeros(1))), "text of 1,000,000 bytes"),
    "a tensor twice": (of_tensors(WEIGHT, WEIGHT), "two tensors named weight"),
    "a tensor of another size": (of_tensors(shaped([3, 4], bytes(40))), "takes 48 bytes, and 40 are there"),
    "a tensor of an unknown type": (of_tensors(shaped([1], bytes(4), kind=99)), "element type 99"),
    "a negative side": (of_tensors(shaped([(1 << 64) - 1], bytes(4))), "impossible shape"),
    "an impossible shape": (of_tensors(shaped([1 << 40, 1 << 40], bytes(4))), "impossible shape"),
    "nothing of an impossible shape": (of_tensors(shaped([0, 1 << 61, 1 << 61])), "impossible shape"),
    "a thousand sides": (of_tensors(shaped([1] * 1000, bytes(4))), "impossible shape"),
    "a thousand packed sides": (of_tensors(forge.stretch(1, b"\x01" * 1000)), "more than 32 numbers"),
    "numbers twice": (of_tensors(WEIGHT + forge.stretch(9, b"")), "its numbers twice"),
    "metadata twice": (forge.model(b"", {"unit": "m"}, forge.stretch(14, forge.entry("unit", "ft"))), "says twice what unit is"),
    "metadata of 8 MB": (forge.model(b"", {"unit": "m" * (8 << 20)}), "4,194,304 that are allowed"),
    "metadata of 8 MB in pieces": (forge.model(b"", {str(one): "m" * (1 << 20) for one in range(8)}), "4,194,304 bytes that are allowed"),
    "graphs within graphs": (nested(30), "more than 8 deep"),
    "graphs within graphs without end": (nested(3000), "more than 8 deep"),
    "more nodes than a graph has": (forge.model(forge.graph(forge.nodes(*[b""] * 600_000))), "more than the 500,000 fields"),
    "tensors of no type": (of_tensors(*[forge.stretch(8, str(one)) for one in range(3)]), "element type 0"),
    "a thousand operators": (forge.model(forge.graph(forge.nodes(*[forge.stretch(4, str(one)) for one in range(1100)]))), "different operators"),
    "a place that is none": (of_tensors(WEIGHT + forge.number(14, 2)), "lies in the place 2"),
    "a place that is another one in 32 bits": (of_tensors(WEIGHT + forge.number(14, (1 << 32) + 1)), "lies in the place 4294967297"),
    "a place in text": (of_tensors(WEIGHT + forge.stretch(14, b"1")), "which is not known"),
    "two places": (of_tensors(WEIGHT + forge.number(14, 1) + forge.number(14, 0)), "says twice"),
    "two names": (of_tensors(WEIGHT + forge.stretch(8, "weight")), "says twice"),
    "two types": (of_tensors(WEIGHT + forge.number(2, 1)), "says twice"),
    "two locations": (
        of_tensors(forge.outside("x", [1], location="/etc/passwd") + forge.stretch(13, forge.entry("location", "weights"))),
        "says twice",
    ),
    "a constant in a place that is none": (in_attribute(forge.stretch(5, WEIGHT + forge.number(14, (1 << 32) + 1))), "constant inside its graph"),
    "a constant of a node elsewhere": (in_attribute(forge.stretch(5, forge.outside("x", [1], location="/etc/passwd"))), "constant inside its graph"),
    "a constant of a branch elsewhere": (
        in_attribute(forge.stretch(6, forge.initializers(forge.outside("x", [1], location="/etc/passwd")))),
        "constant inside its graph",
    ),
    "a sparse constant elsewhere": (
        forge.model(forge.stretch(15, forge.stretch(1, forge.outside("x", [1], location="/etc/passwd")))),
        "constant inside its graph",
    ),
}  # fmt: skip

PLACES = {
    "an absolute path": ({"location": "/etc/passwd"}, "not the plain name"),
    "a folder above": ({"location": "../weights"}, "not the plain name"),
    "the folder itself": ({"location": "."}, "not the plain name"),
    "no name": ({"offset": "0"}, "not the plain name"),
    "a name with a zero": ({"location": "weights\0"}, "not the plain name"),
    "a file that is missing": ({"location": "nothing"}, "not in its folder"),
    "a link out of the folder": ({"location": "link"}, "a link that leads out of its folder"),
    "a pipe": ({"location": "pipe"}, "not a regular file"),
    "beyond the end": ({"location": "weights", "offset": "1"}, "from byte 1 to 49, and that has 48"),
    "far beyond the end": ({"location": "weights", "offset": "9" * 18}, "and that has 48"),
    "a negative offset": ({"location": "weights", "offset": "-1"}, "no number of bytes"),
    "an offset of a thousand digits": ({"location": "weights", "offset": "1" * 1000}, "no number of bytes"),
    "another length": ({"location": "weights", "length": "40"}, "takes 48 bytes, and 40 are there"),
}


def inspected(hostile: Hostile, content: bytes, *options: str) -> Outcome:
    path = hostile.folder / "model.onnx"
    path.write_bytes(content)
    outcome = hostile.command_line.run("inspect", path, *options)
    assert "Traceback" not in outcome.err, outcome.err
    assert outcome.mebibytes < MOST_MEBIBYTES
    assert outcome.busy < MOST_SECONDS
    return outcome


def refused(hostile: Hostile, content: bytes) -> str:
    outcome = inspected(hostile, content)
    assert (outcome.status, outcome.out) == (1, ""), outcome.out
    assert outcome.err.count("\n") == 1
    assert outcome.err.rstrip("\n").isprintable()
    return outcome.err


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_is_refused_in_one_sentence(hostile, what) -> None:
    content, words = BROKEN[what]
    assert words in refused(hostile, content)


@pytest.mark.parametrize("what", PLACES)
def test_numbers_elsewhere_lie_in_a_plain_file_of_the_folder(hostile, what) -> None:
    place, words = PLACES[what]
    (hostile.folder / "weights").write_bytes(bytes(48))
    (hostile.folder.parent / "secret").write_bytes(bytes(48))
    (hostile.folder / "link").symlink_to("../secret")
    os.mkfifo(hostile.folder / "pipe")
    assert words in refused(hostile, of_tensors(forge.outside("weight", [3, 4], **place)))


def test_the_same_bytes_cannot_be_a_thousand_tensors(hostile) -> None:
    (hostile.folder / "weights").write_bytes(bytes(1 << 20))
    again = [forge.outside(f"weight{one}", [512, 512], location="weights") for one in range(1000)]
    assert "again and again" in refused(hostile, of_tensors(*again))


def test_a_stranger_commands_no_terminal(hostile) -> None:
    evil = "\x1b]0;owned\x07\u202e"
    whole = forge.graph(
        forge.nodes(forge.node(evil, [], [], domain=evil)),
        forge.initializers(forge.tensor(evil, np.zeros(1, np.float32))),
        forge.inputs(forge.value(evil, [evil, 3])),
        forge.outputs(forge.value(evil, [])),
    )
    outcome = inspected(hostile, forge.model(whole, {evil: evil}, forge.stretch(2, evil), forge.stretch(8, forge.stretch(1, evil))))
    assert outcome.status == 0
    assert not {"\x1b", "\x07", "\u202e"} & set(outcome.out)
    assert r"\x1b]0;owned\x07\u202e" in outcome.out


def test_every_prefix_is_refused_or_whole(hostile) -> None:
    whole = forge.model(forge.mean_graph(), {"unit": "metres"})
    for end in range(4, len(whole), 7):
        outcome = inspected(hostile, whole[:end])
        assert outcome.status == 1 or end > whole.index(b"predicted_depth")


@pytest.mark.parametrize("operator", ["Loop", "Scan", "SequenceMap"])
@pytest.mark.parametrize("is_inside", [False, True], ids=["itself", "in a branch"])
def test_a_graph_that_need_not_end_is_not_run(hostile, operator, is_inside) -> None:
    path = hostile.folder / "model.onnx"
    inner = forge.graph(forge.nodes(forge.node(operator, [], [])))
    path.write_bytes(forge.model(forge.graph(forge.nodes(forge.node("If", [], [], forge.stretch(6, inner)))) if is_inside else inner))
    with pytest.raises(Refusal, match=rf"repeats a part of itself as often as it says \({operator}\)"):
        runnable(open_checkpoint(path))
