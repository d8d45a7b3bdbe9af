"""LPIPS against its authors' forward pass and torchmetrics with shared weights; pinned weights or an explicit row."""

from __future__ import annotations

import builtins
import hashlib
import sys
import urllib.error
import urllib.request
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest
import torch
from painted_scenes import assembly, sample
from torch import Tensor

from bench.cli import main
from bench.errors import WeightsMissing
from bench.extractors.weights import FOLDER_VARIABLE
from bench.metrics import lpips_distance
from bench.metrics.catalogue import METRICS
from bench.metrics.lpips_distance import PINS, Lpips, Net, find_lpips, lpips_network
from bench.metrics.repainted import Repainted, perceptual, repaint

pytestmark = pytest.mark.filterwarnings("ignore:(The parameter 'pretrained'|Arguments other than a weight):UserWarning")
lpips = pytest.importorskip("lpips")
HEADS = Path(lpips.__file__).parent / "weights" / "v0.1"
NAMES = {"reprojection_lpips_white", "reprojection_lpips_skipped"}


@lru_cache
def trunk(net: Net) -> dict[str, Tensor]:
    """A backbone of random weights, with the names of torchvision's file."""
    from torchvision import models

    with torch.random.fork_rng():
        torch.manual_seed(0)
        # a classifier would weigh more than all the rest, and nobody asks for it
        model = models.alexnet(num_classes=1) if net == "alex" else models.vgg16(num_classes=1)
    return {f"features.{name}": tensor for name, tensor in model.features.state_dict().items()}


def heads(net: Net) -> dict[str, Tensor]:
    return torch.load(HEADS / f"{net}.pth", map_location="cpu", weights_only=True)


@lru_cache
def distance(net: Net = "alex") -> Lpips:
    return Lpips(lpips_network(net, trunk(net), heads(net)))


def pair(size: int = 96, count: int = 2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    base = torch.rand(count, 3, size, size, generator=generator)
    first = torch.nn.functional.avg_pool2d(base, 5, 1, 2).permute(0, 2, 3, 1)
    return first, (first + 0.1 * torch.randn(first.shape, generator=generator)).clamp(0, 1)


@pytest.mark.parametrize("net", ["alex", pytest.param("vgg", marks=pytest.mark.slow)])
def test_torchmetrics_and_the_authors_agree(net: Net) -> None:
    from torchmetrics.functional.image.lpips import _lpips_update, _NoTrainLpips

    first, second = pair()
    planes = [pictures.permute(0, 3, 1, 2) for pictures in (first, second)]
    found = torch.tensor(distance(net).distances(first, second))

    theirs = _NoTrainLpips(pretrained=False, net=net, pnet_rand=True)
    theirs.load_state_dict({k: v for k, v in distance(net)._pooled.state_dict().items() if "scaling" not in k})
    torch.testing.assert_close(found, _lpips_update(*planes, theirs, normalize=True), rtol=1e-4, atol=1e-6)

    authors = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)  # loads its heads itself
    tensors = trunk(net)
    authors.net.load_state_dict({k: tensors[f"features.{k.split('.', 1)[1]}"] for k in authors.net.state_dict()})
    with torch.no_grad():
        torch.testing.assert_close(found, authors(*planes, normalize=True).flatten(), rtol=1e-5, atol=1e-7)


def test_a_map_s_mean_is_the_distance() -> None:
    first, second = pair(128)
    maps = distance().maps(first, second)
    assert maps.shape == (2, 128, 128)
    torch.testing.assert_close(
        maps.mean(dim=(1, 2)), torch.tensor(distance().distances(first, second)), rtol=0.02, atol=0
    )


def test_views_do_not_know_their_neighbours() -> None:
    first, second = pair(count=3)
    together = distance().distances(first, second)
    assert together[1:] == distance().distances(first[1:], second[1:])
    assert torch.equal(distance().maps(first, second)[:1], distance().maps(first[:1], second[:1]))


def test_equal_pictures_have_none_and_order_does_not_matter() -> None:
    first, second = pair()
    assert distance().distances(first, first) == (0.0, 0.0)
    assert float(distance().maps(second, second).abs().max()) == 0.0
    assert distance().distances(first, second) == distance().distances(second, first)


def test_more_of_a_corruption_is_further(known_corruptions) -> None:
    views, worse = known_corruptions
    for name, steps in worse.items():
        found = [sum(distance().distances(views, step)) for step in steps]
        assert 0 < found[0] < found[1] < found[2], name


def test_what_stands_in_holes_counts_only_when_white() -> None:
    made = repaint(sample(assembly(), 128), 2.0)
    assert made is not None
    vandalised = replace(made, again=torch.where(made.holes[..., None], 0.5, made.again))
    before, after = (perceptual(distance(), pictures, "lpips") for pictures in (made, vandalised))
    assert before["lpips_skipped"] == after["lpips_skipped"]
    assert before["lpips_white"].value != after["lpips_white"].value
    assert before["lpips_skipped"].value < before["lpips_white"].value


def test_skipped_is_the_map_s_mean_outside_the_holes() -> None:
    first, second = pair(64)
    holes = torch.zeros(2, 64, 64, dtype=torch.bool)
    made = Repainted(first, second, holes, 1.0)
    found = perceptual(distance(), made, "lpips")
    whole = distance().maps(first, second).double().mean(dim=(1, 2))
    assert found["lpips_skipped"].per_view == pytest.approx(whole.tolist(), rel=1e-9)
    holes[:, :, 32:] = True
    found = perceptual(distance(), Repainted(first, second, holes, 0.5), "lpips")
    half = torch.cat([second[:, :, :32], first[:, :, 32:]], dim=2)
    expected = distance().maps(first, half)[:, :, :32].double().mean(dim=(1, 2))
    assert found["lpips_skipped"].per_view == pytest.approx(expected.tolist(), rel=1e-9)
    assert found["lpips_skipped"].coverage == 0.5


def test_pictures_smaller_than_the_network_s_strides_are_not_measurable() -> None:
    first, second = pair(16)
    found = perceptual(distance(), Repainted(first, second, torch.zeros(2, 16, 16, dtype=torch.bool), 1.0), "lpips")
    assert {measurement.status for measurement in found.values()} == {"not_measurable"}
    first, second = pair(32)
    assert all(value > 0 for value in distance().distances(first, second))


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """No weights on disk, a network that does not answer, and nothing remembered from other tests."""

    def unreachable(*_: object, **__: object) -> None:
        raise urllib.error.URLError("unreachable")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    find_lpips.cache_clear()
    yield tmp_path
    find_lpips.cache_clear()


@pytest.fixture
def placed(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Random weights where a person would put the published ones, and their pin."""
    path = nowhere / PINS["alex"].backbone.name
    torch.save(trunk("alex"), path)
    file = replace(PINS["alex"].backbone, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(lpips_distance, "PINS", {**PINS, "alex": replace(PINS["alex"], backbone=file)})
    monkeypatch.setenv(FOLDER_VARIABLE, str(nowhere))
    return path


def reprojection(**options: object):
    factory = METRICS.load("reprojection")
    metric = factory(factory.Options(**options))
    metric.prepare("cpu", offline=True)
    return metric


def test_pins_begin_as_the_published_names_say() -> None:
    for pins in PINS.values():
        stem = pins.backbone.name.removesuffix(".pth")
        assert pins.backbone.sha256.startswith(stem.rsplit("-", 1)[1]) and pins.backbone.url.endswith(stem + ".pth")
    for net, pins in PINS.items():
        assert hashlib.sha256((HEADS / f"{net}.pth").read_bytes()).hexdigest() == pins.heads_sha256


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_without_weights_lpips_is_missing_and_the_others_go_on(nowhere: Path, net: Net) -> None:
    metric = reprojection(net=net)
    missing = metric.missing()
    assert missing.keys() == NAMES
    for word in (PINS[net].backbone.name, PINS[net].backbone.url, FOLDER_VARIABLE, "reprojection_features", "torch"):
        assert all(word in reason for reason in missing.values())
    assert "kd_cluster" not in "".join(missing.values())  # what helps with an extractor does not help here
    found = metric.measure(sample(assembly(), 64))
    assert found.keys() == {result.name for result in metric.results()} - NAMES
    assert {measurement.status for measurement in found.values()} == {"ok"}


def test_with_weights_all_is_measured_and_the_signature_is_the_same(placed: Path) -> None:
    metric = reprojection()
    assert metric.missing() == {}
    found = metric.measure(sample(assembly(), 96))
    assert found.keys() == {result.name for result in metric.results()}
    assert all(found[name].value > 0 and len(found[name].per_view) == 4 for name in NAMES)
    # whoever lacks the weights must be able to compare their PSNR with this one
    factory = METRICS.load("reprojection")
    assert metric.parameters() == factory(factory.Options()).parameters()


def test_signatures_name_network_and_files() -> None:
    factory = METRICS.load("reprojection")
    for net, pins in PINS.items():
        told = factory(factory.Options(net=net)).parameters()
        assert f"lpips={net}," in told and pins.backbone.sha256[:12] in told and pins.heads_sha256[:12] in told


def test_other_weights_are_refused(placed: Path) -> None:
    placed.write_bytes(placed.read_bytes() + b" ")
    assert all("another file" in reason for reason in reprojection().missing().values())


def test_other_heads_are_refused(placed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pins = lpips_distance.PINS["alex"]
    monkeypatch.setattr(lpips_distance, "PINS", {"alex": replace(pins, heads_sha256="0" * 64)})
    assert isinstance(found := find_lpips("alex", "cpu", True), WeightsMissing)
    assert "other heads" in found.message


def test_an_absent_package_is_answered_with_what_to_install(placed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lpips", None)
    missing = reprojection().missing()
    assert missing.keys() == NAMES
    assert all("realiz3d-bench[perceptual]" in reason for reason in missing.values())


def test_a_torchvision_of_another_torch_is_explained(placed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = builtins.__import__

    def broken(name: str, *arguments: object, **options: object) -> object:
        if name == "lpips":
            raise RuntimeError("operator torchvision::nms does not exist")
        return usual(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", broken)
    assert all("torchvision::nms" in reason for reason in reprojection().missing().values())


def test_the_network_is_tried_once_a_process(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def unreachable(url: str, **_: object) -> None:
        asked.append(url)
        raise urllib.error.URLError("unreachable")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    for _ in range(3):
        assert isinstance(find_lpips("alex", "cpu", False), WeightsMissing)
    assert asked == [PINS["alex"].backbone.url]


def test_a_run_shows_the_missing_rows(nowhere: Path, mesh_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pandas as pd

    suite = nowhere / "suite.yaml"
    suite.write_text(f"""
name: tiny
version: 1
task: texturing
cases: {{source: meshes, path: "{mesh_folder}"}}
views: {{resolution: 32}}
generators:
  - {{name: truth, use: ceiling}}
metrics: [reprojection]
""")
    assert main(["run", str(suite), "--out", str(nowhere / "run"), "--offline"]) == 0
    assert "without reprojection_lpips_white, reprojection_lpips_skipped" in capsys.readouterr().err
    rows = pd.read_parquet(nowhere / "run" / "scores.parquet")
    status = {name: set(found.status) for name, found in rows.groupby("metric")}
    assert all(status[name] == ({"weights_missing"} if name in NAMES else {"ok"}) for name in status)
