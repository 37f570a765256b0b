from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from visionlaw.features.outputs import read_output


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    folder.mkdir()
    for number in range(5):
        Image.effect_noise((60 + number, 40), 50).convert("RGB").save(folder / f"{number}.png")
    (folder / "broken.png").write_bytes(b"\x89PNG")
    return folder


@pytest.mark.parametrize("form", ["safetensors", "npy", "zarr", "parquet"])
def test_features_are_written_and_a_second_run_has_nothing_to_do(cli, photographs, form) -> None:
    command = ("extract", "classical/rgb@256", "--images", photographs, "--out", "out", "--format", form, "--json")
    outcome = cli(*command)
    assert outcome.code == 0, outcome.err
    told = json.loads(outcome.out)
    assert (told["images"], told["quarantined"], told["resumed"]) == (5, 1, 0)
    assert {name: features.grid for name, features in read_output("out")} == {f"{n}.png": (16, 16) for n in range(5)}
    assert json.loads(cli(*command).out)["resumed"] == 6


def test_what_is_said(cli, photographs) -> None:
    outcome = cli("extract", "classical/rgb@256 + classical/hog@256", "-i", photographs, "-o", "out")
    assert "classical/hog@256 + classical/rgb@256: 5 images in out" in outcome.out
    assert "images/s" in outcome.out
    assert "1 image set aside" in outcome.err
    assert "quarantine.jsonl" in outcome.err


def test_images_of_several_folders_keep_apart(cli, photographs) -> None:
    other = photographs.parent / "other"
    other.mkdir()
    Image.new("RGB", (50, 50)).save(other / "0.png")
    outcome = cli("extract", "classical/rgb@256", "-i", photographs, "-i", other, "-o", "out")
    assert outcome.code == 0, outcome.err
    names = [name for name, _ in read_output("out")]
    assert len(names) == len(set(names)) == 6
    assert sum(name.endswith("/0.png") for name in names) == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("classical/rgb@256", "-i", "nowhere"), "There is no image, folder or shard 'nowhere'"),
        (("classical/rgb@256", "-i", "photographs", "--strict-images"), "broken.png"),
        (("classical/rgb@256", "-i", "photographs", "--dtype", "float8"), "no precision 'float8'"),
        (("classical/rgb@256", "-i", "photographs", "--device", "abacus"), "no device 'abacus'"),
        (("classical/rbg@256", "-i", "photographs"), "Did you mean 'classical/rgb@256'"),
        (("classical/rgb@256", "-i", "photographs", "--checkpoint", "nonsense"), "is not ID=FOLDER"),
        (("classical/rgb@256", "-i", "photographs", "--checkpoint", "dinov2/large@224=x"), "which is not asked for"),
        (("classical/rgb@256", "-i", "photographs", "--checkpoint", "classical/rgb@256=x"), "no weights to replace"),
        (("classical/rgb@256", "-i", "photographs", "--checkpoint", "a/b@64?layer=-2=x"), "without options"),
    ],
)
def test_mistakes_are_one_sentence(cli, photographs, arguments, says) -> None:
    outcome = cli("extract", *arguments, "-o", "out")
    assert outcome.code == 2
    assert says in outcome.err
    assert "Traceback" not in outcome.err


def test_an_output_of_something_else_is_not_touched(cli, photographs) -> None:
    assert cli("extract", "classical/rgb@256", "-i", photographs, "-o", "out").code == 0
    before = {path: path.read_bytes() for path in Path("out").iterdir()}
    outcome = cli("extract", "classical/hog@256", "-i", photographs, "-o", "out")
    assert outcome.code == 2
    assert "holds other features" in outcome.err
    assert {path: path.read_bytes() for path in Path("out").iterdir()} == before


def test_a_run_that_failed_before_its_first_batch_does_not_bind_the_next(cli, photographs) -> None:
    outcome = cli("extract", "classical/rgb@256", "-i", photographs / "broken.png", "-o", "out", "--strict-images")
    assert outcome.code == 2
    assert cli("extract", "classical/hog@256", "-i", photographs, "-o", "out").code == 0
    assert len(list(read_output("out"))) == 5
