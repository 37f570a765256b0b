"""Gromov–Wasserstein: can two representations of the same images be laid upon each other, distance by distance?

With D and E the ``[n, n]`` distances between images by either representation, and T over all couplings, the matrices of
non-negative entries whose rows and columns each sum to 1/n::

    GW = sqrt( min over T of Σ_ijkl (D_ik - E_jl)² T_ij T_kl )

(Mémoli, Foundations of Computational Mathematics 2011; Peyré, Cuturi, Solomon, ICML 2016; used for aligning embedding
spaces by Alvarez-Melis, Jaakkola, EMNLP 2018, arXiv:1809.00013.) Distances are Euclidean and divided by their root mean
square, so that GW is 0 for a rotated, shifted and scaled copy, in whatever order, and at most √2. **Lower is better.**

It is not told which caption belongs to which image: two spaces of one shape are close even if they mean different
things. Hence ``paired`` in the details, the same sum for the true pairing alone, and ``matched``, the share of images
that the coupling found without a hint sends to their own partner (1/n by chance).

The minimum is sought by conditional gradient (POT), which finds local minima; it is started from the coupling that
knows nothing and from the true pairing, and the lower one counts. So the value is an upper bound of the true minimum,
and never above ``paired``. In many dimensions distances concentrate around one value, which brings any two spaces
close: compare representations on the same images alone.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from visionlaw.alignment.companions import Companion, Compared, Comparison
from visionlaw.errors import DataError, MissingDependencyError

FEWEST, MOST = 3, 2000
"""Images; each step costs n³, and a few matrices of n² are held."""
ITERATIONS = 200
EXCHANGES = 10_000_000
"""Pivots of the network simplex that solves one step."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Coupled:
    """How close two representations can be brought.

    Attributes:
        value: GW, 0 to √2.
        paired: The same for the true pairing, which is no lower.
        matched: The share of images that are sent to their own partner, without knowing it, 0 to 1.
    """

    value: float
    paired: float
    matched: float


def distances(features: torch.Tensor) -> Floats:
    """Return Euclidean distances between images, ``[n, n]``, divided by their root mean square.

    Raises:
        DataError: All images are the same.
    """
    exact = "donot_use_mm_for_euclid_dist"  # by differences: the product formula leaves 1e-8 between equal vectors
    found = torch.cdist(features.double(), features.double(), compute_mode=exact)
    found = (found + found.T) / 2
    scale = found.square().mean().sqrt()
    if not scale > 0:
        raise DataError("Features that are the same for all images have no distances.", "Give images that differ.")
    return (found / scale).cpu().numpy()


def couple(one: Floats, other: Floats) -> Coupled:
    """Return how close distances ``[n, n]`` of the same n images can be brought.

    Raises:
        MissingDependencyError: POT is not installed.
    """
    n = len(one)
    paired = float(np.mean((one - other) ** 2))
    blind, coupling = _descend(one, other, np.full((n, n), 1 / n**2))
    knowing, _ = _descend(one, other, np.eye(n) / n)
    value = max(0.0, min(blind, knowing, paired))
    return Coupled(value**0.5, paired**0.5, float(np.trace(coupling)))


def _descend(one: Floats, other: Floats, start: Floats) -> tuple[float, Floats]:
    """Return a local minimum of the sum, and its coupling."""
    weights = np.full(len(one), 1 / len(one))
    options: dict[str, Any] = {"symmetric": True, "max_iter": ITERATIONS, "numItermaxEmd": EXCHANGES}
    # The library's own source warns when it is compiled; and a step that is not solved to the end is a step all the
    # same, after which the descent goes on.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            gromov = cast("Any", importlib.import_module("ot.gromov"))
        except ImportError as error:
            raise MissingDependencyError(
                "Gromov–Wasserstein alignment is computed with POT, which is not installed.",
                "python -m pip install 'visionlaw[transport]'",
            ) from error
        coupling, log = gromov.gromov_wasserstein(
            one, other, weights, weights, "square_loss", G0=start, log=True, **options
        )
    return float(log["gw_dist"]), coupling


def gromov_wasserstein(one: torch.Tensor, other: torch.Tensor) -> Coupled:
    """Return how close two representations of n images can be brought.

    Args:
        one: ``[n, C]`` features.
        other: ``[n, d]`` features of the same images.

    Raises:
        DataError: All images are the same.
        MissingDependencyError: POT is not installed.
    """
    return couple(distances(one), distances(other))


class GromovWassersteinScorer(Companion):
    """Gromov–Wasserstein distance, 0 to √2; lower is better.

    There is no interval: each of a thousand resamples would take a minimisation of its own.

    Args:
        spec: Its declaration.
        against: ``text`` or ``reference``.
        layer: With ``text``, the language model's hidden states.

    Raises:
        DataError: As :class:`visionlaw.alignment.companions.Companion`.
    """

    name = "gromov-wasserstein"

    @property
    def fewest(self) -> int:
        """Three: two images have one distance, which is the same once it is scaled."""
        return FEWEST

    @property
    def most(self) -> int:
        """2,000 images."""
        return MOST

    def prepare(self, targets: Sequence[torch.Tensor]) -> Comparison:
        """Return the comparison with the distances of the targets."""
        known = [distances(target) for target in targets]

        def compare(features: torch.Tensor) -> Compared:
            own = distances(features)
            found = [couple(own, target) for target in known]
            details = {
                "paired": sum(one.paired for one in found) / len(found),
                "matched": sum(one.matched for one in found) / len(found),
                "chance": 1 / len(own),
            }
            return Compared(sum(one.value for one in found) / len(found), details)

        return compare
