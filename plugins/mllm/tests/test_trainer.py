from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visionlaw.errors import ConfigError, DataError, MissingDependencyError
from visionlaw.project import Project
from visionlaw_mllm.mllm import MLLM
from visionlaw_mllm.tiny import write_task
from visionlaw_mllm.trainer import LLaVATrainer

QUESTIONS = ["What is it?", "Why?", "How many are there?", "Is it red?"]


@pytest.fixture
def trained(saved_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a trained model in a project of its own, which is the working directory."""
    (tmp_path / "registry.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(saved_model, tmp_path / "model"))


def write_questions(folder: Path, model: MLLM) -> int:
    """Write a task of four questions as lmms-eval reads them; return how many answers are right."""
    rng = np.random.default_rng(0)
    pictures = [Image.fromarray(rng.integers(0, 255, (30, 40, 3), np.uint8)) for _ in QUESTIONS]
    said = model.generate(pictures, QUESTIONS, max_new_tokens=4)
    answers = [said[0], "something else", said[2], said[3]]
    write_task(folder, pictures, QUESTIONS, answers)
    return sum(one == other for one, other in zip(said, answers, strict=True))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of datasets
def test_a_model_is_evaluated_by_the_real_lmms_eval(trained: Path, tmp_path: Path) -> None:
    ready = subprocess.run([sys.executable, "-c", "import lmms_eval.__main__"], capture_output=True, check=False)
    if ready.returncode:
        pytest.skip("lmms-eval is not installed: python -m pip install 'visionlaw-mllm[lmms]'")
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    right = write_questions(tasks, MLLM.load(trained, Project.find()))
    assert 0 < right < len(QUESTIONS)
    trainer = LLaVATrainer(tasks=str(tasks), batch_size=2)
    assert trainer.evaluate(trained, ["tiny"]) == {"tiny": right / len(QUESTIONS)}
    # What is measured is not measured again: it is not even looked for where tasks are.
    shutil.rmtree(tasks)
    assert trainer.evaluate(trained, ["tiny"]) == {"tiny": right / len(QUESTIONS)}
    with pytest.raises(DataError, match="lmms-eval has not measured nowhere"):
        trainer.evaluate(trained, ["nowhere"])


def test_results_of_a_model_that_was_replaced_do_not_count(
    trained: Path, monkeypatch: pytest.MonkeyPatch, saved_model: Path
) -> None:
    state = json.loads((trained / "mllm.json").read_text())["state"]
    folder = trained / "evaluation" / state
    folder.mkdir(parents=True)
    facts = {"results": {"tiny": {"alias": "tiny", "right,none": 0.5}}, "config": {"model": "visionlaw"}}
    (folder / "20260101_000000_results.json").write_text(json.dumps(facts))
    trainer = LLaVATrainer()
    assert trainer.evaluate(trained, ["tiny"]) == {"tiny": 0.5}
    MLLM.load(trained).save(trained)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="not installed"):
        trainer.evaluate(trained, ["tiny"])


def test_what_it_needs_is_told(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="given no records"):
        LLaVATrainer().finetune("classical/rgb@256", tmp_path)
    with pytest.raises(ConfigError, match="No language model is named"):
        LLaVATrainer(data="records.json").finetune("classical/rgb@256", tmp_path)
    with pytest.raises(DataError, match="There is no model in"):
        LLaVATrainer().evaluate(tmp_path, ["mme"])


def test_it_is_listed_and_its_options_are_read(trained: Path) -> None:
    trainer = Project.find().registry.load("trainer", "llava?data=a/b.json&pairs=c.json&batch_size=2")
    assert (trainer.data, trainer.pairs, trainer.batch_size) == ("a/b.json", "c.json", 2)


@pytest.mark.slow
def test_it_trains_stage_1_where_it_is_missing_and_then_stage_2(
    tiny_language: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    records = []
    for number in range(4):
        Image.fromarray(rng.integers(0, 255, (20, 20, 3), np.uint8)).save(tmp_path / f"{number}.png")
        talk = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": f"It is {number}."}]
        records.append({"id": str(number), "image": f"{number}.png", "conversations": talk})
    (tmp_path / "data.json").write_text(json.dumps(records))
    (tmp_path / "registry.toml").write_text(f'[language]\nmodel = "{tiny_language}"\n')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="no projector"):
        LLaVATrainer(data="data.json").finetune("classical/rgb@256", tmp_path / "work")
    trainer = LLaVATrainer(data="data.json", pairs="data.json")
    folder = trainer.finetune("classical/rgb@256", tmp_path / "work")
    assert folder == tmp_path / "work/model"
    model = MLLM.load(folder)
    assert model.representation == "classical/rgb@256"
    assert model.training_facts["stage"] == 2
    written = (folder / "mllm.json").read_bytes()
    assert trainer.finetune("classical/rgb@256", tmp_path / "work") == folder
    assert (folder / "mllm.json").read_bytes() == written
