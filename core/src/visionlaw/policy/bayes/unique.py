"""Trials that are in the same state: simulated without noise, most are, and need to be thought about once."""

from __future__ import annotations

import numpy as np

from visionlaw.arrays import FloatArray, IntArray
from visionlaw.policy.state import StudyState


def unique_trials(state: StudyState) -> tuple[IntArray, IntArray]:
    """Return a trial of each different state, ``[U]``, and which of them each trial is like, ``[T]``."""
    if state.trials == 1:
        return np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    rows = np.concatenate([_flat(part, state.trials) for part in _varying(state)], axis=1)
    seen: dict[bytes, int] = {}
    back = np.array([seen.setdefault(row.tobytes(), len(seen)) for row in rows], dtype=np.int64)
    return np.unique(back, return_index=True)[1].astype(np.int64), back


def _varying(state: StudyState) -> list[FloatArray | IntArray]:
    """Return what may differ between trials."""
    parts: list[FloatArray | IntArray] = [state.results, state.status]
    if state.points.strides[0]:  # 0: all trials share them
        parts.append(state.points)
    past = state.past
    if past is not None and past.candidates.ndim == 4:
        parts.append(past.candidates)
    if past is not None and past.identity.ndim == 2:
        parts.append(past.identity)
    return parts


def _flat(part: FloatArray | IntArray, trials: int) -> FloatArray:
    return np.nan_to_num(part.reshape(trials, -1).astype(np.float64), nan=-np.inf, neginf=-np.inf)
