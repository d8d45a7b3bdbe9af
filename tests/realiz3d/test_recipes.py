"""The recipes of CONTRIBUTING.md, followed: a method and a host of one's own train, are loaded, sampled and scored."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from training_worlds import tiny_config, write_world

pytest.importorskip("accelerate")

from bench.cli import main
from realiz3d import hosts
from realiz3d.errors import HostRefused, UsageError
from realiz3d.hosts import host_of, register_host
from realiz3d.training.checkpoint import load_checkpoint
from realiz3d.training.config import schema_of
from realiz3d.training.run import train

CONTRIBUTING = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()
METHOD = "my_package.attention_only:AttentionOnlySettings"
TRANSFORMER = """
from diffusers import PixArtTransformer2DModel


class MyTransformer(PixArtTransformer2DModel):
    pass
"""
ONLY_ITS_INPUT = """
from diffusers import PixArtTransformer2DModel
from diffusers.configuration_utils import register_to_config


class Stubborn(PixArtTransformer2DModel):
    @register_to_config
    def __init__(self, in_channels=3, sample_size=16):
        super().__init__(num_layers=4, num_attention_heads=2, attention_head_dim=12, cross_attention_dim=24,
                         in_channels=in_channels, out_channels=in_channels, sample_size=sample_size,
                         caption_channels=16, norm_num_groups=1)
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """`my_package` with the files that CONTRIBUTING shows, importable."""
    folder = tmp_path / "installed" / "my_package"
    folder.mkdir(parents=True)
    for name in ("attention_only", "my_host"):
        (code,) = re.findall(rf"```python\n# my_package/{name}\.py\n(.*?)```", CONTRIBUTING, re.DOTALL)
        (folder / f"{name}.py").write_text(code)
    (folder / "__init__.py").touch()
    (folder / "my_transformer.py").write_text(TRANSFORMER)
    monkeypatch.syspath_prepend(folder.parent)
    monkeypatch.setattr(hosts, "HOSTS", dict(hosts.HOSTS))
    _forget()
    yield folder
    _forget()


def _forget() -> None:
    """Other tests have a `my_package` of their own."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_package"]:
        del sys.modules[name]


def own_method(world: Path):
    values = tiny_config(world).model_dump(mode="json")
    values["method"] = {"name": METHOD, "control": {"length": {"steps": 2}}}
    return schema_of(values).model_validate(values)


def test_a_method_of_ones_own_is_trained_loaded_and_scored(package, world, mesh_folder, tmp_path):
    last = train(own_method(world), tmp_path / "run", device="cpu")
    with pytest.raises(UsageError, match="method of its own") as caught:
        load_checkpoint(last)
    assert METHOD in caught.value.hint
    with pytest.raises(UsageError, match="not by other:Settings"):
        load_checkpoint(last, method="other:Settings")
    assert load_checkpoint(last, method=METHOD).record["method"]["name"] == METHOD

    suite = {
        "name": "own", "version": 1, "task": "texturing",
        "cases": {"source": "meshes", "path": str(mesh_folder), "prompts": str(mesh_folder / "prompts.csv")},
        "views": {"resolution": 16}, "metrics": ["silhouette_iou"],
        "generators": [
            {"name": "mine", "use": "realiz3d", "checkpoint": str(tmp_path / "run"), "method": METHOD, "steps": 1},
        ],
    }  # fmt: skip
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(suite))
    assert main(["run", str(tmp_path / "suite.yaml"), "--out", str(tmp_path / "out"), "--limit", "1"]) == 0


def made(world: Path, transformer: str, config: dict | None = None):
    values = tiny_config(world, "pixart", steps=(1, 1, 1)).model_dump(mode="json")
    values["base"]["made"] |= {"transformer": transformer} | ({} if config is None else {"config": config})
    return schema_of(values).model_validate(values)


def test_a_host_of_ones_own_trains_and_loads(package, world, tmp_path):
    import my_package.my_host  # noqa: F401

    last = train(made(world, "MyTransformer"), tmp_path / "run", device="cpu")
    model = load_checkpoint(last).model
    assert type(model.transformer).__name__ == "MyTransformer" and type(model.host).__name__ == "MyHost"


def test_an_installed_host_is_found_by_its_entry_point(package, monkeypatch):
    from importlib.metadata import EntryPoint

    point = EntryPoint("MyTransformer", "my_package.my_host:MyHost", hosts.GROUP)
    monkeypatch.setattr(hosts, "entry_points", lambda group: [point])
    assert host_of("MyTransformer").__name__ == "MyHost"
    with pytest.raises(UsageError, match="not a known host"):
        host_of("YourTransformer")


def test_what_could_not_be_loaded_again_is_refused_before_training(package, world, tmp_path):
    (package / "my_transformer.py").write_text(ONLY_ITS_INPUT)
    import my_package.my_host

    register_host("Stubborn", type("StubbornHost", (my_package.my_host.MyHost,), {}))
    with pytest.raises(HostRefused, match="could be trained but not loaded again"):
        train(made(world, "Stubborn", {"sample_size": 16}), tmp_path / "run", device="cpu")


def test_half_a_host_is_refused():
    half = type("Half", (hosts.Host,), {"objective": "flow"})
    with pytest.raises(UsageError, match="Half lacks projection, run, token_maker"):
        register_host("HalfTransformer", half)
    with pytest.raises(UsageError, match="not a host"):
        register_host("HalfTransformer", dict)
    with pytest.raises(UsageError, match="has a host already"):
        register_host("DiTTransformer2DModel", hosts.HOSTS["PixArtTransformer2DModel"])
