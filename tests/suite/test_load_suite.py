"""Good suites: the documented example, shipped names, paths, defaults, the hash."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from fake_plugins import PLUGINS
from pydantic import ValidationError

from bench.errors import SuiteError, SuiteErrors
from bench.suite.load import load_suite, shipped_suites
from bench.suite.schema import FolderReference, GeneratorReference, MeshCases, ShippedReference, Suite, suite_hash

GOOD = """\
name: multiview-texturing
version: 1
task: texturing                 # or text_to_multiview
cases: {source: meshes, path: assets/, prompts: prompts.csv}
views: {azimuths: [0, 90, 180, 270], elevation: 0, projection: perspective, fov: 40, resolution: 512, background: white}
seeds: [0]
references:
  base:   {generator: ours}
  photos: {folder: photos/}
generators:
  - {name: ours, use: renders}
  - {name: theirs, use: pictures, path: outputs/theirs}
metrics:
  - detail
  - distance: {reference: photos}
  - distance: {reference: base, extractor: texture}
primary: [detail, "distance[texture]@base"]
gates: {detail: {delta: 0.02}}
"""


@pytest.fixture
def suite_file(tmp_path: Path) -> Path:
    file = tmp_path / "here" / "suite.yaml"
    file.parent.mkdir()
    file.write_text(GOOD)
    return file


def test_documented_example(suite_file: Path) -> None:
    suite = load_suite(suite_file, plugins=PLUGINS)
    here = suite_file.parent
    assert suite.folder == here
    assert suite.cases == MeshCases(source="meshes", path=here / "assets", prompts=here / "prompts.csv")
    assert suite.views.azimuths == (0, 90, 180, 270)
    assert suite.views.rgb == (1.0, 1.0, 1.0)
    assert suite.references == {
        "base": GeneratorReference(generator="ours"),
        "photos": FolderReference(folder=here / "photos"),
    }
    assert suite.generators[1].options == {"path": str(here / "outputs/theirs")}
    assert [(m.name, m.options) for m in suite.metrics][:2] == [("detail", {}), ("distance", {"reference": "photos"})]
    assert suite.gates["detail"].delta == 0.02


def test_least_suite_has_the_documented_defaults(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("name: a\nversion: 1\ntask: texturing\ncases: {source: miniworld}\nmetrics: [detail]\n")
    suite = load_suite(file, plugins=PLUGINS)
    assert suite.canonical() == {
        "name": "a",
        "version": 1,
        "description": "",
        "task": "texturing",
        "cases": {"source": "miniworld", "split": "eval", "count": None, "seed": 0, "look": "rich"},
        "views": {
            "azimuths": [0.0, 90.0, 180.0, 270.0],
            "elevation": 0.0,
            "projection": "perspective",
            "fov": 40.0,
            "resolution": 512,
            "background": "white",
        },
        "seeds": [0],
        "seed": 0,
        "references": {},
        "generators": [],
        "metrics": ["detail"],
        "primary": [],
        "shown_first": [],
        "gates": {},
        "timeout": None,
        "memory": None,
        "resources": {"generate": {"cpus": 1.0, "gpus": None}, "measure": {"cpus": 1.0, "gpus": None}},
    }


def test_each_view_may_have_its_own_elevation(suite_file: Path) -> None:
    suite = load_suite(suite_file, ["views.elevation=[20, -10, 20, 90]"], PLUGINS)
    assert suite.views.directions == ((0, 20), (90, -10), (180, 20), (270, 90))
    assert suite.canonical()["views"]["elevation"] == [20, -10, 20, 90]
    one, said_often = (load_suite(suite_file, [f"views.elevation={e}"], PLUGINS) for e in ("20", "[20, 20, 20, 20]"))
    assert suite_hash(one) == suite_hash(said_often) != suite_hash(suite)


@pytest.mark.parametrize("changes", [[], ["views.elevation=[20, -10, 20, -10]", "views.distance=1.5"]])
def test_canonical_form_is_a_suite_again(suite_file: Path, changes: list[str]) -> None:
    suite = load_suite(suite_file, changes, PLUGINS)
    assert Suite.model_validate_json(suite.model_dump_json()).canonical() == suite.canonical()
    assert Suite.model_validate(suite.model_dump()).views == suite.views


@pytest.mark.parametrize(
    ("background", "rgb"),
    [("black", (0, 0, 0)), ("grey", (128, 128, 128)), ("gray", (128, 128, 128)), ("'#ff8001'", (255, 128, 1))],
)
def test_background_in_srgb(suite_file: Path, background: str, rgb: tuple[int, int, int]) -> None:
    suite_file.write_text(GOOD.replace("background: white", f"background: {background}"))
    assert load_suite(suite_file, plugins=PLUGINS).views.rgb == tuple(channel / 255 for channel in rgb)


def test_scalars_follow_yaml_1_2(suite_file: Path) -> None:
    text = GOOD.replace("delta: 0.02", "delta: 1e-3").replace("name: multiview-texturing", "name: no")
    suite_file.write_text(text.replace("version: 1", "version: 1\ndescription: 2026-01-31"))
    suite = load_suite(suite_file, plugins=PLUGINS)
    assert suite.gates["detail"].delta == 0.001
    assert (suite.name, suite.description) == ("no", "2026-01-31")


def test_both_spellings_of_a_built_reference(suite_file: Path) -> None:
    for kind in ("shipped", "built"):
        suite_file.write_text(GOOD.replace("folder: photos/", f"{kind}: photo_cutouts"))
        assert load_suite(suite_file, plugins=PLUGINS).references["photos"] == ShippedReference(shipped="photo_cutouts")


def test_home_and_absolute_paths(suite_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    suite_file.write_text(GOOD.replace("assets/", "~/assets").replace("photos/", "/photos"))
    suite = load_suite(suite_file, plugins=PLUGINS)
    assert isinstance(suite.cases, MeshCases)
    assert suite.cases.path == tmp_path / "assets"
    assert suite.references["photos"] == FolderReference(folder=Path("/photos"))


def test_suite_is_frozen(suite_file: Path) -> None:
    suite = load_suite(suite_file, plugins=PLUGINS)
    with pytest.raises(ValidationError, match="frozen"):
        suite.seed = 3  # type: ignore[misc]


def test_suite_survives_pickling(suite_file: Path) -> None:
    suite = load_suite(suite_file, plugins=PLUGINS)
    copy = pickle.loads(pickle.dumps(suite))
    assert copy == suite
    assert copy.folder == suite.folder


def test_hash_is_that_of_the_protocol(suite_file: Path, tmp_path: Path) -> None:
    digest = suite_hash(load_suite(suite_file, plugins=PLUGINS))
    moved = tmp_path / "moved.yaml"
    moved.write_text(GOOD)
    same = [
        load_suite(moved, plugins=PLUGINS),
        load_suite(suite_file, ["description=other words"], PLUGINS),
        load_suite(suite_file, ["cases.path=/elsewhere", "references.photos.folder=/there"], PLUGINS),
        load_suite(suite_file, ["generators.theirs.path=/there"], PLUGINS),
        load_suite(suite_file, ["shown_first=[theirs]"], PLUGINS),
    ]
    assert {suite_hash(suite) for suite in same} == {digest}
    changes = ["seed=1", "version=2", "views.fov=41", "seeds=[0,1]", "gates.detail.delta=1"]
    other = [suite_hash(load_suite(suite_file, [change], PLUGINS)) for change in changes]
    other.append(suite_hash(load_suite(suite_file, ["references.photos.shipped=mine"], PLUGINS)))
    assert len({digest, *other}) == 7


def test_who_is_shown_first_goes_with_the_generators_that_are_replaced() -> None:
    mine = load_suite("miniworld", ["generators=[{name: mine, use: ceiling}]"])
    assert load_suite("miniworld").shown_first and not mine.shown_first
    changes = ["generators=[{name: mine, use: ceiling}]", "shown_first=[mine]"]
    assert load_suite("miniworld", changes).shown_first == ("mine",)


def test_shipped_suites_go_by_name() -> None:
    shipped = shipped_suites()
    assert {"miniworld", "published-meshes"} <= set(shipped)
    assert all(file.is_file() for file in shipped.values())


def test_unknown_suite_names_the_nearest() -> None:
    with pytest.raises(SuiteError, match="did you mean 'miniworld'"):
        load_suite("miniwrld", plugins=PLUGINS)


def test_errors_survive_pickling(suite_file: Path) -> None:
    with pytest.raises(SuiteErrors) as caught:
        load_suite(suite_file, ["seed=a", "version=b"], PLUGINS)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    assert len(copy.problems) == 2
