"""The companions as a project measures them: from registry.toml, folders and files to stored scores."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visionlaw.errors import ConfigError
from visionlaw.project import Project
from visionlaw.scoring.alignment import Method
from visionlaw.space import ImagesAt

COUNT = 14


@pytest.fixture
def project(
    installed: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language_folder: Path
) -> Project:
    """Toy encoders, a tiny language model, pictures without captions, and a list of the same with captions."""
    installed("toyscore")
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    with (tmp_path / "captions.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "caption"])
        for number in range(COUNT):
            Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(f"pictures/{number}.png")
            words = rng.choice(["red", "blue", "dog", "cat", "mat"], size=3)
            rows.writerow([f"pictures/{number}.png", f"a {' '.join(words)}"])
    (tmp_path / "registry.toml").write_text(
        '[space]\nrepresentations = ["toy-mean", "toy-fine"]\n'
        f'[language]\nmodel = "{language_folder}"\n'
        f'[alignment]\ndefinition = "cka"\nreferences = ["toy-mean"]\nimages = {COUNT - 2}\n'
        'captions = "list"\ncaptions_root = "captions.csv"\n'
    )
    return Project.find()


@pytest.mark.parametrize("name", ["mutual-knn?k=3", "cka", "logme", "gromov-wasserstein"])
def test_against_captions_it_is_one_score_for_all_benchmarks(project: Project, name: str) -> None:
    (measuring,) = Method.prepare(project, name).on_benchmarks()
    rows = {row.representation: row for row in measuring.scores(project.representations(["toy-mean", "toy-fine"]))}
    assert set(rows) == {"toyscore/mean@64", "toyscore/fine@64"}
    for row in rows.values():
        assert (row.scorer, row.benchmark, row.count) == (name, "", COUNT - 2)
        assert row.protocol == f"{name.partition('?')[0]}-text"
        assert {"images", "seed", "layer"} <= set(row.params)
        assert "language" in row.provenance


@pytest.mark.parametrize("name", ["mutual-knn?against=reference&k=3", "cka?against=reference"])
def test_against_references_images_need_no_captions_and_no_language_model(project: Project, name: str) -> None:
    method = Method.prepare(project, name)
    assert method.language is None
    measuring = method.on(ImagesAt("folder", Path("pictures")))
    rows = {row.representation: row for row in measuring.scores(project.representations(["toy-mean", "toy-fine"]))}
    assert rows["toyscore/mean@64"].value == pytest.approx(1)
    assert rows["toyscore/fine@64"].value < 1
    assert rows["toyscore/fine@64"].protocol.endswith("-reference")
    assert "references" in rows["toyscore/fine@64"].provenance


def test_the_option_may_be_given_aside(project: Project) -> None:
    method = Method.prepare(project, against="reference", debiased=False)
    assert method.spec.data == "images"
    assert method.scorer.parameters == {"debiased": False}
    assert method.name.startswith("cka?against=reference&debiased=")


def test_what_is_not_named_is_asked_for(project: Project) -> None:
    text = project.space_path.read_text()
    project.space_path.write_text(text.replace('references = ["toy-mean"]\n', ""))
    with pytest.raises(ConfigError, match="measures against references, and none are named"):
        Method.prepare(Project.find(), "logme?against=reference")
