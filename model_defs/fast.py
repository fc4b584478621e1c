"""Every kernel that is there for speed: installed on a finished network from outside, and removed again.

A network is complete without this module, and its classes, parameters and numbers stay what they are: `install` gives modules
another `forward`, which computes the same in less time where it can, and otherwise calls the one of the module's class.

Most of it is for inference in float32 on a CPU. There torch leaves matrix products to MKL, which on AMD processors reaches half of
what oneDNN does: 95 against 200 GFLOP/s on one core for 1370 tokens of width 384 (`python benchmarks/run.py forward` shows what that
makes of whole networks). oneDNN's operators have no gradients, and nothing captured in a graph should hold them.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from model_defs.config import Grid
from model_defs.encoders.hybrid import StandardizedConvolution
from model_defs.encoders.levit import NormalizedLinear
from model_defs.encoders.transformer import MLP, Attention
from model_defs.parts.convolution import NormalizedConvolution
from model_defs.parts.fusion import Enlarge, RefineEnlargeProject
from model_defs.parts.head import DepthHead

SWITCH = "MUGGLE_CONVERT_PLAIN"  # an environment variable; where it is set, nothing is installed
BAND = 16 << 20  # bytes: what a processor's last cache holds, and the system's allocator keeps instead of asking for it again
QUERIES = 1024  # at a time, so that memory does not grow with the square of the tokens
LONG = 256  # tokens from which on attention is worth taking apart into matrix products

# torch's own compiler calls these. They are not promised to users: a torch without them takes the plain path.
HAS_OPERATORS = all(hasattr(torch.ops.mkldnn, name) for name in ("_linear_pointwise", "_convolution_pointwise"))


def install(network: nn.Module) -> None:
    """Give every module of a network the kernel there is for its class."""
    if os.environ.get(SWITCH):
        return
    for module in network.modules():
        row = KERNELS.get(type(module).forward)
        if row is not None and "forward" not in vars(module):
            module.forward = Kernel(module, *row)


def remove(network: nn.Module) -> None:
    """Leave every module with the `forward` of its class."""
    for module, _ in _installed(network):
        del module.forward


def freeze(network: nn.Module) -> None:
    """Make constants of a network's parameters and buffers, so that what follows from them is computed once and not for every image.

    Until `thaw` they refuse to be written to, and torch to compute gradients with them. Other parameters may take their place, and the
    network may be moved or cast: what was kept is then not used again. A copy is not frozen.
    """
    kernels = [(module, kernel) for module, kernel in _installed(network) if kernel.function in CONSTANTS]
    # Nobody else may hold these: whoever wrote to a tensor that shares their memory would change them unnoticed.
    alone = {id(tensor) for module, _ in kernels for tensor in _sources(module)}
    constants: dict[int, Constant] = {}  # so that tied parameters stay tied
    with torch.inference_mode():
        for tensors, name, tensor in _tensors(network):
            if not isinstance(tensor, Constant) and not tensor.is_meta:
                if id(tensor) not in constants:
                    constants[id(tensor)] = Constant.of(tensor, copied=id(tensor) in alone)
                tensors[name] = constants[id(tensor)]
        for module, kernel in kernels:
            kernel.keep(_sources(module), CONSTANTS[kernel.function](module))


def thaw(network: nn.Module) -> None:
    """Make ordinary parameters of a frozen network's; what was kept is computed for every image again."""
    ordinary: dict[int, Tensor] = {}
    with torch.inference_mode(False):
        for tensors, name, tensor in _tensors(network):
            if isinstance(tensor, Constant):
                tensors[name] = ordinary.setdefault(id(tensor), tensor.ordinary(_sharing(tensor)))
    for _, kernel in _installed(network):
        kernel.forget()


class Constant(Tensor):
    """A tensor of a frozen network, which refuses to be written to, and so do its `data`, what `detach()` gives, and NumPy's view of it.

    It is also an inference tensor, so that torch itself objects where its memory is reached in other ways, such as through a slice.
    """

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]  # what is computed from constants is none
    learned: bool | None = None  # whether it required gradients; None: it is no parameter

    @classmethod
    def of(cls, tensor: Tensor, copied: bool) -> Constant:
        value = tensor.detach().clone() if copied else _sharing(tensor)
        if not isinstance(tensor, nn.Parameter):
            return value.as_subclass(cls)
        constant = ConstantParameter(value, requires_grad=False)
        constant.learned = tensor.requires_grad
        return constant

    def ordinary(self, value: Tensor) -> Tensor:
        """What this was before, with this value."""
        return value if self.learned is None else nn.Parameter(value, self.learned)

    @property
    def data(self) -> Tensor:
        return self.as_subclass(Constant)

    @data.setter
    def data(self, value: Tensor) -> None:
        """What moving and casting a network do: from here on this is no constant."""
        if value is not self:
            with torch.inference_mode(False):
                torch.utils.swap_tensors(self, self.ordinary(_sharing(value)))

    def detach(self) -> Tensor:
        return self.data

    def numpy(self, *, force: bool = False) -> Any:
        array = super().numpy(force=force)
        array.flags.writeable = False
        return array

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if id(self) not in memo:
            with torch.inference_mode(False):
                memo[id(self)] = self.ordinary(_sharing(self).clone())
        copied: Tensor = memo[id(self)]
        return copied

    def __reduce_ex__(self, protocol: object) -> Any:
        with torch.inference_mode(False):
            return self.ordinary(_sharing(self)).__reduce_ex__(protocol)

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Constant containing:\n{self.view_as(self)!r}"


class ConstantParameter(Constant, nn.Parameter):
    """The same where a module looks for a parameter."""


def _refuse(constant: Constant, *_: object, **__: object) -> None:
    raise RuntimeError("this tensor is a constant of a frozen network; call model_defs.fast.thaw(network) before writing to it")


HARMLESS = {"requires_grad_", "share_memory_", "detach_"}  # these change no value
for method in dir(Tensor):
    is_named_as_writing = method.endswith("_") and not method.endswith("__") and method not in HARMLESS
    if is_named_as_writing or method == "__setitem__" or (method.startswith("__i") and hasattr(int, f"__{method[3:]}")):
        setattr(Constant, method, _refuse)


class Kernel:
    """What stands in for a module's `forward`. It holds its module weakly, so that a network that is let go is freed at once."""

    def __init__(self, module: nn.Module, suits: Callable[[Tensor], bool], function: Callable[..., Tensor | None]) -> None:
        self.module = weakref.ref(module)
        self.suits = suits
        self.function = function
        self.forget()

    def __call__(self, value: Tensor, *more: Any, **named: Any) -> Tensor:
        module = self.module()
        assert module is not None, "a module's kernel is called by the module"
        if not named and self.suits(value):
            result = self.function(module, value, *more)
            if result is not None:
                return result
        plain: Tensor = type(module).forward(module, value, *more, **named)
        return plain

    def keep(self, sources: tuple[Tensor, ...], results: tuple[Tensor, ...]) -> None:
        """Until anything else takes the place of a source, or of its values."""
        self._sources, self._values = sources, tuple(_sharing(source) for source in sources)
        self._results: tuple[Tensor, ...] | None = results

    def kept(self, sources: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if self._results is None:
            return None
        for source, before, values in zip(sources, self._sources, self._values, strict=True):
            if source is not before or not source.is_inference() or source.data_ptr() != values.data_ptr():
                return None
        return self._results

    def forget(self) -> None:
        self._sources, self._values, self._results = (), (), None

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy belongs to the copy of the module, and keeps nothing of this one's."""
        return _unplaced, (self.suits, self.function), self.module()

    def __setstate__(self, module: nn.Module) -> None:
        self.module = weakref.ref(module)


def _unplaced(suits: Callable[[Tensor], bool], function: Callable[..., Tensor | None]) -> Kernel:
    kernel = Kernel.__new__(Kernel)
    kernel.suits, kernel.function = suits, function
    kernel.forget()
    return kernel


def anywhere(value: Tensor) -> bool:
    return True


def in_inference(value: Tensor) -> bool:
    """Whether nothing follows the computation: no gradients, no tracing, no compiler."""
    followed = torch.is_grad_enabled() or torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined]
    return not followed and not torch.is_autocast_enabled("cpu")


def through_onednn(value: Tensor) -> bool:
    """Whether oneDNN computes with a tensor in inference."""
    return in_inference(value) and _is_plain(value) and value.numel() > 0 and has_onednn()


def has_onednn() -> bool:
    return HAS_OPERATORS and torch.backends.mkldnn.is_available() and bool(torch.backends.mkldnn.enabled)


def _is_plain(*tensors: Tensor | None) -> bool:
    """Float32 on a CPU, and no subclass such as quantised or sharded weights."""
    return all(
        tensor is None
        or (type(tensor) in (Tensor, nn.Parameter, ConstantParameter) and tensor.dtype is torch.float32 and tensor.device.type == "cpu")
        for tensor in tensors
    )


def _untouched(module: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether calling a module is nothing but its class's `forward`: what reaches past the call must not skip hooks or replacements."""
    hooks = (module._forward_hooks, module._forward_pre_hooks, torch_module._global_forward_hooks, torch_module._global_forward_pre_hooks)
    return type(module) is kind and type(vars(module).get("forward")) in (Kernel, type(None)) and not any(hooks)


def _linear(layer: nn.Linear, tokens: Tensor) -> Tensor | None:
    if not _is_plain(layer.weight, layer.bias):
        return None
    return _product(tokens, layer.weight, layer.bias)


def _normalized_linear(layer: NormalizedLinear, tokens: Tensor) -> Tensor | None:
    product = _linear(layer, tokens)
    return None if product is None else layer.normalized(product)


def _mlp(mlp: MLP, tokens: Tensor) -> Tensor | None:
    """oneDNN applies the GELU while the product is still in the cache."""
    if not _untouched(mlp.fc1, nn.Linear) or not _is_plain(mlp.fc1.weight, mlp.fc1.bias):
        return None
    hidden: Tensor = torch.ops.mkldnn._linear_pointwise(tokens.contiguous(), mlp.fc1.weight, mlp.fc1.bias, "gelu", [], "none")
    return mlp.fc2(hidden)


def _convolution(layer: nn.Conv2d, feature_map: Tensor) -> Tensor | None:
    return _convolved(layer, feature_map, layer.weight, layer.bias)


def _convolved(layer: nn.Conv2d, feature_map: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor | None:
    """Channels-last: oneDNN needs no other order inside, and what follows keeps it."""
    if isinstance(layer.padding, str) or layer.padding_mode != "zeros" or not _is_plain(weight, bias):
        return None
    feature_map = feature_map.contiguous(memory_format=torch.channels_last)
    result: Tensor = torch.ops.mkldnn._convolution_pointwise(
        feature_map, weight, bias, layer.padding, layer.stride, layer.dilation, layer.groups, "none", [], ""
    )
    return result


def _normalized_convolution(layer: NormalizedConvolution, feature_map: Tensor) -> Tensor | None:
    """What a batch norm has learned is a factor and a summand for each channel: of the weights where they are fewer, else of the map."""
    if not _untouched(layer.norm, nn.BatchNorm2d) or layer.norm.training or layer.norm.running_var is None:
        return None
    feature_map = layer.before(feature_map)
    by_onednn = through_onednn(feature_map) and _is_plain(layer.weight, layer.bias)
    folded = vars(layer)["forward"].kept(_sources(layer))
    if folded is None and by_onednn:
        pixels = feature_map.shape[0] * feature_map.shape[2] * feature_map.shape[3] // (layer.stride[0] * layer.stride[1])
        if layer.weight.numel() < pixels * layer.out_channels:
            folded = _folded(layer)
    weight, bias = (layer.weight, layer.bias) if folded is None else folded
    result = _convolved(layer, feature_map, weight, bias) if by_onednn else None
    if result is None:
        result = layer._conv_forward(feature_map, weight, bias)
        return layer.norm(result) if folded is None else result
    if folded is None:
        factor, summand = _scaling(layer.norm)
        torch.addcmul(summand[:, None, None], result, factor[:, None, None], out=result)
    return result


def _scaling(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    factor = norm.weight * torch.rsqrt(norm.get_buffer("running_var") + norm.eps)
    return factor, norm.bias - norm.get_buffer("running_mean") * factor


def _folded(layer: NormalizedConvolution) -> tuple[Tensor, Tensor]:
    factor, bias = _scaling(layer.norm)
    if layer.bias is not None:
        bias = bias + layer.bias * factor
    return layer.weight * factor[:, None, None, None], bias


def _standardized_convolution(layer: StandardizedConvolution, feature_map: Tensor) -> Tensor | None:
    kept = vars(layer)["forward"].kept(_sources(layer))
    weight = layer.standardized() if kept is None else kept[0]
    feature_map = layer.pad(feature_map)
    result = _convolved(layer, feature_map, weight, None) if through_onednn(feature_map) else None
    return layer.normalized(layer._conv_forward(feature_map, weight, None) if result is None else result)


def _standardized(layer: StandardizedConvolution) -> tuple[Tensor]:
    return (layer.standardized(),)


def _attention(attention: Attention, tokens: Tensor, bias: Tensor | None = None) -> Tensor | None:
    if tokens.shape[1] < LONG or not _is_plain(bias):
        return None
    queries, keys, values = attention.apart(tokens)
    return attention.together(attend(queries, keys, values, bias))


def attend(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None = None) -> Tensor:
    """The definition, head by head and some hundred queries at a time: softmax(Q K^T / sqrt(C) + bias) V."""
    batch, heads, count, width = queries.shape
    mixed = queries.new_empty(batch, count, heads, values.shape[3])  # so that the heads lie side by side for the projection after
    scaled = queries * width**-0.5
    for image in range(batch):
        for head in range(heads):
            key, value = keys[image, head].contiguous(), values[image, head].t().contiguous()
            for start in range(0, count, QUERIES):
                rows = slice(start, start + QUERIES)
                likeness = _product(scaled[image, head, rows], key)
                if bias is not None:
                    likeness += bias[0, head, rows]
                torch.softmax(likeness, dim=-1, out=likeness)
                mixed[image, rows, head] = _product(likeness, value)
    return mixed.transpose(1, 2)


def _project_then_enlarge(block: RefineEnlargeProject, feature_map: Tensor, size: Grid) -> Tensor | None:
    """The same in the other order, on a quarter of the pixels: enlarging mixes pixels with weights that add up to one, projecting mixes channels."""
    refine, enlarge, project = block
    if not _untouched(enlarge, Enlarge) or not _untouched(project, nn.Conv2d) or project.kernel_size != (1, 1):
        return None
    return enlarge(project(refine(feature_map)), size)


def _head(head: DepthHead, path: Tensor, image_size: Grid) -> Tensor | None:
    """The map at full size is the largest of a network, and new memory costs more time than filling it: in bands, a tenth to a third less."""
    project = head.proj_1ch
    if len(project) != 3 or not all(map(_untouched, (project, *project), (nn.Sequential, nn.Conv2d, nn.ReLU, nn.Conv2d))):
        return None
    around, _, pixelwise = project
    if around.kernel_size != (3, 3) or around.padding != (1, 1) or pixelwise.kernel_size != (1, 1):
        return None
    feature_map = head.spatial_upsampler(path)
    size = head.size(feature_map, image_size)
    return head.activation(in_bands(project, feature_map, size, head.align_corners)).squeeze(1)


def in_bands(project: Callable[[Tensor], Tensor], feature_map: Tensor, size: Grid, align_corners: bool) -> Tensor:
    """A projection of the bilinearly enlarged map that sees each pixel and its eight neighbours; the enlarged map never exists as a whole."""
    above, below, share = _sampled_rows(feature_map, size[0], align_corners)
    rows = max(8, BAND // (feature_map.shape[1] * size[1] * feature_map.element_size()))
    images = []
    for image in feature_map.split(1):
        bands = []
        for start in range(0, size[0], rows):
            end = min(start + rows, size[0])
            first, last = max(start - 1, 0), min(end + 1, size[0])  # with the neighbours of its outermost rows
            band = slice(first, last)
            projected = project(_band(image, size[1], above[band], below[band], share[band], align_corners))
            bands.append(projected[:, :, start - first : end - first])
        images.append(torch.cat(bands, dim=2))
    return torch.cat(images)


def _band(image: Tensor, width: int, above: Tensor, below: Tensor, share: Tensor, align_corners: bool) -> Tensor:
    """Some rows of the enlarged map: first each row is widened, then every new row is mixed from two of them."""
    first, last = int(above[0]), int(below[-1]) + 1
    wide = F.interpolate(image[:, :, first:last], size=(last - first, width), mode="bilinear", align_corners=align_corners)
    mixing = image.new_zeros(len(share), last - first)
    mixing.scatter_add_(1, (above - first)[:, None], 1 - share[:, None])
    mixing.scatter_add_(1, (below - first)[:, None], share[:, None])
    pixels = wide.permute(0, 2, 3, 1)  # (1, C, h, W) -> (1, h, W, C)
    mixed = _product(mixing, pixels.reshape(last - first, -1).t())  # (rows, W * C)
    return mixed.view(1, len(share), *pixels.shape[2:]).permute(0, 3, 1, 2)


def _sampled_rows(feature_map: Tensor, enlarged_height: int, align_corners: bool) -> tuple[Tensor, Tensor, Tensor]:
    """For each row of the enlarged map the two rows it lies between, and the share of the lower one."""
    height = feature_map.shape[2]
    rows = torch.arange(enlarged_height, dtype=feature_map.dtype, device=feature_map.device)
    if align_corners:
        position = rows * ((height - 1) / max(enlarged_height - 1, 1))
    else:
        position = ((rows + 0.5) * (height / enlarged_height) - 0.5).clamp(min=0)
    above = position.long().clamp(max=height - 1)
    return above, (above + 1).clamp(max=height - 1), position - above


def _product(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    if not has_onednn():
        return F.linear(rows, weight, bias)
    result: Tensor = torch.ops.mkldnn._linear_pointwise(rows.contiguous(), weight, bias, "none", [], "none")
    return result


def _installed(network: nn.Module) -> Iterator[tuple[nn.Module, Kernel]]:
    for module in network.modules():
        kernel = vars(module).get("forward")
        if isinstance(kernel, Kernel):
            yield module, kernel


def _sources(layer: Any) -> tuple[Tensor, ...]:
    """What constants are computed from."""
    if isinstance(layer, NormalizedConvolution):
        norm = layer.norm
        tensors = (layer.weight, layer.bias, norm.weight, norm.bias, norm.running_mean, norm.running_var)
        return tuple(tensor for tensor in tensors if tensor is not None)
    weight: Tensor = layer.weight  # which is no parameter where it is pruned
    return (weight,)


def _tensors(network: nn.Module) -> Iterator[tuple[dict[str, Any], str, Tensor]]:
    """Every parameter and buffer, and where it is held."""
    for module in network.modules():
        for tensors in (module._parameters, module._buffers):
            for name, tensor in tensors.items():
                if tensor is not None:
                    yield tensors, name, tensor


def _sharing(tensor: Tensor) -> Tensor:
    """A tensor on the same memory: an inference tensor in inference mode, and else an ordinary one."""
    empty = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
    return empty.set_(tensor.untyped_storage(), tensor.storage_offset(), tensor.shape, tensor.stride())


# What is replaced, where the kernel suits, and the kernel, which may return None to leave a call to the plain path.
KERNELS: dict[Callable[..., Any], tuple[Callable[[Tensor], bool], Callable[..., Tensor | None]]] = {
    nn.Linear.forward: (through_onednn, _linear),
    nn.Conv2d.forward: (through_onednn, _convolution),
    NormalizedLinear.forward: (through_onednn, _normalized_linear),
    MLP.forward: (through_onednn, _mlp),
    Attention.forward: (through_onednn, _attention),
    DepthHead.forward: (through_onednn, _head),
    NormalizedConvolution.forward: (in_inference, _normalized_convolution),
    StandardizedConvolution.forward: (in_inference, _standardized_convolution),
    RefineEnlargeProject.forward: (anywhere, _project_then_enlarge),
}
# What frozen networks keep.
CONSTANTS: dict[Callable[..., Tensor | None], Callable[[Any], tuple[Tensor, ...]]] = {
    _normalized_convolution: _folded,
    _standardized_convolution: _standardized,
}
