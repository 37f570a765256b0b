"""Random weights for tiny factories (:attr:`visionlaw.specs.Spec.tiny`): the same ones every time, and all of them.

Imports torch only where it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import torch

M = TypeVar("M", bound="torch.nn.Module")


def random_module(build: Callable[[], M], scale: float = 0.1, seed: int = 0) -> M:
    """Build a network, give every one of its weights a random value, and return it in eval mode.

    Also those that begin as zero or one, such as norms, tokens, gates and scales: a check would not notice that they
    are left out.

    Args:
        build: Returns the network, initialised as its library does.
        scale: Standard deviation of what is added to each weight.
        seed: Of everything random; torch's own generator is left as it was.
    """
    import torch

    with torch.random.fork_rng(devices=()), torch.no_grad():  # pyright: ignore[reportUnknownMemberType]
        torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
        module = build()
        for parameter in module.parameters():
            parameter.add_(scale * torch.randn_like(parameter))
    return module.eval()
