"""A graph and the network it was made from, given the same inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from model_defs.network import Network
from muggle_convert.errors import Refusal
from muggle_convert.exporting.onnx.interface import Interface, only_size, step_of
from muggle_convert.onnx.description import Trial
from muggle_convert.onnx.words import PROMPT_DEPTH

MOST_SAID = 200  # characters of the runtime's own message
PIXELS = 1 << 20  # in everything that is tried at once


def trials(network: Network, graph: Path, interface: Interface, size: tuple[int, int] | None) -> tuple[Trial, ...]:
    """At the size in training first, then at others and in other batches. What the network itself does not take is not tried."""
    session = session_of(graph)
    found = []
    for batch, height, width in shapes(network, size):
        inputs = drawn(network, interface, batch, height, width)
        try:
            with torch.inference_mode():
                expected = network(*inputs)
        except ValueError:
            continue
        found.append(tried(network, session, inputs, expected))
    if not found:
        raise Refusal(
            "the network takes none of the sizes that a graph of it could be tried at; name one it takes with --size HEIGHTxWIDTH."
        )
    return tuple(found)


def trials_with_pictures(network: Network, graph: Path) -> tuple[Trial, ...]:
    """The same for a graph that prepares pictures itself: they are smooth, as photographs are, and of sizes that no network takes as they are."""
    session = session_of(graph)
    found = []
    for batch, height, width in ((1, 120, 160), (2, 161, 107), (1, 333, 90)):
        pictures = smooth_pictures(batch, height, width)
        expected = torch.stack([torch.from_numpy(network.predict(picture)) for picture in pictures.numpy()])
        found.append(tried(network, session, [pictures], expected))
    return tuple(found)


def smooth_pictures(batch: int, height: int, width: int) -> Tensor:
    """uint8 (batch, height, width, 3)"""
    coarse = torch.rand(batch, 3, 8, 8, generator=torch.Generator().manual_seed(height))
    pictures = F.interpolate(coarse, size=(height, width), mode="bicubic", align_corners=False)
    return (255 * pictures).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def session_of(graph: Path) -> Any:
    """On a processor, where numbers are the same on every machine but for rounding."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what fails is raised
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def tried(network: Network, session: Any, inputs: Sequence[Tensor], expected: Tensor | Mapping[str, Tensor]) -> Trial:
    """What the network returns for these inputs, beside what the graph gives."""
    shape = tuple(inputs[0].shape)
    wanted = expected if isinstance(expected, Mapping) else {network.outputs[0]: expected}
    try:
        given = {one.name: tensor.numpy() for one, tensor in zip(session.get_inputs(), inputs, strict=True)}
        results = {name: torch.from_numpy(result) for name, result in zip(wanted, session.run(None, given), strict=True)}
    except Exception as problem:  # the runtime raises kinds of its own
        return Trial(shape, None, " ".join(str(problem).split())[:MOST_SAID])
    for name, result in results.items():
        if result.shape != wanted[name].shape:
            return Trial(shape, None, f"gives {tuple(result.shape)} and not {tuple(wanted[name].shape)}")
    if not all(bool(result.isfinite().all()) for result in results.values()):
        return Trial(shape, None, "gives numbers that are not finite")
    agreed = network.agreed(results, wanted)
    error = max(difference(agreed[name], wanted[name]) for name in wanted)
    return Trial(shape, float(f"{error:.1e}"))  # further digits change with the number of threads, and so would the file


def difference(result: Tensor, expected: Tensor) -> float:
    """The largest, in standard deviations of what was expected."""
    largest = (result.double() - expected.double()).abs().max().item()
    deviation = expected.double().std(correction=0).item()
    return largest / deviation if deviation > 0 else largest


def shapes(network: Network, size: tuple[int, int] | None) -> Iterator[tuple[int, int, int]]:
    """Batch, height and width: that of training, and others that lie around it."""
    step = step_of(network)
    if size is not None or step is None:
        height, width = size or only_size(network)
        yield from ((1, height, width), (2, height, width))
        return
    image = network.config.image
    across = image.size_across or image.size
    seen = set()
    for batch, down, right in ((1, 1.0, 1.0), (2, 0.75, 1.0), (1, 1.0, 0.5), (3, 0.5, 0.5), (1, 0.25, 0.75), (2, 1.0, 2.0)):
        height, width = (
            max(1, round(share * side / one)) * one for share, side, one in zip((down, right), (image.size, across), step, strict=True)
        )
        if (height, width) not in seen and batch * height * width <= max(PIXELS, image.size * across):
            seen.add((height, width))
            yield batch, height, width


def drawn(network: Network, interface: Interface, batch: int, height: int, width: int) -> list[Tensor]:
    """What has about the range of normalised pictures; a prompt holds metres."""
    generator = torch.Generator().manual_seed(batch)
    images = torch.randn(batch, network.config.image.channels, height, width, generator=generator)
    inputs = [*network.trial(images)]
    for number, name in enumerate(interface.inputs):
        if name == PROMPT_DEPTH:
            inputs[number] = 1 + 4 * torch.rand(batch, 1, max(2, height // 8), max(2, width // 8), generator=generator)
    return inputs
