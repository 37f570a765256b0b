"""visionlaw dataset check, visionlaw dataset make."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def shelf(tmp_path: Path, installed: Callable[..., None]) -> Path:
    """The folder of a third party's data set: three pairs of two kinds over two images."""
    installed("shelf")
    folder = tmp_path / "data"
    folder.mkdir()
    for name in "ab":
        Image.new("RGB", (40, 30), "red" if name == "a" else "blue").save(folder / f"{name}.png")
    (folder / "shelf.txt").write_text("p1 a.png b.png 5 6 cup\np2 b.png a.png 7 8 cup\np3 a.png a.png 9 9 pen\n")
    return folder


@pytest.fixture
def drawn(plugin: Path) -> None:
    """The data set 'toypairs', which is drawn, of a third party."""


def check(cli: Callable, *arguments: object) -> dict:
    done = cli("dataset", "check", *arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def row_of(scored) -> dict:
    (row,) = scored
    return row


def test_a_sound_data_set_of_files(cli, shelf: Path) -> None:
    done = cli("dataset", "check", "shelf", shelf)
    assert done.code == 0
    assert "shelf: 3 pairs of 2 images, 6 keypoints." in done.out
    assert ["cup", "2"] in [line.split() for line in done.out.splitlines()]
    assert ["pen", "1"] in [line.split() for line in done.out.splitlines()]
    assert "Nothing is wrong." in done.out
    assert done.err == ""
    assert cli("dataset", "check", "shelf", shelf, "--strict").code == 0
    found = check(cli, "shelf?split=cup", shelf)
    assert (found["dataset"], found["pairs"], found["categories"]) == ("shelf?split=cup", 2, {"cup": 2})
    assert found["findings"] == []
    assert "content=" in found["version"]


def test_a_drawn_data_set(cli, drawn) -> None:
    found = check(cli, "toypairs")
    assert (found["pairs"], found["images"], found["keypoints"]) == (4, 5, 24)
    assert found["findings"] == []


def test_everything_wrong_is_found_and_grouped(cli, shelf: Path) -> None:
    (shelf / "b.png").unlink()
    (shelf / "text.png").write_text("not an image at all")
    Image.new("RGB", (41, 30)).save(shelf / "wide.png")
    lines = [
        "p4 text.png a.png 1 1 pen",
        "p5 wide.png a.png 40 1 pen",  # inside the image, outside what is annotated
        "p6 a.png wide.png 1 29.6 pen",  # outside the target, of which no size is annotated
        "p7 a.png",
        "p3 a.png a.png 1 1 pen",
        "p8 ../a.png a.png 1 1 pen",
    ]
    with (shelf / "shelf.txt").open("a") as file:
        file.write("\n".join(lines))
    found = check(cli, "shelf", shelf)
    told = {(finding["kind"], finding["where"]) for finding in found["findings"]}
    assert told == {
        ("missing", "b.png"),
        ("unreadable", "text.png"),
        ("unreadable", "shelf.txt:7"),
        ("inconsistent", "wide.png"),
        ("inconsistent", "p3"),
        ("inconsistent", "p8"),
        ("outside", "p5"),
        ("outside", "p6"),
    }
    assert found["counts"] == {"inconsistent": 3, "missing": 1, "outside": 2, "unreadable": 2}
    assert found["pairs"] == 3
    assert any("is 41 × 30, but annotated as 40 × 30 by 'p5'" in finding["message"] for finding in found["findings"])
    done = cli("dataset", "check", "shelf", shelf)
    assert done.code == 0
    assert "missing (1)\n  b.png: The image is not there. Pair 'p1' shows it, and 1 more." in done.out
    assert cli("dataset", "check", "shelf", shelf, "--strict").code == 2
    assert cli("dataset", "check", "shelf", shelf, "--strict", "--json").code == 2


def test_an_image_that_is_cut_off_is_found_by_decoding_it(cli, shelf: Path, plugin: Path) -> None:
    path = shelf / "b.png"
    path.write_bytes(path.read_bytes()[:-30])
    found = check(cli, "shelf", shelf)
    (finding,) = found["findings"]
    assert (finding["kind"], finding["where"]) == ("unreadable", "b.png")
    assert finding["message"].startswith("'b.png' is truncated or broken: ")
    assert finding["message"].endswith(". Pair 'p1' shows it, and 1 more.")
    assert (found["pairs"], found["images"], found["keypoints"], found["categories"]) == (1, 1, 2, {"pen": 1})
    assert cli("dataset", "check", "shelf", shelf, "--strict").code == 2
    done = cli("score", "correspondence", "toyscore/mean@64", "--dataset", "shelf", "--data", shelf)
    assert done.code == 2
    assert "b.png' is truncated or broken" in done.err


def test_an_image_of_no_known_format_is_no_obstacle_to_a_score(cli, shelf: Path, plugin: Path) -> None:
    (shelf / "b.png").write_text("not an image at all")
    done = cli("score", "correspondence", "toyscore/mean@64", "--dataset", "shelf", "--data", shelf, "--json")
    assert done.code == 0, done.err
    assert row_of(json.loads(done.out))["pairs"] == check(cli, "shelf", shelf)["pairs"] == 1


def test_a_drawing_that_fails_names_its_pair(cli, plugin: Path) -> None:
    code = (plugin / "fixture_toyscore_pairs.py").read_text()
    (plugin / "fixture_toyscore_pairs.py").write_text(code + "\n\ndel Image\n")
    *images, last = check(cli, "toypairs")["findings"]
    assert [finding["where"] for finding in images] == [f"drawn-{n}" for n in range(5)]
    assert images[0]["message"].endswith("NameError: name 'Image' is not defined. Pair 'p0' shows it.")
    assert images[1]["message"].endswith("Pair 'p0' shows it, and 1 more.")
    assert last["message"] == "There is no pair with keypoints."


@pytest.mark.parametrize("left", ["nothing", "no category", "no image", "no keypoint"])
def test_a_data_set_of_which_nothing_can_be_scored_is_wrong(cli, shelf: Path, plugin: Path, left: str) -> None:
    name, folder = "shelf", shelf
    if left == "no category":
        name = "shelf?split=spoon"
    elif left == "no image":
        (shelf / "a.png").write_bytes((shelf / "a.png").read_bytes()[:-30])
    else:
        name = "pairs"
        pair = {"id": "x", "source": "a.png", "target": "b.png", "size": 3, "source_points": [], "target_points": []}
        pairs = [pair] if left == "no keypoint" else []
        (shelf / "pairs.json").write_text(json.dumps({"format": "visionlaw-pairs", "version": 1, "pairs": pairs}))
    findings = check(cli, name, folder)["findings"]
    last = findings.pop()
    assert last == {"kind": "inconsistent", "where": "data set", "message": "There is no pair with keypoints."}
    assert len(findings) == (left == "no image")
    done = cli("dataset", "check", name, folder, "--strict")
    assert done.code == 2
    assert "Nothing is wrong." not in done.out
    if left != "no image":
        score = cli("score", "correspondence", "toyscore/mean@64", "--dataset", name, "--data", folder)
        assert score.code == 2
        assert "no pair with keypoints" in score.err
        assert "visionlaw dataset check" in score.err


def test_of_many_findings_the_first_are_shown_and_all_are_in_the_json(cli, shelf: Path) -> None:
    with (shelf / "shelf.txt").open("a") as file:
        file.write("\n".join(["broken"] * 25))
    done = cli("dataset", "check", "shelf", shelf)
    assert "unreadable (25)" in done.out
    assert done.out.count("six columns") == 10
    assert "… and 15 more; all of them with --json" in done.out
    assert check(cli, "shelf", shelf)["counts"] == {"unreadable": 25}


def test_what_annotations_hold_does_not_reach_the_terminal_as_it_is(cli, shelf: Path) -> None:
    with (shelf / "shelf.txt").open("a") as file:
        file.write("p9 \x1b[2Ja.png a.png 1 1 \x1b[31mpen\np10 b.png a.png 1 1 \x1b[31mpen\n")
    done = cli("dataset", "check", "shelf", shelf)
    assert "[2Ja.png: The image is not there." in done.out
    assert "[31mpen" in done.out
    assert "\x1b" not in done.out


def test_a_drawn_data_set_that_is_wrong(cli, plugin: Path) -> None:
    code = (plugin / "fixture_toyscore_pairs.py").read_text()
    code = code.replace("points + 1, 60.0", "points * n * 20, 60.0 if n else 0.0").replace('f"p{n}"', 'f"p{n // 3}"')
    (plugin / "fixture_toyscore_pairs.py").write_text(code)
    told = [(finding["kind"], finding["where"]) for finding in check(cli, "toypairs")["findings"]]
    assert told == [("inconsistent", "p0"), ("inconsistent", "p0"), ("outside", "p0"), ("outside", "p1")]


@pytest.mark.parametrize(
    ("arguments", "says", "remedy"),
    [
        (("check", "shelf"), "The data set 'shelf' needs a folder.", "https://shelf.example"),
        (("check", "shelf", "nowhere"), "'nowhere' is not a folder.", "PATH"),
        (("check", "shelf", "."), "is not the shelf: there is no 'shelf.txt'", "Get it from"),
        (("check", "shelv"), "shelv", "shelf"),
        (("check", "shelf?colour=red", "data"), "colour", "split"),
        (("check", "shelf/failing"), "RuntimeError: the shelf fell down", "author of shelf"),
        (("make", "shelf/failing", "out"), "RuntimeError: the shelf fell down", "author of shelf"),
        (("make", "shelf", "out"), "needs a folder", "--data FOLDER"),
        (("make", "shelf", "out", "--pairs", "3", "--data", "data"), "no option 'pairs'", "split, seed"),
        (("make", "shelf?seed=1", "out", "--seed", "1", "--data", "data"), "gives the option 'seed'", "once"),
        (("make", "shelf", "data", "--data", "data"), "something at 'data' already", "does not exist"),
    ],
)
def test_mistakes_are_one_sentence_with_a_remedy(cli, shelf: Path, tmp_path, arguments, says: str, remedy: str) -> None:
    done = cli("dataset", *arguments)
    assert done.code == 2
    assert done.out == ""
    first, second = done.err.strip().splitlines()
    assert says in first
    assert remedy in second
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_any_data_set_becomes_a_folder_that_scores_the_same(cli, shelf: Path, plugin: Path, tmp_path: Path) -> None:
    for out in ("one", "two"):
        done = cli("dataset", "make", "shelf?split=cup", out, "--seed", "3", "--data", shelf, "--json")
        assert done.code == 0, done.err
    made = json.loads(done.out)
    assert (made["dataset"], made["pairs"], made["images"]) == ("shelf?seed=3&split=cup", 2, 2)
    one, two = (sorted((p.name, p.read_bytes()) for p in (tmp_path / n).rglob("*.*")) for n in ("one", "two"))
    assert one == two
    content = json.loads((tmp_path / "one" / "pairs.json").read_text())
    assert content["made_from"]["license"] == "CC0-1.0"
    found = check(cli, "pairs", "one")
    assert (found["pairs"], found["images"], found["findings"]) == (2, 2, [])
    assert found["categories"] == {"cup": 2}
    scores = [
        cli("score", "correspondence", "toyscore/fine@64", "--dataset", *where, "--json")
        for where in (("shelf?split=cup", "--data", shelf), ("pairs", "--data", tmp_path / "one"))
    ]
    values = [row_of(json.loads(score.out))["value"] for score in scores]
    assert values[0] == values[1]
    said = cli("dataset", "make", "toypairs", "three")
    assert said.code == 0
    assert "three: 4 pairs of 3 images" in said.out  # five drawings, of which two and two are alike
    assert "--dataset pairs --data three" in said.err


def test_a_third_partys_files_are_scored(cli, shelf: Path, plugin: Path) -> None:
    done = cli("score", "correspondence", "toyscore/mean@64", "--dataset", "shelf", "--data", shelf, "--json")
    assert done.code == 0, done.err
    row = row_of(json.loads(done.out))
    assert (row["dataset"], row["pairs"], row["keypoints"]) == ("shelf", 3, 6)
    assert row["provenance"]["dataset_version"] == check(cli, "shelf", shelf)["version"]


def test_checking_and_making_need_no_torch(python, shelf: Path, plugin_folder, tmp_path: Path) -> None:
    broken = tmp_path / "broken" / "torch"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('libtorch is gone')")
    path = (broken.parent, plugin_folder("shelf"))
    assert python("-m", "visionlaw", "dataset", "check", "shelf", "data", path=path).code == 0
    done = python("-m", "visionlaw", "dataset", "make", "shelf", "out", "--data", "data", path=path)
    assert done.code == 0, done.err


def test_show_tells_licence_homepage_and_options(cli, shelf: Path) -> None:
    shown = cli("show", "shelf").out
    for text in ("CC0-1.0", "https://shelf.example", "split (str, default all"):
        assert text in shown
