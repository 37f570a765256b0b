"""The site builds without a warning, and renders what it claims to."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import visionlaw

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


def promised() -> set[str]:
    """Every name that plugins may build on, as docs/plugin-authors/stability.md promises it."""
    lines = (ROOT / "tests" / "api" / "surface.txt").read_text(encoding="utf-8").splitlines()
    names = {match[0] for line in lines if (match := re.match(r"visionlaw(?:\.\w+)+", line))}
    return names | {f"visionlaw.{name}" for name in visionlaw.__all__} - {"visionlaw.__version__"}


def places(name: str) -> set[str]:
    """Return the names under which the site may have a thing: its own, where it is defined, that of a base class."""
    module, rest = name, list[str]()
    while not _is_module(module):
        module, _, last = module.rpartition(".")
        rest.insert(0, last)
    owner, thing = None, importlib.import_module(module)
    for part in rest:
        owner, thing = thing, getattr(thing, part, None)
    found = {name, f"{getattr(thing, '__module__', module)}.{getattr(thing, '__qualname__', '')}"}
    if isinstance(owner, type):
        found |= {f"{base.__module__}.{base.__qualname__}.{rest[-1]}" for base in owner.__mro__}
    return found


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def test_every_promised_name_is_rendered(site: Path) -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (site / "reference" / "api").glob("*.html"))
    rendered = set(re.findall(r'id="(visionlaw[\w.]*)"', text))
    rendered |= {name.replace(".hookspecs.", ".") for name in rendered if name.endswith(".hookimpl")}
    plain = {name for name in promised() if not name.endswith(("__", ".kind"))}
    assert len(plain) > 300
    assert {name for name in plain if not places(name) & rendered} == set()


def test_docstrings_are_rendered_without_the_marks_of_another_markup(site: Path) -> None:
    for path in (site / "reference" / "api").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert [role for role in (":class:", ":func:", ":meth:", ":mod:", ":attr:", ":data:") if role in text] == []
        assert "versionadded:" not in text


def test_a_copied_console_is_its_commands_alone(site: Path) -> None:
    """The theme marks the code that it copies, and copies what is displayed then."""
    (script,) = (site / "assets" / "javascripts").glob("bundle.*.min.js")
    assert "data-md-copying" in script.read_text(encoding="utf-8")
    hidden = re.search(
        r"\[data-md-copying\] :is\((.*?)\) \{ display: none", (site / "assets" / "site.css").read_text(encoding="utf-8")
    )
    assert hidden is not None
    page = (site / "tutorial" / "plugin.html").read_text(encoding="utf-8")
    kinds = {name.strip(" .") for name in hidden[1].split(",")}
    assert re.search(r'<span class="(\w+)">\$ ?</span>', page)[1] in kinds  # type: ignore[index]
    assert re.search(r'<span class="(\w+)">Wrote visionlaw-toy', page)[1] in kinds  # type: ignore[index]


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert 'src="http' not in text, path
        assert 'rel="stylesheet" href="http' not in text, path
