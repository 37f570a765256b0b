"""How a ranking looks: as JSON for scripts, as tables for people."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from visionlaw.cli.output import note, plural, write, write_table
from visionlaw.cli.policy_views import c_sentence, not_scored_json, note_not_scored, prior_json, prior_sentences

if TYPE_CHECKING:
    from visionlaw.policy.ranking import RankedCandidate, Ranking


def ranking_json(ranking: Ranking, benchmark: str | None, notes: Sequence[str]) -> dict[str, Any]:
    """Return the answer of ``rank``, for one benchmark or all."""
    return {
        "study": ranking.study,
        "sampler": ranking.sampler,
        "prior": prior_json(ranking.prior),
        "rows": [asdict(row) for row in ranking.rows if benchmark in (None, row.benchmark)],
        "mean_rank": dict(ranking.mean_rank),
        "mean_best": dict(ranking.mean_best),
        "results": dict(ranking.results),
        "left_out_error": dict(ranking.left_out_error),
        "c_from": {b: source for b, source in ranking.c_from.items() if benchmark in (None, b)},
        "not_scored": not_scored_json(ranking.not_scored),
        "notes": [*notes, *ranking.notes],
        "unused": ranking.unused,
    }


def show_ranking(ranking: Ranking, benchmark: str | None, notes: Sequence[str]) -> None:
    """Show a ranking: one benchmark in detail, several side by side by rank."""
    benchmarks = (benchmark,) if benchmark is not None else tuple(ranking.results)
    for sentence in notes:
        note(sentence)
    _note_silent(ranking, benchmarks)
    if ranking.unused:
        note(f"Kept, but not used by the law, since the space has no A and C of them: {', '.join(ranking.unused)}.")
    if len(benchmarks) == 1:
        _show_one(ranking, benchmarks[0])
    elif ranking.mean_rank:
        _show_several(ranking)
    for sentence in prior_sentences(ranking.prior):
        write(sentence)
    write(c_sentence({benchmark: ranking.c_from[benchmark] for benchmark in benchmarks}))
    note_not_scored(ranking.not_scored)


def percent(chance: float | None) -> str:
    """Return a chance in %, a dash where it is not known."""
    if chance is None:
        return "–"
    return "<1%" if 0 < chance < 0.005 else f"{chance:.0%}"


def with_error(value: float | None, error: float | None) -> str:
    """Return ``64.3 ± 1.2``: two digits of the error, and the value to the same decimal."""
    if value is None:
        return "–"
    if error is None or not error > 0:
        return f"{value:.5g} ± ?"
    decimals = decimals_of(error)
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


def interval_text(interval: tuple[float, float] | None) -> str:
    """Return ``62.8 – 65.9``, a dash where it is not known."""
    if interval is None:
        return "–"
    low, high = interval
    decimals = decimals_of(high - low) if high > low else 5
    return f"{low:.{decimals}f} – {high:.{decimals}f}"


def decimals_of(error: float) -> int:
    """Return how many decimals show two digits of an error."""
    return max(0, 1 - math.floor(math.log10(error)))


def _note_silent(ranking: Ranking, benchmarks: Iterable[str]) -> None:
    """Note on which benchmarks nothing can be said yet, and why."""
    silent = [b for b in benchmarks if all(row.rank is None for row in ranking.rows if row.benchmark == b)]
    if not silent:
        return
    counts = ", ".join(f"{benchmark} ({ranking.results[benchmark]})" for benchmark in silent)
    if ranking.believes:
        note(f"The sampler '{ranking.sampler}' says nothing yet of: {counts}.")
        return
    note(f"The law ranks a benchmark once it has 2 results; so far: {counts}.")
    if ranking.prior:
        note(f"  → The sampler '{ranking.sampler}' has no beliefs, so that it cannot rank by the prior alone.")


def _show_one(ranking: Ranking, benchmark: str) -> None:
    from rich.table import Table

    rows = [row for row in ranking.rows if row.benchmark == benchmark]
    chances, intervals = any(row.best is not None for row in rows), any(row.interval is not None for row in rows)
    table = Table(title=benchmark)
    table.add_column("rank", justify="right")
    table.add_column("representation")
    if chances:
        table.add_column("best", justify="right")
    table.add_column("expected", justify="right")
    if intervals:
        table.add_column("80% interval", justify="right")
    for name, justify in (("observed", "right"), ("status", "left"), ("A", "right"), ("C", "right")):
        table.add_column(name, justify="right" if justify == "right" else "left")
    for row in rows:
        table.add_row(*_cells(row, chances, intervals), style="bold" if row.rank == 1 else None)
    write_table(table)
    _write_fit(ranking, benchmark, chances)


def _cells(row: RankedCandidate, chances: bool, intervals: bool) -> list[str]:
    return [
        str(row.rank or "–"),
        row.representation,
        *([percent(row.best)] if chances else []),
        with_error(row.predicted, row.standard_error),
        *([interval_text(row.interval)] if intervals else []),
        "" if row.observed is None else f"{row.observed:.6g}",
        row.status,
        f"{row.A:.4g}",
        f"{row.C:.4g}",
    ]


def _write_fit(ranking: Ranking, benchmark: str, chances: bool) -> None:
    """Write what the figures rest on."""
    count, missed = ranking.results[benchmark], ranking.left_out_error[benchmark]
    if chances:
        write("best: chance of being the best of all, by which they are ranked; ±: error of a finetuning's result.")
    if missed is not None:
        write(f"Fitted to {count} results; one left out and predicted from the others is missed by {missed:.3g} (rms).")
    elif ranking.believes:
        write(f"From {plural(count, 'result')} of this study.")
    elif count:
        write(f"Fitted to {plural(count, 'result')}; standard errors need 3.")


def _show_several(ranking: Ranking) -> None:
    from rich.table import Table

    cells = {(row.representation, row.benchmark): row for row in ranking.rows}
    status = {row.representation: row.status for row in ranking.rows}
    ranked = [b for b in ranking.results if any(row.rank for row in ranking.rows if row.benchmark == b)]
    table = Table(title="Rank by benchmark")
    table.add_column("mean rank", justify="right")
    if ranking.mean_best:
        table.add_column("best", justify="right")
    table.add_column("representation")
    table.add_column("status")
    for benchmark in ranked:
        table.add_column(benchmark, justify="right")
    for i, (name, mean) in enumerate(ranking.mean_rank.items()):
        chance = [percent(ranking.mean_best[name])] if ranking.mean_best else []
        ranks = (str(cells[name, benchmark].rank or "–") for benchmark in ranked)
        table.add_row(f"{mean:.1f}", *chance, name, status[name], *ranks, style="bold" if i == 0 else None)
    write_table(table)
    if ranking.mean_best:
        write("best: chance of being the best of all, the mean over the benchmarks.")
    write("Expected performance with its error: visionlaw policy rank --benchmark NAME")
