"""What the law says of settings that are not trained yet, and how models compared, as plain figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from visionlaw.arrays import FloatArray
from visionlaw.errors import DataError
from visionlaw.law.choice import CANDIDATES, MONOTONE, CheckedChoice, Choice, choose
from visionlaw.law.evidence import Evidence, only
from visionlaw.law.predictive import LEVELS
from visionlaw.law.tables import LawTable


def choice_figures(choice: Choice, checked: CheckedChoice | None = None) -> dict[str, Any]:
    """Return how the models compared.

    Returns:
        JSON-ready: ``chosen``; ``models``, best first, each with ``name``, ``loo_r2`` by kind of benchmark,
        ``loo_r2_per_benchmark``, ``log_score`` and ``coverage`` (by level, ``[held, of]``); ``refused``, by name;
        ``widening``, by level, what the chosen model's half widths would be multiplied by to hold their share; and
        ``checked``, the same figures of the choice made without each setting, with ``picks`` and ``coverage_widened``.
    """
    figures: dict[str, Any] = {
        "chosen": choice.chosen.name,
        "models": [_figures(evidence) for evidence in choice.ranking],
        "refused": dict(choice.refused),
        "widening": {str(level): choice.chosen.widening(level) for level in LEVELS},
    }
    if checked is not None:
        widened = checked.evidence.coverage(checked.widenings)
        figures["checked"] = {
            **_figures(checked.evidence),
            "picks": dict(zip(choice.table.settings, checked.picks, strict=True)),
            "coverage_widened": {str(level): list(counts) for level, counts in widened.items()},
        }
    return figures


def _figures(evidence: Evidence) -> dict[str, Any]:
    return {
        "name": evidence.name,
        "loo_r2": dict(evidence.r2_by_kind),
        "loo_r2_per_benchmark": dict(evidence.r2),
        "log_score": evidence.log_score,
        "coverage": {str(level): list(counts) for level, counts in evidence.coverage().items()},
    }


def outlook_at(table: LawTable, A: float, C: float, *, monotone: bool = False) -> dict[str, Any]:
    """Predict every benchmark of a table at one point of the (A, C) plane, from its finished settings.

    Returns:
        As :func:`outlook_of_unfinished`, with the one setting ``None``.

    Raises:
        DataError: A or C is not finite, or the finished settings are too few.
    """
    for name, value in (("A", A), ("C", C)):
        if not np.isfinite(value):
            raise DataError(f"{name} is {value}.", "Give a number.")
    at = (len(table.benchmarks), 1)
    return _outlook(_finished(table), [None], np.full(at, A), np.full(at, C), monotone)


def outlook_of_unfinished(table: LawTable, *, monotone: bool = False) -> dict[str, Any]:
    """Predict the settings of a table that lack a result, from those that lack none.

    Returns:
        JSON-ready: ``model``, the chosen one; ``settings``, how many it was fitted to; ``predictions``, each with
        ``setting``, ``benchmark``, ``a``, ``c``, ``mean``, ``intervals`` (by level, both ends) and ``extrapolates``.

    Raises:
        DataError: All settings are finished, or the finished ones are too few.
    """
    unfinished = np.flatnonzero(~np.isfinite(table.performance).all(axis=0)).tolist()
    if not unfinished:
        raise DataError(
            f"All settings of {table.name} are finished: there is nothing to predict.",
            "Give the A and C of a new one with '--a' and '--c', or add its row with a blank performance.",
        )
    names = [table.settings[j] for j in unfinished]
    return _outlook(_finished(table), names, table.A[:, unfinished], table.C[:, unfinished], monotone)


def _finished(table: LawTable) -> LawTable:
    return only(table, np.flatnonzero(np.isfinite(table.performance).all(axis=0)).tolist())


def _outlook(
    table: LawTable, settings: list[str] | list[None], A: FloatArray, C: FloatArray, monotone: bool
) -> dict[str, Any]:
    choice = choose(table, MONOTONE if monotone else CANDIDATES)
    outlook = choice.predict(A, C)
    intervals = {level: outlook.predictive.interval(level) for level in LEVELS}
    return {
        "model": choice.chosen.name,
        "settings": len(table.settings),
        "predictions": [
            {
                "setting": setting,
                "benchmark": benchmark,
                "a": float(A[b, j]),
                "c": float(C[b, j]),
                "mean": float(outlook.predictive.mean[b, j]),
                "intervals": {str(level): [float(end[b, j]) for end in ends] for level, ends in intervals.items()},
                "extrapolates": bool(outlook.extrapolates[b, j]),
            }
            for j, setting in enumerate(settings)
            for b, benchmark in enumerate(table.benchmarks)
        ],
    }
