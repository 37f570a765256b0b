"""What the site takes from outside docs/: the plugins' READMEs and the changelog, with links that work in both places.

Pages link to ``../../plugins/NAME/README.md``, as they do in the repository; on the site these are pages of their own.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(?<=\]\()([^)#\s]+)(#[^)\s]*)?(?=\))")


def outside_pages() -> dict[str, Path]:
    """Return the pages that are kept outside docs/: their place on the site → the file."""
    readmes = {f"plugins/{path.parent.name}/README.md": path for path in sorted(ROOT.glob("plugins/*/README.md"))}
    return {**readmes, "changelog.md": ROOT / "CHANGELOG.md"}


def site_links(text: str, source: Path, place: str) -> str:
    """Return a page's text with its links to files of the repository made links of the site.

    Args:
        text: Markdown.
        source: The file that it is in.
        place: Where the page is on the site, relative to its root.
    """
    by_file = {path: uri for uri, path in outside_pages().items()}

    def moved(link: re.Match[str]) -> str:
        target, anchor = link[1], link[2] or ""
        if "://" in target or target.startswith("mailto:"):
            return link[0]
        file = Path(os.path.normpath(source.parent / target))
        docs = ROOT / "docs"
        uri = by_file.get(file) or (file.relative_to(docs).as_posix() if file.is_relative_to(docs) else None)
        return link[0] if uri is None else posixpath.relpath(uri, posixpath.dirname(place) or ".") + anchor

    return LINK.sub(moved, text)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside docs/."""
    from mkdocs.structure.files import File

    for place, path in outside_pages().items():
        files.append(File.generated(config, place, content=site_links(path.read_text(encoding="utf-8"), path, place)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Mend the links of a page of docs/."""
    place = page.file.src_uri
    return markdown if place in outside_pages() else site_links(markdown, ROOT / "docs" / place, place)
