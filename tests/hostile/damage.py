"""Single pieces of damage: to bytes, to the opcodes of a pickle, to the entries of a zip archive, to JSON. Each takes its chances from a `Random`."""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from random import Random

from tests.hostile import forge

INTERESTING = (
    0,
    1,
    2,
    3,
    7,
    8,
    63,
    64,
    65,
    127,
    128,
    255,
    256,
    4095,
    65535,
    65536,
    1 << 30,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    (1 << 63) - 1,
)
NAMES = (("posix", "system"), ("builtins", "eval"), ("collections", "OrderedDict"), ("torch", "FloatStorage"), ("torch", "LongStorage"))
NAMES += (("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_parameter"), ("torch", "Size"), ("argparse", "Namespace"))
STRUCTURE = 24_000  # bytes at either end of a file that are not weights


def number(random: Random) -> int:
    return random.choice((random.choice(INTERESTING), random.randrange(300), random.getrandbits(random.choice((8, 16, 32)))))


def position(content: bytearray, random: Random) -> int:
    """Mostly within the structure, at one end or the other."""
    place = random.randrange(len(content) + 1)
    if random.random() < 0.9:
        place = random.randrange(min(len(content), STRUCTURE) + 1)
        place = place if random.random() < 0.6 else len(content) - place
    return min(max(place, 0), max(len(content) - 1, 0))


def flip_bits(content: bytearray, random: Random) -> None:
    for _ in range(random.choice((1, 1, 1, 2, 8))):
        if content:
            content[position(content, random)] ^= 1 << random.randrange(8)


def set_bytes(content: bytearray, random: Random) -> None:
    place = position(content, random)
    size = random.choice((1, 2, 4, 8))
    content[place : place + size] = (number(random) & ((1 << 8 * size) - 1)).to_bytes(size, random.choice(("little", "big")))


def truncate(content: bytearray, random: Random) -> None:
    del content[position(content, random) :]


def delete(content: bytearray, random: Random) -> None:
    place = position(content, random)
    del content[place : place + random.choice((1, 2, 4, 16, 64, 1000))]


def insert(content: bytearray, random: Random) -> None:
    place = position(content, random)
    content[place:place] = random.randbytes(random.choice((1, 2, 4, 16)))


def splice(content: bytearray, random: Random) -> None:
    """Bytes from elsewhere in the file, put in or put over."""
    start, place, size = position(content, random), position(content, random), random.choice((1, 4, 16, 64, 256))
    taken = content[start : start + size]
    content[place : place + random.choice((0, len(taken)))] = taken


BYTE_DAMAGE: tuple[Callable[[bytearray, Random], None], ...] = (flip_bits, flip_bits, set_bytes, truncate, delete, insert, splice)


@lru_cache(maxsize=8)
def opcode_places(pickle: bytes) -> tuple[int, ...] | None:
    try:
        return (*(place for _, _, place in pickletools.genops(pickle)), len(pickle))
    except Exception:  # it is damaged already
        return None


def damage_opcodes(pickle: bytes, random: Random) -> bytes:
    """Take opcodes away, double or move them, put others in, or change what they carry."""
    places = opcode_places(pickle)
    if places is None:
        content = bytearray(pickle)
        flip_bits(content, random)
        return bytes(content)
    count = len(places) - 1
    first = random.choice((random.randrange(count), max(count - 1 - random.randrange(40), 0)))  # the end is what lies beside the model
    last = min(first + random.choice((1, 1, 1, 2, 5, 20)), len(places) - 1)
    begin, end = places[first], places[last]
    other = random.randrange(len(places) - 1)
    taken = pickle[begin:end]
    what = random.randrange(6)
    if what == 0:
        return pickle[:begin] + pickle[end:]
    if what == 1:
        return pickle[:end] + taken + pickle[end:]
    if what == 2:
        return pickle[: places[other]] + taken + pickle[places[other] :]
    if what == 3:
        return pickle[: places[other]] + taken + pickle[places[min(other + last - first, len(places) - 1)] :]
    if what == 4:
        return pickle[:begin] + opcode(random) + pickle[begin if random.random() < 0.5 else end :]
    changed = bytearray(taken)
    if len(changed) > 1:
        changed[random.randrange(1, len(changed))] = number(random) & 0xFF
    return pickle[:begin] + bytes(changed) + pickle[end:]


def opcode(random: Random) -> bytes:
    """Any opcode with what it needs, right or wrong."""
    made: tuple[Callable[[], bytes], ...] = (
        lambda: bytes([random.randrange(256)]),
        lambda: random.choice((b"(", b"t", b")", b"]", b"}", b"a", b"e", b"s", b"u", b"R", b"b", b"Q", b"0", b"1", b"2", b".", b"N")),
        lambda: random.choice((b"\x81", b"\x85", b"\x86", b"\x87", b"\x88", b"\x89", b"\x8f", b"\x90", b"\x91", b"\x93", b"\x94")),
        lambda: forge.number(number(random)),
        lambda: forge.text(random.choice(("0", "1", "model", "pretrained.cls_token", "\ud800", "é\0", "storage"))),
        lambda: forge.glob(*random.choice(NAMES)),
        lambda: random.choice((b"h", b"q", b"K", b"C", b"U", b"\x8c")) + bytes([number(random) & 0xFF]),
        lambda: random.choice((b"j", b"r", b"X", b"B", b"T", b"\x8b", b"J")) + struct.pack("<I", number(random) & 0xFFFFFFFF),
        lambda: random.choice((b"\x8d", b"\x8e", b"\x95", b"\x96")) + struct.pack("<Q", number(random)),
        lambda: forge.storage(str(random.randrange(130)), number(random)),
        lambda: forge.tensor(forge.storage(str(random.randrange(130)), 64), [random.choice((1, 8, 64, 65))], [random.choice((0, 1, 2))]),
    )
    return random.choice(made)()


def damage_entries(entries: list[forge.Entry], random: Random) -> None:
    place = random.choice((0, random.randrange(len(entries))))
    entry = entries[place]
    what = random.randrange(8)
    if what == 0:
        entries.append(replace(random.choice(entries), local={}, central={}))
    elif what == 1:
        entries.pop(place)
    elif what == 2:
        random.shuffle(entries)
    elif what == 3:
        entry.before = random.randbytes(random.choice((1, 30, 100)))
    elif what == 4:
        entry.deflated = not entry.deflated
    else:
        value = {
            "name": random.choice(entries).name,
            "extra": random.randbytes(random.choice((1, 4, 12, 20))),
            "flags": number(random) & 0xFFFF,
        }
        value |= {"method": random.choice((0, 8, 1, 99)), "crc32": number(random) & 0xFFFFFFFF, "stored": number(random) & 0xFFFFFFFF}
        value |= {"size": number(random) & 0xFFFFFFFF}
        field = random.choice(list(value))
        sides = random.choice(((entry.local,), (entry.central,), (entry.local, entry.central)))
        for side in sides:
            side[field] = value[field]


def damage_value(document: dict, random: Random, likely: tuple[str, ...] = ()) -> None:
    """Walk down to some value of a JSON object, and put something else there."""
    here: dict | list = document
    while True:
        key = random.choice(list(here) if isinstance(here, dict) else range(len(here)))
        if isinstance(here[key], (dict, list)) and here[key] and random.random() < 0.9:
            here = here[key]
            continue
        strange = (
            None,
            True,
            "",
            "x",
            "\x1b[31m",
            -1,
            0,
            1,
            2,
            3,
            4,
            5,
            63,
            64,
            65,
            10**9,
            10**30,
            0.5,
            1e308,
            [],
            {},
            [[]],
            [10**9, 10**9],
            {"a": {"b": 1}},
        )
        if random.random() < 0.2 and isinstance(here, dict):
            del here[key]
        elif random.random() < 0.2 and isinstance(here, dict):
            here[random.choice((key + "x", "", "family", "taps"))] = here.pop(key)
        else:
            here[key] = random.choice((*likely, *strange))
        return


def damage_table(table: dict, random: Random) -> None:
    names = [name for name in table if name != "__metadata__" and isinstance(table[name], dict)]
    if len(names) < 2:
        return
    name, other = random.sample(names, 2)
    what = random.randrange(7)
    if what == 0:
        table[name + random.choice(("", "x", "\x1b[31m"))] = table.pop(name)
    elif what == 1:
        table[name], table[other] = table[other], table[name]
    elif what == 2:
        table[name]["dtype"] = random.choice(("F16", "I32", "U8", "F64", "BF16", "X", 3, None))
    elif what == 3:
        table[name]["shape"] = random.choice(
            ([], [number(random)], [1, *table[name].get("shape", [])], table[other].get("shape"), "x", [-1], [0.5])
        )
    elif what == 4:
        table[name]["data_offsets"] = random.choice(([number(random), number(random)], table[other].get("data_offsets"), [0], [0, 1 << 70]))
    elif what == 5:
        table["__metadata__"] = random.choice(({}, {"a": "b"}, {"a": 1}, [], {"muggle_convert": "{}"}, "x", None))
    else:
        table.pop(name)
