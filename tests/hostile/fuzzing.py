"""Converting damaged files by the thousand, and judging what comes of each.

A damaged file is refused in one line, or it converts to what the undamaged one converts to. Where the damage changed what
the file says, and nothing in its format can tell, it converts to what torch or the safetensors library reads from it.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import selectors
import signal
import subprocess
import sys
import tempfile
import types
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors.numpy
import torch

from muggle_convert.checkpoints.torch_globals import DTYPES
from tests.hostile.mutate import INDEX, Damaged, Mutator
from tests.hostile.tiny import tiny_arrays

MOST_SECONDS = 5  # of the processor
LONGEST = 90  # waits of a second each, which a machine that stands still does not count, after which the worker hangs
MOST_MEBIBYTES = 200
LONGEST_MESSAGE = 1000


class Stub:
    """What Python's own unpickler gets for every class that is no tensor; it takes everything and does nothing."""

    def __init__(self, *arguments: object, **keywords: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...

    def __setitem__(self, key: object, value: object) -> None: ...

    def append(self, value: object) -> None: ...

    def extend(self, values: object) -> None: ...


class StubUnpickler(pickle.Unpickler):
    """Python's own understanding of a pickle, with the same few names as ours; the second opinion."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) in KNOWN or (module == "torch" and name in DTYPES):
            return super().find_class(module, name)
        return Stub


KNOWN = {("torch._utils", f"_rebuild_{what}") for what in ("tensor", "tensor_v2", "tensor_v3", "parameter", "parameter_with_state")}
KNOWN |= {("collections", "OrderedDict"), ("torch", "Size")}
SECOND_OPINION = types.SimpleNamespace(
    __name__="stubs", Unpickler=StubUnpickler, load=lambda file, **options: StubUnpickler(file, **options).load()
)


class Fuzzer:
    """One worker, and the judgement of what it does."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.source, self.target = folder, folder / "source.pth", folder / "target.safetensors"
        self.arrays = tiny_arrays()
        self.mutator = Mutator(self.arrays)
        for protocol in (2, 4):
            torch.save(
                {"model": {name: torch.from_numpy(array) for name, array in self.arrays.items()}}, self.source, pickle_protocol=protocol
            )
            self.mutator.add(f"zip of torch, protocol {protocol}", self.source.read_bytes())
        self.counts: Counter[tuple[str, str]] = Counter()  # of kinds of damage and what came of them
        self.slowest = self.largest = 0.0
        self.interrupted = 0
        self.worker: subprocess.Popen[bytes] | None = None
        self.said = tempfile.TemporaryFile()  # noqa: SIM115 - what a worker says when it ends by accident
        self.source.write_bytes(self.mutator.finished["zip"])
        assert self._convert()[0] == "converted"
        self.reference = self._written()
        self.mutator.add("converted safetensors", self.target.read_bytes())
        self.places = self._places()

    def judge(self, damaged: Damaged) -> str | None:
        """What is wrong with how the damaged file was treated; None where nothing is."""
        for left in self.folder.iterdir():
            left.unlink()
        self.source = self.folder / damaged.name
        self.source.write_bytes(damaged.content)
        for name, content in damaged.beside.items():
            (self.folder / name).write_bytes(content)
        outcome, message, seconds, peak = self._convert(damaged.family)
        self.slowest, self.largest = max(self.slowest, seconds), max(self.largest, peak)
        self.counts[damaged.kind, outcome] += 1
        left_over = {path.name for path in self.folder.iterdir()} - {self.source.name, self.target.name, *damaged.beside}
        if left_over or (outcome == "refused" and self.target.exists()):
            return f"left behind: {left_over or self.target.name}"
        if seconds > MOST_SECONDS or peak > MOST_MEBIBYTES:
            self.close()
            return f"took {seconds:.1f} s and {peak:.0f} MiB"
        if outcome == "refused":
            plain = message.endswith("\n") and message[:-1].isprintable() and len(message) < LONGEST_MESSAGE
            return None if plain else f"a message nobody should see: {message!r}"
        if outcome != "converted":
            return message
        written = self._written()
        if same(written, self.reference):
            return None
        self.counts[damaged.kind, "converted to what the file says now"] += 1
        if damaged.checked:
            return "converted to something else although checksums guard it"
        expected = self._by_another_reader()
        if expected is None or not same(written, expected):
            return "converted to something that no other reader finds in the file"
        outcome, message, *_ = self._run(["verify", self.source, self.target]) if damaged.is_original else ("converted", "")
        return None if outcome == "converted" else f"verify {outcome} it: {message}"

    def report(self) -> str:
        """A line for each kind of damage, and one for all."""
        kinds = sorted({kind for kind, _ in self.counts})
        outcomes = sorted({outcome for _, outcome in self.counts})
        rows = [*((kind, {outcome: self.counts[kind, outcome] for outcome in outcomes}) for kind in kinds), ("all", self.total)]
        lines = [f"  {kind}: " + ", ".join(f"{count:,} {outcome}" for outcome, count in row.items() if count) for kind, row in rows]
        return "\n".join(
            [*lines, f"  at most {self.slowest:.2f} s and {self.largest:.0f} MiB; {self.interrupted} interruptions from outside"]
        )

    @property
    def total(self) -> Counter[str]:
        """How often each outcome came, whatever the damage."""
        total: Counter[str] = Counter()
        for (_, outcome), count in self.counts.items():
            total[outcome] += count
        return total

    def close(self) -> None:
        if self.worker is not None:
            self.worker.kill()
            self.worker.wait()
            with contextlib.suppress(BrokenPipeError):
                self.worker.stdin.close()  # type: ignore[union-attr]
            self.worker.stdout.close()  # type: ignore[union-attr]
            self.worker = None

    def _convert(self, family: str | None = "depth_anything_v1") -> tuple[str, str, float, float]:
        """What converts is looked at as well, as a table and as JSON, so that showing a stranger's words is part of the trial."""
        known = ["--family", family] if family else []
        return self._run(
            ["convert", self.source, "-o", self.target, "--force", "--no-sync", *known],
            ["inspect", self.source, *known],
            ["inspect", "--json", self.target],
        )

    def _run(self, *commands: list[object]) -> tuple[str, str, float, float]:
        """What somebody else stopped or ended is asked once more: where a file was the reason, such as by its hunger for memory, it will
        be the reason again."""
        answer = self._asked(*commands)
        if answer[0] == "interrupted":
            self.interrupted += 1
            answer = self._asked(*commands)
        return answer

    def _state(self) -> tuple[str, int]:
        """As the system has it: running, sleeping or stopped, and for how many ticks the worker had the processor."""
        assert self.worker is not None
        state, *fields = Path(f"/proc/{self.worker.pid}/stat").read_text().rpartition(")")[2].split()
        return state, int(fields[10]) + int(fields[11])

    def _asked(self, *commands: list[object]) -> tuple[str, str, float, float]:
        if self.worker is None:
            environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            line = [sys.executable, Path(__file__).with_name("fuzz_worker.py")]
            self.said.truncate(0)
            self.worker = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.said, env=environment)
        assert self.worker.stdin is not None
        assert self.worker.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # its answer will be missing, too
            self.worker.stdin.write(json.dumps(commands, default=str).encode() + b"\n")
            self.worker.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(self.worker.stdout, selectors.EVENT_READ)
            answered = any(selector.select(timeout=1) for _ in range(LONGEST))
        answer = self.worker.stdout.readline() if answered else b""
        if not answer:
            state, ticks = self._state()
            self.worker.send_signal(signal.SIGKILL if state == "T" else signal.SIGABRT)
            status = self.worker.wait(LONGEST)
            self.close()
            if state == "T" or status in (-signal.SIGKILL, -signal.SIGTERM):
                return "interrupted", "somebody else stopped or ended the worker", 0.0, 0.0
            self.said.seek(0)
            where = " / ".join(self.said.read().decode("utf-8", "replace").split("\n"))
            outcome = "died" if answered else "hung"
            return outcome, f"the worker {outcome} in state {state} with status {status} after {ticks} ticks: {where}", 0.0, 0.0
        status, message, seconds, peak = json.loads(answer)
        return {0: "converted", 1: "refused"}.get(status, "crashed"), message, seconds, peak

    def _written(self) -> dict[str, np.ndarray]:
        """Every tensor of the target by every name it has, as tied ones are kept once."""
        arrays = dict(safetensors.numpy.load_file(self.target))
        with safetensors.safe_open(self.target, framework="np") as file:
            aliases = json.loads(file.metadata()["muggle_convert"])["aliases"]
        return arrays | {alias: arrays[owner] for alias, owner in aliases.items() if owner in arrays}

    def _places(self) -> dict[str, list[tuple[str, int, int]]]:
        """For each written tensor, which elements of which original tensor it is, found by their values."""
        whole = {array.tobytes(): name for name, array in self.arrays.items()}
        positions = "pretrained.pos_embed"
        first, rest = self.arrays[positions][:, :1].tobytes(), self.arrays[positions][:, 1:].tobytes()
        found = {}
        for name, array in self.reference.items():
            raw = array.tobytes()
            part = {first: (positions, 0, 64), rest: (positions, 64, 320)}.get(raw)
            found[name] = [part if part else (whole[raw], 0, array.size)]
        return found

    def _by_another_reader(self) -> Mapping[str, np.ndarray] | None:
        """What the library of the format finds in the damaged file, under the names of the converted one."""
        try:
            if self.source.name == INDEX or self.source.read_bytes()[8:9] == b"{":
                shards = set(json.loads(self.source.read_bytes())["weight_map"].values()) if self.source.name == INDEX else {self.source}
                arrays = {name: array for shard in shards for name, array in safetensors.numpy.load_file(self.folder / shard).items()}
                if arrays.keys() == self.reference.keys():
                    return arrays
                loaded = {name: torch.from_numpy(array) for name, array in arrays.items()}
            else:
                loaded = torch.load(self.source, map_location="cpu", weights_only=False, pickle_module=SECOND_OPINION)
        except Exception:
            return None
        needed = {origin for places in self.places.values() for origin, _, _ in places}
        while not all(isinstance(loaded.get(name), torch.Tensor) for name in needed):
            inner = [value for value in loaded.values() if isinstance(value, dict) and "pretrained.norm.bias" in value]
            if len(inner) != 1:
                return None
            loaded = inner[0]
        expected = {}
        for name, [(origin, begin, end)] in self.places.items():
            expected[name] = loaded[origin].contiguous().reshape(-1)[begin:end].numpy().reshape(self.reference[name].shape)
        return expected


def same(some: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> bool:
    return some.keys() == others.keys() and all(
        some[name].dtype == others[name].dtype and some[name].shape == others[name].shape and some[name].tobytes() == others[name].tobytes()
        for name in some
    )
