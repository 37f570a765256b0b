"""What the sampler ``bayes`` supposes before the study's own results: centres and covariances of performance.

A benchmark's performance on candidate j is ``level + scale · z_j``, and a hypothesis is a Gaussian over ``z``::

    z_j = centre_j + φ(x_j)·(w + v_b) + u_j + e_bj

with φ the terms A, C, A², AC, C² of the law at the candidate's point x_j. Deviations ``w`` and ``u_j`` are shared by
all benchmarks of a study, ``v_b`` and ``e_bj`` are a benchmark's own. Level and scale are unknown and integrated out.

*Cold*, the centre is ``A + C/2``: both scores help, until results say otherwise. *Warm*, each past benchmark is
a scenario of its own: the new benchmark is like that one, up to deviations of the size by which the past benchmarks
differ from each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from visionlaw.arrays import FloatArray, IntArray
from visionlaw.law.forms import FORMS, design
from visionlaw.policy.state import StudyState

TERMS = tuple(term for term in FORMS["AC-quadratic"] if term != "1")
SLOPES = np.array([1.0, 0.5, 0.0, 0.0, 0.0])
"""The cold law: z grows by one over the range of A, and by half as much over that of C.

This is the one thing that a cold study takes from what was published: both scores help, and alignment more.
"""
SHARED_SLOPE, OWN_SLOPE = 0.3, 0.2
"""Standard deviations of the law's coefficients: of all benchmarks together, and of one against the others."""
LAW_SLOPE = 0.7
"""The same, where the law of one past benchmark is fitted: its results count for more than the opinion."""
COLD_NOISE = (0.08, 0.15, 0.3)
"""Standard deviations of what the law does not explain; the study's results decide between them."""
SPAN = (float(np.log(0.3)), 1.0)
"""Mean and standard deviation of the logarithm of a benchmark's scale against the size of its performance."""
LAW_NOISE = 0.15
"""The same, where the law of one past benchmark is fitted."""
SHARED = 0.5
"""Share of the deviations from past benchmarks that all benchmarks of a study have in common."""
STEADY = 4.0
"""As how many benchmarks' worth of evidence it counts that all settings are equally steady."""


@dataclass(frozen=True)
class Family:
    """Hypotheses of one covariance: S centres, over which the weight is even.

    Attributes:
        features: ``[T, b, k, 5]``: φ of the candidates.
        centres: ``[T, S, b, k]``: the expected z of each scenario.
        shared_slopes, own_slopes: ``[5, 5]``: covariances of w and of v_b.
        shared_noise, own_noise: ``[T, k]``: standard deviations of u_j and of e_bj.
        log_weight: Of the family against the others, before the study's own results.
        span: Mean and standard deviation of ``log(scale / size of the performance)``: a benchmark's scale, between its
            worst and its best setting, is a third of its best performance or so.
    """

    features: FloatArray
    centres: FloatArray
    shared_slopes: FloatArray
    own_slopes: FloatArray
    shared_noise: FloatArray
    own_noise: FloatArray
    log_weight: float
    span: tuple[float, float]


@dataclass(frozen=True)
class Kinship:
    """How a new benchmark is like the past ones.

    Attributes:
        noise: Standard deviation, in z, by which the performance of a setting of average steadiness differs from the
            scenario's.
        smoothing: Share of the scenario's law in the centre of a setting that it knows; the rest is its result.
        bending: How much of the covariance between the past benchmarks' laws is granted to the new one's.
    """

    noise: float
    smoothing: float
    bending: float


def features(points: FloatArray) -> FloatArray:
    """Return φ ``[..., 5]`` of points ``[..., 2]``."""
    return design(points[..., 0], points[..., 1], TERMS)


def cold(state: StudyState) -> tuple[Family, ...]:
    """Return what is supposed when no past results are given; the noise levels are equally likely."""
    phi = features(state.points)
    centres = (phi @ SLOPES)[:, None]
    ones = np.ones((state.trials, state.candidates))
    eye = np.eye(len(TERMS))
    return tuple(
        Family(phi, centres, eye * SHARED_SLOPE**2, eye * OWN_SLOPE**2, ones * noise, ones * noise, 0.0, SPAN)
        for noise in COLD_NOISE
    )


@dataclass(frozen=True)
class Scenarios:
    """The past benchmarks as scenarios.

    Attributes:
        profiles: ``[p, s]``: performance, min-max normalised over the settings; NaN where not known.
        laws: ``[p, 6]``: coefficients of 1 and φ, fitted to each profile.
        bend: ``[5, 5]``: covariance of the laws between the benchmarks.
        misfit: Standard deviation of the profiles about their laws.
        span: Mean and standard deviation of the logarithm of a benchmark's range against its best performance.
        unsteadiness: ``[s]``: how much more than the average a setting's place changes from benchmark to benchmark.
    """

    profiles: FloatArray
    laws: FloatArray
    bend: FloatArray
    misfit: float
    span: tuple[float, float]
    unsteadiness: FloatArray


def scenarios(points: FloatArray, results: FloatArray) -> Scenarios:
    """Fit the law to each past benchmark, with the cold law as its prior.

    Args:
        points: ``[p, s, 2]``: A and C of s settings on p benchmarks, min-max normalised.
        results: ``[p, s]``: performance, higher is better, NaN where not known.
    """
    profiles = _profiles(results)
    phi = features(points)
    laws = np.stack([_law(x, z) for x, z in zip(phi, profiles, strict=True)])
    known = np.isfinite(profiles)
    expected = laws[:, :1] + np.einsum("psf,pf->ps", phi, laws[:, 1:])
    missed = np.where(known, profiles - expected, 0.0)
    freedom = max(1.0, known.sum() - 3.0 * len(profiles))  # about three of the six coefficients are the data's
    misfit = float(np.sqrt((missed**2).sum() / freedom))
    bend = np.cov(laws[:, 1:].T) if len(laws) > 1 else np.eye(len(TERMS)) * OWN_SLOPE**2
    return Scenarios(profiles, laws, bend, max(misfit, LAW_NOISE / 3), _span(results), _unsteadiness(profiles))


def warm(kin: Kinship, known: Scenarios, candidates: FloatArray, identity: IntArray, log_weight: float) -> Family:
    """Return the hypotheses that the new benchmarks are like one of the past ones.

    Args:
        kin: How like.
        known: The past benchmarks.
        candidates: ``[T, b, k, 2]``: points of the candidates, on the past's scale.
        identity: ``[T, k]``: which setting of the past each candidate is; -1: none.
        log_weight: Of the family.
    """
    phi = features(candidates)
    by_law: FloatArray = known.laws[:, 0][:, None, None] + np.einsum("tbkf,pf->tpbk", phi, known.laws[:, 1:])
    met = np.where(identity >= 0, known.profiles[:, np.maximum(identity, 0)], np.nan).swapaxes(0, 1)[:, :, None]

    mixed: FloatArray = (1 - kin.smoothing) * met + kin.smoothing * by_law
    centres: FloatArray = np.where(np.isfinite(mixed), mixed, by_law)
    foreign = ~np.isfinite(met).all(axis=(1, 2))
    unsteady: FloatArray = np.where(identity >= 0, known.unsteadiness[np.maximum(identity, 0)], 1.0)
    spread = np.sqrt((kin.noise * unsteady) ** 2 + np.where(foreign, known.misfit**2, 0.0))
    return Family(
        features=phi,
        centres=centres,
        shared_slopes=SHARED * kin.bending * known.bend,
        own_slopes=(1 - SHARED) * kin.bending * known.bend,
        shared_noise=np.sqrt(SHARED) * spread,
        own_noise=np.sqrt(1 - SHARED) * spread,
        log_weight=log_weight,
        span=known.span,
    )


def _profiles(results: FloatArray) -> FloatArray:
    low: FloatArray = np.nanmin(results, axis=-1, keepdims=True)
    span: FloatArray = np.nanmax(results, axis=-1, keepdims=True) - low
    flat: FloatArray = np.where(np.isfinite(results), 0.5, np.nan)
    return np.where(span > 0, (results - low) / np.where(span > 0, span, 1.0), flat)


def _span(results: FloatArray) -> tuple[float, float]:
    """Return the mean and the spread of the past benchmarks' log relative ranges, :data:`SPAN` counting as one more."""
    high, low = np.nanmax(results, axis=-1), np.nanmin(results, axis=-1)
    size = np.abs(high)
    relative = np.log((high - low)[(high > low) & (size > 0)] / size[(high > low) & (size > 0)])
    n = len(relative) + 1
    mean = (relative.sum() + SPAN[0]) / n
    return float(mean), float(np.sqrt((((relative - mean) ** 2).sum() + SPAN[1] ** 2) / n))


def _unsteadiness(profiles: FloatArray) -> FloatArray:
    """Return ``[s]``: each setting's spread over the benchmarks against the pooled one, shrunk to 1."""
    known = np.isfinite(profiles)
    count = known.sum(axis=0)
    mean: FloatArray = np.where(known, profiles, 0.0).sum(axis=0) / np.maximum(count, 1)
    spread: FloatArray = (np.where(known, profiles - mean, 0.0) ** 2).sum(axis=0)
    pooled = float(spread.sum()) / max(int(count.sum()), 1)
    relative: FloatArray = np.ones(spread.shape)
    if pooled > 0:
        relative = (spread / pooled + STEADY) / (count + STEADY)
    return relative**0.5


def _law(phi: FloatArray, profile: FloatArray) -> FloatArray:
    """Return the coefficients of 1 and φ: ridge towards the cold law, with a free intercept."""
    known = np.isfinite(profile)
    X: FloatArray = phi[known]
    y: FloatArray = profile[known] - X @ SLOPES
    centre: FloatArray = X.mean(axis=0)
    gram: FloatArray = (X - centre).T @ (X - centre) + np.eye(len(TERMS)) * (LAW_NOISE / LAW_SLOPE) ** 2
    shift = np.asarray(np.linalg.solve(gram, (X - centre).T @ (y - y.mean())), dtype=np.float64)
    return np.concatenate([[y.mean() - centre @ shift], SLOPES + shift])
