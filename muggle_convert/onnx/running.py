"""An ONNX graph in the place of a network's parts: it takes and gives what they would, and ONNX Runtime computes it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from model_defs.build import build
from model_defs.config import DPTConfig, FilmDepthHeadConfig, ImageConfig
from model_defs.network import Network
from model_defs.scenes.seen import Seen
from muggle_convert.checkpoints import printable
from muggle_convert.errors import Notice, Refusal, as_told
from muggle_convert.onnx.description import Dimensions, Graph
from muggle_convert.placement import Placement

MISSING = (
    "it takes ONNX Runtime to run a graph: pip install 'muggle-convert[onnx]' (on a card, onnxruntime-gpu in the place of onnxruntime)."
)
SILENT = 4  # of ONNX Runtime's levels: what goes wrong is raised, and said by whoever asked
MOST_SAID = 300  # characters of its own message
LARGEST_SIDE = 4096  # of a picture that a graph gets as it is


class Session(nn.Module):
    """The graph, as a part of a network: tensors in, tensors out, in the graph's own order."""

    def __init__(self, session: Any, place: torch.device, file: str) -> None:
        super().__init__()
        self.session = session
        self.file = file
        self.takes = {value.name: _numpy_type(value.type) for value in session.get_inputs()}
        self.nothing = nn.Parameter(torch.empty(0, device=place), requires_grad=False)  # says where the network is, and what it takes

    def forward(self, inputs: Mapping[str, Tensor], outputs: list[str]) -> list[Tensor]:
        feeds = {name: tensor.detach().cpu().numpy().astype(self.takes[name], copy=False) for name, tensor in inputs.items()}
        try:
            found = self.session.run(outputs, feeds)
        except Exception as problem:  # its exceptions have no common class of their own
            shapes = " and ".join(str(list(feed.shape)) for feed in feeds.values())
            raise Refusal(f"{self.file} cannot be run on inputs of shape {shapes} ({_said(problem)}); try another size.") from None
        return [torch.from_numpy(np.ascontiguousarray(one)).to(self.nothing.device) for one in found]


class GraphNetwork(Network):
    """A network without parts: what it is stands in its configuration, and what it computes in a graph.

    `config.image` says what this graph takes, which may be less than the network it was made from: one size only, or pictures as they are.
    """

    graph: Session

    def __init__(self, like: Network, config: DPTConfig, described: Graph, session: Session) -> None:
        super().__init__(config, multiple=1 if described.has_preprocessing else like.multiple, graph=session)
        self.inputs, self.outputs = like.inputs, like.outputs
        self.framing, self.fewest_views, self.usual_trust = like.framing, like.fewest_views, like.usual_trust
        self.described = described
        batch = next(iter(described.inputs.values()))[0]
        self.sees_each_alone = like.sees_each_alone and not isinstance(batch, int)  # else a batch is what it was made for
        # What the network makes of scenes by calling itself it makes of what the graph computes. In a tuple, as it is no part of this one.
        self.like = (like,)
        like.forward = self.forward

    def forward(self, *inputs: Tensor) -> Any:
        """What the network's own `forward` takes and returns."""
        taken = [_as_picture(image) for image in inputs] if self.described.has_preprocessing else list(inputs)
        for tensor, (name, dimensions) in zip(taken, self.described.inputs.items(), strict=True):
            self._check(name, dimensions, tensor)
        found = self.graph(dict(zip(self.described.inputs, taken, strict=True)), list(self.described.outputs))
        maps = dict(zip(self.outputs, map(self._as_map, found), strict=True))
        return maps if len(maps) > 1 else maps[self.outputs[0]]

    def alone(self, *inputs: Tensor) -> Any:
        like, head = self.like[0], self.config.head
        if isinstance(head, FilmDepthHeadConfig):
            (images,) = inputs
            return self(images[:, None].expand(-1, head.frames, -1, -1, -1))[:, 0]  # a film that stands still
        return like.alone(*inputs)

    def trial(self, image: Tensor) -> tuple[Tensor, ...]:
        return self.like[0].trial(image)

    def scene(self, views: Any, **cameras: Tensor) -> list[Seen]:
        if len(self.inputs) > 1:
            self._refuse("sees one pair of pictures at a time: call model.predict(first, second)")
        return self.like[0].scene(views, **cameras)

    def predict_video(self, *frames: Any, **options: Any) -> Any:
        self._refuse_film()
        return super().predict_video(*frames, **options)

    def stream_video(self, *frames: Any, **options: Any) -> Any:
        self._refuse_film()
        return super().stream_video(*frames, **options)

    def train(self, mode: bool = True) -> GraphNetwork:
        if mode:
            self._refuse("cannot be trained")
        return super().train(mode)

    def _apply(self, *arguments: Any, **named: Any) -> NoReturn:
        self._refuse("stays where and what it is: load it again with device=, or export it again with --dtype")

    def _check(self, name: str, dimensions: Dimensions, tensor: Tensor) -> None:
        """ValueError, with one sentence, where an input is not what the graph takes."""
        shape = tuple(tensor.shape)
        is_right = len(shape) == len(dimensions) and all(
            side == given for side, given in zip(dimensions, shape, strict=True) if isinstance(side, int)
        )
        if not is_right:
            wanted = ", ".join(str(side or "any") for side in dimensions)
            raise ValueError(f"the graph takes {name} of shape ({wanted}), got {shape}")
        if not self.described.has_preprocessing and len(shape) > 3:
            self.check_size(shape[-2], shape[-1])

    def _as_map(self, found: Tensor) -> Tensor:
        """Depth without the one channel that some graphs give it."""
        found = found.float() if found.is_floating_point() else found
        return (
            found[:, 0] if len(self.outputs) == 1 and self.config.head.channels == 1 and found.ndim == 4 and found.shape[1] == 1 else found
        )

    def _refuse_film(self) -> None:
        if isinstance(self.config.head, FilmDepthHeadConfig):
            self._refuse("sees one window of a film at a time and keeps nothing between two")

    def _refuse(self, what: str) -> NoReturn:
        raise Refusal(f"{self.graph.file} is an ONNX graph, which {what}; load the checkpoint that it was made from for that.")


def graph_network(config: DPTConfig, described: Graph, path: Path, placement: Placement) -> GraphNetwork:
    """The network of an ONNX file that has been looked at."""
    file = printable(path.name)
    if placement.dtype is not None and placement.element_type(torch.float32) is not torch.float32:
        raise Refusal(f"{file} is an ONNX graph in {described.precision}, which is settled when it is exported; leave --dtype out.")
    with as_told(f"{file} describes a network that cannot be built"), torch.device("meta"):
        like = build(config)
    for what, said, wanted in (("takes", described.inputs, like.inputs), ("gives", described.outputs, like.outputs)):
        if len(said) != len(wanted):
            raise Refusal(
                f"{file} {what} {', '.join(map(printable, said))}, and a {config.family} {what} {', '.join(wanted)}: its graph is another one."
            )
    image = taken(config.image, described)
    if described.size is not None and image != config.image:
        height, width = described.size
        warnings.warn(f"{file} takes {width} x {height} pixels only: pictures are stretched to that", Notice, stacklevel=2)
    session = Session(_session(path, file, placement), placement.place, file)
    return GraphNetwork(like, replace(config, image=image), described, session)


def taken(image: ImageConfig, described: Graph) -> ImageConfig:
    """How a picture becomes what the graph takes."""
    if described.has_preprocessing:
        as_it_is = replace(image, keep_aspect=True, fit="no larger", size=LARGEST_SIDE, size_across=None, widest=None, multiple=1)
        return replace(as_it_is, mean=(0.0,) * 3, std=(1 / 255,) * 3, reflected=0.0, mirrored=False)
    if described.size is None:
        return image
    height, width = described.size
    return replace(image, keep_aspect=False, size=height, size_across=width, widest=None, reflected=0.0)


def _as_picture(image: Tensor) -> Tensor:
    """(B, 3, H, W) from 0 to 255 -> (B, H, W, 3) of bytes"""
    return image.permute(0, 2, 3, 1).round().to(torch.uint8)


def _session(path: Path, file: str, placement: Placement) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise Refusal(MISSING) from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = SILENT
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=_providers(onnxruntime.get_available_providers(), placement))
    except Refusal:
        raise
    except Exception as problem:  # its exceptions have no common class of their own
        raise Refusal(f"ONNX Runtime {onnxruntime.__version__} cannot load {file} ({_said(problem)}).") from None


def _providers(available: list[str], placement: Placement) -> list[Any]:
    """What computes: ONNX Runtime would quietly take the processor where it has nothing for a card."""
    place = placement.place
    if place.type == "cpu":
        return ["CPUExecutionProvider"]
    if place.type != "cuda" or "CUDAExecutionProvider" not in available:
        raise Refusal(
            f"ONNX Runtime is installed without what it takes to compute on {place.type}; pass --device cpu, or install onnxruntime-gpu in its place."
        )
    return [("CUDAExecutionProvider", {"device_id": place.index or 0, "use_tf32": int(not placement.is_exact)}), "CPUExecutionProvider"]


def _numpy_type(kind: str) -> Any:
    """From what ONNX Runtime calls it, such as tensor(float16)."""
    return {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64, "tensor(uint8)": np.uint8}.get(
        kind, np.float32
    )


def _said(problem: Exception) -> str:
    return printable(" ".join(str(problem).split()), MOST_SAID).rstrip(".")
