from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from visionlaw.datasets.annotated import AnnotatedPairs
from visionlaw.errors import DataError
from visionlaw_pf.plugin import visionlaw_datasets
from visionlaw_pf.willow import build

CARS = "Cars_006a-Cars_007a:car(G)"
DUCKS = "060_0000-060_0071:duck(S)"


def load(root: Path) -> AnnotatedPairs:
    spec = next(spec for spec in visionlaw_datasets() if spec.id == "pf/willow")
    return build(spec, root=root)


def told(pairs: AnnotatedPairs) -> list[tuple[str, str]]:
    return [(finding.kind, finding.where) for finding in pairs.findings]


def edit(willow, line: int, column: int, cell: str) -> None:
    file = willow.root / "test_pairs.csv"
    lines = file.read_text().splitlines()
    cells = lines[line].split(",")
    cells[column] = cell
    lines[line] = ",".join(cells)
    file.write_text("\n".join([*lines, ""]))


def test_pairs_positions_and_what_alpha_multiplies(willow) -> None:
    cars, ducks = load(willow.root)

    assert (cars.id, cars.category, cars.attributes) == (CARS, "car(G)", {"object": "car"})
    assert (ducks.id, ducks.category, ducks.attributes) == (DUCKS, "duck(S)", {"object": "duck"})
    # MATLAB's (1, 1) and (120, 90): the first and last pixel of the source, ten x and then ten y.
    assert len(cars.source_points) == 10
    assert cars.source_points[[0, 9]].tolist() == [[0, 0], [119, 89]]
    assert cars.target_points[[0, 9]].tolist() == [[10, 20], [55, 119]]
    # The larger extent of the target's keypoints: here in y, there in x.
    assert (cars.size, ducks.size) == (99, 63)
    assert cars.target.load().size == (90, 120)
    assert load(willow.root).findings == ()


@pytest.mark.parametrize("cell", ["", "nan", "NaN"])
def test_a_keypoint_without_a_position_is_left_out(willow, cell: str) -> None:
    edit(willow, 1, 2 + 20 + 9, cell)  # x of the target's last keypoint

    cars = next(iter(load(willow.root)))

    assert len(cars.source_points) == len(cars.target_points) == 9
    assert cars.size == 88  # 8 of 9 steps of 11 in y remain


@pytest.mark.parametrize("name", ["test_pairs_pf.csv", "../test_pairs.csv", "../test_pairs_pf.csv"])
def test_the_table_goes_by_two_names_in_the_folder_or_beside_it(willow, name: str) -> None:
    (willow.root / "test_pairs.csv").rename(willow.root / name)

    pairs = load(willow.root.parent if name.startswith("..") else willow.root)

    assert [pair.id for pair in pairs] == [CARS, DUCKS]
    assert pairs.findings == ()


def test_version_is_that_of_the_content_wherever_it_lies(willow, tmp_path: Path) -> None:
    version = load(willow.root).version
    shutil.copytree(willow.root, tmp_path / "elsewhere")

    assert load(tmp_path / "elsewhere").version == version
    edit(willow, 1, 2, "1.5")
    assert load(willow.root).version != version


def test_a_second_reading_opens_no_table(willow, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(load(willow.root)) == 2
    monkeypatch.setattr("visionlaw_pf.willow.read_table", None)

    assert len(load(willow.root)) == 2


@pytest.mark.parametrize("content", [None, b"", b"\x89PNG\r\n\x1a\n broken"])
def test_a_bad_image_is_told_once_and_its_pairs_are_left_out(willow, content: bytes | None) -> None:
    file = willow.root / "car(G)" / "Cars_007a.png"
    file.unlink()
    if content is not None:
        file.write_bytes(content)

    pairs = load(willow.root)

    assert [pair.id for pair in pairs] == [DUCKS]
    assert told(pairs) == [("missing" if content is None else "unreadable", "car(G)/Cars_007a.png")]


def test_an_image_put_right_is_noticed(willow) -> None:
    file = willow.root / "car(G)" / "Cars_007a.png"
    content = file.read_bytes()
    file.unlink()
    assert len(load(willow.root)) == 1
    file.write_bytes(content)

    assert len(load(willow.root)) == 2


@pytest.mark.parametrize(
    ("column", "cell"),
    [(0, ""), (0, "Cars_006a.png"), (0, "PF-dataset/../x.png"), (1, "PF-dataset/duck(S)/060_0071.png"), (5, "twelve")],
)
def test_a_bad_cell_is_told_with_its_line(willow, column: int, cell: str) -> None:
    edit(willow, 1, column, cell)

    pairs = load(willow.root)

    assert [pair.id for pair in pairs] == [DUCKS]
    assert told(pairs) == [("unreadable", "test_pairs.csv:2")]


def test_a_line_that_was_cut_off_is_told(willow) -> None:
    file = willow.root / "test_pairs.csv"
    file.write_text(file.read_text()[:-30])

    assert told(load(willow.root)) == [("unreadable", "test_pairs.csv:3")]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [(["nan"] * 20, "unreadable"), (["inf"] * 20, "inconsistent"), (["7"] * 20, "inconsistent")],
)
def test_targets_without_an_extent_are_told(willow, cells: list[str], kind: str) -> None:
    for column, cell in enumerate(cells, start=22):
        edit(willow, 1, column, cell)

    pairs = load(willow.root)

    assert [pair.id for pair in pairs] == [DUCKS]
    assert [k for k, _ in told(pairs)] == [kind]


def test_a_keypoint_outside_its_image_is_told_and_kept(willow) -> None:
    edit(willow, 1, 2, "0.4")

    pairs = load(willow.root)

    assert len(pairs) == 2
    assert told(pairs) == [("outside", CARS)]


@pytest.mark.parametrize("header", ["", "imageA,imageB,XA1", "source_image,target_image,class,XA,YA,XB,YB"])
def test_a_table_of_something_else_is_told(willow, header: str) -> None:
    file = willow.root / "test_pairs.csv"
    file.write_text("\n".join([header, *file.read_text().splitlines()[1:]]))

    pairs = load(willow.root)

    assert len(pairs) == 0
    assert told(pairs) == [("unreadable", "test_pairs.csv")]


def test_another_folder_is_refused_with_the_way_to_get_the_data(tmp_path: Path) -> None:
    (tmp_path / "JPEGImages").mkdir()

    with pytest.raises(DataError, match="is not PF-WILLOW") as raised:
        load(tmp_path)

    assert "PF-dataset.zip" in raised.value.remedy
