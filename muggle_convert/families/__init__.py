"""The families this version knows; the order says nothing."""

from muggle_convert.families.depth_anything import DEPTH_ANYTHING_V1, DEPTH_ANYTHING_V2
from muggle_convert.families.family import Family

FAMILIES: tuple[Family, ...] = (
    DEPTH_ANYTHING_V1,
    DEPTH_ANYTHING_V2,
)

BY_NAME = {family.name: family for family in FAMILIES}
