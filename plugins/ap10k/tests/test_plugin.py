from __future__ import annotations

import inspect
import pkgutil
import subprocess
import sys

import pytest

from visionlaw_ap10k.plugin import visionlaw_datasets

HEAVY = ("torch", "numpy", "scipy", "PIL")


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys, visionlaw_ap10k.plugin as p\n"
        "list(p.visionlaw_datasets())\n"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("spec", list(visionlaw_datasets()), ids=lambda spec: spec.id)
def test_the_targets_take_the_options(spec) -> None:
    build = pkgutil.resolve_name(spec.target)
    parameters = inspect.signature(build).parameters

    assert {"spec", "root", *spec.options} == set(parameters)
    assert all(parameters[name].default == option.default for name, option in spec.options.items())
    assert spec.needs_root
