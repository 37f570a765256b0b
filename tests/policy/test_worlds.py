from __future__ import annotations

import numpy as np
import pytest

from visionlaw.errors import StudyError
from visionlaw.law.forms import FORMS, design
from visionlaw.policy.replay import replay
from visionlaw.policy.samplers import RandomSampler
from visionlaw.policy.worlds import BASE, SHARED, SPAN, synthetic_table


def test_without_scatter_the_coefficients_give_the_performance() -> None:
    table = synthetic_table(40, 3, scatter=0)
    points = table.points()
    terms = design(points[..., 0], points[..., 1], FORMS["AC-quadratic"])
    assert np.einsum("bkp,bp->bk", terms, table.coefficients) == pytest.approx(table.performance)


def test_scatter_is_what_the_law_leaves_and_half_of_it_is_the_settings_own() -> None:
    table = synthetic_table(1023, 8, scatter=0.1)
    points = table.points()
    law = np.einsum("bkp,bp->bk", design(points[..., 0], points[..., 1], FORMS["AC-quadratic"]), table.coefficients)
    rest = (table.performance - law) / SPAN
    assert rest.std() == pytest.approx(0.1, rel=0.05)
    assert np.corrcoef(rest)[np.triu_indices(8, 1)].mean() == pytest.approx(0.5, abs=0.05)


def test_laws_vary_around_the_shared_one() -> None:
    coefficients = (synthetic_table(5, 4000, spread=0.2).coefficients - BASE * np.eye(6)[0]) / SPAN
    assert coefficients.mean(axis=0) == pytest.approx(SHARED, abs=0.02)
    assert coefficients.std(axis=0) == pytest.approx(np.full(6, 0.2), abs=0.02)


def test_the_seed_decides() -> None:
    one, same, other = (synthetic_table(9, seed=seed).performance for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_world_of_all_combinations_of_ten_encoders_is_replayed() -> None:
    found = replay(synthetic_table(1023, 2), RandomSampler(), 20, 3).found()
    assert found.shape == (2, 21)


@pytest.mark.parametrize("arguments", [{"settings": 1}, {"benchmarks": 0}, {"spread": -1}, {"scatter": np.nan}])
def test_impossible_worlds(arguments: dict[str, float]) -> None:
    with pytest.raises(StudyError, match="No world has"):
        synthetic_table(**{"settings": 5, **arguments})  # pyright: ignore[reportArgumentType]
