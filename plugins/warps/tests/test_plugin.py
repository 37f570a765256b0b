from __future__ import annotations

import subprocess
import sys

from visionlaw_warps import dataset, photos, plugin

HEAVY = ("torch", "numpy", "skimage", "scipy", "PIL")


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys, visionlaw_warps.plugin as p\n"
        "list(p.visionlaw_datasets()); list(p.visionlaw_image_sources())\n"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_targets_are_there_and_take_the_options() -> None:
    (data,) = plugin.visionlaw_datasets()
    (source,) = plugin.visionlaw_image_sources()

    assert data.target == f"{dataset.__name__}:{dataset.build.__name__}"
    assert source.target == f"{photos.__name__}:{photos.build.__name__}"
    defaults = {name: option.default for name, option in data.options.items()}
    assert dataset.build(data, **defaults).version == dataset.build(data).version  # pyright: ignore[reportArgumentType]
