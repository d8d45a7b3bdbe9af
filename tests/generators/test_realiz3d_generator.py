"""`use: realiz3d` and `use: diffusers` on tiny random checkpoints: in runs, alone, and when something is wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

diffusers = pytest.importorskip("diffusers")
pytest.importorskip("transformers")

import tiny_pipelines  # noqa: E402
from tiny_realiz3d import SIDE, trained  # noqa: E402

from bench.cli import main  # noqa: E402
from bench.errors import BenchError, GeneratorError, UsageError, WeightsMissing  # noqa: E402
from bench.generators.protocol import GenerationRequest, GeneratorContext  # noqa: E402
from bench.generators.realiz3d_pipeline import Realiz3DGenerator  # noqa: E402
from bench.geometry.cameras import view_cameras  # noqa: E402
from bench.run.generate import SceneControls  # noqa: E402
from bench.run.options import RunOptions  # noqa: E402
from bench.run.plan import build_generator, make_plan  # noqa: E402
from bench.suite.load import load_suite  # noqa: E402
from realiz3d import DomainShifters, Realiz3DPipeline  # noqa: E402
from realiz3d.training.checkpoint import save_modules, write_checkpoint  # noqa: E402

TEXT = {"encoder": "pipeline", "length_tokens": None, "dtype": "float32"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_pipelines.pixart(tmp_path_factory.mktemp("base") / "pixart")


@pytest.fixture(scope="module")
def saved(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline folder."""
    folder = tmp_path_factory.mktemp("saved")
    trained(base).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def training(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training's output folder with the checkpoint of the same model."""
    pipe = trained(base)
    record = {
        "model": pipe.multiview.config(),
        "base": {"checkpoint": str(base), "revision": None, "transformer": "transformer", "vae": "vae", "text": TEXT},
        "config": {"data": {"resolution_px": SIDE}},
    }
    out = tmp_path_factory.mktemp("training")
    write_checkpoint(out, 7, record, {}, lambda folder: save_modules(pipe.multiview, folder))
    return out


def write_suite(folder: Path, *generators: str, task: str = "texturing") -> Path:
    path = folder / "suite.yaml"
    lines = "".join(f"  - {line}\n" for line in generators)
    metrics = "loo_psnr, silhouette_iou" if task == "texturing" else "hull_iou"
    path.write_text(
        f"name: tiny\nversion: 1\ntask: {task}\ncases: {{source: miniworld, count: 2}}\n"
        f"views: {{resolution: {SIDE}}}\ngenerators:\n{lines}metrics: [{metrics}]\n"
    )
    return path


def build(suite: Path, name: str = "mine") -> tuple[Any, list[GenerationRequest]]:
    plan = make_plan(load_suite(suite), RunOptions())
    entry = next(entry for entry in plan.generators if entry.name == name)
    controls = SceneControls("cpu")
    requests = [
        GenerationRequest(case, plan.cameras, 0, plan.context.background, plan.noise_seeds(case, 0), controls)
        for case in plan.cases
    ]
    return build_generator(entry, plan.context), requests


def test_a_suite_scores_checkpoints_and_resumes(saved: Path, training: Path, tmp_path: Path) -> None:
    suite = write_suite(
        tmp_path,
        f"{{name: saved, use: realiz3d, checkpoint: '{saved}', steps: 2}}",
        f"{{name: trained, use: realiz3d, checkpoint: '{training}', steps: 2}}",
        f"{{name: unshifted, use: realiz3d, checkpoint: '{saved}', steps: 2, shifting: false}}",
    )
    out = tmp_path / "run"
    assert main(["run", str(suite), "--out", str(out)]) == 0
    samples = {path.relative_to(out / "samples"): path.read_bytes() for path in out.glob("samples/*/*/*/view_*.png")}
    assert len(samples) == 3 * 2 * 4

    def of(name: str) -> list[bytes]:
        return [content for path, content in sorted(samples.items()) if path.parts[0] == name]

    assert of("saved") == of("trained") != of("unshifted")
    summary = json.loads((out / "summary.json").read_text())
    scored = {row["generator"]: row["value"] for row in summary["rows"] if row["metric"] == "silhouette_iou"}
    assert scored["saved"] == scored["trained"] and not summary["failures"]
    before = {path: path.stat().st_mtime_ns for path in out.glob("samples/**/*.png")}
    assert main(["run", str(suite), "--out", str(out), "--batch-size", "1"]) == 0
    assert before == {path: path.stat().st_mtime_ns for path in out.glob("samples/**/*.png")}


def test_samples_come_from_the_request_alone(saved: Path, tmp_path: Path) -> None:
    suite = write_suite(tmp_path, f"{{name: mine, use: realiz3d, checkpoint: '{saved}', steps: 2}}")
    generator, requests = build(suite)
    together = [answer.views for answer in generator.generate(requests)]
    assert [views.shape for views in together] == [(4, SIDE, SIDE, 3)] * 2
    alone = [next(generator.generate([request])).views for request in reversed(requests)][::-1]
    torch.manual_seed(123)
    again = [answer.views for answer in build(suite)[0].generate(requests)]
    for one, other, third in zip(together, alone, again, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1  # rounding of another batch size
        assert np.abs(one.astype(int) - third).max() <= 1  # weights elsewhere in memory
    assert not np.array_equal(together[0], together[1])


def test_viewpoints_of_the_suite_are_the_control(base: Path, tmp_path: Path) -> None:
    trained(base, viewpoints=True).save_pretrained(tmp_path / "pipe")
    entry = "{name: mine, use: realiz3d, checkpoint: pipe, steps: 2%s}"
    generator, requests = build(write_suite(tmp_path, entry % "", task="text_to_multiview"))
    seen = next(generator.generate(requests[:1])).views
    null, _ = build(write_suite(tmp_path, entry % ", control: false", task="text_to_multiview"))
    assert not np.array_equal(seen, next(null.generate(requests[:1])).views)


def test_fingerprints_follow_weights_and_options_not_places(saved: Path, tmp_path: Path) -> None:
    def fingerprint(folder: Path, more: str = "") -> str:
        suite = write_suite(tmp_path, f"{{name: mine, use: realiz3d, checkpoint: '{folder}'{more}}}")
        return str(build(suite)[0].fingerprint())

    first = fingerprint(saved)
    copy = tmp_path / "elsewhere"
    shutil.copytree(saved, copy)
    assert fingerprint(copy) == first
    found = {
        fingerprint(saved, f", {option}") for option in ("steps: 7", "guidance: 2", "t_max: null", "shifting: false")
    }
    assert len(found | {first}) == 5
    weights = copy / "domain_shifters" / "diffusion_pytorch_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert fingerprint(copy) != first


def test_fingerprints_of_checkpoints_see_what_a_method_added(training: Path, tmp_path: Path) -> None:
    moved = tmp_path / "step_7"
    shutil.copytree(training / "checkpoints" / "step_7", moved)
    suite = write_suite(tmp_path, f"{{name: mine, use: realiz3d, checkpoint: '{moved}'}}")
    first = build(suite)[0].fingerprint()
    (moved / "training_state" / "state.pt").write_bytes(b"of no concern")
    assert build(suite)[0].fingerprint() == first
    (moved / "adapter").mkdir()
    (moved / "adapter" / "weights.safetensors").write_bytes(b"decisive")
    assert build(suite)[0].fingerprint() != first


def test_a_training_checkpoint_needs_its_base(training: Path, base: Path, tmp_path: Path) -> None:
    moved = tmp_path / "step_7"
    shutil.copytree(training / "checkpoints" / "step_7", moved)
    record = json.loads((moved / "realiz3d.json").read_text())
    record["base"]["checkpoint"] = str(tmp_path / "gone")
    (moved / "realiz3d.json").write_text(json.dumps(record))
    with pytest.raises(WeightsMissing, match="no such checkpoint"):
        Realiz3DPipeline.from_checkpoint(moved, offline=True)
    suite = write_suite(tmp_path, f"{{name: mine, use: realiz3d, checkpoint: '{moved}', steps: 2}}")
    with pytest.raises(WeightsMissing, match="no such checkpoint"):
        build(suite)[0].fingerprint()
    suite = write_suite(tmp_path, f"{{name: mine, use: realiz3d, checkpoint: '{moved}', base: '{base}', steps: 2}}")
    generator, requests = build(suite)
    found = next(generator.generate(requests[:1])).views
    usual = write_suite(tmp_path, f"{{name: mine, use: realiz3d, checkpoint: '{training}', steps: 2}}")
    expected = next(build(usual)[0].generate(requests[:1])).views
    assert np.abs(found.astype(int) - expected).max() <= 1  # weights elsewhere in memory


def test_a_host_made_from_a_config_needs_no_base(tmp_path: Path) -> None:
    from realiz3d import MultiviewModel

    config = {
        "num_layers": 2, "num_attention_heads": 2, "attention_head_dim": 12, "cross_attention_dim": 24,
        "in_channels": 3, "out_channels": 3, "sample_size": 64, "patch_size": 4, "caption_channels": 16,
        "norm_num_groups": 1,
    }  # fmt: skip
    transformer = diffusers.PixArtTransformer2DModel(**config)
    tiny_pipelines.randomise(transformer)
    model = MultiviewModel.wrap(transformer, control_channels=6)
    model.attach(DomainShifters.for_model(model))
    made = {"transformer": "PixArtTransformer2DModel", "config": config, "scheduler": "DDIMScheduler"}
    record = {
        "model": model.config(),
        "base": {
            "made": {**made, "scheduler_config": {}, "seed": 0}, "vae": None,
            "text": {"encoder": "hashed_words", "width": 16, "length_tokens": 8, "pooled": False},
        },
        "config": {"data": {"resolution_px": SIDE}},
    }  # fmt: skip
    write_checkpoint(tmp_path, 1, record, {}, lambda folder: save_modules(model, folder))
    pipe = Realiz3DPipeline.from_checkpoint(tmp_path / "checkpoints" / "step_1")
    assert not pipe.scheduler.config.clip_sample
    generator, requests = build(write_suite(tmp_path, "{name: mine, use: realiz3d, checkpoint: ., steps: 2}"))
    assert [answer.views.shape for answer in generator.generate(requests)] == [(4, SIDE, SIDE, 3)] * 2


def test_mistakes_are_explained(saved: Path, base: Path, tmp_path: Path) -> None:
    def fails(entry: str, kind: type[BenchError], words: str, **suite: str) -> None:
        with pytest.raises(BenchError) as error:
            generator, requests = build(write_suite(tmp_path, "{name: mine, " + entry + "}", **suite))
            list(generator.generate(requests))
        assert isinstance(error.value, kind) and words in str(error.value), str(error.value)

    fails("use: realiz3d, checkpoint: nowhere", WeightsMissing, "does not exist")
    (tmp_path / "empty").mkdir()
    fails("use: realiz3d, checkpoint: empty", WeightsMissing, "realiz3d-bench train")
    fails(f"use: realiz3d, checkpoint: '{base}'", WeightsMissing, "use: diffusers")
    fails(f"use: diffusers, path: '{saved}'", UsageError, "use: realiz3d")
    fails("use: diffusers, path: empty", WeightsMissing, "save_pretrained")
    fails(f"use: diffusers, path: '{base}', call: {{step: 3}}", UsageError, "takes no argument 'step'")
    fails(f"use: diffusers, path: '{base}', steps: 1", GeneratorError, "`answer: grid` or `answer: views`")
    with pytest.raises(BenchError, match="shiftin"):
        load_suite(write_suite(tmp_path, f"{{name: mine, use: realiz3d, checkpoint: '{saved}', shiftin: true}}"))


def test_a_suite_with_other_views_is_refused(saved: Path, tmp_path: Path) -> None:
    path = write_suite(tmp_path, f"{{name: mine, use: realiz3d, checkpoint: '{saved}'}}")
    path.write_text(path.read_text().replace(f"resolution: {SIDE}", f"resolution: {SIDE}, azimuths: [0, 90]"))
    generator, requests = build(path)
    with pytest.raises(GeneratorError, match="makes 4 views, the suite has 2"):
        list(generator.generate(requests))


def test_viewpoints_that_were_never_trained_are_refused(base: Path, tmp_path: Path) -> None:
    """From a saved pipeline and from a checkpoint's record; without control no viewpoint is read."""
    ring = [0.0, 90.0, 180.0, 270.0]
    pipe = trained(base, viewpoints=True)
    pipe.register_to_config(trained_viewpoints=[[azimuth, 0.0] for azimuth in ring])
    pipe.save_pretrained(tmp_path / "pipe")
    record = {
        "model": pipe.multiview.config(),
        "base": {"checkpoint": str(base), "revision": None, "transformer": "transformer", "vae": "vae", "text": TEXT},
        "config": {
            "task": "text_to_multiview",
            "data": {"resolution_px": SIDE, "synthetic": {"azimuths_deg": ring, "elevation_deg": 0.0}},
        },
    }
    write_checkpoint(tmp_path / "out", 1, record, {}, lambda folder: save_modules(pipe.multiview, folder))
    for place in ("pipe", "out"):
        entry = f"{{name: mine, use: realiz3d, checkpoint: {place}%s}}"
        path = write_suite(tmp_path, entry % "", task="text_to_multiview")
        generator, _ = build(path)
        assert generator.load().config.trained_viewpoints == [[azimuth, 0.0] for azimuth in ring]
        for views, message in (("elevation: 20", "azimuth 0 and elevation 20"), ("azimuths: [0, 90, 180, 315]", "315")):
            path = write_suite(tmp_path, entry % "", task="text_to_multiview")
            path.write_text(path.read_text().replace(f"resolution: {SIDE}", f"resolution: {SIDE}, {views}"))
            with pytest.raises(UsageError, match=f"was trained on azimuths .0, 90, 180, 270. (.|\n)*{message}"):
                build(path)
        path.write_text(path.read_text().replace(f"checkpoint: {place}", f"checkpoint: {place}, control: false"))
        build(path)


def test_absent_packages_are_named(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.generators.pipeline_base.PACKAGES", ("diffusers", "no-such-package"))
    with pytest.raises(GeneratorError, match=r"needs no-such-package(.|\n)*pip install"):
        build(write_suite(tmp_path, f"{{name: mine, use: realiz3d, checkpoint: '{saved}'}}"))


def test_any_pipeline_that_paints_a_grid(base: Path, tmp_path: Path) -> None:
    suite = write_suite(tmp_path, f"{{name: mine, use: diffusers, path: '{base}', answer: grid, steps: 2}}")
    generator, requests = build(suite)
    found = [answer.views for answer in generator.generate(requests)]
    pipe = diffusers.DiffusionPipeline.from_pretrained(base)
    from groundwork.hashing import seed_from

    rng = torch.Generator().manual_seed(seed_from(*requests[0].noise_seeds))
    grid = pipe(
        requests[0].case.prompt, num_inference_steps=2, height=2 * SIDE, width=2 * SIDE, generator=rng,
        use_resolution_binning=False, clean_caption=False,
    ).images[0]  # fmt: skip
    for view in range(4):
        top, left = SIDE * (view // 2), SIDE * (view % 2)
        wanted = np.asarray(grid.crop((left, top, left + SIDE, top + SIDE)))
        assert np.abs(found[0][view].astype(int) - wanted).max() <= 1
    alone = next(generator.generate(requests[1:])).views
    assert np.abs(found[1].astype(int) - alone).max() <= 1
    assert main(["run", str(suite), "--out", str(tmp_path / "run")]) == 0


class FourViews(diffusers.PixArtAlphaPipeline):
    """Makes four views a prompt and reads normal maps, as multiview pipelines of other projects do."""

    def __call__(self, prompt, normals, height, width, num_inference_steps=1, generator=None, output_type="pil"):
        assert len(normals) == 4 and normals[0].size == (width, height)
        asked = {"height": height, "width": width, "num_inference_steps": num_inference_steps, "generator": generator}
        asked |= {"output_type": output_type, "use_resolution_binning": False, "clean_caption": False}
        return super().__call__([f"{prompt} {view}" for view in range(4)], **asked)


def test_a_pipeline_class_of_an_installed_package(base: Path, tmp_path: Path) -> None:
    entry = (
        f"{{name: mine, use: diffusers, path: '{base}', pipeline: '{__name__}:FourViews', inputs: {{normals: normal}}}}"
    )
    generator, requests = build(write_suite(tmp_path, entry))
    answers = list(generator.generate(requests))
    assert [answer.views.shape for answer in answers] == [(4, SIDE, SIDE, 3)] * 2


def test_code_in_a_checkpoint_is_never_run(base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "evil"
    shutil.copytree(base, folder)
    trap = f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\nclass Evil: pass\n"
    (folder / "evil.py").write_text(trap)
    index = json.loads((folder / "model_index.json").read_text())
    for name, change, place in (
        ("class", {"_class_name": ["evil", "Evil"]}, folder / "evil.py"),
        ("component", {"vae": ["evil", "Evil"]}, folder / "vae" / "evil.py"),
    ):
        place.write_text(trap)
        (folder / "model_index.json").write_text(json.dumps({**index, **change}))
        with pytest.raises(GeneratorError, match="brings code of its own"):
            build(write_suite(tmp_path, f"{{name: {name}, use: diffusers, path: evil}}"), name)
    (folder / "vae" / "evil.py").unlink()
    generator, requests = build(write_suite(tmp_path, "{name: mine, use: diffusers, path: evil}"))
    with pytest.raises(WeightsMissing, match="cannot be loaded"):
        list(generator.generate(requests))
    assert not (tmp_path / "ran").exists()


def test_options_are_those_that_schemas_show() -> None:
    context = GeneratorContext((), view_cameras(), (1.0, 1.0, 1.0), "cpu", Path())
    with pytest.raises(WeightsMissing):
        Realiz3DGenerator("mine", Realiz3DGenerator.Options(checkpoint=Path("nowhere")), context)
