"""Claims on made-up runs whose answers are known, and the statistics behind them against independent ones."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from claims_runs import CASES, SEEDS, TEXTURE, mini_suite, write_pictures, write_run
from scipy import stats
from typer.testing import CliRunner

from bench.cases.miniworld.world import miniworld_cases
from bench.errors import InputError, UsageError
from bench.extractors.efficientnet_lite0 import texture_extractor
from bench.metrics.declaration import FeatureSet
from bench.metrics.kernel import ObjectGram, cluster_kernel_distance
from bench.metrics.set_distances import ExtractorOptions, KdCluster
from bench.references.library import load_reference
from bench.references.reference_set import ReferenceFeatures
from bench.stats.paired import holm
from bench.suite.load import load_suite
from bench.suite.paper_tables import published
from suites.miniworld.__main__ import app
from suites.miniworld.claims.crossed import DistanceGain, DistanceOf, MeanOf, crossed, rows_of, swap_test
from suites.miniworld.claims.distances import reference_kinds
from suites.miniworld.claims.figures import figures
from suites.miniworld.claims.measured import read_measured
from suites.miniworld.claims.orders import orders
from suites.miniworld.claims.ranks import rank_correlation
from suites.miniworld.claims.report import write_claims
from suites.miniworld.claims.statements import BASE, CLAIMS, printed_gain, results_of
from suites.miniworld.claims.verdicts import Judged, judge, verdict

PSNR, IOU = "reprojection_psnr_white", "silhouette_iou"
METRIC_OF = {
    "psnr": PSNR,
    "ssim": "reprojection_ssim_white",
    "lpips": "reprojection_efficientnet_lite0_white",
}


def noise(level: float, scale: float, seed: int = 0) -> np.ndarray:
    """Values (objects, seeds) around `level`."""
    return level + scale * np.random.default_rng(seed).standard_normal((len(CASES), len(SEEDS)))


def found(judged: list[Judged], text: str, result: str) -> Judged:
    return next(one for one in judged if (one.claim.text, one.result) == (text, result))


# the statistics


@pytest.mark.parametrize("n", [5, 7, 12])
def test_correlations_are_those_of_scipy_also_with_ties(n: int) -> None:
    random = np.random.default_rng(n)
    x, y = random.integers(0, n, n).astype(float), random.standard_normal(n)
    ours = rank_correlation(x, y)
    assert ours.tau == pytest.approx(stats.kendalltau(x, y).statistic)
    assert ours.rho == pytest.approx(stats.spearmanr(x, y).statistic)


def test_p_of_tau_is_scipys_exact_one_and_near_it_when_drawn() -> None:
    random = np.random.default_rng(1)
    x, y = random.standard_normal(7), random.standard_normal(7)
    assert rank_correlation(x, y).tau_p == pytest.approx(stats.kendalltau(x, y, method="exact").pvalue)
    x = random.standard_normal(14)
    y = x + random.standard_normal(14)
    drawn = rank_correlation(x, y)
    assert drawn.how == "9999 draws"
    assert drawn.tau_p == pytest.approx(stats.kendalltau(x, y, method="exact").pvalue, abs=0.01)


def test_equal_orders_have_correlation_one_with_the_least_p() -> None:
    ours = rank_correlation(range(5), [10, 20, 30, 40, 50])
    assert (ours.tau, ours.rho) == (pytest.approx(1), pytest.approx(1))
    assert ours.tau_p == ours.rho_p == 2 / 120
    assert np.isnan(rank_correlation([1, 2, 3], [1, 2, 3]).tau)
    assert np.isnan(rank_correlation([1, 1, 1, 1], [1, 2, 3, 4]).tau)


def test_swap_test_of_means_is_the_sign_flip_on_means_over_seeds() -> None:
    values = noise(0.3, 1.0)
    pairs = (values.mean(axis=1), np.zeros(len(values)))
    theirs = stats.permutation_test(pairs, lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf)
    assert swap_test(MeanOf(values))[0] == pytest.approx(theirs.pvalue)


def test_interval_spans_the_seeds_when_nothing_else_varies() -> None:
    # all three drawn seeds are the lowest in 1 of 27 resamples, more than the 2.5 % that the interval leaves out
    by_seed = np.tile([1.0, 2.0, 6.0], (len(CASES), 1))
    score = crossed(MeanOf(by_seed))
    assert (score.value, score.low, score.high, score.seeds) == (3.0, 1.0, 6.0, (1.0, 2.0, 6.0))


def test_interval_of_objects_alone_is_that_of_their_mean() -> None:
    values = np.random.default_rng(0).standard_normal((200, 1))
    score = crossed(MeanOf(values))
    reach = 1.96 * values.std() / np.sqrt(200)
    assert (score.high - score.low) / 2 == pytest.approx(reach, rel=0.05)
    assert np.isnan(crossed(MeanOf(values[:2])).low)


def feature_sets(shared: bool) -> tuple[np.ndarray, list[str], np.ndarray, list[str]]:
    random = np.random.default_rng(3)
    objects = [name for name in "abcd" for _ in range(3)]
    others = objects if shared else [str(number) for number in range(9)]
    return random.standard_normal((12, 5)), objects, random.standard_normal((len(others), 5)) + 0.5, others


@pytest.mark.parametrize("shared", [False, True])
def test_distances_of_multisets_are_those_of_repeated_pictures(shared: bool) -> None:
    x, objects, y, others = feature_sets(shared)
    gram = ObjectGram.fold(x, objects, y, others, clustered=True, shared=shared)
    estimate = DistanceOf((gram,))
    assert estimate.per_seed(np.ones((1, 4)))[0, 0] == pytest.approx(
        cluster_kernel_distance(x, objects, y, others, shared)
    )
    times = {"a": 2, "b": 0, "c": 1, "d": 3}
    rows = [row for row, name in enumerate(objects) for _ in range(times[name])]
    columns = [c for c, name in enumerate(others) for _ in range(times[name] if shared else 1)]
    expected = cluster_kernel_distance(
        x[rows], [objects[row] for row in rows], y[columns], [others[c] for c in columns], shared
    )
    assert estimate.per_seed(np.array([[2.0, 0.0, 1.0, 3.0]]))[0, 0] == pytest.approx(expected)


@pytest.mark.parametrize("shared", [False, True])
def test_swaps_between_two_sets_equal_recomputation(shared: bool) -> None:
    x, objects, y, others = feature_sets(shared)
    second = x + np.random.default_rng(5).standard_normal(x.shape) * 0.4
    gram = ObjectGram.fold(
        np.concatenate([second, x]), objects * 2, y, others, clustered=True, shared=shared, methods=[1] * 12 + [0] * 12
    )
    first_then_second = rows_of(gram, [4, 5, 6, 7, 0, 1, 2, 3], list("abcd" * 2))
    gain = DistanceGain((first_then_second,))
    metric = KdCluster(ExtractorOptions(reference="r", extractor="e"))
    reference = ReferenceFeatures("r", y, tuple(others), "", "e", shares_objects=shared)
    sets = [FeatureSet(features, tuple(objects)) for features in (x, second)]
    owner = np.array(objects)
    swapped = []
    for chosen in product([False, True], repeat=4):
        taken = np.isin(owner, np.array(list("abcd"))[list(chosen)])[:, None]
        mixed = (np.where(taken, sets[1 - i].features, sets[i].features) for i in (0, 1))
        far = [metric.distance(FeatureSet(features, tuple(objects)), reference) for features in mixed]
        swapped.append(far[1] - far[0])
    assert gain.per_seed(np.ones((1, 4)))[0, 0] == pytest.approx(swapped[0])
    assert swap_test(gain)[0] == np.mean(np.abs(swapped) >= abs(swapped[0]) - 1e-12)


# verdicts


@pytest.mark.parametrize(
    ("p", "value", "seeds", "upwards", "expected"),
    [
        (0.001, 1.0, (1.0, 2.0, 0.1), True, "holds"),
        (0.001, 1.0, (1.0, 2.0, -0.1), True, "undecided"),
        (0.01, 1.0, (1.0, 1.0, 1.0), True, "undecided"),
        (0.001, -1.0, (-1.0, -2.0), True, "does not hold"),
        (0.001, -1.0, (-1.0, -2.0), False, "holds"),
        (0.001, 1.0, (1.0,), False, "does not hold"),
        (np.nan, 1.0, (1.0,), True, "not tested"),
    ],
)
def test_verdict(p: float, value: float, seeds: tuple[float, ...], upwards: bool, expected: str) -> None:
    assert verdict(p, value, seeds, upwards) == expected


def test_statements_say_what_is_printed() -> None:
    for claim in CLAIMS:
        if BASE in (claim.a, claim.b):
            continue
        assert {claim.a, claim.b} <= published(claim.table).keys()
        if claim.relation == "better":
            assert printed_gain(claim.table, "kid_i" if claim.topic == "realism" else "psnr", claim.a, claim.b) > 0
        if claim.relation == "at least" and claim.topic == "consistency":
            assert printed_gain(claim.table, "psnr", claim.a, claim.b) > 0
    # read off the printed table: joint training and no real data are the more consistent and less realistic ones
    moves = {(c.topic, c.a, c.b): c.upwards() for c in CLAIMS if c.table == 2}
    later = [("5", "3"), ("7", "5"), ("4", "3"), ("6", "5"), ("8", "7")]
    assert [moves["consistency", "3", b] for b in "12"] == [False, False]
    assert [moves["realism", "3", b] for b in "12"] == [True, True]
    assert all(moves["consistency", a, b] for a, b in later)
    assert not any(moves["realism", a, b] for a, b in later)


def test_claims_of_means_hold_fail_and_stay_open(tmp_path: Path) -> None:
    rows = {"base": None, "syn-only": "Syn only", "realiz3d": "Realiz3D", "synthetic": None}
    level = {"base": 10.0, "syn-only": 20.0, "realiz3d": 20.5}
    scores = {(name, PSNR): noise(value, 0.1, number) for number, (name, value) in enumerate(level.items())}
    scores |= {("base", IOU): noise(0.2, 0.001, 3), ("realiz3d", IOU): noise(0.5, 0.001, 4)}
    worse = {"base": 0.9, "syn-only": 0.5, "realiz3d": 0.5}
    scores |= {(name, "boundary_f"): noise(value, 0.001, n) for n, (name, value) in enumerate(worse.items())}
    scores |= {("syn-only", IOU): noise(0.5, 0.2, 5)}
    # better on the whole, and by far, but not in the second training
    scores |= {(name, "cde"): noise(value, 0.01, 6) for name, value in (("base", 0.0), ("syn-only", 5.0))}
    scores["realiz3d", "cde"] = noise(0.0, 0.01, 7) + np.array([3.0, -0.1, 3.0])
    (run,) = read_measured([write_run(tmp_path / "r", 1, rows, scores)])
    (judged,) = judge([run])
    assert run.references == ("synthetic",)

    better = found(judged, "Realiz3D > base", PSNR)
    assert better.verdict == "holds"
    assert better.decides
    assert better.effect is not None
    assert better.effect.value == pytest.approx(scores["realiz3d", PSNR].mean() - scores["base", PSNR].mean())
    assert better.effect.low < better.effect.value < better.effect.high
    # half a dB worse, but far less than a tenth of the way from the base
    kept = found(judged, "Syn only ≥ Realiz3D", PSNR)
    assert kept.effect is not None
    assert kept.effect.value < 0
    assert kept.verdict == "holds"
    assert kept.printed == pytest.approx(0.98)
    assert found(judged, "Realiz3D > base", "boundary_f").verdict == "does not hold"
    # with a base that is better there is no way to lose a tenth of: what is tested is the difference itself
    even = found(judged, "Syn only ≥ Realiz3D", "boundary_f")
    assert even.effect == even.tested
    assert even.verdict == "undecided"
    assert found(judged, "Syn only ≥ Realiz3D", IOU).verdict == "undecided"
    torn = found(judged, "Realiz3D > base", "cde")
    assert torn.p_holm < 0.01
    assert torn.verdict == "undecided"
    assert not torn.decides


@pytest.mark.parametrize("primary", ["cde", "cce"])
def test_what_the_suite_calls_primary_decides(tmp_path: Path, primary: str) -> None:
    rows = {"base": None, "syn-only": "Syn only", "realiz3d": "Realiz3D"}
    scores = {(name, metric): noise(1.0, 0.1) for name in rows for metric in (PSNR, primary)}
    (run,) = read_measured([write_run(tmp_path / "r", 1, rows, scores, primary=(primary,))])
    assert {one.result for one in judge([run])[0] if one.decides} == {primary}


@pytest.mark.parametrize(
    ("name", "table", "consistency"),
    [("miniworld-full", 1, "cce"), ("miniworld-ablation", 2, "cce"), ("miniworld-text", 3, "hull_iou")],
)
def test_claims_know_the_shipped_suites_primaries(name: str, table: int, consistency: str) -> None:
    suite = load_suite(name)
    named = [SimpleNamespace(name=primary) for primary in suite.primary]
    real, base = reference_kinds(SimpleNamespace(manifest={"suite": suite.model_dump(mode="json")}, metrics=named))
    assert (real, base) == (("ed_cluster[efficientnet_lite0_interior]@rich",), ())
    known = results_of("consistency", table, real)
    assert next(primary for primary in suite.primary if primary in known) == consistency


def test_holm_is_over_the_page(tmp_path: Path) -> None:
    rows = {f"row-{row}": row for row in published(2)}
    scores = {(name, PSNR): noise(float(published(2)[row]["psnr"]), 0.3, int(row)) for name, row in rows.items()}
    scores |= {(name, "cde"): noise(float(published(2)[row]["psnr"]), 9.0, int(row)) for name, row in rows.items()}
    tuned = {"base": None, "syn-only": "Syn only", "realiz3d": "Realiz3D"}
    others = {(name, PSNR): noise(15.0 + number, 0.1, number) for number, name in enumerate(tuned)}
    runs = read_measured([write_run(tmp_path / "2", 2, rows, scores), write_run(tmp_path / "1", 1, tuned, others)])
    assert [run.table for run in runs] == [1, 2]
    (alone,) = judge(runs[1:])
    methods, ablation = judge(runs)
    assert [len(one) for one in (alone, ablation, methods)] == [14, 14, 2]
    decisive = [one for one in ablation if one.decides]
    assert {one.result for one in decisive} == {PSNR}
    # of the page's claims that decide: seven of one table and two of the other; never those of a metric beside
    page = [one.p for one in (*decisive, *methods)]
    assert [one.p_holm for one in (*decisive, *methods)] == pytest.approx(holm(page), nan_ok=True)
    beside = [one for one in ablation if not one.decides]
    swapped = holm([*(one.p for one in beside), *(one.p for one in methods)])
    assert [one.p_holm for one in beside] == pytest.approx(swapped[: len(beside)], nan_ok=True)
    # alone, the table is the page
    least = min((one for one in alone if one.decides), key=lambda one: one.p)
    assert least.p_holm == pytest.approx(7 * least.p)


@pytest.mark.parametrize("table", [1, 2, 3])
def test_published_values_as_if_measured_agree_with_themselves(tmp_path: Path, table: int) -> None:
    rows = {f"g{number}": row for number, row in enumerate(published(table)) if published(table)[row]["psnr"]}
    names = METRIC_OF if table != 3 else {"psnr": "lift_psnr", "ssim": "lift_ssim", "lpips": "lift_lpips"}
    wobble = noise(0.0, 1e-7)
    scores = {
        (name, result): float(published(table)[row][column]) * (-1 if column == "lpips" and table == 3 else 1) + wobble
        for name, row in rows.items()
        for column, result in names.items()
    }
    stated = {(name, TEXTURE): float(published(table)[row]["kid_i"]) for name, row in rows.items()}
    (run,) = read_measured([write_run(tmp_path / "r", table, rows, scores, stated=stated)])
    ranked = {(order.column, order.result): order for order in orders(run)}
    for column, result in names.items():
        order = ranked[column, result]
        assert order.correlation.tau == pytest.approx(1)
        assert order.correlation.tau_p < 0.001
        assert order.printed_ranks == order.measured_ranks
        assert order.by_seed == pytest.approx((1, 1, 1))
    assert ranked["kid_i", TEXTURE].correlation.tau == pytest.approx(1)
    drawn = figures(run, judge([run])[0], orders(run))
    assert len([name for name in drawn if name.startswith(f"figures/table{table}-ranks-")]) == len(ranked)
    if table == 2:
        judged = [one for one in judge([run])[0] if one.claim.topic == "consistency" and one.result == PSNR]
        assert {one.verdict for one in judged} == {"holds"}
    realism = [one for one in judge([run])[0] if one.claim.topic == "realism"]
    assert {one.verdict for one in realism} == {"not tested"}
    assert all("in sum only" in one.reason for one in realism)


# distances, from stored pictures and features


@pytest.fixture(scope="module")
def run_with_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Realiz3D as the photographs are, Syn + Real and Syn only alike and far; base and ceiling beside."""
    root = tmp_path_factory.mktemp("pictures") / "run"
    cases = tuple(case.id for case in miniworld_cases("eval", 12, "rich", 0))
    photos = load_reference("photo_cutouts", texture_extractor(), (1.0, 1.0, 1.0)).features
    random = np.random.default_rng(0)
    shift = photos.std(axis=0)

    def near(amount: float) -> np.ndarray:
        rows = random.choice(len(photos), (len(cases), len(SEEDS)))
        views = photos[rows][:, :, None].repeat(2, axis=2)
        return views + amount * shift + 0.05 * shift * random.standard_normal(views.shape)

    features = {"base": near(0.5), "realiz3d": near(0.0), "syn-real": near(4.0), "syn-only": near(4.0)}
    features["ceiling"] = near(0.0)
    digests = write_pictures(root.parent / "made", cases, features)
    rows = {"base": None, "realiz3d": "Realiz3D", "syn-real": "Syn + Real", "syn-only": "Syn only", "ceiling": None}
    levels = {"base": 10.0, "realiz3d": 19.0, "syn-real": 20.0, "syn-only": 20.0, "ceiling": 30.0}
    scores = {(name, PSNR): noise(level, 0.1) for name, level in levels.items()}
    write_run(
        root, 1, rows, scores, suite=mini_suite([*rows]), digests=digests, cases=cases,
        stated={(name, TEXTURE): 0.0 for name in rows} | {(n, TEXTURE.replace("photos", "base")): 0.0 for n in rows},
    )  # fmt: skip
    for name in ("samples", "features"):
        (root.parent / "made" / name).rename(root / name)
    return root


def test_realism_is_judged_seed_by_seed_on_stored_features(run_with_pictures: Path) -> None:
    (run,) = read_measured([run_with_pictures])
    assert run.note == ""
    (judged,) = judge([run])
    nearer = found(judged, "Realiz3D > Syn + Real", TEXTURE)
    assert nearer.verdict == "holds"
    assert nearer.effect is not None
    assert len(nearer.effect.seeds) == len(SEEDS)
    assert found(judged, "Syn + Real > Syn only", TEXTURE).verdict == "undecided"

    score = run.score("realiz3d", TEXTURE)
    assert score is not None
    assert score.objects == 12
    ranked = {(order.column, order.result): order for order in orders(run)}
    assert ranked["kid_i", TEXTURE].rows == ("Realiz3D", "Syn + Real", "Syn only")
    assert ranked["kid_b", TEXTURE.replace("photos", "base")].measured_ranks[0] == 1


def test_report_and_figures_are_the_same_every_time(run_with_pictures: Path, tmp_path: Path) -> None:
    again = [write_claims([run_with_pictures], tmp_path / name) for name in "ab"]
    texts = [[path.read_bytes() for path in paths] for paths in again]
    assert texts[0] == texts[1]
    markdown, record = texts[0][0].decode(), json.loads(texts[0][1])
    assert "Not comparable" in markdown
    assert "CLIP ↑: CLIP score" in markdown
    assert "| Realiz3D | 24.78 |" in markdown
    assert f"| Table 1 | realism | Realiz3D &gt; Syn + Real | `{TEXTURE}` | holds |" in markdown
    assert record["tables"][0]["references"] == ["ceiling"]
    written = {path.name: path for path in again[0] if path.suffix == ".svg"}
    tradeoff = ElementTree.parse(written["table1-tradeoff.svg"])
    circles = [mark.get("class") for mark in tradeoff.iter("{http://www.w3.org/2000/svg}circle")]
    assert circles.count("repeat") == 3 * len(SEEDS)
    assert circles.count("calibration") == 2
    assert any(group.get("class") == "better" for group in tradeoff.iter("{http://www.w3.org/2000/svg}g"))
    assert not [name for name in written if "ranks" in name]  # an order takes more methods


def test_command_writes_the_files(tmp_path: Path) -> None:
    rows = {"base": None, "syn-only": "Syn only", "realiz3d": "Realiz3D"}
    run = write_run(tmp_path / "r", 1, rows, {(name, PSNR): noise(1.0, 0.1) for name in rows})
    result = CliRunner().invoke(app, ["claims", str(run), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "claims.md").is_file()


# what cannot be compared


def test_runs_that_stand_for_no_table_or_the_same_are_refused(tmp_path: Path) -> None:
    scores = {("a", PSNR): noise(1.0, 0.1)}
    with pytest.raises(UsageError, match="0 tables"):
        read_measured([write_run(tmp_path / "none", 1, {"a": None}, scores)])
    twice = [write_run(tmp_path / name, 1, {"a": "Syn only"}, scores) for name in ("x", "y")]
    with pytest.raises(UsageError, match="two runs"):
        read_measured(twice)
    with pytest.raises(InputError, match="two generators"):
        read_measured([write_run(tmp_path / "z", 1, {"a": "Syn only", "b": "Syn only"}, scores)])


def test_missing_values_leave_out_the_object_and_missing_rows_the_claim(tmp_path: Path) -> None:
    rows = {"base": None, "realiz3d": "Realiz3D", "syn-real": "Syn + Real"}
    scores = {(name, PSNR): noise(1.0, 0.1, number) for number, name in enumerate(rows)}
    scores["base", PSNR][4, 1] = np.nan
    (run,) = read_measured([write_run(tmp_path / "r", 1, rows, scores)])
    (judged,) = judge([run])
    kept = found(judged, "Realiz3D > base", PSNR)
    assert kept.effect is not None
    assert kept.effect.objects == len(CASES) - 1
    lacking = found(judged, "Syn only ≥ Realiz3D", PSNR)
    assert (lacking.verdict, lacking.reason) == ("not tested", "the run has no Syn only")
