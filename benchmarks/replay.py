"""Seconds of a replay (goal: under 5 s on one core), and the policy's figures against the published ones."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time

from visionlaw.law.tables import load_table
from visionlaw.policy.replay import replay
from visionlaw.policy.reproduce import reproduce_policy
from visionlaw.policy.samplers import RandomSampler, RegionSampler

TRIALS, BUDGET = 1000, 8


def main() -> None:
    for options in ({}, {"mode": "joint"}, {"noise": 0.02, "subspace": (8, 12)}):
        for sampler in (RegionSampler(), RandomSampler()):
            table = load_table("iclr2025")
            start, cpu = time.perf_counter(), time.process_time()
            replay(table, sampler, BUDGET, TRIALS, **options)
            wall, cpu = time.perf_counter() - start, time.process_time() - cpu
            name = type(sampler).__name__
            print(f"{TRIALS} trials × 8 benchmarks × budget {BUDGET}, {name} {options}: {wall:.2f} s, cpu {cpu:.2f} s")
    figures = reproduce_policy(trials=TRIALS)
    print("first hit, ICLR Table 1:  n  published  ours  (fixed budget)")
    for benchmark, row in figures["iclr2025"]["first_hit_table"].items():
        cells = f"{row['n']:4.2f}  {row['published']:.3f}  {row['first_hit']:.3f}  ({row['fixed_budget']:.3f})"
        print(f"  {benchmark:<10} {cells}")
    for table in figures:
        print(f"fixed budget, {table}, n = 0…{BUDGET}:")
        for sampler, values in figures[table]["fixed_budget"].items():
            print(f"  {sampler:<7}", " ".join(f"{v:.2f}" for v in values))
    four = figures["colm2025"]["figure_four"]
    print(f"COLM Figure 4, n = 4: region {four['region']}, random {four['random']}")


if __name__ == "__main__":
    main()
