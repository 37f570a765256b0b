"""``policy tell``: what came of a training, by hand or from an evaluation tool's files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionlaw.cli.context import JsonOption, SpaceOption
from visionlaw.cli.output import note, print_json, write
from visionlaw.cli.studies import StudyOption, opened_study
from visionlaw.errors import StudyError

if TYPE_CHECKING:
    from visionlaw.policy.study import Study

Answer = tuple[dict[str, Any], Callable[[], None]]
"""What a change answers: as JSON, and what writes it for people."""


def tell(
    setting: Annotated[str, typer.Argument(help="The trained representation: an id, an alias or a published name.")],
    results: Annotated[list[str] | None, typer.Argument(metavar="BENCHMARK=VALUE…", help="Its performance.")] = None,
    tool_files: Annotated[
        tuple[str, Path] | None,
        typer.Option(
            "--from",
            metavar="TOOL PATH",
            help="Read its performance from a file or folder of lmms-eval or vlmevalkit.",
        ),
    ] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="BENCHMARK=TASK[:METRIC][*FACTOR]",
            help="Where '--from' finds a benchmark, repeatable; 'BENCHMARK=' leaves it out.",
        ),
    ] = None,
    failed: Annotated[str | None, typer.Option(metavar="REASON", help="The training failed, and why.")] = None,
    source: Annotated[str, typer.Option(metavar="TEXT", help="What measured it, such as 'lmms-eval'.")] = "",
    source_version: Annotated[str, typer.Option(metavar="TEXT", help="Its version, such as '0.7'.")] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Tell what another tool or version, or only a part of a task, says.")
    ] = False,
    study: StudyOption = "default",
    space: SpaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what came of a training, whether the study had asked for it or not.

    Example: visionlaw policy tell clip@336 mmbench=64.3 mme=1502.7

    Example: visionlaw policy tell clip@336 --from lmms-eval out/llava-clip-336
    """
    from visionlaw.cli import policy_views as views

    values = _values(results or [])
    _check(values, tool_files, mapping, failed, source)
    with opened_study(study, space) as opened:
        for sentence in opened.prior_notes():
            note(sentence)
        if failed is not None:
            data, show = _failure(opened, setting, failed)
        elif tool_files is not None:
            data, show = _from_files(opened, setting, *tool_files, mapping or [], source_version, force)
        else:
            told = opened.tell(setting, values, source=source, source_version=source_version, force=force)
            data, show = views.told_json(study, told), partial(views.write_told, told)
    if as_json:
        print_json({"study": study, **data})
    else:
        show()


def _check(
    values: dict[str, float],
    tool_files: tuple[str, Path] | None,
    mapping: list[str] | None,
    failed: str | None,
    source: str,
) -> None:
    """Refuse what cannot be told at once."""
    if failed is not None and not failed.strip():
        raise StudyError("The failure has no reason.", "Say why: --failed 'out of memory'.")
    if failed is not None and (values or tool_files):
        raise StudyError("A training has results or it failed, not both.", "Leave out '--failed' or the results.")
    if tool_files is not None and values:
        raise StudyError(
            "Results are told by hand or from a tool's files, not both at once.",
            f"Tell {', '.join(values)} with a command of its own.",
        )
    if tool_files is not None and source:
        raise StudyError(f"'--from' says already that {tool_files[0]} measured it.", "Leave out '--source'.")
    if mapping and tool_files is None:
        raise StudyError("'--map' says what a tool's files mean, and none is given.", "Add '--from TOOL PATH'.")


def _failure(opened: Study, setting: str, reason: str) -> Answer:
    from visionlaw.cli import policy_views as views

    trial = opened.fail(setting, reason)
    sentence = f"{trial.representation}: failed ({reason}). It will not be asked for again."
    return views.trial_json(trial), partial(write, sentence)


def _from_files(
    opened: Study, setting: str, tool: str, path: Path, mapping: list[str], stated: str, force: bool
) -> Answer:
    from visionlaw.cli import policy_views as views
    from visionlaw.policy.results import match_results, read_mapping, read_results
    from visionlaw.policy.tools import stated_version

    wanted = read_mapping(mapping)
    matched = match_results(read_results(tool, path), opened.settings.benchmarks, wanted, partial=force)
    versions = {b: stated_version(stated, match.version, tool) for b, match in matched.matches.items()}
    told = opened.tell(setting, matched.values, source=tool, source_version=versions, force=force)

    def show() -> None:
        views.write_told(told)
        for benchmark, match in matched.matches.items():
            factor = f" × {match.factor:g}" if match.factor != 1 else ""
            version = versions[benchmark] or "of unknown version"
            note(f"{benchmark} is {match.metric}{factor} of {match.task}, by {tool} {version}: '{match.file}'.")
        for sentence in matched.notes:
            note(sentence)

    origins = {
        benchmark: {**asdict(match), "file": str(match.file), "version": versions[benchmark]}
        for benchmark, match in matched.matches.items()
    }
    data = views.told_json(opened.settings.name, told)
    return {**data, "source": tool, "from": origins, "notes": matched.notes}, show


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
