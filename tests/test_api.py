"""What may be called from Python: the exported names, the page that lists them, and the three examples, run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from api_page import PAGE, api_page
from PIL import Image
from small_runs import go, write_suite

import bench
import bench.metrics
from bench.cli import main
from bench.errors import ImageError, UsageError

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs" / "examples"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def test_the_exported_names_are_these() -> None:
    assert bench.__all__ == ["__version__", "compare", "open_scene", "read_views", "run", "score"]
    assert bench.metrics.__all__ == [
        "boundary_f", "cde", "cluster_kernel_distance", "cmmd", "colour_drift", "edge_recall", "emr",
        "frechet_distance", "hull_iou", "kernel_distance", "loo_psnr", "reproject", "silhouette_iou",
    ]  # fmt: skip
    for package in (bench, bench.metrics):
        assert all(callable(getattr(package, name)) for name in package.__all__ if not name.startswith("__"))
        assert set(package.__all__) <= set(dir(package))
        with pytest.raises(AttributeError, match="has no attribute 'unknown'"):
            package.unknown  # noqa: B018


def test_functions_win_over_the_modules_that_hold_them() -> None:
    code = (
        "import bench.metrics.cde, bench.run.session; from bench.metrics.cde import Cde\n"
        "from bench.metrics import cde; from bench import run\n"
        "assert callable(cde) and callable(run) and bench.metrics.cde is cde, (cde, run)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=ENVIRONMENT)


def test_importing_them_is_light() -> None:
    code = (
        "import sys, bench, bench.metrics\n"
        "sys.exit(len({'torch', 'numpy', 'scipy', 'pandas', 'pydantic'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=ENVIRONMENT)


def test_the_page_is_made_from_the_docstrings() -> None:
    assert PAGE.read_text(encoding="utf-8") == api_page(), "python tests/helpers/api_page.py"


def _example(name: str, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)


@pytest.fixture(scope="module")
def run_folder(mesh_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("api")
    suite = write_suite(root / "suite.yaml", mesh_folder, metrics="  - cde")
    go(suite, root / "run")
    return root / "run"


def test_a_researcher_scores_pictures(run_folder: Path, mesh_folder: Path, tmp_path: Path) -> None:
    for case in ("egg", "disc", "loaf"):
        shutil.copytree(run_folder / "samples/ceiling" / case / "seed_0", tmp_path / "pictures" / case)
        (tmp_path / "pictures" / case / "sample.json").unlink(missing_ok=True)
    done = _example("researcher", mesh_folder, tmp_path / "pictures", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "disc: cde 1.000" in done.stdout and "silhouette_iou" in done.stdout
    assert Path(done.stdout.splitlines()[-1]).is_file()


def test_a_ci_job_compares(run_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "baselines"
    accepted = ["baseline", "accept", str(run_folder), "--generator", "ceiling", "--out", str(out), "--reason", "first"]
    assert main(accepted) == 0
    (baseline,) = (path.parent for path in out.rglob("baseline.json"))
    done = _example("ci", baseline, run_folder)
    assert done.returncode in (0, 1) and "cde" in done.stdout, done.stderr
    with pytest.raises(UsageError):
        bench.compare(baseline, run_folder, deltas={"no_such_result": 0.1})


def test_a_publisher_joins_runs(run_folder: Path, tmp_path: Path) -> None:
    done = _example("publisher", tmp_path / "table", run_folder)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "table/tables.tex").is_file() and "small v1" in done.stdout


def test_views_of_different_sizes_are_refused(tmp_path: Path) -> None:
    for size in (8, 9):
        Image.new("RGB", (size, size)).save(tmp_path / f"{size}.png")
    with pytest.raises(ImageError, match="2 sizes"):
        bench.read_views([tmp_path / "8.png", tmp_path / "9.png"])
    assert bench.read_views([tmp_path / "8.png"]).shape == (1, 8, 8, 3)
