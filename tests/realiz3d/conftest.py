"""Tiny random instances of the real diffusers classes, one a host, with the conditioning that each of them reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from realiz3d.plan import Domain, DomainPlan
from realiz3d.text import Text

if TYPE_CHECKING:
    from realiz3d.multiview import MultiviewModel

# all of it runs on hosts; reading and writing training data, which needs no diffusers, is tested elsewhere
if find_spec("diffusers") is None:
    collect_ignore = sorted(path.name for path in Path(__file__).parent.glob("test_*.py"))
else:
    import diffusers

TEXT_LENGTH, TEXT_WIDTH, CLASSES = 5, 16, 7


@dataclass(frozen=True)
class Tiny:
    """How to build one host and what to feed it."""

    name: str
    build: Callable[[], Any]
    channels: int = 4
    side: int = 8  # of a view, in latent pixels

    def transformer(self, seed: int = 0) -> Any:
        """A freshly initialised transformer in eval mode, its zero-initialised modulations made random."""
        torch.manual_seed(seed)
        model = self.build()
        with torch.no_grad():
            for parameter in model.parameters():
                if not parameter.any():
                    parameter.normal_(std=0.1)
        return model.eval()

    def latents(self, batch: int, views: int = 4, seed: int = 1) -> torch.Tensor:
        rng = torch.Generator().manual_seed(seed)
        return torch.randn(batch, views, self.channels, self.side, self.side, generator=rng)

    def text(self, *lead: int, seed: int = 2) -> Text:
        """Text for leading axes (B,) or (B, V)."""
        rng = torch.Generator().manual_seed(seed)
        if self.name == "dit":
            return Text(labels=torch.randint(0, CLASSES, lead, generator=rng))
        embeds = torch.randn(*lead, TEXT_LENGTH, TEXT_WIDTH, generator=rng)
        if self.name in ("sd3", "flux"):
            return Text(embeds=embeds, pooled=torch.randn(*lead, TEXT_WIDTH, generator=rng))
        mask = torch.ones(*lead, TEXT_LENGTH, dtype=torch.int64)
        mask[..., -1] = 0
        return Text(embeds=embeds, mask=mask)

    def times(self, batch: int) -> torch.Tensor:
        return torch.arange(1, batch + 1) * 130


def _pixart() -> Any:
    return diffusers.PixArtTransformer2DModel(
        num_layers=4, num_attention_heads=2, attention_head_dim=12, cross_attention_dim=24, in_channels=4,
        out_channels=8, sample_size=16, caption_channels=TEXT_WIDTH, norm_num_groups=1,
    )  # fmt: skip


def _dit() -> Any:
    return diffusers.DiTTransformer2DModel(
        num_layers=4, num_attention_heads=2, attention_head_dim=8, in_channels=4, sample_size=16,
        num_embeds_ada_norm=CLASSES, norm_num_groups=1,
    )  # fmt: skip


def _sd3() -> Any:
    return diffusers.SD3Transformer2DModel(
        num_layers=4, num_attention_heads=2, attention_head_dim=8, in_channels=4, out_channels=4, sample_size=16,
        joint_attention_dim=TEXT_WIDTH, caption_projection_dim=16, pooled_projection_dim=TEXT_WIDTH,
        pos_embed_max_size=12, dual_attention_layers=(0, 1), qk_norm="rms_norm",
    )  # fmt: skip


def _flux() -> Any:
    return diffusers.FluxTransformer2DModel(
        num_layers=2, num_single_layers=2, num_attention_heads=2, attention_head_dim=16, in_channels=16,
        joint_attention_dim=TEXT_WIDTH, pooled_projection_dim=TEXT_WIDTH, axes_dims_rope=(4, 6, 6),
    )  # fmt: skip


def _qwen() -> Any:
    return diffusers.QwenImageTransformer2DModel(
        num_layers=4, num_attention_heads=2, attention_head_dim=16, in_channels=16, out_channels=4,
        joint_attention_dim=TEXT_WIDTH, axes_dims_rope=(4, 6, 6),
    )  # fmt: skip


def _sana() -> Any:
    return diffusers.SanaTransformer2DModel(
        num_layers=4, num_attention_heads=2, attention_head_dim=8, num_cross_attention_heads=2,
        cross_attention_head_dim=8, cross_attention_dim=16, in_channels=4, out_channels=4, sample_size=16,
        caption_channels=TEXT_WIDTH,
    )  # fmt: skip


HOSTS = {
    tiny.name: tiny
    for tiny in [
        Tiny("pixart", _pixart), Tiny("dit", _dit), Tiny("sd3", _sd3), Tiny("flux", _flux), Tiny("qwen", _qwen),
        Tiny("sana", _sana),
    ]
}  # fmt: skip


@pytest.fixture(params=sorted(HOSTS))
def tiny(request: pytest.FixtureRequest) -> Tiny:
    """Each of the hosts in turn."""
    return HOSTS[request.param]


@pytest.fixture
def tiny_hosts() -> dict[str, Tiny]:
    """The hosts by name, for tests that need a particular one."""
    return HOSTS


@pytest.fixture
def trained() -> Callable[..., MultiviewModel]:
    """A wrapped host whose shifters are not zero any more, as after stage 1."""

    from realiz3d.multiview import MultiviewModel
    from realiz3d.shifters import DomainShifters

    def build(tiny: Tiny, **options: Any) -> MultiviewModel:
        model = MultiviewModel.wrap(tiny.transformer(), **options)
        shifters = DomainShifters.for_model(model, rank=4)
        torch.manual_seed(5)
        torch.nn.init.normal_(shifters.left, std=0.5)
        torch.nn.init.normal_(shifters.embed)
        model.attach(shifters)
        return model.eval()

    return build


@pytest.fixture
def real_plan() -> Callable[[MultiviewModel], DomainPlan]:
    """Real mode in every block."""
    return lambda model: DomainPlan.constant(Domain.REAL, model.n_blocks)


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of saved tiny pipelines by family."""
    pytest.importorskip("transformers")
    import tiny_pipelines
    from random_pipelines import FAMILIES

    root = tmp_path_factory.mktemp("bases")
    return {name: getattr(tiny_pipelines, name)(root / name) for name in FAMILIES}
