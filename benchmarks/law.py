"""Every figure of `law reproduce` against the reference figures in tests/golden.json, and the seconds of a replay."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from visionlaw.law.reproduce import reproduce
from visionlaw.law.tables import load_table
from visionlaw.policy.replay import replay
from visionlaw.policy.reproduce import reproduce_policy
from visionlaw.policy.samplers import RandomSampler, RegionSampler

TRIALS, BUDGET, RUNS = 1000, 8, 3
GOLDEN = json.loads((Path(__file__).parents[1] / "tests" / "golden.json").read_text(encoding="utf-8"))


def agree(name: str, pairs: Iterable[tuple[float, float]], decimals: int) -> None:
    """Print how many figures agree when rounded as the reference is."""
    pairs = list(pairs)
    same = sum(round(ours, decimals) == reference for ours, reference in pairs)
    print(f"  {name:<42} {same} of {len(pairs)} to {decimals} decimals")


def within(name: str, pairs: Iterable[tuple[float, float]]) -> None:
    """Print the largest difference of simulated shares."""
    worst = max(abs(ours - reference) for ours, reference in pairs)
    print(f"  {name:<42} largest difference {worst:.3f}   (at most 0.03)")


def groups(figures: dict[str, float]) -> tuple[float, float]:
    return figures["vision"], figures["ocr"]


def law() -> None:
    figures = reproduce()
    print("law reproduce against the recomputed figures of the protocols")
    for table, forms in GOLDEN["r2"].items():
        ours = figures[table]
        pairs = [p for form, reference in forms.items() for p in zip(groups(ours["r2"][form]), reference, strict=True)]
        agree(f"{table} R², averages", pairs, 4)
        honest = zip(groups(ours["loo_r2"]["AC-quadratic"]), GOLDEN["loo_r2"][table], strict=True)
        agree(f"{table} leave-one-out R²", honest, 3)
    iclr = figures["iclr2025"]
    agree(
        "iclr2025 R², by benchmark",
        [(iclr["r2_per_benchmark"][b], v) for b, v in GOLDEN["r2_per_benchmark"].items()],
        4,
    )
    coefficients = [
        pair
        for benchmark, reference in GOLDEN["coefficients"].items()
        for pair in zip(iclr["coefficients"][benchmark].values(), reference, strict=True)
    ]
    agree("iclr2025 coefficients", coefficients, 3)
    print(f"  misprints marked: {', '.join(m['benchmark'] + ' ' + m['coefficient'] for m in iclr['misprints'])}")


def policy() -> None:
    figures = reproduce_policy(trials=TRIALS)
    print(f"the paper's policy, {TRIALS} trials, against an earlier re-run")
    for table, reference in GOLDEN["fixed_budget_from_n2"].items():
        ours = figures[table]["fixed_budget"]["region"][2:]
        within(f"{table} fixed budget, n = 2…8", zip(ours, reference, strict=True))
    rows = figures["iclr2025"]["first_hit_table"]
    within(
        "iclr2025 first hit, 8 benchmarks",
        [(rows[b]["first_hit"], share) for b, (_, share) in GOLDEN["first_hit"].items()],
    )


def speed() -> None:
    print(f"replay of {TRIALS} trials × 8 benchmarks × budget {BUDGET}, one core, best of {RUNS}   (at most 5 s)")
    table = load_table("iclr2025")
    for sampler in (RegionSampler(), RandomSampler()):
        seconds: list[float] = []
        for _ in range(RUNS):
            start = time.perf_counter()
            replay(table, sampler, BUDGET, TRIALS)
            seconds.append(time.perf_counter() - start)
        print(f"  {type(sampler).__name__:<42} {min(seconds):.2f} s")


if __name__ == "__main__":
    law()
    policy()
    speed()
