"""Where a network computes and in which element type: what was asked for, or else what suits the machine."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Notice, Refusal

TF32 = "tf32"  # float32 whose products a card rounds to 10 bits
FLOATS = {"float32": torch.float32, TF32: torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16, "float64": torch.float64}


@dataclass(frozen=True)
class Placement:
    """What somebody asked for; None leaves it to the file and the machine."""

    device: str | torch.device | None = None
    dtype: str | torch.dtype | None = None

    @cached_property
    def place(self) -> torch.device:
        """The device, tried by putting a number there."""
        if self.device is None:
            return torch.get_default_device()
        try:
            place = torch.device(self.device)
            torch.zeros(1, device=place).item()
        except (RuntimeError, AssertionError, NotImplementedError) as problem:
            said = printable(next(iter(str(problem).splitlines()), ""))  # torch goes on for pages
            raise Refusal(f"nothing can be computed on device {self.device}: {said}") from None
        return place

    @property
    def is_exact(self) -> bool:
        return self.dtype != TF32

    def element_type(self, stored: torch.dtype) -> torch.dtype:
        """The type to compute in, for weights that are stored in this one."""
        if self.dtype is None:
            return self._default(stored)
        asked = FLOATS.get(str(self.dtype).removeprefix("torch."))
        if asked is None:
            raise Refusal(f"dtype {self.dtype} is no type that a network computes in; expected {', '.join(FLOATS)}.")
        return asked

    def _default(self, stored: torch.dtype) -> torch.dtype:
        """The file's own, except that half precision would take a processor without arithmetic for it many times as long as float32."""
        if self.place.type != "cpu" or has_fast_arithmetic(stored):
            return stored
        name = str(stored).removeprefix("torch.")
        said = (
            f"the weights are {name}, for which this processor has no fast arithmetic, and are widened to float32; dtype {name} keeps them"
        )
        warnings.warn(said, Notice, stacklevel=2)
        return torch.float32


def is_half(dtype: torch.dtype) -> bool:
    return dtype in (torch.float16, torch.bfloat16)


def has_fast_arithmetic(dtype: torch.dtype) -> bool:
    """Whether the processor multiplies numbers of this type at least as fast as float32."""
    instructions = {torch.float16: ("amx_fp16", "avx512_fp16", "fp16_arith"), torch.bfloat16: ("amx_bf16", "avx512_bf16", "bf16")}
    if dtype not in instructions:
        return True
    found: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # which older versions of torch lack
    return any(found.get(name, False) for name in instructions[dtype])


def best_device() -> str:
    """A graphics card where there is one."""
    return (
        "cuda"
        if torch.cuda.is_available()
        else "mps"
        if torch.backends.mps.is_available()
        else "xpu"
        if torch.xpu.is_available()
        else "cpu"
    )
