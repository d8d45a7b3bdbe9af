"""What stored runs say, and how they are read: the schema, formats, objects' values, without torch."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from fake_run import FakeRun

from bench.errors import InputError
from bench.results import layout
from bench.results.read import read_run
from bench.results.scores import ScoreRow, frame, object_values, read_scores
from bench.results.summary import SUMMARY_FORMAT, Comparison, Row, Summary, summary_schema
from bench.stats.comparison import compare_means

SCHEMA = Path(__file__).parents[2] / "docs" / "summary.schema.json"


def test_the_schema_in_the_docs_is_that_of_the_models() -> None:
    assert json.loads(SCHEMA.read_text()) == summary_schema(), (
        "the models changed: `python -c 'import json, bench.results.summary as s; "
        "print(json.dumps(s.summary_schema(), indent=1))' > docs/summary.schema.json`, and raise SUMMARY_FORMAT"
    )
    jsonschema.Draft202012Validator.check_schema(summary_schema())


def test_a_summary_survives_writing_and_reading(fake_run: Path) -> None:
    summary = read_run(fake_run).summary
    document = json.loads(json.dumps(summary.to_json(), allow_nan=False))
    jsonschema.validate(document, summary_schema())
    assert Summary.model_validate(document) == summary


def test_what_is_written_is_checked() -> None:
    label = {"generator": "g", "metric": "m", "direction": "up", "axis": "realism", "status": "ok"}
    assert Row(**label, value=math.nan).value is None
    for wrong in ({"direction": "sideways"}, {"axis": "beauty"}, {"status": "fantastic"}, {"vlaue": 1.0}):
        with pytest.raises(ValueError):
            Row(**{**label, **wrong})


@pytest.mark.parametrize(
    ("found", "says", "hint"),
    [
        (1, f"of format 1, and this version reads format {SUMMARY_FORMAT}", "run command again"),
        (SUMMARY_FORMAT + 1, f"of format {SUMMARY_FORMAT + 1}", "update"),
        (None, "do not say which format", "run command again"),
    ],
)
def test_results_of_another_format_are_refused_with_the_reason(
    tmp_path: Path, found: int | None, says: str, hint: str
) -> None:
    run = FakeRun().write(tmp_path / "run")
    document = json.loads((run / "summary.json").read_text())
    document["format"] = found
    if found is None:
        del document["format"]
    (run / "summary.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match=says) as caught:
        read_run(run)
    assert hint in caught.value.hint
    assert "summary.json" in caught.value.where


def test_what_a_newer_run_says_beside_is_ignored(tmp_path: Path) -> None:
    run = FakeRun().write(tmp_path / "run")
    document = json.loads((run / "summary.json").read_text())
    document["verdict"] = document["rows"][0]["p_of_it"] = "new"
    (run / "summary.json").write_text(json.dumps(document))
    assert len(read_run(run).summary.rows) == len(document["rows"])


def test_reading_two_runs_takes_no_torch(fake_run: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from bench.results.read import read_run\n"
        f"for _ in range(2): print(len(read_run(Path({str(fake_run)!r})).object_values('cde')))\n"
        "print(sorted({'torch', 'scipy', 'bench.metrics'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split("\n")
    assert found[:3] == ["4", "4", "[]"]


def test_an_objects_value_is_the_mean_over_views_then_seeds(tmp_path: Path) -> None:
    def row(case: str, seed: int, view: int | None, value: float, status: str = "ok") -> ScoreRow:
        return ScoreRow("g", case, seed, view, "cde", value, "", "s", None, status, "d")

    rows = [
        row("cow", 0, 0, 1.0), row("cow", 0, 1, 3.0), row("cow", 1, None, 8.0), row("sofa", 0, None, 4.0),
        row("sofa", 1, None, math.nan, "failed"), row("cup", 0, None, math.nan, "not_measurable"),
        ScoreRow("g", None, None, None, "cde", 99.0, "", "s"), ScoreRow("g", "cow", 0, None, "emr", 99.0, "", "s"),
    ]  # fmt: skip
    assert object_values(rows, "cde") == {"g": {"cow": 5.0, "sofa": 4.0}}
    frame(rows).to_parquet(tmp_path / "scores.parquet", index=False)
    back = read_scores(tmp_path / "scores.parquet")
    assert object_values(back, "cde") == {"g": {"cow": 5.0, "sofa": 4.0}}
    assert [(r.case, r.seed, r.view, r.status) for r in back] == [(r.case, r.seed, r.view, r.status) for r in rows]


def test_a_sample_is_found_where_it_was_put(tmp_path: Path) -> None:
    place = layout.RunLayout(tmp_path)
    sample = layout.sample_folder(place.samples, "mine", "cow", 12)
    sample.mkdir(parents=True)
    for view in (10, 2, 0):
        layout.view_file(sample, view).touch()
    (sample / "view_x.png").touch()
    assert [path.name for path in layout.stored_views(sample)] == ["view_0.png", "view_2.png", "view_10.png"]
    assert layout.seed_of(sample) == 12
    assert layout.seed_of(sample.parent) is None
    assert layout.map_file(place.maps, "mine", "cow", 12, "a/b@c").name == "a%2Fb@c.png"
    assert [layout.is_name(text) for text in ("cow", "..", "a/b", "a\\b", "")] == [True, False, False, False, False]


def test_a_comparison_is_stored_whole() -> None:
    found = compare_means("cde", "a", "b", [0.5, 0.6, 0.8, 0.4], [0.4, 0.3, 0.6, 0.35]).to_dict()
    assert set(found) == set(Comparison.model_fields)
    assert Comparison.model_validate(found).difference == found["difference"]
