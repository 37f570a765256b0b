"""How the policy's answers look: as JSON for scripts, as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from visionlaw.cli.output import note, plural, write, write_table
from visionlaw.errors import MissingDependencyError, PluginError

if TYPE_CHECKING:
    from visionlaw.policy.answers import Spending, StudyStatus, Suggestion, Told
    from visionlaw.policy.candidates import NotScored
    from visionlaw.policy.costs import Cost
    from visionlaw.policy.past import PriorSource
    from visionlaw.policy.stopping import Stopping
    from visionlaw.policy.study import Study
    from visionlaw.store.studies import StudySettings, TrialRow

MOST_NAMED = 5


def asked_json(
    suggestions: Sequence[Suggestion], status: StudyStatus, stopping: Stopping, notes: Sequence[str]
) -> dict[str, Any]:
    """Return the answer of ``ask``; ``stop`` is what the rule said before the question."""
    return {
        "study": status.settings.name,
        "sampler": status.settings.sampler,
        "prior": prior_json(status.prior),
        "asked": [asdict(suggestion) for suggestion in suggestions],
        "left": status.left,
        "stop": stopping.as_dict(),
        "c_from": dict(status.c_from),
        "not_scored": not_scored_json(status.not_scored),
        "notes": list(notes),
    }


def show_asked(
    suggestions: Sequence[Suggestion], status: StudyStatus, stopping: Stopping, notes: Sequence[str]
) -> None:
    """Show what to train next."""
    from visionlaw.cli.explanation_views import show_explanation

    for sentence in notes:
        note(sentence)
    for suggestion in suggestions:
        write(f"Train next: {suggestion.representation}")
        write(f"  Why: {suggestion.reason}")
        if suggestion.explanation is not None:
            show_explanation(suggestion.explanation, status.settings)
        write(f"  Then: {tell_command(suggestion.representation, status.settings)}")
    for sentence in prior_sentences(status.prior):
        write(sentence)
    write(c_sentence(status.c_from))
    write(f"{status.left} of {status.settings.budget} finetunings are left to ask for.")
    if stopping.holds:
        write(f"You may stop here: {stop_sentence(stopping)}")
    note_not_scored(status.not_scored)


def told_json(study: str, told: Told) -> dict[str, Any]:
    """Return the answer of ``tell``."""
    return {"study": study, "status": "done", **asdict(told)}


def trial_json(trial: TrialRow) -> dict[str, Any]:
    """Return a trial."""
    return {**asdict(trial), "asked": _iso(trial.asked)}


def status_json(
    status: StudyStatus, spending: Spending | None, stopping: Stopping | None, notes: Sequence[str]
) -> dict[str, Any]:
    """Return the answer of ``status``."""
    settings = asdict(status.settings)
    return {
        "study": settings.pop("name"),
        **settings,
        "prior": prior_json(status.prior),
        "weights": dict(status.weights),
        "cost_aware": status.cost_aware,
        "begun": status.begun,
        "asked": status.asked,
        "left": status.left,
        "a_from": status.a_from,
        "c_from": dict(status.c_from),
        "trials": [
            {
                **trial_json(view.trial),
                "results": dict(view.results),
                "missing": view.missing,
                "in_space": view.in_space,
            }
            for view in status.trials
        ],
        "open": status.open,
        "not_scored": not_scored_json(status.not_scored),
        "best": {b: {"representation": name, "value": value} for b, (name, value) in status.best.items()},
        "spending": _spending_json(spending),
        "stop": None if stopping is None else stopping.as_dict(),
        "notes": list(notes),
    }


def prior_json(sources: Sequence[PriorSource]) -> list[dict[str, Any]]:
    """Return what a study builds on."""
    return [asdict(source) for source in sources]


def prior_sentences(sources: Sequence[PriorSource]) -> list[str]:
    """Return what a study builds on, a sentence for each source."""
    return [
        f"Builds on {source.name}: {plural(source.settings, 'setting')} on {plural(source.benchmarks, 'benchmark')}, "
        f"{source.candidates} of them candidates here."
        for source in sources
    ]


def stopping_or_note(opened: Study) -> Stopping | None:
    """Return what the stop rule says; where the sampler fails, a note: the history can be seen all the same."""
    try:
        return opened.stopping()
    except (PluginError, MissingDependencyError) as error:
        note(f"Whether to stop is not known: {error}")
        return None


def stop_sentence(stopping: Stopping) -> str:
    """Return what the stop rule says."""
    rule = f"the chance that anything untrained beats the best trained one by more than {stopping.rule.margin:g}%"
    limit = f"{stopping.rule.chance:.0%}"
    if stopping.unknown:
        return f"{rule} is not known: {stopping.unknown}."
    if stopping.highest is None:
        unknown = ", ".join(benchmark for benchmark, chance in stopping.chances.items() if chance is None)
        return f"{rule} is not known on {unknown}."
    benchmark, chance = stopping.highest
    if stopping.holds:
        return f"{rule} is below {limit} on every benchmark, at most {chance:.1%} on {benchmark}."
    return f"{rule} is up to {chance:.0%}, on {benchmark}; to stop it must be below {limit}."


def c_sentence(c_from: Mapping[str, str]) -> str:
    """Return where C comes from, with the benchmarks where they differ in it."""
    benchmarks: dict[str, list[str]] = {}
    for benchmark, source in c_from.items():
        benchmarks.setdefault(source, []).append(benchmark)
    if len(benchmarks) == 1:
        return f"C from {next(iter(benchmarks))}."
    parts = [f"{source} for {', '.join(names)}" for source, names in benchmarks.items()]
    return f"C from {'; '.join(parts)}."


def tell_command(representation: str, settings: StudySettings) -> str:
    """Return the command that tells the results of a representation."""
    values = " ".join(f"{benchmark}=…" for benchmark in settings.benchmarks)
    study = "" if settings.name == "default" else f" --study {settings.name}"
    return f'visionlaw policy tell "{representation}" {values}{study}'


def write_told(told: Told) -> None:
    """Write what telling did."""
    for benchmark, told_value in told.values.items():
        replaced = f" (replaces {told_value.previous:.10g})" if told_value.replaced else ""
        write(f"{told.representation}: {benchmark} = {told_value.value:.10g}{replaced}")
    if told.from_outside:
        note("The study had not asked for it; it counts as done, and not against the budget.")
    if not told.enters_law:
        note("It has no A and C in the space: the result is kept, but the law cannot use it yet.")
    if told.missing:
        note(f"Not told yet: {', '.join(told.missing)}.")


def show_status(
    status: StudyStatus, spending: Spending | None, stopping: Stopping | None, notes: Sequence[str]
) -> None:
    """Show where a study stands."""
    for sentence in notes:
        note(sentence)
    settings = status.settings
    begun = "" if status.begun else " (not begun: the first 'ask' or 'tell' begins it)"
    write(f"Study '{settings.name}'{begun}")
    write(f"  {settings.mode}: {', '.join(settings.benchmarks)}")
    write(f"  sampler {settings.sampler}, seed {settings.seed}; A ({settings.a_definition}) from {status.a_from}")
    write(f"  {c_sentence(status.c_from)}")
    for sentence in prior_sentences(status.prior):
        write(f"  {sentence}")
    if status.weights:
        weights = ", ".join(f"{benchmark} {weight:g}" for benchmark, weight in status.weights.items())
        write(f"  weights: {weights}; 1 for the others")
    if status.cost_aware:
        write("  the sampler sees what each finetuning costs")
    left = f"{status.left} left; {plural(len(status.open), 'candidate')} open"
    write(f"  asked for {status.asked} of {settings.budget}, {left}")
    if status.trials:
        _show_trials(status)
    for benchmark, (name, value) in status.best.items():
        write(f"  best on {benchmark}: {value:g}  {name}")
    if spending is not None:
        _show_spending(spending)
    if stopping is not None:
        write(f"  {'may stop' if stopping.holds else 'stop rule'}: {stop_sentence(stopping)}")
    note_not_scored(status.not_scored)


def note_not_scored(candidates: Sequence[NotScored]) -> None:
    """Note the candidates that are left out since they lack a score, and how the first of them is scored."""
    if not candidates:
        return
    names = [candidate.representation for candidate in candidates]
    more = f" and {len(names) - MOST_NAMED} more (all with --json)" if len(names) > MOST_NAMED else ""
    note(f"Not scored yet, so neither asked for nor ranked: {', '.join(names[:MOST_NAMED])}{more}.")
    first = candidates[0]
    note(f"  → '{first.representation}' lacks {' and '.join(first.missing)}: {first.remedy}")


def cost_text(cost: Cost) -> str:
    """Return GPU hours, money and energy."""
    return f"{cost.gpu_hours:,.4g} GPU hours, {cost.money:,.2f} {cost.currency}, {cost.kwh:,.1f} kWh"


def _show_spending(spending: Spending) -> None:
    write(f"  spent on {plural(spending.spent.finetunings, 'finetuning')}: {cost_text(spending.spent)}")
    if spending.outside.finetunings:
        write(f"  trained elsewhere, {spending.outside.finetunings}: {cost_text(spending.outside)}")
    spared = spending.spared
    write(
        f"  spared so far, {spared.finetunings} untrained: {cost_text(spared)} ({spending.share:.0%} of training all)"
    )


def _spending_json(spending: Spending | None) -> dict[str, Any] | None:
    return None if spending is None else {**asdict(spending), "share": spending.share}


def _show_trials(status: StudyStatus) -> None:
    from rich.table import Table

    table = Table("asked", "representation", "status", "told")
    for view in status.trials:
        asked = "outside" if view.trial.position is None else f"{view.trial.position + 1}  {_minute(view.trial.asked)}"
        told = ", ".join(f"{benchmark} {value:g}" for benchmark, value in view.results.items())
        if view.trial.failure:
            told = view.trial.failure
        elif view.results and view.missing:
            told += f" (not yet: {', '.join(view.missing)})"
        name = view.trial.representation + ("" if view.in_space else " (no longer in the space)")
        table.add_row(asked, name, view.trial.status, told)
    write_table(table)


def not_scored_json(candidates: Iterable[NotScored]) -> list[dict[str, Any]]:
    """Return what lacks a score."""
    return [asdict(candidate) for candidate in candidates]


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _minute(moment: datetime | None) -> str:
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M UTC")
