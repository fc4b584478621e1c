"""Damage, from a number: the same number always gives the same damaged file.

Several kinds of damage: to the bytes of a finished file; to the opcodes of its pickle, wrapped again with right checksums; to
the fields of a zip archive; to the header of a safetensors file; to what a converted file says of itself, what a config.json
says of it, and training arguments; to an index of shards and its shards. Most of it hits the structure, as weights are dull.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random

import numpy as np

from tests.hostile import forge
from tests.hostile.damage import BYTE_DAMAGE, damage_entries, damage_opcodes, damage_table, damage_value, number, opcode

FAMILIES = (None, "depth_anything_v1", "depth_anything_v2")
CONFIGURATIONS = (
    {"family": "depth_anything_v2", "taps": [0, 1, 2, 3], "max_depth": 20, "licence": "MIT"},
    {
        "model_type": "depth_anything",
        "depth_estimation_type": "metric",
        "max_depth": 80,
        "patch_size": 2,
        "backbone_config": {"model_type": "dinov2", "out_indices": [1, 2, 3, 4], "hidden_size": 64, "num_attention_heads": 1},
        "neck_hidden_sizes": [4, 5, 6, 7],
        "fusion_hidden_size": 8,
    },
    {"model_type": "dpt", "backbone_out_indices": [0, 1, 2, 3], "readout_type": "project", "is_hybrid": False, "id2label": {"0": "wall"}},
)
PREPROCESSOR = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "do_normalize": True, "size": {"height": 518, "width": 518}}
ARGUMENTS = ("encoder", "max_depth", "max-depth", "taps", "model", "dataset", "img_size", "scale", "shift", "invert", "readout", "family")
INDEX = "model.safetensors.index.json"


@dataclass(frozen=True)
class Damaged:
    """A file and how it came to be. `checked` says whether checksums guard its weights, so that no damage to them may pass."""

    how: str
    content: bytes
    checked: bool = False
    beside: Mapping[str, bytes] = field(default_factory=dict)
    family: str | None = "depth_anything_v1"
    name: str = "source.pth"
    is_original: bool = True  # so that `verify` can hold a conversion against it

    @property
    def kind(self) -> str:
        """What was damaged, without how."""
        return self.how.partition(":")[0]


class Mutator:
    """All the files that can be made by damaging some."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.arrays = arrays
        arguments = {"encoder": forge.text("vits"), "epoch": forge.number(3), "rate": b"G" + struct.pack(">d", 0.1)}
        namespace = forge.glob("argparse", "Namespace") + b")\x81" + forge.mapping(arguments) + b"b"
        beside = {"args": namespace, "epoch": forge.number(3), "optimizer": forge.mapping({"state": b"}", "rates": b"](K\x01K\x02e"})}
        self.values = {legacy: forge.mapping({"model": forge.mapping(forge.state(arrays, legacy)), **beside}) for legacy in (False, True)}
        self.flat = forge.pickled(forge.mapping(forge.state(arrays)))
        self.entries = forge.archive(forge.pickled(self.values[False]), forge.records_of(arrays))
        deflated = [replace(entry, deflated=True) for entry in self.entries]
        self.finished = {
            "zip": forge.zipped(self.entries),
            "deflated zip": forge.zipped(deflated),
            "legacy": forge.torch_legacy(self.values[True], arrays),
            "safetensors": forge.safetensors(*safetensors_parts(arrays)),
        }

    def _document(self, random: Random) -> Damaged:
        converted = self.finished["converted safetensors"]
        length = int.from_bytes(converted[:8], "little")
        header = json.loads(converted[8 : 8 + length])
        for _ in range(random.choice((1, 1, 2, 3))):
            document = json.loads(header["__metadata__"]["muggle_convert"])
            damage_value(document, random)
            header["__metadata__"]["muggle_convert"] = json.dumps(document)
        return Damaged(
            "document of a converted file", forge.safetensors(json.dumps(header).encode(), converted[8 + length :]), is_original=False
        )

    def _beside(self, random: Random) -> Damaged:
        files = {}
        for name, value in (("config.json", random.choice(CONFIGURATIONS)), ("preprocessor_config.json", PREPROCESSOR)):
            said = json.loads(json.dumps(value))
            for _ in range(random.choice((0, 1, 1, 2))):
                damage_value(said, random)
            raw = bytearray(json.dumps(said).encode())
            if random.random() < 0.2:
                random.choice(BYTE_DAMAGE)(raw, random)
            files[name] = bytes(raw)
        return Damaged("files beside it", self.finished["zip"], True, files, random.choice(FAMILIES))

    def _arguments(self, random: Random) -> Damaged:
        strange = [lambda: opcode(random)] * 2 + [lambda: forge.number(number(random)), lambda: b"G" + random.randbytes(8)]
        strange += [lambda: forge.text(random.choice(("vits", "vitl", "20", "-1", "nan", "0,1,2,3", "\x1b[31m", "x" * 5000))), lambda: b"N"]
        strange += [lambda: b"](K\x00K\x01K\x02K\x03e", lambda: b"}" + forge.text("a") + b"K\x01s", lambda: b"C\x02\xff\xfe"]
        said = {key: random.choice(strange)() for key in random.sample(ARGUMENTS, random.randrange(1, len(ARGUMENTS)))}
        around = {random.choice(("args", "hyper_parameters", "opt", "config")): forge.mapping(said), "epoch": random.choice(strange)()}
        pickle = forge.pickled(forge.mapping({"model": forge.mapping(forge.state(self.arrays)), **around}))
        entries = [replace(self.entries[0], data=pickle), *self.entries[1:]]
        return Damaged("training arguments", forge.zipped(entries), False, {}, random.choice(FAMILIES))

    def _index(self, random: Random) -> Damaged:
        """The model in two shards; what is damaged is mostly the index, and else the header of a shard."""
        names = list(self.arrays)
        cut = random.randrange(1, len(names))
        shards = {
            "first.safetensors": {name: self.arrays[name] for name in names[:cut]},
            "second.safetensors": {name: self.arrays[name] for name in names[cut:]},
        }
        index: dict = {"metadata": {"total_size": 1}, "weight_map": {name: shard for shard, held in shards.items() for name in held}}
        for _ in range(random.choice((0, 1, 1, 2))):
            damage_value(index, random, ("first.safetensors", "second.safetensors", "../source.pth", "..", "config.json", INDEX))
        raw = {INDEX: bytearray(json.dumps(index).encode())}
        raw |= {shard: bytearray(forge.safetensors(*safetensors_parts(held))) for shard, held in shards.items()}
        if random.random() < 0.4:
            random.choice(BYTE_DAMAGE)(raw[random.choice(list(raw))], random)
        content, *others = (bytes(part) for part in raw.values())
        return Damaged("index of shards", content, False, dict(zip(shards, others, strict=True)), name=INDEX)

    def add(self, name: str, content: bytes) -> None:
        """A finished file of another make, such as torch's own."""
        self.finished[name] = content

    def damaged(self, seed: int) -> Damaged:
        random = Random(seed)
        kinds = (self._bytes, self._bytes, self._pickle, self._pickle, self._pickle, self._zip, self._header, self._document)
        return random.choice((*kinds, self._beside, self._arguments, self._index))(random)

    def _bytes(self, random: Random) -> Damaged:
        name = random.choice(list(self.finished))
        content = bytearray(self.finished[name])
        done = [random.choice(BYTE_DAMAGE) for _ in range(random.choice((1, 1, 1, 2, 3, 8)))]
        for damage in done:
            damage(content, random)
        return Damaged(
            f"bytes of a {name}: {', '.join(damage.__name__ for damage in done)}",
            bytes(content),
            "zip" in name,
            is_original="converted" not in name,
        )

    def _pickle(self, random: Random) -> Damaged:
        legacy = random.random() < 0.3
        plain = not legacy and random.random() < 0.3
        pickle = self.flat if plain else forge.pickled(self.values[legacy])
        for _ in range(random.choice((1, 1, 1, 1, 1, 2, 3))):
            pickle = damage_opcodes(pickle, random)
        how = f"opcodes of a {'legacy file' if legacy else 'zip'}"
        if legacy:
            return Damaged(how, self.finished["legacy"].replace(forge.pickled(self.values[True]), pickle))
        return Damaged(how, forge.zipped([replace(self.entries[0], data=pickle), *self.entries[1:]]))

    def _zip(self, random: Random) -> Damaged:
        entries = [replace(entry, local={}, central={}) for entry in self.entries]
        for _ in range(random.choice((1, 1, 2, 3))):
            damage_entries(entries, random)
        around = {
            place: random.randbytes(random.choice((1, 22, 100))) for place in ("before", "between", "after") if random.random() < 0.05
        }
        end = {random.choice(("count", "size", "offset", "comment")): number(random) & 0xFFFF} if random.random() < 0.1 else None
        return Damaged("fields of a zip", forge.zipped(entries, end=end, **around), True)

    def _header(self, random: Random) -> Damaged:
        header, data = safetensors_parts(self.arrays)
        table = json.loads(header)
        for _ in range(random.choice((1, 1, 2))):
            damage_table(table, random)
        raw = json.dumps(table).encode()
        if random.random() < 0.3:
            text = bytearray(raw)
            random.choice(BYTE_DAMAGE)(text, random)
            raw = bytes(text)
        return Damaged("header of a safetensors file", forge.safetensors(raw, data))


def safetensors_parts(arrays: Mapping[str, np.ndarray]) -> tuple[bytes, bytes]:
    table: dict[str, object] = {"__metadata__": {"format": "pt"}}
    place = 0
    for name, array in arrays.items():
        table[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [place, place + array.nbytes]}
        place += array.nbytes
    return json.dumps(table).encode(), b"".join(array.tobytes() for array in arrays.values())
