"""What must not change C, and what a perfect matcher reaches: the whole engine, both protocols, every matcher."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from visionlaw.correspondence.pairs import Matches, read_pairs
from visionlaw.correspondence.score import CorrespondenceScorer
from visionlaw.features.combine import ConcatCombiner
from visionlaw.features.preprocess import prepare
from visionlaw.protocols import ImageRef, Instances, Scorer, ScoringJob

DEFINITIONS = {
    "argmax": CorrespondenceScorer(),
    "softargmax": CorrespondenceScorer(matcher="softargmax"),
    "upsampled": CorrespondenceScorer(matcher="upsampled"),
    "reference": CorrespondenceScorer(protocol="reference"),
}


@pytest.fixture(params=DEFINITIONS.values(), ids=DEFINITIONS)
def scorer(request: pytest.FixtureRequest) -> CorrespondenceScorer:
    return request.param


def matches(scorer: CorrespondenceScorer, data, *representations) -> dict[str, Matches]:
    refs = [tuple(encoder.ref for encoder in r) for r in representations]
    found = scorer.match(ScoringJob(refs, data, ConcatCombiner()), read_pairs(data))
    return {" + ".join(part.id for part in r): matched for r, matched in found}


def value(scorer: Scorer, data, *encoders) -> float:
    (score,) = scorer.score(ScoringJob([tuple(e.ref for e in encoders)], data, ConcatCombiner()))
    return score.value


def noise(seed: int, size: tuple[int, int]) -> ImageRef:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return ImageRef(f"noise-{seed}-{size}", lambda: Image.fromarray(pixels))


# What must not change it


@pytest.mark.parametrize("scale", [2.0**-20, 1e-3, 7.0, 2.0**20])
def test_the_scale_of_features_and_the_order_of_channels_do_not_matter(kit, scorer, scale: float) -> None:
    data, net = kit.world(5), kit.encoder("net")
    order = torch.randperm(24, generator=torch.Generator().manual_seed(3))
    other = kit.encoder("net", lambda patches: scale * net.tokens(patches)[..., order])
    (plain,), (changed,) = (matches(scorer, data, [e]).values() for e in (net, other))
    np.testing.assert_allclose(changed.found, plain.found, rtol=0, atol=0.01)
    assert value(scorer, data, other) == value(scorer, data, net)


def test_the_order_of_pairs_does_not_matter(kit, scorer) -> None:
    data = kit.world(7)
    turned = kit.Pairs([data.pairs[i] for i in np.random.default_rng(1).permutation(7)])
    a, b = kit.encoder("a"), kit.encoder("b", patch=16)
    assert value(scorer, turned, a, b) == pytest.approx(value(scorer, data, a, b), abs=1e-9)


def test_an_image_matches_itself_wholly(kit, scorer) -> None:
    """At the tokens' centres, to 0.6 tokens: of the two outermost lines of an upsampled grid the first is taken."""
    image = noise(0, (64, 64))
    points = prepare(image.load(), 64, 8)[1].cell_centres()
    data = kit.Pairs([kit.pair(0, image, image, points, points, size=48.0)])  # a token is 8 pixels wide
    a, b = kit.encoder("a"), kit.encoder("b")
    assert (value(scorer, data, a), value(scorer, data, a, b)) == (100, 100)


@pytest.mark.parametrize("patches", [(8, 8), (8, 4), (16, 4)], ids=["one-grid", "two-grids", "four-times-finer"])
def test_a_combination_by_rows_is_one_by_concatenation(kit, scorer, patches: tuple[int, int]) -> None:
    """At centres of the grid that is searched, where an interpolated descriptor is one of the tokens.

    Elsewhere ``strict`` defines otherwise: each part of a descriptor is normalised after it is interpolated.
    """
    a, b = (kit.encoder(name, patch=patch) for name, patch in zip("ab", patches, strict=True))
    patch = min(patches) // (4 if scorer.matcher == "upsampled" else 1)
    cells = 64 // patch
    together = kit.encoder("ab", lambda patches: torch.zeros(len(patches), cells**2, 48), patch=patch)
    together.encode = lambda batch: torch.cat([_on_grid(e, batch, cells) for e in (a, b)], dim=2)
    images = [kit.photo(n, (90, 70)) for n in range(4)]
    centres = prepare(images[0].load(), 64, patch)[1].cell_centres()
    rng = np.random.default_rng(0)
    pairs = []
    for number, (source, target) in enumerate(itertools.pairwise(images)):
        points = rng.permutation(centres)[:12]
        pairs.append(kit.pair(number, source, target, points, points + rng.normal(0, 9, (12, 2))))
    data = kit.Pairs(pairs)
    plain = DEFINITIONS["argmax"] if scorer.matcher == "upsampled" else scorer
    (by_rows,), (by_channels,) = matches(scorer, data, [a, b]).values(), matches(plain, data, [together]).values()
    np.testing.assert_allclose(by_rows.found, by_channels.found, rtol=0, atol=0.01)
    assert value(scorer, data, a, b) == value(plain, data, together)


def _on_grid(encoder, batch: torch.Tensor, cells: int) -> torch.Tensor:
    """Raw tokens of a batch, resized to ``cells`` and then normalised, by torch's own resizing."""
    side = 64 // encoder.spec.patch
    maps = encoder.encode(batch).transpose(1, 2).reshape(len(batch), -1, side, side)
    resized = torch.nn.functional.interpolate(maps, size=(cells, cells), mode="bilinear", align_corners=False)
    return torch.nn.functional.normalize(resized.flatten(2).transpose(1, 2), dim=2)


def test_c_is_the_same_to_the_bit_whatever_else_is_scored(kit, scorer) -> None:
    """Alone, and among all combinations of four encoders on three grids."""
    data = kit.world(5)
    encoders = [kit.encoder(name, patch=patch) for name, patch in zip("abcd", (8, 8, 16, 4), strict=True)]
    subsets = [list(s) for size in (1, 2, 3, 4) for s in itertools.combinations(encoders, size)]
    space = matches(scorer, data, *subsets)
    assert len(space) == 15
    for subset in subsets:
        ((name, alone),) = matches(scorer, data, subset).items()
        assert np.array_equal(alone.errors, space[name].errors), name
        assert np.array_equal(alone.found, space[name].found), name


# What a perfect matcher reaches


@given(
    st.sampled_from(["squash", "letterbox", "crop"]),
    st.tuples(st.integers(30, 150), st.integers(30, 150)),
    st.integers(0, 10_000),
)
@settings(deadline=None, max_examples=15)
def test_upsampled_finds_centres_of_the_finer_grid_exactly_and_others_to_a_seventh_of_a_token(
    kit, mode: str, size: tuple[int, int], seed: int
) -> None:
    """Of one-hot tokens a descriptor is their bilinear weights, (1 - a, a) on each axis, found by its angle.

    The finer grid has a = 1/8 and 3/8; half-way between their angles, a = t / (1 + t) = 0.262 with
    t = tan((atan 1/7 + atan 3/5) / 2): no keypoint is further off than 0.262 - 0.125 tokens. Half a token within the
    centres of the outermost ones, that is: beyond those a border's tokens are all alike.
    """
    geometry = prepare(Image.new("RGB", size), 64, 8, resize=mode)[1]
    fine = geometry.resampled((32, 32))
    rng = np.random.default_rng(seed)
    exact = fine.to_pixels(rng.integers(2, 30, (20, 2)))
    anywhere = geometry.to_pixels(rng.uniform(0.5, 6.5, (20, 2)))
    points = np.concatenate([exact, anywhere])
    image = kit.photo(0, size)
    data = kit.Pairs([kit.pair(0, image, image, points, points, size=1.0)])
    (found,) = matches(DEFINITIONS["upsampled"], data, [kit.oracle(mode)]).values()
    np.testing.assert_allclose(found.found[:20], exact, rtol=0, atol=1e-9)
    t = math.tan((math.atan(1 / 7) + math.atan(3 / 5)) / 2)
    off = np.abs(geometry.to_grid(found.found[20:]) - geometry.to_grid(anywhere)).max()
    assert off <= t / (1 + t) - 1 / 8 + 1e-3


@given(
    st.sampled_from(["squash", "letterbox", "crop"]),
    st.tuples(st.integers(30, 150), st.integers(30, 150)),
    st.integers(0, 10_000),
)
@settings(deadline=None, max_examples=40)
def test_with_several_true_positions_and_sizes_the_ceiling_is_that_of_the_best_of_them(kit, mode, size, seed) -> None:
    """The oracle finds the token next to the keypoint; each position has a size of its own, by brute force."""
    rng = np.random.default_rng(seed)
    points, truth = (rng.uniform(0, 1, (15, 2)) * (np.array(size) - 1) for _ in range(2))
    keypoint = rng.integers(0, 15, 25)
    places = points[keypoint] + rng.normal(0, 6, (25, 2))
    sizes, further = rng.uniform(1, 150, 15), rng.uniform(1, 150, 25)
    geometry = prepare(Image.new("RGB", size), 64, 8, resize=mode)[1]
    centres = geometry.cell_centres()
    nearest = centres[np.linalg.norm(geometry.to_grid(points)[:, None] - geometry.to_grid(centres), axis=-1).argmin(1)]
    expected = [
        math.dist(nearest[k], truth[k]) < 0.1 * sizes[k]
        or any(math.dist(nearest[k], places[i]) < 0.1 * further[i] for i in range(25) if keypoint[i] == k)
        for k in range(15)
    ]
    image = kit.photo(0, size)
    pair = kit.pair(0, image, image, points, truth, size=sizes, instances=Instances(keypoint, places, further))
    (found,) = matches(DEFINITIONS["argmax"], kit.Pairs([pair]), [kit.oracle(mode)]).values()
    assert found.correct(0.1).tolist() == expected


def scaled(kit, source: tuple[int, int], target: tuple[int, int]):
    """An image and itself in another shape, which squashes to the same square; the object is its middle half."""
    a, b = (kit.photo(0, size) for size in (source, target))
    parts = 0.25 + 0.5 * np.random.default_rng(0).uniform(0, 1, (200, 2))
    points, truth = (parts * size - 0.5 for size in (source, target))
    return kit.Pairs([kit.pair(0, a, b, points, truth, size=0.5 * max(target))])


SHAPES: list[tuple[tuple[int, int], tuple[int, int], Callable[[float], bool]]] = [
    ((120, 120), (80, 80), lambda loss: loss == 0),
    ((150, 100), (100, 150), lambda loss: loss > 40),
    ((100, 150), (150, 100), lambda loss: loss > 40),
    ((120, 120), (150, 100), lambda loss: loss > 15),
]


@pytest.mark.parametrize(("source", "target", "documented"), SHAPES, ids=["square", "wide-tall", "tall-wide", "mixed"])
def test_a_perfect_matcher_loses_nothing_under_strict_and_what_is_documented_under_reference(
    kit, source, target, documented: Callable[[float], bool]
) -> None:
    """The features are of squashed images, the reference protocol's keypoints of letterboxed ones."""
    data, oracle = scaled(kit, source, target), kit.oracle(patch=4)
    strict, reference = (value(DEFINITIONS[name], data, oracle) for name in ("argmax", "reference"))
    assert strict == 100
    assert documented(strict - reference), strict - reference
