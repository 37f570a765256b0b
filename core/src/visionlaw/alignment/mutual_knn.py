"""Mutual k-nearest neighbours: do two representations call the same images alike?

For image i, let S(i) be the k other images of the highest cosine by one representation, T(i) those by the other::

    mutual k-NN = mean over i of |S(i) ∩ T(i)| / k

(Huh, Cheung, Wang, Isola: The Platonic Representation Hypothesis, ICML 2024, arXiv:2405.07987.) It is 1 for a
representation against itself or any rotated and scaled copy, and k/(n - 1) is expected of unrelated ones; it looks at
ranks within neighbourhoods alone, so that it does not grow with the width of the features as global measures do.

Their experiments clip outlying activations and take the best pair of layers; here features are taken as they are, of
one layer each. Ties, common where images share a caption, are broken by nobody: an image that is tied for the last
places is a neighbour with the probability that it would be drawn with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from visionlaw.alignment.companions import LAST, TEXT, Companion, Compared, Comparison, jackknife
from visionlaw.errors import DataError
from visionlaw.specs import ScorerSpec

BLOCK = 2**22
"""Similarities that are held at a time."""
TIE = 1e-9
"""Cosines that differ by no more are equal: it is rounding."""


@dataclass(frozen=True)
class Neighbours:
    """Who is a neighbour of whom, m entries in all, sorted by image and neighbour.

    Attributes:
        row: ``[m]`` image.
        column: ``[m]`` its neighbour.
        weight: ``[m]`` 1, or less where it is tied for the last places; the sum for each image is k.
        following: ``[n]`` who would be a neighbour of each image if one of its k were not there.
    """

    row: torch.Tensor
    column: torch.Tensor
    weight: torch.Tensor
    following: torch.Tensor

    def weights(self, row: torch.Tensor, column: torch.Tensor) -> torch.Tensor:
        """Return the weights of ``column`` as neighbours of ``row``, ``[…]``; 0 where they are none."""
        count = len(self.following)
        known, wanted = self.row * count + self.column, row * count + column
        position = torch.searchsorted(known, wanted).clamp_max(len(known) - 1)
        return torch.where(known[position] == wanted, self.weight[position], 0.0)


def neighbours(features: torch.Tensor, k: int) -> Neighbours:
    """Return the k nearest neighbours of each image by cosine.

    Args:
        features: ``[n, C]`` float64.
        k: 1 to n - 2.

    Raises:
        DataError: k is not in that range.
    """
    count = len(features)
    if not 1 <= k < count - 1:
        raise DataError(
            f"{count} images are too few for {k} neighbours each, and one to spare.",
            f"Give {k + 2} images or more, or a lower k.",
        )
    directions = torch.nn.functional.normalize(features, dim=1, eps=1e-300)
    parts: list[tuple[torch.Tensor, ...]] = []
    step = max(1, BLOCK // count)
    for start in range(0, count, step):
        part = directions[start : start + step] @ directions.T
        own = torch.arange(len(part), device=part.device)
        part[own, own + start] = -torch.inf
        nearest = part.topk(k + 1, dim=1)
        last = nearest.values[:, k - 1 : k]
        above, tied = part > last + TIE, (part - last).abs() <= TIE
        share = (k - above.sum(dim=1, keepdim=True)) / tied.sum(dim=1, keepdim=True)
        weight = above + tied * share.double()
        row, column = weight.nonzero(as_tuple=True)
        parts.append((row + start, column, weight[row, column], nearest.indices[:, k]))
    return Neighbours(*(torch.cat(pieces) for pieces in zip(*parts, strict=True)))


@dataclass(frozen=True)
class Common:
    """The neighbours that images have in common.

    Attributes:
        share: ``[n]`` of each image's k neighbours, 0 to 1.
        without: ``[n]`` the mean share if each image in turn were not there, as image and as neighbour; of images with
            ties, which no one else replaces alone, nearly.
    """

    share: torch.Tensor
    without: torch.Tensor


def common(one: Neighbours, other: Neighbours, k: int) -> Common:
    """Return the neighbours that images have in common by two representations, k each.

    An image that is left out is followed, wherever it was a neighbour, by the next one, which may be a common
    neighbour in turn. So all n means without one image come from the neighbours with none left out.
    """
    count = len(one.following)
    images = torch.arange(count, device=one.row.device)
    both = one.weight * other.weights(one.row, one.column)

    def total(index: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        return torch.zeros(count, dtype=torch.float64, device=values.device).index_add_(0, index, values)

    counts = total(one.row, both)
    gained = other.weights(images, one.following)  # by image: whether who follows in one is a neighbour in the other
    regained = one.weights(images, other.following)
    twice = (one.following == other.following).double()
    replaced = (
        total(one.column, one.weight * gained[one.row])
        + total(other.column, other.weight * regained[other.row])
        + total(one.column, both * (twice[one.row] - 1))
    )
    return Common(counts / k, (counts.sum() - counts + replaced) / ((count - 1) * k))


def mutual_knn(one: torch.Tensor, other: torch.Tensor, k: int = 10) -> float:
    """Return the mean share of common neighbours of n images, 0 to 1.

    Args:
        one: ``[n, C]`` features.
        other: ``[n, d]`` features of the same images.
        k: Neighbours of an image, 1 to n - 2.

    Raises:
        DataError: There are too few images for k.
    """
    return float(common(neighbours(one.double(), k), neighbours(other.double(), k), k).share.mean())


class MutualKnnScorer(Companion):
    """Mean share of common neighbours, 0 to 1.

    The interval is the value ± 1.96 jackknife standard errors, each image left out as image and as neighbour. On
    simulated features it is a third to a half wider than 95% needs, never narrower. (A bootstrap of the shares, the
    neighbours as they are, is a third to a half too narrow; one of images makes an image its own nearest neighbour.) It
    holds for other draws of as many images: with their number the score changes, as k/(n - 1) does.

    Args:
        spec: Its declaration.
        k: Neighbours of an image.
        against: ``text`` or ``reference``.
        layer: With ``text``, the language model's hidden states.

    Raises:
        DataError: k is not positive, or as :class:`visionlaw.alignment.companions.Companion`.
    """

    name = "mutual-knn"

    def __init__(self, spec: ScorerSpec | None = None, k: int = 10, against: str = TEXT, layer: int = LAST) -> None:
        super().__init__(spec, against, layer)
        if k < 1:
            raise DataError(f"An image cannot have {k} neighbours.", "Give a k of 1 or more, such as 10.")
        self.k = k

    @property
    def parameters(self) -> Mapping[str, Any]:
        """k, and the language model's layer."""
        return {"k": self.k, **super().parameters}

    @property
    def fewest(self) -> int:
        """Two more than k: the image itself, and one that follows where another is left out."""
        return self.k + 2

    def prepare(self, targets: Sequence[torch.Tensor]) -> Comparison:
        """Return the comparison with the neighbours by the targets."""
        known = [neighbours(target, self.k) for target in targets]

        def compare(features: torch.Tensor) -> Compared:
            own = neighbours(features, self.k)
            found = [common(own, target, self.k) for target in known]
            value = float(torch.stack([one.share for one in found]).mean())
            without = torch.stack([one.without for one in found]).mean(dim=0)
            chance = self.k / (len(features) - 1)
            return Compared(value, {"interval": list(jackknife(value, without, (0.0, 1.0))), "chance": chance})

        return compare
