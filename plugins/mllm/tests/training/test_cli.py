from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from visionlaw.alignment.language import LanguageRef

RGB = "classical/rgb@256"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Return a function that runs the command line in an empty project."""
    from visionlaw.cli.main import main

    (tmp_path / "registry.toml").write_text("")
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["visionlaw", *map(str, words)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def test_align_then_finetune(run: Run, tmp_path: Path, literate: LanguageRef, make_pairs: Callable[..., Path]) -> None:
    pairs = make_pairs(tmp_path, 4)
    records = json.loads(pairs.read_text())
    records[1]["image"] = "nowhere.png"
    pairs.write_text(json.dumps(records))
    how = ("--data", pairs, "--lm", literate.folder, "--global-batch", 2, "--steps", 2)
    code, out, err = run("align", RGB, *how)
    assert code == 0, err
    assert out.splitlines()[1].startswith(f"{RGB}  109 → 32  2      ")
    assert "1 record skipped; the reasons are in" in err
    (card,) = json.loads(run("align", RGB, *how, "--json")[1])
    assert (card["representation"], card["training"]["steps"]) == (RGB, 2)
    code, out, err = run("finetune", RGB, *how, "--out", "model")
    assert (code, out) == (0, "model\n"), err
    assert (tmp_path / "model" / "mllm.json").is_file()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--recipe", "llava-1.5-stage3"), "Did you mean 'llava-1.5-stage2'"),
        (("--lr", "0"), "the learning rate is 0.0"),
        (("--kind", "mlp3x"), "There is no projector 'mlp3x'."),
    ],
)
def test_what_makes_no_sense_is_a_sentence(
    run: Run, tmp_path: Path, literate: LanguageRef, make_pairs: Callable[..., Path], words: tuple[str, ...], told: str
) -> None:
    pairs = make_pairs(tmp_path, 1)
    code, out, err = run("align", RGB, "--data", pairs, "--lm", literate.folder, *words)
    assert (code, out) == (2, "")
    assert told in err


def test_without_a_language_model_it_says_what_to_do(run: Run, tmp_path: Path, make_pairs: Callable[..., Path]) -> None:
    code, _, err = run("align", RGB, "--data", make_pairs(tmp_path, 1))
    assert code == 2
    assert "No language model is named." in err
