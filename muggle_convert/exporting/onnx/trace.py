"""A network as torch's exporter writes it, without what only it needs: no trace of the machine, and weights under the names of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from model_defs.network import Network
from muggle_convert.errors import Refusal
from muggle_convert.exporting.onnx.interface import Interface
from muggle_convert.exporting.onnx.quiet import quiet
from muggle_convert.onnx.description import Dimensions
from muggle_convert.version import VERSION

if TYPE_CHECKING:
    import onnx_ir

WRAPPED = "network."  # before the names of what is inside
MOST_SAID = 300  # characters of the exporter's own message


class Float32AtBothEnds(nn.Module):
    """A network that takes and gives float32, whatever it computes in, and several outputs in their order."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        dtype = next(self.network.parameters()).dtype
        found = self.network(*(tensor.to(dtype) for tensor in inputs))
        return tuple(one.float() for one in (found.values() if isinstance(found, dict) else [found]))


def traced(network: Network, interface: Interface) -> tuple[onnx_ir.Model, dict[str, Dimensions]]:
    """The graph, and the dimensions of its outputs."""
    with torch.no_grad(), quiet():
        try:
            wrapped = Float32AtBothEnds(network).eval()
            program = torch.export.export(
                wrapped,
                interface.samples,
                dynamic_shapes=(interface.dims,),
                strict=False,
                prefer_deferred_runtime_asserts_over_guards=_leaves_margins(network),
            )
            made = torch.onnx.export(
                program,
                dynamo=True,
                optimize=False,
                verbose=False,
                input_names=list(interface.inputs),
                output_names=list(interface.outputs),
            )
        except Exception as problem:  # torch's exporter raises dozens of kinds, and all mean this
            said = " ".join(str(problem).split())[:MOST_SAID]
            raise Refusal(
                f"torch's exporter could not write this network for every size ({type(problem).__name__}: {said}); one size may do: --size HEIGHTxWIDTH"
            ) from problem
        assert made is not None
        model = made.model
        _tidy(model, network)
    outputs = _dimensions(program, interface)
    _name_sides(model, {**interface.inputs, **outputs})
    return model, outputs


def _leaves_margins(network: Network) -> bool:
    """Whether pictures get margins up to whole patches. Exporters then ask of strides what is true of every number, and cannot prove it."""
    return network.multiple == 1


def _tidy(model: onnx_ir.Model, network: Network) -> None:
    """What is constant is computed here, except from weights, which stay as they are in the file and under the same names."""
    from onnx_ir.passes import common
    from onnxscript.optimizer import fold_constants_ir

    weights = set(network.state_dict())
    for value in list(model.graph.initializers.values()):
        assert value.name is not None
        if value.name.startswith(WRAPPED):
            value.name = value.name.removeprefix(WRAPPED)

    def folds(node: onnx_ir.Node) -> bool | None:
        return False if any(value is not None and value.name in weights for value in node.inputs) else None

    common.InlinePass()(model)
    fold_constants_ir(model, should_fold=folds)
    for clean in (
        common.RemoveUnusedNodesPass(),
        common.RemoveUnusedOpsetsPass(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.CommonSubexpressionEliminationPass(),
        common.RemoveUnusedNodesPass(),
        common.NameFixPass(),
    ):
        clean(model)
    model.producer_name, model.producer_version = "muggle-convert", VERSION
    model.metadata_props.clear()
    model.graph.name, model.graph.doc_string = network.config.family, None
    model.graph.metadata_props.clear()
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        node.doc_string = None
        for value in node.outputs:
            value.metadata_props.clear()
            value.shape = None  # written in symbols of torch's, which say nothing outside it
    for value in (*model.graph.inputs, *model.graph.initializers.values()):
        value.metadata_props.clear()


def _dimensions(program: torch.export.ExportedProgram, interface: Interface) -> dict[str, Dimensions]:
    """Of every output: a number, or the name of the side of an input that it equals, or else of its own."""
    known = interface.known_sides
    (results,) = next(node for node in program.graph.nodes if node.op == "output").args
    return {
        name: tuple(
            side if isinstance(side, int) else known.get(side.node.hint, f"{name}_{axis}")
            for axis, side in enumerate(result.meta["val"].shape)
        )
        for name, result in zip(interface.outputs, results, strict=True)
    }


def _name_sides(model: onnx_ir.Model, named: dict[str, Dimensions]) -> None:
    import onnx_ir

    for value in (*model.graph.inputs, *model.graph.outputs):
        assert value.name is not None
        value.shape = onnx_ir.Shape(named[value.name])
