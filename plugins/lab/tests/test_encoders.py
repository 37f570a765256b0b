from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from visionlaw.features.encoders import encoder_ref
from visionlaw.features.preprocess import prepare
from visionlaw.protocols import ModuleEncoder
from visionlaw.registry import Registry
from visionlaw_lab.encoders import load_trunk, train
from visionlaw_lab.names import Kind
from visionlaw_lab.networks import Trunk
from visionlaw_lab.objectives import OBJECTIVES, Naming, Objective
from visionlaw_lab.questions import training_scene
from visionlaw_lab.recipes import CHANNELS, RECIPES, EncoderRecipe, encoder_folder, spec_of, trained_revision
from visionlaw_lab.rendering import render

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


@pytest.mark.parametrize("objective", ["", *OBJECTIVES])
def test_no_channel_hides_beside_its_mean_on_scenes_never_seen(objective: str) -> None:
    trunk = train(EncoderRecipe("x", objective, "", 56, scenes=48, passes=1, batch=16)).eval()
    unseen = [prepare(render(training_scene(5, number)), 56, 56)[0] for number in range(48)]
    with torch.no_grad():
        tokens = trunk(torch.stack(unseen)).flatten(0, 1)
    assert tokens.std(dim=0).mean() == pytest.approx(1, abs=0.15)
    assert tokens.std(dim=0).min() > 0.4
    assert tokens.mean(dim=0).abs().max() < 0.6


@pytest.mark.parametrize(
    ("objective", "batch", "passes", "begins"),
    [("contrast", 32, 20, 3.0), ("digits", 16, 12, 2.5), ("words", 16, 12, 2.5)],
)
def test_an_objective_is_learnt(objective: str, batch: int, passes: int, begins: float) -> None:
    losses: list[float] = []

    def watched(trunk: Trunk, seed: int, side: int) -> Objective:
        made = OBJECTIVES[objective](trunk, seed, side)
        made.register_forward_hook(lambda module, given, loss: losses.append(loss.item()))
        return made

    recipe = EncoderRecipe("x", "watched", "", 56, scenes=32, passes=passes, batch=batch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(OBJECTIVES, "watched", watched)
        train(recipe)
    assert losses[0] > begins  # chance is log 32 = 3.47 for captions, and above 1.5 log 10 for names
    assert losses[-1] < 1


@pytest.mark.parametrize("kind", ["digit", "word"])
def test_a_specialist_is_told_a_name_only_where_a_token_shows_it(kind: Kind) -> None:
    named = 0
    for number in range(30):
        scene = training_scene(0, number)
        specialist = Naming(Trunk(56), 0, kind)
        shown = specialist.shown(scene).view(7, 7)
        for item in scene.of_kind(kind):
            assert shown[int(item.y / 16), int(item.x / 16)] == specialist.names.index(item.name)
            named += 1
        others = [item for item in scene.items if item.kind != kind]
        assert all(shown[int(item.y / 16), int(item.x / 16)] == len(specialist.names) for item in others)
    assert named > 10


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys, visionlaw_lab.plugin as p; list(p.visionlaw_encoders()); "
        "print([m for m in ('torch', 'numpy', 'transformers', 'sklearn') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
