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
from visionlaw.policy.measured import Measured, OnImages, OnPairs
from visionlaw.policy.scores import from_store, from_table, joined
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
A = ScoreRow("a/x@2", "maxcos", "folder", "v1", "maxcos", 0.5, params={"images": 100, "seed": 0})


WARPS = OnPairs(("warps", "warps"))


ANY = OnImages(("mme", "gqa"), (None, None), "maxcos")
OWN = OnImages(("mme", "gqa"), ("folder", "list"), "maxcos")


def stored(*rows: ScoreRow, measured: Measured = WARPS, a: Measured = ANY) -> Candidates:
    with Store.open("sqlite://") as store:
        run = store.start_run("test", {})
        for row in rows:
            store.record_scores([row], run)
        return from_store(store.scores(), ("a/x@2", "a/y@2"), ("mme", "gqa"), "maxcos", a, measured)


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
        replace(C, value=1.0, params={"alpha": 0.1, "matcher": "softargmax"}),
        replace(C, value=1.0, scorer="mutual"),
        replace(C, value=1.0, benchmark="vqa"),
        replace(A, value=1.0, scorer="loglik"),
        replace(A, value=1.0, scorer="maxcos?sharp=1"),
        replace(A, value=1.0, params={"images": 99, "seed": 0}),
        replace(A, value=1.0, params={"images": 100, "seed": 1}),
        replace(A, value=1.0, provenance={"folder": "/elsewhere"}),
        replace(A, value=1.0, provenance={"aside": "sha256:0"}),
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
    assert lacking_c.remedy.endswith('visionlaw score correspondence "a/x@2" --dataset "warps"')
    (never_scored,) = (c for c in stored(C).not_scored if "C" in c.missing)
    assert "another version" not in never_scored.remedy


def test_a_score_that_tells_none_apart_still_makes_a_plane() -> None:
    found = stored(C, A, replace(C, representation="a/y@2"), replace(A, representation="a/y@2"))
    np.testing.assert_array_equal(found.points(), np.zeros((2, 2, 2)))


TEXT = replace(C, dataset="textpairs?pairs=200", value=20.0)
BOTH_KINDS = OnPairs(("warps", "textpairs?pairs=200"))


def test_each_benchmark_has_the_c_of_its_own_data_set() -> None:
    found = stored(C, TEXT, replace(C, representation="a/y@2", value=41.0), measured=BOTH_KINDS)
    np.testing.assert_array_equal(found.C, [[40.0, 41.0], [20.0, np.nan]])
    assert found.c_from == {"mme": "warps", "gqa": "textpairs?pairs=200"}


def test_a_missing_c_names_the_commands_of_its_data_sets() -> None:
    partly, never = stored(A, C, replace(A, representation="a/y@2"), measured=BOTH_KINDS).not_scored
    assert partly.missing == never.missing == ("C",)
    text = 'visionlaw score correspondence "{}" --dataset "textpairs?pairs=200"'
    assert partly.remedy == text.format("a/x@2")
    assert never.remedy == f'visionlaw score correspondence "a/y@2" --dataset "warps"; {text.format("a/y@2")}'


def test_a_new_version_of_one_data_set_leaves_the_others_alone() -> None:
    newer = replace(TEXT, representation="a/y@2", dataset_version="v2", value=21.0)
    found = stored(C, TEXT, replace(C, representation="a/y@2"), newer, measured=BOTH_KINDS)
    np.testing.assert_array_equal(found.C, [[40.0, 40.0], [np.nan, 21.0]])
    remedies = {c.representation: c.remedy for c in found.not_scored}
    assert "C on another version of 'textpairs?pairs=200' than the last one scored" in remedies["a/x@2"]
    assert "warps" not in remedies["a/x@2"]


def test_scores_without_a_matcher_are_argmax() -> None:
    named = replace(C, representation="a/y@2", value=50.0, params={"alpha": 0.1, "matcher": "argmax"})
    np.testing.assert_array_equal(stored(C, named).C[0], [40.0, 50.0])
    soft = OnPairs(("warps", "warps"), matcher="softargmax")
    np.testing.assert_array_equal(stored(C, named, measured=soft).C[0], [np.nan, np.nan])


def test_the_reference_protocol_counts_with_whatever_matcher_it_has() -> None:
    published = replace(C, value=30.0, protocol="reference", params={"alpha": 0.1, "matcher": "window"})
    reference = OnPairs(("warps", "warps"), protocol="reference", matcher=None)
    np.testing.assert_array_equal(stored(published, C, measured=reference).C[0], [30.0, np.nan])


def test_parameters_that_registry_toml_does_not_name_are_never_mixed_either() -> None:
    wide = replace(C, params={"alpha": 0.1, "window": 15})
    narrow = replace(C, representation="a/y@2", params={"alpha": 0.1, "window": 5}, value=50.0)
    np.testing.assert_array_equal(stored(wide, narrow).C[0], [np.nan, 50.0])


def test_the_scorer_of_another_plugin_counts_by_its_own_protocol_one_at_a_time() -> None:
    mutual = replace(C, scorer="mutual", protocol="cycle", params={}, value=10.0)
    other = replace(mutual, representation="a/y@2", protocol="cycle-2", value=11.0)
    measured = OnPairs(("warps", "warps"), scorer="mutual", protocol=None, matcher=None)
    np.testing.assert_array_equal(stored(C, mutual, measured=measured).C[0], [10.0, np.nan])
    np.testing.assert_array_equal(stored(mutual, other, measured=measured).C[0], [np.nan, 11.0])


def test_a_of_a_table_joins_measured_c(tmp_path: Path) -> None:
    path = tmp_path / "{a}.csv"
    path.write_text("setting,benchmark,a\n" + "".join(f"a/x@2,{b},0.5\nclip@336,{b},0.6\n" for b in ("mme", "gqa")))
    table = load_table(path, unfinished=True, needs_c=False)
    alignment = from_table(table, ("a/x@2", "a/y@2"), ("mme", "gqa"), canonical, "maxcos")
    found = joined(alignment, stored(replace(A, value=0.9), C, TEXT, measured=BOTH_KINDS))
    np.testing.assert_array_equal(found.A, [[0.5, np.nan]] * 2)
    np.testing.assert_array_equal(found.C, [[40.0, np.nan], [20.0, np.nan]])
    assert (found.scored, found.sources[0], found.c_from["gqa"]) == (("a/x@2",), (str(path),) * 2, TEXT.dataset)
    (lacking,) = found.not_scored
    assert lacking.missing == ("A", "C")
    assert lacking.remedy.startswith(f"add 'a/y@2' to '{path}'; visionlaw score correspondence")


def test_a_benchmark_with_images_of_its_own_has_no_other_s_a() -> None:
    mine = replace(A, benchmark="mme")
    other = replace(A, benchmark="gqa", dataset="folder", value=0.9)
    found = stored(A, mine, other, C, a=OWN)
    np.testing.assert_array_equal(found.A[:, 0], [0.5, np.nan])
    right = replace(other, dataset="list")
    np.testing.assert_array_equal(stored(A, mine, other, right, a=OWN).A[:, 0], [0.5, 0.9])


def test_a_against_other_references_or_for_another_language_model_is_not_mixed() -> None:
    behind = {"references": {"r": {"projector": "1"}}, "language": "sha256:1"}
    first = replace(A, benchmark="mme", provenance=behind)
    for change in ({"references": {"r": {"projector": "2"}}}, {"language": "sha256:2"}):
        last = replace(first, representation="a/y@2", provenance={**behind, **change}, value=0.7)
        found = stored(first, last, C, a=OWN)
        np.testing.assert_array_equal(found.A[0], [np.nan, 0.7])
        remedy = next(c.remedy for c in found.not_scored if c.representation == "a/x@2")
        assert "against other references, for another language model" in remedy
    last = replace(first, representation="a/y@2", provenance={**behind, "projector": "of its own"}, value=0.7)
    np.testing.assert_array_equal(stored(first, last, C, a=OWN).A[0], [0.5, 0.7])


def test_a_missing_a_names_its_command_once_and_what_registry_toml_lacks() -> None:
    lacking = next(c for c in stored(C, a=OWN).not_scored if c.representation == "a/x@2")
    assert (lacking.missing, lacking.remedy) == (("A",), 'visionlaw score alignment "a/x@2"')
    without = next(c for c in stored(C).not_scored if c.representation == "a/x@2")
    assert without.remedy == (
        "write images and images_root of each benchmark under [benchmarks] of registry.toml, then: "
        'visionlaw score alignment "a/x@2"'
    )
    captions = OnImages(("mme", "gqa"), (None, None), "loglik", captions=True)
    assert "captions_root under [alignment]" in stored(C, a=captions).not_scored[0].remedy


def test_any_two_scorers_make_a_law() -> None:
    """What is measured on pairs may be A, what is measured on images C, and both may be of one kind."""
    alike = replace(A, scorer="cka", protocol="cka", dataset="list", benchmark="gqa", value=0.3)
    second = OnImages(("gqa",), ("list",), "cka", default=False)
    with Store.open("sqlite://") as store:
        store.record_scores([C, replace(A, benchmark="gqa", dataset="list"), alike], store.start_run("test", {}))
        rows = store.scores()
    first = OnImages(("gqa",), ("list",), "maxcos")
    found = from_store(rows, ("a/x@2", "a/y@2"), ("gqa",), "maxcos", first, second)
    assert (found.A[0, 0], found.C[0, 0], found.c_from) == (0.5, 0.3, {"gqa": "cka on list"})
    assert found.not_scored[0].remedy == (
        'visionlaw score alignment "a/y@2"; visionlaw score alignment "a/y@2" --scorer "cka"'
    )
    pairs = OnPairs(("warps",), default=False)
    found = from_store(rows, ("a/x@2", "a/y@2"), ("gqa",), "correspondence", pairs, second)
    assert (found.A[0, 0], found.C[0, 0]) == (40.0, 0.3)
    assert '--dataset "warps" --scorer "correspondence"' in found.not_scored[0].remedy


def test_a_table_of_a_scorer_goes_with_it_whatever_its_options() -> None:
    found = from_table(load_table("iclr2025"), SPACE, ("mme",), canonical, "maxcos?sharp=1")
    assert len(found.scored) == 3
    with pytest.raises(StudyError, match="A of 'iclr2025' is maxcos, but this study's is cka"):
        from_table(load_table("iclr2025"), SPACE, ("mme",), canonical, "cka")
