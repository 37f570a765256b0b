from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from visionlaw.errors import DataError, PluginError
from visionlaw.features.cache import FeatureCache
from visionlaw.features.extract import BATCH, extract
from visionlaw.protocols import ImageRef


def test_images_come_in_order_each_once_in_batches(encoder, images) -> None:
    refs = images(2 * BATCH + 3)
    done: list[int] = []
    found = list(extract(encoder.ref(), [*refs, refs[0]], progress=done.append))
    assert [key for key, _ in found] == [r.key for r in refs]
    assert encoder.encoded == [BATCH, BATCH, 3]
    assert sum(done) == len(refs)
    alone = dict(extract(encoder.ref(), refs[5:6]))
    torch.testing.assert_close(found[5][1].tokens, alone[refs[5].key].tokens)


def test_an_interrupted_run_goes_on_at_the_next_image(tmp_path: Path, encoder, images) -> None:
    refs = images(3 * BATCH)
    cache = FeatureCache(tmp_path)
    run = extract(encoder.ref(), refs, cache)
    first = [next(run) for _ in range(BATCH)]
    run.close()
    before = sum(encoder.encoded)
    assert before < len(refs)
    again = list(extract(encoder.ref(), refs, cache))
    assert sum(encoder.encoded) == len(refs)
    assert torch.equal(again[0][1].tokens, first[0][1].tokens)
    assert [key for key, _ in again] == [r.key for r in refs]


def test_an_encoder_is_not_loaded_when_all_is_cached(tmp_path: Path, encoder, images) -> None:
    cache = FeatureCache(tmp_path)
    list(extract(encoder.ref(), images(3), cache))
    list(extract(encoder.ref(), images(3), cache))
    assert encoder.loads == 1


def test_the_features_can_be_trained_on(encoder, images) -> None:
    ((_, features),) = extract(encoder.ref(), images(1))
    weight = torch.ones(3, requires_grad=True)
    (features.tokens @ weight).sum().backward()
    assert weight.grad is not None


def test_a_bad_image_ends_the_run_with_its_own_error_and_no_threads(tmp_path: Path, encoder, images) -> None:
    def broken() -> None:
        raise DataError("'cat.jpg' is broken.")

    def worse() -> None:
        raise KeyError("cat")

    refs = images(BATCH)
    cache = FeatureCache(tmp_path)
    with pytest.raises(DataError, match=r"cat\.jpg"):
        list(extract(encoder.ref(), [*refs, ImageRef("bad", broken)], cache))
    with pytest.raises(DataError, match="'bad' cannot be loaded"):
        list(extract(encoder.ref(), [ImageRef("bad", worse)], cache))
    assert not [t for t in threading.enumerate() if t.name.startswith("prepare")]
    assert sum(encoder.encoded) == BATCH


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ({"patch": 8}, r"a grid of 4×4 tokens, but declares 8×8"),
        ({"channels": 999}, r"tokens of 3 channels, but declares 999"),
    ],
)
def test_what_the_spec_promises_is_held_against_the_encoder(tmp_path: Path, encoder, images, declared, says) -> None:
    """Combinations are planned from the promise: a wrong grid would be resampled in silence."""
    ref = encoder.ref()
    ref = replace(ref, spec=ref.spec.model_copy(update=declared))
    with pytest.raises(PluginError, match=says) as caught:
        list(extract(ref, images(2), FeatureCache(tmp_path)))
    assert "toy/mean@64" in caught.value.message
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


@dataclass
class Misbehaving:
    """Wraps an encoder and spoils its tokens."""

    encoder: object
    spoil: object

    def preprocess(self, image):
        return self.encoder.preprocess(image)

    def encode(self, batch):
        return self.spoil(self.encoder.encode(batch))


def crash(tokens):
    raise RuntimeError("out of memory")


def leave(tokens):
    raise SystemExit(0)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (crash, "out of memory"),
        (leave, "SystemExit"),
        (lambda t: t.numpy(), "AttributeError|TypeError"),
        (lambda t: None, "AttributeError"),
        (lambda t: t * float("nan"), "not finite"),
        (lambda t: t.double() * 1e300, "not finite in float32"),
        (lambda t: t > 0, "torch.bool"),
        (lambda t: t[:, 1:], r"shape \[2, 15, 3\], not \[2, 16, C\]"),
        (lambda t: t[0], r"shape \[16, 3\]"),
        (lambda t: t[:1], r"shape \[1, 16, 3\]"),
    ],
)
def test_an_encoder_that_misbehaves_is_named(encoder, images, spoil, says) -> None:
    ref = encoder.ref()
    bad = type(ref)(ref.id, ref.spec, ref.provenance, load=lambda: Misbehaving(encoder, spoil))
    with pytest.raises(PluginError, match=says) as caught:
        list(extract(bad, images(2)))
    assert "toy/mean@64" in caught.value.message


@pytest.mark.parametrize(
    ("spoil", "says"), [(crash, "out of memory"), (leave, "SystemExit"), (lambda pair: (pair[0], None), "grid")]
)
def test_an_encoder_that_misbehaves_before_it_encodes_is_named(encoder, images, monkeypatch, spoil, says) -> None:
    prepare = encoder.preprocess
    monkeypatch.setattr(encoder, "preprocess", lambda image: spoil(prepare(image)))
    with pytest.raises(PluginError, match=says) as caught:
        list(extract(encoder.ref(), images(2)))
    assert "toy/mean@64" in caught.value.message
    assert not [t for t in threading.enumerate() if t.name.startswith("prepare")]
