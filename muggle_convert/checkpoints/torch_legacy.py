"""Files of torch.save before 1.6: five pickles, then the storages one after the other."""

from __future__ import annotations

import re
from dataclasses import replace

from muggle_convert.checkpoints.checkpoint import Record
from muggle_convert.checkpoints.container_checks import check_containers
from muggle_convert.checkpoints.limits import Limits
from muggle_convert.checkpoints.pickle_machine import PickleMachine
from muggle_convert.checkpoints.pickle_state import Truncated
from muggle_convert.checkpoints.pickle_values import FileContents, Storage, Value
from muggle_convert.checkpoints.safe_text import printable, shown
from muggle_convert.checkpoints.source_file import SourceFile
from muggle_convert.checkpoints.torch_globals import TorchGlobals
from muggle_convert.errors import Refusal

MAGIC = 0x1950A86A20F9469CFC6C
OPENING = re.compile(rb"\x80[\x02-\x05](\x95.{8})?\x8a\x0a" + re.escape(MAGIC.to_bytes(10, "little")) + rb"\.", re.DOTALL)
PROTOCOL_VERSION = 1001
NOTE_STEPS = 1000
FIRST_LOOK = 256 << 10  # enough for the pickles of nearly every checkpoint


def read_torch_legacy(file: SourceFile, limits: Limits) -> FileContents:
    """The pickles' length is not stated, so a first attempt reads a part of the file and a second one all that is allowed."""
    try:
        root, keys, functions, end = _read_pickles(file.read(0, min(FIRST_LOOK, file.size)), limits)
    except Truncated:
        root, keys, functions, end = _read_pickles(file.read(0, min(limits.pickle_bytes, file.size)), limits)
    check_containers(root)
    _find_storages(file, keys, functions.storages, end)
    return FileContents("legacy torch pickle", root, warnings=functions.warnings)


def _read_pickles(data: bytes, limits: Limits) -> tuple[Value, list[str], TorchGlobals, int]:
    functions = TorchGlobals(lambda storage: None)
    position = 0
    values = []
    note, keys_only = replace(limits, pickle_steps=NOTE_STEPS), replace(limits, pickle_steps=4 * limits.records)
    for bound in (note, note, note, limits, keys_only):  # magic number, version, machine, the object, keys of storages
        machine = PickleMachine(data, functions, bound, position)
        values.append(machine.run())
        position = machine.position
    magic, version, _, root, keys = values
    if type(magic) is not int or magic != MAGIC or type(version) is not int or version != PROTOCOL_VERSION:
        raise Refusal(f"is a torch file of the unknown version {shown(version)}; load it if you trust it and save it again with torch.save")
    if type(keys) is not list or not all(type(key) is str for key in keys) or sorted(keys) != sorted(functions.storages):
        raise Refusal("its list of storages is not the list of the storages that its tensors use")
    return root, keys, functions, position


def _find_storages(file: SourceFile, keys: list[str], storages: dict[str, Storage], position: int) -> None:
    """Each storage is its count of elements and the elements, little endian on every machine."""
    for key in keys:
        storage = storages[key]
        size = storage.count * storage.element_size
        if int.from_bytes(file.read(position, 8), "little", signed=True) != storage.count:
            raise Refusal(f"its storage {printable(key)} is announced with {storage.count:,} elements and stored with another number")
        if position + 8 + size > file.size:
            raise Refusal(f"the file is cut off: storage {printable(key)} would end at byte {position + 8 + size:,} of {file.size:,}")
        storage.record = Record(file.path, f"storage {key}", position + 8, size, size, stamp=file.stamp)
        position += 8 + size
    if position != file.size:
        raise Refusal(f"the file has {file.size - position:,} bytes after its last storage")
