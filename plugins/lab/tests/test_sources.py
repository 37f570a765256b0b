from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from visionlaw.errors import DataError
from visionlaw.protocols import CorrespondenceDataset, ImageSource
from visionlaw.registry import Registry
from visionlaw_lab.questions import benchmark_question
from visionlaw_lab.rendering import render


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.discover()


def test_benchmark_source_is_its_scenes(registry: Registry) -> None:
    source = registry.load("image_source", "lab?benchmark=digit&images=12", root=None)
    assert isinstance(source, ImageSource)
    images = list(source)
    assert len(images) == len(source) == 12
    assert all(caption is None for _, caption in images)
    assert [image.key for image, _ in images] == [image.key for image, _ in source]
    third, _ = images[3]
    assert third.load().tobytes() == render(benchmark_question("digit", 0, 3)[0]).tobytes()


def test_captions_come_with_images(registry: Registry) -> None:
    source = registry.load("image_source", "lab/captions?images=5", root=None)
    captions = [caption for _, caption in source]
    assert all(caption and caption.endswith(" .") for caption in captions)
    assert len(set(captions)) == 5


def test_pairs_show_the_same_things(registry: Registry) -> None:
    data = registry.load("dataset", "lab?pairs=20", root=None)
    assert isinstance(data, CorrespondenceDataset)
    pairs = list(data)
    assert len(pairs) == len(data) == 20
    for pair in pairs:
        source, target = (np.asarray(image.load(), np.float64) for image in (pair.source, pair.target))
        middles = slice(None, None, 5)  # the first of an item's five keypoints
        here, there = pair.source_points[middles], pair.target_points[middles]
        assert len(pair.source_points) == len(pair.target_points) == 5 * len(here)
        for (x, y), (u, v) in zip(here, there, strict=True):
            assert 0 <= min(x, y, u, v) <= max(x, y, u, v) <= 111
            # The thing at both places has the same colour; a digit's middle may be a hole.
            near = [image[round(b) - 4 : round(b) + 5, round(a) - 4 : round(a) + 5].reshape(-1, 3)
                    for image, a, b in ((source, x, y), (target, u, v))]  # fmt: skip
            apart = np.linalg.norm(near[0][:, None] - near[1][None], axis=-1)
            assert apart.min() < 30


def test_pairs_change_with_the_seed_and_their_version_tells(registry: Registry) -> None:
    one, other = (registry.load("dataset", f"lab?pairs=3&seed={seed}", root=None) for seed in (0, 1))
    assert one.version != other.version
    assert [pair.source.key for pair in one] != [pair.source.key for pair in other]


@pytest.mark.parametrize(
    ("kind", "name"),
    [("dataset", "lab?pairs=0"), ("image_source", "lab?images=0"), ("image_source", "lab/captions?seed=-1")],
)
def test_options_out_of_range_are_refused(registry: Registry, kind: str, name: str) -> None:
    with pytest.raises(DataError, match="out of range"):
        list(islice(registry.load(kind, name, root=None), 1))  # pyright: ignore[reportArgumentType]
