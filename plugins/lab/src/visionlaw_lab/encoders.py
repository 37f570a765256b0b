"""The lab's encoders: trained from a seed when they are first used, on two CPU cores in well under a minute each."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from PIL.Image import Image
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from visionlaw import atomic
from visionlaw.errors import WeightsError
from visionlaw.features.geometry import Geometry
from visionlaw.features.preprocess import prepare
from visionlaw.specs import EncoderSpec
from visionlaw.weights import weights_folder
from visionlaw_lab.networks import Trunk
from visionlaw_lab.objectives import OBJECTIVES
from visionlaw_lab.recipes import CARD, WEIGHTS, EncoderRecipe, encoder_folder, recipe_of, trained_revision
from visionlaw_lab.rendering import render
from visionlaw_lab.scenes import Scene, draw_scene

Progress = Callable[[str, int, int], None]
STANDARDISED = 512
"""Scenes over which tokens are standardised, the first that an encoder learns from."""


class LabEncoder:
    """One of the lab's encoders, a :class:`visionlaw.protocols.ModuleEncoder`.

    Args:
        spec: Resolution and patch.
        trunk: The trained network.
    """

    def __init__(self, spec: EncoderSpec, trunk: Trunk) -> None:
        self._spec = spec
        self.module = trunk

    def preprocess(self, image: Image) -> tuple[torch.Tensor, Geometry]:
        """Resize an image to ``[3, S, S]``, values in 0–1, with the geometry of its tokens."""
        return prepare(image, self._spec.resolution, self._spec.patch, None, self._spec.resize)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """Encode ``[B, 3, S, S]`` into ``[B, 49, 128]``."""
        return self.module(batch)


def build(spec: EncoderSpec) -> LabEncoder:
    """Return an encoder: of the folder given as its checkpoint, else its own, trained first where it is not there.

    Raises:
        WeightsError: The folder has no weights, or others.
    """
    return LabEncoder(spec, load_trunk(recipe_of(spec.id)) if spec.checkpoint is None else _given_trunk(spec))


def load_trunk(recipe: EncoderRecipe, progress: Progress | None = None) -> Trunk:
    """Return the trained network of a recipe, from its file or by training it now.

    Args:
        recipe: Which.
        progress: Called as ``progress(stage, done, total)`` while it is trained.
    """
    folder = encoder_folder(recipe)
    stored = _read(folder, trained_revision(recipe))
    if stored is None:
        trained = train(recipe, progress)
        stored = save_tensors({name: value.contiguous() for name, value in trained.state_dict().items()})
        _write(folder, recipe, stored)
    return _trunk_of(recipe.side, stored)


def _given_trunk(spec: EncoderSpec) -> Trunk:
    file = weights_folder(spec) / WEIGHTS
    try:
        return _trunk_of(spec.resolution, file.read_bytes())
    except (OSError, RuntimeError, SafetensorError) as error:
        raise WeightsError(
            f"'{file}' holds no weights of '{spec.id}': {str(error).splitlines()[0]}",
            "Give the folder of an encoder that the lab has trained.",
        ) from error


def _trunk_of(side: int, stored: bytes) -> Trunk:
    trunk = Trunk(side)
    trunk.load_state_dict(load_tensors(stored))
    return trunk.eval().requires_grad_(False)


def train(recipe: EncoderRecipe, progress: Progress | None = None) -> Trunk:
    """Train an encoder by its recipe; one without an objective is left as its seed makes it, but for the scale."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(recipe.seed + 1)
        trunk = Trunk(recipe.side)
        objective = OBJECTIVES[recipe.objective](trunk, recipe.seed, recipe.side) if recipe.objective else None
    scenes = [draw_scene("encoders", "train", recipe.seed, number) for number in range(recipe.scenes)]
    images = torch.stack([prepare(render(s), recipe.side, recipe.side)[0].mul(255).to(torch.uint8) for s in scenes])
    if objective is not None:
        _learn(objective, recipe, scenes, images, progress)
    trunk.standardise(images[:STANDARDISED].float() / 255)
    return trunk


def _learn(
    objective: torch.nn.Module,
    recipe: EncoderRecipe,
    scenes: Sequence[Scene],
    images: torch.Tensor,
    progress: Progress | None,
) -> None:
    optimizer = torch.optim.AdamW(objective.parameters(), lr=recipe.rate, weight_decay=0.02)
    per_pass = recipe.scenes // recipe.batch
    random = torch.Generator().manual_seed(recipe.seed)
    order = torch.cat([torch.randperm(recipe.scenes, generator=random) for _ in range(recipe.passes)])
    steps = recipe.passes * per_pass
    for step, chosen in enumerate(order.split(recipe.batch)[:steps]):
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * min(1.0, (step + 1) / 20) * 0.5 * (1 + math.cos(math.pi * step / steps))
        loss = objective(images[chosen].float() / 255, [scenes[int(i)] for i in chosen])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(objective.parameters(), 1.0)
        optimizer.step()
        if progress is not None:
            progress(f"training {recipe.id}", step + 1, steps)


def _read(folder: Path, revision: str | None) -> bytes | None:
    """Return the weights that a card describes; None where there are none, or others."""
    if revision is None:
        return None
    try:
        content = (folder / WEIGHTS).read_bytes()
    except OSError:
        return None
    return content if _digest(content) == revision else None


def _write(folder: Path, recipe: EncoderRecipe, content: bytes) -> None:
    atomic.write_bytes(folder / WEIGHTS, content)
    card = {"recipe": asdict(recipe), "digest": recipe.digest, "weights": _digest(content)}
    atomic.write_bytes(folder / CARD, json.dumps(card, indent=1).encode())


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()[:32]}"
