"""Finished results as the past of a study: on which scale, of which settings, from which sources."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from visionlaw.errors import InvalidIdError, StudyError
from visionlaw.law.tables import LawTable, load_table
from visionlaw.policy.candidates import Candidates
from visionlaw.policy.past import Prior, check_definition, usable


def table(name: str = "t.csv", **changes: object) -> LawTable:
    """Two benchmarks, four settings; A runs from 0 to 3, C from 10 to 40."""
    fields = {
        "settings": ("a", "b", "c", "d"),
        "benchmarks": ("mme", "gqa"),
        "A": [[0.0, 1.0, 2.0, 3.0], [0.0, 2.0, 4.0, 6.0]],
        "C": [[10.0, 20.0, 30.0, 40.0]] * 2,
        "performance": [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]],
        "a_definition": "maxcos",
        "kinds": ("vision", "vision"),
        **changes,
    }
    return LawTable(name=name, **fields)  # type: ignore[arg-type]


def candidates(names: tuple[str, ...], A: list[float], C: list[float], benchmarks: tuple[str, ...] = ("mme",)):
    rows = ([A] * len(benchmarks), [C] * len(benchmarks))
    sources = (("x",) * len(benchmarks),) * 2
    return Candidates(names, benchmarks, *map(np.array, rows), "maxcos", sources, sources)  # type: ignore[arg-type]


def prior(*tables: LawTable) -> Prior:
    parts = [usable(one, str) for one in tables]
    return Prior(("t",), tuple(t for t, _ in parts), tuple(n for _, n in parts))  # type: ignore[misc]


def test_the_candidates_of_the_same_table_lie_on_its_own_scale_and_late_ones_may_lie_outside_it() -> None:
    own = candidates(("c", "a", "late"), [2.0, 0.0, 4.5], [30.0, 10.0, 5.0])
    past = prior(table()).past(own)
    assert past is not None
    assert past.identity.tolist() == [2, 0, -1]
    np.testing.assert_allclose(past.points[0], [[0, 0], [1 / 3, 1 / 3], [2 / 3, 2 / 3], [1, 1]])
    np.testing.assert_allclose(past.candidates[0], [[2 / 3, 2 / 3], [0, 0], [1.5, -1 / 6]])
    np.testing.assert_array_equal(past.results, [[1, 2, 3, 4], [5, 6, 7, 8]])


def test_each_benchmark_has_the_scale_of_its_namesake_and_a_new_one_the_mean_of_all() -> None:
    own = candidates(("a", "d"), [0.0, 3.0], [10.0, 40.0], ("mme", "gqa", "new"))
    past = prior(table(A=[[0.0, 1.0, 2.0, 3.0], [-3.0, 0.0, 2.0, 3.0]])).past(own)
    assert past is not None
    np.testing.assert_allclose(past.candidates[0, :, 0], [0, 1])
    # On gqa 'a' has another A in the past, so that two scales differ, and two settings are too few to compare them.
    np.testing.assert_allclose(past.candidates[1, :, 0], [0, 1])
    np.testing.assert_allclose(past.candidates[2], past.candidates[:2].mean(axis=0))


def test_scores_of_another_protocol_are_moved_and_stretched_by_the_settings_in_common() -> None:
    shifted = candidates(("a", "b", "d", "new"), [100.0, 110.0, 130.0, 150.0], [1.0, 2.0, 4.0, 2.5])
    past = prior(table()).past(shifted)
    assert past is not None
    np.testing.assert_allclose(past.candidates[0, :, 0], [0, 1 / 3, 1, 5 / 3], atol=1e-12)
    np.testing.assert_allclose(past.candidates[0, :, 1], [0, 1 / 3, 1, 0.5], atol=1e-12)


@given(
    A=st.lists(st.floats(-100, 100), min_size=4, max_size=7, unique=True),
    factor=st.floats(0.01, 100),
    shift=st.floats(-100, 100),
)
@settings(max_examples=50, deadline=None)
def test_the_unit_of_the_studys_own_scores_does_not_matter(A: list[float], factor: float, shift: float) -> None:
    assume(np.diff(sorted(A)).min() > 1e-3)
    names = ("a", "b", "c", "d", "x", "y", "z")[: len(A)]
    units = (A, [factor * value + shift for value in A])
    one, other = (prior(table()).past(candidates(names, unit, [1.0] * len(A))) for unit in units)
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(one.candidates, other.candidates, rtol=1e-6, atol=1e-6)


def test_without_enough_settings_in_common_the_candidates_are_normalised_among_themselves() -> None:
    strangers = candidates(("x", "y", "z", "a"), [-5.0, 0.0, 5.0, 2.5], [7.0, 7.0, 7.0, 7.0])
    past = prior(table()).past(strangers)
    assert past is not None
    np.testing.assert_allclose(past.candidates[0], [[0, 0], [0.5, 0], [1, 0], [0.75, 0]])
    assert past.identity.tolist() == [-1, -1, -1, 0]


def test_tables_are_joined_by_setting_and_a_setting_that_one_lacks_has_no_result_there() -> None:
    other = table("u.csv", settings=("d", "e", "f", "g"), benchmarks=("vqa", "ocr"))
    past = prior(table(), other).past(candidates(("e", "d"), [1.0, 0.0], [20.0, 10.0]))
    assert past is not None
    assert past.points.shape == (4, 7, 2)
    assert past.identity.tolist() == [4, 3]
    assert np.isfinite(past.points).all()
    np.testing.assert_array_equal(np.isfinite(past.results).sum(axis=0), [2, 2, 2, 4, 2, 2, 2])
    np.testing.assert_array_equal(past.results[:, 3], [4, 8, 1, 5])


def test_what_lacks_results_is_left_out() -> None:
    thin = table(performance=[[1.0, 2.0, 3.0, np.nan], [1.0, 2.0, np.nan, np.nan]])
    kept, _ = usable(thin, str) or pytest.fail("nothing was kept")
    assert kept.benchmarks == ("mme",)
    assert usable(table(performance=[[1.0, np.nan, np.nan, 2.0]] * 2), str) is None


def test_a_benchmark_on_which_all_are_alike_is_left_out() -> None:
    found = usable(table(performance=[[1.0, 2.0, 3.0, 4.0], [5.0, 5.0, 5.0, 5.0]]), str)
    assert found is not None
    assert found[0].benchmarks == ("mme",)


def test_of_two_names_of_one_representation_the_first_counts_and_what_is_no_name_stays() -> None:
    def canonical(text: str) -> str:
        if text == "d":
            raise InvalidIdError("'d' is not an id.")
        return {"a": "net/a@1", "b": "net/a@1"}.get(text, text)

    kept, names = usable(table(), canonical) or pytest.fail("nothing was kept")
    assert (kept.settings, names) == (("a", "c", "d"), ("net/a@1", "c", "d"))


def test_another_definition_of_a_is_refused() -> None:
    check_definition(table(), "maxcos?pooling=cls")
    check_definition(table(a_definition="unspecified"), "loglik")
    with pytest.raises(
        StudyError, match=r"A of the prior 't\.csv' is maxcos, but this study's is loglik; the two never"
    ):
        check_definition(table(), "loglik")


def test_without_tables_there_is_no_past() -> None:
    assert Prior().past(candidates(("a",), [1.0], [1.0])) is None


def test_a_published_table_says_what_it_consists_of() -> None:
    published = prior(load_table("iclr2025"))
    (source,) = published.sources(["clip@336", "clip@224", "mine"])
    assert (source.name, source.benchmarks, source.settings, source.candidates) == ("iclr2025", 8, 13, 2)
