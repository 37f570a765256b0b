"""Centred kernel alignment: do two representations find the same pairs of images alike, all pairs considered?

With centred features X ``[n, C]`` and Y ``[n, d]``, kernels K = XXᵀ and L = YYᵀ::

    CKA = HSIC(K, L) / sqrt(HSIC(K, K) · HSIC(L, L))

(Kornblith, Norouzi, Lee, Hinton: Similarity of Neural Network Representations Revisited, ICML 2019, arXiv:1905.00414;
linear kernel.) Their HSIC is ``tr(KL)/(n - 1)²``. It is biased: for n images and C ≫ n channels it nears 1 for features
that have nothing in common. The default is the unbiased estimate of Song et al. (JMLR 2012), with K̃ and L̃ the kernels
without their diagonals and 1 the vector of ones::

    HSIC₁ = [tr(K̃L̃) + (1ᵀK̃1)(1ᵀL̃1) / ((n-1)(n-2)) - 2/(n-2) · 1ᵀK̃L̃1] / (n(n-3))

as Nguyen, Raghu, Kornblith (ICLR 2021, arXiv:2010.15327) use it; Murphy, Zylberberg, Fyshe (2024, arXiv:2405.01012)
show why it is needed. HSIC₁ is an inner product of doubly centred kernels, so that -1 ≤ CKA ≤ 1, and 1 for a
representation against itself or any rotated, shifted and scaled copy; around 0 for unrelated ones.

No ``[n, n]`` kernel is made where features are narrower than that: every sum goes through ``[C, d]`` products.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import torch

from visionlaw.alignment.companions import LAST, TEXT, Companion, Compared, Comparison, centred, jackknife
from visionlaw.errors import DataError
from visionlaw.specs import ScorerSpec

FEWEST = 5
"""HSIC₁ needs four images, and the jackknife one more."""
NOTHING = 1e-12


@dataclass(frozen=True, eq=False)
class Kernel:
    """A linear kernel of n images.

    Attributes:
        factor: ``[n, c]`` centred features whose inner products it holds.
        debiased: Whether it lacks its diagonal.
    """

    factor: torch.Tensor
    debiased: bool

    @classmethod
    def of(cls, features: torch.Tensor, debiased: bool) -> Kernel:
        """Return the kernel of features ``[n, C]``; very wide ones are turned into n columns with the same products.

        Raises:
            DataError: There are too few images, or the features tell no two images apart more than others.
        """
        if len(features) < FEWEST:
            raise DataError(f"{len(features)} images are too few for CKA.", f"Give {FEWEST} or more.")
        factor = centred(features)
        if factor.shape[1] > 2 * len(factor):
            triangle = torch.linalg.qr(factor.T, mode="r")[1]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            factor = cast("torch.Tensor", triangle).T
        kernel = cls(factor.contiguous(), debiased)
        if not kernel.own[0] > NOTHING * float(kernel.norms.sum()) ** 2 / len(factor) ** 2:
            raise DataError("Features that find all images equally alike have no CKA.", "Give images that differ.")
        return kernel

    @cached_property
    def norms(self) -> torch.Tensor:
        """Inner products of each image with itself, ``[n]``."""
        return self.factor.square().sum(dim=1)

    @cached_property
    def removed(self) -> torch.Tensor:
        """What the diagonal lacks, ``[n]``."""
        return self.norms if self.debiased else torch.zeros_like(self.norms)

    @cached_property
    def rows(self) -> torch.Tensor:
        """Sums of its rows, ``[n]``."""
        return self.times(torch.ones_like(self.norms))

    @cached_property
    def own(self) -> tuple[float, torch.Tensor]:
        """HSIC with itself."""
        return hsic(self, self)

    def times(self, vector: torch.Tensor) -> torch.Tensor:
        """Return its product with a vector ``[n]``."""
        return self.factor @ (self.factor.T @ vector) - self.removed * vector


def hsic(one: Kernel, other: Kernel) -> tuple[float, torch.Tensor]:
    """Return HSIC of two kernels, and what it is without each of the n images in turn, ``[n]``.

    Leaving image i out takes its row and column off every sum, so that all n cost no more than one.
    """
    n = len(one.factor)
    product = one.factor.T @ other.factor
    each = ((one.factor @ product) * other.factor).sum(dim=1) - one.removed * other.removed
    trace, crossed = each.sum(), one.rows @ other.rows
    first, second = one.rows.sum(), other.rows.sum()
    value = _estimate(n, trace, first, second, crossed, one.debiased)
    diagonal, diagonals = one.norms - one.removed, other.norms - other.removed
    without = _estimate(
        n - 1,
        trace - 2 * each + diagonal * diagonals,
        first - 2 * one.rows + diagonal,
        second - 2 * other.rows + diagonals,
        crossed
        - one.times(other.rows)
        - other.times(one.rows)
        + each
        - (one.rows - diagonal) * (other.rows - diagonals),
        one.debiased,
    )
    return float(value), without


def _estimate(
    n: int, trace: torch.Tensor, first: torch.Tensor, second: torch.Tensor, crossed: torch.Tensor, debiased: bool
) -> torch.Tensor:
    """Return HSIC from its sums: tr(KL), 1ᵀK1, 1ᵀL1 and 1ᵀKL1; centring, for what was left out, is in it."""
    if debiased:
        return (trace + first * second / ((n - 1) * (n - 2)) - 2 * crossed / (n - 2)) / (n * (n - 3))
    return (trace + first * second / n**2 - 2 * crossed / n) / (n - 1) ** 2


def _alignment(one: Kernel, other: Kernel) -> tuple[float, torch.Tensor]:
    """Return CKA, and what it is without each of the n images."""
    both = hsic(one, other)
    value = both[0] / (one.own[0] * other.own[0]) ** 0.5
    return value, both[1] / (one.own[1] * other.own[1]).sqrt()


def cka(one: torch.Tensor, other: torch.Tensor, debiased: bool = True) -> float:
    """Return the linear CKA of two representations of n images.

    Args:
        one: ``[n, C]`` features, n ≥ 5.
        other: ``[n, d]`` features of the same images.
        debiased: By HSIC₁, -1 to 1; else by the biased HSIC, 0 to 1.

    Raises:
        DataError: There are too few images, or features tell no two images apart more than others.
    """
    return _alignment(Kernel.of(one.double(), debiased), Kernel.of(other.double(), debiased))[0]


class CkaScorer(Companion):
    """Linear CKA, at most 1.

    The interval is the value ± 1.96 jackknife standard errors. A bootstrap would draw images twice, and an image's
    likeness to itself is what HSIC₁ leaves out.

    Args:
        spec: Its declaration.
        debiased: By the unbiased HSIC₁; else as published in 2019, to compare with published values.
        against: ``text`` or ``reference``.
        layer: With ``text``, the language model's hidden states.

    Raises:
        DataError: As :class:`visionlaw.alignment.companions.Companion`.
    """

    name = "cka"

    def __init__(
        self, spec: ScorerSpec | None = None, debiased: bool = True, against: str = TEXT, layer: int = LAST
    ) -> None:
        super().__init__(spec, against, layer)
        self.debiased = debiased

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Whether it is debiased, and the language model's layer."""
        return {"debiased": self.debiased, **super().parameters}

    @property
    def fewest(self) -> int:
        """Five: the jackknife leaves four, which HSIC₁ needs."""
        return FEWEST

    def prepare(self, targets: Sequence[torch.Tensor]) -> Comparison:
        """Return the comparison with the kernels of the targets."""
        known = [Kernel.of(target, self.debiased) for target in targets]

        def compare(features: torch.Tensor) -> Compared:
            own = Kernel.of(features, self.debiased)
            found = [_alignment(own, target) for target in known]
            value = sum(one for one, _ in found) / len(found)
            without = torch.stack([left for _, left in found]).mean(dim=0)
            scale = (-1.0 if self.debiased else 0.0, 1.0)
            return Compared(value, {"interval": list(jackknife(value, without, scale))})

        return compare
