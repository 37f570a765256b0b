"""A plugin to score, in a folder of its own, where tests may change it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def plugin(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, plugin_folder: Callable[[str], Path]
) -> Iterator[Path]:
    """A copy of the fixture plugin ``toyscore``, and the library ``toylib`` that it requires, on sys.path."""
    folder = tmp_path_factory.mktemp("toyscore")
    shutil.copytree(plugin_folder("toyscore"), folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    install(folder, "toylib", "1.0")
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for name in [name for name in sys.modules if name.startswith("fixture_toyscore")]:
        del sys.modules[name]


@pytest.fixture
def upgrade(plugin: Path) -> Callable[[str], None]:
    """Return a function that replaces the library that the plugin requires by another version."""

    def to(version: str) -> None:
        for old in plugin.glob("toylib-*"):
            shutil.rmtree(old)
        install(plugin, "toylib", version)

    return to


@pytest.fixture
def score(cli: Callable, plugin: Path) -> Callable:
    """Return a function that runs ``visionlaw score correspondence``."""
    return lambda *arguments: cli("score", "correspondence", *arguments)


@pytest.fixture
def encoded(tmp_path: Path) -> Callable[[], dict[str, int]]:
    """Return a function that tells how many images each encoder has encoded so far."""

    def count() -> dict[str, int]:
        counts: dict[str, int] = {}
        log = tmp_path / "encoded.log"
        for line in log.read_text().splitlines() if log.exists() else ():
            name, number = line.split()
            counts[name] = counts.get(name, 0) + int(number)
        return counts

    return count


def install(folder: Path, name: str, version: str) -> None:
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
