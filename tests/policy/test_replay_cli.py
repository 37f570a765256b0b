from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from visionlaw.cli.replay import replay
from visionlaw.errors import DataError, StudyError, UnknownIdError, VisionlawError
from visionlaw.spacefile import SpaceFile

app = typer.Typer()
app.command()(replay)


@pytest.fixture(autouse=True)
def _empty_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["--trials", "40", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_json_names_what_was_asked() -> None:
    options = ("--law", "colm2025", "--sampler", "random", "--budget", "3", "--mode", "joint", "--noise", "0.02")
    figures = json.loads(_run(*options, "--subspace", "8:12", "--seed", "4", "--json"))
    assert (figures["law"], figures["sampler"], figures["mode"]) == ("colm2025", "random", "joint")
    assert len(figures["fixed_budget"]["recall@3"]) == 4


def test_the_same_seed_prints_the_same() -> None:
    first, again, other = (_run("--sampler", "region", "--seed", seed, "--json") for seed in ("3", "3", "4"))
    assert first == again != other


def test_the_default_sampler_is_the_shipped_one() -> None:
    shipped = SpaceFile().policy.sampler
    assert json.loads(_run("--budget", "1", "--json"))["sampler"] == shipped


def test_the_table_tells_the_two_counts_apart() -> None:
    shown = _run("--budget", "2")
    assert "fixed budget, mean of the benchmarks" in shown
    assert "first hit in the top 3" in shown
    assert "what a user gets" in shown


def test_several_samplers_are_compared() -> None:
    names = ("--sampler", "region", "--sampler", "random", "--budget", "3")
    compared = json.loads(_run(*names, "--json"))
    assert list(compared) == ["replays"]
    compared = compared["replays"]
    assert [figures["sampler"] for figures in compared] == ["region", "random"]
    assert compared[1] == json.loads(_run("--sampler", "random", "--budget", "3", "--json"))
    shown = _run(*names)
    assert f"{compared[0]['fixed_budget']['recall@3'][3]:.2f}" in shown
    assert shown.count("  random ") == shown.count("  region ") == 6


def test_a_prior_is_a_split_or_a_table(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_bytes(files("visionlaw.law").joinpath("data/law_iclr2025.csv").read_bytes())
    for prior in ("leave-one-benchmark-out", "strict", "mine.csv"):
        options = ("--budget", "1", "--subspace", "8:12", "--trials", "5", "--prior", prior)
        assert json.loads(_run(*options, "--json"))["prior"] == prior
        assert f"prior: {prior}" in " ".join(_run(*options).split())


def test_the_table_shows_intervals() -> None:
    figures = json.loads(_run("--budget", "2", "--json"))
    shown = _run("--budget", "2")
    for place, low_or_high in enumerate(("from", "to")):
        bounds = (f"{bound[place]:.2f}" for bound in figures["intervals"]["found"])
        assert f"95% {low_or_high} " + " ".join(bounds) in " ".join(shown.replace("│", "").split())


def test_a_file_replaces_the_law(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(files("visionlaw.law").joinpath("data/law_iclr2025.csv").read_bytes())
    figures = json.loads(_run("--law", "mine.csv", "--json"))
    assert figures["law"] == "mine.csv"
    assert figures["fixed_budget"] == json.loads(_run("--law", "iclr2025", "--json"))["fixed_budget"]


def test_the_modes_are_choices_that_the_help_shows() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    assert "single|joint" in shown
    refused = CliRunner().invoke(app, ["--mode", "double"], env={"COLUMNS": "200"})
    assert refused.exit_code == 2
    assert "'double' is not one of 'single', 'joint'" in refused.output


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("--subspace", "8-12"), StudyError, "'8-12' is not a subspace"),
        (("--subspace", "8:"), StudyError, "'8:' is not a subspace"),
        (("--budget", "20"), StudyError, "A budget of 20"),
        (("--sampler", "regoin"), UnknownIdError, "regoin"),
        (("--prior", "strict"), StudyError, "A strict prior"),
        (("--prior", "colm2025"), StudyError, "A of colm2025 is loglik"),
        (("--law", "missing.csv"), DataError, "neither a shipped table nor a file"),
    ],
)
def test_bad_input_is_a_users_error(arguments: tuple[str, ...], error: type[VisionlawError], message: str) -> None:
    with pytest.raises(error, match=message):
        _run(*arguments)


def test_a_small_table_is_replayed_to_its_end(tmp_path: Path) -> None:
    lines = [f"{s},docs,{10 + s},{0.1 * s},{s * s % 5}" for s in range(5)]
    (tmp_path / "small.csv").write_text("\n".join(["setting,benchmark,performance,a,c", *lines]), encoding="utf-8")
    figures = json.loads(_run("--law", "small.csv", "--json"))
    assert len(figures["fixed_budget"]["found"]) == 6
    assert figures["fixed_budget"]["found"][-1] == 1.0
