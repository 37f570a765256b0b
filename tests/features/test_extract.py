from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from visionlaw.errors import DataError, PluginError
from visionlaw.features.batching import HOST_BATCH as BATCH
from visionlaw.features.batching import default_batch
from visionlaw.features.cache import FeatureCache
from visionlaw.features.extract import extract, extract_stream
from visionlaw.features.results import Extracted, Quarantined
from visionlaw.features.sources import Source
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
    assert not list(tmp_path.rglob("*.safetensors"))


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
    raise RuntimeError("the device is gone")


def leave(tokens):
    raise SystemExit(0)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (crash, "the device is gone"),
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
    ("spoil", "says"), [(crash, "the device is gone"), (leave, "SystemExit"), (lambda pair: (pair[0], None), "grid")]
)
def test_an_encoder_that_misbehaves_before_it_encodes_is_named(encoder, images, monkeypatch, spoil, says) -> None:
    prepare = encoder.preprocess
    monkeypatch.setattr(encoder, "preprocess", lambda image: spoil(prepare(image)))
    with pytest.raises(PluginError, match=says) as caught:
        list(extract(encoder.ref(), images(2)))
    assert "toy/mean@64" in caught.value.message
    assert not [t for t in threading.enumerate() if t.name.startswith("prepare")]


class Roomy:
    """Encodes no more than ``room`` images at a time, as a device whose memory is full; records every attempt."""

    def __init__(self, encoder, room: int, error: type[Exception] = torch.OutOfMemoryError) -> None:
        self.encoder, self.room, self.error = encoder, room, error
        self.tried: list[int] = []

    def preprocess(self, image):
        return self.encoder.preprocess(image)

    def encode(self, batch):
        self.tried.append(len(batch))
        if len(batch) > self.room:
            raise self.error("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.encoder.encode(batch)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError, MemoryError])
def test_the_batch_is_halved_when_memory_runs_out_and_stays_so(encoder, images, error) -> None:
    refs = images(2 * BATCH)
    roomy = Roomy(encoder, BATCH // 4, error)
    ref = replace(encoder.ref(), load=lambda: roomy)
    found = dict(extract(ref, refs))
    assert roomy.tried == [BATCH, BATCH // 2] + [BATCH // 4] * 8
    assert list(found) == [image.key for image in refs]
    for key, features in extract(encoder.ref(), refs):
        torch.testing.assert_close(found[key].tokens, features.tokens)


def test_an_image_that_does_not_fit_alone_is_one_sentence(encoder, images) -> None:
    ref = replace(encoder.ref(), load=lambda: Roomy(encoder, 0))
    with pytest.raises(DataError, match=r"Memory does not suffice to encode a single image with 'toy/mean@64'"):
        list(extract(ref, images(3)))


def test_bad_images_are_set_aside_and_the_rest_is_unaffected(encoder, images) -> None:
    def broken() -> ImageRef:
        raise DataError("'cat.jpg' is broken.", "Replace it.")

    def undecodable() -> None:
        raise KeyError("cat")

    good = [Source(image.key, lambda image=image: image) for image in images(BATCH + 2)]
    bad = {0: Source("cat", broken), 5: Source("dog", lambda: ImageRef("dog", undecodable))}
    mixed = list(good)
    for position, source in bad.items():
        mixed.insert(position, source)
    results = list(extract_stream([encoder.ref()], mixed))
    assert [r.name for r in results] == [s.name for s in mixed]
    assert {i for i, r in enumerate(results) if isinstance(r, Quarantined)} == set(bad)
    assert results[0].reason == "'cat.jpg' is broken. Replace it."
    assert "KeyError" in results[5].reason
    plain = dict(extract(encoder.ref(), images(BATCH + 2)))
    for result in (r for r in results if isinstance(r, Extracted)):
        torch.testing.assert_close(result.features.tokens, plain[result.key].tokens)
    run = extract_stream([encoder.ref()], mixed[1:], strict_images=True)
    with pytest.raises(DataError, match="'dog'"):
        assert [r.name for r in run] == []
    assert sum(encoder.encoded) >= 2 * (BATCH + 2)


def test_one_stream_serves_several_encoders_and_decodes_each_image_once(encoder, images) -> None:
    loads: list[str] = []

    def counted(image: ImageRef) -> ImageRef:
        return ImageRef(image.key, lambda: loads.append(image.key) or image.load())

    refs = images(BATCH + 1)
    other = replace(encoder.ref("2"), id="toy/other@64")
    list(extract_stream([encoder.ref(), other], []))  # nothing is loaded for nothing
    assert encoder.loads == 0
    sources = [Source(image.key, lambda image=image: counted(image)) for image in refs]
    results = list(extract_stream([encoder.ref(), other], sources))
    assert all(set(r.maps) == {"toy/mean@64", "toy/other@64"} for r in results)
    assert sorted(loads) == sorted(image.key for image in refs)


@pytest.mark.parametrize(
    ("device", "by_resolution"), [("cpu", {64: 8, 224: 8, 336: 2, 768: 1}), ("cuda", {224: 64, 336: 16, 768: 4})]
)
def test_a_batch_has_about_the_same_number_of_pixels_at_any_resolution(device, by_resolution) -> None:
    assert {r: default_batch(torch.device(device), r) for r in by_resolution} == by_resolution


class Elongated:
    """Takes an image at its own shape, scaled to one of two inputs, and pools it to the declared grid."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def preprocess(self, image):
        from visionlaw.features.geometry import Geometry

        width, height = (64, 32) if image.width > image.height else (32, 64)
        pixels = torch.from_numpy(np.asarray(image.resize((width, height)), dtype=np.float32)).permute(2, 0, 1)
        scale = (4 / image.width, 4 / image.height)
        return pixels, Geometry(image.size, (4, 4), scale, (scale[0] / 2 - 0.5, scale[1] / 2 - 0.5))

    def encode(self, batch):
        self.shapes.append(tuple(batch.shape))
        return torch.nn.functional.adaptive_avg_pool2d(batch, 4).flatten(2).transpose(1, 2)


def test_inputs_of_different_shapes_are_batched_by_shape_and_come_back_in_order(encoder) -> None:
    rng = np.random.default_rng(0)
    sizes = [(40, 30), (30, 40), (50, 20), (20, 50), (60, 20), (44, 33)]
    pictures = [Image.fromarray(rng.integers(0, 256, (h, w, 3), dtype=np.uint8)) for w, h in sizes]
    refs = [ImageRef(str(n), lambda picture=picture: picture) for n, picture in enumerate(pictures)]
    elongated = Elongated()
    found = list(extract(replace(encoder.ref(), load=lambda: elongated), refs))
    assert elongated.shapes == [(4, 3, 32, 64), (2, 3, 64, 32)]
    assert [key for key, _ in found] == [ref.key for ref in refs]
    for (_, features), picture in zip(found, pictures, strict=True):
        alone = Elongated().encode(Elongated().preprocess(picture)[0][None])[0]
        torch.testing.assert_close(features.tokens, alone)
        assert features.geometry.image_size == picture.size


def test_what_is_no_fault_of_an_image_ends_the_run(tmp_path: Path, encoder, images) -> None:
    def too_large() -> None:
        raise MemoryError

    class Unreadable(FeatureCache):
        def get(self, encoder, image):
            raise DataError("The disk is gone.")

    sources = [Source("huge", lambda: ImageRef("huge", too_large))]
    with pytest.raises(DataError, match="Memory does not suffice to read the image 'huge'"):
        list(extract_stream([encoder.ref()], sources))
    with pytest.raises(DataError, match="The disk is gone"):
        list(extract(encoder.ref(), images(3), Unreadable(tmp_path)))


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_has_at_least_one_image(encoder, images, size) -> None:
    with pytest.raises(DataError, match=f"cannot have {size} images"):
        list(extract_stream([encoder.ref()], [], batch_size=size))


def test_an_encoder_that_prepares_nothing_is_named(encoder, images, monkeypatch) -> None:
    monkeypatch.setattr(encoder, "preprocess", lambda image: None)
    with pytest.raises(PluginError, match="failed to preprocess"):
        list(extract(encoder.ref(), images(2)))


def test_a_script_that_ends_in_the_middle_of_an_extraction_ends_quietly(python) -> None:
    script = """
import visionlaw
from PIL import Image
run = visionlaw.load("classical/rgb@256").extract([Image.new("RGB", (40, 40))] * 40)
print(next(run).name)
"""
    outcome = python("-c", script)
    assert (outcome.code, outcome.out.strip()) == (0, "image-000000")
    assert outcome.err == ""
