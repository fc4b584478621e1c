"""What the families share that make metres of a relative network's inner maps: the tables of their bins, and what no tensor tells of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from model_defs.config import PLACES, DPTConfig, HeadResize, MetricBinsHeadConfig, OutputConfig, RoutedMetricBinsHeadConfig, RouterConfig
from muggle_convert.errors import Refusal
from muggle_convert.families.shared.evidence import Source, Told
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.settings import Setting, one_of, positive_number
from muggle_convert.rules import Row, convolution, derivable, each, given, linear, norm, tensor
from muggle_convert.rules.sizes import Size

if TYPE_CHECKING:
    import numpy as np

COARSEST, EMBEDDING = "fusion.widths[3]", "head.embedding_width"
RELEASED: Mapping[tuple[int, ...], str] = {
    **dict.fromkeys([(16, 8, 4, 1), (16, 16, 16, 16)], "softplus"),
    **dict.fromkeys([(32, 16, 8, 2), (32, 32, 32, 32)], "normed"),
}


def _pixelwise(original: str, here: str, outputs: Size, hidden: Size, inputs: Size) -> tuple[Row, ...]:
    """Two layers on each pixel."""
    return (*convolution(f"{original}.0", f"{here}.0", hidden, inputs, 1), *convolution(f"{original}.2", f"{here}.2", outputs, hidden, 1))


def _numbers_of_bins(config: Any, fields: Mapping[str, int]) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.arange(config.head.bins).reshape(1, -1, 1, 1)


def _last_bin(config: Any, fields: Mapping[str, int]) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.full((1, 1, 1, 1), config.head.bins - 1, np.float32)


def _bins(place: str, here: str, told: str) -> tuple[Row, ...]:
    """Those for one kind of place, which has a prefix of its own in the original's names; `told` is what the head tells them."""
    weighing = f"conditional_log_binomial{place}"
    return (
        *_pixelwise(f"seed_bin_regressor{'s' if place else ''}{place}._net", f"{here}.seed", "head.bins", "head.seed_width", COARSEST),
        each(
            "n",
            4,
            _pixelwise(f"attractors{place}.{{n}}._net", f"{here}.attractors.{{n}}", "head.attractor_channels[n]", EMBEDDING, EMBEDDING),
        ),
        *_pixelwise(f"{weighing}.mlp", f"{here}.distribution", 4, "head.distribution_width", f"{told} + {EMBEDDING}"),
        derivable(f"{weighing}.log_binomial_transform.k_idx", "the numbers of the bins", _numbers_of_bins, (1, "head.bins", 1, 1)),
        derivable(f"{weighing}.log_binomial_transform.K_minus_1", "the number of the last bin", _last_bin, (1, 1, 1, 1)),
    )


EMBEDDINGS: tuple[Row, ...] = (
    *convolution("conv2", "bins.bottleneck", COARSEST, COARSEST, 1),
    *_pixelwise("seed_projector._net", "bins.seed_embedding", EMBEDDING, "head.embedding_hidden_width", COARSEST),
    each(
        "n",
        4,
        _pixelwise(
            "projectors.{n}._net", "bins.path_embeddings.{n}", EMBEDDING, "head.embedding_hidden_width", "fusion.widths[max(2 - n, 0)]"
        ),
    ),
)
_LAYER, _BLOCK = "patch_transformer.transformer_encoder.layers.{n}", "bins.router.blocks.{n}"
_WIDTH, _HIDDEN, _CLASSIFIER = "head.router.width", "head.router.mlp_width", "head.router.classifier_width"
_ROUTER: tuple[Row, ...] = (
    *convolution("patch_transformer.embedding_convPxP", "bins.router.patch_embed", _WIDTH, COARSEST, 1),
    each(
        "n",
        "head.router.depth",
        tensor(_LAYER + ".self_attn.in_proj_weight", _BLOCK + ".attn.qkv.weight", "3*head.router.width", _WIDTH),
        tensor(_LAYER + ".self_attn.in_proj_bias", _BLOCK + ".attn.qkv.bias", "3*head.router.width"),
        linear(_LAYER + ".self_attn.out_proj", _BLOCK + ".attn.proj", _WIDTH, _WIDTH),
        linear(_LAYER + ".linear1", _BLOCK + ".mlp.0", _HIDDEN, _WIDTH),
        linear(_LAYER + ".linear2", _BLOCK + ".mlp.2", _WIDTH, _HIDDEN),
        norm(_LAYER + ".norm{i:1|2}", _BLOCK + ".norm{i:1|2}", _WIDTH),
    ),
    *linear("mlp_classifier.0", "bins.router.classifier.0", _CLASSIFIER, _WIDTH),
    *linear("mlp_classifier.2", "bins.router.classifier.2", 2, _CLASSIFIER),
)

BINS = given("head.kind", "metric bins", _bins("", "bins.everywhere", "head.projection_width + 1"))
ROUTED_BINS = given(
    "head.kind", "routed metric bins", _ROUTER, _bins(".{w:nyu|kitti}", "bins.places.{w:nyu|kitti}", "head.projection_width")
)


def compose_bins(reading: Reading, resize: HeadResize, named: Told[str] | None = None) -> MetricBinsHeadConfig:
    """The head; `named` is how files that were published under this name keep the centres of their bins."""
    kind = MetricBinsHeadConfig.kinds[reading.value("head.kind")]
    more: dict[str, Any] = {}
    if kind is RoutedMetricBinsHeadConfig:
        heads = reading.convention("head.router.heads", 4, "the router of the released model has four heads, whatever its width")
        more["router"] = reading.compose(RouterConfig, "head.router", heads=heads)
    head: MetricBinsHeadConfig = reading.compose(kind, "head", resize=resize, centres=_told_centres(reading, named), **more)
    return reading.rest("head", head, Source.CONVENTION, "how this family's code runs")


def _told_centres(reading: Reading, named: Told[str] | None) -> str:
    path, channels = "head.centres", tuple(reading.value("head.attractor_channels"))
    if (told := reading.told("bins", CENTRES)) is not None:
        _check_centres(channels, told.value)
        return str(reading.heard(told, path, told.value))
    if any(count % 2 for count in channels):
        return reading.note(path, "softplus", Source.SHAPE, f"attractors of {list(channels)} channels; normed ones have two each")
    if channels in RELEASED:
        return reading.convention(path, RELEASED[channels], f"released models with attractors of {list(channels)} channels have these")
    if named is not None:
        return reading.heard(named, path, named.value)
    raise Refusal(
        f"{reading.file} has attractors of {list(channels)} channels, and no tensor tells whether each attractor has one of them or two: "
        "pass --set bins=softplus or --set bins=normed."
    )


def _check_centres(channels: tuple[int, ...], centres: str) -> None:
    if centres == "normed" and any(count % 2 for count in channels):
        raise Refusal(f"bins=normed does not fit: normed attractors have two channels each, and these have {list(channels)}.")


def told_metres(reading: Reading, released: re.Pattern[str], reach: Mapping[str, float], advice: str, **more: Any) -> OutputConfig:
    """How far depths reached in training: bins for several places tell it, and else the word for `place` in the released name, or a flag."""
    path = "output.max_depth"
    told = reading.clue("max_depth", released)
    if told is not None and isinstance(told.value, re.Match):
        place = told.value["place"].lower()
        told = Told(reach[place], told.evidence) if place in reach else None
    if told is not None:
        max_depth = reading.heard(told, path, RANGE.parse(told.value))
    elif reading.value("head.kind") == "routed metric bins":
        max_depth = reading.convention(path, max(PLACES.values()), f"the bins for {' and for '.join(PLACES)}")
    else:
        raise Refusal(f"{reading.file} is metric, and no tensor tells up to which depth: {advice}.")
    return OutputConfig(kind="metric depth", activation="none", max_depth=max_depth, **more)


def _apply_range(config: DPTConfig, max_depth: float) -> DPTConfig:
    return replace(config, output=replace(config.output, max_depth=max_depth))


def _apply_centres(config: DPTConfig, centres: Any) -> DPTConfig:
    assert isinstance(config.head, MetricBinsHeadConfig)
    _check_centres(config.head.attractor_channels, centres)
    return replace(config, head=replace(config.head, centres=centres))


RANGE = Setting("how far depths reached in training, in metres, such as 10 or 80", positive_number, _apply_range)
CENTRES = Setting("whether the centres of bins are unbounded or normed: softplus or normed", one_of("softplus", "normed"), _apply_centres)
