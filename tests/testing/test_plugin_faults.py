"""Each fault of a plugin as a whole is found by exactly the check that is meant for it, and its message names it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from visionlaw.testing import all_checks, run_checks

METADATA = """Metadata-Version: 2.4
Name: visionlaw-faulty
Version: 1.0
License-Expression: MIT
Requires-Dist: visionlaw>=0.1.0.dev0
Requires-Dist: torch>=2; extra == "torch"
Provides-Extra: torch
"""
PLUGIN = """
from visionlaw import CombinerSpec, hookimpl

@hookimpl
def visionlaw_combiners():
    yield CombinerSpec(
        id="faulty", target="visionlaw.features.combine:ConcatCombiner", extras=("torch",), description="A copy."
    )
"""
ENCODER = """
from visionlaw import EncoderSpec, hookimpl

@hookimpl
def visionlaw_encoders():
    yield EncoderSpec(id="{id}", target="m:a", resolution=32, patch=16, channels=3{more})
"""


@dataclass
class Faulty:
    """A plugin with one thing wrong, and words that the message about it has."""

    check: str
    says: str
    plugin: str = PLUGIN
    metadata: str = METADATA
    more: dict[str, str] = field(default_factory=dict)


FAULTS = {
    "library is missing": Faulty("imports", "no_such_library", "import no_such_library"),
    "syntax error": Faulty("imports", "SyntaxError", "def visionlaw_encoders(:"),
    "exits": Faulty("imports", "SystemExit", "raise SystemExit(3)"),
    "misspelled hook": Faulty("hooks", "Did you mean", PLUGIN.replace("visionlaw_combiners", "visionlaw_combiner")),
    "unmarked hook": Faulty("hooks", "not marked", PLUGIN.replace("@hookimpl\n", "")),
    "hook with an argument": Faulty("hooks", "registry", PLUGIN.replace("combiners()", "combiners(registry)")),
    "hook raises": Faulty("listing", "weights moved", PLUGIN + "    raise ValueError('weights moved')\n"),
    "hook returns one spec": Faulty("listing", "CombinerSpec", PLUGIN.replace("yield", "return")),
    "lists something else": Faulty(
        "same-listing",
        "something else",
        "calls = []\n"
        + PLUGIN.replace('"A copy."', '"A copy." * len(calls)').replace("    yield", "    calls.append(1)\n    yield"),
    ),
    "invalid spec": Faulty("valid-specs", "patch", ENCODER.format(id="faulty/a@32", more="").replace("16", "64")),
    "mapping without an id": Faulty(
        "valid-specs", "id", PLUGIN.replace("CombinerSpec(\n        id=", "dict(\n        identity=")
    ),
    "foreign prefix": Faulty("id-prefix", "prefix", ENCODER.format(id="other/a@32", more="")),
    "foreign alias": Faulty(
        "id-prefix", "other/b@32", ENCODER.format(id="faulty/a@32", more=', aliases=("other/b@32",)')
    ),
    "one id twice": Faulty("unique-ids", "more than once", PLUGIN + PLUGIN.partition("combiners():\n")[2]),
    "core's own id": Faulty("unique-ids", "core's own", PLUGIN.replace('id="faulty"', 'id="concat"')),
    "imports torch": Faulty("light-import", "faulty_plugin → torch", "import torch\n" + PLUGIN),
    "imports numpy": Faulty("light-import", "faulty_plugin → numpy", "import numpy\n" + PLUGIN),
    "imports torch by another module": Faulty(
        "light-import",
        "faulty_plugin → faulty_net → torch",
        "import faulty_net\n" + PLUGIN,
        more={"faulty_net": "from torch import nn\n"},
    ),
    "imports timm while listing": Faulty(
        "light-import",
        "faulty_plugin.visionlaw_combiners() → timm",
        PLUGIN.replace("    yield", "    import timm\n    yield"),
        more={"timm": ""},
    ),
    "tries to import a heavy library": Faulty(
        "light-import", "faulty_plugin → jax", "try:\n    import jax\nexcept ImportError:\n    jax = None\n" + PLUGIN
    ),
    "prints": Faulty("quiet", "loading acme", "print('loading acme')\n" + PLUGIN),
    "prints past Python": Faulty("quiet", "loading acme", "import os\nos.write(1, b'loading acme \\xff')\n" + PLUGIN),
    "no pin": Faulty("core-version", "from which version", metadata=METADATA.replace(">=0.1.0.dev0", "")),
    "does not require core": Faulty(
        "core-version", "from which version", metadata=METADATA.replace("Requires-Dist: visionlaw>=0.1.0.dev0\n", "")
    ),
    "newer core": Faulty("core-version", "visionlaw>=7", metadata=METADATA.replace(">=0.1.0.dev0", ">=7")),
    "no licence": Faulty("distribution-licence", "licence", metadata=METADATA.replace("License-Expression: MIT\n", "")),
    "undeclared extra": Faulty("extras", "'torch'", metadata=METADATA.replace("Provides-Extra: torch\n", "")),
    "direct link": Faulty(
        "extras", "no index", metadata=METADATA + "Requires-Dist: acme @ https://example.org/acme.whl\n"
    ),
}


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Faulty], dict[str, str]]:
    """Return a function that installs a plugin and returns its failed checks with their messages."""

    def run(case: Faulty) -> dict[str, str]:
        info = tmp_path / "visionlaw_faulty-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(case.metadata)
        (info / "entry_points.txt").write_text("[visionlaw.v1]\nfaulty = faulty_plugin\n")
        for name, text in {"faulty_plugin": case.plugin, **case.more}.items():
            (tmp_path / f"{name}.py").write_text(text)
            if name.startswith("faulty"):
                monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.syspath_prepend(str(tmp_path))
        results = run_checks("visionlaw-faulty").results
        for name in ("faulty_plugin", "faulty_net"):
            sys.modules.pop(name, None)
        return {
            result.check: f"{result.message} {result.remedy}"
            for result in results
            if result.status == "failed" and result.kind == "plugin"
        }

    return run


def test_a_plugin_without_fault_passes_every_check(checked: Callable[[Faulty], dict[str, str]]) -> None:
    assert checked(Faulty("", "")) == {}


@pytest.mark.parametrize("case", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_found_by_its_check_alone(case: Faulty, checked: Callable[[Faulty], dict[str, str]]) -> None:
    found = checked(case)
    assert list(found) == [case.check]
    assert case.says in found[case.check]


def test_modules_of_the_working_directory_are_not_taken_for_pythons_own(
    checked: Callable[[Faulty], dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "json.py").write_text("raise SystemExit('not json at all')\n")
    monkeypatch.chdir(here)
    assert checked(Faulty("", "")) == {}


def test_every_check_of_plugins_has_a_fault() -> None:
    elsewhere = {"deprecated-hooks"}  # test_deprecation_checks.py
    assert {check.name for check in all_checks() if "plugin" in check.kinds} == {
        case.check for case in FAULTS.values()
    } | elsewhere
