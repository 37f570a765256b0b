from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from visionlaw.features.extract import extract, extract_stream
from visionlaw.features.layers import passes
from visionlaw.features.preprocess import prepare
from visionlaw.features.sources import Source
from visionlaw.protocols import EncoderRef
from visionlaw.specs import EncoderSpec, Variant, layer_option

SPEC = EncoderSpec(
    id="toy/pyramid@64",
    target="toy:pyramid",
    resolution=64,
    patch=16,
    channels=3,
    options={"layer": layer_option()},
    variants={"layer=-2": Variant(patch=8)},
)


class Pyramid:
    """Layer -1 has mean colours of 16 px patches, layer -2 of 8 px patches; counts its forward passes."""

    def __init__(self, spec: EncoderSpec) -> None:
        self.spec = spec
        self.passes = 0

    def preprocess(self, image):
        return prepare(image, 64, self.spec.patch)

    def encode(self, batch):
        (tokens,) = self.encode_layers(batch, [self.spec.layer])
        return tokens

    def encode_layers(self, batch, layers):
        self.passes += 1
        return [torch.nn.functional.avg_pool2d(batch, {-1: 16, -2: 8}[n]).flatten(2).transpose(1, 2) for n in layers]


class OneByOne:
    """The same for an encoder that reads one layer at a time."""

    def __init__(self, spec: EncoderSpec) -> None:
        self.pyramid = Pyramid(spec)

    def preprocess(self, image):
        return self.pyramid.preprocess(image)

    def encode(self, batch):
        return self.pyramid.encode(batch)


def refs(kind: type, loaded: list) -> list[EncoderRef]:
    def ref(name: str, options: dict) -> EncoderRef:
        spec = SPEC.of(options)

        def load():
            loaded.append(kind(spec))
            return loaded[-1]

        return EncoderRef(name, spec, {"version": "1"}, load=load)

    return [ref("toy/pyramid@64", {}), ref("toy/pyramid@64?layer=-2", {"layer": -2})]


def test_options_that_change_the_grid_change_the_spec() -> None:
    assert SPEC.grid == (4, 4)
    assert SPEC.of({"layer": -2}).grid == (8, 8)
    assert SPEC.of({"layer": -2}).layer == -2
    assert SPEC.of({}) is SPEC


def test_layers_of_one_network_share_a_pass_and_nothing_else_does() -> None:
    last, second = refs(Pyramid, [])
    newer = replace(second, id="toy/pyramid@64?layer=-3", provenance={"version": "2"})
    noisy = replace(second, id="toy/pyramid@64?layer=-2&t=3")
    found = passes([last, noisy, second, newer, last])
    assert [[e.id for e in group] for group in found] == [[last.id, second.id], [noisy.id], [newer.id]]


@pytest.mark.parametrize("kind", [Pyramid, OneByOne])
def test_several_layers_come_from_one_pass_and_equal_those_read_alone(images, kind) -> None:
    loaded: list = []
    pictures = images(5)
    sources = [Source(image.key, lambda image=image: image) for image in pictures]
    together = list(extract_stream(refs(kind, loaded), sources))
    if kind is Pyramid:
        assert [encoder.passes for encoder in loaded] == [1]
    for ref in refs(kind, []):
        for result, (key, alone) in zip(together, extract(ref, pictures), strict=True):
            assert result.key == key
            assert torch.equal(result.maps[ref.id].tokens, alone.tokens)
            assert result.maps[ref.id].grid == alone.grid == ref.spec.grid
            corners = [(0, 0), (12.5, 40), (69, 49)]
            placed, expected = (m.geometry.to_grid(corners) for m in (result.maps[ref.id], alone))
            np.testing.assert_allclose(placed, expected, atol=1e-9)
