"""The former home of the encoders' configurations, now in `model_defs.config`; to be deleted once nothing imports it."""

from model_defs.config import (
    HYBRID_STRIDE as HYBRID_STRIDE,
)
from model_defs.config import (
    AttentionConfig as AttentionConfig,
)
from model_defs.config import (
    BEiTConfig as BEiTConfig,
)
from model_defs.config import (
    CroCoConfig as CroCoConfig,
)
from model_defs.config import (
    DINOv2Config as DINOv2Config,
)
from model_defs.config import (
    EfficientNetLiteConfig as EfficientNetLiteConfig,
)
from model_defs.config import (
    EncoderConfig as EncoderConfig,
)
from model_defs.config import (
    FullAttentionConfig as FullAttentionConfig,
)
from model_defs.config import (
    HybridConfig as HybridConfig,
)
from model_defs.config import (
    LeViTConfig as LeViTConfig,
)
from model_defs.config import (
    MemoryCompressedConfig as MemoryCompressedConfig,
)
from model_defs.config import (
    NextViTConfig as NextViTConfig,
)
from model_defs.config import (
    PerformerConfig as PerformerConfig,
)
from model_defs.config import (
    ResNeXtConfig as ResNeXtConfig,
)
from model_defs.config import (
    Swin2Config as Swin2Config,
)
from model_defs.config import (
    SwinConfig as SwinConfig,
)
from model_defs.config import (
    ViTConfig as ViTConfig,
)
