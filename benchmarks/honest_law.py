"""The models of the law compared on settings they have not seen, on both published tables.

For each table: leave-one-setting-out R², log score and coverage of every model, free and monotone; what choosing among
them leads to when the choice too is made without the setting; which settings are missed most; and the best that
hindsight could have picked. Nothing that predicts a setting has seen any of its results.
"""

from __future__ import annotations

import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from visionlaw.law.choice import CANDIDATES, MONOTONE, Choice, check_choice, choose
from visionlaw.law.evidence import Evidence
from visionlaw.law.figures import average_by_kind
from visionlaw.law.predictive import LEVELS
from visionlaw.law.tables import LawTable, load_table

AIMS = {"iclr2025": (0.90, 0.70), "colm2025": (0.87, 0.60)}


def row(evidence: Evidence, name: str = "", widenings: dict[float, np.ndarray] | None = None) -> None:
    r2 = "  ".join(f"{value:6.3f}" for value in evidence.r2_by_kind.values())
    held = "  ".join(f"{inside:3d}/{of}" for inside, of in evidence.coverage(widenings).values())
    print(f"  {name or evidence.name:<36}  {r2}  {evidence.log_score:6.3f}  {held}")


def compared(table: LawTable, choice: Choice) -> None:
    kinds = "  ".join(f"{kind:>6}" for kind in dict.fromkeys(table.kinds))
    levels = "  ".join(f"in {level:.0%}" for level in LEVELS)
    print(f"  {'model':<36}  {kinds}  {'score':>6}  {levels}")
    for evidence in choice.ranking:
        row(evidence)


def checked(table: LawTable) -> None:
    """What the choice leads to, made without the setting: among all models, the simple forms, the monotone ones."""
    for name, candidates in (("all", CANDIDATES), ("simple forms", CANDIDATES[:6]), ("monotone", MONOTONE)):
        check = check_choice(table, candidates)
        row(check.evidence, f"chosen without the setting, {name}")
        row(check.evidence, "  half widths corrected", dict(check.widenings))
        picks = {pick: check.picks.count(pick) for pick in dict.fromkeys(check.picks)}
        print(f"    picks: {', '.join(f'{pick} {count}' for pick, count in picks.items())}")


def hindsight(table: LawTable, choices: list[Choice]) -> None:
    """No honest figure: for every benchmark the model that turned out best on the very results that it is judged by."""
    found = [evidence for choice in choices for evidence in choice.ranking]
    best = {b: max(found, key=lambda e, b=b: e.r2[b]) for b in table.benchmarks}
    r2 = average_by_kind(table, {b: evidence.r2[b] for b, evidence in best.items()})
    print(f"  {'hindsight, per benchmark':<36}  {'  '.join(f'{value:6.3f}' for value in r2.values())}")


def missed(table: LawTable, evidence: Evidence) -> None:
    """The settings that make up most of the missed variance, for each kind of benchmark."""
    y = table.performance
    share = (y - evidence.left_out.mean) ** 2 / ((y - y.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1, keepdims=True)
    for kind in dict.fromkeys(table.kinds):
        of_kind = share[[k == kind for k in table.kinds]].mean(axis=0)
        worst = np.argsort(-of_kind)[:4]
        print(f"    missed on {kind}: {', '.join(f'{table.settings[j]} {of_kind[j]:.3f}' for j in worst)}")


def main() -> None:
    start, cpu = time.perf_counter(), time.process_time()
    for name, aim in AIMS.items():
        table = load_table(name)
        print(f"{name}: leave-one-setting-out R² by kind, log score, results within intervals; aim {aim}")
        choices = [choose(table), choose(table, MONOTONE)]
        for choice in choices:
            compared(table, choice)
        checked(table)
        hindsight(table, choices)
        missed(table, choices[0].chosen)
    seconds, busy = time.perf_counter() - start, time.process_time() - cpu
    print(f"{seconds:.0f} s, {busy:.0f} s of one core   (at most 60 s)")


if __name__ == "__main__":
    main()
