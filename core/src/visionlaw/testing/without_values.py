"""Reading values of tensors that have none: torch's 'meta' device, which stands in for a device that is not here.

There, code that reads a value, or brings a tensor back to the CPU, would end where a real device would go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

_READS = "_local_scalar_dense"
_MOVES = ("_to_copy", "copy_")


class Readable(TorchDispatchMode):
    """While it is entered, the values of tensors on the meta device are ones where they are read."""

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Compute as ever; on the CPU what cannot be computed without values."""
        name, given = func.__name__.partition(".")[0], kwargs or {}
        if name != _READS:
            try:
                return func(*args, **given)
            except NotImplementedError:
                pass
        found = func(*tree_map_only(torch.Tensor, _ones, args), **tree_map_only(torch.Tensor, _ones, given))
        return found if name in _MOVES else tree_map_only(torch.Tensor, lambda tensor: tensor.to("meta"), found)


def _ones(tensor: torch.Tensor) -> torch.Tensor:
    return torch.ones(tensor.shape, dtype=tensor.dtype) if tensor.is_meta else tensor
