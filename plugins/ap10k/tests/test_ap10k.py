from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from visionlaw.datasets.annotated import AnnotatedPairs
from visionlaw.errors import DataError
from visionlaw_ap10k.dataset import build
from visionlaw_ap10k.plugin import visionlaw_datasets

SHEEP = "Bovidae/argali sheep/000000000017"
SHEEP_2 = "Bovidae/argali sheep/000000000203"
COW = "Bovidae/cow/000000000305"
CAT = "Felidae/cat/000000004001"
PAIR = "000000000017-000000000203:argali sheep"


def load(root: Path | None, split: str = "test", category: str = "all") -> AnnotatedPairs:
    (spec,) = visionlaw_datasets()
    return build(spec, root=root, split=split, category=category)


def told(pairs: AnnotatedPairs) -> list[tuple[str, str]]:
    return [(finding.kind, finding.where) for finding in pairs.findings]


def test_a_pair_has_the_keypoints_labelled_in_both_and_alpha_the_longer_side_of_the_targets_box(benchmark_tree) -> None:
    (pair,) = load(benchmark_tree.root)

    assert (pair.id, pair.category) == (PAIR, "argali sheep")
    # COCO counts from 0 at the first pixel's centre: taken as they are, corners included.
    assert pair.source_points.tolist() == [[0, 0], [119, 89], [5, 6]]
    assert pair.target_points.tolist() == [[10, 11], [12, 13], [79, 99]]
    assert pair.size == 70  # of left 3, top 4, width 30, height 70
    assert pair.source.load().size == (120, 90)
    assert pair.target.load().size == (80, 100)
    assert load(benchmark_tree.root).findings == ()


def test_the_wider_box_counts_by_its_width(benchmark_tree) -> None:
    (pair,) = load(benchmark_tree.root, "test_cross_species")

    assert pair.size == 55.5


@pytest.mark.parametrize(("flag", "kept"), [(2, 4), (1, 4), (0, 3)])
def test_a_keypoint_counts_when_it_is_labelled_hidden_or_not(benchmark_tree, flag: int, kept: int) -> None:
    points = {0: (1, 1, 2), 1: (2, 2, 2), 2: (3, 3, 2), 3: (4, 4, flag)}
    benchmark_tree.annotate(SHEEP, points)

    (pair,) = load(benchmark_tree.root)

    assert len(pair.source_points) == kept


@pytest.mark.parametrize(
    ("split", "categories", "relation"),
    [
        ("test", ["argali sheep"], "one species"),
        ("test_cross_species", ["Bovidae"], "one family"),
        ("test_cross_family", ["all", "all"], "two families"),
    ],
)
def test_splits_differ_in_how_the_animals_are_related(
    benchmark_tree, split: str, categories: list[str], relation: str
) -> None:
    pairs = list(load(benchmark_tree.root, split))

    assert [pair.category for pair in pairs] == categories
    assert {pair.attributes["relation"] for pair in pairs} == {relation}


def test_pairs_are_sorted_by_name_and_know_both_families(benchmark_tree) -> None:
    pairs = list(load(benchmark_tree.root, "test_cross_family"))

    assert [pair.id for pair in pairs] == ["000000000017-000000004001:all", "000000000305-000000004001:all"]
    assert [(p.attributes["source_family"], p.attributes["target_family"]) for p in pairs] == [
        ("Bovidae", "Felidae")
    ] * 2


@pytest.mark.parametrize("category", ["argali_sheep", "argali sheep"])
def test_one_category(benchmark_tree, category: str) -> None:
    benchmark_tree.annotate("Bovidae/cow/000000000306", {i: (i, i + 2, 2) for i in range(17)})
    benchmark_tree.pair("test", COW, "Bovidae/cow/000000000306", "cow")

    assert len(load(benchmark_tree.root)) == 2
    assert [pair.id for pair in load(benchmark_tree.root, category=category)] == [PAIR]
    assert load(benchmark_tree.root, category=category).version != load(benchmark_tree.root).version


def test_a_category_that_is_not_there_is_refused_with_the_nearest(benchmark_tree) -> None:
    with pytest.raises(DataError, match="no pairs of 'argalli sheep' in 'test'") as raised:
        load(benchmark_tree.root, category="argalli_sheep")

    assert "argali sheep" in raised.value.remedy


@pytest.mark.parametrize("before", ["", "/home/someone/data/ap-10k/", "C:\\data\\ap-10k\\", "ImageAnnotation/old/"])
def test_paths_are_taken_from_the_folder_of_annotations_on(benchmark_tree, before: str) -> None:
    benchmark_tree.pair("test", SHEEP, SHEEP_2, "argali sheep", before)

    pairs = load(benchmark_tree.root)

    assert len(pairs) == 1
    assert pairs.findings == ()


def test_backslashes_will_do(benchmark_tree) -> None:
    path = benchmark_tree.pair("test", SHEEP, SHEEP_2, "argali sheep")
    path.write_text(json.dumps({k: v.replace("/", "\\") for k, v in json.loads(path.read_text()).items()}))

    assert len(load(benchmark_tree.root)) == 1


def test_version_is_that_of_the_content_wherever_it_lies(benchmark_tree, tmp_path: Path) -> None:
    version = load(benchmark_tree.root).version
    shutil.copytree(benchmark_tree.root, tmp_path / "elsewhere")

    assert load(benchmark_tree.root).version == version
    assert load(tmp_path / "elsewhere").version == version
    benchmark_tree.annotate(SHEEP_2, {0: (10, 11, 2), 1: (12, 13, 2), 2: (79, 98, 2)}, (80, 100), (3, 4, 30, 70))
    assert load(benchmark_tree.root).version != version


def test_a_second_reading_opens_no_annotation(benchmark_tree, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(load(benchmark_tree.root)) == 1
    monkeypatch.setattr("visionlaw_ap10k.dataset.read_animal", None)
    monkeypatch.setattr("visionlaw_ap10k.dataset.read_json", None)

    assert [pair.id for pair in load(benchmark_tree.root)] == [PAIR]


def test_an_animal_of_many_pairs_is_read_and_told_once(benchmark_tree) -> None:
    benchmark_tree.path(CAT).write_text("{")

    pairs = load(benchmark_tree.root, "test_cross_family")

    assert len(pairs) == 0
    assert told(pairs) == [("unreadable", f"ImageAnnotation/{CAT}.json")]


@pytest.mark.parametrize("which", [SHEEP, SHEEP_2])
@pytest.mark.parametrize("folder", ["ImageAnnotation", "JPEGImages"])
def test_a_missing_file_is_told_and_its_pairs_are_left_out(benchmark_tree, folder: str, which: str) -> None:
    name = f"{folder}/{which}.{'json' if folder == 'ImageAnnotation' else 'jpg'}"
    (benchmark_tree.root / name).unlink()

    pairs = load(benchmark_tree.root)

    assert len(pairs) == 0
    assert told(pairs) == [("missing", name)]


@pytest.mark.parametrize(
    "fields",
    [
        {"bbox": []},
        {"bbox": [1, 2, 3]},
        {"bbox": [1, 2, "3", 4]},
        {"bbox": [1, 2, float("nan"), 4]},
        {"keypoints": [1, 2, 2] * 16},
        {"keypoints": {"0": [1, 2]}},
        {"keypoints": [None] * 51},
        {"width": 0},
        {"width": 80.5},
        {"height": "100"},
        {"height": True},
    ],
)
def test_an_annotation_with_a_bad_field_is_told(benchmark_tree, fields: dict[str, object]) -> None:
    benchmark_tree.annotate(SHEEP_2, {i: (i, i, 2) for i in range(17)}, **fields)

    pairs = load(benchmark_tree.root)

    assert len(pairs) == 0
    assert told(pairs) == [("unreadable", f"ImageAnnotation/{SHEEP_2}.json")]
    assert next(iter(fields)) in pairs.findings[0].message


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"src_json_path": 1, "trg_json_path": 2}',
        b'{"src_json_path": "data/ap-10k/ImageAnnotation/Bovidae/x.json", "trg_json_path": ""}',
        b'{"src_json_path": "ImageAnnotation/../../x.json", "trg_json_path": "ImageAnnotation/a/../x.json"}',
    ],
)
def test_a_bad_pair_is_told_and_reading_goes_on(benchmark_tree, content: bytes) -> None:
    bad = benchmark_tree.root / "PairAnnotation" / "test" / "000000000000-000000000001:cow.json"
    bad.write_bytes(content)

    pairs = load(benchmark_tree.root)

    assert [pair.id for pair in pairs] == [PAIR]
    assert told(pairs) == [("unreadable", f"PairAnnotation/test/{bad.name}")]


def test_a_pair_whose_name_has_no_category_is_told(benchmark_tree) -> None:
    folder = benchmark_tree.root / "PairAnnotation" / "test"
    (folder / f"{PAIR}.json").rename(folder / "000000000017-000000000203_argali sheep.json")

    pairs = load(benchmark_tree.root)

    assert len(pairs) == 0
    assert told(pairs) == [("unreadable", "PairAnnotation/test/000000000017-000000000203_argali sheep.json")]


def test_fewer_than_three_common_keypoints_are_told(benchmark_tree) -> None:
    benchmark_tree.annotate(SHEEP, {0: (1, 1, 2), 1: (2, 2, 2), 5: (3, 3, 2), 6: (4, 4, 2)})

    pairs = load(benchmark_tree.root)

    assert len(pairs) == 0
    assert told(pairs) == [("inconsistent", PAIR)]


def test_a_box_without_extent_is_told(benchmark_tree) -> None:
    benchmark_tree.annotate(SHEEP_2, {i: (i, i, 2) for i in range(17)}, bbox=(3, 4, 0, 0))

    assert told(load(benchmark_tree.root)) == [("inconsistent", PAIR)]


def test_a_keypoint_outside_its_image_is_told_and_kept(benchmark_tree) -> None:
    benchmark_tree.annotate(SHEEP, {0: (120, 0, 2), 1: (119, 89, 2), 2: (5, 6, 2)}, (120, 90))

    pairs = load(benchmark_tree.root)

    assert len(pairs) == 1
    assert told(pairs) == [("outside", PAIR)]


@pytest.mark.parametrize("kind", ["nothing", "absent", "other", "not made"])
def test_a_folder_that_is_something_else_is_refused_with_the_way_to_get_it(
    benchmark_tree, tmp_path: Path, kind: str
) -> None:
    root: Path | None = tmp_path / "root"
    if kind == "nothing":
        root = None
    elif kind == "other":
        (root / "PairAnnotation" / "trn").mkdir(parents=True)
    elif kind == "not made":  # unpacked, but the notebook has not run
        shutil.rmtree(benchmark_tree.root / "PairAnnotation")
        root = benchmark_tree.root

    with pytest.raises(DataError, match="AP-10K") as raised:
        load(root)

    assert "prepare_ap10k.ipynb" in raised.value.remedy


def test_there_is_no_other_split(benchmark_tree) -> None:
    with pytest.raises(DataError, match="no split 'train'"):
        load(benchmark_tree.root, "train")
