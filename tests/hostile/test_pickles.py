"""Rows 1 to 3, 6 and 7: pickles that would run something, exhaust the machine, or describe tensors that are not there."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from tests.hostile import forge
from tests.hostile.forge import call, glob, group, mapping, number, numbers, pickled, storage, tensor, text, torch_zip
from tests.hostile.tiny import FAMILY

SYSTEM = glob("posix", "system")

# Row 1. The ways in which a pickle can call something. Each takes the opcodes of the argument.
CALLS = {
    "REDUCE": lambda argument: call(SYSTEM, argument),
    "REDUCE of builtins.eval": lambda argument: call(glob("builtins", "eval"), argument),
    "REDUCE of a function that getattr found": lambda argument: call(
        call(glob("builtins", "getattr"), glob("os", "path"), text("os")), argument
    ),
    "STACK_GLOBAL": lambda argument: call(text("posix") + text("system") + b"\x93", argument),
    "NEWOBJ": lambda argument: SYSTEM + group(argument) + b"\x81",
    "NEWOBJ_EX": lambda argument: SYSTEM + group(argument) + b"}\x92",
    "BUILD": lambda argument: call(glob("some", "Thing")) + mapping({"__setstate__": SYSTEM}) + b"b" + argument + b"b",
    "a call within the arguments of a call": lambda argument: call(glob("builtins", "print"), call(SYSTEM, argument)),
    "a subclass of Tensor": lambda argument: call(
        glob("torch._tensor", "_rebuild_from_type_v2"), SYSTEM, glob("torch", "Tensor"), group(argument), b"N"
    ),
}
FORBIDDEN_CALLS = {
    "INST": lambda argument: b"(" + argument + b"iposix\nsystem\n",
    "OBJ": lambda argument: b"(" + SYSTEM + argument + b"o",
    "EXT1": lambda argument: b"\x82\x01" + group(argument) + b"R",
    "EXT2": lambda argument: b"\x83\x01\x00" + group(argument) + b"R",
    "EXT4": lambda argument: b"\x84\x01\x00\x00\x00" + group(argument) + b"R",
    "PERSID": lambda argument: b"Pposix.system\n",
    "a text opcode": lambda argument: b"cposix\nsystem\n(S'true'\ntR",
}


@pytest.mark.parametrize("way", CALLS)
def test_a_call_that_is_merely_ignored_stays_inert_and_the_rest_converts(hostile, way) -> None:
    outcome = hostile.converted(hostile.file(optimizer=CALLS[way](hostile.payload)))
    if way not in ("NEWOBJ", "NEWOBJ_EX", "BUILD", "a subclass of Tensor", "REDUCE of a function that getattr found"):
        assert "do not load this file with anything else" in outcome.out + outcome.err


@pytest.mark.parametrize("way", CALLS)
@pytest.mark.parametrize("place", ["the root", "the model", "a tensor", "an argument of a tensor", "a key"])
def test_a_call_in_the_place_of_the_model_or_a_part_of_it_is_refused(hostile, way, place) -> None:
    evil = CALLS[way](hostile.payload)
    state = hostile.state()
    if place == "the root":
        value = evil
    elif place == "the model":
        value = mapping({"model": evil, "epoch": number(3)})
    elif place == "a tensor":
        value = mapping(state | {"pretrained.cls_token": evil})
    elif place == "an argument of a tensor":
        value = mapping(
            state
            | {
                "pretrained.cls_token": call(
                    glob("torch._utils", "_rebuild_tensor_v2"), evil, number(0), numbers([1]), numbers([1]), b"\x89", b"N"
                )
            }
        )
    else:
        value = mapping([(evil if name == "pretrained.cls_token" else text(name), part) for name, part in state.items()])
    hostile.refused(torch_zip(value, hostile.records))


@pytest.mark.parametrize("way", FORBIDDEN_CALLS)
@pytest.mark.parametrize("place", ["beside the model", "the root"])
def test_a_call_by_an_opcode_that_torch_never_writes_is_refused_anywhere(hostile, way, place) -> None:
    evil = FORBIDDEN_CALLS[way](hostile.payload)
    message = hostile.refused(hostile.file(optimizer=evil) if place == "beside the model" else torch_zip(evil))
    assert "which torch.save never writes" in message


# Row 2.


@pytest.mark.parametrize("kept", [1, 10, -1])
def test_a_payload_before_a_cut_off_stream_is_refused(hostile, kept) -> None:
    whole = pickled(call(SYSTEM, hostile.payload) + mapping(hostile.state()))
    payload_end = len(pickled(call(SYSTEM, hostile.payload))) - 1
    cut = whole[: payload_end + kept] if kept > 0 else whole[:kept]
    assert "cut off" in hostile.refused(forge.zipped(forge.archive(cut, hostile.records)))


@pytest.mark.parametrize("remove", [b"0", b"(1", b"20"], ids=["POP", "POP_MARK", "DUP and POP"])
def test_a_hidden_call_that_is_removed_again_is_refused(hostile, remove) -> None:
    evil = call(SYSTEM, hostile.payload) + remove
    assert "never writes" in hostile.refused(torch_zip(evil + mapping(hostile.state()), hostile.records))


def test_a_second_pickle_behind_the_first_is_refused(hostile) -> None:
    whole = pickled(mapping(hostile.state())) + pickled(call(SYSTEM, hostile.payload))
    assert "followed by" in hostile.refused(forge.zipped(forge.archive(whole, hostile.records)))


def test_the_state_of_an_ignored_object_is_never_set(hostile) -> None:
    thing = glob("subprocess", "Popen") + b")\x81" + mapping({"args": hostile.payload}) + b"b"
    hostile.converted(hostile.file(scheduler=thing))


# Row 3.

NESTED = 300_000


def nested_key(levels: int = 60) -> bytes:
    """A tuple of two, each the tuple of two below: 2 to the power of `levels` leaves to hash."""
    built = b")q\x01"
    for _ in range(levels):
        built += b"h\x01h\x01\x86q\x01"
    return built.removesuffix(b"q\x01")


EXHAUSTING = {
    "a huge memo index": b"Nr" + struct.pack("<I", 1 << 30),
    "a string of 4 GB": b"\x8d" + struct.pack("<Q", 4 << 30) + b"abc",
    "bytes of 4 GB": b"\x8e" + struct.pack("<Q", 4 << 30) + b"abc",
    "a byte array of 4 GB": b"\x96" + struct.pack("<Q", 4 << 30) + b"abc",
    "an integer of 2 GB": b"\x8b" + struct.pack("<I", (1 << 31) - 1) + b"abc",
    "an integer of 100,000 digits": b"\x8b" + struct.pack("<I", 40_000) + b"\x01" * 40_000,
    "a frame of 4 EB": b"\x95" + struct.pack("<Q", 1 << 62) + b"N",
    "a name without end": b"c" + b"a" * 100_000,
    "deep lists": b"]" * NESTED + b"a" * (NESTED - 1),
    "deep tuples": b")" + b"\x85" * NESTED,
    "deep dictionaries": (b"}" + text("a")) * 100_000 + b"N" + b"s" * 100_000,
    "deep marks": b"(" * NESTED + b"t" * NESTED,
    "a million marks": b"(" * 1_000_000,
    "a nested tuple as a key": mapping([(nested_key(), b"N")]),
    "a list as a key": mapping([(b"]", b"N")]),
    "a list that contains itself": b"]q\x01h\x01a",
    "a dictionary that contains itself": b"}q\x01" + text("model") + b"h\x01s",
    "a tuple that contains itself": b"]q\x01h\x01\x85a",
    "two million instructions": b"(" + b"N" * 2_000_000 + b"t",
    "values that were never remembered": b"h\x07",
    "nothing to take": b"a",
    "a text that is not UTF-8": b"X\x02\x00\x00\x00\xff\xff",
    "a key without a value": b"}(Nu",
}


@pytest.mark.parametrize("way", EXHAUSTING)
@pytest.mark.parametrize("place", ["beside the model", "the root"])
def test_a_pickle_made_to_exhaust_the_reader_is_refused(hostile, way, place) -> None:
    hostile.refused(hostile.file(extra=EXHAUSTING[way]) if place == "beside the model" else torch_zip(EXHAUSTING[way]))


def test_the_widest_pickle_that_is_allowed_stays_within_bounds(hostile) -> None:
    """Not refused, so this is what the limits really allow: 370,000 remembered dictionaries, and strings that grow fourfold."""
    objects = b"(" + b"}\x94" * 370_000 + b"t"
    hostile.converted(hostile.file(extra=objects))
    long = ("a" * 1_000_000 + "\U0001f600").encode()
    strings = b"(" + (b"X" + struct.pack("<I", len(long)) + long) * 15 + b"t"
    hostile.converted(hostile.file(extra=strings))


def test_as_many_objects_as_are_allowed_stay_within_bounds_also_where_they_are_refused(hostile) -> None:
    hostile.refused(torch_zip(b"(" + b"}" * 749_900 + b"t"))


def test_keys_that_collide_take_no_time(hostile) -> None:
    """Python's dictionary would compare each with each, as all these integers have the same hash."""
    collisions = b"}(" + b"".join(number(((1 << 61) - 1) * key) + b"N" for key in range(1, 100_000)) + b"u"
    hostile.converted(hostile.file(extra=collisions))


def test_arguments_that_multiply_when_they_are_walked_take_no_time(hostile) -> None:
    """Eight levels of dictionaries with fifty times the same value each: 50 to the power of eight leaves."""
    built = b"Nq\x00"
    for level in range(1, 9):
        again = b"".join(text(str(key)) + b"h" + bytes([level - 1]) for key in range(49))
        built = b"}(" + text("first") + built + again + b"uq" + bytes([level])
    hostile.converted(hostile.file(args=built))


def test_a_pickle_over_its_limit_is_refused(hostile) -> None:
    assert "more than the 16,777,216 that are allowed" in hostile.refused(
        hostile.file(extra=b"B" + struct.pack("<I", 17 << 20) + bytes(17 << 20))
    )


@pytest.mark.parametrize(
    "old",
    [b"(dp0\nVmodel\np1\nNs.", b"}q\x00X\x05\x00\x00\x00modelq\x01Ns.", b"cposix\nsystem\n(S'true'\ntR.", b"\x80\x01}.", b"\x80\x06}."],
)
def test_protocols_that_torch_does_not_write_are_refused(hostile, old) -> None:
    assert "not of protocol 2 to 5" in hostile.refused(forge.zipped(forge.archive(old, hostile.records)))


@pytest.mark.parametrize(
    "digits", [b"L" + b"9" * 5_000_000 + b"L\n", b"I" + b"9" * 5_000_000 + b"\n", b"F" + b"9" * 5_000_000 + b"\n"], ids=["L", "I", "F"]
)
def test_numbers_of_millions_of_decimal_digits_are_refused_unread(hostile, digits) -> None:
    assert "which torch.save never writes" in hostile.refused(hostile.file(extra=digits))


@pytest.mark.parametrize("frame", [0, 1, 20])
def test_frames_are_hints_of_which_only_those_beyond_the_end_are_refused(hostile, frame) -> None:
    """As in Python, where a frame says how much to read at once and not what belongs together."""
    frames = (b"\x95" + struct.pack("<Q", frame)) * 1000
    hostile.converted(forge.zipped(forge.archive(b"\x80\x04" + frames + mapping(hostile.state()) + b".", hostile.records)))


def test_a_second_weight_of_the_same_name_is_refused_however_it_comes(hostile) -> None:
    other = tensor(storage("1", 320), [1, 1, 64])
    again = text("pretrained.cls_token") + other
    state = mapping(hostile.state())
    for twice in (state + again + b"s", state + b"(" + again + b"u", mapping({"model": state})[:-1] + text("model") + mapping({}) + b"u"):
        assert "two entries named" in hostile.refused(torch_zip(twice, hostile.records))


@pytest.mark.parametrize("key", [b"C\x14pretrained.cls_token", group(number(1), number(2)), number(7), b"N", b"\x88", glob("a", "b")])
def test_a_weight_under_a_key_that_is_not_text_is_refused(hostile, key) -> None:
    entries = [(text(name), value) for name, value in hostile.state().items()]
    assert "which is not a name" in hostile.refused(torch_zip(mapping([*entries, (key, tensor(storage("0", 64), [64]))]), hostile.records))


@pytest.mark.parametrize(
    "name",
    [
        "pretrained.cls_toke\u0301n",
        "pretrained.cls_token\u200b",
        "pretrained.\u0441ls_token",
        "pretrained.blocks.01.norm1.weight",
        "pretrained.blocks.\u0661.norm1.weight",
        "pretrained.blocks.999999999999.norm1.weight",
        "pretrained.blocks.-1.norm1.weight",
        "Pretrained.cls_token",
    ],
)
def test_a_name_that_only_looks_like_one_of_the_family_is_refused(hostile, name) -> None:
    state = hostile.state() | {name: tensor(storage("0", 64), [64])}
    assert "the first unknown one being" in hostile.refused(torch_zip(mapping(state), hostile.records))


@pytest.mark.parametrize(
    "name", ["pretrained." + "blocks.0." * 20_000, "pretrained.blocks." + "9" * 100_000 + ".norm1.weight"], ids=["parts", "digits"]
)
def test_names_as_long_as_books_are_refused(hostile, name) -> None:
    names = {f"{name}{number}": tensor(storage("0", 64), [64]) for number in range(60)}
    assert "has a name of" in hostile.refused(torch_zip(mapping(hostile.state() | names), hostile.records))


def test_more_tensors_than_a_model_has_are_refused(hostile) -> None:
    first = tensor(storage("0", 64), [64]) + b"q\x01"
    views = mapping([(text("pretrained.view"), first), *((text(f"pretrained.{number}"), b"h\x01") for number in range(10_001))])
    assert "more than the 10,000 allowed for one model" in hostile.refused(torch_zip(views, hostile.records))


def test_as_many_tensors_with_as_long_names_as_are_allowed_take_no_time(hostile) -> None:
    first = tensor(storage("0", 64), [64]) + b"q\x01"
    long = "pretrained.blocks." + "0.blocks." * 24
    views = mapping([(text(long), first), *((text(f"{long}{number}"), b"h\x01") for number in range(9_999))])
    hostile.refused(torch_zip(views, hostile.records))


def test_escapes_in_the_names_of_objects_and_entries_are_shown_harmlessly(hostile) -> None:
    thing = text("\x1b]0;owned\n") + text("b\u202e\x07") + b"\x93)R"
    hostile.converted(hostile.file(**{"extra": thing, "\x1b[2J\n": b"N", "\ud800": text("\x9b31m\r")}))
    shown = hostile.command_line.run("inspect", hostile.source, *FAMILY)
    assert shown.status == 0
    assert shown.out.replace("\n", "").isprintable()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e308])
def test_arguments_that_are_nan_or_infinite_do_no_harm(hostile, value) -> None:
    """JSON has no way to say them, and what cannot be said must not be written."""
    raw = b"G" + struct.pack(">d", value)
    arguments = mapping(dict.fromkeys(("max_depth", "scale", "img_size", "encoder", "features"), raw))
    hostile.converted(hostile.file(args=arguments, epoch=raw))
    shown = hostile.command_line.run("inspect", "--json", hostile.source, *FAMILY)
    json.loads(shown.out, parse_constant=pytest.fail)


# Row 6.

FLOATS = storage("0", 8)


def tensor_of(shape: bytes, stride: bytes, offset: bytes = number(0)) -> bytes:
    return call(glob("torch._utils", "_rebuild_tensor_v2"), FLOATS, offset, shape, stride, b"\x89", b"N")


VIEWS = {
    "more elements than its record has": tensor(storage("0", 1000), [1000]),
    "fewer elements than its record has": tensor(storage("0", 4), [4]),
    "a negative number of elements": tensor(storage("0", -8), [1]),
    "a number of elements that is a text": tensor(
        group(text("storage"), glob("torch", "FloatStorage"), text("0"), text("cpu"), text("8")) + b"Q", [8]
    ),
    "a number of elements that is a bool": tensor(
        group(text("storage"), glob("torch", "FloatStorage"), text("0"), text("cpu"), b"\x88") + b"Q", [8]
    ),
    "a view that ends outside": tensor(FLOATS, [9]),
    "a view that begins outside": tensor(FLOATS, [1], offset=8),
    "a stride that leads outside": tensor(FLOATS, [2, 2], [7, 2]),
    "a negative stride": tensor(FLOATS, [2], [-1], offset=4),
    "a negative offset": tensor(FLOATS, [2], offset=-2),
    "a negative side": tensor(FLOATS, [-2]),
    "two negative sides": tensor(FLOATS, [-2, -4], [4, 1]),
    "a product of sides that overflows": tensor(FLOATS, [1 << 33, 1 << 33], [1, 1]),
    "an offset that overflows": tensor(FLOATS, [1], offset=1 << 62),
    "an offset that overflows twice": tensor(FLOATS, [1], offset=(1 << 64) + 1),
    "a side that overflows": tensor(FLOATS, [1 << 64], [0]),
    "more sides than strides": tensor(FLOATS, [2, 2], [1]),
    "ten thousand sides": tensor(FLOATS, [1] * 10_000),
    "more sides than NumPy takes": tensor(FLOATS, [1] * 40),
    "nothing of an impossible shape": tensor(FLOATS, [0, 1 << 61, 1 << 61], [0, 0, 0]),
    "a side that is a bool": tensor_of(group(b"\x88", number(8)), numbers([8, 1])),
    "a side that is a fraction": tensor_of(group(b"G" + struct.pack(">d", 8.0)), numbers([1])),
    "a stride that is a bool": tensor_of(numbers([8]), group(b"\x88")),
    "an offset that is a bool": tensor_of(numbers([8]), numbers([1]), b"\x89"),
    "an offset that is a number of NumPy": tensor_of(numbers([8]), numbers([1]), call(glob("numpy", "int64"), number(0))),
    "a shape that is a list": call(glob("torch._utils", "_rebuild_tensor_v2"), FLOATS, number(0), b"]", b")", b"\x89", b"N"),
    "a shape that multiplies when it is shown": call(
        glob("torch._utils", "_rebuild_tensor_v2"), FLOATS, nested_key(), b")", b")", b"\x89", b"N"
    ),
    "a storage of an unknown kind": tensor(storage("0", 8, glob("torch", "MagicStorage")), [8]),
    "a storage of another library": tensor(storage("0", 8, glob("evil", "FloatStorage")), [8]),
    "a storage that is described twice": tensor(FLOATS, [8]) + tensor(storage("0", 4, glob("torch", "DoubleStorage")), [4]) + b"\x86",
    "too few arguments": call(glob("torch._utils", "_rebuild_tensor_v2"), FLOATS),
    "no arguments": call(glob("torch._utils", "_rebuild_parameter")),
    "a parameter of a text": call(glob("torch._utils", "_rebuild_parameter"), text("x"), b"\x89", b"N"),
    "a view of a view": tensor(
        group(text("storage"), glob("torch", "FloatStorage"), text("0"), text("cpu"), number(8), numbers([1, 0, 8])) + b"Q", [8]
    ),
    "something outside that is no storage": text("x") + b"Q",
    "something outside of another kind": group(text("file"), text("/etc/passwd")) + b"Q",
}


@pytest.mark.parametrize("way", VIEWS)
@pytest.mark.parametrize("place", ["in the model", "beside the model"])
def test_a_tensor_that_is_not_in_the_file_is_refused(hostile, way, place) -> None:
    value = mapping(
        {"model": mapping({"x": VIEWS[way]})}
        if place == "in the model"
        else {"model": mapping({"y": tensor(FLOATS, [8])}), "x": VIEWS[way]}
    )
    message = hostile.refused(torch_zip(value, {"data/0": np.zeros(8, np.float32).tobytes()}))
    assert "source.pth" in message


@pytest.mark.parametrize(("shape", "stride"), [([1 << 40], [0]), ([1 << 20, 1 << 20, 1 << 20], [0, 0, 0]), ([1 << 61] * 8, [0] * 8)])
def test_a_small_tensor_that_claims_terabytes_is_refused_before_anything_is_made(hostile, shape, stride) -> None:
    state = hostile.state() | {"pretrained.mask_token": tensor(storage("0", 64), shape, stride)}
    assert "more than the 68,719,476,736 that are allowed" in hostile.refused(torch_zip(mapping(state), hostile.records))


def test_the_bound_on_what_is_written_can_be_set(hostile) -> None:
    expanded = tensor(storage("0", 64), [1 << 29], [0])
    content = torch_zip(mapping(hostile.state() | {"pretrained.mask_token": expanded}), hostile.records)
    assert "more than the 1,073,741,824 that are allowed" in hostile.refused(content, "--max-output", "1")


def test_many_views_of_one_storage_count_each(hostile) -> None:
    whole = hostile.state()
    views = {f"pretrained.view{number}": tensor(storage("0", 64), [1 << 28], [0]) for number in range(100)}
    assert "are allowed" in hostile.refused(torch_zip(mapping(whole | views), hostile.records))


def test_a_tensor_that_an_unknown_function_of_torch_makes_is_refused_where_it_is_needed_only(hostile) -> None:
    """Whether the network reads it or not: what is in a state dict is meant to be understood."""
    strange = call(glob("torch._utils", "_rebuild_tensor_v9"), storage("0", 64), number(0), numbers([64]), numbers([1]))
    hostile.converted(hostile.file(extra=strange))
    hostile.target.unlink()
    for name in ("pretrained.cls_token", "depth_head.scratch.refinenet4.resConfUnit1.conv1.bias"):
        message = hostile.refused(torch_zip(mapping(hostile.state() | {name: strange}), hostile.records))
        assert f"{name} is a tensor that the unknown function torch._utils._rebuild_tensor_v9 makes" in message


# Row 7.

KEYS = {
    "a path upwards": text("../../x"),
    "an absolute path": text("/etc/passwd"),
    "a path below": text("0/../0"),
    "nothing": text(""),
    "another file of the archive": text("0\0"),
    "a number": number(0),
    "a tuple": b")",
    "nothing at all": b"N",
    "a key that is missing": text("12345"),
    "a key of a million letters": text("a" * 1_000_000),
    "a key with a terminal escape": text("\x1b]0;owned\x07"),
}


@pytest.mark.parametrize("way", KEYS)
def test_a_storage_key_that_torch_would_not_give_is_refused(hostile, way) -> None:
    value = mapping(hostile.state() | {"pretrained.cls_token": tensor(storage(KEYS[way], 64), [1, 1, 64])})
    message = hostile.refused(torch_zip(value, hostile.records))
    assert "storage" in message
    assert "\x1b" not in message
