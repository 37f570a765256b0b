"""How the policy's answers look: as JSON for scripts, as tables for people."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from visionlaw.cli.output import note, plural, write, write_table

if TYPE_CHECKING:
    from visionlaw.policy.answers import StudyStatus, Suggestion, Told
    from visionlaw.policy.candidates import NotScored
    from visionlaw.policy.ranking import RankedCandidate, Ranking
    from visionlaw.store.studies import StudySettings, TrialRow

MOST_NAMED = 5


def asked_json(suggestions: Sequence[Suggestion], status: StudyStatus) -> dict[str, Any]:
    """Return the answer of ``ask``."""
    return {
        "study": status.settings.name,
        "sampler": status.settings.sampler,
        "asked": [asdict(suggestion) for suggestion in suggestions],
        "left": status.left,
        "c_from": dict(status.c_from),
        "not_scored": _not_scored_json(status.not_scored),
    }


def told_json(study: str, told: Told) -> dict[str, Any]:
    """Return the answer of ``tell``."""
    return {"study": study, "status": "done", **asdict(told)}


def trial_json(trial: TrialRow) -> dict[str, Any]:
    """Return a trial."""
    return {**asdict(trial), "asked": _iso(trial.asked)}


def ranking_json(ranking: Ranking, benchmark: str | None) -> dict[str, Any]:
    """Return the answer of ``rank``, for one benchmark or all."""
    return {
        "study": ranking.study,
        "sampler": ranking.sampler,
        "rows": [asdict(row) for row in ranking.rows if benchmark in (None, row.benchmark)],
        "mean_rank": dict(ranking.mean_rank),
        "results": dict(ranking.results),
        "left_out_error": dict(ranking.left_out_error),
        "c_from": {b: source for b, source in ranking.c_from.items() if benchmark in (None, b)},
        "not_scored": _not_scored_json(ranking.not_scored),
        "notes": ranking.notes,
        "unused": ranking.unused,
    }


def status_json(status: StudyStatus) -> dict[str, Any]:
    """Return the answer of ``status``."""
    settings = asdict(status.settings)
    return {
        "study": settings.pop("name"),
        **settings,
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
        "not_scored": _not_scored_json(status.not_scored),
        "best": {b: {"representation": name, "value": value} for b, (name, value) in status.best.items()},
    }


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


def show_ranking(ranking: Ranking, benchmark: str | None) -> None:
    """Show a ranking: one benchmark in detail, several side by side by rank."""
    benchmarks = (benchmark,) if benchmark is not None else tuple(ranking.results)
    _note_too_few(ranking, benchmarks)
    if ranking.unused:
        note(f"Kept, but not used by the law, since the space has no A and C of them: {', '.join(ranking.unused)}.")
    if len(benchmarks) == 1:
        _show_one(ranking, benchmarks[0])
    elif ranking.mean_rank:
        _show_several(ranking)
    write(c_sentence({benchmark: ranking.c_from[benchmark] for benchmark in benchmarks}))
    note_not_scored(ranking.not_scored)


def show_status(status: StudyStatus) -> None:
    """Show where a study stands."""
    settings = status.settings
    begun = "" if status.begun else " (not begun: the first 'ask' or 'tell' begins it)"
    write(f"Study '{settings.name}'{begun}")
    write(f"  {settings.mode}: {', '.join(settings.benchmarks)}")
    write(f"  sampler {settings.sampler}, seed {settings.seed}; A ({settings.a_definition}) from {status.a_from}")
    write(f"  {c_sentence(status.c_from)}")
    left = f"{status.left} left; {plural(len(status.open), 'candidate')} open"
    write(f"  asked for {status.asked} of {settings.budget}, {left}")
    if status.trials:
        _show_trials(status)
    for benchmark, (name, value) in status.best.items():
        write(f"  best on {benchmark}: {value:g}  {name}")
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


def _note_too_few(ranking: Ranking, benchmarks: Iterable[str]) -> None:
    """Note on which benchmarks too little was told for a law."""
    silent = [b for b in benchmarks if all(row.rank is None for row in ranking.rows if row.benchmark == b)]
    if silent:
        counts = ", ".join(f"{benchmark} ({ranking.results[benchmark]})" for benchmark in silent)
        note(f"The law ranks a benchmark once it has 2 results; so far: {counts}.")


def _show_one(ranking: Ranking, benchmark: str) -> None:
    from rich.table import Table

    rows = [row for row in ranking.rows if row.benchmark == benchmark]
    count, missed = ranking.results[benchmark], ranking.left_out_error[benchmark]
    table = Table("rank", "representation", "expected", "observed", "status", "A", "C", title=benchmark)
    for column in (0, 2, 3, 5, 6):
        table.columns[column].justify = "right"
    for row in rows:
        style = "bold" if row.rank == 1 else None
        expected = _expected(row)
        table.add_row(
            str(row.rank or "–"),
            row.representation,
            expected,
            "" if row.observed is None else f"{row.observed:.6g}",
            row.status,
            f"{row.A:.4g}",
            f"{row.C:.4g}",
            style=style,
        )
    write_table(table)
    if missed is not None:
        write(f"Fitted to {count} results; one left out and predicted from the others is missed by {missed:.3g} (rms).")
    elif count:
        write(f"Fitted to {plural(count, 'result')}; standard errors need 3.")


def _show_several(ranking: Ranking) -> None:
    from rich.table import Table

    cells = {(row.representation, row.benchmark): row for row in ranking.rows}
    status = {row.representation: row.status for row in ranking.rows}
    ranked = [b for b in ranking.results if any(row.rank for row in ranking.rows if row.benchmark == b)]
    table = Table("mean rank", "representation", "status", *ranked, title="Rank by benchmark")
    table.columns[0].justify = "right"
    for column in table.columns[3:]:
        column.justify = "right"
    for i, (name, mean) in enumerate(ranking.mean_rank.items()):
        ranks = (str(cells[name, benchmark].rank or "–") for benchmark in ranked)
        table.add_row(f"{mean:.1f}", name, status[name], *ranks, style="bold" if i == 0 else None)
    write_table(table)
    write("Expected performance with its standard error: visionlaw policy rank --benchmark NAME")


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


def _expected(row: RankedCandidate) -> str:
    if row.predicted is None:
        return "–"
    if row.standard_error is None or not row.standard_error > 0:
        return f"{row.predicted:.5g} ± ?"
    # Two digits of the error, and the prediction to the same decimal.
    decimals = max(0, 1 - math.floor(math.log10(row.standard_error)))
    return f"{row.predicted:.{decimals}f} ± {row.standard_error:.{decimals}f}"


def _not_scored_json(candidates: Iterable[NotScored]) -> list[dict[str, Any]]:
    return [asdict(candidate) for candidate in candidates]


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _minute(moment: datetime | None) -> str:
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M UTC")
