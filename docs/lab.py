"""Write docs/explanation/lab-table.md: the law in vitro, from a full run of the lab.

    python docs/lab.py [FOLDER]

What a folder's run has done already is not done again. Nothing is downloaded.
"""

from __future__ import annotations

import shutil
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from visionlaw.atomic import write_bytes

HERE = Path(__file__).parent / "explanation"
PAGE, CURVES = HERE / "lab-table.md", HERE / "lab-curves.png"
NOTICE = "<!-- Written by docs/lab.py: do not edit. `make lab` writes it anew. -->\n\n"
TOP = """# The law in vitro: a table of our own

Everything that visionlaw is for, done for real in a [small world](../../plugins/lab/README.md): encoders and a language
model trained from a seed, projectors aligned, A and C measured, an MLLM finetuned on every representation and asked the
questions of six benchmarks. The code is that of the large thing; the numbers are the lab's own, as they came.

`make lab` makes them anew. The tables, as `visionlaw law fit` and `visionlaw policy replay --law` read them, are
[lab-maxcos.csv](lab-maxcos.csv) and [lab-loglik.csv](lab-loglik.csv).
"""


def main(folder: Path) -> None:
    from visionlaw.protocols import silent
    from visionlaw_lab.loop import Lab
    from visionlaw_lab.plans import FULL
    from visionlaw_lab.views import as_json

    outcome = Lab(FULL, folder, print, silent).run()
    facts = as_json(outcome)
    for definition, path in outcome.tables.items():
        shutil.copyfile(path, HERE / f"lab-{definition}.csv")
    draw(facts["policy"], CURVES)
    write_bytes(PAGE, page(facts).encode())
    print(f"wrote {PAGE}")


def page(facts: Mapping[str, Any]) -> str:
    return NOTICE + "\n".join([TOP, *representations(facts), *laws(facts), *policy(facts), ""])


def representations(facts: Mapping[str, Any]) -> Iterable[str]:
    from visionlaw_lab.questions import chance

    plan, measured = facts["plan"], facts["representations"]
    benchmarks = plan["benchmarks"]
    yield (
        f"## {len(measured)} representations, {len(benchmarks)} benchmarks\n\nAccuracy in %, of {plan['questions']} "
        f"questions each (standard error up to {100 * 0.5 / plan['questions'] ** 0.5:.1f}); A by maxcos: mean over the "
        f"benchmarks. {plan['scenes']:,} scenes to train on, {plan['stage1']['epochs']} pass in stage 1 and "
        f"{plan['stage2']['epochs']} in stage 2.\n"
    )
    names = sorted(measured, key=lambda name: -sum(measured[name]["performance"].values()))
    rows = [
        [
            f"`{name}`",
            f"{statistics.mean(measured[name]['A']['maxcos'].values()):.3f}",
            f"{statistics.mean(measured[name]['A']['loglik'].values()):.3f}",
            f"{measured[name]['C']:.1f}",
            *(f"{measured[name]['performance'][b]:.0f}" for b in benchmarks),
        ]
        for name in names
    ]
    rows.append(["*chance*", "", "", "", *(f"{chance(b):.0f}" for b in benchmarks)])
    yield from markdown(["representation", "A maxcos", "A loglik", "C", *benchmarks], rows)
    counts = [
        (b, sum(above_chance(of["performance"][b], chance(b), plan["questions"]) for of in measured.values()))
        for b in benchmarks
    ]
    told = ", ".join(f"{b} {count}" for b, count in counts)
    yield (
        f"More than two standard errors above chance, of {len(measured)}: {told}. Where hardly any is, differences are "
        "noise, and so are the optimum and whatever law or policy is judged by it.\n"
    )


def above_chance(performance: float, chance: float, questions: int) -> bool:
    error = (chance * (100 - chance) / questions) ** 0.5
    return performance > chance + 2 * error


def laws(facts: Mapping[str, Any]) -> Iterable[str]:
    yield "## The law\n\nR² in the sample, and on each setting when the law was fitted without it (leave-one-out).\n"
    for definition, figures in facts["law"].items():
        kinds = list(dict.fromkeys(figures["benchmarks"].values()))
        header = [f"A by {definition}", *(f"{kind}, {what}" for kind in kinds for what in ("R²", "leave-one-out"))]
        forms = [form for form in figures["r2"] if form in ("A-quadratic", "C-quadratic", "AC-linear", "AC-quadratic")]
        rows = [[form, *(number(figures[k][form][kind]) for kind in kinds for k in ("r2", "loo_r2"))] for form in forms]
        yield from markdown(header, rows)
        per, loo = figures["r2_per_benchmark"], figures["loo_r2_per_benchmark"]
        rows = [[b, kind, number(per[b]), number(loo[b])] for b, kind in figures["benchmarks"].items()]
        yield from markdown([f"AC-quadratic, A by {definition}", "kind", "R²", "leave-one-out"], rows)


def policy(facts: Mapping[str, Any]) -> Iterable[str]:
    yield (
        "## The policy\n\nReplayed on these tables at a fixed budget: is the optimum among the top 3 after n "
        "finetunings (recall@3), has it been trained by then (found), and what is lost against it "
        "(regret, % of the optimum).\n\n"
        "![Recall and regret by the number of finetunings](lab-curves.png)\n"
    )
    for definition, curves in facts["policy"].items():
        steps = len(next(iter(curves.values()))["found"])
        rows = [
            [f"{metric}, {sampler}", *(f"{value:.2f}" for value in figures[metric])]
            for metric in ("recall@3", "found", "regret")
            for sampler, figures in curves.items()
        ]
        yield from markdown([f"A by {definition}; n =", *map(str, range(steps))], rows)


def draw(curves: Mapping[str, Any], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
    for axis, metric in zip(axes, ("recall@3", "found", "regret"), strict=True):
        for definition, samplers in curves.items():
            for sampler, figures in samplers.items():
                style = {"bayes": "-", "region": "--", "random": ":"}[sampler]
                colour = {"maxcos": "tab:blue", "loglik": "tab:orange"}[definition]
                axis.plot(figures[metric], style, color=colour, label=f"{sampler}, A by {definition}")
        axis.set(title=metric + (" (%)" if metric == "regret" else ""), xlabel="finetunings")
        axis.set_ylim(bottom=0)
    axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=120, metadata={"Software": None})
    plt.close(figure)


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    yield "| " + " | ".join(header) + " |"
    yield "|---|" + "--:|" * (len(header) - 1)
    yield from ("| " + " | ".join(row) + " |" for row in rows)
    yield ""


def number(value: float) -> str:
    return f"{value:.3f}" if value == value else "–"


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "visionlaw-lab-full"))
