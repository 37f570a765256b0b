"""The control: how much of the performance uniform noise in place of A and C would explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from visionlaw.errors import DataError, did_you_mean
from visionlaw.law.forms import CONTROLS, design, terms_of
from visionlaw.law.normalise import min_max, require_variation
from visionlaw.law.statistics import quality


@dataclass(frozen=True)
class Control:
    """Means over the draws.

    Attributes:
        form: ``random-linear`` or ``random-quadratic``.
        draws: How many pairs of noise vectors were fitted.
        r2: Mean R². Its expectation is (p - 1)/(k - 1) for p terms and k settings, whatever the performance.
        adjusted_r2: Mean adjusted R²; its expectation is 0.
        loo_r2: Median leave-one-setting-out R²: single draws of nearly collinear noise are arbitrarily bad, which
            leaves the mean without meaning.
    """

    form: str
    draws: int
    r2: float
    adjusted_r2: float
    loo_r2: float


def control(y: ArrayLike, form: str = "random-quadratic", *, draws: int = 2000, seed: int = 0) -> Control:
    """Fit performance ``[k]`` to uniform noise in place of A and C, many times, and average.

    Raises:
        DataError: An unknown control, a constant performance, or fewer settings than the form needs.
    """
    if form not in CONTROLS:
        hint = did_you_mean(form, CONTROLS) or f"The controls are {' and '.join(CONTROLS)}."
        raise DataError(f"'{form}' is not a control of the law.", hint)
    terms = terms_of(CONTROLS[form])
    performance = np.asarray(y, dtype=np.float64)
    require_variation(performance, "Performance")
    target = min_max(performance)
    if len(target) < len(terms) + 1:
        raise DataError(
            f"{len(target)} settings cannot support {form}: it needs at least {len(terms) + 1}.",
            "Add finished settings.",
        )
    noise = min_max(np.random.default_rng(seed).random((2, draws, len(target))))
    measured = quality(design(noise[0], noise[1], terms), np.broadcast_to(target, noise.shape[1:]))
    return Control(
        form=form,
        draws=draws,
        r2=float(measured.r2.mean()),
        adjusted_r2=float(measured.adjusted_r2.mean()),
        loo_r2=float(np.nanmedian(measured.loo_r2)),
    )
