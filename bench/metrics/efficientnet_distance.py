"""A perceptual distance that works offline: how far apart two pictures are in EfficientNet-Lite0's activations.

The recipe is that of LPIPS (Zhang et al. 2018) without its calibration: activations of five layers, each place's
channels scaled to unit length, squared differences. LPIPS then weighs channels by what people judged; here all count
alike. It is *not* LPIPS and has another scale, so it never stands in LPIPS's column.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

from bench.errors import WeightsMissing
from bench.extractors.efficientnet_lite0 import load_network, weights_path
from bench.extractors.efficientnet_lite0_shape import STAGES
from bench.extractors.exact import exact_kernels
from bench.threads import each_alone
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from bench.extractors.efficientnet_lite0_network import EfficientNetLite0
else:
    torch = late("torch")

# the last stage before each halving, as LPIPS takes the last layer before each pooling: strides 2, 4, 8, 16, 32
TAPS = tuple(i for i in range(len(STAGES)) if i + 1 == len(STAGES) or STAGES[i + 1].stride == 2)

_EPSILON = 1e-10  # as in LPIPS: a place without activation has no direction


class EfficientNetDistance:
    """Distance of pairs of pictures, float (V, H, W, 3) sRGB in [0, 1], at their own size; from 0 to 4.

    Views go through the network one by one, so that no number depends on its neighbours.
    """

    smallest = 32  # px: the last stage's stride

    def __init__(self, network: EfficientNetLite0, device: str = "cpu") -> None:
        self._device = torch.device(device)
        self._network = network.to(self._device).to(memory_format=torch.channels_last)

    def distances(self, views: Tensor, others: Tensor) -> tuple[float, ...]:
        """The mean over stages of the mean over places of |u - v|^2, u and v the places' channels at unit length."""
        return tuple(each_alone(self._distance, zip(views, others, strict=True), self._device))

    def maps(self, views: Tensor, others: Tensor) -> Tensor:
        """The distance of each pixel, float32 (V, H, W): the stages' maps, enlarged bilinearly, and their mean."""
        return torch.stack(each_alone(self._map, zip(views, others, strict=True), self._device))

    def _distance(self, pair: tuple[Tensor, Tensor]) -> float:
        return float(torch.stack([stage.mean() for stage in self._stages(*pair)]).mean())

    def _map(self, pair: tuple[Tensor, Tensor]) -> Tensor:
        size = pair[0].shape[:2]
        enlarged = [torch.nn.functional.interpolate(stage, size, mode="bilinear") for stage in self._stages(*pair)]
        return torch.cat(enlarged).mean(dim=(0, 1))

    def _stages(self, view: Tensor, other: Tensor) -> list[Tensor]:
        """Squared differences at each of `TAPS`, (1, 1, H / stride, W / stride)."""
        with torch.inference_mode(), exact_kernels(self._device):
            pairs = zip(self._units(view), self._units(other), strict=True)
            return [(mine - theirs).square().sum(dim=1, keepdim=True) for mine, theirs in pairs]

    def _units(self, view: Tensor) -> Iterator[Tensor]:
        pictures = 255.0 * view.permute(2, 0, 1)[None].to(self._device, torch.float32)
        for activation in stage_activations(self._network, pictures):
            yield activation / (activation.square().sum(dim=1, keepdim=True).sqrt() + _EPSILON)


def stage_activations(network: EfficientNetLite0, pictures: Tensor) -> Iterator[Tensor]:
    """What the stages at `TAPS` answer to sRGB values 0..255, (B, 3, H, W): (B, channels, H / stride, W / stride)."""
    x = network.stem((pictures - 127.0) / 128.0)
    for number, stage in enumerate(chain(network.low, network.high)):
        x = stage(x)
        if number in TAPS:
            yield x


@lru_cache(maxsize=2)
def find_efficientnet(device: str) -> EfficientNetDistance | WeightsMissing:
    """The distance on `device` with the pinned weights, or why it is not available."""
    try:
        return EfficientNetDistance(load_network(weights_path()), device)
    except WeightsMissing as error:
        return error
