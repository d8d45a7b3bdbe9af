"""A network's arithmetic as an ONNX graph, written down while torch runs it once.

torch calls a recorder for each operation that a network executes, whether the network is Python or TorchScript. What
the operations of an image classifier in inference mode mean in ONNX is a short table. Weights are the tensors that no
recorded operation made. What the network decides by looking at values or shapes is decided once and for all: a graph
serves one input shape, and must be checked on another input than the recorded one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

if TYPE_CHECKING:
    from bench.extractors.engine import Network

INPUT = "pictures"
_OPSET, _IR_VERSION = 17, 8  # old enough for every onnxruntime that runs on the supported Pythons
_ELEMENT_TYPES = {
    torch.uint8: TensorProto.UINT8,
    torch.int64: TensorProto.INT64,
    torch.float32: TensorProto.FLOAT,
    torch.float64: TensorProto.DOUBLE,
}


class Untranslatable(ValueError):
    """An operation without an entry in the table; the network can still run in torch."""


@dataclass(frozen=True)
class OnnxGraph:
    """A serialised ONNX model, and its weights by name, which it declares as data outside of it.

    Apart, because weights inside a protobuf are copied at every step, and the model is held for as long as it is used.
    """

    model: bytes
    weights: Mapping[str, npt.NDArray[Any]]


def onnx_graph(network: Network, example: Tensor) -> OnnxGraph:
    """What `network` does with a batch of the shape and type of `example`.

    Outputs are float32 and named '0', '1', ... in the network's order. Raises `Untranslatable`.
    """
    recorder = _Recorder(example)
    with torch.no_grad(), recorder:
        outputs = network(example)
    return recorder.graph(outputs)


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Runs every operation as torch would, and writes down those that depend on the input."""

    def __init__(self, example: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._example = example
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._weights: dict[str, Tensor] = {}
        self._names = WeakTensorKeyDictionary({example: INPUT})  # so that activations go when the network lets them go

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # skipping it would import it: two seconds and 150 MiB for a compiler that is not used

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not any(value in self._names for value in _tensors(args)):
            return result  # made of constants alone, so it is one
        operation = func.overloadpacket.__name__.removesuffix("_")  # in place or not, the value is the same
        if (write := _OPERATIONS.get(operation)) is None or (kwargs and operation not in _TAKE_KEYWORDS):
            raise Untranslatable(f"the network uses {func}, which has no counterpart here")
        names = write(self, *args, **(kwargs or {}))
        for value, name in zip(result if isinstance(result, tuple) else (result,), names, strict=False):
            self._names[value] = name
        return result

    def node(self, kind: str, *inputs: Any, **attributes: Any) -> str:
        """Add a node on tensors (or names, or arrays, which become constants); returns the name of its value."""
        name = f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, [self.name(value) for value in inputs], [name], **attributes))
        return name

    def graph(self, outputs: Sequence[Tensor]) -> OnnxGraph:
        """The graph whose outputs are the given tensors."""
        results = []
        for number, output in enumerate(outputs):
            if output not in self._names or output.dtype != torch.float32:
                raise Untranslatable("an output does not depend on the input, or is not float32")
            self._nodes.append(helper.make_node("Identity", [self._names[output]], [str(number)]))
            results.append(_declared(str(number), output))
        weights = {name: tensor.detach().contiguous().numpy() for name, tensor in self._weights.items()}
        initialisers = [*self._constants, *(_outside(name, tensor) for name, tensor in self._weights.items())]
        graph = helper.make_graph(self._nodes, "network", [_declared(INPUT, self._example)], results, initialisers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
        return OnnxGraph(model.SerializeToString(), weights)

    def name(self, value: Any) -> str:
        """The name of a value that was made so far; weights and arrays get one when they are first asked for."""
        if isinstance(value, str):
            return value
        if isinstance(value, Tensor):
            if value in self._names:
                return str(self._names[value])
            name = f"weight_{id(value)}"
            self._weights[name] = value
            return name
        self._constants.append(numpy_helper.from_array(np.asarray(value), f"constant_{len(self._constants)}"))
        return str(self._constants[-1].name)


def _declared(name: str, tensor: Tensor) -> Any:
    return helper.make_tensor_value_info(name, _ELEMENT_TYPES[tensor.dtype], list(tensor.shape))


def _outside(name: str, tensor: Tensor) -> TensorProto:
    declared = TensorProto(
        name=name, dims=tensor.shape, data_type=_ELEMENT_TYPES[tensor.dtype], data_location=TensorProto.EXTERNAL
    )
    declared.external_data.add(key="location", value="memory")
    return declared


def _tensors(values: Any) -> list[Tensor]:
    if isinstance(values, Tensor):
        return [values]
    return [tensor for value in values for tensor in _tensors(value)] if isinstance(values, (list, tuple)) else []


# Each of these takes what aten's operation of that name takes, and returns the names of its results.


def _convolution(
    r: _Recorder, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any,
    transposed: bool, output_padding: Any, groups: int, *_: Any,
) -> list[str]:  # fmt: skip
    if transposed:
        raise Untranslatable("a transposed convolution")
    inputs = (x, weight) if bias is None else (x, weight, bias)
    return [r.node("Conv", *inputs, strides=stride, pads=[*padding] * 2, dilations=dilation, group=groups)]


def _batch_norm(
    r: _Recorder, x: Any, weight: Any, bias: Any, mean: Any, variance: Any, training: bool, momentum: float, eps: float
) -> list[str]:
    if training:
        raise Untranslatable("batch normalisation in training mode")
    weight = torch.ones_like(mean) if weight is None else weight
    bias = torch.zeros_like(mean) if bias is None else bias
    return [r.node("BatchNormalization", x, weight, bias, mean, variance, epsilon=eps)]


def _clip(r: _Recorder, x: Any, low: float | None = None, high: float | None = None) -> list[str]:
    bounds = [np.float32(bound) if bound is not None else "" for bound in (low, high)]
    return [r.node("Clip", x, *bounds)]


def _arithmetic(kind: str) -> Callable[..., list[str]]:
    def write(r: _Recorder, x: Any, y: Any) -> list[str]:
        return [r.node(kind, *(value if isinstance(value, Tensor) else np.float32(value) for value in (x, y)))]

    return write


def _window(size: Any, stride: Any, padding: Any, ceil: bool) -> dict[str, Any]:
    if ceil:
        raise Untranslatable("pooling that rounds sizes up")
    sizes, pads = [*size] * (3 - len(size)), [*padding] * (3 - len(padding))
    return {"kernel_shape": sizes, "strides": [*stride] * (3 - len(stride)) if stride else sizes, "pads": pads * 2}


def _mean_pool(
    r: _Recorder, x: Any, size: Any, stride: Any = (), padding: Any = (0, 0), ceil: bool = False,
    count_padding: bool = True, divisor: int | None = None,
) -> list[str]:  # fmt: skip
    if divisor is not None:
        raise Untranslatable("pooling with a divisor of its own")
    return [r.node("AveragePool", x, **_window(size, stride, padding, ceil), count_include_pad=int(count_padding))]


def _max_pool(
    r: _Recorder, x: Any, size: Any, stride: Any = (), padding: Any = (0, 0), dilation: Any = (1, 1), ceil: bool = False
) -> list[str]:
    if {*dilation} != {1}:
        raise Untranslatable("pooling with gaps")
    return [r.node("MaxPool", x, **_window(size, stride, padding, ceil))]  # the indices of the maxima stay unnamed


def _mean(r: _Recorder, x: Any, axes: Any, keep: bool = False) -> list[str]:
    return [r.node("ReduceMean", x, axes=[*axes], keepdims=int(keep))]


def _deviation_and_mean(r: _Recorder, x: Any, axes: Any, *, correction: float = 1, keepdim: bool = False) -> list[str]:
    if correction != 0:
        raise Untranslatable("a standard deviation with a correction")
    centred = r.node("Sub", x, r.node("ReduceMean", x, axes=[*axes], keepdims=1))
    variance = r.node("ReduceMean", r.node("Mul", centred, centred), axes=[*axes], keepdims=int(keepdim))
    return [r.node("Sqrt", variance), *_mean(r, x, axes, keepdim)]


def _global_mean(r: _Recorder, x: Any, size: Any) -> list[str]:
    if {*size} != {1}:
        raise Untranslatable("adaptive pooling to more than one value")
    return [r.node("GlobalAveragePool", x)]


def _copy(r: _Recorder, x: Any, *, dtype: Any = None, **_: Any) -> list[str]:
    return [r.node("Cast", x, to=_ELEMENT_TYPES[dtype or x.dtype])]


_OPERATIONS: dict[str, Callable[..., list[str]]] = {
    "convolution": _convolution,
    "_convolution": _convolution,
    "native_batch_norm": _batch_norm,
    "relu": lambda r, x: [r.node("Relu", x)],
    "hardtanh": _clip,
    "clamp": _clip,
    "add": _arithmetic("Add"),
    "sub": _arithmetic("Sub"),
    "mul": _arithmetic("Mul"),
    "div": _arithmetic("Div"),
    "avg_pool2d": _mean_pool,
    "max_pool2d_with_indices": _max_pool,
    "_adaptive_avg_pool2d": _global_mean,
    "mean": _mean,
    "std_mean": _deviation_and_mean,
    "cat": lambda r, tensors, axis=0: [r.node("Concat", *tensors, axis=axis)],
    "detach": lambda r, x: [r.name(x)],
    "permute": lambda r, x, axes: [r.node("Transpose", x, perm=[*axes])],
    "view": lambda r, x, shape: [r.node("Reshape", x, np.array(shape, dtype=np.int64))],
    "_to_copy": _copy,
}
_TAKE_KEYWORDS = ("std_mean", "_to_copy")
