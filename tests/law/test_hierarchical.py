"""The hierarchical law: its algebra against other ways to compute it, and what it is for."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.gaussian_process.kernels import Matern

from visionlaw.errors import DataError
from visionlaw.law.covariance import INTERCEPT, Covariances
from visionlaw.law.evidence import only, without
from visionlaw.law.hierarchical import PRIOR_SETTINGS, Hierarchical
from visionlaw.law.kernels import KERNELS
from visionlaw.law.leastsquares import LeastSquares
from visionlaw.law.scales import Scales
from visionlaw.law.tables import LawTable, load_table

ICLR, COLM = load_table("iclr2025"), load_table("colm2025")


def _one(table: LawTable, b: int) -> LawTable:
    rows = table.A[[b]], table.C[[b]], table.performance[[b]]
    return LawTable(table.name, table.settings, (table.benchmarks[b],), *rows, table.a_definition, (table.kinds[b],))


@pytest.mark.parametrize("shape", KERNELS)
def test_the_gradient_of_the_evidence_is_its_slope(shape: str) -> None:
    scales = Scales.of(ICLR)
    covariances = Covariances(KERNELS[shape], scales.points(ICLR.A, ICLR.C), ICLR.kinds)
    results = scales.performance.onto(ICLR.performance).ravel()
    theta = covariances.prior()[0] + np.random.default_rng(0).normal(0, 0.3, len(covariances.prior()[0]))
    slope = covariances.log_evidence(theta, results)[1]
    numeric = approx_fprime(theta, lambda t: covariances.log_evidence(t, results)[0], 1e-6)
    np.testing.assert_allclose(slope, numeric, rtol=1e-3, atol=1e-3)


def test_one_benchmark_alone_is_a_plain_gaussian_process() -> None:
    """Against scikit-learn's Matérn kernel and the textbook's formulas, at the hyper-parameters that were found."""
    table = _one(COLM, 0)
    fitted = Hierarchical("additive").fit(table)
    scales, hyper = Scales.of(table), fitted.hyper
    X = scales.points(table.A, table.C)[0]
    new = scales.points(np.array([[-2.2, -1.9]]), np.array([[18.0, 25.0]]))[0]

    def covariance(x: np.ndarray, z: np.ndarray) -> np.ndarray:
        total = np.full((len(x), len(z)), INTERCEPT)
        for axis, (length, smooth, trend) in enumerate(hyper.shape.reshape(2, 3)):
            matern = Matern(length_scale=length, nu=1.5)
            total += smooth**2 * matern(x[:, [axis]], z[:, [axis]]) + trend**2 * np.outer(x[:, axis], z[:, axis])
        return total

    of_results = covariance(X, X) + hyper.scatter**2 * np.eye(len(X))
    across = covariance(new, X)
    y = scales.performance.onto(table.performance)[0]
    mean = across @ np.linalg.solve(of_results, y)
    variance = np.diag(covariance(new, new) - across @ np.linalg.solve(of_results, across.T)) + hyper.scatter**2
    missed = [_left_out(of_results, y, j) for j in range(len(y))]
    factor = (PRIOR_SETTINGS + np.sum(np.square(missed))) / (PRIOR_SETTINGS + len(y))
    prediction = fitted.predict(np.array([[-2.2, -1.9]]), np.array([[18.0, 25.0]]))
    assert prediction.mean[0] == pytest.approx(table.performance.mean() + table.performance.std() * mean)
    assert prediction.scale[0] == pytest.approx(table.performance.std() * np.sqrt(factor * variance))
    assert prediction.freedom == PRIOR_SETTINGS + len(y)


def _left_out(covariance: np.ndarray, y: np.ndarray, j: int) -> float:
    """The standardised error of a setting, from the covariance without it."""
    rest = np.arange(len(y)) != j
    weights = np.linalg.solve(covariance[np.ix_(rest, rest)], covariance[rest, j])
    return float((y[j] - weights @ y[rest]) / np.sqrt(covariance[j, j] - weights @ covariance[rest, j]))


def test_equal_benchmarks_share_one_law_and_their_kinds_do_not_matter() -> None:
    y = np.stack([COLM.performance[0]] * 3)
    table = LawTable("same", COLM.settings, ("x", "y", "z"), COLM.A[:3], COLM.C[:3], y, "loglik", ("ocr", "other", "x"))
    fitted = Hierarchical().fit(table)
    assert fitted.hyper.shared > 0.97
    prediction = fitted.predict(COLM.A[:3], COLM.C[:3]).mean
    np.testing.assert_allclose(prediction, np.stack([prediction[0]] * 3), rtol=1e-6)


def test_benchmarks_learn_from_each_other() -> None:
    """Eight made settings, one law behind six noisy benchmarks: together they come nearer to it than alone."""
    rng = np.random.default_rng(3)
    alone, together = [], []
    for _ in range(6):
        A, C = rng.uniform(-1, 1, (2, 8))
        y = _law(A, C) + rng.normal(0, 0.7, (6, 8))
        names = tuple(map(str, range(8))), tuple("abcdef")
        table = LawTable("made", *names, *_spread(A, C, 6), y, "unspecified", ("other",) * 6)
        new = rng.uniform(-1, 1, (2, 20))
        truth = _law(*new)
        together.append(np.abs(Hierarchical().fit(table).predict(*_spread(*new, 6)).mean - truth).mean())
        each = [Hierarchical().fit(_one(table, b)).predict(*_spread(*new, 1)).mean - truth for b in range(6)]
        alone.append(np.abs(each).mean())
    assert np.mean(together) < 0.8 * np.mean(alone)


def _law(A: np.ndarray, C: np.ndarray) -> np.ndarray:
    return 2 * A - A**2 + 0.5 * C


def _spread(A: np.ndarray, C: np.ndarray, b: int) -> tuple[np.ndarray, np.ndarray]:
    return np.tile(A, (b, 1)), np.tile(C, (b, 1))


def test_scatter_that_benchmarks_have_in_common_is_not_taken_for_a_law() -> None:
    rng = np.random.default_rng(5)
    A, C = rng.uniform(-1, 1, (2, 14))
    y = 2 * A + 0.5 * rng.normal(0, 1, 14) + 0.1 * rng.normal(0, 1, (5, 14))
    table = LawTable(
        "made", tuple(map(str, range(14))), tuple("abcde"), *_spread(A, C, 5), y, "unspecified", ("other",) * 5
    )
    assert Hierarchical().fit(table).hyper.common > 0.7


@pytest.mark.parametrize("table", [ICLR, COLM], ids=lambda t: t.name)
def test_a_monotone_law_never_falls_where_the_free_one_does(table: LawTable) -> None:
    """Lines through the range and a quarter beyond, finer than the lattice that the law is held on."""
    A, C = (_beyond(values) for values in (table.A, table.C))
    worst = {}
    for monotone in (False, True):
        fitted = Hierarchical(monotone=monotone).fit(table)
        lines = [(A, np.broadcast_to(C[:, [at]], A.shape)) for at in (10, 40)]
        lines += [(np.broadcast_to(A[:, [at]], C.shape), C) for at in (10, 40)]
        means = np.stack([fitted.predict(a, c).mean for a, c in lines])
        falls = np.diff(means, axis=-1) / table.performance.std(axis=-1)[None, :, None]
        worst[monotone] = np.minimum(falls, 0).sum(axis=-1).min()
    assert worst[False] < -0.1
    assert worst[True] > -0.01


def _beyond(values: np.ndarray) -> np.ndarray:
    low, high = values.min(axis=-1), values.max(axis=-1)
    return np.linspace(low - (high - low) / 4, high + (high - low) / 4, 51, axis=-1)


def test_the_monotone_prior_leaves_a_rising_law_alone() -> None:
    grid = np.array(list(product(np.linspace(0, 1, 4), repeat=2))).T
    y = 3 * grid[0] + 2 * grid[1]
    names = tuple(map(str, range(16)))
    table = LawTable("made", names, ("x",), *grid[:, None], y[None], "unspecified", ("other",))
    free, held = (Hierarchical(monotone=m).fit(table).predict(*grid[:, None]).mean for m in (False, True))
    np.testing.assert_allclose(held, free, atol=1e-6)


@pytest.mark.parametrize("form", ["A-quadratic", "C-quadratic", "AC-quadratic"])
def test_a_monotone_form_rises_everywhere_between_the_extremes(form: str) -> None:
    fitted = LeastSquares(form, monotone=True).fit(COLM)
    free = LeastSquares(form).fit(COLM)
    low, high = COLM.C.min(), COLM.C.max()
    A = np.tile(np.linspace(COLM.A.min(), COLM.A.max(), 30), (8, 1))
    C = np.tile(np.linspace(low, high, 30), (8, 1))
    falls, free_falls = [], []
    for at in np.linspace(0, 1, 5):
        for a, c in ((A, np.full(A.shape, low + at * (high - low))), (np.full(A.shape, A[0, int(29 * at)]), C)):
            falls.append((np.diff(fitted.predict(a, c).mean) / COLM.performance.std(axis=-1)[:, None]).min())
            free_falls.append((np.diff(free.predict(a, c).mean) / COLM.performance.std(axis=-1)[:, None]).min())
    assert min(falls) > -1e-5
    assert min(free_falls) < -1e-3


def test_a_monotone_fit_is_the_best_of_the_monotone_ones() -> None:
    """Against scipy's general solver, on the benchmark whose free quadratic falls."""
    from scipy.optimize import minimize

    table = _one(COLM, 6)
    fitted = LeastSquares("A-quadratic", monotone=True).fit(table)
    scales = Scales.of(table)
    a = scales.A.onto(table.A)[0]
    y = scales.performance.onto(table.performance)[0]
    X = np.stack([np.ones(len(a)), a, a * a], axis=1)
    rising = [{"type": "ineq", "fun": lambda w, s=s: w[1] + 2 * s * w[2]} for s in (-1, 1)]
    best = minimize(lambda w: ((y - X @ w) ** 2).sum(), np.zeros(3), constraints=rising, method="SLSQP")
    np.testing.assert_allclose(fitted.weights[0], best.x, atol=1e-3)


def test_only_a_separable_shape_can_be_held_monotone() -> None:
    with pytest.raises(DataError, match="surface shape cannot be held monotone"):
        Hierarchical("surface", monotone=True).fit(ICLR)
    with pytest.raises(DataError, match="Did you mean 'additive'"):
        Hierarchical("aditive").fit(ICLR)


def test_a_score_that_only_the_left_out_setting_varies_is_no_trouble() -> None:
    """A or performance may be constant without the setting."""
    table = only(ICLR, range(6))
    A = np.broadcast_to(np.where(np.arange(6) == 0, 1.0, 0.5), table.A.shape)
    lone = LawTable("made", table.settings, table.benchmarks, A, table.C, A * 3, "unspecified", table.kinds)
    prediction = Hierarchical().fit(without(lone, 0)).predict(A[:, :1], table.C[:, :1])
    assert np.isfinite(prediction.mean).all()
    assert np.isfinite(prediction.scale).all()
