"""The device a network predicts on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muggle_convert.errors import Refusal

if TYPE_CHECKING:
    from model_defs.network import Network


def to_device(model: Network, device: str | None) -> Network:
    """The network on the requested device, or by default on a GPU if there is one."""
    import torch

    if device is None:
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        return model.to(device)
    except (RuntimeError, AssertionError) as problem:
        raise Refusal(f"the model cannot be moved to --device {device}: {' '.join(str(problem).split())}") from None
