"""The generated reference is that of the code."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def generator() -> object:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["hooks", "specs", "registry"])
def test_reference_pages_are_up_to_date(generator: object, page: str) -> None:
    name = {"registry": "registry-toml"}.get(page, page)
    on_disk = (DOCS / "reference" / f"{name}.md").read_text(encoding="utf-8")
    assert on_disk == getattr(generator, f"{page}_page")(), "run: make docs"


def test_every_verb_and_option_is_in_the_cli_reference(generator: object) -> None:
    # Line by line without layout, which differs between typer's versions.
    on_disk = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    now = generator.cli_page()  # type: ignore[attr-defined]
    for line in now.splitlines():
        if line.startswith(("## ", "### ", "* `-", "Example:")):
            assert line.split(":")[0] in on_disk, f"'{line}' is not documented; run: make docs"
