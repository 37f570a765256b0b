"""Where a study stands: what was asked for and told, what is open, what has been spent and spared."""

from __future__ import annotations

from visionlaw.policy.answers import Spending, StudyStatus, TrialView
from visionlaw.policy.candidates import Candidates
from visionlaw.policy.costs import Costs
from visionlaw.policy.perspective import Perspective
from visionlaw.store.studies import History


def status_of(view: Perspective, history: History) -> StudyStatus:
    """Return where a study stands.

    Args:
        view: The study.
        history: What has happened in it.
    """
    settings, candidates = view.settings, view.candidates
    space, results = set(candidates.representations), history.results
    views = tuple(
        TrialView(
            trial,
            {b: row.value for b, row in results.get(name, {}).items()},
            tuple(b for b in settings.benchmarks if b not in results.get(name, {})),
            name in space,
        )
        for name, trial in history.trials.items()
    )
    return StudyStatus(
        settings=settings,
        begun=history.settings is not None,
        asked=history.asked,
        trials=views,
        open=tuple(name for name in candidates.scored if name not in history.trials),
        not_scored=tuple(c for c in candidates.not_scored if c.representation not in history.trials),
        best=_best(view, history),
        a_from=candidates.sources[0][0],
        c_from=candidates.c_from,
        prior=view.prior.sources(candidates.representations),
        weights=view.weights,
        cost_aware=view.costs is not None,
    )


def spending_of(costs: Costs, candidates: Candidates, history: History) -> Spending:
    """Return what a study has cost.

    Args:
        costs: The rates.
        candidates: Its candidates, scored or not.
        history: What has happened in it.
    """
    trials = history.trials.values()
    return Spending(
        spent=costs.of(trial.representation for trial in trials if trial.position is not None),
        outside=costs.of(trial.representation for trial in trials if trial.position is None),
        spared=costs.of(name for name in candidates.representations if name not in history.trials),
    )


def _best(view: Perspective, history: History) -> dict[str, tuple[str, float]]:
    best: dict[str, tuple[str, float]] = {}
    for benchmark, sign in zip(view.settings.benchmarks, view.signs, strict=True):
        told = [(name, rows[benchmark].value) for name, rows in history.results.items() if benchmark in rows]
        if told:
            best[benchmark] = max(told, key=lambda pair, s=sign: s * pair[1])
    return best
