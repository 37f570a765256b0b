"""Draws of what performance may be, given a study's results: exact Gaussian algebra, mixed over what is unknown.

Within a family all is Gaussian but the scenario and the scale, which are discrete: their weights follow from the
likelihood of each benchmark's results. Draws are made by conditioning draws of the prior (Matheron's rule: Wilson et
al., "Pathwise conditioning of Gaussian processes", 2021), so that a thousand candidates cost no covariance of a
thousand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from visionlaw.arrays import BoolArray, FloatArray, IntArray
from visionlaw.policy.bayes.hypotheses import Family

LEVEL = 3.0
"""Standard deviation of a benchmark's level about the mean of its results, in z: wide."""
NUGGET = 1e-6
SCALES = np.geomspace(0.25, 128.0, 19)
"""Scales that are considered, as multiples of the range of a benchmark's results so far …"""
SCALES_OF_ONE = np.geomspace(0.05, 1.0, 19)
"""… or of the size of its only result."""


@dataclass(frozen=True)
class Told:
    """The results of T trials in dense form: m slots per benchmark; all in units of ``size``.

    Attributes:
        slot: ``[T, b, m]``: the candidate of each slot.
        used: ``[T, b, m]``: whether the slot holds a result.
        values: ``[T, b, m]``: results less ``level``, 0 where unused.
        level: ``[T, b]``: mean of the results, 0 without any.
        scales: ``[T, b, S]``: the scales that are considered.
        count: ``[T, b]``: how many results.
        size: ``[T, b]``: the largest magnitude of a benchmark's results, in its own unit; 1 where that is 0 or unknown.
    """

    slot: IntArray
    used: BoolArray
    values: FloatArray
    level: FloatArray
    scales: FloatArray
    count: IntArray
    size: FloatArray


def told(results: FloatArray) -> Told:
    """Arrange results ``[T, b, k]``, NaN where not known."""
    known = np.isfinite(results)
    count = known.sum(axis=-1)
    m = int(count.max(initial=0))
    slot = np.argsort(~known, axis=-1, kind="stable")[..., :m]
    used = np.take_along_axis(known, slot, axis=-1)
    raw = np.where(used, np.take_along_axis(results, slot, axis=-1), 0.0)
    largest = np.abs(raw).max(axis=-1, initial=0.0)
    size = np.where(largest > 0, largest, 1.0)
    raw = raw / size[..., None]
    level = raw.sum(axis=-1) / np.maximum(count, 1)
    values = np.where(used, raw - level[..., None], 0.0)
    span = np.where(used, values, -np.inf).max(axis=-1, initial=-np.inf) - np.where(used, values, np.inf).min(
        axis=-1, initial=np.inf
    )
    several = (count > 1) & (span > 1e-9)
    unit = np.where(several, span, 1.0)
    scales = unit[..., None] * np.where(several[..., None], SCALES, SCALES_OF_ONE)
    return Told(slot, used, values, level, np.where(count[..., None] > 0, scales, 1.0), count, size)


@dataclass(frozen=True)
class Draws:
    """Draws of one family.

    Attributes:
        values: ``[T, b, N, k]``: performance in units of the results' size, less their level; in z where there is none
            yet.
        log_weight: ``[T]``: evidence of the family, all benchmarks together.
    """

    values: NDArray[np.float32]
    log_weight: FloatArray


def draw(family: Family, data: Told, noise: float, count: int, rng: np.random.Generator) -> Draws:
    """Draw ``count`` times from a family, given the results; the same seed, the same draws in every trial.

    Args:
        family: The hypotheses.
        data: The results.
        noise: Standard deviation of a result about the performance that the draws are of, relative to the results'
            size.
        count: How many draws.
        rng: Randomness.
    """
    at = _Slots.of(family, data)
    if noise:
        at = at.noisy(noise / _likely_scale(family, data, at), data)
    pick, found = _scenario_and_scale(family, data, at, count)
    z = _prior_draws(family, count, rng)
    z += np.take_along_axis(family.centres.swapaxes(1, 2), pick.scenario[..., None], axis=2)
    scale = np.take_along_axis(data.scales, pick.scale, axis=-1)[..., None]  # [T, b, N, 1]
    if data.slot.shape[-1]:
        z += _correction(family, data, at, z, scale, rng)
    z *= scale
    return Draws(z, found + family.log_weight)


def evidence(family: Family, data: Told) -> FloatArray:
    """Return ``[T]``: the log-likelihood of the results, scenarios and scales averaged over."""
    return _shared_out(_log_likelihoods(family, data, _Slots.of(family, data)))[1]


def _correction(
    family: Family, data: Told, at: _Slots, z: NDArray[np.float32], scale: FloatArray, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return what takes draws of the prior ``[T, b, N, k]`` to where the results are."""
    T, b, count = z.shape[:3]
    M = b * data.slot.shape[-1]
    seen = np.take_along_axis(z, data.slot[:, :, None], axis=-1)
    missed = data.values[:, :, None] / scale - seen - at.error[:, :, None] * rng.standard_normal((1, *seen.shape[1:]))
    missed = np.where(data.used[:, :, None], missed, 0.0).swapaxes(2, 3).reshape(T, M, count)
    solved = np.linalg.solve(at.covariance, missed).swapaxes(1, 2)[:, None]  # [T, 1, N, M]
    return solved.astype(np.float32) @ at.cross(family).swapaxes(2, 3).astype(np.float32)


@dataclass(frozen=True)
class _Slots:
    """The results' side of the covariance, ``M = b · m`` slots in all."""

    candidate: IntArray  # [T, b, m]
    used: BoolArray
    phi: FloatArray  # [T, b, m, 5]
    covariance: FloatArray  # [T, M, M]
    own: FloatArray  # [T, b, m, m]: the diagonal blocks
    error: FloatArray  # [T, b, m]: standard deviation of the results, in z

    @classmethod
    def of(cls, family: Family, data: Told) -> _Slots:
        T, b, m = data.slot.shape
        phi = np.take_along_axis(family.features, data.slot[..., None], axis=2)
        flat, owner = phi.reshape(T, b * m, phi.shape[-1]), np.repeat(np.arange(b, dtype=np.int64), m)
        shared = flat @ family.shared_slopes @ flat.swapaxes(1, 2)
        own = flat @ family.own_slopes @ flat.swapaxes(1, 2) + LEVEL**2
        which = data.slot.reshape(T, b * m)
        same = which[:, :, None] == which[:, None, :]
        u, e = (np.take_along_axis(noise, which, axis=1) ** 2 for noise in (family.shared_noise, family.own_noise))
        mine = owner[:, None] == owner[None]
        full = shared + same * u[:, :, None] + mine * (own + same * e[:, :, None])
        used = data.used.reshape(T, b * m)
        full = np.where(used[:, :, None] & used[:, None, :], full, 0.0)
        full += np.eye(b * m) * np.where(used, NUGGET, 1.0)[:, :, None]
        blocks = full.reshape(T, b, m, b, m)
        index = np.arange(b, dtype=np.int64)
        return cls(
            data.slot,
            data.used,
            phi,
            full,
            np.ascontiguousarray(blocks[:, index, :, index].swapaxes(0, 1)),
            np.zeros(data.slot.shape),
        )

    def noisy(self, error: FloatArray, data: Told) -> _Slots:
        """Add the noise of the results ``[T, b]``, in z."""
        each = np.where(data.used, error[..., None], 0.0)
        T, b, m = each.shape
        eye, flat = np.eye(m), np.eye(b * m)
        return replace(
            self,
            covariance=self.covariance + flat * each.reshape(T, 1, b * m) ** 2,
            own=self.own + eye * each[..., None] ** 2,
            error=each,
        )

    def cross(self, family: Family) -> FloatArray:
        """Return ``[T, b, k, M]``: covariance of every candidate's z with the slots'."""
        T, b, k = family.features.shape[:3]
        m = self.candidate.shape[-1]
        phi = family.features.reshape(T, b * k, -1)
        flat = self.phi.reshape(T, b * m, -1)
        cross = (phi @ (family.shared_slopes @ flat.swapaxes(1, 2))).reshape(T, b, k, b, m)
        trial: IntArray = np.arange(T, dtype=np.int64)[:, None]
        slot: IntArray = np.arange(m, dtype=np.int64)[None]
        for i in range(b):
            own = family.features[:, i] @ (family.own_slopes @ self.phi[:, i].swapaxes(1, 2)) + LEVEL**2  # [T, k, m]
            own[trial, self.candidate[:, i], slot] += family.own_noise[trial, self.candidate[:, i]] ** 2
            cross[:, i, :, i] += own
            for other in range(b):  # u_j: the same candidate on another benchmark
                at = self.candidate[:, other]
                cross[trial, i, at, other, slot] += family.shared_noise[trial, at] ** 2
        return np.where(self.used.reshape(T, 1, 1, b * m), cross.reshape(T, b, k, b * m), 0.0)


@dataclass(frozen=True)
class _Pick:
    scenario: IntArray  # [T, b, N]
    scale: IntArray


def _scenario_and_scale(family: Family, data: Told, at: _Slots, count: int) -> tuple[_Pick, FloatArray]:
    """Share the draws among scenarios and scales by each benchmark's likelihood; return the family's evidence, too."""
    weights, found = _shared_out(_log_likelihoods(family, data, at))
    scales = data.scales.shape[-1]
    edges = np.cumsum(weights, axis=-1)
    quantiles = (np.arange(count, dtype=np.int64) + 0.5) / count
    chosen = (edges[..., None, :-1] < quantiles[:, None]).sum(axis=-1)
    return _Pick(chosen // scales, chosen % scales), found


def _shared_out(logs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return weights ``[T, b, S · scales]`` by log-likelihoods ``[T, b, S, scales]``, and their evidence ``[T]``."""
    flat = logs.reshape(*logs.shape[:2], -1)
    top = flat.max(axis=-1, keepdims=True)
    weights = np.exp(flat - top)
    total = weights.sum(axis=-1, keepdims=True)
    found = (np.log(total / flat.shape[-1]) + top)[..., 0].sum(axis=-1)
    return weights / total, found


def _likely_scale(family: Family, data: Told, at: _Slots) -> FloatArray:
    """Return ``[T, b]``: the geometric mean of the scales, weighed by their likelihood."""
    logs = _log_likelihoods(family, data, at)
    weights = np.exp(logs - logs.max(axis=(-2, -1), keepdims=True)).sum(axis=-2)
    return np.exp((weights * np.log(data.scales)).sum(axis=-1) / weights.sum(axis=-1))


def _log_likelihoods(family: Family, data: Told, at: _Slots) -> FloatArray:
    """Return ``[T, b, S, scales]``: how likely each benchmark's results are by scenario and scale."""
    inverse = np.linalg.inv(at.own) * (data.used[..., None] & data.used[..., None, :])
    centres = np.take_along_axis(family.centres.swapaxes(1, 2), data.slot[:, :, None], axis=-1)  # [T, b, S, m]
    y_i = np.einsum("tbm,tbmn->tbn", data.values, inverse)
    yy = (y_i * data.values).sum(axis=-1)[..., None, None]
    yc = np.einsum("tbn,tbsn->tbs", y_i, centres)[..., None]
    cc = np.einsum("tbsm,tbmn,tbsn->tbs", centres, inverse, centres, optimize=True)[..., None]
    s = data.scales[:, :, None, :]
    volume = np.linalg.slogdet(at.own)[1][..., None, None]
    mean, spread = family.span
    opinion = np.where(data.count[..., None, None] > 0, ((np.log(s) - mean) / spread) ** 2, 0.0)
    return -0.5 * (yy / s**2 - 2 * yc / s + cc + volume + opinion) - data.count[..., None, None] * np.log(s)


def _prior_draws(family: Family, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw deviations of z with its level ``[T, b, N, k]``, before any result."""
    b, k, terms = family.features.shape[1:]

    def normal(*shape: int) -> NDArray[np.float32]:
        return rng.standard_normal(shape, dtype=np.float32)

    slopes = normal(count, terms) @ _root(family.shared_slopes) + normal(b, count, terms) @ _root(family.own_slopes)
    z = slopes.astype(np.float32) @ family.features.swapaxes(2, 3).astype(np.float32)
    z += normal(count, k) * family.shared_noise[:, None, None].astype(np.float32)
    z += normal(b, count, k) * family.own_noise[:, None, None].astype(np.float32)
    z += LEVEL * normal(b, count, 1)
    return z


def _root(covariance: FloatArray) -> FloatArray:
    """Return R ``[n, n]`` with ``Rᵀ R`` the covariance, which may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0.0))).T
