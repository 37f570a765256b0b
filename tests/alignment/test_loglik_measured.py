"""loglik as a project measures it: from registry.toml, captions and projectors to stored scores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import visionlaw
from visionlaw.alignment.language import find_language
from visionlaw.alignment.projector import ProjectorCard, build_projector, projector_folder, save_projector
from visionlaw.project import Project
from visionlaw.scoring.representations import name_of

NAMES = ("toy-mean", "acme/deep@64 + toy-mean")


@pytest.fixture
def project(
    installed: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language_folder: Path
) -> Project:
    installed("toyscore", "acme")
    monkeypatch.chdir(tmp_path)
    lines = ["image\tcaption"]
    for number in range(6):
        pixels = np.random.default_rng(number).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(f"{number}.png")
        lines.append(f"{number}.png\ta {'red' if number % 2 else 'blue'} dog")
    Path("pairs.tsv").write_text("\n".join(lines))
    Path("registry.toml").write_text(
        f'[language]\nmodel = "{language_folder}"\n'
        '[alignment]\ndefinition = "loglik"\nimages = 5\ncaptions = "list"\ncaptions_root = "pairs.tsv"\n'
    )
    here, language = Project.find(), find_language(str(language_folder))
    for representation in here.representations(NAMES):
        name, channels = name_of(representation), sum(part.spec.channels for part in representation)
        encoders = {part.id: part.provenance for part in representation}
        combiner = {"id": "concat"} if len(representation) > 1 else {}
        card = ProjectorCard(name, "linear", channels, language.width, encoders, language.provenance, combiner)
        projector = build_projector("linear", channels, language.width, seed=0)
        save_projector(projector_folder(here.projectors, name, language.fingerprint), projector, card)
    return here


def test_a_of_single_and_combined_representations_is_one_for_all_benchmarks(project: Project) -> None:
    rows = visionlaw.score_alignment(*NAMES, device="cpu")
    assert {row.representation for row in rows} == {"toyscore/mean@64", "acme/deep@64 + toyscore/mean@64"}
    for row in rows:
        assert (row.scorer, row.protocol, row.benchmark, row.count) == ("loglik", "loglik", "", 5)
        low, high = row.extra["interval"]
        assert low <= row.value <= high < 0
        assert {"language", "projector", "scorer", "dataset"} <= set(row.provenance)
        assert "transformers" in row.provenance["scorer"]["libraries"]
    assert visionlaw.score_alignment(*NAMES, device="cpu") == rows
    lower = visionlaw.score_alignment("toy-mean", dtype="float32", scorer="loglik?dtype=bfloat16", device="cpu")
    assert lower[0].scorer == "loglik?dtype=bfloat16"
    assert lower[0].value != next(row.value for row in rows if row.representation == "toyscore/mean@64")
