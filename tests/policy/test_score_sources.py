"""Where A and C of a study come from, and what is never mixed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from visionlaw.errors import DataError, InvalidIdError, StudyError
from visionlaw.ids import parse_representation
from visionlaw.law.tables import load_table
from visionlaw.policy.candidates import Candidates
from visionlaw.policy.scores import from_store, from_table
from visionlaw.store import ScoreRow, Store

ALIASES = {
    "clip@336": "clip/vit-l-14@336",
    "siglip@224": "siglip/base-16@224",
    "siglip-b@224": "siglip/base-16@224",
    "dinov2@336": "dinov2/large@336",
    "clip@336+dinov2@336": "clip/vit-l-14@336 + dinov2/large@336",
}
BOTH = "clip/vit-l-14@336 + dinov2/large@336"


def canonical(text: str) -> str:
    """Resolve names as a search space does, without one."""
    if text in ALIASES:
        return ALIASES[text]
    return " + ".join(sorted(ALIASES.get(str(part), str(part)) for part in parse_representation(text)))


SPACE = ("clip/vit-l-14@336", BOTH, "siglip/base-16@224", "siglip2/large-16@256")


def test_a_published_table_is_matched_by_its_own_names() -> None:
    found = from_table(load_table("iclr2025"), SPACE, ("mme", "mmbench"), canonical, "maxcos")
    assert found.scored == SPACE[:3]
    np.testing.assert_allclose(found.A[:, 0], [(0.57421875 + 1.006875) / 2, (0.5684375 + 1.0078125) / 2])
    np.testing.assert_allclose(found.C[:, 0], 15.66)
    (missing,) = found.not_scored
    assert (missing.representation, missing.missing) == (SPACE[3], ("A", "C"))
    assert "scores under [policy]" in missing.remedy
    assert found.points().shape == (2, 3, 2)
    assert (found.points().min(), found.points().max()) == (0.0, 1.0)


def test_both_published_names_of_one_setting_are_it() -> None:
    for table, definition in (("iclr2025", "maxcos"), ("colm2025", "loglik")):
        found = from_table(load_table(table), SPACE, ("mme",), canonical, definition)
        assert "siglip/base-16@224" in found.scored


def test_another_definition_of_a_is_refused() -> None:
    with pytest.raises(StudyError, match=r"A of 'colm2025' is loglik, but this study's is maxcos; the two never mix"):
        from_table(load_table("colm2025"), SPACE, ("mme",), canonical, "maxcos")


def test_a_benchmark_that_the_table_lacks_is_refused() -> None:
    with pytest.raises(StudyError, match=r"no benchmark 'mmbnch'\. Did you mean 'mmbench'"):
        from_table(load_table("iclr2025"), SPACE, ("mmbnch",), canonical, "maxcos")


def table(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(["setting,benchmark,performance,a,c", *rows]) + "\n")
    return path


def test_a_table_of_ones_own_may_name_ids_and_lack_results(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "clip/vit-l-14@336,gqa,,0.5,10", f"{BOTH},gqa,61,0.7,20", "unheard-of,gqa,,0.1,1")
    found = from_table(load_table(path, unfinished=True), SPACE, ("gqa",), canonical, "loglik")
    np.testing.assert_array_equal(found.A[:, :2], [[0.5, 0.7]])
    assert [c.remedy for c in found.not_scored] == [f"add '{name}' to '{path}'" for name in SPACE[2:]]


def test_two_rows_of_one_representation_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "siglip@224,gqa,1,0.5,10", "siglip-b@224,gqa,1,0.6,10")
    with pytest.raises(DataError, match=r"'siglip@224' and 'siglip-b@224' .* are one representation"):
        from_table(load_table(path), SPACE, ("gqa",), canonical, "maxcos")


def test_settings_are_resolved_as_everywhere_and_what_is_no_id_is_not_in_the_space(tmp_path: Path) -> None:
    asked: list[str] = []

    def by_length(text: str) -> str:
        asked.append(text)
        if len(text) == 3:
            raise InvalidIdError(f"'{text}' is not an id.")
        return SPACE[len(text)] if len(text) < 4 else text

    path = table(tmp_path / "t.csv", "x,gqa,,0.1,1", "xx,gqa,,0.2,2", "xxx,gqa,,0.3,3", "xxxx,gqa,,0.4,4")
    found = from_table(load_table(path, unfinished=True), SPACE, ("gqa",), by_length, "loglik")
    np.testing.assert_array_equal(found.A, [[np.nan, 0.1, 0.2, np.nan]])
    assert asked == ["x", "xx", "xxx", "xxxx"]


C = ScoreRow("a/x@2", "correspondence", "warps", "v1", "strict", 40.0, params={"alpha": 0.1})
A = ScoreRow("a/x@2", "alignment", "captions", "v1", "maxcos", 0.5)


def stored(*rows: ScoreRow) -> Candidates:
    with Store.open("sqlite://") as store:
        run = store.start_run("test", {})
        for row in rows:
            store.record_scores([row], run)
        return from_store(
            store.scores(), ("a/x@2", "a/y@2"), ("mme", "gqa"), "maxcos", dataset="warps", protocol="strict", alpha=0.1
        )


def test_scores_of_the_store_serve_all_benchmarks_or_their_own() -> None:
    found = stored(C, A, replace(A, benchmark="gqa", value=0.9), replace(C, representation="a/y@2"))
    np.testing.assert_array_equal(found.C, [[40.0, 40.0]] * 2)
    np.testing.assert_array_equal(found.A, [[0.5, np.nan], [0.9, np.nan]])
    assert found.scored == ("a/x@2",)
    (lacking,) = found.not_scored
    assert lacking.missing == ("A",)


def test_the_latest_measurement_counts() -> None:
    found = stored(replace(C, provenance={"plugin": "1"}), replace(C, value=45.0, provenance={"plugin": "2"}))
    assert found.C[0, 0] == 45.0


@pytest.mark.parametrize(
    "other",
    [
        replace(C, value=1.0, protocol="reference"),
        replace(C, value=1.0, dataset="spair"),
        replace(C, value=1.0, params={"alpha": 0.05}),
        replace(A, value=1.0, protocol="loglik"),
        replace(A, value=1.0, representation="a/z@2"),
        replace(A, value=1.0, benchmark="vqa"),
    ],
)
def test_scores_of_another_protocol_never_count(other: ScoreRow) -> None:
    found = stored(C, A, other)
    assert (found.A[0, 0], found.C[0, 0]) == (0.5, 40.0)


def test_scores_on_an_older_version_of_the_data_are_not_mixed_with_newer_ones() -> None:
    found = stored(C, replace(C, representation="a/y@2", dataset_version="v2", value=50.0))
    np.testing.assert_array_equal(found.C[0], [np.nan, 50.0])
    lacking_c = next(c for c in found.not_scored if "C" in c.missing)
    assert "another version of 'warps'" in lacking_c.remedy
    assert lacking_c.remedy.endswith('visionlaw score correspondence "a/x@2"')
    (never_scored,) = (c for c in stored(C).not_scored if "C" in c.missing)
    assert "another version" not in never_scored.remedy


def test_a_score_that_tells_none_apart_still_makes_a_plane() -> None:
    found = stored(C, A, replace(C, representation="a/y@2"), replace(A, representation="a/y@2"))
    np.testing.assert_array_equal(found.points(), np.zeros((2, 2, 2)))
