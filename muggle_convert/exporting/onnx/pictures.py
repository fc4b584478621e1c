"""What `predict` does before and after the network, in the graph: bytes of pictures go in, and depth of their own size comes out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from model_defs.config import ImageConfig, OutputConfig
from model_defs.network import Network
from muggle_convert.errors import Refusal
from muggle_convert.onnx.words import PICTURES
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
        "predicts mirror images in a batch of their own, as those of a batch are of one kind": image.mirrored
        and not network.sees_each_alone,
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

    def add(self, operator: str, *inputs: str, result: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        result = result or f"{self.prefix}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [result], name=f"{self.prefix}_node_{len(self.nodes)}", **attributes))
        return result

    def constant(self, value: Any, dtype: Any = np.float64) -> str:
        from onnx import numpy_helper

        name = f"{self.prefix}_constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name


class Sides(NamedTuple):
    """Names of numbers that the graph finds out about its pictures."""

    batch: str
    picture: list[str]  # height and width
    margins: list[str]  # of reflection, above and to the left as below and to the right; empty where there are none
    whole: list[str]  # height and width with margins


def put_around(path: Path, network: Network, size: tuple[int, int] | None) -> None:
    """Put the steps before and after the graph of a network, in its file."""
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load(path, load_external_data=False)  # weights beside it stay where they are
    image, output = network.config.image, network.config.output
    before, after = Steps("before"), Steps("after")
    graph = model.graph
    result_name = graph.output[0].name
    inner = f"{result_name}_of_network"
    for node in graph.node:
        node.output[:] = [inner if name == result_name else name for name in node.output]
        node.input[:] = [inner if name == result_name else name for name in node.input]
    sides = _sides(before, image)
    _prepare(before, image, sides, size)
    _restore(after, inner, image, output, sides, result_name)

    nodes = [*before.nodes, *graph.node, *after.nodes]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*before.constants, *after.constants])
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info(PICTURES, TensorProto.UINT8, ["batch", "height", "width", 3]))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(result_name, TensorProto.FLOAT, ["batch", "height", "width"]))
    path.write_bytes(model.SerializeToString(deterministic=True))


def _sides(steps: Steps, image: ImageConfig) -> Sides:
    shape = steps.add("Shape", PICTURES)  # batch, height, width, 3
    batch, *picture = (steps.add("Slice", shape, *(steps.constant([at], np.int64) for at in (axis, axis + 1))) for axis in range(3))
    if not image.reflected:
        return Sides(batch, picture, [], picture)
    margins = [_margin(steps, side, image.reflected) for side in picture]
    whole = [steps.add("Add", side, steps.add("Add", margin, margin)) for side, margin in zip(picture, margins, strict=True)]
    return Sides(batch, picture, margins, whole)


def _prepare(steps: Steps, image: ImageConfig, sides: Sides, size: tuple[int, int] | None) -> None:
    """Bytes of pictures (B, height, width, 3) -> what the network takes, (B, 3, H, W), or with mirror images (2 * B, 3, H, W)."""
    from onnx import TensorProto

    planes = steps.add("Transpose", steps.add("Cast", PICTURES, to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
    if sides.margins:
        none = steps.constant([0, 0], np.int64)
        planes = steps.add("Pad", planes, steps.add("Concat", none, *sides.margins, none, *sides.margins, axis=0), mode="reflect")
    goal = steps.constant(size, np.int64) if size else _goal(steps, image, *sides.whole)
    wanted = steps.add("Concat", sides.batch, steps.constant([3], np.int64), goal, axis=0)
    seen = steps.add("Resize", planes, "", "", wanted, **RESIZE[image.resize])
    mean, deviation = (np.float32(255) * np.asarray(values, np.float32).reshape(1, 3, 1, 1) for values in (image.mean, image.std))
    centred = steps.add("Sub", seen, steps.constant(mean, np.float32))
    normal = steps.add("Div", centred, steps.constant(deviation, np.float32), result=None if image.mirrored else INSIDE)
    if image.mirrored:
        steps.add("Concat", normal, _mirrored(steps, normal, axis=3), axis=0, result=INSIDE)


def _restore(steps: Steps, found: str, image: ImageConfig, output: OutputConfig, sides: Sides, result: str) -> None:
    """What the network gives, (B, H, W) or with mirror images (2 * B, H, W) -> depth of the pictures' own size, (B, height, width)."""
    if image.mirrored:
        first, axes = steps.constant([0], np.int64), steps.constant([0], np.int64)
        straight = steps.add("Slice", found, first, sides.batch, axes)
        turned = steps.add("Slice", found, sides.batch, steps.add("Add", sides.batch, sides.batch), axes)
        found = steps.add("Div", steps.add("Add", straight, _mirrored(steps, turned, axis=2)), steps.constant(2, np.float32))
    maps = steps.add("Unsqueeze", found, steps.constant([1], np.int64))
    wanted = steps.add("Concat", sides.batch, steps.constant([1], np.int64), *sides.whole, axis=0)
    resized = steps.add("Resize", maps, "", "", wanted, **RESIZE[output.resize])
    if sides.margins:
        begin = steps.add("Concat", *sides.margins, axis=0)
        end = steps.add("Add", begin, steps.add("Concat", *sides.picture, axis=0))
        resized = steps.add("Slice", resized, begin, end, steps.constant([2, 3], np.int64))
    steps.add("Squeeze", resized, steps.constant([1], np.int64), result=result)


def _margin(steps: Steps, side: str, reflected: float) -> str:
    """`predict.sizes.margins`, of one side."""
    from onnx import TensorProto

    root = steps.add("Sqrt", steps.add("Div", steps.add("Cast", side, to=TensorProto.DOUBLE), steps.constant([2.0])))
    return steps.add("Cast", steps.add("Floor", steps.add("Mul", steps.constant([reflected]), root)), to=TensorProto.INT64)


def _mirrored(steps: Steps, value: str, axis: int) -> str:
    backwards = (steps.constant([number], np.int64) for number in (-1, np.iinfo(np.int64).min, axis, -1))
    return steps.add("Slice", value, *backwards)


def _goal(steps: Steps, image: ImageConfig, height: str, width: str) -> str:
    """`predict.sizes.input_size`, in double precision as Python has it: the sides, as one tensor of whole numbers."""
    from onnx import TensorProto

    goals = (image.size, image.size_across or image.size)
    sides = [steps.add("Cast", side, to=TensorProto.DOUBLE) for side in (height, width)]
    scales = [steps.add("Div", steps.constant([goal]), side) for goal, side in zip(goals, sides, strict=True)]
    if image.keep_aspect:
        scales = [_common(steps, scales, image.fit)] * 2
    rounded = [_rounded(steps, steps.add("Mul", scale, side), image, goal) for scale, side, goal in zip(scales, sides, goals, strict=True)]
    return steps.add("Cast", steps.add("Concat", *rounded, axis=0), to=TensorProto.INT64)


def _common(steps: Steps, scales: list[str], fit: str) -> str:
    if fit in ("at least", "at least, up"):
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
    if image.fit == "at least, up":
        side = steps.add("Floor", side)
    in_steps = steps.add("Div", side, multiple)
    nearest, below, above = (steps.add("Mul", steps.add(way, in_steps), multiple) for way in ("Round", "Floor", "Ceil"))
    if image.fit == "at least, up":
        nearest = above
    elif image.fit == "no larger":
        nearest = below
    elif image.fit == "at most":
        nearest = steps.add("Where", steps.add("Greater", nearest, steps.constant([goal])), below, nearest)
    elif image.fit == "at least":
        nearest = steps.add("Where", steps.add("Less", nearest, steps.constant([goal])), above, nearest)
    return steps.add("Max", nearest, multiple)
