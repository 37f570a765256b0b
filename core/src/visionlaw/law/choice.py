"""Which model of the law to use: the one that has best predicted settings it had not seen.

Candidates are compared by the log score of their left-out predictions (:mod:`visionlaw.law.evidence`), which asks for
the right error as well as the right expectation. Hyper-parameters are chosen inside each fit. What choosing itself
costs, :func:`check_choice` measures: it leaves a setting out, chooses among the others, and only then predicts it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

import numpy as np

from visionlaw.arrays import BoolArray, FloatArray
from visionlaw.errors import DataError
from visionlaw.law.evidence import FEWEST, Evidence, leave_one_setting_out, predict_left_out, without
from visionlaw.law.forms import FORMS
from visionlaw.law.hierarchical import Hierarchical
from visionlaw.law.leastsquares import MEAN, LeastSquares
from visionlaw.law.models import FittedModel, Model
from visionlaw.law.normalise import require_variation
from visionlaw.law.predictive import LEVELS, Predictive, joined
from visionlaw.law.reach import Reach
from visionlaw.law.shrunken import BayesianQuadratic, Ridge
from visionlaw.law.tables import LawTable

CANDIDATES: tuple[Model, ...] = (
    *(LeastSquares(form) for form in FORMS),
    Ridge(),
    BayesianQuadratic(),
    Hierarchical("quadratic"),
    Hierarchical("surface"),
    Hierarchical("additive"),
    LeastSquares(MEAN),
)
"""The models that are compared."""
MONOTONE: tuple[Model, ...] = (
    *(LeastSquares(form, monotone=True) for form in FORMS),
    Hierarchical("additive", monotone=True),
    LeastSquares(MEAN),
)
"""Those that are compared where performance may fall neither with A nor with C."""


@dataclass(frozen=True)
class Outlook:
    """What a chosen law says of points ``[b, m]`` of the (A, C) plane.

    Attributes:
        predictive: The distributions of results.
        extrapolates: ``[b, m]``: the fitted settings do not surround the point; the interval may be too narrow.
    """

    predictive: Predictive
    extrapolates: BoolArray


@dataclass(frozen=True)
class Choice:
    """Models compared on a table, and the best of them fitted to all of it.

    Attributes:
        table: The finished table.
        ranking: The candidates' evidence, best first.
        refused: Candidates that the settings do not determine, with the reason.
        fitted: The first of the ranking, fitted to all settings.
    """

    table: LawTable
    ranking: tuple[Evidence, ...]
    refused: Mapping[str, str]
    fitted: FittedModel = field(repr=False)

    @property
    def chosen(self) -> Evidence:
        """The evidence for the chosen model."""
        return self.ranking[0]

    @cached_property
    def reach(self) -> Reach:
        """How far the fitted settings reach."""
        return Reach.of(self.table)

    def predict(self, A: FloatArray, C: FloatArray) -> Outlook:
        """Predict results at A and C ``[b, m]``, in the units of the table."""
        return Outlook(self.fitted.predict(A, C), self.reach.extrapolates(A, C))


def choose(table: LawTable, candidates: Sequence[Model] = CANDIDATES) -> Choice:
    """Choose a model of the law for a finished table and fit it.

    Raises:
        DataError: An unfinished setting, a benchmark on which all settings are the same, or too few settings for any
            candidate.
    """
    require_comparable(table)
    ranking, refused = _compare(table, candidates)
    by_name = {model.name: model for model in candidates}
    return Choice(table, ranking, refused, by_name[ranking[0].name].fit(table))


def require_comparable(table: LawTable) -> None:
    """Refuse a table on which models cannot be compared.

    Raises:
        DataError: Too few settings; or with the benchmark, and the setting where one is unfinished.
    """
    if len(table.settings) < FEWEST:
        raise DataError(
            f"{len(table.settings)} finished settings of {table.name} cannot judge models of the law.",
            f"At least {FEWEST} are needed: each is left out in turn.",
        )
    table.require_finished()
    for benchmark, results in zip(table.benchmarks, table.performance, strict=True):
        require_variation(results, f"Performance on '{benchmark}' in {table.name}")


@dataclass(frozen=True)
class CheckedChoice:
    """What choosing leads to on settings that took no part in it.

    Attributes:
        evidence: Each setting predicted by the model that was chosen without it.
        picks: ``k`` names: which it was.
        widenings: By level, ``[k]``: what half widths would be multiplied by, from the left-out errors of the chosen
            model on the other settings.
    """

    evidence: Evidence
    picks: tuple[str, ...]
    widenings: Mapping[float, FloatArray]


def check_choice(table: LawTable, candidates: Sequence[Model] = CANDIDATES) -> CheckedChoice:
    """Leave each setting out, choose among the candidates by leaving out the others in turn, and predict it.

    Twice nested: every candidate is fitted without each pair of settings, which takes a quarter of a minute for a
    published table.

    Raises:
        DataError: As :func:`choose`, for the table without one setting.
    """
    require_comparable(table)
    if len(table.settings) <= FEWEST:
        raise DataError(
            f"{len(table.settings)} settings are too few to check a choice on.",
            f"Give at least {FEWEST + 1} finished settings.",
        )
    by_name = {model.name: model for model in candidates}
    inner = [_without_pairs(model, table) for model in candidates]
    settings = range(len(table.settings))
    inside = [_best([of_model[j] for of_model in inner if j in of_model], table) for j in settings]
    evidence = Evidence(
        "chosen inside",
        table,
        joined(predict_left_out(by_name[best.name], table, j) for j, best in zip(settings, inside, strict=True)),
    )
    widenings = {level: np.array([best.widening(level) for best in inside]) for level in LEVELS}
    return CheckedChoice(evidence, tuple(best.name for best in inside), widenings)


def _without_pairs(model: Model, table: LawTable) -> dict[int, Evidence]:
    """Return the evidence for a model on the table without each setting, by the setting's number.

    A fit without two settings serves both: each is the one left out of the table when the other is predicted. Where a
    fit is not determined, both are missing.
    """
    settings = range(len(table.settings))
    predictions: dict[int, dict[int, Predictive]] = {j: {} for j in settings}
    missing: set[int] = set()
    for pair in combinations(settings, 2):
        try:
            fitted = model.fit(without(table, *pair))
        except DataError:
            missing.update(pair)
            continue
        for left_out, predicted in (pair, pair[::-1]):
            at = [predicted]
            predictions[left_out][predicted] = fitted.predict(table.A[:, at], table.C[:, at])
    return {
        j: Evidence(model.name, without(table, j), joined(predictions[j][i] for i in settings if i != j))
        for j in settings
        if j not in missing
    }


def _best(found: Sequence[Evidence], table: LawTable) -> Evidence:
    if not found:
        raise DataError(
            f"No model of the law can be judged on {table.name} without some setting.", "Add finished settings."
        )
    return max(found, key=lambda evidence: evidence.log_score)


def _compare(table: LawTable, candidates: Sequence[Model]) -> tuple[tuple[Evidence, ...], dict[str, str]]:
    """Return the evidence, best first, and the candidates that the table does not determine."""
    found: list[Evidence] = []
    refused: dict[str, str] = {}
    for model in candidates:
        try:
            found.append(leave_one_setting_out(model, table))
        except DataError as error:
            refused[model.name] = error.message
    if not found:
        reason = next(iter(refused.values()), "No model was given.")
        raise DataError(f"No model of the law can be judged on {table.name}: {reason}", "Add finished settings.")
    return tuple(sorted(found, key=lambda e: -e.log_score)), refused
