"""End to end: where control and domain are confounded, Realiz3D stays real under control, syn-only tuning does not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("accelerate")

from accelerate import Accelerator
from diffusers import DDIMScheduler, DiTTransformer2DModel
from toy_domains import SHAPES, SIDE, ToyObjects, ToyPictures, domain_score, overlap

from realiz3d.control import Control
from realiz3d.multiview import MultiviewModel
from realiz3d.plan import DomainPlan
from realiz3d.schedules import NoiseSchedule
from realiz3d.text import Text
from realiz3d.training.captions import Captions, NamedClasses
from realiz3d.training.checkpoint import load_checkpoint, save_modules
from realiz3d.training.config import ClassLabels, TrainConfig
from realiz3d.training.feed import Material
from realiz3d.training.method import Conditions, Phase
from realiz3d.training.realiz3d_method import Realiz3D, Realiz3DSettings
from realiz3d.training.samples import Latents
from realiz3d.training.section import Length, PhaseSettings
from realiz3d.training.trainer import Trainer

SEEDS = (0, 1, 2)
STAGE1_STEPS, TUNING_STEPS = 300, 60
SCHEDULER = {"beta_schedule": "squaredcos_cap_v2", "prediction_type": "v_prediction", "clip_sample": False}


class Tuning:
    """All weights on one kind of samples: pre-training on single pictures, or the baseline 'Syn only'."""

    def __init__(self, name: str, mix: str, steps: int, rate: float) -> None:
        self.name = name
        settings = PhaseSettings(length=Length(steps=steps), learning_rate=rate)
        self.phase = Phase(name, mix, settings)

    def phases(self) -> tuple[Phase, ...]:
        return (self.phase,)

    def setup(self, phase: Phase, model: MultiviewModel) -> None:
        pass

    def trainable(self, phase: Phase, model: MultiviewModel) -> Iterable[torch.nn.Parameter]:
        return model.transformer.parameters()

    def conditions(self, phase: Phase, model: MultiviewModel, domains: Any, rng: torch.Generator) -> Conditions:
        grids = phase.mix == "synthetic"
        return Conditions("multiview" if grids else "single", control=grids)

    def save(self, model: MultiviewModel, folder: Path) -> None:
        save_modules(model, folder)

    def restore(self, model: MultiviewModel, folder: Path) -> None:
        pass

    def describe(self) -> dict[str, Any]:
        return {}


def config(seed: int, batch: int, **optimisation: Any) -> TrainConfig:
    """Only what the trainer reads; model and data are handed over."""
    return TrainConfig.model_validate(
        {
            "name": "toy",
            "seed": seed,
            "base": {"made": {"transformer": "DiTTransformer2DModel", "config": {}}, "vae": None,
                     "text": {"encoder": "labels", "names": SHAPES}},
            "data": {"synthetic": {"path": "-"}, "real": {"path": "-"}, "resolution_px": SIDE, "workers": 0,
                     "text_dropout_p": 0.0},
            "optimisation": {"samples_per_step": batch, "micro_batch": batch, "precision": "float32", **optimisation},
            "checkpoints": {"every_steps": 10**6},
        }
    )  # fmt: skip


def tuned(model: MultiviewModel, method: Any, cfg: TrainConfig, out: Path, synthetic: float = 0.0) -> MultiviewModel:
    captions = Captions(NamedClasses(ClassLabels(names=SHAPES)))
    material = Material(ToyObjects(), ToyPictures(synthetic=synthetic), Latents(), captions)
    out.mkdir(parents=True)
    schedule = NoiseSchedule.from_scheduler(DDIMScheduler(**SCHEDULER))
    trainer = Trainer(
        cfg,
        model=model,
        schedule=schedule,
        method=method,
        material=material,
        out=out,
        processes=Accelerator(cpu=True),
    )
    trainer.run()
    return model


def fresh() -> MultiviewModel:
    torch.manual_seed(0)
    host = DiTTransformer2DModel(
        num_layers=6, num_attention_heads=4, attention_head_dim=16, in_channels=3, out_channels=3, sample_size=2 * SIDE,
        patch_size=2, num_embeds_ada_norm=len(SHAPES), norm_num_groups=1,
    )  # fmt: skip
    return MultiviewModel.wrap(host, control_channels=1)


@torch.no_grad()
def sampled(
    model: MultiviewModel, control: torch.Tensor | None, labels: torch.Tensor, seed: int, domain: str = "real"
) -> torch.Tensor:
    """DDIM with 20 steps, in one mode of the shifters throughout: grids under control, single pictures without."""
    model.eval()
    scheduler = DDIMScheduler(**SCHEDULER, timestep_spacing="trailing")
    scheduler.set_timesteps(20)
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(len(labels), 4, 3, SIDE, SIDE, generator=rng)
    plan = None if model.shifters is None else DomainPlan.constant(domain, model.n_blocks)
    for t in scheduler.timesteps:
        given = None if control is None else Control(maps=control)
        mode = "single" if control is None else "multiview"
        x = scheduler.step(model(x, t, Text(labels=labels), given, mode=mode, plan=plan), t, x).prev_sample
    return x


def measured(model: MultiviewModel, seed: int) -> tuple[float, float]:
    """Share of views in the real domain, and mean overlap with the control, on objects that were not trained on."""
    held_out = [ToyObjects(seed=99)[index] for index in range(48)]
    control = torch.stack([item.tensors["control"] for item in held_out])
    labels = torch.tensor([SHAPES.index(item.caption) for item in held_out])
    pictures = sampled(model, control, labels, seed)
    masks = (control[:, :, 0] + 1) / 2
    return float((domain_score(pictures, masks) > 0).float().mean()), float(overlap(pictures, masks).mean())


def uncontrolled_realness(model: MultiviewModel, domain: str) -> float:
    """Share of single pictures without control that are in the real domain, within what the model itself painted."""
    labels = torch.arange(48) % len(SHAPES)
    pictures = sampled(model, None, labels, 0, domain)
    shown = ((pictures - 1).abs().amax(dim=2) > 0.4).float()
    painted = shown.sum(dim=(-2, -1)) > 3
    assert painted.float().mean() > 0.9
    return float((domain_score(pictures, shown.clamp_min(1e-9))[painted] > 0).float().mean())


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """Weights of a base that paints single pictures of both domains, mostly real ones, without control."""
    out = tmp_path_factory.mktemp("base") / "out"
    method = Tuning("base", "real", 600, 2e-3)
    model = tuned(fresh(), method, config(0, 16, schedule="cosine", ramp_steps=50), out, synthetic=0.15)
    return model.state_dict()


def started(base: dict[str, torch.Tensor]) -> MultiviewModel:
    model = fresh()
    model.load_state_dict(base)
    return model


def realiz3d(seed: int) -> Realiz3D:
    """The paper's settings but for lengths and learning rates, which a tiny base needs shorter and higher."""
    settings = {
        "warmup": {"length": {"steps": 0}},
        "stage1": {"length": {"steps": STAGE1_STEPS}, "learning_rate": 2e-2},
        "stage2": {"length": {"steps": TUNING_STEPS}, "learning_rate": 1e-3},
    }
    return Realiz3D(Realiz3DSettings.model_validate(settings), seed=seed)


@pytest.mark.slow  # pre-trains a base and fine-tunes it six times: two minutes
def test_real_mode_keeps_the_domain_that_syn_only_tuning_loses(base, tmp_path):
    """Three seeds of fine-tuning from one base; both methods see the same synthetic samples for the same steps."""
    assert uncontrolled_realness(started(base), "real") > 0.7
    found: dict[str, list[tuple[float, float]]] = {"syn_only": [], "realiz3d": []}
    for seed in SEEDS:
        syn_only = Tuning("syn_only", "synthetic", TUNING_STEPS, 1e-3)
        # half of Realiz3D's batch is synthetic
        model = tuned(started(base), syn_only, config(seed, 8), tmp_path / f"syn{seed}")
        found["syn_only"].append(measured(model, seed))
        model = tuned(started(base), realiz3d(seed), config(seed, 16), tmp_path / f"ours{seed}")
        found["realiz3d"].append(measured(model, seed))
        # stage 1 learned the domain as such: without control the two modes of the shifters differ
        learned = load_checkpoint(tmp_path / f"ours{seed}" / "checkpoints" / f"step_{STAGE1_STEPS}").model
        assert uncontrolled_realness(learned, "real") > uncontrolled_realness(learned, "synthetic") + 0.3
    domain = {name: [real for real, _ in values] for name, values in found.items()}
    follows = {name: sum(iou for _, iou in values) / len(values) for name, values in found.items()}
    # beyond the noise of seeds: the worst seed of one is far above the best of the other
    assert min(domain["realiz3d"]) > max(domain["syn_only"]) + 0.4, found
    assert follows["realiz3d"] > follows["syn_only"] - 0.15 and follows["realiz3d"] > 0.6, found
