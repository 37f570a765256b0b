"""The kinds of warps, each one thing that makes matching hard, and the mixture of all."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from visionlaw_warps import rotation
from visionlaw_warps.blur import draw_blur
from visionlaw_warps.light import draw_light
from visionlaw_warps.rendering import Recipe, draw_recipe

KINDS = ("plane", "rotation", "blur", "jpeg", "light")
MIXED = ("plane", "rotation", "plane", "blur", "plane", "jpeg", "plane", "light")
"""The kinds of the pairs 0, 1, 2… of ``mixed``, over and over: every other one is a plane warp, the common measure."""

MILDEST = 0.2  # of the severity that a level allows: less would be a plane warp by another name
BEST, WORST = 95, 8  # JPEG quality at severity 0 and 1, the logarithm even between
LOWEST = 5


@dataclass(frozen=True)
class Drawn:
    """A recipe and what was drawn for it.

    Attributes:
        kind: One of ``KINDS``.
        recipe: The recipe.
        severity: How strong blur, compression or light is: 1 is the most at level 1. 0 for other kinds.
    """

    kind: str
    recipe: Recipe
    severity: float = 0.0


def kind_of(kind: str, number: int) -> str:
    """Return the kind of the pair with this number, given one of ``KINDS`` or ``mixed``."""
    return MIXED[number % len(MIXED)] if kind == "mixed" else kind


def draw(
    kind: str, rng: np.random.Generator, more: np.random.Generator, size: tuple[int, int], level: float = 1.0
) -> Drawn:
    """Draw the recipe of one kind.

    A blurred, compressed or relit pair is the plane warp of the same ``rng`` with one thing added, so that two kinds
    can be compared keypoint by keypoint; a rotation has its own homography, and the plane warp's colours and occluders.

    Args:
        kind: One of ``KINDS``.
        rng: Draws the plane warp.
        more: Draws what is added.
        size: (W, H) of the photograph.
        level: Strength; 0 leaves only the occluders.
    """
    plane = draw_recipe(rng, size, level)
    if kind == "plane" or level == 0:
        return Drawn(kind, plane)
    if kind == "rotation":
        matrix = rotation.draw(more, size, level)
        return Drawn(kind, replace(plane, matrix=tuple(float(value) for value in matrix.ravel()), fine=True))
    severity = level * float(more.uniform(MILDEST, 1.0))
    match kind:
        case "blur":
            recipe = replace(plane, blur=draw_blur(more, size, severity))
        case "jpeg":
            quality = round(BEST * math.exp(-severity * math.log(BEST / WORST)))
            recipe = replace(plane, quality=max(LOWEST, quality))
        case _:
            recipe = replace(plane, light=draw_light(more, severity))
    return Drawn(kind, recipe, severity)
