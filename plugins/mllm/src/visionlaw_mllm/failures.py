"""What goes wrong in a training, as one sentence each: memory that does not suffice, a loss that is no number."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

from visionlaw.errors import DataError
from visionlaw.features.batching import is_full


class DivergedError(DataError):
    """A loss is not a finite number."""


def diverged(what: str, step: int, lr: float) -> DivergedError:
    """Return the error about a loss that is not finite any more.

    Args:
        what: Whose loss.
        step: The optimizer step that was not taken because of it.
        lr: The peak learning rate.
    """
    return DivergedError(
        f"The loss of '{what}' is not a finite number at step {step}; what was saved before is still there.",
        f"Train with a smaller learning rate: --lr {lr / 3:.1g}",
    )


@contextlib.contextmanager
def memory_guard(batch_size: int, checkpointing: bool) -> Generator[None]:
    """Turn running out of memory into a sentence.

    Raises:
        DataError: The block ran out of memory; checkpoints that were written before are still there.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_full(error):
            raise
        ways = [f"--batch-size {batch_size // 2}"] if batch_size > 1 else []
        ways += [] if checkpointing else ["--gradient-checkpointing"]
        remedy = f"Give the same command with {' or '.join(ways)}" if ways else "Use a device with more memory"
        raise DataError(
            f"Memory does not suffice to train with {batch_size} records at a time.",
            f"{remedy}; it goes on from the last checkpoint.",
        ) from error
