"""The features of the suites' reference of realism that come with the bench: rendered and measured once, for all."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from bench.references.measured import FOLDER, write_measured
from bench.run.options import RunOptions
from bench.run.plan import make_plan
from bench.run.references import find_library, rendered_pictures
from bench.suite.load import load_suite
from bench.suite.schema import MiniworldReference
from groundwork.progress import Reporter

NAME = "rich"
FILE = FOLDER / "miniworld_rich_16px.npz"


def write_reference() -> Path:
    """Render the reference of the `miniworld` suite and write its features for the suite's extractors to `FILE`.

    What lay there is removed first: a run would take it instead of measuring. Takes a minute.
    """
    FILE.unlink(missing_ok=True)
    options = RunOptions(offline=True, device="cpu")
    plan = make_plan(load_suite("miniworld"), options)
    reference = plan.suite.references[NAME]
    assert isinstance(reference, MiniworldReference)
    with TemporaryDirectory() as cache:
        library = find_library(plan, options, Path(cache), Reporter(Console(stderr=True)))
    features = {
        library.extractors[extractor].fingerprint(): found.features
        for (name, extractor), found in library.features.items()
        if name == NAME
    }
    write_measured(FILE, tuple(rendered_pictures(reference, plan).pictures), features)
    return FILE
