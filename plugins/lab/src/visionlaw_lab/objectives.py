"""What the lab's encoders learn from: captions, missing patches, two views of a scene, digits or words.

An objective is a module that holds the trunk and whatever else only training needs; ``forward`` returns the loss of a
batch of scenes. Nothing here sees a benchmark's scenes or a question.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.nn import functional

from visionlaw_lab.captions import phrase
from visionlaw_lab.names import DIGITS, SIDE, WORDS, Kind
from visionlaw_lab.networks import CHANNELS, GRID, Trunk
from visionlaw_lab.scenes import Scene, extent
from visionlaw_lab.texts import VOCABULARY

EMBEDDING = 128
MASKED = 0.5  # Share of the patches that are hidden.
SHIFT = 8  # Pixels by which the two views of a scene differ at most.


class Objective(nn.Module):
    """What all objectives have: a trunk, and random numbers of their own."""

    def __init__(self, trunk: Trunk, seed: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.random = torch.Generator().manual_seed(seed)


class Contrast(Objective):
    """Which caption belongs to which image, within the batch: CLIP's loss with late interaction (FILIP, ICLR 2022).

    A caption is the set of its phrases, each a small network over the sum of its words. A phrase is as similar to an
    image as to the most similar of its tokens, and a caption as its phrases on average: what a token shows has to be in
    the token.
    """

    def __init__(self, trunk: Trunk, seed: int) -> None:
        super().__init__(trunk, seed)
        self.words = nn.Embedding(len(VOCABULARY), EMBEDDING)
        self.phrase = nn.Sequential(nn.Linear(EMBEDDING, 256), nn.GELU(), nn.Linear(256, EMBEDDING))
        self.image = nn.Linear(CHANNELS, EMBEDDING)
        self.scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def forward(self, images: torch.Tensor, scenes: Sequence[Scene]) -> torch.Tensor:
        """Return the mean of both directions' cross-entropies."""
        seen = functional.normalize(self.image(self.trunk(images)), dim=-1)
        told, owner = self._told(scenes)
        best = torch.einsum("btd,pd->bpt", seen, functional.normalize(told, dim=-1)).amax(dim=-1)
        count = torch.bincount(owner, minlength=len(scenes))
        similar = torch.zeros(len(scenes), len(scenes)).index_add(1, owner, best) / count
        logits = self.scale.exp().clamp(max=100.0) * similar
        right = torch.arange(len(scenes))
        return (functional.cross_entropy(logits, right) + functional.cross_entropy(logits.T, right)) / 2

    def _told(self, scenes: Sequence[Scene]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return all phrases ``[p, d]`` and the scene that each belongs to."""
        phrases = [[VOCABULARY.index(word) for word in phrase(item).split()] for s in scenes for item in s.items]
        offsets = torch.tensor([0, *[len(words) for words in phrases]]).cumsum(0)[:-1]
        flat = torch.tensor([word for words in phrases for word in words])
        summed = functional.embedding_bag(flat, self.words.weight, offsets, mode="sum")
        return self.phrase(summed), torch.tensor([i for i, scene in enumerate(scenes) for _ in scene.items])


class Missing(Objective):
    """The pixels of hidden patches, from those that are seen (masked autoencoding)."""

    def __init__(self, trunk: Trunk, seed: int, side: int) -> None:
        super().__init__(trunk, seed)
        self.patch = side // GRID
        self.pixels = nn.Linear(CHANNELS, 3 * self.patch**2)

    def forward(self, images: torch.Tensor, scenes: Sequence[Scene]) -> torch.Tensor:
        """Return the mean squared error, over hidden patches and, at a tenth of the weight, over the others."""
        hidden = (torch.rand(len(images), 1, GRID, GRID, generator=self.random) < MASKED).float()
        veil = hidden.repeat_interleave(self.patch, 2).repeat_interleave(self.patch, 3)
        found = self.pixels(self.trunk(images * (1 - veil) + 0.5 * veil))
        wanted = functional.unfold(images, self.patch, stride=self.patch).transpose(1, 2)
        error = (found - wanted).square().mean(dim=-1)
        weight = 0.1 + 0.9 * hidden.flatten(1)
        return 20.0 * (error * weight).sum() / weight.sum()


class Views(Objective):
    """Tokens that survive a change of light and a shift, and are not all the same (VICReg, token by token)."""

    def __init__(self, trunk: Trunk, seed: int) -> None:
        super().__init__(trunk, seed)
        self.head = nn.Sequential(nn.Linear(CHANNELS, 256), nn.GELU(), nn.Linear(256, EMBEDDING))

    def forward(self, images: torch.Tensor, scenes: Sequence[Scene]) -> torch.Tensor:
        """Return the sum of the invariance, variance and covariance terms."""
        one, other = (self.head(self.trunk(self._view(images))).flatten(0, 1) for _ in range(2))
        apart = sum((_variance(view) + 0.04 * _covariance(view) for view in (one, other)), torch.zeros(()))
        return functional.mse_loss(one, other) + apart

    def _view(self, images: torch.Tensor) -> torch.Tensor:
        count = len(images)
        gain = 1 + 0.5 * (torch.rand(count, 3, 1, 1, generator=self.random) - 0.5)
        shift = 0.4 * (torch.rand(count, 1, 1, 1, generator=self.random) - 0.5)
        dx, dy = (int(v) for v in torch.randint(-SHIFT // 2, SHIFT // 2 + 1, (2,), generator=self.random))
        return (images * gain + shift).clamp(0, 1).roll((dy, dx), (2, 3))


class Naming(Objective):
    """Which digit, or which word, a token shows, if any: a supervised specialist.

    A token shows what its centre lies in. Told only what there is somewhere in a scene, so small a network finds
    nothing in so few steps.
    """

    def __init__(self, trunk: Trunk, seed: int, kind: Kind) -> None:
        super().__init__(trunk, seed)
        self.kind: Kind = kind
        self.names = DIGITS if kind == "digit" else WORDS
        self.logits = nn.Linear(CHANNELS, len(self.names) + 1)

    def forward(self, images: torch.Tensor, scenes: Sequence[Scene]) -> torch.Tensor:
        """Return the mean cross-entropy of tokens that show a name and, at half the weight, of the others."""
        right = torch.stack([self.shown(scene) for scene in scenes]).flatten()
        loss = functional.cross_entropy(self.logits(self.trunk(images)).flatten(0, 1), right, reduction="none")
        none = right == len(self.names)
        return _mean(loss, ~none) + 0.5 * _mean(loss, none)

    def shown(self, scene: Scene) -> torch.Tensor:
        """Return the number of the name that each token shows, ``[49]``; where there is none, the number of names."""
        shown = torch.full((GRID, GRID), len(self.names))
        centres = (torch.arange(GRID) + 0.5) * (SIDE / GRID)
        for item in scene.of_kind(self.kind):
            near_x, near_y = (
                (centres - middle - 0.5).abs() <= max(side, SIDE / GRID) / 2
                for middle, side in zip((item.x, item.y), extent(item), strict=True)
            )
            shown[near_y[:, None] & near_x] = self.names.index(item.name)
        return shown.flatten()


def _mean(values: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    return (values * chosen).sum() / chosen.sum().clamp(min=1)


def _variance(view: torch.Tensor) -> torch.Tensor:
    return functional.relu(1 - (view.var(dim=0) + 1e-4).sqrt()).mean()


def _covariance(view: torch.Tensor) -> torch.Tensor:
    centred = view - view.mean(dim=0)
    product = centred.T @ centred / (len(view) - 1)
    return (product.square().sum() - product.diagonal().square().sum()) / view.shape[1]


OBJECTIVES: dict[str, Callable[[Trunk, int, int], Objective]] = {
    "contrast": lambda trunk, seed, side: Contrast(trunk, seed),
    "missing": lambda trunk, seed, side: Missing(trunk, seed, side),
    "views": lambda trunk, seed, side: Views(trunk, seed),
    "digits": lambda trunk, seed, side: Naming(trunk, seed, "digit"),
    "words": lambda trunk, seed, side: Naming(trunk, seed, "word"),
}
