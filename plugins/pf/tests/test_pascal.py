from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image
from scipy.io import savemat

from visionlaw.correspondence.pairs import read_pairs
from visionlaw.datasets.annotated import AnnotatedPairs
from visionlaw.errors import DataError
from visionlaw_pf.pascal import CATEGORIES, build
from visionlaw_pf.plugin import visionlaw_datasets

NAN = float("nan")


def load(root: Path, split: str = "test") -> AnnotatedPairs:
    spec = next(spec for spec in visionlaw_datasets() if spec.id == "pf/pascal")
    return build(spec, root=root, split=split)


def told(pairs: AnnotatedPairs) -> list[tuple[str, str]]:
    return [(finding.kind, finding.where) for finding in pairs.findings]


def test_pairs_come_in_the_order_of_the_list(pascal) -> None:
    pairs = list(load(pascal.root))

    assert [pair.id for pair in pairs] == [
        "2011_001407-2010_004184:aeroplane",
        "2008_000056-2009_004796:cat",
        "2010_004184-2011_001407:aeroplane",
    ]
    assert [pair.category for pair in pairs] == ["aeroplane", "cat", "aeroplane"]
    assert load(pascal.root).findings == ()


def test_positions_count_from_the_centre_of_the_first_pixel(pascal) -> None:
    plane, cat, _ = load(pascal.root)

    # The list's own figures for this pair, less MATLAB's first pixel.
    np.testing.assert_allclose(plane.source_points[0], [252.631662222222, 57.1813333333333], atol=1e-12)
    np.testing.assert_allclose(plane.target_points[2], [284.3264, 61.3262857142857], atol=1e-12)
    # First and last pixel of images of 150 × 250 and 200 × 200.
    assert cat.source_points.tolist() == [[0, 0], [149, 249]]
    assert cat.target_points.tolist() == [[199, 199], [0, 0]]


def test_a_keypoint_that_either_image_hides_is_left_out(pascal) -> None:
    plane, cat, back = load(pascal.root)

    assert len(plane.source_points) == len(plane.target_points) == 3
    assert len(back.source_points) == 3
    # Hidden: the second in the source, the fourth's x alone in the target.
    assert len(cat.source_points) == 2


def test_alpha_multiplies_the_longer_side_of_the_target(pascal) -> None:
    pascal.annotate("cat", "2008_tall", [(1, 1)], (100, 260))
    pascal.list("test", ("2009_004796", "2008_tall", "cat"), ("2008_tall", "2009_004796", "cat"))

    assert [pair.size for pair in load(pascal.root)] == [260, 200]


def test_images_are_known_by_their_content_and_load(pascal) -> None:
    plane, _, back = load(pascal.root)

    assert plane.source.key == back.target.key != plane.target.key
    assert plane.target.load().size == (300, 182)


def test_train_reads_each_pair_once_though_the_list_repeats_it(pascal) -> None:
    again = ("2011_001407", "2010_004184", "aeroplane")
    back = ("2010_004184", "2011_001407", "aeroplane")
    pascal.list("trn", again, back, again, again, rest=["1", "0", "0", "1"])

    pairs = load(pascal.root, "trn")

    assert [pair.id for pair in pairs] == ["2011_001407-2010_004184:aeroplane", "2010_004184-2011_001407:aeroplane"]
    assert pairs.findings == ()


def test_a_repeated_pair_of_test_is_told(pascal) -> None:
    pair = ("2011_001407", "2010_004184", "aeroplane")
    pascal.list("test", pair, pair)

    pairs = load(pascal.root)

    assert len(pairs) == 1
    assert told(pairs) == [("inconsistent", "2011_001407-2010_004184:aeroplane")]


@pytest.mark.parametrize("name", ["test_pairs_pf_pascal.csv", "../test_pairs.csv", "../test_pairs_pf_pascal.csv"])
def test_lists_go_by_two_names_in_the_folder_or_beside_it(pascal, name: str) -> None:
    expected = [pair.id for pair in load(pascal.root)]
    (pascal.root / "test_pairs.csv").rename(pascal.root / name)
    root = pascal.root.parent if name.startswith("..") else pascal.root

    pairs = load(root)

    assert [pair.id for pair in pairs] == expected
    assert pairs.findings == ()


def test_the_folder_it_was_unpacked_in_will_do(pascal) -> None:
    pairs = load(pascal.root.parent)

    assert len(pairs) == 3
    assert pairs.findings == ()


def test_version_is_that_of_the_content_wherever_it_lies(pascal, tmp_path: Path) -> None:
    version = load(pascal.root).version
    moved = tmp_path / "elsewhere"
    shutil.copytree(pascal.root, moved)

    assert load(pascal.root).version == version
    assert load(moved).version == version
    pascal.annotate("cat", "2008_000056", [(2, 1), (NAN, NAN), (150, 250), (40, 50)], (150, 250))
    assert load(pascal.root).version != version


def test_the_splits_are_apart_even_with_the_same_pairs(pascal) -> None:
    shutil.copy(pascal.root / "test_pairs.csv", pascal.root / "val_pairs.csv")

    assert [pair.id for pair in load(pascal.root, "val")] == [pair.id for pair in load(pascal.root)]
    assert load(pascal.root, "val").version != load(pascal.root).version


def test_another_size_of_an_image_is_noticed(pascal) -> None:
    assert [pair.size for pair in load(pascal.root)] == [300, 200, 300]
    Image.new("RGB", (400, 182)).save(pascal.root / "JPEGImages" / "2010_004184.jpg")

    assert [pair.size for pair in load(pascal.root)] == [400, 200, 300]


def test_an_image_that_lies_on_its_side_is_measured_upright_as_it_is_loaded(pascal) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("RGB", (182, 300)).save(pascal.root / "JPEGImages" / "2010_004184.jpg", exif=exif)

    plane = next(iter(load(pascal.root)))

    assert plane.target.load().size == (300, 182)
    assert load(pascal.root).findings == ()  # its keypoints lie within 300 × 182, not within 182 × 300


def test_the_pairs_can_be_scored(pascal) -> None:
    table = read_pairs(load(pascal.root))

    assert (len(table), table.keypoints, table.skipped) == (3, 8, 0)
    assert table.truth.size.tolist() == [300] * 3 + [200] * 2 + [300] * 3


def test_a_second_reading_opens_no_matlab_file(pascal, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [pair.id for pair in load(pascal.root)]
    monkeypatch.setattr("visionlaw_pf.pascal.read_keypoints", None)

    assert [pair.id for pair in load(pascal.root)] == expected


@pytest.mark.parametrize(
    ("path", "content", "kind", "left"),
    [
        ("JPEGImages/2008_000056.jpg", None, "missing", 2),
        ("JPEGImages/2009_004796.jpg", None, "missing", 2),
        ("JPEGImages/2009_004796.jpg", b"", "unreadable", 2),
        ("JPEGImages/2009_004796.jpg", b"<html>404</html>", "unreadable", 2),
        ("Annotations/aeroplane/2010_004184.mat", None, "missing", 1),
        ("Annotations/aeroplane/2010_004184.mat", b"", "unreadable", 1),
        ("Annotations/aeroplane/2010_004184.mat", b"MATLAB 5.0 MAT-file" + bytes(200), "unreadable", 1),
        ("Annotations/aeroplane/2010_004184.mat", b"\x89HDF\r\n\x1a\n" + bytes(600), "unreadable", 1),
        ("Annotations/aeroplane/2010_004184.mat", bytes(2**20 + 1), "unreadable", 1),
    ],
)
def test_a_bad_file_is_told_once_and_its_pairs_are_left_out(
    pascal, path: str, content: bytes | None, kind: str, left: int
) -> None:
    file = pascal.root / path
    file.unlink()
    if content is not None:
        file.write_bytes(content)

    pairs = load(pascal.root)

    assert len(pairs) == left
    assert told(pairs) == [(kind, path)]


@pytest.mark.parametrize(
    "variables",
    [
        {"bbox": np.ones((1, 4))},
        {"kps": np.ones((3, 5))},
        {"kps": np.ones((3, 2, 2))},
        {"kps": "eleven"},
        {"kps": np.array([[1 + 2j, 3]])},
        {"kps": {"x": 1, "y": 2}},
        {"kps": np.array([[{"a": 1}, [2]]], dtype=object)},
        {"kps": np.ones((1001, 2))},
    ],
)
def test_a_matlab_file_without_usable_keypoints_is_told(pascal, variables: dict[str, object]) -> None:
    savemat(pascal.root / "Annotations" / "cat" / "2008_000056.mat", variables)

    pairs = load(pascal.root)

    assert len(pairs) == 2
    assert told(pairs) == [("unreadable", "Annotations/cat/2008_000056.mat")]


def test_no_damage_to_a_matlab_file_goes_further_than_a_finding(pascal) -> None:
    file = pascal.root / "Annotations" / "cat" / "2008_000056.mat"
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    for number in range(150):
        damaged = bytearray(whole[: rng.integers(1, len(whole))] if number % 3 == 0 else whole)
        for place in rng.integers(0, len(damaged), 3):
            damaged[place] = rng.integers(256)
        file.write_bytes(bytes(damaged))

        assert len(load(pascal.root)) in (2, 3)


def test_whole_numbers_are_positions_too(pascal) -> None:
    path = pascal.root / "Annotations" / "cat" / "2008_000056.mat"
    savemat(path, {"kps": np.array([[3, 4], [5, 6], [7, 8], [9, 10]], dtype=np.uint16)})

    assert list(load(pascal.root))[1].source_points.tolist() == [[2, 3], [4, 5], [6, 7]]


def test_a_pair_without_a_common_keypoint_is_told(pascal) -> None:
    pascal.annotate("cat", "2008_000056", [(NAN, NAN)] * 4)

    pairs = load(pascal.root)

    assert len(pairs) == 2
    assert told(pairs) == [("inconsistent", "2008_000056-2009_004796:cat")]


def test_tables_of_different_length_are_compared_as_far_as_both_go(pascal) -> None:
    pascal.annotate("cat", "2008_000056", [(11, 12)])

    pairs = load(pascal.root)

    assert list(pairs)[1].source_points.tolist() == [[10, 11]]
    assert told(pairs) == [("inconsistent", "2008_000056-2009_004796:cat")]


def test_a_keypoint_outside_its_image_is_told_and_kept(pascal) -> None:
    pascal.annotate("cat", "2008_000056", [(1, 1), (151.6, 20), (150, 250), (40, 50)], (150, 250))

    pairs = load(pascal.root)

    assert len(list(pairs)[1].source_points) == 3
    assert told(pairs) == [("outside", "2008_000056-2009_004796:cat")]


@pytest.mark.parametrize(
    "line",
    [
        "a.jpg,b.jpg",
        "a.jpg,b.jpg,0,,,,",
        "a.jpg,b.jpg,21,,,,",
        "a.jpg,b.jpg,1.5,,,,",
        "a.jpg,b.jpg,aeroplane,,,,",
        ",b.jpg,1,,,,",
        "a.jpg,..,1,,,,",
        "x/..,b.jpg,1,,,,",
    ],
)
def test_a_bad_line_is_told_with_its_number_and_reading_goes_on(pascal, line: str) -> None:
    file = pascal.root / "test_pairs.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:2], "", line, *lines[2:], ""]))

    pairs = load(pascal.root)

    assert len(pairs) == 3
    assert told(pairs) == [("unreadable", "test_pairs.csv:4")]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"imageA,imageB,XA\na.jpg,b.jpg,1\n",
        b"PF-dataset-PASCAL/JPEGImages/2011_001407.jpg,PF-dataset-PASCAL/JPEGImages/2010_004184.jpg,1\n",
        b"\xff\xfe\x00\x01",
        b'"source_image,target_image',
        b"<html><body>Not Found</body></html>",
    ],
)
def test_a_list_that_is_none_is_told_and_gives_no_pair(pascal, content: bytes) -> None:
    (pascal.root / "test_pairs.csv").write_bytes(content)

    pairs = load(pascal.root)

    assert len(pairs) == 0
    assert told(pairs) == [("unreadable", "test_pairs.csv")]
    with pytest.raises(DataError, match="no pair with keypoints"):
        read_pairs(pairs)


def test_a_list_with_a_header_alone_has_no_pair(pascal) -> None:
    pascal.list("test")

    assert len(load(pascal.root)) == 0
    assert load(pascal.root).findings == ()


def test_a_list_as_a_spreadsheet_saves_it_is_read(pascal) -> None:
    file = pascal.root / "test_pairs.csv"
    text = "﻿" + file.read_text().replace("PF-dataset-PASCAL/JPEGImages/", "JPEGImages\\").replace("\n", "\r\n")
    file.write_bytes(text.encode())

    assert len(load(pascal.root)) == 3


@pytest.mark.parametrize("kind", ["nothing", "file", "absent", "other", "no list"])
def test_a_folder_that_is_something_else_is_refused_with_the_way_to_get_it(pascal, tmp_path: Path, kind: str) -> None:
    root: Path | None = tmp_path / "root"
    if kind == "nothing":
        root = None
    elif kind == "file":
        root.write_text("")
    elif kind == "other":
        (root / "JPEGImages").mkdir(parents=True)
    elif kind == "no list":
        (pascal.root / "test_pairs.csv").unlink()
        root = pascal.root

    with pytest.raises(DataError, match="PF-PASCAL") as raised:
        load(root)  # pyright: ignore[reportArgumentType]

    assert "PF-dataset-PASCAL.zip" in raised.value.remedy


def test_there_is_no_other_split(pascal) -> None:
    with pytest.raises(DataError, match="no split 'train'"):
        load(pascal.root, "train")


def test_the_categories_are_those_of_pascal_voc_in_its_order() -> None:
    assert len(CATEGORIES) == len(set(CATEGORIES)) == 20
    assert list(CATEGORIES) == sorted(CATEGORIES)
    assert (CATEGORIES[0], CATEGORIES[7], CATEGORIES[19]) == ("aeroplane", "cat", "tvmonitor")
