"""When a score is another one: what a stored score depends on, and that it can be shown where nothing is computed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from visionlaw.store import Store

ARGUMENTS = ("toy-mean", "--dataset", "toypairs", "--json")


def edit(code: Path, old: str, new: str) -> None:
    assert old in code.read_text()
    code.write_text(code.read_text().replace(old, new))


def test_an_upgrade_of_a_library_measures_anew_from_new_features(score, encoded, upgrade, tmp_path: Path) -> None:
    (before,) = json.loads(score(*ARGUMENTS).out)
    upgrade("2.0")
    (after,) = json.loads(score(*ARGUMENTS).out)
    assert encoded() == {"toyscore/mean@64": 10}
    told = [row["provenance"]["encoders"]["toyscore/mean@64"]["libraries"]["toylib"] for row in (before, after)]
    assert told == ["1.0", "2.0"]
    with Store.of_project(tmp_path / ".visionlaw", create=False) as store:
        assert len(store.scores()) == 2
    upgrade("1.0")
    assert json.loads(score(*ARGUMENTS).out) == [before]
    assert encoded() == {"toyscore/mean@64": 10}


def test_an_encoder_that_is_edited_in_place_is_another_one(score, encoded, plugin: Path) -> None:
    score(*ARGUMENTS)
    edit(plugin / "fixture_toyscore_net.py", "- 0.5", "- 0.25")
    score(*ARGUMENTS)
    assert encoded() == {"toyscore/mean@64": 10}


def test_a_combiner_that_is_edited_in_place_makes_another_score_of_combinations_alone(
    score, plugin: Path, tmp_path: Path
) -> None:
    (tmp_path / "registry.toml").write_text(
        '[space]\ncombiner = "toyfirst"\nrepresentations = ["toy-cut", "toy-mean + toy-fine"]\n'
        '[correspondence]\ndataset = "toypairs"\n'
    )
    score()
    edit(plugin / "fixture_toyscore_combiner.py", "rows[0]", "rows[1]")
    score()
    with Store.of_project(tmp_path / ".visionlaw", create=False) as store:
        assert sorted("+" in row.representation for row in store.scores()) == [False, True, True]


@pytest.fixture
def without_torch(tmp_path_factory: pytest.TempPathFactory, plugin: Path, python: Callable) -> Callable:
    """Return a function that runs the verb in a process where torch cannot be imported."""
    broken = tmp_path_factory.mktemp("broken") / "torch"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise ImportError('libtorch is gone')")
    path = (broken.parent, plugin)
    return lambda *arguments: python("-m", "visionlaw", "score", "correspondence", *arguments, path=path)


def test_without_torch_stored_scores_are_shown_and_others_say_what_to_install(
    score, without_torch, encoded, tmp_path: Path
) -> None:
    assert without_torch(*ARGUMENTS).code == 2
    assert list(tmp_path.iterdir()) == [], "what cannot begin leaves no empty store"
    stored = score(*ARGUMENTS)
    shown = without_torch(*ARGUMENTS)
    assert (shown.code, shown.out, shown.err) == (0, stored.out, "")
    for arguments in (("toy-fine", *ARGUMENTS), (*ARGUMENTS, "--matches", "pictures")):
        refused = without_torch(*arguments)
        assert (refused.code, refused.out) == (2, "")
        assert "libtorch is gone" in refused.err
        assert "pip install 'visionlaw[torch]'" in refused.err
        assert "bug" not in refused.err
    assert encoded() == {"toyscore/mean@64": 5}


def test_the_rooms_that_only_tell_are_imported_without_torch(python: Callable) -> None:
    rooms = "visionlaw.report.gallery, visionlaw.correspondence.score, visionlaw.scoring.stored, visionlaw.store"
    done = python("-c", f"import sys, {rooms}; print('torch' in sys.modules)")
    assert done.out.strip() == "False", done.err
