"""Every figure of the law that follows from one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from visionlaw.arrays import FloatArray
from visionlaw.law.control import Control, control
from visionlaw.law.fit import Law, fit
from visionlaw.law.forms import CONTROLS, FORMS
from visionlaw.law.normalise import require_variation
from visionlaw.law.tables import LawTable

MAIN_FORM = "AC-quadratic"


def table_figures(table: LawTable, form: str = MAIN_FORM, *, draws: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Fit all forms and controls that a finished table has settings enough for to all its benchmarks.

    Args:
        table: The table.
        form: The form whose coefficients are given.
        draws: Resamplings for the intervals, and noise draws for the controls.
        seed: Seed of both.

    Returns:
        JSON-ready: ``settings``, ``benchmarks``, ``a_definition``; ``r2``, ``adjusted_r2`` and ``loo_r2`` by form and
        kind of benchmark; ``form``, and for it, by benchmark, ``r2_per_benchmark``,
        ``loo_r2_per_benchmark``, ``coefficients``, ``intervals``; ``gaps``, what separates the best setting from the
        second best, in % of the best: differences below are training noise.

    Raises:
        DataError: A constant variable, an unfinished setting, or too few settings; the message names the benchmark.
    """
    _require_fittable(table)
    main = _fits(table, form, draws, seed)
    enough = {name for name, terms in FORMS.items() if len(terms) < len(table.settings)}
    fits = {name: main if name == form else _fits(table, name, 0, seed) for name in FORMS if name in enough}
    controls = {name: _controls(table, name, draws, seed) for name, like in CONTROLS.items() if like in enough}
    measured: dict[str, Mapping[str, Law | Control]] = {**fits, **controls}

    def by_kind(of: Callable[[Law | Control], float]) -> dict[str, dict[str, float]]:
        return {name: average_by_kind(table, {b: of(q) for b, q in m.items()}) for name, m in measured.items()}

    return {
        "settings": len(table.settings),
        "benchmarks": dict(zip(table.benchmarks, table.kinds, strict=True)),
        "a_definition": table.a_definition,
        "form": form,
        "r2": by_kind(lambda q: q.r2),
        "adjusted_r2": by_kind(lambda q: q.adjusted_r2),
        "loo_r2": by_kind(lambda q: q.loo_r2),
        "r2_per_benchmark": {b: law.r2 for b, law in main.items()},
        "loo_r2_per_benchmark": {b: law.loo_r2 for b, law in main.items()},
        "coefficients": {b: dict(law.coefficients) for b, law in main.items()},
        "intervals": {b: {term: list(ends) for term, ends in law.intervals.items()} for b, law in main.items()},
        "gaps": {b: top_gap(y) for b, y in _results(table)},
    }


def average_by_kind(table: LawTable, values: Mapping[str, float]) -> dict[str, float]:
    """Average a figure per benchmark over each kind of benchmark that the table has."""
    kinds = dict(zip(table.benchmarks, table.kinds, strict=True))
    return {
        kind: float(np.mean([value for b, value in values.items() if kinds[b] == kind]))
        for kind in dict.fromkeys(table.kinds)
    }


def top_gap(performance: FloatArray) -> float:
    """Return by how much the best of ``[k]`` exceeds the second best, in % of the best (ICLR Table 9)."""
    second, best = np.sort(performance)[-2:]
    return float(100.0 * (best - second) / abs(best)) if best else float("nan")


def _results(table: LawTable) -> list[tuple[str, FloatArray]]:
    return list(zip(table.benchmarks, table.performance, strict=True))


def _fits(table: LawTable, form: str, draws: int, seed: int) -> dict[str, Law]:
    return {
        b: fit(A, C, y, form, draws=draws, seed=seed)
        for b, A, C, y in zip(table.benchmarks, table.A, table.C, table.performance, strict=True)
    }


def _controls(table: LawTable, form: str, draws: int, seed: int) -> dict[str, Control]:
    # Other noise for every benchmark, so that errors cancel in their mean.
    return {b: control(y, form, draws=max(draws, 1), seed=seed + i) for i, (b, y) in enumerate(_results(table))}


def _require_fittable(table: LawTable) -> None:
    """Refuse what no form can be fitted to, in words that name the benchmark."""
    table.points()
    table.require_finished()
    for benchmark, y in _results(table):
        require_variation(y, f"Performance on '{benchmark}' in {table.name}")
