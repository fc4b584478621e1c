"""Files beside the weights, which are read as well: they help or are left aside with a warning, and never stand in the way."""

from __future__ import annotations

import json
import os

import pytest

from tests.hostile.conftest import tensors_in

NESTED = 100_000
SIDECARS = {
    "over its limit": b'{"a": "' + b"x" * (5 << 20) + b'"}',
    "nested without end": b'{"a":' * NESTED,
    "nested without end in a list": b'{"a":' + b"[" * NESTED + b"]" * NESTED + b"}",
    "a million lists": b'{"a":[' + b"[]," * 1_000_000 + b"[]]}",
    "a name twice": b'{"family": "depth_anything_v1", "family": "depth_anything_v2"}',
    "a list": b"[1]",
    "a number": b"1",
    "no number": b'{"max_depth": NaN}',
    "an infinite number": b'{"max_depth": 1e999}',
    "a number of a million digits": b'{"max_depth": ' + b"9" * 1_000_000 + b"}",
    "empty": b"",
    "no text": bytes(range(256)),
    "a pickle": b"\x80\x02cposix\nsystem\n.",
    "UTF-16": '{"family": "depth_anything_v1"}'.encode("utf-16"),
    "escapes": json.dumps({"family": "\x1b]0;owned\x07", "model_type": "\u202e", "\x1b[2J": "\n"}).encode(),
    "things of the wrong kind": json.dumps({"family": [], "taps": {}, "max_depth": "x", "backbone_config": 7, "size": None}).encode(),
    "a network that cannot be": json.dumps(
        {"model_type": "depth_anything", "backbone_config": {"hidden_size": 10**18, "num_hidden_layers": 10**18}, "taps": [10**18]}
    ).encode(),
    "a picture that cannot be": json.dumps(
        {"size": {"height": 10**18, "width": 0}, "image_mean": [0, 0, 0], "image_std": [0, 0, 0], "rescale_factor": 0}
    ).encode(),
}


@pytest.mark.parametrize("what", SIDECARS)
@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_a_file_beside_the_weights_never_stands_in_the_way(hostile, what, name) -> None:
    hostile.source.write_bytes(hostile.file())
    (hostile.folder / name).write_bytes(SIDECARS[what])
    outcome = hostile.convert()
    said = (outcome.out + outcome.err).replace("\n", "")
    assert said.isprintable()
    assert len(said) < 2000
    assert outcome.status in (0, 1), outcome.err
    if outcome.status == 0:
        assert tensors_in(hostile.target) == hostile.reference
    else:
        assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("what", ["a pipe", "a folder", "a link to a device", "a link to itself", "a link to nothing"])
def test_special_files_beside_the_weights_are_left_alone(hostile, what) -> None:
    hostile.source.write_bytes(hostile.file())
    beside = hostile.folder / "config.json"
    if what == "a pipe":
        os.mkfifo(beside)
    elif what == "a folder":
        beside.mkdir()
    else:
        beside.symlink_to({"a link to a device": "/dev/zero", "a link to itself": "config.json"}.get(what, "nothing"))
    outcome = hostile.convert()
    assert outcome.status == 0, outcome.err
    assert tensors_in(hostile.target) == hostile.reference
