"""The families this version knows; the order says nothing."""

from typing import Any

from muggle_convert.families.depth_anything import DEPTH_ANYTHING_V1, DEPTH_ANYTHING_V2
from muggle_convert.families.dpt_beit import DPT_BEIT
from muggle_convert.families.dpt_hybrid import DPT_HYBRID
from muggle_convert.families.dpt_levit import DPT_LEVIT
from muggle_convert.families.dpt_next_vit import DPT_NEXT_VIT
from muggle_convert.families.dpt_swin import DPT_SWIN
from muggle_convert.families.dpt_swin2 import DPT_SWIN2
from muggle_convert.families.dpt_vit import DPT_VIT
from muggle_convert.families.dust3r import DUST3R
from muggle_convert.families.midas_v21 import MIDAS_V21
from muggle_convert.families.midas_v21_small import MIDAS_V21_SMALL
from muggle_convert.families.shared.family import Family

FAMILIES: tuple[Family[Any], ...] = (
    DEPTH_ANYTHING_V1,
    DEPTH_ANYTHING_V2,
    DPT_LEVIT,
    DPT_NEXT_VIT,
    DPT_VIT,
    DPT_HYBRID,
    DPT_BEIT,
    DPT_SWIN,
    DPT_SWIN2,
    MIDAS_V21,
    MIDAS_V21_SMALL,
    DUST3R,
)

BY_NAME = {family.name: family for family in FAMILIES}
