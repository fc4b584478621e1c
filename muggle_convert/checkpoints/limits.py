"""How much a file from a stranger may make the reader do."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Bounds that keep reading under 200 MiB and a few seconds, whatever the file says; callers that trust a file can raise them."""

    output_bytes: int = 64 << 30  # all tensors together, as they would be written
    pickle_bytes: int = 16 * MIB  # one pickle; a checkpoint of 400 tensors has about 50 kB
    pickle_steps: int = 750_000  # opcodes of one pickle; a checkpoint of 400 tensors has about 12,000
    graph_fields: int = 500_000  # of an ONNX file; a network of 24 blocks has about 30,000
    header_bytes: int = 4 * MIB  # the JSON of a safetensors file or an index
    sidecar_bytes: int = 1 * MIB  # the JSON of a config.json or a preprocessor_config.json
    records: int = 50_000  # entries of a zip archive, tensors of a safetensors file
    tensors: int = 10_000  # of one model; the largest known has about 1,000
    name_length: int = 256  # characters of a tensor's name, which every family of networks tries to parse
    held_bytes: int = 96 * MIB  # of one tensor that is not stored in order, which has to be reordered in memory
    inflation: int = 100  # inflated bytes for each byte of a file, beyond the allowance for small files
    inflation_allowance: int = 64 * MIB


DEFAULT_LIMITS = Limits()
