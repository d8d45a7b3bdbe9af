"""What runs a frozen network's forward pass: onnxruntime on a CPU, where it takes half the time; torch elsewhere.

Both compute in float32, and their features differ by rounding. Before an ONNX graph is used it has to agree with torch
on a picture that it was not made from; where it does not, or cannot be made, torch runs the network. So an engine is no
part of a signature: whichever it is, features are within `TOLERANCE` of torch's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from bench.extractors.exact import exact_kernels
from bench.extractors.protocol import Features
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = late("torch")

TOLERANCE = 1e-4
"""Largest difference between engines, in root mean squares of the features. Measured: some 1e-5 and less."""

Network: TypeAlias = "Callable[[Tensor], Sequence[Tensor]]"
"""Pictures of one fixed shape to float32 (B, D) feature levels; in inference mode, its tensors on one device."""


class Engine(Protocol):
    """A network that takes and gives arrays. `name` says what runs it, and why, where it is not the fastest."""

    name: str

    def __call__(self, pictures: npt.NDArray[Any]) -> tuple[Features, ...]:
        """The feature levels of a batch. May be called from several threads at once."""
        ...


def engine_for(network: Network, device: torch.device, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Engine:
    """The fastest engine here for `network`, whose input has `shape`, batch included, and values in 0..255."""
    if device.type != "cpu":
        return TorchEngine(network, device)
    random = np.random.default_rng(0)
    recorded, other = (random.integers(0, 256, shape).astype(dtype) for _ in range(2))
    try:
        return OnnxEngine(network, recorded, other)
    except ImportError as error:
        return TorchEngine(network, device, f"{error.name} is not installed")
    except Exception as error:  # torch's and onnxruntime's own errors are of many kinds, and torch is always right
        return TorchEngine(network, device, str(error))


class TorchEngine:
    """The network as it is."""

    def __init__(self, network: Network, device: torch.device, reason: str = "") -> None:
        self.name = f"torch {torch.__version__}" + (f" ({reason})" if reason else "")
        self._network, self._device = network, device

    def __call__(self, pictures: npt.NDArray[Any]) -> tuple[Features, ...]:
        """See `Engine`."""
        with torch.inference_mode(), exact_kernels(self._device):
            levels = self._network(torch.from_numpy(pictures).to(self._device))
        return tuple(level.cpu().numpy() for level in levels)


class OnnxEngine:
    """The network's arithmetic in onnxruntime, in the calling thread.

    `recorded` is the input that the graph is made from, `other` the one that it is tried on. Raises `ImportError`
    without onnx and onnxruntime, and `ValueError` (or their own errors) when the graph cannot be made or is wrong.
    """

    def __init__(self, network: Network, recorded: npt.NDArray[Any], other: npt.NDArray[Any]) -> None:
        import onnxruntime

        from bench.extractors.onnx_graph import INPUT, onnx_graph

        self.name = f"onnxruntime {onnxruntime.__version__}"
        self._input = INPUT
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # pictures run side by side instead
        options.log_severity_level = 3  # errors
        graph = onnx_graph(network, torch.from_numpy(recorded))
        weights = [onnxruntime.OrtValue.ortvalue_from_numpy(weight) for weight in graph.weights.values()]
        options.add_external_initializers([*graph.weights], weights)
        self._session = onnxruntime.InferenceSession(graph.model, options, providers=["CPUExecutionProvider"])
        for expected, found in zip(TorchEngine(network, torch.device("cpu"))(other), self(other), strict=True):
            scale = float(np.sqrt(np.square(expected, dtype=np.float64).mean()))
            if expected.shape != found.shape or not np.allclose(found, expected, rtol=0, atol=TOLERANCE * scale):
                raise ValueError("its ONNX graph gives other features")

    def __call__(self, pictures: npt.NDArray[Any]) -> tuple[Features, ...]:
        """See `Engine`."""
        return tuple(self._session.run(None, {self._input: pictures}))
