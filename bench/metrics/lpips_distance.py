"""LPIPS (Zhang et al. 2018) as papers print it: the authors' package, their linear heads, torchvision's backbones.

The heads come in the wheel of `lpips`, the ImageNet backbone is a file that torchvision publishes. Both are pinned by
SHA-256 and read as tensors only. The package is optional: it needs torchvision, which the main install does without.
"""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.errors import WeightsMissing
from bench.extractors.exact import exact_kernels
from bench.extractors.weights import WeightsFile, weights_bytes
from bench.threads import each_alone
from groundwork.hashing import hash_bytes
from groundwork.late import late

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = late("torch")

Net = Literal["alex", "vgg"]

_INSTEAD = "or use the metric reprojection_features, which works offline (its own numbers, not LPIPS)"
_INSTALL = "pip install 'realiz3d-bench[perceptual]'"


@dataclass(frozen=True)
class Pins:
    """The two files that decide the numbers: torchvision's backbone, and the SHA-256 (hex) of the package's heads."""

    backbone: WeightsFile
    heads_sha256: str


PINS: Mapping[Net, Pins] = {
    "alex": Pins(
        WeightsFile(
            name="alexnet-owt-7be5be79.pth",
            url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
            sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
            instead=_INSTEAD,
        ),
        heads_sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
    ),
    "vgg": Pins(
        WeightsFile(
            name="vgg16-397923af.pth",
            url="https://download.pytorch.org/models/vgg16-397923af.pth",
            sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            instead=_INSTEAD,
        ),
        heads_sha256="a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
    ),
}


class Lpips:
    """LPIPS of pairs of pictures, float (V, H, W, 3) sRGB in [0, 1], at their own size.

    Views go through the network one by one, so that no number depends on its neighbours.
    """

    smallest = 32  # px: AlexNet's strides leave nothing of smaller pictures

    def __init__(self, network: nn.Module, device: str = "cpu") -> None:
        self._device = torch.device(device)
        self._pooled: nn.Module = network.to(self._device).eval().requires_grad_(False)
        # the same layers; the package decides by an attribute whether it averages over space or answers with a map
        spatial: Any = copy.copy(network)
        spatial.spatial = True
        self._spatial: nn.Module = spatial

    def distances(self, views: Tensor, others: Tensor) -> tuple[float, ...]:
        """LPIPS of each view, as the package has it."""
        return tuple(float(found) for found in self._each(self._pooled, views, others))

    def maps(self, views: Tensor, others: Tensor) -> Tensor:
        """LPIPS of each pixel, float32 (V, H, W): the layers' maps, enlarged bilinearly and added.

        Its mean is the distance up to the enlargement's borders.
        """
        return torch.stack([found[0, 0] for found in self._each(self._spatial, views, others)])

    def _each(self, network: nn.Module, views: Tensor, others: Tensor) -> list[Tensor]:
        def one(pair: tuple[Tensor, Tensor]) -> Tensor:
            with torch.inference_mode(), exact_kernels(self._device):
                first, second = (picture.permute(2, 0, 1)[None].to(self._device, torch.float32) for picture in pair)
                distance: Tensor = network(first, second, normalize=True)
                return distance

        return each_alone(one, zip(views, others, strict=True), self._device)


@lru_cache(maxsize=4)
def find_lpips(net: Net, device: str, offline: bool) -> Lpips | WeightsMissing:
    """LPIPS on `device` with the pinned weights, or why it is not available. Fetched at most once a process."""
    try:
        if not _installed():
            _package()  # says what to install
        content = weights_bytes(PINS[net].backbone, offline)  # mostly absent, and the package takes seconds to import
        package = _package()
        heads = _heads(Path(package.__file__).parent / "weights" / "v0.1" / f"{net}.pth", PINS[net].heads_sha256)
        return Lpips(lpips_network(net, _tensors(content), heads), device)
    except WeightsMissing as error:
        return error


def lpips_network(net: Net, backbone: Mapping[str, Tensor], heads: Mapping[str, Tensor]) -> nn.Module:
    """The package's network with tensors of torchvision's classifier (`features.*`) and the heads (`lin*`).

    Raises `WeightsMissing` without the package, and `RuntimeError` when tensors do not fit.
    """
    package = _package()
    # without memory of its own: random weights would cost seconds and draws from the global generator
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the package uses torchvision's old spelling of 'no weights'
        network: nn.Module = package.LPIPS(pretrained=False, net=net, pnet_rand=True, verbose=False)
    # 'features.3.weight' is 'net.slice2.3.weight' here: slices keep the numbers of the layers that they hold
    layers = {name.split(".", 2)[2]: name for name in network.state_dict() if name.startswith("net.")}
    published = {name.removeprefix("features."): tensor for name, tensor in backbone.items()}
    trunk = {layers[name]: tensor for name, tensor in published.items() if name in layers}
    loaded = network.load_state_dict({**trunk, **heads}, strict=False, assign=True)
    absent = [name for name in loaded.missing_keys if not name.startswith(("lins.", "scaling_layer."))]
    if absent or loaded.unexpected_keys:
        raise RuntimeError(f"tensors that do not fit: {absent + loaded.unexpected_keys}")
    return network


def _installed() -> bool:
    try:
        return find_spec("lpips") is not None
    except ValueError:  # its import failed before
        return False


def _package() -> Any:
    try:
        import lpips
    except ImportError as error:
        raise WeightsMissing(f"LPIPS needs optional packages: {error}", hint=f"{_INSTALL}, {_INSTEAD}") from error
    except RuntimeError as error:  # what torchvision raises when it was built for another torch
        raise WeightsMissing(
            f"LPIPS needs torchvision, and the one that is installed does not work with torch {torch.__version__}",
            where=str(error),
            hint=f"install the torchvision that belongs to this torch: {_INSTALL}, {_INSTEAD}",
        ) from error
    return lpips


def _heads(path: Path, sha256: str) -> Mapping[str, Tensor]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsMissing(
            f"the heads of LPIPS cannot be read: {error.strerror}", where=str(path), hint=f"{_INSTALL}, {_INSTEAD}"
        ) from error
    found = hash_bytes(content)
    if found != sha256:
        raise WeightsMissing(
            f"these are other heads of LPIPS (SHA-256 {found[:12]}...); their numbers would not compare",
            where=str(path),
            expected=f"SHA-256 {sha256}",
            hint=f"pip install --force-reinstall lpips, {_INSTEAD}",
        )
    return _tensors(content)


def _tensors(content: bytes) -> Mapping[str, Tensor]:
    tensors: Mapping[str, Tensor] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return tensors
