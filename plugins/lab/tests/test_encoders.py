from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from visionlaw.features.encoders import encoder_ref
from visionlaw.protocols import ModuleEncoder
from visionlaw.registry import Registry
from visionlaw_lab.encoders import load_trunk, train
from visionlaw_lab.networks import Trunk
from visionlaw_lab.objectives import OBJECTIVES
from visionlaw_lab.questions import training_scene
from visionlaw_lab.recipes import CHANNELS, RECIPES, EncoderRecipe, encoder_folder, spec_of, trained_revision
from visionlaw_lab.rendering import render
from visionlaw_lab.scenes import Scene

SMALL = {"scenes": 16, "passes": 1, "batch": 8}
UNTRAINED = next(recipe for recipe in RECIPES if not recipe.objective)


def test_every_encoder_encodes_into_its_grid() -> None:
    registry = Registry.discover()
    listed = {entry.spec.id for entry in registry.entries("encoder") if entry.spec.id.startswith("lab/")}
    assert listed == {recipe.id for recipe in RECIPES}
    encoder = encoder_ref(registry, UNTRAINED.id).load()
    assert isinstance(registry.load("encoder", UNTRAINED.id), ModuleEncoder)
    pixels, geometry = encoder.preprocess(render(training_scene(0, 0)))
    assert encoder.encode(pixels[None]).shape == (1, 49, CHANNELS)
    assert geometry.grid == (7, 7)


def _weights(trunk: Trunk) -> torch.Tensor:
    return torch.cat([weight.flatten() for weight in trunk.state_dict().values()])


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_an_objective_trains_every_weight_that_makes_tokens(objective: str) -> None:
    recipe = EncoderRecipe("x", objective, "", 56, **SMALL)
    before, after = train(replace(recipe, objective="")), train(recipe)
    moved = {name: not torch.equal(w, after.state_dict()[name]) for name, w in before.state_dict().items()}
    assert all(moved.values()), moved


def test_a_seed_repeats() -> None:
    recipe = EncoderRecipe("x", "missing", "", 112, **SMALL)
    one, again, other = (_weights(train(r)) for r in (recipe, recipe, replace(recipe, seed=1)))
    assert torch.allclose(one, again, atol=1e-6)
    assert not torch.allclose(one, other, atol=1e-3)


def test_weights_are_trained_once_and_their_digest_is_the_identity() -> None:
    recipe = UNTRAINED
    assert trained_revision(recipe) is None
    before = spec_of(recipe).revision
    first = load_trunk(recipe)
    revision = trained_revision(recipe)
    assert revision is not None
    assert spec_of(recipe).revision == f"{before};{revision}"
    said: list[str] = []
    again = load_trunk(recipe, lambda stage, done, total: said.append(stage))
    assert not said
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))


def test_damaged_weights_are_trained_again() -> None:
    load_trunk(UNTRAINED)
    (path,) = encoder_folder(UNTRAINED).glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:100])
    load_trunk(UNTRAINED)
    assert len(path.read_bytes()) > 100


def test_contrast_learns_which_caption_is_whose() -> None:
    recipe = EncoderRecipe("x", "contrast", "", 56, scenes=32, passes=40, batch=32)
    losses: list[float] = []

    class Watched(OBJECTIVES["contrast"](Trunk(56), 0, 56).__class__):
        def forward(self, images: torch.Tensor, scenes: Sequence[Scene]) -> torch.Tensor:
            loss = super().forward(images, scenes)
            losses.append(loss.item())
            return loss

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(OBJECTIVES, "contrast", lambda trunk, seed, side: Watched(trunk, seed))
        train(recipe)
    assert losses[0] > 3  # chance is log 32 = 3.47
    assert losses[-1] < 1


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys, visionlaw_lab.plugin as p; list(p.visionlaw_encoders()); "
        "print([m for m in ('torch', 'numpy', 'transformers', 'sklearn') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
