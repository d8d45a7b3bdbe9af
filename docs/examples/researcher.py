"""A researcher: score pictures that are there already, by a suite and by single functions.

    python docs/examples/researcher.py MESHES PICTURES OUT

MESHES holds cow.glb, ..., PICTURES/cow/view_0.png ... view_3.png: front, right side, back, left side.
"""

import sys
from pathlib import Path

from bench import open_scene, read_views, score
from bench.geometry.cameras import view_cameras
from bench.metrics import cde, loo_psnr

SUITE = """
name: mine
version: 1
task: texturing
cases: {source: meshes, path: "MESHES"}
views: {azimuths: [0, 90, 180, 270], resolution: RESOLUTION}
metrics: [cde, loo_psnr, silhouette_iou]
primary: [cde, silhouette_iou]
"""


def main(meshes: Path, pictures: Path, out: Path) -> None:
    """Measure one object by hand, then all of them."""
    first = next(folder for folder in sorted(pictures.iterdir()) if folder.is_dir())
    views = read_views(sorted(first.glob("view_*.png")))

    # single functions, on tensors: no suite, no files
    scene = open_scene(meshes / f"{first.name}.glb", view_cameras(resolution=views.shape[1]))
    print(f"{first.name}: cde {cde(views, scene.correspondence).value:.3f}, ", end="")
    print(f"leave-one-out PSNR {loo_psnr(views, scene.correspondence).value:.2f} dB")

    # all of them by a protocol, with intervals, signatures and a report
    out.mkdir(parents=True, exist_ok=True)
    suite = out / "mine.yaml"
    suite.write_text(SUITE.replace("MESHES", str(meshes.resolve())).replace("RESOLUTION", str(views.shape[1])))
    outcome = score(pictures, suite, out=out / "run")
    for row in outcome.summary.rows:
        print(f"{row.metric} {row.value} [{row.ci_low}, {row.ci_high}] over {row.n_objects} objects")
    print(outcome.report)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
