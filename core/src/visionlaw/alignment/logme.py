"""LogME: how well a linear model on the features explains the targets, by its evidence.

For one target dimension y ``[n]`` and features F ``[n, C]``, Bayesian linear regression has weights w ~ N(0, I/α) and
noise N(0, 1/β); integrating w out leaves ``y ~ N(0, I/β + FFᵀ/α)``, and::

    LogME = max over α, β of log p(y | F, α, β) / n,   averaged over the target's dimensions

(You, Liu, Wang, Long: LogME: Practical Assessment of Pre-trained Models for Transfer Learning, ICML 2021,
arXiv:2102.11005, where targets are one-hot classes or one regression target.) Unlike the likelihood of the best fit,
the evidence does not reward features for being many. Here the targets are the d dimensions of the captions' embeddings:
the score asks how much of what the language model makes of a caption can be read off the image linearly.

Four things are settled here that the paper leaves to its data:

- Features and targets are centred, and every target dimension is scaled to variance 1, constant ones left out. The
  score then does not depend on shift and scale of either, and a dimension that nothing explains gives
  -(1 + log 2π)/2 = -1.419. Centring takes one degree of freedom: n - 1 stands for n above.
- Given g = β/α the best β is known, so that one number is searched, on a grid over 24 decades and then by golden
  section: the maximum is the global one, where a fixed-point iteration may stop at another.
- The noise has at least a millionth of the target's variance, without which a target that is an exact linear function
  of the features, as a reference against itself, would have infinite evidence. The highest score is below 5.49.
- One singular value decomposition of F serves all dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch

from visionlaw.alignment.companions import Companion, Compared, Comparison, centred
from visionlaw.errors import DataError

FEWEST = 3
PRECISION = 1e6
"""The largest β, of targets of variance 1."""
GRID = (-8.0, 16.0, 0.25)
"""Decimal logarithms of β/α, in units of the largest squared singular value: from, to, step."""
STEPS = 30
"""Of the golden section, each of which shortens the bracket to 0.618 of itself."""
BLOCK = 2**23
"""Numbers that are held at a time."""
GOLDEN = (math.sqrt(5) - 1) / 2


class Regression:
    """Bayesian linear regression on features, ready for any targets.

    Args:
        features: ``[n, C]`` float64, n ≥ 3.

    Raises:
        DataError: There are too few images.
    """

    def __init__(self, features: torch.Tensor) -> None:
        if len(features) < FEWEST:
            raise DataError(f"{len(features)} images are too few for LogME.", f"Give {FEWEST} or more.")
        self.freedom = len(features) - 1
        decomposed = torch.linalg.svd(centred(features), full_matrices=False)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        left, values, _ = cast("tuple[torch.Tensor, torch.Tensor, torch.Tensor]", decomposed)
        kept = values > values.amax() * max(features.shape) * torch.finfo(torch.float64).eps
        self.left = left[:, kept]
        self.spectrum = (values[kept] / values.amax()).square()

    def evidence(self, targets: torch.Tensor) -> torch.Tensor:
        """Return the maximal log evidence per degree of freedom of each dimension.

        Args:
            targets: ``[n, d]`` as :func:`standardised` returns them.

        Returns:
            ``[d]`` float64.
        """
        explained = (self.left.T @ targets).square()
        rest = (self.freedom - explained.sum(dim=0)).clamp_min(0)
        step = max(1, BLOCK // max(1, len(self.spectrum)))
        parts = zip(torch.split(explained, step, dim=1), torch.split(rest, step), strict=True)
        return torch.cat([self._maximum(*part) for part in parts])

    def _maximum(self, explained: torch.Tensor, rest: torch.Tensor) -> torch.Tensor:
        grid = torch.arange(GRID[0], GRID[1] + GRID[2] / 2, GRID[2], dtype=torch.float64, device=rest.device)
        shrunk = 1 / (1 + 10 ** grid[:, None] * self.spectrum)
        best = self._log_evidence(shrunk @ explained + rest, -shrunk.log().sum(dim=1, keepdim=True)).max(dim=0)
        low, high = grid[best.indices] - GRID[2], grid[best.indices] + GRID[2]
        for _ in range(STEPS):
            inner, outer = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
            rising = self._at(inner, explained, rest) < self._at(outer, explained, rest)
            low, high = torch.where(rising, inner, low), torch.where(rising, high, outer)
        return torch.maximum(best.values, self._at((low + high) / 2, explained, rest))

    def _at(self, log_ratio: torch.Tensor, explained: torch.Tensor, rest: torch.Tensor) -> torch.Tensor:
        """Return the log evidence of each dimension ``[d]`` at its own β/α."""
        grown = 1 + 10**log_ratio * self.spectrum[:, None]
        return self._log_evidence((explained / grown).sum(dim=0) + rest, grown.log().sum(dim=0))

    def _log_evidence(self, misfit: torch.Tensor, log_determinant: torch.Tensor) -> torch.Tensor:
        """Return the log evidence at the best β, from ``yᵀ(I + g·FFᵀ)⁻¹y`` and ``log det(I + g·FFᵀ)``."""
        precision = (self.freedom / misfit).clamp_max(PRECISION)
        fit = self.freedom * (precision.log() - math.log(2 * math.pi)) - precision * misfit - log_determinant
        return fit / (2 * self.freedom)


def standardised(targets: torch.Tensor) -> torch.Tensor:
    """Return targets ``[n, d]`` with mean 0 and variance 1 (over n - 1), constant dimensions left out.

    Raises:
        DataError: All dimensions are constant.
    """
    moved = centred(targets)
    spread = moved.square().sum(dim=0).div(len(targets) - 1).sqrt()
    varies = spread > 1e-12 * targets.abs().amax(dim=0)
    if not bool(varies.any()):
        raise DataError("Targets that are the same for all images explain nothing.", "Give images that differ.")
    return moved[:, varies] / spread[varies]


def logme(features: torch.Tensor, targets: torch.Tensor) -> float:
    """Return LogME of features for targets, -1.419 where they explain nothing, below 5.49.

    Args:
        features: ``[n, C]`` of n ≥ 3 images.
        targets: ``[n, d]`` of the same images.

    Raises:
        DataError: There are too few images, or the targets are all the same.
    """
    return float(Regression(features.double()).evidence(standardised(targets.double())).mean())


class LogmeScorer(Companion):
    """LogME with the targets' dimensions as regression targets; higher is better.

    There is no interval: it would take a bootstrap over images, and a drawn image that comes twice is explained by its
    double, which raises the evidence.

    Args:
        spec: Its declaration.
        against: ``text`` or ``reference``.
        layer: With ``text``, the language model's hidden states.

    Raises:
        DataError: As :class:`visionlaw.alignment.companions.Companion`.
    """

    name = "logme"

    @property
    def fewest(self) -> int:
        """Three: two degrees of freedom."""
        return FEWEST

    def prepare(self, targets: Sequence[torch.Tensor]) -> Comparison:
        """Return the regression of the targets."""
        known = [standardised(target) for target in targets]

        def compare(features: torch.Tensor) -> Compared:
            regression = Regression(features)
            values = [float(regression.evidence(target).mean()) for target in known]
            return Compared(sum(values) / len(values), {"dimensions": sum(target.shape[1] for target in known)})

        return compare
