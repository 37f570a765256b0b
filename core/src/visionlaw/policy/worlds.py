"""Worlds whose law is known: tables drawn from quadratic laws, as large as a search space of ten encoders.

Nothing about a finished table says what its law really is, or what its noise. Here both are given, and everything that
works on a table works on these.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from visionlaw.arrays import FloatArray
from visionlaw.errors import StudyError
from visionlaw.law.forms import FORMS, design
from visionlaw.law.normalise import min_max
from visionlaw.law.tables import LawTable

SHARED = (-0.10, 2.00, 1.20, -1.40, 0.20, -0.80)
"""Terms 1, A, C, A², AC, C² on 0–1, about the mean of the laws that the papers fit (PROTOCOLS §4)."""
BASE, SPAN = 50.0, 20.0
"""Performance in points: BASE + SPAN · law."""


@dataclass(frozen=True)
class SyntheticTable(LawTable):
    """A table of which the law is known.

    Attributes:
        coefficients: ``[b, 6]`` of the terms 1, A, C, A², AC, C², on normalised A and C, in points of performance.
    """

    coefficients: FloatArray = field(repr=False)


def synthetic_table(
    settings: int, benchmarks: int = 8, *, spread: float = 0.3, scatter: float = 0.05, seed: int = 0
) -> SyntheticTable:
    """Draw laws around a shared one, and settings around each law.

    A and C are uniform on 0–1, C alike on all benchmarks, A with a tenth of its spread per benchmark. What a setting
    does beyond the law is one half (of the variance) its own and one half the benchmark's.

    Args:
        settings: k, at least 2; 1,023 are all combinations of ten encoders.
        benchmarks: b.
        spread: Standard deviation of the benchmarks' coefficients around the shared law, in units of SPAN.
        scatter: Standard deviation of the settings around the law, in units of SPAN.
        seed: Seed of everything drawn.

    Raises:
        StudyError: Fewer than 2 settings, no benchmark, or a negative spread or scatter.
    """
    if settings < 2 or benchmarks < 1 or not (spread >= 0 and scatter >= 0):
        raise StudyError(
            f"No world has {settings} settings on {benchmarks} benchmarks, spread by {spread} scattered by {scatter}.",
            "Give at least 2 settings and 1 benchmark, and spread and scatter of 0 or more.",
        )
    rng = np.random.default_rng(seed)
    shape = (benchmarks, settings)
    A = rng.random(settings) + 0.1 * rng.standard_normal(shape)
    C = np.broadcast_to(rng.random(settings), shape)
    coefficients = np.array(SHARED) + spread * rng.standard_normal((benchmarks, len(SHARED)))
    terms = design(min_max(A), min_max(C), FORMS["AC-quadratic"])
    beyond = (rng.standard_normal(settings) + rng.standard_normal(shape)) * scatter / np.sqrt(2)
    law = np.einsum("bkp,bp->bk", terms, coefficients)
    offset = np.array([BASE, 0, 0, 0, 0, 0])
    return SyntheticTable(
        name=f"synthetic-{settings}x{benchmarks}",
        settings=tuple(f"setting-{i:04}" for i in range(settings)),
        benchmarks=tuple(f"benchmark-{i}" for i in range(benchmarks)),
        A=A,
        C=C,
        performance=BASE + SPAN * (law + beyond),
        a_definition="unspecified",
        kinds=("other",) * benchmarks,
        coefficients=offset + SPAN * coefficients,
    )
