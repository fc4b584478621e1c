"""Whole pictures through a network: its own preprocessing first, and its outputs brought back to the size of the pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from model_defs.fast.optimizing import optimized
from model_defs.network import Network
from model_defs.networks.video_depth_anything import FilmDPT
from muggle_convert.errors import Refusal
from muggle_convert.outputs import Prediction, fitted_to_metres
from muggle_convert.predict import metres
from muggle_convert.predict.films import depth_of_film
from muggle_convert.predict.flow import Steps, flow
from muggle_convert.predict.framing import cropped, framed
from muggle_convert.predict.measured import Metres
from muggle_convert.predict.metres import Known
from muggle_convert.predict.passes import Pass, Predictions, Seen, Shown, restored
from muggle_convert.predict.photographs import Picture, are_several, read_picture
from muggle_convert.predict.prompts import read_prompt
from muggle_convert.predict.scene import DescribedView, Scene, SceneView, View, known_cameras
from muggle_convert.predict.shown import ShownPrediction
from muggle_convert.predict.tensors import named_maps, normalised
from muggle_convert.predict.video import open_video

AnyNetwork = TypeVar("AnyNetwork", bound=Network)
PROMPTED = ("image", "prompt")  # what some networks take


class Predictor:
    """What `model.predict` and `model.to_metres` of a loaded network do; it keeps nothing of the network's."""

    def predict(self, network: Network, *pictures: Any, size: int | None = None, mirror: bool = True, focal: float | None = None) -> Any:
        """One picture, a list, tuple or generator of pictures, or as many views of one scene as the network takes together.

        A picture is a path, an open file or its bytes, a PIL image, an array (height, width, 3) or a tensor (3, height, width), in RGB; OpenCV's
        pictures are BGR, which nothing in them tells: pass `picture[..., ::-1]`. Depth is float32 of shape (height, width);
        `config.output` says whether it is relative inverse depth or metres. A segmentation model gives the number of the best class for
        each pixel, other models with several channels (height, width, channels), a network with several outputs a dictionary of them,
        and DUSt3R a `View` for each of its two pictures. A network with a prompt takes that second, or a list of them: metres in an array
        (height, width) or a .npy, or a 16-bit PNG of millimetres. `size` is the resolution to work at instead of the one in training.
        Families whose own code predicts the mirror image too do so here, unless `mirror` is false. Depth that is metric up to the focal length
        becomes metres where `focal` gives that, in pixels of the picture.
        """
        _refuse_training(network)
        if len(pictures) == len(network.inputs) + 1:
            *pictures, size = pictures  # type: ignore[assignment]  # passed by position
        if network.inputs == ("views",) and type(network).alone is Network.alone:
            raise Refusal(
                "this network sees the views of a scene together; pass a list of them, which may be one: model.predict_views([…])."
            )
        if network.inputs == PROMPTED:
            *pictures, prompts = _with_prompts(pictures)  # type: ignore[assignment]
        elif len(network.inputs) > 1:
            return _predict_pair(network, pictures, size)
        else:
            prompts = []
        if len(pictures) != 1:
            raise Refusal(f"this network looks at one picture at a time, and {len(pictures)} were given; pass a list of them.")
        way = Pass(network, size, mirror, focal)
        if is_list := are_several(pictures[0]):
            found = _predict_several(way, pictures[0], prompts)
        else:
            shown = way.show(read_picture(pictures[0]), prompts[0] if prompts else None)
            found = [way.restore(shown, *way.run([shown]))]
        output = fitted_to_metres(network.config.output) if focal is not None else network.config.output
        for maps in found:
            maps[network.outputs[0]] = ShownPrediction.of(maps[network.outputs[0]], output)
        predictions = [next(iter(maps.values())) if len(maps) == 1 else maps for maps in found]
        return predictions if is_list else predictions[0]

    def predict_views(
        self,
        network: Network,
        pictures: Iterable[Picture],
        size: int | None = None,
        extrinsics: Any = None,
        intrinsics: Any = None,
    ) -> Scene:
        """One scene out of pictures of it, each as for `predict`; `size` as there.

        Networks that can be told cameras take `extrinsics`, from world to camera, and `intrinsics`, in pixels of the pictures as given: an
        array (3 or 4, 4) and an array (3, 3) for each picture.
        """
        _refuse_training(network)
        if network.framing is None:
            raise Refusal(
                "this network looks at each picture by itself, and makes no scene of several; call model.predict with a list of them."
            )
        views_given = list(pictures) if are_several(pictures) else []
        if len(views_given) < network.fewest_views:
            raise Refusal(
                f"this network makes a scene of {network.fewest_views} pictures or more; pass a list of them: model.predict_views([…])."
            )
        image, weight = network.config.image, next(network.parameters())
        views = framed(network.framing, [read_picture(picture) for picture in views_given], image, size)
        inputs = [normalised(view.pixels.astype(np.float32), image).to(weight.device, weight.dtype) for view in views]
        cameras = known_cameras(network, views, extrinsics, intrinsics)
        with torch.inference_mode(), network.exactly():
            seen = network.scene(inputs, **{name: torch.from_numpy(given).to(weight.device) for name, given in cameras.items()})
        return Scene(tuple(SceneView.of(view, one) for view, one in zip(views, seen, strict=True)))

    def predict_video(self, network: Network, frames: Any, **options: Any) -> Prediction:
        """All of `stream_video`, as one array."""
        predictions = list(self.stream_video(network, frames, **options))
        if not predictions:
            raise Refusal("there is no frame in the film.")
        return np.stack(predictions)

    def stream_video(self, network: Network, frames: Any, *, size: int | None = None, **options: Any) -> Iterator[Prediction]:
        """A prediction for every frame of a film, in order, while no more than a window or two of it is held.

        A network that looks across frames is shown windows of 32, which are joined as its original joins them; any other sees every frame alone.
        `frames` is uint8 (frames, height, width, 3), anything else that gives one picture after another, or the path of a video. Options are
        those of `predict`.
        """
        _refuse_training(network)
        if isinstance(frames, (str, Path)):
            frames = open_video(Path(frames))
        if isinstance(network, FilmDPT):
            if options.get("focal") is not None:
                raise Refusal("this network's depth does not depend on the focal length; leave it out.")
            return depth_of_film(network, frames, size)
        if len(network.inputs) > 1:
            raise Refusal(
                f"this network takes {' and '.join(network.inputs)} together, and not a film, whose frames have nothing beside them."
            )
        return (main_map(self.predict(network, frame, size=size, **options)) for frame in frames)

    def optimize(self, network: AnyNetwork, *sizes: tuple[int, int], batch: int = 1) -> AnyNetwork:
        """The same network, prepared for many images of few sizes."""
        return optimized(network, sizes, batch)

    def to_metres(self, network: Network, prediction: Prediction, known: Known | None = None) -> Prediction:
        """A prediction in metres: unchanged from a metric model, fitted to two or more known distances {(x, y): metres} from a relative one."""
        return metres.to_metres(prediction, network.config.output, known)


def with_predict(network: AnyNetwork) -> AnyNetwork:
    """The same network, which from now on takes pictures too."""
    network.predictor = Predictor()
    return network


def main_map(prediction: Prediction | Predictions) -> Prediction:
    """What `config.output` describes: of several outputs the first."""
    return next(iter(prediction.values())) if isinstance(prediction, dict) else prediction


def _refuse_training(network: Network) -> None:
    if network.training:
        raise Refusal("the network is in training mode, where predicting would change its statistics; call model.eval() first.")


def _with_prompts(given: Sequence[Any]) -> tuple[Any, list[Metres]]:
    """The picture, or the list of them, and as many prompts."""
    if len(given) != 2 or given[1] is None:
        raise Refusal(
            f"this network looks at a picture and at a prompt, a map of measured depth, and {len(given)} were given: call model.predict(picture, prompt), "
            "or pass --prompt."
        )
    pictures, prompts = (list[Any](one) if are_several(one) else one for one in given)
    if isinstance(pictures, list) != isinstance(prompts, list) or (isinstance(pictures, list) and len(pictures) != len(prompts)):
        raise Refusal("a list of pictures needs a list of as many prompts, and a picture one prompt.")
    return pictures, [read_prompt(prompt) for prompt in (prompts if isinstance(prompts, list) else [prompts])]


def _predict_several(way: Pass, pictures: Iterable[Picture], prompts: list[Metres]) -> list[Predictions]:
    """In their own order; what is read, prepared and brought back to size by several threads shares batches between."""
    found: dict[int, Predictions] = {}
    steps: Steps[tuple[int, Picture], Shown, Seen, Predictions] = Steps(
        prepare=lambda numbered: way.show(read_picture(numbered[1]), prompts[numbered[0]] if prompts else None),
        alike=lambda shown: shown.alike,
        together=way.together,
        pass_on=way.run,
        finish=lambda _, shown, seen: way.restore(shown, seen),
    )
    for (number, _), result in flow(enumerate(pictures), steps):
        if isinstance(result, Exception):
            raise result
        found[number] = result
    return [found[number] for number in sorted(found)]


def _predict_pair(network: Network, pictures: Sequence[Picture], size: int | None) -> tuple[View, ...]:
    """Points of both views in the frame of the first, as the network gives them."""
    if len(pictures) != len(network.inputs):
        raise Refusal(
            f"this network looks at two pictures of a scene at once, and {'one was' if len(pictures) == 1 else f'{len(pictures)} were'} given; "
            f"call model.predict({', '.join(network.inputs)}), or model.predict_views for any number."
        )
    image, weight = network.config.image, next(network.parameters())
    seen = [cropped(read_picture(picture), image, size).pixels for picture in pictures]
    inputs = [normalised(picture.astype(np.float32), image)[None].to(weight.device, weight.dtype) for picture in seen]
    with torch.inference_mode():
        maps = {name: restored(network, name, found[0], (0, 0)) for name, found in named_maps(network, *inputs).items()}
    kind: Any = DescribedView if "desc_1" in maps else View
    outputs = [[maps[name] for name in network.outputs if name.endswith(f"_{number}")] for number in (1, 2)]
    return tuple(kind(picture, *found) for picture, found in zip(seen, outputs, strict=True))
