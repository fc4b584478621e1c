"""What `predict` does before and after the network, in the graph: bytes of pictures go in, and depth of their own size comes out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from model_defs.config import ImageConfig
from model_defs.network import Network
from muggle_convert.errors import Refusal
from muggle_convert.onnx.description import PICTURES
from muggle_convert.outputs import kind_of

if TYPE_CHECKING:
    import onnx

INSIDE = "pixel_values"  # the network's own input, which is no longer one of the graph
RESIZE: dict[str, dict[str, Any]] = {
    "cubic": {"mode": "cubic", "cubic_coeff_a": -0.75, "coordinate_transformation_mode": "half_pixel"},
    "bicubic": {"mode": "cubic", "cubic_coeff_a": -0.75, "coordinate_transformation_mode": "half_pixel"},
    "bilinear": {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
    "bilinear aligned": {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
}


def refuse_other_preparations(network: Network) -> None:
    """Of networks whose own inference does more than to resize and to normalise."""
    image = network.config.image
    reasons = {
        "takes several inputs": len(network.inputs) > 1 or network.inputs != ("image",),
        "gives several outputs": len(network.outputs) > 1,
        "is no depth map": kind_of(network.config.output).distance is None,
        "takes other than three channels": image.channels != 3,
        "puts reflections around pictures, or predicts mirror images too": bool(image.reflected) or image.mirrored,
        "resizes by areas in several steps": image.resize not in RESIZE or image.fit == "longest",
        "chooses another size for wide pictures": image.widest is not None,
    }
    for reason, is_so in reasons.items():
        if is_so:
            raise Refusal(
                f"--with-preprocessing is for networks that see one picture, resized and normalised, and this one {reason}; leave it out."
            )


class Steps:
    """Nodes, one after the other, with numbered names."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str, to: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        result = to or f"{self.prefix}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [result], name=f"{self.prefix}_node_{len(self.nodes)}", **attributes))
        return result

    def constant(self, value: Any, dtype: Any = np.float64) -> str:
        from onnx import numpy_helper

        name = f"{self.prefix}_constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name


def put_around(path: Path, network: Network, size: tuple[int, int] | None) -> None:
    """Put the steps before and after the graph of a network, in its file."""
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load(path, load_external_data=False)  # weights beside it stay where they are
    image, output = network.config.image, network.config.output
    before, after = Steps("before"), Steps("after")
    sides = before.add("Shape", PICTURES)  # batch, height, width, 3
    batch, height, width = (before.add("Slice", sides, *(before.constant([at], np.int64) for at in (axis, axis + 1))) for axis in range(3))
    goal = before.constant(size, np.int64) if size else _goal(before, image, height, width)
    planes = before.add("Transpose", _cast(before, PICTURES, TensorProto.FLOAT), perm=[0, 3, 1, 2])
    wanted = before.add("Concat", batch, before.constant([3], np.int64), goal, axis=0)
    seen = before.add("Resize", planes, "", "", wanted, **RESIZE[image.resize])
    mean, deviation = (np.float32(255) * np.asarray(values, np.float32).reshape(1, 3, 1, 1) for values in (image.mean, image.std))
    centred = before.add("Sub", seen, before.constant(mean, np.float32))
    before.add("Div", centred, before.constant(deviation, np.float32), to=INSIDE)

    graph = model.graph
    result_name = graph.output[0].name
    inner = f"{result_name}_of_network"
    for node in graph.node:
        node.output[:] = [inner if name == result_name else name for name in node.output]
        node.input[:] = [inner if name == result_name else name for name in node.input]
    maps = after.add("Unsqueeze", inner, after.constant([1], np.int64))
    whole = after.add("Concat", batch, after.constant([1], np.int64), height, width, axis=0)
    resized = after.add("Resize", maps, "", "", whole, **RESIZE[output.resize])
    after.add("Squeeze", resized, after.constant([1], np.int64), to=result_name)

    nodes = [*before.nodes, *graph.node, *after.nodes]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*before.constants, *after.constants])
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info(PICTURES, TensorProto.UINT8, ["batch", "height", "width", 3]))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(result_name, TensorProto.FLOAT, ["batch", "height", "width"]))
    path.write_bytes(model.SerializeToString(deterministic=True))


def _cast(steps: Steps, value: str, element_type: int) -> str:
    from onnx import helper

    result = f"{steps.prefix}_{len(steps.nodes)}"
    steps.nodes.append(helper.make_node("Cast", [value], [result], name=f"{steps.prefix}_node_{len(steps.nodes)}", to=element_type))
    return result


def _goal(steps: Steps, image: ImageConfig, height: str, width: str) -> str:
    """`predict.sizes.input_size`, in double precision as Python has it: the sides, as one tensor of whole numbers."""
    from onnx import TensorProto

    goals = (image.size, image.size_across or image.size)
    sides = [_cast(steps, side, TensorProto.DOUBLE) for side in (height, width)]
    scales = [steps.add("Div", steps.constant([goal]), side) for goal, side in zip(goals, sides, strict=True)]
    if image.keep_aspect:
        scales = [_common(steps, scales, image.fit)] * 2
    rounded = [_rounded(steps, steps.add("Mul", scale, side), image, goal) for scale, side, goal in zip(scales, sides, goals, strict=True)]
    return _cast(steps, steps.add("Concat", *rounded, axis=0), TensorProto.INT64)


def _common(steps: Steps, scales: list[str], fit: str) -> str:
    if fit == "at least":
        return steps.add("Max", *scales)
    if fit == "at most":
        return steps.add("Min", *scales)
    if fit == "no larger":
        return steps.add("Min", *scales, steps.constant([1.0]))
    rows, columns = scales
    if fit == "across":
        return columns
    from_rows, from_columns = (steps.add("Abs", steps.add("Sub", steps.constant([1.0]), scale)) for scale in (rows, columns))
    return steps.add("Where", steps.add("Less", from_columns, from_rows), columns, rows)


def _rounded(steps: Steps, side: str, image: ImageConfig, goal: int) -> str:
    multiple = steps.constant([image.multiple])
    in_steps = steps.add("Div", side, multiple)
    nearest, below, above = (steps.add("Mul", steps.add(way, in_steps), multiple) for way in ("Round", "Floor", "Ceil"))
    if image.fit == "no larger":
        nearest = below
    elif image.fit == "at most":
        nearest = steps.add("Where", steps.add("Greater", nearest, steps.constant([goal])), below, nearest)
    elif image.fit == "at least":
        nearest = steps.add("Where", steps.add("Less", nearest, steps.constant([goal])), above, nearest)
    return steps.add("Max", nearest, multiple)
