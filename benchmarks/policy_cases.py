"""The cases of the policy's bench: worlds × modes × samplers × splits, each replayed into a few figures."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from visionlaw.arrays import FloatArray
from visionlaw.errors import UnknownIdError
from visionlaw.law.tables import LawTable, load_table
from visionlaw.modes import Mode
from visionlaw.policy.bootstrap import interval, resampled_means
from visionlaw.policy.calibration import Calibration
from visionlaw.policy.checked import CheckedSampler
from visionlaw.policy.replay import replay
from visionlaw.policy.worlds import synthetic_table
from visionlaw.registry import Registry

ROOT = Path(__file__).parents[1]
BUDGET, SUBSPACE, NOISE = 8, (8, 12), 0.02
TRIVIAL = ("random", "rank-a", "rank-c", "rank-ac")
BASELINES = (*TRIVIAL, "region", "gaussian-process", "bayesian-ridge")
OURS = "bayes"
LEAVE_OUT, STRICT = "leave-one-benchmark-out", "strict"
METRICS = ("recall@1", "recall@3", "recall@3 within noise", "found", "regret", "first hit")


@dataclass(frozen=True)
class World:
    """Where trials live: a whole table or sub-spaces of it, with or without noise on what is told."""

    name: str
    subspace: tuple[int, int] | None
    noise: float


WHOLE, WHOLE_NOISY = World("whole table", None, 0.0), World("whole table, 2% noise", None, NOISE)
SUB = World("sub-spaces of 8–12 settings", SUBSPACE, 0.0)
SUB_NOISY = World("sub-spaces of 8–12 settings, 2% noise", SUBSPACE, NOISE)
WORLDS = (WHOLE, WHOLE_NOISY, SUB, SUB_NOISY)
LAB = tuple(f"docs/explanation/lab-{definition}.csv" for definition in ("maxcos", "loglik"))
"""The tables of the lab, on which no policy was tried before it was settled."""


@dataclass(frozen=True)
class Case:
    """One replay."""

    table: str
    world: World
    mode: Mode
    sampler: str
    prior: str | None
    trials: int
    budget: int = BUDGET

    @property
    def row(self) -> str:
        """What the case is called among those of its world and mode."""
        return f"{self.sampler}, {self.prior or 'no prior'}" if self.sampler == OURS else self.sampler


@dataclass(frozen=True)
class Figures:
    """What a case, or the mean of several, came to: by metric, means ``[n]`` and bootstrap resamples ``[R, n]``."""

    means: Mapping[str, FloatArray]
    resampled: Mapping[str, FloatArray]
    by_benchmark: Mapping[str, Mapping[str, FloatArray]]
    calibration: Calibration
    trials: int
    seconds: float

    def interval(self, metric: str) -> FloatArray:
        """Return ``[n, 2]``: the 95% bootstrap interval."""
        return interval(self.resampled[metric])


def installed() -> bool:
    """Say whether the sampler to be judged is there."""
    try:
        Registry.discover().get("sampler", OURS)
    except UnknownIdError:
        return False
    return True


def table_cases(tables: Sequence[str], ours: bool, worlds: Sequence[World] = WORLDS) -> Iterator[Case]:
    """List the replays of tables: every world, mode and sampler, and the splits for the one that uses them."""
    for world in worlds:
        for mode in Mode:
            for table in tables:
                for sampler in BASELINES:
                    yield Case(table, world, mode, sampler, None, _trials(sampler, world, mode))
                if not ours:
                    continue
                yield Case(table, world, mode, OURS, None, 100 if world.subspace else 50)
                if mode == Mode.SINGLE:
                    trials = {WHOLE: 50, WHOLE_NOISY: 100, SUB: 100, SUB_NOISY: 500}[world]
                    yield Case(table, world, mode, OURS, LEAVE_OUT, 200 if table in LAB else trials)
                if mode == Mode.SINGLE and world is SUB_NOISY:
                    yield Case(table, world, mode, OURS, STRICT, 24)


def _trials(sampler: str, world: World, mode: Mode) -> int:
    """Return as many trials as matter: a ranking without chance needs one, a Gaussian process is slow."""
    if sampler.startswith("rank-") and world is WHOLE:
        return 1
    if sampler == "gaussian-process":
        return 8
    if sampler == "bayesian-ridge":
        return 60
    return 500


SYNTHETIC, SYNTHETIC_BUDGET, SYNTHETIC_SEEDS = (63, 255, 1023), 20, (0, 1)


def synthetic_cases(ours: bool) -> Iterator[Case]:
    """List the replays of known laws; the Gaussian process is left out, which takes minutes on these."""
    noisy = World("known law, 2% noise", None, NOISE)
    for settings in SYNTHETIC:
        for seed in SYNTHETIC_SEEDS:
            table = f"synthetic:{settings}:{seed}"
            for mode in Mode:
                for sampler in BASELINES:
                    if sampler != "gaussian-process":
                        yield Case(table, noisy, mode, sampler, None, 6, SYNTHETIC_BUDGET)
                if ours:
                    # The other benchmarks of a large table are a large past, of which each takes its time.
                    for prior in (None, LEAVE_OUT) if mode == Mode.SINGLE and settings == SYNTHETIC[0] else (None,):
                        yield Case(table, noisy, mode, OURS, prior, 6, SYNTHETIC_BUDGET)


def table_of(name: str) -> LawTable:
    """Load a table, or draw a synthetic one: ``synthetic:SETTINGS:SEED``."""
    if not name.startswith("synthetic:"):
        return load_table(ROOT / name if name in LAB else name)
    settings, seed = map(int, name.split(":")[1:])
    return synthetic_table(settings, seed=seed)


def run(case: Case) -> Figures:
    """Replay a case."""
    calibration = Calibration()
    sampler = CheckedSampler(Registry.discover().load("sampler", case.sampler), case.sampler)
    start = time.perf_counter()
    done = replay(
        table_of(case.table), sampler, case.budget, case.trials, 0, case.mode,
        case.world.noise, case.world.subspace, case.prior, calibration,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    values = dict(done.fixed_budget())
    hit = (done.course.place <= 3) & done.course.informed
    values["first hit"] = np.logical_or.accumulate(hit, axis=-1).astype(np.float64)
    return Figures(
        means={name: v.mean(axis=(0, 1)) for name, v in values.items()},
        resampled={name: resampled_means(v) for name, v in values.items()},
        by_benchmark={name: dict(zip(done.benchmarks, v.mean(axis=0), strict=True)) for name, v in values.items()},
        calibration=calibration,
        trials=case.trials,
        seconds=seconds,
    )


def run_all(cases: Iterable[Case], jobs: int) -> dict[Case, Figures]:
    """Replay cases in several processes, and say how far it is."""
    cases = list(cases)
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        found: dict[Case, Figures] = {}
        for case, figures in zip(cases, pool.map(run, cases), strict=True):
            found[case] = figures
            told = f"{Path(case.table).name}, {case.world.name}, {case.mode}, {case.row}"
            print(f"{len(found)}/{len(cases)}  {told}: {figures.seconds:.1f} s", file=sys.stderr)
    return found


def mean(parts: Sequence[Figures]) -> Figures:
    """Return the mean over tables, each table weighing the same."""
    total = Calibration()
    for part in parts:
        for name in ("believed", "true", "counted", "covered", "results"):
            getattr(total, name)[:] += getattr(part.calibration, name)
    return Figures(
        means={m: np.mean([part.means[m] for part in parts], axis=0) for m in METRICS},
        resampled={m: np.mean([part.resampled[m] for part in parts], axis=0) for m in METRICS},
        by_benchmark={},
        calibration=total,
        trials=min(part.trials for part in parts),
        seconds=sum(part.seconds for part in parts),
    )


@dataclass(frozen=True)
class Block:
    """The samplers in one world and mode: of the mean over tables, and of each table."""

    world: World
    mode: Mode
    mean: Mapping[str, Figures]
    tables: Mapping[str, Mapping[str, Figures]]


def blocks(found: Mapping[Case, Figures]) -> Iterator[Block]:
    """Group what was found by world and mode, the samplers in the order of the cases."""
    for world, mode in dict.fromkeys((case.world, case.mode) for case in found):
        here = {case: figures for case, figures in found.items() if (case.world, case.mode) == (world, mode)}
        tables = {
            table: {case.row: figures for case, figures in here.items() if case.table == table}
            for table in dict.fromkeys(case.table for case in here)
        }
        rows = next(iter(tables.values()))
        yield Block(world, mode, {row: mean([of[row] for of in tables.values()]) for row in rows}, tables)


def best_trivial(block: Block, metric: str) -> FloatArray:
    """Return ``[n]``: what the best of the trivial baselines reaches, chosen anew for each n."""
    values = np.stack([block.mean[name].means[metric] for name in TRIVIAL])
    return values.min(axis=0) if metric == "regret" else values.max(axis=0)
