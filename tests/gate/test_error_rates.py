"""How often the gate errs: on made tables, and on the real one that the docs' numbers come from."""

from pathlib import Path

import numpy as np
import pytest

from bench.gate.error_rates import (
    FIRST,
    OTHER,
    SIZES,
    Column,
    Table,
    draw_pages,
    main,
    objects_for_power,
    read_table,
    write_table,
)
from bench.suite.load import load_suite
from groundwork.errors import InputError

REAL = Path(__file__).parents[2] / "docs" / "gate-error-rates.csv"
DELTAS = {name: gate.delta for name, gate in load_suite("miniworld").gates.items()}


def made(harm: float, skewed: bool = False) -> Table:
    """Forty objects, three results, noise of one unit; the corruption makes all of them worse by `harm`."""
    rng = np.random.default_rng(0)
    noise = rng.exponential(1.0, (2, 40, 3)) if skewed else rng.normal(0, 1, (2, 40, 3))
    values = rng.normal(20, 5, (40, 3)) + noise
    signs = np.array([-1, 1, 1]) * harm
    columns = (Column("a", True, False), Column("b", False, False), Column("k", False, True))
    return Table((FIRST, OTHER, "broken"), columns, np.concatenate([values, values[:1] + signs]))


@pytest.mark.parametrize("skewed", [False, True])
def test_no_change_seldom_alarms(skewed):
    rates = draw_pages(made(0.0, skewed), {"a": 0.0, "b": 0.0, "k": 0.0}, 12, 400, seed=1)
    assert rates.share("regression") <= 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5


def test_large_harm_is_seen_and_asks_for_few_objects():
    deltas = {"a": 0.5, "b": 0.5, "k": 0.5}
    assert draw_pages(made(3.0), deltas, 20, 50, 0, "broken").share("regression") > 0.9
    few, many = (objects_for_power(made(harm), deltas, "broken", 0.8, 50, 0) for harm in (3.0, 1.0))
    assert few < many
    assert objects_for_power(made(0.0), deltas, "broken", 0.8, 30, 0) is None


def test_a_table_survives_its_file(tmp_path):
    table = made(1.0)
    table.values[0, 3, 0] = np.nan
    (tmp_path / "t.csv").write_text(write_table(table))
    back = read_table(tmp_path / "t.csv")
    assert (back.conditions, back.columns) == (table.conditions, table.columns)
    assert back.values == pytest.approx(table.values, rel=1e-5, nan_ok=True)
    (tmp_path / "t.csv").write_text("condition,object,a up\nfirst,0,x\n")
    with pytest.raises(InputError, match="not a table of error rates"):
        read_table(tmp_path / "t.csv")


def test_the_table_of_an_assay(painted, tmp_path):
    """What `collect` reads from three run folders is what those runs scored."""
    from bench.cli import main as bench

    words = ["--assay", "--corruptions", "blur:2", "--suite", painted.suite, "--out", tmp_path]
    assert bench([str(word) for word in ("compare", painted.first, painted.again, *words)]) == 0
    main(
        ["collect", str(painted.first), str(painted.again), str(tmp_path / "rescored"), "--generator", "mine",
         "--out", str(tmp_path / "t.csv")]
    )  # fmt: skip
    table = read_table(tmp_path / "t.csv")
    assert table.conditions == ("first", "other noise", "blur-2")
    assert [column.name for column in table.columns] == ["silhouette_iou", "loo_psnr"]
    assert table.values.shape == (3, 6, 2) and np.nanmean(table.values[2, :, 0]) < np.nanmean(table.values[0, :, 0])


@pytest.mark.slow
def test_error_rates_on_real_scores(capsys):
    """False alarms stay at the nominal level, larger corruptions and more objects are seen more often."""
    table = read_table(REAL)
    for n_objects in SIZES:
        alarms = draw_pages(table, DELTAS, n_objects, 600, seed=2).share("regression")
        assert alarms <= 0.05 + 2.5 * (0.05 * 0.95 / 600) ** 0.5, n_objects
    shares = {
        (name, n): draw_pages(table, DELTAS, n, 100, 2, name).share("regression")
        for name in table.corruptions
        for n in (6, 40)
    }
    assert all(shares[name, 40] >= shares[name, 6] - 0.1 for name in table.corruptions)
    assert any(shares[name, 40] > 0.9 for name in table.corruptions)
