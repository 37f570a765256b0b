from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from visionlaw.features.geometry import Geometry
from visionlaw.features.maps import FeatureMap
from visionlaw.features.outputs import Format, Header, Output, open_output
from visionlaw.features.results import Extracted, Quarantined

Item = Extracted | Quarantined


@pytest.fixture(params=list(Format))
def form(request: pytest.FixtureRequest) -> Format:
    """Every format."""
    return request.param


@pytest.fixture
def header() -> Header:
    """Grids of 2×3 tokens with 4 channels, 3 images to a part."""
    return Header("toy/mean@64", (2, 3), 4, images_per_part=3, provenance={"libraries": {"torch": "2.14"}, "seed": 0})


def written(index: int, header: Header) -> Extracted:
    """An image whose tokens and geometry are those of its index."""
    made = torch.Generator().manual_seed(index)
    tokens = torch.randn((header.tokens, header.channels), generator=made).to(getattr(torch, header.dtype))
    geometry = Geometry.of_resize((640 + index, 481), (224, 224 / 3), (0, index / 7), 14, 14, header.grid)
    return Extracted(f"photos/{index:03d}.jpg", f"{index:064x}", {header.representation: FeatureMap(tokens, geometry)})


@pytest.fixture
def items() -> Callable[..., list[Item]]:
    """Return a function that makes an input, with some positions quarantined."""

    def make(count: int, header: Header, bad: Sequence[int] = ()) -> list[Item]:
        return [
            Quarantined(f"photos/{index:03d}.jpg", f"It is broken at byte {index}.")
            if index in bad
            else written(index, header)
            for index in range(count)
        ]

    return make


def _feed(output: Output, items: Sequence[Item]) -> int:
    waiting = [item for position, item in enumerate(items) if not output.check(position, item.name)]
    step = output.header.images_per_part
    parts = [waiting[start : start + step] for start in range(0, len(waiting), step)]
    for part in parts:
        output.write(part)
    return len(parts)


@pytest.fixture
def feed() -> Callable[[Output, Sequence[Item]], int]:
    """Return a function that writes what an output does not hold yet, and tells how many parts that took."""
    return _feed


@pytest.fixture
def run() -> Callable[..., int]:
    """Return a function that writes an input to a folder from where it stopped, to the end."""

    def to_the_end(folder: Path, form: Format, header: Header, items: Sequence[Item]) -> int:
        with open_output(folder, form, header) as output:
            parts = _feed(output, items)
            output.complete(len(items))
        return parts

    return to_the_end


@pytest.fixture
def content() -> Callable[[Path], dict[str, bytes]]:
    """Return a function that reads every file below a folder."""
    return lambda folder: {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
