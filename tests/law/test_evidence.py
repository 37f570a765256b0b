"""Evidence on settings that were left out: that they are left out, and what it comes to on the published tables."""

from __future__ import annotations

import numpy as np
import pytest

from visionlaw.errors import DataError
from visionlaw.law.choice import CANDIDATES, MONOTONE
from visionlaw.law.evidence import leave_one_setting_out, only, without
from visionlaw.law.fit import fit
from visionlaw.law.forms import FORMS
from visionlaw.law.hierarchical import Hierarchical
from visionlaw.law.leastsquares import LeastSquares
from visionlaw.law.models import Model
from visionlaw.law.predictive import LEVELS, Predictive, joined, quantile
from visionlaw.law.tables import LawTable, load_table

ICLR, COLM = load_table("iclr2025"), load_table("colm2025")
TABLES = {"iclr2025": ICLR, "colm2025": COLM}
MODELS = {model.name: model for model in (*CANDIDATES, *MONOTONE)}
# Leave-one-setting-out R², vision and ocr; log score; results within the 80% and the 95% interval.
REACHED = {
    ("iclr2025", "ridge"): (0.872, 0.560, -0.850, 76, 97),
    ("iclr2025", "Bayesian quadratic"): (0.871, 0.592, -1.154, 77, 94),
    ("iclr2025", "hierarchical quadratic"): (0.848, 0.613, -0.783, 82, 100),
    ("iclr2025", "hierarchical surface"): (0.892, 0.672, -0.674, 85, 97),
    ("iclr2025", "hierarchical additive"): (0.914, 0.693, -0.588, 86, 97),
    ("iclr2025", "hierarchical additive, monotone"): (0.915, 0.700, -0.582, 86, 97),
    ("iclr2025", "AC-quadratic"): (0.849, 0.536, -0.942, 81, 96),
    ("colm2025", "ridge"): (0.824, 0.484, -0.935, 88, 108),
    ("colm2025", "Bayesian quadratic"): (0.784, 0.535, -0.913, 84, 104),
    ("colm2025", "hierarchical quadratic"): (0.810, 0.575, -0.818, 87, 110),
    ("colm2025", "hierarchical surface"): (0.848, 0.713, -0.674, 92, 111),
    ("colm2025", "hierarchical additive"): (0.881, 0.726, -0.607, 94, 113),
    ("colm2025", "hierarchical additive, monotone"): (0.882, 0.737, -0.595, 93, 113),
    ("colm2025", "A-quadratic"): (0.865, 0.597, -0.745, 95, 115),
}


def _table(A: np.ndarray, C: np.ndarray, y: np.ndarray) -> LawTable:
    b, k = y.shape
    names = tuple(f"s{j}" for j in range(k)), tuple(f"b{i}" for i in range(b))
    spread = np.broadcast_to(A, y.shape), np.broadcast_to(C, y.shape)
    return LawTable("made", *names, *spread, y, "unspecified", ("other",) * b)


@pytest.mark.parametrize(("table", "model"), REACHED)
def test_what_is_reached_on_the_published_tables(table: str, model: str) -> None:
    evidence = leave_one_setting_out(MODELS[model], TABLES[table])
    vision, ocr, score, at_80, at_95 = REACHED[table, model]
    assert evidence.r2_by_kind == pytest.approx({"vision": vision, "ocr": ocr}, abs=0.0015)
    assert evidence.log_score == pytest.approx(score, abs=0.0015)
    held = evidence.coverage()
    assert [held[level][0] for level in LEVELS] == pytest.approx([at_80, at_95], abs=1)
    assert held[0.8][1] == TABLES[table].performance.size


@pytest.mark.parametrize("name", MODELS)
def test_a_settings_own_results_never_reach_its_prediction(name: str) -> None:
    """On no benchmark: all eight results of the setting change, by other amounts."""
    setting, few = 2, only(ICLR, range(9))
    changed = few.performance.copy()
    changed[:, setting] = changed[:, setting] * np.linspace(0.2, 5, 8) - 30
    other = _replaced(few, changed)
    before, after = (leave_one_setting_out(MODELS[name], t).left_out for t in (few, other))
    np.testing.assert_array_equal(after.mean[:, setting], before.mean[:, setting])
    np.testing.assert_array_equal(after.scale[:, setting], before.scale[:, setting])
    rest = [j for j in range(9) if j != setting]
    assert (after.mean[:, rest] != before.mean[:, rest]).any()


def _replaced(table: LawTable, performance: np.ndarray) -> LawTable:
    names = table.settings, table.benchmarks
    return LawTable(table.name, *names, table.A, table.C, performance, table.a_definition, table.kinds)


@pytest.mark.parametrize("form", FORMS)
def test_the_evidence_of_a_form_is_that_of_its_closed_form(form: str) -> None:
    evidence = leave_one_setting_out(LeastSquares(form), COLM)
    for b, benchmark in enumerate(COLM.benchmarks):
        closed = fit(COLM.A[b], COLM.C[b], COLM.performance[b], form, draws=0).loo_r2
        assert evidence.r2[benchmark] == pytest.approx(closed)


@pytest.mark.parametrize("name", MODELS)
def test_units_do_not_matter(name: str) -> None:
    table = only(COLM, [0, 2, 4, 5, 7, 8, 9, 10, 13])
    stretched = LawTable(
        table.name,
        table.settings,
        table.benchmarks,
        table.A * 40 + 7,
        table.C * 0.01 - 3,
        table.performance * 0.02 - 5,
        table.a_definition,
        table.kinds,
    )
    before, after = (leave_one_setting_out(MODELS[name], t) for t in (table, stretched))
    np.testing.assert_allclose(after.left_out.mean, before.left_out.mean * 0.02 - 5, rtol=1e-3, atol=2e-4)
    assert after.log_score == pytest.approx(before.log_score, abs=2e-3)


MADE: dict[str, Model] = {"AC-linear": LeastSquares("AC-linear"), "hierarchical": Hierarchical("additive")}


@pytest.mark.parametrize("name", MADE)
def test_intervals_hold_their_share_where_the_scatter_is_known(name: str) -> None:
    """25 made tables of 14 settings × 3 benchmarks, linear laws with normal scatter: 1,050 left-out results."""
    rng, held = np.random.default_rng(1), np.zeros(2)
    for _ in range(25):
        A, C = rng.uniform(-1, 1, (2, 14))
        weights = rng.normal(1, 0.4, (2, 3, 1))
        table = _table(A, C, weights[0] * A + weights[1] * C + rng.normal(0, 0.3, (3, 14)))
        held += [inside for inside, _ in leave_one_setting_out(MADE[name], table).coverage().values()]
    assert held / 1050 == pytest.approx([0.8, 0.95], abs=0.035)


def test_widening_makes_intervals_that_hold_their_share_whatever_the_model_says() -> None:
    evidence = leave_one_setting_out(LeastSquares("C-linear"), COLM)
    for level in LEVELS:
        widening = evidence.widening(level)
        shy = Predictive(evidence.left_out.mean, evidence.left_out.scale / 7, evidence.left_out.freedom)
        timid = type(evidence)(evidence.name, evidence.table, shy)
        assert timid.widening(level) == pytest.approx(7 * widening)
        held = shy.covers(COLM.performance, level, timid.widening(level)).mean()
        assert held == pytest.approx(level, abs=0.02)


def test_too_few_settings_to_leave_one_out() -> None:
    with pytest.raises(DataError, match="3 settings are too few"):
        leave_one_setting_out(Hierarchical(), only(ICLR, range(3)))


def test_many_settings_are_left_out_in_groups_and_come_back_in_their_order() -> None:
    rng = np.random.default_rng(4)
    A, C = rng.uniform(0, 1, (2, 50))
    table = _table(A, C, (3 * A + rng.normal(0, 0.1, 50))[None])
    model = LeastSquares("A-linear")
    evidence = leave_one_setting_out(model, table)
    expected = model.fit(without(table, 7, 27, 47)).predict(table.A[:, [27]], table.C[:, [27]])
    assert evidence.left_out.mean[0, 27] == pytest.approx(expected.mean[0, 0])
    assert evidence.r2["b0"] > 0.97


def test_more_results_than_a_hierarchy_can_take_are_refused_not_waited_for() -> None:
    A, C, y = np.random.default_rng(0).normal(0, 1, (3, 401))
    with pytest.raises(DataError, match="401 results are too many"):
        Hierarchical().fit(_table(A, C, y[None]))


def test_without_leaves_out_one() -> None:
    rest = without(ICLR, 4)
    assert ICLR.settings[4] not in rest.settings
    assert rest.performance.shape == (8, 12)


def test_quantiles_are_those_of_the_tables() -> None:
    assert float(quantile(0.95, np.inf)) == pytest.approx(1.95996, abs=1e-5)
    assert quantile(0.95, np.array([1.0, 10.0, np.inf])) == pytest.approx([12.7062, 2.2281, 1.95996], abs=1e-4)
    with pytest.raises(DataError, match="between 0 and 1"):
        quantile(1.0, 3.0)


def test_densities_are_those_of_scipy_also_side_by_side() -> None:
    from scipy import stats

    y = np.array([[1.0, 4.0]])
    parts = [Predictive(np.array([[0.5]]), np.array([[2.0]]), 5.0), Predictive(np.array([[3.0]]), np.array([[0.7]]))]
    expected = [stats.t.logpdf(1, 5, 0.5, 2), stats.norm.logpdf(4, 3, 0.7)]
    assert joined(parts).log_density(y)[0] == pytest.approx(expected)
