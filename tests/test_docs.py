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


def test_the_plugin_of_the_how_to_works(python: Callable[..., Outcome], tmp_path: Path) -> None:
    text = (DOCS / "how-to" / "write-a-plugin.md").read_text(encoding="utf-8")
    project = tomllib.loads(re.search(r"```toml\n(.*?)```", text, re.S)[1])["project"]  # type: ignore[index]
    listing, encoder = re.findall(r"```python\n(.*?)```", text, re.S)
    package = tmp_path / "src" / "visionlaw_meancolour"
    info = tmp_path / "src" / "visionlaw_meancolour-0.1.0.dist-info"
    package.mkdir(parents=True)
    info.mkdir()
    (package / "__init__.py").write_text(listing)
    (package / "encoder.py").write_text(encoder)
    (entry_point,) = project["entry-points"]["visionlaw.v1"].items()
    (info / "entry_points.txt").write_text("[visionlaw.v1]\n{} = {}\n".format(*entry_point))
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")

    listed = python("-m", "visionlaw", "list", "encoder", "--search", "meancolour", "--json", path=(tmp_path / "src",))
    assert [row["id"] for row in json.loads(listed.out)] == ["meancolour/patch-16@256"]
    code = (
        "from visionlaw import Registry; from PIL import Image\n"
        "encoder = Registry.discover().load('encoder', 'meancolour/patch-16@256')\n"
        "pixels, geometry = encoder.preprocess(Image.new('RGB', (300, 200), (255, 0, 0)))\n"
        "tokens = encoder.encode(pixels[None])\n"
        "print(tuple(tokens.shape), geometry.grid, tokens[0, 0].tolist())"
    )
    assert python("-c", code, path=(tmp_path / "src",)).out.strip() == "(1, 256, 3) (16, 16) [1.0, 0.0, 0.0]"
