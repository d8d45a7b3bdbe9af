"""SDEdit on the made bases of trained checkpoints: structure, one noise a grid, each view alone."""

from __future__ import annotations

import pytest
import torch
from baseline_runs import Run, text_of

from baselines.sdedit import SDEdit, base_pipeline, sdedit
from realiz3d.errors import UsageError
from realiz3d.pipeline import Realiz3DPipeline

ONE = {"guidance_scale": 1.0, "num_inference_steps": 20}


@pytest.fixture
def base(trained, host) -> Realiz3DPipeline:
    run: Run = trained("syn_only", host)
    made = base_pipeline(run.last)
    made.set_progress_bar_config(disable=True)
    return made


def pictures(views: int = 4) -> torch.Tensor:
    """(2, V, 3, 8, 8) smooth pictures in [-1, 1]."""
    rng = torch.Generator().manual_seed(5)
    coarse = torch.randn(2 * views, 3, 2, 2, generator=rng)
    return torch.nn.functional.interpolate(coarse, (8, 8), mode="bilinear").tanh().reshape(2, views, 3, 8, 8)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def correlation(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1])


def test_the_base_is_the_model_before_training(trained, host, base):
    run: Run = trained("syn_only", host)
    before = {name.removeprefix("transformer."): value for name, value in run.base.items()}
    for name, value in base.transformer.state_dict().items():
        wanted = before[name]
        # the training's input projection was widened by columns of zeros
        assert torch.equal(value, wanted[:, : value.shape[1]] if value.shape != wanted.shape else wanted), name


def test_structure_falls_with_t(host, base):
    x = pictures()
    kept = [correlation(x, sdedit(base, x, text_of(host), t=t, generator=rng(), **ONE)) for t in (100, 300, 500, 900)]
    assert kept == sorted(kept, reverse=True)
    assert kept[0] > 0.6 and kept[0] - kept[-1] > 0.3


def test_the_papers_t_still_carries_the_picture(host, base):
    """At t = 500 with the same noise, results differ as the pictures that they came from differ.

    A base of random weights cannot take noise away, so results are compared with each other and not with the picture.
    """
    x = pictures()
    made, other = (sdedit(base, given, text_of(host), t=500, generator=rng(), **ONE) for given in (x, x.flip(0)))
    assert correlation(made - other, x - x.flip(0)) > 0.5


def test_views_of_a_grid_share_their_noise(host, base):
    """Equal views stay equal, which other noise for each of them would not let them."""
    x = pictures(1).expand(-1, 4, -1, -1, -1)
    made = sdedit(base, x, text_of(host), generator=rng(), **ONE)
    torch.testing.assert_close(made, made[:, :1].expand_as(made), rtol=1e-4, atol=1e-5)
    assert float((made[0] - made[1]).abs().max()) > 1e-2
    assert float((made - sdedit(base, x, text_of(host), generator=rng(1), **ONE)).abs().max()) > 1e-2


def test_views_are_denoised_alone(host, base):
    """A view does not change with its neighbours."""
    x = pictures()
    made = sdedit(base, x, text_of(host), generator=rng(), **ONE)
    other = x.clone()
    other[:, 1:] = other[:, 1:].flip(1)
    changed = sdedit(base, other, text_of(host), generator=rng(), **ONE)
    torch.testing.assert_close(changed[:, 0], made[:, 0], rtol=1e-4, atol=1e-5)


def test_the_noise_is_that_of_the_first_step(host, base, monkeypatch):
    """What the base is called with first is the picture, noised to the first timestep at or below t."""
    seen = {}
    model = base.multiview
    whole = type(model).forward

    def watch(self, latents, t, *args, **kwargs):
        seen.setdefault("first", (latents.clone(), float(t)))
        return whole(self, latents, t, *args, **kwargs)

    monkeypatch.setattr(type(model), "forward", watch)
    x = pictures()
    sdedit(base, x, text_of(host), generator=rng(), **ONE)
    latents, t = seen["first"]
    assert 440 <= t <= 500
    noise = torch.stack([torch.randn(3, 8, 8, generator=g) for g in [rng()] for _ in range(1)])
    signal = 1 - t / 1000 if host == "sd3" else float(base.scheduler.alphas_cumprod[int(t)]) ** 0.5
    std = t / 1000 if host == "sd3" else (1 - signal**2) ** 0.5
    torch.testing.assert_close(latents[:4, 0], signal * x[0] + std * noise.expand(4, -1, -1, -1), rtol=1e-4, atol=1e-5)


def test_the_whole_method_samples_from_a_checkpoint(trained, host, base):
    run: Run = trained("syn_only", host)
    first = Realiz3DPipeline.from_checkpoint(run.last)
    first.set_progress_bar_config(disable=True)
    call = {"num_inference_steps": 4, "output_type": "pt"}
    maps = torch.zeros(1, 4, 6, 8, 8)
    made = SDEdit(first, base)("a red mug", maps, generator=rng(), **call).images
    plain = first("a red mug", maps, generator=rng(), **call).images
    assert made.shape == plain.shape == (1, 4, 3, 8, 8)
    assert float((made - plain).abs().max()) > 1e-2
    assert len(SDEdit(first, base)("a red mug", maps, num_inference_steps=4, generator=rng()).images[0]) == 4


def test_what_cannot_work_is_refused(trained, host, base):
    run: Run = trained("syn_only", host)
    with pytest.raises(UsageError, match="4 views at once"):
        sdedit(Realiz3DPipeline.from_checkpoint(run.last), pictures(), text_of(host))
    with pytest.raises(UsageError, match="no step lies"):
        sdedit(base, pictures(), text_of(host), t=-1.0)
