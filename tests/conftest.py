"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.threads import sleep_when_idle

sleep_when_idle()  # before anything imports torch

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import trimesh  # noqa: E402
from browser import chromium  # noqa: E402
from PIL import Image  # noqa: E402
from scipy.ndimage import gaussian_filter  # noqa: E402


@pytest.hookimpl(tryfirst=True)  # before fixtures, which take the time
def pytest_runtest_setup() -> None:
    """Skip what begins after REALIZ3D_BENCH_TEST_UNTIL, in seconds since 1970: so CI ends in time on a slow machine."""
    if time.time() > float(os.environ.get("REALIZ3D_BENCH_TEST_UNTIL", "inf")):
        pytest.skip("it would have begun after REALIZ3D_BENCH_TEST_UNTIL")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real inputs that are not part of the project; tests that need them skip in a plain clone."""
    root = Path(os.environ.get("REALIZ3D_BENCH_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not root.is_dir():
        pytest.skip("no real inputs here: set REALIZ3D_BENCH_TEST_DATA to their folder to run this test")
    return root


@pytest.fixture(scope="module")  # while it is open, Playwright keeps an event loop in this thread
def browser() -> Iterator[Any]:
    """Headless Chromium; see tests/helpers/browser.py for how to visit a page."""
    with chromium() as found:
        yield found


def textured_ellipsoid(seed: int, extents: tuple[float, float, float]) -> trimesh.Trimesh:
    """A closed, smooth, textured shape: latitude-longitude grid with a seam, texture of smooth coloured noise."""
    rows, columns = 24, 32
    v, u = np.meshgrid(np.linspace(0, 1, rows + 1), np.linspace(0, 1, columns + 1), indexing="ij")
    polar, around = np.pi * (1 - v), 2 * np.pi * u
    points = np.stack([np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)], axis=-1)
    corner = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).ravel()
    right, up = corner + 1, corner + columns + 1
    faces = np.concatenate([np.stack([corner, right, up + 1], -1), np.stack([corner, up + 1, up], -1)])
    noise = np.random.default_rng(seed).standard_normal((256, 256, 3))
    smooth = gaussian_filter(noise, (4, 4, 0), mode="wrap")
    texture = np.clip(128 + 60 * smooth / smooth.std(), 0, 255).astype(np.uint8)
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=Image.fromarray(texture))
    visual = trimesh.visual.TextureVisuals(uv=np.stack([u, v], axis=-1).reshape(-1, 2), material=material)
    vertices = points.reshape(-1, 3) * extents
    return trimesh.Trimesh(vertices, faces, visual=visual, process=False)


@pytest.fixture(scope="session")
def mesh_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three textured GLBs (egg, disc, loaf) and their prompts.csv: the smallest suite of real meshes."""
    folder = tmp_path_factory.mktemp("meshes")
    shapes = {"egg": (0.4, 0.5, 0.4), "disc": (0.5, 0.4, 0.5), "loaf": (0.5, 0.45, 0.4)}
    for seed, (name, extents) in enumerate(shapes.items()):
        textured_ellipsoid(seed, extents).export(folder / f"{name}.glb")
    (folder / "prompts.csv").write_text("case,prompt\n" + "".join(f"{name},a painted {name}\n" for name in shapes))
    return folder
