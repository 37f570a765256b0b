"""Reading inner modules of a network, without running what comes after the last one that is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn


class _AllRead(Exception):  # noqa: N818  not an error
    """All modules have been read; never leaves this file."""


def read_outputs(modules: Sequence[nn.Module], forward: Callable[[], object]) -> list[Any]:
    """Run a forward pass as far as it is needed, and return the outputs of modules.

    A hook on each module keeps its output; once every one has been called, a private exception ends the pass, so that
    nothing after the last of them is computed. The network stays as usable as before. A module that is called several
    times counts with its first call.

    Args:
        modules: Inner modules of the network, in any order, each once.
        forward: Runs the network.

    Returns:
        What each module returned, in the order of ``modules``.

    Raises:
        RuntimeError: The pass ended without calling all of them.
    """
    outputs: dict[int, Any] = {}

    def keep(index: int) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            outputs.setdefault(index, output)
            if len(outputs) == len(modules):
                raise _AllRead

        return hook

    handles = [module.register_forward_hook(keep(index)) for index, module in enumerate(modules)]
    try:
        forward()
    except _AllRead:
        return [outputs[index] for index in range(len(modules))]
    finally:
        for handle in handles:
            handle.remove()
    raise RuntimeError(f"the forward pass called {len(outputs)} of {len(modules)} modules")
