"""Consulting a sampler: it may be anyone's code, so what it answers is checked before it is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from visionlaw.errors import PluginError, VisionlawError
from visionlaw.policy.state import FloatArray, StudyState
from visionlaw.protocols import Sampler

T = TypeVar("T")


def choose(sampler: Sampler, name: str, state: StudyState, rng: np.random.Generator) -> int:
    """Return the open candidate that a sampler chooses for the one trial of ``state``.

    Raises:
        PluginError: The sampler raised, or chose something that is not open.
    """
    answer = np.asarray(_guarded(name, lambda: sampler.ask(state, rng)))
    choice = int(answer[0]) if answer.shape == (1,) else -1
    if not 0 <= choice < state.candidates or not state.open[0, choice]:
        raise PluginError(
            f"The sampler '{name}' answered {answer.tolist()}, which is not an open candidate.",
            "Use another sampler, and tell its author.",
        )
    return choice


def predict(sampler: Sampler, name: str, state: StudyState) -> FloatArray:
    """Return a sampler's predictions ``[T, b, k]``.

    Raises:
        PluginError: The sampler raised, or answered an array of another shape.
    """
    predicted = np.asarray(_guarded(name, lambda: sampler.predict(state)), dtype=np.float64)
    if predicted.shape != state.results.shape:
        raise PluginError(
            f"The sampler '{name}' predicted an array {predicted.shape} instead of {state.results.shape}.",
            "Use another sampler, and tell its author.",
        )
    return predicted


def explain(sampler: Sampler, name: str, state: StudyState, choice: int) -> str:
    """Return a sampler's own reason for a choice; the fact that it chose when it gives none."""
    own = getattr(sampler, "explain", None)
    reason = str(_guarded(name, lambda: own(state, choice))).strip() if callable(own) else ""
    return reason or f"The sampler '{name}' chose it."


def _guarded(name: str, call: Callable[[], T]) -> T:
    try:
        return call()
    except VisionlawError:
        raise
    except Exception as error:
        raise PluginError(
            f"The sampler '{name}' failed: {type(error).__name__}: {error}.",
            "Use another sampler, and tell its author.",
        ) from error
