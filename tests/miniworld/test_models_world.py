"""The mini-world that models learn: which objects, which words, the same bytes every time."""

from __future__ import annotations

import hashlib
import tarfile
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from bench.cases.miniworld.families import FAMILIES
from bench.cases.miniworld.world import DEFAULT_COUNT, miniworld_cases
from bench.errors import InputError
from realiz3d.data import MultiviewSamples, RealImages
from suites.miniworld import captions, world
from suites.miniworld.world import ALL, HELD_OUT, HELD_OUT_SYNTHETIC, RICH, SYNTHETIC, model_views

CONFIG = Path(world.__file__).with_name("base.yaml")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three rich objects and one synthetic one, rendered, and the base's pictures."""
    root = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world, "RICH", replace(RICH, stop=3))
        patch.setattr(world, "SYNTHETIC", replace(SYNTHETIC, stop=1))
        patch.setattr(captions, "SYNTHETIC_SHARE", 0.25)
        for renders in (world.RICH, world.SYNTHETIC):
            world.make_renders(renders, root)
        world.write_pictures(root)
    return root


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.tar"))}


def test_training_and_held_out_objects_are_apart_and_no_evaluation_object_is_among_them() -> None:
    evaluated = {case.mesh.fingerprint for case in miniworld_cases("eval", DEFAULT_COUNT["eval"])}
    sets = {renders.folder: {case.mesh.fingerprint for case in renders.cases()} for renders in ALL}
    for found in sets.values():
        assert not found & evaluated
    assert not sets["rich"] & sets["held-out"]
    assert [len(sets[renders.folder]) for renders in ALL] == [480, 960, 96, 96]


def test_photographs_of_training_and_held_out_objects_never_overlap() -> None:
    crops: dict[str, set[tuple[str, tuple[int, int, int, int]]]] = {}
    for renders in (RICH, HELD_OUT):
        looks = [case.mesh.spec.look for case in renders.cases()]
        crops[renders.folder] = {(c.material, c.box) for look in looks for c in (look.main_crop, look.accent_crop)}
    for (material, a), (other, b) in product(crops["rich"], crops["held-out"]):
        if material == other:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_held_out_objects_are_the_same_ones_in_both_looks() -> None:
    pairs = list(zip(HELD_OUT.cases(), HELD_OUT_SYNTHETIC.cases(), strict=True))
    assert all(rich.id == flat.id and rich.prompt == flat.prompt for rich, flat in pairs)
    assert all(rich.mesh.spec == flat.mesh.spec and rich.mesh.look != flat.mesh.look for rich, flat in pairs)


def test_captions_name_shape_and_colour_and_never_the_domain() -> None:
    for case in RICH.cases():
        spec = case.mesh.spec
        assert f"{spec.look.main} {FAMILIES[spec.family].noun}" in case.prompt
        assert not {"photo", "photograph", "real", "realistic", "render", "rendered", "synthetic", "flat-shaded"} & set(
            case.prompt.split()
        )


def test_views_are_the_suites_but_for_their_size() -> None:
    views = model_views(24)
    assert views.resolution == 24
    assert views.model_copy(update={"resolution": 256}) == world.load_suite("miniworld").views


def test_the_same_objects_give_the_same_bytes(small: Path, tmp_path: Path) -> None:
    again = world.make_renders(replace(SYNTHETIC, stop=1), tmp_path)
    assert digests(again) == digests(small / "synthetic")
    assert len(MultiviewSamples(small / "rich", views=4, resolution=32)) == 3


def test_pictures_are_the_views_with_their_captions_in_the_stated_share(small: Path, tmp_path: Path) -> None:
    pictures = RealImages(small / "pictures", resolution=32)
    rich = MultiviewSamples(small / "rich")
    looks = [name.rsplit("_", 3)[1] for name in pictures.ids]
    assert (looks.count("rich"), looks.count("synthetic")) == (48, 16)
    entries = [pictures[pictures.ids.index(f"{rich.ids[1]}_rich_2_{k}")] for k in range(4)]
    assert all((entry.image == rich[1].views[2]).all() for entry in entries)
    plain = rich[1].caption
    assert [entry.caption for entry in entries] == [plain, plain, plain, f"a photo of {plain}"]
    assert sum(pictures.caption(k).startswith("a 3D render of a") for k in range(len(pictures))) == 16
    before = digests(small / "pictures")
    with tarfile.open(small / "pictures" / "shard-000000.tar") as shard:
        assert all(entry.mtime == 0 for entry in shard)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(captions, "SYNTHETIC_SHARE", 0.25)
        world.write_pictures(small)
    assert digests(small / "pictures") == before


def test_too_few_synthetic_objects_are_refused(small: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(captions, "SYNTHETIC_SHARE", 0.75)
        with pytest.raises(InputError, match="1 synthetic objects"):
            world.write_pictures(small)
