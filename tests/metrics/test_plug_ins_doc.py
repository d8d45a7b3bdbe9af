"""The plug-ins that docs/plug-ins.md prints work as printed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.estimators.catalogue import find_estimator
from bench.vqa.catalogue import find_vqa

PAGE = Path(__file__).parents[2] / "docs" / "plug-ins.md"


class Tilted(torch.nn.Module):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels * 0.0 + torch.tensor([0.0, 3.0, 4.0])[:, None, None]


class Sure(torch.nn.Module):
    def forward(self, pixels: torch.Tensor, question: str) -> torch.Tensor:
        return pixels.mean() * len(question)


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.S)
    for name, code in zip(("my_normals", "my_vqa"), codes, strict=True):
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name, network in (("my_normals", Tilted()), ("my_vqa", Sure())):
        torch.jit.script(network).save(f"{name}.pt")


@pytest.mark.filterwarnings("ignore")  # torch would like everyone to move on from TorchScript
def test_both_networks_answer() -> None:
    picture = np.full((12, 16, 3), 51, dtype=np.uint8)
    estimator = find_estimator("my_normals:MyNormals", "cpu", True)
    np.testing.assert_allclose(estimator.estimate(picture), np.broadcast_to([0.0, 0.6, 0.8], picture.shape), atol=1e-6)
    model = find_vqa("my_vqa:MyVqa", "cpu", True)
    assert model.probability(picture, "?" * 10) == pytest.approx(1 / (1 + np.exp(-2.0)), abs=1e-6)
    assert len(estimator.fingerprint()) == len(model.fingerprint()) == 64
