"""The study that the policy's verbs work on."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visionlaw.cli.context import project
from visionlaw.errors import StudyError, did_you_mean

if TYPE_CHECKING:
    from visionlaw.policy.study import Study

StudyOption = Annotated[str, typer.Option("--study", metavar="NAME", help="Name of the study.")]


@contextmanager
def opened_study(name: str, space: Path | None, prior: Sequence[str] | None = None) -> Generator[Study]:
    """Open the study that registry.toml describes; nothing is written until a change is accepted.

    Args:
        name: The study's name.
        space: The registry.toml to use instead of the nearest one upwards.
        prior: What to build on instead of what registry.toml says, for a question that changes nothing.

    Raises:
        StudyError: The settings contradict themselves or the stored study.
    """
    import sys

    from visionlaw.policy.checked import CheckedSampler
    from visionlaw.policy.costs import costs_of
    from visionlaw.policy.priors import prior_of
    from visionlaw.policy.sources import candidates_of, name_of_sources
    from visionlaw.policy.stopping import StopRule
    from visionlaw.policy.study import Study
    from visionlaw.store import Store, run_provenance
    from visionlaw.store.studies import StudySettings

    if not name.strip():
        raise StudyError("A study needs a name.", "Give one with --study, or leave --study out for 'default'.")
    here = project(space)
    policy, kinds = here.space.policy, here.space.benchmarks
    for benchmark in policy.benchmarks:
        if benchmark not in kinds:
            raise StudyError(
                f"[policy] of {here.space_path} names the benchmark '{benchmark}', which [benchmarks] lacks.",
                did_you_mean(benchmark, kinds) or f"It has {', '.join(kinds)}.",
            )
    settings = StudySettings(
        name=name,
        sampler=policy.sampler,
        mode=policy.mode,
        benchmarks=policy.benchmarks or tuple(kinds),
        budget=policy.budget,
        seed=policy.seed,
        scores=name_of_sources(policy.scores),
        a_definition=here.space.alignment_scorer,
        lower_is_better=tuple(b for b in policy.benchmarks or kinds if not kinds[b].higher_is_better),
    )
    entry = here.registry.get("sampler", policy.sampler)
    rule = here.registry.load("sampler", policy.sampler)
    with Store.of_project(here.state_dir, create=False) as store:
        candidates = candidates_of(here, store, settings.benchmarks)
        yield Study(
            store,
            settings,
            candidates,
            CheckedSampler(rule, policy.sampler, entry.distribution),
            canonical=here.space.canonical,
            names=here.space.aliases,
            provenance=run_provenance(
                sys.argv[1:],
                plugins={entry.distribution: entry.version},
                seed=settings.seed,
                sampler=settings.sampler,
                scores=settings.scores,
                a_definition=settings.a_definition,
                c_from=candidates.c_from,
                weights=policy.weights,
                cost_aware=policy.cost_aware,
            ),
            prior=prior_of(here, store, policy.prior if prior is None else prior, name),
            costs=costs_of(here),
            cost_aware=policy.cost_aware,
            weights=policy.weights,
            stop=StopRule(policy.stop.margin, policy.stop.chance),
        )
