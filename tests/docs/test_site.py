"""The site builds without a warning, and renders what it claims to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import visionlaw
import visionlaw.testing

pytest.importorskip("mkdocs", reason="python -m pip install -r docs/requirements.txt")
pytest.importorskip("mkdocstrings", reason="python -m pip install -r docs/requirements.txt")

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site, built strictly."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_public_name_is_rendered(site: Path) -> None:
    anchors = {path.name: path.read_text(encoding="utf-8") for path in (site / "reference" / "api").glob("*.html")}
    everything = "\n".join(anchors.values())
    homes = {name: getattr(visionlaw, name) for name in visionlaw.__all__ if name != "__version__"}
    for name, thing in homes.items():
        home = "visionlaw.hookspecs" if name == "hookimpl" else thing.__module__
        assert any(f'id="{place}.{name}"' in everything for place in ("visionlaw", home)), name
    for name in visionlaw.testing.__all__:
        assert f'id="visionlaw.testing.{name}"' in anchors["testing.html"], name


def test_docstrings_are_rendered_without_the_marks_of_another_markup(site: Path) -> None:
    for path in (site / "reference" / "api").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert [role for role in (":class:", ":func:", ":meth:", ":mod:", ":attr:", ":data:") if role in text] == []
        assert "versionadded:" not in text


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert 'src="http' not in text, path
        assert 'rel="stylesheet" href="http' not in text, path
