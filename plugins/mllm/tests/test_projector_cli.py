from __future__ import annotations

import json
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

RGB = "classical/rgb@256"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Return a function that runs a verb in an empty project."""
    from visionlaw.cli.main import main

    (tmp_path / "registry.toml").write_text("")
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["visionlaw", "projector", *map(str, words)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def weights(channels: int = 109, width: int = 32) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = {"0.weight": (width, channels), "0.bias": (width,), "2.weight": (width, width), "2.bias": (width,)}
    return {f"model.mm_projector.{name}": torch.randn(s, generator=generator) for name, s in shapes.items()}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_llavas_projector_comes_in_and_goes_out_unchanged(
    run: Run, tmp_path: Path, tiny_language: Path, dtype: torch.dtype
) -> None:
    state = {name: value.to(dtype) for name, value in weights().items()}
    torch.save({**state, "model.embed_tokens.weight": torch.zeros(4, 4)}, tmp_path / "mm_projector.bin")
    code, out, err = run("import", "mm_projector.bin", "--representation", RGB, "--lm", tiny_language)
    assert (code, err) == (0, "")
    assert out.startswith(f"{RGB}: mlp2x_gelu, 109 → 32, for ")
    assert run("export", RGB, "out/again.bin", "--lm", tiny_language)[0] == 0
    again = torch.load(tmp_path / "out/again.bin", weights_only=True)
    assert again.keys() == state.keys()
    assert all(torch.equal(again[name].to(dtype), state[name]) for name in state)
    (card,) = json.loads(run("ls", "--json")[1])
    assert card["representation"] == RGB
    assert card["training"]["imported"]["dtype"] == str(dtype).removeprefix("torch.")
    assert f"{RGB}" in run("ls")[1]


def test_a_linear_projector_has_llavas_names(run: Run, tmp_path: Path, tiny_language: Path) -> None:
    state = {"model.mm_projector.weight": torch.randn(32, 109), "model.mm_projector.bias": torch.randn(32)}
    torch.save(state, tmp_path / "linear.bin")
    assert run("import", "linear.bin", "--representation", RGB, "--lm", tiny_language)[0] == 0
    assert run("export", RGB, "again.bin", "--lm", tiny_language)[0] == 0
    again = torch.load(tmp_path / "again.bin", weights_only=True)
    assert again.keys() == state.keys()
    assert all(torch.equal(again[name], state[name]) for name in state)


class Malicious:
    """Unpickled, it makes a folder."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("owned",)


@pytest.mark.parametrize("writer", ["torch", "pickle"])
def test_code_in_a_file_is_never_run(run: Run, tmp_path: Path, tiny_language: Path, writer: str) -> None:
    content = {**weights(), "model.mm_projector.4.weight": Malicious()}
    if writer == "torch":
        torch.save(content, tmp_path / "bad.bin")
    else:
        (tmp_path / "bad.bin").write_bytes(pickle.dumps(Malicious()))
    code, _, err = run("import", "bad.bin", "--representation", RGB, "--lm", tiny_language)
    assert code == 2
    assert "holds something else than tensors, which could run code; it was not loaded." in err
    assert not (tmp_path / "owned").exists()
    assert json.loads(run("ls", "--json")[1]) == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (weights(64), "takes tokens of 64 channels; those of 'classical/rgb@256' have 109"),
        (weights(width=40), "for a language model of width 40; "),
        ({"lm_head.weight": torch.zeros(2)}, "no tensor of that name"),
        ({f"model.mm_projector.{n}.weight": torch.zeros(2, 2) for n in (0, 2, 4)}, "is 0.weight, 2.weight, 4.weight"),
        ({**weights(), "model.mm_projector.2.bias": torch.zeros(7)}, "2.bias [7] float32"),
        ({**weights(), "model.mm_projector.0.weight": torch.zeros(3)}, "make no projector"),
        ({**weights(), "model.mm_projector.0.weight": torch.zeros(32, 109, dtype=torch.int8)}, "int8"),
        ({**weights(), "model.mm_projector.2.bias": torch.full((32,), float("nan"))}, "has diverged: 2.bias"),
        ([torch.zeros(2)], "holds something else than tensors"),
    ],
)
def test_a_projector_that_does_not_fit(
    run: Run, tmp_path: Path, tiny_language: Path, content: object, told: str
) -> None:
    torch.save(content, tmp_path / "bad.bin")
    code, _, err = run("import", "bad.bin", "--representation", RGB, "--lm", tiny_language)
    assert code == 2
    assert told in err
    assert "Traceback" not in err


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "truncated", "folder"])
def test_a_file_that_cannot_be_read(run: Run, tmp_path: Path, tiny_language: Path, damage: str) -> None:
    path = tmp_path / "bad.bin"
    torch.save(weights(), path)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-500])
    elif damage != "missing":
        path.write_bytes(b"" if damage == "empty" else b"not a pickle")
    if damage in {"missing", "folder"}:
        path.unlink()
    if damage == "folder":
        path.mkdir()
    code, _, err = run("import", "bad.bin", "--representation", RGB, "--lm", tiny_language)
    assert code == 2
    assert "bad.bin'" in err
    assert "bug" not in err


def test_an_import_replaces_nothing_unasked(run: Run, tmp_path: Path, tiny_language: Path) -> None:
    torch.save(weights(), tmp_path / "a.bin")
    words = ("import", "a.bin", "--representation", RGB, "--lm", tiny_language)
    assert run(*words)[0] == 0
    code, _, err = run(*words)
    assert code == 2
    assert "already" in err
    assert "--force" in err
    assert run(*words, "--force")[0] == 0


def test_without_a_language_model(run: Run, tmp_path: Path) -> None:
    torch.save(weights(), tmp_path / "a.bin")
    code, _, err = run("import", "a.bin", "--representation", RGB)
    assert code == 2
    assert "No language model is named." in err


def test_a_damaged_card_is_told_and_the_others_are_listed(run: Run, tmp_path: Path, tiny_language: Path) -> None:
    torch.save(weights(), tmp_path / "a.bin")
    run("import", "a.bin", "--representation", RGB, "--lm", tiny_language)
    bad = tmp_path / ".visionlaw/projectors/000000000000/bad/projector.json"
    bad.parent.mkdir(parents=True)
    bad.write_text("{")
    code, out, err = run("ls")
    assert code == 0
    assert "1 projector." in out
    assert "Left out:" in err
