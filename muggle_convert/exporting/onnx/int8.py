"""Weights of matrix products in eight bits, a scale for each column; what they multiply is brought to eight bits as it comes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from muggle_convert.exporting.onnx.quiet import quiet
from muggle_convert.exporting.onnx.writing import LARGEST

if TYPE_CHECKING:
    import onnx_ir

MOST_FOLDED = 1 << 30  # elements
PRODUCTS = ["MatMul", "Gemm"]  # convolutions stay as they are: in eight bits ONNX Runtime takes longer for them on a processor


def save_in_int8(model: onnx_ir.Model, path: Path, network: nn.Module) -> None:
    """What follows from weights alone, such as turning them, is computed first: only constants can be brought to eight bits."""
    import onnx
    import onnx_ir
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxscript.optimizer import fold_constants_ir

    with quiet():
        fold_constants_ir(model, input_size_limit=MOST_FOLDED, output_size_limit=MOST_FOLDED)
    weights = sum(value.const_value.nbytes for value in model.graph.initializers.values() if value.const_value is not None)
    whole = path.with_suffix(".float32.onnx")
    onnx_ir.save(model, whole, external_data=f"{whole.name}.data" if weights > LARGEST else None)
    layers = {layer.weight.shape[::-1] for layer in network.modules() if isinstance(layer, nn.Linear)}
    others = [node.name for node in model.graph.all_nodes() if node.op_type in PRODUCTS and _shape(node.inputs[1]) not in layers]
    try:
        with quiet():  # it would have the graph prepared by a tool that takes out what changes from run to run
            quantize_dynamic(
                whole, path, op_types_to_quantize=PRODUCTS, per_channel=True, weight_type=QuantType.QInt8, nodes_to_exclude=others
            )
    finally:
        for file in path.parent.glob(f"{whole.name}*"):
            file.unlink()
    made = onnx.load(path)
    made.producer_name, made.producer_version = model.producer_name or "", model.producer_version or ""
    path.write_bytes(made.SerializeToString(deterministic=True))


def _shape(value: onnx_ir.Value | None) -> tuple[int, ...]:
    """Of a constant. Positions, which are resized by products too, stay as exact as they are."""
    return () if value is None or value.const_value is None else tuple(value.const_value.shape.numpy())
