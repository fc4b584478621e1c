"""Files of torch.save since 1.6: a zip archive with one pickle and one record per storage."""

from __future__ import annotations

from dataclasses import replace

from muggle_convert.checkpoints.checkpoint import Record
from muggle_convert.checkpoints.container_checks import check_containers
from muggle_convert.checkpoints.limits import Limits
from muggle_convert.checkpoints.pickle_machine import PickleMachine
from muggle_convert.checkpoints.pickle_values import FileContents, Storage
from muggle_convert.checkpoints.safe_text import printable, shown
from muggle_convert.checkpoints.source_file import SourceFile
from muggle_convert.checkpoints.tensor_bytes import chunks_within, gathered
from muggle_convert.checkpoints.torch_globals import TorchGlobals
from muggle_convert.checkpoints.zip_archive import read_members
from muggle_convert.errors import Refusal

VERSIONS = range(1, 11)  # that torch reads; it has written 3 since 1.6
BYTE_ORDERS = {b"little": "little", b"big": "big"}


def read_torch_zip(file: SourceFile, limits: Limits) -> FileContents:
    archive = _Archive(file, limits)
    functions = TorchGlobals(archive.record_of)
    machine = PickleMachine(archive.small("data.pkl"), functions, limits)
    root = machine.run()
    if machine.position != len(machine.data):
        raise Refusal(f"its pickle is followed by {len(machine.data) - machine.position:,} bytes that belong to nothing")
    check_containers(root)
    return FileContents("torch zip", root, warnings=archive.warnings + functions.warnings)


class _Archive:
    """The entries of a torch archive, by their names below its one folder."""

    def __init__(self, file: SourceFile, limits: Limits) -> None:
        self.file = file
        self.limits = limits
        found = read_members(file, limits)
        roots = {name.partition("/")[0] if "/" in name else "" for name in found}
        members = {name: record for name, record in found.items() if not name.endswith("/")}
        self.records = {name.partition("/")[2]: record for name, record in members.items()}
        if len(roots) != 1 or roots == {""} or "data.pkl" not in self.records:
            raise Refusal(_stranger(list(members)))
        if "constants.pkl" in self.records or any(name.startswith("code/") for name in self.records):
            raise Refusal(
                "is a TorchScript archive, a program with weights; "
                "if you trust it, load it with torch.jit.load and save its state_dict() with torch.save"
            )
        inflated = sum(record.size for record in members.values())
        if inflated > file.size * limits.inflation + limits.inflation_allowance:
            raise Refusal(f"its {file.size:,} bytes would inflate to {inflated:,}, which real weights never do")
        # torch.serialization.set_crc32_options(False) leaves every checksum zero, which is no promise.
        self.warnings: tuple[str, ...] = ()
        if not any(record.crc32 for record in members.values()):
            self.records = {name: replace(record, crc32=None) for name, record in self.records.items()}
            self.warnings = ("the file was saved without checksums, so damage to it cannot be detected.",)
        version = self.small("version").strip() if "version" in self.records else b"3"
        if not version.isdigit() or len(version) > 2 or int(version) not in VERSIONS:
            raise Refusal(f"is a torch file of the unknown version {shown(version.decode('latin-1'))}; save it again with a current torch")
        order = self.small("byteorder") if "byteorder" in self.records else b"little"
        if order not in BYTE_ORDERS:
            raise Refusal(f"its byte order is neither little nor big but {printable(order)}")
        self.byteorder = BYTE_ORDERS[order]

    def record_of(self, storage: Storage) -> Record:
        record = self.records.get(f"data/{storage.key}")
        if record is None:
            raise Refusal(f"its pickle names the storage {printable(storage.key)}, which the archive does not hold")
        wanted = storage.count * storage.element_size
        if record.size != wanted:
            raise Refusal(
                f"its record {printable(record.name)} has {record.size:,} bytes, "
                f"but {storage.count:,} elements of {storage.kind} take {wanted:,}"
            )
        return replace(record, byteorder=self.byteorder)

    def small(self, name: str) -> bytes:
        record = self.records[name]
        if record.size > self.limits.pickle_bytes:
            raise Refusal(f"its {name} takes {record.size:,} bytes, more than the {self.limits.pickle_bytes:,} that are allowed")
        return bytes(gathered(chunks_within(self.file, record)))


def _stranger(names: list[str]) -> str:
    """What a zip archive is that does not hold exactly one torch file."""
    if names and all(name.endswith(".npy") for name in names):
        return "is a NumPy archive (.npz), not a checkpoint of torch"
    if any(name.endswith("/data.pkl") for name in names):
        return "is a zip archive with several top folders, or files beside the one that torch writes; it may hold one checkpoint only"
    if any(name.endswith((".pt", ".pth", ".ckpt", ".bin", ".safetensors")) for name in names):
        return "is a zip archive that holds checkpoint files; unpack it and give one of them"
    return "is a zip archive but no checkpoint of torch: it has no data.pkl below its one folder"
