"""ZoeDepth: the DPT with BEiT of MiDaS, and bins that make metres of its inner maps; for rooms (N), for streets (K), or for both (NK)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from model_defs.config import BEiTConfig, DPTConfig, ImageConfig, MetricBinsHeadConfig
from muggle_convert.families.dpt_beit import BODY, KNOWN_TAPS
from muggle_convert.families.shared import papers
from muggle_convert.families.shared.decoder import compose_fusion, head_features, head_projection
from muggle_convert.families.shared.evidence import Source, Told
from muggle_convert.families.shared.family import Family, Glance, Released
from muggle_convert.families.shared.metric_bins import BINS, CENTRES, EMBEDDINGS, RANGE, ROUTED_BINS, compose_bins, told_metres
from muggle_convert.families.shared.published import Published
from muggle_convert.families.shared.reading import Reading
from muggle_convert.families.shared.settings import READOUT, TAPS
from muggle_convert.families.shared.timm_vit import told_reassembly, told_taps
from muggle_convert.families.shared.transformers.zoedepth import TRANSFORMERS
from muggle_convert.rules import Packing, RuleSet, given, under, unread

_BODY = under("core.core.", BODY, head_features("scratch.output_conv.0", "scratch.output_conv.2"))
_LAST = "core.core.scratch.output_conv.4"
_NEVER_RUN = unread("the bins for several places are weighed by the features of relative depth, which itself is never made")
_PACKING = Packing(wrap="model")

LAYOUTS: Mapping[str, RuleSet] = {
    "original": RuleSet(_BODY, given("head.kind", "metric bins", head_projection(_LAST)), EMBEDDINGS, BINS, packing=_PACKING),
    "routed": RuleSet(
        _BODY, given("head.kind", "routed metric bins", head_projection(_LAST, _NEVER_RUN)), EMBEDDINGS, ROUTED_BINS, packing=_PACKING
    ),
}

RELEASED = re.compile(
    r"(?:zoed_m12[-_](?=n|k)|zoedepth[-_](?=nyu|kitti))(?P<place>nyu[-_]kitti|nyu|kitti|nk|n|k)(?![a-z0-9])", re.IGNORECASE
)
REACH = {"n": 10.0, "nyu": 10.0, "k": 80.0, "kitti": 80.0}  # metres
ADVICE = "pass --set max_depth=METRES, which was 10 for rooms (N, trained with NYU) and 80 for streets (K, trained with KITTI)"


def _configure(reading: Reading) -> DPTConfig:
    encoder = reading.compose(BEiTConfig, "encoder", taps=told_taps(reading, reading.value("encoder.depth"), TAPS, KNOWN_TAPS))
    head = compose_bins(reading, "double", _named_centres(reading))
    output = told_metres(reading, RELEASED, REACH, ADVICE)
    return DPTConfig(
        family=reading.family,
        encoder=encoder,
        reassemble=told_reassembly(reading),
        fusion=compose_fusion(reading, "to next"),
        head=head,
        image=_image(reading, head),
        output=reading.rest("output", output, Source.CONVENTION, "how ZoeDepth's code ends"),
    )


def _named_centres(reading: Reading) -> Told[str] | None:
    """Of the released ones only K has normed bins."""
    named = reading.named(RELEASED)
    return None if named is None else Told("normed" if named.value["place"].lower() in ("k", "kitti") else "softplus", named.evidence)


def _image(reading: Reading, head: MetricBinsHeadConfig) -> ImageConfig:
    """Pictures are twice as wide as tall where the bins are normed, as they are in the model for streets."""
    channels = reading.value("image.channels")
    image = ImageConfig(
        channels, 384, True, "closest", 32, (0.5,) * channels, (0.5,) * channels, 768 if head.centres == "normed" else 512,
        resize="bilinear aligned", reflected=3.0, mirrored=True,
    )  # fmt: skip
    return reading.rest("image", image, Source.CONVENTION, "how ZoeDepth's own inference treats pictures")


_ALL: Mapping[str, Any] = {
    "image.channels": 3, "encoder.width": 1024, "encoder.depth": 24, "encoder.grid": (24, 24),
    "reassemble.features": (256, 512, 1024, 1024), "fusion.widths": (256,) * 4, "head.bins": 64, "head.embedding_width": 128,
}  # fmt: skip
_FOR_ONE, _URL = {**_ALL, "head.kind": "metric bins"}, "https://github.com/isl-org/ZoeDepth/releases/download/v1.0/"

PAPER = """@article{bhat2023zoedepth,
  title = {ZoeDepth: Zero-shot Transfer by Combining Relative and Metric Depth},
  author = {Bhat, Shariq Farooq and Birkl, Reiner and Wofk, Diana and Wonka, Peter and M{\\"u}ller, Matthias},
  journal = {arXiv preprint arXiv:2302.12288},
  year = {2023}
}"""

ZOEDEPTH = Family(
    name="zoedepth",
    title="ZoeDepth",
    citations=(PAPER, papers.MIDAS, papers.DPT),
    encoder=BEiTConfig,
    layouts=LAYOUTS,
    configure=_configure,
    file_names=re.compile(r"zoed(epth)?[-_]", re.IGNORECASE),
    glance=Glance(
        "blocks 5, 11, 17, 23 of 24; 2, 5, 8, 11 of 12",
        "tokens, class token projected",
        "to the next map's size; doubling; bins on every path",
        "384 × 512 or 384 × 768, closest, multiples of 32; with a margin, and mirrored",
    ),
    released=(
        Released("ZoeD_M12_N", {**_FOR_ONE, "head.centres": "softplus", "output.max_depth": 10.0}),
        Released("ZoeD_M12_K", {**_FOR_ONE, "head.centres": "normed", "output.max_depth": 80.0}),
        Released("ZoeD_M12_NK", {**_ALL, "head.kind": "routed metric bins", "head.centres": "softplus"}),
    ),
    published=(
        Published("ZoeD_M12_N", 345, "mit", "metres, rooms to 10", url=f"{_URL}ZoeD_M12_N.pt"),
        Published("ZoeD_M12_K", 345, "mit", "metres, streets to 80", url=f"{_URL}ZoeD_M12_K.pt"),
        Published("ZoeD_M12_NK", 346, "mit", "metres, rooms to 10 and streets to 80", url=f"{_URL}ZoeD_M12_NK.pt"),
        *(
            Published(f"zoedepth-{place}", 345, "mit", predicts, repository=f"Intel/zoedepth-{place}", file="model.safetensors")
            for place, predicts in {
                "nyu": "metres, rooms to 10",
                "kitti": "metres, streets to 80",
                "nyu-kitti": "metres, rooms to 10 and streets to 80",
            }.items()
        ),
    ),
    settings={"max_depth": RANGE, "bins": CENTRES, "taps": TAPS, "readout": READOUT},
    transformers=TRANSFORMERS,
)
