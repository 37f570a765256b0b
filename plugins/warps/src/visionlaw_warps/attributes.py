"""What a pair's score is broken down by."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from visionlaw_warps import homography, rotation
from visionlaw_warps.blur import GaussianBlur, MotionBlur
from visionlaw_warps.kinds import Drawn
from visionlaw_warps.light import Gradient, Shadow, Spot, Temperature

EFFECTS = {
    GaussianBlur: "gaussian",
    MotionBlur: "motion",
    Gradient: "gradient",
    Shadow: "shadow",
    Spot: "spot",
    Temperature: "temperature",
}
THIRDS = (1 / 3, 2 / 3)
FAR = 0.25  # longer sides: a plane warp that moves its keypoints that far on average has severity 1
STEEP = math.radians(60.0)  # the tilt that has: both angles at the end of their range at level 1
TURNED = (10, 20, 30)
TILTED = (15, 30, 45)
LARGER = 1.25


def describe(drawn: Drawn, source: NDArray[np.float64], target: NDArray[np.float64]) -> dict[str, str | int | float]:
    """Return the attributes of a pair.

    - ``kind``: plane, rotation, blur, jpeg or light.
    - ``effect``: of blur gaussian or motion; of light gradient, spot, temperature or shadow; else none.
    - ``severity``: 1, 2 or 3, the third of the range at level 1: of the distance keypoints move (plane), of the tilt
      (rotation), of what was drawn (the others).
    - ``turn``: degrees, in the image plane, and ``tilt``: degrees, out of it, by which the photograph's centre is
      turned, in ranges such as 10-20.
    - ``scale``: smaller, same or larger, beyond a factor of 1.25.

    Args:
        drawn: The recipe.
        source: ``[m, 2]`` keypoints.
        target: ``[m, 2]`` where they are in the target.
    """
    recipe = drawn.recipe
    centre = np.array([[(recipe.size[0] - 1) / 2, (recipe.size[1] - 1) / 2]])
    (a, b), (c, d) = homography.jacobian(recipe.homography, centre)[0]
    tilt = rotation.tilt(recipe.homography, recipe.size)
    moved = float(np.linalg.norm(target - source, axis=1).mean()) / max(recipe.size)
    severity = {"plane": moved / FAR, "rotation": tilt / STEEP}.get(drawn.kind, drawn.severity)
    zoom = math.sqrt(a * d - b * c)
    effect = next((EFFECTS[type(e)] for e in (recipe.blur, recipe.light) if e is not None), "none")
    return {
        "kind": drawn.kind,
        "effect": effect,
        "severity": 1 + int(np.searchsorted(THIRDS, severity, side="right")),
        "turn": _range(abs(math.degrees(math.atan2(c - b, a + d))), TURNED),
        "tilt": _range(math.degrees(tilt), TILTED),
        "scale": "larger" if zoom > LARGER else "smaller" if zoom < 1 / LARGER else "same",
    }


def _range(value: float, limits: Sequence[int]) -> str:
    """Name the range between two limits that a value is in: ``0-10``, ``10-20``, ``20+``."""
    edges = (0, *limits)
    place = int(np.searchsorted(limits, value, side="right"))
    return f"{edges[place]}-{edges[place + 1]}" if place < len(limits) else f"{edges[place]}+"
