"""What every network has in common: a configuration, parts that are called by name, and an input it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from model_defs.config import DPTConfig, Framing
from model_defs.precision import exact_float32
from model_defs.scenes.seen import Seen


class Predictor(Protocol):
    """What takes whole pictures through a network; `muggle_convert.load_any_dpt` gives each network one."""

    def predict(self, network: Any, *pictures: Any, **options: Any) -> Any: ...

    def predict_views(self, network: Any, pictures: Any, size: Any = None, extrinsics: Any = None, intrinsics: Any = None) -> Any: ...

    def predict_video(self, network: Any, *frames: Any, **options: Any) -> Any: ...

    def stream_video(self, network: Any, *frames: Any, **options: Any) -> Any: ...

    def to_metres(self, network: Any, *predictions: Any, **options: Any) -> Any: ...

    def optimize(self, network: Any, *sizes: tuple[int, int], batch: int = 1) -> Any: ...


class Origin(Protocol):
    """What a network was loaded from."""

    def save(self, *network_and_target: Any, **options: Any) -> Any: ...


class Network(nn.Module):
    """A torch module whose parts stand in the order they run.

        model(batch)  # (B, 3, H, W), normalised as config.image says -> (B, H, W), or a dictionary by the names of `outputs`

    Its tensors have the names of the file, and `model.config` is the frozen configuration.
    """

    inputs: tuple[str, ...] = ("image",)  # what `forward` takes
    outputs: tuple[str, ...] = ("depth",)  # what it returns: one tensor, or a dictionary of several by these names
    sees_each_alone: bool = True  # whether an image's prediction is the same in any batch
    framing: Framing | None = None  # how pictures of one scene become its inputs; None: it sees no scenes
    fewest_views: int = 1  # that make a scene
    usual_trust: str = "3"  # the confidence from which on points of a scene are shown, or the share in percent that is left out
    takes_cameras: bool = False  # whether `scene` may be told extrinsics and intrinsics
    predictor: Predictor | None = None
    trials: Sequence[Any] = ()  # of ways to run, of a network that `optimize` made
    origin: Origin | None = None
    exact: bool = True  # False: on a card, products of float32 may be rounded as torch's settings allow

    def __init__(self, config: DPTConfig, *, multiple: int | None = None, **parts: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.multiple = multiple or config.image.multiple  # of which both sides have to be; pictures may be brought to a larger one
        for name, part in parts.items():
            self.add_module(name, part)

    @property
    def dtype(self) -> torch.dtype:
        """What the network computes in. Single parts may keep float32, such as the first one or the last, but not both unless all do."""
        ends = [part for part in self._modules.values() if part is not None]
        types = [next(part.parameters()).dtype for part in (ends[0], ends[-1])]
        return min(types, key=lambda dtype: dtype.itemsize)

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        if torch.compiler.is_compiling():
            return super().__call__(*inputs, **named)
        with self.exactly():
            return super().__call__(*inputs, **named)

    def exactly(self) -> AbstractContextManager[Any]:
        """Within it, products of float32 are exact on every card, unless `exact` says that they need not be."""
        return exact_float32() if self.exact and rounds_float32(next(self.parameters())) else nullcontext()

    def check(self, image: Tensor) -> None:
        """ValueError, with one sentence, where an input is not what the network takes."""
        expected = self.config.image
        if not isinstance(image, Tensor):
            raise ValueError(f"expected a tensor, got {type(image).__name__}; torch.as_tensor(image) makes one of an array")
        if image.ndim != 4:
            raise ValueError(f"expected images of shape (batch, {expected.channels}, height, width), got {tuple(image.shape)}")
        if image.shape[1] != expected.channels:
            raise ValueError(f"expected {expected.channels} channels, got {image.shape[1]} in an input of shape {tuple(image.shape)}")
        self.check_size(image.shape[2], image.shape[3])
        types = dict.fromkeys((self.dtype, next(self.parameters()).dtype))
        if not image.is_floating_point():
            raise ValueError(f"expected {self.dtype}, normalised as config.image says, got {image.dtype} as pictures have before that")
        if image.dtype not in types:
            raise ValueError(
                f"expected {self.dtype} like the weights, got {image.dtype}; use image.to({self.dtype}) or model.to({image.dtype})"
            )

    def check_views(self, views: Tensor) -> None:
        """The same for several views of each scene."""
        if isinstance(views, Tensor) and (views.ndim != 5 or not views.shape[1]):
            raise ValueError(
                f"expected views of shape (batch, views, {self.config.image.channels}, height, width), got {tuple(views.shape)}"
            )
        self.check(views.flatten(0, 1) if isinstance(views, Tensor) else views)

    def check_size(self, height: int, width: int) -> None:
        multiple = self.multiple
        if height % multiple or width % multiple or not height or not width:
            nearest = [max(multiple, round(side / multiple) * multiple) for side in (height, width)]
            raise ValueError(
                f"expected sides that are multiples of {multiple}, got {height} x {width}; {nearest[0]} x {nearest[1]} is near"
            )

    def scene(self, views: Sequence[Tensor], **cameras: Tensor) -> list[Seen]:
        """Several views of one scene, each (3, H, W) and normalised -> what is known of each, with points in one frame.

        Where `takes_cameras`, `extrinsics` (N, 3, 4) and `intrinsics` (N, 3, 3) in pixels of these views may be given.
        """
        raise ValueError("this network looks at each picture by itself, and makes no scene of several")

    def alone(self, *inputs: Tensor) -> Any:
        """What it makes of images that have nothing to do with each other, (B, 3, H, W); a network of views takes each as a scene."""
        return self(*inputs)

    def trial(self, image: Tensor) -> tuple[Tensor, ...]:
        """Everything that `forward` takes, made up from images alone, for whoever only measures or compares networks."""
        return (image, image.flip(-1))[: len(self.inputs)]

    def agreed(self, found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """What another way to run this network found, as it is to be compared with what was expected: where a decision between two values fell the
        other way, as it may for rounding alone, the expected one stands in its place. What is decided by is an output itself, and compared everywhere.
        """
        return found

    def predict(self, *pictures: Any, **options: Any) -> Any:
        """What the network sees in whole pictures, brought back to their own size; only a loaded network can do this.

            depth = model.predict("photo.jpg")                 # (height, width), float32
            several = model.predict(["one.jpg", "two.jpg"])    # a list
            finer = model.predict("photo.jpg", size=756)       # the network sees more pixels than in training
            quicker = model.predict("photo.jpg", mirror=False) # without the second pass of a family that predicts the mirror image too
            left, right = model.predict("left.jpg", "right.jpg")  # DUSt3R: a View of each
            finer = model.predict("photo.jpg", "lidar.png")    # Prompt-Depth-Anything: a picture, and a map of measured depth

        A picture is a path, an open file or its bytes, a PIL image, an array or a tensor; several are a list, a tuple or a generator.
        Arrays are (height, width, 3), grey ones (height, width), and with transparency, which is ignored, (height, width, 4); tensors are (3,
        height, width). Their numbers go from 0 to 255 in uint8 and to 65535 in uint16, and from 0 to 1 or to 255 where they are floats; what
        could be either is refused. Colours are in the order red, green, blue. OpenCV has them the other way round, which nothing in a picture
        tells: pass `cv2.imread(path)[..., ::-1]`.

        Predictions are arrays, which a notebook shows as pictures. `config.output` says what the numbers are. A segmentation model gives the number of the best class for each pixel, other models with several channels (height, width, channels).
        """
        return self._loaded_predictor().predict(self, *pictures, **options)

    def predict_views(self, pictures: Sequence[Any], size: int | None = None, extrinsics: Any = None, intrinsics: Any = None) -> Any:
        """One scene out of several pictures of it: a `Scene` with depth, confidence, points in one frame and a camera for each view.

            scene = model.predict_views(["left.jpg", "middle.jpg", "right.jpg"])  # DUSt3R
            for view in scene.views:
                view.depth, view.confidence, view.points, view.extrinsics, view.intrinsics

        Networks that can be told cameras take `extrinsics` and `intrinsics`, in pixels of the pictures as given.
        """
        return self._loaded_predictor().predict_views(self, pictures, size, extrinsics, intrinsics)

    def predict_video(self, *frames: Any, **options: Any) -> Any:
        """The same for a film: an array with a prediction for every frame.

            depth = model.predict_video(frames)                # uint8 (frames, height, width, 3) -> (frames, height, width)
            depth = model.predict_video("walk.mp4", size=336)  # through a network that sees fewer pixels, quicker

        Frames are an array, anything that gives one picture after another, or the path of a video. Video-Depth-Anything looks across them, and
        its depth is steady; any other network sees every frame alone.
        """
        return self._loaded_predictor().predict_video(self, *frames, **options)

    def stream_video(self, *frames: Any, **options: Any) -> Any:
        """The same for a film of any length, one prediction after another; no more than a window or two is held.

        for depth in model.stream_video("walk.mp4"):
            ...
        """
        return self._loaded_predictor().stream_video(self, *frames, **options)

    def optimize(self, *sizes: tuple[int, int], batch: int = 1) -> Network:
        """The same network, prepared for many images of few sizes: each runs the way that is fastest here.

            quick = model.optimize((518, 518), (518, 686), batch=16)  # of what the network sees; other sizes when they come again
            print(*quick.trials, sep="\n")  # what was tried, how long it took, and how far it is off

        On a processor its weights become constants in the order in which they are read; on a card its steps become a CUDA graph, compiled
        or not. A way that is slower than this network, or differs by more than its type does, is not taken. This network stays as it
        is. Both hold the same weights, of which the new one may not notice changes.
        """
        return self._loaded_predictor().optimize(self, *sizes, batch=batch)

    def to_metres(self, *predictions: Any, **options: Any) -> Any:
        """A prediction in metres: as it is from a metric model, from a relative one by two or more known distances.

            metres = model.to_metres(depth, {(120, 340): 1.5, (600, 80): 8.0})

        They are metres by pixel (x, y), counted from the top left corner.
        """
        return self._loaded_predictor().to_metres(self, *predictions, **options)

    def save(self, target: Any, **options: Any) -> Any:
        """Write the network as it is now to a converted file, and report on that as `convert` does.

            model.save("tuned.safetensors", training="40 epochs on our warehouse")

        The file says what it came from: byte for byte what `convert` writes of it, or, where weights are no longer what they were, a file of its own
        fingerprint that says so, in the words of `training`. Weights are written in the type they are in, or in `dtype`. `licence` and `force` are
        those of `convert`.
        """
        if self.origin is None:
            raise TypeError("nothing is known of where this network came from; one that `muggle_convert.load_any_dpt` returns can be saved")
        return self.origin.save(self, target, **options)

    def _loaded_predictor(self) -> Predictor:
        if self.predictor is None:
            raise TypeError("this network takes tensors; one that `muggle_convert.load_any_dpt` returns also takes pictures")
        return self.predictor


def rounds_float32(weight: Tensor) -> bool:
    """Whether products with such weights may be computed with fewer bits than they are written with."""
    return weight.device.type == "cuda" and weight.dtype is torch.float32
