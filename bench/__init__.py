"""Score photorealistic, 3D-consistent image generators: realism, consistency, control, with honest statistics.

    from bench import compare, open_scene, read_views, run, score
    from bench.metrics import cde, frechet_distance, loo_psnr

docs/api.md lists everything that is meant to be called from Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from groundwork.exports import export

if TYPE_CHECKING:
    from bench.api import compare as compare
    from bench.api import open_scene as open_scene
    from bench.api import read_views as read_views
    from bench.api import run as run
    from bench.api import score as score

__version__ = "0.1.0"
__all__ = ["__version__", "compare", "open_scene", "read_views", "run", "score"]

export(__name__, dict.fromkeys(("compare", "open_scene", "read_views", "run", "score"), "bench.api"))
