from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from visionlaw.cli.law import app
from visionlaw.errors import DataError

KEYS = {"r2", "loo_r2", "adjusted_r2", "r2_per_benchmark", "coefficients", "intervals", "gaps"}


def _run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_reproduce_json_has_the_promised_keys() -> None:
    figures = json.loads(_run("reproduce", "--json", "--trials", "50"))
    assert list(figures) == ["iclr2025", "colm2025"]
    for of_table in figures.values():
        assert set(of_table) >= KEYS | {"published", "misprints", "policy"}
    assert figures["iclr2025"]["r2"]["AC-quadratic"]["vision"] == pytest.approx(0.9572, abs=5e-5)
    assert list(figures["iclr2025"]["coefficients"]["mmbench"]) == ["1", "A", "C", "A2", "AC", "C2"]
    assert set(figures["colm2025"]["policy"]) == {"fixed_budget", "first_hit", "figure_four"}


def test_reproduce_shows_misprints_and_both_counts() -> None:
    shown = _run("reproduce", "--trials", "50")
    assert "-1.721*" in shown
    assert "-0.152*" in shown
    assert "seedbench, 1 is printed 0.938; the data give -0.152" in shown
    assert "region, first hit" in shown
    assert "region, fixed budget" in shown


def test_fit_shows_a_users_table(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    rows = "".join(f"s{i},docs,{60 + 3 * i - i * i % 7},{0.1 * i},{i * i % 11}\n" for i in range(9))
    path.write_text("setting,benchmark,performance,a,c\n" + rows)
    assert "docs" in _run("fit", str(path))
    figures = json.loads(_run("fit", str(path), "--json"))
    assert set(figures) >= KEYS | {"law"}
    assert set(figures["r2"]["AC-quadratic"]) == {"other"}


def test_the_law_takes_the_c_of_each_benchmark(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    A, scene, text = random.random((3, 12))
    lines = ["setting,benchmark,performance,a,c"]
    for benchmark, c in (("gqa", scene), ("docs", text)):
        performance = 50 + 10 * A + 20 * c - 8 * c**2
        lines += [f"s{i},{benchmark},{performance[i]},{A[i]},{c[i]}" for i in range(12)]
    (tmp_path / "own.csv").write_text("\n".join(lines))
    figures = json.loads(_run("fit", str(tmp_path / "own.csv"), "--json"))
    assert figures["r2_per_benchmark"] == pytest.approx({"gqa": 1.0, "docs": 1.0})
    lines = [line.rsplit(",", 1)[0] + f",{scene[(n - 1) % 12]}" for n, line in enumerate(lines)]
    (tmp_path / "one.csv").write_text("\n".join(["setting,benchmark,performance,a,c", *lines[1:]]))
    of_one = json.loads(_run("fit", str(tmp_path / "one.csv"), "--json"))["r2_per_benchmark"]
    assert of_one["gqa"] == pytest.approx(1.0)
    assert of_one["docs"] < 0.95


def test_fit_of_a_bad_table_is_a_users_error(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("setting,benchmark,performance,a,c\none,docs,nan,1,2\n")
    with pytest.raises(DataError, match=r"mine\.csv:2"):
        _run("fit", str(path))


def test_the_verbs_import_no_numpy() -> None:
    code = (
        "import sys, visionlaw.cli.law, visionlaw.cli.replay\n"
        "print([m for m in ('numpy', 'scipy', 'sklearn', 'torch') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"


def test_the_law_and_the_policy_import_no_torch() -> None:
    code = "import sys, visionlaw.law, visionlaw.policy.reproduce; print('torch' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "False"


def test_a_small_table_takes_a_form_with_fewer_terms(tmp_path: Path) -> None:
    path = tmp_path / "small.csv"
    rows = "".join(f"s{i},[red]x[/foo],{60 + 3 * i - i * i % 7},{0.1 * i},{i * i % 11}\n" for i in range(6))
    path.write_text("setting,benchmark,performance,a,c\n" + rows)
    with pytest.raises(DataError, match="--form A-linear"):
        _run("fit", str(path))
    shown = _run("fit", str(path), "--form", "A-linear")
    assert "A-linear, by benchmark" in shown
    assert "[red]x[/foo]" in shown  # a name is never read as markup
    figures = json.loads(_run("fit", str(path), "--form", "A-linear", "--json"))
    assert list(figures["coefficients"]["[red]x[/foo]"]) == ["1", "A"]
    assert set(figures["r2"]) == {
        "A-linear",
        "C-linear",
        "AC-linear",
        "A-quadratic",
        "C-quadratic",
        "random-linear",
    }


def test_narrow_terminals_lose_no_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert "-1.721*" in _run("reproduce", "--trials", "20")
    assert "…" not in _run("reproduce", "--trials", "20")
