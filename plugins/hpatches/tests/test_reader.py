from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visionlaw.datasets.records import PairRecord
from visionlaw.protocols import Finding
from visionlaw_hpatches.points import reference_points
from visionlaw_hpatches.reader import read_sequences, sequences

LANDSCAPE, PORTRAIT, SQUARE = (320, 200), (150, 210), (180, 180)


def read(root: Path, split: str = "all") -> tuple[list[PairRecord], list[Finding]]:
    everything = list(read_sequences(root, split))
    return (
        [r for r in everything if isinstance(r, PairRecord)],
        [f for f in everything if isinstance(f, Finding)],
    )


def test_five_pairs_of_each_sequence_in_the_order_of_names(root: Path) -> None:
    records, findings = read(root)

    assert not findings
    assert [r.id for r in records] == [
        f"{name}/1_{k}" for name in ("i_dome", "v_box", "v_wall") for k in (2, 3, 4, 5, 6)
    ]
    first = records[0]
    assert (first.source, first.target) == ("i_dome/1.ppm", "i_dome/2.ppm")
    assert (first.category, dict(first.attributes)) == ("i_dome", {"kind": "illumination", "step": 2})
    assert first.source_size == first.target_size == PORTRAIT
    assert first.size == 210
    assert records[-1].attributes == {"kind": "viewpoint", "step": 6}


@pytest.mark.parametrize(("split", "names"), [("i", {"i_dome"}), ("v", {"v_wall", "v_box"})])
def test_the_split_chooses_sequences(root: Path, split: str, names: set[str]) -> None:
    assert {r.category for r in read(root, split)[0]} == names


def test_an_illumination_pair_searches_every_point_where_it_is(root: Path) -> None:
    record = read(root, "i")[0][0]

    assert record.source_points == record.target_points
    assert len(record.source_points) == 64


def test_points_move_as_the_file_says_and_those_that_leave_are_dropped(root: Path) -> None:
    record = next(r for r in read(root, "v")[0] if r.category == "v_wall")
    source, target = np.array(record.source_points), np.array(record.target_points)

    assert target - source == pytest.approx(np.tile([30.0, -10.0], (len(source), 1)))
    every = reference_points(LANDSCAPE)
    stay = (every[:, 0] <= 319 - 30) & (every[:, 1] >= 10)
    assert 0 < len(source) < 64
    assert source.tolist() == every[stay].tolist()


def test_a_perspective_by_hand(tmp_path: Path, write_sequence: Callable[..., Path]) -> None:
    """(x, y) → (2x, y + 1) / (1 + x/1000), as the file says, whatever its scale and sign."""
    write_sequence("v_wall", LANDSCAPE, "-6 0 0\n0 -3 -3\n-0.003 0 -3\n")
    record = read(tmp_path)[0][0]

    for (x, y), (u, v) in zip(record.source_points, record.target_points, strict=True):
        assert u == pytest.approx(2 * x / (1 + x / 1000), abs=1e-5)
        assert v == pytest.approx((y + 1) / (1 + x / 1000), abs=1e-5)


def test_the_target_may_have_another_size(root: Path) -> None:
    Image.new("RGB", (100, 400)).save(root / "v_wall" / "3.ppm")
    record = next(r for r in read(root)[0] if r.id == "v_wall/1_3")

    assert record.target_size == (100, 400)
    assert record.size == 400
    assert max(x for x, _ in record.target_points) <= 99


def test_only_headers_are_read(root: Path) -> None:
    """A picture that is cut off behind its header is found when it is loaded, not here."""
    path = root / "i_dome" / "4.ppm"
    path.write_bytes(path.read_bytes()[:100])

    assert len(read(root)[0]) == 15


BROKEN: dict[str, str | bytes] = {
    "three lines of three": "1 0 0\n0 1 0\n",
    "lines of three numbers": "1 0 0 0 1 0 0 0 1\n",
    "not a number": "1 0 0\n0 one 0\n0 0 1\n",
    "something that is not a number": b"\xff\xfe\x00\x01",
    "not finite": "1 0 0\n0 nan 0\n0 0 1\n",
    "is not finite": "1 0 0\n0 1 inf\n0 0 1\n",
    "is singular": "1 2 0\n2 4 0\n0 0 1\n",
    "singular": "0 0 0\n0 0 0\n0 0 0\n",
    "mirrors the image": "-1 0 319\n0 1 0\n0 0 1\n",
    "reference image to infinity": "1e-12 1e-12 1e-160\n1 5e-324 1\n-1e308 5e-324 1e160\n",
    "to infinity": "1 0 0\n0 1 0\n-0.01 0 1\n",
    "larger than 4096 bytes": "1 0 0\n" * 2000,
}


@pytest.mark.parametrize(("why", "content"), BROKEN.items())
def test_a_broken_homography_is_found_and_reading_goes_on(root: Path, why: str, content: str | bytes) -> None:
    raw = content.encode() if isinstance(content, str) else content
    (root / "v_wall" / "H_1_4").write_bytes(raw)
    records, findings = read(root)

    assert [(f.kind, f.where) for f in findings] == [("unreadable", "v_wall/H_1_4")]
    assert why in findings[0].message
    assert len(records) == 14
    assert "v_wall/1_4" not in {r.id for r in records}


def test_a_transposed_homography_is_found(root: Path) -> None:
    (root / "v_wall" / "H_1_2").write_text("1 0 0\n0 1 0\n30 -10 1\n")

    assert ["infinity" in f.message for f in read(root)[1]] == [True]


def test_images_that_share_nothing_are_found(root: Path) -> None:
    (root / "v_wall" / "H_1_2").write_text("1 0 300\n0 1 180\n0 0 1\n")
    _, (finding,) = read(root)

    assert (finding.kind, finding.where) == ("inconsistent", "v_wall/H_1_2")


@pytest.mark.parametrize(
    ("damage", "kind", "where", "left"),
    [
        (lambda f: (f / "1.ppm").unlink(), "missing", "v_wall/1.ppm", 10),
        (lambda f: (f / "3.ppm").unlink(), "missing", "v_wall/3.ppm", 14),
        (lambda f: (f / "H_1_3").unlink(), "missing", "v_wall/H_1_3", 14),
        (lambda f: (f / "3.ppm").write_bytes(b"P6\nfew"), "unreadable", "v_wall/3.ppm", 14),
        (lambda f: (f / "3.ppm").write_bytes(b""), "unreadable", "v_wall/3.ppm", 14),
        (lambda f: (f / "3.ppm").write_bytes(b"P6\n99999 99999\n255\n"), "unreadable", "v_wall/3.ppm", 14),
        (lambda f: ((f / "H_1_3").unlink(), (f / "H_1_3").mkdir()), "unreadable", "v_wall/H_1_3", 14),
    ],
)
def test_a_missing_or_unreadable_file_is_found(
    root: Path, damage: Callable[[Path], object], kind: str, where: str, left: int
) -> None:
    damage(root / "v_wall")
    records, findings = read(root)

    assert [(f.kind, f.where) for f in findings] == [(kind, where)]
    assert str(root) not in findings[0].message
    assert len(records) == left


def test_other_folders_are_no_sequences(root: Path) -> None:
    (root / "i_patches").mkdir()
    (root / "i_patches" / "ref.png").write_bytes(b"")
    (root / "v_notes.txt").write_text("")
    (root / "other").mkdir()

    assert sequences(root) == ("i_dome", "v_box", "v_wall")


@pytest.mark.parametrize("size", [LANDSCAPE, PORTRAIT, SQUARE])
def test_points_are_inside_spread_and_in_step_with_no_grid(size: tuple[int, int]) -> None:
    points = reference_points(size)

    assert (points >= 0).all()
    assert (points <= np.array(size) - 1).all()
    quarters = np.floor(points / np.array(size) * 4).astype(int)
    counts = np.bincount(quarters @ [4, 1], minlength=16)
    assert counts.min() >= 2  # of 64 in 16 boxes
    for grid in range(10, 65):
        phase = (points + 0.5) / np.array(size) * grid % 1.0
        centred = np.abs(phase - 0.5).mean(axis=0)  # 0.25 where phases are even, 0 or 0.5 where all agree
        assert (np.abs(centred - 0.25) < 0.1).all()
