import json
import math

import pandas as pd
import pytest

from bench.errors import InputError
from bench.results.scores import COLUMNS, ScoreRow
from bench.run.samples import SampleKey, SampleStore
from bench.run.scores import ScoreTable

ORDER = (["a", "b"], ["cow", "sofa"], ["loo_psnr", "kd@photos"])


def rows():
    return [
        ScoreRow("b", "cow", 0, None, "loo_psnr", 30.5, "dB", "s", 0.4, "ok", "d1"),
        ScoreRow("a", "sofa", 0, None, "loo_psnr", math.nan, "dB", "s", 0.05, "not_measurable", "d2"),
        ScoreRow("a", "cow", 0, 1, "loo_psnr", 28.0, "dB", "s", 0.4, "ok", "d3"),
        ScoreRow("a", "cow", 0, 0, "loo_psnr", 27.0, "dB", "s", 0.4, "ok", "d3"),
        ScoreRow("a", None, None, None, "kd@photos", 0.031, "", "s"),
    ]


def test_round_trip_keeps_missing_values_apart_from_numbers(tmp_path):
    table = ScoreTable(tmp_path / "scores.parquet")
    table.replace(rows())
    table.write(*ORDER)
    back = ScoreTable(tmp_path / "scores.parquet").rows
    assert len(back) == 5
    assert [r.generator for r in back] == ["a", "a", "a", "a", "b"]
    unmeasurable = next(r for r in back if r.case == "sofa")
    assert math.isnan(unmeasurable.value) and unmeasurable.status == "not_measurable"
    whole = next(r for r in back if r.metric == "kd@photos")
    assert (whole.case, whole.seed, whole.view, whole.coverage) == (None, None, None, None)
    assert [r.view for r in back if r.case == "cow" and r.generator == "a"] == [0, 1]


def test_bytes_do_not_depend_on_the_order_of_arrival(tmp_path):
    first, second = ScoreTable(tmp_path / "1.parquet"), ScoreTable(tmp_path / "2.parquet")
    first.replace(rows())
    for row in reversed(rows()):
        second.rows.append(row)
    first.write(*ORDER)
    second.write(*ORDER)
    assert first.path.read_bytes() == second.path.read_bytes()
    assert list(pd.read_parquet(first.path).columns) == COLUMNS


def test_new_rows_replace_all_views_of_the_same_number(tmp_path):
    table = ScoreTable(tmp_path / "scores.parquet")
    table.replace(rows())
    table.replace([ScoreRow("a", "cow", 0, None, "loo_psnr", 20.0, "dB", "new", 0.4, "ok", "d9")])
    assert [r.value for r in table.rows if (r.generator, r.case) == ("a", "cow")] == [20.0]


def stored(folder, **digests):
    """A store with the samples of cow under seed 0, by generator."""
    for generator, digest in digests.items():
        marker = folder / generator / "cow" / "seed_0" / "sample.json"
        marker.parent.mkdir(parents=True)
        marker.write_text(json.dumps({"digest": digest}))
    return SampleStore(folder)


def test_rows_that_a_command_leaves_out_stay_with_their_pictures(tmp_path):
    table = ScoreTable(tmp_path / "nowhere.parquet")
    lost = [ScoreRow("gone", case, seed, None, "loo_psnr", 1.0, "dB", "s", 0.4, "ok", "d7") for case, seed in
            (("cow", 0), (None, None))]  # fmt: skip
    table.replace([*rows(), *lost, ScoreRow("b", "cow", 0, None, "no_more", 1.0, "", "s", 0.4, "ok", "d1")])
    planned = {SampleKey("a", "cow", 0): "d3"}
    table.keep(planned, planned, ["loo_psnr", "kd@photos"], stored(tmp_path / "samples", a="d3", b="d1"))
    # sofa has no pictures any more, "gone" has none at all, and b's other metric left the suite
    assert {(r.generator, r.case, r.metric) for r in table.rows} == {("a", "cow", "loo_psnr"), ("b", "cow", "loo_psnr")}
    assert {(r.generator, r.case) for r in table.of(planned)} == {("a", "cow")}


def test_rows_of_pictures_that_are_gone_are_dropped(tmp_path):
    table = ScoreTable(tmp_path / "nowhere.parquet")
    table.replace(rows())
    found = {SampleKey("b", "cow", 1): "d1", SampleKey("a", "sofa", 0): "d2", SampleKey("a", "cow", 0): "made anew"}
    planned = [*found, SampleKey("b", "cow", 0)]
    table.keep(planned, found, ["loo_psnr", "kd@photos"], SampleStore(tmp_path / "samples"))
    assert {(r.generator, r.case) for r in table.rows} == {("a", "sofa")}


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more", None])
def test_broken_table_says_how_to_go_on(tmp_path, content):
    path = tmp_path / "scores.parquet"
    if content is None:
        pd.DataFrame({"generator": ["a"], "value": ["many"]}).to_parquet(path)
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read") as caught:
        ScoreTable(path)
    assert "delete the file" in caught.value.hint
