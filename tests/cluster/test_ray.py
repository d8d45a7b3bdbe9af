"""Runs on a Ray cluster of this machine: the numbers of a local run, whatever happens to the workers."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from small_runs import go

from bench.errors import UsageError
from bench.results.read import read_run
from bench.run.executors import make_executor
from bench.workers.cluster import Cluster
from bench.workers.limits import Limits, Lost
from groundwork.notes import Note

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """Two processors, started once; nothing of it is left afterwards."""
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=80 * 2**20, log_to_driver=False)
    yield ray
    family = psutil.Process().children(recursive=True)
    ray.shutdown()
    _, left = psutil.wait_procs(family, timeout=20)
    assert not [process for process in left if process.is_running() and process.status() != "zombie"]


@pytest.fixture
def cluster(ray: object) -> Iterator[Cluster]:
    cluster = make_executor("ray", 2, "cpu")
    assert isinstance(cluster, Cluster)
    yield cluster
    cluster.close()


def suite_of(folder: Path, meshes: Path, generators: str, more: str = "") -> Path:
    file = folder / "suite.yaml"
    file.write_text(f"""
name: spread
version: 1
task: texturing
cases: {{source: meshes, path: "{meshes}", prompts: "{meshes}/prompts.csv"}}
views: {{resolution: 64}}
generators:
  - {{name: ceiling, use: ceiling}}
{generators}
metrics: [loo_psnr, silhouette_iou]
{more}
""")
    return file


def lost(folder: Path, name: str, **options: object) -> str:
    more = "".join(f", {key}: {value}" for key, value in options.items())
    return f'  - {{name: {name}, use: "lost_workers:Painter", folder: "{folder}"{more}}}'


def below(folder: Path) -> dict[str, bytes]:
    """Samples, error maps and scores."""
    kept = [*folder.rglob("*.png"), *folder.rglob("sample.json"), folder / "scores.parquet", folder / "summary.json"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept if "report" not in path.parts}


def test_a_run_on_a_cluster_is_the_local_run(ray, tmp_path, mesh_folder):
    """Pictures, error maps, scores and summary, byte by byte, although a worker is killed in the middle."""
    notes = [tmp_path / name for name in ("near", "far")]
    for note in notes:
        note.mkdir()
    suites = [
        suite_of(note, mesh_folder, "\n".join([lost(note, "steady"), lost(note, "shaken", times=times)]))
        for note, times in zip(notes, (0, 1), strict=True)
    ]
    go(suites[0], notes[0] / "run", batch_size=2)
    with pytest.warns(Note, match=r"shaken: the worker on .* was lost \(.*\); its batch is done again"):
        go(suites[1], notes[1] / "run", executor="ray", workers=2, batch_size=2)
    near, far = (below(note / "run") for note in notes)
    assert near.keys() == far.keys() and len(near) > 3 * 3 * 5
    assert [name for name in near if near[name] != far[name]] == []
    parents = [{line.split()[1] for line in (note / "shaken-built").read_text().splitlines()} for note in notes]
    assert parents[1] - {str(os.getpid()), str(os.getppid())}  # it worked for somebody else
    built = (notes[1] / "steady-built").read_text().splitlines()
    assert len(built) <= 1 + 2  # to be set up, and once a worker for all its batches


def test_who_takes_a_worker_along_twice_costs_his_own_rows(ray, tmp_path, mesh_folder):
    hangs = '  - {name: hangs, use: "hostile_plugins:Painter", habit: hangs}'
    suite = suite_of(tmp_path, mesh_folder, "\n".join([lost(tmp_path, "deadly", times=99), hangs]), "timeout: 4")
    with pytest.warns(Note, match="deadly: the worker on"):
        outcome = go(suite, tmp_path / "run", executor="ray", workers=2, batch_size=1, isolate="foreign")
    told = {(failure.generator, failure.case): failure.message for failure in outcome.summary.failures}
    assert told.keys() == {("deadly", "disc"), ("hangs", "disc")}
    assert "its worker was lost 2 times, on " in told["deadly", "disc"]
    assert "took longer than 4 s, the time limit of a batch" in told["hangs", "disc"]
    failed = {(r.generator, r.case) for r in read_run(tmp_path / "run").score_rows if r.status == "failed"}
    assert failed == told.keys()


def square(number: int) -> int:
    return number * number


def parent(_: int) -> int:
    time.sleep(0.2)
    return os.getppid()


def fail(number: int) -> int:
    raise UsageError(f"task {number}", where="here", hint="there")


def sleep(_: int) -> None:
    time.sleep(60)


def test_work_is_spread_over_workers_that_stay(cluster):
    assert sorted(cluster.map(square, range(5))) == [0, 1, 4, 9, 16]
    first, again = (set(cluster.map(parent, range(6))) for _ in range(2))
    assert len(first) == 2 and again == first and os.getpid() not in first
    cluster.rest()
    psutil.wait_procs([psutil.Process(p) for p in first if psutil.pid_exists(p)], timeout=10)
    assert not [p for p in first if psutil.pid_exists(p) and psutil.Process(p).status() != "zombie"]


def test_errors_and_limits_cross_the_border_whole(cluster):
    with pytest.raises(UsageError) as caught:
        list(cluster.map(fail, [7]))
    assert (caught.value.message, caught.value.where, caught.value.hint) == ("task 7", "here", "there")
    (lost,) = cluster.map(sleep, [1], lambda _: Limits(seconds=1.0))
    assert isinstance(lost, Lost) and lost.task == 1 and "took longer than 1 s" in lost.error.message


def test_a_machine_with_other_versions_is_refused(ray):
    cluster = Cluster(1, lambda: {"torch": f"2.{os.getpid()}", "numpy": "2.0"})
    with pytest.raises(UsageError, match="has other versions than this process") as caught:
        list(cluster.map(square, [1]))
    assert "torch 2." in (caught.value.where or "") and "numpy" not in (caught.value.where or "")
    cluster.close()


def test_a_device_that_a_worker_cannot_know_is_refused():
    with pytest.raises(UsageError, match="--device cuda:1 with --executor ray"):
        make_executor("ray", 1, "cuda:1")
