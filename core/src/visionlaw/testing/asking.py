"""Asking a sampler, as its checks do."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from visionlaw.arrays import FloatArray, IntArray
from visionlaw.policy.state import StudyState
from visionlaw.protocols import Sampler
from visionlaw.testing.checks import fail
from visionlaw.testing.subjects import Subject
from visionlaw.testing.trials import copied

SEED = 20


def new_sampler(subject: Subject, **options: Any) -> Sampler:
    """Return a sampler that has not been asked yet."""
    return cast("Sampler", subject.load(**options))


def seeded() -> np.random.Generator:
    """Return random numbers, always the same."""
    return np.random.default_rng(SEED)


def choice_of(
    subject: Subject, sampler: Sampler, state: StudyState, when: str, rng: np.random.Generator | None = None
) -> IntArray:
    """Ask, and fail where the answer is not an open candidate for each trial, or -1 where none is open."""
    chosen: NDArray[Any] = np.asarray(sampler.ask(copied(state), rng or seeded()))
    if chosen.shape != (state.trials,) or chosen.dtype.kind not in "iu":
        fail(
            f"'{subject.name}' chooses with an array {list(chosen.shape)} of {chosen.dtype} {when}.",
            f"Return integers [T], here [{state.trials}].",
        )
    for candidate, openings in zip(chosen.tolist(), state.open, strict=True):
        allowed = np.flatnonzero(openings).tolist() or [-1]
        if candidate not in allowed:
            fail(
                f"'{subject.name}' chooses {candidate} {when}, where {allowed} could be chosen.",
                "Choose where state.open is true, and -1 where it is not anywhere.",
            )
    return chosen.astype(np.int64)


def prediction_of(subject: Subject, sampler: Sampler, state: StudyState) -> FloatArray:
    """Predict, and fail where the answer is no array ``[T, b, k]`` of numbers or NaN."""
    predicted = np.asarray(sampler.predict(copied(state)), dtype=np.float64)
    if predicted.shape != state.results.shape:
        fail(
            f"'{subject.name}' predicts an array {list(predicted.shape)}.",
            f"Return [T, b, k], here {list(state.results.shape)}.",
        )
    if np.isinf(predicted).any():
        fail(f"'{subject.name}' predicts infinity.", "Return NaN where nothing can be said.")
    return predicted
