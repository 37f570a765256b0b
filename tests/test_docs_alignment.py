"""What the pages on A say is so: figures of the published tables, and a registry.toml that is valid."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from visionlaw.law.figures import table_figures
from visionlaw.law.tables import load_table
from visionlaw.spacefile import read_space_file

DOCS = Path(__file__).parents[1] / "docs"
EXPLANATION = (DOCS / "explanation" / "alignment.md").read_text(encoding="utf-8")
HOW_TO = (DOCS / "how-to" / "align-and-train.md").read_text(encoding="utf-8")
SAME = {"siglip@224": "siglip-b@224"}
"""One setting by two names."""


def test_the_registry_of_the_how_to_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "registry.toml"
    path.write_text(re.search(r"```toml\n(.*?)```", HOW_TO, re.S)[1])  # type: ignore[index]
    file = read_space_file(path)
    assert (file.alignment.definition, file.alignment.images) == ("loglik", 100)


def test_the_two_definitions_agree_as_little_as_is_said() -> None:
    iclr, colm = load_table("iclr2025"), load_table("colm2025")
    maxcos = dict(zip(iclr.settings, iclr.A.mean(axis=0), strict=True))
    loglik = dict(zip(colm.settings, colm.A[0], strict=True))
    pairs = np.array([(maxcos[name], loglik[SAME.get(name, name)]) for name in iclr.settings])
    ranks = pairs.argsort(axis=0).argsort(axis=0)
    assert len(pairs) == 13
    assert np.corrcoef(pairs.T)[0, 1] == pytest.approx(0.57, abs=0.005)
    assert np.corrcoef(ranks.T)[0, 1] == pytest.approx(0.70, abs=0.005)
    assert "0.57, of their ranks 0.70" in EXPLANATION
    assert (min(maxcos, key=maxcos.__getitem__), max(maxcos, key=maxcos.__getitem__)) == ("sd2.1@768", "clip@224")
    assert (min(loglik, key=loglik.__getitem__), max(loglik, key=loglik.__getitem__)) == ("sd3@512", "siglip2-l@256")


def test_maxcos_varies_over_settings_and_hardly_over_benchmarks() -> None:
    iclr = load_table("iclr2025")
    assert iclr.A.std(axis=0).mean() == pytest.approx(0.009, abs=5e-4)
    assert iclr.A.mean(axis=0).std() == pytest.approx(0.152, abs=5e-4)
    clip = iclr.A[iclr.benchmarks.index("mmbench"), iclr.settings.index("clip@224")]
    assert clip == pytest.approx((1.000 + 0.6305) / 2, abs=5e-4)
    others = [i for i, name in enumerate(iclr.settings) if name not in ("clip@224", "clip@336")]
    assert iclr.A.mean(axis=0)[others].max() < 0.54


@pytest.mark.parametrize(
    ("table", "r2", "left_out"),
    [("iclr2025", (0.766, 0.775), (0.654, 0.633)), ("colm2025", (0.915, 0.797), (0.865, 0.597))],
)
def test_a_alone_predicts_as_well_as_is_said(
    table: str, r2: tuple[float, float], left_out: tuple[float, float]
) -> None:
    figures = table_figures(load_table(table), draws=2)
    for key, expected in (("r2", r2), ("loo_r2", left_out)):
        found = figures[key]["A-quadratic"]
        assert (found["vision"], found["ocr"]) == pytest.approx(expected, abs=6e-4)
        assert " / ".join(f"{value:.3f}".removeprefix("0") for value in expected) in EXPLANATION
