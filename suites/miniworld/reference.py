"""The features of the suites' references of realism that come with the bench: rendered and measured once, for all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console

from bench.references.measured import FOLDER, write_measured
from bench.run.options import RunOptions
from bench.run.plan import make_plan
from bench.run.references import find_library, rendered_pictures
from bench.suite.load import load_suite
from bench.suite.schema import MiniworldReference
from groundwork.progress import Reporter

NAME = "rich"
FILES: Mapping[str, Path] = {
    "miniworld": FOLDER / "miniworld_rich_32px.npz",
    "miniworld-calibration": FOLDER / "miniworld_rich.npz",
    "text-to-multiview-calibration": FOLDER / "miniworld_rich_49.npz",
}
"""What each of these suites' references is kept in; suites of the same views and reference share it."""


def write_reference(suite: str = "miniworld") -> Path:
    """Render the reference `rich` of a suite and write its features for the suite's extractors to its file.

    What lay there is removed first: a run would take it instead of measuring. Takes a minute.
    """
    file = FILES[suite]
    file.unlink(missing_ok=True)
    options = RunOptions(offline=True, device="cpu")
    plan = make_plan(load_suite(suite), options)
    reference = plan.suite.references[NAME]
    assert isinstance(reference, MiniworldReference)
    with TemporaryDirectory() as cache:
        library = find_library(plan, options, Path(cache), Reporter(Console(stderr=True)))
    features = {
        library.extractors[extractor].fingerprint(): np.asarray(found.features)
        for (name, extractor), found in library.features.items()
        if name == NAME
    }
    write_measured(file, tuple(rendered_pictures(reference, plan).pictures), features)
    return file
