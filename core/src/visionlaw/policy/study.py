"""The live study: ask which representation to finetune next, tell the result, rank them all.

A study is its history in the store. Every question reads it anew, so that restarts and other processes change nothing:
candidates are what the space holds today, and chance derives from the seed and the number of requests so far, which
makes the same history give the same answer, as long as the prior says the same. Samplers think outside all
transactions: what one chose is written only if the history is still the one that it saw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from visionlaw.errors import StudyError
from visionlaw.policy.answers import Spending, StudyStatus, Suggestion, Told, ToldValue
from visionlaw.policy.candidates import Candidates
from visionlaw.policy.checked import CheckedSampler
from visionlaw.policy.checks import (
    check_agreement,
    check_results,
    check_room,
    check_settings,
    check_weights,
    find_representation,
)
from visionlaw.policy.costs import Costs
from visionlaw.policy.past import Prior
from visionlaw.policy.perspective import Perspective
from visionlaw.policy.ranking import Ranking, rank
from visionlaw.policy.standing import spending_of, status_of
from visionlaw.policy.stopping import Stopping, StopRule, stopping
from visionlaw.policy.suggesting import suggest
from visionlaw.policy.tools import check_tools
from visionlaw.protocols import Sampler
from visionlaw.store.store import Store, add_run
from visionlaw.store.studies import (
    History,
    ResultRow,
    StudySettings,
    TrialRow,
    read_history,
    write_result,
    write_settings,
    write_trial,
)


class Study:
    """One question to the policy, persisted.

    Nothing is stored until an :meth:`ask`, :meth:`tell` or :meth:`fail` is accepted. Sampler, budget, score source,
    prior, costs, weights and stop rule may change between openings; what the history means (mode, benchmarks, seed,
    definition of A) may not.

    Args:
        store: Where the history is; opened with ``create=False``, a refused change leaves no file behind.
        settings: What the study asks.
        candidates: The space as it is today, with A and C.
        sampler: What ``settings.sampler`` names; it is checked, whoever wrote it.
        canonical: Turns an id, an alias or a published name into the canonical id, as
            :meth:`visionlaw.space.SearchSpace.canonical` does; raises InvalidIdError for what is none.
        names: Other names of representations, to suggest when one is misspelled.
        provenance: Stored with every change; see :func:`visionlaw.store.run_provenance`.
        prior: Finished results that the study builds on; its names are stored with every change.
        costs: What finetunings cost; None: not known.
        cost_aware: Whether the sampler sees the costs.
        weights: How much a benchmark counts in a joint study, by key; 1 where it is not named.
        stop: When the study may stop.

    Raises:
        StudyError: The settings contradict themselves or the stored study.
    """

    def __init__(
        self,
        store: Store,
        settings: StudySettings,
        candidates: Candidates,
        sampler: Sampler,
        *,
        canonical: Callable[[str], str] = str,
        names: Iterable[str] = (),
        provenance: Mapping[str, Any] | None = None,
        prior: Prior | None = None,
        costs: Costs | None = None,
        cost_aware: bool = False,
        weights: Mapping[str, float] | None = None,
        stop: StopRule | None = None,
    ) -> None:
        check_settings(settings)
        check_weights(settings, weights or {})
        self.settings = settings
        self.candidates = candidates
        self._store = store
        self._sampler = CheckedSampler.of(sampler, settings.sampler)
        self._canonical = canonical
        self._other_names = tuple(names)
        self._prior, self._costs, self._stop = prior or Prior(), costs, stop or StopRule()
        self._provenance = {**(provenance or {}), "prior": list(self._prior.names)}
        self._view = Perspective(settings, candidates, self._prior, costs if cost_aware else None, weights or {})
        self._history()

    def ask(self, n: int = 1, *, explained: bool = False) -> tuple[Suggestion, ...]:
        """Choose the next ``n`` representations to finetune, and note them as pending.

        All of them or none: asking for two is asking twice. When another process changes the study meanwhile, the
        sampler is asked again.

        Args:
            n: How many.
            explained: Whether to say of each what it promises and costs.

        Raises:
            StudyError: The budget or the open candidates are used up, or ``n`` is not positive.
            PluginError: The sampler failed.
        """
        while True:  # ends: each further turn means that another process has got on
            history = self._history()
            check_room(self.settings, history, self.candidates, n)
            suggestions = self._choose(history, n, explained)
            with self._store.writing() as session:
                now = self._begin(session)
                if (now.trials, now.results) != (history.trials, history.results):
                    continue
                run = add_run(session, "policy ask", self._provenance, finished=True)
                for suggestion in suggestions:
                    write_trial(session, self.settings.name, _pending(suggestion), run)
            return suggestions

    def tell(
        self,
        representation: str,
        results: Mapping[str, float],
        *,
        source: str = "",
        source_version: str | Mapping[str, str] = "",
        force: bool = False,
    ) -> Told:
        """Tell the performance of a finetuned representation; the study need not have asked for it.

        A representation counts as done with its first result. Telling a benchmark again replaces its value; telling the
        same value again changes nothing.

        Args:
            representation: An id, an alias or a published name.
            results: Performance by benchmark, in the benchmark's own unit.
            source: The tool that measured it, or a sentence.
            source_version: The tool's version, or that of each benchmark.
            force: Whether to tell it although the benchmark's other results are another tool's.

        Raises:
            UnknownIdError: Nobody knows the representation.
            StudyError: Not a benchmark of this study, not a finite number, nothing was told, or a mix of tools.
        """
        check_results(self.settings, results)
        name = self._find(representation)
        with self._store.writing() as session:
            history = self._begin(session)
            before, now = history.results.get(name, {}), datetime.now(UTC)
            versions = dict.fromkeys(results, source_version) if isinstance(source_version, str) else source_version
            rows = {b: ResultRow(float(v), source, versions.get(b, ""), now) for b, v in results.items()}
            if not force:
                check_tools(history, name, rows)
            changed = {b: row for b, row in rows.items() if b not in before or _differ(before[b], row)}
            trial = history.trials.get(name, TrialRow(name, None, "done"))
            if changed:
                run = add_run(session, "policy tell", self._provenance, finished=True)
                write_trial(session, self.settings.name, replace(trial, status="done", failure=""), run)
                for benchmark, row in changed.items():
                    write_result(session, self.settings.name, name, benchmark, row, run)
        values = {b: ToldValue(row.value, before[b].value if b in before else None) for b, row in rows.items()}
        missing = tuple(b for b in self.settings.benchmarks if b not in before and b not in rows)
        return Told(
            name,
            values,
            from_outside=trial.position is None,
            missing=missing,
            enters_law=name in self.candidates.scored,
        )

    def fail(self, representation: str, reason: str) -> TrialRow:
        """Tell that finetuning a representation failed: it is not asked for again, and its budget stays spent.

        Raises:
            UnknownIdError: Nobody knows the representation.
            StudyError: It has results already.
        """
        name = self._find(representation)
        with self._store.writing() as session:
            history = self._begin(session)
            trial = history.trials.get(name, TrialRow(name, None, "failed"))
            if name in history.results:
                raise StudyError(
                    f"'{name}' has results in study '{self.settings.name}': it can't have failed.",
                    "Tell another value instead; it replaces the old one.",
                )
            failed = replace(trial, status="failed", failure=reason)
            if history.trials.get(name) != failed:
                run = add_run(session, "policy tell", self._provenance, finished=True)
                write_trial(session, self.settings.name, failed, run)
        return failed

    def rank(self) -> Ranking:
        """Rank the scored candidates by what the sampler's law expects of them.

        Raises:
            PluginError: The sampler failed.
        """
        history, scored = self._history(), set(self.candidates.scored)
        state = self._view.state(history)
        ranking = rank(self.settings.name, self._sampler, self.candidates, state, self._view.signs)
        unused = tuple(name for name in history.results if name not in scored)
        return replace(ranking, unused=unused, prior=self._prior.sources(self.candidates.representations))

    def stopping(self) -> Stopping:
        """Say whether the study may stop: whether hardly anything untrained can beat the best that is trained.

        Raises:
            PluginError: The sampler failed.
        """
        return stopping(self._sampler, self._view.state(self._history()), self.settings.benchmarks, self._stop)

    def prior_notes(self, *, compared: bool = True) -> tuple[str, ...]:
        """Say in sentences what was left out of the prior, or that the sampler makes no use of one.

        Args:
            compared: Whether to say also that it is another one than at the study's last change.
        """
        notes = self._prior.notes
        if self._prior.tables and not self._sampler.believes:
            notes = (*notes, f"The sampler '{self.settings.sampler}' makes no use of a prior.")
        if not compared:
            return notes
        history = self._history()
        before, now = (", ".join(names) or "nothing" for names in (history.prior, self._prior.names))
        changed = f"Study '{self.settings.name}' was last changed with the prior {before}; now it is {now}."
        return (*notes, *((changed,) if history.trials and before != now else ()))

    def status(self) -> StudyStatus:
        """Say where the study stands."""
        return status_of(self._view, self._history())

    def spending(self) -> Spending | None:
        """Say what the study has cost so far; None where no rates are known."""
        return None if self._costs is None else spending_of(self._costs, self.candidates, self._history())

    def _history(self) -> History:
        with self._store.reading() as session:
            history = read_history(session, self.settings.name)
        check_agreement(history.settings, self.settings)
        return history

    def _begin(self, session: Session) -> History:
        """Read the history for a change, and store the settings in force."""
        history = read_history(session, self.settings.name)
        check_agreement(history.settings, self.settings)
        if history.settings != self.settings:
            write_settings(session, self.settings)
        return history

    def _find(self, representation: str) -> str:
        known = (*self.candidates.representations, *self._history().trials)
        return find_representation(representation, self.settings, known, self._canonical, self._other_names)

    def _choose(self, history: History, n: int, explained: bool) -> tuple[Suggestion, ...]:
        """Ask the sampler n times, as if each answer were pending before the next."""
        suggestions: list[Suggestion] = []
        for _ in range(n):
            suggestion = suggest(self._sampler, self._view, history, self._costs, explained)
            suggestions.append(suggestion)
            trials = {**history.trials, suggestion.representation: _pending(suggestion)}
            history = replace(history, trials=trials)
        return tuple(suggestions)


def _pending(suggestion: Suggestion) -> TrialRow:
    return TrialRow(suggestion.representation, suggestion.position, "pending", datetime.now(UTC), suggestion.reason)


def _differ(before: ResultRow, now: ResultRow) -> bool:
    return replace(before, told=now.told) != now
