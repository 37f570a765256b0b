"""What every classical encoder promises, checked on each."""

from __future__ import annotations

import hashlib
import pkgutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from visionlaw.protocols import Encoder
from visionlaw.specs import EncoderSpec
from visionlaw_classical.gradients import hog
from visionlaw_classical.plugin import visionlaw_encoders, visionlaw_resolve

SPECS = {spec.id: spec for spec in visionlaw_encoders()}
HAND_CRAFTED = [name for name, spec in SPECS.items() if "hand-crafted" in spec.tags]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def build(name: str) -> Encoder:
    spec = SPECS[name]
    return pkgutil.resolve_name(spec.target)(spec)


def texture(side: int, seed: int = 0) -> torch.Tensor:
    """Colour noise at several scales, ``[3, side, side]`` in 0.1–0.9."""
    rng = np.random.default_rng(seed)
    scales = [sigma * gaussian_filter(rng.standard_normal((3, side, side)), (0, sigma, sigma)) for sigma in (1, 3, 9)]
    image = np.sum(scales, axis=0)
    image = (image - image.min()) / (image.max() - image.min())
    return torch.from_numpy(0.1 + 0.8 * image).float()


def digest(name: str) -> str:
    side = SPECS[name].resolution
    return hashlib.sha256(build(name).encode(texture(side)[None]).numpy().tobytes()).hexdigest()


def test_fourteen_encoders_are_listed() -> None:
    assert len(SPECS) == 14
    assert {spec.grid for spec in SPECS.values()} == {(16, 16), (24, 24)}


@pytest.mark.parametrize("name", SPECS)
def test_an_image_becomes_the_declared_grid_and_channels(name: str) -> None:
    spec, encoder = SPECS[name], build(name)
    assert isinstance(encoder, Encoder)

    pixels, geometry = encoder.preprocess(Image.new("L", (123, 77), 90))
    assert pixels.shape == (3, spec.resolution, spec.resolution)
    assert geometry.grid == spec.grid
    assert geometry.image_size == (123, 77)
    assert geometry.to_grid([-0.5, -0.5]) == pytest.approx([-0.5, -0.5])
    assert geometry.to_grid([122.5, 76.5]) == pytest.approx([spec.grid[1] - 0.5, spec.grid[0] - 0.5])

    tokens = encoder.encode(pixels[None])
    assert tokens.shape == (1, spec.grid[0] * spec.grid[1], spec.channels)
    assert tokens.dtype == torch.float32


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("level", [0.0, 0.5, 0.7, 1.0])
def test_a_flat_image_has_finite_tokens_of_length_one(name: str, level: float) -> None:
    spec = SPECS[name]
    tokens = build(name).encode(torch.full((1, 3, spec.resolution, spec.resolution), level))

    assert torch.isfinite(tokens).all()
    assert tokens.norm(dim=-1).numpy() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", ["rgb", "dct", "gabor", "hog"])
@pytest.mark.parametrize("level", [0.2, 1.0])
def test_no_brightness_is_taken_for_structure(name: str, level: float) -> None:
    """Only the constant last channel is left of a flat image: filters have no response to its level."""
    tokens = build(f"classical/{name}@256").encode(torch.full((1, 3, 256, 256), level))

    assert tokens[..., :-1].abs().max() < 0.01


@pytest.mark.parametrize("name", SPECS)
def test_what_shares_a_batch_changes_nothing(name: str) -> None:
    encoder = build(name)
    batch = torch.stack([texture(SPECS[name].resolution, seed) for seed in range(3)])
    together = encoder.encode(batch)

    for i in range(3):
        assert torch.equal(together[i], encoder.encode(batch[i : i + 1])[0])


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize(("row", "column"), [(6, 9), (10, 7)])
def test_a_change_in_one_cell_is_centred_on_its_token(name: str, row: int, column: int) -> None:
    """Fails when rows and columns are swapped, and when windows are off their token by a quarter of a cell."""
    spec, encoder = SPECS[name], build(name)
    before = torch.full((3, spec.resolution, spec.resolution), 0.5)
    after = before.clone()
    spot = np.hanning(18)[1:-1]
    after[:, row * 16 : row * 16 + 16, column * 16 : column * 16 + 16] += torch.from_numpy(
        0.4 * np.outer(spot, spot)
    ).float()

    changed = (encoder.encode(after[None]) - encoder.encode(before[None])).norm(dim=-1)[0].numpy()
    changed = changed.reshape(spec.grid) ** 2
    rows, columns = np.mgrid[: spec.grid[0], : spec.grid[1]]
    centre = (changed * rows).sum() / changed.sum(), (changed * columns).sum() / changed.sum()
    assert centre == pytest.approx((row, column), abs=0.25)


@pytest.mark.parametrize("name", SPECS)
def test_an_image_moved_by_one_cell_has_its_tokens_moved_by_one(name: str) -> None:
    spec, encoder = SPECS[name], build(name)
    side, n = spec.resolution, spec.grid[0]
    large = texture(side + 16)
    down, right = large[None, :, 16:, :side], large[None, :, :side, 16:]
    still, down, right = (
        encoder.encode(image).reshape(n, n, -1)[6 : n - 6, 6 : n - 6]
        for image in (large[None, :, :side, :side], down, right)
    )

    # scikit-image interpolates LBP's diagonal neighbours at absolute positions: now and then a tie falls otherwise.
    for moved, expected in ((down[:-1], still[1:]), (right[:, :-1], still[:, 1:])):
        assert torch.isclose(moved, expected, atol=2e-4).float().mean() > 0.999
    assert not torch.allclose(down, still, atol=2e-2)


@pytest.mark.parametrize("name", HAND_CRAFTED)
def test_brightness_and_contrast_hardly_matter(name: str) -> None:
    encoder = build(name)
    image = texture(SPECS[name].resolution)
    plain, exposed = encoder.encode(torch.stack([image, 0.7 * image + 0.15]))

    assert (plain * exposed).sum(dim=-1).mean() > 0.98


@pytest.mark.parametrize("name", SPECS)
def test_places_can_be_told_apart(name: str) -> None:
    """The token of a place is nearer to itself under faint noise than to any other place, nearly everywhere."""
    encoder = build(name)
    image = texture(SPECS[name].resolution)
    noisy = image + 0.01 * torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    clean, seen = encoder.encode(torch.stack([image, noisy]))

    nearest = (seen @ clean.T).argmax(dim=1)
    assert (nearest == torch.arange(len(clean))).float().mean() > 0.9


def test_another_process_computes_the_same_bytes() -> None:
    names = [name for name in SPECS if name.endswith("@256")]
    code = (
        "import sys, torch, importlib.util\n"
        "spec = importlib.util.spec_from_file_location('t', sys.argv[1])\n"
        "t = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(t)\n"
        "torch.set_num_threads(1)\n"
        "torch.manual_seed(123)\n"
        "print(*(t.digest(name) for name in sys.argv[2:]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, __file__, *names], capture_output=True, text=True, check=True)

    assert done.stdout.split() == [digest(name) for name in names]


def test_the_random_net_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    build("classical/random@256")

    assert torch.equal(torch.rand(3), expected)


def test_listing_imports_nothing_heavy() -> None:
    heavy = ("torch", "numpy", "skimage", "scipy", "PIL")
    code = (
        "import sys, visionlaw_classical.plugin as p\n"
        "list(p.visionlaw_encoders())\n"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_specs_survive_json() -> None:
    for spec in SPECS.values():
        assert EncoderSpec.model_validate_json(spec.model_dump_json()) == spec
        assert spec.parameters == 0
        assert spec.license == "Apache-2.0"


@pytest.mark.parametrize("resolution", [96, 112, 224])
def test_other_resolutions_are_resolved(resolution: int) -> None:
    spec = visionlaw_resolve(f"classical/hog@{resolution}")
    assert spec is not None
    side = resolution // 16
    assert spec.grid == (side, side)
    assert hog(spec).encode(torch.rand(1, 3, resolution, resolution)).shape == (1, side * side, spec.channels)


@pytest.mark.parametrize("name", ["classical/hog@100", "classical/hog@80", "classical/sift@112", "classical/hog@99999"])
def test_what_cannot_be_is_not_resolved(name: str) -> None:
    assert visionlaw_resolve(name) is None
