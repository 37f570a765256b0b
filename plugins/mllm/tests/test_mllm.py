from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from visionlaw.alignment.language import find_language
from visionlaw.alignment.projector import ProjectorCard, build_projector, projector_folder, save_projector
from visionlaw.errors import DataError, WeightsError
from visionlaw.project import Project
from visionlaw_mllm.mllm import MLLM

RGB, DCT = "classical/rgb@256", "classical/dct@256"
CHANNELS = {RGB: 109, DCT: 64, f"{DCT} + {RGB}": 173}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    path = tmp_path / "registry.toml"
    path.write_text("")
    return Project.find(path)


def aligned(project: Project, language: Path, name: str = RGB, **options: object) -> MLLM:
    """Return a model whose projector, of random weights, is the project's."""
    reference = find_language(str(language))
    (representation,) = project.representations([name])
    name = " + ".join(part.id for part in representation)
    card = ProjectorCard(
        name,
        "mlp2x_gelu",
        CHANNELS[name],
        reference.width,
        {part.id: dict(part.provenance) for part in representation},
        reference.provenance,
        {"id": "concat"} if len(representation) > 1 else {},
    )
    folder = projector_folder(project.projectors, name, reference.fingerprint)
    save_projector(folder, build_projector("mlp2x_gelu", card.channels, card.width, seed=1), card)
    return MLLM.aligned(project, representation, reference, **options)


def picture(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (40, 60, 3), np.uint8))


@pytest.mark.parametrize("name", [RGB, f"{DCT} + {RGB}"])
def test_saved_and_loaded_it_is_the_same(project: Project, tiny_language: Path, tmp_path: Path, name: str) -> None:
    model = aligned(project, tiny_language, name)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01)
    model.training_facts = {"recipe": "llava-1.5-stage2", "losses": [2.5, 1.5]}
    again = MLLM.load(model.save(tmp_path / "model"), project)
    before, after = model.state_dict(), again.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert not any(parameter.requires_grad for parameter in again.parameters())
    assert (again.representation, again.template) == (model.representation, "v1")
    assert again.training_facts == model.training_facts
    assert again.base.provenance == model.base.provenance
    tokens = [again.project(m.encode([picture(0)]))[0] for m in (model, again)]
    assert tokens[0].shape == (256, 32)
    assert torch.equal(*tokens)


def test_a_frozen_language_model_is_named_not_copied(project: Project, tiny_language: Path, tmp_path: Path) -> None:
    folder = aligned(project, tiny_language).save(tmp_path / "model", own_language=False)
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".json", ".safetensors"}
    assert sum(path.stat().st_size for path in folder.rglob("*.safetensors")) < 4 * (109 * 32 + 32 * 34) + 1000
    assert MLLM.load(folder, project).language.get_input_embeddings().weight.shape == (259, 32)
    facts = json.loads((folder / "mllm.json").read_text())
    facts["base"]["fingerprint"] = "sha256:another"
    (folder / "mllm.json").write_text(json.dumps(facts))
    with pytest.raises(WeightsError, match="is not the one that"):
        MLLM.load(folder, project)


def test_a_writer_that_fails_leaves_the_old_model(project: Project, tiny_language: Path, tmp_path: Path) -> None:
    model = aligned(project, tiny_language)
    folder = model.save(tmp_path / "model")
    old = {key: value.clone() for key, value in model.state_dict().items()}
    with torch.no_grad():
        model.projector[0].weight.zero_()
        model.language.lm_head.weight[3, 3] = float("nan")
    with pytest.raises(DataError, match=r"has diverged: lm_head\.weight"):
        model.save(folder)
    again = MLLM.load(folder, project).state_dict()
    assert all(torch.equal(old[key], again[key]) for key in old)
    assert len(list(folder.glob("state-*"))) == 1


def test_what_a_killed_writer_left_is_ignored_and_goes_with_the_next_save(
    project: Project, tiny_language: Path, tmp_path: Path
) -> None:
    model = aligned(project, tiny_language)
    folder = model.save(tmp_path / "model")
    torn = folder / "state-00000000"
    (torn / "language").mkdir(parents=True)
    (torn / "projector.safetensors").write_bytes(b"half")
    MLLM.load(folder, project)
    model.save(folder)
    assert not torn.exists()
    MLLM.load(folder, project)


def test_another_encoder_is_refused(project: Project, tiny_language: Path, tmp_path: Path) -> None:
    folder = aligned(project, tiny_language).save(tmp_path / "model")
    (card,) = folder.glob("*/projector.json")
    facts = json.loads(card.read_text())
    facts["encoders"][RGB]["spec"] = "0" * 16
    card.write_text(json.dumps(facts))
    with pytest.raises(DataError, match=f"trained for another '{RGB}': its spec was 0000"):
        MLLM.load(folder, project)


def test_a_folder_without_a_model(project: Project, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no model in"):
        MLLM.load(tmp_path, project)
    (tmp_path / "mllm.json").write_text("[1")
    with pytest.raises(DataError, match="cannot be read"):
        MLLM.load(tmp_path, project)
