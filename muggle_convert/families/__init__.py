"""The families this version knows; the order says nothing."""

from muggle_convert.families.depth_anything import DEPTH_ANYTHING_V1, DEPTH_ANYTHING_V2
from muggle_convert.families.dpt_vit import DPT_VIT
from muggle_convert.families.family import Family
from muggle_convert.families.midas_v21 import MIDAS_V21
from muggle_convert.families.midas_v21_small import MIDAS_V21_SMALL

FAMILIES: tuple[Family, ...] = (
    DEPTH_ANYTHING_V1,
    DEPTH_ANYTHING_V2,
    DPT_VIT,
    MIDAS_V21,
    MIDAS_V21_SMALL,
)

BY_NAME = {family.name: family for family in FAMILIES}
