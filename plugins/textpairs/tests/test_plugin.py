from __future__ import annotations

import subprocess
import sys

from visionlaw_textpairs import dataset, plugin

HEAVY = ("torch", "numpy", "matplotlib", "scipy", "PIL")


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys, visionlaw_textpairs.plugin as p\n"
        "list(p.visionlaw_datasets())\n"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_target_is_there_and_takes_the_options() -> None:
    (data,) = plugin.visionlaw_datasets()

    assert data.target == f"{dataset.__name__}:{dataset.build.__name__}"
    defaults = {name: option.default for name, option in data.options.items()}
    assert dataset.build(data, **defaults).version == dataset.build(data).version  # pyright: ignore[reportArgumentType]
