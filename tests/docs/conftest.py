"""Pages as what a reader does with them: files to write, commands to type, code to run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        page: Relative to docs/.
        line: Where it begins, from 1.
        language: The word after the fence.
        title: The file that it is, where it is one.
        text: What is in it.
    """

    page: str
    line: int
    language: str
    title: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(path: Path) -> list[Block]:
    found: list[Block] = []
    for token in MarkdownIt().parse(path.read_text(encoding="utf-8")):
        if token.type == "fence":
            language, _, rest = token.info.strip().partition(" ")
            title = rest.partition('title="')[2].partition('"')[0]
            line = (token.map or [0])[0] + 1
            found.append(Block(path.relative_to(DOCS).as_posix(), line, language, title, token.content))
    return found


@pytest.fixture(scope="session")
def docs() -> Path:
    """Return the folder of the documentation."""
    return DOCS


@pytest.fixture(scope="session")
def pages() -> dict[str, str]:
    """Return the text of every page, by its path below docs/."""
    return {path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8") for path in sorted(DOCS.rglob("*.md"))}


@pytest.fixture(scope="session")
def all_blocks() -> list[Block]:
    """Return every fenced block of every page."""
    return [block for path in sorted(DOCS.rglob("*.md")) for block in blocks_of(path)]


@pytest.fixture(scope="session")
def blocks() -> Callable[[str], list[Block]]:
    """Return a function that returns the fenced blocks of a page."""
    return lambda page: blocks_of(DOCS / page)


@pytest.fixture
def write_plugin(
    blocks: Callable[[str], list[Block]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[..., Path]]:
    """Return a function that installs the plugin ``visionlaw-acme`` whose files pages show, for this test.

    Of a file that several pages show the last one counts.
    """

    def write(*pages: str) -> Path:
        source = tmp_path / "src"
        for block in (block for page in pages for block in blocks(page)):
            if block.title.startswith("src/"):
                path = tmp_path / block.title
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, encoding="utf-8")
        info = source / "visionlaw_acme-0.1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(METADATA)
        (info / "entry_points.txt").write_text("[visionlaw.v1]\nacme = visionlaw_acme\n")
        (info / "RECORD").write_text("")
        monkeypatch.syspath_prepend(str(source))
        monkeypatch.setenv("PYTHONPATH", str(source))
        return source

    _forget()
    yield write
    _forget()


METADATA = """\
Metadata-Version: 2.4
Name: visionlaw-acme
Version: 0.1.0
Summary: The plugin of a page.
License-Expression: Apache-2.0
Requires-Python: >=3.11
Requires-Dist: visionlaw[torch]>=0.1.0.dev0,<1
"""


def _forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "visionlaw_acme"]:
        del sys.modules[name]
