"""The pictures of docs/explanation/policy-bench.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt

from visionlaw.arrays import FloatArray
from visionlaw.law.tables import LawTable
from visionlaw.policy.belief import Belief
from visionlaw.policy.checked import CheckedSampler
from visionlaw.policy.course import World
from visionlaw.policy.replay import replay
from visionlaw.policy.state import Status, StudyState

METRICS = {"recall@3": "recall@3", "found": "found", "regret": "regret (%)"}
STYLES = {
    "random": ("0.6", ":"),
    "rank-a": ("tab:olive", "--"),
    "rank-c": ("tab:pink", "--"),
    "rank-ac": ("tab:green", "--"),
    "region": ("tab:orange", "-"),
    "gaussian-process": ("tab:purple", "-."),
    "bayesian-ridge": ("tab:brown", "-."),
    "bayes, no prior": ("tab:cyan", "-"),
    "bayes, leave-one-benchmark-out": ("tab:blue", "-"),
    "bayes, strict": ("tab:red", "-"),
}
BANDS = ("region", "rank-ac", "bayes, no prior", "bayes, leave-one-benchmark-out")
SHOWN_AT = 4


def curves(blocks: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw recall@3, found and regret against the budget, a row per world and mode; bands are 95% intervals."""
    figure, grid = plt.subplots(
        len(blocks), len(METRICS), figsize=(12, 3.3 * len(blocks)), layout="constrained", squeeze=False
    )
    for axes, block in zip(grid, blocks, strict=True):
        for axis, (metric, title) in zip(axes, METRICS.items(), strict=True):
            for name, of in block["mean"].items():
                colour, line = STYLES[name]
                values = of["means"][metric]
                ours = name.startswith("bayes,")
                axis.plot(values, line, color=colour, label=name, linewidth=2.4 if ours else 1.3)
                if name in BANDS:
                    low, high = np.array(of["intervals"][metric]).T
                    axis.fill_between(range(len(values)), low, high, color=colour, alpha=0.12, linewidth=0)
            axis.set(title=f"{title}: {block['world']}, {block['mode']}", xlabel="finetunings")
            axis.title.set_fontsize(9)
            axis.set_ylim(*((0, 6) if metric == "regret" else (0, 1.02)))
            axis.grid(alpha=0.25)
    named = dict(pair for axis in grid[:, 0] for pair in zip(*axis.get_legend_handles_labels()[::-1], strict=True))
    figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=5, fontsize=9)
    _save(figure, path)


def calibration(blocks: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw how often a chance of being the best came true, of every sampler that states chances."""
    figure, axes = plt.subplots(
        1, len(blocks), figsize=(4.2 * len(blocks), 4.2), layout="constrained", squeeze=False, sharey=True
    )
    for axis, block in zip(axes[0], blocks, strict=True):
        axis.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        for name, of in block["mean"].items():
            if not of["reliability"]:
                continue
            said, true, counted = np.array(of["reliability"]).T
            error = np.sqrt(true * (1 - true) / counted)
            axis.errorbar(said, true, 2 * error, fmt="o-", color=STYLES[name][0], label=name, markersize=4, capsize=2)
        axis.set(title=f"{block['world']}, {block['mode']}", xlabel="stated chance of being the best")
        axis.title.set_fontsize(9)
        axis.grid(alpha=0.25)
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=8)
    axes[0, 0].set_ylabel("share that was the best")
    _save(figure, path)


class Trained:
    """Counts which settings have been trained after four finetunings; given to a replay as its watch."""

    def __init__(self, table: LawTable) -> None:
        self.table, self.times = table, np.zeros(table.performance.shape)
        self.trials = np.zeros((len(table.benchmarks), 1))

    def __call__(self, world: World, state: StudyState, belief: Belief) -> None:
        if (state.status == Status.DONE).sum(axis=-1).max() != SHOWN_AT:
            return
        for benchmark, performance in enumerate(self.table.performance):
            here = (world.truth[:, 0] == performance).all(axis=-1)
            self.times[benchmark] += (state.status[here] == Status.DONE).sum(axis=0)
            self.trials[benchmark] += here.sum()

    def share(self) -> FloatArray:
        """Return ``[b, k]``: in what share of the trials each setting had been trained."""
        return self.times / self.trials


def regions(
    tables: Sequence[LawTable], samplers: Mapping[str, tuple[CheckedSampler, str | None]], path: Path, trials: int = 60
) -> None:
    """Draw what is trained first over the (A, C) plane, a row per table and a column per sampler."""
    figure, grid = plt.subplots(
        len(tables), len(samplers), figsize=(3.5 * len(samplers), 3.5 * len(tables)), layout="constrained",
        squeeze=False, sharex=True, sharey=True,
    )  # fmt: skip
    drawn = None
    for axes, table in zip(grid, tables, strict=True):
        points = table.points()
        for axis, (name, (sampler, prior)) in zip(axes, samplers.items(), strict=True):
            watch = Trained(table)
            replay(table, sampler, SHOWN_AT, trials, noise=0.02, prior=prior, watch=watch)
            drawn = axis.scatter(
                *points.reshape(-1, 2).T, c=watch.share().ravel(), s=28, cmap="viridis", vmin=0, vmax=1
            )
            best = points[np.arange(len(points)), table.performance.argmax(axis=-1)]
            axis.scatter(*best.T, s=110, facecolors="none", edgecolors="tab:red", linewidths=1.2)
            for edge in (0.25, 0.5, 0.75):
                axis.axhline(edge, color="0.85", linewidth=0.8, zorder=0)
                axis.axvline(edge, color="0.85", linewidth=0.8, zorder=0)
            axis.set_title(f"{name}\n{table.name}", fontsize=9)
        axes[0].set_ylabel("C")
    for axis in grid[-1]:
        axis.set_xlabel("A")
    if drawn is not None:
        figure.colorbar(drawn, ax=grid, label="share of trials that trained it within 4 finetunings", shrink=0.7)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
