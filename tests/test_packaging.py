"""What people install: the wheel holds all that the program reads, and what they build it from holds all of that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PACKAGES = ("baselines", "bench", "groundwork", "realiz3d", "reports", "suites")


@cache
def kept() -> tuple[str, ...]:
    """The files of the repository, with those that are about to be added."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("not a git checkout")
    return tuple(name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())


def packaged() -> set[str]:
    """Those of the packages, as a wheel calls them."""
    return {name for name in kept() if name.partition("/")[0] in PACKAGES}


def test_every_file_beside_the_code_is_declared_as_data() -> None:
    """A file that is not is missing from every installation but an editable one."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    shipped = {
        path.relative_to(ROOT).as_posix()
        for package, patterns in declared.items()
        for pattern in patterns
        for path in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    assert {name for name in packaged() if not name.endswith(".py")} - shipped == set()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and the wheel that was made from it."""
    folder = tmp_path_factory.mktemp("built")
    for name in kept():
        (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "tree" / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(folder / "tree")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder


@pytest.mark.slow
def test_wheel_and_source_hold_the_packages_and_nothing_else(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
        info = next(name for name in names if name.endswith(".dist-info/METADATA"))
        said = Parser().parsestr(wheel.read(info).decode())
    about = info.partition("/")[0] + "/"
    assert {name for name in names if not name.startswith(about)} == packaged()
    assert said["License-Expression"] == "Apache-2.0 AND CC-BY-2.0"
    for licence in said.get_all("License-File"):
        assert f"{about}licenses/{licence}" in names
    with tarfile.open(next(built.glob("*.tar.gz"))) as source:
        inside = {name.partition("/")[2] for name in source.getnames()}
    assert packaged() <= inside and {"LICENSE", "NOTICE", "README.md", "CHANGELOG.md", "pyproject.toml"} <= inside
    assert not any(name.startswith("tests/") for name in inside)


@pytest.mark.slow
def test_an_installed_wheel_scores(built: Path, tmp_path: Path) -> None:
    """Away from the checkout, with the data files that came along: no row fails for want of one."""
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "installed")
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import bench; from bench.cli import main; "
        "assert bench.__file__.startswith(sys.path[0]), bench.__file__; sys.exit(main())"
    )
    arguments = ["run", "miniworld", "--limit", "1", "--generators", "floor,ceiling", "--offline", "--json"]
    start = [sys.executable, "-P", "-c", code, str(tmp_path / "installed")]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [*start, *arguments, "--out", str(tmp_path / "run")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = json.loads(done.stdout)["rows"]
    assert {row["status"] for row in rows} <= {"ok", "not_measurable", "weights_missing"}
    assert {row["metric"] for row in rows if row["status"] == "ok"} >= {"cde", "cce", "identity", "silhouette_iou"}


def test_the_versions_of_the_published_numbers_are_allowed_and_pinned() -> None:
    lines = (ROOT / "requirements/published-numbers.txt").read_text().splitlines()
    pinned = {line.split("==")[0]: line.split("==")[1].split()[0] for line in lines if "==" in line}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for need in map(Requirement, project["dependencies"]):
        assert need.specifier.contains(pinned[need.name.replace("_", "-")]), need
    assert sum("--hash=sha256:" in line for line in lines) >= len(pinned)
    assert not any("://" in line or "index-url" in line for line in lines)
