"""The words of docs/explanation/policy-bench.md that no figure enters."""

from __future__ import annotations

TOP = """# The policy's bench

How many finetunings does it take until the best vision representation is known, and what if the budget ends before?
Every sampler is replayed here on finished tables, and judged by what a user has in hand after *exactly* n
finetunings. `make bench-policy` prints all of it from a clean clone, and `make policy` writes this page; one question
can be asked by itself:

    visionlaw policy replay --law colm2025 --sampler bayes --sampler rank-a --prior leave-one-benchmark-out
    visionlaw policy replay --law mine.csv --sampler bayes --subspace 8:12 --noise 0.02

## What is counted

- **recall@1, recall@3**: the optimum is ranked first, or among the first three.
- **recall@3 within noise**: the first three hold the optimum or a setting that only training noise tells from it. As
  training noise counts the published gap between the best and the second-best setting (mmbench .915%, mme 1.83, okvqa
  1.39, seedbench .434, mmmu .806, textvqa .269, vizwiz .410, scienceqa .215 of the optimum), on both tables; for a
  benchmark without a published gap, the gap in its own table. okvqa's printed gap is that of the *third*-best
  setting, so that three settings count there.
- **found**: the optimum itself has been finetuned.
- **regret**: what the best result so far loses against the optimum, in % of it; before the first finetuning, what the
  setting ranked first loses.
- **first hit**: the papers' count, the optimum has been among the first three at *some* number of finetunings so far.
  Only who knows the answer could have stopped there, so it is an upper bound and never a result.

Where a sampler has no opinion yet, a ranking at random is counted by its expectation. Intervals are 95% bootstrap
intervals: benchmarks and trials are drawn anew with replacement, 1,000 times; a trial is drawn for all benchmarks
together, since they share its settings, and a benchmark for both tables. Eight benchmarks are few: with whole tables
and no noise, nearly all that the intervals show is which benchmarks there are. That the tables could have held other
settings is in none of them.

## Where

- **Whole tables**: the two published ones, 13 settings (ICLR) and 15 (COLM) on 8 benchmarks. **Sub-spaces**: each
  trial lives among 8 to 12 of their settings, drawn at random and normalised among themselves. Both without noise and
  with 2% noise on every result that is told; the truth judges.
- **Known laws**: tables drawn from quadratic laws (`visionlaw.policy.worlds`), up to 1,023 settings and 20
  finetunings.
- **single** mode makes every benchmark a study of its own; in **joint** mode one finetuning serves all eight.

What a sampler may know of other benchmarks:

- **no prior**: nothing.
- **leave-one-benchmark-out**: the results of the table's seven other benchmarks, on all its settings; never one of
  the benchmark that is replayed. In joint mode every benchmark is replayed, so that none is left to learn from: joint
  figures are without a prior.
- **strict**: of the seven other benchmarks only the settings that the trial cannot train. With fewer than two such
  settings there is no prior, and `bayes` leaves aside one of fewer than six: on the ICLR table, of whose 13 settings
  at most five are left over, it has none.

The past is told as the tables have it, without noise. The A of the two tables has two definitions, which are never
mixed: no figure on one table uses the other. Baselines know nothing of other benchmarks.

## Against whom

`random` trains anything, `rank-a`, `rank-c` and `rank-ac` train in the order of A, of C, of A + C/2: the four that
need no model, called *trivial* here. A ranking's first three are the two best results and the best score that is not
trained; results and scores share no unit, so the two orders take turns. `region` is the published policy,
`gaussian-process` and `bayesian-ridge` are scikit-learn's, on A and C and on the quadratic law's terms; they ask
where they expect to improve most. All of them are samplers: `--sampler rank-a`.
"""
LIMITS = """## Limits

- Two tables of 13 and 15 settings decide most figures, and both are of the same encoders and the same benchmarks. On
  whole tables without noise, a figure moves in steps of 1/16 (eight benchmarks, two tables); a difference of one step
  is one benchmark.
- The tables were measured once. Where the two best settings differ by less than training noise, *which* is the
  optimum is chance, and no policy can know: recall within noise is the fairer figure there.
- The 2% of noise is a convention. It is more than most gaps between the best settings (see above), so that even after
  training everything the best result is often not the optimum's: see *the ceiling*.
- The published baselines are matched where they can be: "rank by A" and "rank by A + C/2" give all twelve figures of
  the protocols (.50 .63 .63 and .75 .88 .88; .88 .88 .88 and .63 .63 .75, at n = 0, 3, 4). The .25 and .23 given for
  random at n = 4 are not: the chance of having found the optimum is .31 and .27, of ranking it among three at random
  .23 and .20. The .97 required in sub-spaces with 2% noise was set beside .76 for the published policy and .96 for the
  best trivial one. Those two are what is found here *without* noise; with noise of 2% of every result they are .73 and
  .87. Both rows are in the table above.
- A prior of seven benchmarks on the very same settings is more than most studies have. The strict split and the
  figures without a prior show what is left without it.
"""
REQUIRED = """## What is required, and what is reached

Mean of the two tables at a fixed budget; *single* with the prior of the other benchmarks (leave-one-benchmark-out),
*joint* without. The trivial baseline is the best of the four at that n, chosen with hindsight.
"""
FIGURES = """## Against the budget

![recall@3, found and regret against the number of finetunings](policy-bench-curves.png)

Means of the two tables, bands their 95% intervals. Below, all figures after n finetunings; the interval is that at n
= 4, and the last two columns are the two tables there.
"""
CEILING = """### The ceiling

With 2% noise, *all* settings of the whole table trained once and ranked by their results alone: how often is the
optimum first, and among the first three? A policy that spends half as much, without a prior, can hardly expect more.
"""
RELIABILITY = """![Stated chances of being the best against how often they came true](policy-bench-calibration.png)

Every stated chance of being the best, of every setting after 0 to 8 finetunings, in ten bins, against how often it
came true; bars are two standard errors as if all were independent, which they are not. On the diagonal, 70% means
70%; below it, the sampler is too sure.
"""
COVERAGE = """How many results lay in the 80% and 95% intervals that were given before training: ± 1.28 and ± 1.96 of
the stated standard errors, of settings not trained yet, after 0 to 8 finetunings. *Contenders* are those with a stated
chance of being the best of 1% or more: a policy needs to be right about these. What covers less than it says is too
sure of itself, and so are the errors that `policy rank` prints.
"""
DRAWN = """## What is trained first

![Settings over the (A, C) plane, coloured by how often they are trained](policy-bench-regions.png)

Each dot is a setting on a benchmark, at its normalised A and C; its colour says in what share of the trials it was
among the first four finetunings (single mode, 2% noise). Red rings are the optima, which no sampler knows. The lines
are the regions of the published policy at its second level.
"""
KNOWN = """## Known laws

Tables drawn from quadratic laws around a shared one, eight benchmarks, settings scattered around the law by 5% of its
span, 2% noise on what is told; means of two such worlds and six trials in each. Many settings may be near the
optimum, so that regret matters more than which of them is found.
"""
TIMES = """## How long it takes

One core of the machine that wrote this page, wall time; at most 150 ms and 60 s are allowed. Without noise, trials
repeat each other and `bayes` thinks about each state once; with noise every trial is its own.
"""
LAB = """## On tables that it was not made for

The two published tables were known while the sampler was made. The choices that [its page](bayes.md) lists were made on
those, not on the [tables of the lab](lab-table.md): 20 representations on 6 benchmarks, A by maxcos and by
log-likelihood. They are another world: small models, an optimum that is plain on some benchmarks and, on others,
accuracies near chance, where which is best is luck. Training noise is each benchmark's own gap between the best two.
"""
CHOSEN = """## How bayes chooses its hyper-parameters

[How `bayes` thinks](bayes.md) says what it supposes and how its numbers were chosen. What matters for reading the
figures here: with a prior, the weights of its hypotheses come from the other benchmarks alone, each left out in turn
(nested); the benchmark that is replayed has no part in them. Without a prior it supposes A + C/2, which is known to do
well on these very tables. And its *shape* was found by comparing variants on the two published tables as a whole:
their figures are those of a variant that did well there, and so more favourable than a new table's. The lab's tables
and the known laws are the check on that.
"""
