"""The decoder of the originals as tables: what their `scratch` holds, and reassembly from tokens."""

from __future__ import annotations

from model_defs.config import SCALES, FusionConfig, FusionResize, HeadConfig, HeadResize
from muggle_convert.families.shared.evidence import Source
from muggle_convert.families.shared.reading import Reading
from muggle_convert.rules import Row, batch_norm, convolution, each, given, optional, unread
from muggle_convert.rules.layers import Here
from muggle_convert.rules.sizes import Size
from muggle_convert.rules.templates import Template

CLASSIFIER = "the classifier of the encoder's own training"  # why many files hold more than a network for depth reads
KERNELS = {"spatial_upx4": 4, "spatial_upx2": 2, "spatial_downx2": 3}  # of the convolutions that bring tokens to their scale


def scratch(inputs: Size, scales: int = 4) -> tuple[Row, ...]:
    """All of the originals' `scratch` but the head: projections of maps of some width, and their fusion."""
    return fused(inputs, scales), *fusion(scales), fusion_projections(scales)


def fused(inputs: Size, scales: int = 4) -> Row:
    """The projections into the fusion, `scratch.layer1_rn` and so on, from maps of some width."""
    words = "|".join(map(str, range(1, scales + 1)))
    layer = convolution(f"scratch.layer{{s:{words}}}_rn", "reassemble.{s:scale}.fuse_proj", "fusion.widths[s]", inputs, 3, bias=False)
    return each("s", scales, layer)


def fusion(scales: int = 4) -> tuple[Row, ...]:
    """`scratch.refinenet1` and so on, whose numbers begin with one at the finest scale; the coarsest has no path to join."""
    never_run = unread("the coarsest fusion block has no path to join, so this unit never runs")
    return (
        *fusion_units(scales),
        *_residual_unit(f"scratch.refinenet{scales}.resConfUnit1", never_run, f"fusion.widths[{scales - 1}]"),
    )


def fusion_units(scales: int = 4, suffix: str = "", here: str = "fusion") -> tuple[Row, ...]:
    """The residual units that run; a second fusion beside the first has a suffix to its names."""
    finer = "|".join(map(str, range(1, scales)))
    joined, refined = f"{here}.blocks.{{n}}.conv_reassembly", f"{here}.blocks.{{n}}.scale_proj_seq.0"
    return (
        each("n", scales - 1, _residual_unit(f"scratch.refinenet{{n:{finer}}}{suffix}.resConfUnit1", joined, "fusion.widths[n]")),
        each("n", scales, _residual_unit(f"scratch.refinenet{{n+1}}{suffix}.resConfUnit2", refined, "fusion.widths[n]")),
    )


def fusion_projections(scales: int = 4, suffix: str = "", here: str = "fusion") -> Row:
    """From the width of each fusion block to that of the next finer one."""
    names = f"scratch.refinenet{{n+1}}{suffix}.out_conv", f"{here}.blocks.{{n}}.scale_proj_seq.2"
    return each("n", scales, convolution(*names, "fusion.widths[max(n - 1, 0)]", "fusion.widths[n]", 1))


def _residual_unit(original: str, here: Here, width: Size) -> tuple[Row, ...]:
    layer, norm = (here, here) if not isinstance(here, str) else (f"{here}.resconv_seq.{{i:1|3}}", f"{here}.resconv_seq.{{i:1|3}}.norm")
    return (
        *convolution(f"{original}.conv{{i:1|2}}", layer, width, width, 3, bias="fusion.bias"),
        optional("fusion.batch_norm", batch_norm(f"{original}.bn{{i:1|2}}", norm, width)),
    )


def enlarged(original: str, first: int = 0) -> tuple[Row, ...]:
    """The convolutions that bring projected tokens to each scale from the `first` on, under names that count the scales as {s}."""
    rows: list[Row] = []
    for number, scale in enumerate(SCALES[first:], first):
        if scale in KERNELS:  # one scale is that of the tokens
            name, features = Template(original).write({"s": number}), f"reassemble.features[{number - first}]"
            rows += convolution(name, f"reassemble.{scale}.resample.1", features, features, KERNELS[scale])
    return tuple(rows)


def depth_head(first: str, second: str, third: str, inputs: Size = "fusion.widths[0]", kind: str = "depth") -> Row:
    return given("head.kind", kind, head_features(first, second, inputs), head_projection(third))


def head_features(first: str, second: str, inputs: Size = "fusion.widths[0]") -> tuple[Row, ...]:
    return (
        *convolution(first, "head.spatial_upsampler.0", "head.upsampler_width", inputs, 3),
        *convolution(second, "head.proj_1ch.0", "head.projection_width", "head.upsampler_width", 3),
    )


def head_projection(original: str, here: Here = "head.proj_1ch.2") -> tuple[Row, ...]:
    return convolution(original, here, "head.channels", "head.projection_width", 1)


def compose_fusion(reading: Reading, resize: FusionResize) -> FusionConfig:
    return reading.compose(FusionConfig, "fusion", resize=reading.convention("fusion.resize", resize, "how this family's code runs"))


def compose_head(reading: Reading, resize: HeadResize) -> HeadConfig:
    kind = HeadConfig.kinds[reading.value("head.kind")]
    head: HeadConfig = reading.compose(kind, "head", resize=reading.convention("head.resize", resize, "how this family's code runs"))
    return head


def told_readout(reading: Reading) -> str:
    """`project` where there is something to project with; what else there may be, no tensor tells."""
    path = "reassemble.readout"
    if path in reading.measured.values:
        return str(reading.measured.values[path])
    missing = "reassemble.spatial_downx2.readout_proj.weight"
    return reading.note(path, "ignore", Source.SHAPE, f"there is no {reading.called(missing)}")
