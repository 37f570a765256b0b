"""The page of encoders without trained weights comes out the same each time, and says what was run."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def _without_published_encoders() -> None:
    """The page needs the plugin of timm, which core's other tests hide."""


@pytest.fixture(scope="module")
def tables() -> Any:
    spec = importlib.util.spec_from_file_location("weight_free_table", DOCS / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for their module
    spec.loader.exec_module(module)
    return module


def test_the_page_is_the_same_each_time(tables: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("timm")
    torch.set_num_threads(1)
    monkeypatch.setattr(tables, "RESAMPLES", 200)
    few = {"few": "textpairs?seed=2&level=0&pairs=4"}
    pages = [tables.page(few, ("classical/rgb@256", "classical/random@256"), tmp_path / name) for name in ("a", "b")]

    assert pages[0] == pages[1]
    assert "| ViT-S/16@224, random weights | 14×14 |" in pages[0]
    assert "4 pairs" in pages[0]


def test_the_page_on_disk_is_of_the_present_options(tables: Any) -> None:
    on_disk = tables.PAGE.read_text(encoding="utf-8")

    assert on_disk.startswith(tables.NOTICE + tables.TOP)
    assert tables.CONCLUSIONS in on_disk
    for heading, dataset in tables.DATASETS.items():
        assert f"## {heading}\n\n`{dataset}`: " in on_disk, "run: make table"
    for encoder in (*tables.CLASSICAL, tables.VIT_NAME):
        assert on_disk.count(f" {encoder} |" if encoder == tables.VIT_NAME else f"`{encoder}`") == len(tables.DATASETS)
