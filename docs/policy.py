"""Write docs/explanation/policy-bench.md: the policy against its baselines at every fixed budget.

    python docs/policy.py [FIGURES.json]

Without figures of `python benchmarks/policy.py --json FIGURES.json`, that is run first. Nothing is downloaded.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import policy_words as words
from policy_plots import calibration, curves, regions

from visionlaw.atomic import write_bytes
from visionlaw.law.tables import SHIPPED, LawTable, load_table
from visionlaw.policy.checked import CheckedSampler
from visionlaw.registry import Registry

ROOT = Path(__file__).parents[1]
HERE = ROOT / "docs" / "explanation"
PAGE = HERE / "policy-bench.md"
NOTICE = "<!-- Written by docs/policy.py: do not edit. `make policy` writes it anew. -->\n\n"
OURS, LEAVE_OUT, STRICT = "bayes", "bayes, leave-one-benchmark-out", "bayes, strict"
BUDGETS = range(9)


def main(path: Path | None) -> None:
    facts = json.loads(path.read_text(encoding="utf-8")) if path else measured()
    blocks = {(block["world"], block["mode"]): block for block in facts["published"]}
    whole, noisy = ("whole table", "single"), ("sub-spaces of 8–12 settings, 2% noise", "single")
    curves([blocks[whole], blocks[noisy], blocks["whole table", "joint"]], HERE / "policy-bench-curves.png")
    calibrated = [blocks["whole table, 2% noise", "single"], blocks[noisy], blocks["whole table, 2% noise", "joint"]]
    if any(of["reliability"] for block in calibrated for of in block["mean"].values()):
        calibration(calibrated, HERE / "policy-bench-calibration.png")
    tables = [load_table(name) for name in SHIPPED]
    regions(tables, asked(LEAVE_OUT in blocks[whole]["mean"]), HERE / "policy-bench-regions.png")
    write_bytes(PAGE, page(facts, tables).encode())
    print(f"wrote {PAGE}")


def measured() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures.json"
        subprocess.run([sys.executable, ROOT / "benchmarks" / "policy.py", "--json", path], check=True)
        return json.loads(path.read_text(encoding="utf-8"))


def asked(ours: bool) -> dict[str, tuple[CheckedSampler, str | None]]:
    """Return the samplers whose choices are drawn, and their priors."""
    registry = Registry.discover()
    names = {"region": None, "rank-ac": None, "bayesian-ridge": None}
    named = {name: (CheckedSampler(registry.load("sampler", name), name), prior) for name, prior in names.items()}
    if ours:
        sampler = CheckedSampler(registry.load("sampler", OURS), OURS)
        named |= {f"{OURS}, no prior": (sampler, None), LEAVE_OUT: (sampler, "leave-one-benchmark-out")}
    return named


def page(facts: Mapping[str, Any], tables: Sequence[LawTable]) -> str:
    parts = [
        words.TOP,
        *required(facts),
        *figures(facts),
        *ceiling(tables),
        *lab(facts),
        *calibrated(facts),
        *drawn(),
        *known(facts),
    ]
    return NOTICE + "\n".join([*parts, words.CHOSEN, *times(facts), words.LIMITS])


def required(facts: Mapping[str, Any]) -> Iterable[str]:
    if not facts["required"]:
        return
    yield words.REQUIRED
    rows = [
        [
            row["name"],
            f"{row['region']:.3f}",
            f"{row['trivial']:.3f}",
            f"{'≤' if row['at_most'] else '≥'} {row['required']:.2f}",
            f"**{row['reached']:.3f}**" + ("" if row["met"] else " (not reached)"),
            "{:.2f} – {:.2f}".format(*row["interval"]),
            " · ".join(f"{value:.2f}" for value in row["by_table"].values()),
        ]
        for row in facts["required"]
    ]
    header = ["", "published policy", "best trivial", "required", OURS, "95%", " · ".join(SHIPPED)]
    yield from markdown(header, rows)
    yield "At no n from 1 to 6 should the best trivial baseline be ahead by more than .02. At worst it is ahead by:\n"
    rows = [
        [
            f"{row['world']}, {row['mode']}",
            row["metric"],
            f"{row['behind']:+.3f} at n = {row['n']}" + (" (more than allowed)" if row["behind"] > 0.02 else ""),
        ]
        for row in facts["shortfalls"]
    ]
    yield from markdown(["world", "metric", "best trivial minus bayes"], rows)
    yield from missed(facts)


def missed(facts: Mapping[str, Any]) -> Iterable[str]:
    """Say which benchmarks are behind what is not all found, on the whole tables."""
    (block,) = (b for b in facts["published"] if (b["world"], b["mode"]) == ("whole table", "single"))
    if LEAVE_OUT not in block["mean"]:
        return
    lines: list[str] = []
    for n, metric in ((0, "recall@3"), (4, "recall@3"), (4, "found")):
        for table, of in block["tables"].items():
            below = {b: v[n] for b, v in of[LEAVE_OUT]["by_benchmark"][metric].items() if v[n] < 0.95}
            if below:
                told = ", ".join(f"{b} {v:.2f}" for b, v in below.items())
                lines.append(f"- {metric} at n = {n}, {table}: {told}.")
    if lines:
        yield "Whole tables, single, with the prior; benchmarks below .95:\n\n" + "\n".join(lines) + "\n"


def figures(facts: Mapping[str, Any]) -> Iterable[str]:
    yield words.FIGURES
    for block in facts["published"]:
        yield from each_metric(block)


def lab(facts: Mapping[str, Any]) -> Iterable[str]:
    yield words.LAB
    for block in facts["lab"]:
        yield from each_metric(block)


def each_metric(block: Mapping[str, Any]) -> Iterable[str]:
    yield f"### {block['world'][0].upper()}{block['world'][1:]}, {block['mode']}\n"
    tables = [Path(table).stem for table in block["tables"]]
    for metric in ("recall@3", "recall@3 within noise", "found", "regret"):
        rows = [
            [
                name,
                *(f"{of['means'][metric][n]:.2f}" for n in BUDGETS),
                "{:.2f} – {:.2f}".format(*of["intervals"][metric][4]),
                *(f"{each[name]['means'][metric][4]:.2f}" for each in block["tables"].values()),
            ]
            for name, of in block["mean"].items()
        ]
        unit = " (%)" if metric == "regret" else ""
        yield from markdown([f"{metric}{unit}; n =", *map(str, BUDGETS), "95% at 4", *tables], rows)
    yield from strict_note(block)


def strict_note(block: Mapping[str, Any]) -> Iterable[str]:
    if STRICT in block["mean"]:
        trials = block["mean"][STRICT]["trials"]
        yield f"The strict split was replayed on {trials} sub-spaces per table: each has a past of its own.\n"


def ceiling(tables: Sequence[LawTable], draws: int = 4000, noise: float = 0.02) -> Iterable[str]:
    """State what is left when everything has been trained once, with noise: nobody knows more from these results."""
    rng = np.random.default_rng(0)
    rows: list[list[str]] = []
    for table in tables:
        truth = table.performance
        told = truth * (1 + noise * rng.standard_normal((draws, *truth.shape)))
        order = np.argsort(-told, axis=-1)
        best = truth.argmax(axis=-1)[:, None]
        first = (order[..., :1] == best).any(axis=-1).mean(axis=0)
        three = (order[..., :3] == best).any(axis=-1).mean(axis=0)
        rows += [
            [f"{table.name}, top {top}", *(f"{v:.2f}" for v in of), f"{of.mean():.2f}"]
            for top, of in ((1, first), (3, three))
        ]
    yield words.CEILING
    yield from markdown(["", *tables[0].benchmarks, "mean"], rows)


def calibrated(facts: Mapping[str, Any]) -> Iterable[str]:
    rows = [
        [
            f"{block['world']}, {block['mode']}",
            name,
            *(f"{share:.1%}" for share in of["coverage"].values()),
            *(f"{share:.1%}" if share == share else "–" for share in of["coverage of contenders"].values()),
            f"{of['judged']:,}",
        ]
        for block in facts["published"]
        for name, of in block["mean"].items()
        if of["judged"]
    ]
    if not rows:
        return
    yield "## Are its chances and intervals right?\n"
    if (HERE / "policy-bench-calibration.png").exists() and any(name.startswith(OURS) for _, name, *_ in rows):
        yield words.RELIABILITY
    yield words.COVERAGE
    header = ["world", "sampler", "80% covers", "95% covers", "80%, contenders", "95%, contenders", "results"]
    yield from markdown(header, rows)


def drawn() -> Iterable[str]:
    yield words.DRAWN


def known(facts: Mapping[str, Any]) -> Iterable[str]:
    steps = (0, 1, 2, 4, 8, 12, 16, 20)
    yield words.KNOWN
    for size, blocks in facts["synthetic"].items():
        for block in blocks:
            for metric in ("regret", "found"):
                rows = [[name, *(f"{of['means'][metric][n]:.2f}" for n in steps)] for name, of in block["mean"].items()]
                unit = " (%)" if metric == "regret" else ""
                yield from markdown([f"{size} settings, {block['mode']}, {metric}{unit}; n =", *map(str, steps)], rows)


def times(facts: Mapping[str, Any]) -> Iterable[str]:
    yield words.TIMES
    rows: list[list[str]] = []
    for name, seconds in facts["timings"].items():
        asking = name.startswith("ask")
        what = " among 1,023 settings × 8 benchmarks" if asking else ": 1,000 trials × 8 benchmarks × budget 8"
        rows.append([name + what, f"{1000 * seconds:.0f} ms" if asking else f"{seconds:.1f} s"])
    yield from markdown(["", "time"], rows)


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    yield "| " + " | ".join(header) + " |"
    yield "|---|" + "--:|" * (len(header) - 1)
    yield from ("| " + " | ".join(row) + " |" for row in rows)
    yield ""


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
