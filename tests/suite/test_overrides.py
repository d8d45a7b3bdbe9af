"""`--set`: every field by its path, with the errors of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_plugins import PLUGINS
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import BenchError, SuiteError
from bench.suite.load import load_suite

TEXT = """\
name: base
version: 1
task: texturing
cases: {source: meshes, path: assets, prompts: prompts.csv}
references:
  photos: {shipped: photo_cutouts}
generators:
  - {name: ours, use: renders}
  - {name: theirs, use: pictures, path: outputs}
  - {name: v1.5, use: renders}
metrics:
  - detail
  - distance: {reference: photos}
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("suite") / "base.yaml"
    found.write_text(TEXT)
    return found


def _get(value: Any, path: str) -> Any:
    for step in path.split("/"):
        value = value[int(step) if isinstance(value, list) else step]
    return value


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("name=other", "name", "other"),
        ("version=2", "version", 2),
        ("views.fov=1e1", "views/fov", 10.0),
        ("views.background=#ff0000", "views/background", "#ff0000"),
        ("views.azimuths=[0, 120, 240]", "views/azimuths", [0.0, 120.0, 240.0]),
        ("views={resolution: 64}", "views/resolution", 64),
        ("seeds=[3]", "seeds", [3]),
        ("seed=7", "seed", 7),
        ("description=2026-01-31", "description", "2026-01-31"),
        ("description='7'", "description", "7"),
        ("description=a=b: c", "description", "a=b: c"),
        ("cases.prompts=null", "cases/prompts", None),
        (
            "cases.source=miniworld",
            "cases",
            {"source": "miniworld", "split": "eval", "count": None, "seed": 0, "look": "rich"},
        ),
        ("generators.ours.strength=0.25", "generators/0/strength", 0.25),
        ("generators.v1.5.strength=1", "generators/2/strength", 1),
        ("generators.2.strength=1", "generators/2/strength", 1),
        ("generators.ours={name: mine, use: renders}", "generators/0/name", "mine"),
        ("metrics.distance.extractor=texture", "metrics/1/distance/extractor", "texture"),
        ("metrics.distance={reference: photos, extractor: texture}", "metrics/1/distance/extractor", "texture"),
        ("metrics.1.distance.extractor=texture", "metrics/1/distance/extractor", "texture"),
        ("references.photos.built=mine", "references/photos", {"shipped": "mine"}),
        ("references.photos.generator=ours", "references/photos", {"generator": "ours"}),
        (
            "references.photos.miniworld.look=rich",
            "references/photos",
            {"miniworld": {"split": "train", "look": "rich", "first": 0, "count": None, "size_px": None}},
        ),
        ("references.more.shipped=mine", "references/more", {"shipped": "mine"}),
        ("gates.detail.delta=0.5", "gates/detail", {"delta": 0.5}),
        ("gates.detail={delta: 0.5}", "gates/detail", {"delta": 0.5}),
        ("primary=[detail]", "primary", ["detail"]),
    ],
)
def test_fields_by_their_path(file: Path, override: str, path: str, value: Any) -> None:
    assert _get(load_suite(file, [override], PLUGINS).canonical(), path) == value


def test_paths_start_at_the_current_directory(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    overrides = [
        "cases.path=meshes",
        "generators.theirs.path=out",
        "generators.theirs.backup=~/b",
        "references.photos.folder=photos",
        "references.more={folder: ../more}",
    ]
    suite = load_suite(file, overrides, PLUGINS).canonical()
    assert suite["cases"]["path"] == str(tmp_path / "meshes")
    assert suite["cases"]["prompts"] == str(file.parent / "prompts.csv")
    assert suite["generators"][1]["path"] == str(tmp_path / "out")
    assert suite["generators"][1]["backup"] == str(Path.home() / "b")
    assert suite["references"]["photos"] == {"folder": str(tmp_path / "photos")}
    assert Path(suite["references"]["more"]["folder"]) == tmp_path / "../more"


def test_the_last_one_counts(file: Path) -> None:
    overrides = ["references.photos.folder=/a", "references.photos.shipped=mine", "seed=1", "seed=2"]
    suite = load_suite(file, overrides, PLUGINS).canonical()
    assert (suite["references"]["photos"], suite["seed"]) == ({"shipped": "mine"}, 2)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("viws.fov=3", "did you mean 'views'"),
        ("views.fovv=3", "did you mean 'fov'"),
        ("generators.their.path=x", "did you mean 'theirs'"),
        ("generators.theirs.pth=x", "did you mean 'path'"),
        ("generators.9.path=x", "has no item '9'"),
        ("metrics.distanc.reference=photos", "did you mean 'distance'"),
        ("metrics.distance.reference=photo", "did you mean 'photos'"),
        ("references.photos.foldr=x", "did you mean 'folder'"),
        ("name.first=x", "is a value"),
        ("version=two", "a whole number"),
        ("version=", "a whole number"),
        ("seeds=[1", "not YAML"),
        ("views={fov: 3, fov: 4}", "comes twice"),
        ("name", "PATH=VALUE"),
        ("=3", "PATH=VALUE"),
        ("a..b=3", "PATH=VALUE"),
        (".".join("a" * 1000) + "=3", "PATH=VALUE"),
        ("name=\x1b[31m", "control characters"),
        ("name=\udc80", "not valid Unicode"),
    ],
)
def test_wrong_paths_and_values(file: Path, override: str, says: str) -> None:
    with pytest.raises(SuiteError) as caught:
        load_suite(file, [override], PLUGINS)
    assert says in str(caught.value)
    assert caught.value.where.startswith("--set ")


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("gates.within_11.25.delta=1", "no metric of the suite yields 'within_11.25'"),
        ("gates.within_11.25={delta: 1}", "no metric of the suite yields 'within_11.25'"),
        ("gates.within_11.25.delt=1", "unknown key: 'delt'"),
        ("gates.detail.delt=1", "unknown key: 'delt'"),
        ("gates.detail=1", "does not fit 'detail'"),
    ],
)
def test_dots_in_the_names_of_results(file: Path, override: str, says: str) -> None:
    with pytest.raises(SuiteError) as caught:
        load_suite(file, [override], PLUGINS)
    assert says in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(
    path=st.lists(
        st.sampled_from(
            [
                "name",
                "views",
                "fov",
                "cases",
                "source",
                "references",
                "photos",
                "0",
                "metrics",
                "detail",
                "generators",
                "ours",
            ]
        ),
        min_size=1,
        max_size=4,
    ),
    value=st.text(max_size=12),
)
def test_no_override_escapes_the_error_tree(file: Path, path: list[str], value: str) -> None:
    try:
        load_suite(file, [f"{'.'.join(path)}={value}"], PLUGINS)
    except BenchError as error:
        str(error).encode()
