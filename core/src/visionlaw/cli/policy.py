"""Verbs of the policy: which representation to train next, what came of it, how all of them rank."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visionlaw.cli.context import JsonOption, SpaceOption, project
from visionlaw.cli.output import print_json, write
from visionlaw.cli.replay import replay
from visionlaw.errors import StudyError, did_you_mean

if TYPE_CHECKING:
    from visionlaw.policy.study import Study

app = typer.Typer(no_args_is_help=True)
app.command("replay")(replay)

StudyOption = Annotated[str, typer.Option("--study", metavar="NAME", help="Name of the study.")]


@app.command()
def ask(
    number: Annotated[int, typer.Option("-n", "--number", min=1, help="How many to ask for.")] = 1,
    study: StudyOption = "default",
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which representation to train next, and why; it is noted as pending.

    Example: visionlaw policy ask
    """
    from visionlaw.cli import policy_views as views

    with _opened(study, space) as opened:
        suggestions = opened.ask(number)
        status = opened.status()
    if as_json:
        print_json(views.asked_json(suggestions, status))
        return
    for suggestion in suggestions:
        write(f"Train next: {suggestion.representation}")
        write(f"  Why: {suggestion.reason}")
        write(f"  Then: {views.tell_command(suggestion.representation, status.settings)}")
    write(views.c_sentence(status.c_from))
    write(f"{status.left} of {status.settings.budget} finetunings are left to ask for.")
    views.note_not_scored(status.not_scored)


@app.command()
def tell(
    setting: Annotated[str, typer.Argument(help="The trained representation: an id, an alias or a published name.")],
    results: Annotated[list[str] | None, typer.Argument(metavar="BENCHMARK=VALUE…", help="Its performance.")] = None,
    failed: Annotated[str | None, typer.Option(metavar="REASON", help="The training failed, and why.")] = None,
    source: Annotated[str, typer.Option(metavar="TEXT", help="What measured it, such as 'lmms-eval'.")] = "",
    source_version: Annotated[str, typer.Option(metavar="TEXT", help="Its version, such as '0.7'.")] = "",
    study: StudyOption = "default",
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what came of a training, whether the study had asked for it or not.

    Example: visionlaw policy tell clip@336 mmbench=64.3 mme=1502.7
    """
    from visionlaw.cli import policy_views as views

    values = _values(results or [])
    if failed is not None:
        if not failed.strip():
            raise StudyError("The failure has no reason.", "Say why: --failed 'out of memory'.")
        if values:
            raise StudyError("A training has results or it failed, not both.", "Leave out '--failed' or the results.")
        with _opened(study, space) as opened:
            trial = opened.fail(setting, failed)
        if as_json:
            print_json({"study": study, **views.trial_json(trial)})
        else:
            write(f"{trial.representation}: failed ({failed}). It will not be asked for again.")
        return
    with _opened(study, space) as opened:
        told = opened.tell(setting, values, source=source, source_version=source_version)
    if as_json:
        print_json(views.told_json(study, told))
    else:
        views.write_told(told)


@app.command()
def rank(
    benchmark: Annotated[str | None, typer.Option(metavar="BENCHMARK", help="Only this benchmark, in detail.")] = None,
    study: StudyOption = "default",
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rank all scored representations by what the law expects, beside what was observed.

    Example: visionlaw policy rank --benchmark mmbench
    """
    from visionlaw.cli import policy_views as views

    with _opened(study, space) as opened:
        ranking = opened.rank()
    known = tuple(ranking.results)
    if benchmark is not None and benchmark not in known:
        raise StudyError(
            f"'{benchmark}' is not a benchmark of study '{study}'.",
            did_you_mean(benchmark, known) or f"It has {', '.join(known)}.",
        )
    if as_json:
        print_json(views.ranking_json(ranking, benchmark))
    else:
        views.show_ranking(ranking, benchmark)


@app.command()
def status(study: StudyOption = "default", space: SpaceOption = None, as_json: JsonOption = False) -> None:
    """Say what the study has asked for and been told, and what is left.

    Example: visionlaw policy status
    """
    from visionlaw.cli import policy_views as views

    with _opened(study, space) as opened:
        current = opened.status()
    if as_json:
        print_json(views.status_json(current))
    else:
        views.show_status(current)


@contextmanager
def _opened(name: str, space: Path | None) -> Generator[Study]:
    """Open the study that registry.toml describes; nothing is written until a change is accepted."""
    import sys

    from visionlaw.policy.checked import CheckedSampler
    from visionlaw.policy.sources import candidates_of, name_of_sources
    from visionlaw.policy.study import Study
    from visionlaw.store import Store, run_provenance
    from visionlaw.store.studies import StudySettings

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
            ),
        )


def _values(words: list[str]) -> dict[str, float]:
    """Read ``BENCHMARK=VALUE`` words."""
    values: dict[str, float] = {}
    for word in words:
        benchmark, equals, text = word.partition("=")
        wrong = StudyError(f"'{word}' is not a result.", "Write BENCHMARK=VALUE, such as 'mmbench=64.3'.")
        if not equals or not benchmark or "_" in text:  # float() reads 64_3 as 643
            raise wrong
        try:
            value = float(text)
        except ValueError:
            raise wrong from None
        if benchmark in values:
            raise StudyError(f"'{benchmark}' is given twice.", "Give it once.")
        values[benchmark] = value
    return values
