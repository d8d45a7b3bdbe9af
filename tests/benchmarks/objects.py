"""CPU-seconds of each object metric on samples of a run, and beside another checkout: ratios, and equal numbers.

    realiz3d-bench run miniworld --limit 4 --out runs/four
    python tests/benchmarks/objects.py miniworld runs/four --against ../other-checkout --rounds 3

Each measurement is a process of its own on one thread that counts its own CPU time, so that other work on the machine
does not slow it much; rounds go over both checkouts in turn. What depends on the object alone is made once an object,
by the first metric that asks for it; here it is counted apart, as `geometry`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()


def measured(suite: str, folder: Path, cases: int, metrics: Sequence[str]) -> dict[str, Any]:
    """CPU-seconds of all samples by metric, how many samples there are, and every number."""
    import torch

    from bench.geometry.scene import SceneGeometry
    from bench.metrics.declaration import Sample
    from bench.run.options import RunOptions
    from bench.run.plan import make_plan
    from bench.run.samples import SampleStore
    from bench.suite.load import load_suite

    torch.set_num_threads(1)
    items = [f"metrics=[{', '.join(metrics)}]", "primary=[]", "gates={}"] if metrics else []
    plan = make_plan(load_suite(suite, items), RunOptions(limit=cases))
    prompts = tuple(case.prompt for case in plan.all_cases)
    for metric in plan.object_metrics:
        metric.see_prompts(prompts)
        metric.prepare("cpu", True)
    store = SampleStore(folder / "samples")
    seconds: dict[str, float] = {}
    values: dict[str, list[float]] = {}
    samples, once = 0, 0.0

    def timed(name: str, work: Any) -> Any:
        start = time.process_time()
        found = work()
        seconds[name] = seconds.get(name, 0.0) + time.process_time() - start
        return found

    def measure(case: Any, key: Any, digest: str, scene: SceneGeometry) -> None:
        pictures = timed("read", lambda: store.read(key, digest))
        views = torch.from_numpy(pictures).float() / 255.0
        sample = Sample(views, scene, plan.suite.views.rgb, plan.cameras_of(case), case.prompt, prompts)
        for metric in plan.object_metrics:
            if len(metric.missing()) < len(metric.results()):
                name = str(getattr(metric, "what", "")).removeprefix("metric ").strip("'")
                for result, found in timed(name, lambda m=metric: m.measure(sample)).items():
                    values.setdefault(result, []).append(found.value)

    keys = {case.id: [key for key in plan.samples if key.case == case.id] for case in plan.cases}
    for warm in (True, False):  # what is imported, compiled and loaded once a process is counted apart
        start = time.process_time()
        for case in plan.cases[:1] if warm else plan.cases:
            scene = SceneGeometry(timed("mesh", case.mesh.load), plan.cameras_of(case), "cpu")
            timed("geometry", lambda scene=scene: scene.correspondence)
            for key in keys[case.id][:1] if warm else keys[case.id]:
                digest = store.stored_digest(key)
                if digest is not None:
                    measure(case, key, digest, scene)
                    samples += not warm
        if warm:
            once = time.process_time() - start
            seconds.clear()
            values.clear()
    seconds["once a process"] = once
    return {"samples": samples, "seconds": seconds, "values": values}


def _worker(tree: Path, arguments: Sequence[str]) -> dict[str, Any]:
    environment = os.environ | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(HERE), "--worker", *arguments]
    done = subprocess.run(command, env=environment, cwd=tree, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def difference(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The largest difference of two lists of numbers; infinite where only one of them is NaN."""
    pairs = list(zip(ours, theirs, strict=True))
    if any(math.isnan(a) != math.isnan(b) for a, b in pairs):
        return math.inf
    return max((abs(a - b) for a, b in pairs if not math.isnan(a)), default=0.0)


def table(ours: Sequence[dict[str, Any]], theirs: Sequence[dict[str, Any]]) -> str:
    """Milliseconds a sample by metric, medians over the rounds, beside the other checkout's."""
    count = ours[0]["samples"]
    rows = ["| step | ms a sample |", "|---|---|"]
    if theirs:
        rows = ["| step | ms a sample before | now | before / now |", "|---|---|---|---|"]

    def middle(rounds: Sequence[dict[str, Any]], name: str) -> float:
        return 1e3 * statistics.median(one["seconds"].get(name, 0.0) for one in rounds) / count

    names = sorted(ours[0]["seconds"], key=lambda name: -middle(theirs or ours, name))
    times = [(name, middle(theirs, name) if theirs else 0.0, middle(ours, name)) for name in names]
    times.append(("**all**", sum(before for _, before, _ in times), sum(now for _, _, now in times)))
    for name, before, now in times:
        ratio = f" | {before / max(now, 1e-9):.2f}" if theirs else ""
        rows.append(f"| {name} | " + (f"{before:.1f} | " if theirs else "") + f"{now:.1f}{ratio} |")
    return "\n".join(rows)


def main() -> None:
    """Print the table, and how far the numbers of both checkouts are apart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite")
    parser.add_argument("run", type=Path)
    parser.add_argument("--cases", type=int, default=4)
    parser.add_argument("--metrics", nargs="*", default=[], help="these instead of the suite's")
    parser.add_argument("--against", type=Path, help="another checkout, measured in turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.worker:
        print(json.dumps(measured(told.suite, told.run, told.cases, told.metrics)))
        return
    arguments = [told.suite, str(told.run.resolve()), "--cases", str(told.cases)]
    arguments += ["--metrics", *told.metrics] if told.metrics else []
    ours: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    for _ in range(told.rounds):
        if told.against:
            theirs.append(_worker(told.against.resolve(), arguments))
        ours.append(_worker(HERE.parents[2], arguments))
    print(table(ours, theirs))
    if theirs:
        print("\nlargest difference of any sample's number:")
        for name, values in ours[0]["values"].items():
            print(f"  {name}: {difference(values, theirs[0]['values'][name]):.2g}")


if __name__ == "__main__":
    main()
