"""SPair-71k's pairs, and what is said when its files are damaged."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from visionlaw import Registry
from visionlaw.correspondence.pairs import read_pairs
from visionlaw.errors import DataError
from visionlaw.protocols import CheckedDataset
from visionlaw_spair import dataset, plugin

FIRST = "000002-2008_000001-2009_000002:aeroplane"
SECOND = "000000-2009_000002-2010_000003:aeroplane"
THIRD = "000001-2008_000001-2011_000004:cat"
ANNOTATION = f"PairAnnotation/test/{FIRST}.json"
IMAGE = "ImageAnnotation/aeroplane/2008_000001.json"


def test_the_pairs_are_those_of_the_layout_in_its_order(opened) -> None:
    assert [pair.id for pair in opened()] == [FIRST, SECOND, THIRD]
    assert list(opened().findings) == []
    assert isinstance(opened(), CheckedDataset)


def test_a_pair_has_the_keypoints_that_both_images_show(opened) -> None:
    first, second, third = opened()
    assert first.source_points.tolist() == [[6, 5], [59, 39]]
    assert first.target_points.tolist() == [[3, 9], [39, 59]]
    assert second.target_points.tolist() == [[0, 0], [49, 49], [10, 10]]
    assert third.source_points.tolist() == [[12, 13], [39, 40]]
    assert third.category == "cat"
    assert first.source.load().size == (60, 40)
    assert third.source.load().size == (64, 48)


def test_alpha_multiplies_the_longer_side_of_the_targets_box(opened) -> None:
    assert [pair.size for pair in opened()] == [50, 49, 56]


def test_attributes(opened, edit) -> None:
    expected = {"viewpoint_variation": 1, "scale_variation": 2, "truncation": 0, "occlusion": 3}
    assert next(iter(opened())).attributes == {**expected, "mirror": 0}
    edit(ANNOTATION, mirror=None)
    assert next(iter(opened())).attributes == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"split": "val"}, 1),
        ({"split": "trn"}, 1),
        ({"layout": "small"}, 1),
        ({"category": "cat"}, 1),
        ({"category": "aeroplane"}, 2),
        ({"category": "aeroplane", "layout": "small"}, 1),
        ({"category": "dog"}, 0),
    ],
)
def test_options(opened, options: dict[str, str], expected: int) -> None:
    assert len(opened(**options)) == expected
    assert list(opened(**options).findings) == []
    assert len(opened()) == 3


def test_keypoints_are_matched_by_slot_not_by_place(opened, edit) -> None:
    edit(ANNOTATION, kps_ids=["7", "0"], src_kps=[[59, 39], [6, 5]], trg_kps=[[39, 59], [3, 9]])
    assert list(opened().findings) == []
    assert next(iter(opened())).source_points.tolist() == [[6, 5], [59, 39]]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"src_imsize": [61, 40, 3]}, "the source is 61 × 40 here and 60 × 40 there"),
        ({"trg_bndbox": [2, 8, 30, 57]}, "the target's box is (2, 8, 30, 57) here"),
        ({"src_kps": [[6, 5], [58, 39]]}, "the source's keypoints 7 are elsewhere"),
        ({"kps_ids": ["0", "12"]}, "the source's keypoints 7, 12 are visible in one of them only"),
        ({"kps_ids": ["0"], "src_kps": [[6, 5]], "trg_kps": [[3, 9]]}, "keypoints 7 are visible in one"),
        ({"kps_ids": [], "src_kps": [], "trg_kps": []}, "keypoints 0, 7 are visible in one"),
    ],
)
def test_contradictions_are_findings_and_the_images_annotations_hold(opened, edit, values, says: str) -> None:
    edit(ANNOTATION, **values)
    pairs = opened()
    (finding,) = pairs.findings
    assert (finding.kind, finding.where) == ("inconsistent", ANNOTATION)
    assert says in finding.message
    assert next(iter(pairs)).source_points.tolist() == [[6, 5], [59, 39]]


@pytest.mark.parametrize(
    "values",
    [
        {"src_kps": None},
        {"kps_ids": ["0"]},
        {"kps_ids": ["0", "0"]},
        {"kps_ids": [0, 7]},
        {"kps_ids": ["0", "-1"]},
        {"src_kps": [[6, 5], [58]]},
        {"src_kps": [[6, 5], ["58", 1]]},
        {"trg_kps": "none"},
        {"trg_bndbox": [1, 2, 3]},
        {"trg_bndbox": [1, 2, 3, float("nan")]},
        {"category": 5},
        {"src_imname": ""},
        {"src_imname": "../../../etc/passwd"},
        {"category": "../.."},
    ],
)
def test_a_pair_whose_annotation_is_bad_is_left_out_with_a_finding(opened, edit, values) -> None:
    edit(ANNOTATION, **values)
    pairs = opened()
    assert [pair.id for pair in pairs] == [SECOND, THIRD]
    assert FIRST in "".join(finding.where for finding in pairs.findings)


@pytest.mark.parametrize("damage", ["{", "[]", '"text"', "", "[" * 100_000, '{"kps": {}}'])
@pytest.mark.parametrize("name", [ANNOTATION, IMAGE])
def test_annotations_of_any_content(opened, spair: Path, name: str, damage: str) -> None:
    (spair / name).write_text(damage)
    pairs = opened()
    assert [pair.id for pair in pairs] == [SECOND, THIRD]
    assert ("unreadable", name) in [(finding.kind, finding.where) for finding in pairs.findings]


@pytest.mark.parametrize(
    ("name", "left"),
    [
        (ANNOTATION, [SECOND, THIRD]),
        (IMAGE, [SECOND, THIRD]),
        ("JPEGImages/aeroplane/2008_000001.jpg", [SECOND, THIRD]),
        ("JPEGImages/cat/2008_000001.jpg", [FIRST, SECOND]),
        ("Layout/large/test.txt", [SECOND, THIRD, FIRST]),
    ],
)
def test_a_missing_file_is_named_and_the_rest_is_there(opened, spair: Path, name: str, left: list[str]) -> None:
    assert len(opened()) == 3
    (spair / name).unlink()
    pairs = opened()
    assert [pair.id for pair in pairs] == left
    assert ("missing", name) in [(finding.kind, finding.where) for finding in pairs.findings]


def test_a_broken_image_annotation_is_told_once_and_each_pair_it_costs(opened, spair: Path) -> None:
    (spair / "ImageAnnotation/aeroplane/2009_000002.json").write_text("{")
    told = [finding.where for finding in opened().findings]
    assert told == [
        "ImageAnnotation/aeroplane/2009_000002.json",
        ANNOTATION,
        f"PairAnnotation/test/{SECOND}.json",
    ]


def test_what_is_wrong_with_a_file_is_said_as_by_the_other_data_sets(opened, spair: Path, edit) -> None:
    (spair / IMAGE).unlink()
    edit(f"PairAnnotation/test/{THIRD}.json", src_imname=f"{'x' * 300}.jpg")
    said = {finding.where: finding.message for finding in opened().findings if finding.kind != "inconsistent"}
    assert said[IMAGE] == "The annotation is not there."
    assert "File name too long" in said[f"ImageAnnotation/cat/{'x' * 300}.json"]


def test_a_small_layout_that_is_missing_has_no_pairs(opened, spair: Path) -> None:
    (spair / "Layout/small/test.txt").unlink()
    assert len(opened(layout="small")) == 0
    assert [finding.kind for finding in opened(layout="small").findings] == ["missing"]


def test_a_pair_listed_twice_or_with_no_file_is_a_finding(opened, spair: Path) -> None:
    with (spair / "Layout/large/test.txt").open("a") as file:
        file.write(f"{FIRST}\n../../secret:cat\n")
    pairs = opened()
    assert len(pairs) == 3
    assert {finding.where for finding in pairs.findings} == {FIRST, "PairAnnotation/test/../../secret:cat.json"}


def test_a_keypoint_beyond_the_last_pixel_is_listed_and_stays(opened, edit) -> None:
    slots: dict[str, list[int] | None] = {str(slot): None for slot in range(30)}
    edit(IMAGE, kps=slots | {"0": [6, 5], "7": [60, 39]})
    edit(ANNOTATION, src_kps=[[6, 5], [60, 39]])
    (finding,) = opened().findings
    assert (finding.kind, finding.where) == ("outside", FIRST)
    assert next(iter(opened())).source_points.tolist() == [[6, 5], [60, 39]]


def test_a_pair_without_common_keypoints_is_there_and_not_scored(opened, edit) -> None:
    edit("ImageAnnotation/cat/2011_000004.json", kps={"10": [1, 1]})
    edit("ImageAnnotation/cat/2008_000001.json", kps={"1": [12, 13]})
    edit(f"PairAnnotation/test/{THIRD}.json", kps_ids=[], src_kps=[], trg_kps=[])
    assert len(opened()) == 3
    assert read_pairs(opened()).skipped == 1


def test_another_folder_is_refused_with_the_way_to_get_it(tmp_path: Path, spair: Path) -> None:
    (spec,) = plugin.visionlaw_datasets()
    for root in (tmp_path, tmp_path / "none", None, spair.parent):
        with pytest.raises(DataError, match="SPair-71k") as caught:
            dataset.build(spec, root)
        assert "curl -LO https://cvlab.postech.ac.kr" in caught.value.remedy
        assert "licence" in caught.value.remedy


def test_a_split_that_was_not_unpacked_is_no_error_but_a_finding(opened, spair: Path) -> None:
    shutil.rmtree(spair / "PairAnnotation" / "val")
    pairs = opened(split="val")
    assert len(pairs) == 0
    assert [finding.kind for finding in pairs.findings] == ["missing"]


def test_it_is_found_by_its_id(spair: Path) -> None:
    registry = Registry.discover()
    assert len(registry.load("dataset", "spair?split=val", root=spair)) == 1
    assert registry.canonical("dataset", "spair-71k?split=test&layout=small") == "spair?layout=small"


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys, visionlaw_spair.plugin as p\nlist(p.visionlaw_datasets())\n"
        "print([m for m in ('torch', 'numpy', 'PIL', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_version_is_of_the_content(opened, edit: Callable[..., None]) -> None:
    version = opened().version
    assert opened(split="val").version != version
    edit(ANNOTATION, occlusion=2)
    assert opened().version != version
