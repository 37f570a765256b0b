from __future__ import annotations

import json
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from visionlaw.correspondence.definitions import Strict
from visionlaw.correspondence.matchers import Argmax
from visionlaw.correspondence.matching import match_all
from visionlaw.correspondence.pairs import read_pairs
from visionlaw.correspondence.score import CorrespondenceScorer
from visionlaw.errors import DataError, PluginError
from visionlaw.features.cache import FeatureCache
from visionlaw.features.combine import ConcatCombiner
from visionlaw.features.maps import FeatureMap
from visionlaw.features.preprocess import prepare
from visionlaw.protocols import EncoderRef, Scorer, ScoringJob
from visionlaw.specs import layer_option


def job(data, *representations, **more) -> ScoringJob:
    refs = [tuple(encoder.ref for encoder in r) for r in representations]
    return ScoringJob(refs, data, ConcatCombiner(), **more)


def values(data, *representations, alpha=0.1, **more) -> dict[str, float]:
    scores = CorrespondenceScorer(alpha=alpha).score(job(data, *representations, **more))
    return {s.representation: s.value for s in scores}


def test_it_is_a_scorer() -> None:
    assert isinstance(CorrespondenceScorer(), Scorer)


@given(
    st.sampled_from(["squash", "letterbox", "crop"]),
    st.tuples(st.integers(20, 150), st.integers(20, 150)),
    st.sampled_from([(64, 8), (70, 14), (48, 16)]),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30),
    st.floats(0.02, 0.3),
)
@settings(deadline=None, max_examples=150)
def test_a_perfect_matcher_reaches_the_grid_s_ceiling_exactly(kit, mode, size, side, parts, alpha) -> None:
    """The ceiling, by brute force: a keypoint can be right iff the nearest of all token centres is near enough.

    In the oracle's features each token is unlike all others, so the only error left is the grid's own.
    """
    points = np.array(parts) * (np.array(size) - 1.0)
    _, geometry = prepare(Image.new("RGB", size), side[0], side[1], resize=mode)
    distances = np.linalg.norm(points[:, None] - geometry.cell_centres()[None], axis=-1).min(1)
    if np.abs(distances / max(size) - alpha).min() < 1e-9:
        return
    position = geometry.to_grid(points)
    if (np.abs(position - np.floor(position) - 0.5) < 1e-5).any():  # half-way: either neighbour is right
        return
    ceiling = 100 * np.mean(distances < alpha * max(size))
    image = kit.photo(0, size)
    data = kit.Pairs([kit.pair(0, image, image, points, points, size=float(max(size)))])
    (value,) = values(data, [kit.oracle(mode, *side)], alpha=alpha).values()
    assert value == pytest.approx(ceiling)


def test_the_oracle_follows_the_image_when_it_is_resized(kit) -> None:
    """Squashing makes a tall and a wide version of an image the same input; geometry leads back to each."""
    wide, tall = kit.photo(0, (160, 60)), kit.photo(0, (40, 120))
    points = np.random.default_rng(0).uniform(0, (159, 59), (50, 2))
    truth = (points + 0.5) * (40 / 160, 120 / 60) - 0.5
    data = kit.Pairs([kit.pair(0, wide, tall, points, truth, size=120.0)])
    (value,) = values(data, [kit.oracle()], alpha=0.08).values()
    assert value == 100


def test_an_image_matches_itself(kit) -> None:
    """At the tokens' centres, where the grid costs nothing, any features that tell tokens apart are perfect."""
    image = kit.photo(3)
    points = prepare(image.load(), 64, 8)[1].cell_centres()
    data = kit.Pairs([kit.pair(0, image, image, points, points, size=1.0)])
    assert set(values(data, [kit.encoder("a")], [kit.encoder("a"), kit.encoder("b")], alpha=0.001).values()) == {100}


def test_each_image_is_encoded_once_whatever_the_number_of_combinations(kit) -> None:
    data = kit.world(6)
    a, b, c = kit.encoder("a"), kit.encoder("b"), kit.encoder("c", patch=16)
    found = values(data, [a], [b], [c], [a, b], [a, c], [b, c], [a, b, c])
    assert list(found) == [
        "toy/a@64",
        "toy/b@64",
        "toy/a@64 + toy/b@64",
        "toy/c@64",
        "toy/a@64 + toy/c@64",
        "toy/b@64 + toy/c@64",
        "toy/a@64 + toy/b@64 + toy/c@64",
    ]
    assert [sum(e.encoded) for e in (a, b, c)] == [7, 7, 7]
    alone = values(data, [b, c])
    assert alone["toy/b@64 + toy/c@64"] == found["toy/b@64 + toy/c@64"]


def test_a_score_is_there_before_the_next_encoder_starts(kit) -> None:
    a, b = kit.encoder("a"), kit.encoder("b")
    scores = CorrespondenceScorer().score(job(kit.world(3), [a], [b]))
    assert next(scores).representation == "toy/a@64"
    assert b.encoded == []
    scores.close()


def test_a_second_run_encodes_nothing_and_finds_the_same(kit, tmp_path) -> None:
    encoder = kit.encoder("a")
    cache = FeatureCache(tmp_path)
    first = values(kit.world(4), [encoder], cache=cache)
    count = sum(encoder.encoded)
    assert values(kit.world(4), [encoder], cache=cache) == first
    assert sum(encoder.encoded) == count


def test_few_features_are_in_memory_at_a_time(kit) -> None:
    """Of 150 images in a row each is a source and a target once: none is needed for long."""
    alive: weakref.WeakSet[FeatureMap] = weakref.WeakSet()
    counts: list[int] = []

    class Store(FeatureCache):
        def get(self, encoder, image):
            found = FeatureMap(torch.rand(64, 4), prepare(Image.new("RGB", (90, 70)), 64, 8)[1])
            alive.add(found)
            counts.append(len(alive))
            return found

    values(kit.world(150), [kit.encoder("a")], cache=Store("unused"))
    assert len(counts) == 151
    assert max(counts) < 75, "two batches on their way, and the image in hand"


def test_images_wait_for_their_pairs_whatever_the_order(kit) -> None:
    data = kit.world(8)
    order = np.random.default_rng(5).permutation(8)
    shuffled = kit.Pairs([data.pairs[i] for i in order])
    plain = found_by_pair(data, kit.encoder("a"))
    for name, found in found_by_pair(shuffled, kit.encoder("a")).items():
        np.testing.assert_array_equal(found, plain[name])


def found_by_pair(data, encoder) -> dict[str, np.ndarray]:
    table = read_pairs(data)
    ((_, matches),) = match_all(job(data, [encoder]), table, Strict(Argmax()))
    return {pair.id: matches.found[table.rows_of(p)] for p, pair in enumerate(table.pairs)}


def test_details_say_what_was_measured(kit) -> None:
    data = kit.world(6)
    empty = kit.pair(99, kit.photo(0), kit.photo(1), np.zeros((0, 2)), np.zeros((0, 2)))
    (score,) = CorrespondenceScorer(alpha=0.1).score(job(kit.Pairs([*data, empty]), [kit.encoder("a")]))
    details = score.details
    assert (score.count, details["keypoints"], details["skipped"]) == (6, 30, 1)
    assert len(json.dumps(details)) < 4000, "nothing that grows with the pairs is stored"
    assert set(details["categories"]) == {"cat", "dog"}
    by_alpha = [details["alphas"][a]["value"] for a in ("0.01", "0.05", "0.1", "0.15")]
    assert by_alpha == sorted(by_alpha)
    assert details["alphas"]["0.1"]["value"] == score.value


def test_details_say_on_which_grid_encoders_met(kit) -> None:
    fine, coarse = kit.encoder("a", patch=8), kit.encoder("b", patch=16)
    for matcher, zoom in (("argmax", 1), ("upsampled", 4)):
        scores = CorrespondenceScorer(matcher=matcher).score(job(kit.world(2), [fine], [coarse], [fine, coarse]))
        found = {s.representation: (s.details["grid"], s.details["resampled"]) for s in scores}
        assert found["toy/b@64"] == ([4 * zoom, 4 * zoom], [] if zoom == 1 else ["toy/b@64"])
        assert found["toy/a@64 + toy/b@64"][0] == [8 * zoom, 8 * zoom]
        assert found["toy/a@64 + toy/b@64"][1] == (["toy/b@64"] if zoom == 1 else ["toy/a@64", "toy/b@64"])


def test_progress_counts_every_image_of_every_encoder(kit) -> None:
    seen: list[tuple[str, int, int]] = []
    values(kit.world(9), [kit.encoder("a")], [kit.encoder("b")], progress=lambda *step: seen.append(step))
    assert seen[-1] == ("toy/b@64", 20, 20)
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


def test_what_cannot_be_scored_is_refused_before_anything_is_encoded(kit) -> None:
    a, b = kit.encoder("a"), kit.encoder("b", resize="crop")
    with pytest.raises(DataError, match=r"toy/a@64' \(squash\) and 'toy/b@64' \(crop\)"):
        values(kit.world(2), [a], [a, b])
    assert a.encoded == []
    with pytest.raises(DataError, match="no pair with keypoints"):
        values(kit.Pairs([]), [a])
    with pytest.raises(DataError, match="α = 0"):
        CorrespondenceScorer(alpha=0)
    with pytest.raises(DataError, match="no correspondence protocol 'strickt'") as caught:
        CorrespondenceScorer(protocol="strickt")
    assert "strict" in caught.value.remedy


@pytest.mark.parametrize(
    ("combine_rows", "says"),
    [(lambda rows: rows[0] / None, "TypeError"), (lambda rows: rows[0][:, 1:], r"shape \[10, 63\], not \[10, 64\]")],
)
def test_a_combiner_that_misbehaves_is_named(kit, combine_rows, says) -> None:
    combiner = ConcatCombiner()
    combiner.combine_rows = combine_rows
    work = replace(job(kit.world(2), [kit.encoder("a"), kit.encoder("b")]), combiner=combiner)
    with pytest.raises(PluginError, match=f"The combiner ConcatCombiner .*{says}"):
        list(CorrespondenceScorer().score(work))


def test_a_data_set_that_fails_while_it_is_read_is_a_plugin_s_failure(kit) -> None:
    def fail():
        yield from kit.world(2)
        raise KeyError("annotation 3")

    data = kit.Pairs([])
    data.pairs = fail()
    with pytest.raises(PluginError, match="Reading the image pairs failed: KeyError: 'annotation 3'"):
        read_pairs(data)


def test_scores_are_blind_to_scale_and_order_of_channels(kit) -> None:
    data = kit.world(6)
    plain = kit.encoder("net")
    order = torch.randperm(24, generator=torch.Generator().manual_seed(1))
    scaled = kit.encoder("net", lambda p: 1e3 * plain.tokens(p)[..., order])
    assert values(data, [scaled]) == values(data, [plain])


def test_layers_of_one_network_are_scored_from_one_pass(kit) -> None:
    class Layered:
        """Two layers of one network: two encoders that show the same input."""

        def __init__(self) -> None:
            self.layers = {-1: kit.encoder("a"), -2: kit.encoder("b")}
            self.passes = 0

        def preprocess(self, image):
            return self.layers[-1].preprocess(image)

        def encode(self, batch):
            return self.encode_layers(batch, [-1])[0]

        def encode_layers(self, batch, layers):
            self.passes += len(batch)
            return [self.layers[layer].encode(batch) for layer in layers]

        def ref(self, layer: int) -> EncoderRef:
            spec = self.layers[layer].spec
            spec = spec.model_copy(update={"options": {"layer": layer_option()}, "layer": layer})
            return EncoderRef(f"toy/net@64?layer={layer}", spec, load=lambda: self)

    network = Layered()
    last, second = network.ref(-1), network.ref(-2)
    scorer = CorrespondenceScorer()
    together = [(last,), (second,), (last, second)]
    found = [s.value for s in scorer.score(ScoringJob(together, kit.world(4), ConcatCombiner()))]
    assert network.passes == 5, "four pairs of five images"
    a, b = kit.encoder("a"), kit.encoder("b")
    assert found == list(values(kit.world(4), [a], [b], [a, b]).values())
