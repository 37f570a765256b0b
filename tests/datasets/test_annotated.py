"""Pairs of annotation files and images: what they are, and what is left out."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from visionlaw.correspondence.pairs import read_pairs
from visionlaw.datasets.annotated import AnnotatedPairs
from visionlaw.errors import DataError, PluginError
from visionlaw.protocols import CheckedDataset

INF = float("inf")


def ids(pairs: AnnotatedPairs) -> list[str]:
    return [pair.id for pair in pairs]


def test_the_pairs_are_those_of_the_annotations(shelf, tmp_path: Path) -> None:
    pairs = shelf.open()
    assert isinstance(pairs, CheckedDataset)
    assert len(pairs) == 3
    one, three, two = pairs
    assert [one.id, three.id, two.id] == ["one", "three", "two"]
    assert one.source_points.tolist() == [[0, 0], [39, 29]]
    assert one.target_points.tolist() == [[1.25, 2], [3, 4]]
    assert (one.size, one.category, one.attributes, one.instances) == (12.5, "cat", {"occluded": 1}, None)
    content = (shelf.root / "images" / "a.png").read_bytes()
    assert one.source.key == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert one.source.load().getpixel((0, 0)) == (255, 0, 0)
    assert three.source.key == two.target.key != one.source.key
    assert two.size.tolist() == [3, 4.5]
    assert two.instances.keypoint.tolist() == [1]
    assert two.instances.points.tolist() == [[7, 8.5]]
    assert two.instances.size.tolist() == [2]
    assert list(pairs.findings) == []
    assert read_pairs(pairs).truth.keypoint.tolist() == [0, 1, 2, 3, 4, 5, 5]


def test_nothing_is_read_before_it_is_asked_for(shelf) -> None:
    shelf.open()
    assert shelf.reads == []


def test_a_second_opening_reads_no_annotation_and_gives_the_same(shelf) -> None:
    first = shelf.open()
    before = [(p.id, p.source.key, p.source_points.tolist(), p.target_points.tolist(), p.attributes) for p in first]
    version, findings = first.version, first.findings
    shelf.reads.clear()
    again = shelf.open()
    after = [(p.id, p.source.key, p.source_points.tolist(), p.target_points.tolist(), p.attributes) for p in again]
    assert after == before
    assert (again.version, again.findings) == (version, findings)
    three, two = list(again)[1:]
    assert two.instances.points.tolist() == [[7, 8.5]]
    assert np.asarray(two.size).tolist() == [3, 4.5]
    assert three.category == "dog"
    assert shelf.reads == []


def test_findings_survive_in_the_index(shelf, found) -> None:
    (shelf.root / "notes" / "broken.json").write_text("{")
    assert found(shelf.open()) == [("unreadable", "notes/broken.json")]
    shelf.reads.clear()
    assert found(shelf.open()) == [("unreadable", "notes/broken.json")]
    assert shelf.reads == []


@pytest.mark.parametrize("change", ["edit", "touch", "add", "remove", "rename", "extra", "name", "format"])
def test_whatever_changes_the_annotations_makes_them_be_read_again(shelf, change: str) -> None:
    len(shelf.open())
    shelf.reads.clear()
    notes, options = shelf.root / "notes", {}
    if change == "edit":
        shelf.write("one", category="animal")
    elif change == "touch":
        os.utime(notes / "one.json", ns=(1, 1))
    elif change == "add":
        shelf.write("four")
    elif change == "remove":
        (notes / "one.json").unlink()
    elif change == "rename":
        (notes / "one.json").rename(notes / "zero.json")
    elif change == "extra":
        (shelf.root / "extra").write_text("x")
    else:
        options = {change: 2 if change == "format" else "other"}
    len(shelf.open(**options))
    assert len(shelf.reads) >= 2


def test_an_image_that_changes_is_read_again_and_changes_the_version(shelf) -> None:
    version = shelf.open().version
    shelf.draw("b.png", "black")
    changed = shelf.open()
    assert changed.version != version
    assert next(iter(changed)).target.load().getpixel((0, 0)) == (0, 0, 0)


def test_an_image_is_not_read_again_while_size_and_time_are_the_same(shelf) -> None:
    version = shelf.open().version
    path = shelf.root / "images" / "b.png"
    status, content = path.stat(), bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert shelf.open().version == version


def test_the_version_is_that_of_the_content_wherever_and_whenever(shelf, tmp_path: Path) -> None:
    version = shelf.open().version
    moved = tmp_path / "elsewhere"
    shutil.copytree(shelf.root, moved)
    for path in moved.rglob("*.*"):
        os.utime(path, ns=(5, 5))
    assert shelf.open(moved).version == version
    assert shelf.open(moved, format=2).version != version
    shelf.write("one", target_points=[[1.25, 2], [3, 4.0625]])
    assert shelf.open().version != version


def test_an_unused_pair_and_an_unused_image_do_not_change_the_version(shelf) -> None:
    version = shelf.open().version
    shelf.write("zzz", target="images/missing.png")
    shelf.draw("unused.png")
    assert shelf.open().version == version


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[1, 2]\n{}", b'["x", "y"]\n{"records": 5}', bytes(range(256)), b"[" * 100_000, None],
)
def test_a_damaged_index_is_built_again(shelf, damage: bytes | None) -> None:
    version = shelf.open().version
    indexes = list(Path(os.environ["VISIONLAW_CACHE"]).glob("datasets/*.json"))
    assert len(indexes) == 2
    for path in indexes:
        if damage is None:
            content = bytearray(path.read_bytes())
            content[-10] ^= 1
            path.write_bytes(content)
        else:
            path.write_bytes(damage)
    shelf.reads.clear()
    assert shelf.open().version == version
    assert len(shelf.reads) == 3
    shelf.reads.clear()
    assert shelf.open().version == version
    assert shelf.reads == []


def test_an_index_of_valid_json_that_means_nothing_is_built_again(shelf) -> None:
    from visionlaw.datasets import cachefolder

    version = shelf.open().version
    for path in Path(os.environ["VISIONLAW_CACHE"]).glob("datasets/*.json"):
        valid, _ = json.loads(path.read_bytes().split(b"\n")[0])
        cachefolder.save(path.stem, valid, {"records": [["one", 5]], "findings": [1], "images/a.png": 5})
    assert shelf.open().version == version


def test_a_cache_folder_that_cannot_be_written_to_is_no_error(shelf, tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VISIONLAW_CACHE", str(tmp_path / "file" / "below"))
    assert ids(shelf.open()) == ["one", "three", "two"]
    assert ids(shelf.open()) == ["one", "three", "two"]


def test_the_index_is_in_the_users_cache_folder_unless_a_variable_names_another(monkeypatch, tmp_path) -> None:
    from visionlaw.datasets.cachefolder import cache_folder

    assert cache_folder() == Path(os.environ["VISIONLAW_CACHE"]) / "datasets"
    monkeypatch.delenv("VISIONLAW_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder().parts[-2:] == ("visionlaw", "datasets")
    assert cache_folder().is_relative_to(tmp_path)


@pytest.mark.parametrize(
    "values",
    [
        {"id": "one"},
        {"target_points": [[1, 2]]},
        {"source_points": [[0, INF], [1, 1]]},
        {"target_points": [[0, float("nan")], [1, 1]]},
        {"size": 0},
        {"size": -3},
        {"size": float("nan")},
        {"size": [1]},
        {"size": [1, 0]},
        {"instances": [[2, 1, 1, 1]]},
        {"instances": [[-1, 1, 1, 1]]},
        {"instances": [[0, 1, 1, 0]]},
        {"instances": [[0, INF, 1, 1]]},
        {"source": "../a.png"},
        {"source": "images/../../a.png"},
        {"target": "/etc/hostname"},
        {"target": ""},
        {"target": "images/a\0.png"},
    ],
)
def test_a_pair_that_cannot_be_used_is_left_out_with_a_finding(shelf, found, values) -> None:
    shelf.write("zero", **values)
    pairs = shelf.open()
    assert ids(pairs) == ["one", "three", "two"]
    assert found(pairs) == [("inconsistent", values.get("id", "zero"))]
    assert found(shelf.open()) == found(pairs)


def test_a_missing_or_empty_image_takes_its_pairs_with_it_until_it_is_there(shelf, found) -> None:
    (shelf.root / "images" / "c.png").unlink()
    (shelf.root / "images" / "b.png").write_bytes(b"")
    pairs = shelf.open()
    assert ids(pairs) == []
    assert sorted(found(pairs)) == [("missing", "images/c.png"), ("unreadable", "images/b.png")]
    shelf.draw("b.png")
    shelf.draw("c.png")
    assert ids(shelf.open()) == ["one", "three", "two"]
    assert found(shelf.open()) == []


@pytest.mark.parametrize("content", [b"not an image at all", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0\0\x10JFIF"])
def test_an_image_whose_header_cannot_be_read_takes_its_pairs_with_it(shelf, found, content: bytes) -> None:
    (shelf.root / "images" / "c.png").write_bytes(content)
    for pairs in (shelf.open(), shelf.open()):
        assert ids(pairs) == ["one"]
        assert "pairs=1;" in pairs.version
        assert found(pairs) == [("unreadable", "images/c.png")]
    shelf.draw("c.png")
    assert ids(shelf.open()) == ["one", "three", "two"]


def test_an_image_that_is_cut_off_behind_its_header_keeps_its_pairs(shelf, found) -> None:
    path = shelf.root / "images" / "c.png"
    path.write_bytes(path.read_bytes()[:-30])
    assert ids(shelf.open()) == ["one", "three", "two"]
    assert found(shelf.open()) == []


def test_what_an_earlier_version_kept_of_images_is_not_believed(shelf) -> None:
    from visionlaw.datasets import cachefolder

    path = shelf.root / "images" / "c.png"
    path.write_bytes(b"not an image at all")
    status = path.stat()  # before headers were read, any file had a digest
    state = {"images/c.png": [status.st_size, status.st_mtime_ns, "sha256:0"]}
    cachefolder.save(cachefolder.key_of("images", str(shelf.root)), "1", state)
    assert ids(shelf.open()) == ["one"]


def test_a_finding_about_an_image_names_a_pair_that_shows_it(shelf) -> None:
    (shelf.root / "images" / "c.png").unlink()
    (shelf.root / "images" / "b.png").write_bytes(b"not an image at all")
    shelf.write("same", source="images/d.png", target="images/d.png", target_size=None)
    messages = {finding.where: finding.message for finding in shelf.open().findings}
    assert messages == {
        "images/b.png": "'images/b.png' is not an image of a known format. Pair 'one' shows it, and 1 more.",
        "images/c.png": "The image is not there. Pair 'three' shows it, and 1 more.",
        "images/d.png": "The image is not there. Pair 'same' shows it.",
    }


def test_a_link_out_of_the_folder_is_not_followed_and_one_inside_is(shelf, found, tmp_path: Path) -> None:
    outside = tmp_path / "shelf-secret" / "c.png"
    outside.parent.mkdir()
    (shelf.root / "images" / "c.png").rename(outside)
    (shelf.root / "images" / "c.png").symlink_to(outside)
    assert found(shelf.open()) == [("unreadable", "images/c.png")]
    assert ids(shelf.open()) == ["one"]
    (shelf.root / "images" / "c.png").unlink()
    (shelf.root / "images" / "c.png").symlink_to("a.png")
    assert len(shelf.open()) == 3


def test_a_folder_given_as_a_link_is_itself(shelf, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(shelf.root)
    assert shelf.open(tmp_path / "link").version == shelf.open().version


@pytest.mark.parametrize(
    ("values", "outside"),
    [
        ({"source_points": [[-0.5, 0], [39.5, 29.5]]}, False),
        ({"source_points": [[-0.51, 0], [1, 1]]}, True),
        ({"source_points": [[40, 29], [1, 1]]}, True),
        ({"target_points": [[39, 29.6], [1, 1]]}, True),
        ({"target_points": [[39, 29.6], [1, 1]], "target_size": None}, False),
        ({"instances": [[0, 50, 1, 1]]}, True),
    ],
)
def test_a_keypoint_outside_its_image_is_listed_and_its_pair_stays(shelf, found, values, outside: bool) -> None:
    shelf.write("edge", **values)
    pairs = shelf.open()
    assert "edge" in ids(pairs)
    assert found(pairs) == ([("outside", "edge")] if outside else [])


def test_two_annotated_sizes_of_one_image_contradict_each_other(shelf, found) -> None:
    shelf.write("x", target_size=[41, 30])
    pairs = shelf.open()
    assert found(pairs) == [("inconsistent", "images/b.png")]
    assert "40 × 30, and as 41 × 30" in pairs.findings[0].message
    assert len(pairs) == 4


def test_a_folder_that_leads_back_to_itself_ends(shelf) -> None:
    (shelf.root / "notes" / "again").symlink_to(shelf.root / "notes")
    assert len(shelf.open()) == 3


@pytest.mark.parametrize("given", [5, None, "pair", {"id": 1}])
def test_a_reader_that_gives_something_else_is_named_as_the_culprit(tmp_path: Path, given) -> None:
    pairs = AnnotatedPairs(tmp_path, lambda root: iter([given]), name="x", format=1, annotations=())
    with pytest.raises(PluginError, match="reader of annotations gave"):
        len(pairs)


def test_a_reader_that_meets_a_disk_error_is_one_sentence(tmp_path: Path) -> None:
    def read(root: Path):
        raise PermissionError(13, "Permission denied", str(root))
        yield

    with pytest.raises(DataError, match="Permission denied"):
        len(AnnotatedPairs(tmp_path, read, name="x", format=1, annotations=()))


def test_an_image_of_the_same_length_and_another_time_is_read_again(shelf) -> None:
    version = shelf.open().version
    path = shelf.root / "images" / "b.png"
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))
    assert shelf.open().version != version


def test_the_version_does_not_know_the_names_of_the_images(shelf) -> None:
    version = shelf.open().version
    (shelf.root / "images" / "b.png").rename(shelf.root / "images" / "z.png")
    shelf.write("one", target="images/z.png")
    shelf.write("three", source="images/c.png", target="images/z.png", category="dog")
    assert shelf.open().version == version


def test_the_size_of_an_image_is_that_of_the_upright_image(tmp_path: Path) -> None:
    from PIL import ExifTags, Image

    from visionlaw.features.images import image_size, load_image

    for orientation, size in ((1, (40, 30)), (3, (40, 30)), (6, (30, 40)), (8, (30, 40))):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg", exif=exif)
        assert image_size(tmp_path / "a.jpg") == size == load_image(tmp_path / "a.jpg").size
