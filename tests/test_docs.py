"""The generated reference is that of the code."""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Outcome

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def generator() -> object:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["hooks", "specs", "registry", "checks"])
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


def test_the_plugin_of_the_first_page_for_authors_works(python: Callable[..., Outcome], tmp_path: Path) -> None:
    text = (DOCS / "plugin-authors" / "index.md").read_text(encoding="utf-8")
    files = dict(re.findall(r'```\w+ title="([^"]+)"\n(.*?)```', text, re.S))
    project = tomllib.loads(files.pop("pyproject.toml"))["project"]
    for name, code in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(code)
    info = tmp_path / "src" / "visionlaw_acme-0.1.0.dist-info"
    info.mkdir()
    (entry_point,) = project["entry-points"]["visionlaw.v1"].items()
    (info / "entry_points.txt").write_text("[visionlaw.v1]\n{} = {}\n".format(*entry_point))
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")

    listed = python("-m", "visionlaw", "list", "encoder", "--search", "acme", "--json", path=(tmp_path / "src",))
    assert [row["id"] for row in json.loads(listed.out)] == ["acme/patch-16@256"]
    code = (
        "from visionlaw import Registry; from PIL import Image\n"
        "encoder = Registry.discover().load('encoder', 'acme/patch-16@256')\n"
        "pixels, geometry = encoder.preprocess(Image.new('RGB', (300, 200), (255, 0, 0)))\n"
        "tokens = encoder.encode(pixels[None])\n"
        "print(tuple(tokens.shape), geometry.grid, tokens[0, 0].tolist())"
    )
    assert python("-c", code, path=(tmp_path / "src",)).out.strip() == "(1, 256, 3) (16, 16) [1.0, 0.0, 0.0]"
