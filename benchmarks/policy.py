"""The policy's bench: samplers at every fixed budget, in every world, against what is required of them.

    python benchmarks/policy.py [TABLE.csv …] [--jobs N] [--json FILE]

Tables of your own are replayed beside the published ones, each for itself.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from policy_cases import (
    LAB,
    LEAVE_OUT,
    METRICS,
    NOISE,
    OURS,
    SUB,
    SUB_NOISY,
    WHOLE,
    Block,
    Figures,
    best_trivial,
    blocks,
    installed,
    run_all,
    synthetic_cases,
    table_cases,
)

from visionlaw.law.tables import SHIPPED, load_table
from visionlaw.modes import Mode
from visionlaw.policy.checked import CheckedSampler
from visionlaw.policy.replay import replay
from visionlaw.policy.splits import past_of_other
from visionlaw.policy.state import Status, StudyState
from visionlaw.policy.worlds import synthetic_table
from visionlaw.registry import Registry

WIDTH = 34
JUDGED = f"{OURS}, {LEAVE_OUT}"
JOINT = f"{OURS}, no prior"
REQUIRED = (
    ("single, whole tables, n = 4: recall@3", WHOLE, Mode.SINGLE, "recall@3", 4, 0.93),
    ("  the same within training noise", WHOLE, Mode.SINGLE, "recall@3 within noise", 4, 0.98),
    ("single, sub-spaces, 2% noise, n = 4: recall@3", SUB_NOISY, Mode.SINGLE, "recall@3", 4, 0.97),
    ("  the same without noise", SUB, Mode.SINGLE, "recall@3", 4, 0.97),
    ("single, whole tables, n = 4: found", WHOLE, Mode.SINGLE, "found", 4, 0.90),
    ("joint, whole tables, n = 5: found", WHOLE, Mode.JOINT, "found", 5, 0.93),
    ("joint, whole tables, n = 5: regret %", WHOLE, Mode.JOINT, "regret", 5, 0.3),
    ("single, whole tables, n = 0: recall@3", WHOLE, Mode.SINGLE, "recall@3", 0, 0.80),
)
SHORTFALL, LAST = 0.02, 6


def main(own: Sequence[str], jobs: int, path: Path | None) -> None:
    start, ours = time.perf_counter(), installed()
    if not ours:
        print(f"The sampler '{OURS}' is not installed: the baselines are measured alone.")
    published = list(blocks(run_all(table_cases(SHIPPED, ours), jobs)))
    for block in published:
        show(block, f"mean of {' and '.join(SHIPPED)}")
    lab = list(blocks(run_all(table_cases(LAB, ours, (WHOLE, SUB_NOISY)), jobs)))
    for block in lab:
        show(block, "mean of the two tables of the lab")
    for table in own:
        for block in blocks(run_all(table_cases([table], ours), jobs)):
            show(block, table)
    known = run_all(synthetic_cases(ours), jobs)
    laws = {
        size: list(blocks({case: f for case, f in known.items() if case.table.split(":")[1] == size}))
        for size in dict.fromkeys(case.table.split(":")[1] for case in known)
    }
    for size, of_size in laws.items():
        for block in of_size:
            show(block, f"{size} settings, 8 benchmarks", steps=(0, 1, 2, 4, 8, 12, 16, 20))
    facts = required(published) if ours else []
    lags = shortfalls(published) if ours else []
    timings = speed(ours)
    print(f"\n{time.perf_counter() - start:.0f} s in all")
    if path is not None:
        content = {
            "published": [as_json(block) for block in published],
            "lab": [as_json(block) for block in lab],
            "synthetic": {size: [as_json(block) for block in of_size] for size, of_size in laws.items()},
            "required": facts, "shortfalls": lags, "timings": timings,
        }  # fmt: skip
        path.write_text(json.dumps(content), encoding="utf-8")


def show(block: Block, where: str, steps: Sequence[int] = tuple(range(9))) -> None:
    """Print one world and mode, metric by metric."""
    print(f"\n{block.world.name}, {block.mode}: {where}")
    for metric in METRICS:
        note = " (an oracle stops)" if metric == "first hit" else " %" if metric == "regret" else ""
        print(f"  {metric + note:<{WIDTH}}" + "".join(f"{f'n={n}':>7}" for n in steps) + "   95% at n=4    by table")
        for name, figures in block.mean.items():
            low, high = figures.interval(metric)[4]
            each = " ".join(f"{of[name].means[metric][4]:.2f}" for of in block.tables.values())
            values = "".join(f"{figures.means[metric][n]:7.2f}" for n in steps)
            print(f"    {name:<{WIDTH - 2}}{values}   {low:.2f} – {high:<5.2f}  {each}")
    for name, figures in block.mean.items():
        cover = figures.calibration.coverage()
        if np.isfinite(list(cover.values())).all():
            shares = ", ".join(f"{level:.0%} intervals cover {share:.1%}" for level, share in cover.items())
            print(f"  {name}: {shares} of {figures.calibration.results[0]} results")
            if figures.calibration.results[1]:
                shares = ", ".join(f"{s:.1%}" for s in figures.calibration.coverage(contenders=True).values())
                print(f"    of those with a chance of 1% or more of being the best: {shares}")


def required(found: Sequence[Block]) -> list[dict[str, Any]]:
    """Print and return what must be reached, and what is."""
    by = {(block.world, block.mode): block for block in found}
    rows: list[dict[str, Any]] = []
    print("\nRequired, mean of the two published tables; single: prior from the other benchmarks; joint: no prior")
    print(f"  {'':<48}{'region':>8}{'trivial':>9}{'required':>10}{OURS:>8}   95%")
    for name, world, mode, metric, n, bound in REQUIRED:
        block = by[world, mode]
        ours = block.mean[JUDGED if mode == Mode.SINGLE else JOINT]
        value, (low, high) = float(ours.means[metric][n]), map(float, ours.interval(metric)[n])
        reached = value <= bound if metric == "regret" else value >= bound
        row = {
            "name": name.strip(), "region": float(block.mean["region"].means[metric][n]),
            "trivial": float(best_trivial(block, metric)[n]), "required": bound, "at_most": metric == "regret",
            "reached": value, "interval": [low, high], "met": bool(reached),
            "by_table": {table: float(of[ours_row(mode)].means[metric][n]) for table, of in block.tables.items()},
        }  # fmt: skip
        rows.append(row)
        sign = "≤" if row["at_most"] else "≥"
        print(
            f"  {name:<48}{row['region']:8.3f}{row['trivial']:9.3f}{sign + f' {bound:.2f}':>10}{value:8.3f}"
            f"   {low:.2f} – {high:.2f}   {'reached' if reached else 'NOT reached'}"
        )
    return rows


def ours_row(mode: Mode) -> str:
    return JUDGED if mode == Mode.SINGLE else JOINT


def shortfalls(found: Sequence[Block]) -> list[dict[str, Any]]:
    """Print and return by how much the best trivial baseline is better at any n of 1…6, at worst."""
    rows: list[dict[str, Any]] = []
    print(f"\nAt n = 1…{LAST}, by how much the best trivial baseline of each n is ahead (at most {SHORTFALL})")
    for block in found:
        for metric in ("recall@3", "recall@3 within noise", "found"):
            ours = block.mean[ours_row(block.mode)].means[metric]
            behind = (best_trivial(block, metric) - ours)[1 : LAST + 1]
            n = 1 + int(behind.argmax())
            rows.append({
                "world": block.world.name, "mode": str(block.mode), "metric": metric,
                "behind": float(behind.max()), "n": n,
            })  # fmt: skip
            verdict = "" if behind.max() <= SHORTFALL else "   MORE than allowed"
            place = f"{block.world.name}, {block.mode}, {metric}"
            print(f"  {place:<72}{behind.max():+.3f} at n = {n}{verdict}")
    return rows


def speed(ours: bool) -> dict[str, float]:
    """Print and return seconds: of an ask among 1,023 candidates on 8 benchmarks, and of a replay."""
    names = [OURS] if ours else ["region"]
    seconds: dict[str, float] = {}
    registry, table = Registry.discover(), synthetic_table(1023)
    other = replace(synthetic_table(13, seed=1), benchmarks=tuple(f"another-{i}" for i in range(8)))
    print("\nOne core")
    for name in names:
        sampler = CheckedSampler(registry.load("sampler", name), name)
        status = np.full((1, 1023), Status.OPEN)
        status[:, ::200] = Status.DONE
        results = np.where(status[:, None] == Status.DONE, table.performance[None], np.nan)
        members = np.arange(1023)[None]
        past = past_of_other(table, other, np.arange(8), members)
        for label, known in (("no prior", None), ("prior of 13 settings on 8 benchmarks", past)):
            rng, runs = np.random.default_rng(0), list[float]()
            for run in range(6):  # other results each time, so that nothing remembered is the answer
                state = StudyState(table.points(), status, results + run, 20, known)
                start = time.perf_counter()
                sampler.ask(state, rng)
                runs.append(time.perf_counter() - start)
            key = f"ask, {name}, {label}"
            seconds[key] = float(np.median(runs[1:]))
            print(
                f"  {key}: 1,023 × 8   {1000 * seconds[key]:.0f} ms, the first {1000 * runs[0]:.0f}   (at most 150 ms)"
            )
        for prior in (None, LEAVE_OUT):
            for noise in (0.0, NOISE):
                start = time.perf_counter()
                replay(load_table("iclr2025"), sampler, 8, 1000, noise=noise, prior=prior)
                key = f"replay, {name}, {prior or 'no prior'}, {noise:.0%} noise"
                seconds[key] = time.perf_counter() - start
                print(f"  {key}: 1,000 trials × 8 × budget 8   {seconds[key]:.1f} s   (at most 60 s)")
    return seconds


def as_json(block: Block) -> dict[str, Any]:
    return {
        "world": block.world.name,
        "mode": str(block.mode),
        "mean": {name: figures_json(figures) for name, figures in block.mean.items()},
        "tables": {
            table: {name: figures_json(figures) for name, figures in of.items()} for table, of in block.tables.items()
        },
    }


def figures_json(figures: Figures) -> dict[str, Any]:
    return {
        "means": {metric: values.tolist() for metric, values in figures.means.items()},
        "intervals": {metric: figures.interval(metric).tolist() for metric in METRICS},
        "by_benchmark": {
            metric: {b: values.tolist() for b, values in of.items()} for metric, of in figures.by_benchmark.items()
        },
        "coverage": {f"{level:.0%}": share for level, share in figures.calibration.coverage().items()},
        "coverage of contenders": {
            f"{level:.0%}": share for level, share in figures.calibration.coverage(contenders=True).items()
        },
        "judged": int(figures.calibration.results[0]),
        "reliability": figures.calibration.reliability().tolist(),
        "trials": figures.trials,
        "seconds": figures.seconds,
    }


def arguments(words: Iterable[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tables", nargs="*", metavar="TABLE.csv")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args(None if words is None else list(words))


if __name__ == "__main__":
    given = arguments()
    main(given.tables, given.jobs, given.json)
