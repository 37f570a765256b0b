"""How the lab's encoders and its language model are trained: names, objectives, sizes. Imports nothing heavy."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from visionlaw.specs import EncoderSpec
from visionlaw_lab.names import GENERATOR, SIDE

VERSION = 3
"""Counts up whenever training an encoder would give other weights."""
GRID, CHANNELS = 7, 128
CARD, WEIGHTS = "encoder.json", "encoder.safetensors"


@dataclass(frozen=True)
class EncoderRecipe:
    """How an encoder is trained.

    Attributes:
        name: Of the encoder: ``lab/<name>@112``.
        objective: One of :data:`visionlaw_lab.objectives.OBJECTIVES`; empty: it is not trained at all.
        side: Pixels of the input's side.
        scenes: Different scenes that it sees.
        passes: How often it sees each of them.
        batch: Scenes in a step.
        rate: Largest learning rate.
        seed: Of weights, scenes and batches.
        description: One sentence.
    """

    name: str
    objective: str
    description: str
    side: int = SIDE
    scenes: int = 4000
    passes: int = 3
    batch: int = 64
    rate: float = 2e-3
    seed: int = 0

    @property
    def id(self) -> str:
        """The encoder's id."""
        return f"lab/{self.name}@{self.side}"

    @property
    def digest(self) -> str:
        """Identity of the recipe, and of the world that it is trained in."""
        content = json.dumps([VERSION, GENERATOR, asdict(self) | {"description": ""}])
        return hashlib.sha256(content.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class LanguageRecipe:
    """How the language model is made.

    Attributes:
        width: d, length of a token's embedding.
        layers: Number of blocks.
        heads: Attention heads of a block.
        steps: Optimiser steps.
        batch: Texts in a step.
        rate: Largest learning rate.
        seed: Of its initial weights and its texts.
    """

    width: int = 128
    layers: int = 3
    heads: int = 4
    steps: int = 600
    batch: int = 16
    rate: float = 2e-3
    seed: int = 0


RECIPES: tuple[EncoderRecipe, ...] = (
    EncoderRecipe("clip", "contrast", "Learned which caption belongs to which scene.", passes=5),
    EncoderRecipe("clip", "contrast", "Learned which caption belongs to which scene, at half the size.", 56, passes=5),
    EncoderRecipe("masked", "missing", "Learned to fill in hidden patches.", batch=16, rate=1e-3),
    EncoderRecipe("views", "views", "Learned what survives a change of light and a shift.", passes=2),
    EncoderRecipe(
        "digits", "digits", "Learned to name the handwritten digit, and nothing else.", passes=4, batch=16, rate=1e-3
    ),
    EncoderRecipe(
        "words", "words", "Learned to name the printed word, and nothing else.", passes=4, batch=16, rate=1e-3
    ),
    EncoderRecipe(
        "words", "words", "Learned to name the printed word, at half the size.", 56, passes=4, batch=16, rate=1e-3
    ),
    EncoderRecipe("untrained", "", "The same network with random weights: the control.", scenes=512),
)


def recipe_of(encoder: str) -> EncoderRecipe:
    """Return the recipe of one of the lab's encoders, by its id."""
    return next(recipe for recipe in RECIPES if recipe.id == encoder)


def encoder_folder(recipe: EncoderRecipe) -> Path:
    """Return where the trained weights of a recipe are kept: below ``$VISIONLAW_CACHE``, or the user's cache folder."""
    named = os.environ.get("VISIONLAW_CACHE")
    if named:
        base = Path(named).expanduser()
    else:
        from platformdirs import user_cache_dir

        base = Path(user_cache_dir("visionlaw", appauthor=False))
    return base / "lab" / f"{recipe.name}-{recipe.side}-{recipe.digest}"


def trained_revision(recipe: EncoderRecipe) -> str | None:
    """Return the digest of the weights that are there, as their card says; None where they have still to be trained."""
    try:
        card = json.loads((encoder_folder(recipe) / CARD).read_bytes())
        return str(card["weights"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def spec_of(recipe: EncoderRecipe) -> EncoderSpec:
    """Return what visionlaw lists of an encoder.

    Its revision is the recipe's digest, and with it that of the weights once they are there: two machines may round
    differently, and train different weights from one recipe.
    """
    weights = trained_revision(recipe)
    return EncoderSpec(
        id=recipe.id,
        target="visionlaw_lab.encoders:build",
        description=recipe.description,
        tags=("control" if not recipe.objective else "trained-here", "lab", "no-download"),
        license="Apache-2.0",
        files=(WEIGHTS,),
        tiny="visionlaw_lab.tiny_encoders:write",
        revision=f"recipe:{recipe.digest}" + (f";{weights}" if weights else ""),
        resolution=recipe.side,
        resize="squash",
        patch=recipe.side // GRID,
        channels=CHANNELS,
    )
