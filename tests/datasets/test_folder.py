"""Data sets as folders of pairs.json and images: written, read again, and broken."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visionlaw import Registry
from visionlaw.datasets.annotated import AnnotatedPairs
from visionlaw.datasets.making import make_folder
from visionlaw.errors import DataError
from visionlaw.protocols import ImageRef, Instances, Pair


class Drawn:
    """Three pairs over three images, one of them drawn under two keys; a text data set's sizes and instances."""

    version = "drawn-1"

    def __init__(self, *more: Pair, fails: bool = False) -> None:
        self.more, self.fails, self.loads = more, fails, list[str]()

    def __len__(self) -> int:
        return 3 + len(self.more)

    def __iter__(self) -> Iterator[Pair]:
        one, two, three = map(self.image, ("one", "two", "three"))
        yield Pair("a/../:b", one, two, points(0.1, 3), points(5, 1 / 3), 7.25, "ä", {"level": 2, "script": "日本"})
        further = Instances(np.array([1, 1, 0]), np.arange(6.0).reshape(3, 2), np.array([1.5, 2, 3]))
        yield Pair("c", two, three, points(1, 2), points(3, 4), np.array([2.5, 1e-3]), "b", {"w": np.float64(0.1)})
        yield Pair("d", one, three, points(0, 0), points(3, 4), 3, instances=further)
        if self.fails:
            raise OSError(28, "No space left on device")
        yield from self.more

    def image(self, name: str) -> ImageRef:
        return ImageRef(f"../{name}", lambda: self.load(name))

    def load(self, name: str) -> Image.Image:
        self.loads.append(name)
        pixels = np.random.default_rng(len(name)).integers(0, 256, (20 + len(name), 30, 3), dtype=np.uint8)
        return Image.fromarray(pixels)


def points(x: float, y: float) -> np.ndarray:
    return np.array([[x, y], [x + 1, y + 2]])


def read(folder: Path) -> AnnotatedPairs:
    return Registry.discover().load("dataset", "pairs", root=folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_written_is_read_again_to_the_last_bit(tmp_path: Path) -> None:
    drawn = Drawn()
    made = make_folder(drawn, tmp_path / "out", {"dataset": "drawn"})
    pairs = read(tmp_path / "out")
    assert list(pairs.findings) == []
    assert (made.pairs, made.images, len(pairs)) == (3, 2, 3)  # 'one' and 'two' are the same pixels
    for before, after in zip(drawn, pairs, strict=True):
        assert after.id == before.id
        assert after.category == before.category
        assert after.attributes == before.attributes
        np.testing.assert_array_equal(after.source_points, before.source_points)
        np.testing.assert_array_equal(after.target_points, before.target_points)
        np.testing.assert_array_equal(after.size, before.size)
        np.testing.assert_array_equal(np.ndim(after.size), np.ndim(before.size))
        for ours, theirs in ((after.source, before.source), (after.target, before.target)):
            np.testing.assert_array_equal(np.asarray(ours.load()), np.asarray(theirs.load()))
    further, expected = list(pairs)[2].instances, list(drawn)[2].instances
    np.testing.assert_array_equal(further.keypoint, expected.keypoint)
    np.testing.assert_array_equal(further.points, expected.points)
    np.testing.assert_array_equal(further.size, expected.size)


def test_the_same_data_set_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "deep/er/two"):
        make_folder(Drawn(), tmp_path / name, {"z": "1", "a": "2"})
    first, second = contents(tmp_path / "one"), contents(tmp_path / "deep/er/two")
    assert first == second
    assert len(first) == 3
    assert read(tmp_path / "one").version == read(tmp_path / "deep/er/two").version


def test_names_are_safe_whatever_ids_and_keys_are(tmp_path: Path) -> None:
    make_folder(Drawn(), tmp_path / "out")
    names = sorted(contents(tmp_path / "out"))
    assert names[-1] == "pairs.json"
    assert all(name.startswith("images/") and name[7:].removesuffix(".png").isalnum() for name in names[:-1])
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_each_image_is_loaded_once(tmp_path: Path) -> None:
    drawn = Drawn()
    make_folder(drawn, tmp_path / "out")
    assert sorted(drawn.loads) == ["one", "three", "two"]


def broken(fault: str) -> Drawn:
    one = Drawn().image("one")
    made = {
        "twice": Pair("c", one, one, points(0, 0), points(0, 0), 1.0),
        "nan": Pair("n", one, one, points(0, 0), points(0, float("nan")), 1.0),
        "size": Pair("n", one, one, points(0, 0), points(0, 0), 0.0),
        "attribute": Pair("n", one, one, points(0, 0), points(0, 0), 1.0, attributes={"a": {1, 2}}),  # type: ignore[dict-item]
        "infinite": Pair("n", one, one, points(0, 0), points(0, 0), 1.0, attributes={"a": float("inf")}),
    }
    return Drawn(made[fault])


@pytest.mark.parametrize("fault", ["twice", "nan", "size", "attribute", "infinite"])
def test_a_data_set_that_is_bad_leaves_nothing_behind(tmp_path: Path, fault: str) -> None:
    with pytest.raises(DataError):
        make_folder(broken(fault), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_halfway_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        make_folder(Drawn(fails=True), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", ["file", "full", "link"])
def test_what_is_there_is_never_overwritten(tmp_path: Path, there: str) -> None:
    out = tmp_path / "out"
    if there == "file":
        out.write_text("mine")
    elif there == "link":
        out.symlink_to(tmp_path / "elsewhere")
    else:
        out.mkdir()
        (out / "mine").write_text("mine")
    drawn = Drawn()
    with pytest.raises(DataError, match="already"):
        make_folder(drawn, out)
    assert drawn.loads == []
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    make_folder(Drawn(), tmp_path / "out")
    assert len(read(tmp_path / "out")) == 3


@pytest.mark.parametrize("out", [".", "", "..", "inner/.."])
def test_a_folder_that_is_not_named_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str) -> None:
    """Its place would be taken by another one, and who stands in it would be nowhere."""
    (tmp_path / "empty" / "inner").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "empty" / "inner")
    with pytest.raises(DataError) as caught:
        make_folder(Drawn(), Path(out))
    assert "Name a folder" in caught.value.remedy


def test_a_folder_that_cannot_be_made_is_no_fault_of_the_data_set(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataError, match=r"'.*out' cannot be written: .*(File exists|Not a directory)"):
        make_folder(Drawn(), tmp_path / "file" / "out")


@pytest.mark.parametrize("most", [16, 3000])
def test_a_disk_that_is_full_is_no_fault_of_the_data_set(tmp_path: Path, most: int) -> None:
    """A limit on the size of files stands for the disk: reached by the first image, or by pairs.json alone."""
    resource = pytest.importorskip("resource")
    many = [replace(pair, id=f"{pair.id}{n}") for n in range(50) for pair in Drawn()]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        with pytest.raises(DataError, match=r"'.*out' cannot be written: File too large") as caught:
            make_folder(Drawn(*many), tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "Free some space" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_folder(Drawn(), tmp_path / "folder")
    return tmp_path / "folder"


@pytest.fixture
def edit(folder: Path) -> Callable[..., None]:
    """Return a function that changes the first pair; None takes a value out."""

    def change(**values: Any) -> None:
        content = json.loads((folder / "pairs.json").read_text())
        content["pairs"][0] |= values
        content["pairs"][0] = {name: value for name, value in content["pairs"][0].items() if value is not None}
        (folder / "pairs.json").write_text(json.dumps(content))

    return change


@pytest.mark.parametrize(
    "values",
    [
        {"id": ""},
        {"id": 5},
        {"source": None},
        {"source_points": None},
        {"source_points": [[1, 2], [3]]},
        {"source_points": [[1, 2], [3, "4"]]},
        {"source_points": "12"},
        {"size": None},
        {"size": "big"},
        {"size": True},
        {"size": [1, "2"]},
        {"category": 5},
        {"attributes": [1]},
        {"attributes": {"a": [1]}},
        {"source_size": [1]},
        {"source_size": [64.5, 48]},
        {"target_size": [64, 1e300]},
        {"target_size": [0, 48]},
        {"target_size": [-64, 48]},
        {"instances": [[1, 2, 3]]},
        {"instances": [[0.5, 1, 1, 1]]},
        {"instances": {}},
        {"sizes": [1, 2]},
    ],
)
def test_a_pair_that_is_not_of_the_schema_is_named_by_its_number(folder: Path, edit, values) -> None:
    edit(**values)
    pairs = read(folder)
    assert [pair.id for pair in pairs] == ["c", "d"]
    (finding,) = pairs.findings
    assert (finding.kind, finding.where) == ("unreadable", "pairs.json: pairs[0]")
    assert len(finding.message) < 150


@pytest.mark.parametrize("values", [{"source": "../x.png"}, {"target_points": [[1, 2]]}, {"size": 0}])
def test_a_pair_that_cannot_be_used_is_named_by_its_id(folder: Path, edit, values) -> None:
    edit(**values)
    assert [(finding.kind, finding.where) for finding in read(folder).findings] == [("inconsistent", "a/../:b")]


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000])
def test_a_file_that_is_no_json_is_a_finding(folder: Path, content: str) -> None:
    (folder / "pairs.json").write_text(content)
    assert len(read(folder)) == 0
    assert [finding.where for finding in read(folder).findings] == ["pairs.json"]


def test_a_file_too_large_for_the_memory_is_a_finding(folder: Path) -> None:
    with (folder / "pairs.json").open("ab") as file:
        file.truncate(256 * 2**20 + 1)
    assert [finding.message for finding in read(folder).findings] == ["It is larger than 256 MiB."]


def test_a_file_that_could_not_be_read_again_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visionlaw.datasets.making.MOST_BYTES", 2**20 + 500)
    with pytest.raises(DataError, match=r"pairs\.json would be larger than the 1 MiB that are read") as caught:
        make_folder(Drawn(), tmp_path / "out")
    assert "fewer pairs" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([], "is not of the format"),
        ({"pairs": []}, "is not of the format"),
        ({"format": "visionlaw-pairs", "version": 1}, "is not of the format"),
        ({"format": "visionlaw-pairs", "version": 2, "pairs": []}, "has the version 2; this visionlaw reads 1"),
    ],
)
def test_something_else_altogether_is_refused(folder: Path, content, says: str) -> None:
    (folder / "pairs.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=says):
        len(read(folder))


def test_a_folder_without_pairs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no 'pairs\.json' in it") as caught:
        read(tmp_path)
    assert "visionlaw dataset make" in caught.value.remedy


def test_the_example_of_the_reference_is_read(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "pairs-json.md"
    example = page.read_text(encoding="utf-8").split("```json\n")[1].split("```")[0]
    (tmp_path / "images").mkdir()
    (tmp_path / "pairs.json").write_text(example)
    for name, size in (("left.jpg", (640, 480)), ("right.png", (480, 640))):
        Image.new("RGB", size).save(tmp_path / "images" / name)
    pairs = read(tmp_path)
    assert list(pairs.findings) == []
    assert [pair.instances is not None for pair in pairs] == [False, True]
