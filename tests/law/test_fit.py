from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures

from visionlaw.errors import DataError
from visionlaw.law.control import control
from visionlaw.law.fit import fit
from visionlaw.law.forms import FORMS
from visionlaw.law.tables import load_table

ICLR = load_table("iclr2025")


def _plane(k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(-3, -1, k), rng.uniform(0, 30, k)


def test_a_law_that_holds_is_recovered_and_extrapolated() -> None:
    A, C = _plane(12)
    y = 40 + 3 * A - 0.5 * C + 2 * A * A + 0.1 * A * C - 0.02 * C * C
    law = fit(A, C, y)
    assert law.r2 == pytest.approx(1)
    assert law.loo_r2 == pytest.approx(1)
    new = law.predict(np.array([-0.5, -4]), np.array([40.0, 1.0]))
    expected = [40 - 1.5 - 20 + 0.5 - 2 - 32, 40 - 12 - 0.5 + 32 - 0.4 - 0.02]
    assert new.mean == pytest.approx(expected)
    assert new.standard_error == pytest.approx([0, 0], abs=1e-5)


def test_coefficients_come_in_the_papers_order() -> None:
    law = fit(ICLR.A[0], ICLR.C[0], ICLR.performance[0])
    assert list(law.coefficients) == list(law.intervals) == ["1", "A", "C", "A2", "AC", "C2"]


@pytest.mark.parametrize("b", range(8))
def test_leave_one_out_equals_refitting_with_the_normalisation_inside(b: int) -> None:
    """The closed form against scikit-learn refitting scaler and law thirteen times."""
    X = np.stack([ICLR.A[b], ICLR.C[b]], axis=1)
    y = ICLR.performance[b]
    model = make_pipeline(MinMaxScaler(), PolynomialFeatures(2, include_bias=False), LinearRegression())
    left_out = cross_val_predict(model, X, y, cv=LeaveOneOut())
    expected = 1 - ((y - left_out) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    assert fit(ICLR.A[b], ICLR.C[b], y).loo_r2 == pytest.approx(expected)


@given(
    form=st.sampled_from(list(FORMS)),
    scale=st.floats(0.01, 100),
    shift=st.floats(-100, 100),
    which=st.sampled_from("ACy"),
)
def test_the_unit_of_a_variable_does_not_matter(form: str, scale: float, shift: float, which: str) -> None:
    data = {"A": ICLR.A[1], "C": ICLR.C[1], "y": ICLR.performance[1]}
    other = {**data, which: data[which] * scale + shift}
    before, after = fit(**data, form=form, draws=0), fit(**other, form=form, draws=0)
    assert list(after.coefficients.values()) == pytest.approx(list(before.coefficients.values()), abs=1e-6)
    assert (after.r2, after.loo_r2) == pytest.approx((before.r2, before.loo_r2), abs=1e-6)


def test_more_terms_explain_more_in_the_sample_only() -> None:
    noise = np.random.default_rng(3)
    A, C = _plane(30)
    y = 2 * A + noise.normal(0, 0.5, 30)
    small, large = fit(A, C, y, "A-linear"), fit(A, C, y, "AC-quadratic")
    assert large.r2 > small.r2
    assert large.loo_r2 < small.loo_r2
    assert all(law.loo_r2 < law.adjusted_r2 < law.r2 for law in (small, large))


def test_standard_error_of_the_mean_covers_the_truth_as_often_as_it_says() -> None:
    """|mean - truth| < 1.96 standard errors in 95% of many noisy tables (t with 34 degrees of freedom: 94.2%)."""
    A, C = _plane(40, seed=5)
    truth = 3 * A + C - 0.05 * C * C
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(400):
        prediction = fit(A, C, truth + rng.normal(0, 1, 40), draws=0).predict(A[:1], C[:1])
        inside.append(abs(prediction.mean - truth[:1])[0] < 1.96 * prediction.standard_error[0])
    assert np.mean(inside) == pytest.approx(0.942, abs=0.035)


def test_standard_error_grows_away_from_the_settings() -> None:
    law = fit(ICLR.A[0], ICLR.C[0], ICLR.performance[0], draws=0)
    near = law.predict(ICLR.A[0].mean(), ICLR.C[0].mean()).standard_error
    far = law.predict(ICLR.A[0].max() + 1, ICLR.C[0].max() + 30).standard_error
    assert far > 5 * near


def test_residual_error_estimates_the_noise_in_the_unit_of_the_performance() -> None:
    A, C = _plane(2000)
    y = 100 * A + np.random.default_rng(1).normal(0, 7, 2000)
    assert fit(A, C, y, draws=0).residual_error == pytest.approx(7, rel=0.05)


def test_intervals_are_seeded_and_shrink_with_more_settings() -> None:
    def width(k: int, seed: int = 0) -> tuple[float, float]:
        A, C = _plane(k)
        y = A + 0.1 * C + np.random.default_rng(2).normal(0, 0.2, k)
        return fit(A, C, y, "AC-linear", draws=300, seed=seed).intervals["A"]

    assert width(40) == width(40)
    assert width(40) != width(40, seed=1)
    assert np.ptp(width(400)) < np.ptp(width(40)) / 2


def test_an_interval_contains_a_coefficient_that_the_data_fix() -> None:
    A, C = _plane(200)
    law = fit(A, C, 5 * A + np.random.default_rng(0).normal(0, 0.1, 200), "A-linear", draws=300)
    low, high = law.intervals["A"]
    assert low < law.coefficients["A"] < high
    assert low > 0.9
    assert high < 1.1


def test_without_draws_there_are_no_intervals() -> None:
    assert not fit(ICLR.A[0], ICLR.C[0], ICLR.performance[0], draws=0).intervals


def test_an_indispensable_setting_leaves_loo_undefined() -> None:
    A = np.array([0.0, 0, 0, 0, 1])
    law = fit(A, np.arange(5.0), np.array([1.0, 2, 1.5, 3, 7]), "A-linear", draws=0)
    assert np.isnan(law.loo_r2)


@pytest.mark.parametrize("form", ["random-linear", "random-quadratic"])
@pytest.mark.parametrize("benchmark", [0, 4])
def test_noise_explains_its_share_of_any_performance(form: str, benchmark: int) -> None:
    """Noise with p - 1 terms explains (p - 1)/(k - 1) of anything on average: 2/12 and 5/12 here."""
    measured = control(ICLR.performance[benchmark], form, draws=20_000)
    assert measured.r2 == pytest.approx({"random-linear": 2 / 12, "random-quadratic": 5 / 12}[form], abs=0.006)
    assert measured.adjusted_r2 == pytest.approx(0, abs=0.01)
    assert measured.loo_r2 < 0


@pytest.mark.parametrize("unused", [np.ones(9), np.full(9, np.nan), np.full(9, np.inf)])
def test_a_form_does_not_care_about_the_variable_that_it_does_not_use(unused: np.ndarray) -> None:
    A, _ = _plane(9)
    y = 3 + 2 * A - A * A
    for form, data in (("A-quadratic", (A, unused)), ("C-quadratic", (unused, A))):
        law = fit(*data, y, form, draws=10)
        assert law.coefficients == fit(A, A, y, form, draws=10).coefficients
        assert law.predict(*data).mean == pytest.approx(y)
    with pytest.raises(DataError, match=r"^C (is 1 for all|of setting 0 is)"):
        fit(A, unused, y, "AC-linear")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.arange(6.0), np.arange(6.0) ** 2, np.arange(6.0)), "6 settings cannot support AC-quadratic"),
        ((np.arange(9.0), np.arange(9.0), np.arange(9.0) ** 2), "do not determine the 6 coefficients"),
        ((np.ones(9), np.arange(9.0), np.arange(9.0)), "A is 1 for all 9 settings"),
        ((*_plane(9), np.ones(9)), "Performance is 1 for all 9 settings"),
        ((*_plane(9), np.array([1.0, 2, np.nan, 4, 5, 6, 7, 8, 9])), "Performance of setting 2 is nan"),
        ((*_plane(9), np.arange(8.0)), "have shapes"),
        ((*_plane(9), np.arange(9.0), "AC-cubic"), "'AC-cubic' is not a form"),
        ((*_plane(9), np.arange(9.0), "random-linear"), "is a control"),
    ],
)
def test_what_cannot_be_fitted_is_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        fit(*arguments)
    assert caught.value.remedy
