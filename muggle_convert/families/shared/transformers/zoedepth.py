"""ZoeDepth in transformers: a BeitBackbone under ZoeDepthForDepthEstimation, with bins for one kind of place or for two."""

from __future__ import annotations

from typing import Any

from model_defs.config import PLACES, BEiTConfig, DPTConfig, MetricBinsHeadConfig, RoutedMetricBinsHeadConfig
from muggle_convert.families.shared.family import Transformers
from muggle_convert.families.shared.transformers.beit import VERSION_4, VERSION_5, backbone_config
from muggle_convert.families.shared.transformers.neck import NECK_RULES, decoder_config, never_run, require
from muggle_convert.rules import Row, Rule, RuleSet, convolution, rename, stack, unread

_CORE, _METRIC = "core.core.", "metric_head."


def _layers(original: str, here: str) -> Rule:
    return rename(f"{_METRIC}{original}{{i+1}}.{{p:parameter}}", f"bins.{here}.{{2*i}}.{{p:parameter}}")


def _bins(place: str, here: str) -> tuple[Rule, ...]:
    return (
        _layers(f"seed_bin_regressor{'s' if place else ''}{place}.conv", f"{here}.seed"),
        _layers(f"attractors{place}.{{n}}.conv", f"{here}.attractors.{{n}}"),
        rename(
            f"{_METRIC}conditional_log_binomial{place}.mlp.{{2*i}}.{{p:parameter}}", f"bins.{here}.distribution.{{2*i}}.{{p:parameter}}"
        ),
    )


_EMBEDDINGS = (
    rename(_METRIC + "conv2.{p:parameter}", "bins.bottleneck.{p:parameter}"),
    _layers("seed_projector.conv", "seed_embedding"),
    _layers("projectors.{n}.conv", "path_embeddings.{n}"),
)
_LAYER, _BLOCK = _METRIC + "patch_transformer.transformer_encoder.{n}", "bins.router.blocks.{n}"
_ROUTER = (
    rename(_METRIC + "patch_transformer.embedding_convPxP.{p:parameter}", "bins.router.patch_embed.{p:parameter}"),
    stack(
        [f"{_LAYER}.self_attn.{part}.{{p:parameter}}" for part in ("query", "key", "value")],
        _BLOCK + ".attn.qkv.{p:parameter}",
        parts=(0, 1, 2),
    ),
    rename(_LAYER + ".self_attn.out_proj.{p:parameter}", _BLOCK + ".attn.proj.{p:parameter}"),
    rename(_LAYER + ".linear{i+1}.{p:parameter}", _BLOCK + ".mlp.{2*i}.{p:parameter}"),
    rename(_LAYER + ".norm{i+1}.{p:parameter}", _BLOCK + ".norm{i+1}.{p:parameter}"),
    _layers("mlp_classifier.linear", "router.classifier"),
)
_LAST = "head.proj_1ch.2"
_NEVER_RUN = unread(
    "the bins for several places read the features of relative depth, which itself is never made", _CORE + "scratch.output_conv.4"
)
_FOR_ONE = (rename("relative_head.conv3.{p:parameter}", _LAST + ".{p:parameter}"), *_bins("", "everywhere"))
_FOR_SEVERAL: tuple[Row, ...] = (
    *convolution("relative_head.conv3", _NEVER_RUN, 1, "head.projection_width", 1),
    *_ROUTER,
    *_bins(".{w:nyu|kitti}", "places.{w:nyu|kitti}"),
)


def _layouts(name: str, encoder: tuple[Rule, ...]) -> dict[str, RuleSet]:
    head = (
        rename("relative_head.conv1.{p:parameter}", "head.spatial_upsampler.0.{p:parameter}"),
        rename("relative_head.conv2.{p:parameter}", "head.proj_1ch.0.{p:parameter}"),
    )
    body = (*encoder, *NECK_RULES, *never_run(_CORE), *head, *_EMBEDDINGS)
    return {name: RuleSet(body, _FOR_ONE), f"{name} routed": RuleSet(body, _FOR_SEVERAL)}


def _config(config: DPTConfig, encoder: BEiTConfig) -> dict[str, Any]:
    head = config.head
    assert isinstance(head, MetricBinsHeadConfig)
    is_routed = isinstance(head, RoutedMetricBinsHeadConfig)
    width, told = head.embedding_width, head.projection_width + (not is_routed)
    hidden = (
        {"embedding_hidden_width": width // 2, "seed_width": width // 2}
        if is_routed
        else {"embedding_hidden_width": 128, "seed_width": 256}
    )
    hidden["distribution_width"] = (told + width) // (4 if is_routed else 2)
    hidden["upsampler_width"] = config.fusion.widths[0] // 2
    for name, expected in hidden.items():
        require(getattr(head, name) == expected, f"a {name} of {expected}, not {getattr(head, name)}")
    attractors = [channels // (2 if head.centres == "normed" else 1) for channels in head.attractor_channels]
    return {
        "architectures": ["ZoeDepthForDepthEstimation"],
        "model_type": "zoedepth",
        "backbone_config": backbone_config(config, encoder),
        **decoder_config(config),
        "bin_centers_type": head.centres,
        "bin_configurations": _bin_configurations(config, head),
        "bin_embedding_dim": width,
        "bottleneck_features": config.fusion.widths[-1],
        "hidden_act": "gelu",
        "neck_hidden_sizes": list(config.reassemble.features),
        "num_attractors": attractors,
        "num_relative_features": head.projection_width,
        "readout_type": config.reassemble.readout,
        "reassemble_factors": [4, 2, 1, 0.5],
        "use_batch_norm_in_fusion_residual": config.fusion.batch_norm,
        "use_bias_in_fusion_residual": config.fusion.bias,
        **(_router_config(head, attractors) if isinstance(head, RoutedMetricBinsHeadConfig) else {}),
    }


def _bin_configurations(config: DPTConfig, head: MetricBinsHeadConfig) -> list[dict[str, Any]]:
    nearest = {"min_depth": 0.001, "n_bins": head.bins}
    if isinstance(head, RoutedMetricBinsHeadConfig):
        return [{**nearest, "name": name, "max_depth": max_depth} for name, max_depth in PLACES.items()]
    return [{**nearest, "max_depth": config.output.max_depth}]


def _router_config(head: RoutedMetricBinsHeadConfig, attractors: list[int]) -> dict[str, Any]:
    router = head.router
    require(
        all(count == 16 for count in attractors),
        f"sixteen attractors for each path where there are bins for several places, not {attractors}",
    )
    require(router.depth == 4, f"a router of four blocks, not {router.depth}")
    require(router.width == router.classifier_width == 128, f"a router of 128 features, not {router.width} and {router.classifier_width}")
    return {
        "num_patch_transformer_layers": router.depth,
        "patch_transformer_hidden_size": router.width,
        "patch_transformer_intermediate_size": router.mlp_width,
        "patch_transformer_num_attention_heads": router.heads,
    }


TRANSFORMERS = Transformers({**_layouts("transformers", VERSION_4), **_layouts("transformers 5", VERSION_5)}, _config)
