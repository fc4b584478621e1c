"""Films through a network that looks across frames: windows of as many frames as it sees at once, joined so that depth is steady throughout.

Every window but the first begins with ten frames of the one before: two by which its scale and shift are found, and eight over which the
one is faded into the other. Nothing is held but one window and these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
import torch
from torch import Tensor

from model_defs.config import FilmDepthHeadConfig
from model_defs.networks.video_depth_anything import FRAMES, FilmDPT, Maps, sides
from muggle_convert.errors import Refusal
from muggle_convert.outputs import Prediction, kind_of
from muggle_convert.predict.photographs import Picture, Pixels, read_picture
from muggle_convert.predict.sizes import Size, input_size
from muggle_convert.predict.tensors import prepare, restore

WINDOW = 32  # frames
KEPT = (0, 12, *range(24, 32))  # of a window, with which the next one begins
ALIGNED, FADED = 2, 8  # how many of these a window is fitted by, and how many it is faded in over
STEP = WINDOW - len(KEPT)  # frames from the beginning of one window to that of the next


@dataclass(frozen=True)
class Window:
    """Some frames of a film that have looked at each other."""

    network: FilmDPT
    seen: Sequence[Maps]  # of each frame
    path: Tensor  # (WINDOW, C, h, w)
    frames: int  # of the film; what follows repeats its last one
    input_size: Size
    size: Size  # of the film's frames

    def depth(self, numbers: Sequence[int]) -> Iterator[Prediction]:
        """Of frames by their numbers in the window, as large as the film's."""
        for first in range(0, len(numbers), FRAMES):
            yield from self._depth(numbers[first : first + FRAMES])

    @torch.inference_mode()
    def _depth(self, numbers: Sequence[int]) -> list[Prediction]:
        maps = Maps(*map(torch.cat, zip(*(self.seen[number] for number in numbers), strict=True)))
        with self.network.exactly():
            depth = self.network.tell(self.path[list(numbers)], maps, self.input_size)
        depth = depth.float() if depth.dtype in (torch.float16, torch.bfloat16) else depth
        return list(restore(depth, self.network.config.output, self.size).float().cpu().numpy())


def depth_of_film(network: FilmDPT, frames: Iterable[Picture], size: int | None = None) -> Iterator[Prediction]:
    """(height, width) for each frame, as windows are done."""
    assert isinstance(network.config.head, FilmDepthHeadConfig)
    if network.config.head.frames < WINDOW:
        raise Refusal(f"this network sees {network.config.head.frames} frames at once, and films are joined from windows of {WINDOW}.")
    distance = kind_of(network.config.output).distance
    return joined(_windows(network, frames, size), is_fitted=distance is not None and not distance.in_metres)


def joined(windows: Iterable[Window], is_fitted: bool) -> Iterator[Prediction]:
    """The frames of all windows; each is faded into the next, which is fitted to it first where depth has no unit."""
    held: list[Prediction] = []  # the last frames so far, which wait for the next window
    references: list[Prediction] = []  # what the first frames of the next window were predicted as before
    for window in windows:
        begin = ALIGNED if references else 0
        scale, shift = fit([*window.depth(range(ALIGNED))], references) if references and is_fitted else (1.0, 0.0)
        before, held = held, []
        for number, found in zip(range(begin, window.frames), window.depth(range(begin, window.frames)), strict=True):
            depth = np.maximum(found * np.float32(scale) + np.float32(shift), 0)
            if number in KEPT[:ALIGNED]:
                references = [*references[:1], depth]
            if before and number < begin + FADED:
                share = np.float32((number - begin) / (FADED - 1))
                depth = before[number - begin] * (1 - share) + depth * share
            if number < WINDOW - FADED:
                yield depth
            else:
                held.append(depth)
    yield from held


def fit(found: Sequence[Prediction], wanted: Sequence[Prediction]) -> tuple[float, float]:
    """Scale and shift from some frames to the same ones as they were predicted before, by least squares."""
    x, y = (np.stack(frames).astype(np.float64) for frames in (found, wanted))
    spread = x - x.mean()
    if not (spread**2).sum() > 1e-12 * (x**2).sum():
        return 1.0, 0.0  # nothing is nearer than anything else
    scale = (spread * y).sum() / (spread**2).sum()
    return float(scale), float(y.mean() - scale * x.mean())


def _windows(network: FilmDPT, frames: Iterable[Picture], size: int | None) -> Iterator[Window]:
    """Every window that changes a frame; the last one is filled up with the last frame."""
    pictures = map(read_picture, frames)
    if (first := next(pictures, None)) is None:
        return
    whole = first.shape[0], first.shape[1]
    inside = input_size(network.config.image, whole, size)
    seen = _seen(network, _alike(chain([first], pictures), whole), size)
    window = list(islice(seen, WINDOW))
    count = len(window)
    while True:
        window += [window[-1]] * (WINDOW - len(window))
        yield Window(network, window, _watched(network, window), count, inside, whole)
        if count <= WINDOW - FADED:
            return
        fresh = list(islice(seen, STEP))
        window = [*(window[number] for number in KEPT), *fresh]
        count += len(fresh) - STEP


def _alike(pictures: Iterable[Pixels], size: Size) -> Iterator[Pixels]:
    for number, picture in enumerate(pictures, 1):
        if picture.shape[:2] != size:
            raise Refusal(
                f"frame {number} is {picture.shape[1]} x {picture.shape[0]} and the first one {size[1]} x {size[0]}; all frames of a film have "
                "one size: make them alike, or predict them as pictures."
            )
        yield picture


def _seen(network: FilmDPT, pictures: Iterator[Pixels], size: int | None) -> Iterator[Maps]:
    """What every frame shows by itself."""
    place = next(network.parameters()).device
    while few := list(islice(pictures, FRAMES)):
        yield from _see(network, torch.stack([prepare(picture, network.config.image, size, place) for picture in few]))


@torch.inference_mode()
def _see(network: FilmDPT, images: Tensor) -> list[Maps]:
    with network.exactly():
        maps = network.see(images.to(network.dtype))
    return [Maps(*frame) for frame in zip(*(torch.split(scale, 1) for scale in maps), strict=True)]


@torch.inference_mode()
def _watched(network: FilmDPT, window: Sequence[Maps]) -> Tensor:
    coarse, coarsest = (torch.cat(maps) for maps in zip(*((frame.coarse, frame.coarsest) for frame in window), strict=True))
    with network.exactly():
        return network.watch(coarse, coarsest, WINDOW, sides(window[0].fine))
