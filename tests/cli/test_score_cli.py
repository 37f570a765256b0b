"""``visionlaw score correspondence`` as a user and a script see it, with a small plugin of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

PLUGIN = """
from visionlaw.hookspecs import hookimpl
from visionlaw.specs import DatasetSpec, EncoderSpec, Option


@hookimpl
def visionlaw_encoders():
    for name in ("mean", "fine", "slow", "cut", "sick"):
        yield EncoderSpec(
            id=f"toyscore/{name}@64",
            target="toyscore_code:Toy",
            aliases=("toy-" + name,),
            resolution=64,
            resize="crop" if name == "cut" else "squash",
            patch=8 if name == "fine" else 16,
            channels=48,
            options={"power": Option(type="int", default=1, description="Exponent.")},
        )


@hookimpl
def visionlaw_datasets():
    yield DatasetSpec(id="toypairs", target="toyscore_code:Pairs")
    yield DatasetSpec(id="toyfolder", target="toyscore_code:Pairs", needs_root=True)
"""

CODE = """
import time
from pathlib import Path
import numpy as np
from PIL import Image
import torch
from visionlaw.features.images import image_ref, list_images
from visionlaw.features.preprocess import prepare
from visionlaw.protocols import ImageRef, Pair


class Toy:
    def __init__(self, spec, power=1):
        self.spec, self.power = spec, power
        if "sick" in spec.id:
            raise RuntimeError("no such weights")

    def preprocess(self, image):
        return prepare(image, 64, self.spec.patch, resize=self.spec.resize)

    def encode(self, batch):
        with open("encoded.log", "a") as log:
            log.write(f"{self.spec.id} {len(batch)}\\n")
        if "slow" in self.spec.id:
            time.sleep(60)
        p = self.spec.patch
        cells = torch.nn.functional.unfold(batch, p, stride=p).reshape(len(batch), 3, 4, p // 4, 4, p // 4, -1)
        return (cells.mean((3, 5)).flatten(1, 3).transpose(1, 2) - 0.5) ** self.power


class Pairs:
    version = "1"

    def __init__(self, spec, root=None):
        self.images = [image_ref(p) for p in list_images(root)] if root else [drawn(n) for n in range(5)]

    def __len__(self):
        return len(self.images) - 1

    def __iter__(self):
        for n, (a, b) in enumerate(zip(self.images, self.images[1:])):
            points = np.random.default_rng(n).uniform(5, 60, (6, 2))
            yield Pair(f"p{n}", a, b, points, points + 1, 60.0, "even" if n % 2 else "odd")


def drawn(number):
    pixels = np.random.default_rng(number // 2).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return ImageRef(f"drawn-{number}", lambda: Image.fromarray(pixels).resize((70, 65), Image.Resampling.BICUBIC))
"""


@pytest.fixture
def plugin(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the plugin, on sys.path."""
    folder = tmp_path_factory.mktemp("toyscore")
    (folder / "toyscore_hooks.py").write_text(PLUGIN)
    (folder / "toyscore_code.py").write_text(CODE)
    info = folder / "toyscore-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toyscore\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[visionlaw.v1]\ntoyscore = toyscore_hooks\n")
    monkeypatch.syspath_prepend(str(folder))
    for name in ("toyscore_hooks", "toyscore_code"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return folder


@pytest.fixture
def score(cli: Callable, plugin: Path) -> Callable:
    return lambda *arguments: cli("score", "correspondence", *arguments)


def encoded() -> dict[str, int]:
    """How many images each encoder has encoded so far."""
    counts: dict[str, int] = {}
    log = Path("encoded.log")
    for line in log.read_text().splitlines() if log.exists() else ():
        name, count = line.split()
        counts[name] = counts.get(name, 0) + int(count)
    return counts


def test_json_rows_are_ranked_and_complete(score) -> None:
    done = score("toy-mean", "toyscore/mean@64 + toyscore/fine@64", "--dataset", "toypairs", "--json", "--alpha", "0.2")
    assert (done.code, done.err) == (0, "")
    rows = json.loads(done.out)
    assert {r["representation"] for r in rows} == {"toyscore/mean@64", "toyscore/fine@64 + toyscore/mean@64"}
    assert [r["value"] for r in rows] == sorted((r["value"] for r in rows), reverse=True)
    for row in rows:
        assert (row["scorer"], row["dataset"], row["protocol"]) == ("correspondence", "toypairs", "strict")
        assert (row["alpha"], row["pairs"], row["keypoints"]) == (0.2, 4, 24)
        assert 0 < row["value"] <= 100
        assert row["provenance"]["encoders"]["toyscore/mean@64"] == {"distribution": "toyscore", "version": "1.0"}
        assert row["provenance"]["dataset_version"] == "1"
    assert encoded() == {"toyscore/mean@64": 5, "toyscore/fine@64": 5}


def test_what_is_stored_is_neither_computed_nor_encoded_again(score, monkeypatch) -> None:
    first = score("toy-mean", "--dataset", "toypairs", "--json").out
    monkeypatch.setattr("visionlaw.correspondence.score.CorrespondenceScorer.score", None)
    assert score("toy-mean", "--dataset", "toypairs", "--json").out == first
    monkeypatch.undo()


def test_another_alpha_is_another_score_of_the_same_features(score) -> None:
    (wide,) = json.loads(score("toy-mean", "--dataset", "toypairs", "--json", "--alpha", "0.3").out)
    (narrow,) = json.loads(score("toy-mean", "--dataset", "toypairs", "--json", "--alpha", "0.01").out)
    assert narrow["value"] < wide["value"] == pytest.approx(wide["value"])
    assert encoded() == {"toyscore/mean@64": 5}
    both = json.loads(score("toy-mean?power=3", "toy-mean", "--dataset", "toypairs", "--json").out)
    assert {r["representation"] for r in both} == {"toyscore/mean@64", "toyscore/mean@64?power=3"}
    assert encoded() == {"toyscore/mean@64": 10}


def test_a_space_file_and_a_list_of_ids_mean_the_same(score, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '[space]\ncombine = {of = ["toyscore/mean@64", "toyscore/fine@64"], size = [1, 2]}\n'
        '[correspondence]\ndataset = "toypairs"\nalpha = 0.2\n'
    )
    of_file = json.loads(score("--space", "mine.toml", "--json").out)
    ids = "toyscore/mean@64, toyscore/fine@64, toyscore/mean@64 + toyscore/fine@64"
    of_ids = json.loads(score("--space", ids, "--dataset", "toypairs", "--alpha", "0.2", "--json").out)
    assert of_file == of_ids
    assert len(of_file) == 3


def test_the_table_and_the_pictures(score, tmp_path: Path) -> None:
    done = score("toy-mean", "--encoder", "toy-fine", "--dataset", "toypairs", "--matches", "pictures")
    assert done.code == 0
    assert "toyscore/mean@64" in done.out
    assert "4 pairs, 24 keypoints, strict, α = 0.1" in done.out
    drawn = sorted(p.name for p in (tmp_path / "pictures").iterdir())
    assert len(drawn) == 6
    for name in drawn:
        assert f"Picture: pictures/{name}" in done.out
        with Image.open(tmp_path / "pictures" / name) as picture:
            picture.verify()
    assert encoded() == {"toyscore/mean@64": 5, "toyscore/fine@64": 5}


def test_representations_whose_plugin_is_missing_are_named_and_left_out(score, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '[space]\nrepresentations = ["toyscore/mean@64", "toyscore/mean@64 + absent/net@64"]\n'
        '[catalogue]\nabsent = "visionlaw-absent"\n'
    )
    done = score("--space", "mine.toml", "--dataset", "toypairs", "--json")
    assert [r["representation"] for r in json.loads(done.out)] == ["toyscore/mean@64"]
    assert "pip install visionlaw-absent" in done.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["toyscore/man@64", "--dataset", "toypairs"], "Did you mean 'toyscore/mean@64'"),
        (["toy-mean", "--dataset", "toypair"], "Did you mean 'toypairs'"),
        (["toy-mean", "--dataset", "toyfolder"], "needs a folder"),
        (["toy-mean", "--dataset", "toyfolder", "--data", "nowhere"], "'nowhere' is not a folder"),
        (["toy-mean", "--dataset", "toypairs", "--alpha", "7"], "α = 7"),
        (["toy-mean", "--dataset", "toypairs", "--alpha", "nan"], "α = nan"),
        (["toyscore/mean@64 + toyscore/cut@64", "--dataset", "toypairs"], "cannot be combined"),
        (["toyscore/sick@64", "--dataset", "toypairs"], "no such weights"),
        (["toy-mean?power=x", "--dataset", "toypairs"], "takes int"),
        (["toy-mean +", "--dataset", "toypairs"], "has an empty part"),
        (["--space", "nowhere.toml"], "nowhere.toml"),
        (["toy-mean", "--dataset", "toypairs", "--matches", "encoded.log/x"], "cannot be written"),
    ],
)
def test_mistakes_are_one_sentence_with_exit_code_2(score, arguments, says) -> None:
    done = score(*arguments)
    assert done.code == 2
    assert says in done.err
    assert "Traceback" not in done.err
    assert "bug in visionlaw" not in done.err
    assert done.out == ""


def test_a_bad_image_in_the_folder_is_named(score, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    Image.new("RGB", (70, 65), "red").save(folder / "a.png")
    (folder / "b.png").write_bytes((folder / "a.png").read_bytes()[:60])
    done = score("toy-mean", "--dataset", "toyfolder", "--data", "images")
    assert done.code == 2
    assert "b.png" in done.err


def test_an_interrupted_run_keeps_what_it_has(score, plugin: Path, tmp_path: Path) -> None:
    arguments = ["score", "correspondence", "toy-mean", "toyscore/slow@64", "--dataset", "toypairs", "--json"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(plugin), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", "from visionlaw.cli.main import main; main()", *arguments]
    running = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while "toyscore/slow@64" not in encoded() and time.monotonic() < deadline and running.poll() is None:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 130, err.decode()
    assert b"Traceback" not in err
    assert out == b""
    before = encoded()["toyscore/mean@64"]
    assert len(json.loads(score("toy-mean", "--dataset", "toypairs", "--json").out)) == 1
    assert encoded()["toyscore/mean@64"] == before
