"""The forms of the law: which functions of A and C performance is a linear combination of."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from visionlaw.arrays import FloatArray
from visionlaw.errors import DataError, did_you_mean

TERMS: Mapping[str, Callable[[FloatArray, FloatArray], FloatArray]] = {
    "1": lambda A, C: np.ones(np.broadcast_shapes(A.shape, C.shape)),
    "A": lambda A, C: A,
    "C": lambda A, C: C,
    "A2": lambda A, C: A * A,
    "AC": lambda A, C: A * C,
    "C2": lambda A, C: C * C,
}
FORMS: Mapping[str, tuple[str, ...]] = {
    "A-linear": ("1", "A"),
    "C-linear": ("1", "C"),
    "AC-linear": ("1", "A", "C"),
    "A-quadratic": ("1", "A", "A2"),
    "C-quadratic": ("1", "C", "C2"),
    "AC-quadratic": ("1", "A", "C", "A2", "AC", "C2"),
}
CONTROLS: Mapping[str, str] = {"random-linear": "AC-linear", "random-quadratic": "AC-quadratic"}
"""The controls: the form whose A and C are replaced by uniform noise."""


def terms_of(form: str) -> tuple[str, ...]:
    """Return the terms of a form, in the papers' order.

    Raises:
        DataError: There is no such form.
    """
    if form not in FORMS:
        hint = did_you_mean(form, FORMS) or f"The forms are {', '.join(FORMS)}."
        raise DataError(f"'{form}' is not a form of the law.", hint)
    return FORMS[form]


def variables_of(form: str) -> tuple[str, ...]:
    """Return which of A and C a form uses.

    Raises:
        DataError: There is no such form.
    """
    return tuple(variable for variable in ("A", "C") if any(variable in term for term in terms_of(form)))


def design(A: FloatArray, C: FloatArray, terms: tuple[str, ...]) -> FloatArray:
    """Return the design matrix ``[..., p]`` of normalised A and C ``[...]``: one column per term."""
    return np.stack([TERMS[term](A, C) for term in terms], axis=-1)
