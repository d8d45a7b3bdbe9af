"""What the tests of docs/statistics.md do when nothing is to be found, and when something is: all tables of that page.

    python tests/helpers/simulations.py [--trials 2000]

Everything goes through the product's own functions. Same numbers on every call: seeds are fixed.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy import stats

from bench.metrics.frechet import frechet_distance
from bench.metrics.frechet_jackknife import leave_rows_out
from bench.metrics.kernel import ObjectGram, jackknife_excess
from bench.stats.comparison import compare_means, holm_over_page
from bench.stats.difference import difference_of_distances, interval_of_mean, mean_difference
from bench.stats.skewed_t import mean_statistics, tails

Array = npt.NDArray[np.float64]
Sampler = Callable[[np.random.Generator, tuple[int, ...]], Array]
NUMBERS = (4, 5, 6, 8, 10, 20, 40)

DISTRIBUTIONS: dict[str, Sampler] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "uniform": lambda rng, shape: rng.random(shape) - 0.5,
    "heavy tails (t, 3 degrees)": lambda rng, shape: rng.standard_t(3, size=shape),
    "in [0, 1] near 1 (beta 9, 1)": lambda rng, shape: rng.beta(9, 1, size=shape) - 0.9,
    "skewness 1.4 (gamma 2)": lambda rng, shape: (rng.gamma(2, size=shape) - 2) / math.sqrt(2),
    "skewness 2 (exponential)": lambda rng, shape: rng.exponential(size=shape) - 1,
    "skewness 6 (lognormal)": lambda rng, shape: rng.lognormal(size=shape) - math.exp(0.5),
    "one object in ten is 10 deviations off": lambda rng, shape: (
        np.where(rng.random(shape) < 0.1, 10.0, 0.0) + rng.normal(size=shape) - 1.0
    ),
}


def error_of_means(name: str, n: int, trials: int, shift: float = 0.0) -> tuple[float, float, float]:
    """How often a true mean is rejected at 5 %: two-sided, on the worse side one-sided, and by Student's t two-sided.

    With a `shift`, how often it is found (the one-sided test then asks on the side of the shift).
    """
    values = DISTRIBUTIONS[name](np.random.default_rng(n), (trials, n)) + shift
    found = mean_statistics(values)
    t = found.mean / found.error
    below, above = tails(t, found.correction, found.freedom)
    student = 2 * stats.t.sf(np.abs(t), n - 1)
    one_sided = np.mean(above <= 0.05) if shift else max(np.mean(below <= 0.05), np.mean(above <= 0.05))
    return float(np.mean(2 * np.minimum(below, above) <= 0.05)), float(one_sided), float(np.mean(student <= 0.05))


BOUNDED: dict[str, tuple[Sampler, float]] = {
    "uniform": (lambda rng, shape: rng.random(shape), 0.5),
    "near 1 (beta 9, 1)": (lambda rng, shape: rng.beta(9, 1, size=shape), 0.9),
    "0 or 1, each half the time": (lambda rng, shape: np.where(rng.random(shape) < 0.5, 0.0, 1.0), 0.5),
    "1, but .5 one time in five": (lambda rng, shape: np.where(rng.random(shape) < 0.2, 0.5, 1.0), 0.9),
    "1, but .5 one time in twenty": (lambda rng, shape: np.where(rng.random(shape) < 0.05, 0.5, 1.0), 0.975),
    "1, but 0 one time in a hundred": (lambda rng, shape: np.where(rng.random(shape) < 0.01, 0.0, 1.0), 0.99),
}


def misses_of_intervals(name: str, n: int, trials: int) -> tuple[float, float, float]:
    """How often 95 % intervals of the mean of scores in [0, 1] miss it: as a row prints them, and those that know of no
    range; how often the latter leave it.
    """
    draw, truth = BOUNDED[name]
    missed, plain, beyond = 0, 0, 0
    for values in draw(np.random.default_rng(n), (trials, n)):
        printed, before = interval_of_mean(values, (0.0, 1.0)), mean_difference(values).interval()
        missed += not printed.low - 1e-12 <= truth <= printed.high + 1e-12
        plain += not before.low - 1e-12 <= truth <= before.high + 1e-12
        beyond += before.low < 0 or before.high > 1
    return missed / trials, plain / trials, beyond / trials


DIMENSIONS, VIEWS = 32, 4


def _towards(a: float, b: float) -> Callable[[], tuple[Array, Array]]:
    """Means that lie `a` and `b` from the reference's, along different axes."""
    return lambda: (np.eye(DIMENSIONS)[0] * a, np.eye(DIMENSIONS)[1] * b)


def _along(a: float, b: float) -> Callable[[], tuple[Array, Array]]:
    """Means that lie `a` and `b` deviations from the reference's in every dimension."""
    return lambda: (np.full(DIMENSIONS, a), np.full(DIMENSIONS, b))


SETTINGS: dict[str, Callable[[], tuple[Array, Array]]] = {
    "same, as the reference": _along(0.0, 0.0),
    "same, half a deviation off": _along(0.5, 0.5),
    "equally far along two axes": _towards(4.0, 4.0),
    "equally far on opposite sides": _along(0.5, -0.5),
    "*as the reference, and .3 off*": _along(0.0, 0.3),
    "*.5 off, and .65 off*": _along(0.5, 0.65),
}


def error_of_distances(name: str, n: int, trials: int) -> tuple[float, float, float]:
    """How often equal distances are told apart at 5 %: two-sided, one-sided on the worse side, by swapped labels.

    Four views an object that share .6 of their variance, half of it common to both generators; photographs that look
    the same along the first two axes and from both sides, so that the settings are equally far.
    """
    rng = np.random.default_rng(n)
    objects = [f"o{index}" for index in range(n) for _ in range(VIEWS)]
    p_values = []
    for _ in range(trials):
        reference = _photographs(rng)
        sets = _pair(rng, n, SETTINGS[name]())
        both = ObjectGram.fold(
            np.concatenate(sets), objects * 2, reference, [""] * len(reference), clustered=False, shared=False,
            methods=["a"] * len(objects) + ["b"] * len(objects),
        )  # fmt: skip
        ours, theirs = (
            ObjectGram.fold(
                one, objects, reference, list(map(str, range(len(reference)))), clustered=True, shared=False
            )
            for one in sets
        )
        found = difference_of_distances(
            ours.distance() - theirs.distance(),
            ours.leave_one_object_out(),
            theirs.leave_one_object_out(),
            jackknife_excess(ours, theirs),
        )
        p_values.append([found.p_value(), found.p_value("greater"), found.p_value("less"), _swapped(rng, both, n)])
    two_sided, greater, less, labels = np.mean(np.array(p_values, dtype=np.float64) <= 0.05, axis=0).tolist()
    return two_sided, max(greater, less), labels


def error_of_frechet(name: str, n: int, trials: int) -> tuple[float, float]:
    """The same of Fréchet distances, whose plain jackknife is their test: two-sided, one-sided on the worse side."""
    rng = np.random.default_rng(n)
    shown = [np.arange(VIEWS * index, VIEWS * (index + 1)) for index in range(n)]
    p_values = []
    for _ in range(trials):
        reference = _photographs(rng)
        ours, theirs = _pair(rng, n, SETTINGS[name]())
        found = difference_of_distances(
            frechet_distance(ours, reference) - frechet_distance(theirs, reference),
            leave_rows_out(ours, shown, reference),
            leave_rows_out(theirs, shown, reference),
        )
        p_values.append([found.p_value(), found.p_value("greater"), found.p_value("less")])
    two_sided, greater, less = np.mean(np.array(p_values, dtype=np.float64) <= 0.05, axis=0).tolist()
    return two_sided, max(greater, less)


def _photographs(rng: np.random.Generator) -> Array:
    photos = rng.normal(size=(50, DIMENSIONS))
    turned = photos.copy()
    turned[:, [0, 1]] = photos[:, [1, 0]]
    return np.concatenate([photos, turned, -photos, -turned])


def _pair(rng: np.random.Generator, n: int, means: tuple[Array, Array]) -> list[Array]:
    common = rng.normal(size=(n, 1, DIMENSIONS))
    sets = []
    for mean in means:
        own = math.sqrt(0.5) * (common + rng.normal(size=(n, 1, DIMENSIONS)))
        views = math.sqrt(0.6) * own + math.sqrt(0.4) * rng.normal(size=(n, VIEWS, DIMENSIONS))
        sets.append((mean + views).reshape(-1, DIMENSIONS))
    return sets


def _swapped(rng: np.random.Generator, gram: ObjectGram, n: int) -> float:
    """What was used before: the p-value of the difference when the labels of objects are swapped, 200 draws."""
    swapped = np.concatenate([np.zeros((1, n)), (rng.random((200, n)) < 0.5).astype(np.float64)])
    take = np.concatenate([1 - swapped, swapped], axis=1)
    differences = gram.distances(take) - gram.distances(1 - take)
    return float(np.mean(np.abs(differences) >= abs(differences[0]) - 1e-12))


def error_of_page(
    generators: int, n: int, trials: int, name: str = "skewness 1.4 (gamma 2)", seldom: float = 0.0
) -> tuple[float, float]:
    """How often a page of equal generators, three primary metrics each, claims anything at 5 %: page-wide and by pair.

    Objects are as hard for one generator as for another (half of the variance). With `seldom` there is a fourth metric,
    which is 0 but for that share of objects, where it is .5: many pairs are identical by it.
    """
    rng = np.random.default_rng(generators)
    metrics = ("first", "second", "third", *(("seldom",) if seldom else ()))
    page_wide = by_pair = 0
    for _ in range(trials):
        scores = {metric: DISTRIBUTIONS[name](rng, (generators, n)) + rng.normal(size=n) for metric in metrics[:3]}
        if seldom:
            scores["seldom"] = 0.5 * (rng.random((generators, n)) < seldom)
        page = [
            compare_means(metric, str(a), str(b), scores[metric][a], scores[metric][b])
            for a, b in combinations(range(generators), 2)
            for metric in metrics
        ]
        page_wide += any((c.p_holm or 1) <= 0.05 for c in holm_over_page(page, metrics))
        by_pair += any((c.p_value or 1) <= 0.05 / len(metrics) for c in page)
    return page_wide / trials, by_pair / trials


def table(rows: dict[str, Sequence[str]], head: Sequence[object]) -> str:
    """A Markdown table."""
    lines = [f"| | {' | '.join(map(str, head))} |", f"|---|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())])


def _percent(*shares: float) -> str:
    return " / ".join(f"{100 * share:.1f}" for share in shares)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=2000)
    trials = parser.parse_args().trials
    rows = {name: [_percent(*error_of_means(name, n, 20 * trials)) for n in NUMBERS] for name in DISTRIBUTIONS}
    print("Means, % of true means rejected at 5 %: two-sided / one-sided / Student's t two-sided\n")
    print(table(rows, NUMBERS), flush=True)
    shifts = dict(zip(NUMBERS, (2.13, 1.68, 1.44, 1.16, 1.0, 0.66, 0.45), strict=True))
    rows = {"normal": [_percent(*error_of_means("normal", n, 20 * trials, shift)) for n, shift in shifts.items()]}
    print("\nMeans, power where Student's t has 80 %: two-sided / one-sided / Student's t two-sided\n")
    print(table(rows, NUMBERS), flush=True)
    rows = {name: [_percent(*error_of_distances(name, n, trials)) for n in NUMBERS] for name in SETTINGS}
    print("\nDistances, % told apart at 5 %: two-sided / one-sided / by swapped labels (*italics: they differ*)\n")
    print(table(rows, NUMBERS), flush=True)
    rows = {name: [_percent(*error_of_frechet(name, n, trials)) for n in NUMBERS] for name in SETTINGS}
    print("\nFréchet distances, % told apart at 5 %: two-sided / one-sided (*italics: they differ*)\n")
    print(table(rows, NUMBERS), flush=True)
    rows = {name: [_percent(*misses_of_intervals(name, n, 5 * trials)) for n in NUMBERS] for name in BOUNDED}
    print("\nScores in [0, 1], % of 95 % intervals that miss: as printed / without their range / would leave it\n")
    print(table(rows, NUMBERS), flush=True)
    rows = {
        f"{generators} generators{words}": [
            _percent(*error_of_page(generators, n, max(trials // 5, 50), seldom=seldom)) for n in NUMBERS
        ]
        for words, seldom in (("", 0.0), (", a fourth metric of .5 one time in fifty", 0.02))
        for generators in (2, 4, 8)
    }
    print("\nPages of equal generators with three primary metrics, % with a claim: Holm over the page / by pair\n")
    print(table(rows, NUMBERS))


if __name__ == "__main__":
    main()
