from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from visionlaw.errors import ConfigError
from visionlaw.law.tables import load_table
from visionlaw.project import Project
from visionlaw_lab.folder import make_folder, read_plan
from visionlaw_lab.names import ANSWERS
from visionlaw_lab.plans import FULL, QUICK, Plan, Training
from visionlaw_lab.recipes import LanguageRecipe

TINY = replace(
    QUICK,
    name="tiny",
    representations=("lab/untrained@112", "classical/rgb@112", "classical/rgb@112 + lab/untrained@112"),
    benchmarks=("colour", "digit"),
    scenes=8,
    questions=12,
    images=4,
    pairs=4,
    budget=2,
    everything=True,
    stage1=Training(1e-3, 1, 4),
    stage2=Training(1e-3, 1, 4),
    language=LanguageRecipe(width=32, layers=1, heads=2, steps=2, batch=2),
)


@pytest.mark.parametrize("plan", [QUICK, FULL, TINY], ids=lambda plan: plan.name)
def test_plan_survives_json(plan: Plan) -> None:
    assert Plan.of_facts(plan.facts) == plan


def test_full_asks_enough_of_enough() -> None:
    assert len(FULL.representations) >= 14
    assert len(FULL.benchmarks) == 6
    assert all(FULL.questions % len(ANSWERS[benchmark]) == 0 for benchmark in FULL.benchmarks)


def test_folder_is_a_project_and_keeps_its_plan(tmp_path: Path) -> None:
    make_folder(tmp_path, TINY, lambda stage, done, total: None)
    project = Project(tmp_path / "registry.toml", tmp_path)
    assert project.space.representations == TINY.representations
    assert tuple(project.space.benchmarks) == TINY.benchmarks
    assert read_plan(tmp_path) == TINY
    with pytest.raises(ConfigError, match="other settings"):
        make_folder(tmp_path, replace(TINY, scenes=9), lambda stage, done, total: None)


def test_somebody_elses_project_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "registry.toml").write_text("[space]\n")
    with pytest.raises(ConfigError, match="another kind"):
        make_folder(tmp_path, TINY, lambda stage, done, total: None)
    assert (tmp_path / "registry.toml").read_text() == "[space]\n"


@pytest.mark.slow
def test_the_whole_loop_runs_and_runs_again_without_training(tmp_path: Path) -> None:
    from visionlaw_lab.loop import Lab

    said: list[str] = []
    outcome = Lab(TINY, tmp_path / "lab", said.append, lambda stage, done, total: None).run()
    assert len(outcome.asked) == 2
    assert {name for name, of in outcome.measured.items() if of.performance} == set(TINY.representations)
    for path in outcome.tables.values():
        table = load_table(path)
        assert set(table.settings) == set(TINY.representations)
        assert table.benchmarks == TINY.benchmarks
    trained = [line for line in said if "colour" in line and line.startswith("  ")]
    assert len(trained) == 3
    said.clear()
    again = Lab(TINY, tmp_path / "lab", said.append, lambda stage, done, total: None).run()
    assert not [line for line in said if line.startswith("  ")]
    assert {n: dict(of.performance) for n, of in again.measured.items()} == {
        n: dict(of.performance) for n, of in outcome.measured.items()
    }
