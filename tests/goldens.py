"""Reference cases: a manifest that draws a checkpoint, and what the original implementation computed with it.

A case is a folder of fixtures/goldens. `fixtures/goldens/README.md` says what is in its files.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

GOLDENS = Path(__file__).parent.parent / "fixtures" / "goldens"
RELEASED = Path(__file__).parent.parent / "fixtures" / "released"
SMALL = 10_000_000  # elements
_DRAWN: dict[Path, dict[str, torch.Tensor]] = {}
TOLERANCE = 5e-4  # largest absolute error, in standard deviations of what was expected


@dataclass(frozen=True)
class Golden:
    """One case."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def manifest(self) -> dict[str, Any]:
        manifest: dict[str, Any] = json.loads(gzip.decompress((self.folder / "manifest.json.gz").read_bytes()))
        return manifest

    @property
    def family(self) -> str:
        return str(self.manifest["family"])

    @property
    def options(self) -> dict[str, Any]:
        """What no tensor tells, as `load_any_dpt` takes it; a backbone is in the file of `save`."""
        return {key: value for key, value in self.manifest["options"].items() if key != "backbone"}

    @property
    def halves(self) -> dict[str, list[str]]:
        """Where a model is in two files, the names in each."""
        halves: dict[str, list[str]] = self.manifest.get("files", {})
        return halves

    @property
    def told(self) -> dict[str, Any]:
        """The same as `convert` takes it."""
        options = self.options
        return {"family": options.pop("family", None), "overrides": options}

    @property
    def arguments(self) -> list[str]:
        """The same for the command line."""
        arguments = []
        for key, value in self.options.items():
            arguments += ["--family", value] if key == "family" else ["--set", f"{key}={value}"]
        return arguments

    @property
    def prefix(self) -> str:
        """What stands before every name, and means nothing."""
        return os.path.commonprefix(list(self.manifest["tensors"]))  # noqa: RUF071  # characters, be they whole words or not

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The original's weights, drawn again; those of small cases once for all tests, each of which gets a copy."""
        if sum(int(np.prod(described["shape"])) for described in self.manifest["tensors"].values() if "shape" in described) > SMALL:
            return self._drawn()
        if self.folder not in _DRAWN:
            drawn = self._drawn()
            apart = self.halves.get(self.manifest["options"].get("backbone"), [])
            _DRAWN[self.folder] = {f"backbone.{name}" if name in apart else name: tensor for name, tensor in drawn.items()}
        copies = {id(tensor): tensor.clone() for tensor in _DRAWN[self.folder].values()}  # tied weights stay tied
        return {name: copies[id(tensor)] for name, tensor in _DRAWN[self.folder].items()}

    def _drawn(self) -> dict[str, torch.Tensor]:
        buffers = np.load(self.folder / "buffers.npz") if (self.folder / "buffers.npz").exists() else {}
        tensors: dict[str, torch.Tensor] = {}
        for name, described in self.manifest["tensors"].items():
            dtype = getattr(torch, described["dtype"])
            if "tied_to" in described:
                tensors[name] = tensors[described["tied_to"]]
            elif "buffer" in described:
                tensors[name] = torch.from_numpy(np.ascontiguousarray(buffers[described["buffer"]])).to(dtype)
            elif "value" in described:
                tensors[name] = torch.tensor(described["value"], dtype=dtype)
            else:
                drawn = uniform(name, described["shape"], self.manifest["seed"])
                tensors[name] = torch.from_numpy(np.float32(described["mean"]) + np.float32(described["std"]) * drawn).to(dtype)
        return tensors

    def save(self, folder: Path, name: str | None = None) -> Path:
        """The checkpoint as a file, under the name it would have in the wild."""
        path = folder / (name or self.manifest["file"])
        wrap = self.manifest.get("wrap")
        torch.save({wrap: self.state_dict()} if isinstance(wrap, str) else self.state_dict(), path)
        return path

    def save_halves(self, folder: Path) -> tuple[Path, Path]:
        """The head and the backbone, as they were released."""
        head, backbone = folder / self.manifest["file"], folder / self.manifest["options"]["backbone"]
        for path in (head, backbone):
            state = {name: tensor for name, tensor in self._drawn().items() if name in self.halves[path.name]}
            torch.save({"state_dict": state} if path.name in self.manifest["wrap"] else state, path)
        return head, backbone

    def of_saved(self, saved: dict[str, Any]) -> dict[str, torch.Tensor]:
        """The state dict in what a file of the original holds."""
        inner = next(iter(saved.values()))
        return inner if isinstance(inner, dict) else saved

    def inputs(self) -> list[torch.Tensor]:
        return [torch.from_numpy(_drawn(spec)) for spec in self.manifest["inputs"]]

    def _seen(self, spec: dict[str, Any], model: Any) -> tuple[torch.Tensor, ...]:
        """One input: normalised noise, or where there is a prompt a normalised picture beside it."""
        drawn = _drawn(spec)
        if "prompt_shape" not in spec:
            return (torch.from_numpy(drawn),)
        colours = torch.from_numpy(np.clip(127.5 + 60 * drawn, 0, 255).astype(np.uint8)).float() / 255
        mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (model.config.image.mean, model.config.image.std))
        prompt = np.clip(2.5 + 0.8 * picture(tuple(spec["prompt_shape"]), spec["prompt_seed"]), 0.1, None).astype(np.float32)
        return (colours - mean) / deviation, torch.from_numpy(prompt)

    def error(self, model: torch.nn.Module) -> float:
        """The largest difference between a model's predictions and the original's, in standard deviations."""
        expected = np.load(self.folder / "expected.npz")
        worst = 0.0
        if self.family in ("dust3r", "mast3r"):
            return max(self._errors_of_maps(model, expected))
        if not any(name.startswith("output") for name in expected):
            return max(self._errors_of_outputs(model, expected))
        for number, spec in enumerate(self.manifest["inputs"]):
            with torch.inference_mode():
                prediction = model(*self._seen(spec, model)).float().numpy()
            about = {**spec, **self.manifest.get("outputs", {}).get(f"output{number}", {})}
            assert list(prediction.shape) == list(about.get("output_shape") or about["shape"])
            wanted, step = expected[f"output{number}"], about["stride"]
            worst = max(worst, float(np.abs(prediction[..., ::step, ::step] - wanted).max() / wanted.std()))
        return worst

    def _errors_of_outputs(self, model: torch.nn.Module, expected: Mapping[str, np.ndarray]) -> Iterator[float]:
        """The same where there are several outputs for each input, whose names end in the number of the input."""
        seen = set()
        for number, (views, spec) in enumerate(zip(self.inputs(), self.manifest["inputs"], strict=True)):
            cameras = {key: torch.tensor(spec[key])[None] for key in ("extrinsics", "intrinsics") if key in spec}
            with torch.inference_mode():
                maps = model(views, **cameras)
            for name, found in maps.items():
                about, wanted = self.manifest["outputs"][f"{name}{number}"], expected[f"{name}{number}"]
                assert list(found.shape) == about["shape"]
                sides = zip(wanted.shape, found.shape, strict=True)
                kept = tuple(slice(None) if side == whole else slice(None, None, about["stride"]) for side, whole in sides)
                seen.add(f"{name}{number}")
                yield float(np.abs(found.float().numpy()[kept] - wanted).max() / wanted.std())
        assert seen == set(self.manifest["outputs"])

    def whole_pictures(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pictures as somebody took them, and what the original's own inference makes of each."""
        expected = np.load(self.folder / "expected.npz")
        for name, spec in self.manifest["infer_inputs"].items():
            yield uint8_picture(*spec["uint8_shape"][:2], spec["image_seed"]), expected[name]

    def _errors_of_maps(self, model: torch.nn.Module, expected: Mapping[str, np.ndarray]) -> Iterator[float]:
        """The same of two views and the maps they become."""
        with torch.inference_mode():
            maps = model(*self.inputs())
        assert set(maps) == set(self.manifest["outputs"])
        for name, about in self.manifest["outputs"].items():
            assert list(maps[name].shape) == about["shape"]
            found = maps[name].float().numpy()[:, :: about["stride"], :: about["stride"]]
            yield float(np.abs(found - expected[name]).max() / expected[name].std())


def _drawn(spec: Mapping[str, Any]) -> np.ndarray:
    """Noise; the views or frames that are seen together are drawn as one batch."""
    *several, channels, height, width = spec["shape"]
    return picture((int(np.prod(several)), channels, height, width), spec["image_seed"]).reshape(spec["shape"])


def golden(name: str) -> Golden:
    return Golden(GOLDENS / name)


def goldens(*families: str) -> list[Golden]:
    """All cases of some families, or of all."""
    cases = [Golden(manifest.parent) for manifest in sorted(GOLDENS.glob("*/manifest.json.gz"))]
    return [case for case in cases if not families or case.family in families]


def uniform(name: str, shape: list[int] | tuple[int, ...], seed: int) -> np.ndarray:
    """Numbers of mean zero and deviation one that depend on the name and the seed alone."""
    count = int(np.prod(shape, dtype=np.int64))
    key = int.from_bytes(hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=16).digest(), "little")
    bits = np.random.Philox(key=key).random_raw((count + 1) // 2).view(np.uint32)[:count]
    unit = (bits >> 8).astype(np.float32) * np.float32(2.0**-24) - np.float32(0.5)
    return (unit * np.float32(2 * 3**0.5)).reshape(shape)


def picture(shape: tuple[int, int, int, int], seed: int) -> np.ndarray:
    """Waves, edges and noise, about as large as a normalised photograph."""
    batch, channels, height, width = shape
    y, x = np.meshgrid(np.linspace(0, 1, height, dtype=np.float32), np.linspace(0, 1, width, dtype=np.float32), indexing="ij")
    picture = np.empty(shape, np.float32)
    for index in np.ndindex(batch, channels):
        p = uniform(f"image.{index[0]}.{index[1]}", (8,), seed)
        wave = np.sin(6.2831855 * (1.5 * p[0] * x + 1.5 * p[1] * y) + p[2])
        edge = ((x * p[3] + y * p[4]) > 0.3 * p[5]).astype(np.float32)
        picture[index] = wave + edge - 0.5 + 0.3 * uniform(f"image.noise.{index[0]}.{index[1]}", (height, width), seed)
    return picture


def uint8_picture(height: int, width: int, seed: int) -> np.ndarray:
    """The same as somebody's photograph: (height, width, 3) from 0 to 255."""
    return np.clip(127.5 + 60 * picture((1, 3, height, width), seed)[0].transpose(1, 2, 0), 0, 255).astype(np.uint8)
