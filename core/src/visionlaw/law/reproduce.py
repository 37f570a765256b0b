"""The published figures of the law beside those that follow from the published tables."""

from __future__ import annotations

from typing import Any

from visionlaw.law.figures import table_figures
from visionlaw.law.published import LAWS, PublishedLaw
from visionlaw.law.tables import load_table


def reproduce(*, draws: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Recompute what ICLR Tables 3, 4 and 9 and COLM Table 2 print (PROTOCOLS §4).

    The figures of the policy, which are simulated, come from :func:`visionlaw.policy.reproduce.reproduce_policy`.

    Args:
        draws: Resamplings for the intervals, and noise draws for the controls.
        seed: Seed of both.

    Returns:
        JSON-ready, by table: what :func:`visionlaw.law.figures.table_figures` returns, plus ``published`` (the printed
        figures under the same keys, and their sources), ``misprints`` (the printed coefficients that contradict the
        paper's own data) and ``remarks`` on the gaps.
    """
    figures: dict[str, Any] = {}
    for name, published in LAWS.items():
        ours = table_figures(load_table(name), draws=draws, seed=seed)
        figures[name] = {
            **ours,
            "published": _as_printed(published),
            "misprints": [
                {
                    "benchmark": misprint.benchmark,
                    "coefficient": misprint.term,
                    "printed": misprint.printed,
                    "recomputed": ours["coefficients"][misprint.benchmark][misprint.term],
                }
                for misprint in published.misprints
            ],
            "remarks": {"gaps": dict(published.gap_remarks)},
        }
    return figures


def _as_printed(published: PublishedLaw) -> dict[str, Any]:
    return {
        "r2": {form: dict(groups) for form, groups in published.r2.items()},
        "r2_per_benchmark": dict(published.r2_per_benchmark),
        "coefficients": {b: dict(values) for b, values in published.coefficients.items()},
        "gaps": dict(published.gaps),
        "sources": dict(published.sources),
    }
