"""What is imported is declared: an environment where something else brings a library along hides that it is missing."""

from __future__ import annotations

import ast
import itertools
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))


def normalised(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.\-]+", requirement)[0]).lower()  # type: ignore[index]


def declared(folder: Path) -> set[str]:
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = [*project["dependencies"], *itertools.chain(*project.get("optional-dependencies", {}).values())]
    found = {normalised(text) for text in texts}
    if re.search(r"visionlaw\[(torch|hub)\]", " ".join(project["dependencies"])):
        found.add("torch")
    return found | {normalised(project["name"])}


def imported(folder: Path) -> Iterator[str]:
    """The top-level modules that are imported when the code runs, somewhere or other."""
    for path in folder.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for_types = {
            inner
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if node in for_types:
                continue
            if isinstance(node, ast.Import):
                yield from (name.name.partition(".")[0] for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module.partition(".")[0]


@pytest.mark.parametrize(
    ("sources", "allowed"),
    [
        pytest.param(ROOT / "core" / "src", declared(ROOT), id="core"),
        *(pytest.param(folder / "src", declared(folder), id=folder.name) for folder in PLUGINS),
    ],
)
def test_every_library_that_is_imported_is_declared(sources: Path, allowed: set[str]) -> None:
    distributions = metadata.packages_distributions()
    foreign = {module for module in imported(sources) if module not in sys.stdlib_module_names}
    providers = {m: {normalised(d) for d in distributions.get(m, [m])} for m in foreign}
    assert {module for module, names in providers.items() if not names & allowed} == set()
