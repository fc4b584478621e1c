"""What each kind of prediction means. A new kind takes one row here; whatever predicts, draws, writes, evaluates or describes goes by its fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from model_defs.config import OutputConfig

if TYPE_CHECKING:
    import numpy.typing as npt

Prediction: TypeAlias = "npt.NDArray[Any]"  # for one picture, usually (height, width)


@dataclass(frozen=True)
class Format:
    """What `depth --format` writes."""

    suffix: str  # of its files
    has_numbers: bool = False  # the prediction can be read back from it
    has_picture: bool = False  # it holds the colours of the picture too
    has_camera: bool = False  # what the camera saw makes a difference
    makes_films: bool = False  # its pictures, one for each frame, make a film


FORMATS: Mapping[str, Format] = {
    "png": Format(".png", makes_films=True),
    "npy": Format(".npy", has_numbers=True),
    "npz": Format(".npz", has_numbers=True),
    "png16": Format(".png", has_numbers=True),
    "exr": Format(".exr", has_numbers=True),
    "ply": Format(".ply", has_picture=True, has_camera=True),
    "ply-mesh": Format(".ply", has_picture=True, has_camera=True),
    "glb": Format(".glb", has_picture=True, has_camera=True),
    "normals": Format(".png", has_camera=True, makes_films=True),
    "stereo": Format(".png", has_picture=True, makes_films=True),
    "anaglyph": Format(".png", has_picture=True, makes_films=True),
    "html": Format(".html", has_picture=True, has_camera=True),
}


@dataclass(frozen=True)
class Distance:
    """How numbers tell near from far: they are depth or inverse depth, in metres or up to an unknown scale and shift."""

    is_inverse: bool
    in_metres: bool


@dataclass(frozen=True)
class Kind:
    """One kind of prediction. Sentence and paragraph may name {channels}, {up_to} and {range}."""

    unit: str  # for legends and files
    sentence: str  # for `inspect`
    paragraph: str  # for the model card
    formats: tuple[str, ...] = tuple(FORMATS)  # that can hold it
    distance: Distance | None = None  # None: it says nothing about distance
    at_focal: float | None = None  # pixels of the network's input; its numbers are metres for this focal length, and grow with any other
    has_classes: bool = False  # the network scores classes, and the prediction is the number of the best one
    is_resized: bool = True  # brought back to the size of the picture; otherwise left as the network returns it
    pipeline: str = "depth-estimation"  # the Hub's name for the task
    tags: tuple[str, ...] = ()  # for those who search the Hub
    limits: tuple[str, ...] = ()  # for the model card: what the numbers are not; a sentence may name {bound}
    example: str = 'depth = model.predict("photo.jpg")  # of the picture\'s own size'  # for the model card

    @property
    def can_be_fitted(self) -> bool:
        """Whether known distances turn it into metres."""
        return self.distance is not None and not self.distance.in_metres


METRES = Distance(is_inverse=False, in_metres=True)
ONE_PICTURE = (
    "It goes by what things look like. Mirrors, glass, screens, pictures of pictures, plain walls and sky may get any depth, and nothing in the "
    "prediction says where it is wrong: where somebody could be harmed, measure."
)
NO_DISTANCE = (
    "It is no distance. Scale and shift differ from picture to picture, so numbers of two pictures cannot be compared, and twice the number is not half "
    "or twice as far."
)
SCENE = (
    "The pictures have to overlap and to show the same things at rest; what moved between them, mirrors and glass become points that are nowhere. "
    "Confidence is a hint of that, and no measure of error: where somebody could be harmed, measure."
)
KINDS: Mapping[str, Kind] = {
    "relative inverse depth": Kind(
        unit="relative inverse depth, without a unit",
        sentence="relative inverse depth: larger is nearer, without a unit",
        paragraph="Relative inverse depth: larger is nearer. There is no unit; for each picture, an unknown scale and an unknown shift lie "
        "between these numbers and one over metres. With two known distances in the picture, `model.to_metres` finds both.",
        distance=Distance(is_inverse=True, in_metres=False),
        tags=("depth", "relative-depth"),
        limits=(NO_DISTANCE, ONE_PICTURE),
    ),
    "relative depth": Kind(
        unit="relative depth, without a unit",
        sentence="relative depth: larger is farther, without a unit",
        paragraph="Relative depth: larger is farther. There is no unit; for each picture, an unknown scale and an unknown shift lie between "
        "these numbers and metres. With two known distances in the picture, `model.to_metres` finds both.",
        distance=Distance(is_inverse=False, in_metres=False),
        tags=("depth", "relative-depth"),
        limits=(NO_DISTANCE, ONE_PICTURE),
    ),
    "canonical depth": Kind(
        unit="metres x 300 / focal length",
        sentence="depth for a focal length of 300 pixels: metres once the camera's own is known",
        paragraph="Depth for a camera whose focal length is 300 pixels of the network's input. Times your camera's, over 300, it is metres: "
        '`model.predict("photo.jpg", focal=1500)` takes the focal length in pixels of the picture, which is never assumed.',
        distance=Distance(is_inverse=False, in_metres=False),
        at_focal=300.0,
        tags=("depth", "metric-depth"),
        limits=(
            "Without the focal length it is no distance. A picture that was cropped or scaled has another one, in pixels, than the camera's data says.",
            ONE_PICTURE,
        ),
    ),
    "metric depth": Kind(
        unit="metres",
        sentence="depth in metres{up_to}",
        paragraph="Depth in metres{range}, as trained; how accurate it is depends on how similar your camera and scenes are to those of the "
        "training.",
        distance=METRES,
        tags=("depth", "metric-depth"),
        limits=(
            "Metres are guessed from what things look like: another lens, a zoom, a crop, or scenes unlike those of the training change all of them "
            "together, without a sign.",
            "Whatever is farther than {bound} m is predicted nearer.",
            ONE_PICTURE,
        ),
    ),
    "classes": Kind(
        unit="classes",
        sentence="scores of {channels} classes",
        paragraph="Scores of {channels} classes for each pixel; the class with the highest score is the prediction.",
        formats=("png", "npy", "npz", "png16"),
        has_classes=True,
        limits=("Every pixel gets one of the classes, also where it shows none of them.",),
        pipeline="image-segmentation",
        example='classes = model.predict("photo.jpg")  # of the picture\'s own size',
    ),
    "channels": Kind(
        unit="channels, without a unit",
        sentence="{channels} channels for each pixel",
        paragraph="{channels} channels for each pixel, as the fine-tune was trained to give.",
        formats=("npy", "npz"),
        limits=("What each channel means is known to whoever trained it, and not to the file.",),
    ),
    "points": Kind(
        unit="points, without a unit",
        sentence="points of views in the frame of the first, without a unit, and a confidence for each",
        paragraph="A point in space for each pixel of every view, in the frame of the first view's camera and without a unit, and a "
        "confidence of 1 or more.",
        limits=(
            "There is no unit: how large the scene is cannot be read from it, and differs from one set of pictures to another.",
            SCENE,
        ),
        formats=(),  # all pictures become one file, which `predict.cloud` writes
        is_resized=False,
        pipeline="image-to-3d",
        example='scene = model.predict_views(["left.jpg", "right.jpg"])  # points, depth, confidence and a camera for each view',
    ),
    "metric points": Kind(
        unit="points in metres",
        sentence="points of two views in the frame of the first, in metres, and a confidence for each",
        paragraph="A point in space for each pixel of both views, in the frame of the first view's camera and in metres, and a confidence of 1 or "
        "more.",
        limits=(
            "Metres are guessed from what things look like: other lenses or scenes unlike those of the training change all of them together, without a sign.",
            SCENE,
        ),
        formats=(),
        is_resized=False,
        pipeline="image-to-3d",
        example='scene = model.predict_views(["left.jpg", "right.jpg"])  # points, depth, confidence and a camera for each view',
    ),
}


def kind_of(output: OutputConfig) -> Kind:
    return KINDS[output.kind]


def fitted_to_metres(output: OutputConfig) -> OutputConfig:
    """What a prediction means once known distances have turned it into metres."""
    return replace(output, kind="metric depth")


def farthest(output: OutputConfig) -> float:
    """The largest depth in metres that a model can predict; infinite where its configuration sets no bound."""
    if output.max_depth is not None:
        return output.max_depth
    return 1 / output.shift if output.invert and output.shift else float("inf")


def sentence_about(output: OutputConfig, channels: int) -> str:
    return _filled(kind_of(output).sentence, output, channels)


def paragraph_about(output: OutputConfig, channels: int) -> str:
    return _filled(kind_of(output).paragraph, output, channels)


def limits_of(output: OutputConfig) -> list[str]:
    """What the numbers are not."""
    bound = farthest(output)
    return [limit.format(bound=f"{bound:g}") for limit in kind_of(output).limits if bound < float("inf") or "{bound}" not in limit]


def _filled(template: str, output: OutputConfig, channels: int) -> str:
    bound = f"{output.max_depth:g}" if output.max_depth else ""
    return template.format(channels=channels, up_to=bound and f", up to {bound}", range=bound and f", from 0 to {bound}")
