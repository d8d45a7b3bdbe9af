"""Domain switcher, after Wonder3D (Long et al. 2023): the domain joins the timestep embedding of the whole network.

    concat   the first layer of the timestep embedder reads the domain's code beside the timestep's: W [t | code] + b.
             The new columns of W start at zero. They are a linear map of their own here, which is the same sum.
    add      an MLP of the code is added to the embedded timestep, as Wonder3D's code does. Its last layer starts at
             zero.

The code of a domain is the sines and cosines of its one-hot vector, 4 numbers, as Wonder3D encodes its 'normal' and
'colour' tasks. The switcher trains together with the backbone ('joint'), or first and alone ('2-stage'). Sampling runs
in the real domain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.embeddings import TimestepEmbedding
from diffusers.models.modeling_utils import ModelMixin
from pydantic import Field
from torch import Tensor, nn

from baselines.phases import (
    ADAPTER,
    CONTROL,
    WARMUP,
    AdapterPhase,
    Baseline,
    ControlPhase,
    backbone,
    conditions,
    no_empty,
)
from baselines.saved import load_module
from realiz3d.errors import UsageError
from realiz3d.extras import Extra, domains_at
from realiz3d.hosts.base import Removable
from realiz3d.multiview import MultiviewModel
from realiz3d.plan import Domain
from realiz3d.training.checkpoint import EXTRAS, save_modules
from realiz3d.training.method import Conditions, Method, MethodSettings, Mix, Phase
from realiz3d.training.section import Warmup

NAME = "domain_switcher"
Mode = Literal["concat", "add"]
_CODE = 4


class DomainSwitcher(Extra, ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Vectors of the two domains for each timestep embedder of a host (DiT has one per block, the others one).

    mode: 'concat' adds to the output of the embedder's first layer, 'add' to that of the whole embedder.
    """

    reads_domains = True

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, n_embedders: int, dim: int, mode: Mode = "concat") -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.mode = mode
        self.codes = nn.ModuleList(_linear(dim) if mode == "concat" else _mlp(dim) for _ in range(n_embedders))

    @classmethod
    def for_model(cls, model: MultiviewModel, mode: Mode, seed: int) -> DomainSwitcher:
        """A fresh switcher that fits a model."""
        embedders = timestep_embedders(model)
        dim = embedders[0].linear_1.out_features if mode == "concat" else embedders[0].linear_2.out_features
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            switcher: DomainSwitcher = cls(len(embedders), dim, mode)
        return switcher

    def forward(self, domains: Tensor, embedder: int) -> Tensor:
        """(U,) domains to (U, dim)."""
        layer = self.codes[embedder]
        vectors: Tensor = layer(code_of(domains).to(next(layer.parameters()).dtype))
        return vectors

    def install(self, model: MultiviewModel) -> Sequence[Removable]:
        """A hook an embedder. Embedders inside a block read that block's state, which checkpointing brings back."""
        blocks = model.host.blocks
        inside = {id(module): block for block in blocks for module in block.modules()}
        handles = []
        for index, embedder in enumerate(timestep_embedders(model)):
            watched = embedder.linear_1 if self.mode == "concat" else embedder
            handles.append(watched.register_forward_hook(self._hook(inside.get(id(embedder), blocks[0]), index)))
        return handles

    def _hook(self, block: nn.Module, index: int) -> Any:
        def join(_module: nn.Module, _args: Any, output: Tensor) -> Tensor:
            domains = domains_at(block)
            if domains is None:  # sampling
                domains = torch.full((len(output),), int(Domain.REAL), device=output.device)
            joined: Tensor = output + self(domains, index).to(output.dtype)
            return joined

        return join


def code_of(domains: Tensor) -> Tensor:
    """(U,) values of `Domain` to (U, 4): sines, then cosines, of the one-hot vectors."""
    hot = nn.functional.one_hot(domains.long(), len(Domain)).float()
    return torch.cat([hot.sin(), hot.cos()], dim=-1)


def timestep_embedders(model: MultiviewModel) -> list[Any]:
    """The modules that turn a sinusoidal timestep into the network's time vector, in order of the network."""
    found = [
        module
        for path, module in model.transformer.named_modules()
        if path.rpartition(".")[2] == "timestep_embedder" and isinstance(module, TimestepEmbedding)
    ]
    if not found:
        raise UsageError(f"{model.host.name} has no timestep embedder that a switcher could join")
    return found


def _linear(dim: int) -> nn.Module:
    layer = nn.Linear(_CODE, dim, bias=False)
    nn.init.zeros_(layer.weight)
    return layer


def _mlp(dim: int) -> nn.Module:
    last = nn.Linear(dim, dim)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(_CODE, dim), nn.SiLU(), last)


class DomainSwitcherSettings(MethodSettings):
    """`method: {name: domain_switcher}`."""

    name: Literal["domain_switcher"] = "domain_switcher"
    mode: Mode = Field(default="concat", description="where the domain joins the timestep")
    joint: bool = Field(default=False, description="train the switcher together with the backbone, in one phase")
    warmup: Warmup = Field(default_factory=Warmup)
    adapter: AdapterPhase = Field(default_factory=AdapterPhase, description="the switcher alone; unused when joint")
    control: ControlPhase = Field(default_factory=ControlPhase)

    def learns_from_real(self) -> bool:
        """Always."""
        return True

    def build(self, seed: int) -> Method:
        """`DomainSwitcherTuning`."""
        return DomainSwitcherTuning(self, seed)


class DomainSwitcherTuning(Baseline[DomainSwitcherSettings]):
    """All weights on both domains, told apart by a vector in the timestep embedding."""

    def phases(self) -> tuple[Phase, ...]:
        """A warm-up on real samples; the switcher unless joint; then the control."""
        settings = self.settings
        mix: Mix = "both"
        phases = [Phase(WARMUP, "real", settings.warmup)]
        if not settings.joint:
            phases.append(Phase(ADAPTER, mix, settings.adapter))
        return no_empty(*phases, Phase(CONTROL, mix, settings.control))

    def setup(self, phase: Phase, model: MultiviewModel) -> None:
        """Add the switcher, which is the identity until it trains."""
        if NAME not in model.extras:
            model.add_extra(NAME, DomainSwitcher.for_model(model, self.settings.mode, self.seed))

    def trainable(self, phase: Phase, model: MultiviewModel) -> Iterable[nn.Parameter]:
        """The switcher in its own phase; the backbone in the others; both in the control phase when joint."""
        switcher = list(model.extras[NAME].parameters())
        if phase.name == ADAPTER:
            return switcher
        return [*backbone(model), *switcher] if self.settings.joint and phase.name == CONTROL else backbone(model)

    def conditions(self, phase: Phase, model: MultiviewModel, domains: Tensor, rng: torch.Generator) -> Conditions:
        """As for all methods; the switcher reads each sample's domain."""
        return conditions(phase, model, domains, tell_domain=True)

    def save(self, model: MultiviewModel, folder: Path) -> None:
        """The transformer, and the switcher beside it."""
        save_modules(model, folder)
        switcher: Any = model.extras[NAME]
        switcher.save_pretrained(folder / EXTRAS / NAME)

    def restore(self, model: MultiviewModel, folder: Path) -> None:
        """Add the saved switcher."""
        model.add_extra(NAME, load_module(DomainSwitcher, folder / EXTRAS / NAME))
